"""The ledger in PostgreSQL: facts in, facts out.

Writing is shared: callers that come at the same time go into one transaction (infra/group_commit.py), which takes the
ledger's turn, looks at what stands, decides (infra/settle.py), writes, notifies and commits (infra/writer.py).
"""

import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from hashlib import sha256
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from eventsourcing import persistence

from infra.database import Connection, Database
from infra.facts import SYSTEM, FactRecorder
from infra.group_commit import GroupCommit, Take
from infra.memory import MemoryRecorder
from infra.records import (
    LAST_VERSION,
    LEDGER_OPENED,
    LEDGER_STREAM,
    Actor,
    Append,
    Appended,
    Claim,
    ClaimTaken,
    Clock,
    CommandReused,
    CommandRow,
    LedgerBusy,
    LedgerMismatch,
    NewEvent,
    OutcomeUnknown,
    Refused,
    StateTooLarge,
    StoredFact,
    StreamTooLong,
    VersionConflict,
    commitment,
    envelope,
    instant,
)
from infra.subscription import LedgerSubscription
from infra.writer import LEDGER_LOCK, LedgerWriter, plain

__all__ = [
    "LAST_VERSION",
    "LEDGER_LOCK",
    "LEDGER_OPENED",
    "LEDGER_STREAM",
    "SYSTEM",
    "Actor",
    "Append",
    "Appended",
    "Claim",
    "ClaimTaken",
    "Clock",
    "CommandReused",
    "CommandRow",
    "FactRecorder",
    "LedgerBusy",
    "LedgerMismatch",
    "LedgerRecorder",
    "LedgerSubscription",
    "MemoryRecorder",
    "NewEvent",
    "OutcomeUnknown",
    "Refused",
    "StateTooLarge",
    "StoredFact",
    "StreamTooLong",
    "VersionConflict",
    "commitment",
    "envelope",
    "instant",
]

_PATIENCE = 5.0  # seconds

_HEAD = """
SELECT coalesce(h.position, 0), h.recorded_at, clock_timestamp() FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (SELECT position, recorded_at FROM ledger.events ORDER BY position DESC LIMIT 1) AS h ON true"""
_KNOWN = """
SELECT command_id, stream, request_sha256, first_version, last_version, position FROM ledger.commands
WHERE command_id = ANY(%s)"""
_FACT = """
SELECT stream, version, type, state, position, recorded_at, occurred_on, provenance, actor_person, actor_role,
    actor_org, on_behalf_of, command_id, causation, correlation, salt, commitment
FROM ledger.events """
_STATES = """
SELECT version, type, state FROM ledger.events
WHERE stream = %s AND version > %s AND position <= coalesce(%s, 9223372036854775807) ORDER BY version"""
_PUBLISHED = "WHERE stream NOT LIKE 'program:%%' AND stream <> 'ledger:main' "
_POSITION_AT = """
WITH RECURSIVE halving (low, high) AS (
    SELECT 0::bigint, coalesce(max(position), 0) FROM ledger.events
    UNION ALL
    SELECT CASE WHEN e.recorded_at <= %(time)s THEN e.position ELSE low END,
        CASE WHEN e.recorded_at <= %(time)s THEN high ELSE e.position - 1 END
    FROM halving JOIN ledger.events e ON e.position = (low + high + 1) / 2 WHERE low < high
)
SELECT low FROM halving WHERE low = high"""


