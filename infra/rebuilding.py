"""Read models made again from nothing: beside the live ones (rebuild), or out of sight (verify).

That the projector's reading in the order of positions gives the same rows as reading stream by stream is what the
comparison at the end of a rebuild shows. A rebuild that was stopped, by whatever, goes on where it was.
"""

import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from infra import places
from infra.arrivals import TOLD
from infra.builders import Order, builders
from infra.building import HASTE, build, build_chunks, plan
from infra.database import Connection, Database
from infra.processes import cores
from infra.read_tables import Difference, ReadTable
from projections import READ_MODELS

_log = logging.getLogger("nqms.rebuilding")
_LOCK = 0x6E716D73_72656275  # "nqmsrebu", one rebuild at a time
_OUT_OF_SIGHT = -1
_LOOK = 0.1  # seconds between looks at what other processes have built
LONG = 50_000
"""Shorter ledgers are built by this process alone, others would hardly have started; and models that have read nothing of
them follow, which takes seconds."""

_LIVE = "SELECT generation FROM read.progress WHERE model = %s AND live"
_HALF_BUILT = "SELECT model, generation, upto, shape FROM read.progress WHERE upto IS NOT NULL"
_BESIDE = "INSERT INTO read.progress (model, generation, live, shape, upto) VALUES (%s, %s, false, %s, %s)"
_NEWEST = "SELECT max(generation) FROM read.progress"
_OTHER = "SELECT max(generation) FROM read.progress WHERE model = %s AND NOT live AND upto IS NULL"
_BUILT = "UPDATE read.progress SET upto = NULL WHERE generation = %s"
_HIDE = "UPDATE read.progress SET live = false WHERE model = %s AND generation = %s"
_SHOW = "UPDATE read.progress SET live = true, built_at = clock_timestamp() WHERE model = %s AND generation = %s"
_HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"
_DONE = "SELECT coalesce(sum(facts), 0) FROM read.chunks WHERE generation = %s"

Progress = Callable[[int, int], None]
"""Told again and again: how many facts are read, of how many."""


def untold(done: int, total: int) -> None:
    """Nobody wants to know."""


