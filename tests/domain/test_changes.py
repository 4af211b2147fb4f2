"""Changes in a program: another name, another leadership, a listing that rests while a tier is held (2.4, S1-02)."""

from datetime import timedelta
from typing import Any

import pytest

from domain.changes import HandOverLeadership, LeadershipChanged, ProgramRenamed, RenameProgram
from domain.correction import ActWithdrawn, WithdrawAct
from domain.documents import RecordScan, WithdrawDocument
from domain.listing import (
    AppointRepresentative,
    ApproveListing,
    PauseListing,
    ProgramListingPaused,
    ProgramListingResumed,
    ProgramRepresentativeAppointed,
    ProgramRepresentativeRemoved,
    ResumeListing,
    leads,
)
from domain.status import standing
from tests.small_world import (
    ADMIN,
    CLOCK,
    DIRECTOR,
    LEAD,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    granted,
    hand_in,
    listed,
    registered,
    words,
)
from tests.story import given

DAY = timedelta(days=1)
NEWCOMER = "p_newcomer"


def renaming(c: Case, name: str = "Bigger Friends", **more: Any) -> RenameProgram:
    """The request to record a new name from today on."""
    return RenameProgram(**{"display_name": name, "effective_on": c.today} | more)


def handing_over(**more: Any) -> HandOverLeadership:
    """The request to let a newcomer lead in the place of the lead."""
    said: dict[str, Any] = {"from_person": LEAD, "to_person": NEWCOMER, "role": "program_lead", **more}
    return HandOverLeadership(**said)


def withdrawal(c: Case) -> WithdrawAct:
    """The request to withdraw what was recorded last."""
    return WithdrawAct(version=c.p.version, ground="other_error", explanation=words("It was not so."))


def test_a_lead_records_a_new_name_with_the_former_one() -> None:
    c = listed()
    yesterday = c.today - DAY
    story = given(c).when(LEAD, renaming(c, effective_on=yesterday))
    story.then(
        ProgramRenamed,
        former_name="Big Friends",
        display_name="Bigger Friends",
        legal_name=None,
        effective_on=yesterday,
    )
    assert (c.p.listing.display_name, c.p.listing.legal_name) == ("Bigger Friends", "Big Friends, Inc.")


def test_the_legal_name_alone_may_change() -> None:
    c = listed()
    command = renaming(c, "Big Friends", legal_name="Big Friends Foundation")
    story = given(c).when(LEAD, command)
    story.then(ProgramRenamed, former_legal_name="Big Friends, Inc.", legal_name="Big Friends Foundation")
    assert c.p.listing.legal_name == "Big Friends Foundation"
    assert c.p.listing.state == "listed"


def test_a_legal_name_that_stays_is_not_recorded_as_new() -> None:
    c = listed()
    story = given(c).when(LEAD, renaming(c, legal_name="Big Friends, Inc."))
    story.then(ProgramRenamed, legal_name=None, former_legal_name=None)


@pytest.mark.parametrize("legal_name", [None, "Big Friends, Inc."])
def test_the_same_name_is_no_change(legal_name: str | None) -> None:
    c = listed()
    given(c).when(LEAD, renaming(c, "Big Friends", legal_name=legal_name)).refused("NOTHING_CHANGED")


def test_a_new_name_is_in_use_by_now() -> None:
    c = listed()
    given(c).when(LEAD, renaming(c, effective_on=c.today + DAY)).refused("DATE_IN_FUTURE", field="effective_on")
    given(c).when(LEAD, renaming(c, effective_on=c.today)).then(ProgramRenamed)


def test_an_administrator_renames_on_a_document_only() -> None:
    c = listed()
    hand_in(c, "letter")
    given(c).when(ADMIN, renaming(c)).refused("AUTHORITY_UNPROVEN")
    given(c).when(ADMIN, renaming(c, document_id="letter")).then(ProgramRenamed, document_id="letter")
    given(c).when(STAFF, WithdrawDocument(document_id="letter", reason=words("Ours."))).refused("DOCUMENT_FROZEN")


def test_the_document_was_handed_in_and_is_clean() -> None:
    c = listed()
    hand_in(c, "infected")
    c.must(CLOCK, RecordScan(document_id="infected", verdict="infected"))
    given(c).when(LEAD, renaming(c, document_id="phantom")).refused("DOCUMENT_UNKNOWN")
    given(c).when(ADMIN, renaming(c, document_id="infected")).refused("DOCUMENT_INFECTED")


def test_everything_that_speaks_against_a_new_name_is_said_at_once() -> None:
    c = listed()
    story = given(c).when(ADMIN, renaming(c, "Big Friends", effective_on=c.today + DAY))
    story.refused("NOTHING_CHANGED", "DATE_IN_FUTURE", "AUTHORITY_UNPROVEN")


@pytest.mark.parametrize("person", [STAFF, REVIEWER, SOUTH, STRANGER])
def test_nobody_else_renames_or_hands_over(person: str) -> None:
    c = listed()
    given(c).when(person, renaming(c)).not_allowed()
    given(c).when(person, handing_over()).not_allowed()


