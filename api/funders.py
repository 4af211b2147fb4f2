"""For funders: programs with their designations, and what each program chose to share of its report (S2-10).

Only for schemes whose policy offers the view. What a program shares with funders is for visitors known as funders,
what it shares with the public for everybody, but without levels: ratings are never public. A share is over after its
last day.
"""

from typing import Any

from fastapi import APIRouter, Request
from msgspec import to_builtins

from api.asked import AsOf, AtLeast, Cursor, Limit
from api.identity import Asking
from api.partners import Kept, Shown, Word
from api.problems import Problem, responses
from domain.instrument.model import Instrument
from domain.policy.model import Policy
from infra.reading import PartnerFilter
from projections.directory import Partner
from projections.held import day_in
from projections.public import public_span
from projections.shared import SharedReport, shared

routes = APIRouter(tags=["directory"])
VIEW = "funder"
"""What a policy calls the view."""


@routes.get(
    "/funders/programs",
    operation_id="funders-programs",
    summary="Programs for funders.",
    responses=responses(403, 404, 422, 503),
)
def programs(
    request: Request,
    asking: Asking,
    scheme: Word = None,
    affiliate: Word = None,
    status: Kept = "active",
    place: Word = None,
    q: Word = None,
    as_of: AsOf = None,
    at_least: AtLeast = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Designations are told for the day asked about; what is shared, only while it is shared today and on that day."""
    shown = Shown(request, as_of, None, at_least)
    code, policy = _viewed(shown, scheme)
    chosen = PartnerFilter(scheme=code, affiliate=affiliate, status=status, place=place, q=q)
    reading = shown.service.reading
    page = reading.partners(chosen, now=shown.now, as_of=as_of, cursor=cursor, limit=limit)
    audiences = {"public", "funders"} if asking.funder else {"public"}
    day = max(day_in(shown.now)(policy.timezone), shown.day(policy.timezone))
    states = reading.states([row.program_id for row in page.rows])
    told: list[dict[str, Any]] = []
    for row in page.rows:
        state = states.get(row.program_id)
        reports = shared(state, code, audiences, day, shown.shelf.instrument) if state else ()
        told.append(
            {**_designated(shown, row, code), "shared": [_report(shown, one, asking.funder) for one in reports]}
        )
    return {"scheme": code, "as_of": as_of.isoformat() if as_of else None, "programs": told, "next": page.next}


def _viewed(shown: Shown, asked: str | None) -> tuple[str, Policy]:
    """The scheme asked about, or the only one there is, with its policy; it has to offer the view."""
    offered: dict[str, Policy] = {}
    for one in shown.shelf.schemes():
        home = shown.shelf.affiliate(one.affiliate)
        ref = one.in_force(day_in(shown.now)(home.timezone)) if home else None
        policy = shown.shelf.policy(ref) if ref else None
        if policy and VIEW in policy.views:
            offered[one.code] = policy
    codes = ", ".join(sorted(offered)) or "none"
    code = asked or (next(iter(offered)) if len(offered) == 1 else None)
    if code is None:
        raise Problem("INVALID_PARAMETER", f"Name the scheme; with a view for funders there are: {codes}.")
    if code not in offered:
        raise Problem("NOT_FOUND", f"{code} has no view for funders; those that have one: {codes}.")
    return code, offered[code]


def _designated(shown: Shown, row: Partner, scheme: str) -> dict[str, Any]:
    """A program with what it holds and held under the scheme, in the words of the directory."""
    told = shown.partner(row)
    names = ("program_id", "name", "affiliate", "affiliate_name", "place", "website", "ages", "models", "ein")
    return {
        **{name: told[name] for name in names},
        "statuses": [one for one in told["statuses"] if one["scheme"] == scheme],
        "history": [to_builtins(public_span(span)) for span in row.spans(scheme)],
    }


def _report(shown: Shown, one: SharedReport, levels: bool) -> dict[str, Any]:
    """A shared report; how well a practice is carried out is told only with ``levels``."""
    instrument = shown.shelf.instrument(one.instrument)
    goals: list[dict[str, Any]] = []
    for goal in one.goals:
        told = {"practices": _worded(instrument, goal.item_ids), "due_on": goal.due_on.isoformat()}
        goals.append({**told, **({"baseline": goal.baseline, "target": goal.target} if levels else {})})
    return {
        "instrument": one.instrument.family,
        "version": one.instrument.version,
        "shared_through": one.through.isoformat() if one.through else None,
        "strengths": _worded(instrument, one.strengths),
        "improvement_areas": _worded(instrument, one.improvement_areas),
        "open_goals": goals,
    }


def _worded(instrument: Instrument | None, item_ids: tuple[str, ...]) -> list[dict[str, str]]:
    items = ((i, instrument.item(i) if instrument else None) for i in item_ids)
    return [{"item_id": i, "wording": item.wording if item else ""} for i, item in items]
