"""New generations of read models, built from the ledger stream by stream, in chunks.

A row belongs to one stream, so each row is complete when its stream ends and is written once. A chunk of streams is one
transaction: its rows, and the note that it is done. Whoever is free takes the next chunk that nobody has; so any number of
processes build together, one that dies leaves its chunk to the others, and a build that was stopped goes on later.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.database import Connection
from infra.entries import Routes, by_stream
from infra.read_tables import Piece, ReadTable

STREAMS = 64
"""Streams in a chunk: about a second's work."""
_WRITE = 200  # rows held back at most, to be written together
HASTE = "SET LOCAL synchronous_commit = off"
"""A commit that a crash takes back takes rows and position back together: waiting for the disk gains nothing here."""

# From stream to stream by the index, without reading what lies between.
_CHUNKS = """WITH RECURSIVE s(stream) AS (
    (SELECT stream FROM ledger.events ORDER BY stream LIMIT 1)
    UNION ALL
    SELECT (SELECT e.stream FROM ledger.events e WHERE e.stream > s.stream ORDER BY e.stream LIMIT 1)
    FROM s WHERE s.stream IS NOT NULL
), numbered AS (
    SELECT stream, row_number() OVER (ORDER BY stream) - 1 AS n FROM s WHERE stream IS NOT NULL
)
INSERT INTO read.chunks (generation, chunk, first, until)
SELECT %(generation)s, n / %(size)s, stream, lead(stream) OVER (ORDER BY n) FROM numbered WHERE n %% %(size)s = 0"""
_NEXT = """SELECT chunk, first, until FROM read.chunks WHERE generation = %s AND facts IS NULL
ORDER BY chunk LIMIT 1 FOR UPDATE SKIP LOCKED"""
_DONE = "UPDATE read.chunks SET facts = %s WHERE generation = %s AND chunk = %s"

Limits = Mapping[tuple[str, int], int]
"""The last position to be read, by model and part."""


def plan(connection: Connection, generation: int) -> None:
    """Write down what there is to do in a build."""
    connection.execute(_CHUNKS, {"generation": generation, "size": STREAMS})


def build_chunks(
    connection: Connection,
    tables: Sequence[ReadTable],
    generation: int,
    upto: int,
    done: Callable[[int], object] = lambda facts: None,
) -> None:
    """Build chunk after chunk until none is left that nobody has; ``done`` is told how many facts each had."""
    while True:
        with connection.transaction():
            connection.execute(HASTE)
            chunk: Any = connection.execute(_NEXT, (generation,)).fetchone()
            if chunk is None:
                return
            number, first, until = chunk
            facts = build(connection, tables, generation, upto, first=first, until=until)
            connection.execute(_DONE, (facts, generation, number))
        done(facts)


def build(
    connection: Connection,
    tables: Sequence[ReadTable],
    generation: int,
    upto: int,
    *,
    first: str = "",
    until: str | None = None,
    limits: Limits | None = None,
    told: Callable[[int], object] = lambda facts: None,
) -> int:
    """Write the rows that the facts of some streams up to a position make, into a generation that has none of them.

    Answers how many facts were read, and tells it stream by stream. ``limits``: where models or parts are to be read
    less far.
    """
    waiting = [list[Piece]() for _ in tables]
    read = 0
    for count, part, mine in by_stream(connection, upto, Routes([table.model for table in tables]), first, until):
        read += count
        told(read)
        for place, table in enumerate(tables):
            facts = mine[place]
            if limits is not None:
                last = limits[table.model.name, part]
                facts = [fact for fact in facts if fact.position <= last]
            if facts:
                written = table.fold(generation, facts, {}, ())
                waiting[place] += written.pieces
                table.park(connection, generation, written.parked)
                if len(waiting[place]) >= _WRITE:
                    table.park(connection, generation, table.write(connection, generation, waiting[place]))
                    waiting[place] = []
    for table, pieces in zip(tables, waiting, strict=True):
        table.park(connection, generation, table.write(connection, generation, pieces))
    return read
