"""The register of interests: seats, kin, money; whoever has one that runs takes no part in the program's case."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.affiliate import AppointStaff, EndCharter, RecordStaffDeparture
from domain.decision import DecideTier
from domain.determination import ConfirmItems, ItemsConfirmed
from domain.impartiality import AssignDecider, AssignReviewer, DeciderAssigned, DeclareConflict, ReviewerAssigned
from domain.interests import EndInterest, InterestEnded, InterestRegistered, RegisterInterest
from tests.small_world import (
    ADMIN,
    BOTH,
    DECIDER,
    LEAD,
    NATIONAL,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STRANGER,
    Case,
    decider_named,
    new_world,
    submitted,
    under_review,
    words,
)
from tests.story import given

SINCE = date(2026, 1, 1)
WHY = words("So it is.")


def entering(
    person: str, nature: Any = "board_seat", since: date = SINCE, program_id: str = "prog1"
) -> RegisterInterest:
    """The request to enter an interest."""
    return RegisterInterest(person=person, program_id=program_id, nature=nature, since=since)


def entered(c: Case, person: str, affiliate: str = "north", **how: Any) -> str:
    """An interest stands in the register; its id."""
    by = SOUTH if affiliate == "south" else ADMIN
    (event,) = c.world.must(by, affiliate, entering(person, **how))
    assert isinstance(event, InterestRegistered)
    return event.interest_id


def declared(c: Case, person: str) -> Case:
    """The person declared to have no interest."""
    return c.must(person, DeclareConflict(cycle_id=c.cycle_id, nature="none"))


class TestTheRegister:
    """Entered by whom it concerns, or by an administrator."""

    @pytest.mark.req("M19")
    @pytest.mark.parametrize(
        "nature", ["employment", "family", "financial", "board_seat", "committee_seat", "volunteer", "other"]
    )
    def test_an_administrator_enters_what_ties_somebody_to_a_program(self, nature: str) -> None:
        world = new_world()
        asked = RegisterInterest(person=STRANGER, program_id="prog1", nature=nature, since=SINCE, note=WHY)  # pyright: ignore[reportArgumentType]
        given(world, "north").when(ADMIN, asked).then(
            InterestRegistered, person=STRANGER, program_id="prog1", nature=nature, since=SINCE, note=WHY
        )
        ((interest_id, interest),) = world.affiliate("north").interests.items()
        assert (interest.person, interest.nature, interest.ended_on) == (STRANGER, nature, None)
        assert interest.version == world.affiliate("north").version
        assert interest_id

    @pytest.mark.parametrize("person", [REVIEWER, DECIDER, BOTH])
    def test_others_on_the_staff_enter_and_end_their_own(self, person: str) -> None:
        world = new_world()
        given(world, "north").when(person, entering(ADMIN)).refused("NOT_YOUR_INTEREST")
        given(world, "north").when(person, entering(person)).then(InterestRegistered, person=person)
        (mine,) = world.affiliate("north").interests
        world.must(ADMIN, "north", entering(ADMIN))
        *_, others = world.affiliate("north").interests
        given(world, "north").when(person, EndInterest(interest_id=others, ended_on=SINCE)).refused("NOT_YOUR_INTEREST")
        given(world, "north").when(person, EndInterest(interest_id=mine, ended_on=SINCE)).then(InterestEnded)

    @pytest.mark.parametrize("person", [LEAD, STRANGER, SOUTH, NATIONAL])
    def test_nobody_else_writes_in_it(self, person: str) -> None:
        given(new_world(), "north").when(person, entering(person)).not_allowed()

    def test_the_same_is_entered_once_while_it_runs(self) -> None:
        world = new_world()
        world.must(ADMIN, "north", entering(REVIEWER))
        given(world, "north").when(ADMIN, entering(REVIEWER)).refused("ALREADY_RECORDED")
        given(world, "north").when(ADMIN, entering(REVIEWER, "family")).then(InterestRegistered)
        given(world, "north").when(ADMIN, entering(REVIEWER, program_id="prog2")).then(InterestRegistered)
        first = next(iter(world.affiliate("north").interests))
        world.must(ADMIN, "north", EndInterest(interest_id=first, ended_on=SINCE + timedelta(9)))
        given(world, "north").when(ADMIN, entering(REVIEWER)).then(InterestRegistered)

    def test_an_affiliate_whose_charter_ended_enters_nothing_more(self) -> None:
        world = new_world()
        world.must(ADMIN, "north", entering(REVIEWER))
        world.must(OPERATOR, "north", EndCharter(successor="south", effective_on=world.today()))
        given(world, "north").when(ADMIN, entering(DECIDER)).refused("CHARTER_ENDED", successor="south")
        (interest_id,) = world.affiliate("north").interests
        given(world, "north").when(ADMIN, EndInterest(interest_id=interest_id, ended_on=SINCE)).then(InterestEnded)

    def test_it_ends_once_and_not_before_it_began(self) -> None:
        world = new_world()
        world.must(ADMIN, "north", entering(REVIEWER))
        (interest_id,) = world.affiliate("north").interests
        early = EndInterest(interest_id=interest_id, ended_on=SINCE - timedelta(1))
        given(world, "north").when(ADMIN, early).refused("INTEREST_ENDS_FIRST", since=SINCE)
        ending = EndInterest(interest_id=interest_id, ended_on=SINCE + timedelta(30))
        given(world, "north").when(ADMIN, ending).then(InterestEnded, ended_on=SINCE + timedelta(30))
        assert world.affiliate("north").interests[interest_id].ended_on == SINCE + timedelta(30)
        given(world, "north").when(ADMIN, ending).refused("INTEREST_UNKNOWN", interest_id=interest_id)

    def test_what_ends_is_in_it(self) -> None:
        ending = EndInterest(interest_id="none", ended_on=SINCE)
        given(new_world(), "north").when(ADMIN, ending).refused("INTEREST_UNKNOWN", interest_id="none")


class TestWhatFollowsFromIt:
    """Whoever has a running interest in the program is neither assigned nor goes on."""

    @pytest.mark.req("M19")
    def test_a_partners_seat_on_the_board_bars_its_holder_from_the_partners_case(self) -> None:
        c = declared(submitted(), REVIEWER)
        entered(c, REVIEWER, nature="committee_seat")
        asked = AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER)
        given(c).when(ADMIN, asked).refused("CONFLICTED", person=REVIEWER, nature="committee_seat")

    @pytest.mark.req("M19")
    def test_a_declaration_does_not_mend_it(self) -> None:
        c = submitted()
        entered(c, REVIEWER, nature="family")
        c.must(REVIEWER, DeclareConflict(cycle_id=c.cycle_id, nature="family", mitigation=WHY))
        given(c).when(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER)).refused(
            "CONFLICTED", nature="family"
        )

    @pytest.mark.req("M19")
    def test_nor_is_its_holder_named_to_decide(self) -> None:
        c = declared(under_review(), DECIDER)
        entered(c, DECIDER)
        given(c).when(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER)).refused(
            "CONFLICTED", nature="board_seat"
        )

    def test_an_interest_in_another_program_is_none_here(self) -> None:
        c = declared(submitted(), REVIEWER)
        entered(c, REVIEWER, program_id="prog2")
        given(c).when(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER)).then(ReviewerAssigned)

    def test_it_counts_from_its_first_day_to_the_day_before_its_end(self) -> None:
        c = declared(submitted(), REVIEWER)
        began = c.today + timedelta(2)
        interest_id = entered(c, REVIEWER, since=began)
        over = began + timedelta(5)
        c.world.must(ADMIN, "north", EndInterest(interest_id=interest_id, ended_on=over))
        asked = AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER)
        before = Case(c.world.copy(), c.how, c.program_id, c.cycle_id)
        before.world.later(days=1)
        given(before).when(ADMIN, asked).then(ReviewerAssigned)
        for days in (2, 4):
            c.world.later(days=days)
            given(c).when(ADMIN, asked).refused("CONFLICTED")
        c.world.later(days=1)
        assert c.today == over
        given(c).when(ADMIN, asked).then(ReviewerAssigned)

    def test_gained_on_the_way_it_stops_a_review(self) -> None:
        c = under_review()
        interest_id = entered(c, REVIEWER, since=c.today)
        confirming = ConfirmItems(cycle_id=c.cycle_id, item_ids=("A1",))
        given(c).when(REVIEWER, confirming).refused("CONFLICTED", nature="board_seat")
        c.world.must(ADMIN, "north", EndInterest(interest_id=interest_id, ended_on=c.today))
        given(c).when(REVIEWER, confirming).then(ItemsConfirmed)

    @pytest.mark.req("M19")
    def test_and_a_decision(self) -> None:
        c = decider_named()
        entered(c, DECIDER, nature="financial")
        deciding = DecideTier(cycle_id=c.cycle_id, tier="dedicated", rationale=WHY)
        given(c).when(DECIDER, deciding).refused("CONFLICTED", nature="financial")

    @pytest.mark.req("M19", "A26")
    @pytest.mark.parametrize("affiliate", ["north", "south"])
    def test_the_register_of_the_delegate_counts_too(self, affiliate: str) -> None:
        c = declared(under_review(scheme="southern"), DECIDER)
        entered(c, DECIDER, affiliate)
        given(c).when(SOUTH, AssignDecider(cycle_id=c.cycle_id, person=DECIDER)).refused("CONFLICTED")

    def test_it_outlasts_the_staffs_coming_and_going(self) -> None:
        c = submitted()
        entered(c, REVIEWER)
        c.world.must(ADMIN, "north", RecordStaffDeparture(person=REVIEWER))
        c.world.must(ADMIN, "north", AppointStaff(person=REVIEWER, roles=("reviewer",)))
        declared(c, REVIEWER)
        given(c).when(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER)).refused("CONFLICTED")


@pytest.mark.req("A26")
def test_who_reviews_and_administers_alone_does_not_decide() -> None:
    c = under_review(scheme="southern")
    assert c.reviewer == SOUTH
    asked = AssignDecider(cycle_id=c.cycle_id, person=SOUTH)
    given(c).when(SOUTH, asked).refused("NOT_ON_STAFF", "DECIDER_NOT_INDEPENDENT", role="decider", part="reviewer")
    c.world.must(SOUTH, "south", AppointStaff(person=SOUTH, roles=("affiliate_admin", "reviewer", "decider")))
    given(c).when(SOUTH, asked).refused("DECIDER_NOT_INDEPENDENT", part="reviewer")
    declared(c, DECIDER)
    given(c).when(SOUTH, AssignDecider(cycle_id=c.cycle_id, person=DECIDER)).then(DeciderAssigned)
