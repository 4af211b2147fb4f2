"""A decision is corrected or reversed by two people, without rewriting it; the public is told (M4, M6)."""

from datetime import date
from typing import Any

import pytest

from domain import fold, initial
from domain.access import WithdrawFromCycle
from domain.adverse import ReinstateStatus
from domain.appeal import AppealDismissed
from domain.decision import DecideTier, DeferDecision, DenyTier, TierDenied
from domain.evidence import TierEligibilityEvaluated, rederive
from domain.extension import ExtendStatus
from domain.grant import TierGranted
from domain.impartiality import AssignDecider, DeclareConflict
from domain.notice import ArchivePublicNotice, PublicNoticeArchived, PublicNoticePosted
from domain.program import Phase, with_review
from domain.reversal import (
    ConfirmDecisionChange,
    DecisionChangeDeclined,
    DecisionChangeProposed,
    DecisionCorrected,
    DecisionReversed,
    DeclineDecisionChange,
    ProposeCorrection,
    ProposeReversal,
)
from domain.term import add
from tests.small_policies import FULL
from tests.small_tenure import (
    CHAIR,
    DAY,
    EXTENSION,
    WHY,
    appealed,
    course,
    decision_of,
    denied,
    empanelled,
    ends,
    filing,
    hearing,
    on,
    reduced,
    revoked,
    status,
    suspended,
    under,
)
from tests.small_world import (
    ADMIN,
    ADMIN2,
    DECIDER,
    DECIDER2,
    LEAD,
    NO,
    REVIEWER,
    Case,
    admitted,
    decider_named,
    granted,
    requested,
    reviewed,
)
from tests.story import given

WEAK: dict[str, Any] = {"answers": {"A1": NO, "C5": NO}}
"""Neither C5 nor four fifths of the practices are in place."""


def correcting(decision_id: str, day: date) -> ProposeCorrection:
    """The proposal to let a grant count from another day."""
    return ProposeCorrection(decision_id=decision_id, effective_on=day, ground="typing_error", reason=WHY)


def reversing(decision_id: str) -> ProposeReversal:
    """The proposal to reverse a decision."""
    return ProposeReversal(decision_id=decision_id, ground="wrong_program", reason=WHY)


def confirming(c: Case) -> ConfirmDecisionChange:
    """A second person agrees to what was proposed last."""
    return ConfirmDecisionChange(proposal_id=list(c.p.proposals)[-1])


def corrected(c: Case, day: date) -> Case:
    """The last grant counts from another day."""
    return c.must(ADMIN, correcting(decision_of(c, "granted"), day)).must(DECIDER, confirming(c))


def undone(c: Case, decision_id: str) -> Case:
    """A decision is reversed by two people."""
    return c.must(ADMIN, reversing(decision_id)).must(DECIDER, confirming(c))


