"""A ledger of many programs at the speed of COPY: a few lives that the rules allowed, told over and over."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from hashlib import sha256
from itertools import islice, zip_longest
from typing import Any
from uuid import UUID, uuid5

from infra.database import Database
from infra.ledger import occurred_on, provenance
from infra.mapper import encode
from tests.later_life import with_acts
from tests.real_world import RealCase, again, told
from tests.recorded import FIRST
from tests.small_world import Case, granted, listed

NAMESPACE = UUID("7d3a7a52-31f6-4f3c-8f0e-0f5f6d0f6d11")
YEAR, SOON = 365, 45
AT_ONCE = 40
"""So many programs act at the same time, in turn."""
COLUMNS = """position, recorded_at, version, occurred_on, command_id, stream, type, provenance, actor_person,
    actor_role, actor_org, salt, commitment, state"""
TYPES = (
    *("int8", "timestamptz", "int4", "date", "uuid", "text", "text", "text", "text"),
    *("text", "text", "bytea", "bytea", "text"),
)
Fact = tuple[str, bytes, Any, str]
"""Type, state, day of the act, provenance."""


@cache
def lives() -> tuple[tuple[Fact, ...], ...]:
    """Whole lives: two cycles under each shipped policy, short ones, ones that stay at the beginning."""
    whole = [_twice(name) for name in ("il-star", "mn-qp")]
    cases: list[Case] = [*whole, *whole, *whole, *with_acts(), granted(), listed()]
    histories = [case.events for case in cases]
    return tuple(
        tuple((e.published_name(), encode(e), occurred_on(e), provenance(e)) for e in events) for events in histories
    )


def _twice(name: str) -> RealCase:
    """A program that was granted a tier, and again when its term came to an end."""
    c = told(name, granted)
    end = c.p.holdings[-1].expires_on
    c.world.later(days=(end - c.today).days - SOON if end else YEAR)
    return again(c, granted, kind="renewal" if end else "initial")


def stream_of(n: int) -> str:
    """The stream of the n-th program."""
    return f"program:{uuid5(NAMESPACE, str(n))}"


def _told(n: int) -> Iterator[tuple[str, int, Fact]]:
    stream = stream_of(n)
    for version, fact in enumerate(lives()[n % len(lives())], 1):
        yield stream, version, fact


def _interleaved(programs: Sequence[int]) -> Iterator[tuple[str, int, Fact]]:
    """Programs act in turn, so that no program's facts lie together."""
    for first in range(0, len(programs), AT_ONCE):
        turns = zip_longest(*map(_told, programs[first : first + AT_ONCE]))
        yield from (one for turn in turns for one in turn if one is not None)


def fill(database: Database, programs: int, *, first: int = 0, most: int | None = None) -> int:
    """Write the lives of some programs into the ledger, at most ``most`` facts; the position of the last."""
    with database.pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
        row: Any = cursor.execute("SELECT coalesce(max(position), 0) FROM ledger.events").fetchone()
        position: int = row[0]
        with cursor.copy(f"COPY ledger.events ({COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(TYPES)
            for stream, version, (type_, state, day, source) in islice(
                _interleaved(range(first, first + programs)), most
            ):
                position += 1
                who = ("p_somebody", "affiliate_admin", "north")
                at = FIRST + timedelta(seconds=position)
                proof = (b"s" * 16, sha256(state).digest())
                command = uuid5(NAMESPACE, str(position))
                about = (position, at, version, day, command, stream, type_, source)
                copy.write_row((*about, *who, *proof, state.decode()))
        return position
