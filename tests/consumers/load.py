"""Somebody who writes while other things go on."""

from dataclasses import dataclass, replace
from threading import Event
from uuid import uuid4

from api.demo.cast import STAR
from api.demo.journey import journey
from tests.api.conftest import Desk


@dataclass
class Load:
    """Somebody who writes while all this goes on."""

    desk: Desk
    programs: int = 0

    def run(self, stop: Event) -> None:
        """Register programs and change them, a few a second."""
        while not stop.is_set():
            self.programs += 1
            name = f"Program of Load {self.programs}"
            way = journey(self.desk.door, replace(STAR, name=name, connector_ref=f"LD-{self.programs}")).listed()
            way.by("administrator", "AmendProfile", city=f"Harbor {uuid4().hex[:6]}")
            stop.wait(0.2)
