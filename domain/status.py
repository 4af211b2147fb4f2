"""Status: which tier a program holds on a day. A function of dated facts, never of a job having run (H10)."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace

from domain.affiliate import Affiliate
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, fact, found, refusal
from domain.policy.model import Policy
from domain.program import Program, tenured
from domain.publishing import POLICY_NOT_IN_FORCE, SCHEME_ELSEWHERE, SCHEME_UNKNOWN, Scheme
from domain.tenure import Holding, Measure, Tenure, bears
from domain.term import DATE_IN_FUTURE, last_valid
from domain.values import Code, Fact, OrganisationName, Text, TextRef

stage = Stage("status")

DATES_REVERSED = refusal("DATES_REVERSED", Kind.INVALID, "The status would end on {until}, not after {since}.")
ALREADY_IMPORTED = refusal("ALREADY_IMPORTED", Kind.OUT_OF_ORDER, "A {scheme} status from {since} is imported already.")
OVERLAPS_A_DECISION = refusal(
    "OVERLAPS_A_DECISION", Kind.OUT_OF_ORDER, "From {since} on the status of {scheme} rests on a decision made here."
)


NO_ACTIVE_STATUS = refusal("NO_ACTIVE_STATUS", Kind.OUT_OF_ORDER, "No term of {scheme} is running; it is {status}.")


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


StatusName = Literal["active", "extended", "suspended", "expired", "revoked", "relinquished", "closed", "none"]
HELD: tuple[StatusName, ...] = ("active", "extended")
"""With these the tier may be claimed in public."""
IN_TERM: tuple[StatusName, ...] = (*HELD, "suspended")
"""With these the term is running."""
ENDING: tuple[StatusName, ...] = ("revoked", "relinquished", "closed")


class Segment(Fact):
    """One stretch of a scheme's history, half-open: the same status and tier from its first day to its end."""

    status: StatusName
    holding: Holding
    """The tier held, or the last one held when none is any more."""
    since: date
    until: date | None = None
    measure_id: str | None = None
    """The decision that bears on it, when suspended, reduced or ended."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What holds under one scheme on one day."""

    status: StatusName
    holding: Holding | None = None
    """The tier held, or the last one held when none is any more."""

    @property
    def held(self) -> Holding | None:
        """The tier that may be claimed on the day."""
        return self.holding if self.status in HELD else None

    @property
    def in_term(self) -> Holding | None:
        """The tier whose term is running, suspended or not."""
        return self.holding if self.status in IN_TERM else None


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


def bears_on(m: Measure, h: Holding) -> bool:
    """Whether a measure was taken after a tier was granted, or after the grant in whose place it stands."""
    return m.scheme == h.scheme and m.version > (h.in_place_of or h.version)


def has_effect(m: Measure, day: date) -> bool:
    """Whether a measure has effect on a day, as things stand: begun, not lifted, not stayed by an appeal."""
    begun = m.since <= day and (m.until is None or day < m.until)
    return begun and not any(since <= day and (until is None or day < until) for since, until in m.stays)


def _ending(bearing: list[Measure]) -> tuple[StatusName, Measure] | None:
    """What ended a tier, the gravest first."""
    return next(((kind, m) for kind in ENDING for m in bearing if m.kind == kind), None)


def _reduced(holding: Holding, lower: Holding) -> Holding:
    """A lower tier in the term of the one that was reduced."""
    kept = ("expires_on", "extended_from", "extensions", "version", "in_place_of", "cycle_id")
    return replace(lower, **{name: getattr(holding, name) for name in kept})


def _borne(holding: Holding, measures: list[Measure], day: date) -> tuple[StatusName, Holding, str | None]:
    """Status and tier of a holding on a day of its interval, under the measures taken after it."""
    bearing = [m for m in measures if bears_on(m, holding) and has_effect(m, day)]
    reduction = next((m for m in reversed(bearing) if m.to), None)
    held = _reduced(holding, reduction.to) if reduction and reduction.to else holding
    ended = _ending(bearing)
    if ended:
        return ended[0], held, ended[1].measure_id
    suspension = next((m for m in bearing if m.kind == "suspended"), None)
    if suspension:
        return "suspended", held, suspension.measure_id
    extended = held.extended_from is not None and day >= held.extended_from
    return ("extended" if extended else "active"), held, reduction and reduction.measure_id


def _gone(last: Interval, measures: list[Measure], day: date) -> tuple[StatusName, str | None]:
    """How a tier ended that is not held any more: by what took effect in its term and still has effect, else by time."""
    holding, _, end = last
    early = [m for m in measures if bears_on(m, holding) and (end is None or m.since < end) and has_effect(m, day)]
    ended = _ending(early)
    return (ended[0], ended[1].measure_id) if ended else ("expired", None)


