"""What could come next in a program's life: the kinds of request that a walker chooses from."""

from domain import access as ac
from domain import admission as adm
from domain import affiliate as af
from domain import assessment as asm
from domain import assistance as ta
from domain import decision as dec
from domain import determination as det
from domain import documents as doc
from domain import impartiality as imp
from domain import listing as li
from domain import membership as me
from domain import memorandum as mou
from domain import outsiders, status, support
from domain import participation as part
from domain import plan as pl
from domain import publishing as pub
from domain import report as rep
from domain import review as rev
from domain import statement as sta
from domain.correction import WithdrawAct
from domain.due import AnnounceDue
from domain.language import Role
from domain.program import ENDED, Cycle, Phase
from domain.term import add
from tests.small_policies import INSTRUMENT
from tests.small_world import NOT_APPLICABLE
from tests.walk_later import MORE_ASIDE, Kinds, open_matters, possible_matters, rare, time_passes
from tests.walk_life import Life

ASIDE: Kinds = [
    *MORE_ASIDE,
    li.AmendProfile, li.AppointRepresentative, li.RemoveRepresentative, li.PauseListing, support.AskSupportQuestion,
    support.AskSupportQuestion, support.AnswerSupportQuestion, support.LogSupportContact, status.ImportHistoricalStatus,
    ta.RequestTechnicalAssistance, ta.AssignTaProvider, ta.CompleteNeedsAssessment, ta.CompleteAssistanceReport,
    ta.CompleteEvaluation, ta.CancelTechnicalAssistance, doc.UploadDocument, doc.RecordScan, doc.WithdrawDocument,
    WithdrawAct, WithdrawAct, part.RequestParticipation, rev.ScheduleSiteReview,
    af.AppointStaff, af.RecordStaffDeparture, af.DelegateDecisions, af.CharterAffiliate, af.SetJurisdiction,
    pub.PublishPolicyVersion, pub.ProposePolicyVersion, pub.ConfirmPolicyVersion, pub.PublishInstrumentVersion,
    rep.IssueReport, rep.ShareReport, rep.EndShare, me.SubmitMembershipApplication,
]  # fmt: skip
"""What may happen at any time beside the way."""


def next_kinds(w: Life) -> Kinds:
    """What could be asked for now."""
    match w.p.listing.state:
        case "unregistered":
            return [li.RegisterProgram]
        case "pending":
            fit = w.p.listing.serves_youth and w.p.listing.jurisdiction in w.affiliate.jurisdictions
            return [li.DeclineListing] if w.chance(0.01 if fit else 0.6) else [li.ApproveListing]
        case "paused":
            return [part.RequestParticipation, ta.RequestTechnicalAssistance] if w.chance(0.2) else [li.ResumeListing]
        case "declined":
            w.over = True
            return []
        case "merged" | "discontinued":
            return _ended(w)
        case _:
            pass
    if w.chance(0.1):
        return ASIDE
    signers = [p for p, r in w.p.people.items() if "executive_director" in r.roles]
    if not signers or not li.leads(w.p):
        return [li.AppointRepresentative]
    if waiting := open_matters(w) if w.chance(0.3) else []:
        return w.rng.choice(waiting)
    cycle = w.cycle
    if cycle and cycle.phase not in ENDED:
        begun = possible_matters(w) if w.chance(0.03) else []
        return w.rng.choice(begun) if begun else _in_cycle(w, cycle)
    member = w.p.memberships.get(w.scheme)
    if w.policy.entry and (member is None or member.state != "accepted"):
        if member is None or member.state != "submitted":
            return [me.SubmitMembershipApplication]
        refused: Kinds = [me.DeclineMembershipApplication, me.WithdrawMembershipApplication]
        since = member.operating_since or w.p.listing.operating_since
        fit = member.formal and since is not None and add(since, "P1Y") <= w.today
        return refused if w.chance(0.1 if fit else 0.7) else [adm.AcceptMembershipApplication]
    return _between(w, cycle)


def _ended(w: Life) -> Kinds:
    """A program that is no more: what comes due is still announced."""
    w.over = w.chance(0.25)
    time_passes(w)
    return [AnnounceDue] if w.dues or w.chance(0.3) else [part.RequestParticipation]


def _between(w: Life, cycle: Cycle | None) -> Kinds:
    if not w.p.holdings and (cycle is None or cycle.phase is Phase.WITHDRAWN):
        return [part.RequestParticipation]
    if cycle and cycle.phase is Phase.DECIDED and w.chance(0.5):
        if cycle.cycle_id not in [r.cycle_id for r in w.p.reports.values()]:
            return [rep.IssueReport]
        if w.chance(0.15):
            return [rep.ShareReport, rep.EndShare, ta.CompleteAssistanceReport, ta.CompleteEvaluation, *AGAIN]
    if w.chance(0.02):
        return rare(w)
    matters = open_matters(w) + (possible_matters(w) if w.chance(0.8) else [])
    if matters and w.chance(0.85):
        return w.rng.choice(matters)
    if w.chance(0.1):
        w.over = True
    if w.chance(0.6):
        time_passes(w)
    return [part.RequestParticipation]


