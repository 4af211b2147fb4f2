"""Outsiders: people from outside who review or decide one case, for a limited time (M19).

They have their part towards that cycle alone and go through the same declarations and checks as staff.
"""

from datetime import date
from typing import ClassVar, Literal

from domain.access import cycle_of
from domain.affiliate import Affiliate
from domain.language import Context, CycleCommand, Kind, Need, Outcomes, Role, Stage, fact, refusal
from domain.program import ENDED, CycleEvent, Program, with_cycle, without
from domain.review import CYCLE_ENDED
from domain.values import Code, PersonId

stage = Stage("outsiders")

ACTS_FOR_PROGRAM = refusal(
    "ACTS_FOR_PROGRAM", Kind.NOT_ALLOWED, "{person} acts for the program and takes no part in judging it."
)
CASE_ACCESS_OVER = refusal(
    "CASE_ACCESS_OVER", Kind.INVALID, "Access to a case ends today, {today}, or later, not on {until}."
)
NO_CASE_ACCESS = refusal("NO_CASE_ACCESS", Kind.OUT_OF_ORDER, "{person} has no access of their own to this case.")


class CaseAccessGranted(CycleEvent):
    """Somebody from outside may review or decide this one case, through a day."""

    says = "gave {e.person} access to this case as {e.part}, through {e.until}"
    person: PersonId
    part: Code
    until: date
    """The last day."""


class CaseAccessEnded(CycleEvent):
    """Somebody from outside has no access to the case any more."""

    says = "ended the access of {e.person} to this case"
    person: PersonId


class GrantCaseAccess(CycleCommand):
    """Let somebody from outside review or decide this one case; naming a person again replaces part and day."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.NATIONAL)
    person: PersonId
    part: Literal["reviewer", "decider"]
    until: date


class EndCaseAccess(CycleCommand):
    """End somebody's access to this one case."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.NATIONAL)
    person: PersonId


@stage.decide(GrantCaseAccess)
def grant_case_access(p: Program, c: GrantCaseAccess, ctx: Context) -> Outcomes:
    """While the cycle goes on, to somebody who does not act for the program."""
    cycle = cycle_of(p, c.cycle_id)
    home: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    today = ctx.today(home.timezone)
    need = Need()
    need(cycle.phase not in ENDED, CYCLE_ENDED, phase=cycle.phase)
    need(not (c.person in p.people and p.people[c.person].roles), ACTS_FOR_PROGRAM, person=c.person)
    need(c.until >= today, CASE_ACCESS_OVER, today=today, until=c.until)
    need.settle()
    return [fact(CaseAccessGranted, c)]


@stage.decide(EndCaseAccess)
def end_case_access(p: Program, c: EndCaseAccess, ctx: Context) -> Outcomes:
    """Any time; what was done meanwhile stands."""
    cycle = cycle_of(p, c.cycle_id)
    need = Need()
    need(c.person in cycle.outsiders, NO_CASE_ACCESS, person=c.person)
    need.settle()
    return [fact(CaseAccessEnded, c)]


@stage.evolve(CaseAccessGranted)
def _(p: Program, e: CaseAccessGranted, v: int) -> Program:
    return with_cycle(p, e.cycle_id, outsiders={**p.cycles[e.cycle_id].outsiders, e.person: (e.part, e.until)})


@stage.evolve(CaseAccessEnded)
def _(p: Program, e: CaseAccessEnded, v: int) -> Program:
    return with_cycle(p, e.cycle_id, outsiders=without(p.cycles[e.cycle_id].outsiders, e.person))
