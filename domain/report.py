"""Report: what the assessment showed, strengths and improvement areas alike; shared only by the program (S1-19)."""

from datetime import date
from typing import Any, ClassVar, Literal

import msgspec
from msgspec.structs import replace

from domain.access import cycle_of, rules_of
from domain.assessment import instrument_of
from domain.determination import practice
from domain.instrument.model import Instrument
from domain.language import (
    Context,
    CycleCommand,
    Event,
    Kind,
    Need,
    Outcomes,
    ProgramCommand,
    Role,
    Stage,
    found,
    refusal,
)
from domain.program import Cycle, CycleEvent, Program, without
from domain.tenure import Report
from domain.values import Code, Digest, Reference, digest_of

stage = Stage("report")

NOT_DECIDED = refusal("NOT_DECIDED", Kind.OUT_OF_ORDER, "The report follows the decision; the cycle is {phase}.")
REPORT_ISSUED = refusal("REPORT_ISSUED", Kind.OUT_OF_ORDER, "The report of this cycle is issued already.")
REPORT_UNKNOWN = refusal("REPORT_UNKNOWN", Kind.UNKNOWN, "The program has no report {report_id}.")
ONLY_PROGRAM_MAY_SHARE = refusal(
    "ONLY_PROGRAM_MAY_SHARE", Kind.NOT_ALLOWED, "Whether the report is shared is the program's choice alone."
)
SHARE_IN_PAST = refusal("SHARE_IN_PAST", Kind.INVALID, "The share would end on {until}, before it begins.")
ALREADY_SHARED = refusal("ALREADY_SHARED", Kind.OUT_OF_ORDER, "The report is shared with {audience} already.")
NOT_SHARED = refusal("NOT_SHARED", Kind.OUT_OF_ORDER, "The report is not shared with {audience}.")

STRONG = 4
"""From this quality on a practice in place is called a strength."""


class AssessmentReportIssued(CycleEvent):
    """The report was issued; its data is fixed by its digest."""

    says = "issued the assessment report"
    report_id: Reference
    report_digest: Digest


class AssessmentReportShared(Event):
    """The program lets somebody see the report."""

    says = "shared the report with {e.audience}[ until {e.until}]"
    report_id: Reference
    audience: Code
    until: date | None = None


class ReportShareEnded(Event):
    """The program ended a share."""

    says = "ended sharing the report with {e.audience}"
    report_id: Reference
    audience: Code


class IssueReport(CycleCommand):
    """Issue the assessment report."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)


Audience = Literal["funders", "board", "families", "public"]


class ShareReport(ProgramCommand):
    """Let somebody see the report; the program's own choice."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN)
    report_id: Reference
    audience: Audience
    until: date | None = None


class EndShare(ProgramCommand):
    """End a share."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    report_id: Reference
    audience: Audience


class SectionResult(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one section of the instrument."""

    section: str
    applicable: int
    in_practice: int
    strengths: tuple[str, ...]
    improvement_areas: tuple[str, ...]
    quality: dict[str, int]
    """How many practices in place have quality 1..5."""


def contents(cycle: Cycle, instrument: Instrument) -> tuple[SectionResult, ...]:
    """The report's data, section by section: present quality and what to improve (S0-07, S2-03)."""
    results: list[SectionResult] = []
    for section in instrument.sections:
        found_now = {i.id: practice(cycle, i.id) for area in section.sub_areas for i in area.items}
        in_place = {i: f for i, f in found_now.items() if f.state == "in_practice"}
        open_items = [i for i, f in found_now.items() if f.state in ("not_in_practice", "not_verified")]
        levels = [f.quality for f in in_place.values()]
        results.append(
            SectionResult(
                section=section.code,
                applicable=sum(f.state != "not_applicable" for f in found_now.values()),
                in_practice=len(in_place),
                strengths=tuple(i for i, f in in_place.items() if (f.quality or 0) >= STRONG),
                improvement_areas=tuple(open_items),
                quality={str(q): levels.count(q) for q in range(1, 6)},
            )
        )
    return tuple(results)


@stage.decide(IssueReport)
def issue(p: Program, c: IssueReport, ctx: Context) -> Outcomes:
    """Once per cycle, after the decision that ends it."""
    cycle = cycle_of(p, c.cycle_id)
    need = Need()
    need(cycle.phase == "decided", NOT_DECIDED, phase=cycle.phase)
    need(c.cycle_id not in [r.cycle_id for r in p.reports.values()], REPORT_ISSUED)
    need.settle()
    data = contents(cycle, instrument_of(cycle, ctx))
    return [AssessmentReportIssued(cycle_id=c.cycle_id, report_id=ctx.mint(), report_digest=digest_of(data))]


@stage.decide(ShareReport)
def share(p: Program, c: ShareReport, ctx: Context) -> Outcomes:
    """Only the program shares (S1-19)."""
    report = found(p.reports.get(c.report_id), REPORT_UNKNOWN, report_id=c.report_id)
    _, today = rules_of(p, p.cycles[report.cycle_id], ctx)
    need = Need()
    need(ctx.actor.role is Role.PROGRAM_LEAD, ONLY_PROGRAM_MAY_SHARE)
    shared = c.audience in report.shares and report.shares[c.audience] >= today
    need(not shared, ALREADY_SHARED, audience=c.audience)
    need(c.until is None or c.until >= today, SHARE_IN_PAST, until=c.until)
    need.settle()
    return [AssessmentReportShared(report_id=c.report_id, audience=c.audience, until=c.until)]


@stage.decide(EndShare)
def end_share(p: Program, c: EndShare, ctx: Context) -> Outcomes:
    """Any time."""
    report = found(p.reports.get(c.report_id), REPORT_UNKNOWN, report_id=c.report_id)
    need = Need()
    need(c.audience in report.shares, NOT_SHARED, audience=c.audience)
    need.settle()
    return [ReportShareEnded(report_id=c.report_id, audience=c.audience)]


def _with_shares(p: Program, report_id: str, shares: dict[Any, Any]) -> Program:
    return replace(p, reports={**p.reports, report_id: replace(p.reports[report_id], shares=shares)})


@stage.evolve(AssessmentReportIssued)
def _(p: Program, e: AssessmentReportIssued, v: int) -> Program:
    return replace(p, reports={**p.reports, e.report_id: Report(cycle_id=e.cycle_id, version=v)})


@stage.evolve(AssessmentReportShared)
def _(p: Program, e: AssessmentReportShared, v: int) -> Program:
    return _with_shares(p, e.report_id, {**p.reports[e.report_id].shares, e.audience: e.until or date.max})


@stage.evolve(ReportShareEnded)
def _(p: Program, e: ReportShareEnded, v: int) -> Program:
    return _with_shares(p, e.report_id, without(p.reports[e.report_id].shares, e.audience))
