"""What a relay keeps with the ledger: whose turn it is, and how far it came.

The turn is an advisory lock of a session: when its holder dies the server frees it, and another takes over. The
position is written over that same session, so whoever lost the turn cannot move it.
"""

import contextlib
import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import psycopg

from infra.database import Database
from infra.facts import FactRecorder
from infra.subscription import LedgerSubscription

LOST = psycopg.Error
"""What is raised when the session, and with it the turn, is gone."""
_POSITION = "SELECT position FROM read.relayed WHERE cluster = %s"
# A machine that is cut off without a word is noticed by the server within seconds, not hours.
_NOTICED = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"
_REACHED = """INSERT INTO read.relayed (cluster, position) VALUES (%s, %s)
ON CONFLICT (cluster) DO UPDATE SET position = excluded.position, told_at = clock_timestamp()"""

# The first fact that was not handed on is the one after the position; where there is none nothing is behind.
_LAGS = """SELECT r.cluster, r.position, (SELECT coalesce(max(position), 0) FROM ledger.events) - r.position,
    coalesce(extract(epoch FROM clock_timestamp() - e.recorded_at), 0)::float8
FROM read.relayed r LEFT JOIN ledger.events e ON e.position = r.position + 1 ORDER BY r.cluster"""


class Turn:
    """The right to hand the ledger on to one cluster."""

    def __init__(self, connection: psycopg.Connection[Any], cluster: str) -> None:
        self._connection, self._cluster = connection, cluster

    def position(self) -> int:
        """Up to which position everything was acknowledged; 0 before the first."""
        row = self._connection.execute(_POSITION, (self._cluster,)).fetchone()
        return row[0] if row else 0

    def reached(self, position: int) -> None:
        """Remember that everything up to a position was acknowledged. LOST when the turn is gone."""
        self._connection.execute(_REACHED, (self._cluster, position))


@contextlib.contextmanager
def turn(database: Database, cluster: str) -> Generator[Turn | None]:
    """The turn for a cluster while the block runs; None where another relay has it."""
    key = int.from_bytes(hashlib.sha256(f"nqms.relay\n{cluster}".encode()).digest()[:8], "big", signed=True)
    connection = psycopg.connect(database.app_dsn, autocommit=True, connect_timeout=5)
    try:
        connection.execute(_NOTICED)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        yield Turn(connection, cluster) if row and row[0] else None
    finally:
        connection.close()


def relayed(database: Database) -> dict[str, int]:
    """How far each cluster is, by its id."""
    with database.pool.connection() as connection:
        rows: list[Any] = connection.execute("SELECT cluster, position FROM read.relayed ORDER BY cluster").fetchall()
    return dict(rows)


@dataclass(frozen=True)
class Lag:
    """How far a relay is behind the ledger: in facts, and in seconds since the first of those was recorded."""

    position: int
    events: int
    seconds: float


def lags(database: Database) -> dict[str, Lag]:
    """How far behind each cluster is that the ledger was handed on to, by its id."""
    with database.pool.connection() as connection:
        rows: list[Any] = connection.execute(_LAGS).fetchall()
    return {cluster: Lag(position, max(0, events), max(0.0, seconds)) for cluster, position, events, seconds in rows}


class Hints(LedgerSubscription):
    """Waits as a follower of the ledger waits, without reading."""

    def __init__(self, database: Database, recorder: FactRecorder) -> None:
        super().__init__(recorder, 0, (), database.app_dsn)

    def wait(self) -> None:
        """Until something was committed, or a quarter of a second has passed."""
        self._wait()
