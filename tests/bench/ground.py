"""The ground that everything is measured on: one durable PostgreSQL of the bench's own, and a told world on it."""

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from api.demo import stories, world
from api.demo.cast import STAR
from api.demo.doors import LedgerDoor, StoryClock
from api.demo.journey import Journey, journey
from infra.database import Database, EmbeddedServer, connect, create_roles, create_schema
from infra.recorder import StoredFact
from infra.settings import Settings
from infra.wiring import Service, assemble

EMPTY, WORLD = "bench_empty", "bench_world"
AGO = timedelta(days=330)
"""The stories begin so long ago: they take about three hundred days, and end just now."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 2.0
    """Of each append run and each run over HTTP."""
    shapes: tuple[int, ...] = (1, 3)
    """Events of one command."""
    callers: tuple[int, ...] = (1, 8, 256)
    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    """Events in the ledger."""
    heavy_rounds: int = 3
    """Rounds of what takes long: rebuild, verification."""
    directory: int = 100_000
    """Programs in the directory."""
    calls: int = 300
    """Calls of what is measured one by one, in each round."""
    stories: int = 4
    """How many of the demonstration's stories are told; histories are made of them."""
    long_life: int = 500
    """Events of the program that is loaded and explained; 0: as many as it takes."""
    of_the_library: int = 3_000
    """Events that the library's projection runner goes through in each round."""
    kills: int = 200
    peers: bool = True
    seed: int = 20260101


QUICK = Plan(
    rounds=3,
    seconds=1.2,
    shapes=(1,),
    sizes=(10_000, 100_000),
    heavy_rounds=2,
    calls=150,
    of_the_library=1_500,
    kills=10,
)
"""Ends in under ten minutes on two cores."""
TINY = Plan(
    rounds=1,
    seconds=0.15,
    callers=(1, 4, 256),
    shapes=(1, 3),
    sizes=(1_200,),
    heavy_rounds=1,
    directory=120,
    calls=4,
    stories=1,
    long_life=0,
    of_the_library=40,
    kills=2,
    peers=False,
)
"""For tests: every row once, in seconds."""


@dataclass
class World:
    """What was told: people by name, journeys by name, where keys and documents lie, what time it is."""

    folder: Path
    people: dict[str, str]
    now: datetime
    journeys: dict[str, Journey]
    lives: list[list[StoredFact]] = field(default_factory=list[list[StoredFact]])
    """The streams of the four demonstration programs, to make histories from."""


class Ground:
    """The server, databases made on it by name, and the world. ``tell`` is told what is being done."""

    def __init__(self, server: EmbeddedServer, folder: Path, plan: Plan, tell: Tell) -> None:
        self.server, self.folder, self.plan, self.tell = server, folder, plan, tell
        self.failures: dict[str, str] = {}
        """Groups of rows that could not be measured at all, with the reason."""
        self.generates = True
        """Whether histories are made by the generator, as long as there is one and it works."""
        self.events_of_a_program = 500.0
        """Of generated histories, as far as is known."""
        self.checked = False
        """Whether a whole verification was carried out, so that the parts that are timed are known to be right."""
        self._world: World | None = None
        create_roles(server)
        create_schema(server, EMPTY)

    @property
    def host(self) -> str:
        """The folder of the server's socket, as libpq takes it for a host."""
        return str(conninfo_to_dict(self.server.dsn())["host"])

    def bare_database(self, name: str) -> str:
        """A new database without any schema; its address as the superuser."""
        self.drop(name)
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.server.dsn(database=name)

    def drop(self, name: str) -> None:
        """Remove a database where there is one."""
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def database(self, template: str = EMPTY, name: str | None = None) -> Generator[Database]:
        """A database of ours, made like another one; gone at the end unless it was named."""
        called = name or f"bench_{uuid4().hex[:12]}"
        app, owner = create_schema(self.server, called, template)
        try:
            with connect(app, owner) as opened:
                yield opened
        finally:
            if name is None:
                self.drop(called)

    @contextmanager
    def service(self, template: str = WORLD, name: str | None = None) -> Generator[Service]:
        """The whole service on a database of its own, with the keys and documents of the world and a clock that runs."""
        told = self.world
        files = self.folder / f"files-{uuid4().hex[:8]}"
        shutil.copytree(told.folder, files)
        try:
            with self.database(template, name) as opened:
                yield assemble(Settings(data_dir=files), opened, running_clock)
        finally:
            shutil.rmtree(files)

    def superuser(self, database: Database) -> str:
        """The address of a database as the superuser."""
        name = conninfo_to_dict(database.app_dsn)["dbname"]
        return self.server.dsn(database=str(name))

    @property
    def world(self) -> World:
        """The demonstration's world with a program at its self-assessment and one of many events; told once."""
        if self._world is None:
            self.tell("telling the demonstration's stories")
            self._world = self._told()
        return self._world

    def _told(self) -> World:
        folder, clock = self.folder / "world", StoryClock(datetime.now(UTC) - AGO)
        create_schema(self.server, WORLD, EMPTY)
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            # Only while it is told: a copy of a database does not take over its settings.
            connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(WORLD)))
        with self.database(EMPTY, WORLD) as opened:
            service = assemble(Settings(data_dir=folder), opened, clock)
            door = LedgerDoor(service, clock)
            world.found(door)
            told = zip(("lake", "star", "bridge", "harbor"), stories.STORIES, strict=True)
            journeys = {name: story(door) for name, story in islice(told, self.plan.stories)}
            recorder = service.ledger.recorder
            lives = [recorder.read_stream(f"program:{one.program_id}") for one in journeys.values()]
            journeys["open"] = _opened(door, "Rookery Hill Mentors", "MC-20878")
            journeys["long"] = _long(door, self.plan.long_life - len(lives[1]) if self.plan.long_life else 0)
            service.projector.catch_up()
        return World(folder, dict(door.people), clock(), journeys, lives)


def running_clock() -> datetime:
    """The time it is."""
    return datetime.now(UTC)


def _opened(door: LedgerDoor, name: str, reference: str) -> Journey:
    """A program that has been let into the instrument and rated nothing."""
    return journey(door, replace(STAR, name=name, connector_ref=reference)).listed().requested().assisted().opened()


def _long(door: LedgerDoor, more: int) -> Journey:
    """A program that rated so many times more than others before it went their way to its highest tier."""
    way = _opened(door, "Tern Point Mentors", "MC-20879").rated()
    plain = [i for i in way.instrument.items if i.id not in (*way.program.not_applicable, *way.program.not_in_practice)]
    turns = [3] * (more % 2) + [2] * ((more - 3 * (more % 2)) // 2)
    for n, times in enumerate(turns):
        item = plain[n % len(plain)]
        for turn in range(1, times + 1):  # the last one is what it was before
            way.rate(item.id, "yes", 3 + (item.number + (turn if turn < times else 0)) % 3)
    way.submitted().under_review().visited().determined().planned().reviewed().attested().decider_named()
    return way.granted("gold_star").reported()


@contextmanager
def open_ground(folder: Path, plan: Plan, tell: Tell) -> Generator[Ground]:
    """The ground in an empty folder, with durability on; the server is stopped at the end."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with EmbeddedServer(folder / "data") as server:
        yield Ground(server, folder, plan, tell)
