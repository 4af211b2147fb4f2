"""Who may review and who may decide: declared interests, former staff, and never the same person twice (A26)."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.access import WithdrawFromCycle
from domain.affiliate import AppointStaff, DelegateDecisions, RecordStaffDeparture
from domain.assessment import ReturnAssessment, SubmitAssessment
from domain.determination import ConfirmItems, ItemsConfirmed
from domain.impartiality import (
    AssignDecider,
    AssignReviewer,
    ConflictOfInterestDeclared,
    DeciderAssigned,
    DeclareConflict,
    RecuseReviewer,
    ReviewerAssigned,
    ReviewerRecused,
)
from domain.language import Command
from domain.listing import AppointRepresentative, RemoveRepresentative
from domain.program import Phase
from domain.statement import ReopenEvidence
from domain.term import add
from tests.small_world import (
    ADMIN,
    BOTH,
    CONSULTANT,
    DECIDER,
    LEAD,
    NATIONAL,
    REVIEWER,
    REVIEWER2,
    SOUTH,
    STAFF,
    Case,
    granted,
    open_,
    planned,
    requested,
    reviewed,
    submitted,
    under_review,
    words,
)
from tests.story import given

WHY = words("So it is.")
FORMER = "p_former"


def declared(c: Case, person: str, nature: Any = "none", mitigation: Any = None) -> Case:
    """The person has declared."""
    return c.must(person, DeclareConflict(cycle_id=c.cycle_id, nature=nature, mitigation=mitigation))


def reviewer(c: Case, person: str) -> AssignReviewer:
    """The request to assign a reviewer."""
    return AssignReviewer(cycle_id=c.cycle_id, person=person)


def decider(c: Case, person: str) -> AssignDecider:
    """The request to name a decider."""
    return AssignDecider(cycle_id=c.cycle_id, person=person)


def recusal(c: Case) -> RecuseReviewer:
    """The request to take the reviewer off the case."""
    return RecuseReviewer(cycle_id=c.cycle_id, ground="illness")


def formerly_with_the_program(c: Case, left: bool = True) -> Case:
    """Somebody on the affiliate's staff, who declared no interest, worked for the program in between, or does so still."""
    appointed = AppointStaff(person=FORMER, roles=("reviewer", "decider"))
    c.world.must(ADMIN, "north", appointed)
    declared(c, FORMER)
    c.world.must(ADMIN, "north", RecordStaffDeparture(person=FORMER))
    c.must(LEAD, AppointRepresentative(person=FORMER, role="program_staff"))
    if left:
        c.must(LEAD, RemoveRepresentative(person=FORMER))
    c.world.must(ADMIN, "north", appointed)
    return c


@pytest.mark.req("A26", "M1")
@pytest.mark.parametrize("person", [REVIEWER, DECIDER, ADMIN])
def test_whoever_may_be_assigned_declares_for_themselves(person: str) -> None:
    c = submitted()
    asked = DeclareConflict(cycle_id=c.cycle_id, nature="none")
    given(c).when(person, asked).then(
        ConflictOfInterestDeclared, cycle_id=c.cycle_id, person=person, nature="none", mitigation=None
    )
    assert c.cycle.declarations[person].version == c.p.version


def test_nobody_else_declares() -> None:
    c = submitted()
    assert c.refused(LEAD, DeclareConflict(cycle_id=c.cycle_id, nature="none")) == ("NOT_AUTHORISED",)


@pytest.mark.parametrize("ended", [Phase.DECIDED, Phase.WITHDRAWN])
def test_nothing_is_declared_or_assigned_once_the_cycle_ended(ended: Phase) -> None:
    c = granted(reviewer=REVIEWER) if ended is Phase.DECIDED else declared(submitted(), DECIDER)
    if ended is Phase.WITHDRAWN:
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
    asked = DeclareConflict(cycle_id=c.cycle_id, nature="none")
    given(c).when(DECIDER, asked).refused("WRONG_PHASE_TO_ASSIGN", phase=ended)
    given(c).when(ADMIN, decider(c, DECIDER)).refused("WRONG_PHASE_TO_ASSIGN", role="decider")


