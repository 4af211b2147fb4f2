"""How far each part of each read model has read, and whose turn it is.

Streams are shared out among a few fixed parts. For each read model and part a row holds the position reached; the lock on
that row is the right to take it further. Rows and position change in one transaction, so a process that dies leaves both
as they were, and its locks to the others.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from infra.database import Connection
from infra.entries import PARTS, Routed, Routes, in_order
from infra.read_tables import ReadTable

_BEGIN = """WITH begun AS (
    INSERT INTO read.progress (model, generation, shape)
    SELECT name, 1, shape FROM unnest(%s::text[], %s::text[]) AS m(name, shape)
    WHERE NOT EXISTS (SELECT FROM read.progress p WHERE p.model = name) ON CONFLICT DO NOTHING RETURNING model
)
INSERT INTO read.places (model, generation, part, position)
SELECT model, 1, part, 0 FROM begun CROSS JOIN generate_series(0, %s - 1) AS part"""
_LIVE = """SELECT p.model, p.generation, p.part, p.position FROM read.places p JOIN read.progress g USING (model, generation)
WHERE g.live AND p.model = ANY(%s)"""
_ORDER = " ORDER BY p.position, p.part, p.model"
_OF = "SELECT model, generation, part, position FROM read.places WHERE model = %s AND generation = %s"
_REACHED = """WITH reached AS (
    UPDATE read.places p SET position = %s FROM unnest(%s::text[], %s::int[], %s::int[]) AS w(model, generation, part)
    WHERE p.model = w.model AND p.generation = w.generation AND p.part = w.part
) SELECT pg_notify('nqms_read', '')"""
_INSERT = """INSERT INTO read.places (model, generation, part, position)
SELECT name, %s, part, %s FROM unnest(%s::text[]) AS name CROSS JOIN generate_series(0, %s - 1) AS part"""
_FAR = """SELECT p.model, min(p.position), (SELECT coalesce(max(position), 0) FROM ledger.events),
    g.generation, g.built_at::text, sum(p.position)::bigint
FROM read.places p JOIN read.progress g USING (model, generation) WHERE g.live AND p.model = ANY(%s)
GROUP BY p.model, g.generation, g.built_at"""
_HEAD = "SELECT coalesce(max(position), 0) FROM ledger.events"


class Mark(NamedTuple):
    """What tells the rows of a model from all that it showed before: of which generation, and how far all parts are."""

    generation: int
    built_at: str
    total: int
    """The positions of all parts together: more with every fact that any of them has read."""


class Reached(NamedTuple):
    """How far the live generations are."""

    position: int
    """Up to which all parts of all models have read."""
    marks: dict[str, Mark]
    """By model."""
    head: int = 0
    """How far the ledger goes, at least."""


class Place(NamedTuple):
    """Up to which position one part of one generation of a model has read."""

    model: str
    generation: int
    part: int
    position: int


def begin(connection: Connection, names: Sequence[str], shapes: Sequence[str]) -> None:
    """Places at the beginning of the ledger for the models that have none."""
    connection.execute(_BEGIN, (list(names), list(shapes), PARTS))


def live(connection: Connection, names: Sequence[str]) -> list[Place]:
    """Where the live generations are, the furthest behind first."""
    return _places(connection.execute(_LIVE + _ORDER, (list(names),)))


def held(connection: Connection, names: Sequence[str], most: int) -> list[Place]:
    """At most so many live places that nobody else has, the furthest behind first, until the transaction ends."""
    return _places(connection.execute(f"{_LIVE}{_ORDER} LIMIT %s FOR UPDATE OF p SKIP LOCKED", (list(names), most)))


def locked(connection: Connection, model: str, generation: int) -> list[Place]:
    """All places of a generation, waited for, until the transaction ends."""
    return _places(connection.execute(_OF + " ORDER BY part FOR UPDATE", (model, generation)))


def of(connection: Connection, model: str, generation: int) -> list[Place]:
    """The places of a generation."""
    return _places(connection.execute(_OF + " ORDER BY part", (model, generation)))


def put(connection: Connection, names: Sequence[str], generation: int, position: int) -> None:
    """Places of new generations, all at one position."""
    connection.execute(_INSERT, (generation, position, list(names), PARTS))


def reached(connection: Connection, names: Sequence[str]) -> Reached:
    """How far the live generations of some models are."""
    rows: list[Any] = connection.execute(_FAR, (list(names),)).fetchall()
    lowest, head = min((row[1] for row in rows), default=0), max((row[2] for row in rows), default=0)
    return Reached(lowest, {model: Mark(*about) for model, _, _, *about in rows}, head)


def head(connection: Connection) -> int:
    """How far the ledger goes."""
    row: Any = connection.execute(_HEAD).fetchone()
    return row[0]


def advance(
    connection: Connection, tables: Sequence[ReadTable], places: Sequence[Place], upto: int, facts: Sequence[Routed]
) -> None:
    """Take places to a position: ``facts`` are those between, routed to ``tables`` by their places in that list."""
    names = [table.model.name for table in tables]
    generations = {(place.model, place.generation) for place in places}
    for model, generation in sorted(generations):
        number = names.index(model)
        parts = {place.part for place in places if (place.model, place.generation) == (model, generation)}
        tables[number].take(
            connection, generation, [f for f, route, part in facts if part in parts and number in route]
        )
    columns = [list(column) for column in zip(*((p.model, p.generation, p.part) for p in places), strict=True)]
    connection.execute(_REACHED, (upto, *columns))


def bring(connection: Connection, table: ReadTable, places: Sequence[Place], upto: int) -> None:
    """Take the places of one model to a position, wherever each of them is."""
    routes = Routes([table.model])
    for start in sorted({place.position for place in places if place.position < upto}):
        behind = [place for place in places if place.position == start]
        facts = in_order(connection, start, upto, routes, {place.part for place in behind})
        advance(connection, [table], behind, upto, facts)


def _places(cursor: Any) -> list[Place]:
    return [Place(*line) for line in cursor.fetchall()]