def timeline(holdings: tuple[Holding, ...], measures: tuple[Measure, ...], scheme: str) -> list[Segment]:
    """The history of a scheme without holes, from the first day on which a tier was held; the last has no end.

    What was held follows from the decisions that granted it; suspensions, reductions and endings bear on it from day
    to day; what an extension added is told apart. A gap after a tier says how the tier ended."""
    return list(_segments(holdings, measures, scheme))


@lru_cache(maxsize=4096)  # asked for day after day, while what it follows from changes a few times in a program's life
def _segments(holdings: tuple[Holding, ...], measures: tuple[Measure, ...], scheme: str) -> tuple[Segment, ...]:
    held = intervals(holdings, scheme)
    mine = sorted((m for m in measures if m.scheme == scheme), key=lambda m: m.version)
    days = {d for h, since, until in held for d in (since, until, h.extended_from)}
    days |= {d for m in mine for d in (m.since, m.until, *(d for stay in m.stays for d in stay))}
    result: list[Segment] = []
    for day in sorted(d for d in days if d is not None and held and d >= held[0][1]):
        last = next(i for i in reversed(held) if i[1] <= day)
        if last[2] is None or day < last[2]:
            status, holding, measure = _borne(last[0], mine, day)
        else:
            status, measure = _gone(last, mine, day)
            holding = result[-1].holding
        if result and (result[-1].status, result[-1].holding, result[-1].measure_id) == (status, holding, measure):
            continue
        if result:
            result[-1] = replace(result[-1], until=day)
        result.append(Segment(status=status, holding=holding, since=day, measure_id=measure))
    return tuple(result)


def on_day(segments: Sequence[Segment], day: date) -> Segment | None:
    """The segment of a timeline that a day lies in; None before the first."""
    return next((s for s in reversed(segments) if s.since <= day), None)


def standing(p: Program, scheme: str, day: date) -> Standing:
    """The status of a scheme on a day, from dated facts alone."""
    now = on_day(_segments(p.holdings, p.measures, scheme), day)
    return Standing(status=now.status, holding=now.holding) if now else Standing(status="none")


def in_force(p: Program, measure_id: str, day: date) -> bool:
    """Whether a measure bears on a term that is running on a day, or will; a stay leaves it in force."""
    measure = next((m for m in p.measures if m.measure_id == measure_id), None)
    if measure is None:
        return False
    for holding, since, until in intervals(p.holdings, measure.scheme):
        first = max(day, since, measure.since)
        bears = bears_on(measure, holding) and (measure.until is None or first < measure.until)
        if bears and (until is None or first < until):
            return True
    return False


def governing(p: Program, scheme_code: str, ctx: Context) -> tuple[Holding, Policy, date]:
    """The tier whose term is running under a scheme, the policy that it was granted under, and today in its zone.

    An imported status stands under the policy that is in force today."""
    policy, today = ruled_by(p, scheme_code, ctx)
    now = standing(p, scheme_code, today)
    holding = found(now.in_term, NO_ACTIVE_STATUS, scheme=scheme_code, status=now.status)
    granted_under: Policy = ctx.shelf.policy(holding.policy) if holding.policy else policy
    return holding, granted_under, today


def ruled_by(p: Program, scheme_code: str, ctx: Context) -> tuple[Policy, date]:
    """The policy of the last tier under a scheme, else the one in force, and today in its zone."""
    scheme: Scheme = found(ctx.shelf.scheme(scheme_code), SCHEME_UNKNOWN, scheme=scheme_code)
    affiliate: Affiliate = ctx.shelf.affiliate(scheme.affiliate)
    newest = next((h for h in reversed(p.holdings) if h.scheme == scheme_code), None)
    ref = newest.policy if newest and newest.policy else scheme.in_force(ctx.today(affiliate.timezone))
    policy: Policy = ctx.shelf.policy(found(ref, POLICY_NOT_IN_FORCE, scheme=scheme_code, day="this day"))
    return policy, ctx.today(policy.timezone)


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


@bears(HistoricalStatusImported)
def _(t: Tenure, e: HistoricalStatusImported, v: int) -> Tenure:
    holding = Holding(
        scheme=e.scheme,
        tier=e.tier,
        rank=e.rank,
        label=e.label,
        assessed=True,
        effective_on=e.valid_from,
        expires_on=e.valid_until,
        zone=e.zone,
        version=v,
        decision_id=None,
        provenance="imported",
    )
    return replace(t, holdings=(*t.holdings, holding))


stage.evolve(HistoricalStatusImported)(tenured)
