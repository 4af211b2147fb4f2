"""The read models in a database of their own, made from the ledger's topic instead of the ledger.

The folds, the rows and their tables are those of the projector. Whoever holds the row of a partition takes it further;
rows, the offset and the position reached change in one transaction, so that this database alone says what was taken in.
A fact that comes again is not above its partition's position. What cannot be folded waits with its key (``read.parked``).
"""

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from infra import places
from infra.arrivals import TOLD
from infra.building import HASTE
from infra.database import Connection, Database, connect
from infra.entries import Entry, Route, Routes, read
from infra.migrations import migrate
from infra.read_tables import ReadTable
from infra.reader_store import ReaderStore, reader_address
from infra.settings import Settings
from projections import READ_MODELS
from projections.language import Parked, ReadModel

_LOCK = 0x6E716D73_73747265  # "nqmsstre", whoever says how far everything is
_FED = "INSERT INTO reading.feed (cluster, topic) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_FEED = "SELECT cluster, topic, id::text FROM reading.feed"
_POSITION = "SELECT coalesce(max(position), 0) FROM reading.feed"
_SHAPES = "SELECT model, shape, generation FROM read.progress WHERE live ORDER BY model"
_SEEN = "INSERT INTO reading.partitions (part) SELECT unnest(%s::int[]) ON CONFLICT DO NOTHING"
_HELD = "SELECT part, upto, position, facts FROM reading.partitions WHERE part = ANY(%s) ORDER BY part FOR UPDATE"
_TAKEN = "SELECT part, upto, position, facts FROM reading.partitions ORDER BY part"
_KEEP = """UPDATE reading.partitions p SET upto = n.upto, position = n.position, facts = n.facts
FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[]) AS n(part, upto, position, facts) WHERE p.part = n.part"""
_MARK = """INSERT INTO reading.marks (position, ends) SELECT %(position)s::bigint, %(ends)s::bigint[]
WHERE %(position)s::bigint > (SELECT coalesce(max(position), 0) FROM reading.feed) ON CONFLICT DO NOTHING"""
_WHOLE = """SELECT max(m.position) FROM reading.marks m WHERE NOT EXISTS (
    SELECT FROM unnest(m.ends) WITH ORDINALITY AS e(upto, n) LEFT JOIN reading.partitions p ON p.part = e.n - 1
    WHERE coalesce(p.upto, 0) < e.upto)"""
_REACHED = "UPDATE reading.feed SET position = %s"
_PLACED = "UPDATE read.places SET position = %s WHERE position < %s"
_PASSED = "DELETE FROM reading.marks WHERE position <= %s"


class Told(NamedTuple):
    """A fact as a partition tells it. ``offset``: its place there."""

    offset: int
    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    state: bytes


class Polled(NamedTuple):
    """What came of a partition at once: the offsets of the first and the last message, and the facts among them."""

    first: int
    last: int
    facts: Sequence[Told]


@dataclass(frozen=True)
class Taken:
    """How far a partition was taken in: the offset that comes next, the last fact's position, how many facts there were."""

    part: int
    upto: int = 0
    position: int = 0
    facts: int = 0


class NotItsOwn(RuntimeError):
    """The database holds a ledger: read models from a topic have a database of their own."""

    def __init__(self) -> None:
        super().__init__(
            "this database holds a ledger; read models that are made from Kafka have a database of their own: "
            "name another in NQMS_READER_URL, or another folder in NQMS_READER_DIR"
        )


