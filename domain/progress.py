"""Progress: the adopted improvement plan in life: reported on, verified, extended, closed (A15, S0-04, S1-16).

An unfinished plan ends no status. Which goals are overdue follows from the days; nobody has to record it.
"""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from domain.access import ALREADY_RECORDED, cycle_of, rules_of
from domain.documents import usable
from domain.impartiality import COOLING_OFF
from domain.language import Context, CycleCommand, Kind, Need, Outcomes, Role, Stage, fact, found, only, refusal
from domain.plan import GOAL_UNKNOWN, PLAN_UNKNOWN
from domain.program import Cycle, CycleEvent, Goal, Phase, Plan, Program, freeze, running_plans, with_cycle
from domain.review import CYCLE_ENDED, PLAN_NOT_ADOPTED
from domain.tenure import Progress
from domain.term import DATE_IN_FUTURE, add
from domain.values import Code, PersonId, Reference, Text, TextRef

stage = Stage("progress")

PLAN_CLOSED = refusal("PLAN_CLOSED", Kind.OUT_OF_ORDER, "The plan was closed; nothing is added to it.")
NOT_REPORTED = refusal("NOT_REPORTED", Kind.OUT_OF_ORDER, "The program has reported nothing on the goal {goal_id}.")
TARGET_NOT_REACHED = refusal(
    "TARGET_NOT_REACHED", Kind.INVALID, "The program reported {achieved}, and the goal is {target}."
)
SELF_VERIFICATION = refusal(
    "SELF_VERIFICATION",
    Kind.NOT_ALLOWED,
    "{person} reported this, or acted for the program in the past 24 months; somebody else verifies it.",
)
NOT_LONGER = refusal("NOT_LONGER", Kind.INVALID, "The plan runs to {ends_on} already; an extension ends later.")
GOALS_OPEN = refusal("GOALS_OPEN", Kind.INCOMPLETE, "A completed plan has every goal verified; open are: {goal_ids}.")


class PlanLifeEvent(CycleEvent):
    """A fact about an adopted plan; the decision that ends the cycle does not rest on it, and it goes on after that."""

    outlives_cycle: ClassVar[bool] = True


class GoalProgressReported(PlanLifeEvent):
    """The program said how far a goal has come."""

    says = "reported {e.achieved} of 5 on the goal {e.goal_id} as of {e.on}: {e.note}"
    goal_id: Reference
    achieved: int
    on: date
    reported_by: PersonId
    document_ids: tuple[Reference, ...] = ()
    note: TextRef


class GoalAttainmentVerified(PlanLifeEvent):
    """Somebody of the affiliate saw that a goal is reached."""

    says = "verified that the goal {e.goal_id} is reached"
    goal_id: Reference
    reported: int
    """The version of the report that was verified."""
    verified_by: PersonId


class ImprovementPlanExtended(PlanLifeEvent):
    """The plan runs longer, for the goals still open."""

    says = "extended the improvement plan from {e.ended_on} to {e.ends_on}: {e.reason}"
    ended_on: date
    """When it would have ended before."""
    ends_on: date
    reason: TextRef


class ImprovementPlanClosed(PlanLifeEvent):
    """The plan is closed, with what was reached and what was not."""

    says = "closed the improvement plan ({e.outcome})[: {e.reason}]"
    plan_id: Reference
    outcome: Code
    achieved: tuple[Reference, ...]
    open_goals: tuple[Reference, ...]
    reason: TextRef | None = None


class ImprovementPlanEnded(PlanLifeEvent):
    """The plan's last day passed and it is not closed; what is open stays open."""

    says = "recorded that the improvement plan came to its end on {e.ended_on}[, with these goals open: {e.open_goals}]"
    plan_id: Reference
    ended_on: date
    open_goals: tuple[Reference, ...]


class ReportGoalProgress(CycleCommand):
    """Say how far a goal of the adopted plan has come, with documents that show it; without a day, as of today."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    goal_id: Reference
    achieved: int = Field(ge=0, le=5)
    """Quality reached, 0 for not in practice."""
    on: date | None = None
    document_ids: tuple[Reference, ...] = ()
    note: Text


class VerifyGoal(CycleCommand):
    """Confirm that a goal is reached as reported."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER, Role.AFFILIATE_ADMIN)
    goal_id: Reference


class ExtendPlan(CycleCommand):
    """Give more time for the goals still open."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER, Role.AFFILIATE_ADMIN)
    ends_on: date
    reason: Text


class ClosePlan(CycleCommand):
    """Close the plan; it is completed only with every goal verified."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER, Role.AFFILIATE_ADMIN)
    outcome: Literal["completed", "partly", "not_completed"]
    reason: Text | None = None


PlanStatus = Literal["draft", "running", "overdue", "ended", "completed", "partly", "not_completed"]


def last_report(plan: Plan, goal_id: str) -> Progress | None:
    """The last report on a goal."""
    reports = plan.progress.get(goal_id, ())
    return reports[-1] if reports else None


