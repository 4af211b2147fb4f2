"""The ledger in PostgreSQL: the one writer of facts, and their reader.

An append is one transaction: take the ledger's turn (an advisory lock, its own statement), then look at head, clock,
commands, versions and claims, decide (infra/settle.py), write, notify, commit. Every writer of every process holds
the same lock to its commit, so positions are handed out in the order of commit and without gaps.
"""

import weakref
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from eventsourcing import persistence
from psycopg import errors
from psycopg_pool import PoolTimeout

from infra.database import Connection, Database
from infra.facts import SYSTEM, FactRecorder
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
from infra.settle import ClaimRow, Settlement, Standing, not_before, settle
from infra.subscription import LedgerSubscription

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

LEDGER_LOCK = 0x6E716D73_6C656467  # "nqmsledg", one turn per database
_PATIENCE = 5.0  # seconds

_TURN = "SELECT set_config('lock_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '2s', true)"
_HEAD = """
SELECT coalesce(h.position, 0), h.recorded_at, clock_timestamp() FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (SELECT position, recorded_at FROM ledger.events ORDER BY position DESC LIMIT 1) AS h ON true"""
_KNOWN = """
SELECT command_id, stream, request_sha256, first_version, last_version, position FROM ledger.commands
WHERE command_id = ANY(%s)"""
_VERSIONS = """
SELECT s.name, h.version FROM unnest(%s::text[]) AS s(name)
JOIN LATERAL (SELECT version FROM ledger.events WHERE stream = s.name ORDER BY version DESC LIMIT 1) AS h ON true"""
_CLAIMED = """
SELECT kind, value, stream FROM ledger.claims JOIN unnest(%s::text[], %s::text[]) AS w(k, v) ON kind = k AND value = v"""
_INSERT_EVENTS = """
INSERT INTO ledger.events (stream, version, type, state, position, recorded_at, occurred_on, provenance, actor_person,
    actor_role, actor_org, on_behalf_of, command_id, causation, correlation, salt, commitment)
SELECT * FROM unnest(%b::text[], %b::int[], %b::text[], %b::text[], %b::bigint[], %b::timestamptz[], %b::date[],
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[], %b::text[], %b::text[], %b::bytea[],
    %b::bytea[])"""
_INSERT_COMMANDS = """
INSERT INTO ledger.commands (command_id, stream, request_sha256, first_version, last_version, position)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::bytea[], %b::int[], %b::int[], %b::bigint[])"""
_INSERT_CLAIMS = """
INSERT INTO ledger.claims (kind, value, stream, position)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::bigint[])"""
_FACT = """
SELECT stream, version, type, state, position, recorded_at, occurred_on, provenance, actor_person, actor_role,
    actor_org, on_behalf_of, command_id, causation, correlation, salt, commitment
FROM ledger.events """
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
_NAMES = tuple(one.name for one in fields(StoredFact))


