"""What a reader says of itself: messages by what came of them, and how far behind it is."""

import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, start_http_server

from infra.kafka import KafkaConsumer, TopicPartition

LOOK = 5.0  # seconds between questions to the broker


class Gauges:
    """The measurements of one reader, in a registry of their own."""

    def __init__(self, reader: str) -> None:
        self._reader, self._looked = reader, 0.0
        self.registry = CollectorRegistry()
        self.taken = self._counter("nqms_reader_taken", "Messages taken in.")
        self.repeated = self._counter("nqms_reader_repeated", "Messages that had come before.")
        self.dead = self._counter(
            "nqms_reader_dead_letters", "Messages that could not be taken in, or wait behind one."
        )
        self.driven = self._counter("nqms_reader_redriven", "Dead letters taken in again.")
        self.rebalances = self._counter("nqms_reader_rebalances", "How often partitions were dealt out anew.")
        self.outages = self._counter("nqms_reader_outages", "How often broker or database was away.")
        self.position = self._gauge("nqms_reader_position", "Position up to which everything was taken in.")
        self.parked = self._gauge("nqms_reader_parked", "Events that could not be folded, or wait behind one.")
        self._lag = Gauge(
            "nqms_reader_lag",
            "Messages in a partition that were not polled yet.",
            ["reader", "topic", "partition"],
            registry=self.registry,
        )

    def _counter(self, name: str, about: str) -> Counter:
        return Counter(name, about, ["reader"], registry=self.registry).labels(reader=self._reader)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, ["reader"], registry=self.registry).labels(reader=self._reader)

    def look(self, consumer: KafkaConsumer) -> None:
        """Measure how far behind it is, every few seconds."""
        if time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        parts = list(consumer.assignment())
        for part, end in consumer.end_offsets(parts).items() if parts else ():
            self._of(part).set(end - (consumer.position(part) or 0))

    def forget(self, parts: Iterable[TopicPartition]) -> None:
        """Partitions that are another's now."""
        for part in parts:
            self._of(part).set(0)

    def _of(self, part: TopicPartition) -> Gauge:
        return self._lag.labels(reader=self._reader, topic=part.topic, partition=part.partition)

    @contextmanager
    def served(self, host: str, port: int) -> Generator[int]:
        """All of it on ``http://host:port/metrics`` while the block runs; the port, which is any free one for 0."""
        server, thread = start_http_server(port, host, self.registry)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join(timeout=10)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
