"""A tier is suspended, reduced or revoked for cause, after notice and reply; reinstated; or given up (A1, H10)."""

from datetime import date
from typing import Any

import pytest

from domain.adverse import (
    PartnerStatusReinstated,
    PartnerStatusRelinquished,
    PartnerStatusRevoked,
    PartnerStatusSuspended,
    PartnerTierReduced,
    ReinstateStatus,
    RelinquishStatus,
)
from domain.affiliate import AppointStaff
from domain.interests import RegisterInterest
from domain.language import Command
from domain.notice import PublicNoticeArchived, PublicNoticePosted, ReplyToNotice
from domain.term import add
from tests.small_tenure import (
    DAY,
    STRICT,
    WHY,
    appealed,
    at_once,
    course,
    ends,
    imported,
    importing,
    noticed,
    on,
    reduced,
    reducing,
    revoked,
    revoking,
    status,
    suspended,
    suspending,
    under,
)
from tests.small_world import ADMIN, BOTH, DECIDER, DECIDER2, LEAD, OPERATOR, STAFF, Case, granted, listed
from tests.story import given


def lifting(**more: Any) -> ReinstateStatus:
    """The request to lift a suspension."""
    return ReinstateStatus(**({"scheme": "full", "declaration": "none", "reason": WHY} | more))


def giving_up(c: Case, after: int = 0) -> RelinquishStatus:
    """The request to give a tier up, so many days later."""
    return RelinquishStatus(scheme=c.scheme, effective_on=c.today + after * DAY, reason=WHY)


def due(c: Case, action: str) -> str:
    """A notice whose time to reply is over; its id."""
    notice_id = noticed(c, action, tier="dedicated")
    c.world.later(days=21)
    return notice_id


def acting(c: Case, action: str, notice_id: str | None, after: int = 0, **more: Any) -> Command:
    """The request for one of the three acts."""
    request: Any = {"suspend": suspending, "reduce": reducing, "revoke": revoking}[action]
    return request(c, notice_id, after, **more)


ACTS = ("suspend", "reduce", "revoke")
FACTS: dict[str, Any] = {
    "suspend": PartnerStatusSuspended,
    "reduce": PartnerTierReduced,
    "revoke": PartnerStatusRevoked,
}
STATUS = {"suspend": "suspended expert", "reduce": "active dedicated", "revoke": "revoked expert"}


