"""The benefits of the shipped policies, as programs have them: what each affiliate's pages promise comes out of it."""

from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest

from domain.benefits import (
    BenefitDelivered,
    LetterOfSupportRequested,
    RecordBenefitDelivered,
    RedeemVoucher,
    RequestLetterOfSupport,
    TrainingVoucherRedeemed,
    TrainingVouchersIssued,
)
from domain.decision import DecideTier
from domain.entitlement import Entitlement, entitlements_on
from domain.impartiality import AssignDecider, DeclareConflict
from domain.offers import OfferWorkshop, OpenBenefit, WorkshopOffered, catalogue
from domain.surveillance import AnnualCheckInRecorded, RecordAnnualCheckIn
from domain.term import add
from tests.real_world import RealCase, told
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    NO,
    STAFF,
    admitted,
    granted,
    listed,
    rated,
    words,
)
from tests.story import given

DAY = timedelta(days=1)
DEDICATED = (
    "priority_listing", "recognition", "tools_and_resources", "funding_access", "award_priority", "discounts",
    "event_invitations", "business_connections", "support_letter", "networking", "early_news",
)  # fmt: skip
EXPERT = ("highest_listing", "policy_advocacy", "committee_or_board", "media_promotion")


def entitled(c: RealCase, day: date | None = None) -> dict[str, Entitlement]:
    """What the program is entitled to on a day, by code."""
    return {e.code: e for e in entitlements_on(c.p, c.world.scheme(c.scheme), day or c.today, c.world)}


@cache
def _minnesota(tier: str) -> RealCase:
    answers: dict[str, Any] = {"*": NO} if tier == "dedicated" else {}
    return told("mn-qp", granted, tier=tier, answers=answers)


def minnesota(tier: str) -> RealCase:
    """A partner of that level, in a world of its own."""
    c = _minnesota(tier)
    return RealCase(c.world.copy(), c.how, c.program_id, c.cycle_id)


@cache
def _membership(so_far: Any) -> RealCase:
    return told("mmp-qbm", so_far)


def membership(so_far: Any) -> RealCase:
    """A program so far on its way, in a world of its own."""
    c = _membership(so_far)
    return RealCase(c.world.copy(), c.how, c.program_id, c.cycle_id)


def associate() -> RealCase:
    """A program that assesses itself, recognised for that."""
    c = membership(rated)
    c.must(DECIDER, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
    c.must(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER))
    return c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="associate_partner", rationale=words("Under way.")))


def offered(c: RealCase, affiliate: str, **more: Any) -> str:
    """A workshop of the affiliate; its id."""
    said: dict[str, Any] = {"title": "Recruiting mentors", "form": "workshop", "takes_voucher": True}
    asked = OfferWorkshop(**{**said, "on": c.today + 20 * DAY, "for_whom": "everyone", **more})
    (event,) = c.world.must(ADMIN, affiliate, asked)
    assert isinstance(event, WorkshopOffered)
    return event.workshop_id


