"""Decision: somebody who did not review decides, on an evaluation made there and then (S0-03..S0-06, S1-18, A2, A26)."""

from datetime import date
from typing import ClassVar

from msgspec.structs import replace
from pydantic import Field

from domain.access import cycle_of, rules_of
from domain.evidence import TierEligibilityEvaluated, appraise
from domain.grant import effective, granted_facts, missing_for, remembered
from domain.impartiality import DECIDER_NOT_INDEPENDENT, took_part_as, unconflicted
from domain.language import (
    Context,
    CycleCommand,
    Event,
    Kind,
    Need,
    Outcomes,
    Role,
    Stage,
    found,
    refusal,
)
from domain.membership import LEVEL_UNKNOWN
from domain.participation import NOT_AN_ADVANCEMENT
from domain.policy.model import Moment, Policy, Tier
from domain.program import ENDED, Cycle, Phase, Program, with_cycle
from domain.statement import ALREADY_DECIDED, REVIEW_NOT_COMPLETE
from domain.status import ENDING, standing
from domain.term import add
from domain.values import Code, PersonId, PolicyRef, Reference, Text, TextRef

stage = Stage("decision")

STATEMENT_NOT_RECEIVED = refusal(
    "STATEMENT_NOT_RECEIVED",
    Kind.OUT_OF_ORDER,
    "The Statement of Accuracy has not been received; the cycle is {phase}.",
)
NOT_THE_DECIDER = refusal(
    "NOT_THE_DECIDER", Kind.NOT_ALLOWED, "{decider} was named to decide this cycle, not {person}."
)
TIER_ABOVE_ELIGIBILITY = refusal(
    "TIER_ABOVE_ELIGIBILITY",
    Kind.INVALID,
    "The evidence does not carry {tier}; it carries {computed}. Missing: {missing}.",
)
DENIAL_AGAINST_EVIDENCE = refusal(
    "DENIAL_AGAINST_EVIDENCE", Kind.INVALID, "The evidence carries {tier}; it cannot be denied for lack of it."
)
ASSESSMENT_NOT_STARTED = refusal(
    "ASSESSMENT_NOT_STARTED", Kind.OUT_OF_ORDER, "The self-assessment has not begun; {tier} is granted once it has."
)
GRANTED_ON_APPLICATION = refusal(
    "GRANTED_ON_APPLICATION", Kind.INVALID, "{tier} is granted with the acceptance of the application."
)
GRANTED_ON_THE_WAY = refusal(
    "GRANTED_ON_THE_WAY",
    Kind.INVALID,
    "{tier} is granted while the cycle goes on; only its end can be denied or deferred.",
)
ALREADY_DENIED = refusal("ALREADY_DENIED", Kind.OUT_OF_ORDER, "{tier} was denied in this cycle already.")
ALREADY_HELD = refusal("ALREADY_HELD", Kind.OUT_OF_ORDER, "The program holds {tier} already in this cycle.")
DEFERRALS_EXHAUSTED = refusal(
    "DEFERRALS_EXHAUSTED", Kind.OUT_OF_ORDER, "The decision was deferred {times} times already."
)
DEFERRED_TOO_LONG = refusal(
    "DEFERRED_TOO_LONG", Kind.INVALID, "A decision may be deferred until {latest}, after today."
)
NOT_THE_TIER_HELD = refusal(
    "NOT_THE_TIER_HELD", Kind.INVALID, "A corrective cycle is about {held}, which is held, not about {tier}."
)
TERM_ENDED = refusal(
    "TERM_ENDED",
    Kind.OUT_OF_ORDER,
    "The term that this {kind} cycle keeps is over; end the cycle, and the program asks for a renewal.",
)
STATUS_LOST = refusal(
    "STATUS_LOST",
    Kind.OUT_OF_ORDER,
    "The tier was {status} meanwhile, and no {kind} cycle brings it back; end the cycle, and the program begins anew.",
)
ADVERSE_ACT_PENDING = refusal(
    "ADVERSE_ACT_PENDING", Kind.OUT_OF_ORDER, "Nothing is granted before this is settled: {acts}."
)


