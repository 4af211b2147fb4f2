"""Surveillance: check-ins on the anniversaries of a tier, where the policy asks for them, and substantive changes.

What is not handed in costs nothing by itself; it is seen, and may lead to a notice.
"""

from datetime import date, timedelta
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import ALREADY_RECORDED
from domain.affiliate import Affiliate
from domain.language import (
    Context,
    Event,
    Kind,
    Need,
    Outcomes,
    ProgramCommand,
    Role,
    Stage,
    fact,
    found,
    only,
    refusal,
)
from domain.policy.model import Policy
from domain.program import Program, without
from domain.publishing import SCHEME_UNKNOWN, Scheme
from domain.review import NOT_ASKED_BY_POLICY
from domain.status import governing, intervals, standing
from domain.tenure import Change
from domain.term import DATE_IN_FUTURE, add
from domain.values import Code, Reference, Text, TextRef

stage = Stage("surveillance")

WINDOW = timedelta(days=60)
"""How long before and after an anniversary its check-in can be recorded."""

NOT_DUE = refusal(
    "NOT_DUE", Kind.OUT_OF_ORDER, "Today a check-in can be recorded for the anniversary: {due}; not for {anniversary}."
)
CHANGE_UNKNOWN = refusal("CHANGE_UNKNOWN", Kind.UNKNOWN, "The program reported no change {change_id}.")

ChangeKind = Literal["leadership", "staffing", "model", "population", "finances", "site", "ownership", "other"]


class AnnualCheckInRecorded(Event):
    """The program and its affiliate looked at how things stand, a year on."""

    says = "recorded the check-in for {e.anniversary} under {e.scheme}[, with changes of {e.changes}]: {e.narrative}"
    scheme: Code
    anniversary: date
    recorded_on: date
    changes: tuple[Code, ...] = ()
    narrative: TextRef


class SubstantiveChangeReported(Event):
    """The program reported that something about it changed that its tier may rest on."""

    says = "reported a change of {e.kind} on {e.occurred_on}[ ({e.lateness})]: {e.description}"
    change_id: Reference
    scheme: Code | None = None
    kind: Code
    occurred_on: date
    reported_on: date
    late: bool = False
    description: TextRef

    @property
    def lateness(self) -> str:
        """Said only of a late report."""
        return "late" if self.late else ""


class SubstantiveChangeAssessed(Event):
    """The affiliate said what a change means for the tier."""

    says = "assessed the reported change ({e.impact}): {e.follow_up}"
    change_id: Reference
    impact: Code
    follow_up: TextRef


class RecordAnnualCheckIn(ProgramCommand):
    """Record the check-in for an anniversary of the tier held, with the kinds of change since the last one."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    scheme: Code
    anniversary: date
    narrative: Text
    changes: tuple[ChangeKind, ...] = ()


class ReportSubstantiveChange(ProgramCommand):
    """Report a change in leadership, staff, model, people served, money, place or ownership."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    scheme: Code | None = None
    """The scheme that it bears on; without one, all."""
    kind: ChangeKind
    occurred_on: date
    description: Text


