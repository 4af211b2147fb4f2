"""The panel decides an appeal; it may rule anew on items, and never grants more than the evidence carries (M18, H10)."""

from typing import Any

import pytest

from domain import fold, initial
from domain.access import WithdrawFromCycle
from domain.adverse import ReinstateStatus
from domain.appeal import AdmitAppeal, DeclareOnPanel, NameAppealPanel
from domain.decision import DecideTier, DeferDecision, DenyTier, TierDenied
from domain.determination import RecordDetermination
from domain.evidence import TierEligibilityEvaluated, rederive
from domain.extension import ExtendStatus
from domain.grant import TierGranted
from domain.hearing import AppealDecided, ItemsRedetermined
from domain.language import Command
from domain.notice import PublicNoticeArchived
from domain.plan import AdoptPlan, ProposePlan
from domain.program import Phase
from domain.reversal import DecisionReversed
from domain.review import CompleteReview
from domain.statement import (
    EvidenceReopened,
    ReceiveStatement,
    RequestStatement,
    SignStatement,
    StatementOfAccuracyVoided,
)
from domain.term import add
from tests.small_policies import FULL, LEAN
from tests.small_tenure import (
    CHAIR,
    DAY,
    EXTENSION,
    PANEL,
    PANEL_DAY,
    SECOND,
    STRICT,
    WHY,
    appealed,
    at_once,
    course,
    decision_of,
    denied,
    empanelled,
    ends,
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
    DIRECTOR,
    LEAD,
    NO,
    REVIEWER,
    Case,
    decider_named,
    granted,
    listed,
    requested,
)
from tests.story import given

WEAK: dict[str, Any] = {"answers": {"A1": NO, "C5": NO}}
"""Neither C5 nor four fifths of the practices are in place."""
LOOSE = {"adverse": {**PANEL_DAY, "stay_on_appeal": False}}


def deciding(c: Case, tier: str = "dedicated") -> DecideTier:
    """The request to grant."""
    return DecideTier(cycle_id=c.cycle_id, tier=tier, rationale=WHY)


def before_a_panel(c: Case, outcome: str = "denied") -> str:
    """An appeal against the last decision of a kind, ready to be decided; its id."""
    return empanelled(c, decision_of(c, outcome))


def evaluated(c: Case) -> TierEligibilityEvaluated:
    """The last evaluation."""
    return [e for e in c.events if isinstance(e, TierEligibilityEvaluated)][-1]


