"""Reversal: a decision is corrected or reversed by two people, without rewriting it (M4, M6).

A typed date is corrected, the evidence is looked at again and the public is told. A denial or an adverse act that
should not have been is reversed; a grant is not: it can be taken away only after notice and reply.
"""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.appeal import (
    DECISION_UNKNOWN,
    SUPERSEDED_MEANWHILE,
    AppealDismissed,
    rules_for,
    superseded,
)
from domain.decision import TIER_ABOVE_ELIGIBILITY
from domain.evidence import appraise
from domain.grant import missing_for
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, found, refusal
from domain.notice import archived, posted
from domain.policy.model import Policy
from domain.program import ENDED, Phase, Program, tenured, with_cycle, without
from domain.publishing import SECOND_PERSON_REQUIRED
from domain.tenure import Decision, Holding, Measure, Proposal, Tenure, bears
from domain.term import add
from domain.values import Code, PersonId, Reference, Text, TextRef

stage = Stage("reversal")

NOT_REVERSIBLE = refusal(
    "NOT_REVERSIBLE",
    Kind.INVALID,
    "What was {outcome} is not reversed; a tier is taken away only after notice and reply.",
)
ALREADY_REVERSED = refusal("ALREADY_REVERSED", Kind.OUT_OF_ORDER, "That decision was reversed already.")
NOT_CLERICAL = refusal("NOT_CLERICAL", Kind.INVALID, "Only the day from which a grant counts can be corrected.")
DAY_UNCHANGED = refusal("DAY_UNCHANGED", Kind.INVALID, "The grant counts from {day} already.")
DAY_NOT_POSSIBLE = refusal(
    "DAY_NOT_POSSIBLE", Kind.INVALID, "A grant decided on {decided_on} counts from a day between {earliest} and then."
)
PROPOSAL_OPEN = refusal("PROPOSAL_OPEN", Kind.OUT_OF_ORDER, "A {kind} of that decision waits for a second person.")
PROPOSAL_UNKNOWN = refusal("PROPOSAL_UNKNOWN", Kind.UNKNOWN, "No proposal {proposal_id} waits for a second person.")
ANOTHER_CYCLE_OPEN = refusal(
    "ANOTHER_CYCLE_OPEN",
    Kind.OUT_OF_ORDER,
    "The cycle {cycle_id} is under way; the denied one can't be opened beside it.",
)

REACH = "P12M"
"""How far the day of a grant can be moved back from its decision by a correction (proposal)."""
REVERSIBLE = ("denied", "suspended", "reduced", "revoked")


class DecisionChangeProposed(Event):
    """One person proposed to correct or reverse a decision; a second has to agree."""

    says = "proposed the {e.kind} of a decision ({e.ground})[, to count from {e.effective_on}]: {e.reason}"
    proposal_id: Reference
    decision_id: Reference
    kind: Code
    effective_on: date | None = None
    ground: Code
    person: PersonId
    reason: TextRef


class DecisionChangeDeclined(Event):
    """The second person did not agree."""

    says = "declined the proposal: {e.reason}"
    proposal_id: Reference
    reason: TextRef


class DecisionCorrected(Event):
    """A typed day of a grant was corrected; the decision's own record stays as it was."""

    says = "corrected the first day of a grant from {e.was} to {e.effective_on} ({e.ground})"
    decision_id: Reference
    scheme: Code
    was: date
    effective_on: date
    expires_on: date | None = None
    extended_from: date | None = None
    ground: Code
    agreed_by: tuple[PersonId, ...]
    evaluation: int
    """Version in which the evidence was looked at again."""


class DecisionReversed(Event):
    """A decision has no effect any more: as if never taken, or from a day on."""

    says = "reversed a decision ({e.ground}) from {e.effective_on}"
    decision_id: Reference
    scheme: Code
    ground: Code
    from_first: bool
    """Whether it counts as never taken; otherwise its effect ends on the day."""
    effective_on: date
    agreed_by: tuple[PersonId, ...] = ()


class ProposeCorrection(ProgramCommand):
    """Propose to correct the day from which a grant counts, such as a mistyped day of receipt."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.DECIDER)
    decision_id: Reference
    effective_on: date
    ground: Literal["typing_error", "wrong_day_recorded"]
    reason: Text


class ProposeReversal(ProgramCommand):
    """Propose to reverse a denial or an adverse act that should not have been."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.DECIDER)
    decision_id: Reference
    ground: Literal["wrong_program", "procedural_error", "facts_wrong"]
    reason: Text


class ConfirmDecisionChange(ProgramCommand):
    """Agree to a proposal of another person; with that it takes effect."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.DECIDER)
    proposal_id: Reference


class DeclineDecisionChange(ProgramCommand):
    """Let a proposal rest; whoever made it may do so too."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.DECIDER)
    proposal_id: Reference
    reason: Text


