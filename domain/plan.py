"""Plan: the improvement plan, with a goal for every practice not in place, adopted by both sides (A11, A15, M4)."""

from datetime import date
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace
from pydantic import Field

from domain.access import cycle_of, rules_of
from domain.assessment import instrument_of, known_items
from domain.determination import REVIEWING, gaps, undetermined
from domain.impartiality import reviewing
from domain.language import Context, CycleCommand, Kind, Need, Outcome, Outcomes, Role, Stage, fact, found, refusal
from domain.policy.model import PlanRule
from domain.program import Cycle, CycleEvent, Goal, Phase, Plan, Program, with_cycle, without
from domain.publishing import SECOND_PERSON_REQUIRED
from domain.review import ITEMS_UNDETERMINED, NOT_ASKED_BY_POLICY, REVIEW_NOT_HELD
from domain.term import add, months_between
from domain.values import Code, Digest, PersonId, Reference, Text, TextRef, digest_of

stage = Stage("plan")

PLAN_EXISTS = refusal("PLAN_EXISTS", Kind.OUT_OF_ORDER, "The cycle has a plan already.")
PLAN_UNKNOWN = refusal("PLAN_UNKNOWN", Kind.OUT_OF_ORDER, "No plan has been drafted in this cycle.")
PLAN_IS_ADOPTED = refusal("PLAN_IS_ADOPTED", Kind.OUT_OF_ORDER, "The plan is adopted and stays as it is.")
GOAL_NOT_AN_IMPROVEMENT = refusal(
    "GOAL_NOT_AN_IMPROVEMENT", Kind.INVALID, "The target {target} is not above the baseline {baseline}."
)
GOAL_UNKNOWN = refusal("GOAL_UNKNOWN", Kind.UNKNOWN, "The plan has no goal {goal_id}.")
GOAL_DATES = refusal(
    "GOAL_DATES", Kind.INVALID, "The goal would be due on {due_on}, not after its start on {start_on}."
)
OUTSIDE_PLAN_PERIOD = refusal(
    "OUTSIDE_PLAN_PERIOD", Kind.INVALID, "These goals lie outside {starts_on} to {ends_on}: {goal_ids}."
)
WRONG_PERIOD = refusal(
    "WRONG_PERIOD", Kind.INVALID, "The policy wants a plan of {months} months, from {starts_on} to {ends_on}."
)
UNCOVERED_PRACTICES = refusal(
    "UNCOVERED_PRACTICES",
    Kind.INCOMPLETE,
    "The plan has no goal for these practices that are not in place: {item_ids}.",
)
NO_GOALS = refusal("NO_GOALS", Kind.INCOMPLETE, "A plan has at least one goal; with all in place, one to innovate.")
NOT_PROPOSED = refusal("NOT_PROPOSED", Kind.OUT_OF_ORDER, "Nobody has proposed the plan for adoption.")
BOTH_PARTIES_REQUIRED = refusal(
    "BOTH_PARTIES_REQUIRED", Kind.NOT_ALLOWED, "The {side} proposed the plan; the other side has to agree."
)
PLAN_CHANGED = refusal("PLAN_CHANGED", Kind.CHANGED_MEANWHILE, "The plan is not the one that was proposed; look again.")


class ImprovementPlanDrafted(CycleEvent):
    """A draft of the plan was begun."""

    says = "began the improvement plan ({e.form})"
    plan_id: Reference
    form: Code


class ImprovementGoalSet(CycleEvent):
    """A goal was set, or set anew."""

    says = "set a goal for {e.item_ids} from {e.baseline} to {e.target}, due {e.due_on}: {e.actions}"
    goal_id: Reference
    item_ids: tuple[Code, ...]
    baseline: int
    target: int
    start_on: date
    due_on: date
    owner_role: Code
    actions: TextRef


class ImprovementGoalDropped(CycleEvent):
    """A goal was taken out of the draft."""

    says = "dropped the goal {e.goal_id}: {e.reason}"
    goal_id: Reference
    reason: TextRef


class ImprovementPlanProposed(CycleEvent):
    """One side agreed to the plan as it stands."""

    says = "agreed to the plan from {e.starts_on} to {e.ends_on} for the {e.side}"
    person: PersonId
    side: Code
    starts_on: date
    ends_on: date
    plan_digest: Digest


class ImprovementPlanAdopted(CycleEvent):
    """The plan is adopted: both sides agreed to the same content."""

    says = "adopted the improvement plan from {e.starts_on} to {e.ends_on}"
    plan_id: Reference
    form: Code
    starts_on: date
    ends_on: date
    months: int
    agreed_by: tuple[PersonId, ...]
    plan_digest: Digest


class DraftPlan(CycleCommand):
    """Begin the improvement plan."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER, Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)


class SetGoal(CycleCommand):
    """Set a goal of the draft; naming an existing goal revises it."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD, Role.REVIEWER)
    goal_id: Reference | None = None
    item_ids: tuple[Code, ...] = Field(min_length=1)
    baseline: int = Field(ge=0, le=5)
    """Quality now, 0 for not in practice."""
    target: int = Field(ge=1, le=5)
    start_on: date
    due_on: date
    owner_role: Code
    actions: Text


