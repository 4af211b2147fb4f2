"""Hearing: the panel decides an appeal. It may rule anew on single items; a tier still needs the evidence (M18)."""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from domain.appeal import (
    OF_A_CYCLE,
    PANEL_NOT_INDEPENDENT,
    SUPERSEDED_MEANWHILE,
    appeal_of,
    involved_in,
    panelist,
    rules_for,
    stay_ended,
    superseded,
    with_appeal,
)
from domain.assessment import instrument_of, known_items
from domain.decision import ADVERSE_ACT_PENDING, STATUS_LOST, TIER_ABOVE_ELIGIBILITY, adverse_acts
from domain.evidence import TierEligibilityEvaluated, appraise
from domain.grant import TierGranted, effective, granted_facts, missing_for
from domain.language import Context, Event, Kind, Need, Outcome, Outcomes, ProgramCommand, Role, Stage, found, refusal
from domain.membership import LEVEL_UNKNOWN
from domain.notice import archived
from domain.policy.model import Policy, Tier
from domain.program import Cycle, CycleEvent, Determination, Phase, Program, tenured, with_review
from domain.reversal import DecisionReversed, other_cycle
from domain.statement import EvidenceReopened, StatementOfAccuracyVoided
from domain.status import ENDING, standing
from domain.tenure import Appeal, Decision, Tenure, bears
from domain.values import Code, PersonId, Rating, Reference, Text, TextRef

stage = Stage("hearing")

PANELIST_UNDECLARED = refusal(
    "PANELIST_UNDECLARED", Kind.OUT_OF_ORDER, "These members of the panel have not declared yet: {people}."
)
NOT_THE_CHAIR = refusal(
    "NOT_THE_CHAIR", Kind.NOT_ALLOWED, "{chair}, who was named first, records the panel's decision."
)
TIER_REQUIRED = refusal("TIER_REQUIRED", Kind.INCOMPLETE, "A denial or a grant is overturned by naming the tier.")
NOT_ABOVE_THE_GRANT = refusal(
    "NOT_ABOVE_THE_GRANT", Kind.INVALID, "{tier} is not above the {granted} that was granted."
)
NOTHING_TO_REDETERMINE = refusal(
    "NOTHING_TO_REDETERMINE", Kind.INVALID, "Items are ruled on anew only where a grant, denial or delay is overturned."
)
REMAND_NOT_POSSIBLE = refusal(
    "REMAND_NOT_POSSIBLE",
    Kind.INVALID,
    "Only a denial in a cycle that the program did not withdraw from can go back to review; this was {outcome}.",
)


class ItemsRedetermined(CycleEvent):
    """The panel ruled anew on items: 0 is not in practice, 1 to 5 is in practice with that quality."""

    says = "ruled anew on {e.item_ids}: {e.reason}"
    appeal_id: Reference
    ratings: dict[Code, int]
    by: PersonId
    reason: TextRef

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Which items."""
        return tuple(self.ratings)


class AppealDecided(Event):
    """The panel decided: the decision stands, is overturned, or goes back to review."""

    says = "decided the appeal: {e.outcome}: {e.reasons}"
    appeal_id: Reference
    decision_id: Reference
    scheme: Code
    outcome: Code
    panel: tuple[PersonId, ...]
    decided_on: date
    reasons: TextRef


class DecideAppeal(ProgramCommand):
    """Record the panel's decision; whoever was named first does so, once every member has declared."""

    by: ClassVar[tuple[Role, ...]] = (Role.PANELIST,)
    appeal_id: Reference
    outcome: Literal["upheld", "overturned", "remanded"]
    tier: Code | None = None
    """The tier to be granted, where a grant, denial or delay is overturned."""
    redetermined: dict[Code, Annotated[int, Field(ge=0, le=5)]] = {}
    reasons: Text


def _panel(need: Need, p: Program, appeal: Appeal, ctx: Context, today: date) -> None:
    """Notes what keeps the panel from deciding."""
    undeclared = [m for m in appeal.panel if m not in appeal.declared]
    decision = p.decisions[appeal.decision_id]
    involved = {m for m in appeal.panel if involved_in(p, decision, m, today, ctx.shelf)}
    tied = [m for m in appeal.panel if appeal.declared.get(m, "none") != "none" or m in involved]
    panelist(need, appeal, ctx.person, today)
    need(not undeclared, PANELIST_UNDECLARED, people=undeclared)
    need(not tied, PANEL_NOT_INDEPENDENT, people=tied)
    need(appeal.panel[0] == ctx.person, NOT_THE_CHAIR, chair=appeal.panel[0])


