"""Participation: a program asks to take part, again, or for more; the affiliate orders it after a finding (S3-02, A25).

A renewal waits for its window, an advancement needs a tier that is held and a higher one, a corrective cycle a tier in
term. One cycle of a scheme is under way at a time, whatever its kind.
"""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import (
    KIND_NOT_OFFERED,
    NOT_LISTED,
    cycle_of,
    instrument_for,
    not_appealed,
    offered_by,
    policy_in_force,
)
from domain.assessment import known_items
from domain.language import (
    Context,
    CycleCommand,
    Kind,
    Need,
    Outcomes,
    ProgramCommand,
    Role,
    Stage,
    fact,
    found,
    refusal,
)
from domain.membership import LEVEL_UNKNOWN
from domain.policy.model import Policy
from domain.program import ENDED, Cycle, CycleEvent, Phase, Program, open_cycle, with_cycle
from domain.review import CYCLE_ENDED
from domain.status import ENDING, IN_TERM, NO_ACTIVE_STATUS, Standing, standing
from domain.tenure import Holding
from domain.term import add
from domain.values import Code, OrganisationName, Text, TextRef

stage = Stage("participation")

CYCLE_ALREADY_OPEN = refusal("CYCLE_ALREADY_OPEN", Kind.OUT_OF_ORDER, "The cycle {cycle_id} is still on its way.")
STATUS_ACTIVE = refusal(
    "STATUS_ACTIVE", Kind.OUT_OF_ORDER, "The program holds {tier} already; ask for a renewal when its window opens."
)
TOO_EARLY_TO_RENEW = refusal("TOO_EARLY_TO_RENEW", Kind.OUT_OF_ORDER, "Renewal opens on {opens}, not before.")
NOTHING_TO_RENEW = refusal(
    "NOTHING_TO_RENEW", Kind.OUT_OF_ORDER, "No tier of this scheme is there to be renewed; ask for an initial cycle."
)
NOTHING_TO_ADVANCE_TO = refusal(
    "NOTHING_TO_ADVANCE_TO", Kind.OUT_OF_ORDER, "Above {held} the scheme has no tier that a cycle ends with."
)
NOT_AN_ADVANCEMENT = refusal(
    "NOT_AN_ADVANCEMENT", Kind.INVALID, "{tier} is not above {held}, which is held; an advancement names a higher tier."
)
REAPPLY_TOO_EARLY = refusal(
    "REAPPLY_TOO_EARLY", Kind.OUT_OF_ORDER, "After the revocation the program may ask again from {day} on, not before."
)
DUE_ON_PASSED = refusal("DUE_ON_PASSED", Kind.INVALID, "It would be due on {due_on}; name a day after {today}.")
NOT_ASSESSED = refusal(
    "NOT_ASSESSED", Kind.OUT_OF_ORDER, "{held} is held without an assessment; ask for an initial cycle first."
)
NOT_ORDERED = refusal(
    "NOT_ORDERED", Kind.INVALID, "The program asked for this cycle itself; only the program withdraws from it."
)


class ParticipationRequested(CycleEvent):
    """The program asked to take part in a scheme."""

    says = "asked to take part in {e.scheme} ({e.kind})[, for {e.tier_sought}]"
    scheme: Code
    kind: Code
    readiness_reviewed: bool = False
    tier_sought: Code | None = None


class CorrectiveCycleOrdered(CycleEvent):
    """The affiliate ordered that practices be looked at again; the tier held is to be confirmed at the end."""

    says = "ordered a corrective cycle for {e.label} ({e.ground}), due {e.due_on}[, about {e.item_ids}]: {e.reason}"
    scheme: Code
    tier: Code
    """The tier held, which is to be confirmed."""
    label: OrganisationName
    ground: Code
    due_on: date
    item_ids: tuple[Code, ...] = ()
    """The practices in doubt; without any, all of them."""
    reason: TextRef


class CorrectiveOrderLifted(CycleEvent):
    """The affiliate took the order of a corrective cycle back; the cycle ends without a decision."""

    says = "lifted the order of the corrective cycle: {e.reason}"
    reason: TextRef