@pytest.mark.parametrize(
    "request_for",
    [
        lambda c: DeclareConflict(cycle_id="none", nature="none"),
        lambda c: AssignReviewer(cycle_id="none", person=REVIEWER),
        lambda c: RecuseReviewer(cycle_id="none", ground="left"),
        lambda c: AssignDecider(cycle_id="none", person=DECIDER),
    ],
)
def test_the_cycle_has_to_be_known(request_for: Any) -> None:
    c = submitted()
    asked: Command = request_for(c)
    given(c).when(ADMIN, asked).refused("CYCLE_UNKNOWN", cycle_id="none")


class TestAssigningAReviewer:
    """Declared, not conflicted, on the staff, and only one."""

    @pytest.mark.req("A26")
    def test_a_submitted_assessment_gets_a_reviewer_who_declared(self) -> None:
        c = declared(submitted(), REVIEWER)
        declaration = c.p.version
        given(c).when(ADMIN, reviewer(c, REVIEWER)).then(
            ReviewerAssigned, cycle_id=c.cycle_id, person=REVIEWER, declaration=declaration
        )
        assert c.cycle.phase is Phase.UNDER_REVIEW
        assert c.cycle.review.reviewer == REVIEWER
        assert c.cycle.review.assigned == c.p.version

    def test_nobody_is_assigned_before_the_assessment_is_handed_in(self) -> None:
        c = declared(open_(), REVIEWER)
        given(c).when(ADMIN, reviewer(c, REVIEWER)).refused("WRONG_PHASE_TO_ASSIGN", phase="open", role="reviewer")

    def test_nor_after_the_review_is_complete(self) -> None:
        c = declared(planned(), REVIEWER2)
        c.must(ADMIN, recusal(c), reviewer(c, REVIEWER2))
        assert c.cycle.phase is Phase.PLANNED, "a succession leaves the plan adopted"
        c = declared(reviewed(), REVIEWER2)
        given(c).when(ADMIN, reviewer(c, REVIEWER2)).refused("WRONG_PHASE_TO_ASSIGN", "ALREADY_ASSIGNED")

    def test_a_second_reviewer_waits_until_the_first_is_recused(self) -> None:
        c = declared(under_review(), REVIEWER2)
        given(c).when(ADMIN, reviewer(c, REVIEWER2)).refused("ALREADY_ASSIGNED", person=REVIEWER)
        c.must(ADMIN, recusal(c), reviewer(c, REVIEWER2))
        assert c.cycle.review.reviewers == (REVIEWER, REVIEWER2)
        assert c.cycle.phase is Phase.UNDER_REVIEW

    @pytest.mark.req("A26")
    def test_who_was_named_to_decide_does_not_review(self) -> None:
        c = declared(submitted(), BOTH)
        c.must(ADMIN, decider(c, BOTH))
        given(c).when(ADMIN, reviewer(c, BOTH)).refused("NAMED_TO_DECIDE", person=BOTH)

    @pytest.mark.req("A26")
    def test_silence_is_no_declaration(self) -> None:
        c = submitted()
        given(c).when(ADMIN, reviewer(c, REVIEWER)).refused("CONFLICT_UNDECLARED", person=REVIEWER)

    @pytest.mark.parametrize("nature", ["employment", "family", "financial", "board_seat", "coaching", "other"])
    def test_a_conflict_bars_unless_it_is_mitigated(self, nature: str) -> None:
        c = declared(submitted(), REVIEWER, nature)
        given(c).when(ADMIN, reviewer(c, REVIEWER)).refused("CONFLICTED", nature=nature)
        declared(c, REVIEWER, nature, mitigation=WHY)
        given(c).when(ADMIN, reviewer(c, REVIEWER)).then(ReviewerAssigned)

    def test_only_reviewers_of_the_affiliate_review(self) -> None:
        c = declared(submitted(), DECIDER)
        given(c).when(ADMIN, reviewer(c, DECIDER)).refused("NOT_ON_STAFF", person=DECIDER, role="reviewer")

    def test_a_delegate_decides_but_does_not_review(self) -> None:
        c = declared(submitted(scheme="southern"), SOUTH)
        given(c).when(SOUTH, reviewer(c, REVIEWER)).refused("NOT_ON_STAFF", "CONFLICT_UNDECLARED", person=REVIEWER)

    @pytest.mark.req("A26")
    @pytest.mark.parametrize("left", [True, False])
    def test_who_worked_for_the_program_does_not_review_it(self, left: bool) -> None:
        c = formerly_with_the_program(submitted(), left)
        given(c).when(ADMIN, reviewer(c, FORMER)).refused("CONFLICTED", person=FORMER)

    def test_who_left_the_program_24_months_ago_may(self) -> None:
        c = formerly_with_the_program(submitted())
        free: date = add(c.today, "P24M")
        c.world.later(days=(free - c.today).days - 1)
        given(c).when(ADMIN, reviewer(c, FORMER)).refused("CONFLICTED")
        c.world.later(days=1)
        given(c).when(ADMIN, reviewer(c, FORMER)).then(ReviewerAssigned, person=FORMER)

    @pytest.mark.req("A26")
    def test_a_reviewer_who_worked_for_the_program_meanwhile_reviews_it_no_more(self) -> None:
        c = under_review()
        c.world.must(ADMIN, "north", RecordStaffDeparture(person=REVIEWER))
        c.must(LEAD, AppointRepresentative(person=REVIEWER, role="program_staff"))
        c.must(LEAD, RemoveRepresentative(person=REVIEWER))
        c.world.must(ADMIN, "north", AppointStaff(person=REVIEWER, roles=("reviewer",)))
        confirmed = ConfirmItems(cycle_id=c.cycle_id, item_ids=("A1",))
        given(c).when(REVIEWER, confirmed).refused("CONFLICTED", person=REVIEWER)
        c.world.later(days=731)
        given(c).when(REVIEWER, confirmed).then(ItemsConfirmed)

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = declared(reviewed(), DECIDER, "family")
        given(c).when(ADMIN, reviewer(c, DECIDER)).refused(
            "WRONG_PHASE_TO_ASSIGN", "ALREADY_ASSIGNED", "NOT_ON_STAFF", "CONFLICTED"
        )


