"""The small things of a drawn life, on which no tier rests: profile, people, progress, complaints, benefits.

What is not possible at the moment is left; the oracle counts on none of it.
"""

from collections.abc import Callable
from typing import Any

from domain.assistance import CancelTechnicalAssistance, RequestTechnicalAssistance
from domain.benefits import (
    IssueLetterOfSupport,
    IssueTrainingVouchers,
    RecordBenefitDelivered,
    RedeemVoucher,
    RequestLetterOfSupport,
)
from domain.changes import HandOverLeadership, RenameProgram
from domain.complaint import (
    AcknowledgeComplaint,
    CloseComplaint,
    FileComplaint,
    ReferComplaint,
    ScreenComplaint,
)
from domain.concern import CloseInquiry, OpenInquiry, ReferConcern
from domain.correction import WithdrawAct
from domain.listing import AmendProfile, AppointRepresentative, PauseListing, RemoveRepresentative, ResumeListing
from domain.notice import ArchivePublicNotice
from domain.offers import catalogue
from domain.progress import ClosePlan, ExtendPlan, ReportGoalProgress, VerifyGoal
from domain.report import EndShare
from domain.support import LogSupportContact
from domain.surveillance import AssessChange, RecordAnnualCheckIn, ReportSubstantiveChange, anniversaries
from domain.term import add
from infra.simulation import acts, names
from infra.simulation.book import drawn_id
from infra.simulation.tale import DAY, Tale


def _profile(tale: Tale, act: acts.Small) -> None:
    tale.by("staff", AmendProfile(city=names.place(tale.book.draw)))


def _contact(tale: Tale, act: acts.Small) -> None:
    told: Any = {"kind": tale.pick(("call", "visit", "coaching")), "on": tale.today, "summary": tale.book.words()}
    tale.by("administrator", LogSupportContact(**told))


def _rename(tale: Tale, act: acts.Small) -> None:
    name = names.program(tale.book.draw)[0]
    if name != tale.p.listing.display_name:
        tale.by("lead", RenameProgram(display_name=name, effective_on=tale.today))


def _leader(tale: Tale, act: acts.Small) -> None:
    former = tale.who("lead")
    tale.people += 1
    coming = tale.who("lead")
    tale.people -= 1
    tale.by("lead", HandOverLeadership(from_person=former, to_person=coming, role="program_lead"))
    tale.people += 1


def _volunteer(tale: Tale, act: acts.Small) -> None:
    someone = drawn_id(tale.world.seed, tale.program, "volunteer", tale.p.version, prefix="p_")
    tale.by("lead", AppointRepresentative(person=someone, role="program_staff"))
    tale.by("lead", RemoveRepresentative(person=someone))


def _pause(tale: Tale, act: acts.Small) -> None:
    if tale.maybe("administrator", PauseListing(ground="at_own_request")):
        tale.until(tale.today + 12 * DAY)
        tale.by("administrator", ResumeListing())


def _change(tale: Tale, act: acts.Small) -> None:
    told: Any = {"kind": "staffing", "occurred_on": tale.today - 20 * DAY, "description": tale.book.words()}
    reported = tale.by("lead", ReportSubstantiveChange(**told))
    assessed: Any = {"impact": "watch", "follow_up": tale.book.words()}
    tale.by("administrator", AssessChange(change_id=reported.change_id, **assessed))


def _check_in(tale: Tale, act: acts.Small) -> None:
    for day in anniversaries(tale.p, act.scheme, tale.today, tale.today + 30 * DAY)[-1:]:
        told: Any = {"scheme": act.scheme, "anniversary": day, "narrative": tale.book.words()}
        tale.maybe("lead", RecordAnnualCheckIn(**told))


def _inquiry(tale: Tale, act: acts.Small) -> None:
    """Somebody complains; the concern is looked into and found to have no ground."""
    complaint = drawn_id(tale.world.seed, tale.program, "complaint", tale.p.version)
    said: Any = {"about": "program", "program_id": tale.program, "affiliate": tale.affiliate, "concern": "conduct"}
    more: Any = {"narrative": tale.book.words(), "identity": tale.book.words()}
    tale.book.do("p_somebody", complaint, FileComplaint(**said, **more))
    tale.by("administrator", AcknowledgeComplaint(), complaint)
    judged: Any = {"outcome": "admitted", "severity": "serious", "reason": tale.book.words()}
    tale.by("administrator", ScreenComplaint(**judged), complaint)
    tale.by("administrator", ReferComplaint(), complaint)
    grave: Any = {"complaint_id": complaint, "severity": "serious"}
    concern = tale.by("administrator", ReferConcern(**grave)).concern_id
    tale.by("administrator", OpenInquiry(concern_id=concern))
    tale.until(tale.today + 10 * DAY)
    finding: Any = {"finding": "unfounded", "reason": tale.book.words()}
    tale.by("administrator", CloseInquiry(concern_id=concern, **finding))
    closed: Any = {"outcome": "unfounded", "reason": tale.book.words()}
    tale.by("administrator", CloseComplaint(**closed), complaint)


