"""What a program shares of its report: with those it chose, as long as it chose, and nothing else."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.progress import ClosePlan, ReportGoalProgress, VerifyGoal
from domain.report import EndShare, IssueReport, ShareReport
from domain.values import field_types
from projections.shared import SharedGoal, SharedReport, shared
from tests.members import SUSPENDABLE
from tests.small_tenure import PANEL, decision_of, denied, empanelled, hearing
from tests.small_world import (
    ADMIN,
    LEAD,
    NO,
    NOT_APPLICABLE,
    REVIEWER,
    STAFF,
    Case,
    admitted,
    decider_named,
    granted,
    listed,
    words,
    yes,
)

EVERYBODY, FUNDERS = {"public"}, {"public", "funders"}
MIXED: dict[str, Any] = {
    "answers": {"A1": yes(4), "A2": yes(5), "B3": yes(1), "B4": NOT_APPLICABLE, "C6": NO},
    "not_verified": ("C5",),
}
"""Two strengths, one weak practice, one not applicable, one not verified and one not in place that does not count."""


def reported(c: Case | None = None) -> Case:
    """The report is issued."""
    c = c or granted(**MIXED)
    return c.must(ADMIN, IssueReport(cycle_id=c.cycle_id))


def sharing(audience: Any = "funders", days: int | None = None) -> Case:
    """The report is shared, for so many days from today."""
    c = reported()
    until = None if days is None else c.today + timedelta(days=days)
    return c.must(LEAD, ShareReport(report_id=list(c.p.reports)[-1], audience=audience, until=until))


def seen(c: Case, audiences: set[str] = FUNDERS, day: date | None = None, scheme: str = "full") -> list[SharedReport]:
    """What is shared on a day."""
    return list(shared(c.p, scheme, audiences, day or c.today, c.world.instrument))


@pytest.mark.req("S2-10", "S1-19")
def test_what_is_shared_names_strengths_weaknesses_and_the_goals_still_open() -> None:
    c = sharing()
    assert c.cycle.plan
    assert c.cycle.access
    (goal,) = c.cycle.plan.goals.values()
    (report,) = seen(c)
    assert report == SharedReport(
        instrument=c.cycle.access.instrument,
        through=None,
        strengths=("A1", "A2"),
        improvement_areas=("C5", "C6"),
        goals=(SharedGoal(item_ids=("C5",), baseline=0, target=3, due_on=goal.due_on),),
    )


@pytest.mark.req("S2-10")
def test_nothing_is_seen_of_a_program_that_did_not_share() -> None:
    assert seen(granted(**MIXED)) == []
    assert seen(reported()) == []


@pytest.mark.req("S2-10", "S1-19")
@pytest.mark.parametrize(
    ("audience", "to_everybody", "to_funders"),
    [("funders", 0, 1), ("public", 1, 1), ("board", 0, 0), ("families", 0, 0)],
)
def test_each_audience_sees_what_is_shared_with_it(audience: str, to_everybody: int, to_funders: int) -> None:
    c = sharing(audience)
    assert (len(seen(c, EVERYBODY)), len(seen(c, FUNDERS))) == (to_everybody, to_funders)


@pytest.mark.req("S2-10", "H10")
def test_a_share_ends_after_its_last_day_without_any_event() -> None:
    c = sharing(days=30)
    last = c.today + timedelta(days=30)
    assert [r.through for r in seen(c, day=last)] == [last]
    assert seen(c, day=last + timedelta(days=1)) == []


def test_of_two_shares_the_longer_one_counts_for_who_is_in_both() -> None:
    c = sharing(days=30)
    c.must(LEAD, ShareReport(report_id=list(c.p.reports)[-1], audience="public", until=c.today + timedelta(days=10)))
    day = c.today + timedelta(days=20)
    assert (len(seen(c, EVERYBODY, day)), len(seen(c, FUNDERS, day))) == (0, 1)


@pytest.mark.req("S2-10", "S1-19")
def test_the_program_can_end_a_share_at_once() -> None:
    c = sharing()
    c.must(LEAD, EndShare(report_id=list(c.p.reports)[-1], audience="funders"))
    assert seen(c) == []


def test_another_schemes_report_is_not_shown() -> None:
    assert seen(sharing(), scheme="lean") == []


def test_a_goal_that_was_reached_is_no_longer_open_and_a_closed_plan_has_none() -> None:
    c = sharing()
    assert c.cycle.plan
    (goal_id,) = c.cycle.plan.goals
    progress = ReportGoalProgress(cycle_id=c.cycle_id, goal_id=goal_id, achieved=3, note=words("It is done."))
    reached = Case(c.world.copy(), c.how, cycle_id=c.cycle_id)
    reached.must(STAFF, progress).must(REVIEWER, VerifyGoal(cycle_id=c.cycle_id, goal_id=goal_id))
    assert [r.goals for r in seen(reached)] == [()]
    c.must(REVIEWER, ClosePlan(cycle_id=c.cycle_id, outcome="not_completed", reason=words("No time.")))
    assert [r.goals for r in seen(c)] == [()]


def test_while_a_cycle_is_looked_at_again_nothing_of_it_is_shown() -> None:
    c = listed(scheme="member", answers={"A1": NO, "A2": NO, "C5": NO})
    c.world.publish(SUSPENDABLE, effective_from=c.today)
    admitted.last(c)
    reported(denied(decider_named.again(c), tier="full"))
    c.must(LEAD, ShareReport(report_id=list(c.p.reports)[-1], audience="funders"))
    assert len(seen(c, scheme="member")) == 1
    appeal_id = empanelled(c, decision_of(c, "denied"))
    c.must(PANEL[0], hearing(appeal_id, "remanded"))
    assert seen(c, scheme="member") == []


def test_the_latest_report_comes_first() -> None:
    c = sharing()
    c.world.later(days=800)
    reported(granted.again(c, kind="renewal", answers={"A1": yes(2), "C6": yes(5)}, not_verified=()))
    first, second = c.p.reports
    c.must(LEAD, ShareReport(report_id=second, audience="funders"))
    assert c.p.reports[first].shares.keys() == c.p.reports[second].shares.keys()
    assert [r.strengths for r in seen(c)] == [("C6",), ("A1", "A2")]


@pytest.mark.req("H11")
def test_what_is_shared_has_no_place_for_persons_or_words() -> None:
    assert set(field_types(SharedReport)) == {"instrument", "through", "strengths", "improvement_areas", "goals"}
    assert set(field_types(SharedGoal)) == {"item_ids", "baseline", "target", "due_on"}