class LedgerRecorder(FactRecorder):
    """The ledger of a Database. Errors of the database come as eventsourcing.persistence errors."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._database = database
        self._followers: weakref.WeakSet[LedgerSubscription] = weakref.WeakSet()

    # --- writing --------------------------------------------------------------------------------------------------

    def _append_all(self, appends: Sequence[Append]) -> list[Appended | Refused]:
        tried: set[UUID] = set()
        try:
            with self._database.pool.connection(timeout=_PATIENCE) as connection:
                outcomes = self._transact(connection, appends, tried)
        except PoolTimeout:
            raise LedgerBusy("no connection to the database came free") from None
        except errors.LockNotAvailable:
            raise LedgerBusy("another writer holds the ledger") from None
        except psycopg.OperationalError as error:
            if not _lost(error):
                raise persistence.OperationalError(_plain(error)) from None
            # Lost on the way, at the worst while committing. The old backend may yet commit, but the second try waits
            # for the ledger's turn, which the old one holds to its end; then the command tells whether it was written.
            outcomes = self._try_again(appends, tried)
        except psycopg.IntegrityError as error:
            raise persistence.IntegrityError(_plain(error)) from None
        if any(isinstance(outcome, Appended) and not outcome.replayed for outcome in outcomes):
            for follower in list(self._followers):
                follower.wake()
        return outcomes

    def _try_again(self, appends: Sequence[Append], tried: set[UUID]) -> list[Appended | Refused]:
        first = frozenset(tried)
        try:
            # Never from the pool, whose other connections are as dead as the first when the server went down.
            with psycopg.connect(self._database.app_dsn, autocommit=True, connect_timeout=5) as connection:
                outcomes = self._transact(connection, appends, tried)
        except psycopg.OperationalError as error:
            if tried:
                raise OutcomeUnknown(next(iter(tried))) from None
            if isinstance(error, errors.LockNotAvailable):
                raise LedgerBusy("another writer holds the ledger") from None
            raise persistence.OperationalError(_plain(error)) from None
        # What the lost try did write is no replay: it was this very call.
        return [
            replace(outcome, replayed=False)
            if isinstance(outcome, Appended) and append.command_id in first
            else outcome
            for append, outcome in zip(appends, outcomes, strict=True)
        ]

    def _transact(
        self, connection: Connection, appends: Sequence[Append], tried: set[UUID]
    ) -> list[Appended | Refused]:
        """One transaction in two round trips. `tried` receives the commands whose outcome is open until it returns."""
        with connection.pipeline(), connection.transaction():
            connection.execute(_TURN)
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LEDGER_LOCK,))
            settlement = settle(appends, self._standing(connection, appends))
            if settlement.commands:
                tried.update(row.command_id for row in settlement.commands)
                _write(connection, settlement)
        return settlement.outcomes

    def _standing(self, connection: Connection, appends: Sequence[Append]) -> Standing:
        streams = list({stream for append in appends for stream in append.expected})
        claims = [(claim.kind, claim.value) for append in appends for claim in append.claims]
        head = connection.execute(_HEAD, binary=True)
        known = connection.execute(_KNOWN, ([append.command_id for append in appends],), binary=True)
        versions = connection.execute(_VERSIONS, (streams,), binary=True)
        holders = connection.execute(_CLAIMED, ([k for k, _ in claims], [v for _, v in claims])) if claims else None
        first: Any = head.fetchone()
        position, recorded_at, now = first
        commands: list[Any] = known.fetchall()
        reached: list[Any] = versions.fetchall()
        held: list[Any] = holders.fetchall() if holders is not None else []
        return Standing(
            position=position,
            now=not_before(now if self._clock is None else self._clock(), recorded_at),
            commands={row[0]: CommandRow(*row) for row in commands},
            versions=dict(reached),
            claims={(kind, value): stream for kind, value, stream in held},
        )

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
            raise persistence.OperationalError(_plain(error)) from None
        except psycopg.Error as error:
            raise persistence.DatabaseError(_plain(error)) from None

    def _one(self, query: LiteralString, parameters: Any) -> Any:
        with self._reading() as connection:
            return connection.execute(query, parameters, binary=True).fetchone()

    def _facts(self, query: LiteralString, parameters: Sequence[Any]) -> list[StoredFact]:
        with self._reading() as connection:
            rows: list[Any] = connection.execute(query, parameters, binary=True).fetchall()
        return [_fact(row) for row in rows]


def _fact(row: Any) -> StoredFact:
    stream, version, kind, state, *rest = row
    return StoredFact(stream, version, kind, state.encode(), *rest)


def _write(connection: Connection, settlement: Settlement) -> None:
    if settlement.facts:
        rows = [tuple(getattr(fact, name) for name in _NAMES) for fact in settlement.facts]
        columns = [list(column) for column in zip(*rows, strict=True)]
        columns[3] = [state.decode() for state in columns[3]]
        connection.execute(_INSERT_EVENTS, columns)
        connection.execute("SELECT pg_notify('nqms_ledger', %s)", (str(settlement.facts[-1].position),))
    connection.execute(_INSERT_COMMANDS, _columns(settlement.commands))
    if settlement.claims:
        connection.execute(_INSERT_CLAIMS, _columns(settlement.claims))


def _columns(rows: Sequence[CommandRow] | Sequence[ClaimRow]) -> list[list[Any]]:
    return [list(column) for column in zip(*map(astuple, rows), strict=True)]


def _lost(error: psycopg.OperationalError) -> bool:
    """Whether the connection went away, so that the outcome is open. Any other error of the server is a rollback."""
    return error.sqlstate is None or error.sqlstate[:2] in ("08", "25", "57")


def _plain(error: psycopg.Error) -> str:
    """The server's sentence without its DETAIL, which repeats values of the row."""
    return error.diag.message_primary or type(error).__name__
