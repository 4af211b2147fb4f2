"""The directory of each day: published as a file that never changes, known by its digests on the ledger, made again.

What is published follows from the ledger up to a position, never from the read models; so the file, the ledger and what
the read models show can be held against one another. First the fact is recorded, then the file is written: a file that
a crash kept from being written is made again from the ledger, to the same bytes.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date
from functools import cached_property
from threading import Event as Signal
from threading import RLock
from typing import Any, Final

import psycopg
from psycopg_pool import PoolTimeout

from domain.language import Refused
from domain.snapshot import DirectoryPublishedV2, PublishDirectory
from domain.values import canonical
from infra.clock import CLOCK, STANDING
from infra.database import Database
from infra.entries import Routes, by_stream
from infra.heads import Heads, HeadTree, heads_at
from infra.ledger import Ledger
from infra.log_files import LogDiverged, LogFolder
from infra.mapper import decode
from infra.merkle import EMPTY, Rows, leaf_hash, path_in, rows_over
from infra.records import LedgerBusy, StoredFact, VersionConflict, envelope
from infra.transparency import TransparencyLog
from projections import directory
from projections.language import Folding, stem
from projections.snapshot import SHOWN, Lines, differing, digest, entries, field, head, written

ZONE: Final = "UTC"
"""The directory's days are counted here."""
FORMAT: Final = "nqms.partner.v2"
BEFORE_HEADS: Final = "nqms.partner.v1"
"""The format of proofs from days on which no heads were recorded."""
TICK: Final = 60.0
"""Seconds between looks, and before the first one: what came due while the service stood still is announced by then."""
KEPT: Final = 2
"""Snapshots that are kept at hand for proofs: the last one, and one of an earlier day that is asked for."""
_log = logging.getLogger("nqms.snapshots")


class NotPublished(LookupError):
    """There is no directory of that day, or the program is not in it; the message says which."""


@dataclass(frozen=True)
class Snapshot:
    """The directory of a day as known at a position: one entry for each program, in the order of their ids; and how far
    every program's stream went by then. What proofs need is worked out once."""

    origin: str
    day: date
    size: int
    entries: tuple[bytes, ...]
    heads: Heads

    @cached_property
    def rows(self) -> Rows:
        """The rows of the tree over the entries."""
        return rows_over([leaf_hash(one) for one in self.entries])

    @property
    def root(self) -> bytes:
        """The root over the entries."""
        return self.rows[-1][0] if self.entries else EMPTY

    @cached_property
    def content(self) -> bytes:
        """The file."""
        return written(self.origin, self.day, self.size, self.root, self.entries)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each program's entry stands."""
        return {field(line, "program_id") or "": index for index, line in enumerate(self.entries)}

    @cached_property
    def lines(self) -> dict[str, bytes]:
        """What is said of each stream's head."""
        shown = {f"program:{program}": self.entries[index] for program, index in self.places.items()}
        return {s: head(s, version, known, shown.get(s)) for s, (version, known) in self.heads.items()}

    @cached_property
    def tree(self) -> HeadTree:
        """The tree over the heads."""
        return HeadTree(self.lines)

    @property
    def facts(self) -> dict[str, Any]:
        """What the ledger records of it."""
        known = {"day": self.day.isoformat(), "size": self.size, "entries": len(self.entries)}
        heads = {"programs": len(self.heads), "heads": self.tree.root.hex()}
        return {**known, **heads, "root": self.root.hex(), "sha256": digest(self.content)}

    def unlike(self, e: DirectoryPublishedV2, tree: HeadTree | None = None) -> Iterator[str]:
        """In what it differs from one that was recorded. ``tree``: the heads, where they were carried along."""
        if digest(self.content) != e.sha256:
            yield f"the ledger gives another directory of {e.day} than the one whose digest was recorded"
        tree = self.tree if tree is None else tree
        if e.heads is not None and (tree.root.hex(), len(tree)) != (e.heads, e.programs):
            yield (
                f"the ledger gives other heads of the programs' streams than those recorded with the directory of {e.day}:"
                f" something was changed, put in or taken out before position {e.size + 1}"
            )


@dataclass(frozen=True)
class Published:
    """The fact that the directory of a day was published, as it is stored."""

    stored: StoredFact
    event: DirectoryPublishedV2

    @property
    def position(self) -> int:
        """Place in the whole ledger, from 1."""
        return self.stored.position


