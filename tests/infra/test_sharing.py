"""Several projector processes share the work, one is killed, and nothing is lost or done twice."""

import random
import time
from threading import Event, Thread

import psycopg
import pytest

from infra import places
from infra.database import Database
from infra.projector import Projector
from infra.recorder import LedgerRecorder
from projections import READ_MODELS
from tests.projecting import killed, several, started
from tests.recorded import record
from tests.replicated import fill
from tests.small_world import granted

NAMES = [model.name for model in READ_MODELS]


def test_each_takes_other_parts_of_the_same_models(database: Database, recorder: LedgerRecorder) -> None:
    """What one holds in the middle of a batch, another passes over: both work on every model at once."""
    projector = Projector(database, recorder, batch=50)
    fill(database, 40, most=2_500)
    with database.pool.connection() as one, one.transaction():
        mine = places.held(one, NAMES, len(NAMES))
        assert {place.model for place in mine} == set(NAMES)
        assert projector._step()
        with database.pool.connection() as other, other.transaction():
            theirs = places.held(other, NAMES, len(NAMES))
        assert {place.model for place in theirs} == set(NAMES)
        assert {place.part for place in mine}.isdisjoint(place.part for place in theirs)
        moved = {place.part for place in places.live(one, NAMES) if place.position}
    assert moved
    assert moved.isdisjoint(place.part for place in mine)
    assert projector.catch_up() == recorder.head()[0]
    assert projector.verify() == []


def test_no_model_claims_a_position_that_one_of_its_parts_has_not_reached(
    database: Database, recorder: LedgerRecorder
) -> None:
    projector = Projector(database, recorder, batch=50)
    head = fill(database, 40, most=2_500)
    with database.pool.connection() as one, one.transaction():
        held = places.held(one, NAMES, 1)[0]  # somebody hangs in the middle of one part of one model
        while projector._step():
            pass
        assert projector.positions() == {name: 0 if name == held.model else head for name in NAMES}
        assert projector.lag()[held.model][0] == head
        assert projector.position() == 0
        assert not projector.wait_for(head, 0.1)
    projector.catch_up()
    assert projector.wait_for(head, 0)
    assert set(projector.lag().values()) == {(0, 0.0)}


def test_one_of_two_processes_is_killed_under_load(database: Database, recorder: LedgerRecorder) -> None:
    watching = Projector(database, recorder)
    stop = Event()

    def write() -> None:
        version, events = 0, granted().events
        while not stop.is_set():
            record(recorder, "program:busy", events[version : version + 1], version)
            version += 1
            if version == len(events):
                return

    fill(database, 60, most=6_000)
    writer = Thread(target=write)
    with several(database, 2) as (first, second):
        writer.start()
        deadline = time.monotonic() + 60
        while watching.position() == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        killed(first)
        begun = time.monotonic()
        assert watching.wait_for(watching.position() + 1, 30), "the other takes over"
        took = time.monotonic() - begun
        stop.set()
        writer.join()
        assert watching.wait_for(recorder.head()[0], 60)
        assert second.poll() is None
    print(f"taken over and moved on in {took * 1000:.0f} ms")  # noqa: T201
    assert watching.parked() == {}
    assert watching.verify() == []


def test_projectors_killed_at_random_leave_rows_and_positions_agreeing(
    database: Database, recorder: LedgerRecorder
) -> None:
    dice, watching = random.Random(11), Projector(database, recorder)
    fill(database, 30, most=2_000)
    for _ in range(4):
        process = started(database, batch=20)
        time.sleep(dice.uniform(0, 0.3))
        killed(process)
        assert watching.verify() == []
    assert watching.catch_up() == recorder.head()[0]
    assert watching.verify() == []


def test_one_damaged_fact_among_many_stops_its_program_alone(database: Database, recorder: LedgerRecorder) -> None:
    head = fill(database, 20, most=2_000)
    with psycopg.connect(str(database.owner_dsn), autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER append_only")
        owner.execute("UPDATE ledger.events SET state = 'no' WHERE position = 700")
        row = owner.execute("SELECT stream FROM ledger.events WHERE position = 700").fetchone()
    assert row
    projector = Projector(database, recorder)
    assert projector.catch_up() == head
    parked = projector.parked()
    assert {one.key for one in parked["workspace"]} == {row[0]}
    assert parked["workspace"][0].position == 700
    assert projector.verify() == []


def test_a_name_that_the_database_cannot_take_stops_its_program_alone(
    database: Database, recorder: LedgerRecorder
) -> None:
    """A NUL in a text is JSON, and no text of PostgreSQL: it shows only when the rows are written."""
    from tests.recorded import record_raw
    from tests.small_world import listed

    registered, *_ = listed().events
    from infra.mapper import encode

    bad = encode(registered).replace(b"Springfield", b"Spring\\u0000field")
    assert b"u0000" in bad
    record_raw(recorder, "program:sick", [(registered.published_name(), bad)])
    head = record(recorder, "program:well", granted().events)
    projector = Projector(database, recorder)
    assert projector.catch_up() == head
    assert {one.key for found in projector.parked().values() for one in found} == {"program:sick"}
    assert "directory" in projector.parked()
    projector.rebuild()
    assert {one.key for found in projector.parked().values() for one in found} == {"program:sick"}


@pytest.mark.parametrize("busy", [1])
def test_waiting_for_another_process_is_short(database: Database, recorder: LedgerRecorder, busy: int) -> None:
    """Commit, projection by another process, and the way back: no polling lies in between."""
    watching = Projector(database, recorder)
    took: list[float] = []
    with several(database, busy):
        for version, event in enumerate(granted().events):
            begun = time.monotonic()
            assert watching.wait_for(record(recorder, "program:p", [event], version), 10)
            took.append(time.monotonic() - begun)
    took = sorted(took[5:])
    print(f"commit to seen: median {took[len(took) // 2] * 1000:.1f} ms, worst {took[-1] * 1000:.1f} ms")  # noqa: T201
    assert took[len(took) // 2] < 0.15, "a machine may be busy; a lost notification would cost 250 ms each time"
