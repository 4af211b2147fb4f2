"""Interests: the register of what ties people to programs; seats on the affiliate's board or committees (S0-27, M19).

Whoever has an interest in a program that runs takes no part in its case, whatever they declare. A partner that gains a
seat on the affiliate's board or on a committee is entered here with the person who sits there.
"""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import ALREADY_RECORDED
from domain.affiliate import Affiliate, AffiliateCommand, Interest, has_charter
from domain.language import Context, Event, Kind, Need, Outcomes, Role, Stage, fact, found, refusal
from domain.values import Code, PersonId, Reference, Text, TextRef

stage = Stage("interests", aggregate="affiliate")

NOT_YOUR_INTEREST = refusal(
    "NOT_YOUR_INTEREST", Kind.NOT_ALLOWED, "Interests of others are entered and ended by an administrator."
)
INTEREST_UNKNOWN = refusal("INTEREST_UNKNOWN", Kind.UNKNOWN, "The register has no interest {interest_id} that runs.")
INTEREST_ENDS_FIRST = refusal(
    "INTEREST_ENDS_FIRST", Kind.INVALID, "It began on {since}; it cannot have ended on {ended_on}, before that."
)


class InterestRegistered(Event):
    """What ties a person to a program was entered in the affiliate's register."""

    says = "entered an interest of {e.person} in the program {e.program_id} since {e.since}: {e.nature}[; {e.note}]"
    interest_id: Reference
    person: PersonId
    program_id: Reference
    nature: Code
    since: date
    note: TextRef | None = None


class InterestEnded(Event):
    """An interest is over."""

    says = "recorded that an interest ended on {e.ended_on}"
    interest_id: Reference
    ended_on: date
    """The first day without it."""


class RegisterInterest(AffiliateCommand):
    """Enter what ties somebody to a program: each for themselves, an administrator for anybody."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.REVIEWER, Role.DECIDER)
    person: PersonId
    program_id: Reference
    nature: Literal["employment", "family", "financial", "board_seat", "committee_seat", "volunteer", "other"]
    since: date
    note: Text | None = None


class EndInterest(AffiliateCommand):
    """Record the first day without an interest; one that was entered in error ends on the day it began."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.REVIEWER, Role.DECIDER)
    interest_id: Reference
    ended_on: date


def _own(need: Need, person: str, ctx: Context) -> None:
    """Notes somebody else's interest, unless an administrator asks."""
    need(ctx.actor.role is Role.AFFILIATE_ADMIN or person == ctx.person, NOT_YOUR_INTEREST)


@stage.decide(RegisterInterest)
def register(a: Affiliate, c: RegisterInterest, ctx: Context) -> Outcomes:
    """Once, while it runs; people who are not on the staff have interests too."""
    running = [i for i in a.interests.values() if i.ended_on is None]
    known = [(i.person, i.program_id, i.nature) for i in running]
    need = Need()
    has_charter(need, a, ctx.today(a.timezone))
    _own(need, c.person, ctx)
    need((c.person, c.program_id, c.nature) not in known, ALREADY_RECORDED)
    need.settle()
    return [fact(InterestRegistered, c, interest_id=ctx.mint())]


@stage.decide(EndInterest)
def end(a: Affiliate, c: EndInterest, ctx: Context) -> Outcomes:
    """Not before it began."""
    known = a.interests.get(c.interest_id)
    interest = found(known if known and known.ended_on is None else None, INTEREST_UNKNOWN, interest_id=c.interest_id)
    need = Need()
    _own(need, interest.person, ctx)
    need(c.ended_on >= interest.since, INTEREST_ENDS_FIRST, since=interest.since, ended_on=c.ended_on)
    need.settle()
    return [fact(InterestEnded, c)]


@stage.evolve(InterestRegistered)
def _(a: Affiliate, e: InterestRegistered, v: int) -> Affiliate:
    interest = Interest(person=e.person, program_id=e.program_id, nature=e.nature, since=e.since, version=v)
    return replace(a, interests={**a.interests, e.interest_id: interest})


@stage.evolve(InterestEnded)
def _(a: Affiliate, e: InterestEnded, v: int) -> Affiliate:
    ended = replace(a.interests[e.interest_id], ended_on=e.ended_on)
    return replace(a, interests={**a.interests, e.interest_id: ended})
