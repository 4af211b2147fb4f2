"""A cycle of a drawn life but for its assessment and review: gates, statement, decision, report."""

from collections.abc import Callable
from typing import Any

from domain.access import (
    GrantAssessmentAccess,
    LapseCycle,
    RecordIntakeConversation,
    WaiveGate,
    WithdrawFromCycle,
    gates_met,
    gates_of,
)
from domain.assistance import (
    AssignTaProvider,
    CompleteAssistanceReport,
    CompleteEvaluation,
    CompleteNeedsAssessment,
    RequestTechnicalAssistance,
)
from domain.decision import DecideTier, DeferDecision, DenyTier
from domain.impartiality import AssignDecider, DeclareConflict
from domain.language import Refusal
from domain.memorandum import DraftMou, RecordPaperMouSignature, SignMou, VoidMou
from domain.participation import LiftCorrectiveOrder, OrderCorrectiveCycle, RequestParticipation
from domain.report import IssueReport, ShareReport
from domain.statement import (
    ConfirmReceipt,
    ReceiveStatement,
    RecordPaperStatement,
    RejectStatement,
    ReopenEvidence,
    RequestStatement,
    SignStatement,
)
from domain.status import standing
from domain.term import add
from infra.simulation import acts
from infra.simulation.book import Untold
from infra.simulation.rating import file_papers
from infra.simulation.tale import DAY, Tale

NOT_CARRIED = ("TIER_ABOVE_ELIGIBILITY",)


def asked(tale: Tale, act: acts.Asked) -> None:
    """The program asks for a cycle, or the affiliate orders one."""
    tale.until(act.day)
    scheme = act.rules.scheme
    if act.kind == "corrective":
        told: Any = {"due_on": add(tale.today, "P6M"), "reason": tale.book.words()}
        event = tale.by("administrator", OrderCorrectiveCycle(scheme=scheme, ground="inquiry", **told))
    else:
        said: Any = {"kind": act.kind, "tier_sought": act.sought, "readiness_reviewed": True}
        event = tale.by("lead", RequestParticipation(scheme=scheme, **said))
    tale.cycles[act.cycle], tale.rules[act.cycle], tale.sought[act.cycle] = event.cycle_id, act.rules, act.sought


def opened(tale: Tale, act: acts.Opened) -> None:
    """Gate after gate, then access."""
    cycle = tale.cycle(act.cycle)
    scheme = tale.book.shelf.scheme(act.rules.scheme)
    ref = scheme.in_force(act.day) if scheme else None
    if ref is None:
        raise Untold(f"{act.rules.scheme} has no policy on {act.day}")
    policy = tale.policy(ref)
    for gate in gates_of(policy, cycle.kind):
        if gates_met(tale.p, tale.cycle(act.cycle), (gate,))[gate]:
            continue
        if gate == "intake_conversation" and tale.chance(0.05):
            said: Any = {"gate": gate, "ground": "met_elsewhere", "explanation": tale.book.words()}
            tale.by("administrator", WaiveGate(cycle_id=cycle.cycle_id, **said))
        else:
            _GATES[gate](tale, act)
    tale.until(act.day)
    tale.rules[act.cycle] = act.rules
    tale.by("administrator", GrantAssessmentAccess(cycle_id=cycle.cycle_id))


def _step(tale: Tale, act: acts.Opened, days: int) -> None:
    tale.until(min(tale.today + days * DAY, act.day))


def _intake(tale: Tale, act: acts.Opened) -> None:
    _step(tale, act, 3)
    tale.by("administrator", RecordIntakeConversation(cycle_id=tale.cycles[act.cycle], held_on=tale.today))


def _assist(tale: Tale, act: acts.Opened) -> None:
    asked_for = tale.by("lead", RequestTechnicalAssistance(purpose="nqms", cycle_id=tale.cycles[act.cycle]))
    tale.assistance[act.cycle] = asked_for.ta_id


