"""Cycles after the first: renewal, advancement and correction; which may be asked for, and what each can end with."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.access import AssessmentWithdrawn, WithdrawFromCycle
from domain.adverse import ReinstateStatus, RevokeStatus, SuspendStatus
from domain.appeal import FileAppeal
from domain.decision import DecideTier, DeferDecision, DenyTier, TierDenied
from domain.evidence import TierEligibilityEvaluated
from domain.extension import ExtendStatus
from domain.grant import TierGranted
from domain.impartiality import AssignDecider, DeclareConflict
from domain.notice import CloseNotice, IssueNoticeOfIntent
from domain.participation import (
    CorrectiveCycleOrdered,
    CorrectiveOrderLifted,
    LiftCorrectiveOrder,
    OrderCorrectiveCycle,
    ParticipationRequested,
    RequestParticipation,
)
from domain.program import Phase
from domain.status import standing
from domain.term import add
from tests.real_world import RealCase, again, told
from tests.small_policies import FULL, MEMBER
from tests.small_world import (
    ADMIN,
    DECIDER,
    DECIDER2,
    LEAD,
    NO,
    REVIEWER,
    STAFF,
    Case,
    admitted,
    decider_named,
    granted,
    listed,
    open_,
    rated,
    requested,
    words,
)
from tests.story import given

WHY = words("So it is.")
WEAK: dict[str, Any] = {"answers": {"A1": NO, "B3": NO}}


def asking(kind: Any, sought: str | None = None, scheme: str = "full") -> RequestParticipation:
    """The request for a cycle."""
    return RequestParticipation(scheme=scheme, kind=kind, tier_sought=sought)


def ordering(c: Case, *item_ids: str, days: int = 90) -> OrderCorrectiveCycle:
    """The order of a corrective cycle."""
    due_on = c.today + timedelta(days)
    return OrderCorrectiveCycle(scheme=c.scheme, ground="finding", due_on=due_on, item_ids=item_ids, reason=WHY)


def deciding(c: Case, tier: str) -> DecideTier:
    """The request to grant."""
    return DecideTier(cycle_id=c.cycle_id, tier=tier, rationale=WHY)


def denying(c: Case, tier: str) -> DenyTier:
    """The request to deny."""
    return DenyTier(cycle_id=c.cycle_id, tier=tier, reasons=WHY)


def on(c: Case, day: date) -> Case:
    """The story on a later day."""
    c.world.later(days=(day - c.today).days)
    return c


def expiry(c: Case) -> date:
    """When the last tier granted ends."""
    expires_on = c.p.holdings[-1].expires_on
    assert expires_on is not None
    return expires_on


def grants(c: Case) -> list[TierGranted]:
    """What was granted."""
    return [e for e in c.events if isinstance(e, TierGranted)]


def status(c: Case, day: date | None = None) -> str:
    """The status of a day in words."""
    now = standing(c.p, c.scheme, day or c.today)
    return f"{now.status} {now.holding.tier}" if now.holding else now.status


def version_two(c: Case, **changes: Any) -> Case:
    """The policy is published anew with changes, in force from today."""
    doc = {**(FULL if c.scheme == "full" else MEMBER), "version": "2", **changes}
    c.world.publish(doc, effective_from=c.today)
    return c


def noticed(c: Case, action: Any = "revoke") -> str:
    """A notice of intent is open; its id."""
    reply_by = c.today + timedelta(30)
    grounds: dict[str, Any] = {"grounds": ("safety",), "explanation": WHY, "reply_by": reply_by}
    c.must(ADMIN, IssueNoticeOfIntent(scheme=c.scheme, action=action, **grounds))
    return next(iter(c.p.notices))


def revoked(c: Case, after: int = 0, reapply: date | None = None) -> Case:
    """The tier was revoked after notice, with effect so many days later."""
    notice_id = noticed(c)
    c.world.later(days=31)
    effective_on = c.today + timedelta(after)
    said: dict[str, Any] = {"declaration": "none", "reasons": WHY, "may_reapply_from": reapply}
    return c.must(DECIDER2, RevokeStatus(scheme=c.scheme, notice_id=notice_id, effective_on=effective_on, **said))


def suspended(c: Case, after: int = 0) -> Case:
    """The tier was suspended after notice, with effect so many days later."""
    notice_id = noticed(c, "suspend")
    c.world.later(days=31)
    effective_on = c.today + timedelta(after)
    said: dict[str, Any] = {"declaration": "none", "reasons": WHY, "review_by": effective_on + timedelta(60)}
    return c.must(DECIDER2, SuspendStatus(scheme=c.scheme, notice_id=notice_id, effective_on=effective_on, **said))


class TestAskingToAdvance:
    """A tier that may be claimed, a higher one, a policy that offers it."""

    @pytest.mark.req("S0-23", "A3")
    @pytest.mark.parametrize("sought", [None, "expert"])
    def test_whoever_holds_a_tier_asks_for_a_higher_one(self, sought: str | None) -> None:
        c = granted()
        given(c).when(LEAD, asking("advancement", sought)).then(
            ParticipationRequested, scheme="full", kind="advancement", tier_sought=sought
        )
        *_, cycle = c.p.cycles.values()
        assert (cycle.kind, cycle.tier_sought, cycle.phase, cycle.ordered) == (
            "advancement",
            sought,
            Phase.REQUESTED,
            False,
        )

    def test_without_a_tier_there_is_nothing_to_advance_from(self) -> None:
        given(listed()).when(LEAD, asking("advancement")).refused("NO_ACTIVE_STATUS", status="none")
        c = granted()
        on(c, expiry(c))
        given(c).when(LEAD, asking("advancement")).refused("NO_ACTIVE_STATUS", status="expired")
        given(suspended(granted())).when(LEAD, asking("advancement")).refused("NO_ACTIVE_STATUS", status="suspended")

    def test_a_level_that_nobody_assessed_is_none_to_advance_from(self) -> None:
        cycles = [*MEMBER["cycles"], {**MEMBER["cycles"][1], "kind": "advancement"}]
        allowed = {"allowed": True, "term": "keep", "basis": "proposal"}
        c = version_two(admitted(scheme="member"), cycles=cycles, advancement=allowed)
        given(c).when(LEAD, asking("advancement", scheme="member")).refused("NOT_ASSESSED", held="Affiliate")

    def test_the_policy_offers_and_allows_it(self) -> None:
        c = granted(scheme="lean")
        given(c).when(LEAD, asking("advancement", scheme="lean")).refused(
            "KIND_NOT_OFFERED", kind="advancement", offered=["initial", "renewal"]
        )
        c = version_two(granted(), advancement={"allowed": False, "term": "keep", "basis": "proposal"})
        given(c).when(LEAD, asking("advancement")).refused(
            "KIND_NOT_OFFERED", offered=["initial", "renewal", "corrective"]
        )

    def test_above_the_highest_there_is_nothing(self) -> None:
        c = granted(tier="expert")
        given(c).when(LEAD, asking("advancement")).refused("NOTHING_TO_ADVANCE_TO", held="Expert")
        given(c).when(LEAD, asking("advancement", "expert")).refused("NOTHING_TO_ADVANCE_TO")

    def test_what_is_sought_lies_above_what_is_held(self) -> None:
        given(granted()).when(LEAD, asking("advancement", "dedicated")).refused(
            "NOT_AN_ADVANCEMENT", tier="Dedicated", held="Dedicated"
        )

    @pytest.mark.parametrize("kind", ["initial", "advancement"])
    def test_what_is_sought_is_a_tier_that_a_cycle_ends_with(self, kind: str) -> None:
        c = granted() if kind == "advancement" else listed()
        given(c).when(LEAD, asking(kind, "imaginary")).refused(
            "LEVEL_UNKNOWN", level="imaginary", levels=["dedicated", "expert"]
        )
        c = admitted(scheme="member")
        given(c).when(LEAD, asking("initial", "associate", "member")).refused("LEVEL_UNKNOWN", levels=["full"])


@pytest.mark.req("A25")
@pytest.mark.parametrize("first", ["renewal", "advancement", "corrective"])
def test_one_cycle_of_a_scheme_is_under_way_whatever_its_kind(first: str) -> None:
    c = granted()
    on(c, add(expiry(c), "P12M", -1))
    requested.again(c, kind=first)
    for kind in ("renewal", "advancement"):
        given(c).when(LEAD, asking(kind)).refused("CYCLE_ALREADY_OPEN", cycle_id=c.cycle_id)
    given(c).when(ADMIN, ordering(c)).refused("CYCLE_ALREADY_OPEN", cycle_id=c.cycle_id)
    given(c).when(LEAD, asking("initial", scheme="lean")).then(ParticipationRequested)


class TestTheEndOfATerm:
    """When a renewal or a new beginning may be asked for."""

    @pytest.mark.req("M15")
    def test_the_window_counts_from_the_end_that_the_term_had_before_it_was_extended(self) -> None:
        extension = {"max": "P90D", "times": 1, "grounds": ["affiliate_delay"], "basis": "proposal"}
        c = granted.again(version_two(listed(), extension=extension, renewal=FULL["renewal"]))
        end = expiry(c)
        extended = ExtendStatus(scheme="full", until=end + timedelta(60), ground="affiliate_delay", evidence=WHY)
        c.must(DECIDER, extended)
        assert expiry(c) == end + timedelta(60)
        opens = add(end, "P12M", -1)
        given(on(c, opens - timedelta(1))).when(LEAD, asking("renewal")).refused("TOO_EARLY_TO_RENEW", opens=opens)
        given(on(c, opens)).when(LEAD, asking("renewal")).then(ParticipationRequested)

    @pytest.mark.req("M20")
    def test_the_day_of_the_request_is_that_of_the_policy(self) -> None:
        c = granted(scheme="southern")
        on(c, expiry(c))
        decider_named.again(c, kind="renewal")
        c.world.now = c.world.now.replace(hour=4, minute=30)  # past midnight in New York, not yet in Chicago
        c.must(DECIDER, deciding(c, "partner"))
        assert grants(c)[-1].effective_on == c.today == c.world.today() + timedelta(1)
        opens = add(expiry(c), "P12M", -1)
        given(c).when(LEAD, asking("renewal", scheme="southern")).refused("TOO_EARLY_TO_RENEW", opens=opens)
        given(c).when(LEAD, asking("initial", scheme="southern")).refused("STATUS_ACTIVE")

    def test_after_a_revocation_a_program_begins_anew(self) -> None:
        c = revoked(granted())
        assert status(c) == "revoked dedicated"
        given(c).when(LEAD, asking("renewal")).refused("NOTHING_TO_RENEW")
        on(c, expiry(c))
        given(c).when(LEAD, asking("renewal")).refused("NOTHING_TO_RENEW")
        given(c).when(LEAD, asking("initial")).then(ParticipationRequested, kind="initial")

    def test_a_revocation_may_bar_the_program_for_a_time(self) -> None:
        c = granted()
        free = c.today + timedelta(400)
        revoked(c, reapply=free)
        given(c).when(LEAD, asking("initial")).refused("REAPPLY_TOO_EARLY", day=free)
        given(on(c, free - timedelta(1))).when(LEAD, asking("initial")).refused("REAPPLY_TOO_EARLY", day=free)
        given(on(c, free)).when(LEAD, asking("initial")).then(ParticipationRequested)

    def test_also_before_the_revocation_has_effect(self) -> None:
        c = granted()
        on(c, add(expiry(c), "P12M", -1))
        free = c.today + timedelta(300)
        revoked(c, after=100, reapply=free)
        assert status(c) == "active dedicated"
        given(c).when(LEAD, asking("renewal")).refused("REAPPLY_TOO_EARLY", day=free)

    def test_while_an_appeal_stays_the_revocation_the_bar_rests(self) -> None:
        c = granted()
        on(c, add(expiry(c), "P12M", -1))
        revoked(c, reapply=c.today + timedelta(300))
        decision_id = c.p.measures[-1].measure_id
        c.must(LEAD, FileAppeal(decision_id=decision_id, grounds=("facts",), statement=WHY))
        assert status(c) == "active dedicated"
        given(c).when(LEAD, asking("renewal")).then(ParticipationRequested)

    @pytest.mark.req("A1", "S0-24")
    def test_nothing_but_a_decision_brings_a_status_back(self) -> None:
        c = granted()
        end = expiry(c)
        on(c, end)
        decider_named.again(c, kind="renewal")
        days = [end + timedelta(n) for n in range((c.today - end).days + 400)]
        assert status(c, end - timedelta(1)) == "active dedicated"
        assert {status(c, day) for day in days} == {"expired dedicated"}, "all was handed in, signed and received again"
        c.must(DECIDER, deciding(c, "dedicated"))
        since = grants(c)[-1].effective_on
        again_held = {status(c, day) for day in days if day >= since}
        assert (status(c, since - timedelta(1)), again_held) == ("expired dedicated", {"active dedicated"})
        assert (grants(c)[-1].kind, expiry(c)) == ("renewal", add(since, "P3Y"))


class TestDecidingOnAnAdvancement:
    """A higher tier, within the term that it keeps."""

    @pytest.mark.req("S0-23", "A3")
    def test_a_higher_tier_is_held_until_the_day_that_was_running(self) -> None:
        c = granted(**WEAK)
        end = expiry(c)
        c.world.later(days=400)
        decider_named.again(c, kind="advancement", answers={})
        given(c).when(DECIDER, deciding(c, "expert")).then(
            TierEligibilityEvaluated, TierGranted, kind="advancement", tier="expert", expires_on=end, appeal_by=None
        )
        assert c.cycle.phase is Phase.DECIDED
        assert (status(c), status(c, end - timedelta(1)), status(c, end)) == (
            "active expert",
            "active expert",
            "expired expert",
        )

    def test_the_tier_held_is_not_granted_again_nor_denied(self) -> None:
        c = decider_named.again(granted(), kind="advancement")
        for command in (deciding(c, "dedicated"), denying(c, "dedicated"), _deferring(c, "dedicated")):
            given(c).when(DECIDER, command).refused("NOT_AN_ADVANCEMENT", tier="Dedicated", held="Dedicated")

    @pytest.mark.req("S0-23")
    def test_denied_it_leaves_what_is_held(self) -> None:
        c = decider_named.again(granted(**WEAK), kind="advancement")
        given(c).when(DECIDER, deciding(c, "expert")).refused("TIER_ABOVE_ELIGIBILITY", computed="dedicated")
        given(c).when(DECIDER, denying(c, "expert")).then(TierEligibilityEvaluated, TierDenied, ends_cycle=True)
        assert c.cycle.phase is Phase.DECIDED
        assert status(c, expiry(c) - timedelta(1)) == "active dedicated"
        given(c).when(LEAD, asking("advancement")).then(ParticipationRequested)

    @pytest.mark.req("A3")
    def test_once_the_term_is_over_there_is_none_to_keep(self) -> None:
        c = decider_named.again(granted(**WEAK), kind="advancement", answers={})
        on(c, expiry(c) - timedelta(1))
        before = Case(c.world.copy(), c.how, c.program_id, c.cycle_id)
        given(before).when(DECIDER, deciding(before, "expert")).then(TierEligibilityEvaluated, TierGranted)
        on(c, expiry(c))
        given(c).when(DECIDER, deciding(c, "expert")).refused("TERM_ENDED", kind="advancement")
        given(c).when(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY)).then(AssessmentWithdrawn)
        given(c).when(LEAD, asking("renewal")).then(ParticipationRequested)

    @pytest.mark.req("A3")
    def test_where_an_advancement_starts_a_new_term_it_does_so_at_any_time(self) -> None:
        c = granted(**WEAK)
        version_two(c, advancement={"allowed": True, "term": "restart", "basis": "proposal"})
        decider_named.again(c, kind="advancement", answers={})
        received = c.today - timedelta(3)
        on(c, expiry(c))
        given(c).when(DECIDER, deciding(c, "expert")).then(
            TierEligibilityEvaluated, TierGranted, effective_on=received, expires_on=add(received, "P3Y")
        )

    def test_below_what_was_sought_can_be_appealed_against(self) -> None:
        c = granted(sought="dedicated")
        assert grants(c)[-1].appeal_by is None
        c = granted(sought="expert")
        assert grants(c)[-1].appeal_by == c.today + timedelta(30)


def _deferring(c: Case, tier: str) -> DeferDecision:
    return DeferDecision(cycle_id=c.cycle_id, tier=tier, until=c.today + timedelta(5), reason=WHY)


class TestACorrectiveCycle:
    """Ordered after a finding; it confirms the tier held and takes nothing away by itself."""

    @pytest.mark.parametrize("item_ids", [(), ("C5",)])
    def test_the_affiliate_orders_it_while_a_tier_is_in_term(self, item_ids: tuple[str, ...]) -> None:
        c = granted()
        due_on = c.today + timedelta(90)
        given(c).when(ADMIN, ordering(c, *item_ids)).then(
            CorrectiveCycleOrdered,
            scheme="full",
            tier="dedicated",
            label="Dedicated",
            ground="finding",
            due_on=due_on,
            item_ids=item_ids,
            reason=WHY,
        )
        *_, cycle = c.p.cycles.values()
        assert (cycle.kind, cycle.ordered, cycle.tier_sought) == ("corrective", True, "dedicated")
        assert (cycle.due_on, cycle.doubted, cycle.phase) == (due_on, item_ids, Phase.REQUESTED)
        assert status(c) == "active dedicated"

    def test_a_suspended_tier_is_in_term(self) -> None:
        c = suspended(granted())
        given(c).when(ADMIN, ordering(c)).then(CorrectiveCycleOrdered)

    @pytest.mark.parametrize("person", [LEAD, STAFF, REVIEWER, DECIDER])
    def test_nobody_else_orders_or_lifts_it(self, person: str) -> None:
        c = requested.again(granted(), kind="corrective")
        for command in (ordering(c), LiftCorrectiveOrder(cycle_id=c.cycle_id, reason=WHY)):
            given(c).when(person, command).refused("NOT_AUTHORISED")

    def test_without_a_term_there_is_nothing_to_correct(self) -> None:
        c = listed()
        given(c).when(ADMIN, ordering(c)).refused("NO_ACTIVE_STATUS", scheme="full", status="none")
        c = granted()
        on(c, expiry(c))
        given(c).when(ADMIN, ordering(c)).refused("NO_ACTIVE_STATUS", status="expired")

    def test_nor_where_nobody_assessed(self) -> None:
        cycles = [*MEMBER["cycles"], {**MEMBER["cycles"][1], "kind": "corrective"}]
        c = version_two(admitted(scheme="member"), cycles=cycles)
        given(c).when(ADMIN, ordering(c)).refused("NOT_ASSESSED", held="Affiliate")

    def test_the_policy_offers_it(self) -> None:
        c = granted(scheme="lean")
        given(c).when(ADMIN, ordering(c)).refused("KIND_NOT_OFFERED", kind="corrective")

    def test_the_policy_in_force_still_knows_the_tier(self) -> None:
        basic = {**FULL["tiers"][0], "code": "basic"}
        expert = {**FULL["tiers"][1], "when": {"all": [{"tier": "basic"}]}}
        c = version_two(granted(), tiers=[basic, expert])
        given(c).when(ADMIN, ordering(c)).refused("LEVEL_UNKNOWN", level="dedicated", levels=["basic", "expert"])

    def test_it_is_due_in_time_to_come_and_about_practices_that_there_are(self) -> None:
        c = granted()
        given(c).when(ADMIN, ordering(c, "Z9", days=0)).refused(
            "DUE_ON_PASSED", "UNKNOWN_ITEM", due_on=c.today, item_ids=["Z9"]
        )

    def test_only_the_affiliate_takes_it_back(self) -> None:
        c = open_.again(granted(), kind="corrective")
        given(c).when(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY)).refused("ORDERED_BY_AFFILIATE")
        lifting = LiftCorrectiveOrder(cycle_id=c.cycle_id, reason=WHY)
        given(c).when(ADMIN, lifting).then(CorrectiveOrderLifted, cycle_id=c.cycle_id, reason=WHY)
        assert (c.cycle.phase, status(c)) == (Phase.WITHDRAWN, "active dedicated")
        given(c).when(ADMIN, lifting).refused("CYCLE_ENDED", phase=Phase.WITHDRAWN)

    def test_what_the_program_asked_for_is_not_lifted(self) -> None:
        c = requested()
        given(c).when(ADMIN, LiftCorrectiveOrder(cycle_id=c.cycle_id, reason=WHY)).refused("NOT_ORDERED")
        given(c).when(ADMIN, LiftCorrectiveOrder(cycle_id="none", reason=WHY)).refused("CYCLE_UNKNOWN")

    def test_at_its_end_the_tier_held_is_confirmed_in_the_same_term(self) -> None:
        c = granted()
        end = expiry(c)
        c.world.later(days=200)
        decider_named.again(c, kind="corrective")
        given(c).when(DECIDER, deciding(c, "expert")).refused("NOT_THE_TIER_HELD", tier="Expert", held="Dedicated")
        given(c).when(DECIDER, deciding(c, "dedicated")).then(
            TierEligibilityEvaluated, TierGranted, kind="corrective", tier="dedicated", expires_on=end, appeal_by=None
        )

    def test_a_lower_tier_is_not_granted_in_place_of_the_one_held(self) -> None:
        c = decider_named.again(granted(tier="expert"), kind="corrective")
        given(c).when(DECIDER, deciding(c, "dedicated")).refused("NOT_THE_TIER_HELD", tier="Dedicated", held="Expert")

    def test_a_denial_ends_the_cycle_and_takes_nothing_away(self) -> None:
        c = granted(tier="expert")
        decider_named.again(c, kind="corrective", doubted=("C5",), answers={"C5": NO})
        given(c).when(DECIDER, denying(c, "expert")).then(
            TierEligibilityEvaluated, TierDenied, missing=("C5",), ends_cycle=True
        )
        assert (c.cycle.phase, status(c), c.p.measures) == (Phase.DECIDED, "active expert", ())

    def test_when_the_term_is_over_there_is_nothing_to_confirm(self) -> None:
        c = decider_named.again(granted(), kind="corrective")
        on(c, expiry(c))
        given(c).when(DECIDER, deciding(c, "dedicated")).refused("TERM_ENDED", kind="corrective")


class TestWhatIsPendingAgainstAProgram:
    """While something is decided or intended against it, a grant at the end of a cycle would pass it by."""

    @pytest.mark.parametrize("kind", ["renewal", "advancement"])
    def test_a_notice_of_intent_is_settled_first(self, kind: str) -> None:
        c = granted(**WEAK)
        on(c, add(expiry(c), "P12M", -1))
        decider_named.again(c, kind=kind, answers={}, tier="expert")
        notice_id = noticed(c, "suspend")
        given(c).when(DECIDER, deciding(c, "expert")).refused(
            "ADVERSE_ACT_PENDING", acts=["notice of intent to suspend"], ids=[notice_id]
        )
        c.must(ADMIN, CloseNotice(notice_id=notice_id, ground="unfounded", reason=WHY))
        given(c).when(DECIDER, deciding(c, "expert")).then(TierEligibilityEvaluated, TierGranted)

    def test_a_denial_needs_no_waiting(self) -> None:
        c = decider_named.again(granted(**WEAK), kind="advancement")
        noticed(c)
        given(c).when(DECIDER, denying(c, "expert")).then(TierEligibilityEvaluated, TierDenied)

    def test_nothing_is_granted_while_a_tier_is_suspended(self) -> None:
        c = decider_named.again(granted(**WEAK), kind="advancement", answers={})
        suspended(c)
        (measure,) = c.p.measures
        given(c).when(DECIDER, deciding(c, "expert")).refused(
            "ADVERSE_ACT_PENDING", acts=[f"suspended from {c.today}"], ids=[measure.measure_id]
        )
        c.must(DECIDER2, ReinstateStatus(scheme="full", declaration="none", reason=WHY))
        given(c).when(DECIDER, deciding(c, "expert")).then(TierEligibilityEvaluated, TierGranted)

    @pytest.mark.parametrize(("against", "kind"), [(suspended, "suspended"), (revoked, "revoked")])
    def test_nor_before_a_decided_act_has_effect(self, against: Any, kind: str) -> None:
        c = decider_named.again(granted(**WEAK), kind="advancement", answers={})
        against(c, after=20)
        since = c.today + timedelta(20)
        given(c).when(DECIDER, deciding(c, "expert")).refused("ADVERSE_ACT_PENDING", acts=[f"{kind} from {since}"])

    def test_nor_while_an_appeal_stays_it(self) -> None:
        c = decider_named.again(granted(**WEAK), kind="advancement", answers={})
        revoked(c)
        (measure,) = c.p.measures
        c.must(LEAD, FileAppeal(decision_id=measure.measure_id, grounds=("facts",), statement=WHY))
        assert status(c) == "active dedicated"
        given(c).when(DECIDER, deciding(c, "expert")).refused("ADVERSE_ACT_PENDING", ids=[measure.measure_id])

    @pytest.mark.parametrize("kind", ["renewal", "advancement", "corrective"])
    def test_what_was_lost_meanwhile_no_cycle_but_a_first_one_brings_back(self, kind: str) -> None:
        c = granted(**WEAK)
        on(c, add(expiry(c), "P12M", -1))
        decider_named.again(c, kind=kind, answers={})
        revoked(c)
        tier = "expert" if kind == "advancement" else "dedicated"
        given(c).when(DECIDER, deciding(c, tier)).refused("STATUS_LOST", status="revoked", kind=kind)

    def test_a_revocation_that_took_effect_leaves_the_way_to_a_new_beginning(self) -> None:
        c = revoked(granted())
        granted.again(c, kind="initial")
        assert status(c) == "active dedicated"

    def test_a_suspension_ends_with_the_term_that_it_was_about(self) -> None:
        c = suspended(granted())
        on(c, expiry(c))
        granted.again(c, kind="renewal")
        assert status(c) == "active dedicated"
        assert c.p.measures[-1].until is None, "nobody lifted it"

    def test_another_scheme_is_another_matter(self) -> None:
        c = granted()
        noticed(c)
        lean = granted.again(c, scheme="lean")
        assert status(lean) == "active partner"


class TestInterimLevels:
    """A level held while work is under way, granted a second time (A24)."""

    @pytest.mark.req("A24")
    def test_each_interim_level_of_2012_falls_back_after_its_own_four_months(self) -> None:
        c = _associate(told("mmp-qbm", rated, version="MMP-QBM@2012.1"))
        limit = add(c.today, "P4M")
        assert (status(c, limit - timedelta(1)), status(c, limit)) == ("active associate_partner", "active affiliate")
        on(c, limit)
        given(c).when(DECIDER, deciding(c, "associate_partner")).refused("ALREADY_HELD", tier="Associate Partner")
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
        again(c, rated)
        _associate(c)
        second = add(c.today, "P4M")
        told_days = [status(c, day) for day in (limit, c.today, second - timedelta(1), second)]
        assert told_days == ["active affiliate", *["active associate_partner"] * 2, "active affiliate"]

    @pytest.mark.req("A24")
    def test_in_2014_a_second_one_has_no_limit_either(self) -> None:
        c = _associate(told("mmp-qbm", rated))
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
        again(c, rated)
        _associate(c)
        assert status(c, add(c.today, "P10Y")) == "active associate_partner"


def _associate(c: RealCase) -> RealCase:
    """A decider grants the interim level."""
    c.must(DECIDER, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
    c.must(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER))
    c.must(DECIDER, deciding(c, "associate_partner"))
    return c
