"""What a ledger is, in a few numbers: its name, how many events, the root over them, which migrations it has.

Two ledgers with the same name, number and root hold the same events. Read with SQL alone, so that it can be asked of a
database that an earlier version of the program made, or another version of PostgreSQL.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

from infra.merkle import Frontier, leaf_hash
from infra.migrations import Connection
from infra.notes import origin_of

_COMMITMENTS = "COPY (SELECT commitment FROM ledger.events ORDER BY position) TO STDOUT (FORMAT BINARY)"
_FIRST = "SELECT state, commitment FROM ledger.events ORDER BY position LIMIT 1"


class NoLedger(RuntimeError):
    """There is no ledger in this database."""


@dataclass(frozen=True)
class LedgerState:
    """``events``: how many, counted; ``root``: over their stored commitments in order; ``migrations``: the last number."""

    origin: str
    events: int
    root: bytes
    migrations: int
    server: int
    """Major version of PostgreSQL."""

    def same_events(self, other: "LedgerState") -> bool:
        """Whether both hold the same events."""
        return (self.origin, self.events, self.root) == (other.origin, other.events, other.root)

    def __str__(self) -> str:
        return f"{self.events:,} events, root {self.root.hex()}"


def read_state(connection: Connection) -> LedgerState:
    """The state of the ledger that a transaction sees. NoLedger."""
    try:
        first: Any = connection.execute(_FIRST, binary=True).fetchone()
        row: Any = connection.execute("SELECT coalesce(max(number), 0) FROM operations.migrations").fetchone()
    except psycopg.errors.UndefinedTable:
        raise NoLedger("there is no ledger in this database") from None
    if first is None:
        raise NoLedger("the ledger of this database was never opened")
    frontier = Frontier()
    with connection.cursor() as cursor, cursor.copy(_COMMITMENTS) as copy:
        copy.set_types(["bytea"])
        for (commitment,) in copy.rows():
            frontier.add(leaf_hash(commitment))
    server = connection.info.server_version // 10_000
    return LedgerState(origin_of(first[0].encode(), first[1]), frontier.size, frontier.root(), row[0], server)