class TierDenied(Event):
    """A tier was denied, with what was missing."""

    says = "denied {e.tier}; missing: {e.missing}: {e.reasons}"
    decision_id: Reference
    cycle_id: Reference
    scheme: Code
    tier: Code
    policy: PolicyRef
    zone: Code
    decided_on: date
    missing: tuple[Code, ...]
    ends_cycle: bool
    """False where the evidence carries another tier, which is still to be decided on."""
    appeal_by: date | None = None
    decider: PersonId
    evaluation: int
    reasons: TextRef


class TierDecisionDeferred(Event):
    """The decision was put off, for a time, naming what is missing."""

    says = "deferred the decision until {e.until} (number {e.deferral_no}); missing: {e.missing}: {e.reason}"
    decision_id: Reference
    cycle_id: Reference
    scheme: Code
    tier: Code
    policy: PolicyRef | None = None
    decided_on: date
    missing: tuple[Code, ...]
    until: date
    appeal_by: date | None = None
    """The last day to appeal, once the decision is later than it was put off to (M18)."""
    deferral_no: int
    decider: PersonId
    evaluation: int
    reason: TextRef


class DecideTier(CycleCommand):
    """Grant a tier that the evidence carries."""

    by: ClassVar[tuple[Role, ...]] = (Role.DECIDER,)
    tier: Code
    rationale: Text


class DenyTier(CycleCommand):
    """Deny a tier that the evidence does not carry."""

    by: ClassVar[tuple[Role, ...]] = (Role.DECIDER,)
    tier: Code
    reasons: Text


class DeferDecision(CycleCommand):
    """Put the decision off, for a time that the policy bounds."""

    by: ClassVar[tuple[Role, ...]] = (Role.DECIDER,)
    tier: Code
    until: date
    reason: Text
    missing: tuple[Code, ...] = Field(default=())


def _decidable(need: Need, p: Program, cycle: Cycle, tier: Tier, policy: Policy, today: date) -> Moment:
    """Notes what keeps the cycle from being decided; the moment of the process at which the tier is granted."""
    need(cycle.phase not in ENDED, ALREADY_DECIDED)
    need(tier.granted_at != "application", GRANTED_ON_APPLICATION, tier=tier.label)
    if tier.granted_at == "assessment_started":
        need(cycle.started, ASSESSMENT_NOT_STARTED, tier=tier.label)
        need(tier.code not in cycle.interim, ALREADY_HELD, tier=tier.label)
        now = standing(p, cycle.scheme, today).in_term
        need(now is None or now.rank <= tier.rank, ALREADY_HELD, tier=now and now.label)
    elif tier.granted_at == "cycle_end" and cycle.phase not in ENDED:
        need(cycle.review.completed, REVIEW_NOT_COMPLETE, phase=cycle.phase)
        received = cycle.statement.received if cycle.statement else 0
        need(policy.statement is None or received, STATEMENT_NOT_RECEIVED, phase=cycle.phase)
    return tier.granted_at


def _open_to(p: Program, cycle: Cycle, policy: Policy, today: date) -> list[Tier]:
    """The tiers that a cycle of its kind can end with: an advancement with those above the one held, a corrective cycle
    with that one alone."""
    final = [t for t in policy.tiers if t.granted_at == "cycle_end"]
    held = standing(p, cycle.scheme, today).in_term
    if held and cycle.kind == "advancement":
        return [t for t in final if t.rank > held.rank]
    if held and cycle.kind == "corrective":
        return [t for t in final if t.code == held.tier]
    return final


def _of_its_kind(need: Need, p: Program, cycle: Cycle, tier: Tier, policy: Policy, today: date) -> None:
    """Notes a tier that is not what a cycle of its kind is about."""
    held = standing(p, cycle.scheme, today).in_term
    fits = tier.granted_at != "cycle_end" or cycle.phase in ENDED or tier in _open_to(p, cycle, policy, today)
    why = NOT_THE_TIER_HELD if cycle.kind == "corrective" else NOT_AN_ADVANCEMENT
    need(fits, why, tier=tier.label, held=held and held.label)


