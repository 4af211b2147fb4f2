"""Authority: in which part a person acts. Looked up in the registers; nobody claims to be somebody else (H6)."""

from datetime import date
from typing import Any

from msgspec.structs import replace

from domain.affiliate import STAFF_ROLES, Affiliate, in_charge
from domain.appeal import sits_on
from domain.complaint import Complaint
from domain.impartiality import holds_part, outside_part
from domain.language import Actor, Command, Context, Kind, Reason, Refused, Role, refusal
from domain.listing import LEADING
from domain.program import Program

NOT_AUTHORISED = refusal("NOT_AUTHORISED", Kind.NOT_ALLOWED, "This is for {needed}; {person} acts here as {held}.")
OUT_OF_JURISDICTION = refusal(
    "OUT_OF_JURISDICTION", Kind.NOT_ALLOWED, "{person} acts for {elsewhere}, which is not in charge here."
)


def _staff(affiliate: Affiliate, person: str) -> dict[Role, str]:
    return {STAFF_ROLES[r]: affiliate.affiliate_id for r in affiliate.staff.get(person, ())}


def _outside(p: Program, ctx: Context, today: date, command: Command | None) -> dict[Role, str]:
    """The parts that somebody from outside has in single cases; towards a request only those of its own case (M19)."""
    if command and not command.for_outsiders:
        return {}
    case = getattr(command, "cycle_id", None)
    cycles = [c for c in p.cycles.values() if c.outsiders and case in (None, c.cycle_id)]
    found = [outside_part(c, ctx.person, today) for c in cycles]
    return {STAFF_ROLES[part]: p.listing.affiliate for part in found if part}


def _in_program(p: Program, ctx: Context, command: Command | None) -> dict[Role, str]:
    held: dict[Role, str] = {}
    roles = p.people[ctx.person].roles if ctx.person in p.people else ()
    if roles:
        held[Role.PROGRAM_STAFF] = p.program_id
    if set(roles) & set(LEADING):
        held[Role.PROGRAM_LEAD] = p.program_id
    home: Affiliate | None = ctx.shelf.affiliate(p.listing.affiliate)
    # Whoever acts for the program takes no part in judging it, wherever else they are on the staff.
    if home and not roles:
        today = ctx.today(home.timezone)
        affiliate = in_charge(ctx.shelf, home.affiliate_id, today)
        held |= _staff(affiliate, ctx.person)
        receiving: Affiliate | None = ctx.shelf.affiliate(p.transfer.to) if p.transfer else None
        if receiving and Role.AFFILIATE_ADMIN in _staff(receiving, ctx.person):
            held[Role.RECEIVING_ADMIN] = receiving.affiliate_id
        if holds_part(p, ctx.person, "decider", ctx, today):
            held.setdefault(Role.DECIDER, affiliate.delegated_to or affiliate.affiliate_id)
        held = _outside(p, ctx, today, command) | held
        if any(sits_on(appeal, ctx.person, today) for appeal in p.appeals.values()):
            held[Role.PANELIST] = affiliate.affiliate_id
    return held


def _in_complaint(c: Complaint, ctx: Context) -> dict[Role, str]:
    """A complaint about a program is for the administrators in charge of it; one about an affiliate is for the national
    body, and nobody on that affiliate's staff has a part in it (M19)."""
    named: Affiliate | None = ctx.shelf.affiliate(c.affiliate)
    if named is None:  # a complaint that is only now handed in
        staffs = [_staff(affiliate, ctx.person) for affiliate in ctx.shelf.affiliates()]
        return {role: org for staff in staffs for role, org in staff.items()} | _national(ctx)
    if c.about == "affiliate":
        return {} if ctx.person in named.staff else _national(ctx)
    affiliate = in_charge(ctx.shelf, c.affiliate, ctx.today(named.timezone))
    return {role: org for role, org in _staff(affiliate, ctx.person).items() if role is Role.AFFILIATE_ADMIN}


def _national(ctx: Context) -> dict[Role, str]:
    bodies = [a for a in ctx.shelf.affiliates() if a.national and "affiliate_admin" in a.staff.get(ctx.person, ())]
    mine = [a.affiliate_id for a in bodies if a.chartered(ctx.today(a.timezone))]
    return {Role.NATIONAL: mine[-1]} if mine else {}


def parts(state: Any, ctx: Context, command: Command | None = None) -> dict[Role, str]:
    """Every part that the person has towards what the command is about, with the organisation it is held for; without
    a command, those with which somebody reads."""
    held: dict[Role, str] = {}
    if isinstance(state, Program):
        held |= _in_program(state, ctx, command)
    elif isinstance(state, Affiliate):
        held |= _staff(state, ctx.person)
    elif isinstance(state, Complaint):
        held |= _in_complaint(state, ctx)
    else:
        for affiliate in ctx.shelf.affiliates():
            held |= _staff(affiliate, ctx.person)
    if not isinstance(state, Complaint):
        held |= _national(ctx)
    held |= dict.fromkeys(ctx.standing, "service")
    held.setdefault(Role.PUBLIC, "public")
    return held


def acting(state: Any, command: Command, ctx: Context) -> Context:
    """The context with the part in which the person may ask for this, or ``Refused``."""
    held = parts(state, ctx, command)
    for role in command.by:
        if role in held:
            return replace(ctx, actor=Actor(ctx.person, role, held[role]), parts=frozenset(held))
    elsewhere = [a.affiliate_id for a in ctx.shelf.affiliates() if ctx.person in a.staff]
    # Of a complaint nobody learns who is in charge of it (M19).
    if elsewhere and not isinstance(state, Complaint) and not set(held) - {Role.PUBLIC, Role.NATIONAL}:
        raise Refused(Reason(OUT_OF_JURISDICTION, {"person": ctx.person, "elsewhere": elsewhere}))
    needed, having = [r.value for r in command.by], sorted(r.value for r in held)
    raise Refused(Reason(NOT_AUTHORISED, {"needed": needed, "person": ctx.person, "held": having}))
