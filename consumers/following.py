"""Following a topic in a consumer group: polling, waiting while the broker is away, dead letters.

What is made of the messages is another matter: see kit.py (key by key) and read_models.py (partition by partition).
"""

import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event as Signal
from typing import Any

from consumers.gauges import Gauges
from infra.kafka import (
    AWAY,
    BrokerAway,
    Cluster,
    ConsumerRebalanceListener,
    KafkaConsumer,
    KafkaProducer,
    TopicPartition,
)
from infra.outage import OUTAGES
from infra.topics import Topics

POLL_MS = 500
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
REASON = "dlq_reason"
NO_POSITION = "the header ce_position is missing or no number"
_log = logging.getLogger("nqms.reader")


@dataclass(frozen=True)
class Message:
    """A message as a reader takes it. ``value`` None: the key is gone. Headers are text."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: Mapping[str, str]

    @property
    def position(self) -> int:
        """Place in the ledger, from 1; within one key of a topic it only grows. 0: the message does not say."""
        said = self.headers.get("ce_position", "")
        return int(said) if said.isascii() and said.isdigit() else 0

    @property
    def slot(self) -> str:
        """The topic and the key: what is kept in order. A dead letter has that of the message it was."""
        return f"{self.headers.get('dlq_topic', self.topic)}/{self.key}"

    @property
    def version(self) -> int:
        """Place in the stream; 0 for messages of no stream."""
        said = self.headers.get("ce_streamversion", "")
        return int(said) if said.isascii() and said.isdigit() else 0

    @property
    def type(self) -> str:
        """The type of the event or row."""
        return self.headers["ce_type"]


class Following(ABC):
    """One follower: a name, topics, a group. Several processes may be the same one; the broker deals out partitions."""

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        cluster: Cluster,
        names: Topics,
        *,
        session_ms: int = 10_000,
        records: int = 500,
    ) -> None:
        self.name, self._topics, self._cluster = name, list(topics), cluster
        self._session_ms, self._records = session_ms, records
        self._group = f"{names.prefix}.{name}"
        self._dead = names.dead_letters(name)
        self.gauges = Gauges(name)

    @abstractmethod
    def prepare(self) -> None:
        """Make ready what is written to; tried again while it is away."""

    @abstractmethod
    def take(self, messages: Sequence[Message]) -> None:
        """Take in what was polled, whole and for good. infra.outage.OUTAGES: begin again where it was."""

    def begins(self, parts: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """From which offsets partitions are to be read that were just dealt out; else from where the group is."""
        return {}

    def looked(self) -> bool:
        """What is to be done after every look at the broker; whether anything was."""
        return False

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self, stop: Signal) -> None:
        """Take in until ``stop`` is set; what was polled is finished first. While broker or database is away it waits."""
        self._patiently(stop, self.prepare)
        self._patiently(stop, lambda: self._cluster.create((self._dead,), 1, self._copies()))
        self._patiently(stop, lambda: self._follow(stop))

    def _copies(self) -> int:
        found = self._cluster.check_there(self._topics)
        return min(one.replication for one in found.values())

    def _patiently(self, stop: Signal, act: Callable[[], object]) -> None:
        pause = FIRST_PAUSE
        while not stop.is_set():
            begun = time.monotonic()
            try:
                act()
                return
            except (BrokerAway, *AWAY, *OUTAGES) as error:
                # Whoever ran well for a while begins with short pauses again; chance keeps many from coming at once.
                pause = FIRST_PAUSE if time.monotonic() - begun > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
                self.gauges.outages.inc()
                _log.warning("%s stopped and tries again within %.2f s: %s", self.name, pause, error)
                stop.wait(pause * random.uniform(0.5, 1.0))

    def _follow(self, stop: Signal) -> None:
        consumer = self._cluster.consumer(self._group, session_ms=self._session_ms, records=self._records)
        try:
            consumer.subscribe(self._topics, listener=_Rebalanced(consumer, self))
            while not stop.is_set():
                polled: Any = consumer.poll(POLL_MS)
                messages = [as_message(record) for records in polled.values() for record in records]
                if messages:
                    self.take(messages)
                    self._commit(consumer)
                self.gauges.look(consumer)
                self.looked()
        finally:
            consumer.close(autocommit=False)

    def _commit(self, consumer: KafkaConsumer) -> None:
        """Only a hint for whoever comes next: positions are in the store already."""
        try:
            consumer.commit()
        except AWAY as error:  # also when the partitions went to another meanwhile
            _log.info("%s could not commit; the next owner sees what was taken in: %s", self.name, error)

    # --- dead letters ---------------------------------------------------------------------------------------------

    def bury(self, dead: Sequence[tuple[Message, str]]) -> None:
        """Send to the dead letters and wait for the acknowledgement, before anything is remembered."""
        producer: KafkaProducer = self._cluster.producer()
        try:
            sent: list[Any] = [
                producer.send(
                    self._dead.name,
                    key=message.key.encode(),
                    value=message.value,
                    headers=_buried(self.name, message, reason),
                )
                for message, reason in dead
            ]
            producer.flush(timeout=60)
            for one in sent:
                one.get(timeout=1)
        finally:
            producer.close(timeout=1)
        for message, reason in dead:
            _log.error("%s: %s at %d is a dead letter: %s", self.name, message.key, message.position, reason)

    def dead_letters(self) -> list[Message]:
        """Every dead letter there is, in the order buried."""
        consumer = self._cluster.consumer(None)
        try:
            part = TopicPartition(self._dead.name, 0)
            consumer.assign([part])
            end: int = consumer.end_offsets([part])[part]
            consumer.seek_to_beginning(part)
            found: list[Message] = []
            while (consumer.position(part) or 0) < end:
                polled: Any = consumer.poll(POLL_MS)
                found += [as_message(record) for records in polled.values() for record in records]
            return found
        finally:
            consumer.close(autocommit=False)


class _Rebalanced(ConsumerRebalanceListener):
    """Nothing is in hand when partitions go: what was polled is taken in before the next poll. So it is only counted."""

    def __init__(self, consumer: KafkaConsumer, follower: Following) -> None:
        self._consumer, self._follower = consumer, follower

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Partitions went to others."""
        self._follower.gauges.forget(revoked)

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Partitions came."""
        self._follower.gauges.rebalances.inc()
        _log.info("%s has %d partitions", self._follower.name, len(assigned))
        for part, offset in self._follower.begins(list(assigned)).items():
            self._consumer.seek(part, offset)


def as_message(record: Any) -> Message:
    """A message out of what the client library gives."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    key: bytes = record.key or b""
    named = key.decode(errors="replace").replace("\0", "")
    return Message(record.topic, record.partition, record.offset, named, record.value, headers)


def _buried(reader: str, message: Message, reason: str) -> list[tuple[str, bytes]]:
    kept = {name: value for name, value in message.headers.items() if not name.startswith("dlq_")}
    about = {
        "dlq_reader": reader,
        REASON: reason,
        "dlq_topic": message.topic,
        "dlq_partition": str(message.partition),
        "dlq_offset": str(message.offset),
    }
    return [(name, value.encode()) for name, value in {**kept, **about}.items()]