@pytest.mark.req("M18", "H10")
class TestAnAdverseAct:
    """It stands, or it is lifted: as if never, or from the panel's day, as the policy says."""

    def test_upheld_it_goes_on(self) -> None:
        c = granted()
        decision_id, since = revoked(c), c.today
        c.world.later(days=2)
        appeal_id, filed = empanelled(c, decision_id), c.today
        c.world.later(days=20)
        given(c).when(CHAIR, hearing(appeal_id, "upheld")).then(
            AppealDecided,
            appeal_id=appeal_id,
            decision_id=decision_id,
            outcome="upheld",
            panel=PANEL,
            decided_on=c.today,
        )
        assert course(c)[1:] == [
            f"{since} revoked dedicated", f"{filed} active dedicated", f"{c.today} revoked dedicated",
        ]  # fmt: skip
        assert f"{decision_id}-public" in c.p.public_notices

    @pytest.mark.parametrize("act", [suspended, reduced, revoked])
    @pytest.mark.parametrize("stays", [True, False])
    def test_overturned_as_if_never(self, act: Any, stays: bool) -> None:
        c = granted(tier="expert") if stays else under(changes={"adverse": {**STRICT}}, tier="expert")
        before = course(c)
        decision_id = act(c)
        c.world.later(days=2)
        appeal_id = empanelled(c, decision_id)
        c.world.later(days=20)
        given(c).when(CHAIR, hearing(appeal_id, "overturned")).then(
            AppealDecided, DecisionReversed, PublicNoticeArchived, from_first=True, effective_on=c.today
        )
        assert course(c) == before
        assert c.p.measures == ()
        assert c.p.decisions[decision_id].reversed == c.p.version - 1
        assert c.p.public_notices == {}

    def test_overturned_from_the_panels_day(self) -> None:
        c = under(changes=LOOSE)
        decision_id, since = revoked(c), c.today
        appeal_id = empanelled(c, decision_id)
        c.world.later(days=20)
        given(c).when(CHAIR, hearing(appeal_id, "overturned")).then(
            AppealDecided, DecisionReversed, PublicNoticeArchived, from_first=False, effective_on=c.today
        )
        assert course(c)[1:] == [
            f"{since} revoked dedicated", f"{c.today} active dedicated", f"{ends(c)} expired dedicated",
        ]  # fmt: skip

    def test_overturned_from_the_panels_day_after_a_stay(self) -> None:
        c = under(changes={"adverse": PANEL_DAY})
        decision_id, since = revoked(c), c.today
        c.world.later(days=5)
        appeal_id, filed = empanelled(c, decision_id), c.today
        c.world.later(days=20)
        c.must(CHAIR, hearing(appeal_id, "overturned"))
        assert course(c)[1:] == [
            f"{since} revoked dedicated", f"{filed} active dedicated", f"{ends(c)} expired dedicated",
        ]  # fmt: skip

    def test_overturned_from_the_panels_day_before_it_began(self) -> None:
        c = under(changes=LOOSE)
        before = course(c)
        appeal_id = empanelled(c, revoked(c, after=40))
        c.must(CHAIR, hearing(appeal_id, "overturned"))
        assert course(c) == before

    def test_a_suspension_lifted_before_is_not_made_longer(self) -> None:
        c = under(changes=LOOSE)
        decision_id, since = suspended(c), c.today
        c.world.later(days=5)
        c.must(DECIDER2, ReinstateStatus(scheme="full", declaration="none", reason=WHY))
        lifted, appeal_id = c.today, empanelled(c, decision_id)
        c.world.later(days=20)
        c.must(CHAIR, hearing(appeal_id, "overturned"))
        assert course(c)[1:] == [
            f"{since} suspended dedicated", f"{lifted} active dedicated", f"{ends(c)} expired dedicated",
        ]  # fmt: skip

    def test_a_suspension_for_imminent_harm_is_lifted_by_the_panel(self) -> None:
        c = granted()
        before = course(c)
        c.must(DECIDER2, at_once(c))
        appeal_id = before_a_panel(c, "suspended")
        assert status(c) == "suspended dedicated"
        c.must(CHAIR, hearing(appeal_id, "overturned"))
        assert course(c) == before

    def test_nothing_is_ruled_anew_and_nothing_goes_back(self) -> None:
        c = granted()
        appeal_id = empanelled(c, revoked(c))
        given(c).when(CHAIR, hearing(appeal_id, "overturned", redetermined={"A1": 3})).refused("NOTHING_TO_REDETERMINE")
        given(c).when(CHAIR, hearing(appeal_id, "remanded")).refused("REMAND_NOT_POSSIBLE", outcome="revoked")


