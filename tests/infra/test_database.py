"""Schema, roles and migrations: history cannot be changed, not even by mistake and not even by the owner."""

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from infra.database import (
    APP_ROLE,
    Database,
    EmbeddedServer,
    MigrationRefused,
    PowerfulRole,
    SchemaBehind,
    connect,
    migrate,
    open_database,
    refuse_powerful_role,
)
from infra.migrations import FOLDER, missing_migrations, read_migrations
from infra.migrations import migrate as apply_migrations
from infra.recorder import LedgerRecorder
from infra.settings import Settings
from tests.infra.appends import an_append, new_stream

pytestmark = pytest.mark.req("H8")

TABLES: tuple[LiteralString, ...] = ("events", "commands", "claims", "artifacts")
CHANGES: tuple[LiteralString, ...] = (
    "DELETE FROM ledger.{table}",
    "TRUNCATE ledger.{table}",
    "UPDATE ledger.{table} SET {column} = {column}",
)
COLUMNS = {"events": "state", "commands": "stream", "claims": "stream", "artifacts": "kind"}
# what the test server deliberately lacks, see conftest
UNSAFE = {f"setting {name} is off" for name in ("fsync", "full_page_writes", "synchronous_commit")}


def address(database: Database, role: str) -> str:
    return database.app_dsn.replace(f"user={APP_ROLE}", f"user={role}")


def findings(dsn: str, *before: LiteralString, library_db_functions: str | None = None) -> set[str]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in before:
            connection.execute(statement)
        with pytest.raises(PowerfulRole) as refused:
            refuse_powerful_role(connection, library_db_functions=library_db_functions)
    assert all(finding in str(refused.value) for finding in refused.value.findings)
    return set(refused.value.findings) - UNSAFE