@pytest.mark.req("M4")
class TestTwoPeople:
    """One proposes, another agrees or declines."""

    @pytest.mark.parametrize(("first", "second"), [(ADMIN, ADMIN2), (ADMIN, DECIDER), (DECIDER, ADMIN)])
    def test_one_after_the_other(self, first: str, second: str) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        given(c).when(first, reversing(decision_id)).then(
            DecisionChangeProposed, decision_id=decision_id, kind="reversal", person=first, ground="wrong_program"
        )
        given(c).when(first, confirming(c)).refused("SECOND_PERSON_REQUIRED", person=first)
        given(c).when(second, confirming(c)).then(DecisionReversed, agreed_by=(first, second), from_first=True)
        assert c.p.proposals == {}

    def test_a_proposal_alone_changes_nothing(self) -> None:
        c = granted()
        before = course(c)
        c.must(ADMIN, correcting(decision_of(c, "granted"), c.today - 9 * DAY))
        assert course(c) == before

    @pytest.mark.parametrize("person", [ADMIN, ADMIN2, DECIDER])
    def test_anybody_of_them_can_let_it_rest(self, person: str) -> None:
        c = granted()
        before = course(c)
        decision_id = decision_of(c, "granted")
        c.must(ADMIN, correcting(decision_id, c.today - 8 * DAY))
        request = confirming(c)
        given(c).when(person, DeclineDecisionChange(proposal_id=request.proposal_id, reason=WHY)).then(
            DecisionChangeDeclined, proposal_id=request.proposal_id
        )
        given(c).when(DECIDER, request).refused("PROPOSAL_UNKNOWN", proposal_id=request.proposal_id)
        given(c).when(person, DeclineDecisionChange(proposal_id=request.proposal_id, reason=WHY)).refused(
            "PROPOSAL_UNKNOWN"
        )
        given(c).when(ADMIN, correcting(decision_id, c.today - 8 * DAY)).then(DecisionChangeProposed)
        assert course(c) == before

    def test_one_proposal_at_a_time(self) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        c.must(ADMIN, reversing(decision_id))
        given(c).when(ADMIN2, reversing(decision_id)).refused("PROPOSAL_OPEN", kind="reversal")

    @pytest.mark.parametrize("person", [LEAD, REVIEWER])
    def test_nobody_else(self, person: str) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        given(c).when(person, reversing(decision_id)).refused("NOT_AUTHORISED")
        c.must(ADMIN, reversing(decision_id))
        given(c).when(person, confirming(c)).refused("NOT_AUTHORISED")

    def test_of_a_decision_that_there_is(self) -> None:
        c = granted()
        given(c).when(ADMIN, reversing("imaginary")).refused("DECISION_UNKNOWN", decision_id="imaginary")
        given(c).when(ADMIN, correcting("imaginary", c.today)).refused("DECISION_UNKNOWN", decision_id="imaginary")


