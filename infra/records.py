"""The words of the ledger's writer: what is handed over, what comes back, what is refused, and how a row commits.

Published by infra/recorder.py. Nothing here touches a database.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import msgspec
from eventsourcing.persistence import IntegrityError, Notification, OperationalError, StoredEvent

LEDGER_STREAM: Final = "ledger:main"
LEDGER_OPENED: Final = "LedgerOpened.v1"
LARGEST_STATE: Final = 32 * 1024
LAST_VERSION: Final = 10_000
PROVENANCES: Final = ("native", "imported", "corrected")

Clock = Callable[[], datetime]
"""The clock of a simulated ledger: aware datetimes. A real ledger has none, it reads the database's own clock."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append: `state` is compact UTF-8 JSON of at most 32 KiB, `version` counts from 1 in its stream."""

    stream: str
    version: int
    type: str
    state: bytes
    occurred_on: date | None = None
    provenance: str = "native"


@dataclass(frozen=True, slots=True)
class Claim:
    """A value that one stream only may hold, for good (`kind` names the sort of value)."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: an opaque person id, the role they acted in, the organisation they acted for."""

    person: str
    role: str
    org: str


@dataclass(frozen=True, slots=True)
class Append:
    """One command's effect, written whole or not at all.

    `expected`: every stream touched (or only read) and the version it must be at, 0 for a new one.
    `request_sha256`: 32 bytes over the request, by which a repeated `command_id` is told from a reused one.
    ValueError on making one that contradicts itself; StateTooLarge and StreamTooLong beyond the caps.
    """

    events: tuple[NewEvent, ...]
    command_id: UUID
    stream: str
    request_sha256: bytes
    actor: Actor
    expected: Mapping[str, int]
    on_behalf_of: str | None = None
    causation: str | None = None
    correlation: str | None = None
    claims: tuple[Claim, ...] = ()

    def __post_init__(self) -> None:
        if len(self.request_sha256) != 32:
            raise ValueError("request_sha256 has 32 bytes")
        if len(set(self.claims)) != len(self.claims):
            raise ValueError("a claim is made twice")
        reached = dict(self.expected)
        for event in self.events:
            if event.stream not in reached:
                raise ValueError(f"{event.stream} is written to, but no version is expected of it")
            reached[event.stream] += 1
            if event.version != reached[event.stream]:
                raise ValueError(f"{event.stream}: version {reached[event.stream]} is due, not {event.version}")
            _check(event)


def _check(event: NewEvent) -> None:
    if event.version > LAST_VERSION:
        raise StreamTooLong(event.stream)
    if len(event.state) > LARGEST_STATE:
        raise StateTooLarge(event.stream, event.type, len(event.state))
    if event.provenance not in PROVENANCES:
        raise ValueError(f"provenance is one of {', '.join(PROVENANCES)}, not {event.provenance!r}")
    if b"\0" in event.state:
        raise ValueError("state holds a zero byte")
    event.state.decode("utf-8")  # UnicodeDecodeError is a ValueError


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did: the versions it gave in the command's own stream, and the position a reader must reach.

    `position`: of the command's last event; for a command without events the head when it was carried out.
    `replayed`: the command had been carried out before, and these are the numbers of then.
    """

    first_version: int | None
    last_version: int | None
    position: int | None
    replayed: bool


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command that was carried out, as stored."""

    command_id: UUID
    stream: str
    request_sha256: bytes
    first_version: int | None
    last_version: int | None
    position: int | None


@dataclass(frozen=True)
class StoredFact(StoredEvent):
    """A whole row of the ledger. originator_id = stream, originator_version = version, topic = type."""

    position: int
    recorded_at: datetime
    occurred_on: date | None
    provenance: str
    actor_person: str
    actor_role: str
    actor_org: str
    on_behalf_of: str | None
    command_id: UUID
    causation: str | None
    correlation: str | None
    salt: bytes = field(repr=False)
    commitment: bytes = field(repr=False)

    @property
    def stream(self) -> str:
        """The stream's name, as text."""
        return str(self.originator_id)

    @property
    def version(self) -> int:
        """The version in the stream, from 1."""
        return self.originator_version

    @property
    def type(self) -> str:
        """The published name of the event type."""
        return self.topic

    def notification(self) -> Notification:
        """The same row in the library's words."""
        return Notification(self.originator_id, self.originator_version, self.topic, self.state, self.position)


FactRow = tuple[
    str,
    int,
    str,
    bytes,
    int,
    datetime,
    date | None,
    str,
    str,
    str,
    str,
    str | None,
    UUID,
    str | None,
    str | None,
    bytes,
    bytes,
]
"""The values of a StoredFact in the order of its fields; making one of these is ten times as quick."""


