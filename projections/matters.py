"""Matters: everything that is open about a program and waits for somebody, beside the turns of its cycles (M21).

A function of the program's state: notices, appeals, proposals, changes, concerns, plans, assistance, and what comes
round with a term. Which day it is decides nothing here; each matter says from when until when it stands.
"""

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from domain.admission import AcceptMembershipApplication
from domain.adverse import ReduceTier, ReinstateStatus, RevokeStatus, SuspendStatus
from domain.appeal import AdmitAppeal, DeclareOnPanel, FileAppeal, NameAppealPanel
from domain.assistance import AssignTaProvider, CompleteAssistanceReport, CompleteEvaluation
from domain.benefits import IssueLetterOfSupport
from domain.concern import CloseInquiry, OpenInquiry
from domain.due import NEXT_DAY, Due, DueKind
from domain.hearing import DecideAppeal
from domain.language import Command, Role
from domain.listing import ApproveListing
from domain.notice import ReplyToNotice
from domain.participation import RequestParticipation, end_of
from domain.program import ENDED, Phase, Program, open_cycle, running_plans
from domain.progress import ClosePlan, ReportGoalProgress, VerifyGoal, due_on, last_report, open_goals
from domain.report import IssueReport
from domain.reversal import ConfirmDecisionChange
from domain.review import RecordProgramResponse
from domain.status import ENDING, IN_TERM, Segment, timeline
from domain.support import AnswerSupportQuestion
from domain.surveillance import WINDOW, AssessChange, RecordAnnualCheckIn, anniversaries
from domain.tenure import Holding, Measure
from domain.term import add, last_valid
from domain.transfer import AcceptTransfer
from projections.language import Row

ADMIN, LEAD, REVIEWER, DECIDER, NATIONAL = (
    Role.AFFILIATE_ADMIN,
    Role.PROGRAM_LEAD,
    Role.REVIEWER,
    Role.DECIDER,
    Role.NATIONAL,
)
RENEW, REENGAGE, CHECK_IN = "renew", "reengage", "check_in"
"""Matters whose days, or whether there are any, follow from the rules of the scheme."""
MOST_SCHEMES = 1_000
AHEAD = "P5Y"
"""How far check-ins are seen ahead where a term has no end."""


class Task(Row):
    """Something to be done: by whom, about what, by which request, from when until when."""

    role: Role
    task: str
    """What is to be done."""
    act: str | None = None
    """The request that does it; None where no single one does."""
    about: str
    """The cycle, notice, appeal, decision or other thing that it is about."""
    scheme: str = ""
    waits: bool = True
    """Whether something waits for it; otherwise it is a right, or the ordinary course of things."""
    from_on: date | None = None
    """The first day on which it can be done; None for at once."""
    due_on: date | None = None
    """The last day on which it is in time."""
    last_on: date | None = None
    """The last day on which it can be done at all; afterwards it falls away."""
    counted: date | None = None
    """The day from which the rules of the scheme count, where it depends on them."""
    rules: str = ""
    """The version of those rules; empty for the one in force."""
    zone: str = ""
    """Whose days they are; empty for the affiliate's time zone."""
    elsewhere: str | None = None
    """The affiliate that it lies with, where that is not the program's own."""

    @property
    def key(self) -> str:
        """What tells it apart from the other tasks of a program."""
        return f"{self.task}:{self.about}"


