"""Sheets: told commands as the loader takes them, made where lives are told, written to runs sorted by time.

Everything that does not depend on the place in the ledger is made here, so that the one loader has little left to do:
the envelope is cut where the position goes.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path

import msgspec

from domain.language import Event
from infra.ledger import DAYS
from infra.mapper import encode
from infra.records import Envelope, enveloped, instant
from infra.simulation.book import Told
from infra.simulation.world import epoch

POSITION = b'"position":'
NULL = "\\N"
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


def _command_id(seed: int, life: int, number: int) -> str:
    """A UUID that follows from the seed, with the version and variant of those made from names."""
    h = blake2b(f"{seed}/{life}/{number}".encode(), digest_size=16).hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-a{h[17:20]}-{h[20:]}"


@cache
def _kind(event: type[Event]) -> tuple[str, str | None, bool]:
    """Of a type of fact: its published name, its field with the day of the act, and whether it is imported."""
    fields = event.__struct_fields__
    return event.published_name(), next((d for d in DAYS if d in fields), None), "valid_from" in fields


def sheet(seed: int, life: int, number: int, told: Told) -> Sheet:
    """The sheet of a told command. UnfitEvent when a fact may not be recorded."""
    command_id = _command_id(seed, life, number)
    when, actor = instant(told.at), told.actor
    who = actor.org, actor.person, str(actor.role)
    lines: list[Line] = []
    request = sha256(f"{told.command}\n{told.stream}\n".encode())
    for version, event in enumerate(told.events, told.first):
        state = encode(event)
        request.update(state)
        lines.append(_line(seed, told, (command_id, when, who), version, event, state))
    last = told.first + len(told.events) - 1
    row = f"{command_id}\t{told.stream}\t\\\\x{request.hexdigest()}\t{told.first}\t{last}\t"
    claims = [f"{c.kind}\t{c.value}\t{told.stream}\t".encode() for c in told.claims]
    return Sheet(epoch(told.at), life, number, row.encode(), claims, lines)


def _line(
    seed: int, told: Told, said: tuple[str, str, tuple[str, str, str]], version: int, event: Event, state: bytes
) -> Line:
    """One event's line; ``said``: the command's id, its time and its actor as organisation, person and role."""
    command_id, when, (org, person, role) = said
    name, dated, imported = _kind(type(event))
    day: date | None = getattr(event, dated) if dated else None
    on = None if day is None else day.isoformat()
    source = "imported" if imported else "native"
    covered = enveloped(
        Envelope(
            actor_org=org,
            actor_person=person,
            actor_role=role,
            causation=None,
            command_id=command_id,
            correlation=None,
            occurred_on=on,
            on_behalf_of=None,
            position=0,
            provenance=source,
            recorded_at=when,
            stream=told.stream,
            type=name,
            version=version,
        )
    )
    head, mark, tail = covered.partition(POSITION)
    salt = blake2b(f"{seed}/{told.stream}/{version}".encode(), digest_size=16).digest()
    what = f"{when}\t{version}\t{on or NULL}\t{command_id}\t{told.stream}\t{name}\t{source}"
    columns = f"{what}\t{person}\t{role}\t{org}\t\\\\x{salt.hex()}\t"
    return Line(head + mark, tail[1:], salt, columns.encode(), state)  # without the 0 of no position


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
