"""Which facts leave everybody's turn as it was: most do, and then nobody need ask again whose turn it is.

Whatever is not named here as of no concern is looked at, so a new part of the state is looked at until somebody says
otherwise.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from domain.program import Cycle, Phase, Program, Review

_OF_NO_CONCERN: dict[type[Any], frozenset[str]] = {
    Program: frozenset({"version", "acts", "people", "documents", "public_notices", "vouchers", "cycles"}),
    Cycle: frozenset({"answers", "narratives", "links", "declarations", "review"}),
    Review: frozenset({"determinations"}),
}
"""Parts that no task and no turn follows from; cycles, reviews and determinations are looked at below."""
_REVIEWING = (Phase.UNDER_REVIEW, Phase.PLANNED)


def _watched(kind: type[Any]) -> Callable[[Any], Any]:
    return attrgetter(*(name for name in kind.__struct_fields__ if name not in _OF_NO_CONCERN[kind]))


_program, _cycle, _review = _watched(Program), _watched(Cycle), _watched(Review)


def same_turns(a: Program, b: Program) -> bool:
    """Whether ``waiting`` and ``tasks`` answer the same for two states of one program; False where that is not sure."""
    if _program(a) != _program(b):
        return False
    if a.cycles is b.cycles:
        return True
    return a.cycles.keys() == b.cycles.keys() and all(_same(c, b.cycles[i]) for i, c in a.cycles.items())


def _same(a: Cycle, b: Cycle) -> bool:
    if a is b:
        return True
    if _cycle(a) != _cycle(b) or _review(a.review) != _review(b.review):
        return False
    return a.phase not in _REVIEWING or _left(a) == _left(b)


def _left(c: Cycle) -> bool:
    """Whether there are practices that the reviewer has not ruled on."""
    return not c.answers.keys() <= c.review.determinations.keys()