@pytest.mark.req("M4", "M6")
class TestCorrecting:
    """A day that was typed wrongly; the evidence is looked at again, and the public told."""

    @pytest.mark.req("A2", "H10", "S0-24")
    def test_first_day_and_end_move_together(self) -> None:
        c = granted()
        (held,) = c.p.holdings
        decision_id, day = decision_of(c, "granted"), held.effective_on - 2 * DAY
        c.must(ADMIN, correcting(decision_id, day))
        v = c.p.version
        given(c).when(DECIDER, confirming(c)).then(
            TierEligibilityEvaluated, DecisionCorrected, PublicNoticePosted,
            was=held.effective_on, agreed_by=(ADMIN, DECIDER), about=decision_id, kind="correction",
            grounds=("typing_error",), effective_on=day, expires_on=add(day, "P3Y"),
        )  # fmt: skip
        proof, fact, notice = c.events[v:]
        assert isinstance(proof, TierEligibilityEvaluated)
        assert isinstance(fact, DecisionCorrected)
        assert isinstance(notice, PublicNoticePosted)
        assert (fact.evaluation, proof.through_version) == (v + 1, v)
        assert proof.evaluation.day == c.p.decisions[decision_id].decided_on
        then = fold(initial("program", c.program_id), c.events[:v])
        assert rederive(then, c.world, proof) == []
        assert course(c) == [f"{day} active dedicated", f"{add(day, 'P3Y')} expired dedicated"]
        assert f"{decision_id}-public" in c.p.public_notices

    def test_what_was_decided_stays_in_the_history_as_it_was(self) -> None:
        c = granted()
        before = [e for e in c.events if isinstance(e, TierGranted)]
        corrected(c, c.today - 7 * DAY)
        assert [e for e in c.events if isinstance(e, TierGranted)] == before

    def test_it_can_be_corrected_again(self) -> None:
        c = granted()
        (held,) = c.p.holdings
        corrected(corrected(c, held.effective_on - DAY), held.effective_on)
        assert course(c) == [f"{held.effective_on} active dedicated", f"{held.expires_on} expired dedicated"]

    def test_the_notice_of_it_can_be_archived(self) -> None:
        c = granted()
        decision_id = decision_of(c, "granted")
        corrected(c, c.today - 7 * DAY)
        request = ArchivePublicNotice(notice_id=f"{decision_id}-public", ground="time_served")
        given(c).when(ADMIN, request).then(PublicNoticeArchived, ground="time_served")

    def test_not_to_the_day_that_it_has(self) -> None:
        c = granted()
        day = c.p.holdings[0].effective_on
        given(c).when(ADMIN, correcting(decision_of(c, "granted"), day)).refused("DAY_UNCHANGED", day=day)

    def test_not_after_the_decision(self) -> None:
        c = granted()
        decided_on = c.p.decisions[decision_of(c, "granted")].decided_on
        late = correcting(decision_of(c, "granted"), decided_on + DAY)
        given(c).when(ADMIN, late).refused("DAY_NOT_POSSIBLE", decided_on=decided_on)
        given(c).when(ADMIN, correcting(decision_of(c, "granted"), decided_on)).then(DecisionChangeProposed)

    @pytest.mark.req("A2")
    def test_not_before_the_statement_was_signed(self) -> None:
        c = granted()
        signed_on = c.cycle.statement and c.cycle.statement.signed_on
        assert signed_on is not None
        decision_id = decision_of(c, "granted")
        given(c).when(ADMIN, correcting(decision_id, signed_on - DAY)).refused("DAY_NOT_POSSIBLE", earliest=signed_on)
        given(c).when(ADMIN, correcting(decision_id, signed_on)).then(DecisionChangeProposed)

    def test_without_a_statement_not_more_than_a_year_back(self) -> None:
        c = granted(scheme="lean")
        decision_id = decision_of(c, "granted")
        earliest = add(c.today, "P12M", -1)
        given(c).when(ADMIN, correcting(decision_id, earliest - DAY)).refused("DAY_NOT_POSSIBLE", earliest=earliest)
        corrected(c, earliest)
        assert course(c) == [f"{earliest} active partner", f"{add(earliest, 'P2Y')} expired partner"]

    def test_leap_days(self) -> None:
        c = decider_named(scheme="lean")
        on(c, date(2028, 3, 1)).must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="partner", rationale=WHY))
        corrected(c, date(2028, 2, 29))
        assert course(c) == ["2028-02-29 active partner", "2030-02-28 expired partner"]

    @pytest.mark.parametrize("outcome", ["denied", "revoked"])
    def test_only_the_day_of_a_grant(self, outcome: str) -> None:
        c = denied(**WEAK) if outcome == "denied" else granted()
        decision_id = decision_of(c, "denied") if outcome == "denied" else revoked(c)
        given(c).when(ADMIN, correcting(decision_id, c.today - DAY)).refused("NOT_CLERICAL")

    def test_not_of_a_tier_without_assessment_or_held_for_a_time(self) -> None:
        c = admitted(scheme="member")
        given(c).when(ADMIN, correcting(decision_of(c, "granted"), c.today - DAY)).refused("NOT_CLERICAL")
        decider_named.again(c)
        c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="associate", rationale=WHY))
        given(c).when(ADMIN, correcting(decision_of(c, "granted"), c.today - DAY)).refused("NOT_CLERICAL")

    def test_not_of_a_grant_that_the_evidence_as_it_is_known_now_does_not_carry(self) -> None:
        c = granted(tier="expert")
        c.must(ADMIN, correcting(decision_of(c, "granted"), c.today - 7 * DAY))
        ruled = {k: d for k, d in c.cycle.review.determinations.items() if k != "C5"}
        c.world.states["program", c.program_id] = with_review(c.p, c.cycle_id, determinations=ruled)
        given(c).when(DECIDER, confirming(c)).refused("TIER_ABOVE_ELIGIBILITY", tier="Expert", computed="dedicated")

    @pytest.mark.req("A3")
    def test_the_end_of_a_term_already_running_stays(self) -> None:
        c = granted()
        end, (held,) = ends(c), c.p.holdings
        granted.again(c, kind="advancement", tier="expert")
        day = c.p.holdings[-1].effective_on - 2 * DAY
        corrected(c, day)
        assert course(c) == [
            f"{held.effective_on} active dedicated", f"{day} active expert", f"{end} expired expert",
        ]  # fmt: skip

    @pytest.mark.parametrize(("moved", "days"), [(-2, 30), (3, 30), (3, 3), (3, 2)])
    def test_an_extended_term_keeps_the_day_that_it_was_extended_to(self, moved: int, days: int) -> None:
        c = under(changes={"extension": EXTENSION})
        (held,), end = c.p.holdings, ends(c)
        c.must(DECIDER, ExtendStatus(scheme="full", until=end + days * DAY, ground="affiliate_delay", evidence=WHY))
        corrected(c, held.effective_on + moved * DAY)
        extended = [f"{end + moved * DAY} extended dedicated"] if moved < days else []
        assert course(c) == [
            f"{held.effective_on + moved * DAY} active dedicated",
            *extended,
            f"{end + max(moved, days) * DAY} expired dedicated",
        ]

    def test_what_bears_on_the_grant_goes_on_bearing_on_it(self) -> None:
        c = granted()
        (held,) = c.p.holdings
        suspended(c)
        since = c.today
        corrected(c, held.effective_on - DAY)
        assert course(c) == [
            f"{held.effective_on - DAY} active dedicated",
            f"{since} suspended dedicated",
            f"{add(held.effective_on - DAY, 'P3Y')} expired dedicated",
        ]

    def test_several_things_at_once(self) -> None:
        c = granted()
        decision_id = decision_of(c, "granted")
        c.must(ADMIN, correcting(decision_id, c.today - 7 * DAY))
        given(c).when(ADMIN, correcting(decision_id, c.today + DAY)).refused("PROPOSAL_OPEN", "DAY_NOT_POSSIBLE")


