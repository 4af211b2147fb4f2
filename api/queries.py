"""Reads about programs, for those entitled: the workspace, the history, decisions and their why, lists, the stream."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from api import explain_text, forms
from api.asked import AsKnown, AsOf, AtLeast, Cursor, Limit, known_position, waited
from api.commands import Subject
from api.disclosure import Disclosure, entitled, let_in, listed_for, oversees, staff_list
from api.explain import explain
from api.identity import Asking, Visitor
from api.partners import Word
from api.plain import plain
from api.problems import Problem, responses
from api.proof import Explanation
from api.workspace import workspace
from domain.language import ROLE_WORDS, Role
from domain.program import Program
from infra.mapper import Recorded
from infra.reading import Page
from infra.wiring import Service
from projections.decisions import Listed
from projections.workspace import Workspace

routes = APIRouter(tags=["programs"])
STAFF = frozenset({Role.AFFILIATE_ADMIN, Role.REVIEWER, Role.DECIDER})
PROBLEMS = responses(401, 403, 404, 422, 503)
_PAGES = 50


def read_program(
    request: Request, program_id: str, asking: Visitor, upto: int | None
) -> tuple[Program, list[Recorded]]:
    """A program's state and history as known at a position. Problem 404 for an unknown one, 403 for who has no part."""
    service: Service = request.app.state.service
    now: Program = service.ledger.load("program", program_id)
    if not now.version:
        raise Problem("NOT_FOUND", f"There is no program {program_id}.")
    let_in(service, now, asking)
    history = service.ledger.history("program", program_id, upto_position=upto)
    if not history:
        raise Problem("NOT_FOUND", f"Program {program_id} was not known yet.")
    return (now if upto is None else service.ledger.load("program", program_id, upto_position=upto)), history


@routes.get("/programs/{id}", operation_id="program", summary="The workspace of a program.", responses=PROBLEMS)
def one_program(
    request: Request,
    response: Response,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
    as_of: AsOf = None,
    as_known: AsKnown = None,
) -> dict[str, Any]:
    """Where it stands, section by section, all that is missing, and whose turn it is."""
    service: Service = request.app.state.service
    upto = known_position(service, as_known)
    program, history = read_program(request, id, asking, upto)
    response.headers["ETag"] = f'"{program.version}"'
    response.headers["Cache-Control"] = "private, no-cache"
    told = workspace(service.ledger, program, history, as_of)
    people = Disclosure(service.vault).names({*told["people"], *_persons(told)})
    return {**told, "names": people}


def _persons(told: dict[str, Any]) -> set[str]:
    cycles = told["cycles"]
    named = {c[part] for c in cycles for part in ("reviewer", "decider") if c[part]}
    return named | {person for c in cycles for person in c["declarations"]}


