"""Appending: the load, the threads that make it, and the check that everything acknowledged is there, in order.

The load generator is this module: one thread for each caller, each with programs of its own, one command after the
other, as fast as answers come. Stores that live in this process are called by these threads; Emmett makes the same
load in its own process (emmett_load.mjs).
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Protocol
from uuid import UUID, uuid4

from tests.bench.measure import Figures, percentile

LIFE = 350
"""Events after which a caller goes on with another program."""
Fact = tuple[str, bytes]
"""A type and a state."""


@dataclass(frozen=True)
class Load:
    """``callers`` at once, each command ``count`` events of one program, for ``seconds``."""

    callers: int
    count: int
    seconds: float
    facts: Sequence[Fact]
    """Real types and states, taken in turns."""


@dataclass
class Done:
    """What was acknowledged: every event by stream and version, with its command; and how long each command took."""

    acknowledged: dict[tuple[UUID, int], UUID] = field(default_factory=dict[tuple[UUID, int], UUID])
    milliseconds: list[float] = field(default_factory=list[float])
    elapsed: float = 0.0

    @property
    def figures(self) -> Figures:
        """Events per second, and how long the middle and the slow commands took."""
        return {
            "rate": len(self.acknowledged) / self.elapsed,
            "p50_ms": percentile(self.milliseconds, 0.5),
            "p99_ms": percentile(self.milliseconds, 0.99),
        }


Write = Callable[[UUID, int, Sequence[Fact], UUID], None]
"""Appends events to a stream that has so many, as one command; returns when they are durable."""
StoredLine = tuple[UUID, int, UUID]
"""A stream, a version from 1, the command that wrote it."""


class Store(Protocol):
    """Something that events are appended to."""

    def run(self, load: Load) -> Done:
        """Carry out a load."""
        ...

    def mark(self) -> int:
        """The last position."""
        ...

    def stored(self, after: int) -> Iterable[StoredLine]:
        """What stands behind a position, read again from the store, in its order."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


def drive(load: Load, writer: Callable[[], Write]) -> Done:
    """The load by threads of this process. ``writer`` gives each its own way to write. The first error ends it all."""
    done, failed = [Done() for _ in range(load.callers)], list[BaseException]()
    start, end = threading.Barrier(load.callers + 1), [0.0]

    def call(mine: Done, n: int) -> None:
        try:
            write, facts = writer(), islice(cycle(load.facts), n % len(load.facts), None)
        except BaseException as error:  # noqa: BLE001  told to whoever waits
            failed.append(error)
            start.abort()
            return
        try:
            start.wait()
            _call(load, write, facts, mine, end)
        except BaseException as error:  # noqa: BLE001  told to whoever waits
            failed.append(error)

    threads = [threading.Thread(target=call, args=(mine, n), daemon=True) for n, mine in enumerate(done)]
    for thread in threads:
        thread.start()
    end[0] = time.perf_counter() + load.seconds + 60  # until all are ready
    with suppress(threading.BrokenBarrierError):
        start.wait()
    began = time.perf_counter()
    end[0] = began + load.seconds
    for thread in threads:
        thread.join()
    if failed:
        raise next((one for one in failed if not isinstance(one, threading.BrokenBarrierError)), failed[0])
    return _together(done, time.perf_counter() - began)


def _call(load: Load, write: Write, facts: Iterable[Fact], mine: Done, end: list[float]) -> None:
    taken = iter(facts)
    stream, version = uuid4(), 0
    while (began := time.perf_counter()) < end[0]:
        command = uuid4()
        write(stream, version, [next(taken) for _ in range(load.count)], command)
        mine.milliseconds.append((time.perf_counter() - began) * 1e3)
        for n in range(1, load.count + 1):
            mine.acknowledged[stream, version + n] = command
        version += load.count
        if version + load.count > LIFE:
            stream, version = uuid4(), 0


def _together(done: Sequence[Done], elapsed: float) -> Done:
    whole = Done(elapsed=elapsed)
    for one in done:
        whole.acknowledged |= one.acknowledged
        whole.milliseconds += one.milliseconds
    return whole


class Wrong(AssertionError):
    """A store did not keep what it acknowledged."""


def checked(store: Store, load: Load, around: AbstractContextManager[object] | None = None) -> Figures:
    """Carry out a load and read everything again: each acknowledged event once, with its command, versions in order.

    ``around``: entered while the load runs, and not while it is read again.
    """
    before = store.mark()
    with around or nullcontext():
        done = store.run(load)
    check(done, store.stored(before))
    return done.figures


def check(done: Done, stored: Iterable[StoredLine]) -> None:
    """Raises Wrong where what is stored is not exactly what was acknowledged, in order."""
    missing, reached = dict(done.acknowledged), dict[UUID, int]()
    if not missing:
        raise Wrong("nothing was acknowledged")
    for stream, version, command in stored:
        if missing.pop((stream, version), None) != command:
            raise Wrong(f"{stream}@{version} stands there, but was not acknowledged once under that command")
        if version != reached.get(stream, 0) + 1:
            raise Wrong(f"{stream}@{version} follows version {reached.get(stream, 0)}")
        reached[stream] = version
    if missing:
        raise Wrong(f"{len(missing)} acknowledged events are not there")


def generator_microseconds(load: Load) -> float:
    """Processor time that the load generator itself takes for one event, in µs: the same threads over a store that
    does nothing."""
    began = time.process_time()
    done = drive(Load(load.callers, load.count, min(load.seconds, 0.3), load.facts), lambda: _nothing)
    return (time.process_time() - began) * 1e6 / len(done.acknowledged)


def _nothing(_stream: UUID, _version: int, _facts: Sequence[Fact], _command: UUID) -> None:
    """Appends nothing."""
