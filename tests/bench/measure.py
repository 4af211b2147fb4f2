"""Measuring: rounds that are interleaved, medians with their ranges, processor time, memory, the disk's own speed."""

import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

Figures = dict[str, float]
Contender = Callable[[], Figures]
"""Does the work once and checks that it was done; its figures by metric."""

CORES = os.cpu_count() or 1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """What came of some rounds."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict[str, dict[str, list[float]]])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    """Contenders that could not be measured, with the reason."""

    def add(self, name: str, figures: Mapping[str, float]) -> None:
        """One round of one contender."""
        mine = self.samples.setdefault(name, {})
        for metric, value in figures.items():
            mine.setdefault(metric, []).append(value)


def interleaved(rounds: int, contenders: Mapping[str, Contender]) -> Measured:
    """Every contender once in each round, in turns that rotate; one that fails is named with its error and left out."""
    measured = Measured()
    names = list(contenders)
    for n in range(rounds):
        turn = n % len(names) if names else 0
        for name in names[turn:] + names[:turn]:
            if name in measured.errors:
                continue
            try:
                measured.add(name, contenders[name]())
            except Exception as error:  # noqa: BLE001  whatever is wrong with one, the others are measured
                measured.errors[name] = said(error)
                measured.samples.pop(name, None)
    return measured


def said(error: BaseException) -> str:
    """An error in a line."""
    lines = [line.strip() for line in f"{type(error).__name__}: {error}".splitlines() if line.strip()]
    return " ".join(lines)[:400]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed (nearest rank). ValueError when there are none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 1).__int__() - 1))]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


PATIENCE = 6.0
"""Seconds after which what is measured call by call is not called again in the same round."""
FEWEST = 5


def timed(acts: Iterable[Callable[[], object]]) -> list[float]:
    """Milliseconds of each of some calls; of fewer where they take too long, five at least."""
    found: list[float] = []
    until = time.perf_counter() + PATIENCE
    for act in acts:
        began = time.perf_counter()
        if began > until and len(found) >= FEWEST:
            break
        act()
        found.append((time.perf_counter() - began) * 1e3)
    return found


def latencies(values: Sequence[float]) -> Figures:
    """Milliseconds of many calls as figures: mean rate of one after the other, middle and slow ones."""
    return {
        "ms": percentile(values, 0.5),
        "p99_ms": percentile(values, 0.99),
        "rate": len(values) * 1e3 / sum(values),
    }


# --- processor and memory ---------------------------------------------------------------------------------------------


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def tree_seconds(root: int) -> float:
    """Processor seconds of a process, of its living children and of those it has buried; 0 where that is not told."""
    spent = 0
    for pid in [int(one) for one in os.listdir("/proc") if one.isdigit()] if os.path.isdir("/proc") else []:
        stat = _stat(pid)
        if stat and (pid == root or int(stat[1]) == root):
            spent += int(stat[11]) + int(stat[12]) + (int(stat[13]) + int(stat[14]) if pid == root else 0)
    return spent / _TICKS


@dataclass
class Shares:
    """Parts of all cores, in percent, that were used while something ran."""

    driver: float = 0.0
    """The bench's own process: callers, and whatever library works inside it."""
    database: float = 0.0


@contextmanager
def shares(server: int | None, into: Shares | None = None) -> Iterator[Shares]:
    """Processor time of the bench and of the database server while the block runs; written at its end."""
    found = into or Shares()
    wall, mine, theirs = time.perf_counter(), time.process_time(), tree_seconds(server) if server else 0.0
    yield found
    whole = (time.perf_counter() - wall) * CORES / 100
    found.driver = (time.process_time() - mine) / whole
    found.database = ((tree_seconds(server) - theirs) if server else 0.0) / whole


def peak_mb() -> float:
    """The most memory that this process ever held, in MB.

    Not by getrusage() where it can be helped: Linux counts in what the process that started this one held.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return _most_mb(resource.RUSAGE_SELF)
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


def peak_of_ended_mb() -> float:
    """The most memory that any process held which this one started and waited for, in MB."""
    return _most_mb(resource.RUSAGE_CHILDREN)


def _most_mb(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def fsync_rate(folder: Path, seconds: float = 1.0) -> float:
    """How often a second one writer can append 8 KiB to a file in that folder and have it on the disk."""
    path = folder / "fsync-probe"
    block, times = b"\0" * 8192, 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        began = time.perf_counter()
        while (spent := time.perf_counter() - began) < seconds:
            os.write(descriptor, block)
            os.fdatasync(descriptor)
            times += 1
    finally:
        os.close(descriptor)
        path.unlink()
    return times / spent
