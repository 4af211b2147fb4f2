"""The public directory and what goes with it: no ratings, no words, no persons; with every tier what it does not mean."""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from functools import cached_property
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.asked import AsKnown, AsOf, AtLeast, Cursor, Limit, known_position, waited
from api.bodies import JsonBody
from api.commands import Subject
from api.kept import MODEL, KeptAnswers, Rendered, next_midnight, question_of, seen
from api.problems import Problem, responses
from domain.status import StatusName
from domain.term import last_valid
from infra.reading import PartnerFilter
from infra.shelf import LedgerShelf
from infra.wiring import Service
from projections.directory import Partner
from projections.expiry import Due
from projections.held import day_in
from projections.public import instant, public_row, shown_on

routes = APIRouter(tags=["directory"])
Word = Annotated[str | None, Query(min_length=1, max_length=120)]
Kept = Annotated[StatusName | None, Query()]


class Shown:
    """One answer of the directory: what day it is, what is known, and how long it may be kept."""

    def __init__(self, request: Request, as_of: date | None, as_known: str | None, at_least: int | None) -> None:
        self.request = request
        self.service: Service = request.app.state.service
        waited(self.service, at_least)
        self.known = known_position(self.service, as_known)
        if self.known is not None:  # what was known by then can be told once it is read
            waited(self.service, min(self.known, self.service.ledger.recorder.head()[0]))
        self.as_of, self.now = as_of, self.service.ledger.now()
        self.day = day_in(self.now, as_of)
        # Before anything else is read: what is read later may be newer than the mark says, and never older.
        self.mark = self.service.projector.mark(MODEL)
        self.question = question_of(request.url.path, request.url.query)

    @cached_property
    def shelf(self) -> LedgerShelf:
        """What is published."""
        return self.service.ledger.shelf()

    @cached_property
    def zones(self) -> list[str]:
        """Every zone in which a day can matter."""
        return self.shelf.zones()

    def etag(self) -> str:
        """Covers what the rows are made from, the question, and the date in every zone that can be shown."""
        dates = [] if self.as_of else [f"{zone}={self.day(zone)}" for zone in self.zones]
        made_from = [*map(str, self.mark or ()), str(self.request.url.path), str(self.request.url.query), *dates]
        return f'"{hashlib.sha256("|".join(made_from).encode()).hexdigest()[:32]}"'

    def answered(self, etag: str, told: Any, next_change_at: datetime | None) -> Response:
        """The answer, kept for the next who asks the same; without its body for whoever has it already."""
        body = msgspec.json.encode(told)
        turns = None if self.as_of else next_midnight(self.zones, self.now)
        until = min((at for at in (turns, next_change_at) if at), default=None)
        assert self.mark
        kept = Rendered(etag, body, self.mark, next_change_at, until)
        if self.question:
            self.request.app.state.kept.put(self.question, kept)
        return self.again(kept)

    def kept(self) -> Response | None:
        """The answer that was kept, if there is one that still holds."""
        answers: KeptAnswers = self.request.app.state.kept
        kept = answers.get(self.question, self.mark, self.now) if self.question else None
        return self.again(kept) if kept else None

    def again(self, kept: Rendered) -> Response:
        """A rendered answer, without its body for whoever has it already."""
        headers = kept.headers(self.now)
        if seen(self.request.headers.get("if-none-match", ""), kept.etag):
            return Response(status_code=304, headers=headers)
        return Response(kept.body, headers=headers, media_type="application/json")

    # --- what is told ---------------------------------------------------------------------------------------------

    def partner(self, row: Partner) -> dict[str, Any]:
        """One program as the public sees it."""
        return shown_on(public_row(row, self.shelf, 0), self.now, self.as_of)


def _moment(moment: datetime | None) -> str | None:
    return instant(moment) if moment else None


