"""An affiliate: its area, its staff and their parts, and to whom it delegates decisions."""

from datetime import date
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace
from pydantic import Field

from domain.language import Command, Context, Event, Kind, Need, Outcomes, Role, Stage, fact, refusal
from domain.program import without
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
DELEGATE_UNKNOWN = refusal(
    "DELEGATE_UNKNOWN", Kind.UNKNOWN, "Decisions can be delegated to another affiliate; {to} is none."
)
DELEGATION_OVER = refusal(
    "DELEGATION_OVER", Kind.INVALID, "A delegation ends today, {today}, or later, not on {until}; end it with today."
)
AREA_UNCHANGED = refusal("AREA_UNCHANGED", Kind.INVALID, "The area is already exactly that.")

StaffRole = Literal["affiliate_admin", "reviewer", "decider"]


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


def administrators(affiliate: Affiliate) -> list[str]:
    """Who administers the affiliate now."""
    return [p for p, roles in affiliate.staff.items() if "affiliate_admin" in roles]


@stage.decide(CharterAffiliate)
def charter(a: Affiliate, c: CharterAffiliate, ctx: Context) -> Outcomes:
    """An affiliate is chartered once; its first administrator appoints the others."""
    need = Need()
    need(not a.version, AFFILIATE_KNOWN, code=a.affiliate_id)
    need.settle()
    return [fact(AffiliateChartered, c)]


@stage.decide(SetJurisdiction)
def set_jurisdiction(a: Affiliate, c: SetJurisdiction, ctx: Context) -> Outcomes:
    """The area is a set of place codes; setting the same one again is refused."""
    need = Need()
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
    """The other affiliate must exist and be another one."""
    need = Need()
    other = ctx.shelf.affiliate(c.to)
    need(other is not None and c.to != a.affiliate_id, DELEGATE_UNKNOWN, to=c.to)
    today = ctx.today(a.timezone)
    need(c.until >= today, DELEGATION_OVER, until=c.until, today=today)
    need.settle()
    return [DecisionDelegated(to=c.to, until=c.until)]


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
