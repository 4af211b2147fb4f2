"""The read side beyond one process: ``python -m tests.bench.group [--programs 2000] [--seconds 10] [--processes 1,2,4]``.

How fast 1, 2 and 4 processes make the read models from Kafka, how fast the relay is beside the appends, and how late a
row is. Every run is looked over: each fact taken in once, none waiting, the rows of a sample the same to the byte as when
folded one by one. With ``--programs 50000 --seconds 60`` it is the simulation of docs/scale.md. Writes build/group.json.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from infra.database import EmbeddedServer, connect
from infra.kafka import Cluster
from infra.records import Actor, Append, NewEvent, StoredFact
from infra.settings import Settings
from infra.streamed import StreamedModels
from infra.topics import Topics
from infra.wiring import Service, assemble
from tests.bench.crowd import Crowd, Sent, expected, rows_there, send, settle_down
from tests.bench.ground import EMPTY, TINY, Ground
from tests.consumers.relays import relaying
from tests.infra.appends import an_append
from tests.kafka_broker import running
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PARTITIONS = 8
SAMPLE = 2_000
"""Programs whose rows are compared to the byte; all of them where there are fewer."""
PROBES, PAUSE = 200, 0.05
PREPARED = "group_prepared"
_SUM = "SELECT coalesce(sum(facts), 0)::bigint FROM reading.partitions"


@dataclass(frozen=True)
class Ran:
    """What so many processes did: facts in so many seconds, from the first batch that was taken in to the last."""

    processes: int
    facts: int
    seconds: float
    started: float
    """Seconds until the first batch was there: Python, joining the group, the batch itself. In no rate."""

    @property
    def rate(self) -> float:
        """Facts a second."""
        return self.facts / self.seconds


@dataclass(frozen=True)
class Chosen:
    """What was asked for."""

    programs: int
    seconds: float
    processes: tuple[int, ...]
    events: int
    probes: int = PROBES
    stories: int = 4
    """How many of the demonstration's lives are lived."""


@contextmanager
def processes(count: int, cluster: Cluster, topics: Topics, address: str) -> Generator[list["subprocess.Popen[bytes]"]]:
    """So many of the verb's processes at work on one database."""
    environment = {
        **os.environ,
        "NQMS_KAFKA_BOOTSTRAP": cluster.bootstrap,
        "NQMS_KAFKA_PREFIX": topics.prefix,
        "NQMS_READER_URL": address,
    }
    command = [sys.executable, "-m", "api.cli", "kafka", "read-models"]
    running = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield running
    finally:
        for one in running:
            one.terminate()
        codes = [one.wait(timeout=60) for one in running]
    assert codes == [0] * count


def prepared(ground: Ground, cluster: Cluster, topics: Topics, crowd: Crowd) -> None:
    """A database of read models in which every program has begun; it is copied for each run."""
    address = ground.bare_database(PREPARED)
    with connect(address, None) as database:
        models = StreamedModels(database)
        models.prepare(cluster.identity()[0], topics.ledger.name)
        begun = time.perf_counter()
        settle_down(crowd, models)
        took = time.perf_counter() - begun
    ground.tell(f"{crowd.programs:,} programs have begun ({took:.0f} s)")


def one_run(ground: Ground, cluster: Cluster, topics: Topics, crowd: Crowd, sent: Sent, count: int) -> Ran:
    """Let so many processes take in what was sent; look their rows over."""
    name = f"group_{count}"
    ground.drop(name)
    with psycopg.connect(ground.server.dsn(), autocommit=True) as connection:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(PREPARED))
        connection.execute(made)
    address = ground.server.dsn(database=name)
    with connect(address, None) as database:
        with database.pool.connection() as connection:
            connection.execute("UPDATE reading.feed SET id = gen_random_uuid()")  # a group of its own
        models = StreamedModels(database)
        models.prepare(cluster.identity()[0], topics.ledger.name)
        begun = time.perf_counter()
        with processes(count, cluster, topics, address), psycopg.connect(address, autocommit=True) as looking:
            first, last, facts = _timed(looking, sent.facts, begun)
            until(lambda: models.position() == sent.position, within=30)
        look_over(models, crowd, sent)
    ground.drop(name)
    return Ran(count, facts, last - first, first - begun)