def reached(plan: Plan, goal_id: str) -> bool:
    """Whether the goal as it is set was verified, and nothing was reported on it since."""
    last = last_report(plan, goal_id)
    return last is not None and last.verified > plan.goals[goal_id].version


def open_goals(plan: Plan) -> list[str]:
    """The goals that are not verified."""
    return [goal_id for goal_id in plan.goals if not reached(plan, goal_id)]


def due_on(plan: Plan, goal: Goal) -> date:
    """The last day for a goal; an extension gives every open goal until the plan's new end."""
    return plan.ends_on if plan.extended_from and plan.ends_on else goal.due_on


def overdue(plan: Plan, day: date) -> list[str]:
    """The goals not reached whose last day has passed, until the plan is closed."""
    if not plan.running:
        return []
    return [goal_id for goal_id in open_goals(plan) if due_on(plan, plan.goals[goal_id]) < day]


def plan_status(plan: Plan, day: date) -> PlanStatus:
    """Where a plan stands on a day: ended is one whose end has come and that nobody closed."""
    if not plan.adopted:
        return "draft"
    if not plan.running:
        return plan.outcome  # pyright: ignore[reportReturnType]
    if plan.ends_on and plan.ends_on <= day:
        return "ended"
    return "overdue" if overdue(plan, day) else "running"


def unannounced(p: Program) -> Iterator[tuple[Cycle, Plan, date]]:
    """Running plans with the day on which they end, until that was recorded; an extended one ends anew."""
    for cycle, plan in running_plans(p):
        if plan.ends_on and plan.ends_on not in plan.ended:
            yield cycle, plan, plan.ends_on


def plan_ended(cycle: Cycle, plan: Plan, ended_on: date) -> ImprovementPlanEnded:
    """The fact that a plan came to its end, with what is open."""
    left = tuple(open_goals(plan))
    return ImprovementPlanEnded(cycle_id=cycle.cycle_id, plan_id=plan.plan_id, ended_on=ended_on, open_goals=left)


def _running(p: Program, cycle_id: str) -> tuple[Cycle, Plan]:
    """The cycle, open or decided, with its adopted plan."""
    cycle = cycle_of(p, cycle_id)
    plan = found(cycle.plan, PLAN_UNKNOWN)
    need = Need()
    need(cycle.phase is not Phase.WITHDRAWN, CYCLE_ENDED, phase=cycle.phase)
    need(plan.adopted, PLAN_NOT_ADOPTED)
    need(plan.running or not plan.adopted, PLAN_CLOSED)
    need.settle()
    return cycle, plan


@stage.decide(ReportGoalProgress)
def report(p: Program, c: ReportGoalProgress, ctx: Context) -> Outcomes:
    """On a goal of the plan, at any time; a later report takes the place of an earlier one, verified or not."""
    cycle, plan = _running(p, c.cycle_id)
    _, today = rules_of(p, cycle, ctx)
    on = c.on or today
    need = Need()
    need(c.goal_id in plan.goals, GOAL_UNKNOWN, goal_id=c.goal_id)
    need(on <= today, DATE_IN_FUTURE, field="on", day=on, today=today)
    need.settle()
    for document_id in c.document_ids:
        usable(p, document_id)
    return [fact(GoalProgressReported, c, on=on, reported_by=ctx.person)]


def _partial(p: Program, person: str, reported_by: str | None, today: date) -> bool:
    """Whether somebody reported it, or acts for the program, or did not long ago."""
    worked = p.people.get(person)
    recent = worked is not None and (worked.left_on is None or today < add(worked.left_on, COOLING_OFF))
    return recent or person == reported_by


@stage.decide(VerifyGoal)
def verify(p: Program, c: VerifyGoal, ctx: Context) -> Outcomes:
    """What was reported reaches the target, and somebody else says so."""
    cycle, plan = _running(p, c.cycle_id)
    goal = found(plan.goals.get(c.goal_id), GOAL_UNKNOWN, goal_id=c.goal_id)
    last = found(last_report(plan, c.goal_id), NOT_REPORTED, goal_id=c.goal_id)
    _, today = rules_of(p, cycle, ctx)
    need = Need()
    need(not _partial(p, ctx.person, last.reported_by, today), SELF_VERIFICATION, person=ctx.person)
    need(not reached(plan, c.goal_id), ALREADY_RECORDED)
    need(last.achieved >= goal.target, TARGET_NOT_REACHED, achieved=last.achieved, target=goal.target)
    need.settle()
    return [fact(GoalAttainmentVerified, c, reported=last.reported, verified_by=ctx.person)]


@stage.decide(ExtendPlan)
def extend(p: Program, c: ExtendPlan, ctx: Context) -> Outcomes:
    """To a later day, also after the plan's end."""
    _, plan = _running(p, c.cycle_id)
    need = Need()
    need(plan.ends_on and c.ends_on > plan.ends_on, NOT_LONGER, ends_on=plan.ends_on)
    need.settle()
    return [fact(ImprovementPlanExtended, c, ended_on=plan.ends_on)]


