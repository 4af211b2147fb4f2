"""Due: days with a consequence that will come, and the announcement of each once it has come (3.8).

No answer depends on an announcement: what is true on a day follows from the dated facts. An announcement tells others,
bears the day that was planned, and is made once, however late the clock is.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, ClassVar, Literal, NamedTuple

from msgspec.structs import replace

from domain.appeal import without_appeal
from domain.benefits import lapse, unlapsed
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, found, refusal
from domain.program import Phase, Program
from domain.progress import plan_ended, unannounced
from domain.status import IN_TERM, bears_on, has_effect, intervals, on_day, timeline
from domain.tenure import Holding, Measure
from domain.term import last_valid
from domain.values import Code, OrganisationName, Reference

stage = Stage("due")

NOTHING_DUE = refusal("NOTHING_DUE", Kind.OUT_OF_ORDER, "No {kind} of {about} is due on {due_on}, or it was announced.")
NOT_YET_DUE = refusal("NOT_YET_DUE", Kind.OUT_OF_ORDER, "That is due on {due_on}; it is {today} in {zone}.")

DueKind = Literal[
    "expiry", "tier_lapse", "reply_end", "appeal_end", "deferral_end", "suspension_review", "plan_end", "voucher_lapse"
]
DAYS = {
    "reply_end": "the time to reply to the notice was over",
    "appeal_end": "the time to appeal was over",
    "deferral_end": "the time of the deferral was over",
    "suspension_review": "the suspension was due to be looked at again",
}
"""Days by which somebody could or should act, in words."""
NEXT_DAY = timedelta(days=1)


class Due(NamedTuple):
    """A day that comes, what ends on it, and in which time zone; without one, in the affiliate's."""

    due_on: date
    """The first day on which it is so."""
    kind: DueKind
    about: str
    """The decision, notice, cycle or year that it is about."""
    scheme: str
    zone: str = ""

    @property
    def key(self) -> str:
        """Under which its announcement is remembered."""
        return f"{self.kind}:{self.about}:{self.due_on}"


class PartnerStatusExpired(Event):
    """A term ended by time on the planned day, whenever that is recorded."""

    says = "announced that {e.label} ended with {e.through}"
    scheme: Code
    tier: Code
    label: OrganisationName
    about: Reference
    """The decision that granted it, or the version of its import."""
    due_on: date
    """The first day on which it is not held any more."""
    zone: Code

    @property
    def through(self) -> date:
        """The last valid day (M22)."""
        return last_valid(self.due_on)


class TransitionalTierLapsed(PartnerStatusExpired):
    """A tier that may be held only for a time came to its limit; what it fell back to, if anything."""

    says = "announced that {e.label} lapsed with {e.through}[, back to {e.falls_back_to}]"
    falls_back_to: Code | None = None


class DeadlinePassed(Event):
    """A day came by which somebody could or should act: to reply, to appeal, to decide, to look again."""

    says = "announced that {e.what} by {e.due_on}"
    kind: Code
    scheme: Code
    about: Reference
    due_on: date
    zone: Code

    @property
    def what(self) -> str:
        """What came, in words."""
        return DAYS.get(self.kind, self.kind)


class AnnounceDue(ProgramCommand):
    """Announce a day that has come."""

    by: ClassVar[tuple[Role, ...]] = (Role.CLOCK,)
    when_closed: ClassVar[bool] = True
    kind: DueKind
    about: Reference
    due_on: date


def holding_id(h: Holding) -> str:
    """How an announcement names a tier held: its decision, or the version of its import."""
    return h.decision_id or f"import-{h.version}"


def _ends(p: Program) -> Iterator[Due]:
    """Terms that end by time while they run, and transitional tiers that come to their limit."""
    for scheme in dict.fromkeys(h.scheme for h in p.holdings):
        segments = timeline(p.holdings, p.measures, scheme)
        held = intervals(p.holdings, scheme)
        for (holding, _, until), after in zip(held, (*held[1:], None), strict=True):
            if until is None or until not in (holding.expires_on, holding.hold_until):
                continue
            superseded = after is not None and after[0].effective_on == until
            before = on_day(segments, last_valid(until))
            if before and before.status in IN_TERM and not superseded:
                kind: DueKind = "expiry" if until == holding.expires_on else "tier_lapse"
                yield Due(until, kind, holding_id(holding), scheme, holding.zone)


def _suspends(p: Program, m: Measure, day: date) -> bool:
    """Whether a suspension still bears on a running term on a day or after it."""
    for s in timeline(p.holdings, p.measures, m.scheme):
        ahead = s.status == "suspended" and (s.until is None or day < s.until)
        if ahead and bears_on(m, s.holding) and has_effect(m, max(day, s.since)):
            return True
    return False


