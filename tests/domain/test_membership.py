"""Membership: where a scheme admits on application, every program applies at the entry level."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.admission import AcceptMembershipApplication
from domain.listing import PauseListing
from domain.membership import (
    DeclineMembershipApplication,
    MembershipApplicationDeclined,
    MembershipApplicationSubmitted,
    MembershipApplicationWithdrawn,
    SubmitMembershipApplication,
    WithdrawMembershipApplication,
)
from domain.values import PolicyRef
from tests.small_policies import MEMBER
from tests.small_world import ADMIN, LEAD, STAFF, Case, listed, words
from tests.story import given


def applying(**changes: Any) -> SubmitMembershipApplication:
    said = {"scheme": "member", "requested_level": "affiliate", "desired_level": "full", "formal": True}
    return SubmitMembershipApplication(**(said | changes))


DECLINING = DeclineMembershipApplication(scheme="member", ground="incomplete", reason=words("Something is missing."))
WITHDRAWING = WithdrawMembershipApplication(scheme="member")
ACCEPTING = AcceptMembershipApplication(scheme="member")


def applied() -> Case:
    return listed(scheme="member").must(LEAD, applying())


@pytest.mark.req("S4-15", "M14")
def test_a_program_applies_at_the_entry_level_naming_the_level_it_wants_to_reach() -> None:
    c = listed(scheme="member")
    since = c.today - timedelta(800)
    policy = PolicyRef("member", "1", c.world.scheme("member").published[0].sha256)
    said = {"requested_level": "affiliate", "desired_level": "full", "formal": True, "operating_since": since}
    given(c).when(LEAD, applying(operating_since=since)).then(MembershipApplicationSubmitted, **said, policy=policy)
    applied = c.p.memberships["member"]
    assert (applied.state, applied.level, applied.desired_level) == ("submitted", "affiliate", "full")
    assert (applied.formal, applied.operating_since, applied.policy) == (True, since, policy)
    assert (applied.submitted, applied.accepted) == (c.p.version, 0)


@pytest.mark.req("S4-13")
def test_a_program_that_is_not_formal_may_apply() -> None:
    given(listed(scheme="member")).when(LEAD, applying(formal=False)).then(MembershipApplicationSubmitted, formal=False)


@pytest.mark.req("S4-15")
@pytest.mark.parametrize("level", ["associate", "full", "imaginary"])
def test_no_program_applies_at_another_level(level: str) -> None:
    story = given(listed(scheme="member")).when(LEAD, applying(requested_level=level))
    story.refused("LEVEL_NOT_OPEN_AT_ENTRY", requested=level, entry="affiliate")


def test_the_level_that_is_wanted_is_one_of_the_schemes() -> None:
    story = given(listed(scheme="member")).when(LEAD, applying(desired_level="platinum"))
    story.refused("LEVEL_UNKNOWN", level="platinum", levels=[t["code"] for t in MEMBER["tiers"]])


@pytest.mark.parametrize(
    ("scheme", "why"),
    [("full", "NO_ENTRY_BY_APPLICATION"), ("imaginary", "SCHEME_UNKNOWN"), ("southern", "SCHEME_ELSEWHERE")],
)
def test_the_scheme_is_the_affiliates_and_admits_on_application(scheme: str, why: str) -> None:
    given(listed()).when(LEAD, applying(scheme=scheme)).refused(why, scheme=scheme)


def test_a_listed_program_applies() -> None:
    c = listed(scheme="member").must(ADMIN, PauseListing(ground="dormant"))
    given(c).when(LEAD, applying()).refused("NOT_LISTED", state="paused")


def test_the_program_runs_since_today_at_the_latest() -> None:
    c = listed(scheme="member")
    tomorrow = c.today + timedelta(1)
    given(c).when(LEAD, applying(operating_since=tomorrow)).refused("DATE_IN_FUTURE", field="operating_since")
    given(c).when(LEAD, applying(operating_since=c.today)).then(MembershipApplicationSubmitted)


def test_one_application_waits_at_a_time() -> None:
    given(applied()).when(LEAD, applying()).refused("ALREADY_MEMBER", state="submitted")


def test_a_member_does_not_apply_again() -> None:
    given(applied().must(ADMIN, ACCEPTING)).when(LEAD, applying()).refused("ALREADY_MEMBER", state="accepted")


@pytest.mark.parametrize(("person", "command"), [(ADMIN, DECLINING), (LEAD, WITHDRAWING)])
def test_after_a_no_or_a_change_of_mind_one_may_apply_anew(person: str, command: Any) -> None:
    c = applied().must(person, command)
    given(c).when(LEAD, applying(desired_level="associate")).then(MembershipApplicationSubmitted)
    assert (c.p.memberships["member"].state, c.p.memberships["member"].desired_level) == ("submitted", "associate")


def test_everything_that_speaks_against_an_application_is_named() -> None:
    c = applied().must(ADMIN, PauseListing(ground="dormant"))
    command = applying(requested_level="full", desired_level="platinum", operating_since=date(2099, 1, 1))
    given(c).when(LEAD, command).refused(
        "NOT_LISTED", "LEVEL_NOT_OPEN_AT_ENTRY", "LEVEL_UNKNOWN", "ALREADY_MEMBER", "DATE_IN_FUTURE"
    )


def test_an_application_is_declined_with_the_reason() -> None:
    c = applied()
    story = given(c).when(ADMIN, DECLINING)
    story.then(MembershipApplicationDeclined, scheme="member", ground="incomplete", reason=DECLINING.reason)
    assert c.p.memberships["member"].state == "declined"


def test_an_application_is_taken_back() -> None:
    c = applied()
    given(c).when(LEAD, WITHDRAWING).then(MembershipApplicationWithdrawn, scheme="member")
    assert c.p.memberships["member"].state == "withdrawn"


@pytest.mark.req("S4-15")
def test_an_accepted_application_is_remembered_with_what_it_rests_on() -> None:
    c = applied()
    submitted = c.p.version
    c.must(ADMIN, ACCEPTING)
    member = c.p.memberships["member"]
    assert (member.state, member.submitted, member.accepted) == ("accepted", submitted, submitted + 1)


@pytest.mark.parametrize(
    ("person", "command"), [(ADMIN, DECLINING), (LEAD, WITHDRAWING), (ADMIN, ACCEPTING)], ids=lambda x: str(x)[:12]
)
@pytest.mark.parametrize("answer", [None, DECLINING, WITHDRAWING, ACCEPTING], ids=lambda x: type(x).__name__)
def test_only_an_application_that_waits_is_answered(person: str, command: Any, answer: Any) -> None:
    c = listed(scheme="member")
    if answer:
        c.must(LEAD, applying()).must(LEAD if answer is WITHDRAWING else ADMIN, answer)
    given(c).when(person, command).refused("NO_APPLICATION", scheme="member")


def test_answers_come_from_the_affiliate_and_applications_from_the_lead() -> None:
    c = applied()
    for command in (DECLINING, ACCEPTING):
        given(c).when(LEAD, command).refused("NOT_AUTHORISED")
    for command in (WITHDRAWING, applying()):
        given(c).when(STAFF, command).refused("NOT_AUTHORISED")
        given(c).when(ADMIN, command).refused("NOT_AUTHORISED")
