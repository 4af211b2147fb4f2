"""The read side over a long ledger: processes killed again and again, a damaged fact, everything made again under load.

The same in small is part of the suite: tests/infra/test_sharing.py and tests/infra/test_rebuilding.py.
"""

import os
import random
import time
from threading import Event, Thread

import psycopg
import pytest

from infra.database import Database
from infra.projector import Projector
from infra.reading import Reading
from infra.recorder import LedgerRecorder
from tests.projecting import killed, several, started
from tests.recorded import record
from tests.replicated import fill
from tests.small_world import granted

FACTS = int(os.environ.get("NQMS_FAULT_FACTS", "100000"))
pytestmark = pytest.mark.faults


def test_projectors_killed_again_and_again(database: Database, recorder: LedgerRecorder, kills: int) -> None:
    """Two processes at work, one of them killed at a random moment each time and replaced: rows and positions agree."""
    dice, watching = random.Random(5), Projector(database, recorder)
    fill(database, 1)
    watching.catch_up()  # who has read nothing would build, and be done before the first kill
    head = fill(database, FACTS // 50, first=1, most=FACTS)
    processes = [started(database, batch=100) for _ in range(2)]
    done, waits = 0, list[float]()
    try:
        while done < kills:
            time.sleep(dice.uniform(0, 0.5))
            victim = dice.randrange(2)
            killed(processes[victim])
            done += 1
            begun, reached = time.monotonic(), watching.position()
            assert watching.wait_for(min(reached + 1, head), 60), "the other goes on"
            waits.append(time.monotonic() - begun)
            processes[victim] = started(database, batch=100)
            if done % 20 == 0:
                head = fill(database, 20, first=FACTS + done * 20)
        assert watching.wait_for(head, 600)
    finally:
        for process in processes:
            killed(process)
    print(f"{done} kills, taken over within {max(waits):.2f} s, median {sorted(waits)[len(waits) // 2]:.3f} s")  # noqa: T201
    assert watching.parked() == {}
    assert watching.verify() == []


def test_one_damaged_fact_among_many(database: Database, recorder: LedgerRecorder) -> None:
    head = fill(database, FACTS // 50, most=FACTS)
    with psycopg.connect(str(database.owner_dsn), autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER append_only")
        damage = "UPDATE ledger.events SET state = '{\"' WHERE position = %s RETURNING stream"
        row = owner.execute(damage, (head // 2,)).fetchone()
    assert row
    projector = Projector(database, recorder)
    assert projector.catch_up() == head
    parked = projector.parked()
    assert {one.key.partition("/")[0] for found in parked.values() for one in found} == {row[0]}
    assert projector.verify() == []
    assert projector.retry() > 0
    assert projector.parked() == parked


def test_everything_is_made_again_under_load(database: Database, recorder: LedgerRecorder) -> None:
    """Writers, readers, two projector processes, and a rebuild of all models: no read fails, nothing differs."""
    fill(database, FACTS // 50, most=FACTS)
    projector, reading = Projector(database, recorder), Reading(database)
    projector.catch_up()
    stop, reads, failures, written = Event(), [0], list[Exception](), [0]
    page = reading.partners(now=recorder.head()[1] or pytest.fail("an empty ledger"))
    ids = [row.program_id for row in page.rows]

    def read() -> None:
        while not stop.is_set():
            try:
                assert len(reading.partners_by_ids(ids)) == len(ids)
                assert projector.wait_for(recorder.head()[0], 5)
                reads[0] += 1
            except Exception as error:  # noqa: BLE001  every read that fails is to be counted
                failures.append(error)

    def write() -> None:
        events = granted().events
        while not stop.is_set():
            stream, version = divmod(written[0], len(events))
            record(recorder, f"program:w{stream}", [events[version]], version)
            written[0] += 1

    threads = [Thread(target=work) for work in (read, read, write)]
    with several(database, 2, batch=2_000):
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        differences = projector.rebuild()
        took = time.monotonic() - begun
        stop.set()
        for thread in threads:
            thread.join()
        assert projector.wait_for(recorder.head()[0], 60)
    print(f"rebuilt in {took:.1f} s; {reads[0]} reads, {len(failures)} failed, {written[0]} written meanwhile")  # noqa: T201
    assert differences == []
    assert failures == []
    assert projector.verify() == []
