"""The stream without Kafka: the same events page by page, as a CloudEvents batch, or as they come (server-sent events);
and the contract that both have."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from api.disclosure import oversees
from api.identity import Asking
from api.problems import Problem, responses
from consumers import contract
from infra.cloud_events import BATCH, json_event
from infra.records import StoredFact
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
PROBLEMS = responses(401, 403, 422, 503)
_SSE_BATCH = 200


@routes.get("/events", operation_id="events", summary="The stream of events.", responses=PROBLEMS)
async def events(
    request: Request,
    asking: Asking,
    after: Annotated[int | None, Query(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> Any:
    """Events after a position, in order, as a relay carries them. For the operator and the national body.

    Accept ``application/cloudevents-batch+json`` for CloudEvents, ``text/event-stream`` for events as they come. The id
    of each is its position: whoever comes back with Last-Event-ID goes on after it.
    """
    service: Service = request.app.state.service
    if not await run_in_threadpool(oversees, service, asking):
        raise Problem(
            "NOT_DISCLOSED", f"The stream is for the operator and the national body, not for {asking.acting}."
        )
    begin = last_event_id if after is None else after
    if SSE in accept:
        return StreamingResponse(_follow(request, begin), media_type=SSE, headers={"X-Accel-Buffering": "no"})
    facts = await run_in_threadpool(service.ledger.recorder.read, begin, limit)
    reached = facts[-1].position if facts else begin
    if BATCH in accept:
        link = f'<{request.url.path}?after={reached}&limit={limit}>; rel="next"'
        content = msgspec.json.encode([json_event(fact) for fact in facts])
        return Response(content, media_type=BATCH, headers={"Link": link})
    return {"events": [told(fact) for fact in facts], "next_after": reached}


async def _follow(request: Request, after: int) -> AsyncIterator[bytes]:
    """Everything after a position, as it comes, for a while."""
    service: Service = request.app.state.service
    begun = said = time.monotonic()
    yield b"retry: 1000\n\n"
    while time.monotonic() - begun < LONGEST and not await request.is_disconnected():
        facts = await run_in_threadpool(service.ledger.recorder.read, after, _SSE_BATCH)
        for fact in facts:
            content = msgspec.json.encode(json_event(fact))
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (fact.position, fact.type.encode(), content)
            after = fact.position
        if facts:
            said = time.monotonic()
        elif time.monotonic() - said > SILENCE:
            said = time.monotonic()
            yield b": nothing new\n\n"
        if len(facts) < _SSE_BATCH:
            await asyncio.sleep(LOOK)


def told(fact: StoredFact) -> dict[str, Any]:
    """One event as the stream carries it: opaque ids, digests, references to words, never words."""
    day: date | None = fact.occurred_on
    return {
        "position": fact.position,
        "stream": fact.stream,
        "version": fact.version,
        "type": fact.type,
        "recorded_at": fact.recorded_at.isoformat(),
        "occurred_on": day.isoformat() if day else None,
        "provenance": fact.provenance,
        "actor": {"person": fact.actor_person, "role": fact.actor_role, "org": fact.actor_org},
        "command_id": str(fact.command_id),
        "commitment": fact.commitment.hex(),
        "data": msgspec.json.decode(fact.state),
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
