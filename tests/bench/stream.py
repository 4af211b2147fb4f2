"""How fast the relay is, and how late a reader hears: ``python -m tests.bench.stream [EVENTS]``.

Both on one machine, beside the rate at which the same events were appended; the delay is from before the append until a
consumer of another thread has the message.
"""

import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from infra.database import EmbeddedServer, connect, create_roles, create_schema
from infra.kafka import Cluster
from infra.settings import Settings
from infra.topics import Topics
from infra.wiring import Service, assemble
from tests.consumers.relays import PARTITIONS, read_all, relaying
from tests.infra.appends import an_append
from tests.kafka_broker import running
from tests.waiting import until

PROBES, PAUSE = 300, 0.02


@contextmanager
def ground() -> Generator[tuple[Service, Cluster, Topics]]:
    """A ledger on a durable server, and a broker."""
    with (
        tempfile.TemporaryDirectory(prefix="nqm-") as folder,
        running() as broker,
        EmbeddedServer(Path(folder) / "data") as server,
    ):
        create_roles(server)
        app, owner = create_schema(server)
        with connect(app, owner) as database:
            service = assemble(Settings(data_dir=Path(folder)), database)
            cluster, topics = Cluster(broker.bootstrap), Topics("measured")
            cluster.create(topics.standing(), PARTITIONS, 1)
            print(f"broker: {broker.kind}")
            yield service, cluster, topics


def rate(service: Service, cluster: Cluster, topics: Topics, events: int) -> None:
    """Append some events, then hand them over."""
    recorder = service.ledger.recorder
    begun = time.perf_counter()
    for _ in range(events // 100):
        recorder.append(an_append(f"policy:{uuid4().hex}", count=100))
    appended = time.perf_counter() - begun
    begun = time.perf_counter()
    with relaying(service, cluster, topics) as relay:
        until(lambda: relay.relay.told.position >= recorder.head()[0], within=600)
        relayed = time.perf_counter() - begun
    assert len(read_all(cluster, topics.ledger)) == recorder.head()[0]
    print(f"{events} events appended 100 at a time: {events / appended:,.0f}/s; handed on, each to two topics: "
          f"{events / relayed:,.0f}/s ({appended / relayed:.2f} x the appends)")  # fmt: skip


def delay(service: Service, cluster: Cluster, topics: Topics) -> None:
    """Append one event at a time while a relay and a consumer are at work."""
    heard: dict[str, float] = {}
    stop = Event()
    thread = Thread(target=_hear, args=(cluster, topics, heard, stop))
    sent: dict[str, float] = {}
    with relaying(service, cluster, topics):
        thread.start()
        last = f"policy:{uuid4().hex}"
        service.ledger.recorder.append(an_append(last))
        until(lambda: last in heard, within=120)  # the consumer has read all that was there before
        for _ in range(PROBES):
            stream = f"policy:{uuid4().hex}"
            sent[stream] = time.perf_counter()
            service.ledger.recorder.append(an_append(stream))
            time.sleep(PAUSE)
        until(lambda: sent.keys() <= heard.keys())
    stop.set()
    thread.join(timeout=30)
    late = quantiles([(heard[stream] - at) * 1000 for stream, at in sent.items()], n=100)
    print(f"{PROBES} events, one every {PAUSE * 1000:.0f} ms: heard after p50 {late[49]:.0f} ms, p99 {late[98]:.0f} ms")


def _hear(cluster: Cluster, topics: Topics, heard: dict[str, float], stop: Event) -> None:
    consumer = cluster.consumer(f"{topics.prefix}.measure")
    consumer.subscribe([topics.ledger.name])
    while not stop.is_set():
        polled: Any = consumer.poll(200)
        now = time.perf_counter()
        heard.update((record.key.decode(), now) for records in polled.values() for record in records)
    consumer.close(autocommit=False)


if __name__ == "__main__":
    with ground() as (service, cluster, topics):
        rate(service, cluster, topics, int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
        delay(service, cluster, topics)
