"""What stands beside the sentence: the record of the decision, gates and waivers, how items were confirmed, what was
carried over, documents nobody scanned."""

from collections.abc import Iterable
from typing import Any

from api.explain_measures import Bearing, Measures, id_of, kind_of
from api.explain_words import carried_over
from api.proof import Cited, Decided, Decision, GatePassed, Told
from domain.access import GateWaived
from domain.decision import TierDecisionDeferred, TierDenied
from domain.evidence import TierEligibilityEvaluated, rederive
from domain.grant import TierGranted
from domain.impartiality import took_part_as
from domain.program import Cycle, Program


def record(told: Told, version: int, event: Decision, evaluated: TierEligibilityEvaluated, before: Program) -> Decided:
    """The record of a decision on the evidence, derived again."""
    took_part = {*evaluated.reviewers, *evaluated.consultants}
    reason = event.rationale if isinstance(event, TierGranted) else _reason(event)
    outcome = {TierGranted: "granted", TierDenied: "denied", TierDecisionDeferred: "deferred"}[type(event)]
    return Decided(
        decision_id=event.decision_id,
        outcome=outcome,
        version=version,
        decided_on=event.decided_on,
        effective_on=event.effective_on if isinstance(event, TierGranted) else None,
        decider=event.decider,
        reviewers=evaluated.reviewers,
        independent=event.decider not in took_part,
        reason=str(reason) if reason else None,
        policy=str(evaluated.policy),
        policy_sha256=evaluated.policy.sha256,
        instrument=str(evaluated.instrument) if evaluated.instrument else None,
        through_version=evaluated.through_version,
        evidence_digest=evaluated.evidence_digest,
        same_when_rederived=not rederive(before, told.shelf, evaluated),
    )


def act_record(measures: Measures, version: int, event: Bearing) -> Decided | None:
    """The record of a decision that bears on a tier; None where nobody decides, as when a tier is given up."""
    decider: str | None = getattr(event, "decider", None)
    if decider is None:
        return None
    before = measures.told.at(version - 1)
    held = measures.borne_by(version, event)
    cycle = before.cycles.get((held and held.cycle_id) or "")
    part = took_part_as(before, cycle, decider) if cycle else None
    notice = before.notices.get(getattr(event, "notice_id", None) or "")
    reason = getattr(event, "reasons", None) or getattr(event, "evidence", None)
    ref = getattr(event, "policy", None)
    return Decided(
        decision_id=id_of(event),
        outcome=kind_of(event),
        version=version,
        decided_on=getattr(event, "decided_on"),  # noqa: B009
        effective_on=getattr(event, "effective_on", None),
        through=getattr(event, "through", None),
        decider=decider,
        independent=part is None and not (notice and notice.issued_by == decider),
        reason=str(reason) if reason else None,
        policy=str(ref) if ref else None,
        policy_sha256=ref.sha256 if ref else None,
    )


def beside(told: Told, p: Program, cycle: Cycle | None, zone: str) -> dict[str, Any]:
    """What stands beside the proof: gates and waivers, how items were confirmed, documents nobody scanned."""
    if cycle is None:
        return {}
    ruled = cycle.review.determinations.values()
    carried = told.carried(cycle)
    linked = sorted({d for ids in cycle.links.values() for d in ids})
    return {
        "gates": tuple(_gates(told, cycle, zone)),
        "confirmed_together": sum(d.bulk for d in ruled),
        "confirmed_singly": sum(not d.bulk and d.outcome in ("confirmed", "adjusted") for d in ruled),
        "carried": len(carried_over(cycle)),
        "carried_by": told.cite(carried, zone) if carried else None,
        "not_applicable": tuple(i for i, d in cycle.review.determinations.items() if d.outcome == "not_applicable"),
        "documents": len(linked),
        "unscanned_documents": tuple(d for d in linked if p.documents[d].scan == "unscanned"),
    }


def _gates(told: Told, cycle: Cycle, zone: str) -> Iterable[GatePassed]:
    for gate, versions in (cycle.access.gates if cycle.access else {}).items():
        events: list[Cited] = [told.cite(v, zone) for v in versions]
        waiver = next((told.by_version[v] for v in versions if v == cycle.waived.get(gate)), None)
        if waiver and isinstance(waiver.event, GateWaived):
            yield GatePassed(
                gate=gate,
                waived=True,
                ground=waiver.event.ground,
                approver=waiver.actor_person,
                explanation=str(waiver.event.explanation),
                events=tuple(events),
            )
        else:
            yield GatePassed(gate=gate, events=tuple(events))


def _reason(event: Decision) -> Any:
    return event.reasons if isinstance(event, TierDenied) else getattr(event, "reason", None)
