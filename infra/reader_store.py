"""Where a reader of the stream keeps what it made of it, with the position, in one transaction of its own database.

Two processes that hold the same message, because a group was rebalanced between them, meet at the row of its key: the
second waits, and then sees that the message was taken in.
"""

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg_pool import ConnectionPool

from infra.database import connect, create_roles, create_schema
from infra.embedded import EmbeddedServer
from infra.settings import Settings

TABLES = Path(__file__).with_name("sql") / "readers"
_LOCK = 0x6E716D73_72656164  # "nqmsread"
_SEEN = """INSERT INTO reading.keys (reader, key)
SELECT %(reader)s, key FROM unnest(%(keys)s::text[]) AS k(key) ORDER BY key ON CONFLICT DO NOTHING"""
_PLACES = """SELECT key, position, version, parked FROM reading.keys
WHERE reader = %(reader)s AND key = ANY(%(keys)s) ORDER BY key FOR UPDATE"""
_KEEP = """UPDATE reading.keys AS k SET position = n.position, version = n.version, parked = n.parked
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[]) AS n(key, position, version, parked)
WHERE k.reader = %s AND k.key = n.key"""
_PARKED = "SELECT key, parked FROM reading.keys WHERE reader = %s AND parked IS NOT NULL ORDER BY key"


@dataclass(frozen=True)
class Place:
    """How far a key was taken in, and why it stands still if it does."""

    position: int = 0
    version: int = 0
    parked: str | None = None


class Taking:
    """One transaction in which messages are taken in. ``execute`` is for whatever a reader makes of them."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, query: LiteralString, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, if it has any."""
        cursor = self._connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def attempt(self) -> Generator[None]:
        """What is done inside is undone alone when it fails."""
        with self._connection.transaction():
            yield

    def places(self, reader: str, keys: Iterable[str]) -> dict[str, Place]:
        """How far each key is. Nobody else takes in messages of these keys until this transaction ends."""
        words = {"reader": reader, "keys": sorted(set(keys))}
        self._connection.execute(_SEEN, words)
        return {row[0]: Place(*row[1:]) for row in self._connection.execute(_PLACES, words).fetchall()}

    def keep(self, reader: str, places: Mapping[str, Place]) -> None:
        """Remember how far keys are."""
        rows = [(key, place.position, place.version, place.parked) for key, place in sorted(places.items())]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            self._connection.execute(_KEEP, (*columns, reader))


class ReaderStore:
    """A reader's own database. Any thread may use it."""

    def __init__(self, address: str, close: Any = lambda: None) -> None:
        self._pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            address, min_size=1, max_size=8, kwargs={"autocommit": True}, open=True, name="reader", timeout=10
        )
        self._close = close

    def close(self) -> None:
        """Give the connections back, and the embedded server if it is ours."""
        self._pool.close()
        self._close()

    def prepare(self, *tables: str) -> None:
        """Make the tables of these names (files of infra/sql/readers) where they are missing."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            for name in ("positions", *tables):
                text = (TABLES / f"{name}.sql").read_text(encoding="utf-8")
                connection.execute(cast(LiteralString, text), prepare=False)

    @contextlib.contextmanager
    def taking(self) -> Generator[Taking]:
        """One transaction; it is undone when the block fails. infra.outage.OUTAGES while the database is away."""
        with self._pool.connection() as connection, connection.transaction():
            yield Taking(connection)

    def ask(self, query: LiteralString, parameters: Any = None) -> list[tuple[Any, ...]]:
        """The rows of one question."""
        with self._pool.connection() as connection:
            return connection.execute(query, parameters).fetchall()

    def parked(self, reader: str) -> dict[str, str]:
        """The keys that stand still, with the reason."""
        rows: Sequence[tuple[Any, ...]] = self.ask(_PARKED, (reader,))
        return {row[0]: row[1] for row in rows}


def open_store(settings: Settings) -> ReaderStore:
    """The reader's database that the settings name: its own, never the ledger's."""
    return ReaderStore(*reader_address(settings))


def reader_address(settings: Settings) -> tuple[str, Callable[[], None]]:
    """The address of that database, and what to do when it is no longer needed: the embedded server may be ours."""
    if settings.reader_url is not None:
        return settings.reader_url, lambda: None
    server = EmbeddedServer(settings.reader_dir)
    server.start()
    try:
        create_roles(server)
        _, owner = create_schema(server, "reader")
        connect(owner, None).close()
        return owner, server.stop
    except BaseException:
        server.stop()
        raise
