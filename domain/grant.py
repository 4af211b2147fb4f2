"""Grant: the publishable facts of a tier that was granted, and the term that they fix (A2, A3, M14, M15)."""

from datetime import date
from typing import Any

from msgspec.structs import replace

from domain.evidence import TierEligibilityEvaluated
from domain.language import Event, Stage, found
from domain.policy.evaluate import gaps
from domain.policy.model import Policy, Tier
from domain.program import Cycle, Phase, Program, tenured, with_cycle
from domain.status import NO_ACTIVE_STATUS, standing, through
from domain.tenure import Decision, Holding, Tenure, bears
from domain.term import add
from domain.values import Code, OrganisationName, PersonId, PolicyRef, Reference, TextRef

stage = Stage("grant")


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
    extended_from: date | None = None
    """When the term that it goes on in would have ended, had it not been extended."""
    extensions: int = 0
    review_due_on: date | None = None
    hold_until: date | None = None
    falls_back_to: Code | None = None
    decider: PersonId
    evaluation: int
    appeal_by: date | None = None
    """The last day to appeal against a grant below the tier sought (M18)."""
    supersedes: Reference | None = None
    """The decision in whose place it stands, after an appeal."""
    rationale: TextRef | None = None

    @property
    def term(self) -> str:
        """From when to when, by the last valid day (M22)."""
        return f"from {self.effective_on} {through(self.expires_on)}"


def missing_for(evaluated: TierEligibilityEvaluated, tier: str) -> tuple[str, ...]:
    """What stands between the evidence and a tier: item ids where there are any, else the criteria."""
    found_gaps = gaps(evaluated.evaluation, tier)
    return tuple(dict.fromkeys(m for g in found_gaps for m in (g.missing or (g.criterion,))))


def effective(cycle: Cycle | None, policy: Policy, tier: Tier, day: date) -> date:
    """The day the tier counts from: the receipt of the statement, or the day of the decision (A2, M15)."""
    received = cycle.statement.received_on if cycle and cycle.statement else None
    at_receipt = policy.term.starts == "statement_received_on" and tier.granted_at == "cycle_end"
    return received if at_receipt and received else day


def kept(p: Program, cycle: Cycle | None, policy: Policy, since: date) -> Holding | None:
    """The tier in whose running term a grant goes on: an advancement's, where the policy says so (A3), and a corrective
    cycle's. Refused where that term has ended: neither looks at enough to begin a new one."""
    goes_on = cycle and (
        cycle.kind == "corrective" or (cycle.kind == "advancement" and policy.advancement.term == "keep")
    )
    if not cycle or not goes_on:
        return None
    now = standing(p, cycle.scheme, since)
    return found(now.in_term, NO_ACTIVE_STATUS, scheme=cycle.scheme, status=now.status)


def expiry(p: Program, cycle: Cycle | None, policy: Policy, since: date) -> date | None:
    """When the term ends: that of a running term that is kept, extended or not; a renewal in its window goes on from
    the end of the old one (M15), whatever an extension added."""
    running = kept(p, cycle, policy, since)
    if not policy.term.length:
        return None
    if running and running.expires_on:
        return running.expires_on
    held = standing(p, cycle.scheme, since).in_term if cycle else None
    old_end = held and (held.extended_from or held.expires_on)
    goes_on = policy.renewal and policy.renewal.anchor == "previous_expiry_if_in_window"
    if cycle and cycle.kind == "renewal" and old_end and goes_on:
        return add(old_end, policy.term.length)
    return add(since, policy.term.length)


def below_sought(cycle: Cycle | None, policy: Policy, tier: Tier) -> bool:
    """Whether a tier is lower than the one that the program asked for; without naming one it asked for the highest."""
    if cycle is None or tier.granted_at != "cycle_end":
        return False
    sought = policy.tier(cycle.tier_sought) if cycle.tier_sought else None
    highest = max(t.rank for t in policy.tiers if t.granted_at == "cycle_end")
    return tier.rank < (sought.rank if sought else highest)