class DropGoal(CycleCommand):
    """Take a goal out of the draft."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD, Role.REVIEWER)
    goal_id: Reference
    reason: Text


class ProposePlan(CycleCommand):
    """Agree to the plan as it stands, for one side; the other side adopts it."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER, Role.PROGRAM_LEAD)
    starts_on: date
    ends_on: date


class AdoptPlan(CycleCommand):
    """Agree to the proposed plan, for the other side; with that it is adopted."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD, Role.REVIEWER)
    plan_digest: Digest


Side = Literal["program", "affiliate"]


def _planning(p: Program, cycle_id: str, ctx: Context) -> Cycle:
    """The cycle under review; of the affiliate's people only its reviewer works on the plan."""
    cycle = cycle_of(p, cycle_id, *REVIEWING)
    if ctx.actor.role is Role.REVIEWER:
        reviewing(p, cycle, ctx)
    return cycle


def draft(p: Program, cycle_id: str, ctx: Context) -> tuple[Cycle, Plan]:
    """The cycle under review with its draft plan."""
    cycle = _planning(p, cycle_id, ctx)
    plan = found(cycle.plan, PLAN_UNKNOWN)
    need = Need()
    need(not plan.adopted, PLAN_IS_ADOPTED)
    need.settle()
    return cycle, plan


def uncovered(cycle: Cycle, gap_items: list[str]) -> list[str]:
    """The practices not in place that no goal covers."""
    covered = {i for g in (cycle.plan.goals if cycle.plan else {}).values() for i in g.item_ids}
    return [i for i in gap_items if i not in covered]


def plan_digest(plan: Plan, starts_on: date, ends_on: date) -> str:
    """The digest of what the plan says: its goals without the versions in which they were set."""
    goals = {k: {**msgspec.structs.asdict(g), "version": 0, "actions": g.actions.digest} for k, g in plan.goals.items()}
    return digest_of({"plan": plan.plan_id, "starts_on": starts_on, "ends_on": ends_on, "goals": goals})


def rule_of(p: Program, cycle: Cycle, ctx: Context) -> PlanRule:
    """What the policy asks of the plan."""
    policy, _ = rules_of(p, cycle, ctx)
    return found(policy.plan, NOT_ASKED_BY_POLICY, what="plan")


@stage.decide(DraftPlan)
def begin(p: Program, c: DraftPlan, ctx: Context) -> Outcomes:
    """One plan a cycle, where the policy asks for one."""
    cycle = _planning(p, c.cycle_id, ctx)
    rule = rule_of(p, cycle, ctx)
    need = Need()
    need(cycle.plan is None, PLAN_EXISTS)
    need.settle()
    return [ImprovementPlanDrafted(cycle_id=c.cycle_id, plan_id=ctx.mint(), form=rule.form)]


@stage.decide(SetGoal)
def set_goal(p: Program, c: SetGoal, ctx: Context) -> Outcomes:
    """A goal improves known items within its dates."""
    cycle, plan = draft(p, c.cycle_id, ctx)
    need = Need()
    need(c.goal_id is None or c.goal_id in plan.goals, GOAL_UNKNOWN, goal_id=c.goal_id)
    known_items(need, instrument_of(cycle, ctx), c.item_ids)
    need(c.target > c.baseline or c.target == 5, GOAL_NOT_AN_IMPROVEMENT, target=c.target, baseline=c.baseline)
    need(c.due_on > c.start_on, GOAL_DATES, due_on=c.due_on, start_on=c.start_on)
    need.settle()
    return [fact(ImprovementGoalSet, c, goal_id=c.goal_id or ctx.mint())]


@stage.decide(DropGoal)
def drop_goal(p: Program, c: DropGoal, ctx: Context) -> Outcomes:
    """Only from the draft."""
    _, plan = draft(p, c.cycle_id, ctx)
    need = Need()
    need(c.goal_id in plan.goals, GOAL_UNKNOWN, goal_id=c.goal_id)
    need.settle()
    return [ImprovementGoalDropped(cycle_id=c.cycle_id, goal_id=c.goal_id, reason=c.reason)]


def _adoptable(need: Need, p: Program, cycle: Cycle, plan: Plan, period: tuple[date, date], ctx: Context) -> None:
    """Notes everything that keeps the plan from being adopted."""
    starts_on, ends_on = period
    rule = rule_of(p, cycle, ctx)
    instrument = instrument_of(cycle, ctx)
    unruled = undetermined(cycle, instrument)
    need(cycle.review.held, REVIEW_NOT_HELD)
    need(not unruled, ITEMS_UNDETERMINED, item_ids=unruled)
    need(plan.goals, NO_GOALS)
    open_gaps = uncovered(cycle, gaps(cycle, instrument)) if rule.cover_gaps else []
    need(not open_gaps, UNCOVERED_PRACTICES, item_ids=open_gaps)
    if rule.months:
        wanted = {"months": rule.months, "starts_on": starts_on, "ends_on": add(starts_on, f"P{rule.months}M")}
        need(ends_on == wanted["ends_on"], WRONG_PERIOD, **wanted)
    outside = [k for k, g in plan.goals.items() if g.start_on < starts_on or g.due_on > ends_on]
    need(not outside, OUTSIDE_PLAN_PERIOD, starts_on=starts_on, ends_on=ends_on, goal_ids=outside)