class StreamTooLong(ValueError):
    """A stream may not grow beyond 10,000 events."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"{stream} is full: a stream holds at most {LAST_VERSION:,} events")
        self.stream = stream


class StateTooLarge(ValueError):
    """An event's state may not exceed 32 KiB."""

    def __init__(self, stream: str, type_: str, size: int) -> None:
        super().__init__(f"{type_} for {stream} has {size:,} bytes of state, at most {LARGEST_STATE:,} are kept")
        self.stream, self.type, self.size = stream, type_, size


class VersionConflict(IntegrityError):
    """A stream is at another version than the command expected; nothing was written. Reload and decide again."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream} is at version {actual}, not {expected}")
        self.stream, self.expected, self.actual = stream, expected, actual


class ClaimTaken(IntegrityError):
    """A value that one stream only may hold is held already; nothing was written."""

    def __init__(self, kind: str, value: str, held_by: str) -> None:
        super().__init__(f"{kind} is held by {held_by}")  # the value may be telling, so it is no part of the message
        self.kind, self.value, self.held_by = kind, value, held_by


class CommandReused(IntegrityError):
    """The same command id came with another request; nothing was written."""

    def __init__(self, command_id: UUID) -> None:
        super().__init__(f"command {command_id} was carried out before with another request")
        self.command_id = command_id


class LedgerBusy(OperationalError):
    """The ledger's turn did not come within five seconds; nothing was written. Try again later."""


class OutcomeUnknown(OperationalError):
    """The connection was lost while committing and the outcome could not be looked up: repeat with the same command id.

    `in_doubt`: all commands of the lost transaction, this one among them.
    """

    def __init__(self, command_id: UUID, in_doubt: Collection[UUID] = ()) -> None:
        super().__init__(f"it is not known whether command {command_id} was carried out; repeat it with the same id")
        self.command_id = command_id
        self.in_doubt = frozenset((command_id, *in_doubt))


class LedgerMismatch(RuntimeError):
    """The ledger was created with another clock or origin, or not created at all; both are fixed for good."""


Refused = VersionConflict | ClaimTaken | CommandReused


class Envelope(msgspec.Struct, frozen=True):
    """All columns but salt, state and commitment, as text and integers, in the order of RFC 8785.

    Flat, with sorted ASCII keys, so that a plain encoder gives the canonical bytes; a test holds it against the
    reference implementation.
    """

    actor_org: str
    actor_person: str
    actor_role: str
    causation: str | None
    command_id: str
    correlation: str | None
    occurred_on: str | None
    on_behalf_of: str | None
    position: int
    provenance: str
    recorded_at: str
    stream: str
    type: str
    version: int


_encode = msgspec.json.Encoder().encode
_sha256 = hashlib.sha256


def instant(moment: datetime) -> str:
    """An aware datetime as the ledger writes it: UTC, six decimals and Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def envelope(fact: StoredFact) -> bytes:
    """RFC 8785 JSON of all columns but salt, state and commitment."""
    return _encode(_columns(fact))


def commitment(fact: StoredFact) -> bytes:
    """Recompute the 32 bytes that commit to a row: SHA-256 over mark, salt, length of envelope, envelope and state."""
    return seal(_columns(fact), fact.salt, fact.state)


def seal(columns: Envelope, salt: bytes, state: bytes) -> bytes:
    """The commitment of a row that consists of these."""
    return committed(_encode(columns), salt, state)


def committed(covered: bytes, salt: bytes, state: bytes) -> bytes:
    """The same from an envelope that is encoded already."""
    return _sha256(b"nqms.event.v1\n" + salt + len(covered).to_bytes(4, "big") + covered + state).digest()


def enveloped(columns: Envelope) -> bytes:
    """The canonical bytes of an envelope, as the commitment covers them."""
    return _encode(columns)


def _columns(fact: StoredFact) -> Envelope:
    return Envelope(
        actor_org=fact.actor_org,
        actor_person=fact.actor_person,
        actor_role=fact.actor_role,
        causation=fact.causation,
        command_id=str(fact.command_id),
        correlation=fact.correlation,
        occurred_on=None if fact.occurred_on is None else fact.occurred_on.isoformat(),
        on_behalf_of=fact.on_behalf_of,
        position=fact.position,
        provenance=fact.provenance,
        recorded_at=instant(fact.recorded_at),
        stream=fact.stream,
        type=fact.topic,
        version=fact.originator_version,
    )
