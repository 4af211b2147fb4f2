"""What programs share of their reports, with the audiences and for the days that they chose (S1-19, S2-10).

A share ends by its date; nothing has to be recorded for that. What is not shared has no way out of here.
"""

from collections.abc import Callable, Container, Iterator
from datetime import date

from domain.instrument.model import Instrument
from domain.program import Cycle, Phase, Program
from domain.progress import due_on, open_goals
from domain.report import contents
from domain.values import InstrumentRef
from projections.language import Question, Row
from projections.workspace import LIVE


class SharedGoal(Row):
    """A goal of the adopted plan that is not reached yet."""

    item_ids: tuple[str, ...]
    baseline: int
    target: int
    due_on: date


class SharedReport(Row):
    """What a report says as the cycle stands: strengths, what to improve, and the goals still open."""

    instrument: InstrumentRef
    through: date | None
    """The last day of the share; None without one."""
    strengths: tuple[str, ...]
    improvement_areas: tuple[str, ...]
    goals: tuple[SharedGoal, ...]


def shared(
    p: Program,
    scheme: str,
    audiences: Container[str],
    day: date,
    instrument_of: Callable[[InstrumentRef], Instrument | None],
) -> Iterator[SharedReport]:
    """The reports of a scheme's decided cycles that are shared with one of the audiences on a day, the latest first."""
    for report in reversed(p.reports.values()):
        cycle = p.cycles[report.cycle_id]
        last = max((until for audience, until in report.shares.items() if audience in audiences), default=None)
        if last is None or last < day or cycle.scheme != scheme or cycle.phase is not Phase.DECIDED:
            continue
        instrument = instrument_of(cycle.access.instrument) if cycle.access else None
        if instrument and cycle.access:
            sections = contents(cycle, instrument)
            yield SharedReport(
                instrument=cycle.access.instrument,
                through=None if last == date.max else last,
                strengths=tuple(i for s in sections for i in s.strengths),
                improvement_areas=tuple(i for s in sections for i in s.improvement_areas),
                goals=tuple(_goals(cycle)),
            )


def _goals(cycle: Cycle) -> Iterator[SharedGoal]:
    plan = cycle.plan
    if plan is None or not plan.running:
        return
    for goal in (plan.goals[goal_id] for goal_id in open_goals(plan)):
        yield SharedGoal(item_ids=goal.item_ids, baseline=goal.baseline, target=goal.target, due_on=due_on(plan, goal))


STATES = Question(
    "the states of some programs", f"SELECT body FROM read.workspace WHERE generation = {LIVE} AND key = ANY(%(keys)s)"
)
