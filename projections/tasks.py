"""Tasks: the work list of one program: whose turn it is in each cycle, and everything else that is open (M21)."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace

from domain.program import ENDED, Program
from domain.term import add
from projections.matters import CHECK_IN, REENGAGE, RENEW, Task, matters, named
from projections.waiting import Asks, turn_in


class Rules(NamedTuple):
    """What a version of a scheme's rules says about the time after a grant. Periods as ISO 8601 writes them."""

    scheme: str
    version: str
    """Empty for the version that is in force."""
    renewal: str | None
    """How long before the end of a term its renewal opens."""
    looks: str | None
    due: str | None
    """After how long the affiliate looks at a program again, and by when."""
    check_in: bool
    """Whether anniversaries ask for a check-in."""


def tasks(p: Program, asks: Mapping[str, Asks | None] = {}, known: Iterable[Task] | None = None) -> list[Task]:
    """Everything that is to be done about a program, by whoever; cycles first. ``asks``: what policies ask of cycles;
    ``known``: the matters of the program, where they are known already."""
    open_here = p.listing.state in ("listed", "paused")
    cycles = [c for c in p.cycles.values() if c.phase not in ENDED] if open_here else []
    turns: list[Task] = []
    for cycle in cycles:
        role, act, _ = turn_in(p, cycle, asks.get(cycle.cycle_id))
        due = cycle.deferred_until or cycle.due_on
        turns.append(Task(role=role, task=named(act), act=act, about=cycle.cycle_id, scheme=cycle.scheme, due_on=due))
    return [*turns, *(matters(p) if known is None else known)]


def dated(task: Task, rules: Rules | None) -> Task | None:
    """The task with its days as the rules of its scheme count them; None where they know no such task."""
    if task.counted is None:
        return task
    if rules and rules.renewal and task.task == RENEW:
        return replace(task, from_on=add(task.counted, rules.renewal, -1))
    if rules and rules.looks and rules.due and task.task == REENGAGE:
        return replace(task, from_on=add(task.counted, rules.looks), due_on=add(task.counted, rules.due))
    return task if rules and rules.check_in and task.task == CHECK_IN else None


def stands(task: Task, day: date) -> bool:
    """Whether there is something to be done on a day: begun, and not fallen away."""
    return (task.from_on is None or task.from_on <= day) and (task.last_on is None or day <= task.last_on)
