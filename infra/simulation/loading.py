"""Loading: runs merged into one order, positions given out, commitments taken, and all of it copied in one transaction."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from heapq import merge
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, LiteralString

import psycopg

from infra.database import Database
from infra.recorder import LEDGER_LOCK
from infra.records import committed
from infra.simulation.sheets import CLAIM_COLUMNS, COMMAND_COLUMNS, EVENT_COLUMNS, Sheet, read_run

BLOCK = 500
"""Commands that are handed to the server at once."""
_EVENTS: LiteralString = "COPY ledger.events (" + EVENT_COLUMNS + ") FROM STDIN"
_COMMANDS: LiteralString = "COPY ledger.commands (" + COMMAND_COLUMNS + ") FROM STDIN"
_CLAIMS: LiteralString = "COPY ledger.claims (" + CLAIM_COLUMNS + ") FROM STDIN"
_USED = "SELECT EXISTS (SELECT FROM ledger.events) OR EXISTS (SELECT FROM ledger.commands)"
Progress = Callable[[int], None]
"""Told now and then how many events are loaded."""


class LedgerNotEmpty(RuntimeError):
    """The ledger holds facts already; a simulation is loaded into an empty one only."""

    def __init__(self) -> None:
        super().__init__(
            "this ledger holds facts already, and simulated history is loaded into an empty one only: "
            "name another folder in NQMS_DATA_DIR, or another database in NQMS_DATABASE_URL"
        )


@dataclass(frozen=True)
class Loaded:
    """What was loaded. ``root``: SHA-256 over all commitments in order, 64 hex digits: the same for the same ledger."""

    events: int
    commands: int
    root: str


def refuse_used(database: Database) -> None:
    """LedgerNotEmpty when the ledger holds anything."""
    with database.pool.connection() as connection:
        row = connection.execute(_USED).fetchone()
    if row is None or row[0]:
        raise LedgerNotEmpty


def load(database: Database, first: Iterable[Sheet], runs: Iterable[Path], progress: Progress) -> Loaded:
    """All of it or nothing, under the ledger's own lock. LedgerNotEmpty when somebody wrote meanwhile."""
    everything = merge(first, *map(read_run, runs), key=lambda s: s.order)
    with psycopg.connect(database.app_dsn) as connection, TemporaryFile() as commands, TemporaryFile() as claims:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LEDGER_LOCK,))
        row = connection.execute(_USED).fetchone()
        if row is None or row[0]:
            raise LedgerNotEmpty
        pages = _Pages(commands, claims)
        with connection.cursor() as cursor:
            with cursor.copy(_EVENTS) as copy:
                for block in pages.blocks(everything):
                    copy.write(block)
                    progress(pages.position)
            put_aside: tuple[tuple[LiteralString, IO[bytes]], ...] = ((_COMMANDS, commands), (_CLAIMS, claims))
            for statement, file in put_aside:
                file.seek(0)
                with cursor.copy(statement) as copy:
                    while part := file.read(1 << 18):
                        copy.write(part)
        connection.execute("SELECT pg_notify('nqms_ledger', %s)", (str(pages.position),))
    return Loaded(pages.position, pages.count, pages.root.hexdigest())


class _Pages:
    """Gives out positions and makes the rows."""

    def __init__(self, commands: IO[bytes], claims: IO[bytes]) -> None:
        self._commands, self._claims = commands, claims
        self.position = self.count = 0
        self.root = sha256()

    def blocks(self, sheets: Iterable[Sheet]) -> Iterator[bytes]:
        """The rows of the events, in blocks; rows of commands and claims are put aside."""
        block: list[bytes] = []
        for one in sheets:
            self._rows(one, block)
            self.count += 1
            if self.count % BLOCK == 0:
                yield b"".join(block)
                block.clear()
        yield b"".join(block)

    def _rows(self, one: Sheet, block: list[bytes]) -> None:
        for line in one.lines:
            self.position += 1
            place = b"%d" % self.position
            commitment = committed(line.head + place + line.tail, line.salt, line.state)
            self.root.update(commitment)
            state = line.state.replace(b"\\", b"\\\\")
            block += (place, b"\t\\\\x", commitment.hex().encode(), b"\t", line.columns, state, b"\n")
        last = b"%d\n" % self.position
        self._commands.write(one.command + last)
        for claim in one.claims:
            self._claims.write(claim + last)