class TestTheThreeActs:
    """What they have in common."""

    @pytest.mark.req("H10")
    @pytest.mark.parametrize("action", ACTS)
    @pytest.mark.parametrize("after", [0, 40])
    def test_each_has_effect_from_its_day_and_changes_no_earlier_one(self, action: str, after: int) -> None:
        c = granted(tier="expert")
        (held,) = c.p.holdings
        before = course(c)
        notice_id = due(c, action)
        since = c.today + after * DAY
        given(c).when(DECIDER2, acting(c, action, notice_id, after)).then(
            FACTS[action], PublicNoticePosted,
            scheme="full", tier="expert", grounds=("safety",), decided_on=c.today,
            effective_on=since, appeal_by=c.today + 30 * DAY, decider=DECIDER2, zone=held.zone, policy=held.policy,
            cycle_id=c.cycle_id,
        )  # fmt: skip
        gone = {"suspend": "expired expert", "reduce": "expired dedicated", "revoke": None}[action]
        assert course(c) == [
            before[0],
            f"{since} {STATUS[action]}",
            *([f"{held.expires_on} {gone}"] if gone else []),
        ]
        assert c.p.notices == {}
        *_, decision = c.p.decisions.values()
        assert (decision.decider, decision.involved, decision.cycle_id) == (DECIDER2, (ADMIN,), c.cycle_id)

    @pytest.mark.parametrize("action", ACTS)
    def test_not_without_a_notice_of_just_that(self, action: str) -> None:
        c = granted(tier="expert")
        given(c).when(DECIDER2, acting(c, action, None)).refused("NOTICE_REQUIRED", action=action)
        given(c).when(DECIDER2, acting(c, action, "imaginary")).refused("NOTICE_UNKNOWN", notice_id="imaginary")
        other = due(c, "revoke" if action == "suspend" else "suspend")
        given(c).when(DECIDER2, acting(c, action, other)).refused("NOTICE_REQUIRED", action=action)

    @pytest.mark.parametrize("action", ACTS)
    def test_not_before_the_time_to_reply_is_over(self, action: str) -> None:
        c = granted(tier="expert")
        notice_id = noticed(c, action, tier="dedicated")
        c.world.later(days=20)
        given(c).when(DECIDER2, acting(c, action, notice_id)).refused("NOTICE_REPLY_OPEN", reply_by=c.today)
        c.world.later()
        given(c).when(DECIDER2, acting(c, action, notice_id)).then(FACTS[action], PublicNoticePosted)

    def test_unless_the_program_replied(self) -> None:
        c = granted()
        notice_id = noticed(c)
        c.must(LEAD, ReplyToNotice(notice_id=notice_id, reply=WHY))
        given(c).when(DECIDER2, revoking(c, notice_id)).then(PartnerStatusRevoked, PublicNoticePosted)

    @pytest.mark.parametrize("action", ACTS)
    def test_never_backwards_and_only_within_the_term(self, action: str) -> None:
        c = granted(tier="expert")
        notice_id, left = due(c, action), (ends(c) - c.today).days
        given(c).when(DECIDER2, acting(c, action, notice_id, -1)).refused(
            "BACKDATED_EFFECT", today=c.today, day=c.today - DAY
        )
        given(c).when(DECIDER2, acting(c, action, notice_id, left)).refused("EFFECT_AFTER_TERM", expires_on=ends(c))
        given(c).when(DECIDER2, acting(c, action, notice_id, left - 1)).then(FACTS[action], PublicNoticePosted)

    @pytest.mark.parametrize("action", ACTS)
    def test_not_where_no_term_is_running(self, action: str) -> None:
        c = granted(tier="expert")
        on(c, ends(c) - 10 * DAY)
        notice_id = due(c, action)
        given(c).when(DECIDER2, acting(c, action, notice_id)).refused("NO_ACTIVE_STATUS", status="expired")
        given(listed()).when(DECIDER2, acting(c, action, None)).refused("NO_ACTIVE_STATUS", status="none")

    def test_not_where_the_policy_knows_none(self) -> None:
        c = granted(scheme="lean")
        given(c).when(DECIDER2, revoking(c)).refused("ADVERSE_ACTS_OFF", policy="LEAN version 1")

    @pytest.mark.parametrize("person", [LEAD, ADMIN])
    def test_only_deciders_decide(self, person: str) -> None:
        c = granted()
        given(c).when(person, revoking(c, due(c, "revoke"))).refused("NOT_AUTHORISED")


@pytest.mark.req("A26", "M19")
class TestWhoDecides:
    """Nobody who reviewed, gave the notice or is tied to the program."""

    def test_not_the_reviewer(self) -> None:
        c = granted(reviewer=BOTH)
        given(c).when(BOTH, revoking(c, due(c, "revoke"))).refused(
            "DECIDER_NOT_INDEPENDENT", person=BOTH, part="reviewer"
        )

    def test_not_who_gave_the_notice(self) -> None:
        c = granted()
        c.world.must(ADMIN, "north", AppointStaff(person=ADMIN, roles=("affiliate_admin", "decider")))
        given(c).when(ADMIN, revoking(c, due(c, "revoke"))).refused(
            "DECIDER_NOT_INDEPENDENT", person=ADMIN, part="issuer of the notice"
        )

    def test_not_who_declares_an_interest(self) -> None:
        c = granted()
        given(c).when(DECIDER2, revoking(c, due(c, "revoke"), declaration="interest")).refused("DECLARATION_REQUIRED")

    def test_not_who_has_an_interest_whatever_is_declared(self) -> None:
        c = granted()
        seat: dict[str, Any] = {"nature": "board_seat", "since": date(2025, 1, 1)}
        c.world.must(ADMIN, "north", RegisterInterest(person=DECIDER2, program_id=c.program_id, **seat))
        given(c).when(DECIDER2, revoking(c, due(c, "revoke"))).refused("CONFLICTED", person=DECIDER2)

    def test_whoever_granted_the_tier_may(self) -> None:
        c = granted()
        given(c).when(DECIDER, revoking(c, due(c, "revoke"))).then(PartnerStatusRevoked, PublicNoticePosted)


