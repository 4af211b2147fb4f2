"""What only PostgreSQL can get wrong: busy ledgers, lost connections, a COMMIT whose answer never came."""

import socket
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import DataError, IntegrityError, OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra import writer
from infra.database import Database, connect
from infra.recorder import (
    LEDGER_LOCK,
    Append,
    Claim,
    ClaimTaken,
    LedgerBusy,
    LedgerRecorder,
    OutcomeUnknown,
    VersionConflict,
)
from tests.faults.breaking import Cutter, Deed, commit_late, cut_after, cut_before, kill_others, through
from tests.infra.appends import an_append, new_stream

pytestmark = pytest.mark.req("H3")


@pytest.fixture
def cutter(database: Database, recorder: LedgerRecorder) -> Generator[tuple[Cutter, LedgerRecorder]]:
    """A recorder on a created ledger whose every connection goes through a Cutter."""
    with through(database) as (cutter, cut):
        cut.open_ledger()
        yield cutter, cut


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


class TestTogether:
    """The same with several callers in the lost transaction: each is answered right."""

    @pytest.mark.parametrize("deed", [cut_before, cut_after, commit_late])
    def test_a_cut_of_a_shared_transaction_is_noticed_by_nobody(
        self, cutter: tuple[Cutter, LedgerRecorder], deed: Deed
    ) -> None:
        proxy, recorder = cutter
        claim = Claim("ein", "1")
        streams = [new_stream() for _ in range(6)]
        calls = [an_append(stream, 0, n + 1) for n, stream in enumerate(streams[:4])]
        calls += [an_append(streams[4], claims=(claim,)), an_append(streams[5], claims=(claim,))]
        calls += [an_append(new_stream(), 7), calls[0]]
        first, *shared = in_one_batch(recorder, calls, lambda: proxy.deeds.append(deed))
        assert proxy.deeds == []
        assert first.position == 2
        done, (holder, taken, stale, repeated) = shared[:4], shared[4:]
        assert [one.last_version for one in done] == [1, 2, 3, 4]
        assert [one.position for one in done] == [3, 5, 8, 12]
        assert [one.replayed for one in (*done, holder)] == [False] * 5
        assert isinstance(taken, ClaimTaken)
        assert isinstance(stale, VersionConflict)
        assert repeated == replace(done[0], replayed=True)
        assert [fact.position for fact in recorder.read(0, 100)] == list(range(1, 14))
        assert [recorder.append(call) for call in calls[:5]] == [replace(o, replayed=True) for o in (*done, holder)]

    def test_two_cuts_leave_each_caller_in_doubt_about_its_own_command(
        self, cutter: tuple[Cutter, LedgerRecorder]
    ) -> None:
        proxy, recorder = cutter
        calls = [an_append(new_stream()) for _ in range(4)] + [an_append(new_stream(), 3)]

        def cut_twice() -> None:
            proxy.deeds += [cut_after, cut_before]

        _, *unknown, stale = in_one_batch(recorder, calls, cut_twice)
        assert [one.command_id for one in unknown] == [call.command_id for call in calls[:4]]
        assert {type(one) for one in unknown} == {OutcomeUnknown}
        assert type(stale) is OperationalError
        assert all(recorder.append(call).replayed for call in calls[:4])
        assert [fact.position for fact in recorder.read(0, 100)] == list(range(1, 7))

    def test_what_another_process_wrote_meanwhile_is_a_replay(
        self, cutter: tuple[Cutter, LedgerRecorder], recorder: LedgerRecorder
    ) -> None:
        proxy, cut = cutter
        append = an_append(new_stream())

        def somebody_else(data: bytes, client: socket.socket, server: socket.socket) -> None:
            _ = data, client, server
            cut_before(data, client, server)
            recorder.append(append)

        proxy.deeds.append(somebody_else)
        assert cut.append(append).replayed

    def test_what_the_server_refuses_is_one_callers_own(self, recorder: LedgerRecorder, database: Database) -> None:
        """A stream's name that is too long passes every rule of the writer; the table's own check refuses it."""
        long = "program:" + "x" * 200
        null = "program:a\0b"
        calls = [an_append(new_stream()), an_append(long), an_append(new_stream()), an_append(null)]
        surrogate = an_append("program:\ud800")
        _, one, too_long, two, zero, half = in_one_batch(recorder, [*calls, surrogate])
        assert (one.position, two.position) == (3, 4)
        assert isinstance(too_long, IntegrityError)
        assert isinstance(zero, DataError)
        assert isinstance(half, UnicodeEncodeError)
        assert recorder.head()[0] == 4

    def test_the_primary_key_stands_behind_a_writer_that_takes_no_turn(
        self, recorder: LedgerRecorder, database: Database
    ) -> None:
        recorder.append(an_append(new_stream()))
        thief = psycopg.connect(database.app_dsn)
        with thief, ThreadPoolExecutor(1) as pool:
            thief.execute(STOLEN, {"stream": new_stream(), "command": uuid4()})
            append = an_append(new_stream())
            future = pool.submit(recorder.append, append)
            while not thief.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                time.sleep(0.01)
            thief.commit()
            with pytest.raises(IntegrityError):
                future.result()
        assert recorder.command(append.command_id) is None
        assert recorder.append(append).position == 4

    def test_many_callers_need_one_connection(self, recorder: LedgerRecorder, database: Database) -> None:
        """Every connection of the pool is out, and 256 callers write all the same."""
        with ExitStack() as busy, ThreadPoolExecutor(256) as pool:
            for _ in range(database.pool.max_size):
                busy.enter_context(database.pool.connection())
            positions = [
                one.position for one in pool.map(lambda _: recorder.append(an_append(new_stream())), range(1024))
            ]
        assert sorted(p or 0 for p in positions) == list(range(2, 1026))

    def test_a_batch_is_announced_once(self, recorder: LedgerRecorder, database: Database) -> None:
        woken: list[int] = []
        with psycopg.connect(database.app_dsn, autocommit=True) as listener, recorder.subscribe() as following:
            following.wake = lambda: woken.append(1)
            listener.execute("LISTEN nqms_ledger")
            in_one_batch(recorder, [an_append(new_stream(), 0, 2) for _ in range(5)])
            told = [told.payload for told in listener.notifies(timeout=5, stop_after=2)]
            wakened = len(woken)  # stopping wakes as well
            following.stop()
        assert told == ["2", "12"]
        assert wakened == 2

    def test_another_isolation_level_of_the_role_changes_nothing(
        self, recorder: LedgerRecorder, database: Database
    ) -> None:
        """In REPEATABLE READ the head would be read as it was before the turn came."""
        assert database.owner_dsn is not None
        superuser = database.owner_dsn.replace("user=nqms_owner", "user=postgres")
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("ALTER ROLE nqms_app SET default_transaction_isolation = 'serializable'")
            try:
                others = [LedgerRecorder(database) for _ in range(4)]
                with ThreadPoolExecutor(8) as pool:
                    list(pool.map(lambda n: others[n % 4].append(an_append(new_stream())), range(80)))
            finally:
                connection.execute("ALTER ROLE nqms_app RESET default_transaction_isolation")
        assert recorder.head()[0] == 81