@pytest.mark.req("M2")
@pytest.mark.parametrize("person", [LEAD, ADMIN])
def test_a_name_recorded_in_error_is_withdrawn(person: str) -> None:
    c = listed()
    before = c.p.listing
    c.must(LEAD, renaming(c, legal_name="Bigger Friends, Inc."))
    given(c).when(person, withdrawal(c)).then(ActWithdrawn, act="ProgramRenamed.v1")
    assert c.p.listing == before


@pytest.mark.req("M2")
def test_a_name_stands_while_a_later_one_rests_on_it() -> None:
    c = listed()
    c.must(LEAD, renaming(c))
    first = withdrawal(c)
    c.must(LEAD, renaming(c, "Best Friends"))
    second = withdrawal(c)
    c.must(LEAD, renaming(c))
    given(c).when(LEAD, first).refused("RESTED_UPON", what=["later_name"])
    given(c).when(LEAD, second).refused("RESTED_UPON", what=["later_name"])
    c.must(LEAD, withdrawal(c), second, first)
    assert c.p.listing.display_name == "Big Friends"


@pytest.mark.req("S1-02")
def test_leadership_passes_in_one_act() -> None:
    c = listed()
    story = given(c).when(LEAD, handing_over())
    kinds = (ProgramRepresentativeAppointed, ProgramRepresentativeRemoved, LeadershipChanged)
    story.then(*kinds, role="program_lead", from_person=LEAD, to_person=NEWCOMER, left_on=c.today)
    assert leads(c.p) == [DIRECTOR, NEWCOMER]
    assert (c.p.people[LEAD].roles, c.p.people[LEAD].left_on) == ((), c.today)


def test_the_only_one_who_leads_can_hand_over() -> None:
    c = registered().must(ADMIN, ApproveListing(lead=LEAD))
    given(c).when(LEAD, handing_over()).then(
        ProgramRepresentativeAppointed, ProgramRepresentativeRemoved, LeadershipChanged
    )
    assert leads(c.p) == [NEWCOMER]


def test_whoever_has_the_part_already_is_not_appointed_again() -> None:
    c = listed().must(LEAD, AppointRepresentative(person=NEWCOMER, role="program_lead"))
    given(c).when(DIRECTOR, handing_over()).then(ProgramRepresentativeRemoved, LeadershipChanged)
    assert c.p.people[NEWCOMER].roles == ("program_lead",)


def test_another_leading_part_is_handed_over_alike() -> None:
    c = listed()
    command = handing_over(from_person=DIRECTOR, role="executive_director")
    given(c).when(LEAD, command).then(
        ProgramRepresentativeAppointed, ProgramRepresentativeRemoved, LeadershipChanged, role="executive_director"
    )
    assert c.p.people[NEWCOMER].roles == ("executive_director",)


@pytest.mark.parametrize(
    ("person", "role"), [(STRANGER, "program_lead"), (STAFF, "program_lead"), (LEAD, "board_chair")]
)
def test_a_part_is_handed_over_by_whoever_has_it(person: str, role: Any) -> None:
    command = handing_over(from_person=person, role=role)
    given(listed()).when(LEAD, command).refused("NOT_IN_THAT_ROLE", person=person, role=role)


def test_a_part_passes_to_somebody_else() -> None:
    given(listed()).when(LEAD, handing_over(to_person=LEAD)).refused("NOTHING_CHANGED")


def test_nobody_of_the_affiliates_staff_takes_the_leadership() -> None:
    given(listed()).when(LEAD, handing_over(to_person=REVIEWER)).refused("AFFILIATE_STAFF", person=REVIEWER)


def test_an_administrator_hands_over_on_a_document_only() -> None:
    c = listed()
    hand_in(c, "letter")
    given(c).when(ADMIN, handing_over()).refused("AUTHORITY_UNPROVEN")
    given(c).when(ADMIN, handing_over(authority_document_id="phantom")).refused("DOCUMENT_UNKNOWN")
    shown = given(c).when(ADMIN, handing_over(authority_document_id="letter"))
    shown.then(
        ProgramRepresentativeAppointed, ProgramRepresentativeRemoved, LeadershipChanged, authority_document_id="letter"
    )


@pytest.mark.req("S0-24", "H10")
def test_a_tier_is_held_on_while_the_listing_rests() -> None:
    c = granted()
    before = standing(c.p, "full", c.today)
    given(c).when(ADMIN, PauseListing(ground="dormant")).then(ProgramListingPaused)
    assert c.p.listing.state == "paused"
    assert standing(c.p, "full", c.today) == before
    assert before.held is not None
    assert before.held.expires_on is not None
    assert standing(c.p, "full", before.held.expires_on).status == "expired"
    given(c).when(ADMIN, ResumeListing()).then(ProgramListingResumed)
    assert standing(c.p, "full", c.today) == before