class TestSuspending:
    """For a time, to be looked at again."""

    @pytest.mark.req("S0-24", "A1", "H10")
    def test_the_term_runs_out_meanwhile(self) -> None:
        c = granted()
        on(c, ends(c) - 30 * DAY)
        suspended(c)
        since = c.today
        assert course(c)[1:] == [f"{since} suspended dedicated", f"{ends(c)} expired dedicated"]
        on(c, ends(c))
        given(c).when(DECIDER2, lifting()).refused("NO_ACTIVE_STATUS", status="expired")

    @pytest.mark.parametrize(("days", "allowed"), [(0, False), (1, True), (184, True), (185, False)])
    def test_it_is_looked_at_again_within_six_months(self, days: int, allowed: bool) -> None:
        c = granted()
        notice_id = due(c, "suspend")
        since, latest = c.today, add(c.today, "P6M")
        assert (latest - since).days == 184
        story = given(c).when(DECIDER2, suspending(c, notice_id, review_by=since + days * DAY))
        if allowed:
            story.then(PartnerStatusSuspended, PublicNoticePosted, review_by=since + days * DAY, imminent_harm=False)
        else:
            story.refused("REVIEW_TOO_LATE", since=since, latest=latest)

    def test_not_twice(self) -> None:
        c = granted()
        suspended(c)
        since = c.today
        given(c).when(DECIDER, suspending(c, due(c, "suspend"))).refused("ALREADY_SUSPENDED", since=since)
        given(c).when(DECIDER, at_once(c)).refused("ALREADY_SUSPENDED", scheme="full", since=since)

    def test_not_after_the_tier_is_lost(self) -> None:
        c = granted()
        decision_id = revoked(c, after=50)
        since = c.today + 50 * DAY
        assert c.p.measures[-1].measure_id == decision_id
        notice_id = due(c, "suspend")
        given(c).when(DECIDER2, suspending(c, notice_id, 29)).refused(
            "LOSS_DECIDED", scheme="full", since=since, kind="revoked"
        )
        given(c).when(DECIDER2, suspending(c, notice_id, 28)).then(PartnerStatusSuspended, PublicNoticePosted)
        assert course(c)[1:] == [f"{since - DAY} suspended dedicated", f"{since} revoked dedicated"]

    def test_an_imported_status_is_suspended_under_the_rules_in_force(self) -> None:
        c = imported(None)
        notice_id = due(c, "suspend")
        ref = c.world.scheme("full").in_force(c.today)
        given(c).when(DECIDER2, suspending(c, notice_id)).then(
            PartnerStatusSuspended, PublicNoticePosted, policy=ref, cycle_id=None, tier="expert"
        )
        assert status(c) == "suspended expert"


