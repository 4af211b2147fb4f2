"""Decision: somebody who did not review decides, on an evaluation made there and then (S0-03..S0-06, S1-18, A2, A26)."""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from domain.access import cycle_of, rules_of
from domain.evidence import TierEligibilityEvaluated, appraise
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
from domain.policy.evaluate import gaps
from domain.policy.model import Moment, Policy, Tier
from domain.program import ENDED, Cycle, Decision, Holding, Phase, Program, with_cycle
from domain.statement import ALREADY_DECIDED, REVIEW_NOT_COMPLETE
from domain.status import standing, through
from domain.term import add
from domain.values import Code, OrganisationName, PersonId, PolicyRef, Reference, Text, TextRef

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


class TierGranted(Event):
    """A tier was granted: the facts that may be published, and the version of the evaluation it rests on."""

    says = "granted {e.label}, {e.term}[: {e.rationale}]"
    decision_id: Reference
    cycle_id: Reference | None = None
    scheme: Code
    kind: Code
    tier: Code
    granted_at: Code
    rank: int
    label: OrganisationName
    badge: Code | None = None
    listing: Code
    national_badge: bool = False
    assessed: bool
    policy: PolicyRef
    zone: Code
    decided_on: date
    effective_on: date
    expires_on: date | None = None
    review_due_on: date | None = None
    hold_until: date | None = None
    falls_back_to: Code | None = None
    decider: PersonId
    evaluation: int
    rationale: TextRef | None = None

    @property
    def term(self) -> str:
        """From when to when, by the last valid day (M22)."""
        return f"from {self.effective_on} {through(self.expires_on)}"


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
    decided_on: date
    missing: tuple[Code, ...]
    until: date
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


def missing_for(evaluated: TierEligibilityEvaluated, tier: str) -> tuple[str, ...]:
    """What stands between the evidence and a tier: item ids where there are any, else the criteria."""
    found_gaps = gaps(evaluated.evaluation, tier)
    return tuple(dict.fromkeys(m for g in found_gaps for m in (g.missing or (g.criterion,))))


def granted_facts(
    policy: Policy, tier: Tier, evaluated: TierEligibilityEvaluated, *, kind: str, effective_on: date, decider: str
) -> TierGranted:
    """The publishable facts of a grant. A transitional or unassessed tier has no term of its own."""
    term = policy.term
    timed = tier.granted_at == "cycle_end"
    return TierGranted(
        decision_id=evaluated.decision_id,
        cycle_id=evaluated.cycle_id,
        scheme=evaluated.scheme,
        kind=kind,
        tier=tier.code,
        granted_at=tier.granted_at,
        rank=tier.rank,
        label=tier.label,
        badge=tier.badge,
        listing=tier.listing,
        national_badge=tier.national_badge,
        assessed=tier.assessed,
        policy=evaluated.policy,
        zone=policy.timezone,
        decided_on=evaluated.evaluation.day,
        effective_on=effective_on,
        expires_on=add(effective_on, term.length) if term.length and timed else None,
        review_due_on=add(effective_on, term.review_due) if term.review_due and timed else None,
        hold_until=add(effective_on, tier.hold.max) if tier.hold else None,
        falls_back_to=tier.hold.on_lapse if tier.hold else None,
        decider=decider,
        evaluation=evaluated.through_version + 1,
    )


def _decidable(need: Need, p: Program, cycle: Cycle, tier: Tier, policy: Policy, today: date) -> Moment:
    """Notes what keeps the cycle from being decided; the moment of the process at which the tier is granted."""
    need(cycle.phase not in ENDED, ALREADY_DECIDED)
    need(tier.granted_at != "application", GRANTED_ON_APPLICATION, tier=tier.label)
    if tier.granted_at == "assessment_started":
        need(cycle.started, ASSESSMENT_NOT_STARTED, tier=tier.label)
        need(tier.code not in cycle.interim, ALREADY_HELD, tier=tier.label)
        now = standing(p.holdings, cycle.scheme, today)
        higher = now.holding if now.holding and now.status == "active" and now.holding.rank > tier.rank else None
        need(higher is None, ALREADY_HELD, tier=higher and higher.label)
    elif tier.granted_at == "cycle_end" and cycle.phase not in ENDED:
        need(cycle.review.completed, REVIEW_NOT_COMPLETE, phase=cycle.phase)
        received = cycle.statement.received if cycle.statement else 0
        need(policy.statement is None or received, STATEMENT_NOT_RECEIVED, phase=cycle.phase)
    return tier.granted_at


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
    need(cycle.decider == ctx.person, NOT_THE_DECIDER, decider=cycle.decider, person=ctx.person)
    part = took_part_as(p, cycle, ctx.person)
    need(part is None, DECIDER_NOT_INDEPENDENT, person=ctx.person, part=part)
    unconflicted(need, p, cycle, ctx.person, today)
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


def _effective(cycle: Cycle, policy: Policy, tier: Tier, today: date) -> date:
    """The day the tier counts from: the receipt of the statement, or the day of the decision (A2, M15)."""
    received = cycle.statement.received_on if cycle.statement else None
    at_receipt = policy.term.starts == "statement_received_on" and tier.granted_at == "cycle_end"
    return received if at_receipt and received else today


