"""Offers: what an affiliate holds for its programs: a catalogue of workshops, and times in which a benefit is to be had.

S1-23, S4-17, M20, M21. Vouchers are redeemed against the catalogue; a benefit that is there only when available is
there while it is open.
"""

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.affiliate import Affiliate, AffiliateCommand, Opening, Workshop, has_charter, in_charge
from domain.language import Context, Event, Kind, Need, Outcomes, Role, Shelf, Stage, fact, found, refusal
from domain.policy.model import Benefit, Policy
from domain.publishing import NOT_THE_OWNER, SCHEME_UNKNOWN, Scheme
from domain.values import Code, OrganisationName, PolicyRef, Reference, Text, TextRef

stage = Stage("offers", aggregate="affiliate")

WORKSHOP_UNKNOWN = refusal("WORKSHOP_UNKNOWN", Kind.UNKNOWN, "No workshop {workshop_id} is in the catalogue.")
WORKSHOP_OVER = refusal("WORKSHOP_OVER", Kind.INVALID, "The workshop's day is {on}; today is {today}.")
UNKNOWN_BENEFIT = refusal("UNKNOWN_BENEFIT", Kind.UNKNOWN, "No policy of {scheme} names a benefit {code}.")
NEEDS_NO_OPENING = refusal(
    "NEEDS_NO_OPENING", Kind.INVALID, "{code} is opened and closed for nobody: it does not depend on what is available."
)
BENEFIT_OPEN = refusal("BENEFIT_OPEN", Kind.OUT_OF_ORDER, "{code} is open since {since}; close it first.")
BENEFIT_NOT_OPEN = refusal("BENEFIT_NOT_OPEN", Kind.OUT_OF_ORDER, "{code} is not open today.")
OPENING_OVER = refusal("OPENING_OVER", Kind.INVALID, "The last day would be {until}; it can be {today} or later.")


class WorkshopOffered(Event):
    """A workshop, training or webinar is in the catalogue."""

    says = "offered {e.title} ({e.form}) on {e.on} for {e.for_whom}"
    workshop_id: Reference
    title: OrganisationName
    form: Code
    on: date
    takes_voucher: bool
    for_whom: Code


class WorkshopCancelled(Event):
    """A workshop does not take place."""

    says = "cancelled the workshop {e.workshop_id}[: {e.reason}]"
    workshop_id: Reference
    reason: TextRef | None = None


class BenefitOpened(Event):
    """A benefit that is there only when available is to be had."""

    says = "opened {e.code} of {e.scheme} from {e.opened_on}[ until {e.until}]"
    scheme: Code
    code: Code
    opened_on: date
    until: date | None = None
    """The last day."""


class BenefitClosed(Event):
    """A benefit is not to be had any more, from a day on."""

    says = "closed {e.code} of {e.scheme} from {e.closed_on}"
    scheme: Code
    code: Code
    closed_on: date


class OfferWorkshop(AffiliateCommand):
    """Put a workshop into the catalogue; its title is public and names no person."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    title: OrganisationName
    form: Literal["workshop", "training", "webinar"]
    on: date
    takes_voucher: bool
    """Whether a seat costs a voucher, or the fee in its place; a free one takes none."""
    for_whom: Literal["everyone", "members"]


class CancelWorkshop(AffiliateCommand):
    """Take a workshop that is still to come out of the catalogue."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    workshop_id: Reference
    reason: Text | None = None


class OpenBenefit(AffiliateCommand):
    """Record that a benefit is to be had from today on, such as a round of funding; ``until`` is its last day."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    scheme: Code
    code: Code
    until: date | None = None


class CloseBenefit(AffiliateCommand):
    """Record that a benefit is not to be had any more, from today on."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    scheme: Code
    code: Code


Availability = Mapping[str, tuple[Opening, ...]]
"""When benefits were to be had, by scheme and code."""


def opened(availability: Availability, scheme: str, code: str, day: date) -> Opening | None:
    """The opening of a benefit that a day lies in."""
    return next((o for o in availability.get(f"{scheme}/{code}", ()) if o.covers(day)), None)


def catalogue(affiliate: Affiliate, day: date) -> dict[str, Workshop]:
    """The workshops still to come, by id, the next one first."""
    to_come = [(i, w) for i, w in affiliate.workshops.items() if not w.cancelled and w.on >= day]
    return dict(sorted(to_come, key=lambda known: (known[1].on, known[1].version)))


