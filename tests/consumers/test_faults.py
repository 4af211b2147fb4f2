"""Relay, readers and broker killed at random under load: nothing lost, nothing doubled, nothing out of order."""

import hashlib
import json
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest

from consumers.directory_site import Copy
from infra.kafka import Cluster
from infra.reader_store import ReaderStore
from infra.topics import Topics
from tests.api.conftest import Desk
from tests.consumers import effects
from tests.consumers.load import Load
from tests.consumers.processes import Crew
from tests.consumers.relays import read_all
from tests.kafka_broker import Broker
from tests.waiting import until

SHORT, LONG = 20.0, 600.0
RECOVERY = 180.0


@dataclass
class Scene:
    """Everything at work, and the ways in which it is broken."""

    desk: Desk
    broker: Broker
    cluster: Cluster
    topics: Topics
    store: ReaderStore
    relays: Crew
    readers: Crew
    sites: Crew
    broker_kills: int = 0

    def break_the_broker(self, chance: random.Random) -> None:
        """Kill the broker, leave it dead for a moment, start it."""
        if self.broker.ours:
            self.broker.kill()
            time.sleep(chance.uniform(0.1, 1.0))
            self.broker.start()
            self.broker_kills += 1

    @property
    def relays_killed(self) -> list[Callable[[random.Random], None]]:
        """Kill a relay, twice: one of them was at work."""
        return [self.relays.kill_one, self.relays.kill_one]

    def ways(self, long: bool) -> list[Callable[[random.Random], None]]:
        """What is broken, more often first."""
        often = [self.readers.kill_one] * 4 + [self.relays.kill_one] * 3 + [self.sites.kill_one] * 2
        return [*often, *([self.break_the_broker] if long else [])]

    def stand(self) -> dict[str, list[int]]:
        """Every stream with its versions, as the ledger has them."""
        found: dict[str, list[int]] = {}
        for fact in self.desk.service.ledger.recorder.read(0, 1_000_000):
            found.setdefault(fact.stream, []).append(fact.version)
        return found


@pytest.fixture
def scene(
    desk: Desk,
    broker: Broker,
    cluster: Cluster,
    ready: Topics,
    store: ReaderStore,
    reader_database: str,
    tmp_path: Path,
) -> Generator[Scene]:
    with store.taking() as taking:
        taking.execute(effects.TABLE)
    store.prepare("partners")
    where = [cluster.bootstrap, ready.prefix]
    database = desk.service.database
    assert database.owner_dsn is not None
    relay = ["relay", *where, database.app_dsn, database.owner_dsn, str(desk.service.settings.data_dir)]
    relays = Crew(tmp_path / "relays.log", [relay, relay])
    readers = Crew(tmp_path / "readers.log", [["effects", *where, reader_database]] * 3)
    sites = Crew(tmp_path / "sites.log", [["site", *where, reader_database]])
    made = Scene(desk, broker, cluster, ready, store, relays, readers, sites)
    crews = (relays, readers, sites)
    for crew in crews:
        crew.start()
    yield made
    codes = [code for crew in crews for code in crew.stop()]
    assert codes == [0] * len(codes), [crew.log.read_text()[-2000:] for crew in crews]


def broken(scene: Scene, seconds: float, seed: int) -> Load:
    """Break things at random for a while under load; then wait until all have caught up."""
    chance, load, stop = random.Random(seed), Load(scene.desk), Event()
    writer = Thread(target=load.run, args=(stop,))
    writer.start()
    try:
        deadline = time.monotonic() + seconds
        first = [scene.readers.kill_one, *scene.relays_killed, scene.break_the_broker, scene.sites.kill_one]
        while first or time.monotonic() < deadline:
            time.sleep(chance.uniform(0.3, 2.5))
            way = first.pop(0) if first else chance.choice(scene.ways(seconds > SHORT))
            way(chance)
    finally:
        stop.set()
        writer.join(timeout=60)
    assert not writer.is_alive()
    events = scene.desk.head
    count = "SELECT count(*) FROM effects"
    until(lambda: scene.store.ask(count)[0][0] >= events, within=RECOVERY)
    copy = Copy(scene.store, scene.desk.service.ledger.now)
    until(lambda: copy.position() == events, within=RECOVERY)
    return load


def check_all(scene: Scene, load: Load) -> None:
    """No loss, no reorder, effects once; the copy is the original."""
    assert load.programs > 3
    assert min(scene.relays.kills, scene.readers.kills) > 0
    assert effects.effects(scene.store) == scene.stand()
    assert scene.store.parked(effects.NAME) == {}
    copy = Copy(scene.store, scene.desk.service.ledger.now)
    client, ours, theirs = scene.desk.client(), hashlib.sha256(), hashlib.sha256()
    rows = 0
    scene.desk.service.projector.catch_up()
    for key, _ in copy.rows():
        program_id = key.removeprefix("program:")
        ours.update(client.get(f"/partners/{program_id}").content)
        row = copy.one(program_id)
        theirs.update(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())
        rows += 1
    assert rows == load.programs + len(scene.desk.journeys)
    assert theirs.hexdigest() == ours.hexdigest()
    told = read_all(scene.cluster, scene.topics.ledger)
    assert {one.position for one in told} == set(range(1, scene.desk.head + 1))


@pytest.mark.req("H9")
def test_killed_at_random_for_a_while_nothing_is_lost_doubled_or_out_of_order(scene: Scene) -> None:
    load = broken(scene, SHORT, seed=1)
    check_all(scene, load)


@pytest.mark.faults
@pytest.mark.req("H9")
def test_killed_at_random_for_ten_minutes_nothing_is_lost_doubled_or_out_of_order(scene: Scene) -> None:
    load = broken(scene, LONG, seed=2)
    check_all(scene, load)
    assert scene.broker_kills > 1 or not scene.broker.ours
