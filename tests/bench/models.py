"""Rows: rebuild of all read models, and how soon what was committed can be read."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from random import Random
from statistics import median
from typing import Any
from uuid import uuid4

import psycopg

from domain.changes import ProgramRenamed
from infra.mapper import encode
from infra.recorder import Actor, Append, NewEvent
from infra.wiring import Service
from tests.bench import library_app
from tests.bench.ground import Ground
from tests.bench.history import fill
from tests.bench.measure import CORES, Contender, Figures, Measured, interleaved, percentile
from tests.bench.report import Row
from tests.bench.works import OURS, REBUILD, REBUILD_GROWTH, VISIBLE, WAIT

CALLERS = 8
GROWN_FROM = 100_000
_POLL = 0.0005  # seconds between looks at the directory


def run_module(name: str, *arguments: str) -> Any:
    """The JSON that a module of the bench prints, run as a process of its own. RuntimeError with its last words."""
    command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise RuntimeError((said.stderr.strip().splitlines() or ["it failed without a word"])[-1])
    return json.loads(said.stdout.splitlines()[-1])


def copied_out(address: str) -> int:
    """Read the whole ledger by COPY; how many bytes came."""
    out = "COPY ledger.events TO STDOUT (FORMAT BINARY)"
    with psycopg.connect(address) as connection, connection.cursor() as cursor, cursor.copy(out) as copy:
        return sum(len(part) for part in copy)


def copy_out(ground: Ground, service: Service, events: int) -> Figures:
    """Events per second of a whole COPY out."""
    began = time.perf_counter()
    assert copied_out(ground.superuser(service.database)) > events * 100
    return {"rate": events / (time.perf_counter() - began)}


# --- rebuild ----------------------------------------------------------------------------------------------------------


def rebuilt(ground: Ground, service: Service, events: int) -> Row:
    """All read models again, on a ledger of that many events, against COPY out and the library's runner."""

    def ours() -> Figures:
        told = run_module("rebuild_once", str(service.settings.data_dir), service.database.app_dsn)
        assert told["events"] == events, told
        assert told["differences"] == [], told["differences"][:5]
        return {"rate": events / told["seconds"], "rss_mb": told["rss_mb"]}

    library = OfTheLibrary(ground)
    contenders: dict[str, Contender] = {OURS: ours, "raw COPY out": lambda: copy_out(ground, service, events)}
    contenders["E"] = library.projected
    measured = interleaved(ground.plan.heavy_rounds, contenders)
    count = ground.plan.of_the_library
    notes = [
        f"E: its ProjectionRunner over {count:,} events, one table, one line each; ours: all read models, compared and swapped"
    ]
    return Row(REBUILD, f"{events:,} events", "rate", "events/s", measured, notes=notes)


def grown(rows: list[Row]) -> Iterator[Row]:
    """The rate on the largest history against that on 10⁵ events."""
    sized = {int(row.size.partition(" ")[0].replace(",", "")): row.measured for row in rows if row.work is REBUILD}
    if len(sized) < 2:
        return
    base = min(sized, key=lambda size: abs(size - GROWN_FROM))
    largest = max(sized)
    if largest <= base:
        base = min(sized)
    mine, smaller = sized[largest].samples.get(OURS), sized[base].samples.get(OURS)
    if not mine or not smaller:
        return
    measured = Measured({OURS: mine, "ours before it grew": smaller})
    note = f"{largest:,} events against {base:,}" + ("" if largest >= 10_000_000 else "; 10,000,000 with --full")
    yield Row(REBUILD, note, "rate", "events/s", measured, REBUILD_GROWTH, ["from the rows above, not interleaved"])