class OtherFeed(RuntimeError):
    """The rows were made from another topic, or by a program whose rows look different; the message says what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: name a new database in NQMS_READER_URL, and change over when it has caught up")


class Hole(RuntimeError):
    """A partition goes on behind the offset that comes next: messages are gone, and the rows would be wrong."""

    def __init__(self, part: int, due: int, came: int) -> None:
        super().__init__(f"partition {part} goes on at offset {came}, but {due} comes next: messages were deleted")


class StreamedModels:
    """Read models fed from the partitions of one topic. Any thread, and any number of processes, may."""

    def __init__(self, database: Database, models: Sequence[ReadModel[Any]] = READ_MODELS) -> None:
        self.database = database
        self._tables = [ReadTable(model) for model in models]
        self._routes = Routes(models)
        self._shapes = {model.name: model.shape for model in models}
        self._generations: dict[str, int] = {}

    def prepare(self, cluster: str, topic: str) -> str:
        """Make what is missing; the name of this database among those fed from the same topic.

        NotItsOwn, OtherFeed, infra.outage.OUTAGES.
        """
        with psycopg.connect(self.database.app_dsn, autocommit=True, connect_timeout=5) as connection:
            role: Any = connection.execute("SELECT current_user::text").fetchone()
            migrate(connection, role[0])
            ledger: Any = connection.execute("SELECT EXISTS (SELECT FROM ledger.events)").fetchone()
            if ledger[0]:
                raise NotItsOwn
        with contextlib.closing(ReaderStore(self.database.app_dsn)) as store:
            store.prepare("partitions")
        with self.database.pool.connection() as connection, connection.transaction():
            connection.execute(_FED, (cluster, topic))
            feed: Any = connection.execute(_FEED).fetchone()
            if feed[:2] != (cluster, topic):
                raise OtherFeed(f"the rows of this database were made from {feed[1]} of cluster {feed[0]}")
            places.begin(connection, list(self._shapes), list(self._shapes.values()))
            stored: list[Any] = connection.execute(_SHAPES).fetchall()
        other = [name for name, shape, _ in stored if self._shapes.get(name, shape) != shape]
        if other:
            raise OtherFeed(f"the rows of {', '.join(other)} were made by another version of the program")
        self._generations = {name: generation for name, _, generation in stored}
        return feed[2]

    # --- taking in ------------------------------------------------------------------------------------------------

    def take(self, polled: Mapping[int, Polled]) -> int:
        """Take in what came of partitions, each in the order of its offsets; how many facts were new.

        All or nothing. Hole where messages are missing, infra.outage.OUTAGES.
        """
        with self.database.pool.connection() as connection, connection.transaction():
            connection.execute(HASTE)
            before = self._held(connection, sorted(polled))
            after: list[Taken] = []
            new: list[tuple[Entry, Route]] = []
            for part, was in before.items():
                fresh = _fresh(was, polled[part])
                new += self._routed(fresh)
                last = fresh[-1].position if fresh else was.position
                after.append(Taken(part, max(was.upto, polled[part].last + 1), last, was.facts + len(fresh)))
            self._fold(connection, new)
            columns = [[getattr(one, name) for one in after] for name in ("part", "upto", "position", "facts")]
            connection.execute(_KEEP, columns)
        return sum(one.facts for one in after) - sum(one.facts for one in before.values())

    def _held(self, connection: Connection, parts: Sequence[int]) -> dict[int, Taken]:
        """The partitions' rows, which nobody else changes until this transaction ends."""
        connection.execute(_SEEN, (list(parts),))
        rows: list[Any] = connection.execute(_HELD, (list(parts),)).fetchall()
        return {row[0]: Taken(*row) for row in rows}

    def _routed(self, facts: Sequence[Told]) -> Generator[tuple[Entry, Route]]:
        for _, position, stream, version, type_, recorded_at, state in facts:
            if route := self._routes.of(type_, stream):
                yield Entry(position, stream, version, type_, recorded_at, read(type_, state)), route

    def _fold(self, connection: Connection, new: Sequence[tuple[Entry, Route]]) -> None:
        for number, table in enumerate(self._tables):
            mine = [entry for entry, route in new if number in route]
            table.take(connection, self._generations[table.model.name], mine)

    # --- how far it is --------------------------------------------------------------------------------------------

    def mark(self, position: int, ends: Sequence[int]) -> None:
        """Remember what the relay says: with these offsets everything up to the position is there."""
        with self.database.pool.connection() as connection:
            connection.execute(_MARK, {"position": position, "ends": list(ends)})

    def settle(self) -> int:
        """Say up to which position everything was taken in, for whoever asks this database; that position.

        It is found from what is committed, so of several processes the last one to commit says it.
        """
        with self.database.pool.connection() as connection, connection.transaction():
            free: Any = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()
            reached: Any = connection.execute(_POSITION).fetchone()
            whole: Any = connection.execute(_WHOLE).fetchone() if free[0] else (None,)
            if whole[0] is None or whole[0] <= reached[0]:
                return reached[0]
            connection.execute(_REACHED, (whole[0],))
            connection.execute(_PLACED, (whole[0], whole[0]))
            connection.execute(_PASSED, (whole[0],))
            connection.execute(TOLD)
            return whole[0]

    def position(self) -> int:
        """Up to which position of the ledger everything was taken in."""
        with self.database.pool.connection() as connection:
            row: Any = connection.execute(_POSITION).fetchone()
        return row[0]

    def taken(self) -> dict[int, Taken]:
        """How far each partition was taken in."""
        with self.database.pool.connection() as connection:
            rows: list[Any] = connection.execute(_TAKEN).fetchall()
        return {row[0]: Taken(*row) for row in rows}

    # --- what waits -----------------------------------------------------------------------------------------------

    def parked(self) -> dict[str, list[Parked]]:
        """The facts that could not be folded and those that wait behind them, by model; empty when all is well."""
        with self.database.pool.connection() as connection:
            found = {t.model.name: t.parked(connection, self._generations[t.model.name]) for t in self._tables}
        return {name: parked for name, parked in found.items() if parked}

    def retry(self, told: Sequence[Told]) -> int:
        """Fold what waits again, after the cause was removed; how many facts wait still.

        ``told``: the facts of the positions that wait, in order. What began to wait meanwhile goes on waiting.
        """
        there = {one.position for one in told}
        routed = list(self._routed(told))
        with self.database.pool.connection() as connection, connection.transaction():
            connection.execute("LOCK TABLE reading.partitions IN EXCLUSIVE MODE")  # nothing new is folded meanwhile
            left = 0
            for number, table in enumerate(self._tables):
                generation = self._generations[table.model.name]
                parked = table.parked(connection, generation)
                if {one.position for one in parked} <= there:
                    table.unpark(connection, generation)
                    wanted = {one.position for one in parked}
                    mine = [e for e, route in routed if number in route and e.position in wanted]
                    left += table.take(connection, generation, mine)
                else:
                    left += len(parked)
        return left


def _fresh(was: Taken, polled: Polled) -> list[Told]:
    """What is new of a partition. The relay may say things again, but never one before another that is below it."""
    if polled.first > was.upto:
        raise Hole(was.part, was.upto, polled.first)
    fresh: list[Told] = []
    last = was.position
    for one in polled.facts:
        if one.position > last:
            fresh.append(one)
            last = one.position
    return fresh


def open_models(settings: Settings) -> StreamedModels:
    """Read models in the database that the settings name: the reader's own, never the ledger's."""
    address, close = reader_address(settings)
    try:
        return StreamedModels(connect(address, None, close))
    except BaseException:
        close()
        raise
