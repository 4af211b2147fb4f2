"""The stream without Kafka: the same events page by page, as a CloudEvents batch, or as they come (server-sent events);
and the contract that both have."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from api.disclosure import administers, oversees, staff_list
from api.identity import Asking, Visitor
from api.partners import Word
from api.problems import Problem, responses
from consumers import contract
from consumers.outgoing import Outgoing
from consumers.scope import Scope, Told, of_affiliate, teller, whole
from infra.cloud_events import BATCH
from infra.topics import Topics
from infra.wiring import Service

routes = APIRouter(tags=["stream"])
documents = APIRouter(tags=["stream"])
"""What lies beside the interface, not below it."""
SSE = "text/event-stream"
LOOK = 0.25  # seconds between looks for more
SILENCE = 15.0  # seconds after which a comment says that the connection is alive
LONGEST = 300.0
"""Seconds after which a stream ends; the reader comes back with the last id it saw, and is asked again who it is."""
LOOKING = 1.0
"""Seconds for which a page is looked for, among events that are others'."""
PROBLEMS = responses(401, 403, 404, 422, 503)
_SSE_BATCH = 200


@dataclass(frozen=True)
class Step:
    """What is told because of one event of the ledger, after which a reader goes on: nothing, one thing, or many."""

    position: int
    told: tuple[Told, ...]


