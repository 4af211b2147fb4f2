"""A person is erased by two people on a coded ground, and not while a decision needs them (M4, H11)."""

from typing import Any

import pytest

from domain.affiliate import AppointStaff, RecordStaffDeparture
from domain.documents import LinkDocument, UploadDocument
from domain.erasure import (
    ConfirmErasure,
    DeclineErasure,
    Erasure,
    ErasureDeclined,
    ErasureProposed,
    PersonErased,
    ProposeErasure,
    written_in,
)
from domain.listing import AppointRepresentative, RemoveRepresentative
from domain.memorandum import MouSigned
from domain.statement import StatementOfAccuracySigned
from domain.support import AskSupportQuestion
from domain.term import last_valid
from tests.small_policies import INSTRUMENT
from tests.small_tenure import DAY, appealed, decision_of, ends, on, revoked, suspended
from tests.small_world import (
    ADMIN,
    ADMIN2,
    DECIDER,
    LEAD,
    NATIONAL,
    NO,
    OPERATOR,
    REVIEWER,
    STAFF,
    STRANGER,
    Case,
    World,
    granted,
    listed,
    new_world,
    open_,
    under_review,
    words,
)
from tests.story import Story, given

GONE: Any = "asked_by_the_person"
WHOLE: Any = "record_and_writings"


def asking(scope: Any = "record") -> ProposeErasure:
    """The request to erase somebody."""
    return ProposeErasure(ground=GONE, scope=scope)


def proposing(world: World | Case, person: str, scope: Any = "record", by: str = NATIONAL) -> Story:
    """Somebody proposes to erase a person."""
    return given(world.world if isinstance(world, Case) else world, person).when(by, asking(scope))


def leaves(c: Case, person: str) -> Case:
    """Somebody on the staff, or of the program, has no part any more."""
    if person in c.p.people:
        c.must(ADMIN, RemoveRepresentative(person=person))
    else:
        c.world.must(ADMIN, "north", RecordStaffDeparture(person=person))
    return c


def why(story: Story) -> str:
    """What the refusal says."""
    return str(story.answer)


@pytest.mark.req("M4")
class TestTwoPeople:
    """One proposes, another confirms."""

    @pytest.mark.parametrize("by", [NATIONAL, OPERATOR, ADMIN])
    def test_it_is_proposed_by_one_and_confirmed_by_another(self, by: str) -> None:
        world = new_world()
        proposing(world, STRANGER, WHOLE, by).then(
            ErasureProposed, person=STRANGER, ground=GONE, scope=WHOLE, proposed_by=by
        )
        second = OPERATOR if by == NATIONAL else NATIONAL
        given(world, STRANGER).when(by, ConfirmErasure()).not_allowed()
        given(world, STRANGER).when(second, ConfirmErasure()).then(
            PersonErased, person=STRANGER, ground=GONE, scope=WHOLE, agreed_by=(by, second)
        )
        state: Erasure = world.state("erasure", STRANGER)
        assert (state.erased, state.proposed_by, state.version) == (2, None, 2)

    def test_whoever_proposed_does_not_confirm(self) -> None:
        world = new_world()
        proposing(world, STRANGER)
        given(world, STRANGER).when(NATIONAL, ConfirmErasure()).refused("SECOND_PERSON_REQUIRED", person=NATIONAL)

    @pytest.mark.parametrize("person", [LEAD, REVIEWER, STRANGER])
    def test_nobody_else_has_a_say(self, person: str) -> None:
        world = new_world()
        proposing(world, "p_someone", by=person).not_allowed()
        proposing(world, "p_someone")
        given(world, "p_someone").when(person, ConfirmErasure()).not_allowed()
        given(world, "p_someone").when(person, DeclineErasure()).not_allowed()

    def test_a_proposal_that_is_declined_is_none_and_may_come_again(self) -> None:
        world = new_world()
        proposing(world, STRANGER)
        proposing(world, STRANGER, by=OPERATOR).refused("ERASURE_WAITS")
        given(world, STRANGER).when(OPERATOR, DeclineErasure()).then(ErasureDeclined, person=STRANGER)
        for command in (ConfirmErasure(), DeclineErasure()):
            given(world, STRANGER).when(OPERATOR, command).refused("NO_ERASURE_PROPOSED")
        proposing(world, STRANGER).then(ErasureProposed)

    def test_once_is_for_good(self) -> None:
        world = new_world()
        proposing(world, STRANGER)
        given(world, STRANGER).when(OPERATOR, ConfirmErasure()).then(PersonErased)
        proposing(world, STRANGER).refused("ERASED_ALREADY")
        given(world, STRANGER).when(OPERATOR, ConfirmErasure()).refused("NO_ERASURE_PROPOSED")

    def test_only_a_person_is_erased(self) -> None:
        proposing(new_world(), "north").refused("NOT_A_PERSON", subject="north")