@stage.decide(ClosePlan)
def close(p: Program, c: ClosePlan, ctx: Context) -> Outcomes:
    """At any time; what is left open is named for good."""
    _, plan = _running(p, c.cycle_id)
    left = open_goals(plan)
    need = Need()
    need(c.outcome != "completed" or not left, GOALS_OPEN, goal_ids=left)
    need.settle()
    achieved = tuple(goal_id for goal_id in plan.goals if goal_id not in left)
    return [fact(ImprovementPlanClosed, c, plan_id=plan.plan_id, achieved=achieved, open_goals=tuple(left))]


def _plan(p: Program, e: CycleEvent) -> Plan:
    plan = p.cycles[e.cycle_id].plan
    assert plan is not None  # these facts follow an adopted plan
    return plan


def _changed(p: Program, e: CycleEvent, **changes: object) -> Program:
    return with_cycle(p, e.cycle_id, plan=replace(_plan(p, e), **changes))


def _reports(p: Program, e: CycleEvent, goal_id: str, reports: tuple[Progress, ...]) -> Program:
    return _changed(p, e, progress={**_plan(p, e).progress, goal_id: reports})


def _verified(p: Program, e: GoalAttainmentVerified, v: int) -> Program:
    """The program with the report that a verification is about verified in a version, or not with 0."""
    reports = _plan(p, e).progress.get(e.goal_id, ())
    marked = (replace(r, verified=v) if r.reported == e.reported else r for r in reports)
    return _reports(p, e, e.goal_id, tuple(marked))


@stage.evolve(GoalProgressReported)
def _(p: Program, e: GoalProgressReported, v: int) -> Program:
    reported = Progress(achieved=e.achieved, reported=v, reported_by=e.reported_by)
    p = _reports(p, e, e.goal_id, (*_plan(p, e).progress.get(e.goal_id, ()), reported))
    return freeze(p, *e.document_ids)


@stage.evolve(GoalAttainmentVerified)
def _(p: Program, e: GoalAttainmentVerified, v: int) -> Program:
    return _verified(p, e, v)


@stage.evolve(ImprovementPlanExtended)
def _(p: Program, e: ImprovementPlanExtended, v: int) -> Program:
    return _changed(p, e, ends_on=e.ends_on, extended_from=_plan(p, e).extended_from or e.ended_on)


@stage.evolve(ImprovementPlanClosed)
def _(p: Program, e: ImprovementPlanClosed, v: int) -> Program:
    return _changed(p, e, closed=v, outcome=e.outcome)


@stage.evolve(ImprovementPlanEnded)
def _(p: Program, e: ImprovementPlanEnded, v: int) -> Program:
    return _changed(p, e, ended=(*_plan(p, e).ended, e.ended_on))


def _version(p: Program, e: CycleEvent) -> int:
    """The version of this very act; another may say the same."""
    return next(v for v, act in p.acts.items() if act is e)


def _rests_on_report(p: Program, e: GoalProgressReported) -> list[str]:
    reports = _plan(p, e).progress.get(e.goal_id, ())
    return ["verification"] if any(r.verified for r in reports if r.reported == _version(p, e)) else []


def _rests_on_extension(p: Program, e: ImprovementPlanExtended) -> list[str]:
    plan = _plan(p, e)
    later = ["later_extension"] if plan.ends_on != e.ends_on else []
    return [*later, *(["plan_adopted_anew"] if plan.adopted > _version(p, e) else []), *_closure(p, e)]


def _closure(p: Program, e: CycleEvent) -> list[str]:
    plan = _plan(p, e)
    return ["closed_plan"] if plan.closed > plan.adopted else []


@stage.undo(GoalProgressReported, by=only(Role.PROGRAM_LEAD, Role.AFFILIATE_ADMIN), rests=_rests_on_report)
def _(p: Program, e: GoalProgressReported, v: int) -> Program:
    kept = tuple(r for r in _plan(p, e).progress.get(e.goal_id, ()) if r.reported != v)
    return _reports(p, e, e.goal_id, kept)


@stage.undo(GoalAttainmentVerified, by=only(Role.REVIEWER, Role.AFFILIATE_ADMIN), rests=_closure)
def _(p: Program, e: GoalAttainmentVerified, v: int) -> Program:
    return _verified(p, e, 0)


@stage.undo(ImprovementPlanExtended, by=only(Role.REVIEWER, Role.AFFILIATE_ADMIN), rests=_rests_on_extension)
def _(p: Program, e: ImprovementPlanExtended, v: int) -> Program:
    first = _plan(p, e).extended_from
    return _changed(p, e, ends_on=e.ended_on, extended_from=None if first == e.ended_on else first)


@stage.undo(ImprovementPlanClosed, by=only(Role.REVIEWER, Role.AFFILIATE_ADMIN), rests=lambda p, e: ())
def _(p: Program, e: ImprovementPlanClosed, v: int) -> Program:
    return _changed(p, e, closed=0, outcome="")
