"""Evidence: from a program's state to the facts that criteria read, and to the record of an evaluation (3.7).

``appraise`` depends on the state after ``through_version`` events and on what is pinned, on nothing else. So the
same call on the same prefix of the history gives the same record, years later: that is how a decision is proved.
"""

from datetime import date
from typing import Any

import msgspec

from domain.access import GATE_EVIDENCE
from domain.assessment import answers_stated, linked_documents
from domain.determination import determinations_stated, gaps, practice
from domain.impartiality import participants
from domain.instrument.model import Instrument
from domain.language import Event, Shelf, Stage
from domain.plan import uncovered
from domain.policy.evaluate import Evaluation, evaluate
from domain.policy.facts import Declared, Facts, Noted, Plan, Review, Since
from domain.policy.model import Moment, Policy
from domain.program import Cycle, Membership, Phase, Program
from domain.values import Code, Digest, InstrumentRef, PolicyRef, Reference, digest_of

stage = Stage("evidence")


class TierEligibilityEvaluated(Event):
    """What the rules said about the evidence: the whole proof, the rules and the digests it was made from."""

    says = "had the evidence evaluated under {e.policy}, up to event {e.through_version}"
    cycle_id: Reference | None = None
    """None for an admission on application."""
    decision_id: Reference
    scheme: Code
    policy: PolicyRef
    instrument: InstrumentRef | None = None
    through_version: int
    evaluation: Evaluation
    items_digest: Digest
    documents_digest: Digest
    plan_digest: Digest | None = None
    statement_id: Reference | None = None
    reviewers: tuple[Reference, ...] = ()
    consultants: tuple[Reference, ...] = ()
    evidence_digest: Digest


def noted(version: int) -> Noted:
    """A fact by the version that says so; version 0 is a fact that is not there."""
    return Noted((version,) if version else ())


def gather(p: Program, cycle: Cycle | None, instrument: Instrument | None, scheme: str, day: date) -> Facts:
    """All that criteria of semantics 1 read, for one program, cycle and day."""
    member = p.memberships.get(scheme)
    admitted: dict[str, Any] = {
        "day": day,
        "application": noted(member.accepted if member else 0),
        "formal_program": _formal(member),
        "operating": _operating(p, member),
    }
    if cycle is None or instrument is None:
        return Facts(**admitted)
    review = cycle.review
    handed_in = cycle.submissions[-1].version if cycle.submissions and cycle.phase is not Phase.OPEN else 0
    sets = dict.fromkeys(("all_counting", *(s for i in instrument.items for s in i.sets)))
    return Facts(
        **admitted,
        gates=_gates(p, cycle),
        started=noted(cycle.started),
        submitted=noted(handed_in),
        review=Review(
            mode=review.mode,
            exception=review.exception,
            held=noted(review.held).versions,
            completed=noted(review.completed).versions,
        ),
        plan=_plan(cycle, instrument),
        statement=noted(cycle.statement.received if cycle.statement else 0),
        practices={i.id: practice(cycle, i.id) for i in instrument.items},
        counting={s: tuple(i.id for i in instrument.counting(s)) for s in sets},
        findings={f: noted(v) for f, v in review.findings.items()},
        support_completed=noted(review.support_completed),
        other_requirements=noted(review.other_requirements),
    )


def _formal(member: Membership | None) -> Declared:
    return Declared(member.formal, (member.submitted,)) if member else Declared()


def _operating(p: Program, member: Membership | None) -> Since:
    if member and member.operating_since:
        return Since(member.operating_since, (member.submitted,))
    return Since(p.listing.operating_since, noted(p.listing.registered).versions)


def _gates(p: Program, cycle: Cycle) -> dict[str, Noted]:
    if cycle.access:
        return {gate: Noted(versions) for gate, versions in cycle.access.gates.items()}
    return {gate: noted(rests_on(p, cycle)) for gate, rests_on in GATE_EVIDENCE.items()}


def _plan(cycle: Cycle, instrument: Instrument) -> Plan:
    plan = cycle.plan
    if plan is None or not plan.adopted:
        return Plan()
    open_gaps = tuple(uncovered(cycle, gaps(cycle, instrument)))
    return Plan(months=plan.months, adopted=(plan.adopted,), uncovered=open_gaps)


def appraise(
    p: Program,
    shelf: Shelf,
    *,
    scheme: str,
    policy_ref: PolicyRef,
    cycle_id: str | None,
    day: date,
    moment: Moment,
    decision_id: str,
) -> TierEligibilityEvaluated:
    """The evaluation of the state as it stands, with everything that it was made from."""
    policy: Policy = shelf.policy(policy_ref)
    cycle = p.cycles[cycle_id] if cycle_id else None
    pinned = cycle.access.instrument if cycle and cycle.access else None
    instrument: Instrument | None = shelf.instrument(pinned) if pinned else None
    facts = gather(p, cycle, instrument, scheme, day)
    reviewers, consultants = participants(p, cycle) if cycle else ((), ())
    made_from: dict[str, Any] = {
        "decision_id": decision_id,
        "cycle_id": cycle_id,
        "scheme": scheme,
        "policy": policy_ref,
        "instrument": pinned,
        "through_version": p.version,
        "evaluation": evaluate(policy, facts, moment),
        "items_digest": digest_of([answers_stated(cycle), determinations_stated(cycle)] if cycle else []),
        "documents_digest": digest_of(linked_documents(p, cycle) if cycle else {}),
        "plan_digest": cycle.plan.digest if cycle and cycle.plan and cycle.plan.adopted else None,
        "statement_id": cycle.statement.statement_id if cycle and cycle.statement else None,
        "reviewers": reviewers,
        "consultants": consultants,
    }
    return TierEligibilityEvaluated(**made_from, evidence_digest=digest_of(made_from))


def rederive(p: Program, shelf: Shelf, recorded: TierEligibilityEvaluated) -> list[str]:
    """Makes a recorded evaluation again from the state at its version; names every part that comes out different."""
    again = appraise(
        p,
        shelf,
        scheme=recorded.scheme,
        policy_ref=recorded.policy,
        cycle_id=recorded.cycle_id,
        day=recorded.evaluation.day,
        moment=recorded.evaluation.moment,
        decision_id=recorded.decision_id,
    )
    then, now = msgspec.structs.asdict(recorded), msgspec.structs.asdict(again)
    return [name for name, value in then.items() if value != now[name]]


@stage.evolve(TierEligibilityEvaluated)
def _(p: Program, e: TierEligibilityEvaluated, v: int) -> Program:
    return p  # the proof is kept for readers; no rule asks for it, a decision is always evaluated anew