def _timed(looking: psycopg.Connection[Any], facts: int, begun: float) -> tuple[float, float, int]:
    """When the first batch was there, when everything was, and how many facts came between.

    Where everything came at once, from the beginning on.
    """
    first, before = None, 0
    while True:
        row: Any = looking.execute(_SUM).fetchone()
        now = time.perf_counter()
        if first is None and row[0]:
            first, before = now, int(row[0])
        if row[0] >= facts:
            return (first, now, facts - before) if first and before < facts else (begun, now, facts)
        time.sleep(0.02)


def look_over(models: StreamedModels, crowd: Crowd, sent: Sent) -> None:
    """Nothing lost, nothing doubled, nothing out of order."""
    assert sum(one.facts for one in models.taken().values()) == sent.facts
    assert models.parked() == {}
    step = max(1, crowd.programs // SAMPLE)
    sample = range(0, crowd.programs, step)
    theirs, ours = expected(crowd, sample), rows_there(models.database, crowd, sample)
    assert ours == theirs
    with models.database.pool.connection() as connection:
        row: Any = connection.execute("SELECT count(*) FROM read.workspace").fetchone()
    assert row[0] == crowd.programs


def table(ground: Ground, cluster: Cluster, chosen: Chosen) -> tuple[Sent, list[Ran]]:
    """The table of throughputs."""
    topics, crowd = Topics(f"g{uuid4().hex[:8]}"), Crowd(ground.world.lives, chosen.programs)
    cluster.create((*topics.standing(), *topics.own()), PARTITIONS, 1)
    prepared(ground, cluster, topics, crowd)
    sent = send(crowd, cluster, topics, chosen.seconds)
    touched = sum(1 for positions in crowd.sent.values() if positions)
    ground.tell(
        f"{sent.facts:,} events of {touched:,} programs sent in {sent.seconds:.1f} s ({sent.facts / sent.seconds:,.0f}/s)"
    )
    runs: list[Ran] = []
    for count in chosen.processes:
        ran = one_run(ground, cluster, topics, crowd, sent, count)
        ground.tell(
            f"{count} processes: {ran.rate:,.0f} events/s ({ran.seconds:.1f} s, begun after {ran.started:.1f} s); "
            "order kept, each once, none waiting"
        )
        runs.append(ran)
    return sent, runs


# --- the relay, and how late a row is ----------------------------------------------------------------------------------


def relay_rate(service: Service, cluster: Cluster, topics: Topics, events: int) -> tuple[float, float]:
    """Append some events a hundred at a time, then hand them on; both rates."""
    recorder = service.ledger.recorder
    begun = time.perf_counter()
    for _ in range(events // 100):
        recorder.append(an_append(f"policy:{uuid4().hex}", count=100))
    appended = time.perf_counter() - begun
    begun = time.perf_counter()
    with relaying(service, cluster, topics) as relay:
        until(lambda: relay.relay.told.position >= recorder.head()[0], within=600)
        relayed = time.perf_counter() - begun
    return events / appended, events / relayed


def registering(first: StoredFact) -> tuple[str, Append]:
    """A new program's first fact, to be appended."""
    new = str(uuid4())
    stream = f"program:{new}"
    state = first.state.replace(first.stream.partition(":")[2].encode(), new.encode())
    event = NewEvent(stream, 1, first.type, state)
    actor = Actor("p_1", "staff", "affiliate:1")
    return stream, Append((event,), uuid4(), stream, b"r" * 32, actor, {stream: 0})


def delays(service: Service, first: StoredFact, address: str, probes: int) -> list[float]:
    """How long after the call of append began the row was there for whoever asks, in milliseconds."""
    late: list[float] = []
    seen = "SELECT 1 FROM read.workspace WHERE key = %s"
    with psycopg.connect(address, autocommit=True) as looking:
        for _ in range(probes):
            stream, append = registering(first)
            begun = time.perf_counter()
            service.ledger.recorder.append(append)
            while looking.execute(seen, (stream,)).fetchone() is None:
                assert time.perf_counter() - begun < 60, "the row did not come"
                time.sleep(0.001)
            late.append((time.perf_counter() - begun) * 1000)
            time.sleep(PAUSE)
    return late


def end_to_end(ground: Ground, cluster: Cluster, chosen: Chosen) -> dict[str, float]:
    """The relay's rate, and the delay with one process and with the most of them."""
    topics, first = Topics(f"e{uuid4().hex[:8]}"), ground.world.lives[0][0]
    cluster.create((*topics.standing(), *topics.own()), PARTITIONS, 1)
    told: dict[str, float] = {}
    with ground.database(EMPTY) as database, tempfile.TemporaryDirectory(prefix="nqm-") as folder:
        service = assemble(Settings(data_dir=Path(folder)), database)
        told["appended"], told["relayed"] = relay_rate(service, cluster, topics, chosen.events)
        ground.tell(f"{chosen.events:,} events appended 100 at a time: {told['appended']:,.0f}/s; "
                    f"handed on, each to two topics: {told['relayed']:,.0f}/s")  # fmt: skip
        for count in sorted({min(chosen.processes), max(chosen.processes)}):
            address = ground.bare_database(f"late_{count}")
            with relaying(service, cluster, topics), processes(count, cluster, topics, address):
                _caught_up(address, service)
                late = quantiles(delays(service, first, address, chosen.probes), n=100)
            told[f"p50_{count}"], told[f"p99_{count}"] = late[49], late[98]
            ground.tell(
                f"{count} processes: a row is there {late[49]:.0f} ms (p50), {late[98]:.0f} ms (p99) after append began"
            )
            ground.drop(f"late_{count}")
    return told


def _caught_up(address: str, service: Service) -> None:
    with psycopg.connect(address, autocommit=True) as looking:

        def there() -> bool:
            try:
                row: Any = looking.execute("SELECT coalesce(max(position), 0) FROM reading.feed").fetchone()
            except psycopg.errors.UndefinedTable:
                return False
            return row[0] >= service.ledger.recorder.head()[0]

        until(there, within=300)


def measured(chosen: Chosen) -> dict[str, Any]:
    """All of it, on a broker and a durable database of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="nqm-") as folder,
        running() as broker,
        EmbeddedServer(Path(folder) / "data") as server,
    ):
        ground = Ground(
            server, Path(folder), replace(TINY, stories=chosen.stories), lambda said: print(said, flush=True)
        )
        cluster = Cluster(broker.bootstrap)
        print(f"broker: {broker.kind}; {os.cpu_count()} cores for all of it; load {os.getloadavg()[0]:.1f}", flush=True)
        late = end_to_end(ground, cluster, chosen) if chosen.events else {}
        sent, runs = table(ground, cluster, chosen)
    return {
        "broker": broker.kind,
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "chosen": asdict(chosen),
        "sent": asdict(sent),
        "runs": [{**asdict(run), "rate": run.rate} for run in runs],
        "end_to_end": late,
    }


def said(found: dict[str, Any]) -> str:
    """The table for docs/scale.md."""
    lines = ["| processes | events a second | of one |", "|---:|---:|---:|"]
    runs = found["runs"]
    lines += [f"| {run['processes']} | {run['rate']:,.0f} | {run['rate'] / runs[0]['rate']:.2f} |" for run in runs]
    return "\n".join(lines)


def main(words: Sequence[str]) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.group", description=__doc__)
    parser.add_argument("--programs", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="for which events are sent")
    parser.add_argument("--processes", default="1,2,4")
    parser.add_argument("--events", type=int, default=20_000, help="for the relay and the delay; 0: without")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "group.json")
    given = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers and folders go on the way out
    counts = tuple(int(one) for one in given.processes.split(","))
    found = measured(Chosen(given.programs, given.seconds, counts, given.events))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    print(said(found))


if __name__ == "__main__":
    main(sys.argv[1:])
