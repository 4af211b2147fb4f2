"""Listing: a program registers, its affiliate approves it, and people are appointed to act for it."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain import Decided
from domain.documents import RecordScan, WithdrawDocument
from domain.language import Claim
from domain.listing import (
    DUPLICATE_LISTING,
    AmendProfile,
    AppointRepresentative,
    ApproveListing,
    DeclineListing,
    PauseListing,
    ProgramListingApproved,
    ProgramListingDeclined,
    ProgramListingPaused,
    ProgramListingResumed,
    ProgramProfileAmended,
    ProgramRegistered,
    ProgramRepresentativeAppointed,
    ProgramRepresentativeRemoved,
    RegisterProgram,
    RemoveRepresentative,
    ResumeListing,
    leads,
)
from tests.small_world import (
    ADMIN,
    CLOCK,
    DECIDER,
    DIRECTOR,
    LEAD,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    hand_in,
    listed,
    new_world,
    registered,
    words,
)
from tests.story import given

NEWCOMER = "p_newcomer"
SAID: dict[str, Any] = {
    "legal_name": "Big Friends, Inc.", "display_name": "Big Friends", "parent_org": "Friends United",
    "affiliate": "north", "jurisdiction": "US-MN", "city": "Springfield", "began_operating_on": date(2019, 9, 1),
    "models": ("one_to_one", "group"), "ages": (9, 17), "serves_youth": True, "connector_ref": "mc-7",
    "website": "https://friends.example", "ein": "12-3456789",
}  # fmt: skip


def registering(**changes: Any) -> RegisterProgram:
    return RegisterProgram(**(SAID | changes))


def declining(ground: Any = "incomplete") -> DeclineListing:
    return DeclineListing(ground=ground, reason=words("Something is missing."))


def paused() -> Case:
    return listed().must(ADMIN, PauseListing(ground="dormant"))


@pytest.mark.req("S1-02")
@pytest.mark.parametrize("person", [STRANGER, OPERATOR])
def test_a_program_that_is_not_listed_registers(person: str) -> None:
    world = new_world()
    given(world, "friends").when(person, registering()).then(ProgramRegistered, **SAID)
    listing = world.state("program", "friends").listing
    assert (listing.state, listing.registered, listing.approved) == ("pending", 1, 0)
    assert (listing.affiliate, listing.jurisdiction, listing.connector_ref) == ("north", "US-MN", "mc-7")
    assert (listing.display_name, listing.operating_since) == ("Big Friends", date(2019, 9, 1))
    assert listing.serves_youth


def test_its_listing_number_is_claimed_for_it_alone() -> None:
    answer = new_world().do(STRANGER, "friends", registering())
    assert isinstance(answer, Decided)
    assert answer.claims == (Claim("connector_ref", "mc-7", taken=DUPLICATE_LISTING),)


def test_a_program_registers_once() -> None:
    given(registered()).when(STRANGER, registering()).refused("ALREADY_REGISTERED")


def test_a_program_registers_with_an_affiliate_that_there_is() -> None:
    story = given(new_world(), "friends").when(STRANGER, registering(affiliate="nowhere"))
    story.refused("AFFILIATE_UNKNOWN", affiliate="nowhere")


def test_a_program_began_today_at_the_latest_as_days_go_where_its_affiliate_is() -> None:
    world = new_world()
    world.now = world.now.replace(hour=4)  # still the day before in Chicago
    today = world.now.date() - timedelta(1)
    friends = given(world, "friends")
    friends.when(STRANGER, registering(began_operating_on=today + timedelta(1))).refused(
        "DATE_IN_FUTURE", field="began_operating_on", today=today
    )
    friends.when(STRANGER, registering(began_operating_on=today)).then(ProgramRegistered)


def test_everything_that_speaks_against_a_registration_is_named() -> None:
    story = given(registered()).when(STRANGER, registering(began_operating_on=date(2099, 1, 1)))
    story.refused("ALREADY_REGISTERED", "DATE_IN_FUTURE")


def test_a_program_has_a_model_of_mentoring() -> None:
    with pytest.raises(ValidationError, match="models"):
        registering(models=())


@pytest.mark.req("S1-02", "S3-01", "M5")
def test_the_affiliate_approves_the_listing_and_appoints_the_first_lead() -> None:
    c = registered()
    story = given(c).when(ADMIN, ApproveListing(lead=LEAD))
    story.then(
        ProgramListingApproved, ProgramRepresentativeAppointed, affiliate="north", person=LEAD, role="program_lead"
    )
    assert (c.p.listing.state, c.p.listing.approved) == ("listed", 2)
    assert leads(c.p) == [LEAD]


@pytest.mark.req("S1-02")
@pytest.mark.parametrize("person", [SOUTH, REVIEWER, DECIDER, OPERATOR, STRANGER])
def test_nobody_else_approves_or_declines_a_listing(person: str) -> None:
    c = registered()
    for command in (ApproveListing(lead=LEAD), declining()):
        given(c).when(person, command).not_allowed()


@pytest.mark.req("M5")
@pytest.mark.parametrize(
    ("registration", "lead", "codes"),
    [
        ({"jurisdiction": "US-GA"}, LEAD, ["OUTSIDE_AREA"]),
        ({"serves_youth": False}, LEAD, ["SERVES_NO_YOUTH"]),
        ({}, REVIEWER, ["AFFILIATE_STAFF"]),
        ({"jurisdiction": "US-GA", "serves_youth": False}, ADMIN, ["OUTSIDE_AREA", "SERVES_NO_YOUTH", "AFFILIATE_STAFF"]),
    ],
)  # fmt: skip
def test_only_youth_programs_of_the_area_are_listed(registration: dict[str, Any], lead: str, codes: list[str]) -> None:
    given(registered(registration=registration)).when(ADMIN, ApproveListing(lead=lead)).refused(*codes)


def test_a_listing_is_approved_once() -> None:
    given(listed()).when(ADMIN, ApproveListing(lead=LEAD)).refused("LISTING_NOT_PENDING", state="listed")


def test_a_listing_is_declined_with_the_reason() -> None:
    c = registered()
    story = given(c).when(ADMIN, declining("outside_area"))
    story.then(ProgramListingDeclined, ground="outside_area", reason=words("Something is missing."))
    assert c.p.listing.state == "declined"


@pytest.mark.parametrize(("person", "command"), [(ADMIN, ApproveListing(lead=LEAD)), (STRANGER, registering())])
def test_after_it_was_declined_nothing_can_be_added(person: str, command: Any) -> None:
    given(registered().must(ADMIN, declining())).when(person, command).refused("PROGRAM_CLOSED")


def test_a_listing_that_was_approved_is_not_declined() -> None:
    given(listed()).when(ADMIN, declining()).refused("LISTING_NOT_PENDING", state="listed")


def test_a_listing_rests_and_is_shown_again() -> None:
    c = listed()
    approved = c.p.listing.approved
    given(c).when(ADMIN, PauseListing(ground="unreachable")).then(ProgramListingPaused, ground="unreachable")
    assert c.p.listing.state == "paused"
    given(c).when(ADMIN, ResumeListing()).then(ProgramListingResumed)
    assert (c.p.listing.state, c.p.listing.approved) == ("listed", approved)


def test_only_what_is_shown_can_rest_and_only_what_rests_can_be_shown_again() -> None:
    given(registered()).when(ADMIN, PauseListing(ground="dormant")).refused("WRONG_LISTING_STATE", state="pending")
    given(paused()).when(ADMIN, PauseListing(ground="dormant")).refused("WRONG_LISTING_STATE", wanted="listed")
    given(listed()).when(ADMIN, ResumeListing()).refused("WRONG_LISTING_STATE", state="listed", wanted="paused")


@pytest.mark.parametrize("person", [STAFF, LEAD, ADMIN])
def test_public_facts_are_amended_one_or_many(person: str) -> None:
    c = listed()
    before = c.p.listing
    new: dict[str, Any] = {"website": "https://new.example", "city": "Shelby", "ages": (8, 18), "models": ("group",)}
    given(c).when(person, AmendProfile(**new)).then(ProgramProfileAmended, **new)
    given(c).when(person, AmendProfile(city="Ogden")).then(ProgramProfileAmended, city="Ogden", website=None, ages=None)
    assert c.p.listing == before


def test_an_amendment_changes_something() -> None:
    given(listed()).when(LEAD, AmendProfile()).refused("NOTHING_CHANGED")


@pytest.mark.parametrize(
    ("role", "leading"),
    [
        ("program_lead", True), ("executive_director", True), ("board_chair", True), ("head_of_program", True),
        ("program_staff", False),
    ],
)  # fmt: skip
@pytest.mark.req("M5")
def test_a_lead_appoints_others(role: Any, leading: bool) -> None:
    c = listed()
    story = given(c).when(LEAD, AppointRepresentative(person=NEWCOMER, role=role))
    story.then(ProgramRepresentativeAppointed, person=NEWCOMER, role=role, authority_document_id=None)
    assert (NEWCOMER in leads(c.p)) is leading


def test_a_further_role_is_held_beside_the_first() -> None:
    c = listed()
    given(c).when(LEAD, AppointRepresentative(person=STAFF, role="board_chair")).then(ProgramRepresentativeAppointed)
    assert c.p.people[STAFF].roles == ("program_staff", "board_chair")


def test_appointing_somebody_as_what_they_are_changes_nothing() -> None:
    given(listed()).when(LEAD, AppointRepresentative(person=STAFF, role="program_staff")).unchanged()


def test_nobody_acts_for_the_affiliate_and_for_a_program_there() -> None:
    story = given(listed()).when(LEAD, AppointRepresentative(person=REVIEWER, role="program_staff"))
    story.refused("AFFILIATE_STAFF", person=REVIEWER)


def test_an_administrator_appoints_who_leads_on_a_document_only() -> None:
    c = listed()
    hand_in(c, "letter")
    appointment: dict[str, Any] = {"person": NEWCOMER, "role": "executive_director"}
    given(c).when(ADMIN, AppointRepresentative(**appointment)).refused("AUTHORITY_UNPROVEN")
    shown = given(c).when(ADMIN, AppointRepresentative(**appointment, authority_document_id="letter"))
    shown.then(ProgramRepresentativeAppointed, **appointment, authority_document_id="letter")
    given(c).when(STAFF, WithdrawDocument(document_id="letter", reason=words("Ours."))).refused("DOCUMENT_FROZEN")


def test_an_administrator_appoints_other_staff_without_one() -> None:
    appointment = AppointRepresentative(person=NEWCOMER, role="program_staff")
    given(listed()).when(ADMIN, appointment).then(ProgramRepresentativeAppointed, person=NEWCOMER)


@pytest.mark.parametrize("person", [LEAD, ADMIN])
def test_the_document_that_is_named_was_handed_in_and_is_clean(person: str) -> None:
    c = listed()
    hand_in(c, "taken-back")
    c.must(LEAD, WithdrawDocument(document_id="taken-back", reason=words("Not this one.")))
    hand_in(c, "infected")
    c.must(CLOCK, RecordScan(document_id="infected", verdict="infected"))
    whys = {"phantom": "DOCUMENT_UNKNOWN", "taken-back": "DOCUMENT_UNKNOWN", "infected": "DOCUMENT_INFECTED"}
    for document, why in whys.items():
        appointment = AppointRepresentative(person=NEWCOMER, role="board_chair", authority_document_id=document)
        given(c).when(person, appointment).refused(why, document_id=document)


def test_everything_that_speaks_against_an_appointment_is_named() -> None:
    appointment = AppointRepresentative(person=REVIEWER, role="board_chair")
    given(listed()).when(ADMIN, appointment).refused("AFFILIATE_STAFF", "AUTHORITY_UNPROVEN")


@pytest.mark.parametrize("person", [LEAD, ADMIN])
def test_whoever_leaves_acts_for_the_program_no_more(person: str) -> None:
    c = listed()
    story = given(c).when(person, RemoveRepresentative(person=DIRECTOR))
    story.then(ProgramRepresentativeRemoved, person=DIRECTOR, left_on=c.today)
    assert (c.p.people[DIRECTOR].roles, c.p.people[DIRECTOR].left_on) == ((), c.today)
    assert leads(c.p) == [LEAD]


def test_whoever_comes_back_has_not_left() -> None:
    c = listed().must(LEAD, RemoveRepresentative(person=STAFF))
    given(c).when(LEAD, AppointRepresentative(person=STAFF, role="program_staff")).then(ProgramRepresentativeAppointed)
    assert (c.p.people[STAFF].roles, c.p.people[STAFF].left_on) == (("program_staff",), None)


def test_only_who_acts_for_the_program_can_be_removed() -> None:
    c = listed()
    given(c).when(LEAD, RemoveRepresentative(person=STRANGER)).refused("NOT_A_REPRESENTATIVE", person=STRANGER)
    c.must(LEAD, RemoveRepresentative(person=STAFF))
    given(c).when(LEAD, RemoveRepresentative(person=STAFF)).refused("NOT_A_REPRESENTATIVE", person=STAFF)


def test_somebody_always_leads_the_program() -> None:
    c = listed().must(LEAD, RemoveRepresentative(person=DIRECTOR))
    given(c).when(LEAD, RemoveRepresentative(person=LEAD)).refused("LAST_LEAD", person=LEAD)
    given(c).when(LEAD, RemoveRepresentative(person=STAFF)).then(ProgramRepresentativeRemoved)


def test_of_two_who_lead_one_may_go() -> None:
    given(listed()).when(DIRECTOR, RemoveRepresentative(person=LEAD)).then(ProgramRepresentativeRemoved)
