"""The composition root: from settings to a running service. The only place where the parts meet."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import msgspec

from infra import clock as announcing
from infra.database import Database, open_database
from infra.documents import DocumentStore
from infra.erasing import finish
from infra.keyring import Keyring
from infra.ledger import Ledger
from infra.matters import Matters
from infra.notes import origin_of
from infra.projector import Projector
from infra.reading import Reading
from infra.recorder import LEDGER_OPENED, LedgerRecorder
from infra.settings import Settings
from infra.snapshots import Snapshots
from infra.transparency import TransparencyLog
from infra.vault import Vault

ORIGIN = "nqms"

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Service:
    """Everything a door needs, put together once."""

    settings: Settings
    database: Database
    keyring: Keyring
    vault: Vault
    documents: DocumentStore
    ledger: Ledger
    projector: Projector
    reading: Reading
    matters: Matters
    log: TransparencyLog
    snapshots: Snapshots


def recording_clock(database: Database, clock: Clock | None) -> Clock | None:
    """The clock for opening the ledger that is there: none for a real one; for a simulated one the clock given, else
    the wall clock (a story told by a simulated clock goes on in real time)."""
    first = LedgerRecorder(database).read(0, 1)
    if not first or first[0].type != LEDGER_OPENED:
        return clock
    simulated = msgspec.json.decode(first[0].state, type=dict[str, str])["clock"] == "simulated"
    return (clock or (lambda: datetime.now(UTC))) if simulated else None


def private_folder(path: Path) -> Path:
    """The folder, made if missing, open to nobody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(path, 0o700)
    return path


def assemble(settings: Settings, database: Database, clock: Clock | None = None) -> Service:
    """The service on an open database. Creates the ledger where there is none: simulated if a clock is given."""
    ledger_clock = recording_clock(database, clock)
    recorder = LedgerRecorder(database, ledger_clock)
    recorder.create_ledger(ORIGIN)
    folder = private_folder(settings.data_dir)
    keyring = Keyring(folder / "keys")
    vault = Vault(database.pool, keyring)
    documents = DocumentStore(folder / "documents", keyring, database.pool)
    finish(recorder, vault, documents)
    ledger = Ledger(recorder, vault, documents, ledger_clock)
    projector = Projector(database, recorder)
    reading, matters = Reading(database), Matters(database)
    log = _log(settings, database, recorder, folder)
    snapshots = Snapshots(database, ledger, log)
    return Service(settings, database, keyring, vault, documents, ledger, projector, reading, matters, log, snapshots)


def _log(settings: Settings, database: Database, recorder: LedgerRecorder, folder: Path) -> TransparencyLog:
    """The log over the ledger; its files lie beside the documents, its keys beside those of the vault."""
    (first,) = recorder.read(0, 1)
    keys = folder / "keys" / "log"
    return TransparencyLog(
        database,
        folder / "log",
        keys,
        origin_of(first.state, first.commitment),
        settings.witness_keys,
        settings.witness_quorum,
    )


@contextmanager
def open_empty(settings: Settings) -> Generator[tuple[Database, Vault, DocumentStore]]:
    """The database without a ledger being opened in it, and where words and documents go: for loading a whole one."""
    with open_database(settings) as database:
        folder = private_folder(settings.data_dir)
        keyring = Keyring(folder / "keys")
        documents = DocumentStore(folder / "documents", keyring, database.pool)
        yield database, Vault(database.pool, keyring), documents


@contextmanager
def open_service(settings: Settings, clock: Clock | None = None, *, run_loops: bool = False) -> Generator[Service]:
    """The service, closed at the end; with ``run_loops`` threads keep the read models and the log up to date and
    announce what comes due and publish the directory of each day meanwhile."""
    with open_database(settings) as database:
        service = assemble(settings, database, clock)
        if not run_loops:
            yield service
            return
        clock_loop = announcing.Clock(service.ledger, service.reading).run
        with looping(service.projector.run, clock_loop, service.log.run, service.snapshots.run):
            yield service


@contextmanager
def looping(*loops: Callable[[Signal], None]) -> Generator[None]:
    """Loops, each in a thread of its own, while the block runs."""
    stop = Signal()
    threads = [Thread(target=loop, args=(stop,), daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=10)
