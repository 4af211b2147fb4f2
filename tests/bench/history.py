"""A ledger filled with history: by the generator of this project where there is one, else by lives told again and again.

A life told again is a demonstration program's stream under new ids, at new positions, with its own commitments and
commands; evaluations are bound to their new decision's id, so that every decision can be derived again.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import cycle, zip_longest
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg

from domain.evidence import TierEligibilityEvaluated
from domain.grant import TierGranted
from domain.listing import ProgramListingApproved, ProgramRegistered
from domain.values import digest_of
from infra.database import Database
from infra.mapper import decode
from infra.records import StoredFact, commitment
from infra.settings import Settings
from infra.wiring import Service, assemble
from tests.bench.ground import Ground, running_clock

YEARS = 10
"""Of generated histories."""
TOGETHER = 40
"""Programs whose lives go on at the same time."""
EVENT_COLUMNS = (
    "stream, version, type, state, position, recorded_at, occurred_on, provenance, actor_person, actor_role, actor_org, "
    "on_behalf_of, command_id, causation, correlation, salt, commitment"
)
EVENT_TYPES = (
    *("text", "int4", "text", "text", "int8", "timestamptz", "date", "text", "text", "text", "text"),
    *("text", "uuid", "text", "text", "bytea", "bytea"),
)
_EVALUATED = TierEligibilityEvaluated.published_name()
SHOWN = (ProgramRegistered, ProgramListingApproved, TierGranted)
"""The few events that a program of the directory is made of."""


def generator() -> str | None:
    """The module that makes plausible histories, where this version of the program has one."""
    return "infra.simulation" if importlib.util.find_spec("infra.simulation") else None


def row_of(fact: StoredFact) -> tuple[Any, ...]:
    """A fact as a line of the ledger's table, in the order of EVENT_COLUMNS, all but its commitment."""
    return (
        *(fact.stream, fact.version, fact.type, fact.state.decode(), fact.position, fact.recorded_at, fact.occurred_on),
        *(fact.provenance, fact.actor_person, fact.actor_role, fact.actor_org, fact.on_behalf_of, fact.command_id),
        *(fact.causation, fact.correlation, fact.salt),
    )


class Lives:
    """Streams told again under new ids. The same seed gives the same ids, salts and commitments."""

    def __init__(self, lives: Sequence[Sequence[StoredFact]], seed: int) -> None:
        self._lives, self._drawn = cycle(lives), Random(seed)

    def _id(self) -> UUID:
        return UUID(int=self._drawn.getrandbits(128), version=4)

    def one(self, life: Sequence[StoredFact] | None = None) -> list[StoredFact]:
        """One more program's stream, without positions and times."""
        facts = life if life is not None else next(self._lives)
        old = facts[0].stream.partition(":")[2]
        new = str(self._id())
        ids = {old.encode(): new.encode()}
        for fact in facts:
            if fact.type == _EVALUATED:
                decided = msgspec.json.decode(fact.state, type=dict[str, Any])["decision_id"]
                ids[decided.encode()] = self._id().hex.encode()
        commands: dict[UUID, UUID] = {}
        return [self._again(fact, old, new, ids, commands) for fact in facts]

    def _again(
        self, fact: StoredFact, old: str, new: str, ids: dict[bytes, bytes], commands: dict[UUID, UUID]
    ) -> StoredFact:
        state = fact.state
        for one, other in ids.items():
            state = state.replace(one, other)
        if fact.type == _EVALUATED:
            state = _bound(state)
        if fact.command_id not in commands:
            commands[fact.command_id] = self._id()
        return replace(
            fact,
            originator_id=f"program:{new}",
            state=state,
            actor_org=fact.actor_org.replace(old, new),
            command_id=commands[fact.command_id],
            salt=self._drawn.randbytes(16),
        )

    def interleaved(self, events: int) -> Iterator[StoredFact]:
        """At least so many facts, several programs' lives side by side, each to its end."""
        told = 0
        while told < events:
            together = [self.one() for _ in range(TOGETHER)]
            while told + sum(map(len, together[:-1])) >= events and len(together) > 1:
                together.pop()
            for facts in zip_longest(*together):
                yield from (fact for fact in facts if fact is not None)
            told += sum(map(len, together))


def _bound(state: bytes) -> bytes:
    """An evaluation with the digest of what it is made from now."""
    event = decode(_EVALUATED, state)
    made_from = {name: getattr(event, name) for name in event.__struct_fields__ if name != "evidence_digest"}
    return msgspec.json.encode(msgspec.structs.replace(event, evidence_digest=digest_of(made_from)))


