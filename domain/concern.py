"""Concern: what a complaint holds against a program, taken to the program without who complained, and the inquiry into
it (3.4). On a founded inquiry a notice of intent or a corrective cycle may rest."""

from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import ALREADY_RECORDED
from domain.changes import today_at_home
from domain.complaint import Severity
from domain.impartiality import CONFLICTED, interest_in
from domain.language import (
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
    only,
    refusal,
)
from domain.program import Program, without
from domain.tenure import Concern
from domain.values import Reference, Text, TextRef

stage = Stage("concern")

CONCERN_KNOWN = refusal("CONCERN_KNOWN", Kind.OUT_OF_ORDER, "The complaint {complaint_id} was referred already.")
CONCERN_UNKNOWN = refusal("CONCERN_UNKNOWN", Kind.UNKNOWN, "No concern {concern_id} was referred to this program.")
NO_INQUIRY = refusal("NO_INQUIRY", Kind.OUT_OF_ORDER, "No inquiry into this concern is open.")
Finding = Literal["founded", "unfounded", "not_verified"]


class ConcernReferred(Event):
    """A concern that came in as a complaint was taken to the program; who complained is not said."""

    says = "referred a concern ({e.severity})"
    concern_id: Reference
    complaint_id: Reference
    severity: Severity


class InquiryOpened(Event):
    """The affiliate looks into a concern."""

    says = "opened an inquiry into the concern"
    concern_id: Reference


class InquiryClosed(Event):
    """The affiliate came to a finding."""

    says = "closed the inquiry into the concern: {e.finding}: {e.reason}"
    concern_id: Reference
    finding: Finding
    reason: TextRef


class ReferConcern(ProgramCommand):
    """Take a concern that came in as a complaint to the program."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    complaint_id: Reference
    severity: Severity


class OpenInquiry(ProgramCommand):
    """Look into a concern."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    concern_id: Reference


class CloseInquiry(ProgramCommand):
    """Say what the inquiry found."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    concern_id: Reference
    finding: Finding
    reason: Text


def _handled(p: Program, concern_id: str, ctx: Context) -> tuple[Concern, Need]:
    """The concern, and what keeps a person with an interest in the program from looking into it."""
    concern = found(p.concerns.get(concern_id), CONCERN_UNKNOWN, concern_id=concern_id)
    need = Need()
    _impartial(need, p, ctx)
    return concern, need


def _impartial(need: Need, p: Program, ctx: Context) -> None:
    interest = interest_in(p, ctx.person, today_at_home(p, ctx), ctx.shelf)
    need(interest is None, CONFLICTED, person=ctx.person, nature=interest)


@stage.decide(ReferConcern)
def refer(p: Program, c: ReferConcern, ctx: Context) -> Outcomes:
    """Once for each complaint, by somebody without an interest in the program."""
    need = Need()
    need(
        c.complaint_id not in [k.complaint_id for k in p.concerns.values()], CONCERN_KNOWN, complaint_id=c.complaint_id
    )
    _impartial(need, p, ctx)
    need.settle()
    return [fact(ConcernReferred, c, concern_id=ctx.mint())]


@stage.decide(OpenInquiry)
def open_inquiry(p: Program, c: OpenInquiry, ctx: Context) -> Outcomes:
    """One inquiry for each concern."""
    concern, need = _handled(p, c.concern_id, ctx)
    need(not concern.inquiry, ALREADY_RECORDED)
    need.settle()
    return [fact(InquiryOpened, c)]


@stage.decide(CloseInquiry)
def close_inquiry(p: Program, c: CloseInquiry, ctx: Context) -> Outcomes:
    """An inquiry that is open."""
    concern, need = _handled(p, c.concern_id, ctx)
    need(concern.inquiry and not concern.closed, NO_INQUIRY)
    need.settle()
    return [fact(InquiryClosed, c)]


def _with_concern(p: Program, concern_id: str, concern: Concern) -> Program:
    return replace(p, concerns={**p.concerns, concern_id: concern})


@stage.evolve(ConcernReferred)
def _(p: Program, e: ConcernReferred, v: int) -> Program:
    return _with_concern(p, e.concern_id, Concern(complaint_id=e.complaint_id, severity=e.severity, referred=v))


@stage.evolve(InquiryOpened)
def _(p: Program, e: InquiryOpened, v: int) -> Program:
    return _with_concern(p, e.concern_id, replace(p.concerns[e.concern_id], inquiry=v))


@stage.evolve(InquiryClosed)
def _(p: Program, e: InquiryClosed, v: int) -> Program:
    return _with_concern(p, e.concern_id, replace(p.concerns[e.concern_id], closed=v, finding=e.finding))


def _looked_into(p: Program, e: ConcernReferred) -> list[str]:
    return ["inquiry"] if p.concerns[e.concern_id].inquiry else []


def _found_out(p: Program, e: InquiryOpened) -> list[str]:
    return ["finding"] if p.concerns[e.concern_id].closed else []


@stage.undo(ConcernReferred, by=only(Role.AFFILIATE_ADMIN), rests=_looked_into)
def _(p: Program, e: ConcernReferred, v: int) -> Program:
    return replace(p, concerns=without(p.concerns, e.concern_id))


@stage.undo(InquiryOpened, by=only(Role.AFFILIATE_ADMIN), rests=_found_out)
def _(p: Program, e: InquiryOpened, v: int) -> Program:
    return _with_concern(p, e.concern_id, replace(p.concerns[e.concern_id], inquiry=0))
