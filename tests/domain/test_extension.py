"""A term may be prolonged on closed grounds, by so much and so often as the policy says (M22, A3, S0-24)."""

from datetime import date
from typing import Any

import pytest

from domain.extension import ExtendStatus, PartnerStatusExtended
from domain.term import add
from tests.small_tenure import DAY, EXTENSION, WHY, course, ends, imported, on, reduced, status, suspended, under
from tests.small_world import ADMIN, DECIDER, LEAD, Case, granted, listed
from tests.story import given


def extending(until: date, ground: str = "affiliate_delay", scheme: str = "full") -> ExtendStatus:
    """The request."""
    return ExtendStatus(scheme=scheme, until=until, ground=ground, evidence=WHY)


def extendable(**how: Any) -> Case:
    """A tier is held under a policy that knows extensions: 90 days at most, twice."""
    return under(changes={"extension": EXTENSION}, **how)


class TestExtending:
    """Who extends, and what the days say then."""

    @pytest.mark.req("M22", "S0-24", "H10")
    def test_the_term_runs_on_and_is_told_apart(self) -> None:
        c = extendable()
        (held,) = c.p.holdings
        end = ends(c)
        story = given(c).when(DECIDER, extending(end + 60 * DAY))
        story.then(
            PartnerStatusExtended,
            extends=held.version, scheme="full", tier="dedicated", policy=held.policy, ground="affiliate_delay",
            extended_from=end, until=end + 60 * DAY, decided_on=c.today, decider=DECIDER, zone=held.zone,
        )  # fmt: skip
        assert story.events is not None
        assert story.events[0].sentence().startswith(f"extended dedicated through {end + 59 * DAY} (affiliate_delay): ")
        assert course(c) == [
            f"{held.effective_on} active dedicated",
            f"{end} extended dedicated",
            f"{end + 60 * DAY} expired dedicated",
        ]

    def test_it_is_remembered_as_a_decision_that_nobody_appeals_against(self) -> None:
        c = extendable()
        c.must(DECIDER, extending(ends(c) + DAY))
        *_, decision = c.p.decisions.values()
        assert (decision.outcome, decision.tier, decision.decider, decision.appeal_by, decision.version) == (
            "extended", "dedicated", DECIDER, None, c.p.version,
        )  # fmt: skip

    def test_all_extensions_together_stay_below_the_limit(self) -> None:
        c = extendable()
        end = ends(c)
        given(c).when(DECIDER, extending(end + 30 * DAY)).then(PartnerStatusExtended, extended_from=end)
        given(c).when(DECIDER, extending(end + 91 * DAY)).refused("EXTENDED_TOO_FAR", latest=end + 90 * DAY)
        given(c).when(DECIDER, extending(end + 30 * DAY)).refused("EXTENDED_TOO_FAR", ends=end + 30 * DAY)
        given(c).when(DECIDER, extending(end + 90 * DAY)).then(PartnerStatusExtended, extended_from=end)
        given(c).when(DECIDER, extending(end + 91 * DAY)).refused(
            "EXTENSION_LIMIT", "EXTENDED_TOO_FAR", times=2, allowed=2
        )
        assert course(c)[1:] == [f"{end} extended dedicated", f"{end + 90 * DAY} expired dedicated"]

    def test_while_it_runs_on_it_can_be_extended_again(self) -> None:
        c = extendable()
        end = ends(c)
        c.must(DECIDER, extending(end + 30 * DAY))
        on(c, end + 29 * DAY)
        assert status(c) == "extended dedicated"
        given(c).when(DECIDER, extending(end + 31 * DAY)).then(PartnerStatusExtended, extended_from=end)

    @pytest.mark.parametrize(("days", "allowed"), [(0, False), (1, True), (90, True), (91, False)])
    def test_how_far(self, days: int, allowed: bool) -> None:
        c = extendable()
        end = ends(c)
        story = given(c).when(DECIDER, extending(end + days * DAY))
        if allowed:
            story.then(PartnerStatusExtended, until=end + days * DAY)
        else:
            story.refused("EXTENDED_TOO_FAR", ends=end, latest=end + 90 * DAY, until=end + days * DAY)

    @pytest.mark.req("S0-24", "A1")
    def test_only_before_the_term_has_ended(self) -> None:
        c = extendable()
        end = ends(c)
        on(c, end)
        given(c).when(DECIDER, extending(end + DAY)).refused("NO_ACTIVE_STATUS", scheme="full", status="expired")
        assert course(c)[1:] == [f"{end} expired dedicated"]

    def test_on_its_last_day(self) -> None:
        c = extendable()
        end = ends(c)
        on(c, end - DAY)
        given(c).when(DECIDER, extending(end + DAY)).then(PartnerStatusExtended)

    def test_a_suspended_term_is_extended_and_stays_suspended(self) -> None:
        c = extendable()
        end = ends(c)
        suspended(c)
        since = c.today
        c.must(DECIDER, extending(end + 10 * DAY))
        assert course(c)[1:] == [f"{since} suspended dedicated", f"{end + 10 * DAY} expired dedicated"]

    def test_a_lower_tier_keeps_the_extended_end(self) -> None:
        c = extendable(tier="expert")
        end = ends(c)
        c.must(DECIDER, extending(end + 10 * DAY))
        reduced(c)
        assert course(c)[1:] == [
            f"{c.today} active dedicated", f"{end} extended dedicated", f"{end + 10 * DAY} expired dedicated",
        ]  # fmt: skip
        given(c).when(DECIDER, extending(end + 20 * DAY)).then(PartnerStatusExtended, tier="dedicated")
        assert course(c)[2:] == [f"{end} extended dedicated", f"{end + 20 * DAY} expired dedicated"]

    def test_an_imported_status_is_extended_under_the_policy_in_force(self) -> None:
        c = imported(date(2026, 12, 31), changes={"extension": EXTENSION})
        (held,) = c.p.holdings
        given(c).when(DECIDER, extending(date(2027, 1, 31))).then(
            PartnerStatusExtended, extends=held.version, policy=None, extended_from=date(2026, 12, 31)
        )
        assert status(c, date(2027, 1, 30)) == "extended expert"
        assert status(c, date(2027, 1, 31)) == "expired expert"