@pytest.mark.req("M18", "A8")
class TestADenial:
    """Upheld, or a tier is granted on the evidence as the panel sees it."""

    def test_upheld_nothing_changes(self) -> None:
        c = denied(**WEAK)
        before = c.p.cycles
        given(c).when(CHAIR, hearing(before_a_panel(c), "upheld")).then(AppealDecided, outcome="upheld")
        assert (c.p.cycles, c.p.holdings) == (before, ())

    @pytest.mark.req("S0-09", "A2")
    def test_overturned_with_items_ruled_anew(self) -> None:
        c = denied(**WEAK)
        decision_id, first = decision_of(c, "denied"), c.today
        received = c.cycle.statement and c.cycle.statement.received_on
        appeal_id = before_a_panel(c)
        c.world.later(days=30)
        assert received is not None
        assert received < first
        v = c.p.version
        ruling = hearing(appeal_id, "overturned", tier="expert", redetermined={"C5": 2})
        given(c).when(CHAIR, ruling).then(ItemsRedetermined, TierEligibilityEvaluated, TierGranted, AppealDecided)
        ruled, proof, grant, decided = c.events[v:]
        assert isinstance(ruled, ItemsRedetermined)
        assert (ruled.ratings, ruled.by, ruled.item_ids) == ({"C5": 2}, CHAIR, ("C5",))
        assert isinstance(proof, TierEligibilityEvaluated)
        assert isinstance(grant, TierGranted)
        assert (grant.kind, grant.supersedes, grant.decider, grant.decided_on) == (
            "on_appeal", decision_id, CHAIR, c.today,
        )  # fmt: skip
        assert (grant.effective_on, grant.expires_on) == (received, add(received, "P3Y"))
        assert (grant.evaluation, proof.through_version) == (v + 2, v + 1)
        assert isinstance(decided, AppealDecided)
        assert c.cycle.phase is Phase.DECIDED
        assert course(c) == [f"{received} active expert", f"{grant.expires_on} expired expert"]

    @pytest.mark.req("S0-09")
    def test_the_grant_is_derived_again_from_the_history_before_it(self) -> None:
        c = denied(**WEAK)
        c.must(CHAIR, hearing(before_a_panel(c), "overturned", tier="expert", redetermined={"C5": 2}))
        proof = evaluated(c)
        then = fold(initial("program", c.program_id), c.events[: proof.through_version])
        assert rederive(then, c.world, proof) == []
        without_the_ruling = fold(initial("program", c.program_id), c.events[: proof.through_version - 1])
        assert "evaluation" in rederive(without_the_ruling, c.world, proof)

    def test_from_the_panels_day_where_the_policy_says_so(self) -> None:
        c = denied(under(decider_named, changes={"adverse": PANEL_DAY}, **WEAK))
        appeal_id = before_a_panel(c)
        c.world.later(days=30)
        c.must(CHAIR, hearing(appeal_id, "overturned", tier="expert", redetermined={"C5": 2}))
        assert course(c) == [f"{c.today} active expert", f"{add(c.today, 'P3Y')} expired expert"]

    @pytest.mark.parametrize(
        ("redetermined", "missing"), [({}, ["C5", "A1"]), ({"A1": 5}, ["C5"]), ({"C5": 1, "B3": 0}, ["B3", "A1"])]
    )
    def test_never_more_than_the_evidence_carries(self, redetermined: dict[str, int], missing: list[str]) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        given(c).when(CHAIR, hearing(appeal_id, "overturned", tier="expert", redetermined=redetermined)).refused(
            "TIER_ABOVE_ELIGIBILITY", tier="Expert", missing=missing
        )

    def test_a_lower_tier_than_the_one_denied(self) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        c.must(CHAIR, hearing(appeal_id, "overturned", tier="dedicated"))
        assert status(c) == "active dedicated"

    def test_against_the_panels_grant_there_is_no_appeal(self) -> None:
        c = denied(**WEAK)
        c.must(CHAIR, hearing(before_a_panel(c), "overturned", tier="dedicated"))
        assert c.p.decisions[decision_of(c, "granted")].appeal_by is None

    def test_a_ruling_says_yes_with_a_quality_or_no(self) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        c.must(CHAIR, hearing(appeal_id, "overturned", tier="expert", redetermined={"C5": 4, "C6": 0}))
        ruled = c.cycle.review.determinations
        assert ruled["C6"].rating == NO
        assert ruled["C5"].rating is not None
        assert ruled["C5"].rating.quality == 4

    def test_the_tier_is_named(self) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        given(c).when(CHAIR, hearing(appeal_id, "overturned", redetermined={"C5": 2})).refused("TIER_REQUIRED")
        given(c).when(CHAIR, hearing(appeal_id, "overturned", tier="imaginary")).refused(
            "LEVEL_UNKNOWN", level="imaginary", levels=["dedicated", "expert"]
        )

    def test_items_are_those_of_the_instrument(self) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        given(c).when(CHAIR, hearing(appeal_id, "overturned", tier="expert", redetermined={"Z9": 2})).refused(
            "UNKNOWN_ITEM", item_ids=["Z9"]
        )

    @pytest.mark.parametrize("outcome", ["upheld", "remanded"])
    def test_items_are_ruled_anew_only_for_a_grant(self, outcome: str) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        given(c).when(CHAIR, hearing(appeal_id, outcome, redetermined={"C5": 2})).refused("NOTHING_TO_REDETERMINE")

    def test_a_later_decision_is_not_passed_by(self) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        c.must(DECIDER, deciding(c))
        for outcome in ("overturned", "remanded"):
            given(c).when(CHAIR, hearing(appeal_id, outcome, tier="expert")).refused("SUPERSEDED_MEANWHILE")
        given(c).when(CHAIR, hearing(appeal_id, "upheld")).then(AppealDecided)

    def test_a_suspension_is_not_passed_by(self) -> None:
        c = granted(**WEAK)
        decider_named.again(c, kind="advancement")
        appeal_id = before_a_panel(denied(c))
        c.must(DECIDER2, at_once(c))
        ruling = hearing(appeal_id, "overturned", tier="expert", redetermined={"A1": 2, "C5": 2})
        given(c).when(CHAIR, ruling).refused("ADVERSE_ACT_PENDING")
        c.must(DECIDER2, ReinstateStatus(scheme="full", declaration="none", reason=WHY))
        c.must(CHAIR, ruling)
        assert status(c) == "active expert"

    def test_a_revocation_is_not_passed_by(self) -> None:
        c = granted(**WEAK)
        decider_named.again(c, kind="advancement")
        denied(c)
        decision_id = decision_of(c, "denied")
        revoked(c)
        ruling = hearing(empanelled(c, decision_id), "overturned", tier="expert", redetermined={"A1": 2, "C5": 2})
        given(c).when(CHAIR, ruling).refused("STATUS_LOST", status="revoked", kind="advancement")

    @pytest.mark.req("A3")
    @pytest.mark.parametrize("dates", ["as_first_decided", "panel_day"])
    def test_of_an_advancement_the_running_term_is_kept(self, dates: str) -> None:
        c = under(changes={"adverse": {**PANEL_DAY, "overturned_dates": dates}}, **WEAK)
        end, (held,) = ends(c), c.p.holdings
        decider_named.again(c, kind="advancement")
        denied(c)
        received = c.cycle.statement and c.cycle.statement.received_on
        appeal_id = before_a_panel(c)
        c.world.later(days=20)
        c.must(CHAIR, hearing(appeal_id, "overturned", tier="expert", redetermined={"A1": 2, "C5": 2}))
        since = received if dates == "as_first_decided" else c.today
        assert course(c) == [
            f"{held.effective_on} active dedicated", f"{since} active expert", f"{end} expired expert",
        ]  # fmt: skip

    @pytest.mark.req("A3")
    def test_of_an_advancement_whose_term_is_over_there_is_nothing_to_grant_from_the_panels_day(self) -> None:
        c = under(changes={"adverse": PANEL_DAY}, **WEAK)
        end = ends(c)
        on(c, end - 60 * DAY)
        decider_named.again(c, kind="advancement")
        appeal_id = before_a_panel(denied(c))
        on(c, end)
        ruling = hearing(appeal_id, "overturned", tier="expert", redetermined={"A1": 2, "C5": 2})
        given(c).when(CHAIR, ruling).refused("NO_ACTIVE_STATUS", scheme="full", status="expired")


