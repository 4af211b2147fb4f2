"""Row: program and database are killed without warning, again and again; what was acknowledged must be there.

kill -9 takes nothing from the operating system, so this shows that nothing is acknowledged before it was handed over to
be made durable and that nothing is half done; that it reaches the disk is shown by the settings (fsync and
synchronous_commit on) and by the rate, which follows that of the disk.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from infra.database import EmbeddedServer, connect, create_roles, create_schema
from infra.recorder import LedgerRecorder
from tests.bench.crash_writer import EVENTS
from tests.bench.ground import Ground
from tests.bench.measure import Measured, percentile, said
from tests.bench.report import Row
from tests.bench.works import CRASH, OURS

CALLERS = 4
_PATIENCE = 60.0


@dataclass
class Found:
    """What was wrong after the kills so far."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    """Acknowledged events that are not there."""
    phantoms: int = 0
    """Acknowledgements that name another place than where the events stand, and events that nobody asked for."""
    doubled: int = 0
    """Commands that stand there more than once or not whole, positions or versions with a gap."""
    recovery_ms: list[float] = field(default_factory=list[float])
    """From the kill of the database until it answered."""


def rows(ground: Ground) -> Iterator[Row]:
    """One row for all kills."""
    ground.tell(f"{ground.plan.kills} kills of program and database")
    measured, found = Measured(), Found()
    folder = ground.folder / "crash"
    folder.mkdir(mode=0o700)
    try:
        with EmbeddedServer(folder / "data") as server:
            create_roles(server)
            app, _ = create_schema(server)
            with connect(app, None) as database:
                LedgerRecorder(database).create_ledger("bench")
            _Killing(server, app, folder / "noted", Random(ground.plan.seed), found).run(ground.plan.kills)
    except Exception as error:  # noqa: BLE001  the row says what went wrong
        measured.errors[OURS] = said(error)
    else:
        told = {"kills": found.kills, "lost": found.lost, "phantoms": found.phantoms, "doubled": found.doubled}
        told |= {"acknowledged": found.acknowledged}
        if found.recovery_ms:
            slow = {"p50_ms": percentile(found.recovery_ms, 0.5), "max_ms": max(found.recovery_ms)}
            told |= {f"recovery_{name}": value for name, value in slow.items()}
        measured.add(OURS, told)
    size = f"{found.kills} kills, {found.acknowledged:,} events acknowledged"
    yield Row(CRASH, size, "lost", "events lost", measured, notes=["in turns: the database, the writing program"])


class _Killing:
    def __init__(self, server: EmbeddedServer, address: str, noted: Path, drawn: Random, found: Found) -> None:
        self._server, self._address, self._noted, self._drawn, self._found = server, address, noted, drawn, found
        self._writer: subprocess.Popen[bytes] | None = None

    def run(self, kills: int) -> None:
        try:
            for n in range(kills):
                self._go_on()
                time.sleep(self._drawn.uniform(0.02, 0.4))
                self._kill_program() if n % 2 else self._kill_database()
                self._found.kills += 1
                self._check()
        finally:
            self._kill_program()

    def _go_on(self) -> None:
        """A writer is at work and has been answered since."""
        if self._writer is None:
            command = [sys.executable, "-m", "tests.bench.crash_writer", self._address, str(self._noted), str(CALLERS)]
            with self._noted.with_suffix(".log").open("ab") as log:  # it complains of every lost connection
                self._writer = subprocess.Popen(command, stderr=log)
        before, until = self._answers(), time.monotonic() + _PATIENCE
        while self._answers() == before:
            assert self._writer.poll() is None, "the writer ended by itself"
            assert time.monotonic() < until, "the writer is answered no more"
            time.sleep(0.01)

    def _kill_program(self) -> None:
        if self._writer is not None:
            self._writer.kill()
            self._writer.wait()
            self._writer = None

    def _kill_database(self) -> None:
        pid = self._server.pid
        assert pid is not None
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        self._server.start()
        while True:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self._address) as connection:
                connection.execute("SELECT count(*) FROM ledger.claims")
                break
        self._found.recovery_ms.append((time.perf_counter() - began) * 1e3)

    # --- looking --------------------------------------------------------------------------------------------------

    def _lines(self, kind: str) -> list[list[str]]:
        text = self._noted.read_text() if self._noted.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # the last line may be cut off
        return [words[1:] for words in map(str.split, whole.splitlines()) if words[0] == kind]

    def _answers(self) -> int:
        return self._noted.read_bytes().count(b"answered ") if self._noted.exists() else 0

    def _check(self) -> None:
        """Everything again from the beginning: what was answered by now, what stands there, what was asked."""
        answered = self._lines("answered")
        with psycopg.connect(self._address) as connection:
            lines: list[Any] = connection.execute(
                "SELECT position, stream, version, command_id::text FROM ledger.events "
                "WHERE stream <> 'ledger:main' ORDER BY position"
            ).fetchall()
        asked = {words[0] for words in self._lines("asked")}
        last = {command: (stream, version, position) for position, stream, version, command in lines}
        times = Counter(command for _, _, _, command in lines)
        self._found.acknowledged = len(answered) * EVENTS
        self._found.lost = sum(max(0, EVENTS - times[command]) for command, *_ in answered)
        wrong = sum(last.get(c) != (s, int(v), int(p)) for c, s, v, p in answered if c in last)
        self._found.phantoms = wrong + sum(command not in asked for command in times)
        self._found.doubled = sum(count != EVENTS for count in times.values()) + _gaps(lines)


def _gaps(lines: list[Any]) -> int:
    """Positions and versions that do not follow the ones before. The ledger's first event is at position 1."""
    gaps, reached = 0, dict[str, int]()
    for n, (position, stream, version, _) in enumerate(lines, 2):
        gaps += position != n
        gaps += version != reached.get(stream, 0) + 1
        reached[stream] = version
    return gaps