def _provide(tale: Tale, act: acts.Opened) -> None:
    _step(tale, act, 4)
    tale.by("national", AssignTaProvider(ta_id=tale.assistance[act.cycle], affiliate=tale.charge))


def _needs(tale: Tale, act: acts.Opened) -> None:
    _step(tale, act, 6)
    tale.by("lead", CompleteNeedsAssessment(ta_id=tale.assistance[act.cycle], answers=tale.book.words()))


def _agree(tale: Tale, act: acts.Opened) -> None:
    ta_id = tale.assistance[act.cycle]
    drafted = tale.by("administrator", DraftMou(ta_id=ta_id))
    if tale.chance(0.05):
        tale.by("administrator", VoidMou(ta_id=ta_id, reason=tale.book.words()))
        drafted = tale.by("administrator", DraftMou(ta_id=ta_id))
    _step(tale, act, 2)
    agreed: Any = {"ta_id": ta_id, "covers": drafted.covers, "consent": True, "intent": True}
    if tale.chance(0.1):
        witnessed: Any = {"method": "spoken_witnessed", "witness": tale.who("second"), "signed_on": tale.today}
        code: Any = {"form_code": drafted.covers[:12], "signatory": tale.who("lead")}
        tale.by("administrator", RecordPaperMouSignature(ta_id=ta_id, party="program", **witnessed, **code))
    else:
        tale.by("lead", SignMou(party="program", **agreed))
    tale.by("administrator", SignMou(party="affiliate", **agreed))


_GATES: dict[str, Callable[[Tale, acts.Opened], None]] = {
    "intake_conversation": _intake,
    "ta_nqms_requested": _assist,
    "ta_provider_assigned": _provide,
    "needs_assessment_completed": _needs,
    "mou_executed": _agree,
}


def received(tale: Tale, act: acts.Received) -> None:
    """The statement is asked for, signed and received; on paper and late where the days say so."""
    cycle_id = tale.cycles[act.cycle]
    statement = tale.by("administrator", RequestStatement(cycle_id=cycle_id))
    agreed: Any = {"covers": statement.covers, "consent": True, "intent": True}
    late = (act.day - act.on).days
    if late == 0 and tale.chance(0.05):
        tale.by("director", SignStatement(cycle_id=cycle_id, **agreed))
        rejected: Any = {"ground": "illegible", "reason": tale.book.words()}
        tale.by("administrator", RejectStatement(cycle_id=cycle_id, **rejected))
    tale.until(act.on)
    if late == 0:
        tale.by("director", SignStatement(cycle_id=cycle_id, **agreed))
        tale.by("administrator", ReceiveStatement(cycle_id=cycle_id, received_on=act.on))
        return
    tale.until(act.day)
    file_papers(tale, 1)
    scan = tale.usable()[-1]
    paper: Any = {"method": "ink_scan", "form_code": statement.covers[:12], "scan_document_id": scan}
    signed: Any = {"signatory": tale.who("director"), "signed_on": act.on}
    tale.by("administrator", RecordPaperStatement(cycle_id=cycle_id, **paper, **signed))
    if late <= 14:
        tale.by("administrator", ReceiveStatement(cycle_id=cycle_id, received_on=act.on))
        return
    why: Any = {"ground": "posted_late", "explanation": tale.book.words(), "document_id": scan}
    tale.by("administrator", ReceiveStatement(cycle_id=cycle_id, received_on=act.on, **why))
    tale.by("second", ConfirmReceipt(cycle_id=cycle_id))


def decider_named(tale: Tale, number: int) -> None:
    """Somebody without a part in the review is named to decide."""
    cycle = tale.cycle(number)
    if cycle.decider is None:
        tale.by("decider", DeclareConflict(cycle_id=cycle.cycle_id, nature="none"))
        tale.by("administrator", AssignDecider(cycle_id=cycle.cycle_id, person=tale.who("decider")))


