"""Restoring a backup into an empty place, and refusing it when anything in it is not what was backed up.

First every file is held against the manifest. Then the database is put in place and started, the log signs where it is
now, and the whole verification runs, also against checkpoints that were kept elsewhere: a backup that is older than one
of them is named for what it is, a rollback. What is refused leaves the place as empty as it was.
"""

import contextlib
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from infra.backup import (
    CLUSTER,
    DOCUMENTS,
    DUMP,
    FOLLOWED,
    LOG,
    BackupRefused,
    Manifest,
    Progress,
    copy_file,
    copy_new,
    differences,
    read_manifest,
)
from infra.database import EmbeddedServer, migrate
from infra.key_copies import copy_keys
from infra.ledger_state import NoLedger, read_state
from infra.log_files import LogDiverged
from infra.log_keys import LostKey
from infra.notes import Checkpoint, Note
from infra.postgres_programs import load
from infra.postmaster import binaries, major_version
from infra.settings import Settings
from infra.verification import Check, verify
from infra.wiring import open_service

KEYS = "keys"
MOST_NAMED = 50


class RestoreRefused(RuntimeError):
    """What was restored is not what it should be; the place is empty again. ``findings``: one sentence each."""

    def __init__(self, findings: Sequence[str]) -> None:
        named = [f"  - {one}" for one in findings[:MOST_NAMED]]
        more = len(findings) - len(named)
        super().__init__(
            "\n".join(["the backup was not restored:", *named, *([f"  and {more} more"] if more > 0 else [])])
        )
        self.findings = tuple(findings)


@dataclass(frozen=True)
class Restored:
    """What was restored: how many events there are now, and every check of the verification."""

    manifest: Manifest
    events: int
    checks: list[Check]
    unsigned: str | None
    """Why the log does not sign, where the signing key is lost."""


def restore(
    settings: Settings, folder: Path, keys: Path | None, kept: Sequence[Checkpoint], told: Progress
) -> Restored:
    """Restore a backup into the empty place that the settings name. BackupRefused, RestoreRefused; EmbeddedServerError.

    ``keys``: the folder of the copied keys, where they are not in their place already. ``kept``: checkpoints of the log
    that were kept elsewhere, which the restored ledger has to cover.
    """
    manifest = read_manifest(folder)
    _refuse_used(settings, manifest, keys)
    told(f"reading {len(manifest.files):,} files")
    if found := list(differences(folder, manifest)):
        raise RestoreRefused(found)
    with _emptied_on_failure(settings, manifest):
        told("putting files in place")
        copy_new(folder / LOG, settings.data_dir / LOG)
        copy_new(folder / DOCUMENTS, settings.data_dir / DOCUMENTS)
        if keys is not None:
            copy_keys(keys, settings.data_dir / KEYS)
        _database(settings, folder, manifest)
        return _verified(settings, manifest, kept, told)


def _refuse_used(settings: Settings, manifest: Manifest, keys: Path | None) -> None:
    """BackupRefused unless the place is empty and the backup fits it."""
    there = [name for name in (CLUSTER, LOG, DOCUMENTS) if (settings.data_dir / name).exists()]
    if there:
        raise BackupRefused(
            f"{settings.data_dir} holds {', '.join(there)} already: a backup is restored into an empty place"
        )
    if keys is None and not (settings.data_dir / KEYS).is_dir():
        raise BackupRefused(
            f"the keys are not in a backup: name the folder of their copy with --keys, or put it into {settings.data_dir / KEYS}"
        )
    if manifest.is_dump != (settings.database_url is not None):
        made, needs = (
            ("an outside server", "NQMS_DATABASE_URL")
            if manifest.is_dump
            else ("an embedded database", "no NQMS_DATABASE_URL")
        )
        raise BackupRefused(f"this backup is of {made}; restoring it needs {needs}")
    if manifest.is_dump:
        _refuse_ledger(settings)
    elif str(manifest.server) != (ours := major_version(binaries())):
        raise BackupRefused(
            f"PostgreSQL {manifest.server} made this backup, and this program brings PostgreSQL {ours}: "
            "restore it with the version of the program that made it, then run `nqms upgrade` with this one"
        )


def _refuse_ledger(settings: Settings) -> None:
    """BackupRefused when the outside database holds a ledger."""
    if settings.migrate_url is None:
        raise BackupRefused("name the address of the role that owns the empty database in NQMS_MIGRATE_URL")
    with psycopg.connect(settings.migrate_url) as connection, contextlib.suppress(NoLedger):
        read_state(connection)
        raise BackupRefused("the database holds a ledger already: a backup is restored into an empty one")


@contextmanager
def _emptied_on_failure(settings: Settings, manifest: Manifest) -> Generator[None]:
    """Takes away again what was put in place, when it is refused; keys stay."""
    try:
        yield
    except BaseException:
        for name in (CLUSTER, LOG, DOCUMENTS, "postgres.new", "postgres-socket", "postgres-leases"):
            shutil.rmtree(settings.data_dir / name, ignore_errors=True)
        if manifest.is_dump and settings.migrate_url is not None:
            with psycopg.connect(settings.migrate_url, autocommit=True) as connection:
                connection.execute("DROP SCHEMA IF EXISTS ledger, vault, read, operations CASCADE")
        raise


def _database(settings: Settings, folder: Path, manifest: Manifest) -> None:
    if settings.migrate_url is not None and manifest.is_dump:
        load(settings.migrate_url, folder / DUMP, owned=False)
        migrate(settings.migrate_url, settings.database_url)
        return

    def fill(cluster: Path) -> None:
        for path in sorted((folder / CLUSTER).rglob("*")):
            there = cluster / path.relative_to(folder / CLUSTER)
            if path.is_dir():
                there.mkdir(mode=0o700, exist_ok=True)
            else:
                copy_file(path, there)
        for path in sorted((folder / FOLLOWED).glob("*")):  # replayed after what the base backup holds
            there = cluster / "pg_wal" / path.name.removesuffix(".partial")
            there.unlink(missing_ok=True)
            copy_file(path, there)

    EmbeddedServer(settings.data_dir).place(fill)


def _verified(settings: Settings, manifest: Manifest, kept: Sequence[Checkpoint], told: Progress) -> Restored:
    told("starting the database")
    unsigned = None
    held = [Checkpoint(manifest.origin, manifest.events, bytes.fromhex(manifest.root)), *kept]
    if manifest.checkpoint is not None:
        held.append(Checkpoint.parse(Note.parse(manifest.checkpoint).text))
    with open_service(settings) as service:
        try:
            service.log.catch_up()
        except LostKey as lost:
            unsigned = str(lost)
        except LogDiverged as diverged:
            raise RestoreRefused([str(diverged)]) from None
        told("verifying")
        checks = verify(service, lambda name, done, total: told(f"{name} {done:,} of {total:,}"), held)
        events = service.ledger.recorder.head()[0]
    if found := [f"{check.name}: {one}" for check in checks for one in check.divergences]:
        raise RestoreRefused(found)
    return Restored(manifest, events, checks, unsigned)
