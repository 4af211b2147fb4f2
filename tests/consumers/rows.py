"""Every row of every read model, so that two databases can be held against each other."""

from typing import Any, cast

import psycopg
from psycopg import sql

from projections import READ_MODELS

Rows = dict[str, list[tuple[Any, ...]]]
_COLUMNS = """SELECT column_name::text FROM information_schema.columns
WHERE table_schema = 'read' AND table_name = %s AND column_name <> 'generation' ORDER BY ordinal_position"""
_LIVE = "SELECT generation FROM read.progress WHERE model = %s AND live"


def rows_of(address: str) -> Rows:
    """The live rows of all models and their indexes, by table, sorted, without their generation."""
    found: Rows = {}
    with psycopg.connect(address) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for model in READ_MODELS:
            (generation,) = cast("tuple[int]", connection.execute(_LIVE, (model.name,)).fetchone())
            for table in (model.name, *(index.table for index in model.indexes)):
                columns = [name for (name,) in connection.execute(_COLUMNS, (table,)).fetchall()]
                named = sql.SQL(", ").join(map(sql.Identifier, columns))
                query = sql.SQL("SELECT {} FROM {} WHERE generation = %s ORDER BY {}")
                query = query.format(named, sql.Identifier("read", table), named)
                found[table] = connection.execute(query, (generation,)).fetchall()
    return found


def differing(one: Rows, other: Rows) -> dict[str, tuple[int, int]]:
    """The tables in which they differ, with how many rows the one and the other has alone."""
    found: dict[str, tuple[int, int]] = {}
    for table in sorted({*one, *other}):
        a, b = one.get(table, []), other.get(table, [])
        if a != b:
            found[table] = (len([row for row in a if row not in b]), len([row for row in b if row not in a]))
    return found