@pytest.mark.req("M18")
class TestAGrantBelowTheTierSought:
    """It keeps its term while it is appealed against, and what takes its place keeps it too."""

    def test_as_first_decided(self) -> None:
        c = granted(tier="dedicated")
        (first,) = c.p.holdings
        appeal_id = before_a_panel(c, "granted")
        assert course(c) == [f"{first.effective_on} active dedicated", f"{first.expires_on} expired dedicated"]
        c.world.later(days=30)
        c.must(CHAIR, hearing(appeal_id, "overturned", tier="expert"))
        grant = c.p.holdings[-1]
        assert (grant.effective_on, grant.expires_on) == (first.effective_on, first.expires_on)
        assert course(c) == [f"{first.effective_on} active expert", f"{first.expires_on} expired expert"]

    def test_from_the_panels_day(self) -> None:
        c = under(changes={"adverse": PANEL_DAY}, tier="dedicated")
        (first,) = c.p.holdings
        appeal_id = before_a_panel(c, "granted")
        c.world.later(days=30)
        c.must(CHAIR, hearing(appeal_id, "overturned", tier="expert"))
        assert course(c) == [
            f"{first.effective_on} active dedicated",
            f"{c.today} active expert",
            f"{first.expires_on} expired expert",
        ]

    def test_upheld_it_stays_as_it_was(self) -> None:
        c = granted(tier="dedicated")
        before = course(c)
        c.must(CHAIR, hearing(before_a_panel(c, "granted"), "upheld"))
        assert course(c) == before

    def test_an_extended_term_stays_extended(self) -> None:
        c = under(changes={"extension": EXTENSION}, tier="dedicated")
        end = ends(c)
        c.must(DECIDER, ExtendStatus(scheme="full", until=end + 9 * DAY, ground="affiliate_delay", evidence=WHY))
        c.must(CHAIR, hearing(before_a_panel(c, "granted"), "overturned", tier="expert"))
        assert course(c)[1:] == [f"{end} extended expert", f"{end + 9 * DAY} expired expert"]

    def test_what_bore_on_the_first_bears_on_the_second(self) -> None:
        c = granted(tier="dedicated")
        appeal_id = before_a_panel(c, "granted")
        c.must(DECIDER2, at_once(c))
        since = c.today
        c.world.later(days=10)
        c.must(CHAIR, hearing(appeal_id, "overturned", tier="expert"))
        assert course(c)[1:] == [f"{since} suspended expert", f"{ends(c)} expired expert"]
        c.must(DECIDER2, ReinstateStatus(scheme="full", declaration="none", reason=WHY))
        assert status(c) == "active expert"

    @pytest.mark.parametrize("tier", ["dedicated"])
    def test_only_a_higher_tier_takes_its_place(self, tier: str) -> None:
        c = granted(tier="dedicated")
        given(c).when(CHAIR, hearing(before_a_panel(c, "granted"), "overturned", tier=tier)).refused(
            "NOT_ABOVE_THE_GRANT", tier="Dedicated", granted="Dedicated"
        )

    def test_only_what_the_evidence_carries(self) -> None:
        c = granted(tier="dedicated", **WEAK)
        given(c).when(CHAIR, hearing(before_a_panel(c, "granted"), "overturned", tier="expert")).refused(
            "TIER_ABOVE_ELIGIBILITY"
        )

    def test_it_does_not_go_back_to_review(self) -> None:
        c = granted(tier="dedicated")
        given(c).when(CHAIR, hearing(before_a_panel(c, "granted"), "remanded")).refused(
            "REMAND_NOT_POSSIBLE", outcome="granted"
        )