def _ends(p: Program, cycle: Cycle | None, policy: Policy, tier: Tier, since: date) -> dict[str, Any]:
    """The days that a grant fixes; a transitional or unassessed tier has no term of its own."""
    review, timed = policy.term.review_due, tier.granted_at == "cycle_end"
    running = kept(p, cycle, policy, since) if timed else None
    return {
        "expires_on": expiry(p, cycle, policy, since) if timed else None,
        "extended_from": running.extended_from if running else None,
        "extensions": running.extensions if running else 0,
        "review_due_on": add(since, review) if review and timed else None,
        "hold_until": add(since, tier.hold.max) if tier.hold else None,
        "falls_back_to": tier.hold.on_lapse if tier.hold else None,
    }


def granted_facts(
    p: Program,
    policy: Policy,
    tier: Tier,
    evaluated: TierEligibilityEvaluated,
    *,
    decider: str,
    kind: str | None = None,
    since: date | None = None,
) -> TierGranted:
    """The publishable facts of a grant."""
    day = evaluated.evaluation.day
    cycle = p.cycles[evaluated.cycle_id] if evaluated.cycle_id else None
    effective_on = since or effective(cycle, policy, tier, day)
    appealable = policy.adverse and below_sought(cycle, policy, tier)
    return TierGranted(
        decision_id=evaluated.decision_id,
        cycle_id=evaluated.cycle_id,
        scheme=evaluated.scheme,
        kind=kind or (cycle.kind if cycle else "initial"),
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
        decided_on=day,
        effective_on=effective_on,
        **_ends(p, cycle, policy, tier, effective_on),
        decider=decider,
        evaluation=evaluated.through_version + 1,
        appeal_by=add(day, policy.adverse.appeal_within) if appealable and policy.adverse else None,
    )


def remembered(
    p: Program, e: Any, v: int, outcome: str, until: date | None = None, involved: tuple[str, ...] = ()
) -> Program:
    """The program with a decision of one kind or another added to those that can be appealed against or reversed."""
    decision = Decision(
        outcome=outcome,  # pyright: ignore[reportArgumentType]
        scheme=e.scheme,
        tier=e.tier,
        cycle_id=getattr(e, "cycle_id", None),
        version=v,
        evaluation=getattr(e, "evaluation", 0),
        decider=e.decider,
        decided_on=e.decided_on,
        policy=e.policy,
        until=until,
        appeal_by=getattr(e, "appeal_by", None),
        immediate=getattr(e, "imminent_harm", False),
        involved=involved,
        zone=getattr(e, "zone", ""),
    )
    return replace(p, decisions={**p.decisions, e.decision_id: decision})


@bears(TierGranted)
def _(t: Tenure, e: TierGranted, v: int) -> Tenure:
    replaced = next((h for h in t.holdings if e.supersedes and h.decision_id == e.supersedes), None)
    holding = Holding(
        scheme=e.scheme,
        tier=e.tier,
        rank=e.rank,
        label=e.label,
        assessed=e.assessed,
        effective_on=e.effective_on,
        expires_on=e.expires_on,
        zone=e.zone,
        extended_from=e.extended_from,
        extensions=e.extensions,
        hold_until=e.hold_until,
        falls_back_to=e.falls_back_to,
        version=v,
        in_place_of=(replaced.in_place_of or replaced.version) if replaced else 0,
        decision_id=e.decision_id,
        cycle_id=e.cycle_id,
        policy=e.policy,
    )
    return replace(t, holdings=(*t.holdings, holding))


@stage.evolve(TierGranted)
def _(p: Program, e: TierGranted, v: int) -> Program:
    p = tenured(remembered(p, e, v, "granted"), e, v)
    if e.cycle_id is None:
        return p
    cycle = p.cycles[e.cycle_id]
    if e.granted_at != "cycle_end":  # granted while the assessment goes on: the cycle stays open (M14)
        return with_cycle(p, e.cycle_id, interim=(*cycle.interim, e.tier))
    return with_cycle(p, e.cycle_id, phase=Phase.DECIDED)
