"""What every recorder of the ledger offers, in memory or in PostgreSQL: one vocabulary, one contract test."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import msgspec
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent

from infra.records import (
    LEDGER_OPENED,
    LEDGER_STREAM,
    Actor,
    Append,
    Appended,
    Clock,
    CommandRow,
    LedgerMismatch,
    NewEvent,
    Refused,
    StoredFact,
    VersionConflict,
)

SYSTEM = Actor("system", "system", "system")


class FactRecorder(ApplicationRecorder):
    """An append-only log of facts with one total order: positions 1, 2, 3... without gaps, in the order of commit.

    `clock` None: a real ledger (the store's own clock). Otherwise a simulated one. Which of the two, and the origin,
    are written into the first event by create_ledger() and hold for good.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._origin: str | None = None

    # --- opening --------------------------------------------------------------------------------------------------

    def create_ledger(self, origin: str) -> None:
        """Write the first event of an empty ledger; open an existing one. LedgerMismatch when it is not the same."""
        state = msgspec.json.encode({"clock": self._clock_kind, "origin": origin})
        append = Append(
            events=(NewEvent(LEDGER_STREAM, 1, LEDGER_OPENED, state),),
            command_id=uuid4(),
            stream=LEDGER_STREAM,
            request_sha256=sha256(state).digest(),
            actor=SYSTEM,
            expected={LEDGER_STREAM: 0},
        )
        if self.head()[0] == 0:
            outcome = self._append_all([append])[0]
            if isinstance(outcome, Exception) and not isinstance(outcome, VersionConflict):
                raise outcome  # a VersionConflict: somebody else was quicker, see below whether with the same origin
        if self.open_ledger() != origin:
            raise LedgerMismatch(f"this ledger was created with origin {self._origin!r}, not {origin!r}")

    def open_ledger(self) -> str:
        """Check that the ledger was created, and with this kind of clock; return its origin. LedgerMismatch if not."""
        if self._origin is None:
            first = self.read(0, 1)
            if not first or first[0].type != LEDGER_OPENED:
                raise LedgerMismatch("there is no ledger here yet: create it first")
            opened = msgspec.json.decode(first[0].state, type=dict[str, str])
            if opened["clock"] != self._clock_kind:
                raise LedgerMismatch(
                    f"this ledger has a {opened['clock']} clock for good, not a {self._clock_kind} one"
                )
            self._origin = opened["origin"]
        return self._origin

    @property
    def _clock_kind(self) -> str:
        return "real" if self._clock is None else "simulated"

    # --- writing --------------------------------------------------------------------------------------------------

    def append(self, append: Append) -> Appended:
        """Write one command's events, claims and command row atomically and durably.

        Raises VersionConflict, ClaimTaken or CommandReused (nothing written), LedgerBusy (nothing written, try later),
        OutcomeUnknown (repeat with the same command id), LedgerMismatch when the ledger was never created.
        """
        outcome = self.append_all([append])[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def append_all(self, appends: Sequence[Append]) -> list[Appended | Refused]:
        """Write several commands in one transaction. Each is atomic; a refused one hinders no other."""
        self.open_ledger()
        return self._append_all(appends)

    @abstractmethod
    def _append_all(self, appends: Sequence[Append]) -> list[Appended | Refused]: ...

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """The library's way of appending: streams are expected just below their first version given here."""
        if not stored_events:
            return []
        events = [NewEvent(str(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]
        expected: dict[str, int] = {}
        for event in events:
            expected.setdefault(event.stream, event.version - 1)
        command_id = uuid4()
        append = Append(
            events=tuple(events),
            command_id=command_id,
            stream=events[0].stream,
            request_sha256=sha256(command_id.bytes).digest(),
            actor=kwargs.get("actor", SYSTEM),
            expected=expected,
        )
        last = self.append(append).position
        assert last is not None
        return list(range(last - len(events) + 1, last + 1))

    @abstractmethod
    def put_artifact(self, kind: str, content: bytes) -> bytes:
        """Keep a body under its SHA-256 (32 bytes, returned). Keeping it again changes nothing."""

    # --- reading --------------------------------------------------------------------------------------------------

    @abstractmethod
    def read(self, after: int, limit: int, upto: int | None = None) -> list[StoredFact]:
        """At most `limit` facts with positions in (after, upto], in order."""

    @abstractmethod
    def read_published(self, after: int, limit: int) -> list[StoredFact]:
        """Facts of affiliates, policies and instruments, everything but programs' and the ledger's own, by position."""

    def read_about(self, person: str) -> list[StoredFact]:
        """Every fact that a person brought about, or whose fields hold their id, by position. It reads all facts."""
        found: list[StoredFact] = []
        position = 0
        while facts := self.read(position, 1000):
            found += [f for f in facts if f.actor_person == person or person.encode() in f.state]
            position = facts[-1].position
        return found

    @abstractmethod
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
        """The facts of a stream with versions in (after, upto] and positions up to `upto_position`, in order."""

    def read_states(
        self, stream: str, after: int = 0, upto_position: int | None = None
    ) -> list[tuple[int, str, bytes | str]]:
        """Version, type and state of a stream's facts with versions above ``after``, in order: all that a fold needs."""
        return [
            (fact.version, fact.type, fact.state)
            for fact in self.read_stream(stream, after, upto_position=upto_position)
        ]

    @abstractmethod
    def head(self) -> tuple[int, datetime | None]:
        """Position and time of the last fact; (0, None) before the first."""

    @abstractmethod
    def position_at(self, time: datetime) -> int:
        """The last position recorded at or before an aware `time`; 0 when there is none."""

    @abstractmethod
    def stream_version(self, stream: str) -> int:
        """The last version of a stream, 0 when it does not exist."""

    @abstractmethod
    def command(self, command_id: UUID) -> CommandRow | None:
        """What a command did, if it was carried out."""

    @abstractmethod
    def artifact(self, digest: bytes) -> bytes | None:
        """The body kept under a SHA-256."""

    @abstractmethod
    def claim_holder(self, kind: str, value: str) -> str | None:
        """The stream that holds a value."""

    # --- the library's words for reading --------------------------------------------------------------------------

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """A stream's facts, as the library asks for them."""
        return self.read_stream(str(originator_id), gt or 0, lte, backwards=desc, limit=limit)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Facts by position, as the library asks for them."""
        after = 0 if start is None else start - inclusive_of_start
        if not topics:
            return [fact.notification() for fact in self.read(after, limit, stop)]
        return [fact.notification() for fact in self._read_types(after, limit, stop, topics)]

    def _read_types(self, after: int, limit: int, upto: int | None, types: Sequence[str]) -> list[StoredFact]:
        wanted: list[StoredFact] = []
        while len(wanted) < limit:
            facts = self.read(after, 1000, upto)
            if not facts:
                break
            wanted += [fact for fact in facts if fact.type in types]
            after = facts[-1].position
        return wanted[:limit]

    def max_notification_id(self) -> int | None:
        """The head's position, None before the first fact."""
        return self.head()[0] or None
