"""Members in the small world: programs that have benefits, and what they and their affiliate ask for."""

from datetime import date, timedelta
from typing import Any

from domain.adverse import SuspendStatus
from domain.benefits import IssueTrainingVouchers, RecordBenefitDelivered, RedeemVoucher, RequestLetterOfSupport
from domain.correction import WithdrawAct
from domain.entitlement import Entitlement, entitlements_on
from domain.offers import OfferWorkshop, WorkshopOffered
from domain.status import ImportHistoricalStatus
from tests.small_policies import FULL, MEMBER
from tests.small_world import ADMIN, STAFF, Case, admitted, granted, listed, words

DAY = timedelta(days=1)
SUSPENDABLE: dict[str, Any] = {**MEMBER, "version": "2", "adverse": FULL["adverse"]}


def full(**how: Any) -> Case:
    """A program that holds the highest tier, by which it has vouchers."""
    return granted(scheme="member", **how)


def told(c: Case, day: date | None = None) -> dict[str, Entitlement]:
    """What the program is entitled to on a day, by code."""
    scheme = c.world.scheme("member")
    return {e.code: e for e in entitlements_on(c.p, scheme, day or c.today, c.world)}


def workshop(c: Case, days: int = 10, **more: Any) -> str:
    """A workshop of the affiliate, so many days on."""
    said: dict[str, Any] = {"title": "Closing a match well", "form": "workshop", "takes_voucher": True}
    asked = OfferWorkshop(**{**said, "on": c.today + timedelta(days), "for_whom": "everyone", **more})
    (event,) = c.world.must(ADMIN, "north", asked)
    assert isinstance(event, WorkshopOffered)
    return event.workshop_id


def redeeming(workshop_id: str, scheme: str = "member") -> RedeemVoucher:
    return RedeemVoucher(scheme=scheme, workshop_id=workshop_id)


def redeemed(c: Case, times: int = 1) -> Case:
    for _ in range(times):
        c.must(STAFF, redeeming(workshop(c)))
    return c


def issuing(scheme: str = "member") -> IssueTrainingVouchers:
    return IssueTrainingVouchers(scheme=scheme)


def delivering(c: Case, code: str = "discount", on: date | None = None, **more: Any) -> RecordBenefitDelivered:
    return RecordBenefitDelivered(**{"scheme": "member", "code": code, "on": on or c.today, **more})


def requesting(as_of: date, scheme: str = "member") -> RequestLetterOfSupport:
    return RequestLetterOfSupport(scheme=scheme, as_of=as_of)


def undoing(version: int) -> WithdrawAct:
    return WithdrawAct(version=version, ground="other_error", explanation=words("That was not so."))


def suspending(c: Case) -> SuspendStatus:
    said: dict[str, Any] = {"declaration": "none", "imminent_harm": True, "grounds": ("safety",)}
    said |= {"effective_on": c.today, "review_by": c.today + 10 * DAY, "reasons": words("Children may come to harm.")}
    return SuspendStatus(scheme="member", **said)


def under_second_version() -> Case:
    """A program that holds the highest tier under a version that knows suspension."""
    c = listed(scheme="member")
    c.world.publish(SUSPENDABLE, effective_from=c.today)
    return granted.again(_admit(c))


def _admit(c: Case) -> Case:
    """The program is a member."""
    admitted.last(c)
    return c


def importing(since: date, **more: Any) -> ImportHistoricalStatus:
    said: dict[str, Any] = {"scheme": "member", "tier": "full", "rank": 3, "label": "Full Member", "badge": "full"}
    said |= {"listing": "listed", "valid_from": since, "source": "Old list", "note": words("Taken over.")}
    return ImportHistoricalStatus(**(said | more))
