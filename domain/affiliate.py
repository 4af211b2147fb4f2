"""An affiliate: its area, its staff and their parts, and to whom it delegates decisions."""

from datetime import date
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace
from pydantic import Field

from domain.language import Command, Context, Event, Kind, Need, Outcomes, Role, Shelf, Stage, fact, refusal
from domain.program import without
from domain.term import known_zone
from domain.values import Code, OrganisationName, PersonId, Website

stage = Stage("affiliate", aggregate="affiliate")

STAFF_ROLES = {
    "affiliate_admin": Role.AFFILIATE_ADMIN,
    "reviewer": Role.REVIEWER,
    "decider": Role.DECIDER,
}

AFFILIATE_KNOWN = refusal("AFFILIATE_KNOWN", Kind.OUT_OF_ORDER, "An affiliate {code} exists already.")
STAFF_UNKNOWN = refusal("STAFF_UNKNOWN", Kind.UNKNOWN, "{person} is not on the staff of this affiliate.")
LAST_ADMINISTRATOR = refusal(
    "LAST_ADMINISTRATOR", Kind.OUT_OF_ORDER, "{person} is the last administrator; appoint another one first."
)
TIME_ZONE_UNKNOWN = refusal("TIME_ZONE_UNKNOWN", Kind.INVALID, "No time zone is called {timezone}.")
DELEGATE_UNKNOWN = refusal(
    "DELEGATE_UNKNOWN", Kind.UNKNOWN, "Decisions can be delegated to another affiliate; {to} is none."
)
DELEGATION_OVER = refusal(
    "DELEGATION_OVER", Kind.INVALID, "A delegation ends today, {today}, or later, not on {until}; end it with today."
)
CHARTER_ENDED = refusal(
    "CHARTER_ENDED",
    Kind.OUT_OF_ORDER,
    "The charter of {affiliate} ends or ended on {ended_on}; its programs pass to {successor}.",
)
CHARTER_ENDS_BACK = refusal(
    "CHARTER_ENDS_BACK", Kind.INVALID, "A charter ends today, {today}, or later, not on {effective_on}."
)
SUCCESSOR_UNKNOWN = refusal(
    "SUCCESSOR_UNKNOWN",
    Kind.UNKNOWN,
    "The programs pass to another affiliate whose charter goes on; {successor} is none.",
)
AREA_UNCHANGED = refusal("AREA_UNCHANGED", Kind.INVALID, "The area is already exactly that.")

StaffRole = Literal["affiliate_admin", "reviewer", "decider"]


class Workshop(msgspec.Struct, frozen=True, kw_only=True):
    """Stage ``offers``: a workshop, training or webinar of the catalogue."""

    title: str
    form: str
    on: date
    takes_voucher: bool
    for_whom: str
    version: int
    cancelled: int = 0


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Stage ``offers``: a time in which a benefit is to be had that is there only when available."""

    since: date
    last: date | None
    closed_on: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the benefit is to be had on a day."""
        begun = self.since <= day and (self.last is None or day <= self.last)
        return begun and (self.closed_on is None or day < self.closed_on)


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """Stage ``interests``: what ties a person to a program, such as a seat of its people on the affiliate's board."""

    person: str
    program_id: str
    nature: str
    since: date
    ended_on: date | None = None
    """The first day without it."""
    version: int

    def runs(self, day: date) -> bool:
        """Whether it is there on a day."""
        return self.since <= day and (self.ended_on is None or day < self.ended_on)


class Affiliate(msgspec.Struct, frozen=True, kw_only=True):
    """An affiliate as the rules see it."""

    affiliate_id: str
    version: int = 0
    name: str = ""
    timezone: str = ""
    website: str | None = None
    jurisdictions: tuple[str, ...] = ()
    national: bool = False
    policies_need_national: bool = False
    staff: dict[str, tuple[str, ...]] = {}
    delegated_to: str | None = None
    delegated_until: date | None = None
    workshops: dict[str, Workshop] = {}
    availability: dict[str, tuple[Opening, ...]] = {}
    """Stage ``offers``: by scheme and code of the benefit, such as ``scheme/funding``."""
    interests: dict[str, Interest] = {}
    ended_on: date | None = None
    """The first day without a charter."""
    successor: str | None = None
    """Whose staff is in charge of its programs from that day on."""

    def chartered(self, day: date) -> bool:
        """Whether it has its charter on a day."""
        return self.ended_on is None or day < self.ended_on