@pytest.mark.req("M18")
class TestADelay:
    """A decision put off beyond its limit is taken by the panel."""

    def late(self) -> Case:
        """The decision was put off until a day that has passed."""
        c = decider_named()
        until = c.today + 30 * DAY
        c.must(DECIDER, DeferDecision(cycle_id=c.cycle_id, tier="expert", until=until, reason=WHY))
        return on(c, until + DAY)

    def test_overturned_the_panel_grants(self) -> None:
        c = self.late()
        received = c.cycle.statement and c.cycle.statement.received_on
        c.must(CHAIR, hearing(before_a_panel(c, "deferred"), "overturned", tier="expert"))
        assert c.cycle.phase is Phase.DECIDED
        assert course(c)[0] == f"{received} active expert"

    def test_upheld_the_decision_is_still_to_be_taken(self) -> None:
        c = self.late()
        c.must(CHAIR, hearing(before_a_panel(c, "deferred"), "upheld"))
        assert c.cycle.phase is Phase.DEFERRED
        c.must(DECIDER, deciding(c, "expert"))
        assert status(c) == "active expert"

    def test_decided_meanwhile_there_is_nothing_to_overturn(self) -> None:
        c = self.late()
        appeal_id = before_a_panel(c, "deferred")
        c.must(DECIDER, deciding(c, "dedicated"))
        given(c).when(CHAIR, hearing(appeal_id, "overturned", tier="expert")).refused("SUPERSEDED_MEANWHILE")

    def test_it_does_not_go_back_to_review(self) -> None:
        c = self.late()
        given(c).when(CHAIR, hearing(before_a_panel(c, "deferred"), "remanded")).refused(
            "REMAND_NOT_POSSIBLE", outcome="deferred"
        )


