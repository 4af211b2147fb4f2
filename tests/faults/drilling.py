"""What the drills need: a ledger with history in a folder of its own, people who go on writing, and a disaster."""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import psycopg
from typer.testing import CliRunner, Result

from api.cli import app
from api.cli_session import OPERATOR
from domain.language import Role
from domain.listing import RegisterProgram
from infra.database import DATABASE, EmbeddedServer
from infra.ledger_state import LedgerState, read_state
from infra.merkle import leaf_hash, root_of
from infra.wiring import Service


def run(folder: Path, *words: str, code: int = 0, at: Mapping[str, str] = MappingProxyType({})) -> Result:
    """A verb on the ledger of a folder, or of the addresses that settings name; the exit code is as expected."""
    given = {"NQMS_DATA_DIR": str(folder), "COLUMNS": "220", **at}
    result = CliRunner().invoke(app, list(words), env=given)
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


def copied(source: Path, target: Path) -> Path:
    """A copy of a data folder, owners and all."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def state_of(folder: Path) -> LedgerState:
    """How many events the ledger of a folder has, and the root over them."""
    with EmbeddedServer(folder) as server, psycopg.connect(server.dsn(database=DATABASE)) as connection:
        return read_state(connection)


def root_of_first(folder: Path, size: int) -> bytes:
    """The root over the first events of a ledger, computed here from its rows."""
    with EmbeddedServer(folder) as server, psycopg.connect(server.dsn(database=DATABASE)) as connection:
        query = "SELECT commitment FROM ledger.events WHERE position <= %s ORDER BY position"
        return root_of(leaf_hash(row[0]) for row in connection.execute(query, (size,)))


@dataclass(frozen=True)
class Acknowledged:
    """An answer that somebody got: the position, and how far the write-ahead log was by then."""

    position: int
    reached: int


def in_bytes(place: str) -> int:
    """A place in the write-ahead log, as ``0/15D6A40``, as a number."""
    high, _, low = place.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def ended_at(backup: Path) -> int:
    """Where in the write-ahead log a base backup was complete."""
    manifest = json.loads((backup / "postgres" / "backup_manifest").read_text())
    return max(in_bytes(one["End-LSN"]) for one in manifest["WAL-Ranges"])


class Writers:
    """Some threads that register one program after the other, and remember every answer they got."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.answers: list[Acknowledged] = []
        self.faults: list[Exception] = []

    def register(self) -> Acknowledged:
        """One program more."""
        service = self._service
        affiliate = next(a for a in service.ledger.shelf().affiliates() if a.jurisdictions and not a.ended_on)
        name = f"Program {uuid4().hex[:12]}"
        body: dict[str, Any] = {"legal_name": name, "display_name": name, "affiliate": affiliate.affiliate_id}
        body |= {"jurisdiction": affiliate.jurisdictions[0], "city": "Somewhere", "began_operating_on": "2015-03-01"}
        body |= {"models": ["one_to_one"], "ages": [8, 17], "serves_youth": True, "connector_ref": name[8:]}
        done = service.ledger.execute(
            str(uuid4()), RegisterProgram, body, person=OPERATOR, standing=frozenset({Role.OPERATOR})
        )
        with service.database.pool.connection() as connection:
            row: Any = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
        assert done.position is not None
        answer = Acknowledged(done.position, in_bytes(row[0]))
        self.answers.append(answer)
        return answer

    @contextmanager
    def writing(self, threads: int = 3) -> Generator[None]:
        """They write while this lasts."""
        stop = threading.Event()

        def write() -> None:
            try:
                while not stop.is_set():
                    self.register()
            except Exception as error:  # noqa: BLE001  told to the test
                self.faults.append(error)

        working = [threading.Thread(target=write) for _ in range(threads)]
        for thread in working:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in working:
                thread.join(60)
        assert self.faults == []


@contextmanager
def signing(service: Service) -> Generator[None]:
    """The log is kept up to date while this lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=service.log.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def kill_server(folder: Path) -> None:
    """SIGKILL to the server of a folder, and to no other."""
    pid = EmbeddedServer(folder).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def destroy(folder: Path, keys: Path) -> None:
    """The folder is gone. Keys were kept apart before."""
    assert any(keys.rglob("*.key"))
    shutil.rmtree(folder)
