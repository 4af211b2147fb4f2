"""The demonstration's world, told once a session; every test works on a copy of its own."""

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from api.app import create_app
from api.demo import stories, world
from api.demo.cast import STAR
from api.demo.doors import LedgerDoor, StoryClock
from api.demo.journey import Journey, journey
from infra.database import EmbeddedServer, connect, create_schema
from infra.settings import Settings
from infra.wiring import Service, assemble
from tests.api.client import Client
from tests.conftest import TEMPLATE

if TYPE_CHECKING:
    from tests.api.later import Later

WORLD = "nqms_world"
START = datetime(2025, 9, 1, 15, tzinfo=UTC)


@dataclass
class Told:
    """What the session's stories left behind."""

    folder: Path
    people: dict[str, str]
    now: datetime
    journeys: dict[str, Journey]
    template: str = WORLD
    """The database that copies are made of."""


@dataclass
class Desk:
    """One test's own copy of the world: the service, its clock, everybody's ids, the programs' journeys."""

    service: Service
    clock: StoryClock
    door: LedgerDoor
    journeys: dict[str, Journey]

    def client(self, host: str = "127.0.0.1", demo_identity: bool = True) -> Client:
        """A client over HTTP."""
        return Client(create_app(self.service, demo_identity=demo_identity), host)

    @property
    def head(self) -> int:
        """The position of the last event."""
        return self.service.ledger.recorder.head()[0]


@pytest.fixture(scope="session")
def told(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Four programs up to their highest tiers, and one that is still at its self-assessment."""
    chosen: dict[str, Callable[[LedgerDoor], Journey]] = {"open": opened}
    chosen = dict(zip(("lake", "star", "bridge", "harbor"), stories.STORIES, strict=True)) | chosen
    return tell_world(postgres, tmp_path_factory.mktemp("world"), WORLD, chosen)


def tell_world(
    postgres: EmbeddedServer, folder: Path, template: str, chosen: dict[str, Callable[[LedgerDoor], Journey]]
) -> Told:
    """Some stories told one after the other, in a database of that name."""
    app, owner = create_schema(postgres, template, TEMPLATE)
    clock = StoryClock(START)
    with connect(app, owner) as database:
        service = assemble(Settings(data_dir=folder), database, clock)
        door = LedgerDoor(service, clock)
        world.found(door)
        journeys = {name: tell(door) for name, tell in chosen.items()}
        service.projector.catch_up()
        return Told(folder, door.people, clock(), journeys, template)


def opened(door: LedgerDoor) -> Journey:
    """A second Illinois program that has been let into the instrument and rated nothing."""
    second = replace(STAR, name="Prairie Fire Mentors", connector_ref="MC-20878")
    return journey(door, second).listed().requested().assisted().opened()


@contextmanager
def opened_desk(told: Told, postgres: EmbeddedServer, folder: Path) -> Generator[Desk]:
    """A copy of the world, gone at the end."""
    name = f"desk_{uuid4().hex[:12]}"
    shutil.copytree(told.folder, folder)
    app, owner = create_schema(postgres, name, told.template)
    clock = StoryClock(told.now)
    with connect(app, owner) as database:
        service = assemble(Settings(data_dir=folder), database, clock)
        door = LedgerDoor(service, clock)
        door.people = dict(told.people)
        yield Desk(service, clock, door, {name: _copied(one, door) for name, one in told.journeys.items()})
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _copied(one: Journey, door: LedgerDoor) -> Journey:
    return replace(one, door=door, documents=dict(one.documents), revisions=dict(one.revisions))


@pytest.fixture
def desk(told: Told, postgres: EmbeddedServer, tmp_path: Path) -> Generator[Desk]:
    """A copy of the world for this test alone."""
    with opened_desk(told, postgres, tmp_path / "data") as opened:
        yield opened


@pytest.fixture(scope="session")
def read_only(told: Told, postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[Desk]:
    """A copy of the world for all tests that change nothing."""
    with opened_desk(told, postgres, tmp_path_factory.mktemp("read") / "data") as opened:
        yield opened


@pytest.fixture
def projecting(desk: Desk) -> Generator[Desk]:
    """The same with a projector at work."""
    stop = Event()
    thread = Thread(target=desk.service.projector.run, args=(stop,))
    thread.start()
    yield desk
    stop.set()
    desk.service.projector.wake()
    thread.join(timeout=10)


@pytest.fixture(scope="session")
def later(told: Told, postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Generator["Later"]:
    """A copy of the world in which more has happened since the grants, for all tests that change nothing."""
    from tests.api.later import tell

    with opened_desk(told, postgres, tmp_path_factory.mktemp("later") / "data") as opened:
        told_later = tell(opened)
        opened.service.snapshots.publish()
        opened.service.log.catch_up()
        opened.service.projector.catch_up()
        yield told_later