class Rebuilding:
    """Makes read models again. ``batch``: facts per transaction while the new rows catch up with the live ones."""

    def __init__(self, database: Database, tables: Mapping[str, ReadTable], batch: int) -> None:
        self._database, self._tables, self._batch = database, tables, batch

    def rebuild(
        self, names: Sequence[str], shapes: Mapping[str, str], progress: Progress = untold, workers: int | None = None
    ) -> list[Difference]:
        """See Projector.rebuild. ``shapes``: what the rows of each model are told apart by."""
        with self._alone() as connection:
            return self._made(connection, names, shapes, progress, workers)

    def build_unread(self, names: Sequence[str], shapes: Mapping[str, str]) -> list[str]:
        """Build models that have read nothing yet of a long ledger: to follow it from its beginning would take many times
        as long. Which they were."""
        if not self._unread(names):
            return []
        with self._alone() as connection:
            unread = self._unread(names)  # another process was perhaps at it
            if unread:
                self._made(connection, unread, shapes)
            return unread

    def _unread(self, names: Sequence[str]) -> list[str]:
        with self._database.pool.connection() as connection:
            reached = places.live(connection, names)
            begun = {place.model for place in reached if place.position}
            long = bool(reached) and _one(connection, _HEAD)[0] >= LONG
        return [name for name in names if name not in begun] if long else []

    @contextmanager
    def _alone(self) -> Generator[Connection]:
        """One rebuild at a time."""
        with self._database.pool.connection() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            try:
                yield connection
            finally:
                connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))

    def _made(
        self,
        connection: Connection,
        names: Sequence[str],
        shapes: Mapping[str, str],
        progress: Progress = untold,
        workers: int | None = None,
    ) -> list[Difference]:
        generation, upto = self._begun(connection, names, shapes)
        order = Order(self._database.app_dsn, tuple(names), generation, upto)
        self._build(connection, order, progress, workers)
        with connection.transaction():
            places.put(connection, names, generation, upto)
            connection.execute(_BUILT, (generation,))
            connection.execute("DELETE FROM read.chunks")
        return [difference for name in names for difference in self._swap(connection, name, generation)]

    def go_back(self, names: Sequence[str]) -> list[Difference]:
        """Show the generation before the last rebuild again. LookupError for a model that has none."""
        found: list[Difference] = []
        with self._database.pool.connection() as connection:
            for name in names:
                other: int | None = _one(connection, _OTHER, name)[0]
                if other is None:
                    raise LookupError(f"{name} has no earlier generation to go back to")
                found += self._swap(connection, name, other)
        return found

    def verify(self, names: Sequence[str], progress: Progress = untold) -> list[Difference]:
        """See Projector.verify. Everything is written and taken back again in one transaction."""
        found: list[Difference] = []
        tables = [self._tables[name] for name in names]
        with self._database.pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reached = places.live(connection, names)
            limits = {(place.model, place.part): place.position for place in reached}
            upto = max(limits.values(), default=0)
            build(connection, tables, _OUT_OF_SIGHT, upto, limits=limits, told=lambda read: progress(read, upto))
            for generation, table in sorted({(p.generation, p.model) for p in reached}):
                found += self._tables[table].differences(connection, generation, _OUT_OF_SIGHT)
            raise psycopg.Rollback
        return found

    # --- building -------------------------------------------------------------------------------------------------

    def _begun(self, connection: Connection, names: Sequence[str], shapes: Mapping[str, str]) -> tuple[int, int]:
        """The generation that is to be built and up to where: one begun before, of the same shapes, or a new one."""
        wanted = {(name, shapes[name]) for name in names}
        with connection.transaction():
            begun: list[Any] = connection.execute(_HALF_BUILT).fetchall()
            if begun and {(model, shape) for model, _, _, shape in begun} == wanted:
                _log.info("going on with a rebuild that was begun before")
                return begun[0][1], begun[0][2]
            for name in {*names, *(model for model, *_ in begun if model in self._tables)}:
                self._tables[name].drop_others(connection, _one(connection, _LIVE, name)[0])
            connection.execute("DELETE FROM read.chunks")
            generation: int = _one(connection, _NEWEST)[0] + 1
            head: int = _one(connection, _HEAD)[0]
            plan(connection, generation)
            for name, shape in sorted(wanted):
                connection.execute(_BESIDE, (name, generation, shape, head))
        return generation, head

    def _build(self, connection: Connection, order: Order, progress: Progress, workers: int | None) -> None:
        """Build every chunk, with further processes where that is worth while."""

        def tell(_: int = 0) -> int:
            done: int = _one(connection, _DONE, order.generation)[0]
            progress(done, order.upto)
            return done

        left = order.upto - tell()
        count = workers if workers is not None else cores() if left >= LONG else 1
        if count > 1 and all(self._tables[name].model in READ_MODELS for name in order.names):
            with builders(order, count) as processes:
                while any(process.poll() is None for process in processes):
                    time.sleep(_LOOK)
                    tell()
        # What is left where there are no others, or where they were ended.
        build_chunks(connection, [self._tables[name] for name in order.names], order.generation, order.upto, tell)

    # --- comparing and swapping -----------------------------------------------------------------------------------

    def _swap(self, connection: Connection, name: str, other: int) -> list[Difference]:
        """Compare a generation with the live one at a cut, then bring it to where the live one is and show it.

        While the rows are compared nothing is locked: both are seen as they were at the cut.
        """
        table = self._tables[name]
        live: int = _one(connection, _LIVE, name)[0]
        with connection.transaction():
            if not any(place.position for place in places.locked(connection, name, live)):
                _show(connection, name, live, other)  # it has shown nothing yet: nothing to compare, or to go back to
                table.drop_others(connection, other)
                return []
        with self._database.pool.connection() as seeing:
            self._level(connection, table, live, other, lambda: _cut(seeing))
            differences = table.differences(seeing, live, other)
            seeing.execute("COMMIT")
        self._level(connection, table, live, other, lambda: _show(connection, name, live, other))
        return differences

    def _level(self, connection: Connection, table: ReadTable, live: int, other: int, then: Callable[[], None]) -> None:
        """Bring two generations of a model to the same places, and do something while nobody can take them further."""
        name = table.model.name
        while True:
            with connection.transaction():
                connection.execute(HASTE)
                both = [places.locked(connection, name, generation) for generation in (live, other)]
                goal = {a.part: max(a.position, b.position) for a, b in zip(*both, strict=True)}
                behind = [place for side in both for place in side if place.position < goal[place.part]]
                if not behind:
                    then()
                    return
                start = min(behind, key=lambda place: place.position)
                same = [p for p in behind if p.generation == start.generation and p.position == start.position]
                upto = min(start.position + self._batch, *(goal[place.part] for place in same))
                places.bring(connection, table, same, upto)


def _cut(seeing: Connection) -> None:
    """From here on this connection sees everything as it is now."""
    seeing.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    seeing.execute("SELECT 1 FROM read.progress LIMIT 1")


def _show(connection: Connection, name: str, live: int, other: int) -> None:
    connection.execute(_HIDE, (name, live))
    connection.execute(_SHOW, (name, other))
    connection.execute(TOLD)


def _one(connection: Connection, query: Any, *parameters: object) -> Any:
    row: Any = connection.execute(query, parameters).fetchone()
    return row