def _decision(need: Need, p: Program, decision_id: str) -> Decision:
    """The decision, with what speaks against changing it noted."""
    decision = found(p.decisions.get(decision_id), DECISION_UNKNOWN, decision_id=decision_id)
    need(not decision.reversed, ALREADY_REVERSED)
    waiting = next((x for x in p.proposals.values() if x.decision_id == decision_id), None)
    need(waiting is None, PROPOSAL_OPEN, kind=waiting and waiting.kind)
    return decision


def _granted(p: Program, decision_id: str) -> Holding:
    """The tier that a decision granted at the end of a cycle."""
    decision = p.decisions[decision_id]
    final = (h for h in p.holdings if h.assessed and h.hold_until is None)
    holding = next((h for h in final if h.version == decision.version), None)
    return found(holding if decision.outcome == "granted" else None, NOT_CLERICAL)


def _earliest(p: Program, decision: Decision) -> date:
    """The first day from which a grant can count: not too far back, not before the statement was signed."""
    cycle = p.cycles.get(decision.cycle_id or "")
    signed_on = cycle.statement.signed_on if cycle and cycle.statement else None
    reach = add(decision.decided_on, REACH, -1)
    return max(reach, signed_on) if signed_on else reach


def other_cycle(need: Need, p: Program, decision: Decision) -> None:
    """Notes another cycle of the scheme that is under way (A25)."""
    cycles = p.cycles.values()
    other = next((c for c in cycles if c.scheme == decision.scheme and c.phase not in ENDED), None)
    open_beside = other if other and other.cycle_id != decision.cycle_id else None
    need(open_beside is None, ANOTHER_CYCLE_OPEN, cycle_id=open_beside and open_beside.cycle_id)


def _reopenable(need: Need, p: Program, decision: Decision) -> None:
    """Notes what keeps the cycle of a denial from being opened again."""
    if decision.outcome == "denied":
        need(not superseded(p, decision), SUPERSEDED_MEANWHILE)
        other_cycle(need, p, decision)


@stage.decide(ProposeCorrection)
def propose_correction(p: Program, c: ProposeCorrection, ctx: Context) -> Outcomes:
    """Only the day of a grant, no later than its decision; never the tier."""
    need = Need()
    decision = _decision(need, p, c.decision_id)
    held = _granted(p, c.decision_id)
    earliest = _earliest(p, decision)
    need(c.effective_on != held.effective_on, DAY_UNCHANGED, day=c.effective_on)
    possible = earliest <= c.effective_on <= decision.decided_on
    need(possible, DAY_NOT_POSSIBLE, decided_on=decision.decided_on, earliest=earliest)
    need.settle()
    return [
        DecisionChangeProposed(
            proposal_id=ctx.mint(),
            decision_id=c.decision_id,
            kind="correction",
            effective_on=c.effective_on,
            ground=c.ground,
            person=ctx.person,
            reason=c.reason,
        )
    ]


@stage.decide(ProposeReversal)
def propose_reversal(p: Program, c: ProposeReversal, ctx: Context) -> Outcomes:
    """A denial or an adverse act; a denial only while nothing was decided or begun since that stands in its place."""
    need = Need()
    decision = _decision(need, p, c.decision_id)
    need(decision.outcome in REVERSIBLE, NOT_REVERSIBLE, outcome=decision.outcome)
    _reopenable(need, p, decision)
    need.settle()
    return [
        DecisionChangeProposed(
            proposal_id=ctx.mint(),
            decision_id=c.decision_id,
            kind="reversal",
            ground=c.ground,
            person=ctx.person,
            reason=c.reason,
        )
    ]


@stage.decide(DeclineDecisionChange)
def decline(p: Program, c: DeclineDecisionChange, ctx: Context) -> Outcomes:
    """A proposal that waits."""
    found(p.proposals.get(c.proposal_id), PROPOSAL_UNKNOWN, proposal_id=c.proposal_id)
    return [DecisionChangeDeclined(proposal_id=c.proposal_id, reason=c.reason)]


@stage.decide(ConfirmDecisionChange)
def confirm(p: Program, c: ConfirmDecisionChange, ctx: Context) -> Outcomes:
    """A second person agrees; a correction looks at the evidence again, a reversal takes the act's effect away."""
    proposal = found(p.proposals.get(c.proposal_id), PROPOSAL_UNKNOWN, proposal_id=c.proposal_id)
    decision = p.decisions[proposal.decision_id]
    need = Need()
    need(proposal.by != ctx.person, SECOND_PERSON_REQUIRED, person=proposal.by)
    _reopenable(need, p, decision)
    need.settle()
    agreed = (proposal.by, ctx.person)
    policy, _, today = rules_for(p, decision, ctx)
    if proposal.kind == "correction":
        assert policy is not None  # a grant rests on a policy
        return _corrected(p, proposal, decision, policy, agreed, ctx)
    undone = DecisionReversed(
        decision_id=proposal.decision_id,
        scheme=decision.scheme,
        ground=proposal.ground,
        from_first=True,
        effective_on=today,
        agreed_by=agreed,
    )
    return [undone, *_without_object(p, proposal.decision_id, today), *archived(p, proposal.decision_id, "reversed")]


