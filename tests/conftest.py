"""Database fixtures. Other fixtures belong beside the tests that use them."""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from psycopg import sql

from infra.database import Database, EmbeddedServer, connect, create_roles, create_schema
from infra.documents import DocumentStore
from infra.keyring import Keyring
from infra.recorder import LedgerRecorder
from infra.vault import Vault
from tests import kafka_broker, older_postgres

TEMPLATE = "nqms_template"

# The same examples each time: a test run says something about the code, not about the day.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")


def pytest_report_header() -> list[str]:
    """Which broker the tests use, and which earlier PostgreSQL."""
    return [kafka_broker.header(), older_postgres.header()]


@pytest.fixture(scope="session")
def postgres() -> Generator[EmbeddedServer]:
    """One server per test process (with pytest-xdist one per worker), without fsync, with a migrated template."""
    folder = Path(tempfile.mkdtemp(prefix="nqt-"))
    try:
        with EmbeddedServer(folder / "data", durable=False) as server:
            create_roles(server)
            create_schema(server, TEMPLATE)
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def database(postgres: EmbeddedServer) -> Generator[Database]:
    """A fresh migrated database for this test alone."""
    name = f"test_{uuid4().hex[:12]}"
    app, owner = create_schema(postgres, name, TEMPLATE)
    with connect(app, owner) as opened:
        yield opened
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def recorder(database: Database) -> LedgerRecorder:
    """A real-clock ledger, created."""
    recorder = LedgerRecorder(database)
    recorder.create_ledger("test")
    return recorder


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """An empty keyring."""
    return Keyring(tmp_path / "keys")


@pytest.fixture
def vault(database: Database, keyring: Keyring) -> Vault:
    """An empty vault."""
    return Vault(database.pool, keyring)


@pytest.fixture
def documents(database: Database, keyring: Keyring, tmp_path: Path) -> DocumentStore:
    """An empty document store."""
    return DocumentStore(tmp_path / "documents", keyring, database.pool)
