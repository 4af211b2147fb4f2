"""Somebody who did not review decides, on an evaluation made there and then (S0-03..S0-06, S1-18, A2, A26, M14)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain import decide
from domain.access import WithdrawFromCycle
from domain.admission import AcceptMembershipApplication
from domain.assistance import AssignTaProvider
from domain.correction import WithdrawAct
from domain.decision import DecideTier, DeferDecision, DenyTier, TierDecisionDeferred, TierDenied
from domain.evidence import TierEligibilityEvaluated
from domain.grant import TierGranted
from domain.impartiality import AssignDecider, DeclareConflict
from domain.language import Refusal
from domain.membership import MembershipApplicationAccepted, SubmitMembershipApplication
from domain.program import Phase
from domain.statement import StatementOfAccuracyReceived
from domain.status import ImportHistoricalStatus, standing
from domain.term import add
from tests.small_policies import LEAN, MEMBER
from tests.small_world import (
    ADMIN,
    DECIDER,
    DECIDER2,
    LEAD,
    NATIONAL,
    NO,
    OPERATOR,
    SOUTH,
    STEPS,
    Case,
    Situation,
    attested,
    decider_named,
    granted,
    listed,
    open_,
    planned,
    rated,
    reviewed,
    signed,
    submitted,
    words,
)
from tests.story import given

WHY = words("It is all there.")


def grant(c: Case, tier: str = "dedicated") -> DecideTier:
    """The request to grant."""
    return DecideTier(cycle_id=c.cycle_id, tier=tier, rationale=WHY)


def denial(c: Case, tier: str = "expert") -> DenyTier:
    """The request to deny."""
    return DenyTier(cycle_id=c.cycle_id, tier=tier, reasons=WHY)


def deferral(c: Case, days: int = 30, tier: str = "expert", **more: Any) -> DeferDecision:
    """The request to put the decision off."""
    return DeferDecision(cycle_id=c.cycle_id, tier=tier, until=c.today + timedelta(days=days), reason=WHY, **more)


def with_decider(c: Case, person: str = DECIDER) -> Case:
    """A decider is named."""
    c.must(person, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
    return c.must(c.admin, AssignDecider(cycle_id=c.cycle_id, person=person))


def decidable(situation: Situation = attested, **how: Any) -> Case:
    """So far, and a decider is named."""
    return with_decider(situation(**how))


WEAK: dict[str, Any] = {"answers": {"A1": NO, "C5": NO}}
"""Neither C5 nor four fifths of the practices are in place."""

APPLICATION: dict[str, Any] = {
    "scheme": "member", "requested_level": "affiliate", "desired_level": "full", "formal": True,
}  # fmt: skip


def applied(policy: dict[str, Any] | None = None, **more: Any) -> Case:
    """An application waits for an answer."""
    c = listed(scheme="member")
    if policy:
        c.world.publish(policy, effective_from=c.today)
    return c.must(LEAD, SubmitMembershipApplication(**(APPLICATION | more)))


ACCEPTANCE = AcceptMembershipApplication(scheme="member")


class TestAdmission:
    """The acceptance of an application is the decision on the entry tier (M14, S4-13)."""

    @pytest.mark.req("M14", "M16", "S4-13")
    def test_whoever_accepts_decides_the_entry_tier(self) -> None:
        c = applied()
        v = c.p.version
        given(c).when(ADMIN, ACCEPTANCE).then(
            MembershipApplicationAccepted, TierEligibilityEvaluated, TierGranted,
            scheme="member", cycle_id=None, kind="initial", tier="affiliate", rank=1, granted_at="application",
            assessed=False, effective_on=c.today, expires_on=None, hold_until=None, decided_on=c.today, decider=ADMIN,
            through_version=v + 1, badge=None,
        )  # fmt: skip
        assert c.p.memberships["member"].state == "accepted"
        assert c.p.cycles == {}
        (decision,) = c.p.decisions.values()
        assert (decision.outcome, decision.tier, decision.cycle_id, decision.version) == (
            "granted",
            "affiliate",
            None,
            v + 3,
        )

    @pytest.mark.parametrize(
        ("more", "missing"),
        [({"formal": False}, ["formal_program"]), ({"operating_since": date(2025, 1, 16)}, ["2026-01-16"])],
    )
    def test_its_criteria_hold(self, more: dict[str, Any], missing: list[str]) -> None:
        c = applied(**more)
        given(c).when(ADMIN, ACCEPTANCE).refused("CRITERIA_NOT_MET", tier="Affiliate", missing=missing)

    def test_a_year_of_operation_counts_from_its_last_day_on(self) -> None:
        c = applied(operating_since=date(2025, 1, 16))
        c.world.later(days=(date(2026, 1, 15) - c.today).days)
        given(c).when(ADMIN, ACCEPTANCE).refused("CRITERIA_NOT_MET")
        c.world.later()
        given(c).when(ADMIN, ACCEPTANCE).then(MembershipApplicationAccepted, TierEligibilityEvaluated, TierGranted)

    def test_only_what_waits_is_accepted(self) -> None:
        c = listed(scheme="member")
        given(c).when(ADMIN, ACCEPTANCE).refused("NO_APPLICATION", scheme="member")
        c = applied().must(ADMIN, ACCEPTANCE)
        given(c).when(ADMIN, ACCEPTANCE).refused("NO_APPLICATION")

    def test_the_entry_level_is_one_of_the_policy(self) -> None:
        odd = {**MEMBER, "version": "2", "entry": {**MEMBER["entry"], "level": "guest"}}
        c = applied(odd, requested_level="guest")
        given(c).when(ADMIN, ACCEPTANCE).refused("LEVEL_UNKNOWN", level="guest")

    def test_the_pinned_policy_admits_on_application(self) -> None:
        c = applied()
        lean = c.world.scheme("lean").in_force(c.today)
        elsewhere = {"member": replace(c.p.memberships["member"], policy=lean)}
        answer = decide(replace(c.p, memberships=elsewhere), ACCEPTANCE, c.world.context(ADMIN, "program", "prog1"))
        assert isinstance(answer, Refusal)
        assert answer.codes == ("NO_ENTRY_BY_APPLICATION",)

    def test_the_policy_is_the_one_under_which_the_program_applied(self) -> None:
        c = applied()
        c.world.publish({**MEMBER, "version": "2"}, effective_from=c.today)
        c.must(ADMIN, ACCEPTANCE)
        assert [e.policy.version for e in c.events if isinstance(e, TierGranted)] == ["1"]


class TestGranting:
    """A tier that the evidence carries, by a named and independent decider."""

    @pytest.mark.req("S1-18", "A2", "S0-24", "S0-05", "M1", "M16")
    def test_the_evaluation_comes_first_and_the_term_counts_from_the_receipt(self) -> None:
        c = decider_named(tier="expert")
        v = c.p.version
        assert c.cycle.statement is not None
        received = c.cycle.statement.received_on
        assert received is not None
        assert received < c.today
        given(c).when(DECIDER, grant(c, "expert")).then(
            TierEligibilityEvaluated, TierGranted,
            cycle_id=c.cycle_id, scheme="full", kind="initial", tier="expert", granted_at="cycle_end", rank=2,
            label="Expert", badge="star", listing="listed", national_badge=True, assessed=True, zone="America/Chicago",
            decided_on=c.today, effective_on=received, expires_on=add(received, "P3Y"), review_due_on=add(received, "P18M"),
            hold_until=None, falls_back_to=None, decider=DECIDER, through_version=v, rationale=WHY,
        )  # fmt: skip
        assert c.cycle.phase is Phase.DECIDED
        (decision,) = c.p.decisions.values()
        assert (decision.outcome, decision.version, decision.evaluation) == ("granted", v + 2, v + 1)
        assert isinstance(c.events[decision.evaluation - 1], TierEligibilityEvaluated)

    def test_a_lower_tier_than_the_evidence_carries_may_be_granted(self) -> None:
        c = decider_named()
        given(c).when(DECIDER, grant(c, "dedicated")).then(TierEligibilityEvaluated, TierGranted, tier="dedicated")

    @pytest.mark.req("M15")
    def test_without_a_statement_it_counts_from_the_day_of_the_decision(self) -> None:
        c = decidable(reviewed, scheme="lean")
        c.world.later(days=9)
        given(c).when(DECIDER, grant(c, "partner")).then(
            TierEligibilityEvaluated, TierGranted, effective_on=c.today, expires_on=add(c.today, "P2Y")
        )

    @pytest.mark.req("M20", "A2")
    def test_the_day_is_the_one_where_the_policy_applies(self) -> None:
        c = decidable(reviewed, scheme="lean")
        c.world.now = datetime(2026, 7, 2, 4, 59, tzinfo=UTC)
        given(c).when(DECIDER, grant(c, "partner")).then(
            TierEligibilityEvaluated, TierGranted, decided_on=date(2026, 7, 1), effective_on=date(2026, 7, 1)
        )

    @pytest.mark.req("S0-06", "A4")
    def test_never_above_what_the_evidence_carries(self) -> None:
        c = decider_named(**WEAK)
        given(c).when(DECIDER, grant(c, "expert")).refused(
            "TIER_ABOVE_ELIGIBILITY", tier="Expert", computed="dedicated", missing=["C5", "A1"]
        )
        given(c).when(DECIDER, grant(c, "dedicated")).then(TierEligibilityEvaluated, TierGranted)

    def test_what_is_missing_is_named_by_its_criterion_where_there_is_nothing_to_bring(self) -> None:
        c = listed(scheme="lean")
        never = {"all": [{"not": "assessment_submitted"}]}
        tiers = [{**t, "when": never} if t["code"] == "model" else t for t in LEAN["tiers"]]
        c.world.publish({**LEAN, "version": "2", "tiers": tiers}, effective_from=c.today)
        with_decider(reviewed.again(c))
        given(c).when(DECIDER, grant(c, "model")).refused("TIER_ABOVE_ELIGIBILITY", missing=["assessment_submitted"])

    @pytest.mark.parametrize("tier", ["none", "partner"])
    def test_the_tier_is_one_of_the_policy(self, tier: str) -> None:
        c = decider_named()
        for asked in (grant(c, tier), denial(c, tier), deferral(c, tier=tier)):
            given(c).when(DECIDER, asked).refused("LEVEL_UNKNOWN", level=tier, levels=["dedicated", "expert"])


ASKED: dict[str, Any] = {"grant": grant, "denial": denial, "deferral": lambda c, t="expert": deferral(c, tier=t)}


@pytest.mark.parametrize("name", ASKED)
class TestWhatEveryDecisionNeeds:
    """A grant, a denial and a deferral are refused for the same reasons."""

    def test_a_cycle_that_is_known(self, name: str) -> None:
        c = decider_named(**WEAK)
        given(c).when(DECIDER, ASKED[name](c).model_copy(update={"cycle_id": "none"})).refused("CYCLE_UNKNOWN")

    def test_a_cycle_that_was_not_decided(self, name: str) -> None:
        c = granted(**WEAK)
        given(c).when(DECIDER, ASKED[name](c)).refused("ALREADY_DECIDED")

    def test_nor_withdrawn(self, name: str) -> None:
        c = decider_named(**WEAK).must(LEAD, WithdrawFromCycle(cycle_id="prog1-5-1", reason=WHY))
        given(c).when(DECIDER, ASKED[name](c)).refused("ALREADY_DECIDED")

    @pytest.mark.req("S1-18", "S0-05")
    @pytest.mark.parametrize("situation", [reviewed, signed])
    def test_the_statement(self, name: str, situation: Situation) -> None:
        c = decidable(situation, **WEAK)
        given(c).when(DECIDER, ASKED[name](c)).refused("STATEMENT_NOT_RECEIVED", phase=c.cycle.phase)

    @pytest.mark.req("S0-04")
    @pytest.mark.parametrize("situation", [submitted, planned])
    def test_the_completed_review(self, name: str, situation: Situation) -> None:
        c = decidable(situation, scheme="lean")
        given(c).when(DECIDER, ASKED[name](c, "model")).refused("REVIEW_NOT_COMPLETE", phase=c.cycle.phase)
        c = decidable(situation)
        given(c).when(DECIDER, ASKED[name](c)).refused("REVIEW_NOT_COMPLETE", "STATEMENT_NOT_RECEIVED")

    def test_the_person_who_was_named(self, name: str) -> None:
        c = decider_named(**WEAK).must(DECIDER2, DeclareConflict(cycle_id="prog1-5-1", nature="none"))
        given(c).when(DECIDER2, ASKED[name](c)).refused("NOT_THE_DECIDER", decider=DECIDER, person=DECIDER2)

    def test_any_named_person_at_all(self, name: str) -> None:
        c = attested(**WEAK).must(DECIDER, DeclareConflict(cycle_id="prog1-5-1", nature="none"))
        given(c).when(DECIDER, ASKED[name](c)).refused("NOT_THE_DECIDER", decider=None)

    @pytest.mark.req("A26")
    def test_a_person_who_did_not_coach_the_program_meanwhile(self, name: str) -> None:
        c = decidable(attested, waived=("ta_provider_assigned", "needs_assessment_completed", "mou_executed"), **WEAK)
        c.must(NATIONAL, AssignTaProvider(ta_id=c.ta_id, affiliate="north", consultant=DECIDER))
        given(c).when(DECIDER, ASKED[name](c)).refused("DECIDER_NOT_INDEPENDENT", part="assistance consultant")

    @pytest.mark.req("A26")
    def test_a_person_without_conflict(self, name: str) -> None:
        c = decider_named(**WEAK).must(DECIDER, DeclareConflict(cycle_id="prog1-5-1", nature="financial"))
        given(c).when(DECIDER, ASKED[name](c)).refused("CONFLICTED", nature="financial")

    @pytest.mark.parametrize("situation", [open_, attested])
    def test_a_tier_that_is_not_granted_on_application(self, name: str, situation: Any) -> None:
        c = decidable(situation, scheme="member")
        given(c).when(DECIDER, ASKED[name](c, "affiliate")).refused("GRANTED_ON_APPLICATION", tier="Affiliate")

    def test_everything_that_speaks_against_it_is_named(self, name: str) -> None:
        c = open_()
        given(c).when(DECIDER, ASKED[name](c)).refused(
            "REVIEW_NOT_COMPLETE", "STATEMENT_NOT_RECEIVED", "NOT_THE_DECIDER", "CONFLICT_UNDECLARED"
        )
        given(c).when(ADMIN, ASKED[name](c)).refused("NOT_AUTHORISED")


class TestOnTheWay:
    """A tier held while the assessment goes on leaves the cycle open (M14, S4-12, A24)."""

    @pytest.mark.req("M14", "S4-12", "A24")
    def test_it_is_granted_once_the_assessment_began_and_held_for_a_time(self) -> None:
        c = decidable(rated, scheme="member")
        given(c).when(DECIDER, grant(c, "associate")).then(
            TierEligibilityEvaluated, TierGranted,
            tier="associate", granted_at="assessment_started", effective_on=c.today, expires_on=None, review_due_on=None,
            hold_until=add(c.today, "P18M"), falls_back_to="affiliate",
        )  # fmt: skip
        assert (c.cycle.phase, c.cycle.interim) == (Phase.OPEN, ("associate",))

    @pytest.mark.req("M14", "S4-11")
    def test_the_same_cycle_ends_with_the_tier_of_its_end(self) -> None:
        c = decidable(rated, scheme="member")
        c.must(DECIDER, grant(c, "associate"))
        c.world.later(days=30)
        finish(c)
        given(c).when(DECIDER, grant(c, "full")).then(TierEligibilityEvaluated, TierGranted, tier="full", assessed=True)
        assert c.cycle.phase is Phase.DECIDED
        assert [h.tier for h in c.p.holdings] == ["affiliate", "associate", "full"]

    def test_even_after_the_review_it_leaves_the_cycle_open(self) -> None:
        c = decidable(reviewed, scheme="member")
        given(c).when(DECIDER, grant(c, "associate")).then(TierEligibilityEvaluated, TierGranted)
        assert c.cycle.phase is Phase.REVIEWED

    def test_not_before_the_assessment_began(self) -> None:
        c = decidable(open_, scheme="member")
        given(c).when(DECIDER, grant(c, "associate")).refused("ASSESSMENT_NOT_STARTED", tier="Associate")

    def test_once_a_cycle(self) -> None:
        c = decidable(rated, scheme="member")
        c.must(DECIDER, grant(c, "associate"))
        given(c).when(DECIDER, grant(c, "associate")).refused("ALREADY_HELD", tier="Associate")

    def test_it_is_not_deferred_nor_denied_where_the_evidence_carries_it(self) -> None:
        c = listed(scheme="member")
        once = {**MEMBER["deferral"], "max_times": 1}
        c.world.publish({**MEMBER, "version": "2", "deferral": once}, effective_from=c.today)
        with_decider(admitted_and(rated, c))
        given(c).when(DECIDER, deferral(c, tier="associate")).refused("GRANTED_ON_THE_WAY", tier="Associate")
        given(c).when(DECIDER, denial(c, "associate")).refused("GRANTED_ON_THE_WAY", "DENIAL_AGAINST_EVIDENCE")

    def test_nor_is_it_denied_where_the_evidence_does_not_carry_it(self) -> None:
        c = listed(scheme="member")
        out_of_reach = {"when": {"all": ["support_completed"]}}
        tiers = [t | out_of_reach if t["code"] == "associate" else t for t in MEMBER["tiers"]]
        c.world.publish({**MEMBER, "version": "2", "tiers": tiers}, effective_from=c.today)
        with_decider(admitted_and(rated, c))
        given(c).when(DECIDER, denial(c, "associate")).refused("GRANTED_ON_THE_WAY")

    def test_it_is_not_granted_below_what_is_held(self) -> None:
        c = granted(scheme="member")
        with_decider(rated.again(c, kind="renewal"))
        assert c.refused(DECIDER, grant(c, "associate"))
        assert [h.tier for h in c.p.holdings] == ["affiliate", "full"]

    def test_its_day_is_the_decisions_even_where_terms_count_from_a_receipt(self) -> None:
        from_receipt = {"length": "P3Y", "starts": "statement_received_on", "review_due": "P1Y"}
        c = listed(scheme="member")
        c.world.publish({**MEMBER, "version": "2", "term": {**MEMBER["term"], **from_receipt}}, effective_from=c.today)
        with_decider(admitted_and(attested, c))
        c.world.later(days=5)
        given(c).when(DECIDER, grant(c, "associate")).then(
            TierEligibilityEvaluated, TierGranted, effective_on=c.today, expires_on=None, review_due_on=None
        )


def admitted_and(situation: Situation, c: Case) -> Case:
    """The program is admitted on application and comes so far in a cycle."""
    c.must(LEAD, SubmitMembershipApplication(**APPLICATION)).must(ADMIN, ACCEPTANCE)
    return situation.again(c)


def finish(c: Case) -> None:
    """Everything from handing the assessment in to the receipt of the statement."""
    for step in STEPS[7:15]:
        step(c)
    assert c.cycle.phase is Phase.ATTESTED


class TestDenying:
    """What the evidence does not carry can be denied, with what was missing."""

    def test_the_program_learns_what_was_missing_and_until_when_it_may_appeal(self) -> None:
        c = decidable(attested, scheme="member", answers={"A1": NO, "A2": NO, "C5": NO})
        v = c.p.version
        given(c).when(DECIDER, denial(c, "full")).then(
            TierEligibilityEvaluated, TierDenied,
            cycle_id=c.cycle_id, tier="full", missing=("A1", "A2", "C5"), decided_on=c.today, zone="America/Chicago",
            appeal_by=None, decider=DECIDER, reasons=WHY, ends_cycle=True,
        )  # fmt: skip
        assert c.cycle.phase is Phase.DECIDED
        decision = list(c.p.decisions.values())[-1]
        assert (decision.outcome, decision.version, decision.evaluation) == ("denied", v + 2, v + 1)
        assert [h.tier for h in c.p.holdings] == ["affiliate"]

    @pytest.mark.req("S1-18", "S0-05")
    def test_what_the_evidence_carries_below_it_is_still_to_be_granted(self) -> None:
        c = decider_named(**WEAK)
        given(c).when(DECIDER, denial(c)).then(
            TierEligibilityEvaluated, TierDenied,
            tier="expert", missing=("C5", "A1"), appeal_by=c.today + timedelta(days=30), ends_cycle=False,
        )  # fmt: skip
        assert c.cycle.phase is Phase.ATTESTED
        given(c).when(DECIDER, denial(c)).refused("ALREADY_DENIED", tier="Expert")
        given(c).when(DECIDER, grant(c, "dedicated")).then(TierEligibilityEvaluated, TierGranted)
        assert c.cycle.phase is Phase.DECIDED
        assert [d.outcome for d in c.p.decisions.values()] == ["denied", "granted"]

    def test_a_denial_of_an_earlier_cycle_is_none_of_this_one(self) -> None:
        c = decider_named(**WEAK)
        c.must(DECIDER, denial(c), grant(c))
        c.world.later(days=3 * 365)
        decider_named.again(c, kind="renewal")
        given(c).when(DECIDER, denial(c)).then(TierEligibilityEvaluated, TierDenied)

    @pytest.mark.req("M2")
    def test_a_denial_rests_on_its_evidence(self) -> None:
        c = decider_named(**WEAK)
        received = next(v for v, e in enumerate(c.events, start=1) if isinstance(e, StatementOfAccuracyReceived))
        c.must(DECIDER, denial(c))
        assert c.refused(ADMIN, WithdrawAct(version=received, ground="other_error", explanation=WHY)) == (
            "RESTED_UPON",
        )

    def test_without_adverse_rules_the_policy_knows_no_appeal(self) -> None:
        c = decider_named(scheme="lean")
        given(c).when(DECIDER, denial(c, "model")).then(TierEligibilityEvaluated, TierDenied, appeal_by=None)

    def test_what_the_evidence_carries_is_not_denied(self) -> None:
        c = decider_named()
        given(c).when(DECIDER, denial(c)).refused("DENIAL_AGAINST_EVIDENCE", tier="Expert")


class TestDeferring:
    """As often and as long as the policy allows."""

    @pytest.mark.parametrize("days", [1, 90])
    def test_the_decision_is_put_off_for_a_time(self, days: int) -> None:
        c = decider_named(**WEAK)
        v, until = c.p.version, c.today + timedelta(days=days)
        given(c).when(DECIDER, deferral(c, days)).then(
            TierEligibilityEvaluated, TierDecisionDeferred,
            cycle_id=c.cycle_id, tier="expert", until=until, missing=("C5", "A1"), deferral_no=1, decided_on=c.today,
            decider=DECIDER, reason=WHY,
        )  # fmt: skip
        assert (c.cycle.phase, c.cycle.deferrals, c.cycle.deferred_until) == (Phase.DEFERRED, 1, until)
        (decision,) = c.p.decisions.values()
        assert (decision.outcome, decision.version, decision.evaluation) == ("deferred", v + 2, v + 1)

    def test_what_is_missing_may_be_said_otherwise(self) -> None:
        c = decider_named(**WEAK)
        given(c).when(DECIDER, deferral(c, missing=("A1",))).then(
            TierEligibilityEvaluated, TierDecisionDeferred, missing=("A1",)
        )

    @pytest.mark.parametrize("days", [-1, 0, 91])
    def test_not_until_today_nor_longer_than_the_policy_allows(self, days: int) -> None:
        c = decider_named()
        given(c).when(DECIDER, deferral(c, days)).refused("DEFERRED_TOO_LONG", latest=c.today + timedelta(days=90))

    def test_not_more_often_than_the_policy_allows(self) -> None:
        c = decider_named()
        for number in (1, 2):
            given(c).when(DECIDER, deferral(c)).then(TierEligibilityEvaluated, TierDecisionDeferred, deferral_no=number)
        given(c).when(DECIDER, deferral(c)).refused("DEFERRALS_EXHAUSTED", times=2)
        given(c).when(DECIDER, deferral(c, 91)).refused("DEFERRALS_EXHAUSTED", "DEFERRED_TOO_LONG")
        c = decidable(attested, scheme="member")
        given(c).when(DECIDER, deferral(c, tier="full")).refused("DEFERRALS_EXHAUSTED", times=0)

    def test_afterwards_it_is_decided(self) -> None:
        c = decider_named()
        c.must(DECIDER, deferral(c))
        given(c).when(DECIDER, grant(c, "expert")).then(TierEligibilityEvaluated, TierGranted)
        assert c.cycle.phase is Phase.DECIDED
        assert [d.outcome for d in c.p.decisions.values()] == ["deferred", "granted"]


def renewed(c: Case, days: int, **how: Any) -> date:
    """After so many days the program renews; the day from which the new term counts."""
    c.world.later(days=days)
    granted.again(c, kind="renewal", **how)
    return c.p.holdings[-1].effective_on


class TestRenewal:
    """Inside the window the new term is joined to the old one; after its end it counts anew (M15, A1)."""

    @pytest.mark.req("M15")
    def test_in_its_window_the_term_is_joined_to_the_old_one(self) -> None:
        c = granted()
        old = c.p.holdings[0].expires_on
        assert old is not None
        effective_on = renewed(c, days=2 * 365 + 100)
        assert effective_on < old
        assert c.p.holdings[-1].expires_on == add(old, "P3Y")
        assert [e.kind for e in c.events if isinstance(e, TierGranted)] == ["initial", "renewal"]

    @pytest.mark.req("A1", "S0-24")
    def test_after_its_end_only_a_new_decision_brings_the_status_back(self) -> None:
        c = granted()
        c.world.later(days=3 * 365 + 30)
        assert standing(c.p, "full", c.today).status == "expired"
        attested.again(c, kind="renewal")
        assert standing(c.p, "full", c.today).status == "expired"
        with_decider(c).must(DECIDER, grant(c))
        assert standing(c.p, "full", c.today).status == "active"
        newest = c.p.holdings[-1]
        assert newest.expires_on == add(newest.effective_on, "P3Y")

    def test_where_the_policy_says_so_the_term_counts_anew(self) -> None:
        c = granted(scheme="lean")
        effective_on = renewed(c, days=365 + 100)
        assert c.p.holdings[-1].expires_on == add(effective_on, "P2Y")

    def test_a_status_without_an_end_gives_nothing_to_join(self) -> None:
        c = listed()
        c.must(OPERATOR, earlier_status(c))
        granted.again(c, kind="renewal")
        assert c.p.holdings[-1].expires_on == add(c.p.holdings[-1].effective_on, "P3Y")

    def test_an_initial_cycle_joins_nothing(self) -> None:
        c = decider_named()
        c.must(OPERATOR, earlier_status(c, add(c.today, "P6M")))
        c.must(DECIDER, grant(c))
        assert c.p.holdings[-1].expires_on == add(c.p.holdings[-1].effective_on, "P3Y")

    def test_without_a_term_there_is_nothing_to_reckon(self) -> None:
        c = granted(scheme="member")
        renewed(c, days=100)
        assert c.p.holdings[-1].expires_on is None


def earlier_status(c: Case, until: date | None = None) -> ImportHistoricalStatus:
    """A status held before this ledger began."""
    said: dict[str, Any] = {"tier": "dedicated", "rank": 1, "label": "Dedicated", "badge": "star", "listing": "listed"}
    return ImportHistoricalStatus(
        scheme="full", valid_from=date(2025, 6, 1), valid_until=until, source="The old register", note=WHY, **said
    )


@pytest.mark.req("A26")
def test_the_decider_of_another_affiliate_decides_where_it_was_delegated() -> None:
    c = decider_named(scheme="southern")
    assert c.admin == SOUTH
    given(c).when(DECIDER, grant(c, "partner")).then(
        TierEligibilityEvaluated, TierGranted, decider=DECIDER, zone="America/New_York"
    )