def reviewed_again(c: Case, *commands: Command) -> Case:
    """The review is completed once more, and leadership signs anew."""
    c.must(REVIEWER, *commands)
    plan = c.cycle.plan
    assert plan is not None
    assert plan.starts_on is not None
    assert plan.ends_on is not None
    c.must(REVIEWER, ProposePlan(cycle_id=c.cycle_id, starts_on=plan.starts_on, ends_on=plan.ends_on))
    plan = c.cycle.plan
    assert plan is not None
    c.must(LEAD, AdoptPlan(cycle_id=c.cycle_id, plan_digest=plan.digest))
    c.must(REVIEWER, CompleteReview(cycle_id=c.cycle_id))
    c.must(ADMIN, RequestStatement(cycle_id=c.cycle_id))
    assert c.cycle.statement is not None
    covers = c.cycle.statement.covers
    c.must(DIRECTOR, SignStatement(cycle_id=c.cycle_id, covers=covers, consent=True, intent=True))
    return c.must(ADMIN, ReceiveStatement(cycle_id=c.cycle_id, received_on=c.today))


@pytest.mark.req("M18", "A14")
class TestARemand:
    """A denial goes back to review; what leadership stated is void, and there is a second decision."""

    def test_the_evidence_is_open_again(self) -> None:
        c = denied(**WEAK)
        appeal_id, v = before_a_panel(c), c.p.version
        assert c.cycle.statement is not None
        statement_id, decision_id = c.cycle.statement.statement_id, decision_of(c, "denied")
        given(c).when(CHAIR, hearing(appeal_id, "remanded")).then(
            AppealDecided, DecisionReversed, EvidenceReopened, StatementOfAccuracyVoided,
            outcome="remanded", decision_id=decision_id, from_first=True, statement_id=statement_id, because=v + 3,
        )  # fmt: skip
        assert (c.cycle.phase, c.cycle.statement, c.cycle.review.completed) == (Phase.UNDER_REVIEW, None, 0)
        assert c.p.decisions[decision_id].reversed == v + 2
        assert isinstance(c.events[v + 2], EvidenceReopened)

    def test_where_leadership_states_nothing_no_statement_is_void(self) -> None:
        c = listed(scheme="lean")
        c.world.publish({**LEAN, "version": "2", "adverse": FULL["adverse"]}, effective_from=c.today)
        c = denied(decider_named.again(c), "model")
        given(c).when(CHAIR, hearing(before_a_panel(c), "remanded")).then(
            AppealDecided, DecisionReversed, EvidenceReopened, outcome="remanded"
        )
        assert c.cycle.phase is Phase.UNDER_REVIEW

    def test_a_second_decision_can_be_a_grant(self) -> None:
        c = denied(**WEAK)
        c.must(CHAIR, hearing(before_a_panel(c), "remanded"))
        seen: dict[str, Any] = {"in_practice": "yes", "quality": 3, "evidence_seen": ("doc1",), "reason": WHY}
        found = RecordDetermination(cycle_id=c.cycle_id, item_id="C5", outcome="adjusted", **seen)
        reviewed_again(c, found)
        c.must(DECIDER, deciding(c, "expert"))
        assert course(c)[0] == f"{c.today} active expert"

    def test_or_a_denial_again_which_can_be_appealed_against_anew(self) -> None:
        c = denied(**WEAK)
        c.must(CHAIR, hearing(before_a_panel(c), "remanded"))
        c.world.later(days=50)
        reviewed_again(c)
        given(c).when(DECIDER, DenyTier(cycle_id=c.cycle_id, tier="expert", reasons=WHY)).then(
            TierEligibilityEvaluated, TierDenied, appeal_by=c.today + 30 * DAY
        )
        first, second = (k for k, d in c.p.decisions.items() if d.outcome == "denied")
        assert c.p.decisions[first].reversed
        appealed(c, second)
        assert [(a.decision_id, a.state) for a in c.p.appeals.values()] == [(first, "decided"), (second, "filed")]

    def test_a_denial_that_ended_the_cycle_too(self) -> None:
        c = denied(decider_named.again(granted(**WEAK), kind="advancement"))
        assert c.cycle.phase is Phase.DECIDED
        c.must(CHAIR, hearing(before_a_panel(c), "remanded"))
        assert c.cycle.phase is Phase.UNDER_REVIEW

    @pytest.mark.req("A25")
    def test_not_beside_another_cycle_under_way(self) -> None:
        c = denied(decider_named.again(granted(**WEAK), kind="advancement"))
        appeal_id = before_a_panel(c)
        requested.again(c, kind="advancement")
        given(c).when(CHAIR, hearing(appeal_id, "remanded")).refused("ANOTHER_CYCLE_OPEN", cycle_id=c.cycle_id)

    def test_not_in_a_cycle_that_the_program_withdrew_from(self) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
        given(c).when(CHAIR, hearing(appeal_id, "remanded")).refused("REMAND_NOT_POSSIBLE", outcome="withdrawn")