class OfTheLibrary:
    """E's application with some events, projected from the beginning each time."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._count = ground, ground.plan.of_the_library

    def projected(self) -> Figures:
        """Events per second of its runner from the first event to the last."""
        self._ground.bare_database("bench_e")
        settings = library_app.environment(self._ground.host, "bench_e")
        lives, left = self._ground.world.lives, self._count
        with library_app.Programs(settings) as app:
            while left > 1:
                library_app.save(app, lives[left % len(lives)][: left - 1])
                left = self._count - (app.recorder.max_notification_id() or 0)
            head = app.recorder.max_notification_id()
        assert head is not None
        began = time.perf_counter()
        with library_app.runner(settings) as runner:
            while not runner.view.has_tracking_id("programs", head):
                assert time.perf_counter() - began < 300, "the library's runner did not arrive"
                time.sleep(0.005)
            seconds = time.perf_counter() - began
            assert runner.view.count() == head
        return {"rate": head / seconds}

    def waited(self, times: int) -> Figures:
        """How long its runner lets a reader wait for what was just saved, with nothing else going on."""
        self._ground.bare_database("bench_e")
        settings = library_app.environment(self._ground.host, "bench_e")
        found: list[float] = []
        facts = self._ground.world.lives[0][:1]
        with library_app.runner(settings) as runner:
            for _ in range(times):
                library_app.save(runner.app, facts)
                began, head = time.perf_counter(), runner.app.recorder.max_notification_id()
                runner.wait(head, timeout=10)
                found.append((time.perf_counter() - began) * 1e3)
        return {"p50_ms": percentile(found, 0.5), "p99_ms": percentile(found, 0.99)}


# --- how soon it can be read ------------------------------------------------------------------------------------------


def rows(ground: Ground) -> Iterator[Row]:
    """Commit to visible, and read-your-writes, at half of what writer and projector together sustain."""
    with ground.service() as service:
        fill(ground, service.database, ground.plan.sizes[0])
        service.projector.catch_up()
        ground.tell("what writer and projector sustain")
        with _projecting(service):
            sustained = _sustained(ground, service)
            ground.tell(f"commit to visible, half load of {sustained:.0f} events/s")
            half = sustained / 2
            seen, waited, load = Measured(), Measured(), list[dict[str, Any]]()
            library, few = OfTheLibrary(ground), max(2, ground.plan.calls // 15)
            for n in range(ground.plan.rounds):
                load.append(_probed(ground, service, half, n, seen, waited))
                for name, figures in interleaved(1, {"E": lambda: library.waited(few)}).samples.items():
                    waited.add(name, {metric: median(values) for metric, values in figures.items()})
    size = f"half load: {half:,.0f} events/s of {sustained:,.0f}"
    made: dict[str, Any] = {
        "generator": f"tests/bench/paced.py, {CALLERS} threads of a process of its own",
        "generator_percent_of_cores": [round(one["percent_of_cores"], 1) for one in load],
        "events_per_second": [round(one["events_per_second"], 1) for one in load],
    }
    note = "the projector runs in the process that asks, as under `nqms serve`"
    yield Row(VISIBLE, size, "p99_ms", "ms (p99)", seen, notes=[note], load=made)
    yield Row(WAIT, size, "p99_ms", "ms (p99)", waited, notes=[f"{note}; E waits without any load"], load=made)


@contextmanager
def _projecting(service: Service) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=service.projector.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        service.projector.wake()
        thread.join(timeout=10)


def _paced(ground: Ground, service: Service, rate: float, seconds: float, seed: int) -> Any:
    programs = [life[0].stream.partition(":")[2] for life in ground.world.lives]
    words = [str(one) for one in (rate, seconds, CALLERS, ground.plan.seed + seed)]
    return run_module("paced", service.database.app_dsn, *words, *programs)


def _sustained(ground: Ground, service: Service) -> float:
    """Events per second that are written and projected: written at full speed, counted until the last is projected."""
    before, began = service.ledger.recorder.head()[0], time.perf_counter()
    told = _paced(ground, service, 0, ground.plan.seconds, 100)
    head = service.ledger.recorder.head()[0]
    assert head - before == told["appended"]
    starting = time.perf_counter() - began - told["elapsed"]
    assert service.projector.wait_for(head, 120)
    return told["appended"] / (time.perf_counter() - began - starting)


def _probed(ground: Ground, service: Service, rate: float, n: int, seen: Measured, waited: Measured) -> dict[str, Any]:
    """One round: probes while the load goes on; what the load was."""
    probe, told = _Probe(service, ground.world.journeys["lake"].program_id), list[Any]()
    seconds = max(1.0, ground.plan.seconds * 3)
    before = service.ledger.recorder.head()[0]
    load = threading.Thread(
        target=lambda: told.append(_paced(ground, service, rate, seconds, 1000 * (n + 1))), daemon=True
    )
    load.start()
    while load.is_alive() and service.ledger.recorder.head()[0] == before:
        time.sleep(0.01)
    visible, waits, drawn = list[float](), list[float](), Random(ground.plan.seed + n)
    while load.is_alive() or not waits:
        visible.append(probe.visible())
        waits.append(probe.wait())
        time.sleep(drawn.uniform(0.002, 0.03))  # a probe is no load, and meets the projector at any moment
    load.join()
    assert told, "the load failed"
    seen.add(OURS, {"p50_ms": percentile(visible, 0.5), "p99_ms": percentile(visible, 0.99), "probes": len(visible)})
    waited.add(OURS, {"p50_ms": percentile(waits, 0.5), "p99_ms": percentile(waits, 0.99), "probes": len(waits)})
    whole = told[0]["elapsed"] * CORES / 100
    return {"events_per_second": told[0]["appended"] / told[0]["elapsed"], "percent_of_cores": told[0]["cpu"] / whole}


class _Probe:
    """A program that is given one name after the other."""

    def __init__(self, service: Service, program: str) -> None:
        self._service, self._program = service, program
        self._version = service.ledger.recorder.stream_version(f"program:{program}")

    def _renamed(self) -> tuple[str, int]:
        stream, name = f"program:{self._program}", f"Lantern Lake {uuid4().hex[:8]}"
        event = ProgramRenamed(former_name="Lantern Lake Mentors", display_name=name, effective_on=date(2026, 1, 1))
        new = NewEvent(stream, self._version + 1, event.published_name(), encode(event))
        append = Append(
            (new,), uuid4(), stream, b"p" * 32, Actor("p_probe", "operator", "national"), {stream: self._version}
        )
        position = self._service.ledger.recorder.append(append).position
        self._version += 1
        assert position is not None
        return name, position

    def visible(self) -> float:
        """Milliseconds from the answer to the append until the directory shows it."""
        name, _ = self._renamed()
        began = time.perf_counter()
        while True:
            row = self._service.reading.partner(self._program)
            if row is not None and row.name == name:
                return (time.perf_counter() - began) * 1e3
            assert time.perf_counter() - began < 30, "the directory does not show it"
            time.sleep(_POLL)

    def wait(self) -> float:
        """Milliseconds that a reader waits who names the position just written; then it must be there."""
        name, position = self._renamed()
        began = time.perf_counter()
        assert self._service.projector.wait_for(position, 30)
        spent = (time.perf_counter() - began) * 1e3
        row = self._service.reading.partner(self._program)
        assert row is not None
        assert row.name == name, "the position was reached, but the row is an older one"
        return spent
