"""The way of one command: idempotency, load, decide, append; again when somebody else was quicker (house.md 3)."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock
from typing import Any
from uuid import UUID, uuid4, uuid5

from domain import Decided, decide, evolve, initial
from domain.erasure import PersonErased
from domain.language import Command, Context, Event, Reason, Refusal, Refused, Role
from domain.values import TextRef
from infra.documents import DocumentStore
from infra.erasing import destroy
from infra.facts import FactRecorder
from infra.mapper import Recorded, decode, encode, recorded
from infra.records import (
    Actor,
    Append,
    Appended,
    Claim,
    ClaimTaken,
    CommandReused,
    CommandRow,
    NewEvent,
    VersionConflict,
)
from infra.remembering import Remembering
from infra.shelf import Bodies, Catalogue, LedgerShelf
from infra.vault import Sealed, Vault, new_id, seal

COMMANDS_NAMESPACE = UUID("5b0f4f8e-6f5c-5d0c-9a52-3f1d2b7c9e10")
MOST_FOLDED, MOST_READ = 200_000, 20_000
"""Facts of the streams whose states, and whose histories, are remembered at most; some 100 and 1,000 bytes each."""
RETRIES = 8
"""How often a command is decided again when other commands came in between."""


class StaleVersion(Exception):
    """The caller named the version it had seen, and the stream is at another."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"you have seen version {expected}; it is at version {actual} now")
        self.expected, self.actual = expected, actual


@dataclass(frozen=True)
class Executed:
    """What a command did: its events and the position that a reader must reach to see them.

    ``preview``: nothing was recorded; ``events`` are those that would be.
    """

    subject: str
    version: int
    position: int | None
    first_version: int | None
    events: tuple[Event, ...]
    replayed: bool = False
    preview: bool = False


@dataclass(frozen=True)
class _Request:
    """One command with everything about it that does not change from try to try."""

    subject: str
    command: Command
    person: str
    standing: frozenset[Role]
    expected_version: int | None
    command_id: UUID
    request_sha256: bytes
    texts: tuple[Sealed, ...]

    @property
    def stream(self) -> str:
        return f"{self.command.aggregate}:{self.subject}"


