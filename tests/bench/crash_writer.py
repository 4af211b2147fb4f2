"""The writer that is killed: `python -m tests.bench.crash_writer DSN FILE CALLERS`.

Every caller appends commands of two events and notes each in FILE: before it asks, and after it was answered. Where
the outcome is not known, or the database is away, it repeats the same command, as a caller should.
"""

import os
import sys
import threading
import time
from hashlib import sha256
from uuid import uuid4

from eventsourcing import persistence

from infra.database import connect
from infra.recorder import Actor, Append, Appended, LedgerRecorder, NewEvent

EVENTS = 2
_STATE = b'{"cycle_id":"c","item_id":"A1","rating":{"in_practice":"yes","quality":4},"item_revision":1}'


def main(address: str, path: str, callers: int) -> None:
    """Write until killed."""
    note = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with connect(address, None) as database:
        recorder = LedgerRecorder(database)
        threads = [threading.Thread(target=_write, args=(recorder, note), daemon=True) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _write(recorder: LedgerRecorder, note: int) -> None:
    stream, version = f"program:{uuid4()}", 0
    while True:
        command = uuid4()
        events = tuple(NewEvent(stream, version + n, "ItemRated.v1", _STATE) for n in range(1, EVENTS + 1))
        actor = Actor("p_crash", "program_staff", "bench")
        append = Append(events, command, stream, sha256(command.bytes).digest(), actor, {stream: version})
        os.write(note, f"asked {command}\n".encode())
        done = _answered(recorder, append)
        os.write(note, f"answered {command} {stream} {done.last_version} {done.position}\n".encode())
        version += EVENTS


def _answered(recorder: LedgerRecorder, append: Append) -> Appended:
    while True:
        try:
            return recorder.append(append)
        except persistence.OperationalError:
            time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
