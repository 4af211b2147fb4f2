"""The relay: reads the ledger in order and hands it to Kafka, once it is recorded and never before.

Nothing is written twice: the ledger alone is written to, and what is in it is told until it is acknowledged. The
position is kept with the ledger and moves only after every message up to it is safe on the broker. Of several relays
one works; when it dies another goes on from that position, so that a message may come again, never be missing.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Event as Signal
from typing import Any

from consumers.outgoing import Message, Outgoing, marker, reached
from infra.kafka import AWAY, BrokerAway, Cluster, KafkaProducer, TopicsDiffer, TopicsMissing
from infra.outage import OUTAGES
from infra.relaying import LOST, Hints, Turn, turn
from infra.topics import Topic, Topics
from infra.wiring import Service
from projections.language import subject_of

BATCH = 500
MARK = 1.0  # seconds between markers
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
STANDBY = 1.0  # seconds between looks at whose turn it is
_log = logging.getLogger("nqms.relay")


@dataclass
class Told:
    """What a relay did since it started."""

    position: int = 0
    messages: int = 0
    takeovers: int = 0
    failures: int = 0
    unreadable: int = 0


class Relay:
    """Hands one ledger on to one cluster. One thread runs it."""

    def __init__(self, service: Service, cluster: Cluster, topics: Topics, *, batch: int = BATCH) -> None:
        self._service, self._cluster, self._topics, self._batch = service, cluster, topics, batch
        self._there: set[str] = set()
        self._said: set[str] = set()
        self._ends: list[int] = []
        self.told = Told()

    def run(self, stop: Signal) -> None:
        """Relay until ``stop`` is set. TopicsDiffer or TopicsMissing at once; while broker or database is away it waits."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            before = self.told.position
            try:
                self._attempt(stop)
            except (TopicsDiffer, TopicsMissing):
                raise
            except (BrokerAway, LOST, *AWAY, *OUTAGES) as error:
                self.told.failures += 1
                pause = FIRST_PAUSE if self.told.position > before else min(pause * 2, LONGEST_PAUSE)
                _log.warning("the relay stopped at %d and tries again in %.2f s: %s", self.told.position, pause, error)
                stop.wait(pause)

    def _attempt(self, stop: Signal) -> None:
        """From taking the turn until it is lost, or somebody says stop."""
        identity, _ = self._cluster.identity()
        while not stop.is_set():
            with turn(self._service.database, f"{identity}/{self._topics.prefix}") as mine:
                if mine is not None:
                    self._take_over(mine, stop)
                    return
            stop.wait(STANDBY)

    def _take_over(self, mine: Turn, stop: Signal) -> None:
        standing = self._cluster.check(self._topics.standing())
        self.told.takeovers += 1
        self._there = set(standing)
        partitions = standing[self._topics.partners.name].partitions
        self._ends = self._cluster.ends(self._topics.ledger.name)  # whatever was acknowledged before lies below
        producer = self._cluster.producer()
        try:
            self._follow(mine, producer, partitions, stop)
        finally:
            producer.close(timeout=1)

    def _follow(self, mine: Turn, producer: KafkaProducer, partitions: int, stop: Signal) -> None:
        service = self._service
        recorder = service.ledger.recorder
        outgoing = Outgoing(self._topics, recorder, service.ledger.shelf)
        position = self.told.position = mine.position()
        marked, marked_at = -1, 0.0
        with Hints(service.database, recorder) as hints:
            while not stop.is_set():
                facts = recorder.read(position, self._batch)
                messages = [message for fact in facts for message in outgoing.messages(fact)]
                position = facts[-1].position if facts else position
                if position > marked and time.monotonic() - marked_at > MARK:
                    at = service.ledger.now()
                    messages += [marker(self._topics.partners, n, partitions, position, at) for n in range(partitions)]
                    self._hand_over(producer, messages)
                    self._hand_over(producer, [reached(self._topics.reached, position, self._ends, at)])
                    marked, marked_at = position, time.monotonic()
                else:
                    self._hand_over(producer, messages)
                if facts:
                    mine.reached(position)
                    self.told.position = position
                    self._complain(outgoing)
                else:
                    hints.wait()

    def _hand_over(self, producer: KafkaProducer, messages: Iterable[Message]) -> None:
        """Send in order and wait until every one is acknowledged; kafka.errors.KafkaError when one is not."""
        waiting: list[Any] = []
        for message in messages:
            self._ensure(message.topic, message.key)
            sent = producer.send(
                message.topic.name,
                key=message.key.encode(),
                value=message.value,
                headers=list(message.headers),
                partition=message.partition,
            )
            waiting.append(sent)
        producer.flush(timeout=60)
        for sent in waiting:
            self._acknowledged(sent.get(timeout=1))
        self.told.messages += len(waiting)

    def _acknowledged(self, where: Any) -> None:
        """Keep account of how far the ledger's topic reaches. A repeat may be acknowledged without saying where it is."""
        if where.topic != self._topics.ledger.name:
            return
        part, offset = int(where.partition), int(where.offset)
        if offset < 0:
            self._ends = self._cluster.ends(self._topics.ledger.name)
        else:
            self._ends[part] = max(self._ends[part], offset + 1)

    def _ensure(self, topic: Topic, key: str) -> None:
        """A new affiliate brings new topics; they are made like the ledger's own."""
        if topic.name in self._there:
            return
        found = self._cluster.check((self._topics.ledger,))[self._topics.ledger.name]
        made = self._cluster.create((topic,), found.partitions, found.replication)
        _log.info("topics for %s: %s made", subject_of(key), made or "none")
        self._there.add(topic.name)

    def _complain(self, outgoing: Outgoing) -> None:
        for fault in outgoing.rows.unreadable:
            if fault not in self._said:
                _log.error("the public row of a program stays as it was: %s", fault)
                self._said.add(fault)
        self.told.unreadable = len(self._said)


def run(service: Service, cluster: Cluster, topics: Topics, stop: Signal) -> None:
    """Relay until ``stop`` is set."""
    Relay(service, cluster, topics).run(stop)