def _deadlines(p: Program) -> Iterator[Due]:
    """Days by which somebody may or should act."""
    for notice_id, notice in p.notices.items():
        if not notice.replied:
            yield Due(notice.reply_by + NEXT_DAY, "reply_end", notice_id, notice.scheme, notice.zone)
    appealed = {a.decision_id for a in p.appeals.values()}
    for decision_id, decision in p.decisions.items():
        last = decision.appeal_by
        if last and decision_id not in appealed and without_appeal(p, decision, last) is None:
            yield Due(last + NEXT_DAY, "appeal_end", decision_id, decision.scheme, decision.zone)
    for cycle in p.cycles.values():
        if cycle.phase is Phase.DEFERRED and cycle.deferred_until:
            yield Due(cycle.deferred_until + NEXT_DAY, "deferral_end", cycle.cycle_id, cycle.scheme)
    for m in p.measures:
        if m.review_by and _suspends(p, m, m.review_by):
            yield Due(m.review_by, "suspension_review", m.measure_id, m.scheme, m.zone)


def _years(p: Program) -> Iterator[Due]:
    """Plans that come to their end, and vouchers that lapse with their year."""
    for cycle, _, ends_on in unannounced(p):
        yield Due(ends_on, "plan_end", cycle.cycle_id, cycle.scheme)
    for vouchers, until in unlapsed(p):
        zone = next((h.zone for h in reversed(p.holdings) if h.scheme == vouchers.scheme), "")
        yield Due(until, "voucher_lapse", f"{vouchers.scheme}:{vouchers.since}", vouchers.scheme, zone)


def dues(p: Program) -> list[Due]:
    """Every day with a consequence that will come or has come and is not announced yet, in order."""
    every = (*_ends(p), *_deadlines(p), *_years(p))
    return sorted(due for due in every if due.key not in p.announced)


@stage.decide(AnnounceDue)
def announce(p: Program, c: AnnounceDue, ctx: Context) -> Outcomes:
    """Something due, on its day or later; once."""
    wanted = (c.kind, c.about, c.due_on)
    match = next((d for d in dues(p) if (d.kind, d.about, d.due_on) == wanted), None)
    due = found(match, NOTHING_DUE, kind=c.kind, about=c.about, due_on=c.due_on)
    zone: str = due.zone or ctx.shelf.affiliate(p.listing.affiliate).timezone
    today = ctx.today(zone)
    need = Need()
    need(due.due_on <= today, NOT_YET_DUE, due_on=due.due_on, today=today, zone=zone)
    need.settle()
    return [announcement(p, due, zone)]


def announcement(p: Program, due: Due, zone: str) -> Event:
    """What is announced of something due."""
    if due.kind == "plan_end":
        return next(plan_ended(cycle, plan, day) for cycle, plan, day in unannounced(p) if cycle.cycle_id == due.about)
    if due.kind == "voucher_lapse":
        mine = (v for v, _ in unlapsed(p) if due.about == f"{v.scheme}:{v.since}")
        return lapse(next(mine), due.due_on)
    if due.kind not in ("expiry", "tier_lapse"):
        return DeadlinePassed(kind=due.kind, scheme=due.scheme, about=due.about, due_on=due.due_on, zone=zone)
    segments = timeline(p.holdings, p.measures, due.scheme)
    held, after = (on_day(segments, day) for day in (last_valid(due.due_on), due.due_on))
    assert held  # what ended was held
    assert after
    facts: dict[str, Any] = {
        "scheme": due.scheme,
        "tier": held.holding.tier,
        "label": held.holding.label,
        "about": due.about,
        "due_on": due.due_on,
        "zone": zone,
    }
    if due.kind == "tier_lapse":
        return TransitionalTierLapsed(**facts, falls_back_to=after.holding.tier if after.status in IN_TERM else None)
    return PartnerStatusExpired(**facts)


def _announced(p: Program, kind: str, e: PartnerStatusExpired | DeadlinePassed, v: int) -> Program:
    return replace(p, announced={**p.announced, f"{kind}:{e.about}:{e.due_on}": v})


@stage.evolve(PartnerStatusExpired)
def _(p: Program, e: PartnerStatusExpired, v: int) -> Program:
    return _announced(p, "expiry", e, v)


@stage.evolve(TransitionalTierLapsed)
def _(p: Program, e: TransitionalTierLapsed, v: int) -> Program:
    return _announced(p, "tier_lapse", e, v)


@stage.evolve(DeadlinePassed)
def _(p: Program, e: DeadlinePassed, v: int) -> Program:
    return _announced(p, e.kind, e, v)
