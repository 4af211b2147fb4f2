"""The rules of appending, in one place for every recorder: who is refused, who gets which position and version.

Callers hold the ledger's turn (no other writer may be between reading the Standing and writing the Settlement).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from infra.records import (
    Append,
    Appended,
    ClaimTaken,
    CommandReused,
    CommandRow,
    Refused,
    StoredFact,
    VersionConflict,
    commitment,
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

    facts: list[StoredFact] = field(default_factory=list[StoredFact])
    commands: list[CommandRow] = field(default_factory=list[CommandRow])
    claims: list[ClaimRow] = field(default_factory=list[ClaimRow])
    outcomes: list[Appended | Refused] = field(default_factory=list[Appended | Refused])


def settle(appends: Sequence[Append], standing: Standing) -> Settlement:
    """Decide every append, one after the other; a refused one writes nothing and hinders no other."""
    settlement = Settlement()
    for append in appends:
        known = standing.commands.get(append.command_id)
        refused = _refusal(append, standing, known)
        if refused is not None:
            settlement.outcomes.append(refused)
        elif known is not None:
            outcome = Appended(known.first_version, known.last_version, known.position, replayed=True)
            settlement.outcomes.append(outcome)
        else:
            _write(append, standing, settlement)
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


def _write(append: Append, standing: Standing, settlement: Settlement) -> None:
    first = last = None
    for event in append.events:
        standing.position += 1
        standing.versions[event.stream] = event.version
        if event.stream == append.stream:
            first, last = first or event.version, event.version
        fact = StoredFact(
            originator_id=event.stream,
            originator_version=event.version,
            topic=event.type,
            state=event.state,
            position=standing.position,
            recorded_at=standing.now,
            occurred_on=event.occurred_on,
            provenance=event.provenance,
            actor_person=append.actor.person,
            actor_role=append.actor.role,
            actor_org=append.actor.org,
            on_behalf_of=append.on_behalf_of,
            command_id=append.command_id,
            causation=append.causation,
            correlation=append.correlation,
            salt=secrets.token_bytes(16),
            commitment=b"",
        )
        settlement.facts.append(replace(fact, commitment=commitment(fact)))
    row = CommandRow(append.command_id, append.stream, append.request_sha256, first, last, standing.position)
    standing.commands[row.command_id] = row
    settlement.commands.append(row)
    for claim in append.claims:
        standing.claims[claim.kind, claim.value] = append.stream
        settlement.claims.append(ClaimRow(claim.kind, claim.value, append.stream, standing.position))
    settlement.outcomes.append(Appended(first, last, standing.position, replayed=False))


def not_before(moment: datetime, head: datetime | None) -> datetime:
    """The time to record: `moment` in UTC, but never below the head's. ValueError when it has no zone."""
    if moment.tzinfo is None:
        raise ValueError("the ledger's clock must give times with a zone")
    return max(moment.astimezone(UTC), head) if head is not None else moment.astimezone(UTC)