class TestRecusal:
    """Until the review is complete the reviewer can leave."""

    @pytest.mark.parametrize("person", [ADMIN, REVIEWER])
    def test_the_reviewer_leaves_and_stays_known_as_one_who_reviewed(self, person: str) -> None:
        c = under_review()
        given(c).when(person, recusal(c)).then(ReviewerRecused, person=REVIEWER, ground="illness")
        assert c.cycle.review.reviewer is None
        assert c.cycle.review.reviewers == (REVIEWER,)

    def test_also_while_the_plan_is_adopted_or_the_assessment_went_back(self) -> None:
        c = planned()
        given(c).when(ADMIN, recusal(c)).then(ReviewerRecused)
        c = under_review()
        by = c.today + timedelta(days=30)
        c.must(REVIEWER, ReturnAssessment(cycle_id=c.cycle_id, item_ids=("A1",), reason=WHY, respond_by=by))
        assert c.cycle.phase is Phase.OPEN
        given(c).when(ADMIN, recusal(c)).then(ReviewerRecused)
        c.must(LEAD, SubmitAssessment(cycle_id=c.cycle_id))
        assert c.cycle.phase is Phase.SUBMITTED

    def test_there_has_to_be_a_reviewer(self) -> None:
        c = submitted()
        given(c).when(ADMIN, recusal(c)).refused("NO_REVIEWER")

    def test_a_complete_review_keeps_its_reviewer(self) -> None:
        c = reviewed()
        given(c).when(ADMIN, recusal(c)).refused("WRONG_CYCLE_STATE", phase="reviewed")
        c.must(ADMIN, ReopenEvidence(cycle_id=c.cycle_id, reason=WHY))
        given(c).when(ADMIN, recusal(c)).then(ReviewerRecused)


