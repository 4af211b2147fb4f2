"""Authority: in which part a person acts. Looked up in the registers; nobody claims to be somebody else (H6)."""

from dataclasses import replace
from typing import Any

from domain.affiliate import STAFF_ROLES, Affiliate
from domain.impartiality import holds_part
from domain.language import Actor, Command, Context, Kind, Reason, Refused, Role, refusal
from domain.listing import LEADING
from domain.program import Program

NOT_AUTHORISED = refusal("NOT_AUTHORISED", Kind.NOT_ALLOWED, "This is for {needed}; {person} acts here as {held}.")
OUT_OF_JURISDICTION = refusal(
    "OUT_OF_JURISDICTION", Kind.NOT_ALLOWED, "{person} acts for {elsewhere}, which is not in charge here."
)


def _staff(affiliate: Affiliate, person: str) -> dict[Role, str]:
    return {STAFF_ROLES[r]: affiliate.affiliate_id for r in affiliate.staff.get(person, ())}


def _in_program(p: Program, ctx: Context) -> dict[Role, str]:
    held: dict[Role, str] = {}
    roles = p.people[ctx.person].roles if ctx.person in p.people else ()
    if roles:
        held[Role.PROGRAM_STAFF] = p.program_id
    if set(roles) & set(LEADING):
        held[Role.PROGRAM_LEAD] = p.program_id
    affiliate: Affiliate | None = ctx.shelf.affiliate(p.listing.affiliate)
    # Whoever acts for the program takes no part in judging it, wherever else they are on the staff.
    if affiliate and not roles:
        held |= _staff(affiliate, ctx.person)
        if holds_part(p, ctx.person, "decider", ctx, ctx.today(affiliate.timezone)):
            held.setdefault(Role.DECIDER, affiliate.delegated_to or affiliate.affiliate_id)
    return held


def parts(state: Any, ctx: Context) -> dict[Role, str]:
    """Every part that the person has towards what the command is about, with the organisation it is held for."""
    held: dict[Role, str] = {}
    if isinstance(state, Program):
        held |= _in_program(state, ctx)
    elif isinstance(state, Affiliate):
        held |= _staff(state, ctx.person)
    else:
        for affiliate in ctx.shelf.affiliates():
            held |= _staff(affiliate, ctx.person)
    for affiliate in ctx.shelf.affiliates():
        if affiliate.national and Role.AFFILIATE_ADMIN in _staff(affiliate, ctx.person):
            held[Role.NATIONAL] = affiliate.affiliate_id
    held |= dict.fromkeys(ctx.standing, "service")
    held.setdefault(Role.PUBLIC, "public")
    return held


def acting(state: Any, command: Command, ctx: Context) -> Context:
    """The context with the part in which the person may ask for this, or ``Refused``."""
    held = parts(state, ctx)
    for role in command.by:
        if role in held:
            return replace(ctx, actor=Actor(ctx.person, role, held[role]), parts=frozenset(held))
    elsewhere = [a.affiliate_id for a in ctx.shelf.affiliates() if ctx.person in a.staff]
    if elsewhere and not set(held) - {Role.PUBLIC, Role.NATIONAL}:
        raise Refused(Reason(OUT_OF_JURISDICTION, {"person": ctx.person, "elsewhere": elsewhere}))
    needed, having = [r.value for r in command.by], sorted(r.value for r in held)
    raise Refused(Reason(NOT_AUTHORISED, {"needed": needed, "person": ctx.person, "held": having}))
