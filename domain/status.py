"""Status: which tier a program holds on a day. A function of dated facts, never of a job having run (H10)."""

from datetime import date
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace

from domain.affiliate import Affiliate
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, fact, found, refusal
from domain.program import Holding, Program
from domain.publishing import SCHEME_ELSEWHERE, SCHEME_UNKNOWN, Scheme
from domain.term import DATE_IN_FUTURE, last_valid
from domain.values import Code, OrganisationName, Text, TextRef

stage = Stage("status")

DATES_REVERSED = refusal("DATES_REVERSED", Kind.INVALID, "The status would end on {until}, not after {since}.")
ALREADY_IMPORTED = refusal("ALREADY_IMPORTED", Kind.OUT_OF_ORDER, "A {scheme} status from {since} is imported already.")
OVERLAPS_A_DECISION = refusal(
    "OVERLAPS_A_DECISION", Kind.OUT_OF_ORDER, "From {since} on the status of {scheme} rests on a decision made here."
)


class HistoricalStatusImported(Event):
    """A status that the source attests from before this ledger; never presented as derived."""

    says = "imported the earlier status {e.label} as attested by {e.source}: {e.note}"
    scheme: Code
    tier: Code
    rank: int
    label: OrganisationName
    badge: Code
    listing: Code
    zone: Code
    valid_from: date
    valid_until: date | None = None
    source: OrganisationName
    note: TextRef


class ImportHistoricalStatus(ProgramCommand):
    """Enter a status held before this ledger began, as its source attests it."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.OPERATOR)
    scheme: Code
    tier: Code
    rank: int
    label: OrganisationName
    badge: Code
    listing: Literal["highest", "priority", "listed", "none"]
    valid_from: date
    valid_until: date | None = None
    source: OrganisationName
    note: Text


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What holds under one scheme on one day."""

    status: Literal["active", "expired", "none"]
    holding: Holding | None = None
    """The tier held, or the last one held when expired."""


def _precedence(h: Holding) -> tuple[bool, date, int]:
    """Imported statuses by their days, then what was decided here in the order decided."""
    native = h.provenance == "native"
    return native, date.min if native else h.effective_on, h.version


Interval = tuple[Holding, date, date | None]
"""Who held what from when until; half-open."""


def intervals(holdings: tuple[Holding, ...], scheme: str) -> list[Interval]:
    """The tiers held one after another. A later decision ends an earlier one on the day it takes effect; a
    transitional tier held to its limit falls back to the tier held before, where the policy said so (A24)."""
    own = (h for h in holdings if h.scheme == scheme)
    mine = sorted(own, key=_precedence)
    result: list[Interval] = []
    for i, h in enumerate(mine):
        superseded = min((later.effective_on for later in mine[i + 1 :]), default=None)
        until = _first(superseded, h.expires_on, h.hold_until)
        if until is None or until > h.effective_on:
            result.append((h, h.effective_on, until))
        lower = next((b for b in reversed(mine[:i]) if b.tier == h.falls_back_to), None)
        if lower and h.hold_until and until == h.hold_until and until != superseded:
            back = _first(superseded, lower.expires_on)
            if back is None or back > h.hold_until:
                result.append((lower, h.hold_until, back))
    return sorted(result, key=lambda r: r[1])


def _first(*days: date | None) -> date | None:
    return min((d for d in days if d is not None), default=None)


def standing(holdings: tuple[Holding, ...], scheme: str, day: date) -> Standing:
    """The status of a scheme on a day: active inside an interval, expired after the last one, none before."""
    past: Holding | None = None
    for holding, since, until in intervals(holdings, scheme):
        if since <= day and (until is None or day < until):
            return Standing(status="active", holding=holding)
        if since <= day:
            past = holding
    return Standing(status="expired" if past else "none", holding=past)


def through(expires_on: date | None) -> str:
    """The end of a term as people say it: the last valid day (M22)."""
    return f"through {last_valid(expires_on)}" if expires_on else "with no end date"


@stage.decide(ImportHistoricalStatus)
def import_status(p: Program, c: ImportHistoricalStatus, ctx: Context) -> Outcomes:
    """An imported status lies before any decision made here, and is imported once."""
    affiliate: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    scheme: Scheme = found(ctx.shelf.scheme(c.scheme), SCHEME_UNKNOWN, scheme=c.scheme)
    today = ctx.today(affiliate.timezone)
    mine = [h for h in p.holdings if h.scheme == c.scheme]
    decided = [h.effective_on for h in mine if h.provenance == "native"]
    need = Need()
    own = scheme.affiliate == p.listing.affiliate
    need(own, SCHEME_ELSEWHERE, scheme=c.scheme, owner=scheme.affiliate, affiliate=p.listing.affiliate)
    reversed_dates = c.valid_until is not None and c.valid_until <= c.valid_from
    need(not reversed_dates, DATES_REVERSED, since=c.valid_from, until=c.valid_until)
    since = c.valid_from
    need(since <= today, DATE_IN_FUTURE, field="valid_from", day=since, today=today)
    known = [h.effective_on for h in mine if h.provenance == "imported"]
    need(c.valid_from not in known, ALREADY_IMPORTED, scheme=c.scheme, since=c.valid_from)
    first = min(decided, default=None)
    need(first is None or c.valid_from < first, OVERLAPS_A_DECISION, scheme=c.scheme, since=first)
    need.settle()
    return [fact(HistoricalStatusImported, c, zone=affiliate.timezone)]


@stage.evolve(HistoricalStatusImported)
def _(p: Program, e: HistoricalStatusImported, v: int) -> Program:
    holding = Holding(
        scheme=e.scheme,
        tier=e.tier,
        rank=e.rank,
        label=e.label,
        assessed=True,
        effective_on=e.valid_from,
        expires_on=e.valid_until,
        version=v,
        decision_id=None,
        provenance="imported",
    )
    return replace(p, holdings=(*p.holdings, holding))