@stage.decide(DecideAppeal)
def decide_appeal(p: Program, c: DecideAppeal, ctx: Context) -> Outcomes:
    """The panel's word on the decision; what follows from it happens in the same append."""
    appeal = appeal_of(p, c.appeal_id, "panel_named")
    decision = p.decisions[appeal.decision_id]
    policy, _, today = rules_for(p, decision, ctx)
    need = Need()
    _panel(need, p, appeal, ctx, today)
    of_cycle = decision.outcome in OF_A_CYCLE
    overturns = c.outcome == "overturned" and of_cycle
    need(overturns or not c.redetermined, NOTHING_TO_REDETERMINE)
    need(c.tier or not overturns, TIER_REQUIRED)
    need(c.outcome == "upheld" or not of_cycle or not superseded(p, decision), SUPERSEDED_MEANWHILE)
    if c.outcome == "remanded":
        _remandable(need, p, decision)
    need.settle()
    decided = AppealDecided(
        appeal_id=c.appeal_id,
        decision_id=appeal.decision_id,
        scheme=appeal.scheme,
        outcome=c.outcome,
        panel=appeal.panel,
        decided_on=today,
        reasons=c.reasons,
    )
    if c.outcome == "upheld":
        return [decided]
    if c.outcome == "remanded":
        return [decided, *_remanded(p, appeal.decision_id, decision, today, c.reasons)]
    assert policy is not None  # without a policy nothing can be appealed against
    if of_cycle:
        return [*_granted_instead(p, c, decision, policy, ctx, today), decided]
    from_first = policy.adverse is not None and policy.adverse.overturned_dates == "as_first_decided"
    lifted = _reversed(appeal.decision_id, decision, today, from_first=from_first)
    return [decided, lifted, *archived(p, appeal.decision_id, "overturned")]


def _remandable(need: Need, p: Program, decision: Decision) -> None:
    """Notes what cannot go back to review."""
    need(decision.outcome == "denied", REMAND_NOT_POSSIBLE, outcome=decision.outcome)
    cycle = p.cycles.get(decision.cycle_id or "")
    need(cycle is None or cycle.phase is not Phase.WITHDRAWN, REMAND_NOT_POSSIBLE, outcome="withdrawn")
    other_cycle(need, p, decision)


def _reversed(decision_id: str, decision: Decision, today: date, *, from_first: bool) -> DecisionReversed:
    return DecisionReversed(
        decision_id=decision_id, scheme=decision.scheme, ground="appeal", from_first=from_first, effective_on=today
    )


def _remanded(p: Program, decision_id: str, decision: Decision, today: date, reasons: TextRef) -> list[Outcome]:
    """Back to review: the denial is reversed, and what leadership stated about the old evidence is void (A14)."""
    cycle_id = decision.cycle_id or ""
    cycle = p.cycles[cycle_id]
    events: list[Outcome] = [
        _reversed(decision_id, decision, today, from_first=True),
        EvidenceReopened(cycle_id=cycle_id, reason=reasons),
    ]
    if cycle.statement:
        voided, because = cycle.statement.statement_id, p.version + 3
        events.append(StatementOfAccuracyVoided(cycle_id=cycle_id, statement_id=voided, because=because))
    return events


def _redetermine(p: Program, c: DecideAppeal, cycle: Cycle, ctx: Context) -> list[ItemsRedetermined]:
    """The panel's rulings on single items, if there are any."""
    if not c.redetermined:
        return []
    need = Need()
    known_items(need, instrument_of(cycle, ctx), tuple(c.redetermined))
    need.settle()
    return [
        ItemsRedetermined(
            cycle_id=cycle.cycle_id,
            appeal_id=c.appeal_id,
            ratings=dict(c.redetermined),
            by=ctx.person,
            reason=c.reasons,
        )
    ]