def _open_tiers(tale: Tale, number: int) -> list[str]:
    """The tiers to decide on, from the one sought down."""
    rules, cycle = tale.rules[number], tale.cycle(number)
    held = standing(tale.p, rules.scheme, tale.today).in_term
    ranked = [t.code for t in rules.tiers]
    final = [t.code for t in rules.final]
    if cycle.kind == "corrective":
        return [held.tier] if held else []
    top = ranked.index(tale.sought[number])
    floor = ranked.index(held.tier) if held and cycle.kind == "advancement" else -1
    return [t for t in reversed(final) if floor < ranked.index(t) <= top]


def put_off(tale: Tale, act: acts.PutOff) -> None:
    """The decision is put off."""
    tale.until(act.day)
    decider_named(tale, act.cycle)
    told: Any = {"tier": _open_tiers(tale, act.cycle)[0], "until": act.until, "reason": tale.book.words()}
    tale.by("decider", DeferDecision(cycle_id=tale.cycles[act.cycle], **told))


def reopened(tale: Tale, act: acts.Reopened) -> None:
    """The evidence is open for review again."""
    tale.until(act.day)
    tale.by("administrator", ReopenEvidence(cycle_id=tale.cycles[act.cycle], reason=tale.book.words()))


def interim(tale: Tale, act: acts.Interim) -> None:
    """The tier that takes no more than a beginning."""
    tale.until(act.day)
    decider_named(tale, act.cycle)
    tier = tale.rules[act.cycle].taking("started") or ""
    tale.by("decider", DecideTier(cycle_id=tale.cycles[act.cycle], tier=tier, rationale=tale.book.words()))


def decided(tale: Tale, act: acts.Decided) -> None:
    """From the tier sought down: what the evidence carries is granted, what it does not is denied or passed over."""
    tale.until(act.day)
    decider_named(tale, act.cycle)
    cycle_id = tale.cycles[act.cycle]
    tiers = _open_tiers(tale, act.cycle)
    for tier in tiers:
        answer = tale.ask("decider", DecideTier(cycle_id=cycle_id, tier=tier, rationale=tale.book.words()))
        if not isinstance(answer, Refusal):
            break
        if answer.codes != NOT_CARRIED:
            raise Untold(f"{tale.book.name} {tale.today}: DecideTier {tier}: {answer}")
        if act.formal or tier == tiers[-1]:
            tale.by("decider", DenyTier(cycle_id=cycle_id, tier=tier, reasons=tale.book.words()))
    if act.cycle in tale.assistance:
        ta_id = tale.assistance.pop(act.cycle)
        tale.by("administrator", CompleteAssistanceReport(ta_id=ta_id, summary=tale.book.words()))
        tale.by("lead", CompleteEvaluation(ta_id=ta_id, answers=tale.book.words()))
    if tale.cycle(act.cycle).phase == "decided" and not any(r.cycle_id == cycle_id for r in tale.p.reports.values()):
        report = tale.by("administrator", IssueReport(cycle_id=cycle_id))
        tale.by("lead", ShareReport(report_id=report.report_id, audience="funders"))


def gave_up(tale: Tale, act: acts.GaveUp) -> None:
    """The cycle ends without a decision."""
    tale.until(act.day)
    cycle_id, reason = tale.cycles[act.cycle], tale.book.words()
    if act.how == "lifted":
        tale.by("administrator", LiftCorrectiveOrder(cycle_id=cycle_id, reason=reason))
    elif act.how == "lapsed":
        tale.by("administrator", LapseCycle(cycle_id=cycle_id, ground="no_work_for_six_months", reason=reason))
    else:
        tale.by("lead", WithdrawFromCycle(cycle_id=cycle_id, reason=reason))
    if act.cycle in tale.assistance:
        ta_id = tale.assistance.pop(act.cycle)
        if tale.p.assistance[ta_id].assigned:
            tale.by("administrator", CompleteAssistanceReport(ta_id=ta_id, summary=tale.book.words()))
            tale.by("lead", CompleteEvaluation(ta_id=ta_id, answers=tale.book.words()))
