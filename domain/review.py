"""Review: the visit, the summary, the program's right of reply, and its completion (S0-04, S1-16, A12, M13)."""

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from domain.access import ALREADY_RECORDED, cycle_of, rules_of
from domain.assessment import instrument_of, known_items
from domain.determination import REVIEWING, determinations_stated, practice, under_review, undetermined
from domain.documents import usable
from domain.language import Context, CycleCommand, Kind, Need, Outcomes, Role, Stage, fact, only, refusal
from domain.policy.model import Policy
from domain.program import CycleEvent, Phase, Program, freeze, with_cycle, with_review, without
from domain.term import DATE_IN_FUTURE, add
from domain.values import Code, Digest, Reference, Text, TextRef, digest_of

stage = Stage("review")

MODE_NOT_ALLOWED = refusal(
    "MODE_NOT_ALLOWED", Kind.INVALID, "The policy wants the review {allowed}; {mode} needs a recorded exception."
)
REVIEW_NOT_HELD = refusal("REVIEW_NOT_HELD", Kind.OUT_OF_ORDER, "The review visit has not been recorded.")
REPLY_PERIOD_OVER = refusal("REPLY_PERIOD_OVER", Kind.OUT_OF_ORDER, "The time to reply ended on {until}.")
REPLY_PERIOD_OPEN = refusal("REPLY_PERIOD_OPEN", Kind.OUT_OF_ORDER, "The program may still reply until {until}.")
NO_SUMMARY = refusal("NO_SUMMARY", Kind.OUT_OF_ORDER, "The review summary has not been issued.")
ITEMS_UNDETERMINED = refusal(
    "ITEMS_UNDETERMINED", Kind.INCOMPLETE, "These items are not determined by the present reviewer: {item_ids}."
)
PLAN_NOT_ADOPTED = refusal("PLAN_NOT_ADOPTED", Kind.OUT_OF_ORDER, "The improvement plan is not adopted.")
FINDING_UNKNOWN = refusal("FINDING_UNKNOWN", Kind.INVALID, "The policy knows no finding {finding}; it knows {known}.")
NOT_ASKED_BY_POLICY = refusal("NOT_ASKED_BY_POLICY", Kind.INVALID, "The policy of this cycle does not ask for {what}.")
CYCLE_ENDED = refusal("CYCLE_ENDED", Kind.OUT_OF_ORDER, "The cycle is {phase}; nothing is added to it.")


class SiteReviewScheduled(CycleEvent):
    """A day for the review was set."""

    says = "scheduled the review for {e.on} ({e.mode})"
    on: date
    mode: Code


class SiteReviewHeld(CycleEvent):
    """The review was held with the program."""

    says = "recorded the review of {e.held_on} ({e.mode}, with {e.attendee_roles})"
    held_on: date
    mode: Code
    attendee_roles: tuple[Code, ...]
    exception: TextRef | None = None


class ReviewSummaryIssued(CycleEvent):
    """The reviewer's summary went to the program."""

    says = "issued the review summary[ (reply until {e.reply_until})]: {e.summary}"
    summary: TextRef
    strengths: tuple[Code, ...]
    findings: tuple[Code, ...]
    reply_until: date | None = None


class ProgramResponseRecorded(CycleEvent):
    """The program replied to the summary."""

    says = "replied to the review summary: {e.response}"
    response: TextRef
    documents: tuple[Reference, ...] = ()


class EvaluatorFindingRecorded(CycleEvent):
    """The evaluator recorded a finding that the policy knows (A18)."""

    says = "found: {e.finding}: {e.reason}"
    finding: Code
    reason: TextRef


class SupportCompleted(CycleEvent):
    """The affiliate's support of the program is completed."""

    says = "confirmed that the affiliate's support is completed"


class OtherRequirementsConfirmed(CycleEvent):
    """All other requirements of the scheme are met."""

    says = "confirmed that the other requirements are met"


class ReviewCompleted(CycleEvent):
    """The review is complete; its findings are fixed by their digest."""

    says = "completed the review: {e.in_practice} of {e.applicable} applicable practices in place, {e.not_verified} not verified"
    determinations_digest: Digest
    in_practice: int
    applicable: int
    not_verified: int


