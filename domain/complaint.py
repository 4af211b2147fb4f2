"""Complaint: what somebody holds against a program or an affiliate, kept apart from the program's own stream (M19).

Who complained is confidential. No fact of a complaint names that person, and the record of its receipt names nobody as
the one who acted; an identity given for questions lies sealed in the vault. A complaint about a program is handled by
the administrators in charge of it, one about an affiliate by the national body alone.
"""

from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace

from domain.access import ALREADY_RECORDED
from domain.affiliate import Affiliate
from domain.impartiality import CONFLICTED, registered_interest
from domain.language import Command, Context, Event, Kind, Need, Outcome, Outcomes, Role, Stage, fact, found, refusal
from domain.publishing import AFFILIATE_UNKNOWN
from domain.values import Code, PersonId, Reference, Text, TextRef

stage = Stage("complaint", aggregate="complaint")

COMPLAINT_KNOWN = refusal("COMPLAINT_KNOWN", Kind.OUT_OF_ORDER, "This complaint was received already.")
COMPLAINT_ENDED = refusal(
    "COMPLAINT_ENDED", Kind.OUT_OF_ORDER, "The complaint is {state}; nothing more is done about it."
)
COMPLAINT_NOT_ADMITTED = refusal(
    "COMPLAINT_NOT_ADMITTED", Kind.OUT_OF_ORDER, "The complaint is {state}; first it is screened and admitted."
)
PROGRAM_NOT_NAMED = refusal("PROGRAM_NOT_NAMED", Kind.INCOMPLETE, "A complaint about a program names the program.")
PROGRAM_ELSEWHERE = refusal(
    "PROGRAM_ELSEWHERE", Kind.UNKNOWN, "There is no program {program_id} listed with {affiliate}."
)
NOT_ABOUT_A_PROGRAM = refusal(
    "NOT_ABOUT_A_PROGRAM", Kind.INVALID, "The complaint is about an affiliate; there is no program to take it to."
)
LETTER_WITHOUT_STAFF = refusal(
    "LETTER_WITHOUT_STAFF",
    Kind.NOT_ALLOWED,
    "A letter is recorded by an administrator who received it; anybody else files the complaint without from_letter.",
)

