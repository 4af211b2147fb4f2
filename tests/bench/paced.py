"""A writer at a steady pace, as a process of its own: `python -m tests.bench.paced DSN RATE SECONDS CALLERS SEED PROGRAM...`.

Tells the lives of the named programs again under new ids, one fact a command, through the ledger's recorder. RATE 0:
as fast as it goes. Prints {appended, elapsed, cpu}.
"""

import json
import sys
import threading
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from infra.database import connect
from infra.recorder import Actor, Append, LedgerRecorder, NewEvent, StoredFact
from infra.wiring import recording_clock
from tests.bench.history import Lives


def main(address: str, rate: float, seconds: float, callers: int, seed: int, programs: Sequence[str]) -> dict[str, Any]:
    """Write until the time is over."""
    with connect(address, None) as database:
        recorder = LedgerRecorder(database, recording_clock(database, None))
        lives = [recorder.read_stream(f"program:{one}") for one in programs]
        counts = [0] * callers
        began, spent = time.perf_counter(), time.process_time()

        def write(n: int) -> None:
            told = Lives(lives[n % len(lives) :] + lives[: n % len(lives)], seed + n)
            while True:
                for fact in told.one():
                    due = began + (counts[n] * callers + n) / rate if rate else 0.0
                    if (now := time.perf_counter()) < due:
                        time.sleep(due - now)
                    if time.perf_counter() - began >= seconds:
                        return
                    append_one(recorder, fact)
                    counts[n] += 1

        threads = [threading.Thread(target=write, args=(n,)) for n in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed, cpu = time.perf_counter() - began, time.process_time() - spent
        close = getattr(recorder, "close", None)
        if callable(close):
            close()
    return {"appended": sum(counts), "elapsed": elapsed, "cpu": cpu}


def append_one(recorder: LedgerRecorder, fact: StoredFact) -> int:
    """Append one fact as a command of its own; its position."""
    event = NewEvent(fact.stream, fact.version, fact.type, fact.state, fact.occurred_on, fact.provenance)
    actor = Actor(fact.actor_person, fact.actor_role, fact.actor_org)
    command = sha256(f"{fact.stream}@{fact.version}".encode()).digest()
    done = recorder.append(
        Append((event,), UUID(bytes=command[:16]), fact.stream, command, actor, {fact.stream: fact.version - 1})
    )
    assert done.position is not None
    return done.position


if __name__ == "__main__":
    dsn, pace, duration, threads_, seed_, *named = sys.argv[1:]
    print(json.dumps(main(dsn, float(pace), float(duration), int(threads_), int(seed_), named)))