def _side(ctx: Context) -> Side:
    return "program" if ctx.actor.role is Role.PROGRAM_LEAD else "affiliate"


@stage.decide(ProposePlan)
def propose(p: Program, c: ProposePlan, ctx: Context) -> Outcomes:
    """One side agrees to a plan that could be adopted; an affiliate may issue it alone where the policy says so."""
    cycle, plan = draft(p, c.cycle_id, ctx)
    period = (c.starts_on, c.ends_on)
    need = Need()
    _adoptable(need, p, cycle, plan, period, ctx)
    need.settle()
    side, digest = _side(ctx), plan_digest(plan, *period)
    proposed = fact(ImprovementPlanProposed, c, person=ctx.person, side=side, plan_digest=digest)
    if side == "affiliate" and rule_of(p, cycle, ctx).issued_by == "affiliate":
        return [proposed, _adopted(c.cycle_id, plan, period, digest, (ctx.person,))]
    return [proposed]


def _adopted(cycle_id: str, plan: Plan, period: tuple[date, date], digest: str, by: tuple[str, ...]) -> Outcome:
    return ImprovementPlanAdopted(
        cycle_id=cycle_id,
        plan_id=plan.plan_id,
        form=plan.form,
        starts_on=period[0],
        ends_on=period[1],
        months=months_between(*period),
        agreed_by=by,
        plan_digest=digest,
    )


@stage.decide(AdoptPlan)
def adopt(p: Program, c: AdoptPlan, ctx: Context) -> Outcomes:
    """The other side agrees to exactly what was proposed, if it still can be adopted."""
    cycle, plan = draft(p, c.cycle_id, ctx)
    person, side = found(plan.proposed_by, NOT_PROPOSED)
    need = Need()
    need(person != ctx.person, SECOND_PERSON_REQUIRED, person=person)
    need(side != _side(ctx), BOTH_PARTIES_REQUIRED, side=side)
    need(c.plan_digest == plan.digest, PLAN_CHANGED)
    assert plan.starts_on is not None  # a proposal names the period
    assert plan.ends_on is not None
    period = (plan.starts_on, plan.ends_on)
    _adoptable(need, p, cycle, plan, period, ctx)
    need.settle()
    return [_adopted(c.cycle_id, plan, period, plan.digest, (person, ctx.person))]


def _with_plan(p: Program, cycle_id: str, **changes: object) -> Program:
    plan = p.cycles[cycle_id].plan
    assert plan is not None  # goals and agreements follow the draft
    return with_cycle(p, cycle_id, plan=replace(plan, **changes))


def _unproposed(p: Program, cycle_id: str, goals: dict[str, Goal]) -> Program:
    """Whoever agreed, agreed to something else: a changed draft is to be proposed again."""
    return _with_plan(p, cycle_id, goals=goals, proposed=0, proposed_by=None, digest="")


def _goals(p: Program, cycle_id: str) -> dict[str, Goal]:
    plan = p.cycles[cycle_id].plan
    return plan.goals if plan else {}


@stage.evolve(ImprovementPlanDrafted)
def _(p: Program, e: ImprovementPlanDrafted, v: int) -> Program:
    return with_cycle(p, e.cycle_id, plan=Plan(plan_id=e.plan_id, form=e.form))


@stage.evolve(ImprovementGoalSet)
def _(p: Program, e: ImprovementGoalSet, v: int) -> Program:
    goal = Goal(
        item_ids=e.item_ids,
        baseline=e.baseline,
        target=e.target,
        start_on=e.start_on,
        due_on=e.due_on,
        owner_role=e.owner_role,
        version=v,
        actions=e.actions,
    )
    return _unproposed(p, e.cycle_id, {**_goals(p, e.cycle_id), e.goal_id: goal})


@stage.evolve(ImprovementGoalDropped)
def _(p: Program, e: ImprovementGoalDropped, v: int) -> Program:
    return _unproposed(p, e.cycle_id, without(_goals(p, e.cycle_id), e.goal_id))


@stage.evolve(ImprovementPlanProposed)
def _(p: Program, e: ImprovementPlanProposed, v: int) -> Program:
    fields = {"starts_on": e.starts_on, "ends_on": e.ends_on, "digest": e.plan_digest}
    return _with_plan(p, e.cycle_id, proposed=v, proposed_by=(e.person, e.side), **fields)


@stage.evolve(ImprovementPlanAdopted)
def _(p: Program, e: ImprovementPlanAdopted, v: int) -> Program:
    fields = {"starts_on": e.starts_on, "ends_on": e.ends_on, "digest": e.plan_digest, "months": e.months}
    p = _with_plan(p, e.cycle_id, adopted=v, **fields)
    return with_cycle(p, e.cycle_id, phase=Phase.PLANNED)
