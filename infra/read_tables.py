"""The tables of the read models: how rows are loaded, written and compared. The SQL follows from each model's columns.

Table and column names come from the code of the read models, never from outside.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString, NamedTuple, cast

import msgspec
import psycopg

from infra.database import Connection
from projections.language import Column, Folding, Parked, ReadModel, Recorded

Line = tuple[Any, ...]
_SHOWN: LiteralString = "100"


@dataclass(frozen=True)
class Difference:
    """Where the live rows and a rebuild do not agree: which model, key and field."""

    model: str
    key: str
    field: str

    def __str__(self) -> str:
        return f"{self.model}: {self.key}: {self.field}"


@dataclass(frozen=True)
class _Table:
    """One table with its columns and their PostgreSQL types, in the order in which lines are written."""

    name: LiteralString
    columns: Mapping[str, LiteralString]

    @property
    def listed(self) -> LiteralString:
        return _literal(", ".join(self.columns))

    def copy_in(self, connection: Connection, lines: Sequence[Line]) -> None:
        """Add lines, many at once."""
        if not lines:
            return
        with connection.cursor() as cursor:
            statement: LiteralString = f"COPY read.{self.name} ({self.listed}) FROM STDIN (FORMAT BINARY)"
            with cursor.copy(statement) as copy:
                copy.set_types(list(self.columns.values()))
                for line in lines:
                    copy.write_row(line)


class Piece(NamedTuple):
    """What the facts of one key come to: lines of the table and of each index, and from where the new row holds."""

    key: str
    main: list[Line]
    indexed: list[list[Line] | None]
    """None for an index whose lines stay as they are."""
    begun: int
    facts: Sequence[Recorded]
    """Among which those of the key are."""


@dataclass
class Written:
    """What folding some facts comes to: what to write, key by key, and what waits."""

    pieces: list[Piece] = field(default_factory=list[Piece])
    parked: list[Parked] = field(default_factory=list[Parked])


class ReadTable:
    """The table of one read model, with the tables of its indexes."""

    def __init__(self, model: ReadModel[Any]) -> None:
        self.model = model
        known: dict[str, LiteralString] = {"generation": "int4", "key": "text"}
        if model.versioned:
            known |= {"from_position": "int8", "to_position": "int8"}
        self._main = _Table(model.name, {**known, **_typed(model.columns), "body": "text"})
        self._tables = [self._main]
        for index in model.indexes:
            self._tables.append(_Table(index.table, {**known, **_typed(index.columns)}))

    # --- rows -----------------------------------------------------------------------------------------------------

    def take(self, connection: Connection, generation: int, facts: Sequence[Recorded]) -> int:
        """Fold facts into the rows as they are, write what they became; how many facts have to wait."""
        if not facts:
            return 0
        keys = () if self.model.once else {self.model.key(fact) for fact in facts}
        rows, waiting = self._load(connection, generation, keys) if keys else ({}, set[str]())
        waiting |= self._waiting(connection, generation)
        written = self.fold(generation, facts, rows, waiting)
        parked = written.parked + self.write(connection, generation, written.pieces, rows)
        self.park(connection, generation, parked)
        return len(parked)

    def _load(self, connection: Connection, generation: int, keys: Iterable[str]) -> tuple[dict[str, Any], set[str]]:
        """The current rows of some keys, and the keys whose rows cannot be read: those wait for a rebuild."""
        current: LiteralString = " AND to_position IS NULL" if self.model.versioned else ""
        query: LiteralString = f"SELECT key, body FROM read.{self._main.name} WHERE generation = %s AND key = ANY(%s)"
        cursor = connection.execute(query + current, (generation, list(keys)), binary=True)
        rows: dict[str, Any] = {}
        unreadable: set[str] = set()
        for key, body in cast("list[tuple[str, str]]", cursor.fetchall()):
            try:
                rows[key] = self.model.load(body)
            except msgspec.MsgspecError:
                unreadable.add(key)
        return rows, unreadable

    def fold(self, generation: int, facts: Sequence[Recorded], rows: dict[str, Any], waiting: Iterable[str]) -> Written:
        """What to write after some facts. A key whose row cannot be made or laid out waits; the others go on."""
        folding = Folding(self.model, rows, waiting)
        for fact in facts:
            folding.see(fact)
        written = Written(parked=folding.parked)
        for key, states in folding.changes.items():
            try:
                main, index = self._lines(generation, key, states, rows.get(key))
            except Exception as error:  # noqa: BLE001  whatever is wrong with a row concerns its key alone
                written.parked += self._late(key, facts, folding.parked, error)
                continue
            written.pieces.append(Piece(key, main, index, states[0][0], facts))
        return written

    def _late(
        self, key: str, facts: Sequence[Recorded], parked: Sequence[Parked], error: Exception
    ) -> Iterator[Parked]:
        """The facts of a key whose row cannot be written, but those that wait already."""
        known = {one.position for one in parked if one.key == key}
        reason = f"the row cannot be written: {type(error).__name__}: {error}"
        mine = (fact.position for fact in facts if self.model.key(fact) == key)
        return (Parked(key, position, reason) for position in mine if position not in known)

    def _lines(
        self, generation: int, key: str, states: Sequence[tuple[int, Any]], before: Any
    ) -> tuple[list[Line], list[list[Line] | None]]:
        places = list(self._places(generation, key, states))
        main: list[Line] = [(*place, *self.model.values(row), self.model.dump(row)) for place, row in places]
        indexes: list[list[Line] | None] = []
        for index in self.model.indexes:
            lines: list[Line] = [(*place, *line) for place, row in places for line in index.lines(row)]
            # Most facts change the row and leave what is open, and by when, as it is.
            same = before is not None and not self.model.versioned
            same = same and lines == [(generation, key, *line) for line in index.lines(before)]
            indexes.append(None if same else lines)
        return main, indexes

    def _places(self, generation: int, key: str, states: Sequence[tuple[int, Any]]) -> Iterator[tuple[Line, Any]]:
        if not self.model.versioned:
            if states[-1][1] is not None:
                yield (generation, key), states[-1][1]
            return
        ends = [*(position for position, _ in states[1:]), None]
        for (position, row), end in zip(states, ends, strict=True):
            if row is not None:
                yield (generation, key, position, end), row

    def write(
        self, connection: Connection, generation: int, pieces: Sequence[Piece], rows: Container[str] = ()
    ) -> list[Parked]:
        """Write pieces in the place of ``rows``, all at once; where the database takes one amiss, that one waits."""
        if not pieces:
            return []
        try:
            with connection.transaction():
                self._put(connection, generation, pieces, rows)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(pieces) == 1:
                return list(self._late(pieces[0].key, pieces[0].facts, (), error))
            late = (self.write(connection, generation, [piece], rows) for piece in pieces)
            return [parked for some in late for parked in some]
        return []

    def _put(self, connection: Connection, generation: int, pieces: Sequence[Piece], rows: Container[str]) -> None:
        written = [[(piece, piece.main) for piece in pieces]]
        written += [
            [(piece, lines) for piece in pieces if (lines := piece.indexed[number]) is not None]
            for number in range(len(self.model.indexes))
        ]
        for table, mine in zip(self._tables, written, strict=True):
            self._end(connection, table, generation, {piece.key: piece.begun for piece, _ in mine if piece.key in rows})
            table.copy_in(connection, [line for _, lines in mine for line in lines])

    def _end(self, connection: Connection, table: _Table, generation: int, begun: Mapping[str, int]) -> None:
        """End the lines of some keys where new ones begin."""
        if not begun:
            return
        if self.model.versioned:
            update: LiteralString = f"""UPDATE read.{table.name} t SET to_position = ended.position