class TestMinnesota:
    """Eleven benefits for Dedicated Partners, four more for Expert Partners."""

    @pytest.mark.req(
        "S0-08", "S0-09", "S0-10", "S0-11", "S0-12", "S0-13", "S0-14", "S0-15", "S0-16", "S0-17", "S0-18",
    )  # fmt: skip
    def test_a_dedicated_partner_has_eleven(self) -> None:
        mine = entitled(minnesota("dedicated"))
        assert tuple(mine) == DEDICATED
        assert {e.label for e in mine.values()} == {"Dedicated Partner"}
        assert {code: e.state for code, e in mine.items() if e.state != "entitled"} == {
            "funding_access": "when_available", "discounts": "discretionary", "support_letter": "on_request",
        }  # fmt: skip

    @pytest.mark.req("S0-19", "S0-20", "S0-21", "S0-22", "A22")
    def test_an_expert_partner_has_all_fifteen(self) -> None:
        c = minnesota("expert")
        mine = entitled(c)
        assert tuple(mine) == DEDICATED + EXPERT
        assert {e.rank for code, e in mine.items() if code in DEDICATED} == {1}
        assert {e.rank for code, e in mine.items() if code in EXPERT} == {2}
        (decision_id,) = [d for d, decision in c.p.decisions.items() if decision.outcome == "granted"]
        assert {(e.label, e.decision_id) for e in mine.values()} == {("Expert Partner", decision_id)}

    @pytest.mark.req("S0-08", "M20")
    def test_without_a_status_and_after_its_end_there_is_none(self) -> None:
        c = minnesota("dedicated")
        (holding,) = c.p.holdings
        assert holding.expires_on is not None
        assert entitled(c, holding.effective_on - DAY) == {}
        assert tuple(entitled(c, holding.expires_on - DAY)) == DEDICATED
        assert entitled(c, holding.expires_on) == {}

    @pytest.mark.req("S0-11", "M20")
    def test_funding_is_to_be_had_while_it_is_open(self) -> None:
        c = minnesota("dedicated")
        given_today = RecordBenefitDelivered(scheme="mn-qp", code="funding_access", on=c.today)
        given(c).when(ADMIN, given_today).refused("NOT_AVAILABLE")
        c.world.must(ADMIN, "mn", OpenBenefit(scheme="mn-qp", code="funding_access", until=c.today))
        assert entitled(c)["funding_access"].state == "entitled"
        given(c).when(ADMIN, given_today).then(BenefitDelivered, code="funding_access")
        assert entitled(c, c.today + DAY)["funding_access"].state == "when_available"

    @pytest.mark.req("S0-13", "S0-14", "S0-15", "S0-22", "M20")
    @pytest.mark.parametrize("code", ["discounts", "event_invitations", "business_connections", "media_promotion"])
    def test_what_was_given_is_recorded(self, code: str) -> None:
        c = minnesota("expert")
        given(c).when(ADMIN, RecordBenefitDelivered(scheme="mn-qp", code=code, on=c.today)).then(
            BenefitDelivered, code=code, on=c.today
        )

    @pytest.mark.req("S0-22")
    def test_a_dedicated_partner_is_not_promoted(self) -> None:
        c = minnesota("dedicated")
        asked = RecordBenefitDelivered(scheme="mn-qp", code="media_promotion", on=c.today)
        given(c).when(ADMIN, asked).refused("NOT_ENTITLED", tiers=["Expert Partner"])

    @pytest.mark.req("S0-16")
    def test_a_letter_of_support_is_asked_for(self) -> None:
        c = minnesota("dedicated")
        given(c).when(LEAD, RequestLetterOfSupport(scheme="mn-qp", as_of=c.today)).then(LetterOfSupportRequested)

    @pytest.mark.req("M17")
    def test_the_second_version_asks_for_a_check_in_each_year(self) -> None:
        first = minnesota("dedicated")
        anniversary = add(first.p.holdings[0].effective_on, "P1Y")
        first.world.later(days=(anniversary - first.today).days)
        asked = RecordAnnualCheckIn(scheme="mn-qp", anniversary=anniversary, narrative=words("All is well."))
        given(first).when(LEAD, asked).refused("NOT_ASKED_BY_POLICY")
        second = told("mn-qp", granted, version="MN-QP@2", tier="dedicated")
        anniversary = add(second.p.holdings[0].effective_on, "P1Y")
        second.world.later(days=(anniversary - second.today).days)
        asked = RecordAnnualCheckIn(scheme="mn-qp", anniversary=anniversary, narrative=words("All is well."))
        given(second).when(LEAD, asked).then(AnnualCheckInRecorded)