def adverse_acts(p: Program, scheme: str, today: date) -> dict[str, str]:
    """What was decided against the tier held, or is intended, and has not run its course, by its id: a grant would pass
    it by. An ending that took effect stands in the way of nothing new."""
    now = standing(p, scheme, today)
    after = (now.holding.in_place_of or now.holding.version) if now.holding else 0
    acts: dict[str, str] = {}
    for m in p.measures:
        lifted = m.until is not None and m.until <= max(m.since, today)
        if m.scheme != scheme or m.version <= after or m.kind not in ("suspended", "reduced", "revoked") or lifted:
            continue
        stayed = any(since <= today and (until is None or today < until) for since, until in m.stays)
        suspended = m.kind == now.status == "suspended"
        if stayed or suspended or today < m.since:
            acts[m.measure_id] = f"{m.kind} from {m.since}"
    return acts | {k: f"notice of intent to {n.action}" for k, n in p.notices.items() if n.scheme == scheme}


def _deciding(
    p: Program, c: DecideTier | DenyTier | DeferDecision, ctx: Context
) -> tuple[Cycle, Policy, Tier, TierEligibilityEvaluated]:
    """What every decision needs: a named, independent decider, a cycle that can be decided, an evaluation made now."""
    cycle = cycle_of(p, c.cycle_id)
    policy, today = rules_of(p, cycle, ctx)
    levels = [t.code for t in policy.tiers]
    tier = found(policy.tier(c.tier), LEVEL_UNKNOWN, level=c.tier, levels=levels)
    need = Need()
    moment = _decidable(need, p, cycle, tier, policy, today)
    _of_its_kind(need, p, cycle, tier, policy, today)
    need(cycle.decider == ctx.person, NOT_THE_DECIDER, decider=cycle.decider, person=ctx.person)
    part = took_part_as(p, cycle, ctx.person)
    need(part is None, DECIDER_NOT_INDEPENDENT, person=ctx.person, part=part)
    unconflicted(need, p, cycle, ctx.person, today, ctx.shelf)
    need.settle()
    assert cycle.access is not None  # nothing starts or is reviewed without access
    evaluated = appraise(
        p,
        ctx.shelf,
        scheme=cycle.scheme,
        policy_ref=cycle.access.policy,
        cycle_id=cycle.cycle_id,
        day=today,
        moment=moment,
        decision_id=ctx.mint(),
    )
    return cycle, policy, tier, evaluated


@stage.decide(DecideTier)
def grant(p: Program, c: DecideTier, ctx: Context) -> Outcomes:
    """Never above what the evidence carries; the whole evaluation is recorded before the grant."""
    cycle, policy, tier, evaluated = _deciding(p, c, ctx)
    evaluation = evaluated.evaluation
    need = Need()
    if tier.granted_at == "cycle_end":
        _timely(need, p, cycle, policy, tier, evaluation.day)
    missing = missing_for(evaluated, tier.code)
    carried = evaluation.of(tier.code).result == "true"
    need(carried, TIER_ABOVE_ELIGIBILITY, tier=tier.label, computed=evaluation.computed, missing=missing)
    need.settle()
    granted = granted_facts(p, policy, tier, evaluated, decider=ctx.person)
    return [evaluated, replace(granted, rationale=c.rationale)]


def _timely(need: Need, p: Program, cycle: Cycle, policy: Policy, tier: Tier, today: date) -> None:
    """Notes a tier that was lost or a term that ended meanwhile, and what is pending against the program."""
    now = standing(p, cycle.scheme, today)
    lost = cycle.kind != "initial" and now.status in ENDING
    need(not lost, STATUS_LOST, status=now.status, kind=cycle.kind)
    keeps = cycle.kind == "corrective" or (cycle.kind == "advancement" and policy.advancement.term == "keep")
    days = (effective(cycle, policy, tier, today), today)
    over = keeps and any(standing(p, cycle.scheme, day).in_term is None for day in days)
    need(lost or not over, TERM_ENDED, kind=cycle.kind)
    acts = adverse_acts(p, cycle.scheme, today)
    need(not acts, ADVERSE_ACT_PENDING, acts=list(acts.values()), ids=list(acts))