class Snapshots:
    """Publishes the directory of each day beside the log, and looks it over. Safe from many threads and processes."""

    def __init__(self, database: Database, ledger: Ledger, log: TransparencyLog) -> None:
        self._database, self._ledger, self._log = database, ledger, log
        self._kept: OrderedDict[int, Snapshot] = OrderedDict()
        self._turn = RLock()

    # --- from the ledger alone ------------------------------------------------------------------------------------

    def reproduced(self, size: int, day: date) -> Snapshot:
        """The directory of a day, folded from the events up to a position and from nothing else."""
        folding, routes = Folding(directory.model), Routes([directory.model])
        with self._database.pool.connection() as connection, connection.transaction():
            for _, _, (mine,) in by_stream(connection, size, routes, "program:", "program;"):
                for one in mine:
                    folding.see(one)
            heads = heads_at(connection, size)
        return self.made(day, size, folding, heads)

    def made(
        self, day: date, size: int, folding: Folding[directory.Partner], heads: Heads, lines: Lines | None = None
    ) -> Snapshot:
        """The directory of a day from rows and heads as they were at a position; ``lines``: from the days before."""
        shown = entries(folding.rows.values(), day, lines or Lines())
        return Snapshot(self._log.origin, day, size, shown, dict(heads))

    # --- publishing -----------------------------------------------------------------------------------------------

    def published(self, day: date | None = None) -> Published:
        """The fact that the directory of a day, or the last one, was published. NotPublished."""
        for one in reversed(self._ledger.history("calendar", ZONE)):
            if isinstance(one.event, DirectoryPublishedV2) and day in (None, one.event.day):
                return Published(one.fact, one.event)
        raise NotPublished(f"no directory of {day} was published" if day else "no directory has been published yet")

    def every(self, upto: int) -> Iterator[Published]:
        """Every directory that was published up to a position, read from the ledger and nowhere else."""
        for fact in self._ledger.recorder.read_stream(f"calendar:{ZONE}", upto_position=upto):
            if stem(fact.type) == "DirectoryPublished":
                event = decode(fact.type, fact.state)
                assert isinstance(event, DirectoryPublishedV2)  # older versions are raised to it
                yield Published(fact, event)

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
        """Where the published file, the heads that were recorded, and what the read models show of the time differ from
        what the ledger gives."""
        e = fact.event
        made = self.reproduced(e.size, e.day)
        yield from made.unlike(e)
        yield from self.misfiled(e, made)
        with self._database.pool.connection() as connection:
            bodies: list[Any] = connection.execute(SHOWN.sql, {"known": e.size}, binary=True).fetchall()
        rows = (directory.model.load(body) for (body,) in bodies)
        own, shown = ([one.decode() for one in lines] for lines in (made.entries, entries(rows, e.day)))
        yield from differing("the read model", own, shown)

    def misfiled(self, e: DirectoryPublishedV2, made: Snapshot) -> Iterator[str]:
        """In what the published file differs from the directory that the ledger gives."""
        there = self._log.files.read(f"directory/{e.day}")
        if there is None:
            yield f"the file of the directory of {e.day} is missing"
        elif there != made.content:
            first, *lines = there.split(b"\n")
            own = [one.decode() for one in made.entries]
            yield from differing("the published file", own, [one.decode(errors="replace") for one in lines if one])
            if first != made.content.split(b"\n")[0]:
                yield "the published file: its first line is another"

    # --- proving --------------------------------------------------------------------------------------------------

    def proof(self, program_id: str, day: date | None = None) -> bytes:
        """The file that proves what the directory of a day, or the last one, showed of a program, and how far its events
        went by then; it opens no event but that the directory was published. NotPublished; LogDiverged when the log
        cannot be signed up to that event."""
        fact = self.published(day)
        snapshot = self._opened(fact)
        index = snapshot.places.get(program_id)
        if index is None:
            raise NotPublished(f"the directory of {snapshot.day} does not show a program {program_id}")
        found = self._log.checkpoint()
        if found is None or found[0].size < fact.position:
            self._log.catch_up()
        checkpoint, note = self._log.proving(fact.position)
        stored = fact.stored
        return canonical(
            {
                "format": FORMAT if fact.event.heads else BEFORE_HEADS,
                "entry": snapshot.entries[index].decode(),
                "index": index,
                "path": [one.hex() for one in path_in(snapshot.rows, index)],
                "event": [envelope(stored).decode(), stored.salt.hex(), stored.state.decode()],
                "proof": [one.hex() for one in self._log.inclusion(checkpoint.size, fact.position - 1)],
                "checkpoint": str(note),
                **(_headed(snapshot, f"program:{program_id}") if fact.event.heads else {}),
            }
        )

    def _opened(self, fact: Published) -> Snapshot:
        """A directory that was published, from its file, with the heads; looked over once and then kept at hand."""
        e = fact.event
        with self._turn:
            kept = self._kept.get(fact.position)
            if kept is None:
                content = self.file(fact)
                with self._database.pool.connection() as connection:
                    heads = heads_at(connection, e.size)
                kept = Snapshot(self._log.origin, e.day, e.size, tuple(content.split(b"\n")[1:-1]), heads)
                for fault in kept.unlike(e):
                    raise LogDiverged("fork", fault)
                self._kept[fact.position] = kept
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(fact.position)
        return kept


def _headed(snapshot: Snapshot, stream: str) -> dict[str, Any]:
    """What a proof says of the head of a program's stream."""
    return {"head": snapshot.lines[stream].decode(), "beside": [one.hex() for one in snapshot.tree.path(stream)]}
