"""The connection that listens is killed again and again: a follower is late by a moment, and misses nothing."""

import threading
import time
from collections.abc import Callable

import pytest

from infra.database import Database, connect
from infra.recorder import LedgerRecorder
from tests.faults.breaking import kill_others
from tests.infra.appends import an_append, new_stream

pytestmark = pytest.mark.req("H3")

LATEST = 1.0  # seconds


def delays(database: Database, seconds: float, every: float) -> list[float]:
    """Write for some seconds from elsewhere, killing whoever listens every so often; the delay of each event."""
    committed: dict[int, float] = {}
    arrived: dict[int, float] = {}
    over = threading.Event()

    def kill() -> None:
        while not over.wait(every):
            kill_others(database, "query LIKE 'LISTEN%'")

    with connect(database.app_dsn, None) as elsewhere, LedgerRecorder(database).subscribe(gt=1) as following:
        writer = LedgerRecorder(elsewhere)  # as in another process: it wakes nobody here

        def follow() -> None:
            for notification in following:
                arrived[notification.id] = time.perf_counter()

        threads = [threading.Thread(target=one) for one in (kill, follow)]
        for one in threads:
            one.start()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            position = writer.append(an_append(new_stream())).position
            assert position is not None
            committed[position] = time.perf_counter()
            time.sleep(0.01)
        time.sleep(LATEST)
        over.set()
        following.stop()
        for one in threads:
            one.join()
    assert list(arrived) == sorted(committed)
    return [arrived[position] - committed[position] for position in committed]


def test_a_follower_whose_connection_is_killed_ten_times_a_second_is_late_by_a_moment(
    database: Database, recorder: LedgerRecorder
) -> None:
    late = delays(database, 2.5, 0.1)
    assert len(late) > 20
    assert max(late) <= LATEST


@pytest.mark.faults
@pytest.mark.parametrize("every", [1.0, 0.1])
def test_the_same_for_a_minute(
    database: Database, recorder: LedgerRecorder, every: float, say: Callable[[str], None]
) -> None:
    late = sorted(delays(database, 60.0, every))
    assert late[-1] <= LATEST
    say(f"killed every {every} s: {len(late)} events, late by {late[len(late) // 2]:.3f} s, at most {late[-1]:.3f} s")
