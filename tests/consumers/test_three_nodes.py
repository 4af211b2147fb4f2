"""Three brokers, of which one is killed in mid-write: nothing that was acknowledged is lost, nothing is out of order."""

import os
import random
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from infra.kafka import Cluster
from infra.reader_store import ReaderStore
from infra.relaying import relayed
from infra.topics import Topics
from tests.api.conftest import Desk
from tests.consumers import effects
from tests.consumers.load import Load
from tests.consumers.processes import Crew
from tests.consumers.relays import PARTITIONS, Got, read_all
from tests.kafka_broker import Broker, running_nodes
from tests.waiting import until

KILLS = int(os.environ.get("NQMS_NODE_KILLS", "1"))
COPIES = 3


@dataclass
class Three:
    """Three nodes of one cluster. Where ours are not to be had there is one, and it is not killed."""

    nodes: list[Broker]
    topics: Topics

    @property
    def cluster(self) -> Cluster:
        """By the addresses of all."""
        return Cluster(",".join(node.bootstrap for node in self.nodes))

    @property
    def ours(self) -> bool:
        """Whether there are three, and they can be killed."""
        return len(self.nodes) == COPIES

    @property
    def copies(self) -> int:
        """Of each topic."""
        return COPIES if self.ours else 1

    def leader(self, partition: int) -> Broker:
        """The node that takes what is written to a partition of the ledger's topic."""
        if not self.ours:
            return self.nodes[0]
        with self.cluster.administering() as admin:
            described: Any = admin.describe_topics([self.topics.ledger.name])
        told = next(one for one in described[0]["partitions"] if one["partition_index"] == partition)
        return self.nodes[told["leader_id"] - 1]

    def in_step(self) -> bool:
        """Whether every node has all that was acknowledged."""
        with self.cluster.administering() as admin:
            described: Any = admin.describe_topics([topic.name for topic in self.topics.standing()])
        return all(len(part["isr_nodes"]) == self.copies for topic in described for part in topic["partitions"])


@pytest.fixture(scope="module")
def nodes() -> Generator[list[Broker]]:
    """Three nodes for the tests of this file."""
    with running_nodes(COPIES) as three:
        yield three


@pytest.fixture
def three(nodes: list[Broker], topics: Topics, desk: Desk) -> Three:
    """The same with topics on all of them."""
    made = Three(nodes, topics)
    codes = [one.affiliate_id for one in desk.service.ledger.shelf().affiliates()]
    wanted = [*topics.standing(), *topics.own(), *(topic for code in codes for topic in topics.for_affiliate(code))]
    made.cluster.create(wanted, PARTITIONS, made.copies)
    until(made.in_step)
    return made


@dataclass
class Scene:
    """A ledger that is written to, a relay and a reader as processes of their own, all at work on the three."""

    desk: Desk
    three: Three
    store: ReaderStore
    cluster: str

    @property
    def acknowledged(self) -> int:
        """Up to which position the relay was told that everything is safe."""
        return relayed(self.desk.service.database).get(self.cluster, 0)


@pytest.fixture
def scene(three: Three, desk: Desk, store: ReaderStore, reader_database: str, tmp_path: Path) -> Generator[Scene]:
    with store.taking() as taking:
        taking.execute(effects.TABLE)
    where, database = [three.cluster.bootstrap, three.topics.prefix], desk.service.database
    assert database.owner_dsn is not None
    relay = ["relay", *where, database.app_dsn, database.owner_dsn, str(desk.service.settings.data_dir)]
    crew = Crew(tmp_path / "processes.log", [relay, ["effects", *where, reader_database]])
    stop = Event()
    writer = Thread(target=Load(desk).run, args=(stop,))
    crew.start()
    writer.start()
    try:
        yield Scene(desk, three, store, f"{three.cluster.identity()[0]}/{three.topics.prefix}")
    finally:
        stop.set()
        writer.join(timeout=60)
        codes = crew.stop()
    assert codes == [0, 0], crew.log.read_text()[-2000:]


def first_times(got: list[Got]) -> list[Got]:
    """Each message where it came first: a relay may have said it twice."""
    seen: set[int] = set()
    return [one for one in got if not (one.position in seen or seen.add(one.position))]


def stand(desk: Desk) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for fact in desk.service.ledger.recorder.read(0, 1_000_000):
        found.setdefault(fact.stream, []).append(fact.version)
    return found


def test_topics_have_three_copies_and_two_have_to_take_what_is_acknowledged(three: Three) -> None:
    found = three.cluster.check((*three.topics.standing(), *three.topics.own()))
    least = str(max(1, three.copies - 1))
    told = {(one.replication, one.settings["min.insync.replicas"]) for one in found.values()}
    assert told == {(three.copies, least)}
    assert {one.settings["unclean.leader.election.enable"] for one in found.values()} == {"false"}


@pytest.mark.req("H9")
def test_a_node_killed_in_mid_write_takes_nothing_with_it_that_was_acknowledged(scene: Scene) -> None:
    three, chance = scene.three, random.Random(3)
    for _ in range(KILLS):
        before = scene.acknowledged
        until(lambda before=before: scene.acknowledged > before)  # it is in the midst of writing
        victim, safe = three.leader(chance.randrange(PARTITIONS)), scene.acknowledged
        victim.kill() if three.ours else None
        # The other two go on, and the one that comes back has all that was called safe meanwhile.
        until(lambda safe=safe: scene.acknowledged > safe + 20, within=90)
        safe = scene.acknowledged
        victim.start() if three.ours else None
        until(three.in_step, within=90)
        there = {one.position for one in read_all(three.cluster, three.topics.ledger)}
        assert there >= set(range(1, safe + 1))
    check_all(scene)


def check_all(scene: Scene) -> None:
    """What was recorded by now comes: no loss, order within each key, effects once."""
    head, whole = scene.desk.head, stand(scene.desk)
    until(lambda: scene.acknowledged >= head, within=90)
    got = first_times(read_all(scene.three.cluster, scene.three.topics.ledger))
    assert {one.position for one in got} >= set(range(1, head + 1))
    last: dict[str, int] = {}
    for one in got:
        version = int(one.headers["ce_streamversion"])
        assert version == last.get(one.key, 0) + 1
        last[one.key] = version
    until(lambda: covered(effects.effects(scene.store), whole), within=90)
    assert scene.store.parked(effects.NAME) == {}


def covered(taken: dict[str, list[int]], whole: dict[str, list[int]]) -> bool:
    """Whether everything was taken in. What was, was taken in once and in order."""
    for versions in taken.values():
        assert versions == list(range(1, len(versions) + 1))
    return all(len(taken.get(stream, ())) >= len(versions) for stream, versions in whole.items())


@pytest.mark.req("H9")
def test_with_two_of_three_gone_nothing_is_called_safe_and_it_goes_on_when_they_are_back(scene: Scene) -> None:
    three = scene.three
    until(lambda: scene.acknowledged > 0)
    gone = three.nodes[1:] if three.ours else []
    for node in gone:
        node.kill()
    if gone:
        time.sleep(1)  # what was under way has come to its end, or never will
        stood = scene.acknowledged
        time.sleep(3)
        assert scene.acknowledged == stood < scene.desk.head
    for node in gone:
        node.launch()
    for node in gone:
        node.wait()
    until(three.in_step, within=90)
    check_all(scene)
