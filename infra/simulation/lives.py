"""Lives by the batch: drawn, told and written to runs, in this process or in some beside it."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.simulation.drawing import life
from infra.simulation.fates import fates
from infra.simulation.sheets import Sheet, sheets_of, write_run
from infra.simulation.telling import Teller
from infra.simulation.world import World

BATCH = 8
"""Lives in one run: enough to keep the runs few, few enough to keep memory small."""


@dataclass(frozen=True)
class Batch:
    """Some lives that were told: where their run is, how many events it holds, and what is to be filed for each."""

    run: Path
    lives: int
    events: int
    papers: dict[int, int]
    """By life, how many documents its program handed in."""
    leads: dict[int, int]
    """By life, how many people led its program, one after another."""


class Narrator:
    """Draws and tells lives of one world."""

    def __init__(self, world: World, programs: tuple[str, ...], years: int, folder: Path) -> None:
        self._world, self._programs, self._folder = world, programs, folder
        self._fates = fates(world, len(programs), years)

    def tell(self, first: int) -> Batch:
        """The batch that begins with a life."""
        several = range(first, min(first + BATCH, len(self._programs)))
        sheets: list[Sheet] = []
        papers: dict[int, int] = {}
        leads: dict[int, int] = {}
        for index in several:
            drawn = life(self._world, index, self._programs[index], self._fates.get(index, []))
            tale = Teller(self._world, drawn, self._programs).tell()
            sheets += sheets_of(self._world.seed, index, tale.book.told)
            papers[index], leads[index] = tale.papers, tale.people + 1
        run = self._folder / f"{first:07}.run"
        return Batch(run, len(several), write_run(run, sheets), papers, leads)


_narrator: list[Narrator] = []
"""The narrator of a process beside; one at a time."""


def _begin(world: World, programs: tuple[str, ...], years: int, folder: Path) -> None:
    _narrator[:] = [Narrator(world, programs, years, folder)]


def _tell(first: int) -> Batch:
    return _narrator[0].tell(first)


def told(world: World, programs: tuple[str, ...], years: int, folder: Path, workers: int) -> Iterator[Batch]:
    """All lives, batch after batch, in order. Several workers tell at once; what they tell does not depend on it."""
    firsts = range(0, len(programs), BATCH)
    if workers < 2:
        narrator = Narrator(world, programs, years, folder)
        yield from map(narrator.tell, firsts)
        return
    beside = multiprocessing.get_context("spawn")  # a process with threads is not to be forked
    with ProcessPoolExecutor(workers, beside, _begin, (world, programs, years, folder)) as pool:
        yield from pool.map(_tell, firsts)