@routes.get("/partners", operation_id="partners", summary="The public directory.", responses=responses(422, 503))
def partners(
    request: Request,
    affiliate: Word = None,
    scheme: Word = None,
    tier: Word = None,
    status: Kept = None,
    place: Word = None,
    q: Word = None,
    as_of: AsOf = None,
    as_known: AsKnown = None,
    at_least: AtLeast = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Any:
    """Listed programs with what they hold on the day asked about, and held before.

    Rank orders programs inside one scheme only: tiers of different affiliates are not equivalent.
    """
    shown = Shown(request, as_of, as_known, at_least)
    if kept := shown.kept():
        return kept
    etag = shown.etag()
    chosen = PartnerFilter(affiliate=affiliate, scheme=scheme, tier=tier, status=status, place=place, q=q)
    page = shown.service.reading.partners(
        chosen, now=shown.now, as_of=as_of, as_known=shown.known, cursor=cursor, limit=limit
    )
    told = {
        "partners": [shown.partner(row) for row in page.rows],
        "next": page.next,
        "next_change_at": _moment(page.next_change_at),
        "as_of": as_of.isoformat() if as_of else None,
    }
    return shown.answered(etag, told, page.next_change_at)


@routes.get("/partners/{id}", operation_id="partner", summary="One program.", responses=responses(404, 422, 503))
def partner(
    request: Request,
    id: Subject,  # noqa: A002  the name in the address
    as_of: AsOf = None,
    as_known: AsKnown = None,
    at_least: AtLeast = None,
) -> Any:
    """A program that is or was listed, with its history of dated intervals."""
    shown = Shown(request, as_of, as_known, at_least)
    if kept := shown.kept():
        return kept
    etag = shown.etag()
    row = shown.service.reading.partner(id, as_known=shown.known)
    if row is None:
        raise Problem("NOT_FOUND", f"There is no listed program {id}.")
    return shown.answered(etag, shown.partner(row), None if as_of else row.next_change_at(shown.now))


class Wanted(BaseModel):
    """Programs to look up together."""

    model_config = ConfigDict(extra="forbid")
    ids: list[str] = Field(min_length=1, max_length=200)
    as_of: date | None = None


@routes.post(
    "/partners:lookup",
    operation_id="look-up-partners",
    summary="Many programs at once.",
    responses=responses(400, 413, 422, 503),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Wanted.model_json_schema()}}}
    },
)
def look_up(request: Request, body: JsonBody, at_least: AtLeast = None) -> dict[str, Any]:
    """Found ones in the order asked for; the others by their ids."""
    wanted = Wanted.model_validate(body)
    shown = Shown(request, wanted.as_of, None, at_least)
    rows = shown.service.reading.partners_by_ids(wanted.ids)
    there = {row.program_id for row in rows}
    unknown = [one for one in dict.fromkeys(wanted.ids) if one not in there]
    return {"partners": [shown.partner(row) for row in rows], "unknown": unknown}


@routes.get(
    "/statistics/members",
    operation_id="members",
    summary="How many programs hold each tier.",
    responses=responses(422, 503),
)
def members(
    request: Request, on: AsOf = None, affiliate: Word = None, as_known: AsKnown = None, at_least: AtLeast = None
) -> dict[str, Any]:
    """Counts per tier on a day; today in each scheme's zone where none is named."""
    shown = Shown(request, on, as_known, at_least)
    counted = shown.service.reading.members_on(on, now=shown.now, affiliate=affiliate, as_known=shown.known)
    told = [
        {
            "affiliate": m.affiliate,
            "scheme": m.scheme,
            "tier": f"{m.scheme}/{m.tier}",
            "label": m.label,
            "members": m.members,
        }
        for m in counted
    ]
    return {"on": on.isoformat() if on else None, "members": told}


@routes.get("/expiries", operation_id="expiries", summary="The expiry schedule.", responses=responses(422, 503))
def expiries(
    request: Request,
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    affiliate: Word = None,
    at_least: AtLeast = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> dict[str, Any]:
    """Which tier of which program ends, falls back or is due for another look, day by day."""
    service: Service = request.app.state.service
    waited(service, at_least)
    return {"expiries": due(service.reading.expiries(first, last, affiliate=affiliate, limit=limit))}


def due(rows: Iterable[Due]) -> list[dict[str, Any]]:
    """The schedule as JSON; ends are said as the last valid day."""
    return [
        {
            "program_id": d.program_id,
            "name": d.name,
            "affiliate": d.affiliate,
            "tier": f"{d.scheme}/{d.tier}",
            "label": d.label,
            "kind": d.kind,
            "due_on": d.due_on.isoformat(),
            "through": last_valid(d.due_on).isoformat() if d.kind != "review_due" else None,
            "timezone": d.zone,
        }
        for d in rows
    ]
