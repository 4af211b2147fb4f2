"""Complaints: whoever handles one, and nobody else, reads it and what is known of who complained (M19)."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.asked import AtLeast, Cursor, Limit, waited
from api.commands import Subject
from api.disclosure import Disclosure, administers, held_parts
from api.identity import Asking, Visitor
from api.partners import Word
from api.plain import plain
from api.problems import Problem, responses
from domain import NOBODY
from domain.complaint import Complaint, ComplaintReceived
from domain.language import ROLE_WORDS, Role
from infra.mapper import Recorded
from infra.matters import Handler
from infra.wiring import Service
from projections.complaints import Complained

routes = APIRouter(tags=["complaints"])
HANDLERS = frozenset({Role.AFFILIATE_ADMIN, Role.NATIONAL})


def _handler(service: Service, asking: Visitor) -> Handler:
    """What the visitor handles. Problem NOT_DISCLOSED for whoever handles no complaints at all."""
    person = asking.acting
    national = Role.NATIONAL in held_parts(service, None, asking)
    works_for = [a.affiliate_id for a in service.ledger.shelf().affiliates() if person in a.staff]
    handler = Handler(administers(service, person), national, works_for)
    if not (handler.administers or national):
        raise Problem("NOT_DISCLOSED", f"Complaints are for those who handle them, not for {person}.")
    return handler


def listed(row: Complained, names: Mapping[str, str]) -> dict[str, Any]:
    """A complaint in a list: what it is about, not what it says, and nothing of who complained."""
    told: dict[str, Any] = plain(row)
    kept = {name: value for name, value in told.items() if name not in ("narrative", "identity", "position")}
    return {**kept, "program_name": names.get(row.program_id or "")}


def _names(service: Service, program_ids: Iterable[str | None]) -> dict[str, str]:
    """What the programs are called, by id."""
    states = service.reading.states([one for one in dict.fromkeys(program_ids) if one])
    return {program_id: state.listing.display_name for program_id, state in states.items()}


@routes.get(
    "/complaints",
    operation_id="complaints",
    summary="Complaints, the latest first.",
    responses=responses(401, 403, 422, 503),
)
def complaints(
    request: Request,
    asking: Asking,
    affiliate: Word = None,
    state: Annotated[str | None, Query(pattern="^(received|admitted|dismissed|closed)$")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """Those that the visitor handles: about programs, for the administrators in charge; about affiliates, for the
    national body, and never for the staff of that affiliate."""
    service: Service = request.app.state.service
    handler = _handler(service, asking)
    waited(service, at_least)
    page = service.matters.complaints(handler, affiliate=affiliate, state=state, cursor=cursor, limit=limit)
    names = _names(service, (row.program_id for row in page.rows))
    return {"complaints": [listed(row, names) for row in page.rows], "next": page.next}


def _who(one: Recorded) -> str:
    """Who acted, as a sentence begins; nobody in particular where that is kept out of the record."""
    part = ROLE_WORDS[Role(one.actor_role)]
    return part if one.actor_person == NOBODY.person else f"{one.actor_person} ({part})"


@routes.get(
    "/complaints/{id}",
    operation_id="complaint",
    summary="One complaint with its words, for whoever handles it.",
    responses=responses(401, 404, 503),
)
def complaint(
    request: Request,
    response: Response,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
) -> dict[str, Any]:
    """What was said, what is known of who complained, and what was done. For others there is nothing here (M19)."""
    service: Service = request.app.state.service
    person = asking.acting
    state: Complaint = service.ledger.load("complaint", id)
    if not state.version or not held_parts(service, state, asking) & HANDLERS:
        raise Problem("NOT_FOUND", f"There is no complaint {id} that {person} handles.")
    history = service.ledger.history("complaint", id)
    told = [f"{_who(one)} {one.event.sentence()}" for one in history]
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["ETag"] = f'"{state.version}"'
    lines = [{"version": one.version, "recorded_at": plain(one.recorded_at)} for one in history]
    said = Disclosure(service.vault).told(told)
    received = next(one.event for one in history if isinstance(one.event, ComplaintReceived))
    about = {"concern": received.concern, "from_letter": received.recorded_by is not None}
    name = _names(service, [state.program_id]).get(state.program_id or "")
    told_of = [{**line, "says": s} for line, s in zip(lines, said, strict=True)]
    return {**plain(state), **about, "program_name": name, "history": told_of}
