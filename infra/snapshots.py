"""The directory of each day: published as a file that never changes, known by its digests on the ledger, made again.

What is published follows from the ledger up to a position, never from the read models; so the file, the ledger and what
the read models show can be held against one another. First the fact is recorded, then the file is written: a file that
a crash kept from being written is made again from the ledger, to the same bytes.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date
from functools import cached_property
from threading import Event as Signal
from typing import Any, Final

import psycopg
from psycopg_pool import PoolTimeout

from domain.language import Refused
from domain.snapshot import DirectoryPublished, PublishDirectory
from domain.values import canonical
from infra.clock import CLOCK, STANDING
from infra.database import Database
from infra.entries import Routes, by_stream
from infra.ledger import Ledger
from infra.log_files import LogDiverged, LogFolder
from infra.merkle import leaf_hash, path_in, root_of
from infra.records import LedgerBusy, StoredFact, VersionConflict, envelope
from infra.transparency import TransparencyLog
from projections import directory
from projections.language import Folding
from projections.snapshot import SHOWN, digest, entries, written

ZONE: Final = "UTC"
"""The directory's days are counted here."""
FORMAT: Final = "nqms.partner.v1"
TICK: Final = 60.0
"""Seconds between looks, and before the first one: what came due while the service stood still is announced by then."""
_log = logging.getLogger("nqms.snapshots")


class NotPublished(LookupError):
    """There is no directory of that day, or the program is not in it; the message says which."""


@dataclass(frozen=True)
class Snapshot:
    """The directory of a day as known at a position: one entry for each program, in the order of their ids."""

    origin: str
    day: date
    size: int
    entries: tuple[bytes, ...]

    @cached_property
    def leaves(self) -> list[bytes]:
        """The entries as the tree over them has them."""
        return [leaf_hash(one) for one in self.entries]

    @cached_property
    def root(self) -> bytes:
        """The root over the entries."""
        return root_of(self.leaves)

    @cached_property
    def content(self) -> bytes:
        """The file."""
        return written(self.origin, self.day, self.size, self.root, self.entries)

    @property
    def facts(self) -> dict[str, Any]:
        """What the ledger records of it."""
        known = {"day": self.day.isoformat(), "size": self.size, "entries": len(self.entries)}
        return {**known, "root": self.root.hex(), "sha256": digest(self.content)}


@dataclass(frozen=True)
class Published:
    """The fact that the directory of a day was published, as it is stored."""

    stored: StoredFact
    event: DirectoryPublished

    @property
    def position(self) -> int:
        """Place in the whole ledger, from 1."""
        return self.stored.position