class LedgerRecorder(FactRecorder):
    """The ledger of a Database. Errors of the database come as eventsourcing.persistence errors."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._database = database
        self._writer = LedgerWriter(database, clock)
        self._sharing = GroupCommit(self._write)
        self._followers: weakref.WeakSet[LedgerSubscription] = weakref.WeakSet()

    # --- writing --------------------------------------------------------------------------------------------------

    def _append_all(self, appends: Sequence[Append]) -> list[Appended | Refused]:
        return self._sharing.submit(appends)

    def _write(self, take: Take) -> list[Appended | Refused]:
        outcomes = self._writer.write(take)
        if any(isinstance(outcome, Appended) and not outcome.replayed for outcome in outcomes):
            for follower in list(self._followers):
                follower.wake()
        return outcomes

    def put_artifact(self, kind: str, content: bytes) -> bytes:
        """See FactRecorder."""
        digest = sha256(content).digest()
        with self._reading() as connection:
            connection.execute(
                "INSERT INTO ledger.artifacts (sha256, kind, bytes) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (digest, kind, content),
            )
        return digest

    # --- reading --------------------------------------------------------------------------------------------------

    def read(self, after: int, limit: int, upto: int | None = None) -> list[StoredFact]:
        """See FactRecorder."""
        if upto is None:
            return self._facts(_FACT + "WHERE position > %s ORDER BY position LIMIT %s", (after, limit))
        parameters = (after, upto, limit)
        return self._facts(_FACT + "WHERE position > %s AND position <= %s ORDER BY position LIMIT %s", parameters)

    def read_published(self, after: int, limit: int) -> list[StoredFact]:
        """See FactRecorder. Answered from a partial index over the few facts that are no program's."""
        return self._facts(_FACT + _PUBLISHED + "AND position > %s ORDER BY position LIMIT %s", (after, limit))

    def read_about(self, person: str) -> list[StoredFact]:
        """See FactRecorder."""
        where: LiteralString = "WHERE actor_person = %s OR strpos(state, %s) > 0 ORDER BY position"
        return self._facts(_FACT + where, (person, person))

    def read_stream(
        self,
        stream: str,
        after: int = 0,
        upto: int | None = None,
        *,
        backwards: bool = False,
        limit: int | None = None,
        upto_position: int | None = None,
    ) -> list[StoredFact]:
        """See FactRecorder."""
        where: LiteralString = "WHERE stream = %s AND version > %s AND version <= %s "
        parameters: list[Any] = [stream, after, LAST_VERSION if upto is None else upto]
        if upto_position is not None:
            where += "AND position <= %s "
            parameters.append(upto_position)
        order: LiteralString = "ORDER BY version DESC" if backwards else "ORDER BY version"
        if limit is not None:
            order += " LIMIT %s"
            parameters.append(limit)
        return self._facts(_FACT + where + order, parameters)

    def read_states(
        self, stream: str, after: int = 0, upto_position: int | None = None
    ) -> list[tuple[int, str, bytes | str]]:
        """See FactRecorder. Three columns of seventeen, and no object for each row."""
        with self._reading() as connection:
            rows: list[Any] = connection.execute(_STATES, (stream, after, upto_position), binary=True).fetchall()
        return rows

    def head(self) -> tuple[int, datetime | None]:
        """See FactRecorder."""
        row = self._one(_HEAD, ())
        assert row is not None
        return row[0], row[1]

    def position_at(self, time: datetime) -> int:
        """See FactRecorder. Halving over the positions, which needs no index on the time: 24 steps at 10⁷ facts."""
        if time.tzinfo is None:
            raise ValueError("a time with a zone is needed")
        row = self._one(_POSITION_AT, {"time": time})
        return 0 if row is None else row[0]

    def stream_version(self, stream: str) -> int:
        """See FactRecorder."""
        row = self._one("SELECT version FROM ledger.events WHERE stream = %s ORDER BY version DESC LIMIT 1", (stream,))
        return 0 if row is None else row[0]

    def command(self, command_id: UUID) -> CommandRow | None:
        """See FactRecorder."""
        row = self._one(_KNOWN, ([command_id],))
        return None if row is None else CommandRow(*row)

    def artifact(self, digest: bytes) -> bytes | None:
        """See FactRecorder."""
        row = self._one("SELECT bytes FROM ledger.artifacts WHERE sha256 = %s", (digest,))
        return None if row is None else row[0]

    def claim_holder(self, kind: str, value: str) -> str | None:
        """See FactRecorder."""
        row = self._one("SELECT stream FROM ledger.claims WHERE kind = %s AND value = %s", (kind, value))
        return None if row is None else row[0]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LedgerSubscription:
        """Follow the ledger after position `gt`; see infra/subscription.py."""
        follower = LedgerSubscription(self, gt, topics, self._database.app_dsn)
        self._followers.add(follower)
        return follower

    # --- rows -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Generator[Connection]:
        try:
            with self._database.pool.connection(timeout=_PATIENCE) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise persistence.OperationalError(plain(error)) from None
        except psycopg.Error as error:
            raise persistence.DatabaseError(plain(error)) from None

    def _one(self, query: LiteralString, parameters: Any) -> Any:
        with self._reading() as connection:
            return connection.execute(query, parameters, binary=True).fetchone()

    def _facts(self, query: LiteralString, parameters: Sequence[Any]) -> list[StoredFact]:
        with self._reading() as connection:
            rows: list[Any] = connection.execute(query, parameters, binary=True).fetchall()
        return [_fact(row) for row in rows]


_FIELDS = tuple(one.name for one in fields(StoredFact))


def _fact(row: Any) -> StoredFact:
    # A frozen dataclass sets field by field through object; all at once takes a third of the time.
    fact = object.__new__(StoredFact)
    values = vars(fact)
    values.update(zip(_FIELDS, row, strict=True))
    values["state"] = values["state"].encode()
    return fact
