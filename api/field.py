"""The field in figures: what reviews found of every practice, told only for programs together (S2-08)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.asked import AtLeast, waited
from api.problems import Problem, responses
from domain.instrument.model import ALL_COUNTING, Instrument
from domain.values import InstrumentRef
from infra.shelf import LedgerShelf
from infra.wiring import Service
from projections.field import FEWEST, Cohort, Period, Told, cohorts, years_over

routes = APIRouter(tags=["directory"])
KEPT = 3600
"""Seconds for which an answer may be kept; what is told of a year that is over does not change."""
Year = Annotated[int | None, Query(ge=1900, le=9999)]


@routes.get(
    "/statistics/field",
    operation_id="field",
    summary="What reviews found of every practice, over the years.",
    responses=responses(404, 422, 503),
)
def field(
    request: Request,
    response: Response,
    scheme: Annotated[str, Query(min_length=1, max_length=80)],
    first: Annotated[Year, Query(alias="from")] = None,
    last: Annotated[Year, Query(alias="to")] = None,
    at_least: AtLeast = None,
) -> dict[str, Any]:
    """One scheme's results, each program counted by its last decision in the years.

    A year is told once it is over, and years are put together until five programs were decided in them. So there is
    nothing to be asked about as it was known before.
    """
    service: Service = request.app.state.service
    waited(service, at_least)
    told = figures(service, scheme, first, last)
    response.headers["Cache-Control"] = f"public, max-age={KEPT}"
    return told


def figures(service: Service, scheme: str, first: int | None = None, last: int | None = None) -> dict[str, Any]:
    """The figures of a scheme, for the years put together that lie between two. Problem 404 for an unknown scheme."""
    shelf = service.ledger.shelf()
    if shelf.scheme(scheme) is None:
        known = ", ".join(sorted(s.code for s in shelf.schemes()))
        raise Problem("NOT_FOUND", f"There is no scheme {scheme}; there are {known}.")
    through = years_over(service.ledger.now())
    found = cohorts(service.reading.decided(scheme, through), through, _Counting(shelf))
    return {
        "scheme": scheme,
        "through": through,
        "fewest": FEWEST,
        "instruments": [_cohort(shelf, one, first, last) for one in found],
    }


class _Counting:
    """Which practices of an instrument count, looked up once."""

    def __init__(self, shelf: LedgerShelf) -> None:
        self._shelf, self._known = shelf, dict[InstrumentRef, frozenset[str]]()

    def __call__(self, ref: InstrumentRef) -> frozenset[str]:
        if ref not in self._known:
            instrument = self._shelf.instrument(ref)
            items = instrument.counting(ALL_COUNTING) if instrument else ()
            self._known[ref] = frozenset(i.id for i in items)
        return self._known[ref]


def _cohort(shelf: LedgerShelf, one: Cohort, first: int | None, last: int | None) -> dict[str, Any]:
    instrument = shelf.instrument(one.instrument)
    lying = [p for p in one.periods if (first is None or first <= p.first) and (last is None or p.last <= last)]
    return {
        "instrument": one.instrument.family,
        "version": one.instrument.version,
        "sha256": one.instrument.sha256,
        "periods": [_period(instrument, p) for p in lying],
    }


def _period(instrument: Instrument | None, p: Period) -> dict[str, Any]:
    years = {"from": p.first, "to": p.last, "suppressed": p.told is None}
    return {**years, **(_results(instrument, p.told) if p.told else {})}


def _results(instrument: Instrument | None, told: Told) -> dict[str, Any]:
    asked = instrument.items if instrument else ()
    again = told.again
    return {
        "programs": told.programs,
        "share_in_place": told.share_in_place,
        "mean_level": told.mean_level,
        "again": {name: getattr(again, name) for name in again.__struct_fields__} if again else None,
        "practices": [
            {"item_id": i.id, "wording": i.wording, "results": told.items[i.id]} for i in asked if i.id in told.items
        ],
    }
