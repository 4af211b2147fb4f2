"""What breaks on purpose: connections cut at the worst moment, backends ended from outside."""

import re
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.database import Database, connect
from infra.recorder import LedgerRecorder

Deed = Callable[[bytes, socket.socket, socket.socket], None]


class Cutter:
    """A proxy on a unix socket. When a COMMIT passes it does the next of its `deeds` once, then lets all pass."""

    def __init__(self, folder: Path, server: str) -> None:
        self.deeds: list[Deed] = []
        self.closed = False
        self._server = server
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / ".s.PGSQL.5432"))
        self._door.listen()
        self._sockets: list[socket.socket] = [self._door]
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, target: Callable[..., None], *sockets: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=sockets, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            if self.closed:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            self._sockets += (client, server)
            server.connect(self._server)
            self._run(self._up, client, server)
            self._run(_pass_on, server, client)

    def end(self) -> None:
        """Close every socket and wait for every thread."""
        for one in self._sockets:
            _drop(one)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        while data := _receive(client):
            if self.deeds and re.search(rb"\bCOMMIT\b", data):
                self.deeds.pop(0)(data, client, server)
            else:
                _send(server, data)
        _drop(server)


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""


def _send(target: socket.socket, data: bytes) -> None:
    try:
        target.sendall(data)
    except OSError:
        return


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    while data := _receive(source):
        _send(target, data)
    _drop(target)


def _drop(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def cut_before(_: bytes, client: socket.socket, server: socket.socket) -> None:
    """The COMMIT never arrives: the server rolls back."""
    _drop(server)
    _drop(client)


def cut_after(data: bytes, client: socket.socket, server: socket.socket) -> None:
    """The COMMIT arrives and is carried out, its answer never comes back."""
    _drop(client)
    _send(server, data)


def commit_late(data: bytes, client: socket.socket, server: socket.socket) -> None:
    """The client believes the connection lost while the old backend is about to commit."""
    _drop(client)
    time.sleep(0.5)
    _send(server, data)


@contextmanager
def through(database: Database) -> Generator[tuple[Cutter, LedgerRecorder]]:
    """A recorder whose every connection goes through a Cutter."""
    address = conninfo_to_dict(database.app_dsn)
    with TemporaryDirectory(prefix="nqc-") as folder:
        cutter = Cutter(Path(folder), f"{address['host']}/.s.PGSQL.5432")
        address["host"] = folder
        with connect(make_conninfo("", **address), None) as cut:
            yield cutter, LedgerRecorder(cut)
        cutter.end()


def kill_others(database: Database, which: LiteralString = "true") -> None:
    """End all other backends of the database, or those of pg_stat_activity that `which` names."""
    assert database.owner_dsn is not None
    superuser = database.owner_dsn.replace("user=nqms_owner", "user=postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND " + which
        )
