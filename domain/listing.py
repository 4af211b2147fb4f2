"""Listing: a mentoring program registers and the affiliate of its area approves the listing (S1-02, M5)."""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from domain.affiliate import Affiliate, has_charter, in_charge
from domain.documents import usable
from domain.language import (
    Claim,
    Context,
    Event,
    Kind,
    Need,
    Outcomes,
    ProgramCommand,
    Role,
    Stage,
    fact,
    found,
    refusal,
)
from domain.program import Listing, Program, Representative, freeze, without
from domain.publishing import AFFILIATE_UNKNOWN
from domain.term import DATE_IN_FUTURE
from domain.values import Code, OrganisationName, PersonId, Reference, Text, TextRef, Website

stage = Stage("listing")

LEADING = ("program_lead", "executive_director", "board_chair", "head_of_program")
"""Roles that lead a program; any of them acts as its leadership."""
RepresentativeRole = Literal["program_lead", "executive_director", "board_chair", "head_of_program", "program_staff"]

ALREADY_REGISTERED = refusal("ALREADY_REGISTERED", Kind.OUT_OF_ORDER, "This program is registered already.")
DUPLICATE_LISTING = refusal(
    "DUPLICATE_LISTING", Kind.OUT_OF_ORDER, "Another program is registered under the listing number {value}."
)
LISTING_NOT_PENDING = refusal(
    "LISTING_NOT_PENDING", Kind.OUT_OF_ORDER, "The listing is {state}; only a pending one can be approved or declined."
)
WRONG_LISTING_STATE = refusal("WRONG_LISTING_STATE", Kind.OUT_OF_ORDER, "The listing is {state}, not {wanted}.")
OUTSIDE_AREA = refusal("OUTSIDE_AREA", Kind.INVALID, "The program works in {jurisdiction}; {affiliate} serves {area}.")
SERVES_NO_YOUTH = refusal("SERVES_NO_YOUTH", Kind.INVALID, "Only programs that mentor young people are listed.")
NOT_A_REPRESENTATIVE = refusal("NOT_A_REPRESENTATIVE", Kind.UNKNOWN, "{person} does not act for this program.")
LAST_LEAD = refusal(
    "LAST_LEAD", Kind.OUT_OF_ORDER, "{person} is the last who leads the program; appoint another first."
)
AFFILIATE_STAFF = refusal(
    "AFFILIATE_STAFF", Kind.NOT_ALLOWED, "{person} is on the affiliate's staff and cannot act for a program there."
)
AUTHORITY_UNPROVEN = refusal(
    "AUTHORITY_UNPROVEN",
    Kind.INCOMPLETE,
    "Who leads the program, or what it is called, is shown by a document handed in.",
)
NOTHING_CHANGED = refusal("NOTHING_CHANGED", Kind.INVALID, "Nothing in the profile would change.")


class ProgramRegistered(Event):
    """A program entered itself in the register."""

    says = "registered {e.display_name} ({e.jurisdiction}) with {e.affiliate}"
    legal_name: OrganisationName
    display_name: OrganisationName
    parent_org: OrganisationName | None = None
    affiliate: Code
    jurisdiction: Code
    city: OrganisationName
    began_operating_on: date
    models: tuple[Code, ...]
    ages: tuple[int, int]
    serves_youth: bool
    connector_ref: Reference
    website: Website | None = None
    ein: Code | None = None


class ProgramListingApproved(Event):
    """The affiliate approved the listing."""

    says = "approved the listing with {e.affiliate}"
    affiliate: Code


class ProgramListingDeclined(Event):
    """The affiliate declined the listing."""

    says = "declined the listing ({e.ground}): {e.reason}"
    ground: Code
    reason: TextRef


class ProgramListingPaused(Event):
    """The listing rests; the program is not shown."""

    says = "paused the listing ({e.ground})"
    ground: Code


class ProgramListingResumed(Event):
    """The listing is shown again."""

    says = "resumed the listing"


class ProgramProfileAmended(Event):
    """Public facts about the program changed."""

    says = "amended the public profile"
    website: Website | None = None
    city: OrganisationName | None = None
    ages: tuple[int, int] | None = None
    models: tuple[Code, ...] | None = None


class ProgramRepresentativeAppointed(Event):
    """A person acts for the program in a role."""

    says = "appointed {e.person} as {e.role}"
    person: PersonId
    role: Code
    authority_document_id: Reference | None = None