@routes.get(
    "/programs/{id}/history", operation_id="history", summary="The audit trail of a program.", responses=PROBLEMS
)
def history_of(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    as_of: AsOf = None,
    as_known: AsKnown = None,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """One sentence for every event, with names and words where they were not erased."""
    service: Service = request.app.state.service
    upto = known_position(service, as_known)
    program, _ = read_program(request, id, asking, None)
    waited(service, at_least)
    affiliate = service.ledger.shelf().affiliate(program.listing.affiliate)
    zone = ZoneInfo(affiliate.timezone if affiliate else "UTC")
    page = service.reading.trail(f"program:{id}", after=after, limit=limit, as_known=upto)
    lines = [r for r in page.rows if as_of is None or (r.occurred_on or r.recorded_at.astimezone(zone).date()) <= as_of]
    told = Disclosure(service.vault).told(
        [f"{r.actor_person} ({part_in_words(r.actor_role)}) {r.sentence}" for r in lines]
    )
    return {"lines": [{**_line(r), "says": said} for r, said in zip(lines, told, strict=True)], "next": page.next}


def part_in_words(role: str) -> str:
    """A part as people say it."""
    return ROLE_WORDS[Role(role)] if role in set(Role) else role


def _line(row: Any) -> dict[str, Any]:
    names = (
        "position",
        "version",
        "type",
        "recorded_at",
        "occurred_on",
        "provenance",
        "actor_person",
        "actor_role",
        "actor_org",
    )
    return {name: plain(getattr(row, name)) for name in names}


@routes.get(
    "/programs/{id}/decisions", operation_id="decisions-of", summary="A program's decisions.", responses=PROBLEMS
)
def decisions_of(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
    as_of: AsOf = None,
    as_known: AsKnown = None,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """Every decision about the program, the latest first."""
    service: Service = request.app.state.service
    upto = known_position(service, as_known)
    read_program(request, id, asking, None)
    waited(service, at_least)
    page = service.reading.decisions(program_id=id, as_known=upto, limit=200)
    rows = [row for row in page.rows if as_of is None or row.dossier.decided_on <= as_of]
    return {"decisions": [decision(row) for row in rows]}


def decision(row: Listed) -> dict[str, Any]:
    """A decision in a list: what was decided, not yet why."""
    d = row.dossier
    names = (
        "decision_id",
        "program_id",
        "cycle_id",
        "scheme",
        "outcome",
        "kind",
        "label",
        "decided_on",
        "effective_on",
    )
    told = {name: plain(getattr(d, name)) for name in names}
    more = {
        "tier": f"{d.scheme}/{d.tier}",
        "missing": list(d.missing),
        "decider": d.decider,
        "version": d.decision_version,
    }
    return {**told, **more, "program_name": row.program_name, "affiliate": row.affiliate}


@routes.get("/decisions", operation_id="decisions", summary="Decisions, the latest first.", responses=PROBLEMS)
def decisions(
    request: Request,
    asking: Asking,
    affiliate: Word = None,
    year: Annotated[int | None, Query(ge=1900, le=9999)] = None,
    q: Word = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """By affiliate, year and name; for the affiliate's staff."""
    service: Service = request.app.state.service
    mine = staff_list(service, asking, affiliate, "Decisions")
    waited(service, at_least)
    page = service.reading.decisions(affiliate=mine, year=year, q=q, cursor=cursor, limit=limit)
    return {"decisions": [decision(row) for row in page.rows], "next": page.next}


def _explained(request: Request, program_id: str, asking: Visitor, text: bool, full: bool, **question: Any) -> Any:
    service: Service = request.app.state.service
    read_program(request, program_id, asking, None)
    found = explain(service.ledger, program_id, **question)
    told = Disclosure(service.vault).reveal(plain(found))
    return PlainTextResponse(explain_text.text(msgspec.convert(told, Explanation), full=full)) if text else told


AsText = Annotated[bool, Query(alias="text", description="As plain text, the sentence to rely on first.")]
Full = Annotated[bool, Query(description="In the text form: the whole proof, also where something is missing.")]


@routes.get("/programs/{id}/explanation", operation_id="explanation", summary="Why, or why not.", responses=PROBLEMS)
def explanation(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
    tier: Word = None,
    as_of: AsOf = None,
    as_known: AsKnown = None,
    text: AsText = False,
    full: Full = False,
) -> Any:
    """Why the program holds what it holds, or exactly what is missing for a tier."""
    upto = known_position(request.app.state.service, as_known)
    return _explained(request, id, asking, text, full, tier=tier, as_of=as_of, upto_position=upto)


@routes.get(
    "/decisions/{decision_id}/dossier", operation_id="dossier", summary="The why of a decision.", responses=PROBLEMS
)
def dossier(request: Request, decision_id: Subject, asking: Asking, text: AsText = False, full: Full = False) -> Any:
    """The whole proof, every leaf with its events."""
    service: Service = request.app.state.service
    found = service.reading.decision(decision_id)
    if found is None:
        raise Problem("NOT_FOUND", f"There is no decision {decision_id}.")
    return _explained(request, found.dossier.program_id, asking, text, full, decision=decision_id)


@routes.get(
    "/programs/{id}/decisions/{decision_id}/dossier", operation_id="dossier-of", summary="The same.", responses=PROBLEMS
)
def dossier_of(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    decision_id: Subject,
    asking: Asking,
    text: AsText = False,
    full: Full = False,
) -> Any:
    """The whole proof, read from the ledger itself."""
    return _explained(request, id, asking, text, full, decision=decision_id)


@routes.get(
    "/programs/{id}/forms/{kind}",
    operation_id="form",
    summary="A paper to print and sign: mou, statement.",
    response_class=PlainTextResponse,
    responses=PROBLEMS,
)
def form(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    kind: Subject,
    asking: Asking,
) -> PlainTextResponse:
    """The text with the code of what it covers, which whoever records the signature types in (M3)."""
    program, history = read_program(request, id, asking, None)
    shelf = request.app.state.service.ledger.shelf()
    return PlainTextResponse(forms.printable(kind, program, history, shelf), media_type="text/markdown; charset=utf-8")


@routes.get(
    "/programs", operation_id="programs", summary="Programs under way, the longest waiting first.", responses=PROBLEMS
)
def programs(
    request: Request,
    asking: Asking,
    affiliate: Word = None,
    waiting_on: Word = None,
    q: Word = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """Whose turn it is, since when, and by which request. Staff see their affiliate's; people of programs their own;
    those from outside who review, decide or hear an appeal the ones in which they do, as long as they do."""
    service: Service = request.app.state.service
    mine = listed_for(service, asking, affiliate)
    waited(service, at_least)
    question: dict[str, Any] = {"waiting_on": waiting_on, "q": q}
    if mine is not None or oversees(service, asking):
        page = service.reading.workspaces(affiliate=mine, cursor=cursor, limit=limit, **question)
        return {"programs": [listed(row) for row in page.rows], "next": page.next}
    own = [row for row in _all(service, question) if entitled(service, row.program, asking)]
    return {"programs": [listed(row) for row in own], "next": None}


def _all(service: Service, question: dict[str, Any]) -> list[Workspace]:
    found: list[Workspace] = []
    page: Page[Workspace] = service.reading.workspaces(limit=1000, **question)
    found += page.rows
    for _ in range(_PAGES):
        if page.next is None:
            break
        page = service.reading.workspaces(limit=1000, cursor=page.next, **question)
        found += page.rows
    return found


def listed(row: Workspace) -> dict[str, Any]:
    """A program in a list."""
    under_way = [
        {"cycle_id": c.cycle_id, "scheme": c.scheme, "phase": c.phase.value} for c in row.program.cycles.values()
    ]
    return {
        "program_id": row.program_id,
        "name": row.name,
        "affiliate": row.affiliate,
        "listing": row.program.listing.state,
        "waiting_on": row.waiting_on,
        "since": row.since.isoformat(),
        "next_act": row.next_act,
        "cycle_id": row.cycle_id,
        "cycles": under_way,
        "version": row.version,
    }
