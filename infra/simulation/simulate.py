"""A simulation from its seed to a loaded ledger, with the answers that are expected of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from domain.language import Actor
from domain.opening import LedgerOpened
from domain.values import TextRef
from infra.database import Database
from infra.recorder import LEDGER_STREAM, LedgerRecorder
from infra.simulation import filing
from infra.simulation.book import Told, drawn_id
from infra.simulation.drawing import life
from infra.simulation.fates import fates
from infra.simulation.filing import Shelves
from infra.simulation.lives import Batch, told
from infra.simulation.loading import Loaded, load, refuse_used
from infra.simulation.oracle import Oracle
from infra.simulation.schemes import MOST_AFFILIATES
from infra.simulation.sheets import Sheet, sheets_of
from infra.simulation.world import LAST_DAY, World, artifacts, create

FEWEST_AFFILIATES = 6
Progress = Callable[[str, int, int], None]
"""Told now and then: what is being done, how far, of how many."""


@dataclass(frozen=True)
class Size:
    """How much is simulated, and from which seed."""

    programs: int
    years: int
    seed: int

    @property
    def affiliates(self) -> int:
        """How many affiliates: one for every third program, at full size 24."""
        return min(MOST_AFFILIATES, max(FEWEST_AFFILIATES, self.programs // 3))


@dataclass(frozen=True)
class Simulated:
    """What came of it."""

    size: Size
    begin: date
    affiliates: int
    loaded: Loaded
    documents: int
    people: int


def program_ids(size: Size) -> tuple[str, ...]:
    """The ids of the programs, by their numbers."""
    return tuple(drawn_id(size.seed, "program", n) for n in range(size.programs))


def world_of(size: Size) -> World:
    """The world of a simulation, with the texts that its facts cite."""
    texts = [TextRef(*filing.text_ref(size.seed, n)) for n in range(filing.TEXTS)]
    return create(size.seed, size.affiliates, size.years, program_ids(size), texts)


def simulate(
    database: Database, shelves: Shelves, size: Size, origin: str, *, workers: int, progress: Progress
) -> Simulated:
    """Draw, tell, file and load. LedgerNotEmpty when the ledger holds facts; then nothing is written."""
    refuse_used(database)
    world, programs = world_of(size), program_ids(size)
    with TemporaryDirectory(prefix="nqms-simulated-") as folder:
        batches: list[Batch] = []
        for batch in told(world, programs, size.years, Path(folder), workers):
            batches.append(batch)
            progress("telling lives", sum(b.lives for b in batches), size.programs)
        recorder = LedgerRecorder(database)
        for kind, content in artifacts(world.shown):
            recorder.put_artifact(kind, content)
        papers = {programs[i]: n for b in batches for i, n in b.papers.items()}
        leads = {programs[i]: n for b in batches for i, n in b.leads.items()}
        progress("filing documents", 0, 1)
        people = filing.file_all(shelves, world, papers, leads)
        progress("filing documents", 1, 1)
        events = sum(b.events for b in batches) + len(world.told) + 1
        first = _first(world, origin)
        loaded = load(database, first, [b.run for b in batches], lambda n: progress("loading events", n, events))
    return Simulated(size, world.begin, size.affiliates, loaded, sum(papers.values()), people)


def _first(world: World, origin: str) -> Iterator[Sheet]:
    """The opening of the ledger, then the world."""
    morning = datetime.combine(world.begin - timedelta(days=4), time(12), UTC)
    role: Any = "system"  # the ledger itself acts in no part of the rules
    system = Actor("system", role, "system")
    opened = Told(morning, LEDGER_STREAM, "OpenLedger", system, 1, (LedgerOpened(clock="simulated", origin=origin),))
    yield from sheets_of(world.seed, -2, [opened])
    yield from sheets_of(world.seed, -1, world.told)


# --- the expected answers ---------------------------------------------------------------------------------------------


def oracles(size: Size) -> Iterator[tuple[str, Oracle]]:
    """Each program with what is expected of it; drawn again from the seed, nothing is read from a ledger."""
    world = world_of(size)
    fated = fates(world, size.programs, size.years)
    for index, program in enumerate(program_ids(size)):
        yield program, Oracle(life(world, index, program, fated.get(index, [])).acts)


def spans(oracle: Oracle, begin: date) -> Iterator[dict[str, Any]]:
    """The expected status as stretches of days: each from a day on, until the next of its scheme."""
    for scheme in sorted({t.scheme for t in oracle.terms}):
        day, before = begin, ("none", None)
        while day < LAST_DAY:
            now = oracle.status(scheme, day)
            if now != before:
                yield {"scheme": scheme, "since": day.isoformat(), "status": now[0], "tier": now[1]}
            day, before = day + timedelta(days=1), now


def write_answers(path: Path, size: Size, progress: Progress) -> int:
    """The expected answers as a file of lines of JSON, one for each program; how many."""
    begin = world_of(size).begin
    with path.open("w", encoding="utf-8") as file:
        for n, (program, oracle) in enumerate(oracles(size), 1):
            decisions = [
                {k: str(v) if isinstance(v, date) else v for k, v in asdict(d).items()} for d in oracle.decisions
            ]
            answer = {"program": program, "status": list(spans(oracle, begin)), "decisions": decisions}
            file.write(json.dumps(answer) + "\n")
            progress("writing answers", n, size.programs)
    return size.programs
