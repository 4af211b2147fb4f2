"""Programs in the years after a decision, with every act of that life that may still be withdrawn."""

from typing import Any

from domain.progress import ClosePlan, ExtendPlan, ReportGoalProgress, VerifyGoal
from domain.surveillance import AssessChange, RecordAnnualCheckIn, ReportSubstantiveChange
from domain.term import add
from tests.members import delivering, full, issuing, redeemed, requesting
from tests.small_policies import FULL
from tests.small_world import ADMIN, LEAD, REVIEWER, STAFF, Case, granted, listed, words

NOTE = words("As we agreed.")


def checked_in() -> Case:
    """A check-in was recorded on the first anniversary."""
    c = listed()
    asked = {"annual_check_in": True, "change_report_within": "P30D", "basis": "proposal"}
    c.world.publish({**FULL, "version": "2", "surveillance": asked}, effective_from=c.today)
    granted.again(c)
    first = add(c.p.holdings[-1].effective_on, "P1Y")
    c.world.later(days=(first - c.today).days)
    return c.must(LEAD, RecordAnnualCheckIn(scheme="full", anniversary=first, narrative=NOTE))


def reported_on() -> Case:
    """The program reported that a goal of its plan is reached, and has more time for it."""
    c = granted()
    assert c.cycle.plan is not None
    assert c.cycle.plan.ends_on is not None
    (goal_id,) = c.cycle.plan.goals
    c.must(REVIEWER, ExtendPlan(cycle_id=c.cycle_id, ends_on=add(c.cycle.plan.ends_on, "P3M"), reason=NOTE))
    return c.must(STAFF, ReportGoalProgress(cycle_id=c.cycle_id, goal_id=goal_id, achieved=3, note=NOTE))


def verified() -> Case:
    """The goal is verified."""
    c = reported_on()
    assert c.cycle.plan is not None
    (goal_id,) = c.cycle.plan.goals
    return c.must(REVIEWER, VerifyGoal(cycle_id=c.cycle_id, goal_id=goal_id))


def closed() -> Case:
    """The plan is completed."""
    c = verified()
    return c.must(REVIEWER, ClosePlan(cycle_id=c.cycle_id, outcome="completed"))


def change_reported() -> Case:
    """The program reported a change."""
    c = listed()
    said: dict[str, Any] = {"kind": "site", "occurred_on": c.today, "description": NOTE}
    return c.must(LEAD, ReportSubstantiveChange(**said))


def change_assessed() -> Case:
    """The affiliate assessed it."""
    c = change_reported()
    (change_id,) = c.p.changes
    return c.must(ADMIN, AssessChange(change_id=change_id, impact="none", follow_up=NOTE))


def benefited() -> Case:
    """The program redeemed a voucher, was given something and asked for a letter."""
    c = redeemed(full())
    return c.must(ADMIN, delivering(c)).must(LEAD, requesting(c.today))


def with_acts() -> list[Case]:
    """Programs that between them have every such act."""
    issued = full().must(ADMIN, issuing())
    return [
        issued,
        benefited(),
        checked_in(),
        reported_on(),
        verified(),
        closed(),
        change_reported(),
        change_assessed(),
    ]