@pytest.mark.req("M4", "M18")
class TestReversingADenial:
    """It counts as never taken, and the decision is to be taken anew."""

    def test_the_cycle_goes_on_where_it_stood(self) -> None:
        c = denied(decider_named.again(granted(**WEAK), kind="advancement"))
        assert c.cycle.phase is Phase.DECIDED
        decision_id = decision_of(c, "denied")
        undone(c, decision_id)
        assert c.cycle.phase is Phase.ATTESTED
        assert c.p.decisions[decision_id].reversed == c.p.version
        given(c).when(DECIDER, DenyTier(cycle_id=c.cycle_id, tier="expert", reasons=WHY)).then(
            TierEligibilityEvaluated, TierDenied
        )

    def test_without_a_statement_it_is_reviewed(self) -> None:
        term = {**FULL["term"], "starts": "decision_day"}
        c = under(reviewed, changes={"statement": None, "term": term}, **WEAK)
        c.must(DECIDER, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        denied(c.must(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER)))
        assert c.cycle.phase is Phase.DECIDED
        undone(c, decision_of(c, "denied"))
        assert c.cycle.phase is Phase.REVIEWED

    def test_a_cycle_that_was_still_under_way_is_left_as_it_is(self) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        c.must(DECIDER, DeferDecision(cycle_id=c.cycle_id, tier="dedicated", until=c.today + 9 * DAY, reason=WHY))
        undone(c, decision_id)
        assert c.cycle.phase is Phase.DEFERRED

    def test_a_cycle_that_the_program_withdrew_from_stays_ended(self) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
        undone(c, decision_id)
        assert c.cycle.phase is Phase.WITHDRAWN

    def test_once(self) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        undone(c, decision_id)
        given(c).when(ADMIN, reversing(decision_id)).refused("ALREADY_REVERSED")
        given(c).when(LEAD, filing(decision_id)).refused("NOT_APPEALABLE", because="it was reversed")

    def test_not_once_a_later_decision_stands_in_its_place(self) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        c.must(ADMIN, reversing(decision_id))
        c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="dedicated", rationale=WHY))
        given(c).when(DECIDER, confirming(c)).refused("SUPERSEDED_MEANWHILE")
        c.must(ADMIN, DeclineDecisionChange(proposal_id=confirming(c).proposal_id, reason=WHY))
        given(c).when(ADMIN, reversing(decision_id)).refused("SUPERSEDED_MEANWHILE")

    @pytest.mark.req("A25")
    def test_not_beside_another_cycle_under_way(self) -> None:
        c = denied(decider_named.again(granted(**WEAK), kind="advancement"))
        decision_id = decision_of(c, "denied")
        c.must(ADMIN, reversing(decision_id))
        requested.again(c, kind="advancement")
        given(c).when(DECIDER, confirming(c)).refused("ANOTHER_CYCLE_OPEN", cycle_id=c.cycle_id)
        c.must(ADMIN, DeclineDecisionChange(proposal_id=confirming(c).proposal_id, reason=WHY))
        given(c).when(ADMIN, reversing(decision_id)).refused("ANOTHER_CYCLE_OPEN")

    def test_an_appeal_against_it_is_without_object(self) -> None:
        c = denied(**WEAK)
        decision_id = decision_of(c, "denied")
        appeal_id = empanelled(c, decision_id)
        c.must(ADMIN, reversing(decision_id))
        given(c).when(DECIDER, confirming(c)).then(
            DecisionReversed, AppealDismissed, appeal_id=appeal_id, decision_id=decision_id, reason=None
        )
        assert c.p.appeals[appeal_id].state == "dismissed"
        given(c).when(CHAIR, hearing(appeal_id, "overturned", tier="expert")).refused("NOT_AUTHORISED")


