"""The four stories with bundles of all their decisions, made once; a log of one's own to re-seal forged ones with."""

import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.demo.doors import LedgerDoor, StoryClock
from api.demo.journey import Journey
from api.demo.stories import STORIES
from api.demo.world import found
from infra.bundles import DECISIONS, bundle
from infra.settings import Settings
from infra.wiring import Service, open_service


@dataclass
class Proven:
    """A service in which the stories happened, each affiliate's journey, and every decision's bundle by its id."""

    service: Service
    journeys: dict[str, Journey]
    bundles: dict[str, bytes]
    last: dict[str, str]
    """The id of each affiliate's last decision."""

    @property
    def key(self) -> str:
        """The log's key, as a stranger was given it."""
        return str(self.service.log.key)

    @property
    def small(self) -> bytes:
        """The smallest bundle."""
        return min(self.bundles.values(), key=len)


@pytest.fixture(scope="package")
def proven() -> Generator[Proven]:
    """The world after the four stories. Tests change nothing in it."""
    folder = Path(tempfile.mkdtemp(prefix="nqp-"))
    clock = StoryClock(datetime(2025, 3, 1, 15, tzinfo=UTC))
    try:
        with open_service(Settings(data_dir=folder / "data"), clock) as service:
            door = LedgerDoor(service, clock)
            found(door)
            journeys = {j.program.affiliate: j for j in (story(door) for story in STORIES)}
            service.log.catch_up()
            yield _proven(service, journeys)
    finally:
        shutil.rmtree(folder)


def _proven(service: Service, journeys: dict[str, Journey]) -> Proven:
    bundles: dict[str, bytes] = {}
    last: dict[str, str] = {}
    for affiliate, journey in journeys.items():
        for one in service.ledger.history("program", journey.program_id):
            if isinstance(one.event, DECISIONS):
                last[affiliate] = decision = one.event.decision_id
                given = (service.ledger.recorder, service.vault, service.log, journey.program_id, decision)
                bundles[decision] = bundle(*given)
    return Proven(service, journeys, bundles, last)