def _progress(tale: Tale, act: acts.Small) -> None:
    """A report on some goals of the plan; what is reached is verified."""
    cycle = tale.cycle(act.cycle)
    if cycle.plan is None or not cycle.plan.running:
        return
    for goal_id, goal in cycle.plan.goals.items():
        reports = cycle.plan.progress.get(goal_id, ())
        if not tale.chance(0.7) or (reports and reports[-1].verified):
            continue
        achieved = min(goal.target, goal.baseline + len(reports) + 1)
        told: Any = {"goal_id": goal_id, "achieved": achieved, "note": tale.book.words()}
        tale.by("staff", ReportGoalProgress(cycle_id=cycle.cycle_id, **told))
        if achieved >= goal.target:
            tale.by("administrator", VerifyGoal(cycle_id=cycle.cycle_id, goal_id=goal_id))


def _plan_closed(tale: Tale, act: acts.Small) -> None:
    cycle = tale.cycle(act.cycle)
    if cycle.plan is None or not cycle.plan.running or cycle.plan.ends_on is None:
        return
    if tale.chance(0.2):
        longer: Any = {"ends_on": add(cycle.plan.ends_on, "P2M"), "reason": tale.book.words()}
        tale.by("administrator", ExtendPlan(cycle_id=cycle.cycle_id, **longer))
    outcome: Any = {"outcome": "partly", "reason": tale.book.words()}
    tale.by("administrator", ClosePlan(cycle_id=cycle.cycle_id, **outcome))


def _more_help(tale: Tale, act: acts.Small) -> None:
    asked = RequestTechnicalAssistance(programme="tap", purpose="other")
    if tale.maybe("lead", asked):
        ta_id = list(tale.p.assistance)[-1]
        tale.by("lead", CancelTechnicalAssistance(ta_id=ta_id))


def _letter(tale: Tale, act: acts.Small) -> None:
    if tale.maybe("lead", RequestLetterOfSupport(scheme=act.scheme, as_of=tale.today)):
        tale.by("administrator", IssueLetterOfSupport(letter_id=list(tale.p.letters)[-1]))


def _vouchers(tale: Tale, act: acts.Small) -> None:
    tale.maybe("administrator", IssueTrainingVouchers(scheme=act.scheme))
    affiliate = tale.book.shelf.affiliate(tale.charge)
    paid = [i for i, w in (catalogue(affiliate, tale.today) if affiliate else {}).items() if w.takes_voucher]
    if paid:
        tale.maybe("staff", RedeemVoucher(scheme=act.scheme, workshop_id=paid[0]))


def _benefit(tale: Tale, act: acts.Small) -> None:
    for code in ("recognition", "public_recognition", "mentor_referrals"):
        given: Any = {"code": code, "on": tale.today, "note": tale.book.words()}
        if tale.maybe("administrator", RecordBenefitDelivered(scheme=act.scheme, **given)):
            return


def _unshared(tale: Tale, act: acts.Small) -> None:
    for report_id, report in tale.p.reports.items():
        if "funders" in report.shares:
            tale.by("lead", EndShare(report_id=report_id, audience="funders"))
            return


def _archived(tale: Tale, act: acts.Small) -> None:
    for notice_id in list(tale.p.public_notices):
        tale.maybe("administrator", ArchivePublicNotice(notice_id=notice_id, ground="no_longer_in_force"))


def _withdrawn(tale: Tale, act: acts.Small) -> None:
    """A change is reported twice, and the second report withdrawn."""
    told: Any = {"kind": "site", "occurred_on": tale.today, "description": tale.book.words()}
    tale.by("lead", ReportSubstantiveChange(**told))
    why: Any = {"ground": "recorded_twice", "explanation": tale.book.words()}
    tale.by("lead", WithdrawAct(version=tale.p.version, **why))


SMALL: dict[str, Callable[[Tale, acts.Small], None]] = {
    "profile": _profile,
    "contact": _contact,
    "rename": _rename,
    "leader": _leader,
    "volunteer": _volunteer,
    "pause": _pause,
    "change": _change,
    "check_in": _check_in,
    "inquiry": _inquiry,
    "progress": _progress,
    "plan_closed": _plan_closed,
    "more_help": _more_help,
    "letter": _letter,
    "vouchers": _vouchers,
    "benefit": _benefit,
    "unshared": _unshared,
    "archived": _archived,
    "withdrawn_act": _withdrawn,
}


def small(tale: Tale, act: acts.Small) -> None:
    """One of the small things, on its day."""
    tale.until(act.day)
    SMALL[act.what](tale, act)