class TestNamingTheDecider:
    """On the staff of the affiliate or its delegate, declared, not conflicted, and no part in the cycle before."""

    @pytest.mark.req("A26")
    def test_a_decider_who_declared_and_took_no_part_is_named(self) -> None:
        c = declared(under_review(), DECIDER)
        declaration = c.p.version
        given(c).when(ADMIN, decider(c, DECIDER)).then(
            DeciderAssigned, cycle_id=c.cycle_id, person=DECIDER, declaration=declaration
        )
        assert c.cycle.decider == DECIDER

    def test_only_for_a_cycle_with_access(self) -> None:
        c = declared(requested(), DECIDER)
        given(c).when(ADMIN, decider(c, DECIDER)).refused("WRONG_PHASE_TO_ASSIGN", phase="requested", role="decider")

    def test_only_deciders_decide(self) -> None:
        c = declared(submitted(), REVIEWER)
        given(c).when(ADMIN, decider(c, REVIEWER)).refused("NOT_ON_STAFF", role="decider")

    @pytest.mark.req("A26")
    def test_who_reviewed_does_not_decide_even_after_leaving_the_case(self) -> None:
        c = under_review(reviewer=BOTH)
        given(c).when(ADMIN, decider(c, BOTH)).refused("DECIDER_NOT_INDEPENDENT", part="reviewer")
        c.must(ADMIN, recusal(c))
        given(c).when(ADMIN, decider(c, BOTH)).refused("DECIDER_NOT_INDEPENDENT", part="reviewer")

    @pytest.mark.req("A26")
    def test_who_coached_the_program_in_this_cycle_does_not_decide(self) -> None:
        c = under_review()
        c.world.must(ADMIN, "north", AppointStaff(person=CONSULTANT, roles=("decider",)))
        declared(c, CONSULTANT)
        given(c).when(ADMIN, decider(c, CONSULTANT)).refused("DECIDER_NOT_INDEPENDENT", part="assistance consultant")

    def test_silence_is_no_declaration(self) -> None:
        c = under_review()
        given(c).when(ADMIN, decider(c, DECIDER)).refused("CONFLICT_UNDECLARED")

    def test_a_conflict_bars(self) -> None:
        c = declared(under_review(), DECIDER, "board_seat")
        given(c).when(ADMIN, decider(c, DECIDER)).refused("CONFLICTED", nature="board_seat")

    def test_who_worked_for_the_program_does_not_decide(self) -> None:
        c = formerly_with_the_program(under_review())
        given(c).when(ADMIN, decider(c, FORMER)).refused("CONFLICTED")

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = granted()
        given(c).when(ADMIN, decider(c, REVIEWER)).refused(
            "WRONG_PHASE_TO_ASSIGN", "NOT_ON_STAFF", "DECIDER_NOT_INDEPENDENT"
        )

    @pytest.mark.req("A26")
    def test_an_affiliate_of_one_person_lets_another_decide_through_the_last_day_of_the_delegation(self) -> None:
        c = declared(under_review(scheme="southern"), DECIDER)
        c.world.must(SOUTH, "south", DelegateDecisions(to="north", until=c.today + timedelta(days=10)))
        c.world.later(days=10)
        given(c).when(SOUTH, decider(c, DECIDER)).then(DeciderAssigned, person=DECIDER)
        c.world.later(days=1)
        given(c).when(SOUTH, decider(c, DECIDER)).refused("NOT_ON_STAFF")

    def test_a_delegate_delegates_no_further_and_only_to_its_deciders(self) -> None:
        c = declared(under_review(scheme="southern"), DECIDER)
        given(c).when(SOUTH, decider(c, REVIEWER)).refused("NOT_ON_STAFF", "CONFLICT_UNDECLARED", person=REVIEWER)
        c = under_review()
        given(c).when(ADMIN, decider(c, NATIONAL)).refused("NOT_ON_STAFF", "CONFLICT_UNDECLARED", person=NATIONAL)

    def test_program_staff_do_not_assign(self) -> None:
        c = declared(submitted(), DECIDER)
        given(c).when(STAFF, decider(c, DECIDER)).refused("NOT_AUTHORISED")