class ProgramRepresentativeRemoved(Event):
    """A person no longer acts for the program."""

    says = "recorded that {e.person} no longer acts for the program"
    person: PersonId
    left_on: date


class RegisterProgram(ProgramCommand):
    """Enter a mentoring program in the register of the affiliate of its area."""

    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.OPERATOR, Role.PUBLIC)
    legal_name: OrganisationName
    display_name: OrganisationName
    parent_org: OrganisationName | None = None
    affiliate: Code
    jurisdiction: Code
    city: OrganisationName
    began_operating_on: date
    models: tuple[Code, ...] = Field(min_length=1)
    ages: tuple[int, int]
    serves_youth: bool
    connector_ref: Reference
    website: Website | None = None
    ein: Code | None = None


class ApproveListing(ProgramCommand):
    """Approve a pending listing and appoint the program's first lead."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    lead: PersonId


class DeclineListing(ProgramCommand):
    """Decline a pending listing, with the reason."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    ground: Literal["outside_area", "not_a_mentoring_program", "serves_no_youth", "incomplete", "other"]
    reason: Text


class PauseListing(ProgramCommand):
    """Take a listing out of sight for a while."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    ground: Literal["at_own_request", "unreachable", "dormant"]


class ResumeListing(ProgramCommand):
    """Show a paused listing again."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)


class AmendProfile(ProgramCommand):
    """Change public facts: website, city, ages served, models."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    website: Website | None = None
    city: OrganisationName | None = None
    ages: tuple[int, int] | None = None
    models: tuple[Code, ...] | None = None


class AppointRepresentative(ProgramCommand):
    """Let a person act for the program; leading roles are shown by a document unless a lead appoints."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    person: PersonId
    role: RepresentativeRole
    authority_document_id: Reference | None = None


class RemoveRepresentative(ProgramCommand):
    """Record that a person no longer acts for the program."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    person: PersonId


def leads(program: Program) -> list[str]:
    """Who leads the program now."""
    return [p for p, r in program.people.items() if set(r.roles) & set(LEADING)]


@stage.decide(RegisterProgram)
def register(p: Program, c: RegisterProgram, ctx: Context) -> Outcomes:
    """A program registers once; its listing number belongs to nobody else."""
    affiliate: Affiliate = found(ctx.shelf.affiliate(c.affiliate), AFFILIATE_UNKNOWN, affiliate=c.affiliate)
    today = ctx.today(affiliate.timezone)
    need = Need()
    need(p.listing.state == "unregistered", ALREADY_REGISTERED)
    has_charter(need, affiliate, today)
    began = c.began_operating_on
    need(began <= today, DATE_IN_FUTURE, field="began_operating_on", day=began, today=today)
    need.settle()
    return [fact(ProgramRegistered, c), Claim("connector_ref", c.connector_ref, DUPLICATE_LISTING)]


@stage.decide(ApproveListing)
def approve(p: Program, c: ApproveListing, ctx: Context) -> Outcomes:
    """The affiliate approves programs of its own area that serve young people (M5)."""
    affiliate: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    need = Need()
    need(p.listing.state == "pending", LISTING_NOT_PENDING, state=p.listing.state)
    need(
        p.listing.jurisdiction in affiliate.jurisdictions,
        OUTSIDE_AREA,
        jurisdiction=p.listing.jurisdiction,
        affiliate=affiliate.name,
        area=affiliate.jurisdictions,
    )
    need(p.listing.serves_youth, SERVES_NO_YOUTH)
    staff = in_charge(ctx.shelf, p.listing.affiliate, ctx.today(affiliate.timezone)).staff
    need(c.lead not in staff, AFFILIATE_STAFF, person=c.lead)
    need.settle()
    return [
        ProgramListingApproved(affiliate=affiliate.affiliate_id),
        ProgramRepresentativeAppointed(person=c.lead, role="program_lead"),
    ]


@stage.decide(DeclineListing)
def decline(p: Program, c: DeclineListing, ctx: Context) -> Outcomes:
    """Only a pending listing can be declined."""
    need = Need()
    need(p.listing.state == "pending", LISTING_NOT_PENDING, state=p.listing.state)
    need.settle()
    return [ProgramListingDeclined(ground=c.ground, reason=c.reason)]


@stage.decide(PauseListing)
def pause(p: Program, c: PauseListing, ctx: Context) -> Outcomes:
    """Only what is shown can be paused."""
    need = Need()
    need(p.listing.state == "listed", WRONG_LISTING_STATE, state=p.listing.state, wanted="listed")
    need.settle()
    return [ProgramListingPaused(ground=c.ground)]


@stage.decide(ResumeListing)
def resume(p: Program, c: ResumeListing, ctx: Context) -> Outcomes:
    """Only what is paused can be resumed."""
    need = Need()
    need(p.listing.state == "paused", WRONG_LISTING_STATE, state=p.listing.state, wanted="paused")
    need.settle()
    return [ProgramListingResumed()]


@stage.decide(AmendProfile)
def amend(p: Program, c: AmendProfile, ctx: Context) -> Outcomes:
    """At least one fact is given."""
    changes = {k: getattr(c, k) for k in type(c).model_fields if getattr(c, k) is not None}
    need = Need()
    need(changes, NOTHING_CHANGED)
    need.settle()
    return [ProgramProfileAmended(**changes)]


def appointable(need: Need, p: Program, person: str, role: str, document: str | None, ctx: Context) -> None:
    """Notes what keeps a person from acting for the program in a role: a part on the affiliate's staff, or an
    administrator's appointment of a leader that rests on no document."""
    home: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    staff = in_charge(ctx.shelf, home.affiliate_id, ctx.today(home.timezone)).staff
    need(person not in staff, AFFILIATE_STAFF, person=person)
    if document:
        usable(p, document)
    shown = document or ctx.actor.role is Role.PROGRAM_LEAD or role not in LEADING
    need(shown, AUTHORITY_UNPROVEN)