@stage.decide(DecideTier)
def grant(p: Program, c: DecideTier, ctx: Context) -> Outcomes:
    """Never above what the evidence carries; the whole evaluation is recorded before the grant."""
    cycle, policy, tier, evaluated = _deciding(p, c, ctx)
    evaluation = evaluated.evaluation
    need = Need()
    missing = missing_for(evaluated, tier.code)
    carried = evaluation.of(tier.code).result == "true"
    need(carried, TIER_ABOVE_ELIGIBILITY, tier=tier.label, computed=evaluation.computed, missing=missing)
    need.settle()
    effective_on = _effective(cycle, policy, tier, evaluation.day)
    granted = granted_facts(policy, tier, evaluated, kind=cycle.kind, effective_on=effective_on, decider=ctx.person)
    held = standing(p.holdings, cycle.scheme, effective_on)
    if cycle.kind == "renewal" and policy.term.length and held.holding and held.status == "active":
        anchor = policy.renewal and policy.renewal.anchor == "previous_expiry_if_in_window"
        if anchor and held.holding.expires_on:
            granted = replace(granted, expires_on=add(held.holding.expires_on, policy.term.length))
    return [evaluated, replace(granted, rationale=c.rationale)]


def _carried_at_the_end(evaluated: TierEligibilityEvaluated, policy: Policy) -> bool:
    """Whether the evidence carries any tier that is granted at the end of a cycle."""
    final = [t.code for t in policy.tiers if t.granted_at == "cycle_end"]
    return any(evaluated.evaluation.of(code).result == "true" for code in final)


@stage.decide(DenyTier)
def deny(p: Program, c: DenyTier, ctx: Context) -> Outcomes:
    """What the evidence carries is not denied; the program learns what was missing and until when it may appeal.

    Where a lower tier is carried, the cycle stays open for the decision on it (S1-18)."""
    cycle, policy, tier, evaluated = _deciding(p, c, ctx)
    carried = evaluated.evaluation.of(tier.code).result == "true"
    need = Need()
    need(tier.granted_at == "cycle_end", GRANTED_ON_THE_WAY, tier=tier.label)
    need(not carried, DENIAL_AGAINST_EVIDENCE, tier=tier.label)
    earlier = [d for d in p.decisions.values() if d.cycle_id == cycle.cycle_id and d.outcome == "denied"]
    need(tier.code not in [d.tier for d in earlier], ALREADY_DENIED, tier=tier.label)
    need.settle()
    day = evaluated.evaluation.day
    denied = TierDenied(
        decision_id=evaluated.decision_id,
        cycle_id=cycle.cycle_id,
        scheme=cycle.scheme,
        tier=tier.code,
        policy=evaluated.policy,
        zone=policy.timezone,
        decided_on=day,
        missing=missing_for(evaluated, tier.code),
        ends_cycle=not _carried_at_the_end(evaluated, policy),
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
        decided_on=day,
        missing=c.missing or missing_for(evaluated, tier.code),
        until=c.until,
        deferral_no=cycle.deferrals + 1,
        decider=ctx.person,
        evaluation=evaluated.through_version + 1,
        reason=c.reason,
    )
    return [evaluated, deferred]


def _decided(
    p: Program,
    e: TierGranted | TierDenied | TierDecisionDeferred,
    v: int,
    outcome: Literal["granted", "denied", "deferred"],
) -> Program:
    decision = Decision(
        outcome=outcome,
        scheme=e.scheme,
        tier=e.tier,
        cycle_id=e.cycle_id,
        version=v,
        evaluation=e.evaluation,
    )
    return replace(p, decisions={**p.decisions, e.decision_id: decision})


@stage.evolve(TierGranted)
def _(p: Program, e: TierGranted, v: int) -> Program:
    holding = Holding(
        scheme=e.scheme,
        tier=e.tier,
        rank=e.rank,
        label=e.label,
        assessed=e.assessed,
        effective_on=e.effective_on,
        expires_on=e.expires_on,
        hold_until=e.hold_until,
        falls_back_to=e.falls_back_to,
        version=v,
        decision_id=e.decision_id,
    )
    p = replace(_decided(p, e, v, "granted"), holdings=(*p.holdings, holding))
    if e.cycle_id is None:
        return p
    cycle = p.cycles[e.cycle_id]
    if e.granted_at != "cycle_end":  # granted while the assessment goes on: the cycle stays open (M14)
        return with_cycle(p, e.cycle_id, interim=(*cycle.interim, e.tier))
    return with_cycle(p, e.cycle_id, phase=Phase.DECIDED)


@stage.evolve(TierDenied)
def _(p: Program, e: TierDenied, v: int) -> Program:
    p = _decided(p, e, v, "denied")
    return with_cycle(p, e.cycle_id, phase=Phase.DECIDED) if e.ends_cycle else p


@stage.evolve(TierDecisionDeferred)
def _(p: Program, e: TierDecisionDeferred, v: int) -> Program:
    fields = {"deferrals": e.deferral_no, "deferred_until": e.until, "phase": Phase.DEFERRED}
    return with_cycle(_decided(p, e, v, "deferred"), e.cycle_id, **fields)
