"""A broker for the session, a world for the package, and topics of its own for every test."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from api.demo.cast import LAKE
from api.demo.doors import LedgerDoor
from api.demo.journey import Journey, journey
from api.demo.stories import gold_star
from infra.database import EmbeddedServer
from infra.kafka import Cluster
from infra.reader_store import ReaderStore
from infra.topics import Topics
from tests.api.conftest import Desk, Told, opened, opened_desk, tell_world
from tests.consumers.relays import create_topics
from tests.kafka_broker import Broker, running


@pytest.fixture(scope="session")
def broker() -> Generator[Broker]:
    """One broker for all tests of the session."""
    with running() as one:
        yield one


@pytest.fixture(scope="package")
def world(postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The demonstration's stories, told once."""
    chosen = {"star": gold_star, "draft": drafted, "copper": listed}
    return tell_world(postgres, tmp_path_factory.mktemp("streamed"), "nqms_streamed", chosen)


def drafted(door: LedgerDoor) -> Journey:
    """A program in the midst of its self-assessment."""
    way = opened(door)
    for item in way.instrument.items[:3]:
        way.answer(item)
    return way


def listed(door: LedgerDoor) -> Journey:
    """A program of another affiliate that is listed and no more."""
    return journey(door, replace(LAKE, name="Copper Kettle Mentors", connector_ref="MC-20999")).listed()


@pytest.fixture
def desk(world: Told, postgres: EmbeddedServer, tmp_path: Path) -> Generator[Desk]:
    """A copy of the world for this test alone."""
    with opened_desk(world, postgres, tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def cluster(broker: Broker) -> Cluster:
    """The broker's address."""
    return Cluster(broker.bootstrap)


@pytest.fixture
def topics() -> Topics:
    """Names that no other test uses."""
    return Topics(f"t{uuid4().hex[:10]}")


@pytest.fixture
def ready(cluster: Cluster, topics: Topics, desk: Desk) -> Topics:
    """The same, with the topics made."""
    create_topics(cluster, topics, desk)
    return topics


@pytest.fixture
def reader_database(postgres: EmbeddedServer) -> Generator[str]:
    """The address of an empty database for a reader."""
    name = f"reader_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield postgres.dsn(database=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def store(reader_database: str) -> Generator[ReaderStore]:
    """The same, open and prepared."""
    opened = ReaderStore(reader_database)
    opened.prepare()
    yield opened
    opened.close()
