"""The schema as numbered files: infra/sql/NNNN_title.sql, applied once each, in order, recorded with their hash."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import sql

Connection = psycopg.Connection[tuple[object, ...]]

FOLDER = Path(__file__).with_name("sql")
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK = 0x6E716D73_6D696772  # "nqmsmigr"
_RECORD = """
CREATE SCHEMA IF NOT EXISTS operations;
CREATE TABLE IF NOT EXISTS operations.migrations (
    number     int         PRIMARY KEY,
    title      text        NOT NULL,
    sha256     bytea       NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)"""


class MigrationRefused(RuntimeError):
    """The migration files and the database do not agree; the message names the file. Nothing was changed."""


@dataclass(frozen=True)
class Migration:
    """One file: its number (from 1, without gaps), title, text and the SHA-256 of its bytes."""

    number: int
    title: str
    text: str
    sha256: bytes


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """All migrations of a folder in order. MigrationRefused on a misnamed file, a gap or a number used twice."""
    found: list[Migration] = []
    for file in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise MigrationRefused(f"{file.name} is not named NNNN_title.sql")
        content = file.read_bytes()
        digest = hashlib.sha256(content).digest()
        found.append(Migration(int(match[1]), match[2], content.decode(), digest))
        if found[-1].number != len(found):
            raise MigrationRefused(f"{file.name}: number {len(found):04} was expected here (a gap, or one used twice)")
    return found


def migrate(connection: Connection, app_role: str, folder: Path = FOLDER) -> list[Migration]:
    """Apply what is missing, each file in its own transaction, and grant `app_role` its rights; return what was new.

    `connection` is autocommit and logged in as the role that owns the schema. Two programs may do this at once: the
    second waits. MigrationRefused when an applied file was changed or is missing.
    """
    migrations = read_migrations(folder)
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        applied = _applied(connection)
        _compare(migrations, applied)
        new = migrations[len(applied) :]
        for migration in new:
            with connection.transaction():
                connection.execute(cast(LiteralString, migration.text), prepare=False)
                connection.execute(
                    "INSERT INTO operations.migrations (number, title, sha256) VALUES (%s, %s, %s)",
                    (migration.number, migration.title, migration.sha256),
                )
                grant(connection, app_role)
        if not new and not _granted(connection, app_role):
            grant(connection, app_role)
        return new
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def missing_migrations(connection: Connection, folder: Path = FOLDER) -> list[Migration]:
    """What is not applied yet, as seen by any role. MigrationRefused when an applied file was changed."""
    migrations = read_migrations(folder)
    known = connection.execute("SELECT to_regclass('operations.migrations')").fetchone()
    applied = _rows(connection) if known is not None and known[0] is not None else []
    _compare(migrations, applied)
    return migrations[len(applied) :]


def grant(connection: Connection, app_role: str) -> None:
    """Give the application's role exactly its rights, also on tables that later migrations brought."""
    statements: Sequence[LiteralString] = (
        "GRANT USAGE ON SCHEMA ledger, vault, read, operations TO {role}",
        "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA ledger TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA vault, read TO {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA read TO {role}",
        "GRANT SELECT ON operations.migrations TO {role}",
    )
    with connection.transaction():
        for statement in statements:
            connection.execute(sql.SQL(statement).format(role=sql.Identifier(app_role)))


def _granted(connection: Connection, app_role: str) -> bool:
    # Asked first: granting again would rewrite catalogue rows, which collides with whoever else does at that moment.
    question = "SELECT has_schema_privilege(%s, 'ledger', 'USAGE') AND has_schema_privilege(%s, 'operations', 'USAGE')"
    return connection.execute(question, (app_role, app_role)).fetchone() == (True,)


def _applied(connection: Connection) -> list[tuple[int, str, bytes]]:
    exists = connection.execute("SELECT to_regclass('operations.migrations')").fetchone()
    if exists is None or exists[0] is None:
        connection.execute(_RECORD, prepare=False)
    return _rows(connection)


def _rows(connection: Connection) -> list[tuple[int, str, bytes]]:
    rows = connection.execute("SELECT number, title, sha256 FROM operations.migrations ORDER BY number").fetchall()
    return cast(list[tuple[int, str, bytes]], rows)


def _compare(migrations: list[Migration], applied: list[tuple[int, str, bytes]]) -> None:
    for index, (number, title, digest) in enumerate(applied):
        name = f"{number:04}_{title}.sql"
        if number != index + 1:
            raise MigrationRefused(f"{index + 1:04} was never applied to this database, but {name} was")
        if index >= len(migrations):
            raise MigrationRefused(f"{name} was applied to this database, but this program does not have it: too old?")
        if migrations[index].sha256 != digest:
            raise MigrationRefused(f"{name} was changed after it was applied; add a new migration instead")