FROM unnest(%s::text[], %s::bigint[]) AS ended(key, position)
WHERE t.generation = %s AND t.key = ended.key AND t.to_position IS NULL"""
            connection.execute(update, (list(begun), list(begun.values()), generation))
        else:
            delete: LiteralString = f"DELETE FROM read.{table.name} WHERE generation = %s AND key = ANY(%s)"
            connection.execute(delete, (generation, list(begun)))

    def drop_others(self, connection: Connection, generation: int) -> None:
        """Delete every generation but one."""
        kept = (self.model.name, generation)
        # First the places: whoever is at work on such a generation holds one, and writes no more once it is gone.
        connection.execute("DELETE FROM read.places WHERE model = %s AND generation <> %s", kept)
        for table in self._tables:
            delete: LiteralString = f"DELETE FROM read.{table.name} WHERE generation <> %s"
            connection.execute(delete, (generation,))
        connection.execute("DELETE FROM read.parked WHERE model = %s AND generation <> %s", kept)
        connection.execute("DELETE FROM read.progress WHERE model = %s AND generation <> %s", kept)

    # --- what waits -----------------------------------------------------------------------------------------------

    def parked(self, connection: Connection, generation: int) -> list[Parked]:
        """The facts that wait, in the order of their positions."""
        cursor = connection.execute(
            "SELECT key, position, reason FROM read.parked WHERE model = %s AND generation = %s ORDER BY position",
            (self.model.name, generation),
        )
        return [Parked(*line) for line in cast("list[tuple[str, int, str]]", cursor.fetchall())]

    def _waiting(self, connection: Connection, generation: int) -> set[str]:
        """The keys of which facts wait."""
        query = "SELECT DISTINCT key FROM read.parked WHERE model = %s AND generation = %s"
        cursor = connection.execute(query, (self.model.name, generation))
        return {key for (key,) in cast("list[tuple[str]]", cursor.fetchall())}

    def park(self, connection: Connection, generation: int, parked: Sequence[Parked]) -> None:
        """Let facts wait."""
        if parked:
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO read.parked (model, generation, key, position, reason) VALUES (%s, %s, %s, %s, %s)",
                    [(self.model.name, generation, p.key, p.position, p.reason) for p in parked],
                )

    def unpark(self, connection: Connection, generation: int) -> None:
        """Nothing waits any more."""
        connection.execute(
            "DELETE FROM read.parked WHERE model = %s AND generation = %s", (self.model.name, generation)
        )

    # --- comparing ------------------------------------------------------------------------------------------------

    def differences(self, connection: Connection, live: int, rebuilt: int) -> list[Difference]:
        """Every field in which two generations differ, of the first hundred lines that do."""
        found: list[Difference] = []
        for table in self._tables:
            identity = [c for c in ("key", "from_position", "ordinal") if c in table.columns]
            rest = [c for c in table.columns if c not in ("generation", *identity)]
            for line in self._unequal(connection, table, identity, rest, live, rebuilt):
                found += self._named(table, line[0], rest, line[1:])
        return list(dict.fromkeys(found))

    def _unequal(
        self, connection: Connection, table: _Table, identity: list[str], rest: list[str], live: int, rebuilt: int
    ) -> list[Line]:
        """Lines that differ: key, whether it is live, whether it is rebuilt, the other columns of both."""
        both = _literal(", ".join(f"a.{c}, b.{c}" for c in rest))
        a, b = _literal(", ".join(f"a.{c}" for c in rest)), _literal(", ".join(f"b.{c}" for c in rest))
        query: LiteralString = f"""SELECT key, a.generation IS NOT NULL, b.generation IS NOT NULL, {both}