class AssessChange(ProgramCommand):
    """Say what a reported change means, and what follows from it."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.REVIEWER)
    change_id: Reference
    impact: Literal["none", "watch", "corrective"]
    follow_up: Text


def anniversaries(p: Program, scheme: str, day: date, upto: date) -> list[date]:
    """The anniversaries, until a day, of the tier whose term a day lies in; a reduction does not begin a new term."""
    if standing(p, scheme, day).in_term is None:
        return []
    held = intervals(p.holdings, scheme)
    now = next(h for h, since, until in held if since <= day and (until is None or day < until))
    first, end = now.effective_on.year, now.expires_on or date.max
    days = (add(now.effective_on, f"P{year - first}Y") for year in range(first + 1, upto.year + 1))
    return [d for d in days if d <= upto and d < end]


def check_ins_due(p: Program, scheme: str, policy: Policy, day: date) -> list[date]:
    """The anniversaries of the running term whose time to check in has begun, or passed, without a check-in."""
    if not policy.surveillance.annual_check_in:
        return []
    days = anniversaries(p, scheme, day, day + WINDOW)
    return [d for d in days if check_in_key(scheme, d) not in p.check_ins]


def check_in_key(scheme: str, anniversary: date) -> str:
    """Under what a check-in is remembered."""
    return f"{scheme}/{anniversary}"


@stage.decide(RecordAnnualCheckIn)
def check_in(p: Program, c: RecordAnnualCheckIn, ctx: Context) -> Outcomes:
    """Once for each anniversary, near it, where the policy of the tier asks for it."""
    _, policy, today = governing(p, c.scheme, ctx)
    need = Need()
    need(policy.surveillance.annual_check_in, NOT_ASKED_BY_POLICY, what="an annual check-in")
    need.settle()
    due = [d for d in anniversaries(p, c.scheme, today, today + WINDOW) if d + WINDOW >= today]
    need(c.anniversary in due, NOT_DUE, anniversary=c.anniversary, due=due or None)
    need(check_in_key(c.scheme, c.anniversary) not in p.check_ins, ALREADY_RECORDED)
    need.settle()
    return [fact(AnnualCheckInRecorded, c, recorded_on=today)]


def _late(p: Program, scheme: Scheme, occurred_on: date, ctx: Context) -> bool:
    """Whether the policy of the tier held when it happened wanted to know of it earlier."""
    held = standing(p, scheme.code, occurred_on).in_term
    ref = held and (held.policy or scheme.in_force(occurred_on))
    policy: Policy | None = ctx.shelf.policy(ref) if ref else None
    within = policy.surveillance.change_report_within if policy else None
    return bool(policy and within and ctx.today(policy.timezone) > add(occurred_on, within))


@stage.decide(ReportSubstantiveChange)
def report(p: Program, c: ReportSubstantiveChange, ctx: Context) -> Outcomes:
    """At any time; a late report is taken and marked as late."""
    affiliate: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    today = ctx.today(affiliate.timezone)
    codes = [c.scheme] if c.scheme else list(dict.fromkeys(h.scheme for h in p.holdings))
    schemes: list[Scheme] = [found(ctx.shelf.scheme(code), SCHEME_UNKNOWN, scheme=code) for code in codes]
    need = Need()
    need(c.occurred_on <= today, DATE_IN_FUTURE, field="occurred_on", day=c.occurred_on, today=today)
    need.settle()
    late = any(_late(p, scheme, c.occurred_on, ctx) for scheme in schemes)
    return [fact(SubstantiveChangeReported, c, change_id=ctx.mint(), reported_on=today, late=late)]


@stage.decide(AssessChange)
def assess(p: Program, c: AssessChange, ctx: Context) -> Outcomes:
    """Each change once."""
    change = found(p.changes.get(c.change_id), CHANGE_UNKNOWN, change_id=c.change_id)
    need = Need()
    need(not change.assessed, ALREADY_RECORDED)
    need.settle()
    return [fact(SubstantiveChangeAssessed, c)]


@stage.evolve(AnnualCheckInRecorded)
def _(p: Program, e: AnnualCheckInRecorded, v: int) -> Program:
    return replace(p, check_ins={**p.check_ins, check_in_key(e.scheme, e.anniversary): v})


@stage.evolve(SubstantiveChangeReported)
def _(p: Program, e: SubstantiveChangeReported, v: int) -> Program:
    return replace(p, changes={**p.changes, e.change_id: Change(kind=e.kind, occurred_on=e.occurred_on, reported=v)})


@stage.evolve(SubstantiveChangeAssessed)
def _(p: Program, e: SubstantiveChangeAssessed, v: int) -> Program:
    return replace(p, changes={**p.changes, e.change_id: replace(p.changes[e.change_id], assessed=v)})


@stage.undo(AnnualCheckInRecorded, by=only(Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN), rests=lambda p, e: ())
def _(p: Program, e: AnnualCheckInRecorded, v: int) -> Program:
    return replace(p, check_ins=without(p.check_ins, check_in_key(e.scheme, e.anniversary)))


@stage.undo(
    SubstantiveChangeReported,
    by=only(Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN),
    rests=lambda p, e: ["assessment"] if p.changes[e.change_id].assessed else [],
)
def _(p: Program, e: SubstantiveChangeReported, v: int) -> Program:
    return replace(p, changes=without(p.changes, e.change_id))


@stage.undo(SubstantiveChangeAssessed, by=only(Role.AFFILIATE_ADMIN, Role.REVIEWER), rests=lambda p, e: ())
def _(p: Program, e: SubstantiveChangeAssessed, v: int) -> Program:
    return replace(p, changes={**p.changes, e.change_id: replace(p.changes[e.change_id], assessed=0)})