class ScheduleSiteReview(CycleCommand):
    """Set the day of the review."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)
    on: date
    mode: Literal["onsite", "remote", "desk"]


class RecordSiteReview(CycleCommand):
    """Record that the review was held."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)
    held_on: date
    mode: Literal["onsite", "remote", "desk"]
    attendee_roles: tuple[Code, ...] = Field(min_length=1)
    exception: Text | None = None


class IssueReviewSummary(CycleCommand):
    """Send the program the summary of the review; the time to reply begins."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)
    summary: Text
    strengths: tuple[Code, ...] = ()
    findings: tuple[Code, ...] = ()


class RecordProgramResponse(CycleCommand):
    """Reply to the review summary."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    response: Text
    documents: tuple[Reference, ...] = ()


class RecordEvaluatorFinding(CycleCommand):
    """Record a finding, reasoned, that the policy's tiers ask for."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)
    finding: Code
    reason: Text


class ConfirmSupportCompleted(CycleCommand):
    """Confirm that the affiliate's support is completed."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)


class ConfirmOtherRequirements(CycleCommand):
    """Confirm that all other requirements of the scheme are met."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)


class CompleteReview(CycleCommand):
    """Complete the review."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)


@stage.decide(ScheduleSiteReview)
def schedule(p: Program, c: ScheduleSiteReview, ctx: Context) -> Outcomes:
    """The reviewer sets a day and a mode."""
    under_review(p, c.cycle_id, ctx)
    return [SiteReviewScheduled(cycle_id=c.cycle_id, on=c.on, mode=c.mode)]


@stage.decide(RecordSiteReview)
def record_review(p: Program, c: RecordSiteReview, ctx: Context) -> Outcomes:
    """Held in a mode the policy allows, or under an exception (A12)."""
    cycle = under_review(p, c.cycle_id, ctx)
    policy, today = rules_of(p, cycle, ctx)
    allowed = policy.review.modes
    need = Need()
    need(not cycle.review.held, ALREADY_RECORDED)
    need(c.mode in allowed or c.exception, MODE_NOT_ALLOWED, mode=c.mode, allowed=allowed)
    need(c.held_on <= today, DATE_IN_FUTURE, field="held_on", day=c.held_on, today=today)
    need.settle()
    exception = c.exception if c.mode not in allowed else None
    return [fact(SiteReviewHeld, c, exception=exception)]


@stage.decide(IssueReviewSummary)
def issue_summary(p: Program, c: IssueReviewSummary, ctx: Context) -> Outcomes:
    """After the visit; the policy sets how long the program may reply."""
    cycle = under_review(p, c.cycle_id, ctx)
    policy, today = rules_of(p, cycle, ctx)
    need = Need()
    need(cycle.review.held, REVIEW_NOT_HELD)
    known_items(need, instrument_of(cycle, ctx), (*c.strengths, *c.findings))
    need.settle()
    days = policy.review.reply_days
    until = add(today, f"P{days}D") if days else None
    return [fact(ReviewSummaryIssued, c, reply_until=until)]


@stage.decide(RecordProgramResponse)
def record_response(p: Program, c: RecordProgramResponse, ctx: Context) -> Outcomes:
    """A reply within its time, with further evidence where there is any."""
    cycle = cycle_of(p, c.cycle_id, *REVIEWING)
    _, today = rules_of(p, cycle, ctx)
    until = cycle.review.reply_until
    need = Need()
    need(cycle.review.summary, NO_SUMMARY)
    need(until is None or today <= until, REPLY_PERIOD_OVER, until=until)
    need.settle()
    for document_id in c.documents:
        usable(p, document_id)
    return [ProgramResponseRecorded(cycle_id=c.cycle_id, response=c.response, documents=c.documents)]