class RequestParticipation(ProgramCommand):
    """Ask to take part in the affiliate's scheme: for the first time, to renew a tier, or to rise to a higher one."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    scheme: Code
    kind: Literal["initial", "renewal", "advancement"] = "initial"
    readiness_reviewed: bool = False
    tier_sought: Code | None = None
    """The tier worked towards; without one, the highest."""


class OrderCorrectiveCycle(ProgramCommand):
    """Order that practices be assessed again, after a finding, while a tier is in term."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    scheme: Code
    ground: Literal["inquiry", "substantive_change", "check_in", "finding"]
    due_on: date
    item_ids: tuple[Code, ...] = ()
    """The practices in doubt; the others stand as they were confirmed. Without any, all are determined anew."""
    reason: Text


class LiftCorrectiveOrder(CycleCommand):
    """Take the order of a corrective cycle back: recorded in error, or without an object."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    reason: Text


def end_of(holding: Holding) -> date | None:
    """When a term ends, whatever an extension added."""
    return holding.extended_from or holding.expires_on


def barred_until(p: Program, scheme: str, today: date) -> date | None:
    """The day until which a revocation bars the program from asking again, unless it is lifted or stayed today."""
    bars = [
        m.may_reapply_from
        for m in p.measures
        if m.scheme == scheme
        and m.may_reapply_from
        and today < m.may_reapply_from
        and m.until is None
        and not any(since <= today and (until is None or today < until) for since, until in m.stays)
    ]
    return max(bars, default=None)


def reengagement(p: Program, scheme: str, policy: Policy, day: date) -> tuple[date, date] | None:
    """In which days the affiliate looks at a program again, counted from the start of its term: the first day and the
    day it is due. None where the policy knows no such window, nothing is held, or a cycle is under way (S2-07, M21)."""
    window = policy.term.reassessment
    now = standing(p, scheme, day)
    held = now.holding if now.status in (*IN_TERM, "expired") else None
    if window is None or held is None or not held.assessed or open_cycle(p, scheme):
        return None
    end = end_of(held)
    same_term = [h.effective_on for h in p.holdings if h.scheme == scheme and end and end_of(h) == end]
    began = min(same_term, default=held.effective_on)
    return add(began, window.opens), add(began, window.due)


def _asked_anew(need: Need, p: Program, scheme: str, now: Standing, today: date) -> None:
    """Notes what keeps a first cycle from being asked for."""
    held = now.in_term
    need(held is None or not held.assessed, STATUS_ACTIVE, tier=held and held.label)
    bar = barred_until(p, scheme, today)
    need(bar is None, REAPPLY_TOO_EARLY, day=bar)


def _asked_to_renew(need: Need, p: Program, scheme: str, now: Standing, policy: Policy, today: date) -> None:
    """Notes what keeps a renewal from being asked for: it follows a tier that is in term or ran out, in its window."""
    renewable = now.holding if now.status not in ENDING and now.holding and now.holding.assessed else None
    need(renewable, NOTHING_TO_RENEW)
    end = end_of(renewable) if renewable else None
    opens = add(end, policy.renewal.opens_before, -1) if policy.renewal and end else None
    need(opens is None or opens <= today, TOO_EARLY_TO_RENEW, opens=opens)
    bar = barred_until(p, scheme, today)
    need(bar is None, REAPPLY_TOO_EARLY, day=bar)


def _asked_to_advance(need: Need, c: RequestParticipation, now: Standing, policy: Policy) -> None:
    """Notes what keeps an advancement from being asked for: it needs a tier that may be claimed, and a higher one."""
    held = now.held
    need(held, NO_ACTIVE_STATUS, scheme=c.scheme, status=now.status)
    if held is None:
        return
    need(held.assessed, NOT_ASSESSED, held=held.label)
    higher = [t.code for t in policy.tiers if t.granted_at == "cycle_end" and t.rank > held.rank]
    need(higher, NOTHING_TO_ADVANCE_TO, held=held.label)
    sought = policy.tier(c.tier_sought) if c.tier_sought else None
    below = sought is not None and sought.granted_at == "cycle_end" and bool(higher) and sought.code not in higher
    need(not below, NOT_AN_ADVANCEMENT, tier=sought and sought.label, held=held.label)


@stage.decide(RequestParticipation)
def request(p: Program, c: RequestParticipation, ctx: Context) -> Outcomes:
    """A listed program without a cycle under way asks; which kind of cycle fits follows from what it holds."""
    need = Need()
    need(p.listing.state == "listed", NOT_LISTED, state=p.listing.state)
    need.settle()
    _, policy, today = policy_in_force(p, c.scheme, ctx)
    _free_for(need, p, c.scheme, policy, c.kind)
    final = [t.code for t in policy.tiers if t.granted_at == "cycle_end"]
    need(c.tier_sought is None or c.tier_sought in final, LEVEL_UNKNOWN, level=c.tier_sought, levels=final)
    now = standing(p, c.scheme, today)
    if c.kind == "initial":
        _asked_anew(need, p, c.scheme, now, today)
    elif c.kind == "renewal":
        _asked_to_renew(need, p, c.scheme, now, policy, today)
    else:
        _asked_to_advance(need, c, now, policy)
    need.settle()
    return [fact(ParticipationRequested, c, cycle_id=ctx.mint())]


def _free_for(need: Need, p: Program, scheme: str, policy: Policy, kind: str) -> None:
    """Notes a cycle that is under way, and a policy that knows no such cycle (A25)."""
    under_way = open_cycle(p, scheme)
    need(under_way is None, CYCLE_ALREADY_OPEN, cycle_id=under_way and under_way.cycle_id)
    offered = offered_by(policy)
    need(kind in offered, KIND_NOT_OFFERED, kind=kind, offered=offered)


@stage.decide(OrderCorrectiveCycle)
def order(p: Program, c: OrderCorrectiveCycle, ctx: Context) -> Outcomes:
    """Of a program whose tier is in term; what it holds is neither lost nor shortened by the order."""
    _, policy, today = policy_in_force(p, c.scheme, ctx)
    now = standing(p, c.scheme, today)
    held = found(now.in_term, NO_ACTIVE_STATUS, scheme=c.scheme, status=now.status)
    instrument = ctx.shelf.instrument(instrument_for(policy, ctx))
    levels = [t.code for t in policy.tiers if t.granted_at == "cycle_end"]
    need = Need()
    _free_for(need, p, c.scheme, policy, "corrective")
    need(held.assessed, NOT_ASSESSED, held=held.label)
    need(not held.assessed or held.tier in levels, LEVEL_UNKNOWN, level=held.tier, levels=levels)
    need(c.due_on > today, DUE_ON_PASSED, due_on=c.due_on, today=today)
    known_items(need, instrument, c.item_ids)
    need.settle()
    item_ids = tuple(dict.fromkeys(c.item_ids))
    ordered: dict[str, object] = {"cycle_id": ctx.mint(), "tier": held.tier, "label": held.label, "item_ids": item_ids}
    return [fact(CorrectiveCycleOrdered, c, **ordered)]


@stage.decide(LiftCorrectiveOrder)
def lift_order(p: Program, c: LiftCorrectiveOrder, ctx: Context) -> Outcomes:
    """At any time before the cycle ends, while no delay in it is under appeal; nothing that was handed in is lost."""
    cycle = cycle_of(p, c.cycle_id)
    need = Need()
    need(cycle.ordered, NOT_ORDERED)
    need(cycle.phase not in ENDED, CYCLE_ENDED, phase=cycle.phase)
    not_appealed(need, p, cycle)
    need.settle()
    return [fact(CorrectiveOrderLifted, c)]


@stage.evolve(ParticipationRequested)
def _(p: Program, e: ParticipationRequested, v: int) -> Program:
    cycle = Cycle(
        cycle_id=e.cycle_id,
        scheme=e.scheme,
        kind=e.kind,
        phase=Phase.REQUESTED,
        requested=v,
        readiness=e.readiness_reviewed,
        tier_sought=e.tier_sought,
    )
    return replace(p, cycles={**p.cycles, e.cycle_id: cycle})


@stage.evolve(CorrectiveCycleOrdered)
def _(p: Program, e: CorrectiveCycleOrdered, v: int) -> Program:
    cycle = Cycle(
        cycle_id=e.cycle_id,
        scheme=e.scheme,
        kind="corrective",
        phase=Phase.REQUESTED,
        requested=v,
        tier_sought=e.tier,
        ordered=True,
        due_on=e.due_on,
        doubted=e.item_ids,
    )
    return replace(p, cycles={**p.cycles, e.cycle_id: cycle})


@stage.evolve(CorrectiveOrderLifted)
def _(p: Program, e: CorrectiveOrderLifted, v: int) -> Program:
    return with_cycle(p, e.cycle_id, phase=Phase.WITHDRAWN)