class TestWhatFollowsAnExtension:
    """What goes on in the term, and what begins after it."""

    @pytest.mark.req("A3")
    def test_an_advancement_keeps_the_extended_end_and_what_was_used_up(self) -> None:
        c = extendable()
        end = ends(c)
        c.must(DECIDER, extending(end + 30 * DAY), extending(end + 60 * DAY))
        since = c.today + 3 * DAY
        granted.again(c, kind="advancement", tier="expert")
        after = c.p.holdings[-1]
        assert (after.expires_on, after.extended_from, after.extensions) == (end + 60 * DAY, end, 2)
        assert course(c)[1:] == [
            f"{after.effective_on} active expert", f"{end} extended expert", f"{end + 60 * DAY} expired expert",
        ]  # fmt: skip
        assert after.effective_on > since
        given(c).when(DECIDER, extending(end + 61 * DAY)).refused("EXTENSION_LIMIT", times=2)

    @pytest.mark.req("M15")
    def test_a_renewal_goes_on_from_the_end_before_it_was_extended(self) -> None:
        c = extendable()
        end = ends(c)
        c.must(DECIDER, extending(end + 60 * DAY))
        on(c, end + DAY)
        granted.again(c, kind="renewal")
        after = c.p.holdings[-1]
        assert after.effective_on < end + 60 * DAY
        assert (after.expires_on, after.extended_from, after.extensions) == (add(end, "P3Y"), None, 0)
        assert course(c)[1:] == [
            f"{end} extended dedicated",
            f"{after.effective_on} active dedicated",
            f"{add(end, 'P3Y')} expired dedicated",
        ]


class TestRefused:
    """What speaks against an extension."""

    def test_a_policy_without_extension(self) -> None:
        c = granted()
        given(c).when(DECIDER, extending(ends(c) + DAY)).refused("EXTENSION_OFF", policy="FULL version 1")

    def test_another_ground(self) -> None:
        c = extendable()
        given(c).when(DECIDER, extending(ends(c) + DAY, "staff_left")).refused(
            "GROUND_NOT_ALLOWED", grounds=["staff_left"], allowed=["affiliate_delay"]
        )

    def test_a_tier_without_an_end(self) -> None:
        c = imported(None, changes={"extension": EXTENSION})
        given(c).when(DECIDER, extending(c.today + DAY)).refused("NO_END")

    def test_where_nothing_is_held(self) -> None:
        given(listed()).when(DECIDER, extending(date(2027, 1, 1))).refused("NO_ACTIVE_STATUS", status="none")
        given(listed()).when(DECIDER, extending(date(2027, 1, 1), scheme="imaginary")).refused("SCHEME_UNKNOWN")

    @pytest.mark.parametrize("person", [LEAD, ADMIN])
    def test_anybody_but_a_decider(self, person: str) -> None:
        c = extendable()
        given(c).when(person, extending(ends(c) + DAY)).refused("NOT_AUTHORISED")