@stage.decide(RecordEvaluatorFinding)
def record_finding(p: Program, c: RecordEvaluatorFinding, ctx: Context) -> Outcomes:
    """Only findings that the pinned policy names; the reasoned word of the evaluator, no number (A18)."""
    cycle = under_review(p, c.cycle_id, ctx)
    policy, _ = rules_of(p, cycle, ctx)
    known = policy.evaluator_findings
    need = Need()
    need(c.finding in known, FINDING_UNKNOWN, finding=c.finding, known=known)
    need(c.finding not in cycle.review.findings, ALREADY_RECORDED)
    need.settle()
    return [EvaluatorFindingRecorded(cycle_id=c.cycle_id, finding=c.finding, reason=c.reason)]


def asks_for(policy: Policy, criterion: str) -> bool:
    """Whether any tier of the policy asks for a criterion."""
    return criterion in policy.asked


def _confirmable(p: Program, cycle_id: str, recorded: str, ctx: Context) -> None:
    """Refuses unless the cycle runs, and what is confirmed is asked for and not confirmed yet."""
    cycle = cycle_of(p, cycle_id)
    need = Need()
    open_for_it = cycle.access is not None and cycle.phase not in (Phase.DECIDED, Phase.WITHDRAWN)
    need(open_for_it, CYCLE_ENDED, phase=cycle.phase)
    need.settle()
    policy, _ = rules_of(p, cycle, ctx)
    asked = {"support_completed": "support_completed", "other_requirements": "other_requirements_met"}[recorded]
    need(asks_for(policy, asked), NOT_ASKED_BY_POLICY, what=asked)
    need(not getattr(cycle.review, recorded), ALREADY_RECORDED)
    need.settle()


@stage.decide(ConfirmSupportCompleted)
def confirm_support(p: Program, c: ConfirmSupportCompleted, ctx: Context) -> Outcomes:
    """Once per cycle, where a tier asks for it (S4-11)."""
    _confirmable(p, c.cycle_id, "support_completed", ctx)
    return [SupportCompleted(cycle_id=c.cycle_id)]


@stage.decide(ConfirmOtherRequirements)
def confirm_others(p: Program, c: ConfirmOtherRequirements, ctx: Context) -> Outcomes:
    """Once per cycle, where a tier asks for it (S4-11)."""
    _confirmable(p, c.cycle_id, "other_requirements", ctx)
    return [OtherRequirementsConfirmed(cycle_id=c.cycle_id)]


@stage.decide(CompleteReview)
def complete(p: Program, c: CompleteReview, ctx: Context) -> Outcomes:
    """Every item ruled on, the plan adopted where the policy wants one, the time to reply over or used."""
    cycle = under_review(p, c.cycle_id, ctx)
    instrument = instrument_of(cycle, ctx)
    policy, today = rules_of(p, cycle, ctx)
    review = cycle.review
    need = Need()
    need(review.held, REVIEW_NOT_HELD)
    unruled = undetermined(cycle, instrument)
    need(not unruled, ITEMS_UNDETERMINED, item_ids=unruled)
    need(policy.plan is None or (cycle.plan and cycle.plan.adopted), PLAN_NOT_ADOPTED)
    owes_reply = policy.review.reply_days > 0
    need(not owes_reply or review.summary, NO_SUMMARY)
    waiting = owes_reply and review.reply_until is not None and today <= review.reply_until and not review.replied
    need(not waiting, REPLY_PERIOD_OPEN, until=review.reply_until)
    need.settle()
    states = [practice(cycle, i.id).state for i in instrument.counting("all_counting")]
    return [
        ReviewCompleted(
            cycle_id=c.cycle_id,
            determinations_digest=digest_of(determinations_stated(cycle)),
            in_practice=states.count("in_practice"),
            applicable=len(states) - states.count("not_applicable"),
            not_verified=states.count("not_verified"),
        )
    ]


@stage.evolve(SiteReviewScheduled)
def _(p: Program, e: SiteReviewScheduled, v: int) -> Program:
    return with_review(p, e.cycle_id, scheduled=v)


@stage.evolve(SiteReviewHeld)
def _(p: Program, e: SiteReviewHeld, v: int) -> Program:
    return with_review(p, e.cycle_id, held=v, mode=e.mode, exception=e.exception is not None)


@stage.evolve(ReviewSummaryIssued)
def _(p: Program, e: ReviewSummaryIssued, v: int) -> Program:
    return with_review(p, e.cycle_id, summary=v, reply_until=e.reply_until, replied=0)