def store(address: str, facts: Iterator[StoredFact]) -> tuple[int, int]:
    """Write facts after what is there, with positions, times, commitments and commands, by COPY; first and last position.

    ``address``: of a role that may write to the ledger.
    """
    with psycopg.connect(address) as connection:
        row = connection.execute(
            "SELECT position, recorded_at FROM ledger.events ORDER BY position DESC LIMIT 1"
        ).fetchone()
        assert row is not None
        before, at = row
        done: dict[UUID, list[Any]] = {}
        position = before
        events = f"COPY ledger.events ({EVENT_COLUMNS}) FROM STDIN (FORMAT BINARY)"
        with connection.cursor() as cursor, cursor.copy(events) as copy:
            copy.set_types(list(EVENT_TYPES))
            for fact in facts:
                position += 1
                at += timedelta(milliseconds=1)
                placed = replace(fact, position=position, recorded_at=at)
                copy.write_row((*row_of(placed), commitment(placed)))
                command = done.setdefault(fact.command_id, [fact.stream, fact.version, 0, 0])
                command[2:] = fact.version, position
        commands = "COPY ledger.commands (command_id, stream, request_sha256, first_version, last_version, position) "
        with connection.cursor() as cursor, cursor.copy(commands + "FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "text", "bytea", "int4", "int4", "int8"])
            for command_id, (stream, first, last, reached) in done.items():
                copy.write_row((command_id, stream, command_id.bytes * 2, first, last, reached))
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE ledger.events, ledger.commands")
        connection.execute("CHECKPOINT")
    return before + 1, position


@contextmanager
def filled(ground: Ground, size: int) -> Generator[tuple[Service, int]]:
    """The service on a ledger of about so many events, and how many there are: generated where that can be done."""
    made = _generated(ground, size) if generator() and ground.generates else None
    if made is None:
        with ground.service() as service:
            yield service, fill(ground, service.database, size)
        return
    name, folder, events = made
    try:
        with ground.database(name=name) as database:
            yield assemble(Settings(data_dir=folder), database, running_clock), events
    finally:
        ground.drop(name)
        shutil.rmtree(folder)


def _generated(ground: Ground, size: int) -> tuple[str, Path, int] | None:
    """A generated ledger by its name, the folder of its keys, its events; None, and never tried again, if it fails."""
    name, folder = "bench_generated", ground.folder / f"generated-{uuid4().hex[:8]}"
    for again in (True, False):
        programs = max(2, round(size / ground.events_of_a_program))
        ground.drop(name)
        folder.mkdir(mode=0o700)
        with ground.database(name=name) as database:
            done = _simulate(database.app_dsn, folder, programs, ground.plan.seed)
            events = _count(database)
        if done.returncode != 0:
            ground.tell(f"nqms simulate failed: {done.stderr.strip()[-200:]}; lives are told again instead")
            ground.generates = False
            return None
        ground.events_of_a_program = events / programs
        if not again or programs == 2 or abs(events / size - 1) < 0.3:
            break
        shutil.rmtree(folder)  # once more, now that it is known how much a program does
    return name, folder, events


def _simulate(address: str, folder: Path, programs: int, seed: int) -> subprocess.CompletedProcess[str]:
    """The generator by its verb, which is what users have of it."""
    words = ["simulate", "--programs", str(programs), "--years", str(YEARS), "--seed", str(seed)]
    environment = {**os.environ, "NQMS_DATA_DIR": str(folder), "NQMS_DATABASE_URL": address}
    command = [sys.executable, "-m", "api.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def fill(ground: Ground, database: Database, events: int) -> int:
    """Fill a copy of the world up to about so many events; how many there are then."""
    lives = Lives(ground.world.lives, ground.plan.seed)
    there = _count(database)
    if events > there:
        store(ground.superuser(database), lives.interleaved(events - there))
    return _count(database)


def fill_directory(ground: Ground, database: Database, programs: int) -> None:
    """Programs that are registered, listed and hold a tier, each under a name of its own, and nothing else of them."""
    names = {kind.published_name() for kind in SHOWN}
    lives = [[f for f in life if f.type in names] for life in ground.world.lives]
    store(ground.superuser(database), _shown(Lives([], ground.plan.seed + 1), lives, programs))


def _shown(lives: Lives, short: Sequence[Sequence[StoredFact]], programs: int) -> Iterator[StoredFact]:
    for n in range(programs):
        for version, fact in enumerate(lives.one(short[n % len(short)]), 1):
            state = fact.state
            if version == 1:
                event: Any = decode(fact.type, state)
                city = f"{event.city} {n % 97}"
                # Names in no order of their ids, as in life.
                named = f"{event.display_name} {n * 7919 % programs:06}"
                state = msgspec.json.encode(msgspec.structs.replace(event, display_name=named, city=city))
            yield replace(fact, originator_version=version, state=state)


def _count(database: Database) -> int:
    with database.pool.connection() as connection:
        row: Any = connection.execute("SELECT coalesce(max(position), 0) FROM ledger.events").fetchone()
    return row[0]
