"""A backup: the database, the documents and the log's files in one folder, with a manifest of their digests.

Keys are not in it, neither those of the vault nor the one that signs: a backup that held both could undo an erasure, and
sign another history. The order of the copies makes them fit together while others go on writing: the log's files stand
still while they are copied and cover no more than the database that is copied next; a document is there before the event
that cites it, so documents come last.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from typing import Final

import msgspec
import psycopg

from infra.database import DATABASE, EmbeddedServer
from infra.ledger_state import LedgerState, NoLedger, read_state
from infra.log_files import CHECKPOINT, LogFolder
from infra.postgres_programs import ProgramFailed, base_backup, dump, follow
from infra.settings import Settings

FORMAT: Final = "nqms backup v1"
MANIFEST: Final = "manifest.json"
CLUSTER: Final = "postgres"
DUMP: Final = "database.dump"
LOG: Final = "log"
DOCUMENTS: Final = "documents"
FOLLOWED: Final = "wal"
TICK: Final = 1.0
_BLOCK: Final = 1 << 20
_DROP_LEFT = """SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
WHERE slot_name LIKE 'nqms_follow_%' AND NOT active AND inactive_since < now() - interval '1 hour'"""
Progress = Callable[[str], None]
"""Told what is being done."""


class BackupRefused(RuntimeError):
    """A backup cannot be made or used as things are; the message says why. Nothing was changed."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. ``files``: bytes and SHA-256 of each, by its path; ``root``: hex, over the first ``events``.

    A base backup holds at least these events, and all that were acknowledged before it was complete; a dump exactly these.
    """

    format: str
    made_at: str
    origin: str
    server: int
    migrations: int
    events: int
    root: str
    key: str | None
    checkpoint: str | None
    files: dict[str, tuple[int, str]]

    @property
    def is_dump(self) -> bool:
        """Whether the database is there as a dump, not as a cluster."""
        return DUMP in self.files


@dataclass(frozen=True)
class Following:
    """Keep a backup up to date until ``until`` is set; ``meanwhile`` is called again and again."""

    until: Signal
    meanwhile: Callable[[], object]


def back_up(settings: Settings, folder: Path, told: Progress, following: Following | None = None) -> Manifest:
    """Make a backup in a folder that is empty or not there. BackupRefused, NoLedger, ProgramFailed, EmbeddedServerError.

    With ``following`` it is then kept up to date with all that is recorded and handed in.
    """
    _new_folder(folder)
    with _server(settings) as (address, embedded), _write_ahead(address, embedded, folder, following) as receiving:
        manifest = _made(settings, folder, address, embedded, told)
        if receiving is not None and following is not None:
            told(f"{manifest.events:,} events are backed up; following")
            _keep_up(settings, folder, receiving, following)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. BackupRefused when there is none, or another kind of one."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupRefused(f"{folder} holds no finished backup: it has no {MANIFEST}") from None
    except msgspec.MsgspecError as error:
        raise BackupRefused(f"{folder / MANIFEST} cannot be read: {error}") from None
    if manifest.format != FORMAT:
        raise BackupRefused(f"{folder} is {manifest.format!r}, and this program reads {FORMAT!r}")
    return manifest


def differences(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Every file that is not as the manifest says, or that it does not know."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name, (size, digest) in sorted(manifest.files.items()):
        if name not in there:
            yield f"{name} is missing"
        elif _measured(folder / name) != (size, digest):
            yield f"{name} is not what was backed up"
    came_later = (f"{FOLLOWED}/", f"{DOCUMENTS}/") if (folder / FOLLOWED).is_dir() else ()
    for name in sorted(there - manifest.files.keys() - {MANIFEST}):
        if not name.startswith(came_later):
            yield f"{name} is not in the manifest"


def copy_file(source: Path, target: Path) -> None:
    """Copy one file, for its owner alone."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source.open("rb") as read, os.fdopen(descriptor, "wb") as written:
        shutil.copyfileobj(read, written, _BLOCK)


def copy_new(source: Path, target: Path) -> int:
    """Copy every file that the target lacks, but unfinished ones (their names begin with a dot); how many."""
    copied = 0
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted(source.rglob("*")):
        there = target / path.relative_to(source)
        if path.is_file() and path.name[0] != "." and not there.exists():
            beside = there.with_name(f".{there.name}.new")
            beside.unlink(missing_ok=True)
            try:
                copy_file(path, beside)
            except FileNotFoundError:  # erased this very moment
                continue
            beside.rename(there)
            copied += 1
    return copied


