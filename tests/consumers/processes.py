"""The parts of the stream as processes of their own, to be killed: a relay, a reader, a directory site's reader.

python -m tests.consumers.processes relay BOOTSTRAP PREFIX APPLICATION OWNER FOLDER
python -m tests.consumers.processes effects BOOTSTRAP PREFIX ADDRESS
python -m tests.consumers.processes site BOOTSTRAP PREFIX ADDRESS
python -m tests.consumers.processes models BOOTSTRAP PREFIX ADDRESS
python -m tests.consumers.processes webhooks - - APPLICATION OWNER FOLDER
"""

import logging
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from consumers.directory_site import site_reader
from consumers.read_models import ReadModelsFollower
from consumers.relay import Relay
from consumers.webhooks import Pace, Posting
from infra.database import connect
from infra.kafka import Cluster
from infra.reader_store import ReaderStore
from infra.settings import Settings
from infra.streamed import StreamedModels
from infra.topics import Topics
from infra.wiring import assemble
from tests.consumers.effects import a_reader

ROOT = Path(__file__).parents[2]


def _relay(cluster: Cluster, topics: Topics, stop: Event, given: list[str]) -> None:
    app, owner, folder = given
    with connect(app, owner) as database:
        service = assemble(Settings(data_dir=Path(folder)), database)
        Relay(service, cluster, topics, batch=100).run(stop)


def _webhooks(cluster: Cluster, topics: Topics, stop: Event, given: list[str]) -> None:
    app, owner, folder = given
    with connect(app, owner) as database:
        service = assemble(Settings(data_dir=Path(folder), webhook_networks="127.0.0.0/8"), database)
        Posting(service, pace=Pace(tries=1000, first=0.05, longest=0.2)).run(stop)


def _effects(cluster: Cluster, topics: Topics, stop: Event, given: list[str]) -> None:
    store = ReaderStore(given[0])
    a_reader(store, cluster, topics).run(stop)
    store.close()


def _site(cluster: Cluster, topics: Topics, stop: Event, given: list[str]) -> None:
    store = ReaderStore(given[0])
    store.prepare("partners")
    site_reader(store, cluster, topics, session_ms=6000).run(stop)
    store.close()


def _models(cluster: Cluster, topics: Topics, stop: Event, given: list[str]) -> None:
    with connect(given[0], None) as database:
        ReadModelsFollower(StreamedModels(database), cluster, topics, session_ms=6000, records=100).run(stop)


ROLES: dict[str, Callable[[Cluster, Topics, Event, list[str]], None]] = {
    "relay": _relay,
    "effects": _effects,
    "site": _site,
    "models": _models,
    "webhooks": _webhooks,
}


@dataclass
class Crew:
    """Processes of ours, each started again after it was killed."""

    log: Path
    commands: list[list[str]]
    alive: list[subprocess.Popen[bytes]] = field(default_factory=list["subprocess.Popen[bytes]"])
    kills: int = 0

    def start(self) -> None:
        """Start every one of them."""
        self.alive = [self._started(command) for command in self.commands]

    def _started(self, command: list[str]) -> "subprocess.Popen[bytes]":
        whole = [sys.executable, "-m", "tests.consumers.processes", *command]
        with self.log.open("ab") as log:
            return subprocess.Popen(whole, cwd=ROOT, stdout=log, stderr=log)

    def kill_one(self, chance: random.Random) -> None:
        """Kill one of them as a power cut does, and start it again."""
        place = chance.randrange(len(self.alive))
        self.alive[place].kill()
        self.alive[place].wait(timeout=30)
        self.alive[place] = self._started(self.commands[place])
        self.kills += 1

    def stop(self) -> list[int | None]:
        """Ask all to end; their exit codes. Whoever does not end is killed."""
        for one in self.alive:
            one.terminate()
        codes: list[int | None] = []
        for one in self.alive:
            try:
                codes.append(one.wait(timeout=60))
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait(timeout=30)
                codes.append(None)
        return codes


def main(role: str, bootstrap: str, prefix: str, *given: str) -> None:
    """One process, until it is told to stop."""
    logging.basicConfig(level=logging.WARNING)
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    ROLES[role](Cluster(bootstrap), Topics(prefix), stop, list(given))


if __name__ == "__main__":
    main(*sys.argv[1:])
