"""Tasks: what is to be done about a program, by whom, until when; and nothing that was done or fell away."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain import COMMANDS
from domain.adverse import ReinstateStatus
from domain.concern import CloseInquiry, OpenInquiry, ReferConcern
from domain.correction import WithdrawAct
from domain.decision import DeferDecision
from domain.due import AnnounceDue
from domain.notice import CloseNotice, ReplyToNotice
from domain.participation import OrderCorrectiveCycle, RequestParticipation, reengagement
from domain.policy.model import load
from domain.progress import ClosePlan, ReportGoalProgress, VerifyGoal
from domain.reversal import ProposeReversal
from domain.support import AskSupportQuestion
from domain.surveillance import AssessChange, RecordAnnualCheckIn, ReportSubstantiveChange
from domain.term import add
from domain.transfer import ProposeTransfer
from projections.matters import Task
from projections.tasks import Rules, dated, stands, tasks
from projections.waiting import Asks
from tests.later_life import reported_on
from tests.members import full, importing, requesting
from tests.small_policies import FULL
from tests.small_tenure import (
    DAY,
    PANEL,
    appealed,
    decision_of,
    denied,
    empanelled,
    ends,
    noticed,
    revoked,
    suspended,
    under,
)
from tests.small_world import (
    ADMIN,
    CLOCK,
    DECIDER2,
    LEAD,
    NO,
    OPERATOR,
    REVIEWER,
    STAFF,
    Case,
    decider_named,
    granted,
    listed,
    open_,
    rated,
    registered,
    requested,
    words,
)

NOTE = words("As it is.")
WINDOWS: dict[str, Any] = {
    "term": {**FULL["term"], "reassessment": {"opens": "P2Y", "due": "P30M", "basis": "proposal"}},
    "surveillance": {"annual_check_in": True, "change_report_within": None, "basis": "proposal"},
}
RULES = Rules("full", "", "P12M", "P2Y", "P30M", check_in=True)
LEAD_PART = "program_lead"


def weak() -> Case:
    """The highest tier was denied, for it lacks C5 and more."""
    return denied(answers={"A1": NO, "C5": NO})


def of(c: Case, task: str) -> list[Task]:
    """The tasks of that kind, on whatever day."""
    return [t for t in tasks(c.p) if t.task == task]


def one(c: Case, task: str) -> Task:
    """The only task of that kind."""
    (found,) = of(c, task)
    return found


def to_do(c: Case, day: date | None = None, rules: Rules | None = RULES) -> set[str]:
    """What is to be done on a day."""
    every = (dated(task, rules) for task in tasks(c.p))
    return {t.task for t in every if t and stands(t, day or c.today)}


def named_role_may(c: Case) -> bool:
    """Whether each task's part is one that its request takes."""
    return all(t.role in COMMANDS[t.act].by for t in tasks(c.p) if t.act)


STORIES = [
    registered(), listed(), requested(), open_(), rated(), decider_named(), granted(), granted(scheme="member"),
    weak(), reported_on(), full(),
]  # fmt: skip


@pytest.mark.parametrize("case", STORIES, ids=range(len(STORIES)))
def test_a_task_lies_with_a_part_that_may_do_it(case: Case) -> None:
    assert named_role_may(case)


def test_a_pending_listing_is_the_only_task() -> None:
    assert [(t.task, t.role) for t in tasks(registered().p)] == [("approve_listing", "affiliate_admin")]
    assert tasks(listed().p) == []


@pytest.mark.req("M21")
def test_every_cycle_has_its_turn() -> None:
    c = requested(scheme="lean")
    c.must(LEAD, RequestParticipation(scheme="full", readiness_reviewed=True))
    turns = [(t.about, t.task) for t in tasks(c.p)]
    assert len(turns) == 2, "two schemes, two cycles under way"
    assert turns[0][0] != turns[1][0]
    asks = {turns[0][0]: Asks.of(c.policy, "initial"), turns[1][0]: None}
    assert next(t.task for t in tasks(c.p, asks)) == "grant_assessment_access"


def test_what_was_ordered_and_what_was_put_off_is_due_on_its_day() -> None:
    c = granted()
    due = c.today + 60 * DAY
    c.must(ADMIN, OrderCorrectiveCycle(scheme="full", ground="finding", due_on=due, reason=NOTE))
    assert one(c, "grant_assessment_access").due_on == due
    c = decider_named()
    until = c.today + 30 * DAY
    c.must(c.decider, DeferDecision(cycle_id=c.cycle_id, tier="expert", until=until, reason=NOTE))
    assert (one(c, "decide_tier").due_on, one(c, "decide_tier").role) == (until, "decider")


