"""Read models made again from nothing: beside the live ones (rebuild), or out of sight (verify).

A row belongs to one stream, so the ledger is read stream by stream: each row is complete when its stream ends and is
written once. That the projector's reading in the order of positions gives the same rows is what verify shows.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import psycopg

from infra.database import Connection, Database
from infra.entries import Entry, Routes, by_stream, in_order
from infra.read_tables import Difference, ReadTable, Written

_LOCK = 0x6E716D73_72656275  # "nqmsrebu", one rebuild at a time
_OUT_OF_SIGHT = -1
_WRITE = 500  # rows

_LIVE = "SELECT generation, position FROM read.progress WHERE model = %s AND live"
_BESIDE = "INSERT INTO read.progress (model, generation, position, live, shape) VALUES (%s, %s, %s, false, %s)"
_AT = "SELECT position FROM read.progress WHERE model = %s AND generation = %s FOR UPDATE"
_REACHED = "UPDATE read.progress SET position = %s WHERE model = %s AND generation = %s"
_HIDE = "UPDATE read.progress SET live = false WHERE model = %s AND generation = %s"
_SHOW = "UPDATE read.progress SET live = true, built_at = clock_timestamp() WHERE model = %s AND generation = %s"
_HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"


class Rebuilding:
    """Makes read models again. ``batch``: facts per transaction while the new rows catch up with the live ones."""

    def __init__(self, database: Database, tables: Mapping[str, ReadTable], batch: int) -> None:
        self._database, self._tables, self._batch = database, tables, batch

    def rebuild(self, names: Sequence[str]) -> list[Difference]:
        """See Projector.rebuild."""
        tables = [self._tables[name] for name in names]
        with self._database.pool.connection() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            try:
                with connection.transaction():
                    live = [_one(connection, _LIVE, table.model.name)[0] for table in tables]
                    for table, generation in zip(tables, live, strict=True):
                        table.drop_others(connection, generation)
                    head: int = _one(connection, _HEAD)[0]
                    build(connection, tables, [generation + 1 for generation in live], head)
                    for table, generation in zip(tables, live, strict=True):
                        connection.execute(_BESIDE, (table.model.name, generation + 1, head, table.model.shape))
                found = [
                    self._swap(connection, table, generation, generation + 1)
                    for table, generation in zip(tables, live, strict=True)
                ]
            finally:
                connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
        return [difference for differences in found for difference in differences]

    def go_back(self, names: Sequence[str]) -> list[Difference]:
        """Show the generation before the last rebuild again. LookupError for a model that has none."""
        found: list[Difference] = []
        with self._database.pool.connection() as connection:
            for name in names:
                live = _one(connection, _LIVE, name)[0]
                if connection.execute(_AT, (name, live - 1)).fetchone() is None:
                    raise LookupError(f"{name} has no earlier generation to go back to")
                found += self._swap(connection, self._tables[name], live, live - 1)
        return found

    def verify(self, names: Sequence[str]) -> list[Difference]:
        """See Projector.verify. Everything is written and taken back again in one transaction."""
        found: list[Difference] = []
        with self._database.pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            places = {name: _one(connection, _LIVE, name) for name in names}
            for reached in sorted({position for _, position in places.values()}):
                tables = [self._tables[name] for name, (_, position) in places.items() if position == reached]
                build(connection, tables, [_OUT_OF_SIGHT] * len(tables), reached)
            for name, (generation, _) in places.items():
                found += self._tables[name].differences(connection, generation, _OUT_OF_SIGHT)
            raise psycopg.Rollback
        return found

    def _swap(self, connection: Connection, table: ReadTable, live: int, other: int) -> list[Difference]:
        """Bring both generations to the same position, compare, and move the pointer, in one transaction."""
        name, routes = table.model.name, Routes([table.model])
        while True:
            with connection.transaction():
                old, new = (_one(connection, _AT, name, generation)[0] for generation in (live, other))
                if old == new:
                    differences = table.differences(connection, live, other)
                    connection.execute(_HIDE, (name, live))
                    connection.execute(_SHOW, (name, other))
                    return differences
                behind, start = (other, new) if new < old else (live, old)
                upto, facts = in_order(connection, start, min(start + self._batch, max(old, new)), routes)
                table.take(connection, behind, [fact for fact, _ in facts])
                connection.execute(_REACHED, (upto, name, behind))


def build(connection: Connection, tables: Sequence[ReadTable], generations: Sequence[int], upto: int) -> None:
    """Write the rows that the facts up to a position make, into generations that are empty."""
    waiting = [Written() for _ in tables]
    routed = by_stream(connection, upto, Routes([table.model for table in tables]))
    for _, facts in groupby(routed, key=lambda one: one[0].stream):
        mine: list[list[Entry]] = [[] for _ in tables]
        for fact, route in facts:
            for place in route:
                mine[place].append(fact)
        for place, table in enumerate(tables):
            if not mine[place]:
                continue
            written = table.fold(generations[place], mine[place], {}, ())
            table.park(connection, generations[place], written.parked)
            waiting[place].take(written.main, written.index)
            if len(waiting[place].main) >= _WRITE:
                table.add(connection, waiting[place])
                waiting[place] = Written()
    for table, written in zip(tables, waiting, strict=True):
        table.add(connection, written)


def _one(connection: Connection, query: Any, *parameters: object) -> Any:
    row: Any = connection.execute(query, parameters).fetchone()
    return row
