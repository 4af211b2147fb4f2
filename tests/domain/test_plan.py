"""The improvement plan: a goal for every practice not in place, agreed by both sides (S0-04, S1-16, A11, M4)."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.affiliate import RecordStaffDeparture
from domain.determination import ConfirmItems, RecordDetermination, gaps
from domain.impartiality import AssignReviewer, DeclareConflict, RecuseReviewer
from domain.listing import AppointRepresentative
from domain.plan import (
    AdoptPlan,
    DraftPlan,
    DropGoal,
    ImprovementGoalDropped,
    ImprovementGoalSet,
    ImprovementPlanAdopted,
    ImprovementPlanDrafted,
    ImprovementPlanProposed,
    ProposePlan,
    SetGoal,
    uncovered,
)
from domain.program import Phase, Plan
from domain.review import CompleteReview, RecordSiteReview
from domain.term import add
from tests.small_policies import INSTRUMENT, LEAN
from tests.small_world import (
    ADMIN,
    DECIDER,
    DIRECTOR,
    LEAD,
    NO,
    REVIEWER,
    REVIEWER2,
    STAFF,
    Case,
    Situation,
    determined,
    listed,
    planned,
    reviewed,
    submitted,
    under_review,
    words,
)
from tests.story import given

WHY = words("We shall do it.")
ITEMS = tuple(i.id for i in INSTRUMENT.items)


def begin(c: Case) -> DraftPlan:
    """The request to begin the plan."""
    return DraftPlan(cycle_id=c.cycle_id)


def goal(c: Case, *item_ids: str, **more: Any) -> SetGoal:
    """The request to set a goal that takes the whole year of the plan."""
    said: dict[str, Any] = {"baseline": 0, "target": 3, "start_on": c.today, "due_on": add(c.today, "P12M")}
    said |= {"owner_role": "program_lead", "actions": WHY, **more}
    return SetGoal(cycle_id=c.cycle_id, item_ids=item_ids or ("A1",), **said)


def drop(c: Case, goal_id: str) -> DropGoal:
    """The request to take a goal out."""
    return DropGoal(cycle_id=c.cycle_id, goal_id=goal_id, reason=WHY)


def proposal(c: Case, starts_on: date | None = None, ends_on: date | None = None) -> ProposePlan:
    """The request to agree, for one side."""
    starts_on = starts_on or c.today
    return ProposePlan(cycle_id=c.cycle_id, starts_on=starts_on, ends_on=ends_on or add(starts_on, "P12M"))


def adoption(c: Case, digest: str | None = None) -> AdoptPlan:
    """The request to agree, for the other side."""
    return AdoptPlan(cycle_id=c.cycle_id, plan_digest=plan(c).digest or "0" * 64 if digest is None else digest)


def plan(c: Case) -> Plan:
    """The plan as it stands."""
    assert c.cycle.plan is not None
    return c.cycle.plan


def drafted(situation: Situation = determined, **how: Any) -> Case:
    """A plan is begun."""
    c = situation(**how)
    return c.must(REVIEWER, begin(c))


def with_a_goal(*item_ids: str, situation: Situation = determined, **how: Any) -> Case:
    """A plan with one goal."""
    c = drafted(situation, **how)
    return c.must(STAFF, goal(c, *item_ids))


def proposed(**how: Any) -> Case:
    """A plan to which the reviewer agreed."""
    c = with_a_goal(**how)
    return c.must(REVIEWER, proposal(c))


PLANNING: dict[str, Any] = {
    "begin": begin,
    "goal": goal,
    "drop": lambda c: drop(c, next(iter(plan(c).goals), "none") if c.cycle.plan else "none"),
    "proposal": proposal,
    "adoption": lambda c: adoption(c, "0" * 64),
}


@pytest.mark.parametrize("name", PLANNING)
@pytest.mark.parametrize("situation", [submitted, reviewed])
def test_plans_are_made_while_the_cycle_is_reviewed(name: str, situation: Situation) -> None:
    c = situation()
    given(c).when(LEAD, PLANNING[name](c)).refused("WRONG_CYCLE_STATE", phase=c.cycle.phase)


@pytest.mark.parametrize("name", PLANNING)
def test_of_the_affiliates_people_only_the_reviewer_of_the_cycle_works_on_it(name: str) -> None:
    c = determined() if name == "begin" else proposed()
    given(c).when(REVIEWER2, PLANNING[name](c)).refused("NOT_THE_REVIEWER", reviewer=REVIEWER)
    given(c).when(DECIDER, PLANNING[name](c)).refused("NOT_AUTHORISED")


@pytest.mark.parametrize("name", ["goal", "drop", "proposal", "adoption"])
def test_first_the_plan_is_begun(name: str) -> None:
    c = determined()
    given(c).when(LEAD, PLANNING[name](c)).refused("PLAN_UNKNOWN")


@pytest.mark.parametrize("name", ["goal", "drop", "proposal", "adoption"])
def test_an_adopted_plan_stays_as_it_is(name: str) -> None:
    c = planned()
    given(c).when(LEAD, PLANNING[name](c)).refused("PLAN_IS_ADOPTED")


class TestBeginning:
    """One plan a cycle, in the form that the policy wants."""

    @pytest.mark.req("M1", "S2-05")
    @pytest.mark.parametrize(
        ("scheme", "form"), [("full", "improvement_and_innovation"), ("lean", "action_plan"), ("member", "work_plan")]
    )
    @pytest.mark.parametrize("person", [REVIEWER, STAFF, LEAD])
    def test_either_side_begins_it(self, scheme: str, form: str, person: str) -> None:
        c = under_review(scheme=scheme)
        given(c).when(person, begin(c)).then(ImprovementPlanDrafted, cycle_id=c.cycle_id, form=form)
        assert plan(c).form == form

    def test_once(self) -> None:
        c = drafted()
        given(c).when(LEAD, begin(c)).refused("PLAN_EXISTS")

    def test_where_the_policy_wants_one(self) -> None:
        c = listed(scheme="lean")
        c.world.publish({**LEAN, "version": "2", "plan": None}, effective_from=c.today)
        under_review.again(c)
        given(c).when(LEAD, begin(c)).refused("NOT_ASKED_BY_POLICY", what="plan")


class TestGoals:
    """A goal improves known items, within its dates."""

    @pytest.mark.req("S1-16")
    @pytest.mark.parametrize("person", [STAFF, LEAD, REVIEWER])
    def test_either_side_sets_goals(self, person: str) -> None:
        c = drafted()
        given(c).when(person, goal(c, "A1", "A2", baseline=1, target=2)).then(
            ImprovementGoalSet,
            item_ids=("A1", "A2"),
            baseline=1,
            target=2,
            start_on=c.today,
            due_on=add(c.today, "P12M"),
            owner_role="program_lead",
            actions=WHY,
        )
        ((goal_id, kept),) = plan(c).goals.items()
        assert goal_id
        assert (kept.version, kept.item_ids, kept.baseline, kept.target) == (c.p.version, ("A1", "A2"), 1, 2)
        assert (kept.start_on, kept.due_on, kept.owner_role, kept.actions) == (
            c.today, add(c.today, "P12M"), "program_lead", WHY,
        )  # fmt: skip

    def test_a_goal_is_revised_by_its_id(self) -> None:
        c = with_a_goal()
        (goal_id,) = plan(c).goals
        given(c).when(STAFF, goal(c, "C5", goal_id=goal_id)).then(ImprovementGoalSet, goal_id=goal_id)
        assert {k: g.item_ids for k, g in plan(c).goals.items()} == {goal_id: ("C5",)}
        given(c).when(STAFF, goal(c, "A1")).then(ImprovementGoalSet)
        assert len(plan(c).goals) == 2

    @pytest.mark.parametrize(
        ("item_id", "said", "code"),
        [
            ("A1", {"goal_id": "none"}, "GOAL_UNKNOWN"),
            ("Z9", {}, "UNKNOWN_ITEM"),
            ("A1", {"baseline": 3, "target": 3}, "GOAL_NOT_AN_IMPROVEMENT"),
            ("A1", {"baseline": 5, "target": 1}, "GOAL_NOT_AN_IMPROVEMENT"),
            ("A1", {"due_on": date(2026, 1, 1), "start_on": date(2026, 1, 1)}, "GOAL_DATES"),
        ],
    )
    def test_what_no_goal_can_be(self, item_id: str, said: dict[str, Any], code: str) -> None:
        c = drafted()
        given(c).when(STAFF, goal(c, item_id, **said)).refused(code)

    def test_everything_wrong_with_it_is_named(self) -> None:
        c = drafted()
        given(c).when(STAFF, goal(c, "Z9", goal_id="none", target=1, baseline=2, due_on=c.today)).refused(
            "GOAL_UNKNOWN", "UNKNOWN_ITEM", "GOAL_NOT_AN_IMPROVEMENT", "GOAL_DATES"
        )

    @pytest.mark.parametrize(("baseline", "target"), [(0, 1), (4, 5), (5, 5)])
    def test_the_least_that_is_an_improvement(self, baseline: int, target: int) -> None:
        c = drafted()
        more: dict[str, Any] = {"due_on": c.today + timedelta(days=1)}
        given(c).when(STAFF, goal(c, baseline=baseline, target=target, **more)).then(ImprovementGoalSet)

    def test_a_goal_is_dropped_with_a_reason(self) -> None:
        c = with_a_goal()
        (goal_id,) = plan(c).goals
        given(c).when(STAFF, drop(c, goal_id)).then(ImprovementGoalDropped, goal_id=goal_id, reason=WHY)
        assert plan(c).goals == {}
        given(c).when(STAFF, drop(c, goal_id)).refused("GOAL_UNKNOWN")

    @pytest.mark.req("M4")
    @pytest.mark.parametrize("change", ["set", "dropped"])
    def test_a_changed_draft_has_to_be_proposed_again(self, change: str) -> None:
        c = proposed()
        (goal_id,) = plan(c).goals
        agreed = plan(c).digest
        c.must(STAFF, goal(c, "A2") if change == "set" else drop(c, goal_id))
        assert (plan(c).proposed, plan(c).proposed_by, plan(c).digest) == (0, None, "")
        given(c).when(LEAD, adoption(c, agreed)).refused("NOT_PROPOSED")


GAPS: dict[str, Any] = {"answers": {"A1": NO, "C6": NO}, "not_verified": ("C5",)}
"""A1 is not in place and C5 was not verified; C6 does not count."""


class TestProposing:
    """One side agrees to a plan that could be adopted."""

    @pytest.mark.req("M4", "S0-04")
    @pytest.mark.parametrize(("person", "side"), [(REVIEWER, "affiliate"), (LEAD, "program"), (DIRECTOR, "program")])
    def test_either_side_proposes_the_plan_as_it_stands(self, person: str, side: str) -> None:
        c = with_a_goal()
        given(c).when(person, proposal(c)).then(
            ImprovementPlanProposed, person=person, side=side, starts_on=c.today, ends_on=add(c.today, "P12M")
        )
        assert plan(c).proposed == c.p.version
        assert plan(c).proposed_by == (person, side)
        assert c.cycle.phase is Phase.UNDER_REVIEW
        assert plan(c).adopted == 0

    def test_program_staff_do_not(self) -> None:
        c = with_a_goal()
        given(c).when(STAFF, proposal(c)).refused("NOT_AUTHORISED")

    @pytest.mark.req("S0-04")
    def test_after_the_visit(self) -> None:
        c = with_a_goal(situation=under_review)
        c.must(REVIEWER, ConfirmItems(cycle_id=c.cycle_id, item_ids=ITEMS))
        given(c).when(LEAD, proposal(c)).refused("REVIEW_NOT_HELD")

    @pytest.mark.req("M13")
    def test_after_every_item_was_ruled_on(self) -> None:
        c = with_a_goal(situation=under_review)
        roles = ("program_lead",)
        c.must(
            REVIEWER,
            RecordSiteReview(cycle_id=c.cycle_id, held_on=c.today, mode="onsite", attendee_roles=roles),
            ConfirmItems(cycle_id=c.cycle_id, item_ids=ITEMS[1:]),
        )
        given(c).when(LEAD, proposal(c)).refused("ITEMS_UNDETERMINED", item_ids=["A1"])

    @pytest.mark.req("A11")
    def test_with_at_least_one_goal_even_where_all_is_in_place(self) -> None:
        c = drafted()
        assert gaps(c.cycle, INSTRUMENT) == []
        given(c).when(LEAD, proposal(c)).refused("NO_GOALS")

    @pytest.mark.req("A11", "S1-16")
    def test_with_a_goal_for_every_practice_not_in_place(self) -> None:
        c = with_a_goal("A1", **GAPS)
        given(c).when(LEAD, proposal(c)).refused("UNCOVERED_PRACTICES", item_ids=["C5"])
        c.must(STAFF, goal(c, "C5"))
        given(c).when(LEAD, proposal(c)).then(ImprovementPlanProposed)

    def test_unless_the_policy_does_not_ask_for_that(self) -> None:
        c = with_a_goal("A2", scheme="member", **GAPS)
        given(c).when(LEAD, proposal(c)).then(ImprovementPlanProposed)

    @pytest.mark.req("S0-04", "S3-05")
    @pytest.mark.parametrize("off", [-1, 1])
    def test_for_exactly_the_months_that_the_policy_wants(self, off: int) -> None:
        c = with_a_goal()
        c.must(STAFF, goal(c, goal_id=next(iter(plan(c).goals)), due_on=c.today + timedelta(days=90)))
        ends_on = add(c.today, "P12M")
        given(c).when(LEAD, proposal(c, c.today, ends_on + timedelta(days=off))).refused(
            "WRONG_PERIOD", months=12, starts_on=c.today, ends_on=ends_on
        )

    def test_for_any_time_where_the_policy_names_none(self) -> None:
        c = with_a_goal(scheme="member")
        given(c).when(LEAD, proposal(c, ends_on=c.today + timedelta(days=366))).then(ImprovementPlanProposed)

    @pytest.mark.parametrize(("starts", "due"), [(-1, 0), (0, 1)])
    def test_with_goals_that_lie_inside_it(self, starts: int, due: int) -> None:
        c = drafted()
        dates = c.today + timedelta(days=starts), add(c.today, "P12M") + timedelta(days=due)
        c.must(STAFF, goal(c, start_on=dates[0], due_on=dates[1]))
        (goal_id,) = plan(c).goals
        given(c).when(LEAD, proposal(c)).refused("OUTSIDE_PLAN_PERIOD", goal_ids=[goal_id])

    def test_everything_that_is_missing_is_named(self) -> None:
        c = with_a_goal("A2", situation=under_review, answers={"A1": NO})
        c.must(REVIEWER, ConfirmItems(cycle_id=c.cycle_id, item_ids=("A1",)))
        given(c).when(LEAD, proposal(c, c.today + timedelta(days=1), c.today + timedelta(days=9))).refused(
            "REVIEW_NOT_HELD", "ITEMS_UNDETERMINED", "UNCOVERED_PRACTICES", "WRONG_PERIOD", "OUTSIDE_PLAN_PERIOD"
        )


class TestAdopting:
    """The other side agrees to the same content; with that it is adopted (A11, M4)."""

    @pytest.mark.req("M4", "A11", "S0-04", "S1-16", "S3-05")
    @pytest.mark.parametrize(("first", "second"), [(REVIEWER, LEAD), (LEAD, REVIEWER)])
    def test_two_people_of_two_sides_adopt_it(self, first: str, second: str) -> None:
        c = with_a_goal()
        c.must(first, proposal(c))
        given(c).when(second, adoption(c)).then(
            ImprovementPlanAdopted,
            cycle_id=c.cycle_id,
            plan_id=plan(c).plan_id,
            form="improvement_and_innovation",
            starts_on=c.today,
            ends_on=add(c.today, "P12M"),
            months=12,
            agreed_by=(first, second),
            plan_digest=plan(c).digest,
        )
        assert c.cycle.phase is Phase.PLANNED
        assert (plan(c).adopted, plan(c).months) == (c.p.version, 12)

    def test_nothing_is_adopted_that_was_not_proposed(self) -> None:
        c = with_a_goal()
        given(c).when(LEAD, adoption(c)).refused("NOT_PROPOSED")

    @pytest.mark.req("M4")
    def test_another_person_of_the_same_side_is_not_enough(self) -> None:
        c = with_a_goal()
        c.must(LEAD, proposal(c))
        given(c).when(DIRECTOR, adoption(c)).refused("BOTH_PARTIES_REQUIRED", side="program")
        given(c).when(LEAD, adoption(c)).refused("SECOND_PERSON_REQUIRED", "BOTH_PARTIES_REQUIRED")

    @pytest.mark.req("M4")
    def test_nor_is_one_person_who_changed_sides(self) -> None:
        c = proposed()
        c.world.must(ADMIN, "north", RecordStaffDeparture(person=REVIEWER))
        c.must(LEAD, AppointRepresentative(person=REVIEWER, role="board_chair"))
        given(c).when(REVIEWER, adoption(c)).refused("SECOND_PERSON_REQUIRED", person=REVIEWER)

    def test_only_what_was_proposed(self) -> None:
        c = proposed()
        given(c).when(LEAD, adoption(c, "0" * 64)).refused("PLAN_CHANGED")

    def test_a_plan_that_can_still_be_adopted(self) -> None:
        c = proposed()
        said: dict[str, Any] = {"outcome": "not_verified", "reason": WHY}
        c.must(REVIEWER, RecordDetermination(cycle_id=c.cycle_id, item_id="C5", **said))
        given(c).when(LEAD, adoption(c)).refused("UNCOVERED_PRACTICES", item_ids=["C5"])

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = with_a_goal()
        c.must(LEAD, proposal(c))
        c.must(ADMIN, RecuseReviewer(cycle_id=c.cycle_id, ground="left"))
        c.must(REVIEWER2, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        c.must(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER2))
        given(c).when(LEAD, adoption(c, "0" * 64)).refused(
            "SECOND_PERSON_REQUIRED", "BOTH_PARTIES_REQUIRED", "PLAN_CHANGED", "ITEMS_UNDETERMINED"
        )


class TestIssuedByTheAffiliate:
    """Where the policy says so, the reviewer gives the program its plan (S2-05)."""

    @pytest.mark.req("S2-05", "S2-03")
    def test_the_reviewers_agreement_adopts_it(self) -> None:
        c = with_a_goal(scheme="lean")
        given(c).when(REVIEWER, proposal(c)).then(
            ImprovementPlanProposed, ImprovementPlanAdopted, form="action_plan", agreed_by=(REVIEWER,)
        )
        assert c.cycle.phase is Phase.PLANNED
        c.must(REVIEWER, CompleteReview(cycle_id=c.cycle_id))

    def test_the_programs_agreement_does_not(self) -> None:
        c = with_a_goal(scheme="lean")
        given(c).when(LEAD, proposal(c)).then(ImprovementPlanProposed)
        given(c).when(REVIEWER, adoption(c)).then(ImprovementPlanAdopted, agreed_by=(LEAD, REVIEWER))


def test_the_digest_covers_goals_and_period_but_not_when_they_were_set() -> None:
    c = with_a_goal()
    c.must(LEAD, proposal(c))
    before = plan(c).digest
    c.must(STAFF, goal(c, goal_id=next(iter(plan(c).goals))))
    c.must(LEAD, proposal(c))
    assert plan(c).digest == before
    c.must(STAFF, goal(c, goal_id=next(iter(plan(c).goals)), target=4))
    c.must(LEAD, proposal(c))
    assert plan(c).digest != before
    other = with_a_goal()
    other.must(STAFF, goal(other, goal_id=next(iter(plan(other).goals)), start_on=other.today + timedelta(days=1)))
    other.must(LEAD, proposal(other))
    assert plan(other).digest != before


def test_without_a_plan_every_gap_is_uncovered() -> None:
    c = determined(**GAPS)
    assert uncovered(c.cycle, gaps(c.cycle, INSTRUMENT)) == ["A1", "C5"]
