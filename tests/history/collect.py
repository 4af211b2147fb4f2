"""Collects one stored example of every event type that has none yet: ``python -m tests.history.collect``.

Examples come from random walks. What is in the folder is never edited: it stands for what is stored in ledgers.
"""

from pathlib import Path

from rich.console import Console

from domain import EVENTS
from domain.opening import LedgerOpened
from infra.mapper import encode
from tests.walker import Walker

FOLDER = Path(__file__).parent
MOST_WALKS = 3_000


def stored(name: str) -> Path:
    """Where the example of a type lies."""
    return FOLDER / f"{name}.json"


def collect() -> list[str]:
    """Writes the examples that are missing; the names of types that no walk came across."""
    wanted = {name for name in EVENTS if not stored(name).exists()}
    if "LedgerOpened.v1" in wanted:
        stored("LedgerOpened.v1").write_bytes(encode(LedgerOpened(clock="real", origin="nqms")))
        wanted.discard("LedgerOpened.v1")
    for seed in range(MOST_WALKS):
        if not wanted:
            break
        walker = Walker(seed)
        for _ in range(120):
            walker.step()
        for events in walker.world.streams.values():
            for event in events:
                if (name := event.published_name()) in wanted:
                    stored(name).write_bytes(encode(event))
                    wanted.discard(name)
    return sorted(wanted)


if __name__ == "__main__":
    Console().print("no walk came across:", collect() or "nothing")