FROM (SELECT * FROM read.{table.name} WHERE generation = %s) AS a
FULL JOIN (SELECT * FROM read.{table.name} WHERE generation = %s) AS b
    USING ({_literal(", ".join(identity))})
WHERE a.generation IS NULL OR b.generation IS NULL OR ({a}) IS DISTINCT FROM ({b})
ORDER BY key LIMIT {_SHOWN}"""
        return connection.execute(query, (live, rebuilt)).fetchall()

    def _named(self, table: _Table, key: str, rest: list[str], line: Line) -> Iterator[Difference]:
        is_live, is_rebuilt, *values = line
        if not (is_live and is_rebuilt):
            yield Difference(table.name, key, "live only" if is_live else "missing")
            return
        for column, one, other in zip(rest, values[::2], values[1::2], strict=True):
            if one == other:
                continue
            for name in _fields(one, other) if column == "body" else [column]:
                yield Difference(table.name, key, name)


def _typed(columns: Iterable[Column]) -> dict[str, LiteralString]:
    return {column.name: column.type for column in columns}


def _literal(names: str) -> LiteralString:
    """Names of columns, which the code of the read models gave."""
    return cast("LiteralString", names)


def _fields(one: str, other: str) -> list[str]:
    """The fields in which two bodies differ; "body" if one of them is no body at all, or differs in bytes alone."""
    try:
        a, b = (msgspec.json.decode(body, type=dict[str, Any]) for body in (one, other))
    except msgspec.DecodeError:
        return ["body"]
    return sorted(name for name in {*a, *b} if a.get(name) != b.get(name)) or ["body"]
