"""What could come next around and after a grant: the kinds of request that a walker chooses from, matter by matter."""

from collections.abc import Sequence
from datetime import date

from domain import adverse as adv
from domain import appeal as app
from domain import benefits as ben
from domain import changes as cha
from domain import closure as clo
from domain import complaint as com
from domain import concern as con
from domain import erasure as era
from domain import hearing, notice, offers, outsiders
from domain import interests as itr
from domain import participation as part
from domain import progress as pro
from domain import reversal as rev
from domain import surveillance as sur
from domain import transfer as tra
from domain.affiliate import AppointStaff, EndCharter
from domain.due import AnnounceDue
from domain.extension import ExtendStatus
from domain.language import Command
from domain.program import ENDED, running_plans
from domain.tenure import Appeal, Notice
from tests.walk_life import Life

Kinds = Sequence[type[Command]]
MORE_ASIDE: Kinds = [
    com.FileComplaint, com.FileComplaint, com.AcknowledgeComplaint, com.ScreenComplaint, com.ScreenComplaint,
    com.ReferComplaint, com.CloseComplaint, con.ReferConcern, con.OpenInquiry, con.CloseInquiry, cha.RenameProgram,
    cha.HandOverLeadership, sur.ReportSubstantiveChange, sur.AssessChange, offers.OfferWorkshop, offers.CancelWorkshop,
    offers.OpenBenefit, offers.CloseBenefit, itr.RegisterInterest, itr.EndInterest, tra.ProposeTransfer,
    notice.ArchivePublicNotice, outsiders.EndCaseAccess, era.ProposeErasure, era.ProposeErasure, era.ConfirmErasure,
    era.ConfirmErasure, era.DeclineErasure,
]  # fmt: skip
"""What may happen at any time beside the way, besides what happened before a grant already."""


def rare(w: Life) -> Kinds:
    """What ends a program or its affiliate, or sends it elsewhere."""
    ends: Kinds = [clo.DiscontinueProgram, clo.MergeProgram, tra.ProposeTransfer, tra.ProposeTransfer]
    return [EndCharter] if w.chance(0.03) else ends


def open_matters(w: Life) -> list[Kinds]:
    """What waits for somebody."""
    p, found = w.p, list[Kinds]()
    found += [_noticed(w, n) for n in p.notices.values()]
    found += [_appealed(w, a) for a in p.appeals.values() if a.is_open]
    if p.proposals:
        found.append([rev.DeclineDecisionChange] if w.chance(0.15) else [rev.ConfirmDecisionChange])
    if p.transfer:
        found.append([tra.DeclineTransfer] if w.chance(0.3) else [tra.AcceptTransfer])
    if any(not c.inquiry for c in p.concerns.values()):
        found.append([con.OpenInquiry])
    if any(c.inquiry and not c.closed for c in p.concerns.values()):
        found.append([con.CloseInquiry])
    if any(not c.assessed for c in p.changes.values()):
        found.append([sur.AssessChange])
    if any(not a.issued for a in p.letters.values()):
        found.append([ben.IssueLetterOfSupport])
    between = w.cycle is None or w.cycle.phase in ENDED
    if (between or w.chance(0.2)) and any(d.due_on <= w.today for d in w.dues):
        found += [[AnnounceDue], [AnnounceDue]]
    suspended = any(m.kind == "suspended" and m.until is None and m.since <= w.today for m in p.measures)
    if suspended and w.held and w.chance(0.4):
        found.append([adv.ReinstateStatus])
    return found


def _noticed(w: Life, n: Notice) -> Kinds:
    if not n.replied and w.today <= n.reply_by:
        if w.chance(0.5):
            return [notice.ReplyToNotice]
        if w.chance(0.8):
            w.world.later((n.reply_by - w.today).days + 1)
    if w.chance(0.12):
        return [notice.CloseNotice]
    return [{"suspend": adv.SuspendStatus, "reduce": adv.ReduceTier, "revoke": adv.RevokeStatus}[n.action]]


def _appealed(w: Life, a: Appeal) -> Kinds:
    if w.chance(0.04):
        return [app.WithdrawAppeal]
    if a.state == "filed":
        return [app.DismissAppeal] if w.chance(0.1) else [app.AdmitAppeal]
    if a.state == "admitted":
        return [app.NameAppealPanel]
    if w.chance(0.05) or (w.chance(0.5) and any(nature != "none" for nature in a.declared.values())):
        return [app.NameAppealPanel]
    return [app.DeclareOnPanel] if set(a.panel) - set(a.declared) else [hearing.DecideAppeal]


def possible_matters(w: Life) -> list[Kinds]:
    """What could be begun."""
    p, found = w.p, list[Kinds]()
    appealed = {a.decision_id for a in p.appeals.values()}
    contested = [d for i, d in p.decisions.items() if d.appeal_by and not d.reversed and i not in appealed]
    if any(d.appeal_by and w.today <= d.appeal_by for d in contested):
        found += [[app.FileAppeal], [app.FileAppeal]]
    if p.decisions and not p.proposals and w.chance(0.3):
        found.append([rev.ProposeReversal, rev.ProposeCorrection])
    if list(running_plans(p)) or (w.cycle and w.cycle.plan and w.cycle.plan.closed and w.chance(0.1)):
        reported = any(plan.progress for _, plan in running_plans(p))
        found.append([pro.ReportGoalProgress, pro.ReportGoalProgress, pro.ExtendPlan])
        found += [[pro.VerifyGoal]] * 2 if reported else []
        found += [[AppointStaff]] if reported and any(not r.roles for r in p.people.values()) else []
        found += [[pro.ClosePlan]] if w.chance(0.3) else []
    if w.held:
        found += _with_a_tier(w)
    return found


def _with_a_tier(w: Life) -> list[Kinds]:
    policy = w.held_under
    found: list[Kinds] = [[sur.ReportSubstantiveChange]]
    if sur.check_ins_due(w.p, w.scheme, policy, w.today) or w.chance(0.05):
        found += [[sur.RecordAnnualCheckIn]] * 2
    if policy.adverse and (not w.p.notices or w.chance(0.1)):
        found += [[notice.IssueNoticeOfIntent]] * 2
        found += [[adv.SuspendStatus]] if policy.adverse.imminent_harm_immediate else []
    if policy.extension:
        found.append([ExtendStatus])
    if policy.benefits:
        given: Kinds = [ben.RedeemVoucher, ben.RedeemVoucher, ben.IssueTrainingVouchers, ben.RecordBenefitDelivered]
        costly = any(x.takes_voucher and not x.cancelled and x.on >= w.today for x in w.affiliate.workshops.values())
        found += [[*given, ben.RequestLetterOfSupport], [ben.RedeemVoucher if costly else offers.OfferWorkshop]]
        found += [[ben.RedeemVoucher]] if costly and w.p.vouchers else []
    if w.chance(0.12):
        found.append([adv.RelinquishStatus])
    if w.cycle and w.cycle.phase in ENDED:
        found += [[part.OrderCorrectiveCycle], [part.RequestParticipation]]
    return found


def time_passes(w: Life) -> None:
    """Goes to a day on which something comes, or is not far from it, or just on."""
    known = [d.due_on for d in w.dues if d.due_on > w.today]
    held = w.held
    if held and held.expires_on and w.chance(0.5):
        known = [held.expires_on]
    target: date | None = w.rng.choice(known) if known and w.chance(0.8) else None
    if target is None:
        w.world.later(w.rng.choice((20, 100, 370, 700)))
        return
    days = (target - w.today).days + w.rng.choice((-200, -40, -1, 0, 0, 1, 1, 5, 60))
    w.world.later(max(days, 1))
