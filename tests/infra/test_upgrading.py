"""The upgrade drill: ledgers that an earlier release made, and an earlier PostgreSQL, come over with the same root."""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from infra.database import (
    APP_ROLE,
    DATABASE,
    OWNER_ROLE,
    EmbeddedServer,
    EmbeddedServerError,
    create_database,
    create_roles,
)
from infra.ledger_state import LedgerState
from infra.migrations import FOLDER, read_migrations
from infra.migrations import migrate as apply_migrations
from infra.postmaster import binaries, major_version
from tests.faults.drilling import run, state_of
from tests.older_postgres import OlderServer, older_programs

pytestmark = pytest.mark.req("H8")

EARLIER = 4
"""The last migration of the schema that the drill comes from."""
RECORDED = ("ledger.events", "ledger.commands", "ledger.claims", "ledger.artifacts", "vault.secrets", "vault.documents")


@pytest.fixture(scope="module")
def grown() -> Generator[Path]:
    """A small ledger with history, its log signed, in a data folder; nobody writes to it."""
    folder = Path(tempfile.mkdtemp(prefix="nqu-"))
    try:
        run(folder / "data", "simulate", "--programs", "2", "--years", "2", "--seed", "4", "--workers", "1")
        run(folder / "data", "log", "checkpoint")
        yield folder / "data"
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def place() -> Generator[Path]:
    """A short empty folder."""
    folder = Path(tempfile.mkdtemp(prefix="nqu-"))
    try:
        yield folder / "data"
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def older() -> Path:
    """The programs of an earlier PostgreSQL."""
    found = older_programs()
    assert found is not None, "no earlier PostgreSQL is here: name the folder of its programs in NQMS_OLDER_POSTGRES"
    return found


def made_before(grown: Path, server: EmbeddedServer) -> None:
    """The same ledger as an earlier release had it: its schema, what was recorded, files and keys."""
    for name in ("documents", "keys", "log"):
        shutil.copytree(grown / name, server.data_dir / name)
    earlier = server.data_dir / "earlier"
    earlier.mkdir()
    for one in read_migrations()[:EARLIER]:
        shutil.copy(FOLDER / f"{one.number:04}_{one.title}.sql", earlier)
    create_roles(server)
    create_database(server)
    with psycopg.connect(server.dsn(OWNER_ROLE, DATABASE), autocommit=True) as connection:
        apply_migrations(connection, APP_ROLE, earlier)
    shutil.rmtree(earlier)
    with EmbeddedServer(grown) as source:
        for table in RECORDED:
            carry(source.dsn(database=DATABASE), server.dsn(database=DATABASE), table)


def carry(source: str, target: str, table: str) -> None:
    """One table's rows from one database into another."""
    named = sql.Identifier(*table.split("."))
    with psycopg.connect(source) as reading, psycopg.connect(target) as writing:
        out = sql.SQL("COPY {} TO STDOUT").format(named)
        into = sql.SQL("COPY {} FROM STDIN").format(named)
        with reading.cursor().copy(out) as rows, writing.cursor().copy(into) as copy:
            for part in rows:
                copy.write(part)


def same(before: LedgerState, after: LedgerState) -> bool:
    """The same events, the newest schema, our PostgreSQL."""
    newest = read_migrations()[-1].number
    return after.same_events(before) and (after.migrations, after.server) == (newest, int(major_version(binaries())))


def test_a_ledger_of_an_earlier_schema_is_upgraded_with_the_same_root(grown: Path, place: Path) -> None:
    with EmbeddedServer(place) as server:
        made_before(grown, server)
    before = state_of(place)
    assert (before.events, before.migrations) == (734, EARLIER)
    said = run(place, "upgrade").stdout
    newest = read_migrations()[-1].number
    assert f"schema {EARLIER:04} to {newest:04}, PostgreSQL 18 to 18: {before}" in said
    assert "734 events, 3 decisions, 0 divergences" in said
    assert same(before, state_of(place))
    assert "0 divergences" in run(place, "verify").stdout.splitlines()[-1]
    assert f"schema {newest:04} to {newest:04}" in run(place, "upgrade").stdout, "again, with nothing to do"


def test_a_ledger_of_an_earlier_postgresql_is_upgraded_with_the_same_root(
    grown: Path, place: Path, older: Path
) -> None:
    found = major_version(older)
    with OlderServer(place, programs=older) as server:
        made_before(grown, server)
    said = run(place, "upgrade", code=2).stderr
    assert f"was made by PostgreSQL {found}, this program brings PostgreSQL 18" in said
    assert "nqms upgrade --old-binaries FOLDER" in said
    assert f"holds PostgreSQL 18; PostgreSQL {found} made" in run(
        place, "upgrade", "--old-binaries", str(binaries()), code=1
    ).stderr  # fmt: skip
    said = run(place, "upgrade", "--old-binaries", str(older)).stdout
    newest = read_migrations()[-1].number
    assert f"schema {EARLIER:04} to {newest:04}, PostgreSQL {found} to 18: 734 events, root" in said
    assert f"the old database is in {place / f'postgres-{found}'}" in said
    before = state_of(grown)
    assert same(before, state_of(place))
    assert "734 events, 3 decisions, 0 divergences" in run(place, "verify").stdout
    assert not (place / "upgrading").exists()
    assert (place / f"postgres-{found}" / "PG_VERSION").read_text().strip() == found


def test_an_upgrade_that_was_cut_off_is_finished_and_never_begun_anew_in_silence(grown: Path, place: Path) -> None:
    with EmbeddedServer(place) as server:
        made_before(grown, server)
    before = state_of(place)
    (place / "upgrading").mkdir()
    (place / "postgres").rename(place / "upgrading" / "postgres")
    (place / "upgrading" / "loaded").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match="was not finished: run `nqms upgrade` again"):
        EmbeddedServer(place).start()
    assert "0 divergences" in run(place, "upgrade").stdout
    assert same(before, state_of(place))


def test_what_cannot_be_upgraded_is_said(place: Path, tmp_path: Path) -> None:
    assert "there is no ledger in" in run(place, "upgrade", code=2).stderr
    (place / "postgres").mkdir(parents=True)
    (place / "postgres" / "PG_VERSION").write_text("99\n")
    assert "was made by PostgreSQL 99" in run(place, "upgrade", "--old-binaries", str(tmp_path), code=2).stderr
    (place / "postgres" / "PG_VERSION").write_text("12\n")
    assert "holds no PostgreSQL" in run(place, "upgrade", "--old-binaries", str(tmp_path), code=2).stderr