class AffiliateCommand(Command):
    """A request about one affiliate."""

    aggregate: ClassVar[str] = "affiliate"


class AffiliateChartered(Event):
    """The affiliate exists: its name, its area and its first administrator."""

    says = "chartered {e.name} for {e.jurisdictions}"
    name: OrganisationName
    timezone: Code
    website: Website | None = None
    jurisdictions: tuple[Code, ...]
    national: bool = False
    policies_need_national: bool = False
    administrator: PersonId


class AffiliateJurisdictionSet(Event):
    """The affiliate serves other places than before."""

    says = "set the area to {e.jurisdictions}"
    jurisdictions: tuple[Code, ...]


class StaffAppointed(Event):
    """A person takes parts on the affiliate's staff, in place of any earlier ones."""

    says = "appointed {e.person} as {e.roles}"
    person: PersonId
    roles: tuple[Code, ...]


class StaffDeparted(Event):
    """A person left the affiliate's staff."""

    says = "recorded that {e.person} left the staff"
    person: PersonId


class DecisionDelegated(Event):
    """Tier decisions may be taken by the deciders of another affiliate until a day (A26)."""

    says = "delegated tier decisions to {e.to} until {e.until}"
    to: Code
    until: date


class AffiliateCharterEnded(Event):
    """The affiliate ceases to be one on a day; its programs are in the charge of another from then on."""

    says = "ended the charter from {e.effective_on}; the programs pass to {e.successor}"
    successor: Code
    effective_on: date


class CharterAffiliate(AffiliateCommand):
    """Enter an affiliate with its area and its first administrator."""

    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.OPERATOR, Role.NATIONAL)
    name: OrganisationName
    timezone: Code
    website: Website | None = None
    jurisdictions: tuple[Code, ...] = Field(min_length=1)
    national: bool = False
    policies_need_national: bool = False
    administrator: PersonId


class SetJurisdiction(AffiliateCommand):
    """Change which places the affiliate serves."""

    by: ClassVar[tuple[Role, ...]] = (Role.OPERATOR, Role.NATIONAL)
    jurisdictions: tuple[Code, ...] = Field(min_length=1)


class AppointStaff(AffiliateCommand):
    """Give a person parts on the staff; naming a person again replaces the parts."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.OPERATOR)
    person: PersonId
    roles: tuple[StaffRole, ...] = Field(min_length=1)


class RecordStaffDeparture(AffiliateCommand):
    """Record that a person left the staff."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.OPERATOR)
    person: PersonId


