"""Closure: a program merges into another or closes; what it held ends with it, for a tier is held by whom it was
decided on (2.4, 3.3)."""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.changes import today_at_home
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, refusal
from domain.listing import WRONG_LISTING_STATE
from domain.program import ENDED, Program, tenured
from domain.status import IN_TERM, timeline
from domain.tenure import Holding, Measure, Tenure, bears
from domain.term import DATE_IN_FUTURE
from domain.values import Code, Reference, Text, TextRef

stage = Stage("closure")

CYCLES_UNDER_WAY = refusal(
    "CYCLES_UNDER_WAY",
    Kind.OUT_OF_ORDER,
    "These cycles are under way; they are decided or withdrawn first: {cycle_ids}.",
)
MATTERS_OPEN = refusal("MATTERS_OPEN", Kind.OUT_OF_ORDER, "These matters are open and are settled first: {matters}.")
STATUS_TREATMENT_REQUIRED = refusal(
    "STATUS_TREATMENT_REQUIRED",
    Kind.INCOMPLETE,
    "The program holds {tiers}. Say that this ends (status_treatment: ended): a tier cannot pass to another program, "
    "which needs a decision of its own.",
)
TARGET_UNKNOWN = refusal("TARGET_UNKNOWN", Kind.UNKNOWN, "A program merges into another one; {into} is none.")
CLOSED_BEFORE_BEGUN = refusal(
    "CLOSED_BEFORE_BEGUN", Kind.INVALID, "The program began on {began}; it did not end on {day}."
)
RUNNING = ("listed", "paused")
"""With these a listing can be transferred, merged and closed."""
Treatment = Literal["kept", "ended"]


class PartnerStatusClosed(Event):
    """A tier ended, because of what became of the program and for no fault."""

    says = "closed {e.scheme} {e.tier} from {e.effective_on} ({e.ground})"
    measure_id: Reference
    scheme: Code
    tier: Code
    zone: Code
    effective_on: date
    ground: Literal["transferred", "merged", "discontinued"]


class ProgramMerged(Event):
    """The program became part of another."""

    says = "recorded that the program merged into {e.into} on {e.effective_on}"
    into: Reference
    effective_on: date


class ProgramDiscontinued(Event):
    """The program closed."""

    says = "recorded that the program closed on {e.closed_on}[: {e.reason}]"
    closed_on: date
    reason: TextRef | None = None


class MergeProgram(ProgramCommand):
    """Record that the program became part of another; what it held ends."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    into: Reference
    effective_on: date
    status_treatment: Treatment | None = None


class DiscontinueProgram(ProgramCommand):
    """Record that the program closed; what it held ends."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    closed_on: date
    status_treatment: Treatment | None = None
    reason: Text | None = None


def nothing_open(need: Need, p: Program) -> None:
    """Notes every cycle under way and every matter that waits for somebody's decision."""
    cycles = [c.cycle_id for c in p.cycles.values() if c.phase not in ENDED]
    need(not cycles, CYCLES_UNDER_WAY, cycle_ids=cycles)
    matters = [f"notice of intent {n}" for n in p.notices]
    matters += [f"appeal {a}" for a, appeal in p.appeals.items() if appeal.is_open]
    matters += [f"proposed {o.kind} of {o.decision_id}" for o in p.proposals.values()]
    matters += [f"application under {s}" for s, m in p.memberships.items() if m.state == "submitted"]
    need(not matters, MATTERS_OPEN, matters=matters)


def unfinished(p: Program, day: date) -> list[Holding]:
    """The tiers whose term runs on a day or later, suspended or not, one for each scheme."""
    held: list[Holding] = []
    for scheme in dict.fromkeys(h.scheme for h in p.holdings):
        segments = timeline(p.holdings, p.measures, scheme)
        running = [s for s in segments if s.status in IN_TERM and (s.until is None or day < s.until)]
        held += [s.holding for s in running[:1]]
    return held


def closed(
    p: Program, day: date, ground: Literal["transferred", "merged", "discontinued"], ctx: Context
) -> list[PartnerStatusClosed]:
    """The end of every tier whose term would run beyond a day."""
    ends: list[PartnerStatusClosed] = []
    for held in unfinished(p, day):
        named = {"measure_id": ctx.mint(), "scheme": held.scheme, "tier": held.tier, "zone": held.zone}
        ends.append(PartnerStatusClosed(**named, effective_on=day, ground=ground))
    return ends


def _ending(p: Program, field: str, day: date, treatment: Treatment | None, ctx: Context) -> Need:
    """What every end of a program needs: its listing, a day that has come, nothing open, a word about what it holds."""
    today, began = today_at_home(p, ctx), p.listing.operating_since
    need = Need()
    need(p.listing.state in RUNNING, WRONG_LISTING_STATE, state=p.listing.state, wanted="listed or paused")
    need(day <= today, DATE_IN_FUTURE, field=field, day=day, today=today)
    need(began is None or began <= day, CLOSED_BEFORE_BEGUN, began=began, day=day)
    nothing_open(need, p)
    tiers = [h.label for h in unfinished(p, day)]
    need(treatment == "ended" or not tiers, STATUS_TREATMENT_REQUIRED, tiers=tiers)
    return need


@stage.decide(MergeProgram)
def merge(p: Program, c: MergeProgram, ctx: Context) -> Outcomes:
    """Into another registered program; that one's tier is decided on its own."""
    need = _ending(p, "effective_on", c.effective_on, c.status_treatment, ctx)
    other = c.into != p.program_id and ctx.shelf.program_home(c.into) is not None
    need(other, TARGET_UNKNOWN, into=c.into)
    need.settle()
    return [*closed(p, c.effective_on, "merged", ctx), ProgramMerged(into=c.into, effective_on=c.effective_on)]


@stage.decide(DiscontinueProgram)
def discontinue(p: Program, c: DiscontinueProgram, ctx: Context) -> Outcomes:
    """On a day that has come; whatever the program held ends on it."""
    need = _ending(p, "closed_on", c.closed_on, c.status_treatment, ctx)
    need.settle()
    return [*closed(p, c.closed_on, "discontinued", ctx), ProgramDiscontinued(closed_on=c.closed_on, reason=c.reason)]


@bears(PartnerStatusClosed)
def _(t: Tenure, e: PartnerStatusClosed, v: int) -> Tenure:
    measure = Measure(
        measure_id=e.measure_id, scheme=e.scheme, kind="closed", since=e.effective_on, zone=e.zone, version=v
    )
    return replace(t, measures=(*t.measures, measure))


stage.evolve(PartnerStatusClosed)(tenured)


@stage.evolve(ProgramMerged)
def _(p: Program, e: ProgramMerged, v: int) -> Program:
    return replace(p, listing=replace(p.listing, state="merged", successor=e.into), transfer=None)


@stage.evolve(ProgramDiscontinued)
def _(p: Program, e: ProgramDiscontinued, v: int) -> Program:
    return replace(p, listing=replace(p.listing, state="discontinued"), transfer=None)