@pytest.mark.req("H3", "H8")
class TestAppendOnly:
    """No role changes history."""

    @pytest.fixture(autouse=True)
    def filled(self, recorder: LedgerRecorder) -> None:
        recorder.append(an_append(new_stream()))
        recorder.put_artifact("policy", b"body")

    @pytest.mark.parametrize("change", CHANGES)
    @pytest.mark.parametrize("table", TABLES)
    def test_nobody_changes_history(self, database: Database, table: LiteralString, change: LiteralString) -> None:
        statement = sql.SQL(change).format(table=sql.Identifier(table), column=sql.Identifier(COLUMNS[table]))
        with psycopg.connect(database.app_dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
        for role in ("nqms_owner", "postgres"):
            with (
                psycopg.connect(address(database, role)) as connection,
                pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"),
            ):
                connection.execute(statement)
        with psycopg.connect(address(database, "postgres")) as connection:
            connection.execute("SET session_replication_role = replica")  # silences ordinary triggers
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
                connection.execute(statement)

    def test_an_artifact_that_does_not_hash_is_refused(self, database: Database) -> None:
        with psycopg.connect(database.app_dsn) as connection, pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO ledger.artifacts VALUES (%s, 'policy', 'other')", (b"0" * 32,))

    def test_the_application_adds_and_reads_and_keeps_its_own_tables(self, database: Database) -> None:
        with psycopg.connect(database.app_dsn) as connection:
            connection.execute("INSERT INTO read.progress (model, generation, shape) VALUES ('directory', 1, '')")
            connection.execute("UPDATE read.progress SET generation = 6")
            connection.execute("DELETE FROM read.progress")
            connection.execute("SELECT * FROM operations.migrations")
        for refused in ("CREATE TABLE ledger.x (n int)", "CREATE TABLE public.x (n int)", "SET ROLE nqms_owner"):
            with psycopg.connect(database.app_dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused.encode())


class TestPowerfulRoles:
    """Everything that is wrong is named at once."""

    def test_the_applications_role_is_fine_but_for_the_test_servers_settings(self, database: Database) -> None:
        assert findings(database.app_dsn) == set()

    def test_the_owner(self, database: Database) -> None:
        expected = {f"owns table ledger.{table}" for table in TABLES}
        expected |= {
            f"{power} on ledger.{table}" for table in TABLES for power in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER")
        }
        expected |= {"owns schema ledger", "may create objects in schema ledger"}
        expected.add(f"owns database {conninfo_to_dict(database.app_dsn)['dbname']}")
        assert findings(address(database, "nqms_owner")) == expected

    def test_the_owner_hidden_behind_set_role(self, database: Database) -> None:
        superuser = address(database, "postgres")
        assert "is a superuser" in findings(superuser, "SET ROLE nqms_app")

    def test_the_superuser(self, database: Database) -> None:
        found = findings(address(database, "postgres"), library_db_functions="Yes")
        assert {"is a superuser", "may create roles", "bypasses row security", "may replicate"} <= found
        assert "may set session_replication_role" in found
        assert "POSTGRES_ENABLE_DB_FUNCTIONS is on: readers of the ledger would miss events" in found

    def test_powers_given_one_by_one_and_through_membership(self, database: Database) -> None:
        def as_superuser(*statements: LiteralString | sql.Composed) -> None:
            with psycopg.connect(address(database, "postgres"), autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement)

        as_superuser(
            "CREATE ROLE nqms_loose LOGIN CREATEROLE NOINHERIT",
            sql.SQL("GRANT CONNECT ON DATABASE {} TO nqms_loose").format(
                sql.Identifier(str(conninfo_to_dict(database.app_dsn)["dbname"]))
            ),
            "GRANT UPDATE (state) ON ledger.events TO nqms_loose",
            "GRANT TRUNCATE ON ledger.claims TO nqms_loose",
            "GRANT SET ON PARAMETER session_replication_role TO nqms_loose",
            "GRANT nqms_owner, pg_write_server_files TO nqms_loose",
            "ALTER TABLE ledger.commands ENABLE TRIGGER append_only",
            "DROP TRIGGER append_only ON ledger.artifacts",
        )
        try:
            found = findings(address(database, "nqms_loose"))
            assert {
                "may create roles",
                "UPDATE on ledger.events",
                "TRUNCATE on ledger.claims",
                "may set session_replication_role",
                "owns table ledger.events (as a member of nqms_owner)",
                "DELETE on ledger.events (as a member of nqms_owner)",
                "is a member of pg_write_server_files",
                "ledger.commands has lost its append-only trigger",
                "ledger.artifacts has lost its append-only trigger",
            } <= found
            assert "is a superuser" not in found
        finally:
            as_superuser(
                "REVOKE SET ON PARAMETER session_replication_role FROM nqms_loose",
                "DROP OWNED BY nqms_loose",
                "DROP ROLE nqms_loose",
            )

    def test_a_session_that_does_not_wait_for_the_disk(self, database: Database) -> None:
        with psycopg.connect(database.app_dsn, autocommit=True) as connection, pytest.raises(PowerfulRole) as refused:
            refuse_powerful_role(connection)
        assert set(refused.value.findings) == UNSAFE


class TestMigrations:
    """Numbered files, each applied once."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> Path:
        return Path(shutil.copytree(FOLDER, tmp_path / "sql"))

    @pytest.fixture
    def owner(self, database: Database) -> str:
        assert database.owner_dsn is not None
        return database.owner_dsn

    def test_applying_twice_changes_nothing(self, owner: str) -> None:
        assert migrate(owner) == []
        with psycopg.connect(owner, autocommit=True) as connection:
            rows = connection.execute("SELECT number, title, sha256 FROM operations.migrations ORDER BY 1").fetchall()
            assert rows == [(one.number, one.title, one.sha256) for one in read_migrations()]

    def test_a_new_file_is_applied_once_and_granted(self, owner: str, files: Path, database: Database) -> None:
        number = len(read_migrations(files)) + 1
        (files / f"{number:04}_more.sql").write_text("CREATE TABLE read.more (n int); INSERT INTO read.more VALUES (1)")
        errors: list[BaseException] = []

        def at_once() -> None:
            try:
                with psycopg.connect(owner, autocommit=True) as connection:
                    apply_migrations(connection, APP_ROLE, files)
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

        threads = [threading.Thread(target=at_once) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        with psycopg.connect(database.app_dsn) as connection:
            assert connection.execute("UPDATE read.more SET n = 2").rowcount == 1
        with psycopg.connect(owner, autocommit=True) as connection:
            assert missing_migrations(connection, files) == []
            with pytest.raises(MigrationRefused, match=f"{number:04}_more.sql was applied .* too old"):
                missing_migrations(connection)

    def test_a_file_that_fails_leaves_nothing(self, owner: str, files: Path) -> None:
        number = len(read_migrations(files)) + 1
        (files / f"{number:04}_bad.sql").write_text("CREATE TABLE read.half (n int); SELECT nonsense")
        with psycopg.connect(owner, autocommit=True) as connection:
            with pytest.raises(psycopg.errors.UndefinedColumn):
                apply_migrations(connection, APP_ROLE, files)
            row = connection.execute("SELECT to_regclass('read.half')::text").fetchone()
            assert row == (None,)
            assert len(missing_migrations(connection, files)) == 1

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (lambda f: (f / "0001_ledger.sql").open("a").close() or (f / "0001_ledger.sql").write_text("--"), "changed"),
            (lambda f: (f / "0099_gap.sql").write_text(""), "0099_gap.sql: number .* was expected"),
            (lambda f: (f / "9_odd.sql").write_text(""), "9_odd.sql is not named"),
        ],
    )  # fmt: skip
    def test_a_changed_file_a_gap_and_a_wrong_name_are_refused(
        self, owner: str, files: Path, spoil: Callable[[Path], object], said: str
    ) -> None:
        spoil(files)
        with psycopg.connect(owner, autocommit=True) as connection, pytest.raises(MigrationRefused, match=said):
            apply_migrations(connection, APP_ROLE, files)


class TestOpening:
    """From settings to a database."""

    def test_embedded_opens_twice_at_once_and_again(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path / "data")
        with open_database(settings) as database, open_database(settings) as other:
            LedgerRecorder(database).create_ledger("test")
            assert LedgerRecorder(other).open_ledger() == "test"
            with database.pool.connection() as connection:
                refuse_powerful_role(connection)
        with open_database(settings) as again:
            assert LedgerRecorder(again).head()[0] == 1

    def test_the_librarys_dangerous_switch_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
        with pytest.raises(PowerfulRole, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
            open_database(Settings(data_dir=tmp_path / "data"))

    def test_an_outside_server_is_used_as_it_is(self, database: Database, postgres: EmbeddedServer) -> None:
        outside = Settings(database_url=database.app_dsn)
        with pytest.raises(PowerfulRole) as refused:
            open_database(outside)
        assert set(refused.value.findings) == UNSAFE
        empty = postgres.dsn(APP_ROLE, "postgres")
        with pytest.raises(SchemaBehind, match=r"0001_ledger.*nqms migrate"):
            open_database(Settings(database_url=empty))

    def test_an_embedded_server_that_another_program_started_without_fsync_is_refused(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path / "data")
        with EmbeddedServer(settings.data_dir, durable=False), pytest.raises(PowerfulRole) as refused:
            open_database(settings)
        assert set(refused.value.findings) == UNSAFE
        with open_database(settings) as alone:  # our own, as soon as the other is gone
            assert LedgerRecorder(alone).head()[0] == 0

    def test_nobody_there(self, tmp_path: Path) -> None:
        with pytest.raises(psycopg.OperationalError):
            connect(f"host={tmp_path} user=nqms_app", None)

    def test_closing_twice_is_harmless(self, database: Database) -> None:
        again = connect(database.app_dsn, None)
        again.close()
        with suppress(RuntimeError):
            again.close()
        assert again.pool.closed