@routes.get("/events", operation_id="events", summary="The stream of events.", responses=PROBLEMS)
async def events(
    request: Request,
    asking: Asking,
    after: Annotated[int | None, Query(ge=0)] = None,
    affiliate: Word = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> Any:
    """Events after a position, in order, as a relay carries them. The operator and the national body read every event, or
    what an affiliate reads; the staff of an affiliate what its topics hold: its events and those of its programs, drafts
    without their content, what is published for all, and complaints about its programs if they administer it.

    Accept ``application/cloudevents-batch+json`` for CloudEvents, ``text/event-stream`` for events as they come. Go on
    with ``next_after``, or with Last-Event-ID: a page may have few events, or none, though there are more.
    """
    service: Service = request.app.state.service
    scope = await run_in_threadpool(_scope, service, asking, affiliate)
    begin = last_event_id if after is None else after
    if SSE in accept:
        return StreamingResponse(_follow(request, begin, scope), media_type=SSE, headers={"X-Accel-Buffering": "no"})
    steps = await run_in_threadpool(_page, service, begin, limit, scope)
    reached = steps[-1].position if steps else begin
    told = [one for step in steps for one in step.told]
    if BATCH in accept:
        named = f"&affiliate={affiliate}" if affiliate else ""
        link = f'<{request.url.path}?after={reached}&limit={limit}{named}>; rel="next"'
        content = msgspec.json.encode([one.json() for one in told])
        return Response(content, media_type=BATCH, headers={"Link": link})
    return {"events": [_plain(one) for one in told], "next_after": reached}


def _scope(service: Service, asking: Visitor, named: str | None) -> Scope | None:
    """What the visitor may read; None is everything. Problem NOT_DISCLOSED for whoever has no part in it."""
    person = asking.acting
    if oversees(service, asking) and named is None:
        return None
    if (mine := staff_list(service, asking, named, "Events")) is None or not service.ledger.shelf().affiliate(mine):
        raise Problem("NOT_FOUND", f"There is no affiliate {mine}.")
    return of_affiliate(mine, complaints=oversees(service, asking) or mine in administers(service, person))


def _page(service: Service, after: int, limit: int, scope: Scope | None) -> list[Step]:
    """The next steps: of so many events of the ledger at the most, and for a scope until so much is told or time is up."""
    if scope is None:
        return [Step(fact.position, (whole(fact),)) for fact in service.ledger.recorder.read(after, limit)]
    return told_of(service, teller(service.ledger), after, limit, scope)


def told_of(service: Service, outgoing: Outgoing, after: int, limit: int, scope: Scope) -> list[Step]:
    """The next steps of a scope. Those that tell nothing are left out, but for the last."""
    until, found, told, reached = time.monotonic() + LOOKING, list[Step](), 0, after
    while told < limit and time.monotonic() < until:
        facts = service.ledger.recorder.read(reached, _SSE_BATCH)
        for fact in facts:
            step = Step(fact.position, tuple(scope.of(outgoing, fact)))
            reached, told = step.position, told + len(step.told)
            found += [step] if step.told else []
            if told >= limit or time.monotonic() >= until:
                break
        if len(facts) < _SSE_BATCH:
            break
    passed_over = reached > (found[-1].position if found else after)
    return [*found, Step(reached, ())] if passed_over else found


async def _follow(request: Request, after: int, scope: Scope | None) -> AsyncIterator[bytes]:
    """Everything after a position, as it comes, for a while."""
    service: Service = request.app.state.service
    outgoing = teller(service.ledger) if scope else None
    begun = said = time.monotonic()
    yield b"retry: 1000\n\n"
    while time.monotonic() - begun < LONGEST and not await request.is_disconnected():
        if scope is None or outgoing is None:
            steps = await run_in_threadpool(_page, service, after, _SSE_BATCH, None)
        else:
            steps = await run_in_threadpool(told_of, service, outgoing, after, _SSE_BATCH, scope)
        for step in steps:
            yield lines(step)
            after = step.position
        if steps:
            said = time.monotonic()
        elif time.monotonic() - said > SILENCE:
            said = time.monotonic()
            yield b": nothing new\n\n"
        if not steps:
            await asyncio.sleep(LOOK)


def lines(step: Step) -> bytes:
    """A step in the stream. The id comes with the last of what is told, so that whoever is cut off before gets it again."""
    found = [b"event: %s\ndata: %s\n\n" % (one.type.encode(), msgspec.json.encode(one.json())) for one in step.told]
    last = found.pop() if found else b"\n"
    return b"".join([*found, b"id: %d\n" % step.position, last])


def _plain(one: Told) -> dict[str, Any]:
    """One event as the stream carries it: opaque ids, digests, references to words, never words."""
    told = one.attributes
    withheld = {"withheld": told["withheld"]} if "withheld" in told else {}
    return {
        "position": int(told["position"]),
        "stream": told["subject"],
        "version": int(told["streamversion"]),
        "type": told["type"],
        "recorded_at": datetime.fromisoformat(told["time"]).isoformat(),
        "occurred_on": told.get("occurredon"),
        "provenance": told["provenance"],
        "actor": {"person": told["actorperson"], "role": told["actorrole"], "org": told["actororg"]},
        "command_id": told["commandid"],
        "commitment": told["commitment"],
        **withheld,
        "data": msgspec.json.decode(one.data),
    }


@documents.get("/asyncapi.json", operation_id="asyncapi", summary="The contract of every topic (AsyncAPI 3.0).")
def asyncapi(request: Request) -> dict[str, Any]:
    """Made from the code that writes the messages."""
    settings = request.app.state.service.settings
    return contract.asyncapi(Topics(settings.kafka_prefix), request.app.version)


@documents.get(
    "/schemas/events/{type}.json",
    operation_id="event-schema",
    summary="The JSON Schema of a type of event.",
    responses=responses(404),
)
def event_schema(type: str) -> dict[str, Any]:  # noqa: A002  the name in the address
    """As it was published, for ever."""
    return _schema(contract.event_schemas(), type)


@documents.get(
    "/schemas/{row}.json",
    operation_id="row-schema",
    summary="The JSON Schema of a public row.",
    responses=responses(404),
)
def row_schema(row: str) -> dict[str, Any]:
    """Fields may be added to it, never taken away."""
    return _schema(contract.row_schemas(), row)


def _schema(known: contract.Schemas, name: str) -> dict[str, Any]:
    if name not in known:
        raise Problem("NOT_FOUND", f"There is no schema of {name}.")
    return known[name]