ComplaintConcern = Literal[
    "safety_of_youth", "false_statement", "badge_misuse", "unreported_change", "conduct", "process"
]
Severity = Literal["low", "serious", "imminent_harm"]
State = Literal["", "received", "admitted", "dismissed", "closed"]


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint as the rules see it; nothing of who complained."""

    complaint_id: str
    version: int = 0
    about: Literal["program", "affiliate"] = "program"
    program_id: str | None = None
    affiliate: str = ""
    state: State = ""
    severity: str = ""
    acknowledged: int = 0
    referred: int = 0


class ComplaintCommand(Command):
    """A request about one complaint, for whoever handles it."""

    aggregate: ClassVar[str] = "complaint"
    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.NATIONAL)


class ComplaintReceived(Event):
    """Somebody complained about a program or an affiliate; who did is not said."""

    says = "complained about {e.named} ({e.concern}): {e.narrative}[; recorded from a letter by {e.recorded_by}]"
    about: Literal["program", "affiliate"]
    program_id: Reference | None = None
    affiliate: Code
    concern: Code
    narrative: TextRef
    recorded_by: PersonId | None = None
    """The administrator who received a letter; never who complained."""

    @property
    def named(self) -> str:
        """What it is about, in words."""
        return f"the program {self.program_id}" if self.about == "program" else f"the affiliate {self.affiliate}"


class ComplainantIdentitySealed(Event):
    """Whoever complained left word of who they are and how they are reached, for those who handle the complaint."""

    says = "sealed who complained: {e.identity}"
    identity: TextRef


class ComplaintAcknowledged(Event):
    """Whoever complained was told that the complaint is looked at."""

    says = "acknowledged the complaint"


class ComplaintScreened(Event):
    """The complaint was admitted or dismissed, and how grave it is was judged."""

    says = "screened the complaint: {e.outcome}, {e.severity}: {e.reason}"
    outcome: Code
    severity: Code
    reason: TextRef


class ComplaintReferred(Event):
    """The concern, without who complained, was taken to the program."""

    says = "took the concern to the program"
    program_id: Reference


class ComplaintClosed(Event):
    """The complaint came to its end."""

    says = "closed the complaint: {e.outcome}: {e.reason}"
    outcome: Code
    reason: TextRef


class FileComplaint(Command):
    """Complain about a program or an affiliate, or record such a letter. The record does not say who complained."""

    aggregate: ClassVar[str] = "complaint"
    creates: ClassVar[bool] = True
    anonymous: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.PUBLIC, Role.AFFILIATE_ADMIN, Role.NATIONAL)
    about: Literal["program", "affiliate"]
    program_id: Reference | None = None
    affiliate: Code
    concern: ComplaintConcern
    narrative: Text
    identity: Text | None = None
    """Who complains and how they are reached; sealed."""
    from_letter: bool = False
    """Whether an administrator records what somebody else wrote."""


class AcknowledgeComplaint(ComplaintCommand):
    """Record that whoever complained was told that the complaint is looked at."""


class ScreenComplaint(ComplaintCommand):
    """Admit or dismiss a complaint, and judge how grave it is."""

    outcome: Literal["admitted", "dismissed"]
    severity: Severity
    reason: Text


class ReferComplaint(ComplaintCommand):
    """Record that the concern was taken to the program."""


class CloseComplaint(ComplaintCommand):
    """Bring a complaint to its end."""

    outcome: Literal["founded", "unfounded", "not_verified", "withdrawn"]
    reason: Text


def _handled(c: Complaint, ctx: Context) -> Need:
    """What every step needs: a complaint that goes on, and somebody without an interest in the program."""
    named: Affiliate = ctx.shelf.affiliate(c.affiliate)
    interest = registered_interest(c.program_id, ctx.person, ctx.today(named.timezone), ctx.shelf)
    need = Need()
    need(c.state in ("received", "admitted"), COMPLAINT_ENDED, state=c.state)
    need(interest is None, CONFLICTED, person=ctx.person, nature=interest)
    return need


@stage.decide(FileComplaint)
def file(c: Complaint, said: FileComplaint, ctx: Context) -> Outcomes:
    """Anybody complains, about a program of the affiliate named or about the affiliate; it is filed once."""
    found(ctx.shelf.affiliate(said.affiliate), AFFILIATE_UNKNOWN, affiliate=said.affiliate)
    need = Need()
    need(not c.version, COMPLAINT_KNOWN)
    need(said.about == "affiliate" or said.program_id, PROGRAM_NOT_NAMED)
    if said.program_id:
        listed = ctx.shelf.program_home(said.program_id) == said.affiliate
        need(listed, PROGRAM_ELSEWHERE, program_id=said.program_id, affiliate=said.affiliate)
    staff = ctx.parts & {Role.AFFILIATE_ADMIN, Role.NATIONAL}
    need(staff or not said.from_letter, LETTER_WITHOUT_STAFF)
    need.settle()
    recorded_by = ctx.person if said.from_letter else None
    facts: list[Outcome] = [fact(ComplaintReceived, said, recorded_by=recorded_by)]
    return [*facts, ComplainantIdentitySealed(identity=said.identity)] if said.identity else facts


@stage.decide(AcknowledgeComplaint)
def acknowledge(c: Complaint, said: AcknowledgeComplaint, ctx: Context) -> Outcomes:
    """Once, before the complaint has come to its end."""
    need = _handled(c, ctx)
    need(not c.acknowledged, ALREADY_RECORDED)
    need.settle()
    return [ComplaintAcknowledged()]


@stage.decide(ScreenComplaint)
def screen(c: Complaint, said: ScreenComplaint, ctx: Context) -> Outcomes:
    """Once; a complaint that is dismissed has come to its end."""
    need = _handled(c, ctx)
    need(c.state != "admitted", ALREADY_RECORDED)
    need.settle()
    return [fact(ComplaintScreened, said)]


@stage.decide(ReferComplaint)
def refer(c: Complaint, said: ReferComplaint, ctx: Context) -> Outcomes:
    """An admitted complaint about a program, once; the inquiry is the program's matter from then on."""
    need = _handled(c, ctx)
    need(c.about == "program", NOT_ABOUT_A_PROGRAM)
    need(c.state != "received", COMPLAINT_NOT_ADMITTED, state=c.state)
    need(not c.referred, ALREADY_RECORDED)
    need.settle()
    return [ComplaintReferred(program_id=c.program_id or "")]


@stage.decide(CloseComplaint)
def close(c: Complaint, said: CloseComplaint, ctx: Context) -> Outcomes:
    """A finding follows admission; who complained may withdraw at any time."""
    need = _handled(c, ctx)
    screened = c.state != "received" or said.outcome == "withdrawn"
    need(screened, COMPLAINT_NOT_ADMITTED, state=c.state)
    need.settle()
    return [fact(ComplaintClosed, said)]


@stage.evolve(ComplaintReceived)
def _(c: Complaint, e: ComplaintReceived, v: int) -> Complaint:
    return replace(c, about=e.about, program_id=e.program_id, affiliate=e.affiliate, state="received")


@stage.evolve(ComplainantIdentitySealed)
def _(c: Complaint, e: ComplainantIdentitySealed, v: int) -> Complaint:
    return c  # no rule asks who complained


@stage.evolve(ComplaintAcknowledged)
def _(c: Complaint, e: ComplaintAcknowledged, v: int) -> Complaint:
    return replace(c, acknowledged=v)


@stage.evolve(ComplaintScreened)
def _(c: Complaint, e: ComplaintScreened, v: int) -> Complaint:
    return replace(c, state=e.outcome, severity=e.severity)


@stage.evolve(ComplaintReferred)
def _(c: Complaint, e: ComplaintReferred, v: int) -> Complaint:
    return replace(c, referred=v)


@stage.evolve(ComplaintClosed)
def _(c: Complaint, e: ComplaintClosed, v: int) -> Complaint:
    return replace(c, state="closed")