class TestImminentHarm:
    """At once, without notice, where the policy says so."""

    def test_from_the_same_day(self) -> None:
        c = granted()
        given(c).when(DECIDER2, at_once(c)).then(
            PartnerStatusSuspended, PublicNoticePosted, imminent_harm=True, grounds=("safety",)
        )
        assert status(c) == "suspended dedicated"
        assert status(c, c.today - DAY) == "active dedicated"
        assert list(c.p.decisions.values())[-1].immediate

    def test_not_where_the_policy_knows_none(self) -> None:
        c = under(changes={"adverse": STRICT})
        given(c).when(DECIDER2, at_once(c)).refused("NOT_IMMEDIATE")

    def test_not_for_a_later_day(self) -> None:
        c = granted()
        later = {"effective_on": c.today + DAY, "review_by": c.today + 9 * DAY}
        given(c).when(DECIDER2, at_once(c, **later)).refused("NOT_AT_ONCE", today=c.today)

    @pytest.mark.parametrize("grounds", [(), ("dislike",)])
    def test_on_grounds_of_the_policy(self, grounds: tuple[str, ...]) -> None:
        c = granted()
        given(c).when(DECIDER2, at_once(c, grounds=grounds)).refused("GROUND_NOT_ALLOWED", allowed=["safety"])

    def test_looked_at_again_within_the_time_to_reply(self) -> None:
        c = granted()
        late = c.today + 21 * DAY
        given(c).when(DECIDER2, at_once(c, review_by=late)).refused("REVIEW_TOO_LATE", latest=c.today + 20 * DAY)

    def test_a_notice_of_something_else_stays_open(self) -> None:
        c = granted()
        notice_id = noticed(c)
        given(c).when(DECIDER2, at_once(c, notice_id=notice_id)).refused("NOTICE_REQUIRED", action="suspend")
        c.must(DECIDER2, at_once(c))
        assert list(c.p.notices) == [notice_id]

    def test_a_notice_of_the_same_is_settled_with_it(self) -> None:
        c = granted()
        notice_id = noticed(c, "suspend")
        given(c).when(DECIDER2, at_once(c, notice_id=notice_id)).then(PartnerStatusSuspended, PublicNoticePosted)
        assert c.p.notices == {}

    @pytest.mark.parametrize("earlier", [suspended, revoked])
    def test_also_while_an_earlier_act_is_stayed_or_lies_ahead(self, earlier: Any) -> None:
        c = granted()
        decision_id = earlier(c)
        appealed(c, decision_id)
        assert status(c) == "active dedicated"
        given(c).when(DECIDER, at_once(c)).then(PartnerStatusSuspended, PublicNoticePosted)
        assert status(c) == "suspended dedicated"

        c = granted()
        earlier(c, after=50)
        given(c).when(DECIDER, at_once(c)).then(PartnerStatusSuspended, PublicNoticePosted)
        assert status(c) == "suspended dedicated"


class TestReducing:
    """A lower tier, the same term."""

    @pytest.mark.req("A3", "S0-23", "H10")
    def test_then_the_program_advances_again(self) -> None:
        c = granted(tier="expert")
        end = ends(c)
        reduced(c)
        since = c.today
        granted.again(c, kind="advancement", tier="expert")
        again = c.p.holdings[-1].effective_on
        assert course(c)[1:] == [
            f"{since} active dedicated", f"{again} active expert", f"{end} expired expert",
        ]  # fmt: skip

    def test_the_public_facts_of_the_lower_tier_are_there(self) -> None:
        c = granted(tier="expert")
        notice_id = due(c, "reduce")
        given(c).when(DECIDER2, reducing(c, notice_id)).then(
            PartnerTierReduced, PublicNoticePosted,
            to="dedicated", rank=1, label="Dedicated", badge=None, listing="listed", national_badge=False, assessed=True,
        )  # fmt: skip

    def test_a_suspension_goes_on_with_the_lower_tier(self) -> None:
        c = granted(tier="expert")
        suspended(c, review_by=c.today + 150 * DAY)
        since = c.today
        reduced(c, after=10)
        lower = c.today + 10 * DAY
        on(c, lower + 5 * DAY).must(DECIDER2, lifting())
        assert course(c)[1:] == [
            f"{since} suspended expert",
            f"{lower} suspended dedicated",
            f"{c.today} active dedicated",
            f"{ends(c)} expired dedicated",
        ]

    def test_not_to_a_tier_that_is_not_lower_any_more(self) -> None:
        c = granted(tier="expert")
        notice_id = due(c, "reduce")
        c.must(DECIDER2, reducing(c, notice_id))
        second = noticed(c, "revoke")
        c.world.later(days=21)
        given(c).when(DECIDER2, reducing(c, second)).refused("NOTICE_REQUIRED")
        assert status(c) == "active dedicated"

    def test_what_the_notice_named_is_looked_at_again(self) -> None:
        c = imported(None)
        notice_id = due(c, "reduce")
        c.must(OPERATOR, importing(c.today - DAY, tier="dedicated"))
        given(c).when(DECIDER2, reducing(c, notice_id)).refused("NO_LOWER_TIER", tier="Dedicated", held="Dedicated")


