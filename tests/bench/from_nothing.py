"""Read models from nothing on a long ledger, and once more beside those: `python -m tests.bench.from_nothing [EVENTS]`.

First a projector comes to a ledger that nobody has read, and builds (a short one it follows); then everything is rebuilt
beside the live rows, compared and swapped. Lives are short and alike (tests/replicated.py). Prints a line for each.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from infra.database import EmbeddedServer, connect, create_roles, create_schema
from infra.projector import Projector
from infra.recorder import LedgerRecorder
from tests.bench.measure import peak_mb, peak_of_ended_mb
from tests.replicated import fill

TOGETHER = 20_000
"""Programs whose lives are written at a time."""


def measured(folder: Path, events: int) -> Iterator[str]:
    """What was done, how long it took, and what came of it."""
    with EmbeddedServer(folder / "data") as server:
        create_roles(server)
        with connect(*create_schema(server, "from_nothing")) as database:
            recorder = LedgerRecorder(database)
            recorder.create_ledger("test")
            head, programs = recorder.head()[0], 0
            while head < events:
                head = fill(database, TOGETHER, first=programs, most=events - head)
                programs += TOGETHER
            with psycopg.connect(str(database.owner_dsn), autocommit=True) as owner:
                owner.execute("ANALYZE ledger.events")
            began = time.perf_counter()
            projector = Projector(database, recorder)
            projector.catch_up()
            yield _line("from nothing", head, began)
            began = time.perf_counter()
            differences = projector.rebuild()
            yield f"{_line('beside the live rows', head, began)}, {len(differences)} differences"
            yield f"the largest process held {max(peak_mb(), peak_of_ended_mb()):.0f} MB"


def _line(what: str, events: int, began: float) -> str:
    seconds = time.perf_counter() - began
    return f"{what}: {events:,} events in {seconds:.1f} s, {events / seconds:,.0f} events/s"


if __name__ == "__main__":
    there = Path(tempfile.mkdtemp(prefix="nqms-from-nothing-", dir="."))
    try:
        for said in measured(there, int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000):
            print(said, flush=True)
    finally:
        shutil.rmtree(there)
