"""The consumer kit: takes a stream from Kafka into a reader's own database, each message once in its effect.

The position of every key is stored in the transaction that stores the effect, so that a message which comes again is
seen to have come, whoever it comes to. Offsets are committed afterwards: they save work, nothing depends on them. What
cannot be taken in goes to the reader's dead letters with the reason; later messages of the same key wait there behind
it, all others go on; ``redrive`` takes in what waits, in order.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
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
from infra.reader_store import Place, ReaderStore, Taking
from infra.topics import Topics

POLL_MS = 500
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
REASON = "dlq_reason"
NO_POSITION = "the header ce_position is missing or no number"
BEHIND = "waits behind an earlier message of the same key"
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


Handler = Callable[[Taking, Message], None]
"""What a reader makes of a message, inside the transaction. Whatever it raises makes the message a dead letter."""


class Gap(Exception):
    """A message of a stream came before the one that it follows."""


@dataclass
class _Batch:
    """What comes of some messages in one transaction."""

    places: dict[str, Place]
    taken: int = 0
    repeated: int = 0
    dead: list[tuple[Message, str]] | None = None


class Reader:
    """One reader: a name, topics, and what it makes of a message. ``contiguous``: no version of a stream may be missing.

    Several processes may run the same reader; the broker deals the partitions out among them.
    """

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        handle: Handler,
        store: ReaderStore,
        cluster: Cluster,
        names: Topics,
        *,
        contiguous: bool = False,
        session_ms: int = 10_000,
        records: int = 500,
    ) -> None:
        self.name, self._topics, self._handle, self._store = name, list(topics), handle, store
        self._cluster, self._contiguous = cluster, contiguous
        self._session_ms, self._records = session_ms, records
        self._group = f"{names.prefix}.{name}"
        self._dead = names.dead_letters(name)
        self.gauges = Gauges(name)

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self, stop: Signal) -> None:
        """Take in until ``stop`` is set; what was polled is finished first. While broker or database is away it waits."""
        self._patiently(stop, self._store.prepare)
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
            consumer.subscribe(self._topics, listener=_Rebalanced(self.name, self.gauges))
            while not stop.is_set():
                polled: Any = consumer.poll(POLL_MS)
                messages = [as_message(record) for records in polled.values() for record in records]
                if messages:
                    self.take(messages)
                    self._commit(consumer)
                self.gauges.look(consumer)
        finally:
            consumer.close(autocommit=False)

    def _commit(self, consumer: KafkaConsumer) -> None:
        """Only a hint for whoever comes next: positions are in the store already."""
        try:
            consumer.commit()
        except AWAY as error:  # also when the partitions went to another meanwhile
            _log.info("%s could not commit; the next owner sees what was taken in: %s", self.name, error)

    # --- taking in ------------------------------------------------------------------------------------------------

    def take(self, messages: Sequence[Message]) -> None:
        """Take in some messages, in one transaction with their positions."""
        try:
            batch = self._take(messages, one_by_one=False)
        except OUTAGES:
            raise
        except Exception as error:  # noqa: BLE001  whatever a handler raises: find out whose message it was
            _log.info("%s takes %d messages one by one: %s", self.name, len(messages), error)
            batch = self._take(messages, one_by_one=True)
        self.gauges.taken.inc(batch.taken)
        self.gauges.repeated.inc(batch.repeated)
        self.gauges.dead.inc(len(batch.dead or ()))

    def _take(self, messages: Sequence[Message], *, one_by_one: bool) -> _Batch:
        with self._store.taking() as taking:
            known = taking.places(self.name, (message.slot for message in messages))
            batch = self._fold(taking, messages, known, one_by_one=one_by_one)
            if batch.dead:
                self._bury(batch.dead)
            taking.keep(self.name, {key: place for key, place in batch.places.items() if place != known[key]})
        return batch

    def _fold(
        self, taking: Taking, messages: Iterable[Message], known: Mapping[str, Place], *, one_by_one: bool
    ) -> _Batch:
        batch = _Batch(dict(known), dead=[])
        assert batch.dead is not None
        for message in messages:
            place = batch.places[message.slot]
            if not message.position:
                batch.dead.append((message, NO_POSITION))
            elif message.position <= place.position:
                batch.repeated += 1
            elif place.parked is not None:
                batch.dead.append((message, BEHIND))
            else:
                reason = self._one(taking, message, place, guarded=one_by_one)
                if reason is None:
                    batch.places[message.slot] = Place(message.position, message.version)
                    batch.taken += 1
                else:
                    batch.dead.append((message, reason))
                    batch.places[message.slot] = replace(place, parked=reason)
        return batch

    def _one(self, taking: Taking, message: Message, place: Place, *, guarded: bool) -> str | None:
        """Take in one message; why not, where it cannot be and the failure is to be borne."""
        try:
            with taking.attempt() if guarded else nullcontext():
                if self._contiguous and message.version != place.version + 1:
                    raise Gap(f"version {message.version} came after {place.version}")
                self._handle(taking, message)
        except OUTAGES:
            raise
        except Exception as error:
            if not guarded:
                raise
            return f"{type(error).__name__}: {error}"[:500]
        return None

    # --- dead letters ---------------------------------------------------------------------------------------------

    def _bury(self, dead: Sequence[tuple[Message, str]]) -> None:
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

    def redrive(self) -> int:
        """Take in what waits among the dead letters, key by key in order; how many keys still stand still.

        The reader may be at work meanwhile: it waits for a key while that key is driven again.
        """
        self._store.prepare()
        return sum(not self._drive(slot) for slot in self._store.parked(self.name))

    def _drive(self, slot: str) -> bool:
        """One key again; True when all that waited was taken in, or had been."""
        with self._store.taking() as taking:
            place = taking.places(self.name, [slot])[slot]  # held from here on, so nothing of this key is buried now
            if place.parked is None:
                return True
            waiting = {m.position: m for m in self.dead_letters() if m.slot == slot and m.position > place.position}
            place = replace(place, parked=None)
            for _, message in sorted(waiting.items()):
                reason = self._one(taking, message, place, guarded=True)
                if reason is not None:
                    place = replace(place, parked=reason)
                    break
                place = Place(message.position, message.version)
                self.gauges.driven.inc()
            taking.keep(self.name, {slot: place})
        return place.parked is None

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

    def __init__(self, name: str, gauges: Gauges) -> None:
        self._name, self._gauges = name, gauges

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Partitions went to others."""
        self._gauges.forget(revoked)

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Partitions came."""
        self._gauges.rebalances.inc()
        _log.info("%s has %d partitions", self._name, len(assigned))


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
