"""What `nqms serve` does in the background is done by processes of their own where the loops run apart."""

import inspect
from collections.abc import Callable
from threading import Event, Thread

import pytest

from consumers import clock, project
from infra import snapshots, wiring
from infra.snapshots import NotPublished
from tests.api.conftest import Desk
from tests.waiting import until

LOOPS = (
    "service.projector.run",
    "service.log.run",
    "service.snapshots.run",
    "Clock(service.ledger, service.reading).run",
)


@pytest.mark.parametrize("loop", LOOPS)
def test_every_loop_of_the_server_is_run_by_a_process_of_its_own(loop: str) -> None:
    assert loop in inspect.getsource(wiring.open_service)
    assert loop in inspect.getsource(project.run) + inspect.getsource(clock.run)


def _published(desk: Desk) -> Callable[[], bool]:
    def true() -> bool:
        try:
            return desk.service.snapshots.published().position > 0
        except NotPublished:
            return False

    return true


def test_the_clock_as_a_process_signs_the_log_and_publishes_the_directory(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "TICK", 0.05)
    stop = Event()
    thread = Thread(target=clock.run, args=(desk.service, stop))
    thread.start()
    try:
        until(_published(desk))
        until(lambda: (found := desk.service.log.checkpoint()) is not None and found[0].size == desk.head)
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()
    day = desk.service.snapshots.published().event.day
    assert desk.service.log.files.read(f"directory/{day}") is not None
