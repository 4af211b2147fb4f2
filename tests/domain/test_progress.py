"""Progress: goals of the adopted plan are reported on and verified, the plan is extended and closed."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain import evolve
from domain.access import WithdrawFromCycle
from domain.affiliate import AppointStaff, RecordStaffDeparture
from domain.correction import ActWithdrawn, WithdrawAct
from domain.documents import WithdrawDocument
from domain.listing import AppointRepresentative, RemoveRepresentative
from domain.plan import AdoptPlan, DraftPlan, ProposePlan, SetGoal
from domain.program import Plan, running_plans
from domain.progress import (
    ClosePlan,
    ExtendPlan,
    GoalAttainmentVerified,
    GoalProgressReported,
    ImprovementPlanClosed,
    ImprovementPlanEnded,
    ImprovementPlanExtended,
    ReportGoalProgress,
    VerifyGoal,
    open_goals,
    overdue,
    plan_ended,
    plan_status,
    unannounced,
)
from domain.statement import ReopenEvidence
from domain.status import standing
from domain.term import add
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    REVIEWER,
    REVIEWER2,
    STAFF,
    STRANGER,
    Case,
    attested,
    decider_named,
    determined,
    granted,
    hand_in,
    planned,
    reviewed,
    words,
)
from tests.story import given

DAY = timedelta(days=1)
NOTE = words("We wrote it down and trained everybody.")


def plan(c: Case) -> Plan:
    """The plan as it stands."""
    assert c.cycle.plan is not None
    return c.cycle.plan


def reporting(c: Case, goal_id: str = "", achieved: int = 3, **more: Any) -> ReportGoalProgress:
    goal_id = goal_id or next(iter(plan(c).goals))
    return ReportGoalProgress(cycle_id=c.cycle_id, goal_id=goal_id, achieved=achieved, note=NOTE, **more)


def verifying(c: Case, goal_id: str = "") -> VerifyGoal:
    return VerifyGoal(cycle_id=c.cycle_id, goal_id=goal_id or next(iter(plan(c).goals)))


def extending(c: Case, ends_on: date) -> ExtendPlan:
    return ExtendPlan(cycle_id=c.cycle_id, ends_on=ends_on, reason=words("The trainer was ill."))


def closing(c: Case, outcome: Any = "completed", reason: Any = None) -> ClosePlan:
    return ClosePlan(cycle_id=c.cycle_id, outcome=outcome, reason=reason)


def undoing(version: int) -> WithdrawAct:
    return WithdrawAct(version=version, ground="other_error", explanation=words("That was not so."))


def two_goals() -> Case:
    """An adopted plan of a year with a goal due after half of it, and one due at its end."""
    c = determined()
    c.must(REVIEWER, DraftPlan(cycle_id=c.cycle_id))
    said: dict[str, Any] = {"baseline": 0, "target": 3, "start_on": c.today, "owner_role": "program_lead"}
    for item_id, months in (("A1", 6), ("C5", 12)):
        due_on = add(c.today, f"P{months}M")
        c.must(STAFF, SetGoal(cycle_id=c.cycle_id, item_ids=(item_id,), due_on=due_on, actions=NOTE, **said))
    c.must(REVIEWER, ProposePlan(cycle_id=c.cycle_id, starts_on=c.today, ends_on=add(c.today, "P12M")))
    return c.must(LEAD, AdoptPlan(cycle_id=c.cycle_id, plan_digest=plan(c).digest))


def reached(c: Case, *goal_ids: str) -> Case:
    """These goals were reported as reached, and verified."""
    for goal_id in goal_ids or tuple(plan(c).goals):
        c.must(STAFF, reporting(c, goal_id)).must(REVIEWER, verifying(c, goal_id))
    return c


def _unadopted() -> Case:
    c = determined()
    return c.must(REVIEWER, DraftPlan(cycle_id=c.cycle_id))


def adopt_anew(c: Case, later: int = 0) -> Case:
    """A plan that became a draft again is adopted as it was, so many days later."""
    before = plan(c).starts_on
    assert before is not None
    starts_on = before + later * DAY
    c.must(REVIEWER, ProposePlan(cycle_id=c.cycle_id, starts_on=starts_on, ends_on=add(starts_on, "P12M")))
    return c.must(LEAD, AdoptPlan(cycle_id=c.cycle_id, plan_digest=plan(c).digest))


LIVING: dict[str, tuple[str, Any]] = {
    "report": (STAFF, lambda c, goal_id="none": reporting(c, goal_id)),
    "verify": (REVIEWER, lambda c, goal_id="none": verifying(c, goal_id)),
    "extend": (REVIEWER, lambda c, goal_id="": extending(c, date(2030, 1, 1))),
    "close": (REVIEWER, lambda c, goal_id="": closing(c, "partly")),
}


@pytest.mark.parametrize("name", LIVING)
def test_it_is_about_a_plan_that_is_adopted_and_not_closed(name: str) -> None:
    person, command = LIVING[name]
    c = determined()
    given(c).when(person, command(c)).refused("PLAN_UNKNOWN")
    c = _unadopted()
    given(c).when(person, command(c)).refused("PLAN_NOT_ADOPTED")
    c = planned()
    c.must(REVIEWER, closing(c, "not_completed"))
    given(c).when(person, command(c)).refused("PLAN_CLOSED")
    c = planned()
    c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=words("No time.")))
    given(c).when(person, command(c)).refused("CYCLE_ENDED", phase="withdrawn")
    assert list(running_plans(c.p)) == []


@pytest.mark.parametrize("name", LIVING)
def test_the_cycle_is_the_programs(name: str) -> None:
    person, command = LIVING[name]
    c = planned()
    asked = command(c).model_copy(update={"cycle_id": "imaginary"})
    given(c).when(person, asked).refused("CYCLE_UNKNOWN", cycle_id="imaginary")


class TestReporting:
    """The program says how far each goal has come, before and after the decision."""

    @pytest.mark.req("S0-04", "S1-16")
    @pytest.mark.parametrize("person", [STAFF, LEAD])
    @pytest.mark.parametrize("situation", [planned, reviewed, attested, granted])
    def test_from_adoption_on(self, situation: Any, person: str) -> None:
        c = situation()
        (goal_id,) = plan(c).goals
        given(c).when(person, reporting(c, achieved=2)).then(
            GoalProgressReported, cycle_id=c.cycle_id, goal_id=goal_id, achieved=2, on=c.today, reported_by=person,
            document_ids=(), note=NOTE,
        )  # fmt: skip
        ((said,),) = plan(c).progress.values()
        assert (said.achieved, said.reported, said.reported_by, said.verified) == (2, c.p.version, person, 0)
        assert open_goals(plan(c)) == [goal_id]

    def test_as_of_a_day_that_has_come(self) -> None:
        c = planned()
        given(c).when(STAFF, reporting(c, on=c.today - 5 * DAY)).then(GoalProgressReported, on=c.today - 5 * DAY)
        given(c).when(STAFF, reporting(c, on=c.today + DAY)).refused("DATE_IN_FUTURE", field="on", today=c.today)

    def test_on_a_goal_of_the_plan(self) -> None:
        c = planned()
        given(c).when(STAFF, reporting(c, "imaginary")).refused("GOAL_UNKNOWN", goal_id="imaginary")
        given(c).when(STAFF, reporting(c, "imaginary", on=c.today + DAY)).refused("GOAL_UNKNOWN", "DATE_IN_FUTURE")

    def test_what_shows_it_was_handed_in_and_stays(self) -> None:
        c = planned()
        given(c).when(STAFF, reporting(c, document_ids=("phantom",))).refused("DOCUMENT_UNKNOWN")
        hand_in(c, "manual")
        given(c).when(STAFF, reporting(c, document_ids=("manual",))).then(
            GoalProgressReported, document_ids=("manual",)
        )
        given(c).when(STAFF, WithdrawDocument(document_id="manual", reason=NOTE)).refused("DOCUMENT_FROZEN")

    @pytest.mark.parametrize("achieved", [-1, 6])
    def test_on_the_scale_of_ratings(self, achieved: int) -> None:
        with pytest.raises(ValueError, match="achieved"):
            reporting(planned(), achieved=achieved)

    @pytest.mark.parametrize("person", [ADMIN, REVIEWER, DECIDER, STRANGER])
    def test_by_the_program(self, person: str) -> None:
        c = planned()
        given(c).when(person, reporting(c)).not_allowed()

    @pytest.mark.req("M2")
    @pytest.mark.parametrize("person", [LEAD, ADMIN])
    @pytest.mark.parametrize("situation", [planned, granted])
    def test_a_report_made_in_error_is_withdrawn_and_the_one_before_counts(self, situation: Any, person: str) -> None:
        c = situation()
        (goal_id,) = plan(c).goals
        c.must(STAFF, reporting(c, achieved=1), reporting(c, achieved=1), reporting(c, achieved=4))
        given(c).when(REVIEWER, undoing(c.p.version)).refused("NOT_YOURS_TO_WITHDRAW")
        given(c).when(person, undoing(c.p.version)).then(ActWithdrawn, act="GoalProgressReported.v1")
        first, second = plan(c).progress[goal_id]
        assert (first.achieved, second.achieved) == (1, 1)
        given(c).when(person, undoing(first.reported)).then(ActWithdrawn)
        assert plan(c).progress[goal_id] == (second,)

    @pytest.mark.req("M2")
    def test_a_report_that_was_verified_stays_and_another_like_it_does_not(self) -> None:
        c = planned()
        c.must(STAFF, reporting(c), reporting(c))
        c.must(REVIEWER, verifying(c))
        first, second = plan(c).progress[next(iter(plan(c).goals))]
        given(c).when(ADMIN, undoing(second.reported)).refused("RESTED_UPON", what=["verification"])
        given(c).when(ADMIN, undoing(first.reported)).then(ActWithdrawn)


class TestVerifying:
    """Somebody of the affiliate sees that a goal is reached."""

    @pytest.mark.req("S0-04")
    @pytest.mark.parametrize("person", [REVIEWER, REVIEWER2, ADMIN])
    @pytest.mark.parametrize("situation", [planned, granted])
    def test_what_was_reported_is_verified(self, situation: Any, person: str) -> None:
        c = situation()
        c.must(STAFF, reporting(c))
        (goal_id,) = plan(c).goals
        reported = c.p.version
        given(c).when(person, verifying(c)).then(
            GoalAttainmentVerified, cycle_id=c.cycle_id, goal_id=goal_id, reported=reported, verified_by=person
        )
        assert plan(c).progress[goal_id][0].verified == c.p.version
        assert open_goals(plan(c)) == []
        given(c).when(person, verifying(c)).refused("ALREADY_RECORDED")

    def test_only_a_goal_that_was_reported_on(self) -> None:
        c = planned()
        (goal_id,) = plan(c).goals
        given(c).when(REVIEWER, verifying(c, "imaginary")).refused("GOAL_UNKNOWN", goal_id="imaginary")
        given(c).when(REVIEWER, verifying(c)).refused("NOT_REPORTED", goal_id=goal_id)

    @pytest.mark.parametrize(("achieved", "enough"), [(2, False), (3, True), (5, True)])
    def test_only_what_reaches_the_target(self, achieved: int, enough: bool) -> None:
        c = planned()
        c.must(STAFF, reporting(c, achieved=achieved))
        story = given(c).when(REVIEWER, verifying(c))
        if enough:
            story.then(GoalAttainmentVerified)
        else:
            story.refused("TARGET_NOT_REACHED", achieved=achieved, target=3)

    def test_a_later_report_takes_the_place_of_one_that_was_verified(self) -> None:
        c = reached(planned())
        c.must(STAFF, reporting(c, achieved=2))
        assert open_goals(plan(c)) == list(plan(c).goals)
        given(c).when(REVIEWER, verifying(c)).refused("TARGET_NOT_REACHED")

    @pytest.mark.req("A26")
    def test_nobody_verifies_what_they_reported_though_they_changed_sides(self) -> None:
        c = planned()
        c.must(STAFF, reporting(c))
        c.must(LEAD, RemoveRepresentative(person=STAFF))
        c.world.must(ADMIN, "north", AppointStaff(person=STAFF, roles=("reviewer",)))
        c.world.later(days=24 * 31)
        given(c).when(STAFF, verifying(c)).refused("SELF_VERIFICATION", person=STAFF)
        given(c).when(REVIEWER, verifying(c)).then(GoalAttainmentVerified)

    @pytest.mark.req("A26")
    def test_nor_what_the_program_reported_that_they_acted_for_until_lately(self) -> None:
        c = planned()
        c.must(LEAD, reporting(c), RemoveRepresentative(person=STAFF))
        left = c.today
        c.world.must(ADMIN, "north", AppointStaff(person=STAFF, roles=("reviewer",)))
        c.world.later(days=(add(left, "P24M") - left).days - 1)
        given(c).when(STAFF, verifying(c)).refused("SELF_VERIFICATION", person=STAFF)
        c.world.later()
        given(c).when(STAFF, verifying(c)).then(GoalAttainmentVerified)

    def test_whoever_acts_for_the_program_now_has_no_part_in_it(self) -> None:
        c = planned()
        c.must(STAFF, reporting(c))
        c.world.must(ADMIN, "north", RecordStaffDeparture(person=REVIEWER2))
        c.must(LEAD, AppointRepresentative(person=REVIEWER2, role="board_chair"))
        for person in (LEAD, STAFF, REVIEWER2, DECIDER, STRANGER):
            given(c).when(person, verifying(c)).not_allowed()

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = planned()
        c.must(STAFF, reporting(c, achieved=1))
        c.must(LEAD, RemoveRepresentative(person=STAFF))
        c.world.must(ADMIN, "north", AppointStaff(person=STAFF, roles=("reviewer",)))
        given(c).when(STAFF, verifying(c)).refused("SELF_VERIFICATION", "TARGET_NOT_REACHED")

    @pytest.mark.req("M2")
    @pytest.mark.parametrize("person", [REVIEWER, ADMIN])
    def test_a_verification_made_in_error_is_withdrawn_until_the_plan_is_closed(self, person: str) -> None:
        c = reached(granted())
        version = c.p.version
        given(c).when(LEAD, undoing(version)).refused("NOT_YOURS_TO_WITHDRAW")
        given(c).when(person, undoing(version)).then(ActWithdrawn, act="GoalAttainmentVerified.v1")
        assert open_goals(plan(c)) == list(plan(c).goals)
        c.must(REVIEWER, verifying(c), closing(c))
        given(c).when(person, undoing(c.p.version - 1)).refused("RESTED_UPON", what=["closed_plan"])

    @pytest.mark.req("A14")
    def test_a_goal_set_anew_after_the_evidence_was_reopened_is_to_be_verified_anew(self) -> None:
        c = reached(reviewed())
        (goal_id,) = plan(c).goals
        c.must(REVIEWER, ReopenEvidence(cycle_id=c.cycle_id, reason=NOTE))
        before = plan(c).goals[goal_id]
        said: dict[str, Any] = {"item_ids": before.item_ids, "baseline": 3, "target": 4, "start_on": before.start_on}
        said |= {"due_on": before.due_on, "owner_role": "program_lead", "actions": NOTE}
        c.must(STAFF, SetGoal(cycle_id=c.cycle_id, goal_id=goal_id, **said))
        assert open_goals(plan(c)) == [goal_id]


class TestOverdue:
    """Which goals are overdue follows from the days; an unfinished plan ends no status (A15)."""

    @pytest.mark.req("A15")
    def test_a_goal_is_overdue_from_the_day_after_its_last(self) -> None:
        c = two_goals()
        first, second = plan(c).goals
        half, whole = add(c.today, "P6M"), add(c.today, "P12M")
        days = (c.today, half, half + DAY, whole, whole + DAY)
        assert [overdue(plan(c), d) for d in days] == [[], [], [first], [first], [first, second]]
        reached(c, first)
        assert [overdue(plan(c), d) for d in days] == [[], [], [], [], [second]]

    @pytest.mark.req("A15")
    def test_the_status_of_a_plan_on_a_day(self) -> None:
        c = two_goals()
        half, whole = add(c.today, "P6M"), add(c.today, "P12M")
        days = (c.today, half, half + DAY, whole - DAY, whole)
        assert [plan_status(plan(c), d) for d in days] == ["running", "running", "overdue", "overdue", "ended"]
        reached(c)
        assert [plan_status(plan(c), d) for d in days] == ["running"] * 4 + ["ended"]
        c.must(REVIEWER, closing(c))
        assert [plan_status(plan(c), d) for d in days] == ["completed"] * 5
        assert plan_status(plan(_unadopted()), c.today) == "draft"

    def test_of_a_draft_or_a_closed_plan_nothing_is_overdue(self) -> None:
        c = two_goals()
        long_after = add(c.today, "P3Y")
        c.must(REVIEWER, closing(c, "not_completed"))
        assert overdue(plan(c), long_after) == []
        c = reviewed()
        c.must(REVIEWER, ReopenEvidence(cycle_id=c.cycle_id, reason=NOTE))
        assert overdue(plan(c), long_after) == []

    @pytest.mark.req("A15")
    def test_an_unfinished_plan_ends_no_status(self) -> None:
        c = granted()
        c.world.later(days=800)
        assert plan_status(plan(c), c.today) == "ended"
        assert overdue(plan(c), c.today)
        held = standing(c.p, "full", c.today).held
        assert held is not None
        assert held.tier == "dedicated"
        c.must(REVIEWER, closing(c, "not_completed", words("Nothing was done.")))
        assert standing(c.p, "full", c.today).held == held


class TestExtending:
    """More time for the goals still open."""

    @pytest.mark.req("A15")
    @pytest.mark.parametrize("person", [REVIEWER, ADMIN])
    def test_an_extension_gives_every_open_goal_until_the_new_end(self, person: str) -> None:
        c = two_goals()
        ends_on = add(c.today, "P12M")
        later = ends_on + 90 * DAY
        c.world.later(days=200)
        given(c).when(person, extending(c, later)).then(
            ImprovementPlanExtended, ended_on=ends_on, ends_on=later, reason=words("The trainer was ill.")
        )
        assert (plan(c).ends_on, plan(c).extended_from) == (later, ends_on)
        assert overdue(plan(c), c.today) == []
        assert overdue(plan(c), later) == []
        assert overdue(plan(c), later + DAY) == list(plan(c).goals)
        assert plan_status(plan(c), later - DAY) == "running"
        given(c).when(person, extending(c, later + DAY)).then(ImprovementPlanExtended, ended_on=later)
        assert (plan(c).ends_on, plan(c).extended_from) == (later + DAY, ends_on)

    def test_it_ends_later_than_before(self) -> None:
        c = granted()
        ends_on = plan(c).ends_on
        assert ends_on is not None
        given(c).when(REVIEWER, extending(c, ends_on)).refused("NOT_LONGER", ends_on=ends_on)
        c.world.later(days=500)
        given(c).when(REVIEWER, extending(c, ends_on + DAY)).then(ImprovementPlanExtended)

    def test_the_program_does_not_extend_its_plan(self) -> None:
        c = planned()
        for person in (LEAD, STAFF, DECIDER):
            given(c).when(person, extending(c, date(2030, 1, 1))).refused("NOT_AUTHORISED")

    @pytest.mark.req("M2")
    @pytest.mark.parametrize("person", [REVIEWER, ADMIN])
    def test_an_extension_made_in_error_is_withdrawn_the_last_one_first(self, person: str) -> None:
        c = granted()
        ends_on = plan(c).ends_on
        assert ends_on is not None
        c.must(REVIEWER, extending(c, ends_on + 10 * DAY), extending(c, ends_on + 20 * DAY))
        first, second = c.p.version - 1, c.p.version
        given(c).when(LEAD, undoing(second)).refused("NOT_YOURS_TO_WITHDRAW")
        given(c).when(person, undoing(first)).refused("RESTED_UPON", what=["later_extension"])
        given(c).when(person, undoing(second)).then(ActWithdrawn, act="ImprovementPlanExtended.v1")
        assert (plan(c).ends_on, plan(c).extended_from) == (ends_on + 10 * DAY, ends_on)
        given(c).when(person, undoing(first)).then(ActWithdrawn)
        assert (plan(c).ends_on, plan(c).extended_from) == (ends_on, None)
        c.must(REVIEWER, extending(c, ends_on + DAY), closing(c, "partly"))
        given(c).when(person, undoing(c.p.version - 1)).refused("RESTED_UPON", what=["closed_plan"])

    @pytest.mark.req("A14")
    def test_a_plan_adopted_anew_is_extended_anew(self) -> None:
        c = reviewed()
        (goal_id,), starts_on = plan(c).goals, plan(c).starts_on
        assert starts_on is not None
        due_on = plan(c).goals[goal_id].due_on
        c.must(REVIEWER, extending(c, due_on + 10 * DAY))
        version = c.p.version
        c.must(REVIEWER, ReopenEvidence(cycle_id=c.cycle_id, reason=NOTE))
        dates: dict[str, Any] = {"start_on": starts_on + 10 * DAY, "due_on": due_on}
        more: dict[str, Any] = {"item_ids": ("A1",), "baseline": 0, "target": 3, "owner_role": "program_lead"}
        c.must(STAFF, SetGoal(cycle_id=c.cycle_id, goal_id=goal_id, actions=NOTE, **dates, **more))
        adopt_anew(c, 10)
        assert (plan(c).ends_on, plan(c).extended_from) == (due_on + 10 * DAY, None)
        assert overdue(plan(c), due_on + DAY) == [goal_id]
        given(c).when(REVIEWER, undoing(version)).refused("RESTED_UPON", what=["plan_adopted_anew"])


class TestClosing:
    """A closed plan says what was reached, and what was not."""

    @pytest.mark.req("S0-04")
    @pytest.mark.parametrize("person", [REVIEWER, ADMIN])
    def test_completed_with_every_goal_verified(self, person: str) -> None:
        c = two_goals()
        first, second = plan(c).goals
        reached(c, first)
        c.must(STAFF, reporting(c, second))
        given(c).when(person, closing(c)).refused("GOALS_OPEN", goal_ids=[second])
        c.must(REVIEWER, verifying(c, second))
        given(c).when(person, closing(c)).then(
            ImprovementPlanClosed, plan_id=plan(c).plan_id, outcome="completed", achieved=(first, second),
            open_goals=(), reason=None,
        )  # fmt: skip
        assert (plan(c).closed, plan(c).outcome, plan(c).running) == (c.p.version, "completed", False)

    @pytest.mark.req("A15")
    @pytest.mark.parametrize("outcome", ["partly", "not_completed"])
    def test_otherwise_what_is_open_is_named(self, outcome: str) -> None:
        c = two_goals()
        first, second = plan(c).goals
        reached(c, first)
        given(c).when(REVIEWER, closing(c, outcome, words("No money."))).then(
            ImprovementPlanClosed, outcome=outcome, achieved=(first,), open_goals=(second,), reason=words("No money.")
        )
        assert plan_status(plan(c), c.today) == outcome

    def test_the_program_does_not_close_its_plan(self) -> None:
        c = reached(planned())
        for person in (LEAD, STAFF, DECIDER, STRANGER):
            given(c).when(person, closing(c)).not_allowed()

    @pytest.mark.req("M2")
    @pytest.mark.parametrize("person", [REVIEWER, ADMIN])
    def test_a_plan_closed_in_error_goes_on(self, person: str) -> None:
        c = reached(granted())
        c.must(REVIEWER, closing(c))
        given(c).when(LEAD, undoing(c.p.version)).refused("NOT_YOURS_TO_WITHDRAW")
        given(c).when(person, undoing(c.p.version)).then(ActWithdrawn, act="ImprovementPlanClosed.v1")
        assert (plan(c).closed, plan(c).outcome, plan(c).running) == (0, "", True)
        given(c).when(person, closing(c)).then(ImprovementPlanClosed)

    def test_a_plan_adopted_anew_after_the_evidence_was_reopened_runs_again(self) -> None:
        c = reviewed()
        c.must(REVIEWER, closing(c, "partly"), ReopenEvidence(cycle_id=c.cycle_id, reason=NOTE))
        given(c).when(STAFF, reporting(c)).refused("PLAN_NOT_ADOPTED")
        adopt_anew(c)
        given(c).when(STAFF, reporting(c)).then(GoalProgressReported)
        assert plan_status(plan(c), c.today) == "running"


class TestEnd:
    """That a plan came to its end is announced once, and again after an extension."""

    @pytest.mark.req("A15")
    def test_what_is_open_is_named(self) -> None:
        c = two_goals()
        first, second = plan(c).goals
        reached(c, first)
        ((cycle, running, on),) = unannounced(c.p)
        assert on == plan(c).ends_on
        ended = plan_ended(cycle, running, on)
        assert ended == ImprovementPlanEnded(
            cycle_id=c.cycle_id, plan_id=plan(c).plan_id, ended_on=on, open_goals=(second,)
        )
        assert ended.sentence().endswith(f"with these goals open: {second}")
        c.world.states["program", c.program_id] = evolve(c.p, ended, c.p.version + 1)
        assert plan(c).ended == (on,)
        assert list(unannounced(c.p)) == []
        assert plan_status(plan(c), on) == "ended"
        c.must(REVIEWER, extending(c, on + DAY))
        assert [d for _, _, d in unannounced(c.p)] == [on + DAY]

    @pytest.mark.req("M2")
    def test_an_end_announced_before_an_extension_is_not_announced_again_when_that_is_withdrawn(self) -> None:
        c = two_goals()
        on = plan(c).ends_on
        assert on is not None

        def announce_end() -> None:
            ((cycle, running, day),) = unannounced(c.p)
            ended = plan_ended(cycle, running, day)
            c.world.states["program", c.program_id] = evolve(c.p, ended, c.p.version + 1)

        announce_end()
        c.must(REVIEWER, extending(c, on + DAY))
        extended = c.p.version
        announce_end()
        assert plan(c).ended == (on, on + DAY)
        c.must(REVIEWER, WithdrawAct(version=extended, ground="other_error", explanation=words("Another program's.")))
        assert plan(c).ends_on == on
        assert list(unannounced(c.p)) == []

    def test_of_drafts_and_closed_plans_nothing_is_announced(self) -> None:
        assert list(unannounced(_unadopted().p)) == []
        c = decider_named()
        c.must(REVIEWER, closing(c, "partly"))
        assert list(unannounced(c.p)) == []
        assert list(unannounced(determined().p)) == []
