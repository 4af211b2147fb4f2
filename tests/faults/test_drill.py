"""The drill at length: a ledger of NQMS_DRILL_EVENTS events (100,000 if not set), with its documents, people and read
models, is backed up while people write, destroyed, restored and verified. It prints what that takes.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.wiring import open_service
from tests.faults.drilling import Writers, destroy, ended_at, root_of_first, run, signing, state_of
from tests.infra.test_upgrading import made_before, same
from tests.older_postgres import OlderServer, older_programs

pytestmark = [pytest.mark.faults, pytest.mark.req("H8")]

EVENTS_OF_A_PROGRAM = 900
"""In ten years, as `nqms simulate` draws them."""
MEGABYTE = 1_000_000


@pytest.fixture
def folder() -> Generator[Path]:
    """A short empty folder."""
    made = Path(tempfile.mkdtemp(prefix="nqd-"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture
def events() -> int:
    """About how many events the ledger has."""
    return int(os.environ.get("NQMS_DRILL_EVENTS", "100000"))


def simulated(data: Path, events: int) -> None:
    """A ledger of about so many events, its read models built, its log signed."""
    programs = max(2, events // EVENTS_OF_A_PROGRAM)
    run(data, "simulate", "--programs", str(programs), "--years", "10", "--seed", "7")
    with open_service(Settings(data_dir=data)) as service:
        service.projector.catch_up()
        service.log.catch_up()


def timed(act: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def test_backup_under_writers_destroy_restore_verify(folder: Path, events: int, say: Callable[[str], None]) -> None:
    data, backup, keys = folder / "data", folder / "backup", folder / "keys"
    simulated(data, events)
    before = state_of(data)
    with open_service(Settings(data_dir=data)) as service, signing(service):
        writers = Writers(service)
        with writers.writing():
            took = timed(lambda: run(data, "backup", str(backup), "--keys", str(keys)))
    within = [one.position for one in writers.answers if one.reached <= ended_at(backup)]
    root = root_of_first(data, max(within))
    size = sum(path.stat().st_size for path in backup.rglob("*") if path.is_file())
    destroy(data, keys)
    back = timed(lambda: run(data, "restore", str(backup), "--keys", str(keys)))
    checked = timed(lambda: run(data, "verify"))
    assert root_of_first(data, max(within)) == root
    there = state_of(data).events
    assert there >= max(within) > before.events
    lost = [position for position in within if position > there]
    say(
        f"{before.events:,} events and {len(within):,} more while it ran ({size / MEGABYTE:,.0f} MB): backup {took:.1f} s, "
        f"restore with verification {back:.1f} s, verification again {checked:.1f} s; {len(lost)} acknowledged lost"
    )
    assert lost == []


def test_upgrade_from_an_earlier_postgresql(folder: Path, events: int, say: Callable[[str], None]) -> None:
    source, data, older = folder / "source", folder / "data", older_programs()
    assert older is not None, "no earlier PostgreSQL is here: name the folder of its programs in NQMS_OLDER_POSTGRES"
    simulated(source, events)
    with OlderServer(data, programs=older) as server:
        made_before(source, server)
    took = timed(lambda: run(data, "upgrade", "--old-binaries", str(older)))
    assert same(state_of(source), state_of(data))
    say(f"{state_of(data).events:,} events upgraded, read models built and everything verified in {took:.1f} s")
