"""Upgrading a ledger: from an earlier schema by migrations, from an earlier PostgreSQL by dumping and loading.

The state of the ledger (its name, how many events, the root over them) is taken before and after; they have to be the
same. The old cluster is not changed and stays beside the new one until a person removes it.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from infra.backup import Progress
from infra.database import (
    DATABASE,
    EmbeddedServer,
    EmbeddedServerError,
    OtherMajorVersion,
    create_database,
    create_roles,
    migrate,
)
from infra.embedded import UPGRADING
from infra.ledger_state import LedgerState, NoLedger, read_state
from infra.postgres_programs import dump, load
from infra.postmaster import binaries, major_version
from infra.settings import Settings
from infra.verification import Check, verify
from infra.wiring import open_service

_LOADED = "loaded"


class UpgradeRefused(RuntimeError):
    """The upgrade cannot be made, or lost something; the message says what. The old cluster is there as it was."""


@dataclass(frozen=True)
class Upgraded:
    """What it was before and is now, which folder holds the old cluster, and every check of the verification."""

    before: LedgerState
    after: LedgerState
    old_cluster: Path | None
    checks: Sequence[Check]


def upgrade(settings: Settings, older: Path | None, told: Progress) -> Upgraded:
    """Bring the ledger that the settings name to this version of the program, and verify it. UpgradeRefused, NoLedger,
    EmbeddedServerError, MigrationRefused.

    ``older``: the folder of the programs (postgres and the like) of the PostgreSQL that made the cluster, where that is
    of another major version than the one that comes with this program.
    """
    kept = None
    if settings.database_url is not None:
        before = _outside(settings)
    else:
        server = EmbeddedServer(settings.data_dir)
        kept = _finish(server)
        if not (server.cluster / "PG_VERSION").exists():
            raise NoLedger(f"there is no ledger in {settings.data_dir}")
        found = (server.cluster / "PG_VERSION").read_text().strip()
        if found == major_version(binaries()):
            before = _state(server)
        else:
            before, kept = _major(server, found, older, told)
    return _opened(settings, before, kept, told)


def _outside(settings: Settings) -> LedgerState:
    """Migrations on an outside server, whose own versions are its operator's matter."""
    if settings.migrate_url is None:
        raise UpgradeRefused("name the address of the role that owns the schema in NQMS_MIGRATE_URL")
    with psycopg.connect(settings.migrate_url) as connection:
        before = read_state(connection)
    migrate(settings.migrate_url, settings.database_url)
    return before


def _opened(settings: Settings, before: LedgerState, kept: Path | None, told: Progress) -> Upgraded:
    told("applying migrations and verifying")
    with open_service(settings) as service:
        with service.database.pool.connection() as connection, connection.transaction():
            after = read_state(connection)
        if not after.same_events(before):
            raise UpgradeRefused(f"before: {before}; after: {after}")
        service.projector.catch_up()
        checks = verify(service, lambda name, done, total: told(f"{name} {done:,} of {total:,}"))
    return Upgraded(before, after, kept, checks)


def _major(server: EmbeddedServer, found: str, older: Path | None, told: Progress) -> tuple[LedgerState, Path]:
    """The cluster of another major version, dumped and loaded into a new one that takes its place."""
    ours = major_version(binaries())
    if older is None or int(found) > int(ours):
        raise OtherMajorVersion(server.cluster, found, ours)
    if major_version(older) != found:
        raise UpgradeRefused(
            f"{older} holds PostgreSQL {major_version(older)}; PostgreSQL {found} made {server.cluster}"
        )
    if server.in_use():
        raise EmbeddedServerError(f"another program works on {server.cluster}; stop it first")
    building = server.data_dir / UPGRADING
    new = EmbeddedServer(building)
    if (new.cluster / "PG_VERSION").exists():  # left by one that was killed; its server may be running
        new.start()
        new.stop()
    shutil.rmtree(building, ignore_errors=True)
    old = EmbeddedServer(server.data_dir, programs=older)
    with new, old:
        told(f"loading what PostgreSQL {found} holds into PostgreSQL {ours}")
        before = _carried(old, new, building / "dump", told)
    (building / _LOADED).write_text(f"{found}\n")
    kept = _finish(server)
    assert kept is not None  # it was marked as loaded
    return before, kept


def _carried(old: EmbeddedServer, new: EmbeddedServer, file: Path, told: Progress) -> LedgerState:
    before = _of(old.dsn(database=DATABASE))
    told(f"{before}")
    dump(old.dsn(database=DATABASE), file)
    create_roles(new)
    create_database(new, DATABASE)
    load(new.dsn(database=DATABASE), file)
    file.unlink()
    after = _of(new.dsn(database=DATABASE))
    if not after.same_events(before):
        raise UpgradeRefused(f"it was not carried over whole: before {before}; after {after}")
    return before


def _finish(server: EmbeddedServer) -> Path | None:
    """Let a loaded cluster take the place of the old one, also where a crash came between; where the old one is then."""
    building = server.data_dir / UPGRADING
    mark = building / _LOADED
    if not mark.exists():
        return None
    kept = server.data_dir / f"postgres-{mark.read_text().strip()}"
    if (building / "postgres").exists():
        if (server.cluster / "PG_VERSION").exists():
            server.cluster.rename(kept)
        shutil.rmtree(server.cluster, ignore_errors=True)
        (building / "postgres").rename(server.cluster)
    shutil.rmtree(building)
    return kept


def _state(server: EmbeddedServer) -> LedgerState:
    with server:
        return _of(server.dsn(database=DATABASE))


def _of(address: str) -> LedgerState:
    with psycopg.connect(address) as connection:
        return read_state(connection)