@cache
def named(act: str) -> str:
    """What a request does, as a task: ``ReplyToNotice`` is ``reply_to_notice``."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in act).lstrip("_")


def matter(role: Role, act: type[Command] | None, about: object, **more: Any) -> Task:
    """A task that one request does, or none; it is called after the request unless ``task`` says otherwise."""
    request = act.__name__ if act else None
    fields: dict[str, Any] = {"task": named(request or ""), **more}
    return Task(role=role, act=request, about=str(about), **fields)


def matters(p: Program) -> Iterator[Task]:
    """Everything open beside the turns of cycles, in the order of the process."""
    if p.listing.state == "pending":
        yield matter(ADMIN, ApproveListing, p.program_id)
    if p.listing.state not in ("listed", "paused"):
        return
    for scheme, membership in p.memberships.items():
        if membership.state == "submitted":
            yield matter(ADMIN, AcceptMembershipApplication, scheme, scheme=scheme)
    yield from _adverse(p)
    yield from _appeals(p)
    yield from _cycles(p)
    yield from _assistance(p)
    yield from _plans(p)
    yield from _asked(p)
    for scheme in dict.fromkeys(h.scheme for h in p.holdings):
        yield from _remembered(p, scheme)


def announced(p: Program, kind: DueKind, about: str, due_on: date) -> bool:
    """Whether the clock told that a day came."""
    return Due(due_on, kind, about, "").key in p.announced


ACTIONS = {"suspend": SuspendStatus, "reduce": ReduceTier, "revoke": RevokeStatus}


def _adverse(p: Program) -> Iterator[Task]:
    """Notices of intent, and decisions that wait for a second person."""
    for notice_id, n in p.notices.items():
        about = {"scheme": n.scheme, "zone": n.zone}
        over = n.reply_by + NEXT_DAY
        waited = n.replied or announced(p, "reply_end", notice_id, over)
        if not waited:
            yield matter(LEAD, ReplyToNotice, notice_id, due_on=n.reply_by, last_on=n.reply_by, **about)
        yield matter(DECIDER, ACTIONS[n.action], notice_id, from_on=None if waited else over, **about)
    for proposal_id, x in p.proposals.items():
        scheme = p.decisions[x.decision_id].scheme
        yield matter(ADMIN, ConfirmDecisionChange, proposal_id, scheme=scheme)


def _appeals(p: Program) -> Iterator[Task]:
    """Appeals under way, and the time in which one is possible."""
    appealed = {a.decision_id for a in p.appeals.values()}
    for decision_id, d in p.decisions.items():
        over = d.appeal_by and announced(p, "appeal_end", decision_id, d.appeal_by + NEXT_DAY)
        if d.appeal_by and not over and not d.reversed and decision_id not in appealed:
            until = {"due_on": d.appeal_by, "last_on": d.appeal_by}
            yield matter(LEAD, FileAppeal, decision_id, scheme=d.scheme, waits=False, **until)
    for appeal_id, a in p.appeals.items():
        if a.state == "filed":
            yield matter(ADMIN, AdmitAppeal, appeal_id, scheme=a.scheme)
        elif a.state == "admitted":
            yield matter(ADMIN, NameAppealPanel, appeal_id, scheme=a.scheme)
        elif a.state == "panel_named" and a.until:
            act = DecideAppeal if set(a.panel) <= set(a.declared) else DeclareOnPanel
            yield matter(Role.PANELIST, act, appeal_id, scheme=a.scheme, due_on=a.until, last_on=a.until)
            yield matter(ADMIN, NameAppealPanel, appeal_id, scheme=a.scheme, from_on=a.until + NEXT_DAY)


def _cycles(p: Program) -> Iterator[Task]:
    """Beside the turn of a cycle: the reply to the review's summary, and the report on a decided one."""
    reported = {r.cycle_id for r in p.reports.values()}
    for cycle_id, c in p.cycles.items():
        review = c.review
        if review.summary and review.reply_until and not review.replied and c.phase not in ENDED:
            until = {"due_on": review.reply_until, "last_on": review.reply_until}
            yield matter(LEAD, RecordProgramResponse, cycle_id, scheme=c.scheme, waits=False, **until)
        if c.phase is Phase.DECIDED and cycle_id not in reported:
            yield matter(ADMIN, IssueReport, cycle_id, scheme=c.scheme)


def _assistance(p: Program) -> Iterator[Task]:
    """Assistance that no cycle under way is waiting for."""
    for ta_id, a in p.assistance.items():
        if a.cancelled or a.evaluated:
            continue
        cycle = p.cycles.get(a.cycle_id or "")
        under_way = cycle is not None and cycle.phase not in ENDED
        if a.reported:
            yield matter(LEAD, CompleteEvaluation, ta_id, scheme=a.scheme)
        elif not under_way and a.assigned:
            yield matter(ADMIN, CompleteAssistanceReport, ta_id, scheme=a.scheme)
        elif not under_way:
            yield matter(NATIONAL, AssignTaProvider, ta_id, scheme=a.scheme)


def _plans(p: Program) -> Iterator[Task]:
    """Goals of adopted plans to be reported on and to be verified, and plans to be closed."""
    for cycle, plan in running_plans(p):
        left = open_goals(plan)
        for goal_id in left:
            goal, last = plan.goals[goal_id], last_report(plan, goal_id)
            about = {"scheme": cycle.scheme, "due_on": due_on(plan, goal)}
            if last and not last.verified and last.achieved >= goal.target:
                yield matter(REVIEWER, VerifyGoal, f"{cycle.cycle_id}/{goal_id}", **about)
            else:
                yield matter(LEAD, ReportGoalProgress, f"{cycle.cycle_id}/{goal_id}", waits=False, **about)
        ended = plan.ends_on if left else None
        yield matter(REVIEWER, ClosePlan, cycle.cycle_id, scheme=cycle.scheme, from_on=ended, waits=not left)