AGAIN: Kinds = [ta.RequestTechnicalAssistance]
EARLY: dict[Phase, Kinds] = {
    Phase.REQUESTED: [ac.GrantAssessmentAccess, mou.DraftMou, mou.SignMou, ta.CompleteNeedsAssessment, asm.RateItem],
    Phase.OPEN: [asm.SubmitAssessment, imp.AssignReviewer, doc.LinkDocument, asm.ClearRating, imp.AssignDecider, dec.DecideTier],
    Phase.SUBMITTED: [imp.AssignReviewer, asm.RateItem, rev.RecordSiteReview],
    Phase.UNDER_REVIEW: [rev.CompleteReview, pl.ProposePlan, pl.AdoptPlan, pl.SetGoal, rev.IssueReviewSummary, pl.DraftPlan],
    Phase.PLANNED: [rev.CompleteReview, pl.SetGoal, rev.RecordProgramResponse, rev.RecordSiteReview],
    Phase.REVIEWED: [dec.DecideTier, sta.SignStatement, rev.CompleteReview],
    Phase.ATTESTATION_PENDING: [sta.ReceiveStatement, sta.ConfirmReceipt, sta.RejectStatement, dec.DecideTier],
    Phase.ATTESTED: [dec.DecideTier, sta.ReceiveStatement, rep.IssueReport],
}  # fmt: skip
"""What somebody asks for who cannot wait."""


def _in_cycle(w: Life, cycle: Cycle) -> Kinds:
    if w.chance(0.004):
        return [ac.WithdrawFromCycle, part.LiftCorrectiveOrder]
    if w.chance(0.008):
        return [outsiders.GrantCaseAccess]
    if w.chance(0.02):
        return [WithdrawAct]
    if w.interim and w.chance(0.12):
        return _decision(w, cycle)
    if w.chance(0.05) and cycle.phase in EARLY:
        return EARLY[cycle.phase]
    return {
        Phase.REQUESTED: _requested,
        Phase.OPEN: _open,
        Phase.SUBMITTED: _submitted,
        Phase.UNDER_REVIEW: _under_review,
        Phase.PLANNED: _planned,
        Phase.REVIEWED: _reviewed,
        Phase.ATTESTATION_PENDING: _attestation_pending,
        Phase.ATTESTED: _decision,
        Phase.DEFERRED: _decision,
    }[cycle.phase](w, cycle)


def _requested(w: Life, cycle: Cycle) -> Kinds:
    met = ac.gates_met(w.p, cycle, ac.gates_of(w.policy, cycle.kind))
    unmet = next((gate for gate, versions in met.items() if not versions), None)
    if unmet is None:
        return [ac.GrantAssessmentAccess]
    going = w.p.assistance.get(w.ta_id or "")
    ended = going and going.cycle_id == cycle.cycle_id and (going.reported or going.cancelled)
    if w.chance(0.08) or (ended and unmet.startswith(("needs", "mou", "ta"))):
        return [ac.WaiveGate]
    steps: dict[str, Kinds] = {
        "readiness_confirmed": [ac.WaiveGate],
        "intake_conversation": [ac.RecordIntakeConversation],
        "ta_nqms_requested": [ta.RequestTechnicalAssistance],
        "ta_provider_assigned": [ta.AssignTaProvider],
        "needs_assessment_completed": [ta.CompleteNeedsAssessment],
        "mou_executed": [mou.SignMou, mou.SignMou, mou.RecordPaperMouSignature],
    }
    if unmet == "mou_executed" and (going is None or going.mou is None):
        return [mou.DraftMou] if going and going.needs_assessed else [ta.CompleteNeedsAssessment, ac.WaiveGate]
    if unmet == "mou_executed" and w.chance(0.06):
        return [mou.VoidMou]
    return steps.get(unmet, [li.ResumeListing])


def _open(w: Life, cycle: Cycle) -> Kinds:
    if w.chance(0.08):
        return [
            asm.ClearRating,
            asm.RateItem,
            doc.UnlinkDocument,
            doc.ReplaceDocument,
            doc.UploadDocument,
            doc.RecordScan,
        ]
    lacking = asm.missing(w.p, cycle, INSTRUMENT, w.policy.unscanned_documents == "refused")
    if lacking.unanswered:
        return [asm.RateItem]
    if lacking.texts:
        return [asm.RecordNarrative]
    if lacking.documents:
        return [doc.LinkDocument] if w.usable else [doc.UploadDocument]
    if lacking.unscanned:
        return [doc.RecordScan]
    if lacking.infected:
        return [doc.ReplaceDocument] if w.usable else [doc.UploadDocument]
    return [asm.SubmitAssessment]


def _submitted(w: Life, cycle: Cycle) -> Kinds:
    if w.chance(0.04):
        return [asm.ReturnAssessment]
    able = w.clear(Role.REVIEWER)
    fresh = able - set(cycle.review.reviewers)
    if fresh or w.chance(0.1):
        return [imp.AssignReviewer]
    if w.undeclared(Role.REVIEWER):
        return [imp.DeclareConflict]
    return [imp.AssignReviewer] if able and w.chance(0.8) else [outsiders.GrantCaseAccess, imp.DeclareConflict]


