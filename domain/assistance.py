"""Assistance: no-cost technical assistance with its needs assessment, report and evaluation gate.

S1-05, S1-06, S1-20, S1-21, S1-24. Applying for assistance with the quality process leaves every other request
untouched; while an evaluation is outstanding nothing further can be asked for under the same programme.
"""

from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import ALREADY_RECORDED, NOT_LISTED, access_of, cycle_of
from domain.affiliate import Affiliate, has_charter
from domain.documents import usable
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
from domain.program import Assistance, Phase, Program, freeze, running_plans
from domain.publishing import AFFILIATE_UNKNOWN
from domain.values import Code, PersonId, Reference, Text, TextRef

stage = Stage("assistance")

EVALUATION_OUTSTANDING = refusal(
    "EVALUATION_OUTSTANDING",
    Kind.OUT_OF_ORDER,
    "The evaluation of the assistance {ta_id} is outstanding; further assistance waits for it.",
)
PURPOSE_REQUIRED = refusal(
    "PURPOSE_REQUIRED", Kind.INVALID, "Assistance for a cycle is asked for with the purpose nqms, and names the cycle."
)
NO_PLAN_TO_WORK_ON = refusal(
    "NO_PLAN_TO_WORK_ON",
    Kind.OUT_OF_ORDER,
    "Help with the improvement plan is asked for once a plan is adopted, and until it is closed.",
)
ASSISTANCE_UNKNOWN = refusal("ASSISTANCE_UNKNOWN", Kind.UNKNOWN, "The program has no request for assistance {ta_id}.")
OUT_OF_ORDER = refusal("OUT_OF_ORDER", Kind.OUT_OF_ORDER, "First this must have happened: {missing}.")
ASSISTANCE_ENDED = refusal("ASSISTANCE_ENDED", Kind.OUT_OF_ORDER, "This assistance was cancelled or reported on.")
RESTS_ON_ASSISTANCE = refusal(
    "RESTS_ON_ASSISTANCE", Kind.OUT_OF_ORDER, "Access was granted on this assistance; it cannot be cancelled."
)


class TechnicalAssistanceRequested(Event):
    """The program asked for no-cost assistance."""

    says = "asked for {e.programme} assistance ({e.purpose})"
    ta_id: Reference
    programme: Code
    purpose: Code
    cycle_id: Reference | None = None


class TechnicalAssistanceProviderAssigned(Event):
    """A provider was assigned to the request."""

    says = "assigned {e.affiliate} as assistance provider"
    ta_id: Reference
    affiliate: Code
    consultant: PersonId | None = None


class InitialNeedsAssessmentInvited(Event):
    """The program is invited to the Initial Needs Assessment (S1-06)."""

    says = "invited the program to the Initial Needs Assessment"
    ta_id: Reference


class InitialNeedsAssessmentCompleted(Event):
    """The program completed the Initial Needs Assessment."""

    says = "completed the Initial Needs Assessment: {e.answers}"
    ta_id: Reference
    answers: TextRef
    document_id: Reference | None = None


class TechnicalAssistanceCancelled(Event):
    """The request for assistance ended without a report."""

    says = "cancelled the request for assistance"
    ta_id: Reference


class AssistanceFinalReportCompleted(Event):
    """The affiliate finished its final report on the assistance."""

    says = "completed the final report on the assistance: {e.summary}"
    ta_id: Reference
    summary: TextRef


class AssistanceEvaluationInvited(Event):
    """The program is asked to evaluate the assistance (S1-20)."""

    says = "invited the program to evaluate the assistance"
    ta_id: Reference


class AssistanceEvaluationCompleted(Event):
    """The program evaluated the assistance."""

    says = "completed the evaluation of the assistance: {e.answers}"
    ta_id: Reference
    answers: TextRef


class RequestTechnicalAssistance(ProgramCommand):
    """Ask for no-cost assistance; for the quality process name the purpose nqms and the cycle."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    programme: Literal["nmrc", "tap"] = "nmrc"
    purpose: Literal["nqms", "improvement_plan", "other"]
    cycle_id: Reference | None = None


class AssistanceCommand(ProgramCommand):
    """A request about one request for assistance."""

    ta_id: Reference


class AssignTaProvider(AssistanceCommand):
    """Assign the provider; the program is invited to the Initial Needs Assessment at once."""

    by: ClassVar[tuple[Role, ...]] = (Role.NATIONAL,)
    affiliate: Code
    consultant: PersonId | None = None


class CompleteNeedsAssessment(AssistanceCommand):
    """Hand in the Initial Needs Assessment."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    answers: Text
    document_id: Reference | None = None