def _asked(p: Program) -> Iterator[Task]:
    """What somebody asked for, reported or proposed."""
    for question_id in p.questions:
        yield matter(ADMIN, AnswerSupportQuestion, question_id)
    for letter_id, letter in p.letters.items():
        if not letter.issued:
            yield matter(ADMIN, IssueLetterOfSupport, letter_id, scheme=letter.scheme)
    for change_id, change in p.changes.items():
        if not change.assessed:
            yield matter(ADMIN, AssessChange, change_id)
    for concern_id, concern in p.concerns.items():
        if not concern.closed:
            yield matter(ADMIN, CloseInquiry if concern.inquiry else OpenInquiry, concern_id)
    if p.transfer:
        yield matter(Role.RECEIVING_ADMIN, AcceptTransfer, p.transfer.to, elsewhere=p.transfer.to)


class _Remembered(NamedTuple):
    """What came round with a term, and all that it followed from."""

    holdings: tuple[Holding, ...]
    measures: tuple[Measure, ...]
    check_ins: dict[str, int]
    under_way: bool
    tasks: tuple[Task, ...]


_last: dict[str, _Remembered] = {}
"""By scheme, the program looked at last: facts come program by program, and few of them change its terms."""


def _remembered(p: Program, scheme: str) -> tuple[Task, ...]:
    """The same as ``_terms``, reckoned once as long as nothing changes that it follows from."""
    known, under_way = _last.get(scheme), open_cycle(p, scheme) is not None
    same = known is not None and known.holdings is p.holdings and known.measures is p.measures
    if known and same and known.check_ins is p.check_ins and known.under_way == under_way:
        return known.tasks
    tasks = tuple(_terms(p, scheme, timeline(p.holdings, p.measures, scheme)))
    if len(_last) >= MOST_SCHEMES:
        _last.clear()
    _last[scheme] = _Remembered(p.holdings, p.measures, p.check_ins, under_way, tasks)
    return tasks


def _terms(p: Program, scheme: str, segments: list[Segment]) -> Iterator[Task]:
    """What comes round with a term: another look at a suspension, the check-ins, the renewal, the re-engagement."""
    for m in p.measures:
        spans = [s for s in segments if s.measure_id == m.measure_id and s.status == "suspended"]
        if spans and m.until is None and m.review_by:
            ends = spans[-1].until
            days = {"from_on": spans[0].since, "due_on": m.review_by, "last_on": last_valid(ends) if ends else None}
            about = {"task": "review_suspension", "scheme": scheme, "zone": m.zone}
            yield matter(DECIDER, ReinstateStatus, m.measure_id, **about, **days)
    in_term = [s for s in segments if s.status in IN_TERM]
    if segments[-1].status in ENDING or not in_term or not in_term[-1].holding.assessed:
        return
    held = in_term[-1].holding
    through = last_valid(held.expires_on) if held.expires_on else None
    about = {"scheme": scheme, "zone": held.zone, "last_on": through, "waits": False}
    yield from _check_ins(p, in_term[-1], about)
    if open_cycle(p, scheme) is None:
        yield from _next_cycle(p, held, about)


def _check_ins(p: Program, now: Segment, about: dict[str, Any]) -> Iterator[Task]:
    """The anniversaries of a term without a check-in; where a term has no end, those of the next years."""
    held = now.holding
    known = (key.rpartition("/") for key in p.check_ins)
    done = [date.fromisoformat(day) for scheme, _, day in known if scheme == held.scheme]
    upto = held.expires_on or add(max(done, default=now.since), AHEAD)
    for day in anniversaries(p, held.scheme, now.since, upto):
        if day not in done:
            days = {"counted": day, "from_on": day - WINDOW, "due_on": day + WINDOW}
            rules = held.policy.version if held.policy else ""
            yield matter(LEAD, RecordAnnualCheckIn, day, task=CHECK_IN, rules=rules, **about, **days)


def _next_cycle(p: Program, held: Holding, about: dict[str, Any]) -> Iterator[Task]:
    """The renewal, counted back from the end of the term, and the re-engagement, counted from its beginning."""
    end = end_of(held)
    if end:
        days = {"counted": end, "due_on": about["last_on"]}
        yield matter(LEAD, RequestParticipation, held.scheme, task=RENEW, **about, **days)
    began = [h.effective_on for h in p.holdings if h.scheme == held.scheme and end and end_of(h) == end]
    first = min(began, default=held.effective_on)
    yield matter(ADMIN, None, held.scheme, task=REENGAGE, counted=first, **{**about, "last_on": None})
