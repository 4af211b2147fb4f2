"""The rules of appending, in one place for every recorder: who is refused, who gets which position and version.

Callers hold the ledger's turn (no other writer may be between reading the Standing and writing the Settlement).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from infra.records import (
    Append,
    Appended,
    ClaimTaken,
    CommandReused,
    CommandRow,
    Envelope,
    FactRow,
    Refused,
    VersionConflict,
    instant,
    seal,
)


@dataclass
class Standing:
    """What stands when the turn begins, as far as the waiting appends touch it. Settling carries it forward."""

    position: int
    now: datetime
    """The time to record, never below the head's."""
    commands: dict[UUID, CommandRow] = field(default_factory=dict[UUID, CommandRow])
    versions: dict[str, int] = field(default_factory=dict[str, int])
    """Streams that are not named are new, at version 0."""
    claims: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])


@dataclass(frozen=True)
class ClaimRow:
    """A claim to store."""

    kind: str
    value: str
    stream: str
    position: int


@dataclass
class Settlement:
    """Rows to write in one transaction, and each append's outcome in the order they were handed over."""

    facts: list[FactRow] = field(default_factory=list[FactRow])
    commands: list[CommandRow] = field(default_factory=list[CommandRow])
    claims: list[ClaimRow] = field(default_factory=list[ClaimRow])
    outcomes: list[Appended | Refused] = field(default_factory=list[Appended | Refused])


@dataclass(frozen=True, slots=True)
class _Batch:
    head: int
    recorded_at: str
    salts: bytes


def _events(appends: Sequence[Append]) -> int:
    return sum(len(append.events) for append in appends)


def settle(appends: Sequence[Append], standing: Standing) -> Settlement:
    """Decide every append, one after the other; a refused one writes nothing and hinders no other."""
    settlement = Settlement()
    # What is the same for the whole batch is made once: the time in words, and randomness for all salts in one call.
    batch = _Batch(standing.position, instant(standing.now), secrets.token_bytes(16 * _events(appends)))
    for append in appends:
        known = standing.commands.get(append.command_id)
        refused = _refusal(append, standing, known)
        if refused is not None:
            settlement.outcomes.append(refused)
        elif known is not None:
            outcome = Appended(known.first_version, known.last_version, known.position, replayed=True)
            settlement.outcomes.append(outcome)
        else:
            _write(append, standing, settlement, batch)
    return settlement


def _refusal(append: Append, standing: Standing, known: CommandRow | None) -> Refused | None:
    if known is not None:
        same = known.request_sha256 == append.request_sha256
        return None if same else CommandReused(append.command_id)
    for stream, expected in append.expected.items():
        actual = standing.versions.get(stream, 0)
        if actual != expected:
            return VersionConflict(stream, expected, actual)
    for claim in append.claims:
        holder = standing.claims.get((claim.kind, claim.value))
        if holder is not None:
            return ClaimTaken(claim.kind, claim.value, holder)
    return None


def _write(append: Append, standing: Standing, settlement: Settlement, batch: _Batch) -> None:
    # Made before anything is carried forward: an append that cannot be written leaves no trace.
    rows = _rows(append, standing, batch)
    settlement.facts += rows
    first = last = None
    for event in append.events:
        standing.versions[event.stream] = event.version
        if event.stream == append.stream:
            first, last = first or event.version, event.version
    standing.position += len(rows)
    row = CommandRow(append.command_id, append.stream, append.request_sha256, first, last, standing.position)
    standing.commands[row.command_id] = row
    settlement.commands.append(row)
    for claim in append.claims:
        standing.claims[claim.kind, claim.value] = append.stream
        settlement.claims.append(ClaimRow(claim.kind, claim.value, append.stream, standing.position))
    settlement.outcomes.append(Appended(first, last, standing.position, replayed=False))


def _rows(append: Append, standing: Standing, batch: _Batch) -> list[FactRow]:
    person, role, org = append.actor.person, append.actor.role, append.actor.org
    command_id, behalf, cause, thread = append.command_id, append.on_behalf_of, append.causation, append.correlation
    named = str(command_id)
    begin = 16 * (standing.position - batch.head)
    rows: list[FactRow] = []
    for n, event in enumerate(append.events):
        position, day, salt = (
            standing.position + n + 1,
            event.occurred_on,
            batch.salts[begin + 16 * n : begin + 16 * n + 16],
        )
        columns = Envelope(
            org, person, role, cause, named, thread, day and day.isoformat(), behalf, position, event.provenance,
            batch.recorded_at, event.stream, event.type, event.version,
        )  # fmt: skip
        rows.append((
            event.stream, event.version, event.type, event.state, position, standing.now, day, event.provenance, person,
            role, org, behalf, command_id, cause, thread, salt, seal(columns, salt, event.state),
        ))  # fmt: skip
    return rows


def not_before(moment: datetime, head: datetime | None) -> datetime:
    """The time to record: `moment` in UTC, but never below the head's. ValueError when it has no zone."""
    if moment.tzinfo is None:
        raise ValueError("the ledger's clock must give times with a zone")
    return max(moment.astimezone(UTC), head) if head is not None else moment.astimezone(UTC)
