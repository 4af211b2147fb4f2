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

from infra.database import Database, open_database
from infra.documents import DocumentStore
from infra.keyring import Keyring
from infra.ledger import Ledger
from infra.projector import Projector
from infra.reading import Reading
from infra.recorder import LEDGER_OPENED, LedgerRecorder
from infra.settings import Settings
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
    ledger = Ledger(recorder, vault, documents, ledger_clock)
    projector = Projector(database, recorder)
    return Service(settings, database, keyring, vault, documents, ledger, projector, Reading(database))


@contextmanager
def open_service(settings: Settings, clock: Clock | None = None, *, run_projector: bool = False) -> Generator[Service]:
    """The service, closed at the end; with ``run_projector`` a thread keeps the read models up to date meanwhile."""
    with open_database(settings) as database:
        service = assemble(settings, database, clock)
        if not run_projector:
            yield service
            return
        stop = Signal()
        thread = Thread(target=service.projector.run, args=(stop,), name="projector", daemon=True)
        thread.start()
        try:
            yield service
        finally:
            stop.set()
            thread.join(timeout=10)