class Ledger:
    """Commands in, facts out. Safe to use from many threads."""

    def __init__(
        self,
        recorder: FactRecorder,
        vault: Vault | None = None,
        documents: DocumentStore | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.recorder, self.vault, self.documents = recorder, vault, documents
        self.now: Callable[[], datetime] = clock or (lambda: datetime.now(UTC))
        self._catalogue = Catalogue(recorder)
        self._bodies = Bodies(recorder)
        self._states, self._histories = Remembering(MOST_FOLDED), Remembering(MOST_READ)
        self._earlier = Remembering(MOST_FOLDED)
        self._turns = tuple(RLock() for _ in range(64))

    # --- reading --------------------------------------------------------------------------------------------------

    def shelf(self) -> LedgerShelf:
        """What is published now."""
        return LedgerShelf(self._catalogue.refreshed(), self._bodies, self.documents, self.recorder)

    def history(
        self, aggregate: str, subject: str, *, upto: int | None = None, upto_position: int | None = None
    ) -> list[Recorded]:
        """A stream's facts in order, up to a version or a position of the ledger."""
        stream = f"{aggregate}:{subject}"
        version, known = self._histories.get(stream) or (0, ())
        facts = self.recorder.read_stream(stream, version)
        try:
            newer = tuple(map(recorded, facts))
        except Exception:
            if upto is None and upto_position is None:
                raise
            # What came before a fact that cannot be read can be read all the same.
            return [recorded(f) for f in self.recorder.read_stream(stream, 0, upto, upto_position=upto_position)]
        every: tuple[Recorded, ...] = (*known, *newer) if newer else known
        self._histories.put(stream, len(every), every)
        last = len(every) if upto is None else upto
        if upto_position is not None:
            last = min(last, bisect_right(every, upto_position, key=lambda one: one.position))
        return list(every[:last])

    def load(self, aggregate: str, subject: str, *, upto: int | None = None, upto_position: int | None = None) -> Any:
        """The state of a stream after a version, or as known at a position; the initial state if there is none.

        The state as it stands now is remembered, and only newer facts are read and folded the next time.
        """
        if upto is not None or upto_position is not None:
            facts = self.history(aggregate, subject, upto=upto, upto_position=upto_position)
            return self.state_after(aggregate, subject, facts)
        stream = f"{aggregate}:{subject}"
        known, state = self._states.get(stream) or (0, initial(aggregate, subject))
        for version, kind, fields in self.recorder.read_states(stream, known):
            state = evolve(state, decode(kind, fields), version)
        if state.version:
            self._states.put(stream, state.version, state)
        return state

    def state_after(self, aggregate: str, subject: str, facts: Sequence[Recorded]) -> Any:
        """The state after the first facts of a stream. It is that for good, so it is remembered."""
        name = f"{aggregate}:{subject}@{len(facts)}"
        _, state = self._earlier.get(name) or (0, None)
        if state is None:
            state = initial(aggregate, subject)
            for one in facts:
                state = evolve(state, one.event, one.version)
            self._earlier.put(name, len(facts), state)
        return state

    def forget(self) -> None:
        """Forget what was read of streams before; it is read again when it is asked for."""
        for known in (self._states, self._histories, self._earlier):
            known.forget()

    # --- writing --------------------------------------------------------------------------------------------------

    def execute(
        self,
        subject: str,
        command: type[Command],
        body: Mapping[str, Any],
        *,
        person: str,
        standing: frozenset[Role] = frozenset(),
        expected_version: int | None = None,
        idempotency_key: str | None = None,
        preview: bool = False,
    ) -> Executed:
        """Carry out a command, once.

        Raises Refused, pydantic.ValidationError (the body), StaleVersion (``expected_version`` was given and passed),
        CommandReused (the key came before with another request), LedgerBusy, OutcomeUnknown.
        """
        digest = hashlib.sha256(_canonical([command.__name__, subject, body])).digest()
        asking = "" if command.anonymous else person  # who complained must not follow from a key that is guessed
        command_id = uuid5(COMMANDS_NAMESPACE, f"{asking}\n{idempotency_key}") if idempotency_key else uuid4()
        if idempotency_key and (known := self.recorder.command(command_id)):
            done = self._answered(known, digest)
            self._erase(done)
            return done
        texts: list[Sealed] = []

        def take(plain: str) -> TextRef:
            sealed = seal(plain)
            texts.append(sealed)
            return TextRef(sealed.id, sealed.digest)

        asked = command.model_validate(body, context={"seal": take})
        request = _Request(subject, asked, person, standing, expected_version, command_id, digest, tuple(texts))
        if preview:
            state, decided, _ = self._decide(request)
            version = state.version + len(decided.events)
            return Executed(subject, version, None, state.version + 1, decided.events, preview=True)
        done = self._in_turn(request)
        self._erase(done)
        return done

    def _erase(self, done: Executed) -> None:
        """What was recorded as erased is erased before anybody hears of it."""
        for event in done.events:
            if isinstance(event, PersonErased) and self.vault and self.documents and done.position:
                destroy(event, done.position, self.recorder, self.vault, self.documents)

    def _in_turn(self, request: _Request) -> Executed:
        """Commands on one stream go one after another here; other processes are met by deciding again."""
        with self._turns[hash(request.stream) % len(self._turns)]:
            try:
                return self._carry_out(request)
            except (Refused, StaleVersion):
                # The same command may have been carried out while this one waited: then its answer is the answer.
                known = self.recorder.command(request.command_id)
                if known is None:
                    raise
                return self._answered(known, request.request_sha256)

    def _answered(self, known: CommandRow, digest: bytes) -> Executed:
        """The answer that was given before: the same numbers, the same events."""
        if known.request_sha256 != digest:
            raise CommandReused(known.command_id)
        aggregate, _, subject = known.stream.partition(":")
        events: tuple[Event, ...] = ()
        if known.first_version and known.last_version:
            facts = self.recorder.read_stream(f"{aggregate}:{subject}", known.first_version - 1, known.last_version)
            events = tuple(recorded(f).event for f in facts)
        version = known.last_version or self.recorder.stream_version(known.stream)
        return Executed(subject, version, known.position, known.first_version, events, replayed=True)

    def _decide(self, request: _Request) -> tuple[Any, Decided, LedgerShelf]:
        shelf = self.shelf()
        state = self.load(request.command.aggregate, request.subject)
        if request.expected_version is not None and request.expected_version != state.version:
            raise StaleVersion(request.expected_version, state.version)
        context = Context(person=request.person, now=self.now(), mint=new_id, shelf=shelf, standing=request.standing)
        answer = decide(state, request.command, context)
        if isinstance(answer, Refusal):
            raise Refused(*answer.reasons)
        return state, answer, shelf

    def _carry_out(self, request: _Request) -> Executed:
        """Decide on what stands and append; when another command came in between, decide again on what stands then.

        Ratings of different items commute and go through; the same item is refused by its own rule.
        """
        kept = False
        for attempt in range(RETRIES + 1):
            state, decided, shelf = self._decide(request)
            append = _append(request, state.version, decided, shelf.looked_at)
            if not kept and self.vault is not None:
                self.vault.keep(request.texts)  # words are safe before the fact that cites them
                kept = True
            try:
                return self._done(request, state.version, decided, self.recorder.append(append))
            except VersionConflict:
                if attempt == RETRIES:
                    raise
            except ClaimTaken as taken:
                why = next(c.taken for c in decided.claims if c.kind == taken.kind)
                raise Refused(Reason(why, {"value": taken.value})) from None
        raise AssertionError("unreachable")

    def _done(self, request: _Request, before: int, decided: Decided, appended: Appended) -> Executed:
        if appended.replayed:  # somebody carried out the same command while this one was deciding
            known = self.recorder.command(request.command_id)
            assert known is not None
            return self._answered(known, request.request_sha256)
        version = appended.last_version or before
        return Executed(request.subject, version, appended.position, appended.first_version, decided.events)


def _append(request: _Request, version: int, decided: Decided, looked_at: Mapping[str, int]) -> Append:
    events = tuple(
        NewEvent(request.stream, v, event.published_name(), encode(event), occurred_on(event), provenance(event))
        for v, event in enumerate(decided.events, start=version + 1)
    )
    actor = Actor(decided.actor.person, decided.actor.role.value, decided.actor.org)
    return Append(
        events=events,
        command_id=request.command_id,
        stream=request.stream,
        request_sha256=request.request_sha256,
        actor=actor,
        expected={**looked_at, request.stream: version},
        claims=tuple(Claim(c.kind, c.value) for c in decided.claims),
    )


DAYS = ("occurred_on", "held_on", "received_on", "valid_from", "on")
"""The fields that hold the day of an act, the first that there is."""


def occurred_on(event: Event) -> Any:
    """The day of the act that an event records, where the act itself has a date."""
    return next((getattr(event, name) for name in DAYS if name in event.__struct_fields__), None)


def provenance(event: Event) -> str:
    """Where a fact comes from: imported for a status attested by its source, otherwise recorded here."""
    return "imported" if "valid_from" in event.__struct_fields__ else "native"


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str, ensure_ascii=False).encode()