class TestAgainstAProgram:
    """Notices, acts, appeals, proposals of two people."""

    def test_a_notice_waits_for_the_reply_and_then_for_the_decision(self) -> None:
        c = granted()
        notice_id = noticed(c, "suspend")
        by = c.today + 20 * DAY
        assert (one(c, "reply_to_notice").role, one(c, "reply_to_notice").due_on) == (LEAD_PART, by)
        assert {"reply_to_notice"} == to_do(c, by) & {"reply_to_notice", "suspend_status"}
        assert {"suspend_status"} == to_do(c, by + DAY) & {"reply_to_notice", "suspend_status"}
        c.must(LEAD, ReplyToNotice(notice_id=notice_id, reply=NOTE))
        assert {"suspend_status"} == to_do(c) & {"reply_to_notice", "suspend_status"}
        c.must(ADMIN, CloseNotice(notice_id=notice_id, ground="remedied", reason=NOTE))
        assert not to_do(c) & {"reply_to_notice", "suspend_status"}

    def test_what_the_clock_told_needs_no_day(self) -> None:
        c = granted()
        notice_id = noticed(c)
        due = c.today + 21 * DAY
        c.world.later(days=22)
        c.must(CLOCK, AnnounceDue(kind="reply_end", about=notice_id, due_on=due))
        assert of(c, "reply_to_notice") == []
        assert one(c, "revoke_status").from_on is None

    def test_a_suspension_is_looked_at_again(self) -> None:
        c = granted()
        decision_id = suspended(c)
        task = one(c, "review_suspension")
        assert (task.about, task.role, task.due_on) == (decision_id, "decider", c.today + 20 * DAY)
        assert not stands(task, ends(c)), "the term has ended"
        c.must(DECIDER2, ReinstateStatus(scheme="full", declaration="none", reason=NOTE))
        assert of(c, "review_suspension") == []

    @pytest.mark.req("M18")
    def test_an_appeal_is_a_right_until_its_day_and_then_a_task_for_others(self) -> None:
        c = weak()
        decision_id = decision_of(c, "denied")
        by = c.p.decisions[decision_id].appeal_by
        assert by is not None
        assert "file_appeal" in to_do(c, by)
        assert "file_appeal" not in to_do(c, by + DAY)
        assert not one(c, "file_appeal").waits
        appeal_id = appealed(c, decision_id)
        assert of(c, "file_appeal") == []
        assert (one(c, "admit_appeal").about, one(c, "admit_appeal").role) == (appeal_id, "affiliate_admin")

    def test_the_end_of_the_time_to_appeal_was_announced(self) -> None:
        c = weak()
        decision_id = decision_of(c, "denied")
        by = c.p.decisions[decision_id].appeal_by
        assert by is not None
        c.world.later(days=(by - c.today).days + 1)
        c.must(CLOCK, AnnounceDue(kind="appeal_end", about=decision_id, due_on=by + DAY))
        assert of(c, "file_appeal") == []

    @pytest.mark.req("M19")
    def test_a_panel_declares_and_decides_in_its_time(self) -> None:
        c = weak()
        appeal_id = empanelled(c, decision_of(c, "denied"), declared=False)
        until = c.today + 60 * DAY
        assert "declare_on_panel" in to_do(c, until)
        assert {"name_appeal_panel"} == to_do(c, until + DAY) & {"declare_on_panel", "name_appeal_panel"}
        other = weak()
        empanelled(other, decision_of(other, "denied"))
        assert (one(other, "decide_appeal").about, one(other, "decide_appeal").role) == (appeal_id, "panelist")
        assert len(other.p.appeals[appeal_id].panel) == len(PANEL)

    @pytest.mark.req("M4")
    def test_a_proposal_waits_for_a_second_person(self) -> None:
        c = weak()
        decision_id = decision_of(c, "denied")
        c.must(ADMIN, ProposeReversal(decision_id=decision_id, ground="facts_wrong", reason=NOTE))
        assert one(c, "confirm_decision_change").role == "affiliate_admin"


