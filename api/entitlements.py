"""What a program is entitled to on a day, and why; and what its affiliate offers to all: workshops, benefits now open."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response

from api.appeals import today_of
from api.asked import AsKnown, AsOf, known_position
from api.commands import Subject
from api.identity import Asking
from api.partners import FRESH
from api.plain import plain
from api.problems import Problem, responses
from api.queries import read_program
from domain.affiliate import Affiliate, in_charge
from domain.entitlement import Entitlement, entitlements_on
from domain.offers import catalogue
from domain.policy.evaluate import basis_words
from domain.program import Program
from domain.publishing import Scheme
from infra.shelf import LedgerShelf
from infra.wiring import Service
from projections.held import midnight

routes = APIRouter()
DAY = timedelta(days=1)


def entitled_to(program: Program, shelf: LedgerShelf, day: date) -> dict[str, Any]:
    """What a program has under each of its schemes on a day, what that rests on, and the workshops to come."""
    home = in_charge(shelf, program.listing.affiliate, day)
    held = [h.scheme for h in program.holdings]
    mine = [s for s in shelf.schemes() if s.affiliate == program.listing.affiliate or s.code in held]
    return {
        "program_id": program.program_id,
        "as_of": day.isoformat(),
        "schemes": [_scheme(program, scheme, shelf, day) for scheme in sorted(mine, key=lambda s: s.code)],
        "letters": {letter_id: plain(letter) for letter_id, letter in program.letters.items()},
        "workshops": workshops_of(home, day),
    }


def _scheme(program: Program, scheme: Scheme, shelf: LedgerShelf, day: date) -> dict[str, Any]:
    told = [_benefit(one) for one in entitlements_on(program, scheme, day, shelf)]
    return {"scheme": scheme.code, "title": scheme.title, "benefits": told}


def _benefit(one: Entitlement) -> dict[str, Any]:
    return {**plain(one), "basis": basis_words(one.basis), "why": why(one)}


def why(one: Entitlement) -> str:
    """What an entitlement rests on, in a sentence."""
    if one.label is None:
        return "It is open to every program."
    by = f"by decision {one.decision_id}" if one.decision_id else "as attested by its source"
    return f"It comes with {one.label}, held on this day {by}."


def workshops_of(affiliate: Affiliate, day: date) -> list[dict[str, Any]]:
    """The catalogue from a day on, the next one first."""
    names = ("title", "form", "on", "takes_voucher", "for_whom")
    to_come = catalogue(affiliate, day)
    return [{"workshop_id": i, **{name: plain(getattr(w, name)) for name in names}} for i, w in to_come.items()]


@routes.get(
    "/programs/{id}/entitlements",
    operation_id="entitlements",
    tags=["programs"],
    summary="What the program is entitled to on a day, and why.",
    responses=responses(401, 403, 404, 422, 503),
)
def entitlements(
    request: Request,
    response: Response,
    id: Subject,  # noqa: A002  the name in the address
    asking: Asking,
    as_of: AsOf = None,
    as_known: AsKnown = None,
) -> dict[str, Any]:
    """Every benefit with the tier and decision it rests on, vouchers issued and left, and the workshops to come."""
    service: Service = request.app.state.service
    program, _ = read_program(request, id, asking, known_position(service, as_known))
    response.headers["Cache-Control"] = "private, no-cache"
    return entitled_to(program, service.ledger.shelf(), as_of or today_of(service, program))


@routes.get(
    "/affiliates/{id}/workshops",
    operation_id="workshops",
    tags=["published"],
    summary="An affiliate's catalogue of workshops, and which benefits are open now.",
    responses=responses(404, 422),
)
def workshops(
    request: Request,
    response: Response,
    id: Subject,  # noqa: A002  the name in the address
    as_of: AsOf = None,
) -> dict[str, Any]:
    """Workshops, trainings and webinars still to come; benefits that are there only when available."""
    service: Service = request.app.state.service
    shelf = service.ledger.shelf()
    affiliate: Affiliate | None = shelf.affiliate(id)
    if affiliate is None:
        raise Problem("NOT_FOUND", f"There is no affiliate {id}.")
    now = service.ledger.now()
    today = now.astimezone(ZoneInfo(affiliate.timezone)).date()
    day, left = as_of or today, int((midnight(today + DAY, affiliate.timezone) - now).total_seconds())
    response.headers["Cache-Control"] = f"public, max-age={min(FRESH, left)}"
    return {
        "affiliate": affiliate.affiliate_id,
        "as_of": day.isoformat(),
        "workshops": workshops_of(affiliate, day),
        "open": _open(affiliate, day),
    }


def _open(affiliate: Affiliate, day: date) -> list[dict[str, Any]]:
    """The benefits that are open on a day, with their last day where it is known."""
    running = [(key.partition("/"), o) for key, some in affiliate.availability.items() for o in some if o.covers(day)]
    return [
        {"scheme": scheme, "code": code, "since": plain(o.since), "through": plain(o.last)}
        for (scheme, _, code), o in running
    ]