@stage.evolve(ProgramResponseRecorded)
def _(p: Program, e: ProgramResponseRecorded, v: int) -> Program:
    return freeze(with_review(p, e.cycle_id, replied=v), *e.documents)


@stage.evolve(EvaluatorFindingRecorded)
def _(p: Program, e: EvaluatorFindingRecorded, v: int) -> Program:
    findings = {**p.cycles[e.cycle_id].review.findings, e.finding: v}
    return with_review(p, e.cycle_id, findings=findings)


@stage.evolve(SupportCompleted)
def _(p: Program, e: SupportCompleted, v: int) -> Program:
    return with_review(p, e.cycle_id, support_completed=v)


@stage.evolve(OtherRequirementsConfirmed)
def _(p: Program, e: OtherRequirementsConfirmed, v: int) -> Program:
    return with_review(p, e.cycle_id, other_requirements=v)


@stage.evolve(ReviewCompleted)
def _(p: Program, e: ReviewCompleted, v: int) -> Program:
    return with_cycle(with_review(p, e.cycle_id, completed=v), e.cycle_id, phase=Phase.REVIEWED)


def completed(p: Program, cycle_id: str) -> list[str]:
    """The completed review, where it rests on an act of it."""
    return ["completed_review"] if p.cycles[cycle_id].review.completed else []


def rests_on_visit(p: Program, cycle_id: str) -> list[str]:
    """What was agreed on after the visit."""
    plan = p.cycles[cycle_id].plan
    return [*completed(p, cycle_id), *(["adopted_plan"] if plan and plan.adopted else [])]


def decided(p: Program, cycle_id: str) -> list[str]:
    """The decisions of a cycle, where they rest on an act of it."""
    return ["decision"] if any(d.cycle_id == cycle_id for d in p.decisions.values()) else []


@stage.undo(
    SiteReviewHeld, by=only(Role.AFFILIATE_ADMIN, Role.REVIEWER), rests=lambda p, e: rests_on_visit(p, e.cycle_id)
)
def _(p: Program, e: SiteReviewHeld, v: int) -> Program:
    return with_review(p, e.cycle_id, held=0, mode=None, exception=False)


@stage.undo(
    ReviewSummaryIssued, by=only(Role.AFFILIATE_ADMIN, Role.REVIEWER), rests=lambda p, e: completed(p, e.cycle_id)
)
def _(p: Program, e: ReviewSummaryIssued, v: int) -> Program:
    current = p.cycles[e.cycle_id].review.summary == v
    return with_review(p, e.cycle_id, summary=0, reply_until=None) if current else p


@stage.undo(
    ProgramResponseRecorded,
    by=only(Role.AFFILIATE_ADMIN, Role.PROGRAM_LEAD),
    rests=lambda p, e: completed(p, e.cycle_id),
)
def _(p: Program, e: ProgramResponseRecorded, v: int) -> Program:
    current = p.cycles[e.cycle_id].review.replied == v
    return with_review(p, e.cycle_id, replied=0) if current else p


@stage.undo(
    EvaluatorFindingRecorded, by=only(Role.AFFILIATE_ADMIN, Role.REVIEWER), rests=lambda p, e: completed(p, e.cycle_id)
)
def _(p: Program, e: EvaluatorFindingRecorded, v: int) -> Program:
    return with_review(p, e.cycle_id, findings=without(p.cycles[e.cycle_id].review.findings, e.finding))


@stage.undo(SupportCompleted, by=only(Role.AFFILIATE_ADMIN), rests=lambda p, e: decided(p, e.cycle_id))
def _(p: Program, e: SupportCompleted, v: int) -> Program:
    return with_review(p, e.cycle_id, support_completed=0)


@stage.undo(OtherRequirementsConfirmed, by=only(Role.AFFILIATE_ADMIN), rests=lambda p, e: decided(p, e.cycle_id))
def _(p: Program, e: OtherRequirementsConfirmed, v: int) -> Program:
    return with_review(p, e.cycle_id, other_requirements=0)
