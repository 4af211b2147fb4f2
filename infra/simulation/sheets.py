"""Sheets: told commands as the loader takes them, made where lives are told, written to runs sorted by time.

Everything that does not depend on the place in the ledger is made here, so that the one loader has little left to do:
the envelope is cut where the position goes.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from infra.ledger import occurred_on, provenance
from infra.mapper import encode
from infra.records import StoredFact, envelope
from infra.simulation.book import Told
from infra.simulation.world import epoch

POSITION = b'"position":'
EVENT_COLUMNS = (
    "position, commitment, recorded_at, version, occurred_on, command_id, stream, type, provenance, actor_person, "
    "actor_role, actor_org, salt, state"
)
COMMAND_COLUMNS = "command_id, stream, request_sha256, first_version, last_version, position"
CLAIM_COLUMNS = "kind, value, stream, position"
_LENGTH = struct.Struct(">I")


class Line(msgspec.Struct, array_like=True):
    """One event: the envelope before and after its position, and its columns as COPY takes them, without the state."""

    head: bytes
    tail: bytes
    salt: bytes
    columns: bytes
    state: bytes


class Sheet(msgspec.Struct, array_like=True):
    """One command: when, in which life and as which of its commands; its row without the position, claims, events."""

    at: int
    life: int
    number: int
    command: bytes
    claims: list[bytes]
    lines: list[Line]

    @property
    def order(self) -> tuple[int, int, int]:
        """Where it belongs among all."""
        return self.at, self.life, self.number


def _command_id(seed: int, life: int, number: int) -> UUID:
    drawn = blake2b(f"{seed}/{life}/{number}".encode(), digest_size=16).digest()
    return UUID(bytes=drawn, version=5)


def sheet(seed: int, life: int, number: int, told: Told) -> Sheet:
    """The sheet of a told command. UnfitEvent when a fact may not be recorded."""
    command_id = _command_id(seed, life, number)
    lines: list[Line] = []
    request = sha256(f"{told.command}\n{told.stream}\n".encode())
    for version, event in enumerate(told.events, told.first):
        state = encode(event)
        request.update(state)
        fact = StoredFact(
            originator_id=told.stream,
            originator_version=version,
            topic=event.published_name(),
            state=state,
            position=0,
            recorded_at=told.at,
            occurred_on=occurred_on(event),
            provenance=provenance(event),
            actor_person=told.actor.person,
            actor_role=str(told.actor.role),
            actor_org=told.actor.org,
            on_behalf_of=None,
            command_id=command_id,
            causation=None,
            correlation=None,
            salt=blake2b(f"{seed}/{told.stream}/{version}".encode(), digest_size=16).digest(),
            commitment=b"",
        )
        lines.append(_line(fact))
    last = told.first + len(told.events) - 1
    row = f"{command_id}\t{told.stream}\t\\\\x{request.hexdigest()}\t{told.first}\t{last}\t"
    claims = [f"{c.kind}\t{c.value}\t{told.stream}\t".encode() for c in told.claims]
    return Sheet(epoch(told.at), life, number, row.encode(), claims, lines)


def _line(fact: StoredFact) -> Line:
    head, mark, tail = envelope(fact).partition(POSITION)
    when = fact.recorded_at.astimezone(UTC).isoformat()
    day = "\\N" if fact.occurred_on is None else fact.occurred_on.isoformat()
    who = f"{fact.actor_person}\t{fact.actor_role}\t{fact.actor_org}"
    what = f"{fact.command_id}\t{fact.stream}\t{fact.type}\t{fact.provenance}"
    columns = f"{when}\t{fact.version}\t{day}\t{what}\t{who}\t\\\\x{fact.salt.hex()}\t"
    return Line(head + mark, tail[1:], fact.salt, columns.encode(), fact.state)  # without the 0 of no position


# --- runs -----------------------------------------------------------------------------------------------------------


def write_run(path: Path, sheets: Iterable[Sheet]) -> int:
    """Sheets into a file, sorted by time; how many events they hold."""
    encoder, events = msgspec.msgpack.Encoder(), 0
    with path.open("wb") as file:
        for one in sorted(sheets, key=lambda s: s.order):
            packed = encoder.encode(one)
            events += len(one.lines)
            file.write(_LENGTH.pack(len(packed)))
            file.write(packed)
    return events


def read_run(path: Path) -> Iterator[Sheet]:
    """The sheets of a file, in its order."""
    decoder = msgspec.msgpack.Decoder(Sheet)
    with path.open("rb", buffering=1 << 16) as file:
        while length := file.read(_LENGTH.size):
            yield decoder.decode(file.read(_LENGTH.unpack(length)[0]))


def sheets_of(seed: int, life: int, told: Sequence[Told]) -> Iterator[Sheet]:
    """The sheets of a life, a world or anything else that was told."""
    for number, one in enumerate(told):
        yield sheet(seed, life, number, one)