class TestRevoking:
    """For good; a new request may be barred for a time."""

    @pytest.mark.req("A1")
    def test_after_the_end_of_the_term_too_it_is_said_to_be_revoked(self) -> None:
        c = granted()
        revoked(c)
        assert course(c)[1:] == [f"{c.today} revoked dedicated"]

    def test_a_suspended_tier(self) -> None:
        c = granted()
        suspended(c)
        since = c.today
        revoked(c)
        assert course(c)[1:] == [f"{since} suspended dedicated", f"{c.today} revoked dedicated"]
        given(c).when(DECIDER2, lifting()).refused("NO_ACTIVE_STATUS", status="revoked")

    def test_a_bar_of_two_years_at_the_most(self) -> None:
        c = granted()
        notice_id = due(c, "revoke")
        latest = add(c.today, "P24M")
        given(c).when(DECIDER2, revoking(c, notice_id, may_reapply_from=latest + DAY)).refused(
            "REAPPLY_DATE", latest=latest
        )
        given(c).when(DECIDER2, revoking(c, notice_id, may_reapply_from=latest)).then(
            PartnerStatusRevoked, PublicNoticePosted, may_reapply_from=latest
        )

    def test_a_program_that_gave_up_for_later_can_lose_its_tier_before(self) -> None:
        c = granted()
        c.must(LEAD, giving_up(c, 300))
        revoked(c)
        assert course(c)[1:] == [f"{c.today} revoked dedicated"]


class TestReinstating:
    """A suspension is lifted, from today on."""

    @pytest.mark.req("H10")
    def test_the_term_was_running_all_the_while(self) -> None:
        c = granted()
        decision_id = suspended(c)
        since = c.today
        c.world.later(days=10)
        given(c).when(DECIDER2, lifting()).then(
            PartnerStatusReinstated, PublicNoticeArchived,
            scheme="full", decision_id=decision_id, effective_on=c.today, decider=DECIDER2, ground="lifted",
        )  # fmt: skip
        assert course(c)[1:] == [
            f"{since} suspended dedicated", f"{c.today} active dedicated", f"{ends(c)} expired dedicated",
        ]  # fmt: skip
        given(c).when(DECIDER2, lifting()).refused("NOT_SUSPENDED", scheme="full", status="active")

    def test_on_the_day_on_which_it_began_there_was_none(self) -> None:
        c = granted()
        before = course(c)
        suspended(c)
        c.must(DECIDER2, lifting())
        assert course(c) == before

    def test_not_before_it_began(self) -> None:
        c = granted()
        suspended(c, after=10)
        given(c).when(DECIDER2, lifting()).refused("NOT_SUSPENDED", status="active")

    def test_of_two_both_are_lifted(self) -> None:
        c = granted()
        first = suspended(c, after=5)
        c.must(DECIDER2, at_once(c))
        second = c.p.measures[-1].measure_id
        c.world.later(days=10)
        story = given(c).when(DECIDER2, lifting())
        story.then(PartnerStatusReinstated, PartnerStatusReinstated, PublicNoticeArchived, PublicNoticeArchived)
        assert [e.decision_id for e in story.events or () if isinstance(e, PartnerStatusReinstated)] == [first, second]
        assert status(c) == "active dedicated"

    def test_by_somebody_independent(self) -> None:
        c = granted(reviewer=BOTH)
        suspended(c)
        given(c).when(BOTH, lifting()).refused("DECIDER_NOT_INDEPENDENT", person=BOTH, part="reviewer")
        given(c).when(DECIDER2, lifting(declaration="interest")).refused("DECLARATION_REQUIRED")
        given(c).when(ADMIN, lifting()).refused("NOT_AUTHORISED")

    def test_of_a_tier_that_was_never_suspended(self) -> None:
        given(granted()).when(DECIDER2, lifting()).refused("NOT_SUSPENDED")
        given(listed()).when(DECIDER2, lifting()).refused("NO_ACTIVE_STATUS", status="none")