STOLEN = """
INSERT INTO ledger.events (position, recorded_at, version, command_id, stream, type, provenance, actor_person,
    actor_role, actor_org, salt, commitment, state)
SELECT 3, recorded_at, 1, %(command)s, %(stream)s, type, provenance, actor_person, actor_role, actor_org, salt,
    commitment, state
FROM ledger.events WHERE position = 2"""


def in_one_batch(recorder: LedgerRecorder, calls: list[Append], ready: Callable[[], None] = lambda: None) -> list[Any]:
    """One append of its own, which waits at a gate, then all calls in one transaction; the answers or errors."""
    entered, gate = threading.Event(), threading.Event()
    flush = recorder._sharing._flush

    def held(take: Any) -> Any:
        outcomes = flush(take)
        entered.set()
        assert gate.wait(10)
        return outcomes

    recorder._sharing._flush = held
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        futures = [pool.submit(recorder.append, an_append(new_stream()))]
        assert entered.wait(10)
        for n, call in enumerate(calls, 1):
            futures.append(pool.submit(recorder.append, call))
            while len(recorder._sharing._waiting) < n:
                time.sleep(0.001)
        recorder._sharing._flush = flush
        ready()
        gate.set()
        return [future.exception() or future.result() for future in futures]


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

    @pytest.mark.parametrize(("theirs", "ours"), [("off", b"on"), ("remote_write", b"remote_write")])
    def test_what_is_acknowledged_is_flushed_whatever_the_role_says(
        self, recorder: LedgerRecorder, database: Database, theirs: str, ours: bytes
    ) -> None:
        words = conninfo_to_dict(database.app_dsn) | {"options": f"-c synchronous_commit={theirs}"}
        with connect(make_conninfo("", **words), None) as lax:
            careful = LedgerRecorder(lax)
            careful.append(an_append(new_stream()))
            (shown,) = careful._writer._connected().exchange(("SHOW synchronous_commit", ()))
        assert shown.get_value(0, 0) == ours

    def test_a_closed_database_takes_nothing_and_keeps_no_connection(self, database: Database) -> None:
        again = connect(database.app_dsn, None)
        writing = LedgerRecorder(again)
        writing.create_ledger("test")
        again.close()
        with pytest.raises(OperationalError):
            writing.append(an_append(new_stream()))
        assert writing._writer._wire is None

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
