"""The register's own read models, made from the ledger's topic by as many processes as there are partitions.

The same folds as the projector's, in a database of their own. The broker deals the partitions out; where each is to be
read on from is in that database, so a process that dies, a group that is dealt out anew and a database that was restored
from yesterday's copy all end in the same rows. The group carries the database's own name: each database has one.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from threading import Event as Signal
from typing import Any

import msgspec

from consumers.following import NO_POSITION, POLL_MS, Following, Message, as_message
from consumers.outgoing import REACHED, Reached
from infra.kafka import Cluster, TopicPartition
from infra.streamed import Polled, StreamedModels, Told
from infra.topics import Topics

NAME = "read-models"
RECORDS = 5_000
"""Messages in one transaction at most; with more of them a row of the same program is written less often."""
_SETTLE = 0.1  # seconds between looks at how far everything is
_PARKED = 5.0  # seconds between looks at what waits
_log = logging.getLogger("nqms.read-models")


class ReadModelsFollower(Following):
    """One of the processes that make the read models of a database."""

    def __init__(
        self, models: StreamedModels, cluster: Cluster, topics: Topics, *, records: int = RECORDS, **options: Any
    ) -> None:
        both = [topics.ledger.name, topics.reached.name]
        super().__init__(NAME, both, cluster, topics, records=records, **options)
        self._models, self._ledger = models, topics.ledger.name
        self._everybodys: str = f"{topics.prefix}.{NAME}"
        self._settled = self._counted = 0.0

    def prepare(self) -> None:
        """Make the tables, and learn the database's own name. infra.streamed.NotItsOwn, OtherFeed."""
        identity, _ = self._cluster.identity()
        self._group = f"{self._everybodys}.{self._models.prepare(identity, self._ledger)}"

    def begins(self, parts: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Where the database says; the group's own offsets say nothing. What the relay says is heard from the start."""
        taken = self._models.taken()
        there = {part.partition: taken[part.partition].upto for part in parts if part.partition in taken}
        return {part: there.get(part.partition, 0) if part.topic == self._ledger else 0 for part in parts}

    def take(self, messages: Sequence[Message]) -> None:
        """Facts into rows; what the relay says into what is known of the whole."""
        parts: dict[int, list[Message]] = {}
        for message in messages:
            if message.topic == self._ledger:
                parts.setdefault(message.partition, []).append(message)
            elif message.headers.get("ce_type") == REACHED and message.value is not None:
                told = msgspec.json.decode(message.value, type=Reached)
                self._models.mark(told.position, told.ends)
        if parts:
            polled, dead = _polled(parts)
            if dead:
                self.bury(dead)
            taken = self._models.take(polled)
            self.gauges.taken.inc(taken)
            self.gauges.repeated.inc(sum(len(part.facts) for part in polled.values()) - taken)
            self.gauges.dead.inc(len(dead))

    def looked(self) -> bool:
        """Say how far everything is, and count what waits, every now and then."""
        now = time.monotonic()
        due, counting = now - self._settled > _SETTLE, now - self._counted > _PARKED
        if due:
            self._settled = now
            self.gauges.position.set(self._models.settle())
        if counting:
            self._counted = now
            self.gauges.parked.set(sum(map(len, self._models.parked().values())))
        return due or counting

    def retry(self) -> int:
        """Fold what waits again, after the cause was removed; how many facts wait still. Reads the topic through."""
        self.prepare()
        wanted = {one.position for parked in self._models.parked().values() for one in parked}
        return self._models.retry(self._told_again(wanted)) if wanted else 0

    def _told_again(self, wanted: set[int]) -> list[Told]:
        """The facts at some positions, in order."""
        consumer: Any = self._cluster.consumer(None, records=RECORDS)
        found: dict[int, Told] = {}
        try:
            ends = {TopicPartition(self._ledger, part): one.upto for part, one in self._models.taken().items()}
            consumer.assign(list(ends))
            consumer.seek_to_beginning(*ends)
            while wanted - found.keys() and any((consumer.position(part) or 0) < end for part, end in ends.items()):
                for records in consumer.poll(POLL_MS).values():
                    messages = (as_message(record) for record in records)
                    found |= {m.position: fact_of(m) for m in messages if m.position in wanted}
        finally:
            consumer.close(autocommit=False)
        return [told for _, told in sorted(found.items())]


def fact_of(message: Message) -> Told:
    """The fact that a message of the ledger's topic is. ValueError or KeyError where it is none."""
    if not (message.position and message.version and message.value and message.key):
        raise ValueError(NO_POSITION)
    at = datetime.fromisoformat(message.headers["ce_time"])
    return Told(message.offset, message.position, message.key, message.version, message.type, at, message.value)


def _polled(parts: Mapping[int, Sequence[Message]]) -> tuple[dict[int, Polled], list[tuple[Message, str]]]:
    """The facts of each partition, and what is none with the reason."""
    polled: dict[int, Polled] = {}
    dead: list[tuple[Message, str]] = []
    for part, messages in parts.items():
        facts: list[Told] = []
        for message in messages:
            try:
                facts.append(fact_of(message))
            except (ValueError, KeyError) as error:
                dead.append((message, f"{type(error).__name__}: {error}"))
        polled[part] = Polled(messages[0].offset, messages[-1].offset, facts)
    return polled, dead


def run(
    models: StreamedModels, cluster: Cluster, topics: Topics, stop: Signal, metrics: tuple[str, int] | None = None
) -> None:
    """Be one of the processes that make the read models until ``stop`` is set; ``metrics``: where to serve them."""
    follower = ReadModelsFollower(models, cluster, topics)
    with follower.gauges.served(*metrics) if metrics else nullcontext():
        follower.run(stop)