def _without_object(p: Program, decision_id: str, today: date) -> list[AppealDismissed]:
    """The end of an appeal against a decision that is reversed without it."""
    appealed = [k for k, a in p.appeals.items() if a.decision_id == decision_id and a.is_open]
    return [
        AppealDismissed(appeal_id=appeal_id, decision_id=decision_id, ground="decision_reversed", ended_on=today)
        for appeal_id in appealed
    ]


def _ends(held: Holding, day: date, length: str | None) -> tuple[date | None, date | None]:
    """The end of a term whose first day is moved, and the end before it was extended; both stay as they are where the
    grant went on in a term already running."""
    end = held.extended_from or held.expires_on
    if length is None or end != add(held.effective_on, length):
        return held.expires_on, held.extended_from
    end = add(day, length)
    longer = held.extended_from is not None and held.expires_on is not None and end < held.expires_on
    return (held.expires_on, end) if longer else (end, None)


def _corrected(
    p: Program, proposal: Proposal, decision: Decision, policy: Policy, agreed: tuple[str, ...], ctx: Context
) -> Outcomes:
    """The grant counts from another day; its end moves along, unless it was the end of a term already running."""
    held, day = _granted(p, proposal.decision_id), proposal.effective_on
    tier = found(policy.tier(held.tier), NOT_CLERICAL)
    assert day is not None  # a correction names the day
    evaluated = appraise(
        p,
        ctx.shelf,
        scheme=decision.scheme,
        policy_ref=found(decision.policy, NOT_CLERICAL),
        cycle_id=decision.cycle_id,
        day=decision.decided_on,
        moment=tier.granted_at,
        decision_id=proposal.decision_id,
    )
    need = Need()
    carried = evaluated.evaluation.of(tier.code).result == "true"
    more = {"computed": evaluated.evaluation.computed, "missing": missing_for(evaluated, tier.code)}
    need(carried, TIER_ABOVE_ELIGIBILITY, tier=tier.label, **more)
    need.settle()
    expires_on, extended_from = _ends(held, day, policy.term.length)
    corrected = DecisionCorrected(
        decision_id=proposal.decision_id,
        scheme=decision.scheme,
        was=held.effective_on,
        effective_on=day,
        expires_on=expires_on,
        extended_from=extended_from,
        ground=proposal.ground,
        agreed_by=agreed,
        evaluation=p.version + 1,
    )
    notice = posted(decision.scheme, "correction", proposal.decision_id, (proposal.ground,), day)
    return [evaluated, corrected, notice]


def _without_proposals(p: Program, decision_id: str) -> Program:
    done = [k for k, x in p.proposals.items() if x.decision_id == decision_id]
    return replace(p, proposals=without(p.proposals, *done))


@stage.evolve(DecisionChangeProposed)
def _(p: Program, e: DecisionChangeProposed, v: int) -> Program:
    proposal = Proposal(
        decision_id=e.decision_id,
        kind="correction" if e.kind == "correction" else "reversal",
        effective_on=e.effective_on,
        ground=e.ground,
        by=e.person,
        version=v,
    )
    return replace(p, proposals={**p.proposals, e.proposal_id: proposal})


@stage.evolve(DecisionChangeDeclined)
def _(p: Program, e: DecisionChangeDeclined, v: int) -> Program:
    return replace(p, proposals=without(p.proposals, e.proposal_id))


@bears(DecisionCorrected)
def _(t: Tenure, e: DecisionCorrected, v: int) -> Tenure:
    def dated(h: Holding) -> Holding:
        moved = {name: getattr(e, name) for name in ("effective_on", "expires_on", "extended_from")}
        return replace(h, **moved) if h.decision_id == e.decision_id else h

    return t.held(dated)


@stage.evolve(DecisionCorrected)
def _(p: Program, e: DecisionCorrected, v: int) -> Program:
    return tenured(_without_proposals(p, e.decision_id), e, v)


@bears(DecisionReversed)
def _(t: Tenure, e: DecisionReversed, v: int) -> Tenure:
    def undone(m: Measure) -> Measure | None:
        if m.measure_id != e.decision_id:
            return m
        return None if e.from_first else replace(m, until=min(m.until or e.effective_on, e.effective_on))

    return t.measured(undone)


@stage.evolve(DecisionReversed)
def _(p: Program, e: DecisionReversed, v: int) -> Program:
    p = tenured(_without_proposals(p, e.decision_id), e, v)
    decision = replace(p.decisions[e.decision_id], reversed=v)
    p = replace(p, decisions={**p.decisions, e.decision_id: decision})
    cycle = p.cycles.get(decision.cycle_id or "")
    if decision.outcome != "denied" or cycle is None or cycle.phase is not Phase.DECIDED:
        return p  # a denial of one tier may have left the cycle under way, or the program withdrew from it
    return with_cycle(p, cycle.cycle_id, phase=Phase.ATTESTED if cycle.statement else Phase.REVIEWED)
