"""Where a fact is said to leave everybody's turn as it was, it does: along whole lives, and for every part of the state."""

import pytest

from domain import fold, initial
from domain.language import Event
from domain.program import Cycle, Program, Review
from projections.tasks import tasks
from projections.turns import same_turns
from projections.waiting import waiting
from tests.later_life import with_acts
from tests.real_world import told
from tests.small_world import granted
from tests.walk_life import PROGRAM
from tests.walker import Walker


def turns(p: Program) -> object:
    """Whose turn it is, and everything that is to be done."""
    return waiting(p), tasks(p)


def check(events: tuple[Event, ...]) -> tuple[int, int]:
    """How many facts of a life there are, and how many of them are said to leave everybody's turn as it was."""
    before, left = initial("program", PROGRAM), 0
    for event in events:
        after = fold(before, [event])
        if same_turns(before, after):
            left += 1
            assert turns(before) == turns(after), event
        before = after
    return len(events), left


@pytest.mark.parametrize("seed", range(40))
def test_random_lives(seed: int) -> None:
    walker = Walker(seed)
    for _ in range(min(walker.steps, 400)):
        if walker.over:
            break
        walker.step()
    count, left = check(walker.world.streams.get(("program", PROGRAM), ()))
    assert left <= count


def test_most_facts_of_a_usual_life_leave_turns_as_they_were() -> None:
    facts, left = check(told("il-star", granted).events)
    assert left > 0.75 * facts
    for case in with_acts():
        check(case.events)


def test_whatever_is_not_named_is_looked_at() -> None:
    whole = {name for kind in (Program, Cycle, Review) for name in kind.__struct_fields__}
    assert {"listing", "holdings", "measures", "phase", "plan", "statement", "decider", "reviewer", "held"} <= whole
    c = granted()
    assert same_turns(c.p, c.p)
    assert not same_turns(initial("program", PROGRAM), c.p)
