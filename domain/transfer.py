"""Transfer: a program passes from one affiliate to another, which has to accept it (2.4, 3.4).

What it holds stays under the old scheme until it ends, or ends with the transfer; it never becomes a tier of the other
affiliate's scheme without a decision there.
"""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.affiliate import Affiliate, has_charter
from domain.closure import RUNNING, Treatment, closed, nothing_open
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, fact, found, refusal
from domain.listing import AFFILIATE_STAFF, OUTSIDE_AREA, WRONG_LISTING_STATE
from domain.program import Program
from domain.publishing import AFFILIATE_UNKNOWN, SECOND_PERSON_REQUIRED
from domain.tenure import Transfer
from domain.values import Code, PersonId, Text, TextRef

stage = Stage("transfer")

SAME_AFFILIATE = refusal(
    "SAME_AFFILIATE", Kind.INVALID, "The program belongs to {affiliate} already; name another one."
)
TRANSFER_PENDING = refusal(
    "TRANSFER_PENDING", Kind.OUT_OF_ORDER, "A transfer to {to} waits for an answer; withdraw it first."
)
NO_TRANSFER = refusal("NO_TRANSFER", Kind.OUT_OF_ORDER, "No transfer of this program waits for an answer.")
NOT_THE_PROPOSER = refusal(
    "NOT_THE_PROPOSER", Kind.NOT_ALLOWED, "The transfer was proposed by the {side}; they or the receiving one end it."
)
Side = Literal["program", "affiliate"]


class ProgramTransferProposed(Event):
    """Another affiliate was asked to take the program over."""

    says = "proposed a transfer to {e.to} ({e.jurisdiction}), tiers {e.status_treatment}: {e.reason}"
    to: Code
    jurisdiction: Code
    status_treatment: Treatment
    side: Side
    """Who proposed it: the program, or its affiliate."""
    proposed_by: PersonId
    reason: TextRef


class ProgramTransferDeclined(Event):
    """The transfer does not take place: it was declined, or withdrawn by the side that proposed it."""

    says = "ended the proposed transfer to {e.to} ({e.outcome}): {e.reason}"
    to: Code
    outcome: Literal["declined", "withdrawn"]
    reason: TextRef


class ProgramTransferredToAffiliate(Event):
    """The program belongs to another affiliate from a day on."""

    says = "took the program over from {e.from_affiliate} to {e.to} ({e.jurisdiction}), tiers {e.status_treatment}"
    from_affiliate: Code
    to: Code
    jurisdiction: Code
    effective_on: date
    status_treatment: Treatment


class ProposeTransfer(ProgramCommand):
    """Ask another affiliate to take the program over; say whether tiers held are kept until they end, or end."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    to: Code
    jurisdiction: Code
    status_treatment: Treatment
    reason: Text


class AcceptTransfer(ProgramCommand):
    """Take the program over, from today on."""

    by: ClassVar[tuple[Role, ...]] = (Role.RECEIVING_ADMIN,)


class DeclineTransfer(ProgramCommand):
    """Decline to take the program over, or withdraw what one's own side proposed."""

    by: ClassVar[tuple[Role, ...]] = (Role.RECEIVING_ADMIN, Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    reason: Text


def _side(ctx: Context) -> Side:
    return "program" if ctx.actor.role is Role.PROGRAM_LEAD else "affiliate"


def _movable(need: Need, p: Program, to: str, jurisdiction: str, ctx: Context) -> date:
    """Notes what keeps the program from passing to an affiliate; the day it is there."""
    other: Affiliate = found(ctx.shelf.affiliate(to), AFFILIATE_UNKNOWN, affiliate=to)
    today = ctx.today(other.timezone)
    need(p.listing.state in RUNNING, WRONG_LISTING_STATE, state=p.listing.state, wanted="listed or paused")
    need(to != p.listing.affiliate, SAME_AFFILIATE, affiliate=to)
    has_charter(need, other, today)
    place = {"jurisdiction": jurisdiction, "affiliate": other.name, "area": other.jurisdictions}
    need(jurisdiction in other.jurisdictions, OUTSIDE_AREA, **place)
    both = [person for person, held in p.people.items() if held.roles and person in other.staff]
    need(not both, AFFILIATE_STAFF, person=both)
    nothing_open(need, p)
    return today


@stage.decide(ProposeTransfer)
def propose(p: Program, c: ProposeTransfer, ctx: Context) -> Outcomes:
    """One proposal at a time, to an affiliate that serves the place, with nothing left open at home."""
    need = Need()
    need(p.transfer is None, TRANSFER_PENDING, to=p.transfer and p.transfer.to)
    _movable(need, p, c.to, c.jurisdiction, ctx)
    need.settle()
    return [fact(ProgramTransferProposed, c, side=_side(ctx), proposed_by=ctx.person)]


@stage.decide(AcceptTransfer)
def accept(p: Program, c: AcceptTransfer, ctx: Context) -> Outcomes:
    """What had to hold for the proposal holds still; somebody else accepts than proposed."""
    transfer = found(p.transfer, NO_TRANSFER)
    need = Need()
    need(ctx.person != transfer.proposed_by, SECOND_PERSON_REQUIRED, person=transfer.proposed_by)
    today = _movable(need, p, transfer.to, transfer.jurisdiction, ctx)
    need.settle()
    moved = ProgramTransferredToAffiliate(
        from_affiliate=p.listing.affiliate,
        to=transfer.to,
        jurisdiction=transfer.jurisdiction,
        effective_on=today,
        status_treatment=transfer.status_treatment,
    )
    return [*(closed(p, today, "transferred", ctx) if transfer.status_treatment == "ended" else []), moved]


@stage.decide(DeclineTransfer)
def decline(p: Program, c: DeclineTransfer, ctx: Context) -> Outcomes:
    """The receiving affiliate says no, or the side that proposed it thinks better of it."""
    transfer = found(p.transfer, NO_TRANSFER)
    receiving = ctx.actor.role is Role.RECEIVING_ADMIN
    need = Need()
    need(receiving or transfer.side == _side(ctx), NOT_THE_PROPOSER, side=transfer.side)
    need.settle()
    outcome: Literal["declined", "withdrawn"] = "declined" if receiving else "withdrawn"
    return [ProgramTransferDeclined(to=transfer.to, outcome=outcome, reason=c.reason)]


@stage.evolve(ProgramTransferProposed)
def _(p: Program, e: ProgramTransferProposed, v: int) -> Program:
    transfer = Transfer(
        to=e.to,
        jurisdiction=e.jurisdiction,
        status_treatment=e.status_treatment,
        side=e.side,
        proposed_by=e.proposed_by,
        version=v,
    )
    return replace(p, transfer=transfer)


@stage.evolve(ProgramTransferDeclined)
def _(p: Program, e: ProgramTransferDeclined, v: int) -> Program:
    return replace(p, transfer=None)


@stage.evolve(ProgramTransferredToAffiliate)
def _(p: Program, e: ProgramTransferredToAffiliate, v: int) -> Program:
    return replace(p, listing=replace(p.listing, affiliate=e.to, jurisdiction=e.jurisdiction), transfer=None)