class DelegateDecisions(AffiliateCommand):
    """Let the deciders of another affiliate decide, for one-person affiliates (A26)."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    to: Code
    until: date


class EndCharter(AffiliateCommand):
    """End the charter from a day on; the staff of the successor takes charge of the programs."""

    by: ClassVar[tuple[Role, ...]] = (Role.OPERATOR, Role.NATIONAL)
    successor: Code
    effective_on: date


def in_charge(shelf: Shelf, code: str, today: date) -> Affiliate:
    """Whose staff is in charge of the programs of an affiliate on a day: its own, or after the end of its charter that
    of its successor, and so on."""
    affiliate: Affiliate = shelf.affiliate(code)
    while affiliate.successor and not affiliate.chartered(today):
        affiliate = shelf.affiliate(affiliate.successor)
    return affiliate


def has_charter(need: Need, affiliate: Affiliate, today: date) -> None:
    """Notes that the charter has ended."""
    told = {"affiliate": affiliate.affiliate_id, "ended_on": affiliate.ended_on, "successor": affiliate.successor}
    need(affiliate.chartered(today), CHARTER_ENDED, **told)


def administrators(affiliate: Affiliate) -> list[str]:
    """Who administers the affiliate now."""
    return [p for p, roles in affiliate.staff.items() if "affiliate_admin" in roles]


@stage.decide(CharterAffiliate)
def charter(a: Affiliate, c: CharterAffiliate, ctx: Context) -> Outcomes:
    """An affiliate is chartered once; its first administrator appoints the others."""
    need = Need()
    need(not a.version, AFFILIATE_KNOWN, code=a.affiliate_id)
    need(known_zone(c.timezone), TIME_ZONE_UNKNOWN, timezone=c.timezone)
    need.settle()
    return [fact(AffiliateChartered, c)]


@stage.decide(SetJurisdiction)
def set_jurisdiction(a: Affiliate, c: SetJurisdiction, ctx: Context) -> Outcomes:
    """The area is a set of place codes; setting the same one again is refused."""
    need = Need()
    has_charter(need, a, ctx.today(a.timezone))
    need(set(c.jurisdictions) != set(a.jurisdictions), AREA_UNCHANGED)
    need.settle()
    return [AffiliateJurisdictionSet(jurisdictions=c.jurisdictions)]


@stage.decide(AppointStaff)
def appoint_staff(a: Affiliate, c: AppointStaff, ctx: Context) -> Outcomes:
    """Parts are replaced as a whole; there is always an administrator."""
    roles = tuple(dict.fromkeys(c.roles))
    if a.staff.get(c.person) == roles:
        return []
    need = Need()
    has_charter(need, a, ctx.today(a.timezone))
    need("affiliate_admin" in roles or administrators(a) != [c.person], LAST_ADMINISTRATOR, person=c.person)
    need.settle()
    return [StaffAppointed(person=c.person, roles=roles)]


@stage.decide(RecordStaffDeparture)
def record_departure(a: Affiliate, c: RecordStaffDeparture, ctx: Context) -> Outcomes:
    """Whoever leaves loses every part; there is always an administrator."""
    need = Need()
    need(c.person in a.staff, STAFF_UNKNOWN, person=c.person)
    need(administrators(a) != [c.person], LAST_ADMINISTRATOR, person=c.person)
    need.settle()
    return [StaffDeparted(person=c.person)]


@stage.decide(DelegateDecisions)
def delegate(a: Affiliate, c: DelegateDecisions, ctx: Context) -> Outcomes:
    """The other affiliate must be there, have its charter and be another one."""
    need = Need()
    today = ctx.today(a.timezone)
    has_charter(need, a, today)
    other: Affiliate | None = ctx.shelf.affiliate(c.to)
    fit = other is not None and c.to != a.affiliate_id and other.chartered(today)
    need(fit, DELEGATE_UNKNOWN, to=c.to)
    need(c.until >= today, DELEGATION_OVER, until=c.until, today=today)
    need.settle()
    return [DecisionDelegated(to=c.to, until=c.until)]


@stage.decide(EndCharter)
def end_charter(a: Affiliate, c: EndCharter, ctx: Context) -> Outcomes:
    """A charter ends once, today or later; whoever takes over has a charter without an end, so nothing leads back."""
    today = ctx.today(a.timezone)
    need = Need()
    told = {"affiliate": a.affiliate_id, "ended_on": a.ended_on, "successor": a.successor}
    need(a.ended_on is None, CHARTER_ENDED, **told)
    need(c.effective_on >= today, CHARTER_ENDS_BACK, today=today, effective_on=c.effective_on)
    other: Affiliate | None = ctx.shelf.affiliate(c.successor)
    fit = other is not None and c.successor != a.affiliate_id and other.ended_on is None
    need(fit, SUCCESSOR_UNKNOWN, successor=c.successor)
    need.settle()
    return [AffiliateCharterEnded(successor=c.successor, effective_on=c.effective_on)]


@stage.evolve(AffiliateChartered)
def _(a: Affiliate, e: AffiliateChartered, v: int) -> Affiliate:
    return replace(
        a,
        name=e.name,
        timezone=e.timezone,
        website=e.website,
        jurisdictions=e.jurisdictions,
        national=e.national,
        policies_need_national=e.policies_need_national,
        staff={e.administrator: ("affiliate_admin",)},
    )


@stage.evolve(AffiliateJurisdictionSet)
def _(a: Affiliate, e: AffiliateJurisdictionSet, v: int) -> Affiliate:
    return replace(a, jurisdictions=e.jurisdictions)


@stage.evolve(StaffAppointed)
def _(a: Affiliate, e: StaffAppointed, v: int) -> Affiliate:
    return replace(a, staff={**a.staff, e.person: e.roles})


@stage.evolve(StaffDeparted)
def _(a: Affiliate, e: StaffDeparted, v: int) -> Affiliate:
    return replace(a, staff=without(a.staff, e.person))


@stage.evolve(DecisionDelegated)
def _(a: Affiliate, e: DecisionDelegated, v: int) -> Affiliate:
    return replace(a, delegated_to=e.to, delegated_until=e.until)


@stage.evolve(AffiliateCharterEnded)
def _(a: Affiliate, e: AffiliateCharterEnded, v: int) -> Affiliate:
    return replace(a, ended_on=e.effective_on, successor=e.successor)