# --- steps ------------------------------------------------------------------------------------------------------------


def _made(settings: Settings, folder: Path, address: str, embedded: bool, told: Progress) -> Manifest:
    state = _state(address)
    told(f"{state}; copying the log")
    key, checkpoint = _copy_log(settings.data_dir / LOG, folder / LOG)
    told("copying the database")
    if embedded:
        base_backup(address, folder / CLUSTER)
    else:
        state = _dump(address, folder / DUMP)
    told("copying the documents")
    copy_new(settings.data_dir / DOCUMENTS, folder / DOCUMENTS)
    manifest = _manifest(folder, state, key, checkpoint)
    os.sync()
    _write(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


@contextmanager
def _server(settings: Settings) -> Generator[tuple[str, bool]]:
    """The address of the database for a role that may copy it, and whether it is the embedded one."""
    if settings.database_url is not None:
        if settings.migrate_url is None:
            raise BackupRefused(
                "name the address of the role that owns the schema in NQMS_MIGRATE_URL: it is dumped by it"
            )
        yield settings.migrate_url, False
        return
    server = EmbeddedServer(settings.data_dir)
    if not (server.cluster / "PG_VERSION").exists():
        raise NoLedger(f"there is no ledger in {settings.data_dir}")
    with server:
        yield server.dsn(database=DATABASE), True


def _new_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise BackupRefused(f"{folder} is not empty: each backup goes into a folder of its own")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(folder, 0o700)


def _state(address: str) -> LedgerState:
    with psycopg.connect(address) as connection:
        return read_state(connection)


def _dump(address: str, file: Path) -> LedgerState:
    """A dump, and the state of exactly what it holds."""
    with psycopg.connect(address) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        dump(address, file, str(row[0]) if row else None)
        return read_state(connection)


def _copy_log(source: Path, target: Path) -> tuple[str | None, str | None]:
    """The log's files as they are at one moment; its key and its checkpoint."""
    target.mkdir(mode=0o700)
    if not source.is_dir():
        return None, None
    with LogFolder(source).turn():
        copy_new(source, target)
    read = LogFolder(target).read
    key, checkpoint = read("key"), read(CHECKPOINT)
    return key.decode().strip() if key else None, checkpoint.decode() if checkpoint else None


def _manifest(folder: Path, state: LedgerState, key: str | None, checkpoint: str | None) -> Manifest:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder) for path in paths}
    files = {name.as_posix(): _measured(path) for path, name in names.items() if name.parts[0] != FOLLOWED}
    return Manifest(
        format=FORMAT,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        origin=state.origin,
        server=state.server,
        migrations=state.migrations,
        events=state.events,
        root=state.root.hex(),
        key=key,
        checkpoint=checkpoint,
        files=files,
    )


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


@contextmanager
def _write_ahead(
    address: str, embedded: bool, folder: Path, following: Following | None
) -> "Generator[subprocess.Popen[bytes] | None]":
    """The write-ahead log being copied, from before the base backup on, so that nothing is between them."""
    if following is None:
        yield None
        return
    if not embedded:
        raise BackupRefused("the write-ahead log of an outside server is its operator's to keep")
    with _slot(address) as slot:
        receiving = follow(address, folder / FOLLOWED, slot)
        try:
            yield receiving
        finally:
            receiving.send_signal(signal.SIGINT)
            receiving.wait(300)
            if receiving.stderr:
                receiving.stderr.close()


@contextmanager
def _slot(address: str) -> Generator[str]:
    """A slot for one follower, by which the server keeps what was not copied yet, up to a bound; gone at the end, as those
    are that a killed follower left."""
    name = f"nqms_follow_{os.getpid()}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(_DROP_LEFT)
        connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", (name,))
    try:
        yield name
    finally:
        with suppress(psycopg.OperationalError), psycopg.connect(address, autocommit=True) as connection:
            connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))


def _keep_up(settings: Settings, folder: Path, receiving: "subprocess.Popen[bytes]", following: Following) -> None:
    ended = False
    while not ended:
        ended = following.until.wait(TICK) or receiving.poll() is not None
        copy_new(settings.data_dir / DOCUMENTS, folder / DOCUMENTS)
        following.meanwhile()
    if receiving.poll() is not None:
        said = (receiving.stderr.read() if receiving.stderr else b"").decode(errors="replace").strip()
        raise ProgramFailed(f"the write-ahead log is not followed any more: {said}")