class TestWhoHasAPart:
    """Whoever acts is not erased before the part is ended."""

    def test_on_a_staff(self) -> None:
        world = new_world()
        proposing(world, REVIEWER).refused("STILL_HAS_A_PART", where=["north"])
        world.must(ADMIN, "north", RecordStaffDeparture(person=REVIEWER))
        proposing(world, REVIEWER).then(ErasureProposed)
        world.must(ADMIN, "north", AppointStaff(person=REVIEWER, roles=("reviewer",)))
        given(world, REVIEWER).when(OPERATOR, ConfirmErasure()).refused("STILL_HAS_A_PART")

    def test_for_a_program(self) -> None:
        c = listed()
        c.must(ADMIN, AppointRepresentative(person=STRANGER, role="program_staff"))
        proposing(c, STRANGER).refused("STILL_HAS_A_PART", where=["prog1"])
        proposing(leaves(c, STRANGER), STRANGER).then(ErasureProposed)


@pytest.mark.req("H11")
class TestWhatADecisionNeeds:
    """Signatories, reviewers, deciders; words and files that were evidence."""

    @pytest.mark.parametrize("person", [REVIEWER, DECIDER])
    def test_who_judged_is_needed_until_the_term_is_over(self, person: str) -> None:
        c = leaves(granted(), person)
        last = last_valid(ends(c))
        asked = proposing(c, person).refused("NEEDED_BY_A_DECISION", program_id="prog1", until=last)
        assert f"is held through {last}" in why(asked)
        proposing(on(c, last), person).refused("NEEDED_BY_A_DECISION", until=last)
        proposing(on(c, ends(c)), person).then(ErasureProposed)

    def test_who_signed_is_needed_too(self) -> None:
        c = granted()
        (signatory,) = {e.signature.signatory for e in c.events if isinstance(e, StatementOfAccuracySigned)}
        proposing(leaves(c, signatory), signatory).refused("NEEDED_BY_A_DECISION", until=last_valid(ends(c)))

    def test_who_signed_the_memorandum_is_needed_for_the_cycle_that_it_led_to(self) -> None:
        c = open_()
        (signed,) = [e for e in c.events if isinstance(e, MouSigned) and e.party == "affiliate"]
        assert signed.signature.signatory == ADMIN
        c.world.must(ADMIN2, "north", RecordStaffDeparture(person=ADMIN))
        asked = proposing(c, ADMIN, by=OPERATOR).refused("NEEDED_BY_A_DECISION", until=None)
        assert "the full cycle is not at its end" in why(asked)

    def test_an_open_cycle_needs_its_people_with_no_day_known(self) -> None:
        c = leaves(under_review(), REVIEWER)
        asked = proposing(c, REVIEWER).refused("NEEDED_BY_A_DECISION", until=None)
        assert "the full cycle is not at its end" in why(asked)

    def test_an_appeal_that_is_possible_and_one_that_is_pending(self) -> None:
        c = granted()
        decision_id = revoked(c)
        decision = c.p.decisions[decision_id]
        leaves(c, decision.decider)
        assert decision.appeal_by is not None
        asked = proposing(c, decision.decider).refused("NEEDED_BY_A_DECISION", until=decision.appeal_by)
        assert f"an appeal is possible until {decision.appeal_by}" in why(asked)
        late = Case(c.world.copy(), c.how, c.program_id, c.cycle_id)
        proposing(on(late, decision.appeal_by + DAY), decision.decider).then(ErasureProposed)
        appealed(c, decision_id)
        asked = proposing(on(c, decision.appeal_by + DAY), decision.decider).refused("NEEDED_BY_A_DECISION", until=None)
        assert "an appeal is not decided yet" in why(asked)

    def test_who_suspended_is_needed_while_the_suspension_lasts(self) -> None:
        c = granted()
        suspended(c)
        decider = c.p.decisions[decision_of(c, "suspended")].decider
        assert decider != DECIDER
        until = last_valid(ends(c))
        proposing(leaves(c, decider), decider).refused("NEEDED_BY_A_DECISION", until=until)

    def test_what_came_up_between_proposal_and_confirmation_counts(self) -> None:
        c = listed()
        c.must(ADMIN, AppointRepresentative(person=STRANGER, role="program_staff"))
        c.must(STRANGER, AskSupportQuestion(question=words("How long does it take?")))
        leaves(c, STRANGER)
        proposing(c, STRANGER, WHOLE).then(ErasureProposed)
        c.must(ADMIN, AppointRepresentative(person=STRANGER, role="program_staff"))
        given(c.world, STRANGER).when(OPERATOR, ConfirmErasure()).refused("STILL_HAS_A_PART")

    def test_the_name_of_who_filled_in_the_assessment_goes_its_words_stay_while_they_are_evidence(self) -> None:
        c = leaves(granted(), STAFF)
        proposing(c, STAFF, WHOLE).refused("NEEDED_BY_A_DECISION", until=last_valid(ends(c)))
        proposing(c, STAFF).then(ErasureProposed, scope="record")

    def test_a_file_is_evidence_once_it_is_linked(self) -> None:
        c = open_()
        c.must(ADMIN, AppointRepresentative(person=STRANGER, role="program_staff"))
        c.world.receive(c.program_id, "paper")
        c.must(STRANGER, UploadDocument(document_id="paper"))
        leaves(c, STRANGER)
        proposing(Case(c.world.copy(), c.how, c.program_id, c.cycle_id), STRANGER, WHOLE).then(ErasureProposed)
        item = next(i.id for i in INSTRUMENT.items if i.evidence and i.evidence.kind == "document")
        c.must(STAFF, LinkDocument(cycle_id=c.cycle_id, document_id="paper", item_id=item))
        proposing(c, STRANGER, WHOLE).refused("NEEDED_BY_A_DECISION", until=None)
        proposing(c, STRANGER).then(ErasureProposed)

    def test_a_status_without_an_end_needs_its_decider_with_no_day_known(self) -> None:
        c = leaves(granted(scheme="member"), DECIDER)
        assert "with no end date" in why(proposing(c, DECIDER).refused("NEEDED_BY_A_DECISION", until=None))

    def test_words_that_were_carried_into_a_later_cycle_are_evidence_there(self) -> None:
        c = granted(answers={"A1": NO, "C5": NO})
        once = Case(c.world.copy(), c.how, c.program_id, c.cycle_id)
        proposing(on(leaves(once, STAFF), ends(c)), STAFF, WHOLE).then(ErasureProposed)
        c.world.later(days=2 * 365 + 30)
        before = len(c.events)
        c = open_.again(c, kind="renewal", answers={})
        assert c.cycle.carried_from
        (mine,) = [a.did for a in c.world.acts_of(STAFF)]
        assert not [e for e in mine if e in c.events[before:] and written_in(e)]
        c = on(leaves(c, STAFF), ends(c))
        proposing(c, STAFF, WHOLE).refused("NEEDED_BY_A_DECISION", until=None)