def _granted_instead(
    p: Program, c: DecideAppeal, decision: Decision, policy: Policy, ctx: Context, today: date
) -> list[Outcome]:
    """The tier that the panel grants: on the evidence as it now stands, never above it."""
    cycle = p.cycles[decision.cycle_id or ""]
    final = {t.code: t for t in policy.tiers if t.granted_at == "cycle_end"}
    tier = found(final.get(c.tier or ""), LEVEL_UNKNOWN, level=c.tier, levels=[*final])
    assert decision.policy is not None  # what is decided about a cycle rests on its policy
    ruled = _redetermine(p, c, cycle, ctx)
    then = p
    for event in ruled:
        then = replace(stage.arms[ItemsRedetermined](then, event, then.version + 1), version=then.version + 1)
    evaluated = appraise(
        then,
        ctx.shelf,
        scheme=decision.scheme,
        policy_ref=decision.policy,
        cycle_id=cycle.cycle_id,
        day=today,
        moment=tier.granted_at,
        decision_id=ctx.mint(),
    )
    _carried(p, policy, decision, tier, evaluated)
    _timely(p, decision, cycle, today)
    granted = _dated(then, policy, decision, tier, evaluated, today, decider=ctx.person)
    # The panel's word is the last one: no appeal against it.
    more: dict[str, Any] = {"supersedes": p.appeals[c.appeal_id].decision_id, "rationale": c.reasons, "appeal_by": None}
    return [*ruled, evaluated, replace(granted, **more)]


def _carried(p: Program, policy: Policy, decision: Decision, tier: Tier, evaluated: TierEligibilityEvaluated) -> None:
    """Refuses a tier that the evidence does not carry, or that is not above what was granted."""
    held = policy.tier(decision.tier)
    need = Need()
    missing, computed = missing_for(evaluated, tier.code), evaluated.evaluation.computed
    carried = evaluated.evaluation.of(tier.code).result == "true"
    need(carried, TIER_ABOVE_ELIGIBILITY, tier=tier.label, computed=computed, missing=missing)
    above = decision.outcome != "granted" or held is None or tier.rank > held.rank
    need(above, NOT_ABOVE_THE_GRANT, tier=tier.label, granted=held and held.label)
    need.settle()


def _timely(p: Program, decision: Decision, cycle: Cycle, today: date) -> None:
    """Refuses a grant that would pass by what was decided, or is intended, against a tier held before (as at any
    decision). A grant in the place of another bears what that one bears."""
    now, acts = standing(p, cycle.scheme, today), adverse_acts(p, cycle.scheme, today)
    lost = cycle.kind != "initial" and now.status in ENDING
    in_place = decision.outcome == "granted"
    need = Need()
    need(in_place or not lost, STATUS_LOST, status=now.status, kind=cycle.kind)
    need(in_place or not acts, ADVERSE_ACT_PENDING, acts=list(acts.values()), ids=list(acts))
    need.settle()


def _dated(
    p: Program,
    policy: Policy,
    decision: Decision,
    tier: Tier,
    evaluated: TierEligibilityEvaluated,
    today: date,
    *,
    decider: str,
) -> TierGranted:
    """As first decided, or from the panel's day, as the policy says; a grant keeps the end of its term."""
    as_first = policy.adverse is not None and policy.adverse.overturned_dates == "as_first_decided"
    first = next((h for h in p.holdings if h.version == decision.version), None)
    cycle = p.cycles[decision.cycle_id or ""]
    since = (
        (first.effective_on if first else effective(cycle, policy, tier, decision.decided_on)) if as_first else today
    )
    granted = granted_facts(p, policy, tier, evaluated, decider=decider, kind="on_appeal", since=since)
    if first is None:
        return granted
    return replace(granted, **{name: getattr(first, name) for name in ("expires_on", "extended_from", "extensions")})


@stage.evolve(ItemsRedetermined)
def _(p: Program, e: ItemsRedetermined, v: int) -> Program:
    def ruled(quality: int) -> Determination:
        in_place: Any = Rating("yes", quality) if quality else Rating("no")  # pyright: ignore[reportArgumentType]
        return Determination(outcome="adjusted", rating=in_place, version=v, by=e.by)

    review = p.cycles[e.cycle_id].review
    anew = {item: ruled(quality) for item, quality in e.ratings.items()}
    return with_review(p, e.cycle_id, determinations={**review.determinations, **anew})


@bears(AppealDecided)
def _(t: Tenure, e: AppealDecided, v: int) -> Tenure:
    return stay_ended(t, e.decision_id, e.decided_on)


@stage.evolve(AppealDecided)
def _(p: Program, e: AppealDecided, v: int) -> Program:
    return with_appeal(tenured(p, e, v), e.appeal_id, state="decided")
