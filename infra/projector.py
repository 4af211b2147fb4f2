"""The projector: reads the ledger in order and keeps the read models.

Rows and the positions reached are written in one transaction, so a crash at any moment leaves them agreeing. The rows of
those positions are the locks: several projectors, in whatever processes, share the work by parts of the streams and by
models, and what one that dies leaves is free at once. A fact that cannot be folded stops its own key in its model, and
nothing else.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from infra import places
from infra.arrivals import Arrivals
from infra.database import Connection, Database
from infra.entries import PARTING, PARTS, Routes, at, in_order
from infra.places import Mark, Place, Reached
from infra.read_tables import Difference, ReadTable
from infra.rebuilding import Progress, Rebuilding, untold
from infra.recorder import LedgerRecorder
from infra.subscription import LedgerSubscription
from projections import READ_MODELS
from projections.language import Parked, ReadModel

_log = logging.getLogger("nqms.projector")
_LOOK = 0.02  # seconds between looks at the position when another process does the work
_SHARED = 1_000
"""From so many facts behind, a projector takes one part at a time and leaves the others to others."""

# Rows and position that a crash takes back are taken back together, so nobody waits for the disk. Whoever hangs in the
# middle of a batch, its process or its machine, loses the right to finish it.
_HASTE = """SELECT set_config('synchronous_commit', 'off', true),
    set_config('idle_in_transaction_session_timeout', '60s', true)"""
_SHAPES = "SELECT model, shape FROM read.progress WHERE live AND model = ANY(%s)"
_AT = "SELECT recorded_at FROM ledger.events WHERE position = %s + 1"


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
        self._arrivals = Arrivals(database.app_dsn, self._ask)
        self._hints: _Hints | None = None
        with database.pool.connection() as connection:
            parting: Any = connection.execute(PARTING).fetchone()
            self._shapes = {model.name: f"{model.shape}/{parting[0]}.{parting[1]}" for model in models}
            places.begin(connection, self._names, list(self._shapes.values()))
            stored: list[Any] = connection.execute(_SHAPES, (self._names,)).fetchall()
        changed = [name for name, shape in stored if shape != self._shapes[name]]
        if changed:
            _log.warning("rows of %s were written by another version of the program and are made again", changed)
            self._rebuilding.rebuild(changed, self._shapes)
        if unread := self._rebuilding.build_unread(self._names, self._shapes):
            _log.info("%s had read nothing of the ledger and were built", unread)

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
                    self._arrivals.follow()
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
            head = places.head(connection)
        while (reached := self._arrivals.look().position) < head:
            if not self._step():
                time.sleep(_LOOK)  # another projector is at it
        return reached

    def position(self) -> int:
        """Up to which position every model has read."""
        return self._arrivals.look().position

    def positions(self) -> dict[str, int]:
        """Up to which position each model has read."""
        with self._database.pool.connection() as connection:
            reached = places.live(connection, self._names)
        return {place.model: place.position for place in reversed(reached)}

    def wait_for(self, position: int, timeout: float) -> bool:
        """Wait until every model has read up to a position; False after ``timeout`` seconds without that."""
        return self._arrivals.wait(position, timeout)

    def lag(self) -> dict[str, tuple[int, float]]:
        """How far each model is behind: in facts, and in seconds since the first of those was recorded."""
        positions = self.positions()
        with self._database.pool.connection() as connection:
            head = places.head(connection)
            now: Any = connection.execute("SELECT clock_timestamp()").fetchone()
            waits: dict[int, datetime] = {}
            for position in {p for p in positions.values() if p < head}:
                row: Any = connection.execute(_AT, (position,)).fetchone()
                waits[position] = row[0]
        behind = {name: max(0, head - position) for name, position in positions.items()}
        since = {name: waits.get(position, now[0]) for name, position in positions.items()}
        return {name: (behind[name], max(0.0, (now[0] - since[name]).total_seconds())) for name in positions}

    def mark(self, name: str, *, closely: bool = False) -> Mark | None:
        """What tells the rows that a model shows now from all that it showed before. KeyError for an unknown model.

        ``closely``: without a question to the database, as far as this process follows what others do; else None.
        """
        reached = self._arrivals.fresh() if closely else self._arrivals.look()
        return reached.marks[name] if reached else None

    def _ask(self) -> Reached:
        with self._database.pool.connection() as connection:
            return places.reached(connection, self._names)

    # --- one batch ------------------------------------------------------------------------------------------------

    def _step(self) -> bool:
        """One batch for what is furthest behind and free; False when there is nothing to do, or others do it."""
        with self._database.pool.connection() as connection:
            reached = places.reached(connection, self._names)
            head = reached.head
            self._arrivals.tell(reached)  # what the last batch came to is told here as well, at the next one
            if reached.position >= head:
                return False
            one = len(self._names)
            most, reach = (
                (one, self._batch * PARTS) if head - reached.position > _SHARED else (one * PARTS, self._batch)
            )
            with connection.transaction():
                connection.execute(_HASTE)
                held = places.held(connection, self._names, most)
                if not held or held[0].position >= head:
                    return False
                self._advance(connection, held, min(head, held[0].position + reach))
        return True

    def _advance(self, connection: Connection, held: Sequence[Place], upto: int) -> None:
        """Take the furthest of the places held on, together, at most to where the next of them are."""
        start = held[0].position
        behind = [place for place in held if place.position == start]
        upto = min([upto, *(place.position for place in held if place.position > start)])
        facts = in_order(connection, start, upto, self._routes, {place.part for place in behind})
        places.advance(connection, list(self._tables.values()), behind, upto, facts)

    # --- what waits -----------------------------------------------------------------------------------------------

    def parked(self) -> dict[str, list[Parked]]:
        """The facts that could not be folded and those that wait behind them, by model; empty when all is well."""
        with self._database.pool.connection() as connection:
            generations = {place.model: place.generation for place in places.live(connection, self._names)}
            found = {name: self._tables[name].parked(connection, generations[name]) for name in self._names}
        return {name: parked for name, parked in found.items() if parked}

    def retry(self, names: Iterable[str] | None = None) -> int:
        """Fold what waits again, in order, after the cause was removed; how many facts still wait."""
        return sum(self._retry(name) for name in (self._names if names is None else names))

    def _retry(self, name: str) -> int:
        table, number = self._tables[name], self._names.index(name)
        with self._database.pool.connection() as connection, connection.transaction():
            generation = places.live(connection, [name])[0].generation
            places.locked(connection, name, generation)
            parked = table.parked(connection, generation)
            if not parked:
                return 0
            table.unpark(connection, generation)
            facts = at(connection, [p.position for p in parked], self._routes)
            return table.take(connection, generation, [fact for fact, route, _ in facts if number in route])

    # --- making again ---------------------------------------------------------------------------------------------

    def rebuild(
        self, names: Iterable[str] | None = None, progress: Progress = untold, workers: int | None = None
    ) -> list[Difference]:
        """Make models again beside the live ones, bring both to the same position, compare, and swap.

        Answers in what the old rows differed from the new ones. Reads go on meanwhile; the old generation stays
        until the next rebuild. One that was stopped goes on where it was. ``progress`` is told again and again how many
        facts are read, of how many; ``workers``: further processes, by default as many as there are cores where the
        ledger is long. KeyError for a model that does not exist.
        """
        return self._rebuilding.rebuild(self._chosen(names), self._shapes, progress, workers)

    def verify(self, names: Iterable[str] | None = None, progress: Progress = untold) -> list[Difference]:
        """Make models again out of sight and name every key and field in which the live rows differ; changes nothing.
        ``progress`` is told again and again how many facts are read, of how many."""
        return self._rebuilding.verify(self._chosen(names), progress)

    def go_back(self, names: Iterable[str] | None = None) -> list[Difference]:
        """Show the rows from before the last rebuild again, brought up to date; in what they differ from the others."""
        return self._rebuilding.go_back(self._chosen(names))

    def _chosen(self, names: Iterable[str] | None) -> list[str]:
        chosen = self._names if names is None else list(names)
        return [self._tables[name].model.name for name in chosen]