@stage.decide(AppointRepresentative)
def appoint(p: Program, c: AppointRepresentative, ctx: Context) -> Outcomes:
    """Nobody acts for the program and for the affiliate at once; an administrator's appointment of a leader
    rests on a document."""
    held = p.people.get(c.person)
    if held and c.role in held.roles:
        return []
    need = Need()
    appointable(need, p, c.person, c.role, c.authority_document_id, ctx)
    need.settle()
    return [fact(ProgramRepresentativeAppointed, c)]


@stage.decide(RemoveRepresentative)
def remove(p: Program, c: RemoveRepresentative, ctx: Context) -> Outcomes:
    """Somebody always leads the program."""
    affiliate: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    held = p.people.get(c.person)
    need = Need()
    need(held and held.roles, NOT_A_REPRESENTATIVE, person=c.person)
    need(leads(p) != [c.person], LAST_LEAD, person=c.person)
    need.settle()
    return [ProgramRepresentativeRemoved(person=c.person, left_on=ctx.today(affiliate.timezone))]


@stage.evolve(ProgramRegistered)
def _(p: Program, e: ProgramRegistered, v: int) -> Program:
    listing = Listing(
        state="pending",
        registered=v,
        display_name=e.display_name,
        legal_name=e.legal_name,
        affiliate=e.affiliate,
        jurisdiction=e.jurisdiction,
        connector_ref=e.connector_ref,
        serves_youth=e.serves_youth,
        operating_since=e.began_operating_on,
    )
    return replace(p, listing=listing)


@stage.evolve(ProgramListingApproved)
def _(p: Program, e: ProgramListingApproved, v: int) -> Program:
    return replace(p, listing=replace(p.listing, state="listed", approved=v, affiliate=e.affiliate))


@stage.evolve(ProgramListingDeclined)
def _(p: Program, e: ProgramListingDeclined, v: int) -> Program:
    return replace(p, listing=replace(p.listing, state="declined"))


@stage.evolve(ProgramListingPaused)
def _(p: Program, e: ProgramListingPaused, v: int) -> Program:
    return replace(p, listing=replace(p.listing, state="paused"))


@stage.evolve(ProgramListingResumed)
def _(p: Program, e: ProgramListingResumed, v: int) -> Program:
    return replace(p, listing=replace(p.listing, state="listed"))


@stage.evolve(ProgramProfileAmended)
def _(p: Program, e: ProgramProfileAmended, v: int) -> Program:
    return p  # no later decision asks for the public profile; the directory shows it


@stage.evolve(ProgramRepresentativeAppointed)
def _(p: Program, e: ProgramRepresentativeAppointed, v: int) -> Program:
    held = p.people.get(e.person, Representative())
    p = freeze(p, e.authority_document_id)
    return replace(p, people={**p.people, e.person: Representative(roles=(*held.roles, e.role))})


@stage.evolve(ProgramRepresentativeRemoved)
def _(p: Program, e: ProgramRepresentativeRemoved, v: int) -> Program:
    return replace(p, people={**without(p.people, e.person), e.person: Representative(left_on=e.left_on)})
