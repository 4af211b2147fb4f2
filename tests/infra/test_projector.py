"""The projector: keeps up, stops for nobody's sake but the one concerned, and can make everything again."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, LiteralString
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import EVENTS
from domain.grant import TierGranted
from infra.database import Connection, Database
from infra.projector import Projector
from infra.read_tables import Difference, ReadTable
from infra.reading import Reading
from infra.recorder import LedgerRecorder
from projections import READ_MODELS, directory, expiry
from projections.language import ReadModel, stem
from tests.recorded import record, record_raw
from tests.small_world import admitted, gates_met, granted, listed

HISTORIES = (granted().events, admitted(scheme="member").events, gates_met().events, granted(scheme="lean").events)
GRANTED = HISTORIES[0]
KNOWN = {stem(name) for name in EVENTS}


@pytest.fixture
def projector(database: Database, recorder: LedgerRecorder) -> Projector:
    """A projector that takes few facts at a time, so that stories span batches."""
    return Projector(database, recorder, batch=17)


@contextmanager
def running(projector: Projector) -> Generator[None]:
    """The projector in a thread of its own."""
    stop = threading.Event()
    thread = threading.Thread(target=projector.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        projector.wake()
        thread.join()


def execute(database: Database, query: Any, *parameters: Any) -> list[Any]:
    """Run a statement; its rows if it has any."""
    with database.pool.connection() as connection:
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def tables_of(model: ReadModel[Any]) -> list[LiteralString]:
    """The table of a model and those of its indexes."""
    return [model.name, *(index.table for index in model.indexes)]


def everything(database: Database) -> dict[str, list[Any]]:
    """Every line of the live read models, whatever the generation is called."""
    tables = [table for model in READ_MODELS for table in tables_of(model)]
    found: dict[str, list[Any]] = {}
    for table in tables:
        rows = execute(database, f"SELECT to_jsonb(t) - 'generation' FROM read.{table} t ORDER BY to_jsonb(t)::text")
        found[table] = [row[0] for row in rows]
    return found


def test_the_models_are_brought_to_where_the_ledger_is(projector: Projector, recorder: LedgerRecorder) -> None:
    head = record(recorder, "program:p1", GRANTED)
    assert projector.catch_up() == head
    assert set(projector.positions().values()) == {head}
    assert projector.parked() == {}
    assert projector.verify() == []


def test_the_tables_have_the_columns_of_the_models(database: Database) -> None:
    for model in READ_MODELS:
        columns = {"generation", "key", "body", *(c.name for c in model.columns)}
        columns |= {"from_position", "to_position"} if model.versioned else set[str]()
        query = (
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'read' AND table_name = %s"
        )
        assert {row[0] for row in execute(database, query, model.name)} == columns


@pytest.mark.req("H1")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_live_rows_equal_a_rebuild_to_the_byte(
    data: st.DataObject, database: Database, recorder: LedgerRecorder
) -> None:
    """Programs act at once, batches differ, and the projector stops and starts: nothing of that is seen in a row."""
    batch = data.draw(st.integers(1, 40))
    projector = Projector(database, recorder, batch=batch)
    example = uuid4()
    at = [0] * len(HISTORIES)
    for _ in range(data.draw(st.integers(1, 25))):
        n = data.draw(st.integers(0, len(HISTORIES) - 1))
        count = data.draw(st.integers(1, 9))
        events = HISTORIES[n][at[n] : at[n] + count]
        if events:
            record(recorder, f"program:{example}-{n}", events, at[n])
            at[n] += len(events)
        if data.draw(st.booleans()):
            projector.catch_up()
    projector.catch_up()
    assert projector.verify() == []
    before = everything(database)
    assert projector.rebuild() == []
    for model in READ_MODELS:
        generation = Reading(database).positions()[model.name][0]
        for table in tables_of(model):
            execute(database, f"DELETE FROM read.{table} WHERE generation <> %s", generation)
    assert everything(database) == before


def test_verify_names_key_and_field(projector: Projector, recorder: LedgerRecorder, database: Database) -> None:
    for program in ("a", "b"):
        record(recorder, f"program:{program}", GRANTED)
    projector.catch_up()
    execute(
        database,
        "UPDATE read.directory SET body = regexp_replace(body, 'Springfield', 'Shelbyville') WHERE key = 'program:a'",
    )
    execute(database, "DELETE FROM read.expiry WHERE key = 'program:b'")
    execute(database, "UPDATE read.workspace SET waiting_on = 'clock' WHERE key = 'program:b'")
    execute(database, "INSERT INTO read.field VALUES (1, 'program:z', '{}')")
    found = projector.verify()
    assert set(found) == {
        Difference("directory", "program:a", "city"),
        Difference("expiry", "program:b", "missing"),
        Difference("workspace", "program:b", "waiting_on"),
        Difference("field", "program:z", "live only"),
    }
    assert str(found[0]) == "directory: program:a: city"
    assert projector.verify(["decisions"]) == []
    with pytest.raises(KeyError):
        projector.verify(["nothing"])


def test_a_rebuild_heals_and_the_old_rows_can_be_shown_again(
    projector: Projector, recorder: LedgerRecorder, database: Database
) -> None:
    record(recorder, "program:a", GRANTED)
    projector.catch_up()
    execute(database, "UPDATE read.directory SET body = replace(body, 'Springfield', 'Shelbyville')")
    reading = Reading(database)
    assert Difference("directory", "program:a", "city") in projector.rebuild(["directory"])
    partner = reading.partner("a")
    assert partner is not None
    assert partner.city == "Springfield"
    assert reading.positions()["directory"][0] == 2
    later = record(recorder, "program:b", listed().events)
    projector.catch_up()
    projector.go_back(["directory"])
    assert reading.positions()["directory"] == (1, later)
    old, new = reading.partner("a"), reading.partner("b")
    assert old is not None
    assert old.city == "Shelbyville"
    assert new is not None
    projector.rebuild(["directory"])
    assert projector.verify() == []
    with pytest.raises(LookupError):
        projector.go_back(["expiry"])


def test_rows_of_another_version_of_the_program_are_made_again_when_it_starts(
    projector: Projector, recorder: LedgerRecorder, database: Database
) -> None:
    record(recorder, "program:p1", GRANTED)
    projector.catch_up()
    before = everything(database)
    execute(database, 'UPDATE read.directory SET body = \'{"of": "another shape"}\'')
    execute(database, "UPDATE read.progress SET shape = 'another' WHERE model = 'directory'")
    Projector(database, recorder)
    generations = {model: generation for model, (generation, _) in Reading(database).positions().items()}
    assert generations == {m.name: 2 if m.name == "directory" else 1 for m in READ_MODELS}
    projector.rebuild(["directory"])  # the rows of the other shape are gone with the generation before the last
    assert everything(database)["directory"][-1] == before["directory"][-1]


def test_reads_go_on_during_rebuilds(projector: Projector, recorder: LedgerRecorder, database: Database) -> None:
    for n in range(20):
        record(recorder, f"program:p{n}", GRANTED)
    projector.catch_up()
    reading, stop, seen = Reading(database), threading.Event(), set[int]()

    def read() -> None:
        while not stop.is_set():
            seen.add(len(reading.partners_by_ids([f"p{n}" for n in range(20)])))

    reader = threading.Thread(target=read)
    reader.start()
    with running(projector):
        for n in range(3):
            record(recorder, f"program:q{n}", GRANTED)
            assert projector.rebuild() == []
    stop.set()
    reader.join()
    assert seen == {20}


@pytest.mark.parametrize(
    ("type_", "state"),
    [("TierGranted.v1", b'{"decision_id":7}'), ("TierGranted.v1", b"no json"), ("StarsAligned.v3", b"{}")],
)
def test_a_fact_that_cannot_be_read_stops_its_program_alone(
    projector: Projector, recorder: LedgerRecorder, type_: str, state: bytes, database: Database
) -> None:
    reached = len(GRANTED)
    record(recorder, "program:sick", GRANTED)
    bad = record_raw(recorder, "program:sick", [(type_, state)], reached)
    record(recorder, "program:sick", [GRANTED[-1]], reached + 1)
    head = record(recorder, "program:well", GRANTED)
    assert projector.catch_up() == head
    parked = projector.parked()
    named = stem(type_)
    wanting = [m for m in READ_MODELS if m.reads("program:sick") and (named in m.wanted or named not in KNOWN)]
    assert set(parked) == {model.name for model in wanting}
    assert {"directory", "decisions", "workspace"} <= set(parked)
    assert [(p.key, p.position) for p in parked["directory"]] == [("program:sick", bad), ("program:sick", bad + 1)]
    assert len(Reading(database).trail("program:sick").rows) == reached + 2, (
        "the trail tells of what cannot be read, too"
    )
    workspace = Reading(database).workspace("well")
    assert workspace is not None
    assert workspace.version == len(GRANTED)
    assert projector.retry() > 0
    assert projector.parked() == parked
    assert projector.verify() == []


@pytest.mark.parametrize("part", ["values", "load"])
def test_a_row_that_cannot_be_laid_out_or_read_stops_its_program_alone(
    projector: Projector, recorder: LedgerRecorder, monkeypatch: pytest.MonkeyPatch, database: Database, part: str
) -> None:
    def broken(row: Any) -> Any:
        if row.program_id == "sick" and row.held:
            raise ArithmeticError("a fault in the code")
        return sound(row)

    sound = directory.model.values
    record(recorder, "program:sick", listed().events)
    projector.catch_up()
    if part == "values":
        monkeypatch.setattr(directory.model, "values", broken)
    else:
        execute(database, "UPDATE read.directory SET body = '{}' WHERE key = 'program:sick'")
    record(recorder, "program:sick", GRANTED[len(listed().events) :], len(listed().events))
    record(recorder, "program:well", GRANTED)
    projector.catch_up()
    assert {parked.key for parked in projector.parked()["directory"]} == {"program:sick"}
    assert list(projector.parked()) == ["directory"]
    partner = Reading(database).partner("well")
    assert partner is not None
    assert partner.held
    monkeypatch.undo()
    projector.retry() if part == "values" else projector.rebuild()
    assert projector.parked() == {}
    assert projector.verify() == []


def test_what_waited_is_folded_in_order_once_the_cause_is_gone(
    projector: Projector, recorder: LedgerRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(row: Any, r: Any) -> Any:
        raise ArithmeticError("a fault in the code")

    record(recorder, "program:sick", GRANTED)
    record(recorder, "program:well", listed().events)
    with monkeypatch.context() as patch:
        patch.setitem(expiry.model.arms, TierGranted, broken)
        projector.catch_up()
        assert list(projector.parked()) == ["expiry"]
        record(recorder, "program:sick", [GRANTED[-1]], len(GRANTED))
        projector.catch_up()
        assert len(projector.parked()["expiry"]) == 2
        assert projector.retry(["expiry"]) == 2
    assert projector.retry() == 0
    assert projector.parked() == {}
    assert projector.verify() == []


def test_a_crash_before_the_commit_leaves_rows_and_position_agreeing(
    projector: Projector, recorder: LedgerRecorder, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    class Crash(Exception):
        pass

    taken = 0
    sound = ReadTable.park

    def crash(self: ReadTable, connection: Connection, generation: int, parked: Any) -> None:
        nonlocal taken
        taken += 1
        if taken % 7 == 0:
            raise Crash  # after the rows were written
        sound(self, connection, generation, parked)

    record(recorder, "program:a", GRANTED)
    with monkeypatch.context() as patch:
        patch.setattr(ReadTable, "park", crash)
        crashes = 0
        while True:
            try:
                projector.catch_up()
                break
            except Crash:
                crashes += 1
                positions = projector.positions()
                workspace = Reading(database).workspace("a")
                assert (workspace.version + 1 if workspace else 0) == positions["workspace"]
    assert crashes >= 2
    assert projector.verify() == []


def test_a_running_projector_is_a_moment_behind(projector: Projector, recorder: LedgerRecorder) -> None:
    with running(projector):
        took: list[float] = []
        position = 0
        for version, event in enumerate(GRANTED[:10]):
            position = record(recorder, "program:a", [event], version)
            begun = time.monotonic()
            assert projector.wait_for(position, 5)
            took.append(time.monotonic() - begun)
        assert sorted(took)[len(took) // 2] < 0.1
        assert projector.wait_for(1, 0)
        assert not projector.wait_for(position + 1, 0.05)


def test_another_process_is_waited_for_by_looking(
    projector: Projector, database: Database, recorder: LedgerRecorder
) -> None:
    other = Projector(database, recorder)
    with running(projector):
        assert other.wait_for(record(recorder, "program:a", GRANTED), 5)


def test_several_projectors_do_not_step_on_each_other(database: Database, recorder: LedgerRecorder) -> None:
    several = [Projector(database, recorder, batch=batch) for batch in (3, 11, 40)]
    with running(several[0]), running(several[1]), running(several[2]):
        head = 0
        for n in range(6):
            head = record(recorder, f"program:p{n}", GRANTED)
        assert all(projector.wait_for(head, 20) for projector in several)
    assert several[0].verify() == []
    assert several[0].parked() == {}


def test_a_lost_connection_is_outlived(projector: Projector, recorder: LedgerRecorder, database: Database) -> None:
    with running(projector):
        position = record(recorder, "program:a", GRANTED)
        assert projector.wait_for(position, 5)
        execute(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")  # fmt: skip
        deadline = time.monotonic() + 20
        position = _recorded(recorder, deadline)
        assert projector.wait_for(position, 20)


def _recorded(recorder: LedgerRecorder, deadline: float) -> int:
    while True:
        try:
            return record(recorder, "program:b", GRANTED)
        except Exception:  # noqa: BLE001  the pool may still hand out dead connections
            assert time.monotonic() < deadline