def named(scheme: Scheme, code: str, shelf: Shelf) -> list[Benefit]:
    """A benefit in each published version of a scheme's policy that knows it."""
    refs = [PolicyRef(scheme.code, v.version, v.sha256) for v in scheme.published]
    policies: list[Policy] = [shelf.policy(ref) for ref in refs]
    return [b for policy in policies for some in policy.benefits.values() for b in some if b.code == code]


def _own(need: Need, a: Affiliate, c: OpenBenefit | CloseBenefit, ctx: Context) -> date:
    """Notes what speaks against opening or closing a benefit; the day it is."""
    scheme: Scheme = found(ctx.shelf.scheme(c.scheme), SCHEME_UNKNOWN, scheme=c.scheme)
    today = ctx.today(a.timezone)
    charge = in_charge(ctx.shelf, scheme.affiliate, today).affiliate_id
    need(charge == a.affiliate_id, NOT_THE_OWNER, affiliate=charge)
    known = named(scheme, c.code, ctx.shelf)
    need(known, UNKNOWN_BENEFIT, scheme=c.scheme, code=c.code)
    conditional = any("when_available" in b.flags for b in known)
    need(conditional or not known, NEEDS_NO_OPENING, code=c.code)
    return today


@stage.decide(OfferWorkshop)
def offer(a: Affiliate, c: OfferWorkshop, ctx: Context) -> Outcomes:
    """For today or a later day."""
    today = ctx.today(a.timezone)
    need = Need()
    has_charter(need, a, today)
    need(c.on >= today, WORKSHOP_OVER, on=c.on, today=today)
    need.settle()
    return [fact(WorkshopOffered, c, workshop_id=ctx.mint())]


@stage.decide(CancelWorkshop)
def cancel(a: Affiliate, c: CancelWorkshop, ctx: Context) -> Outcomes:
    """Once, before its day is over."""
    workshop = offered(a, c.workshop_id)
    today = ctx.today(a.timezone)
    need = Need()
    need(workshop.on >= today, WORKSHOP_OVER, on=workshop.on, today=today)
    need.settle()
    return [fact(WorkshopCancelled, c)]


def offered(affiliate: Affiliate, workshop_id: str) -> Workshop:
    """A workshop of the catalogue that is not cancelled."""
    known = affiliate.workshops.get(workshop_id)
    return found(known if known and not known.cancelled else None, WORKSHOP_UNKNOWN, workshop_id=workshop_id)


@stage.decide(OpenBenefit)
def open_benefit(a: Affiliate, c: OpenBenefit, ctx: Context) -> Outcomes:
    """From today on, unless it is open already."""
    need = Need()
    today = _own(need, a, c, ctx)
    now = opened(a.availability, c.scheme, c.code, today)
    need(now is None, BENEFIT_OPEN, code=c.code, since=now and now.since)
    need(c.until is None or c.until >= today, OPENING_OVER, until=c.until, today=today)
    need.settle()
    return [fact(BenefitOpened, c, opened_on=today)]


@stage.decide(CloseBenefit)
def close_benefit(a: Affiliate, c: CloseBenefit, ctx: Context) -> Outcomes:
    """While it is open."""
    need = Need()
    today = _own(need, a, c, ctx)
    need.settle()
    need(opened(a.availability, c.scheme, c.code, today), BENEFIT_NOT_OPEN, code=c.code)
    need.settle()
    return [fact(BenefitClosed, c, closed_on=today)]


@stage.evolve(WorkshopOffered)
def _(a: Affiliate, e: WorkshopOffered, v: int) -> Affiliate:
    workshop = Workshop(
        title=e.title, form=e.form, on=e.on, takes_voucher=e.takes_voucher, for_whom=e.for_whom, version=v
    )
    return replace(a, workshops={**a.workshops, e.workshop_id: workshop})


@stage.evolve(WorkshopCancelled)
def _(a: Affiliate, e: WorkshopCancelled, v: int) -> Affiliate:
    workshop = replace(a.workshops[e.workshop_id], cancelled=v)
    return replace(a, workshops={**a.workshops, e.workshop_id: workshop})


@stage.evolve(BenefitOpened)
def _(a: Affiliate, e: BenefitOpened, v: int) -> Affiliate:
    key = f"{e.scheme}/{e.code}"
    openings = (*a.availability.get(key, ()), Opening(since=e.opened_on, last=e.until))
    return replace(a, availability={**a.availability, key: openings})


@stage.evolve(BenefitClosed)
def _(a: Affiliate, e: BenefitClosed, v: int) -> Affiliate:
    key = f"{e.scheme}/{e.code}"
    *before, last = a.availability[key]
    return replace(a, availability={**a.availability, key: (*before, replace(last, closed_on=e.closed_on))})
