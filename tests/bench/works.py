"""What is measured and what is to be reached, as data. The table in docs/bench.md is the same, and a test holds it so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

Samples = Mapping[str, Mapping[str, list[float]]]
"""By contender (``ours``, a ruler, a peer) and metric: one figure for each round."""

OURS = "ours"


@dataclass(frozen=True)
class Check:
    """One condition of a line: a figure of ours against a fixed one, or against a multiple of somebody else's."""

    metric: str
    sense: Literal[">=", "<="]
    factor: float
    against: str | None = None
    """The contender; None: ``factor`` is the figure itself."""

    @property
    def says(self) -> str:
        """The condition in a few signs, such as ``rate ≥ 3 × E``."""
        sign = "≥" if self.sense == ">=" else "≤"
        return f"{self.metric} {sign} {self.factor:,g}" + (f" × {self.against}" if self.against else "")

    def value(self, samples: Samples) -> float | None:
        """The figure that is held against ``factor``: ours, or the ratio of the medians; None where one was not had."""
        ours = samples.get(OURS, {}).get(self.metric)
        if not ours:
            return None
        if self.against is None:
            return median(ours)
        theirs = samples.get(self.against, {}).get(self.metric)
        return median(ours) / median(theirs) if theirs and median(theirs) else None

    def reached(self, samples: Samples) -> bool | None:
        """Whether it holds; None where it cannot be said."""
        value = self.value(samples)
        if value is None:
            return None
        return value >= self.factor if self.sense == ">=" else value <= self.factor


@dataclass(frozen=True)
class Work:
    """One line of the table: what is done, what is to be reached in words, and the conditions that the bench computes."""

    name: str
    target: str
    checks: tuple[Check, ...] = field(default=())


def _least(metric: str, factor: float, against: str | None = None) -> Check:
    return Check(metric, ">=", factor, against)


def _most(metric: str, factor: float, against: str | None = None) -> Check:
    return Check(metric, "<=", factor, against)


APPEND_1 = Work(
    "append, 1 caller", "≥ 3× E, ≥ 1.0× raw psycopg", (_least("rate", 3, "E"), _least("rate", 1.0, "raw psycopg"))
)
APPEND_8 = Work(
    "append, 8 callers, own programs",
    "≥ 10× E, ≥ 3× M and D, ≥ 1.5× U, p99 ≤ 1/8 of E",
    (
        _least("rate", 10, "E"),
        _least("rate", 3, "M"),
        _least("rate", 3, "D"),
        _least("rate", 1.5, "U"),
        _most("p99_ms", 0.125, "E"),
    ),
)
APPEND_256 = Work(
    "append, 256 callers", "≥ 30× E at 8, p99 ≤ 20 ms", (_least("rate", 30, "E at 8"), _most("p99_ms", 20))
)
COMMAND = Work(
    "full HTTP command (durable)",
    "≥ 0.5× an empty route of the same app under the same server and workers",
    (_least("rate", 0.5, "empty route"),),
)
LOAD = Work(
    "load a program of 500 events",
    "≥ 20× E, ≤ 1.5× the raw SELECT",
    (_least("rate", 20, "E"), _most("ms", 1.5, "raw SELECT")),
)
REBUILD = Work(
    "rebuild of **all** read models",
    "≥ 100× E, ≥ 100,000 ev/s, rate at 10⁷ ≥ 0.85× that at 10⁵, memory ≤ 256 MB and flat",
    (_least("rate", 100, "E"), _least("rate", 100_000), _most("rss_mb", 256)),
)
REBUILD_GROWTH = (_least("rate", 0.85, "ours before it grew"), _most("rss_mb", 256))
"""Of the row that holds the largest history against the one of 10⁵."""
VISIBLE = Work("commit → visible in the directory", "p99 ≤ 15 ms at half load", (_most("p99_ms", 15),))
WAIT = Work("read-your-writes wait", "p99 ≤ 10 ms (E: 102 ms †)", (_most("p99_ms", 10),))
DIRECTORY = Work(
    "directory page of 50 among 100,000 programs",
    "uncached ≤ 1.5× raw SQL; 304 ≥ 0.5× bare ASGI under the same server",
    (_most("ms", 1.5, "raw SQL"),),
)
DIRECTORY_304 = (_least("rate", 0.5, "bare ASGI"),)
EXPLAIN = Work("explain a tier, 500-event program", "p99 ≤ 3 ms in process", (_most("p99_ms", 3),))
VERIFY = Work(
    "verify: hash every event + root",
    "≥ 0.35× raw COPY out (324,000 ev/s †)",
    (_least("rate", 0.35, "raw COPY out"),),
)
REDERIVE = Work(
    "re-derive every decision of a national ten-year history (20,000 decisions, 7.3 M events)",
    "≤ 120 s",
    (_most("seconds_for_20000", 120),),
)
INCLUSION = Work(
    "inclusion proof at 10⁷", "≤ 1 ms p99; cost on append ≤ 5%", (_most("p99_ms", 1), _most("append_cost_percent", 5))
)
STORED = Work(
    "stored bytes per event with all indexes",
    "≤ 1.0× E storing the same facts (salt, commitment and actor included on both sides)",
    (_most("bytes", 1.0, "E"),),
)
CRASH = Work(
    "crash",
    "200 × kill -9 of program and database: 0 acknowledged events lost, 0 phantom acknowledgements",
    (_least("kills", 200), _most("lost", 0), _most("phantoms", 0), _most("doubled", 0)),
)

WORKS: tuple[Work, ...] = (
    APPEND_1,
    APPEND_8,
    APPEND_256,
    COMMAND,
    LOAD,
    REBUILD,
    VISIBLE,
    WAIT,
    DIRECTORY,
    EXPLAIN,
    VERIFY,
    REDERIVE,
    INCLUSION,
    STORED,
    CRASH,
)
"""Every line, in the order of the table."""

PEERS = {
    "E": "eventsourcing (Python), its defaults",
    "M": "@event-driven-io/emmett-postgresql (Node)",
    "D": "message-db (its SQL on the same server)",
    "U": "UmaDB (its own server)",
}


def settled(answers: Iterable[bool | None]) -> bool | None:
    """Whether all hold: False as soon as one does not, None where none fails but some cannot be said."""
    found = list(answers)
    if False in found:
        return False
    return None if None in found or not found else True