@pytest.mark.req("M4", "H10")
class TestReversingAnAct:
    """Its effect is gone as if it had never been, and the public notice is archived."""

    @pytest.mark.parametrize("act", [suspended, reduced, revoked])
    @pytest.mark.parametrize("stayed", [False, True])
    def test_as_if_never(self, act: Any, stayed: bool) -> None:
        c = granted(tier="expert")
        before = course(c)
        decision_id = act(c)
        if stayed:
            appealed(c, decision_id)
        c.world.later(days=20)
        c.must(ADMIN, reversing(decision_id))
        expected = (DecisionReversed, *((AppealDismissed,) if stayed else ()), PublicNoticeArchived)
        given(c).when(ADMIN2, confirming(c)).then(*expected)
        assert course(c) == before
        assert c.p.public_notices == {}

    def test_a_suspension_that_was_lifted_too(self) -> None:
        c = granted()
        before = course(c)
        decision_id = suspended(c)
        c.world.later(days=5)
        c.must(DECIDER2, ReinstateStatus(scheme="full", declaration="none", reason=WHY))
        c.must(ADMIN, reversing(decision_id))
        given(c).when(DECIDER, confirming(c)).then(DecisionReversed)
        assert course(c) == before

    def test_what_was_suspended_before_it_was_revoked_is_suspended_again(self) -> None:
        c = granted()
        suspended(c, review_by=c.today + 150 * DAY)
        since = c.today
        undone(c, revoked(c))
        assert course(c)[1:] == [f"{since} suspended dedicated", f"{ends(c)} expired dedicated"]

    def test_once(self) -> None:
        c = granted()
        decision_id = revoked(c)
        undone(c, decision_id)
        given(c).when(ADMIN, reversing(decision_id)).refused("ALREADY_REVERSED")

    def test_a_panel_that_overturns_ends_a_proposal_too(self) -> None:
        c = granted()
        decision_id = revoked(c)
        appeal_id = empanelled(c, decision_id)
        c.must(ADMIN, reversing(decision_id))
        request = confirming(c)
        c.must(CHAIR, hearing(appeal_id, "overturned"))
        assert status(c) == "active dedicated"
        given(c).when(DECIDER, request).refused("PROPOSAL_UNKNOWN")

    @pytest.mark.parametrize("outcome", ["granted", "deferred", "extended"])
    def test_nothing_else_is_reversed(self, outcome: str) -> None:
        c = {
            "granted": granted,
            "deferred": lambda: _deferred(decider_named()),
            "extended": lambda: _extended(under(changes={"extension": EXTENSION})),
        }[outcome]()
        given(c).when(ADMIN, reversing(decision_of(c, outcome))).refused("NOT_REVERSIBLE", outcome=outcome)


def _deferred(c: Case) -> Case:
    until = c.today + 9 * DAY
    return c.must(DECIDER, DeferDecision(cycle_id=c.cycle_id, tier="expert", until=until, reason=WHY))


def _extended(c: Case) -> Case:
    until = ends(c) + DAY
    return c.must(DECIDER, ExtendStatus(scheme="full", until=until, ground="affiliate_delay", evidence=WHY))