class Snapshots:
    """Publishes the directory of each day beside the log, and looks it over. Safe from many threads and processes."""

    def __init__(self, database: Database, ledger: Ledger, log: TransparencyLog) -> None:
        self._database, self._ledger, self._log = database, ledger, log
        self._last: tuple[bytes, Snapshot] | None = None

    # --- from the ledger alone ------------------------------------------------------------------------------------

    def reproduced(self, size: int, day: date) -> Snapshot:
        """The directory of a day, folded from the events up to a position and from nothing else."""
        folding, routes = Folding(directory.model), Routes([directory.model])
        with self._database.pool.connection() as connection, connection.transaction():
            for _, _, (mine,) in by_stream(connection, size, routes, "program:", "program;"):
                for one in mine:
                    folding.see(one)
        return Snapshot(self._log.origin, day, size, entries(folding.rows.values(), day))

    # --- publishing -----------------------------------------------------------------------------------------------

    def published(self, day: date | None = None) -> Published:
        """The fact that the directory of a day, or the last one, was published. NotPublished."""
        for one in reversed(self._ledger.history("calendar", ZONE)):
            if isinstance(one.event, DirectoryPublished) and day in (None, one.event.day):
                return Published(one.fact, one.event)
        raise NotPublished(f"no directory of {day} was published" if day else "no directory has been published yet")

    def publish(self) -> Published:
        """Publish the directory of today, unless it was; the fact that it was published, with its file in place."""
        today = self._ledger.now().astimezone(UTC).date()
        try:
            fact = self.published(today)
        except NotPublished:
            made = self.reproduced(self._ledger.recorder.head()[0], today)
            try:
                self._ledger.execute(ZONE, PublishDirectory, made.facts, person=CLOCK, standing=STANDING)
            except Refused:  # somebody else was quicker
                _log.info("the directory of %s was published meanwhile", today)
            fact = self.published(today)
        self.file(fact)
        return fact

    def run(self, stop: Signal) -> None:
        """Publish day after day until ``stop`` is set; for a thread or process of its own."""
        while not stop.wait(TICK):
            try:
                self.publish()
            except (psycopg.Error, PoolTimeout, LedgerBusy, VersionConflict, OSError):
                _log.warning("the directory of the day could not be published; it tries again", exc_info=True)
            except (LogDiverged, NotPublished) as error:
                _log.error("the directory of the day is not in place: %s", error)

    def file(self, fact: Published) -> bytes:
        """The file of a directory that was published; made again where it is missing. LogDiverged if it cannot be."""
        e = fact.event
        files, name = LogFolder(self._log.files.folder), f"directory/{e.day}"
        there = files.read(name)
        if there is None:
            there = self.reproduced(e.size, e.day).content
            if digest(there) == e.sha256:
                files.put(name, there)
                files.settle()
        if digest(there) != e.sha256:
            raise LogDiverged("fork", f"the directory of {e.day} is not the one whose digest is on the ledger")
        return there

    # --- looking over ---------------------------------------------------------------------------------------------

    def faults(self, fact: Published) -> Iterator[str]:
        """Where the published file, and what the read models show of the time, differ from what the ledger gives."""
        e = fact.event
        made = self.reproduced(e.size, e.day)
        if digest(made.content) != e.sha256:
            yield f"the ledger gives another directory of {e.day} than the one whose digest was recorded"
        there = self._log.files.read(f"directory/{e.day}")
        if there is None:
            yield f"the file of the directory of {e.day} is missing"
        elif there != made.content:
            lines = there.split(b"\n")
            shown = [one.decode(errors="replace") for one in lines[1:] if one]
            yield from differing("the published file", made.entries, shown)
            if lines[0] != made.content.split(b"\n")[0]:
                yield "the published file: its first line is another"
        with self._database.pool.connection() as connection:
            bodies: list[Any] = connection.execute(SHOWN.sql, {"known": e.size}, binary=True).fetchall()
        rows = (directory.model.load(body) for (body,) in bodies)
        yield from differing("the read model", made.entries, [one.decode() for one in entries(rows, e.day)])

    # --- proving --------------------------------------------------------------------------------------------------

    def proof(self, program_id: str, day: date | None = None) -> bytes:
        """The file that proves what the directory of a day, or the last one, showed of a program; it opens no event but
        that the directory was published. NotPublished; LogDiverged when the log cannot be signed up to that event."""
        fact = self.published(day)
        snapshot = self._opened(fact)
        index = _place(snapshot, program_id)
        found = self._log.checkpoint()
        if found is None or found[0].size < fact.position:
            self._log.catch_up()
        checkpoint, note = self._log.proving(fact.position)
        stored = fact.stored
        return canonical(
            {
                "format": FORMAT,
                "entry": snapshot.entries[index].decode(),
                "index": index,
                "path": [one.hex() for one in path_in(snapshot.leaves, index)],
                "event": [envelope(stored).decode(), stored.salt.hex(), stored.state.decode()],
                "proof": [one.hex() for one in self._log.inclusion(checkpoint.size, fact.position - 1)],
                "checkpoint": str(note),
            }
        )

    def _opened(self, fact: Published) -> Snapshot:
        """The snapshot that a published file holds; the last one is kept at hand."""
        content, e = self.file(fact), fact.event
        kept = self._last
        if kept is None or kept[0] != content:
            snapshot = Snapshot(self._log.origin, e.day, e.size, tuple(content.split(b"\n")[1:-1]))
            self._last = kept = content, snapshot
        return kept[1]


def _place(snapshot: Snapshot, program_id: str) -> int:
    wanted = f'"program_id":{json.dumps(program_id)}'.encode()
    for index, line in enumerate(snapshot.entries):
        if wanted in line and json.loads(line)["program_id"] == program_id:
            return index
    raise NotPublished(f"the directory of {snapshot.day} does not show a program {program_id}")


def differing(where: str, made: Iterable[bytes], lines: list[str]) -> Iterator[str]:
    """What some lines leave out, put in or change, against the entries as they are to be, by name."""
    own, other = _by_program([one.decode() for one in made]), _by_program(lines)
    for program, line in own.items():
        if program not in other:
            yield f"{where} leaves out {_named(line)}"
        elif other[program] != line:
            yield f"{where} shows {_named(line)} otherwise"
    for program, line in other.items():
        if program not in own:
            yield f"{where} puts in {_named(line)}"
    if len(lines) != len(other) or (own == other and list(own) != list(other)):
        yield f"{where} shows a program twice or in another order"


def _by_program(lines: list[str]) -> dict[str, str]:
    """Lines by the id of their program, or by themselves where they are none."""
    return {_field(line, "program_id") or line: line for line in lines}


def _named(line: str) -> str:
    return f"{_field(line, 'name')} ({_field(line, 'program_id')})"


def _field(line: str, name: str) -> str | None:
    try:
        return json.loads(line)[name]
    except (ValueError, LookupError, TypeError):
        return None