@stage.decide(DenyTier)
def deny(p: Program, c: DenyTier, ctx: Context) -> Outcomes:
    """What the evidence carries is not denied; the program learns what was missing and until when it may appeal.

    Where a lower tier is carried, the cycle stays open for the decision on it (S1-18)."""
    cycle, policy, tier, evaluated = _deciding(p, c, ctx)
    carried = evaluated.evaluation.of(tier.code).result == "true"
    need = Need()
    need(tier.granted_at == "cycle_end", GRANTED_ON_THE_WAY, tier=tier.label)
    need(not carried, DENIAL_AGAINST_EVIDENCE, tier=tier.label)
    earlier = [
        d for d in p.decisions.values() if d.cycle_id == cycle.cycle_id and d.outcome == "denied" and not d.reversed
    ]
    need(tier.code not in [d.tier for d in earlier], ALREADY_DENIED, tier=tier.label)
    need.settle()
    day = evaluated.evaluation.day
    left = _open_to(p, cycle, policy, day)
    denied = TierDenied(
        decision_id=evaluated.decision_id,
        cycle_id=cycle.cycle_id,
        scheme=cycle.scheme,
        tier=tier.code,
        policy=evaluated.policy,
        zone=policy.timezone,
        decided_on=day,
        missing=missing_for(evaluated, tier.code),
        ends_cycle=not any(evaluated.evaluation.of(t.code).result == "true" for t in left),
        appeal_by=add(day, policy.adverse.appeal_within) if policy.adverse else None,
        decider=ctx.person,
        evaluation=evaluated.through_version + 1,
        reasons=c.reasons,
    )
    return [evaluated, denied]


@stage.decide(DeferDecision)
def defer(p: Program, c: DeferDecision, ctx: Context) -> Outcomes:
    """As often and as long as the policy allows, no more."""
    cycle, policy, tier, evaluated = _deciding(p, c, ctx)
    day = evaluated.evaluation.day
    latest = add(day, policy.deferral.max_period)
    need = Need()
    need(tier.granted_at == "cycle_end", GRANTED_ON_THE_WAY, tier=tier.label)
    need(cycle.deferrals < policy.deferral.max_times, DEFERRALS_EXHAUSTED, times=cycle.deferrals)
    need(day < c.until <= latest, DEFERRED_TOO_LONG, latest=latest)
    need.settle()
    deferred = TierDecisionDeferred(
        decision_id=evaluated.decision_id,
        cycle_id=cycle.cycle_id,
        scheme=cycle.scheme,
        tier=tier.code,
        policy=evaluated.policy,
        decided_on=day,
        missing=c.missing or missing_for(evaluated, tier.code),
        until=c.until,
        appeal_by=add(c.until, policy.adverse.appeal_within) if policy.adverse else None,
        deferral_no=cycle.deferrals + 1,
        decider=ctx.person,
        evaluation=evaluated.through_version + 1,
        reason=c.reason,
    )
    return [evaluated, deferred]


@stage.evolve(TierDenied)
def _(p: Program, e: TierDenied, v: int) -> Program:
    p = remembered(p, e, v, "denied")
    return with_cycle(p, e.cycle_id, phase=Phase.DECIDED) if e.ends_cycle else p


@stage.evolve(TierDecisionDeferred)
def _(p: Program, e: TierDecisionDeferred, v: int) -> Program:
    fields = {"deferrals": e.deferral_no, "deferred_until": e.until, "phase": Phase.DEFERRED}
    return with_cycle(remembered(p, e, v, "deferred", e.until), e.cycle_id, **fields)
