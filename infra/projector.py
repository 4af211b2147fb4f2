"""The projector: reads the ledger in order and keeps the read models.

Rows and the position reached are written in one transaction, so a crash at any moment leaves them agreeing. The row of
that position is the lock: of several projectors one works on a model and the others pass on. A fact that cannot be
folded stops its own key in that model, and nothing else.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from infra.database import Connection, Database
from infra.entries import Routed, Routes, at, in_order
from infra.read_tables import Difference, ReadTable
from infra.rebuilding import Rebuilding
from infra.recorder import LedgerRecorder
from infra.subscription import LedgerSubscription
from projections import READ_MODELS
from projections.language import Parked, ReadModel

_log = logging.getLogger("nqms.projector")
_LOOK = 0.02  # seconds between looks at the position when another process does the work

# A commit that a crash takes back takes rows and position back together: waiting for the disk gains nothing here.
_HASTE = "SET LOCAL synchronous_commit = off"
_POSITIONS = "SELECT model, generation, position FROM read.progress WHERE live AND model = ANY(%s)"
_BEGIN = """INSERT INTO read.progress (model, generation, position, shape)
SELECT name, 1, 0, shape FROM unnest(%s::text[], %s::text[]) AS m(name, shape)
WHERE NOT EXISTS (SELECT FROM read.progress p WHERE p.model = name) ON CONFLICT DO NOTHING"""
_SHAPES = "SELECT model, shape FROM read.progress WHERE live AND model = ANY(%s)"
_TURN = "SELECT generation, position FROM read.progress WHERE model = %s AND live FOR UPDATE"
_REACHED = "UPDATE read.progress SET position = %s WHERE model = %s AND generation = %s"
_HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"


class _Hints(LedgerSubscription):
    """Waits as a follower of the ledger waits, without reading."""

    def wait(self) -> None:
        """Until something was committed, or the poll is due."""
        self._wait()


class Projector:
    """Keeps the read models of a database. Any thread may call any method."""

    def __init__(
        self,
        database: Database,
        recorder: LedgerRecorder,
        models: Sequence[ReadModel[Any]] = READ_MODELS,
        *,
        batch: int = 5_000,
    ) -> None:
        self._database, self._recorder, self._batch = database, recorder, batch
        self._tables = {model.name: ReadTable(model) for model in models}
        self._names = list(self._tables)
        self._routes = Routes(models)
        self._rebuilding = Rebuilding(database, self._tables, batch)
        self._reached: dict[str, int] = {}
        self._news = threading.Condition()
        self._hints: _Hints | None = None
        with database.pool.connection() as connection:
            connection.execute(_BEGIN, (self._names, [model.shape for model in models]))
            stored: list[Any] = connection.execute(_SHAPES, (self._names,)).fetchall()
        shapes = {model.name: model.shape for model in models}
        changed = [name for name, shape in stored if shape != shapes[name]]
        if changed:
            _log.warning("rows of %s were written by another version of the program and are made again", changed)
            self._rebuilding.rebuild(changed)

    # --- keeping up -----------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Keep up with the ledger until ``stop`` is set; for a thread or process of its own."""
        hints = _Hints(self._recorder, 0, (), self._database.app_dsn)  # listens before the first read
        self._hints = hints
        try:
            while not stop.is_set():
                try:
                    while not stop.is_set() and self._step():
                        pass
                except (psycopg.Error, PoolTimeout):
                    _log.warning("the read models could not be brought up to date; trying again", exc_info=True)
                hints.wait()
        finally:
            self._hints = None
            hints.stop()
            hints.release()

    def wake(self) -> None:
        """Look at once: something was committed in this process. A hint only; the database notifies as well."""
        hints = self._hints
        if hints is not None:
            hints.wake()

    def catch_up(self) -> int:
        """Bring every model to where the ledger is now; the position reached by all."""
        with self._database.pool.connection() as connection:
            row: Any = connection.execute(_HEAD).fetchone()
        head: int = row[0]
        while (reached := self._lowest()) < head:
            if not self._step():
                time.sleep(_LOOK)  # another projector is at it
        return reached

    def position(self) -> int:
        """Up to which position every model has read."""
        return self._lowest()

    def positions(self) -> dict[str, int]:
        """Up to which position each model has read."""
        with self._database.pool.connection() as connection:
            rows: list[Any] = connection.execute(_POSITIONS, (self._names,)).fetchall()
        return {model: position for model, _, position in rows}

    def wait_for(self, position: int, timeout: float) -> bool:
        """Wait until every model has read up to a position; False after ``timeout`` seconds without that."""
        deadline = time.monotonic() + timeout
        while self._known() < position and self._lowest() < position:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._news:
                if self._known() < position:
                    self._news.wait(min(left, _LOOK))
        return True

    def _known(self) -> int:
        return min((self._reached.get(name, 0) for name in self._names), default=0)

    def _lowest(self) -> int:
        positions = self.positions()
        self._tell(positions)
        return min((positions.get(name, 0) for name in self._names), default=0)

    def _tell(self, positions: dict[str, int]) -> None:
        with self._news:
            self._reached |= positions
            self._news.notify_all()

    # --- one batch ------------------------------------------------------------------------------------------------

    def _step(self) -> bool:
        """One batch for the models that are furthest behind; False when there is nothing to do, or others do it."""
        with self._database.pool.connection() as connection:
            rows: list[Any] = connection.execute(_POSITIONS, (self._names,)).fetchall()
            positions = {model: position for model, _, position in rows}
            start = min(positions.values())
            further = [position for position in positions.values() if position > start]
            upto, facts = in_order(connection, start, min([start + self._batch, *further]), self._routes)
            if upto == start:
                return False
            behind = [name for name, position in positions.items() if position == start]
            done = [name for name in behind if self._advance(connection, name, start, upto, facts)]
        self._tell(dict.fromkeys(done, upto))
        return bool(done)

    def _advance(self, connection: Connection, name: str, start: int, upto: int, facts: Sequence[Routed]) -> bool:
        """Take one model over a batch, in one transaction; False when somebody else has it or took it there."""
        table = self._tables[name]
        with connection.transaction():
            connection.execute(_HASTE)
            turn: Any = connection.execute(_TURN + " SKIP LOCKED", (name,)).fetchone()
            if turn is None or turn[1] != start:
                return False
            place = self._names.index(name)
            table.take(connection, turn[0], [fact for fact, route in facts if place in route])
            connection.execute(_REACHED, (upto, name, turn[0]))
        return True

    # --- what waits -----------------------------------------------------------------------------------------------

    def parked(self) -> dict[str, list[Parked]]:
        """The facts that could not be folded and those that wait behind them, by model; empty when all is well."""
        with self._database.pool.connection() as connection:
            rows: list[Any] = connection.execute(_POSITIONS, (self._names,)).fetchall()
            found = {name: self._tables[name].parked(connection, generation) for name, generation, _ in rows}
        return {name: parked for name, parked in found.items() if parked}

    def retry(self, names: Iterable[str] | None = None) -> int:
        """Fold what waits again, in order, after the cause was removed; how many facts still wait."""
        return sum(self._retry(name) for name in (self._names if names is None else names))

    def _retry(self, name: str) -> int:
        table, place = self._tables[name], self._names.index(name)
        with self._database.pool.connection() as connection, connection.transaction():
            turn: Any = connection.execute(_TURN, (name,)).fetchone()
            parked = table.parked(connection, turn[0])
            if not parked:
                return 0
            table.unpark(connection, turn[0])
            facts = at(connection, [p.position for p in parked], self._routes)
            return table.take(connection, turn[0], [fact for fact, route in facts if place in route])

    # --- making again ---------------------------------------------------------------------------------------------

    def rebuild(self, names: Iterable[str] | None = None) -> list[Difference]:
        """Make models again beside the live ones, bring both to the same position, compare, and swap.

        Answers in what the old rows differed from the new ones. Reads go on meanwhile; the old generation stays
        until the next rebuild. KeyError for a model that does not exist.
        """
        return self._rebuilding.rebuild(self._chosen(names))

    def verify(self, names: Iterable[str] | None = None) -> list[Difference]:
        """Make models again out of sight and name every key and field in which the live rows differ; changes nothing."""
        return self._rebuilding.verify(self._chosen(names))

    def go_back(self, names: Iterable[str] | None = None) -> list[Difference]:
        """Show the rows from before the last rebuild again, brought up to date; in what they differ from the others."""
        return self._rebuilding.go_back(self._chosen(names))

    def _chosen(self, names: Iterable[str] | None) -> list[str]:
        chosen = self._names if names is None else list(names)
        return [self._tables[name].model.name for name in chosen]