def _under_review(w: Life, cycle: Cycle) -> Kinds:
    review = cycle.review
    if review.reviewer is None:
        return _submitted(w, cycle)
    declared = cycle.declarations.get(review.reviewer)
    if w.chance(0.03) or (declared and declared.nature != "none" and not declared.mitigated):
        return [imp.RecuseReviewer]
    if w.chance(0.04):
        return [asm.ReturnAssessment, rev.ScheduleSiteReview, det.RecordDetermination, ta.CompleteAssistanceReport]
    if w.policy.evaluator_findings and "identified" not in review.findings and w.chance(0.2):
        return [rev.RecordEvaluatorFinding]
    if not review.held:
        return [rev.RecordSiteReview]
    left = det.undetermined(cycle, INSTRUMENT)
    if left:
        return _determining(w, cycle, left)
    return _planning(w, cycle) if w.policy.plan else _planned(w, cycle)


def _determining(w: Life, cycle: Cycle, left: list[str]) -> Kinds:
    if cycle.review.determinations and w.chance(0.06):
        return [imp.RecuseReviewer]
    if any(i in cycle.review.determinations for i in left) and w.chance(0.6):
        return [det.AdoptDeterminations]
    claimed = [i for i in left if cycle.answers[i].rating == NOT_APPLICABLE] if set(left) <= set(cycle.answers) else []
    if claimed:
        return [det.RuleNotApplicable, det.RuleNotApplicable, det.RecordDetermination]
    return [det.ConfirmItems, det.ConfirmItems, det.RecordDetermination]


def _planning(w: Life, cycle: Cycle) -> Kinds:
    plan = cycle.plan
    if plan is None:
        return [pl.DraftPlan]
    if not plan.goals or pl.uncovered(cycle, det.gaps(cycle, INSTRUMENT)):
        return [pl.SetGoal]
    if w.chance(0.08):
        return [pl.SetGoal, pl.DropGoal]
    return [pl.AdoptPlan] if plan.proposed else [pl.ProposePlan]


def _planned(w: Life, cycle: Cycle) -> Kinds:
    review = cycle.review
    if w.chance(0.06):
        return [det.RecordDetermination, imp.RecuseReviewer, rev.RecordEvaluatorFinding]
    if review.reviewer is None:
        return _submitted(w, cycle)
    if det.undetermined(cycle, INSTRUMENT):
        return [det.AdoptDeterminations]
    if w.policy.review.reply_days and not review.summary:
        return [rev.IssueReviewSummary]
    if w.policy.review.reply_days and not review.replied and w.chance(0.7):
        return [rev.RecordProgramResponse]
    if w.policy.review.reply_days and not review.replied:
        w.world.later(12)
    return [rev.CompleteReview]


def _reviewed(w: Life, cycle: Cycle) -> Kinds:
    if w.chance(0.04):
        return [sta.ReopenEvidence]
    if rev.asks_for(w.policy, "support_completed") and not cycle.review.support_completed:
        return [rev.ConfirmSupportCompleted]
    if rev.asks_for(w.policy, "other_requirements_met") and not cycle.review.other_requirements:
        return [rev.ConfirmOtherRequirements]
    return [sta.RequestStatement] if w.policy.statement else _decision(w, cycle)


def _attestation_pending(w: Life, cycle: Cycle) -> Kinds:
    statement = cycle.statement
    if w.chance(0.03):
        return [sta.ReopenEvidence]
    if statement is None or not statement.signed:
        return [sta.SignStatement, sta.SignStatement, sta.RecordPaperStatement]
    if statement.proposed_receipt:
        return [sta.ConfirmReceipt]
    if w.chance(0.06):
        return [sta.RejectStatement]
    if w.chance(0.15):
        w.world.later(30)
    return [sta.ReceiveStatement]


def _decision(w: Life, cycle: Cycle) -> Kinds:
    if cycle.phase in (Phase.ATTESTED, Phase.DEFERRED, Phase.REVIEWED) and w.chance(0.05):
        return [sta.ReopenEvidence]
    if dec.adverse_acts(w.p, cycle.scheme, w.today) and w.chance(0.8):
        waiting = open_matters(w)
        return w.rng.choice(waiting) if waiting else [dec.DeferDecision]
    clear = w.clear(Role.DECIDER)
    if cycle.decider not in clear and not clear and not w.undeclared(Role.DECIDER) and w.chance(0.8):
        return [outsiders.GrantCaseAccess]
    if cycle.decider not in clear:
        return [imp.AssignDecider] if clear else [imp.DeclareConflict]
    if w.chance(0.15):
        return [dec.DeferDecision]
    if cycle.review.completed and (w.carried() not in w.end_tiers or w.chance(0.1)):
        return [dec.DenyTier]
    return [dec.DecideTier]
