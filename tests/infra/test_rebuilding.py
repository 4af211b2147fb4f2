"""Rebuilding beside the live rows: with others, under load, stopped and gone on with, and compared at a cut."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from infra import building, rebuilding
from infra.database import Database
from infra.projector import Projector
from infra.reading import Reading
from infra.recorder import LedgerRecorder
from projections import READ_MODELS
from tests.projecting import killed, several, started
from tests.recorded import record
from tests.replicated import fill
from tests.small_world import granted
from tests.waiting import until


def looked(database: Database, query: Any) -> list[Any]:
    """The answer to a question of SQL."""
    with database.pool.connection() as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many of them, though the ledgers of these tests are short."""
    monkeypatch.setattr(building, "STREAMS", 8)


def test_progress_is_told_up_to_the_end(database: Database, recorder: LedgerRecorder) -> None:
    head = fill(database, 80, most=3_000)
    projector = Projector(database, recorder)
    told: list[tuple[int, int]] = []
    projector.rebuild(progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, head)
    assert told[-1] == (head, head)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len({done for done, _ in told}) > 2


def test_several_processes_build_the_same_rows(
    database: Database, recorder: LedgerRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "_LOOK", 0.02)
    head = fill(database, 200, most=6_000)
    projector = Projector(database, recorder)
    projector.catch_up()
    told: list[int] = []
    assert projector.rebuild(progress=lambda done, _: told.append(done), workers=2) == []
    assert told[-1] == head
    assert projector.verify() == []


def test_models_that_have_read_nothing_of_a_long_ledger_are_built_once_whoever_comes_first(
    database: Database, recorder: LedgerRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = fill(database, 80, most=3_000)
    assert Projector(database, recorder).position() == 0, "a short one is followed"
    monkeypatch.setattr(rebuilding, "LONG", 1_000)
    with ThreadPoolExecutor() as pool:
        reached = list(pool.map(lambda _: Projector(database, recorder).position(), range(2)))
    assert reached == [head, head]
    assert {generation for generation, _ in Reading(database).positions().values()} == {2}
    projector = Projector(database, recorder)
    assert projector.verify() == []
    record(recorder, "program:later", granted().events)
    assert projector.catch_up() > head, "from there on it follows"
    assert projector.verify() == []
    with pytest.raises(LookupError, match="no earlier generation"):
        projector.go_back()


def test_a_rebuild_that_was_killed_goes_on_where_it_was(database: Database, recorder: LedgerRecorder) -> None:
    head = fill(database, 400, most=9_000)
    projector = Projector(database, recorder)
    projector.catch_up()
    process = started(database, "rebuild")
    until(lambda: looked(database, "SELECT count(facts) FROM read.chunks")[0][0] >= 2)
    killed(process)
    before = looked(database, "SELECT coalesce(sum(facts), 0) FROM read.chunks")[0][0]
    assert 0 < before < head, "killed in the middle"
    assert {generation for generation, _ in Reading(database).positions().values()} == {1}, "nothing of it is shown"
    told: list[int] = []
    assert projector.rebuild(progress=lambda done, _: told.append(done)) == []
    assert told[0] >= before
    assert told[-1] == head
    assert {generation for generation, _ in Reading(database).positions().values()} == {2}
    assert looked(database, "SELECT 1 FROM read.chunks") == []
    assert projector.verify() == []


def test_a_rebuild_that_was_stopped_is_dropped_for_another_choice_of_models(
    database: Database, recorder: LedgerRecorder
) -> None:
    fill(database, 100, most=2_000)
    projector = Projector(database, recorder)
    projector.catch_up()

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        projector.rebuild(progress=stop)
    assert projector.rebuild(["directory"]) == []
    generations = {model: generation for model, (generation, _) in Reading(database).positions().items()}
    assert generations == {model.name: 2 if model.name == "directory" else 1 for model in READ_MODELS}
    assert looked(database, "SELECT 1 FROM read.progress WHERE upto IS NOT NULL") == []
    assert looked(database, "SELECT 1 FROM read.workspace WHERE generation <> 1") == []


def test_rebuilding_under_load_fails_no_read_and_finds_no_difference(
    database: Database, recorder: LedgerRecorder
) -> None:
    """Facts come in, projectors of two processes follow, somebody reads all the time: the cut is the same all the same."""
    fill(database, 40, most=1_500)
    projector, reading = Projector(database, recorder), Reading(database)
    projector.catch_up()
    listed = len(reading.partners_by_ids(ids := _ids(database)))
    stop, seen, written = Event(), set[int](), [0]

    def read() -> None:
        while not stop.is_set():
            seen.add(len(reading.partners_by_ids(ids)))

    def write() -> None:
        events = granted().events
        while not stop.is_set():
            stream, version = divmod(written[0], len(events))
            record(recorder, f"program:w{stream}", [events[version]], version)
            written[0] += 1

    threads = [Thread(target=read), Thread(target=write)]
    with several(database, 2):
        for thread in threads:
            thread.start()
        for _ in range(2):
            assert projector.rebuild() == []
        stop.set()
        for thread in threads:
            thread.join()
        assert projector.wait_for(recorder.head()[0], 30)
    assert written[0] > 5
    assert seen == {listed}
    assert projector.verify() == []


def _ids(database: Database) -> list[str]:
    keys = looked(database, "SELECT key FROM read.directory WHERE to_position IS NULL AND listing = 'listed'")
    return [key.partition(":")[2] for (key,) in keys]


def test_followers_outlive_the_loss_of_their_connections(database: Database, recorder: LedgerRecorder) -> None:
    """Whoever listens is cut off again and again: a wait is a quarter of a second late at most, and nothing is missed."""
    watching = Projector(database, recorder)
    took: list[float] = []
    with several(database, 1), psycopg.connect(str(database.owner_dsn), autocommit=True) as owner:
        for version, event in enumerate(granted().events[:12]):
            position = record(recorder, "program:p", [event], version)
            begun = time.monotonic()
            assert watching.wait_for(position, 10)
            took.append(time.monotonic() - begun)
            if version % 3 == 0:
                owner.execute("SELECT 1")
                with database.pool.connection() as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                    )
    assert max(took) < 5
    assert watching.verify() == []
