"""What only PostgreSQL can get wrong: busy ledgers, lost connections, a COMMIT whose answer never came."""

import socket
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from eventsourcing.persistence import OperationalError

from infra import writer
from infra.database import Database
from infra.recorder import LEDGER_LOCK, LedgerBusy, LedgerRecorder, OutcomeUnknown, VersionConflict
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
