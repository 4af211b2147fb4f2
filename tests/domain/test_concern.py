"""Concerns: what a complaint holds against a program, taken to it without who complained, and the inquiry (M2, M19)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from domain.affiliate import AppointStaff
from domain.complaint import FileComplaint
from domain.concern import (
    CloseInquiry,
    ConcernReferred,
    InquiryClosed,
    InquiryOpened,
    OpenInquiry,
    ReferConcern,
)
from domain.correction import ActWithdrawn, WithdrawAct
from domain.interests import RegisterInterest
from domain.language import ProgramCommand
from domain.listing import AppointRepresentative, RemoveRepresentative
from tests.small_world import (
    ADMIN,
    ADMIN2,
    LEAD,
    NATIONAL,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    listed,
    words,
)
from tests.story import given

DAY = timedelta(days=1)
WHY = words("We looked into it.")


def referring(complaint_id: str = "comp1", severity: Any = "serious") -> ReferConcern:
    """The request to take a concern to the program."""
    return ReferConcern(complaint_id=complaint_id, severity=severity)


def referred() -> Case:
    """A program that a concern was taken to."""
    return listed().must(ADMIN, referring())


def concern_id(c: Case) -> str:
    """The first concern."""
    return next(iter(c.p.concerns))


def opening(c: Case) -> OpenInquiry:
    """The request to look into it."""
    return OpenInquiry(concern_id=concern_id(c))


def inquired() -> Case:
    """A program with an inquiry under way."""
    c = referred()
    return c.must(ADMIN, opening(c))


def closing(c: Case, finding: Any = "founded") -> CloseInquiry:
    """The request to say what was found."""
    return CloseInquiry(concern_id=concern_id(c), finding=finding, reason=WHY)


def withdrawal(c: Case, version: int | None = None) -> WithdrawAct:
    """The request to withdraw an act, the last one unless named."""
    return WithdrawAct(version=version or c.p.version, ground="wrong_program", explanation=words("It was another."))


@pytest.mark.req("M19")
@pytest.mark.parametrize("severity", ["low", "serious", "imminent_harm"])
def test_a_concern_is_taken_to_the_program_without_who_complained(severity: str) -> None:
    c = listed()
    complaining: dict[str, Any] = {
        "about": "program",
        "program_id": "prog1",
        "affiliate": "north",
        "concern": "conduct",
    }
    c.world.must(STRANGER, "comp1", FileComplaint(**complaining, narrative=WHY, identity=words("It was me.")))
    given(c).when(ADMIN, referring(severity=severity)).then(ConcernReferred, complaint_id="comp1", severity=severity)
    concern = c.p.concerns[concern_id(c)]
    assert (concern.complaint_id, concern.severity, concern.inquiry, concern.finding) == ("comp1", severity, 0, None)
    assert STRANGER not in msgspec.json.encode([c.events[-1], c.events[-1].sentence()]).decode()
    assert "comp1" not in c.events[-1].sentence()


def test_a_complaint_is_taken_to_the_program_once() -> None:
    c = referred()
    given(c).when(ADMIN2, referring()).refused("CONCERN_KNOWN", complaint_id="comp1")
    given(c).when(ADMIN2, referring("comp2")).then(ConcernReferred, complaint_id="comp2")
    assert len(c.p.concerns) == 2


@pytest.mark.parametrize("finding", ["founded", "unfounded", "not_verified"])
def test_an_inquiry_comes_to_a_finding(finding: str) -> None:
    c = referred()
    given(c).when(ADMIN, opening(c)).then(InquiryOpened, concern_id=concern_id(c))
    opened = c.p.version
    given(c).when(ADMIN2, closing(c, finding)).then(InquiryClosed, finding=finding, reason=WHY)
    concern = c.p.concerns[concern_id(c)]
    assert (concern.inquiry, concern.closed, concern.finding) == (opened, c.p.version, finding)


def test_a_concern_is_looked_into_once() -> None:
    c = inquired()
    given(c).when(ADMIN, opening(c)).refused("ALREADY_RECORDED")
    c.must(ADMIN, closing(c))
    given(c).when(ADMIN, opening(c)).refused("ALREADY_RECORDED")


def test_a_finding_ends_an_open_inquiry() -> None:
    c = referred()
    given(c).when(ADMIN, closing(c)).refused("NO_INQUIRY")
    c.must(ADMIN, opening(c), closing(c))
    given(c).when(ADMIN, closing(c, "unfounded")).refused("NO_INQUIRY")


@pytest.mark.parametrize(
    "command", [OpenInquiry(concern_id="none"), CloseInquiry(concern_id="none", finding="founded", reason=WHY)]
)
def test_only_what_was_referred_is_looked_into(command: ProgramCommand) -> None:
    given(referred()).when(ADMIN, command).refused("CONCERN_UNKNOWN", concern_id="none")


@pytest.mark.parametrize("person", [LEAD, STAFF, REVIEWER, SOUTH, NATIONAL, STRANGER])
def test_nobody_else_refers_or_inquires(person: str) -> None:
    c = inquired()
    for command in (referring("comp2"), opening(c), closing(c)):
        given(c).when(person, command).not_allowed()


@pytest.mark.req("M19")
def test_whoever_has_an_interest_in_the_program_neither_refers_nor_inquires() -> None:
    c = inquired()
    entry = RegisterInterest(person=ADMIN, program_id="prog1", nature="board_seat", since=c.today - DAY)
    c.world.must(ADMIN, "north", entry)
    for command in (referring("comp2"), closing(c)):
        given(c).when(ADMIN, command).refused("CONFLICTED", person=ADMIN, nature="board_seat")
    given(c).when(ADMIN, opening(c)).refused("CONFLICTED", "ALREADY_RECORDED")
    given(c).when(ADMIN2, closing(c)).then(InquiryClosed)


@pytest.mark.req("A26")
def test_whoever_worked_for_the_program_not_long_ago_does_not_inquire_either() -> None:
    c = referred()
    c.must(LEAD, AppointRepresentative(person=NATIONAL, role="program_staff"), RemoveRepresentative(person=NATIONAL))
    c.world.must(ADMIN, "north", AppointStaff(person=NATIONAL, roles=("affiliate_admin",)))
    given(c).when(NATIONAL, opening(c)).refused("CONFLICTED", nature="program staff in the past 24 months")


@pytest.mark.req("M2")
def test_a_referral_to_the_wrong_program_is_withdrawn() -> None:
    c = listed()
    before = c.p.concerns
    c.must(ADMIN, referring())
    given(c).when(ADMIN2, withdrawal(c)).then(ActWithdrawn, act="ConcernReferred.v1")
    assert c.p.concerns == before
    given(c).when(ADMIN, referring()).then(ConcernReferred)


@pytest.mark.req("M2")
def test_an_inquiry_opened_in_error_is_withdrawn() -> None:
    c = referred()
    before = c.p.concerns
    referral = c.p.version
    c.must(ADMIN, opening(c))
    given(c).when(ADMIN, withdrawal(c, referral)).refused("RESTED_UPON", what=["inquiry"])
    given(c).when(ADMIN, withdrawal(c)).then(ActWithdrawn, act="InquiryOpened.v1")
    assert c.p.concerns == before
    given(c).when(ADMIN, withdrawal(c, referral)).then(ActWithdrawn)


@pytest.mark.req("M2")
def test_what_a_finding_rests_on_stands() -> None:
    c = inquired()
    inquiry = c.p.version
    c.must(ADMIN, closing(c))
    given(c).when(ADMIN, withdrawal(c, inquiry)).refused("RESTED_UPON", what=["finding"])
    given(c).when(LEAD, withdrawal(c, inquiry)).refused("NOT_YOURS_TO_WITHDRAW", "RESTED_UPON")
