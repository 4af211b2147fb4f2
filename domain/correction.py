"""Correction: a recorded act can be withdrawn while nothing rests on it; the record of both stays (M2)."""

from typing import Any, ClassVar, Literal

from msgspec.structs import replace

from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, Undoing, found, refusal
from domain.program import ENDED, Program, without
from domain.values import Code, Text, TextRef

stage = Stage("correction")

ACT_UNKNOWN = refusal(
    "ACT_UNKNOWN", Kind.UNKNOWN, "Event {version} of this program is no act that can be withdrawn, or already is."
)
RESTED_UPON = refusal("RESTED_UPON", Kind.OUT_OF_ORDER, "It cannot be withdrawn: this rests on it: {what}.")

NOT_YOURS_TO_WITHDRAW = refusal("NOT_YOURS_TO_WITHDRAW", Kind.NOT_ALLOWED, "That act can be withdrawn by: {parts}.")

UNDOING: dict[type[Event], Undoing] = {}
"""How each kind of recorded act is withdrawn; filled from the stages when ``domain`` is put together."""


class ActWithdrawn(Event):
    """A recorded act was withdrawn because it was recorded in error; the record of it stays."""

    says = "withdrew event {e.withdrawn} ({e.act}; {e.ground}): {e.explanation}"
    withdrawn: int
    act: Code
    ground: Code
    explanation: TextRef


class WithdrawAct(ProgramCommand):
    """Withdraw an act that was recorded in error, named by its version in the program's history."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.REVIEWER, Role.PROGRAM_LEAD, Role.NATIONAL)
    version: int
    ground: Literal["wrong_program", "wrong_date", "wrong_person", "recorded_twice", "other_error"]
    explanation: Text


def _ended(p: Program, act: Any) -> list[str]:
    """The end of the cycle that an act belongs to: what led to it stays as it was."""
    cycle = p.cycles.get(getattr(act, "cycle_id", ""))
    outlives: bool = getattr(act, "outlives_cycle", False)  # a plan is worked on after the decision too
    return ["ended_cycle"] if cycle and cycle.phase in ENDED and not outlives else []


@stage.decide(WithdrawAct)
def withdraw_act(p: Program, c: WithdrawAct, ctx: Context) -> Outcomes:
    """What rests on the act is named; it has to be withdrawn first."""
    act: Any = found(p.acts.get(c.version), ACT_UNKNOWN, version=c.version)
    undoing = UNDOING[type(act)]
    rests = [*undoing.rests(p, act), *_ended(p, act)]
    need = Need()
    by = undoing.by(act)
    need(ctx.parts & set(by), NOT_YOURS_TO_WITHDRAW, parts=[r.value for r in by])
    need(not rests, RESTED_UPON, what=rests)
    need.settle()
    return [ActWithdrawn(withdrawn=c.version, act=act.published_name(), ground=c.ground, explanation=c.explanation)]


@stage.evolve(ActWithdrawn)
def _(p: Program, e: ActWithdrawn, v: int) -> Program:
    act = p.acts[e.withdrawn]
    undone: Program = UNDOING[type(act)].arm(p, act, e.withdrawn)
    return replace(undone, acts=without(undone.acts, e.withdrawn))
