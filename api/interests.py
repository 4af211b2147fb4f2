"""The conflict register of an affiliate, for its staff and the national body: what ties people to programs, and what
they declared in cycles and appeals (S0-27, M19)."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from api.asked import AsOf, AtLeast, Cursor, Limit, waited
from api.commands import Subject
from api.disclosure import Disclosure, listed_for
from api.identity import Asking
from api.partners import Word
from api.plain import plain
from api.problems import Problem, responses
from domain.affiliate import Affiliate
from infra.reading import Page
from infra.wiring import Service
from projections.worklist import Declaration

routes = APIRouter(tags=["affiliate"])


def register_of(service: Service, affiliate: Affiliate, day: date, declared: Page[Declaration]) -> dict[str, Any]:
    """The interests entered in the register, whether each runs on a day, and a page of declarations, with names."""
    entered: list[dict[str, Any]] = [
        {"interest_id": i, **plain(one), "runs": one.runs(day)}
        for i, one in sorted(affiliate.interests.items(), key=lambda known: (known[1].since, known[0]))
    ]
    declarations: list[dict[str, Any]] = [plain(row) for row in declared.rows]
    people = {one["person"] for one in (*entered, *declarations)}
    programs = {one["program_id"] for one in entered}
    return {
        "affiliate": affiliate.affiliate_id,
        "as_of": day.isoformat(),
        "interests": entered,
        "declarations": declarations,
        "next": declared.next,
        "names": Disclosure(service.vault).names(people),
        "programs": {row.program_id: row.name for one in programs if (row := service.reading.workspace(one))},
    }


def today_at(service: Service, affiliate: Affiliate) -> date:
    """The day it is where an affiliate is."""
    return service.ledger.now().astimezone(ZoneInfo(affiliate.timezone)).date()


@routes.get(
    "/affiliates/{id}/interests",
    operation_id="interests",
    summary="The affiliate's conflict register.",
    responses=responses(401, 403, 404, 422, 503),
)
def interests(
    request: Request,
    response: Response,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
    person: Word = None,
    as_of: AsOf = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """Seats, work, family and money that tie people to programs, and what was declared case by case."""
    service: Service = request.app.state.service
    affiliate: Affiliate | None = service.ledger.shelf().affiliate(id)
    listed_for(service, asking, id)
    if affiliate is None:
        raise Problem("NOT_FOUND", f"There is no affiliate {id}.")
    waited(service, at_least)
    declared = service.matters.declarations(id, person=person, cursor=cursor, limit=limit)
    response.headers["Cache-Control"] = "private, no-cache"
    told = register_of(service, affiliate, as_of or today_at(service, affiliate), declared)
    wanted = [one for one in told["interests"] if person in (None, one["person"])]
    return {**told, "interests": wanted}
