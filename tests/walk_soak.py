"""Very many walks on every processor: so many or so long, from a first seed on, up to the first fault.

``NQMS_WALKS=300000``, ``NQMS_WALK_MINUTES=60`` and ``NQMS_FIRST_SEED=1000`` in the environment say how many (by default
100,000), how long at the most, and from where; what was counted lies in ``build/walks.json``, also after a fault.
"""

import gc
import json
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from domain import COMMANDS
from domain.language import REFUSALS
from tests.walker import Tally, walks

RESULTS = Path(__file__).parents[1] / "build"
BATCH = 100
TELL_EVERY = 60.0
"""Seconds between two words about how far it is."""


@dataclass(frozen=True)
class Wanted:
    """How many walks, from which seed, and for how long at the most."""

    first: int = 1000
    walks: int | None = 100_000
    minutes: float | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """What the environment says; a time without a number is a time alone."""
        first = int(environment.get("NQMS_FIRST_SEED", cls.first))
        minutes = float(environment["NQMS_WALK_MINUTES"]) if environment.get("NQMS_WALK_MINUTES") else None
        if environment.get("NQMS_WALKS"):
            return cls(first, int(environment["NQMS_WALKS"]), minutes)
        return cls(first, None if minutes else cls.walks, minutes)

    def batches(self) -> Iterator[range]:
        """The seeds, a few at a time, until there are enough or the time is over."""
        started, seed = time.monotonic(), self.first
        end = None if self.walks is None else self.first + self.walks
        while end is None or seed < end:
            if self.minutes is not None and time.monotonic() - started > self.minutes * 60:
                return
            last = seed + BATCH if end is None else min(seed + BATCH, end)
            yield range(seed, last)
            seed = last


@dataclass
class Soak:
    """What came of it."""

    wanted: Wanted
    tally: Tally = field(default_factory=Tally)
    next_seed: int = 0
    """From where to go on."""
    started: float = field(default_factory=time.monotonic)
    fault: str | None = None

    @property
    def line(self) -> str:
        """How many walks, how many came to a decision, how fast."""
        done, seconds = self.tally.walks, time.monotonic() - self.started
        said = f"{done:,} walks (seeds {self.wanted.first} to {self.next_seed - 1}) in {seconds:.0f} s"
        reached, lasting = self.tally.reached / max(done, 1), self.tally.lasting / max(done, 1)
        share = f"{reached:.1%} reached a decision, {lasting:.1%} went on for a year after a grant"
        speed = f"{done / max(seconds, 0.01):.1f} walks/s"
        events = f"{sum(self.tally.events.values()):,} events"
        kinds = f"{len(self.tally.accepted)} of {len(COMMANDS)} kinds of request, {len(self.tally.refused)} of {len(REFUSALS)} refusals"
        return f"{said}, {speed}: {share}; {events}, {kinds}"

    def keep(self, file: str) -> None:
        """Keeps the counts beside the other results."""
        told(self.tally, file, first_seed=self.wanted.first, next_seed=self.next_seed, line=self.line, fault=self.fault)


def told(tally: Tally, file: str, **more: object) -> str:
    """Keeps the counts of walks beside the other results, with what was never seen; as text."""
    counts = vars(tally) | more
    counts["unseen"] = {
        "commands": sorted(set(COMMANDS) - set(tally.accepted)),
        "refusals": sorted(set(REFUSALS) - set(tally.refused)),
    }
    text = json.dumps(counts, indent=1, sort_keys=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / file).write_text(text + "\n", encoding="utf-8")
    return text


def _worker() -> None:
    # The modules stay; what a walk leaves behind is freed by its counts of references nearly at once.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def soak(wanted: Wanted, say: Callable[[str], None], file: str) -> Soak:
    """The walks that are wanted, in order; ends with the first fault, if there is one."""
    done, going = Soak(wanted, next_seed=wanted.first), deque[tuple[range, Future[Tally]]]()
    batches, said = wanted.batches(), time.monotonic()
    processors = os.cpu_count() or 1
    with ProcessPoolExecutor(processors, multiprocessing.get_context("spawn"), _worker) as pool:
        while True:
            for seeds in batches:
                going.append((seeds, pool.submit(walks, seeds)))
                if len(going) > 2 * processors:
                    break
            if not going:
                break
            seeds, future = going.popleft()
            try:
                done.tally.add(future.result())
            except AssertionError as fault:
                done.fault = str(fault)
                pool.shutdown(wait=False, cancel_futures=True)
                break
            done.next_seed = seeds.stop
            if time.monotonic() - said > TELL_EVERY:
                said = time.monotonic()
                say(done.line)
                done.keep(file)
    done.keep(file)
    say(done.line)
    return done