class TestRelinquishing:
    """A program gives its tier up."""

    @pytest.mark.parametrize("after", [0, 40])
    def test_from_its_day_on(self, after: int) -> None:
        c = granted()
        since = c.today + after * DAY
        given(c).when(LEAD, giving_up(c, after)).then(
            PartnerStatusRelinquished, scheme="full", tier="dedicated", effective_on=since, zone=c.policy.timezone
        )
        assert course(c)[1:] == [f"{since} relinquished dedicated"]

    def test_a_suspended_tier_too(self) -> None:
        c = granted()
        suspended(c)
        given(c).when(LEAD, giving_up(c, 5)).then(PartnerStatusRelinquished)
        assert course(c)[1:] == [f"{c.today} suspended dedicated", f"{c.today + 5 * DAY} relinquished dedicated"]

    def test_not_backwards_nor_after_the_term(self) -> None:
        c = granted()
        left = (ends(c) - c.today).days
        given(c).when(LEAD, giving_up(c, -1)).refused("BACKDATED_EFFECT")
        given(c).when(LEAD, giving_up(c, left)).refused("EFFECT_AFTER_TERM", expires_on=ends(c))
        given(c).when(LEAD, giving_up(c, left - 1)).then(PartnerStatusRelinquished)

    def test_what_was_given_up_is_given_up_once(self) -> None:
        c = granted()
        c.must(LEAD, giving_up(c, 40))
        given(c).when(LEAD, giving_up(c, 40)).refused(
            "LOSS_DECIDED", scheme="full", since=c.today + 40 * DAY, kind="relinquished"
        )
        given(c).when(LEAD, giving_up(c, 39)).then(PartnerStatusRelinquished)
        c.world.later(days=39)
        given(c).when(LEAD, giving_up(c)).refused("NO_ACTIVE_STATUS", status="relinquished")

    def test_only_whoever_leads_the_program(self) -> None:
        c = granted()
        for person in (STAFF, ADMIN, DECIDER):
            given(c).when(person, giving_up(c)).refused("NOT_AUTHORISED")

    @pytest.mark.req("A1")
    def test_after_it_a_new_beginning(self) -> None:
        c = granted()
        c.must(LEAD, giving_up(c))
        since = c.today
        granted.again(c)
        again = c.p.holdings[-1].effective_on
        assert course(c)[1:] == [
            f"{since} relinquished dedicated", f"{again} active dedicated", f"{add(again, 'P3Y')} expired dedicated",
        ]  # fmt: skip


@pytest.mark.req("H10")
def test_leap_days() -> None:
    c = granted()
    on(c, date(2028, 2, 8))
    notice_id = due(c, "suspend")
    assert c.today == date(2028, 2, 29)
    c.must(DECIDER2, suspending(c, notice_id, review_by=add(c.today, "P6M")))
    assert c.p.measures[-1].review_by == date(2028, 8, 29)
    on(c, date(2028, 3, 1)).must(DECIDER2, lifting())
    assert course(c)[1:3] == ["2028-02-29 suspended dedicated", "2028-03-01 active dedicated"]