class TestQualityBasedMembership:
    """Something for everybody, more for members, grants for Associate Partners, vouchers for Partners."""

    @pytest.mark.req("S4-15", "M20")
    def test_whoever_is_no_member_pays_the_full_price(self) -> None:
        assert list(entitled(membership(listed))) == ["calendar_trainings"]

    @pytest.mark.req("S4-05", "S4-06", "S4-07", "S4-09", "S4-10")
    def test_an_affiliate_has_referrals_campaigns_tickets_an_ambassador_assistance_and_a_discount(self) -> None:
        mine = entitled(membership(admitted))
        assert list(mine) == [
            "calendar_trainings", "mentor_referrals", "recruitment_campaigns", "match_tickets", "ambassador_host",
            "tap_assistance", "training_discount", "directory_listing",
        ]  # fmt: skip
        assert {e.state for e in mine.values()} == {"entitled"}
        assert {e.label for e in mine.values()} == {None, "Affiliate"}

    @pytest.mark.req("S4-06", "S4-08", "A22")
    def test_an_associate_partner_may_apply_for_grants_and_keeps_the_discount(self) -> None:
        mine = entitled(associate())
        assert set(mine) - set(entitled(membership(admitted))) == {"financial_resources", "match_ticket_priority"}
        assert mine["financial_resources"].flags == ("most",)
        assert mine["match_ticket_priority"].state == "discretionary"
        assert (mine["training_discount"].rank, mine["training_discount"].label) == (1, "Associate Partner")
        assert "training_vouchers" not in mine

    @pytest.mark.req("S4-10", "A21", "A22", "M21")
    def test_a_partner_has_four_vouchers_a_year(self) -> None:
        c = membership(granted)
        since = c.today
        mine = entitled(c)
        assert mine["training_discount"].state == "entitled"
        vouchers = mine["training_vouchers"]
        assert (vouchers.count, vouchers.left, vouchers.label) == (4, 4, "Partner")
        assert (vouchers.since, vouchers.until) == (since, add(since, "P1Y"))
        asked = RedeemVoucher(scheme="mmp-qbm", workshop_id=offered(c, "mmp"))
        given(c).when(STAFF, asked).then(TrainingVouchersIssued, TrainingVoucherRedeemed, count=4, voucher_no=1)
        for number in (2, 3, 4):
            given(c).when(STAFF, asked).then(TrainingVoucherRedeemed, voucher_no=number)
        given(c).when(STAFF, asked).refused("NO_VOUCHER_LEFT", count=4)
        assert entitled(c, add(since, "P1Y"))["training_vouchers"].left == 4

    @pytest.mark.req("S4-10")
    def test_an_associate_partner_has_none(self) -> None:
        c = associate()
        asked = RedeemVoucher(scheme="mmp-qbm", workshop_id=offered(c, "mmp"))
        given(c).when(STAFF, asked).refused("NOT_ENTITLED", tiers=["Partner"])

    @pytest.mark.req("S4-05", "S4-06", "S4-07", "M20")
    @pytest.mark.parametrize("code", ["mentor_referrals", "recruitment_campaigns", "match_tickets", "ambassador_host"])
    def test_what_a_member_was_given_is_recorded(self, code: str) -> None:
        member, other = membership(admitted), membership(listed)
        asked = RecordBenefitDelivered(scheme="mmp-qbm", code=code, on=other.today)
        given(other).when(ADMIN, asked).refused("NOT_ENTITLED", tiers=["Affiliate", "Associate Partner", "Partner"])
        asked = RecordBenefitDelivered(scheme="mmp-qbm", code=code, on=member.today)
        given(member).when(ADMIN, asked).then(BenefitDelivered, code=code)

    @pytest.mark.req("S4-17", "S1-23", "M21")
    def test_a_webinar_for_formal_programs_and_free_workshops_are_in_the_catalogue(self) -> None:
        c = membership(granted)
        more = {"form": "webinar", "takes_voucher": False, "for_whom": "members", "on": c.today + DAY}
        webinar = offered(c, "mmp", title="Self-assessment for formal programs", **more)
        workshop = offered(c, "mmp", takes_voucher=False)
        shown = catalogue(c.world.affiliate("mmp"), c.today)
        assert list(shown) == [webinar, workshop]
        assert [(w.form, w.for_whom, w.takes_voucher) for w in shown.values()] == [
            ("webinar", "members", False), ("workshop", "everyone", False),
        ]  # fmt: skip
        asked = RedeemVoucher(scheme="mmp-qbm", workshop_id=webinar)
        given(c).when(STAFF, asked).refused("NO_VOUCHER_NEEDED")

    @pytest.mark.req("S4-03", "S4-04")
    def test_in_2012_referrals_and_tickets_were_open_to_everybody(self) -> None:
        c = told("mmp-qbm", listed, version="MMP-QBM@2012.1")
        assert list(entitled(c)) == ["calendar_trainings", "mentor_referrals", "match_tickets"]
