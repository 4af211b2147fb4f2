"""The demonstration's four stories, told once through the application layer on a real PostgreSQL, shared by tests."""

import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.demo.doors import LedgerDoor, StoryClock
from api.demo.journey import Journey
from api.demo.stories import STORIES
from api.demo.world import found
from infra.settings import Settings
from infra.wiring import Service, open_service

DAYS = 250
"""How long ago the stories begin; they take about 235 days."""


@dataclass
class Told:
    """A service in which the stories happened, and each program's journey by its affiliate."""

    folder: Path
    service: Service
    door: LedgerDoor
    journeys: dict[str, Journey]

    def caught_up(self) -> "Told":
        """With read models that know everything."""
        self.service.projector.catch_up()
        return self


@pytest.fixture(scope="package")
def told() -> Generator[Told]:
    """The world after the four stories. Tests may add programs to it, never change what is there."""
    folder = Path(tempfile.mkdtemp(prefix="nqj-"))
    clock = StoryClock(datetime.now(UTC) - timedelta(days=DAYS))
    try:
        with open_service(Settings(data_dir=folder / "data"), clock) as service:
            door = LedgerDoor(service, clock)
            found(door)
            journeys = {j.program.affiliate: j for j in (story(door) for story in STORIES)}
            yield Told(folder / "data", service, door, journeys).caught_up()
    finally:
        shutil.rmtree(folder)
