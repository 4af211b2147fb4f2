"""What only PostgreSQL can get wrong: busy ledgers, lost connections, a COMMIT whose answer never came."""

import re
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import LiteralString

import psycopg
import pytest
from eventsourcing.persistence import OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra import writer
from infra.database import Database, connect
from infra.recorder import LEDGER_LOCK, LedgerBusy, LedgerRecorder, OutcomeUnknown, VersionConflict
from tests.infra.appends import an_append, new_stream

pytestmark = pytest.mark.req("H3")

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


@pytest.fixture
def cutter(database: Database, recorder: LedgerRecorder) -> Generator[tuple[Cutter, LedgerRecorder]]:
    """A recorder on a created ledger whose every connection goes through a Cutter."""
    address = conninfo_to_dict(database.app_dsn)
    with TemporaryDirectory(prefix="nqc-") as folder:
        cutter = Cutter(Path(folder), f"{address['host']}/.s.PGSQL.5432")
        address["host"] = folder
        with connect(make_conninfo("", **address), None) as through:
            cut = LedgerRecorder(through)
            cut.open_ledger()
            yield cutter, cut
        cutter.end()


class TestUnknownOutcome:
    """The connection is lost while committing: never written twice, never a false conflict, the truth told."""

    @pytest.mark.parametrize("deed", [cut_before, cut_after, commit_late])
    def test_one_cut_is_not_noticed(self, cutter: tuple[Cutter, LedgerRecorder], deed: Deed) -> None:
        proxy, recorder = cutter
        first = an_append(new_stream(), 0, 2)
        proxy.deeds.append(deed)
        appended = recorder.append(first)
        assert proxy.deeds == []
        assert (appended.first_version, appended.last_version, appended.position) == (1, 2, 3)
        assert not appended.replayed
        assert recorder.append(first).replayed
        assert [fact.version for fact in recorder.read_stream(first.stream)] == [1, 2]
        assert recorder.head()[0] == 3
        recorder.append(an_append(first.stream, 2))

    def test_two_cuts_leave_the_outcome_unknown_and_the_repeat_tells(
        self, cutter: tuple[Cutter, LedgerRecorder]
    ) -> None:
        proxy, recorder = cutter
        append = an_append(new_stream())
        proxy.deeds += [cut_before, cut_before]
        with pytest.raises(OutcomeUnknown) as unknown:
            recorder.append(append)
        assert unknown.value.command_id == append.command_id
        assert not recorder.append(append).replayed
        assert recorder.head()[0] == 2

    def test_a_server_that_went_away_after_the_commit(self, cutter: tuple[Cutter, LedgerRecorder]) -> None:
        proxy, recorder = cutter
        append = an_append(new_stream())

        def cut_and_close(data: bytes, client: socket.socket, server: socket.socket) -> None:
            proxy.closed = True
            cut_after(data, client, server)

        proxy.deeds.append(cut_and_close)
        with pytest.raises(OutcomeUnknown):
            recorder.append(append)
        proxy.closed = False
        assert recorder.append(append).replayed
        assert recorder.head()[0] == 2

    def test_a_lost_connection_before_anything_was_written_is_an_ordinary_error(
        self, cutter: tuple[Cutter, LedgerRecorder], database: Database
    ) -> None:
        proxy, recorder = cutter
        proxy.closed = True
        kill_others(database)
        with pytest.raises(OperationalError) as refused:
            recorder.append(an_append(new_stream()))
        assert not isinstance(refused.value, OutcomeUnknown)

    def test_a_conflict_after_a_cut_is_a_true_one(self, cutter: tuple[Cutter, LedgerRecorder]) -> None:
        proxy, recorder = cutter
        stream = new_stream()
        recorder.append(an_append(stream))
        proxy.deeds.append(cut_after)
        with pytest.raises(VersionConflict):
            recorder.append(an_append(stream))


class TestServer:
    """Busy ledgers, killed connections, and the clock of the database."""

    def test_the_database_clock_never_runs_below_the_head(self, recorder: LedgerRecorder, database: Database) -> None:
        recorder.append(an_append(new_stream()))
        ahead = datetime.now(UTC) + timedelta(hours=1)
        with psycopg.connect(database.app_dsn) as connection:
            connection.execute(
                "INSERT INTO ledger.events SELECT 3, %s, 1, occurred_on, command_id, 'x', type, provenance, "
                "actor_person, actor_role, actor_org, on_behalf_of, causation, correlation, salt, commitment, state "
                "FROM ledger.events WHERE position = 2",
                (ahead,),
            )
        recorder.append(an_append(new_stream()))
        assert recorder.head() == (4, ahead)

    def test_a_held_ledger_is_busy_and_nothing_is_written(
        self, recorder: LedgerRecorder, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(writer._SESSION, "lock_timeout", "100ms")
        recorder = LedgerRecorder(database)
        append = an_append(new_stream())
        with psycopg.connect(database.app_dsn) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", (LEDGER_LOCK,))
            with pytest.raises(LedgerBusy):
                recorder.append(append)
        assert not recorder.append(append).replayed

    def test_a_killed_idle_connection_is_replaced(self, recorder: LedgerRecorder, database: Database) -> None:
        recorder.append(an_append(new_stream()))
        kill_others(database)
        assert recorder.append(an_append(new_stream())).position == 3

    def test_a_subscription_survives_the_end_of_its_connection(
        self, recorder: LedgerRecorder, database: Database
    ) -> None:
        far = LedgerRecorder(database)  # another process, as it were: no in-process wake-up
        with recorder.subscribe(gt=1) as following:
            for n in range(3):
                kill_others(database, "query LIKE 'LISTEN%'")
                far.append(an_append(new_stream()))
                assert next(following).id == n + 2

    def test_no_library_table_lock_is_needed(self, recorder: LedgerRecorder, database: Database) -> None:
        with psycopg.connect(database.app_dsn, autocommit=True) as connection, pytest.raises(psycopg.Error):
            connection.execute("LOCK TABLE ledger.events IN EXCLUSIVE MODE")
        assert recorder.append(an_append(new_stream())).position == 2


def kill_others(database: Database, which: LiteralString = "true") -> None:
    assert database.owner_dsn is not None
    superuser = database.owner_dsn.replace("user=nqms_owner", "user=postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND " + which
        )