class CancelTechnicalAssistance(AssistanceCommand):
    """End a request for assistance that is not needed."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.NATIONAL)


class CompleteAssistanceReport(AssistanceCommand):
    """Finish the final report on the assistance; the program is invited to evaluate it at once."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    summary: Text


class CompleteEvaluation(AssistanceCommand):
    """Evaluate the assistance received."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    answers: Text


def running(p: Program, ta_id: str) -> Assistance:
    """An assistance request that is neither cancelled nor reported on."""
    ta = found(p.assistance.get(ta_id), ASSISTANCE_UNKNOWN, ta_id=ta_id)
    need = Need()
    need(not ta.cancelled and not ta.reported, ASSISTANCE_ENDED)
    need.settle()
    return ta


def outstanding(p: Program, programme: str) -> str | None:
    """The assistance whose evaluation is outstanding under a programme, if any (S1-21)."""
    for ta_id, ta in p.assistance.items():
        if ta.scheme == programme and ta.reported and not ta.evaluated:
            return ta_id
    return None


@stage.decide(RequestTechnicalAssistance)
def request(p: Program, c: RequestTechnicalAssistance, ctx: Context) -> Outcomes:
    """Nothing further while an evaluation is outstanding (S1-21); other requests stay as they are (S1-05); to work on
    the plan there must be one (S1-24)."""
    blocking = outstanding(p, c.programme)
    need = Need()
    need(p.listing.state == "listed", NOT_LISTED, state=p.listing.state)
    need(blocking is None, EVALUATION_OUTSTANDING, ta_id=blocking)
    need((c.purpose == "nqms") == (c.cycle_id is not None), PURPOSE_REQUIRED)
    need(c.purpose != "improvement_plan" or any(running_plans(p)), NO_PLAN_TO_WORK_ON)
    need.settle()
    if c.cycle_id:
        cycle_of(p, c.cycle_id, Phase.REQUESTED)
        pending = [a for a in p.assistance.values() if a.cycle_id == c.cycle_id and not a.cancelled]
        need(not pending, ALREADY_RECORDED)
        need.settle()
    return [fact(TechnicalAssistanceRequested, c, ta_id=ctx.mint())]


@stage.decide(AssignTaProvider)
def assign_provider(p: Program, c: AssignTaProvider, ctx: Context) -> Outcomes:
    """The national body assigns an affiliate, once."""
    ta = running(p, c.ta_id)
    need = Need()
    need(not ta.assigned, ALREADY_RECORDED)
    provider: Affiliate | None = ctx.shelf.affiliate(c.affiliate)
    need(provider, AFFILIATE_UNKNOWN, affiliate=c.affiliate)
    if provider:
        has_charter(need, provider, ctx.today(provider.timezone))
    need.settle()
    return [
        TechnicalAssistanceProviderAssigned(ta_id=c.ta_id, affiliate=c.affiliate, consultant=c.consultant),
        InitialNeedsAssessmentInvited(ta_id=c.ta_id),
    ]


@stage.decide(CompleteNeedsAssessment)
def complete_needs_assessment(p: Program, c: CompleteNeedsAssessment, ctx: Context) -> Outcomes:
    """After the invitation, once."""
    ta = running(p, c.ta_id)
    need = Need()
    need(ta.assigned, OUT_OF_ORDER, missing=["provider assigned"])
    need(not ta.needs_assessed, ALREADY_RECORDED)
    need.settle()
    if c.document_id:
        usable(p, c.document_id)
    return [InitialNeedsAssessmentCompleted(ta_id=c.ta_id, answers=c.answers, document_id=c.document_id)]


@stage.decide(CancelTechnicalAssistance)
def cancel(p: Program, c: CancelTechnicalAssistance, ctx: Context) -> Outcomes:
    """A request may end any time before its report, unless access rests on it."""
    ta = running(p, c.ta_id)
    need = Need()
    need(not access_of(p, ta.cycle_id), RESTS_ON_ASSISTANCE)
    need.settle()
    return [TechnicalAssistanceCancelled(ta_id=c.ta_id)]


@stage.decide(CompleteAssistanceReport)
def complete_report(p: Program, c: CompleteAssistanceReport, ctx: Context) -> Outcomes:
    """The report follows the assistance; with it the program is asked for its evaluation (S1-20)."""
    ta = running(p, c.ta_id)
    need = Need()
    need(ta.assigned, OUT_OF_ORDER, missing=["provider assigned"])
    need.settle()
    return [
        AssistanceFinalReportCompleted(ta_id=c.ta_id, summary=c.summary),
        AssistanceEvaluationInvited(ta_id=c.ta_id),
    ]


@stage.decide(CompleteEvaluation)
def complete_evaluation(p: Program, c: CompleteEvaluation, ctx: Context) -> Outcomes:
    """After the report, once; it opens the way to further assistance (S1-24)."""
    ta = found(p.assistance.get(c.ta_id), ASSISTANCE_UNKNOWN, ta_id=c.ta_id)
    need = Need()
    need(ta.reported, OUT_OF_ORDER, missing=["final report"])
    need(not ta.evaluated, ALREADY_RECORDED)
    need.settle()
    return [AssistanceEvaluationCompleted(ta_id=c.ta_id, answers=c.answers)]


def changed(p: Program, ta_id: str, **changes: object) -> Program:
    """The program with one request for assistance changed."""
    return replace(p, assistance={**p.assistance, ta_id: replace(p.assistance[ta_id], **changes)})


@stage.evolve(TechnicalAssistanceRequested)
def _(p: Program, e: TechnicalAssistanceRequested, v: int) -> Program:
    ta = Assistance(scheme=e.programme, purpose=e.purpose, cycle_id=e.cycle_id, requested=v)
    return replace(p, assistance={**p.assistance, e.ta_id: ta})


@stage.evolve(TechnicalAssistanceProviderAssigned)
def _(p: Program, e: TechnicalAssistanceProviderAssigned, v: int) -> Program:
    return changed(p, e.ta_id, provider=e.affiliate, consultant=e.consultant, assigned=v)


@stage.evolve(InitialNeedsAssessmentInvited)
def _(p: Program, e: InitialNeedsAssessmentInvited, v: int) -> Program:
    return p  # an invitation opens nothing by itself


@stage.evolve(InitialNeedsAssessmentCompleted)
def _(p: Program, e: InitialNeedsAssessmentCompleted, v: int) -> Program:
    return freeze(changed(p, e.ta_id, needs_assessed=v), e.document_id)


@stage.evolve(TechnicalAssistanceCancelled)
def _(p: Program, e: TechnicalAssistanceCancelled, v: int) -> Program:
    return changed(p, e.ta_id, cancelled=v)


@stage.evolve(AssistanceFinalReportCompleted)
def _(p: Program, e: AssistanceFinalReportCompleted, v: int) -> Program:
    return changed(p, e.ta_id, reported=v)


@stage.evolve(AssistanceEvaluationInvited)
def _(p: Program, e: AssistanceEvaluationInvited, v: int) -> Program:
    return p  # the gate is the outstanding evaluation, not the invitation


@stage.evolve(AssistanceEvaluationCompleted)
def _(p: Program, e: AssistanceEvaluationCompleted, v: int) -> Program:
    return changed(p, e.ta_id, evaluated=v)


@stage.undo(
    TechnicalAssistanceProviderAssigned,
    by=only(Role.NATIONAL),
    rests=lambda p, e: [
        *(["needs_assessment"] if p.assistance[e.ta_id].needs_assessed else []),
        *(["final_report"] if p.assistance[e.ta_id].reported else []),
        *access_of(p, p.assistance[e.ta_id].cycle_id),
    ],
)
def _(p: Program, e: TechnicalAssistanceProviderAssigned, v: int) -> Program:
    return changed(p, e.ta_id, provider="", consultant=None, assigned=0)


@stage.undo(
    InitialNeedsAssessmentCompleted,
    by=only(Role.AFFILIATE_ADMIN, Role.PROGRAM_LEAD),
    rests=lambda p, e: [
        *(["memorandum"] if p.assistance[e.ta_id].mou else []),
        *access_of(p, p.assistance[e.ta_id].cycle_id),
    ],
)
def _(p: Program, e: InitialNeedsAssessmentCompleted, v: int) -> Program:
    return changed(p, e.ta_id, needs_assessed=0)


@stage.undo(
    AssistanceFinalReportCompleted,
    by=only(Role.AFFILIATE_ADMIN),
    rests=lambda p, e: ["evaluation"] if p.assistance[e.ta_id].evaluated else [],
)
def _(p: Program, e: AssistanceFinalReportCompleted, v: int) -> Program:
    return changed(p, e.ta_id, reported=0)
