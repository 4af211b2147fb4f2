"""The shipped policies, driven through whole cycles: what each affiliate's pages say comes out of it."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain import fold, initial
from domain.decision import DecideTier, DenyTier, TierDenied
from domain.determination import ConfirmItems
from domain.evidence import TierEligibilityEvaluated, gather, rederive
from domain.grant import TierGranted
from domain.impartiality import AssignDecider, DeclareConflict
from domain.membership import SubmitMembershipApplication
from domain.participation import RequestParticipation
from domain.policy.evaluate import Node, evaluate
from domain.policy.evaluate import gaps as criteria_open
from domain.policy.model import load
from domain.report import contents
from domain.review import RecordSiteReview, ReviewCompleted
from domain.status import standing
from domain.term import add
from infra.library import policy, shipped_policies
from tests.real_world import FIRST, RealCase, again, instruments, shipped, tell, told
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    NO,
    NOT_APPLICABLE,
    REVIEWER,
    admitted,
    attested,
    decider_named,
    determined,
    granted,
    listed,
    open_,
    planned,
    rated,
    reviewed,
    submitted,
    under_review,
    words,
    yes,
)
from tests.story import given

WHY = words("It is all there.")
NQMS = instruments()["NQMS@1"]
LAST = NQMS.items[-1].id
WEAK: dict[str, Any] = {"answers": {"*": NO}}


def grant(c: RealCase, tier: str) -> DecideTier:
    """The request to grant."""
    return DecideTier(cycle_id=c.cycle_id, tier=tier, rationale=WHY)


def with_decider(c: RealCase) -> RealCase:
    """A decider is named."""
    c.must(DECIDER, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
    c.must(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER))
    return c


def proof(c: RealCase) -> TierEligibilityEvaluated:
    """The last recorded evaluation."""
    return next(e for e in reversed(c.events) if isinstance(e, TierEligibilityEvaluated))


def grants(c: RealCase) -> list[TierGranted]:
    """What was granted."""
    return [e for e in c.events if isinstance(e, TierGranted)]


def proved(c: RealCase) -> bool:
    """Whether every recorded evaluation comes out the same from the state at its version."""
    records = [e for e in c.events if isinstance(e, TierEligibilityEvaluated)]
    states = [fold(initial("program", c.program_id), c.events[: r.through_version]) for r in records]
    return bool(records) and not any(rederive(p, c.world, r) for p, r in zip(states, records, strict=True))


def bases(node: Node) -> set[str]:
    """Where the rules of a proof come from."""
    return {node.basis}.union(*(bases(child) for child in node.children))


def status(c: RealCase, day: date | None = None) -> str:
    """The status of a day in words."""
    now = standing(c.p, c.scheme, day or c.today)
    return f"{now.status} {now.holding.tier}" if now.holding else now.status


class TestMinnesota:
    """Dedicated for everybody who goes the whole way, Expert with every practice in place."""

    @pytest.mark.req("S0-02", "S0-05", "S0-09", "S1-16", "S1-18", "A11", "A2")
    def test_weak_ratings_make_a_dedicated_partner_with_a_plan_for_everything(self) -> None:
        c = told("mn-qp", granted, tier="dedicated", **WEAK)
        assert [t.code for t in c.policy.tiers] == ["dedicated", "expert"]
        (event,) = grants(c)
        assert c.cycle.statement is not None
        received = c.cycle.statement.received_on
        assert received is not None
        assert (event.label, event.rank, event.badge, event.national_badge) == (
            "Dedicated Partner",
            1,
            "mn-dedicated",
            True,
        )
        assert (event.effective_on, event.expires_on) == (received, add(received, "P3Y"))
        assert proof(c).evaluation.computed == "dedicated"
        plan = c.cycle.plan
        assert plan is not None
        assert plan.months == 12
        assert {i for g in plan.goals.values() for i in g.item_ids} == {i.id for i in NQMS.items}
        assert proved(c)

    @pytest.mark.req("S0-03", "S0-04", "S0-05")
    def test_dedicated_needs_every_step_and_nothing_else(self) -> None:
        steps = [
            (rated, "assessment_submitted"),
            (under_review, "review_held"),
            (determined, "plan_adopted"),
            (reviewed, "statement_received"),
        ]
        needed = [criterion for _, criterion in steps]
        for n, (so_far, _) in enumerate(steps):
            c = told("mn-qp", so_far, **WEAK)
            found = evaluate(c.policy, gather(c.p, c.cycle, NQMS, "mn-qp", c.today))
            assert [g.criterion for g in criteria_open(found, "dedicated")] == needed[n:]
        c = told("mn-qp", attested, **WEAK)
        assert evaluate(c.policy, gather(c.p, c.cycle, NQMS, "mn-qp", c.today)).computed == "dedicated"

    @pytest.mark.req("S0-05")
    def test_without_the_statement_there_is_no_tier(self) -> None:
        c = with_decider(told("mn-qp", reviewed))
        given(c).when(DECIDER, grant(c, "dedicated")).refused("STATEMENT_NOT_RECEIVED")

    @pytest.mark.req("S0-06", "A4", "A7")
    def test_every_practice_at_quality_one_makes_an_expert_partner(self) -> None:
        c = told("mn-qp", granted, tier="expert", answers={"*": yes(1)})
        (event,) = grants(c)
        assert (event.label, event.badge, event.listing) == ("Expert Partner", "mn-100-best-practices", "highest")
        detail = proof(c).evaluation.of("expert").node.children[1].detail
        assert (detail["applicable"], detail["in_place"], detail["bulk"]) == (92, 92, 92)
        assert proved(c)

    @pytest.mark.req("S0-06", "A8")
    @pytest.mark.parametrize("how", [{"answers": {LAST: NO}}, {"not_verified": (LAST,)}], ids=["no", "not verified"])
    def test_one_practice_short_of_all_is_dedicated_and_the_practice_is_named(self, how: Any) -> None:
        c = told("mn-qp", decider_named, **how)
        given(c).when(DECIDER, grant(c, "expert")).refused(
            "TIER_ABOVE_ELIGIBILITY", tier="Expert Partner", computed="dedicated", missing=[LAST]
        )
        given(c).when(DECIDER, grant(c, "dedicated")).then(TierEligibilityEvaluated, TierGranted)

    @pytest.mark.req("A6", "S0-06")
    def test_accepted_as_not_applicable_leaves_the_count(self) -> None:
        free = [i.id for i in NQMS.items if i.na_allowed]
        c = told("mn-qp", granted, tier="expert", answers=dict.fromkeys(free, NOT_APPLICABLE))
        detail = proof(c).evaluation.of("expert").node.children[1].detail
        assert detail["applicable"] == detail["in_place"] == 92 - len(free)
        assert detail["not_applicable"] == tuple(free)
        assert proved(c)

    @pytest.mark.req("S0-07", "S2-03")
    def test_the_review_counts_and_the_report_shows_both_sides(self) -> None:
        c = told("mn-qp", granted, tier="dedicated", answers={"*": yes(5), LAST: NO, "A1": yes(2)})
        (review,) = [e for e in c.events if isinstance(e, ReviewCompleted)]
        assert (review.in_practice, review.applicable) == (91, 92)
        found = contents(c.cycle, NQMS)
        assert len(found) == 3
        assert [i for r in found for i in r.improvement_areas] == [LAST]
        assert sum(len(r.strengths) for r in found) == 90

    @pytest.mark.req("S0-24", "A1")
    def test_after_three_years_the_status_is_reset_until_a_new_decision(self) -> None:
        c = told("mn-qp", granted, tier="dedicated", **WEAK)
        end = grants(c)[0].expires_on
        assert end is not None
        assert status(c, end - timedelta(days=1)) == "active dedicated"
        assert status(c, end) == "expired dedicated"
        c.world.later(days=(end - c.today).days)
        again(c, attested, kind="renewal", answers={})
        assert status(c) == "expired dedicated", "handing in alone brings nothing back"
        with_decider(c).must(DECIDER, grant(c, "expert"))
        assert status(c) == "active expert"
        assert proved(c)

    @pytest.mark.req("M15")
    def test_a_renewal_opens_twelve_months_before_and_joins_the_old_term(self) -> None:
        c = told("mn-qp", granted, tier="dedicated")
        end = grants(c)[0].expires_on
        assert end is not None
        opens = add(end, "P12M", -1)
        c.world.later(days=(opens - c.today).days - 1)
        asked = RequestParticipation(scheme="mn-qp", kind="renewal")
        given(c).when(LEAD, asked).refused("TOO_EARLY_TO_RENEW", opens=opens)
        again(c, granted, kind="renewal", tier="expert")
        assert grants(c)[-1].expires_on == add(end, "P3Y")

    @pytest.mark.req("A12", "S1-16")
    def test_a_review_from_afar_takes_a_recorded_exception_and_says_so(self) -> None:
        c = told("mn-qp", under_review)
        c.must(REVIEWER, ConfirmItems(cycle_id=c.cycle_id, item_ids=tuple(i.id for i in NQMS.items)))
        said: dict[str, Any] = {"held_on": c.today, "mode": "remote", "attendee_roles": ("program_lead",)}
        given(c).when(REVIEWER, RecordSiteReview(cycle_id=c.cycle_id, **said)).refused("MODE_NOT_ALLOWED")
        c.must(REVIEWER, RecordSiteReview(cycle_id=c.cycle_id, exception=words("The road is flooded."), **said))
        tell(c, planned, granted)
        assert proof(c).evaluation.of("dedicated").node.children[1].detail == {"mode": "remote", "exception": True}
        assert proved(c)

    @pytest.mark.req("M17")
    def test_adverse_rules_extension_and_check_in_come_with_version_two(self) -> None:
        one, two = load(shipped("MN-QP@1")), load(shipped("MN-QP@2"))
        assert (one.adverse, one.extension, one.surveillance.annual_check_in) == (None, None, False)
        assert (two.adverse is None, two.extension is None, two.surveillance.annual_check_in) == (False, False, True)
        asked: dict[str, Any] = {"tier": "expert", "reasons": WHY}
        first = told("mn-qp", decider_named, answers={LAST: NO})
        given(first).when(DECIDER, DenyTier(cycle_id=first.cycle_id, **asked)).then(
            TierEligibilityEvaluated, TierDenied, missing=(LAST,), appeal_by=None
        )
        second = told("mn-qp", decider_named, version="MN-QP@2", answers={LAST: NO})
        given(second).when(DECIDER, DenyTier(cycle_id=second.cycle_id, **asked)).then(
            TierEligibilityEvaluated, TierDenied, missing=(LAST,), appeal_by=add(second.today, "P30D")
        )


def stricter() -> dict[str, Any]:
    """Version 2 as it would be if it asked for quality 2 of an Expert Partner."""
    doc = shipped("MN-QP@1")
    asked = {"set": "all_counting", "min_share": 100, "min_quality": 2}
    when = {"all": [{"tier": "dedicated"}, {"practices_in_place": asked}]}
    tiers = [{**t, "when": when} if t["code"] == "expert" else t for t in doc["tiers"]]
    return {**doc, "version": "2", "replaces": "MN-QP@1", "tiers": tiers, "vectors": []}


class TestALaterVersion:
    """A policy published later governs what begins later, and changes no decision made before (S4-04)."""

    @pytest.mark.req("M17")
    def test_earlier_decisions_are_proved_under_the_version_they_were_made_under(self) -> None:
        c = told("mn-qp", granted, tier="expert", answers={"*": yes(1)})
        c.world.publish(stricter(), effective_from=c.today)
        c.world.later(days=2 * 365 + 60)
        assert proved(c)
        again(c, decider_named, kind="renewal")
        given(c).when(DECIDER, grant(c, "expert")).refused(
            "TIER_ABOVE_ELIGIBILITY", computed="dedicated", missing=[i.id for i in NQMS.items]
        )
        c.must(DECIDER, grant(c, "dedicated"))
        assert [(e.policy.version, e.tier) for e in grants(c)] == [("1", "expert"), ("2", "dedicated")]
        assert proved(c)

    def test_a_cycle_under_way_goes_on_under_its_own(self) -> None:
        c = told("mn-qp", open_, answers={"*": yes(1)})
        c.world.publish(stricter(), effective_from=c.today)
        tell(c, rated, decider_named)
        given(c).when(DECIDER, grant(c, "expert")).then(TierEligibilityEvaluated, TierGranted)
        assert [e.policy.version for e in grants(c)] == ["1"]

    def test_the_same_evidence_can_be_looked_at_under_both(self) -> None:
        c = told("mn-qp", granted, tier="expert", answers={"*": yes(1), LAST: yes(2)})
        facts = gather(c.p, c.cycle, NQMS, "mn-qp", c.today)
        assert evaluate(c.policy, facts).computed == "expert"
        found = evaluate(load(stricter()), facts)
        assert found.computed == "dedicated"
        (gap,) = criteria_open(found, "expert")
        assert (gap.criterion, len(gap.missing)) == ("practices_in_place", 91)


class TestIllinois:
    """Silver and Gold Star, with what the page leaves open marked as inferred."""

    @pytest.mark.req("S3-05", "S3-06", "A17")
    @pytest.mark.parametrize(
        ("how", "tier", "label"),
        [
            (WEAK, "silver_star", "Silver Star Program Partner"),
            ({}, "gold_star", "Gold Star Program Partner"),
        ],
        ids=["silver", "gold"],
    )
    def test_silver_and_gold(self, how: Any, tier: str, label: str) -> None:
        c = told("il-star", granted, tier=tier, **how)
        (event,) = grants(c)
        assert (event.tier, event.label, event.zone, event.national_badge) == (tier, label, "America/Chicago", False)
        assert proof(c).evaluation.computed == tier
        assert c.cycle.plan is not None
        assert c.cycle.plan.months == 12
        assert proved(c)

    @pytest.mark.req("A17")
    def test_what_separates_them_says_that_it_is_inferred(self) -> None:
        found = proof(told("il-star", granted, tier="gold_star")).evaluation
        assert bases(found.of("gold_star").node) == {"inferred"}
        assert found.of("silver_star").node.basis == "seed/S3:35+inferred"


IDENTIFIED = "quality_mentoring_program"


class TestIndependenceRegion:
    """One level, on the evaluator's finding; the affiliate gives the plan; looked at again after two to three years."""

    @pytest.mark.req("S2-04", "S2-05", "S2-06", "A18")
    def test_the_evaluators_finding_decides_not_a_number(self) -> None:
        c = told("ir-qmp", granted, tier=IDENTIFIED, findings=(IDENTIFIED,), **WEAK)
        (event,) = grants(c)
        assert (event.label, event.listing, event.zone) == ("Quality Mentoring Program", "priority", "America/New_York")
        assert c.cycle.plan is not None
        assert (c.cycle.plan.form, c.cycle.plan.adopted > 0) == ("action_plan", True)
        assert c.cycle.statement is None
        assert proved(c)

    @pytest.mark.req("A18", "S2-06")
    def test_without_it_the_best_ratings_do_not(self) -> None:
        c = told("ir-qmp", decider_named, answers={"*": yes(5)})
        given(c).when(DECIDER, grant(c, IDENTIFIED)).refused(
            "TIER_ABOVE_ELIGIBILITY", computed=None, missing=[IDENTIFIED]
        )

    @pytest.mark.req("S2-07", "A19", "M15")
    def test_the_term_counts_from_the_decision_and_may_be_renewed_after_two_years(self) -> None:
        c = told("ir-qmp", granted, tier=IDENTIFIED, findings=(IDENTIFIED,))
        decided = c.today
        (event,) = grants(c)
        assert (event.effective_on, event.expires_on) == (decided, add(decided, "P3Y"))
        reassessment = c.policy.term.reassessment
        assert reassessment is not None
        opens = add(decided, reassessment.opens)
        c.world.later(days=(opens - decided).days - 1)
        asked = RequestParticipation(scheme="ir-qmp", kind="renewal")
        given(c).when(LEAD, asked).refused("TOO_EARLY_TO_RENEW", opens=opens)
        again(c, granted, kind="renewal", findings=(IDENTIFIED,))
        assert grants(c)[-1].expires_on == add(decided, "P6Y")