class TestAroundAProgram:
    """Plans, changes, concerns, questions, letters, transfers."""

    @pytest.mark.req("S0-04", "A15")
    def test_goals_are_reported_on_and_verified_and_the_plan_is_closed(self) -> None:
        c = granted()
        plan = c.cycle.plan
        assert plan is not None
        ((goal_id, goal),) = plan.goals.items()
        assert (one(c, "report_goal_progress").role, one(c, "report_goal_progress").due_on) == (LEAD_PART, goal.due_on)
        assert "close_plan" not in to_do(c)
        assert "close_plan" in to_do(c, plan.ends_on)
        c.must(STAFF, ReportGoalProgress(cycle_id=c.cycle_id, goal_id=goal_id, achieved=goal.target, note=NOTE))
        assert (of(c, "report_goal_progress"), one(c, "verify_goal").role) == ([], "reviewer")
        c.must(REVIEWER, VerifyGoal(cycle_id=c.cycle_id, goal_id=goal_id))
        assert of(c, "verify_goal") == []
        assert "close_plan" in to_do(c)
        c.must(REVIEWER, ClosePlan(cycle_id=c.cycle_id, outcome="completed"))
        assert of(c, "close_plan") == []

    def test_a_change_is_assessed(self) -> None:
        c = listed()
        c.must(LEAD, ReportSubstantiveChange(kind="site", occurred_on=c.today, description=NOTE))
        change = one(c, "assess_change")
        c.must(ADMIN, AssessChange(change_id=change.about, impact="none", follow_up=NOTE))
        assert tasks(c.p) == []

    def test_a_concern_is_looked_into(self) -> None:
        c = listed()
        c.must(ADMIN, ReferConcern(complaint_id="comp1", severity="serious"))
        concern_id = one(c, "open_inquiry").about
        c.must(ADMIN, OpenInquiry(concern_id=concern_id))
        assert one(c, "close_inquiry").about == concern_id
        c.must(ADMIN, CloseInquiry(concern_id=concern_id, finding="unfounded", reason=NOTE))
        assert tasks(c.p) == []

    @pytest.mark.req("M9")
    def test_a_question_is_answered(self) -> None:
        c = listed().must(LEAD, AskSupportQuestion(question=NOTE))
        (question_id,) = c.p.questions
        assert (one(c, "answer_support_question").about, one(c, "answer_support_question").waits) == (question_id, True)

    @pytest.mark.req("S0-16")
    def test_a_letter_is_issued(self) -> None:
        c = full()
        c.must(LEAD, requesting(c.today))
        assert one(c, "issue_letter_of_support").scheme == "member"

    def test_a_transfer_lies_with_the_other_affiliate(self) -> None:
        c = listed()
        move: dict[str, Any] = {"to": "south", "jurisdiction": "US-GA", "status_treatment": "kept", "reason": NOTE}
        c.must(LEAD, ProposeTransfer(**move))
        assert (one(c, "accept_transfer").elsewhere, one(c, "accept_transfer").role) == ("south", "receiving_admin")


class TestWithTheTerm:
    """What comes round with a term, by the rules of the scheme."""

    @pytest.mark.req("M15")
    def test_a_renewal_opens_as_the_policy_says_and_falls_away_with_the_term(self) -> None:
        c = granted()
        opens = add(ends(c), "P12M", -1)
        assert "renew" not in to_do(c, opens - DAY)
        assert "renew" in to_do(c, opens)
        assert "renew" in to_do(c, ends(c) - DAY)
        assert "renew" not in to_do(c, ends(c))
        assert "renew" not in to_do(c, opens, rules=None)
        assert "renew" not in to_do(c, opens, rules=RULES._replace(renewal=None))

    @pytest.mark.req("S2-07", "M21", "A19")
    def test_the_re_engagement_is_the_rules_own_window(self) -> None:
        c = granted()
        policy = load({**FULL, "version": "2", **WINDOWS})
        window = reengagement(c.p, "full", policy, c.today)
        assert window is not None
        task = dated(one(c, "reengage"), RULES)
        assert task is not None
        assert (task.from_on, task.due_on) == window
        assert (task.role, task.act) == ("affiliate_admin", None)
        assert "reengage" in to_do(c, window[1] + 400 * DAY), "missed, it is still to be done"
        assert dated(task, RULES._replace(looks=None)) is None

    def test_a_cycle_under_way_is_the_answer_to_both(self) -> None:
        c = granted()
        c.world.later(days=(add(ends(c), "P6M", -1) - c.today).days)
        c.must(LEAD, RequestParticipation(scheme="full", kind="renewal"))
        assert not {t.task for t in tasks(c.p)} & {"renew", "reengage"}

    def test_a_check_in_is_to_be_recorded_until_it_was_or_the_term_ends(self) -> None:
        c = under(granted, changes=WINDOWS)
        first = add(c.p.holdings[-1].effective_on, "P1Y")
        assert [t.about for t in of(c, "check_in")] == [str(first), str(add(first, "P1Y"))]
        assert "check_in" not in to_do(c, first - timedelta(61))
        assert "check_in" in to_do(c, first - timedelta(60))
        assert "check_in" not in to_do(c, first, rules=RULES._replace(check_in=False))
        c.world.later(days=(first - c.today).days)
        c.must(LEAD, RecordAnnualCheckIn(scheme="full", anniversary=first, narrative=NOTE))
        assert [t.about for t in of(c, "check_in")] == [str(add(first, "P1Y"))]
        c.must(LEAD, WithdrawAct(version=c.p.version, ground="other_error", explanation=NOTE))
        assert len(of(c, "check_in")) == 2

    def test_a_tier_without_an_end_sees_some_years_ahead(self) -> None:
        c = listed(scheme="member")
        c.must(OPERATOR, importing(c.today))
        assert len(of(c, "check_in")) == 5
        assert of(c, "renew") == []
        assert one(c, "reengage").counted == c.today

    def test_nothing_comes_round_with_what_was_lost_or_never_assessed(self) -> None:
        c = granted()
        assert {t.task for t in tasks(c.p)} & {"renew", "reengage"}
        revoked(c)
        assert not {t.task for t in tasks(c.p)} & {"renew", "reengage", "check_in"}
