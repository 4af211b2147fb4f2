"""Entitlement: what a program has on a day follows from the tier held, the policy and what the affiliate opened."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from domain.affiliate import EndCharter
from domain.entitlement import Entitlement, entitlements, membership_year
from domain.offers import OpenBenefit
from domain.policy.model import load
from domain.status import standing
from domain.term import add
from tests.members import (
    DAY,
    full,
    importing,
    issuing,
    redeemed,
    redeeming,
    suspending,
    told,
    under_second_version,
    workshop,
)
from tests.small_policies import MEMBER, POLICIES
from tests.small_world import ADMIN, DECIDER2, OPERATOR, SOUTH, STAFF, admitted, granted, listed
from tests.story import given

NONE: dict[str, Any] = {"count": None, "issued": None, "redeemed": None, "left": None, "since": None, "until": None}


class TestEntitlements:
    """What a program has on a day follows from the tier held, the policy, and what the affiliate has opened."""

    @pytest.mark.req("M20", "S4-15")
    def test_whoever_holds_nothing_has_what_is_open_to_everybody(self) -> None:
        c = listed(scheme="member")
        (mine,) = told(c).values()
        assert (mine.code, mine.says, mine.basis) == ("open_days", "What open_days is.", "proposal")
        assert (mine.rank, mine.tier, mine.label, mine.decision_id, mine.state) == (0, None, None, None, "entitled")
        assert mine.flags == ()

    @pytest.mark.req("A22")
    def test_a_benefit_holds_at_every_higher_rank_unless_it_says_otherwise(self) -> None:
        assert list(told(admitted(scheme="member"))) == ["open_days", "discount", "welcome"]
        every = ["open_days", "discount", "funding", "match_tickets", "training_vouchers", "support_letter"]
        assert list(told(full())) == [*every, "grants", "priority"]

    def test_each_says_from_which_rank_by_which_tier_and_decision_it_comes(self) -> None:
        c = full()
        held = standing(c.p, "member", c.today).held
        assert held is not None
        mine = told(c)
        assert [mine[code].rank for code in ("discount", "funding", "support_letter")] == [1, 2, 3]
        own = [e for e in mine.values() if e.rank]
        assert {(e.tier, e.label, e.decision_id) for e in own} == {("full", "Full", held.decision_id)}
        assert (mine["open_days"].tier, mine["open_days"].decision_id) == (None, None)

    @pytest.mark.req("S0-11", "S0-13", "S0-16", "S4-06")
    def test_flags_say_whether_it_may_be_had_as_it_is(self) -> None:
        mine = told(full())
        assert {code: e.state for code, e in mine.items()} == {
            "open_days": "entitled", "discount": "discretionary", "funding": "when_available",
            "match_tickets": "entitled", "training_vouchers": "entitled", "support_letter": "on_request",
            "grants": "when_available", "priority": "discretionary",
        }  # fmt: skip
        assert mine["discount"].flags == ("discretionary", "subject_to_change")

    @pytest.mark.req("S0-11", "M20")
    def test_what_depends_on_what_is_available_may_be_had_while_it_is_open(self) -> None:
        c = full()
        c.world.later()
        until = c.today + 5 * DAY
        c.world.must(ADMIN, "north", OpenBenefit(scheme="member", code="grants", until=until))
        assert told(c)["grants"].state == "entitled"
        assert told(c)["funding"].state == "when_available"
        assert told(c, until)["grants"].state == "entitled"
        assert told(c, until + DAY)["grants"].state == "when_available"
        assert told(c, c.today - DAY)["grants"].state == "when_available"

    def test_it_is_told_of_any_day(self) -> None:
        c = admitted(scheme="member")
        before, member = c.today - DAY, c.today
        granted.again(c)
        first = standing(c.p, "member", c.today).held
        assert first is not None
        assert list(told(c, before)) == ["open_days"]
        assert "welcome" in told(c, member)
        assert "support_letter" not in told(c, first.effective_on - DAY)
        assert "support_letter" in told(c, first.effective_on)

    def test_it_is_told_by_the_policy_that_the_tier_was_granted_under(self) -> None:
        c = full()
        c.world.publish({**MEMBER, "version": "2", "benefits": {}}, effective_from=c.today)
        assert "support_letter" in told(c)
        assert told(listed(scheme="member"))

    def test_for_an_imported_status_or_none_by_the_policy_in_force_on_the_day(self) -> None:
        c = listed(scheme="member")
        since = c.today - 100 * DAY
        c.must(ADMIN, importing(since))
        c.world.publish({**MEMBER, "version": "2", "benefits": {0: MEMBER["benefits"][0]}}, effective_from=c.today)
        assert list(told(c)) == ["open_days"]
        mine = told(c, c.today - DAY)
        assert (mine["support_letter"].label, mine["support_letter"].decision_id) == ("Full Member", None)
        c.world.publish({**MEMBER, "version": "3", "benefits": {}}, effective_from=c.today)
        assert told(c) == {}

    def test_before_any_policy_was_in_force_there_is_nothing(self) -> None:
        assert told(listed(scheme="member"), date(2024, 12, 31)) == {}

    def test_while_a_tier_is_suspended_only_what_is_open_to_everybody_is_left(self) -> None:
        c = under_second_version()
        assert "support_letter" in told(c)
        c.must(DECIDER2, suspending(c))
        assert list(told(c)) == ["open_days"]
        given(c).when(STAFF, redeeming(workshop(c))).refused("NOT_ENTITLED")

    def test_after_the_end_of_a_charter_what_the_successor_opened_counts(self) -> None:
        c = full()
        c.world.must(OPERATOR, "north", EndCharter(successor="south", effective_on=c.today))
        c.world.must(SOUTH, "south", OpenBenefit(scheme="member", code="funding"))
        assert told(c)["funding"].state == "entitled"


class TestCounts:
    """A count is given anew each membership year, from the first day on which it was held without a gap (A21)."""

    @pytest.mark.req("A21", "S4-10")
    def test_vouchers_are_given_for_a_year_issued_or_not(self) -> None:
        c = full()
        since = c.today
        mine = told(c)["training_vouchers"]
        assert (mine.count, mine.issued, mine.redeemed, mine.left) == (2, 0, 0, 2)
        assert (mine.since, mine.until) == (since, add(since, "P1Y"))
        redeemed(c)
        mine = told(c)["training_vouchers"]
        assert (mine.issued, mine.redeemed, mine.left, mine.state) == (2, 1, 1, "entitled")
        redeemed(c)
        mine = told(c)["training_vouchers"]
        assert (mine.issued, mine.redeemed, mine.left, mine.state) == (2, 2, 0, "used_up")

    @pytest.mark.req("A21")
    @pytest.mark.parametrize(("off", "years"), [(-1, 0), (0, 1), (364, 1), (365, 2)])
    def test_a_year_ends_the_day_before_the_next(self, off: int, years: int) -> None:
        c = full()
        since = c.today
        mine = told(c, add(since, "P1Y") + off * DAY)["training_vouchers"]
        assert (mine.since, mine.until) == (add(since, f"P{years}Y"), add(since, f"P{years + 1}Y"))
        assert (mine.issued, mine.left) == (0, 2)

    @pytest.mark.req("A21")
    def test_a_renewal_begins_no_new_year(self) -> None:
        c = full()
        since = c.today
        redeemed(c, 2)
        c.world.later(days=100)
        granted.again(c, kind="renewal")
        assert len([h for h in c.p.holdings if h.tier == "full"]) == 2
        mine = told(c)["training_vouchers"]
        assert (mine.since, mine.until, mine.left) == (since, add(since, "P1Y"), 0)
        later = told(c, add(since, "P1Y"))["training_vouchers"]
        assert (later.since, later.left) == (add(since, "P1Y"), 2)

    @pytest.mark.req("A21")
    def test_years_do_not_overlap_when_they_come_to_be_counted_from_another_day(self) -> None:
        c = redeemed(full())
        first = c.today
        earlier = tuple(replace(h, effective_on=first - 5 * DAY) if h.rank == 3 else h for h in c.p.holdings)
        moved = replace(c.p, holdings=earlier)
        policy = POLICIES["member"]

        def vouchers(day: date) -> Entitlement:
            return next(e for e in entitlements(moved, "member", policy, day, {}) if e.code == "training_vouchers")

        last = vouchers(add(first, "P1Y") - DAY)
        assert (last.since, last.until, last.left) == (first, add(first, "P1Y"), 1)
        then = vouchers(add(first, "P1Y"))
        assert (then.since, then.until, then.left) == (add(first, "P1Y"), add(first - 5 * DAY, "P2Y"), 2)

    def test_a_suspension_begins_no_new_year(self) -> None:
        c = under_second_version()
        since = c.today
        c.world.later(days=30)
        c.must(DECIDER2, suspending(c))
        lifted = tuple(replace(m, until=c.today + 10 * DAY) for m in c.p.measures)
        back = replace(c.p, measures=lifted)
        policy = POLICIES["member"]
        mine = entitlements(back, "member", policy, c.today + 10 * DAY, {})
        assert [e.since for e in mine if e.code == "training_vouchers"] == [since]
        during = entitlements(back, "member", policy, c.today + 9 * DAY, {})
        assert [e.code for e in during] == ["open_days"]

    def test_a_gap_begins_one(self) -> None:
        c = listed(scheme="member")
        first = c.today - 300 * DAY
        c.must(ADMIN, importing(first, valid_until=first + 50 * DAY), importing(first + 60 * DAY))
        assert told(c, first + 40 * DAY)["training_vouchers"].since == first
        assert told(c, first + 60 * DAY)["training_vouchers"].since == first + 60 * DAY

    def test_a_lower_tier_before_does_not_count(self) -> None:
        c = admitted(scheme="member")
        member = c.today
        granted.again(c)
        mine = told(c)["training_vouchers"]
        assert mine.since is not None
        assert mine.since > member
        assert told(c)["match_tickets"].since == mine.since

    def test_what_is_counted_otherwise_than_by_vouchers_names_count_and_year_alone(self) -> None:
        c = full()
        since = c.today
        mine = told(c, add(since, "P6M"))["match_tickets"]
        assert (mine.count, mine.since, mine.until) == (10, add(since, "P6M"), add(since, "P12M"))
        assert (mine.issued, mine.redeemed, mine.left, mine.state) == (None, None, None, "entitled")
        assert {name: getattr(told(c)["discount"], name) for name in NONE} == NONE

    def test_a_count_without_a_period_is_given_once(self) -> None:
        doc = {**MEMBER, "benefits": {1: [{**MEMBER["benefits"][3][0], "per": None}]}}
        c = admitted(scheme="member")
        since = c.today
        (mine,) = entitlements(c.p, "member", load(doc), add(since, "P9Y"), {})
        assert (mine.since, mine.until, mine.left) == (since, None, 2)

    def test_vouchers_for_everybody_have_no_year(self) -> None:
        doc = {**MEMBER, "benefits": {0: MEMBER["benefits"][3]}}
        c = listed(scheme="member")
        mine = entitlements(c.p, "member", load(doc), c.today, {})[0]
        assert (mine.count, mine.since, mine.issued, mine.left) == (2, None, None, None)
        c.world.publish({**doc, "version": "2"}, effective_from=c.today)
        given(c).when(ADMIN, issuing()).refused("NOT_ENTITLED")
        given(c).when(STAFF, redeeming(workshop(c))).refused("NOT_ENTITLED")

    @pytest.mark.parametrize(
        ("day", "year"),
        [
            (date(2024, 2, 29), (date(2024, 2, 29), date(2025, 2, 28))),
            (date(2025, 2, 27), (date(2024, 2, 29), date(2025, 2, 28))),
            (date(2025, 2, 28), (date(2025, 2, 28), date(2026, 2, 28))),
            (date(2028, 2, 28), (date(2027, 2, 28), date(2028, 2, 29))),
            (date(2028, 2, 29), (date(2028, 2, 29), date(2029, 2, 28))),
        ],
    )
    def test_a_membership_since_a_leap_day_has_its_anniversaries(self, day: date, year: tuple[date, date]) -> None:
        assert membership_year(date(2024, 2, 29), "P1Y", day) == year

    @pytest.mark.parametrize("per", [None, "P0D"])
    def test_no_period_is_one_year_without_end(self, per: str | None) -> None:
        assert membership_year(date(2024, 3, 1), per, date(2030, 1, 1)) == (date(2024, 3, 1), None)
