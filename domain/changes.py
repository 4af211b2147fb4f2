"""Changes: a program takes another name, and its leadership passes to somebody else (2.4, S1-02)."""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.affiliate import Affiliate
from domain.documents import usable
from domain.language import (
    Context,
    Event,
    Kind,
    Need,
    Outcome,
    Outcomes,
    ProgramCommand,
    Role,
    Stage,
    fact,
    only,
    refusal,
)
from domain.listing import (
    AUTHORITY_UNPROVEN,
    NOTHING_CHANGED,
    ProgramRepresentativeAppointed,
    ProgramRepresentativeRemoved,
    appointable,
)
from domain.program import Program, freeze
from domain.term import DATE_IN_FUTURE
from domain.values import Code, OrganisationName, PersonId, Reference

stage = Stage("changes")

NOT_IN_THAT_ROLE = refusal(
    "NOT_IN_THAT_ROLE", Kind.OUT_OF_ORDER, "{person} is not the program's {role}; name somebody who is."
)
LeadingRole = Literal["program_lead", "executive_director", "board_chair", "head_of_program"]


class ProgramRenamed(Event):
    """The program is called something else from a day on."""

    says = "renamed {e.former_name} to {e.display_name} from {e.effective_on}"
    former_name: OrganisationName
    display_name: OrganisationName
    former_legal_name: OrganisationName | None = None
    legal_name: OrganisationName | None = None
    """The new legal name, where that changed."""
    effective_on: date
    document_id: Reference | None = None


class LeadershipChanged(Event):
    """The leadership of the program passed from one person to another."""

    says = "handed the part of {e.role} over from {e.from_person} to {e.to_person}"
    role: Code
    from_person: PersonId
    to_person: PersonId


class RenameProgram(ProgramCommand):
    """Record the program's new name; an administrator shows it by a document."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    display_name: OrganisationName
    legal_name: OrganisationName | None = None
    effective_on: date
    document_id: Reference | None = None


class HandOverLeadership(ProgramCommand):
    """Let one person lead in the place of another, who leaves; whoever stays in another role is appointed anew."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    from_person: PersonId
    to_person: PersonId
    role: LeadingRole
    authority_document_id: Reference | None = None


def today_at_home(p: Program, ctx: Context) -> date:
    """The day it is where the program's affiliate is."""
    affiliate: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    return ctx.today(affiliate.timezone)


@stage.decide(RenameProgram)
def rename(p: Program, c: RenameProgram, ctx: Context) -> Outcomes:
    """A name that is in use by now and differs from the last one."""
    today = today_at_home(p, ctx)
    legal_name = c.legal_name if c.legal_name != p.listing.legal_name else None
    need = Need()
    need(legal_name or c.display_name != p.listing.display_name, NOTHING_CHANGED)
    need(c.effective_on <= today, DATE_IN_FUTURE, field="effective_on", day=c.effective_on, today=today)
    need(c.document_id or ctx.actor.role is Role.PROGRAM_LEAD, AUTHORITY_UNPROVEN)
    need.settle()
    if c.document_id:
        usable(p, c.document_id)
    former = {"former_name": p.listing.display_name, "former_legal_name": p.listing.legal_name if legal_name else None}
    return [fact(ProgramRenamed, c, legal_name=legal_name, **former)]


@stage.decide(HandOverLeadership)
def hand_over(p: Program, c: HandOverLeadership, ctx: Context) -> Outcomes:
    """Whoever leads passes the part on to somebody who may act for the program; the program is led all the while."""
    former, coming = p.people.get(c.from_person), p.people.get(c.to_person)
    need = Need()
    need(former and c.role in former.roles, NOT_IN_THAT_ROLE, person=c.from_person, role=c.role)
    need(c.from_person != c.to_person, NOTHING_CHANGED)
    has_it = coming is not None and c.role in coming.roles
    if not has_it:
        appointable(need, p, c.to_person, c.role, c.authority_document_id, ctx)
    need.settle()
    document = c.authority_document_id
    appointed = ProgramRepresentativeAppointed(person=c.to_person, role=c.role, authority_document_id=document)
    passed: list[Outcome] = [
        ProgramRepresentativeRemoved(person=c.from_person, left_on=today_at_home(p, ctx)),
        LeadershipChanged(role=c.role, from_person=c.from_person, to_person=c.to_person),
    ]
    return passed if has_it else [appointed, *passed]


@stage.evolve(ProgramRenamed)
def _(p: Program, e: ProgramRenamed, v: int) -> Program:
    legal_name = e.legal_name or p.listing.legal_name
    return freeze(
        replace(p, listing=replace(p.listing, display_name=e.display_name, legal_name=legal_name)), e.document_id
    )


@stage.evolve(LeadershipChanged)
def _(p: Program, e: LeadershipChanged, v: int) -> Program:
    return p  # the appointment and the removal beside it say it all


def _renamed_since(p: Program, e: ProgramRenamed) -> list[str]:
    names = [act for act in p.acts.values() if isinstance(act, ProgramRenamed)]
    return [] if names[-1] is e else ["later_name"]


@stage.undo(ProgramRenamed, by=only(Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN), rests=_renamed_since)
def _(p: Program, e: ProgramRenamed, v: int) -> Program:
    legal_name = e.former_legal_name or p.listing.legal_name
    return replace(p, listing=replace(p.listing, display_name=e.former_name, legal_name=legal_name))
