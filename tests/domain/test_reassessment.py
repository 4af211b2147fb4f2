"""Looking again: the window in which an affiliate looks at a program again, and the renewal that follows (S2-07)."""

from datetime import date
from typing import Any

import pytest

from domain.access import WithdrawFromCycle
from domain.adverse import RelinquishStatus
from domain.decision import DecideTier
from domain.grant import TierGranted
from domain.participation import reengagement
from domain.policy.model import load
from domain.term import add
from tests.real_world import again, told
from tests.small_policies import FULL
from tests.small_world import DECIDER, LEAD, Case, admitted, attested, decider_named, granted, words

WHY = words("So it is.")


def on(c: Case, day: date) -> Case:
    """The story on a later day."""
    c.world.later(days=(day - c.today).days)
    return c


def last(c: Case) -> TierGranted:
    """What was granted last."""
    return [e for e in c.events if isinstance(e, TierGranted)][-1]


def expiry(c: Case) -> date:
    """When the last tier granted ends."""
    expires_on = last(c).expires_on
    assert expires_on is not None
    return expires_on


class TestLookingAgain:
    """The affiliate looks at a program again in a window of its term (S2-07)."""

    WINDOW: dict[str, Any] = {"reassessment": {"opens": "P1Y", "due": "P2Y", "basis": "proposal"}}

    def policy(self) -> Any:
        """The policy with a window."""
        return load({**FULL, "term": {**FULL["term"], **self.WINDOW}, "version": "2"})

    @pytest.mark.req("S2-07", "M21", "A19")
    def test_the_window_counts_from_the_start_of_the_term(self) -> None:
        c = granted()
        began = last(c).effective_on
        window = (add(began, "P1Y"), add(began, "P2Y"))
        assert reengagement(c.p, "full", self.policy(), c.today) == window
        assert reengagement(c.p, "full", self.policy(), expiry(c)) == window, "missed, it is still to be done"
        assert reengagement(c.p, "full", c.policy, c.today) is None, "the policy knows no such window"
        assert reengagement(c.p, "lean", self.policy(), c.today) is None, "nothing is held"

    @pytest.mark.req("M21")
    def test_a_correction_in_the_term_leaves_it_and_a_renewal_starts_another(self) -> None:
        c = granted()
        began = last(c).effective_on
        on(c, add(began, "P20M"))
        granted.again(c, kind="corrective")
        assert reengagement(c.p, "full", self.policy(), c.today) == (add(began, "P1Y"), add(began, "P2Y"))
        on(c, add(began, "P30M"))
        attested.again(c, kind="renewal")
        assert reengagement(c.p, "full", self.policy(), c.today) is None, "it is under way"
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
        granted.again(c, kind="renewal")
        anew = last(c).effective_on
        assert reengagement(c.p, "full", self.policy(), c.today) == (add(anew, "P1Y"), add(anew, "P2Y"))

    def test_there_is_none_once_the_tier_was_lost(self) -> None:
        c = granted()
        c.must(LEAD, RelinquishStatus(scheme="full", effective_on=c.today, reason=WHY))
        assert reengagement(c.p, "full", self.policy(), c.today) is None

    def test_nor_for_a_level_that_nobody_assessed(self) -> None:
        c = admitted(scheme="member")
        assert reengagement(c.p, "member", self.policy(), c.today) is None


class TestTheRegion:
    """What the Independence Region's policy makes of it."""

    @pytest.mark.req("S2-07", "A19")
    def test_the_region_looks_again_after_two_years_and_a_renewal_goes_on_from_the_old_end(self) -> None:
        finding = "quality_mentoring_program"
        c = told("ir-qmp", granted, tier=finding, findings=(finding,))
        decided = c.today
        window = (add(decided, "P2Y"), add(decided, "P3Y"))
        assert reengagement(c.p, "ir-qmp", c.policy, decided) == window
        on(c, window[0])
        again(c, decider_named, kind="renewal")
        assert c.cycle.carried_from is not None
        assert c.cycle.carried == (), "in a renewal every practice is looked at again"
        c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier=finding, rationale=WHY))
        assert expiry(c) == add(decided, "P6Y")
        later = reengagement(c.p, "ir-qmp", c.policy, c.today)
        assert later == (add(c.today, "P2Y"), add(c.today, "P3Y"))