YOUNG: dict[str, Any] = {"registration": {"began_operating_on": date(2025, 6, 1)}}


class TestQualityBasedMembership:
    """In as an Affiliate on application, an Associate Partner while assessing, a Partner at the end."""

    @pytest.mark.req("S4-15", "S4-13", "M14", "M16")
    def test_every_program_enters_as_an_affiliate_whatever_it_wants(self) -> None:
        c = told("mmp-qbm", listed, **YOUNG)
        application: dict[str, Any] = {"scheme": "mmp-qbm", "desired_level": "partner", "formal": True}
        for level in ("associate_partner", "partner"):
            asked = SubmitMembershipApplication(requested_level=level, **application)
            given(c).when(LEAD, asked).refused("LEVEL_NOT_OPEN_AT_ENTRY")
        tell(c, admitted, admitted)
        (event,) = grants(c)
        assert (event.tier, event.assessed, event.decider, event.expires_on) == ("affiliate", False, ADMIN, None)
        assert proved(c)

    @pytest.mark.req("S4-02", "S4-11", "S4-12", "S4-13", "A23", "M14")
    def test_affiliate_then_associate_partner_then_partner(self) -> None:
        c = with_decider(told("mmp-qbm", rated))
        c.must(DECIDER, grant(c, "associate_partner"))
        tell(c, submitted, reviewed)
        c.must(DECIDER, grant(c, "partner"))
        assert [(e.tier, e.granted_at, e.hold_until) for e in grants(c)] == [
            ("affiliate", "application", None),
            ("associate_partner", "assessment_started", None),
            ("partner", "cycle_end", None),
        ]
        partner = grants(c)[-1]
        assert (partner.expires_on, partner.review_due_on) == (None, add(c.today, "P3Y"))
        assert status(c, add(c.today, "P20Y")) == "active partner"
        assert proved(c)

    @pytest.mark.req("S4-12")
    def test_an_associate_partner_has_operated_for_a_year(self) -> None:
        c = with_decider(told("mmp-qbm", rated, **YOUNG))
        c.world.later(days=(date(2026, 5, 31) - c.today).days)
        given(c).when(DECIDER, grant(c, "associate_partner")).refused(
            "TIER_ABOVE_ELIGIBILITY", computed="affiliate", missing=["2026-06-01"]
        )
        c.world.later(days=1)
        given(c).when(DECIDER, grant(c, "associate_partner")).then(TierEligibilityEvaluated, TierGranted)

    @pytest.mark.req("S4-11")
    def test_a_partner_meets_every_designated_standard_and_no_more(self) -> None:
        questions = instruments()["QBM-SELF@1"]
        designated = {i.id for i in questions.counting("designated")}
        others = {i.id: NO for i in questions.items if i.id not in designated}
        c = told("mmp-qbm", granted, tier="partner", answers=others)
        assert status(c) == "active partner"
        one = min(designated)
        c = told("mmp-qbm", decider_named, answers={one: NO})
        given(c).when(DECIDER, grant(c, "partner")).refused("TIER_ABOVE_ELIGIBILITY", missing=[one])

    @pytest.mark.req("A24", "S4-12")
    def test_as_of_2012_an_associate_partner_is_an_affiliate_again_after_four_months(self) -> None:
        c = with_decider(told("mmp-qbm", rated, version="MMP-QBM@2012.1"))
        c.must(DECIDER, grant(c, "associate_partner"))
        since = c.today
        limit = add(since, "P4M")
        history = c.events
        assert grants(c)[-1].hold_until == limit
        assert status(c, limit - timedelta(days=1)) == "active associate_partner"
        assert status(c, limit) == "active affiliate"
        c.world.later(days=(limit - since).days + 30)
        assert c.events == history, "the date alone did it"
        assert status(c) == "active affiliate"
        tell(c, submitted, reviewed)
        c.must(DECIDER, grant(c, "partner"))
        assert status(c) == "active partner"
        assert proved(c)

    @pytest.mark.req("A24")
    def test_as_of_2014_there_is_no_such_limit(self) -> None:
        c = with_decider(told("mmp-qbm", rated))
        c.must(DECIDER, grant(c, "associate_partner"))
        assert status(c, add(c.today, "P10Y")) == "active associate_partner"


@pytest.mark.req("S2-11", "H7")
@pytest.mark.parametrize("scheme", FIRST)
def test_a_decision_rests_on_the_very_body_that_is_shipped(scheme: str) -> None:
    name = FIRST[scheme]
    _, body = policy(shipped_policies()[name], name, instruments().values())
    c = told(scheme, open_)
    assert c.cycle.access is not None
    pinned = c.cycle.access.policy
    assert (f"{pinned.scheme.upper()}@{pinned.version}", pinned.sha256) == (name, body.sha256)


@pytest.mark.req("S2-02", "S3-04")
def test_one_national_instrument_serves_several_affiliates() -> None:
    cycles = [told(scheme, open_).cycle for scheme in ("mn-qp", "il-star", "ir-qmp")]
    assert len({c.access.instrument for c in cycles if c.access}) == 1
    assert len({c.access.policy for c in cycles if c.access}) == 3
