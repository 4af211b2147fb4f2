"""Authority: the part in which a person acts is looked up in the registers, never claimed."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain import Decided
from domain.access import RecordIntakeConversation, WithdrawFromCycle
from domain.affiliate import AppointStaff, CharterAffiliate, RecordStaffDeparture
from domain.correction import WithdrawAct
from domain.documents import RecordScan, UploadDocument
from domain.impartiality import DeclareConflict
from domain.instrument.model import Instrument
from domain.language import Actor, Command, Role
from domain.listing import AmendProfile, AppointRepresentative, RegisterProgram, RemoveRepresentative
from domain.participation import RequestParticipation
from domain.publishing import PublishInstrumentVersion
from domain.support import AskSupportQuestion, LogSupportContact
from tests.small_policies import SMALL, ZONE
from tests.small_world import (
    ADMIN,
    BOTH,
    CLOCK,
    DECIDER,
    DECIDER2,
    DIRECTOR,
    LEAD,
    NATIONAL,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    hand_in,
    listed,
    new_world,
    open_,
    registered,
    requested,
    words,
)
from tests.story import given

NEWCOMER = "p_newcomer"
ASKING = AskSupportQuestion(question=words("How does it go?"))
AMENDING = AmendProfile(city="Ogden")


def acting(c: Case, person: str, command: Command) -> Actor:
    """In which part a person asked, when it was granted."""
    answer = c.do(person, command)
    assert isinstance(answer, Decided), answer
    return answer.actor


def declaring(c: Case) -> DeclareConflict:
    return DeclareConflict(cycle_id=c.cycle_id, nature="none")


@pytest.mark.req("H6")
@pytest.mark.parametrize(
    ("person", "role", "org"),
    [
        (STAFF, Role.PROGRAM_STAFF, "prog1"),
        (LEAD, Role.PROGRAM_STAFF, "prog1"),
        (DIRECTOR, Role.PROGRAM_STAFF, "prog1"),
        (ADMIN, Role.AFFILIATE_ADMIN, "north"),
    ],
)
def test_somebody_acts_in_the_first_part_that_they_have_of_those_who_may_ask(person: str, role: Role, org: str) -> None:
    assert acting(listed(), person, AMENDING) == Actor(person, role, org)


@pytest.mark.parametrize("role", ["program_lead", "executive_director", "board_chair", "head_of_program"])
def test_whoever_holds_a_leading_role_acts_as_lead(role: Any) -> None:
    c = listed().must(LEAD, AppointRepresentative(person=NEWCOMER, role=role))
    assert acting(c, NEWCOMER, RequestParticipation(scheme="full")).role is Role.PROGRAM_LEAD


@pytest.mark.parametrize("person", [REVIEWER, BOTH, DECIDER, ADMIN])
def test_staff_acts_for_the_affiliate(person: str) -> None:
    c = open_()
    parts = {REVIEWER: Role.REVIEWER, BOTH: Role.REVIEWER, DECIDER: Role.DECIDER, ADMIN: Role.AFFILIATE_ADMIN}
    assert acting(c, person, declaring(c)) == Actor(person, parts[person], "north")


def test_staff_of_several_parts_has_each_of_them() -> None:
    c = registered()
    c.world.must(ADMIN, "north", AppointStaff(person=BOTH, roles=("decider", "reviewer", "affiliate_admin")))
    log = LogSupportContact(kind="call", on=c.today, summary=words("We talked."))
    assert acting(c, BOTH, log).role is Role.AFFILIATE_ADMIN
    c.must(ADMIN, log)
    c = open_()
    c.world.must(ADMIN, "north", AppointStaff(person=BOTH, roles=("decider", "affiliate_admin")))
    assert acting(c, BOTH, declaring(c)).role is Role.DECIDER


def test_the_clock_and_the_operator_come_with_the_door() -> None:
    c = listed()
    hand_in(c, "doc1")
    assert acting(c, CLOCK, RecordScan(document_id="doc1", verdict="infected")) == Actor(CLOCK, Role.CLOCK, "service")
    infected = RecordScan(document_id="doc1", verdict="clean")
    assert acting(c, OPERATOR, infected) == Actor(OPERATOR, Role.OPERATOR, "service")


def test_anybody_may_register_a_program() -> None:
    c = registered()
    command = RegisterProgram(
        legal_name="Mates", display_name="Mates", affiliate="north", jurisdiction="US-MN", city="Ogden",
        began_operating_on=date(2020, 1, 1), models=("group",), ages=(8, 18), serves_youth=True, connector_ref="mc-2",
    )  # fmt: skip
    answer = c.world.do(STRANGER, "mates", command)
    assert isinstance(answer, Decided)
    assert answer.actor == Actor(STRANGER, Role.PUBLIC, "public")


@pytest.mark.req("H6")
def test_who_has_no_part_is_told_who_may_ask_and_as_what_they_came() -> None:
    story = given(listed()).when(STRANGER, AMENDING)
    needed = ["program_staff", "program_lead", "affiliate_admin"]
    story.refused("NOT_AUTHORISED", needed=needed, person=STRANGER, held=["public"])
    story = given(listed()).when(STAFF, RequestParticipation(scheme="full"))
    story.refused("NOT_AUTHORISED", needed=["program_lead"], person=STAFF, held=["program_staff", "public"])


@pytest.mark.parametrize("person", [REVIEWER, DECIDER])
def test_staff_in_another_part_is_told_so_and_not_that_it_is_from_elsewhere(person: str) -> None:
    c = requested()
    command = RecordIntakeConversation(cycle_id=c.cycle_id, held_on=c.today)
    given(c).when(person, command).refused("NOT_AUTHORISED", person=person)


@pytest.mark.req("H6")
def test_staff_of_another_affiliate_is_not_in_charge_here() -> None:
    given(listed()).when(SOUTH, AMENDING).refused("OUT_OF_JURISDICTION", person=SOUTH, elsewhere=["south"])
    given(listed()).when(NATIONAL, AMENDING).refused("OUT_OF_JURISDICTION", person=NATIONAL, elsewhere=["national"])
    given(new_world(), "north").when(SOUTH, AppointStaff(person=SOUTH, roles=("decider",))).refused(
        "OUT_OF_JURISDICTION", elsewhere=["south"]
    )


def test_staff_elsewhere_that_acts_for_the_program_is_in_charge_here_in_that_part() -> None:
    c = listed().must(LEAD, AppointRepresentative(person=SOUTH, role="program_staff"))
    given(c).when(SOUTH, RequestParticipation(scheme="full")).refused("NOT_AUTHORISED", person=SOUTH)
    assert acting(c, SOUTH, ASKING).role is Role.PROGRAM_STAFF


@pytest.mark.parametrize("person", [STAFF, DIRECTOR])
def test_whoever_left_the_program_has_no_part_in_it(person: str) -> None:
    c = listed().must(LEAD, RemoveRepresentative(person=person))
    given(c).when(person, ASKING).refused("NOT_AUTHORISED", held=["public"])


def test_whoever_left_the_staff_has_no_part_in_it() -> None:
    c = open_()
    c.world.must(ADMIN, "north", RecordStaffDeparture(person=REVIEWER))
    given(c).when(REVIEWER, declaring(c)).refused("NOT_AUTHORISED", held=["public"])


@pytest.mark.req("A26")
def test_whoever_acts_for_a_program_takes_no_part_of_the_affiliates_in_it() -> None:
    c = open_()
    c.world.must(ADMIN, "north", AppointStaff(person=STAFF, roles=("affiliate_admin", "reviewer", "decider")))
    given(c).when(STAFF, declaring(c)).refused("NOT_AUTHORISED", held=["program_staff", "public"])
    c.must(LEAD, RemoveRepresentative(person=STAFF))
    assert acting(c, STAFF, declaring(c)).role is Role.REVIEWER


@pytest.mark.req("A26")
def test_nor_does_a_decider_of_the_delegate() -> None:
    c = open_(scheme="southern").must(LEAD, AppointRepresentative(person=DECIDER, role="program_staff"))
    given(c).when(DECIDER, declaring(c)).refused("NOT_AUTHORISED", held=["program_staff", "public"])


def test_a_part_in_one_program_is_none_in_another() -> None:
    c = listed()
    other = Case(c.world, {}, program_id="prog2")
    other.must(
        STRANGER,
        RegisterProgram(
            legal_name="Mates", display_name="Mates", affiliate="north", jurisdiction="US-MN", city="Ogden",
            began_operating_on=date(2020, 1, 1), models=("group",), ages=(8, 18), serves_youth=True,
            connector_ref="mc-2",
        ),
    )  # fmt: skip
    given(other).when(LEAD, ASKING).refused("NOT_AUTHORISED", held=["public"])


def test_the_national_body_is_whoever_administers_an_affiliate_that_is_national() -> None:
    world = new_world()
    charter = CharterAffiliate(
        name="Everywhere", timezone=ZONE, jurisdictions=("US",), administrator=NEWCOMER, national=True
    )
    world.must(OPERATOR, "everywhere", charter)
    world.must(NEWCOMER, "everywhere", AppointStaff(person=STRANGER, roles=("reviewer",)))
    changed = {**SMALL, "version": "2"}
    sha256 = world.keep(changed, Instrument.model_validate(changed))
    command = PublishInstrumentVersion(instrument_version="2", sha256=sha256)
    given(world, "SMALL").when(STRANGER, command).refused("NOT_AUTHORISED", held=["public", "reviewer"])
    given(world, "SMALL").when(ADMIN, command).refused("NOT_AUTHORISED", held=["affiliate_admin", "public"])
    answer = world.do(NEWCOMER, "SMALL", command)
    assert isinstance(answer, Decided)
    assert answer.actor == Actor(NEWCOMER, Role.NATIONAL, "everywhere")


def test_towards_a_program_the_national_body_has_its_own_part() -> None:
    command = WithdrawAct(version=99, ground="other_error", explanation=words("No."))
    given(listed()).when(NATIONAL, command).refused("ACT_UNKNOWN")


@pytest.mark.req("A26")
def test_deciders_of_the_delegate_act_until_the_last_day_of_the_delegation() -> None:
    c = open_(scheme="southern")
    assert acting(c, DECIDER, declaring(c)) == Actor(DECIDER, Role.DECIDER, "north")
    until = c.world.affiliate("south").delegated_until
    c.world.later(days=(until - c.today).days)
    assert acting(c, DECIDER2, declaring(c)).org == "north"
    c.world.later(days=1)
    given(c).when(DECIDER2, declaring(c)).refused("OUT_OF_JURISDICTION", elsewhere=["north"])


@pytest.mark.req("A26")
@pytest.mark.parametrize("person", [REVIEWER, ADMIN])
def test_only_deciders_of_the_delegate_have_a_part(person: str) -> None:
    c = open_(scheme="southern")
    given(c).when(person, declaring(c)).refused("OUT_OF_JURISDICTION", elsewhere=["north"])


@pytest.mark.req("A26")
def test_who_decides_for_the_delegate_decides_nothing_else_here() -> None:
    c = open_(scheme="southern")
    log = LogSupportContact(kind="call", on=c.today - timedelta(1), summary=words("We talked."))
    given(c).when(BOTH, log).refused("NOT_AUTHORISED", held=["decider", "public"])


@pytest.mark.parametrize("person", [REVIEWER, ADMIN, DECIDER, LEAD])
def test_a_program_that_there_is_not_is_unknown_to_everybody(person: str) -> None:
    given(new_world(), "nothing").when(person, ASKING).refused(
        "SUBJECT_UNKNOWN", aggregate="program", subject="nothing"
    )


def test_standing_at_the_door_is_no_standing_in_the_register() -> None:
    c = open_()
    c.world.receive(c.program_id, "doc1")
    for person in (CLOCK, OPERATOR):
        given(c).when(person, UploadDocument(document_id="doc1")).refused("NOT_AUTHORISED", person=person)
        given(c).when(person, WithdrawFromCycle(cycle_id=c.cycle_id, reason=words("No."))).refused("NOT_AUTHORISED")
