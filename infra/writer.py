"""One batch of appends, one transaction, two round trips: the ledger's turn and what stands; rows and COMMIT.

Every writer of every process takes the same advisory lock and holds it to its commit, so positions are handed out in
the order of commit and without gaps. The lock is a statement of its own: the next one sees what the last holder wrote.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from eventsourcing import persistence
from psycopg import errors
from psycopg.pq.abc import PGresult

from infra import wire
from infra.database import Database
from infra.group_commit import Outcomes, Take
from infra.records import Append, Appended, Clock, CommandRow, FactRow, LedgerBusy, OutcomeUnknown
from infra.settle import Settlement, Standing, not_before, settle
from infra.wire import Statement, Wire

LEDGER_LOCK: Final = 0x6E716D73_6C656467  # "nqmsledg", one turn per database

_BEGIN: Final[Statement] = ("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", ())
_TURN: Final[Statement] = (f"SELECT pg_advisory_xact_lock({LEDGER_LOCK})", ())
_COMMIT: Final[Statement] = ("COMMIT", ())
_SESSION: Final = {
    "TimeZone": "UTC",
    "application_name": "nqms writer",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "2s",
    # Every look is by a key: the plan is made once and does not change with what the planner believes of the tables.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",
}
# Whatever the server or the role says now or after a reload: what is acknowledged was flushed. Stricter values stay.
_DURABLY: Final[Statement] = (
    """SELECT set_config(name, CASE setting WHEN 'off' THEN 'on' ELSE setting END, false) FROM pg_settings
    WHERE name = 'synchronous_commit'""",
    (),
)
_MICROSECONDS = "(extract(epoch FROM {} - timestamptz '2000-01-01 00:00:00+00') * 1000000)::bigint"
_STANDING = f"""
SELECT coalesce(h.position, 0), {_MICROSECONDS.format("h.recorded_at")}, {_MICROSECONDS.format("clock_timestamp()")},
    array_to_string(ARRAY(
        SELECT coalesce((SELECT version FROM ledger.events WHERE stream = s.name ORDER BY version DESC LIMIT 1), 0)
        FROM unnest($1::text[]) WITH ORDINALITY AS s(name, n) ORDER BY n), ','),
    (SELECT json_agg(json_build_array(command_id, stream, encode(request_sha256, 'hex'), first_version, last_version,
        position)) FROM ledger.commands WHERE command_id = ANY($2::uuid[])),
    (SELECT json_agg(json_build_array(c.kind, c.value, c.stream)) FROM unnest($3::text[], $4::text[]) AS w(kind, value)
        JOIN ledger.claims AS c ON c.kind = w.kind AND c.value = w.value)
FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (SELECT position, recorded_at FROM ledger.events ORDER BY position DESC LIMIT 1) AS h ON true"""
_WRITE = """
WITH written AS (
    INSERT INTO ledger.events (position, recorded_at, stream, version, type, state, occurred_on, provenance, actor_person,
        actor_role, actor_org, on_behalf_of, command_id, causation, correlation, salt, commitment)
    SELECT $1::bigint + n, $2::timestamptz, stream, version, type, state, occurred_on, provenance, actor_person,
        actor_role, actor_org, on_behalf_of, command_id, causation, correlation, salt, commitment
    FROM unnest($3::text[], $4::int[], $5::text[], $6::text[], $7::date[],
        $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::text[], $15::text[],
        $16::bytea[], $17::bytea[]) WITH ORDINALITY
        AS e(stream, version, type, state, occurred_on, provenance, actor_person, actor_role, actor_org, on_behalf_of,
        command_id, causation, correlation, salt, commitment, n)
) SELECT pg_notify('nqms_ledger', $18::text)"""
# The same for a single row, in half the time: most commands record one fact, and most callers come alone.
_WRITE_ONE = """
WITH written AS (
    INSERT INTO ledger.events (position, recorded_at, stream, version, type, state, occurred_on, provenance,
        actor_person, actor_role, actor_org, on_behalf_of, command_id, causation, correlation, salt, commitment)
    VALUES ($1::bigint + 1, $2::timestamptz, $3::text, $4::int, $5::text, $6::text, $7::date, $8::text, $9::text,
        $10::text, $11::text, $12::text, $13::uuid, $14::text, $15::text, $16::bytea, $17::bytea)
) SELECT pg_notify('nqms_ledger', $18::text)"""
_REMEMBER = """
INSERT INTO ledger.commands (command_id, stream, request_sha256, first_version, last_version, position)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::int[], $5::int[], $6::bigint[])"""
_CLAIM = """
INSERT INTO ledger.claims (kind, value, stream, position)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])"""
_SALTS = "SELECT encode(salt, 'hex') FROM ledger.events WHERE position = ANY($1::bigint[])"
_PREPARED: Final = {
    "standing": _STANDING,
    "write": _WRITE,
    "write one": _WRITE_ONE,
    "remember": _REMEMBER,
    "claim": _CLAIM,
    "salts": _SALTS,
}
_Known = tuple[UUID, str, str, int | None, int | None, int | None]
_KNOWN: msgspec.json.Decoder[list[_Known] | None] = msgspec.json.Decoder(list[_Known] | None)
_HELD: msgspec.json.Decoder[list[tuple[str, str, str]] | None] = msgspec.json.Decoder(list[tuple[str, str, str]] | None)

_Tried = list[Settlement]
"""What was on its way when the connection was lost, so that its outcome is open."""


class LedgerWriter:
    """Writes batches on a connection of its own, so that busy readers never keep the writer waiting.

    One write() at a time (see infra/group_commit.py). The connection is opened by the first and closed with the
    database. Errors come as eventsourcing.persistence errors.
    """

    def __init__(self, database: Database, clock: Clock | None) -> None:
        self._database = database
        self._clock = clock
        self._wire: Wire | None = None
        self._company = False
        self._busy = threading.Lock()

    def write(self, take: Take) -> Outcomes:
        """Carry out what `take` gives in one transaction. Raises LedgerBusy, OutcomeUnknown, persistence errors."""
        tried: _Tried = []
        with self._busy:
            try:
                return self._transact(take, tried)
            except errors.LockNotAvailable:
                raise LedgerBusy("another writer holds the ledger") from None
            except psycopg.Error as error:
                if not _lost(error):
                    raise _translated(error) from None
                # Lost on the way, at the worst while committing. The old backend may yet commit, but the second try
                # waits for the ledger's turn, which the old one holds to its end; then the command tells whether it
                # was written.
                return self._try_again(take, tried)

    def close(self) -> None:
        """Close the connection. A later write() opens another."""
        with self._busy:
            self._drop()

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    def _connected(self) -> Wire:
        if self._wire is None:
            if self._database.pool.closed:
                raise psycopg.OperationalError("the database is closed")
            self._wire = Wire(self._database.app_dsn, _SESSION, _PREPARED)
            self._wire.exchange(_DURABLY)
            self._database.at_close(self.close)
        return self._wire

    def _transact(self, take: Take, tried: _Tried) -> Outcomes:
        """`tried` receives what is on its way, the outcome of which is open until this returns."""
        line = self._connected()
        try:
            if self._company:  # more will come while the turn is waited for, and go along
                line.exchange(_BEGIN, _TURN)
                appends = take()
                (stands,) = line.exchange(_asking(appends))
            else:
                appends = take()
                *_, stands = line.exchange(_BEGIN, _TURN, _asking(appends))
            self._company = len(appends) > 1
            settlement = settle(appends, self._standing(appends, stands))
            if settlement.commands:
                tried.append(settlement)
            line.exchange(*_writing(settlement), _COMMIT)
        except Exception:
            if not line.roll_back():
                self._drop()
            raise
        except BaseException:  # interrupted, perhaps between question and answer: this connection is of no more use
            self._drop()
            raise
        return settlement.outcomes

    def _standing(self, appends: Sequence[Append], result: PGresult) -> Standing:
        position, recorded_at, now, versions, known, held = (result.get_value(0, column) for column in range(6))
        assert position is not None
        assert now is not None
        streams = list(dict.fromkeys(stream for append in appends for stream in append.expected))
        commands: Sequence[_Known] = _KNOWN.decode(known) or () if known else ()
        claims: Sequence[tuple[str, str, str]] = _HELD.decode(held) or () if held else ()
        return Standing(
            position=int(position),
            now=not_before(
                wire.moment(int(now)) if self._clock is None else self._clock(),
                None if recorded_at is None else wire.moment(int(recorded_at)),
            ),
            commands={row[0]: CommandRow(row[0], row[1], bytes.fromhex(row[2]), *row[3:]) for row in commands},
            versions=dict(zip(streams, map(int, versions.split(b",")), strict=True)) if versions else {},
            claims={(kind, value): stream for kind, value, stream in claims},
        )

    def _try_again(self, take: Take, tried: _Tried) -> Outcomes:
        first = {row.command_id: None for one in tried for row in one.commands}
        salts = {row[12]: (row[4], row[15]) for one in tried for row in one.facts}
        self._drop()
        try:
            outcomes = self._transact(take, tried)
            return self._told_apart(take(), outcomes, first | salts)
        except psycopg.Error as error:
            doubtful = [row.command_id for one in tried for row in one.commands]
            if doubtful:
                raise OutcomeUnknown(doubtful[0], doubtful) from None
            if isinstance(error, errors.LockNotAvailable):
                raise LedgerBusy("another writer holds the ledger") from None
            raise _translated(error) from None

    def _told_apart(
        self, appends: Sequence[Append], outcomes: Outcomes, first: dict[UUID, tuple[int, bytes] | None]
    ) -> Outcomes:
        """What the lost try did write is no replay: it was this very call. Its salt tells it from another's write.

        `first`: the commands of the lost try, each with position and salt of its last event.
        """
        asked = [row[0] for row in first.values() if row is not None]
        salts: set[bytes] = set()
        if asked:
            (result,) = self._connected().exchange(("salts", [wire.int8s(asked)]))
            salts = {bytes.fromhex((result.get_value(n, 0) or b"").decode()) for n in range(result.ntuples)}
        told: Outcomes = []
        for append, outcome in zip(appends, outcomes, strict=True):
            mine = append.command_id in first  # until it is popped: a repeat in the same batch is a replay
            written = first.pop(append.command_id, None)
            ours = mine and (written is None or written[1] in salts)
            told.append(replace(outcome, replayed=False) if ours and isinstance(outcome, Appended) else outcome)
        return told


def _asking(appends: Sequence[Append]) -> Statement:
    streams = dict.fromkeys(stream for append in appends for stream in append.expected)
    claims = [claim for append in appends for claim in append.claims]
    return "standing", [
        wire.texts(streams),
        wire.uuids([append.command_id.bytes for append in appends]),
        wire.texts([claim.kind for claim in claims]),
        wire.texts([claim.value for claim in claims]),
    ]


def _writing(settlement: Settlement) -> list[Statement]:
    statements: list[Statement] = []
    if len(settlement.facts) == 1:
        statements.append(_one_fact(settlement.facts[0]))
    elif settlement.facts:
        statements.append(_facts(settlement.facts))
    if settlement.commands:
        rows = settlement.commands
        statements.append(("remember", [
            wire.uuids([row.command_id.bytes for row in rows]), wire.texts([row.stream for row in rows]),
            wire.blobs([row.request_sha256 for row in rows]), wire.int4s([row.first_version for row in rows]),
            wire.int4s([row.last_version for row in rows]), wire.int8s([row.position or 0 for row in rows]),
        ]))  # fmt: skip
    if settlement.claims:
        claims = settlement.claims
        statements.append(("claim", [
            wire.texts([row.kind for row in claims]), wire.texts([row.value for row in claims]),
            wire.texts([row.stream for row in claims]), wire.int8s([row.position for row in claims]),
        ]))  # fmt: skip
    return statements


def _facts(facts: Sequence[FactRow]) -> Statement:
    columns: Any = tuple(zip(*facts, strict=True))
    positions = columns[4]
    return "write", [
        wire.int8(positions[0] - 1), wire.timestamptz(columns[5][0]), wire.texts(columns[0]), wire.int4s(columns[1]),
        wire.texts(columns[2]), wire.raw_texts(columns[3]), wire.dates(columns[6]),
        *(wire.texts(columns[n]) for n in range(7, 12)), wire.uuids([one.bytes for one in columns[12]]),
        wire.texts(columns[13]), wire.texts(columns[14]), wire.blobs(columns[15]), wire.blobs(columns[16]),
        str(positions[-1]).encode(),
    ]  # fmt: skip


def _one_fact(row: FactRow) -> Statement:
    stream, version, kind, state, position, recorded_at, day, *named, salt, sealed = row
    provenance, person, role, org, behalf, command_id, cause, thread = named
    assert isinstance(command_id, UUID)
    return "write one", [
        wire.int8(position - 1), wire.timestamptz(recorded_at), stream.encode(), wire.int4(version), kind.encode(),
        state, None if day is None else wire.date4(day), *map(_text, (provenance, person, role, org, behalf)),
        command_id.bytes, _text(cause), _text(thread), salt, sealed, str(position).encode(),
    ]  # fmt: skip


def _text(value: str | UUID | None) -> bytes | None:
    return None if value is None else str(value).encode()


def _lost(error: psycopg.Error) -> bool:
    """Whether the connection went away, so that the outcome is open. Any other error of the server is a rollback."""
    state = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (state is None or state[:2] in ("08", "25", "57"))


def _translated(error: psycopg.Error) -> persistence.PersistenceError:
    """In the library's words: OperationalError what is the database's own trouble, else what a command caused."""
    said = plain(error)
    if isinstance(error, psycopg.IntegrityError):
        return persistence.IntegrityError(said)
    if isinstance(error, psycopg.OperationalError) and (error.sqlstate or "")[:2] != "54":  # 54: a value is too large
        return persistence.OperationalError(said)
    return persistence.DataError(said)


def plain(error: psycopg.Error) -> str:
    """The server's sentence without its DETAIL, which repeats values of the row."""
    return error.diag.message_primary or type(error).__name__
