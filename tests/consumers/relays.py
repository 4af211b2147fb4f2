"""Relays at work, and everything that a topic holds."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from consumers.relay import Relay
from infra.kafka import Cluster, TopicPartition
from infra.topics import Topic, Topics
from infra.wiring import Service
from tests.api.conftest import Desk
from tests.waiting import until

PARTITIONS = 3


def create_topics(cluster: Cluster, topics: Topics, desk: Desk) -> None:
    """All topics of a ledger as it is now."""
    codes = [a.affiliate_id for a in desk.service.ledger.shelf().affiliates()]
    wanted = [*topics.standing(), *topics.own(), *(topic for code in codes for topic in topics.for_affiliate(code))]
    cluster.create(wanted, PARTITIONS, 1)


@dataclass
class Running:
    """A relay in a thread of its own."""

    relay: Relay
    stop: Event = field(default_factory=Event)
    thread: Thread | None = None
    failed: list[BaseException] = field(default_factory=list[BaseException])

    def start(self) -> "Running":
        self.thread = Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self) -> None:
        try:
            self.relay.run(self.stop)
        except BaseException as error:  # noqa: BLE001  told to the test's own thread
            self.failed.append(error)

    def end(self) -> None:
        self.stop.set()
        assert self.thread is not None
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()


@contextmanager
def relaying(service: Service, cluster: Cluster, topics: Topics, **options: Any) -> Generator[Running]:
    """A relay at work for a while."""
    running = Running(Relay(service, cluster, topics, **options)).start()
    try:
        yield running
    finally:
        running.end()
    assert running.failed == []


def relay_all(desk: Desk, cluster: Cluster, topics: Topics) -> Running:
    """Everything there is, handed over; the relay, ended."""
    with relaying(desk.service, cluster, topics) as running:
        until(lambda: running.failed or running.relay.told.position >= desk.head)
    return running


@dataclass(frozen=True)
class Got:
    """A message as it came."""

    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: dict[str, str]

    @property
    def position(self) -> int:
        return int(self.headers["ce_position"])


def read_all(cluster: Cluster, topic: Topic) -> list[Got]:
    """Everything in a topic, partition by partition in order."""
    return sorted(_read(cluster, topic.name), key=lambda got: (got.partition, got.offset))


def _read(cluster: Cluster, name: str) -> Iterable[Got]:
    consumer = cluster.consumer(None)
    try:
        partitions = [TopicPartition(name, n) for n in consumer.partitions_for_topic(name) or ()]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[Got] = []
        while any((consumer.position(p) or 0) < ends[p] for p in partitions):
            for polled in consumer.poll(500).values():
                for r in polled:
                    headers = {key: value.decode() for key, value in r.headers}
                    found.append(Got(r.partition, r.offset, r.key.decode(), r.value, headers))
        return found
    finally:
        consumer.close()