@pytest.mark.req("M19")
class TestWhoDecides:
    """Everybody on the panel has declared; whoever was named first records its word."""

    def test_not_before_everybody_has_declared(self) -> None:
        c = denied(**WEAK)
        appeal_id = empanelled(c, decision_of(c, "denied"), declared=False)
        c.must(CHAIR, DeclareOnPanel(appeal_id=appeal_id, nature="none"))
        given(c).when(CHAIR, hearing(appeal_id, "upheld")).refused("PANELIST_UNDECLARED", people=PANEL[1:])

    def test_not_with_somebody_who_declared_an_interest(self) -> None:
        c = denied(**WEAK)
        appeal_id = before_a_panel(c)
        c.must(SECOND, DeclareOnPanel(appeal_id=appeal_id, nature="financial"))
        given(c).when(CHAIR, hearing(appeal_id, "upheld")).refused("PANEL_NOT_INDEPENDENT", people=[SECOND])

    def test_only_the_first(self) -> None:
        c = denied(**WEAK)
        given(c).when(SECOND, hearing(before_a_panel(c), "upheld")).refused("NOT_THE_CHAIR", chair=CHAIR)

    @pytest.mark.parametrize("person", [LEAD, ADMIN2, DECIDER2])
    def test_nobody_from_elsewhere(self, person: str) -> None:
        c = denied(**WEAK)
        given(c).when(person, hearing(before_a_panel(c), "upheld")).refused("NOT_AUTHORISED")

    def test_once(self) -> None:
        c = granted(tier="expert")
        first = empanelled(c, suspended(c))
        c.must(CHAIR, hearing(first, "upheld"))
        second = appealed(c, reduced(c))
        c.must(ADMIN2, AdmitAppeal(appeal_id=second))
        c.must(ADMIN2, NameAppealPanel(appeal_id=second, panel=PANEL, until=c.today + 9 * DAY))
        given(c).when(CHAIR, hearing(first, "upheld")).refused("WRONG_APPEAL_STATE", state="decided")
