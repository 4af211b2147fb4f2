"""Rows: verification, derivation of decisions, inclusion proofs, stored bytes."""

import time
from collections.abc import Callable, Iterator
from random import Random
from threading import Event, Thread
from typing import Any

import psycopg

from infra.merkle import included
from infra.verification import verify
from infra.wiring import Service
from tests.bench import library_app
from tests.bench.ground import Ground
from tests.bench.history import filled
from tests.bench.measure import Contender, Figures, Measured, interleaved, latencies, timed
from tests.bench.models import copy_out, grown, rebuilt
from tests.bench.report import Row
from tests.bench.works import INCLUSION, OURS, REDERIVE, STORED, VERIFY
from tests.infra.appends import an_append, new_stream

DECISIONS, EVENTS = 20_000, 7_300_000
"""Of a national history of ten years."""
_DECIDED = "SELECT count(*) FROM ledger.events WHERE type ~ '^(TierGranted|TierDenied|TierDecisionDeferred|DecisionCorrected)[.]v'"
_BATCH = 500


def rows(ground: Ground) -> Iterator[Row]:
    """For every size of history: rebuild, verification, derivation; then what is asked once."""
    built: list[Row] = []
    for size in ground.plan.sizes:
        ground.tell(f"a history of {size:,} events")
        with filled(ground, size) as (service, events):
            if size == ground.plan.sizes[0]:
                ground.tell("stored bytes")
                yield _stored(ground, service, events)
            ground.tell(f"rebuild of {events:,} events")
            built.append(rebuilt(ground, service, events))
            yield built[-1]
            ground.tell(f"verification of {events:,} events")
            yield from _verified(ground, service, events)
            if size == max(ground.plan.sizes):
                yield _inclusion(ground, service, events)
    yield from grown(built)


# --- verification -----------------------------------------------------------------------------------------------------


class _Enough(Exception):
    """Digests and decisions were checked; the read models are another row's."""


def _watched(service: Service) -> tuple[float, float]:
    """Seconds of the two first parts of a verification, by what it tells of its progress: digests, decisions."""
    began = time.perf_counter()
    at = {"events": began, "decisions": began}

    def told(name: str, done: int, total: int) -> None:
        if name in at:
            at[name] = time.perf_counter()
        if name not in at or (name == "decisions" and done >= total):
            raise _Enough

    try:
        for check in verify(service, told):
            assert check.fine, str(check)
    except _Enough:
        pass
    return at["events"] - began, at["decisions"] - at["events"]


def _verified(ground: Ground, service: Service, events: int) -> Iterator[Row]:
    with service.database.pool.connection() as connection:
        row: Any = connection.execute(_DECIDED).fetchone()
    decisions: int = row[0]
    if not ground.checked:
        ground.checked = True
        checks = verify(service)  # once with everything, so that what is timed is known to be right
        assert all(check.fine for check in checks), [str(check) for check in checks]
        assert {check.name: check.count for check in checks}["decisions"] == decisions

    derived = Measured()

    def ours() -> Figures:
        hashing, deciding = _watched(service)
        by_events, by_decisions = EVENTS / events * deciding, DECISIONS / decisions * deciding
        figures = {"rate": decisions / deciding, "seconds_for_20000": max(by_events, by_decisions)}
        derived.add(OURS, figures)
        return {"rate": events / hashing}

    contenders: dict[str, Contender] = {OURS: ours, "raw COPY out": lambda: copy_out(ground, service, events)}
    measured = interleaved(ground.plan.heavy_rounds, contenders)
    yield Row(VERIFY, f"{events:,} events", "rate", "events/s", measured)
    derived.errors |= {name: error for name, error in measured.errors.items() if name == OURS}
    note = (
        f"measured on {decisions:,} decisions in {events:,} events; extrapolated to {DECISIONS:,} decisions in "
        f"{EVENTS:,} events by the larger of the two ratios"
    )
    yield Row(REDERIVE, f"{decisions:,} decisions, {events:,} events", "rate", "decisions/s", derived, notes=[note])


# --- the log ----------------------------------------------------------------------------------------------------------


def _inclusion(ground: Ground, service: Service, events: int) -> Row:
    """Proofs from the tiles, each one checked; and appending with the log's loop beside it and without, in turns."""
    ground.tell(f"inclusion proofs of {events:,} events")
    signed, drawn = service.log.catch_up(), Random(ground.plan.seed)
    assert signed.size == events
    tree = service.log.tree(events)
    for index in (drawn.randrange(events) for _ in range(ground.plan.calls)):
        assert included(tree.leaf(index), index, events, service.log.inclusion(events, index), signed.root)

    def asked() -> Figures:
        places = [drawn.randrange(events) for _ in range(ground.plan.calls)]
        acts: list[Callable[[], object]] = [lambda at=at: service.log.inclusion(events, at) for at in places]
        figures = latencies(timed(acts))
        without, beside = appended(service, ground.plan.seconds), followed(service, ground.plan.seconds)
        return {**figures, "append_cost_percent": 100 * (1 - beside / without)}

    measured = interleaved(ground.plan.rounds, {OURS: asked})
    note = "its cost: one caller appends five events a command, with the log's loop in the same process and without"
    return Row(INCLUSION, f"{events:,} events", "p99_ms", "ms (p99)", measured, notes=[note])


def appended(service: Service, seconds: float) -> float:
    """Events a second that one caller appends, five at a time."""
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        service.ledger.recorder.append(an_append(new_stream(), count=5))
        count += 5
    return count / (time.perf_counter() - began)


def followed(service: Service, seconds: float) -> float:
    """The same while the log follows."""
    stop = Event()
    thread = Thread(target=service.log.run, args=(stop,))
    thread.start()
    try:
        return appended(service, seconds)
    finally:
        stop.set()
        thread.join()


# --- bytes ------------------------------------------------------------------------------------------------------------


def _stored(ground: Ground, service: Service, events: int) -> Row:
    """The same facts here and there: tables with all indexes, and what lies beside large values."""
    ground.bare_database("bench_e")
    recorder = service.ledger.recorder
    with library_app.Programs(library_app.environment(ground.host, "bench_e")) as app:
        position, count = 0, 0
        while facts := recorder.read(position, _BATCH):
            position = facts[-1].position
            mine = [fact for fact in facts if fact.stream.startswith("program:")]
            if mine:
                app.recorder.insert_events(library_app.stored(app, mine))
            count += len(mine)
        assert app.recorder.max_notification_id() == count
    ours = _size(ground.superuser(service.database), "ledger.events", "ledger.commands")
    theirs = _size(ground.server.dsn(database="bench_e"), "programs_events")
    measured = Measured({OURS: {"bytes": [ours / events]}, "E": {"bytes": [theirs / count]}})
    notes = [f"ours with the table of commands; E stores the {count:,} programs' facts of these {events:,}"]
    return Row(STORED, f"{events:,} events", "bytes", "bytes", measured, notes=notes)


def _size(address: str, *tables: str) -> int:
    with psycopg.connect(address, autocommit=True) as connection:
        found: list[Any] = [
            connection.execute("SELECT pg_total_relation_size(%s::regclass)", (table,)).fetchone() for table in tables
        ]
    return sum(one[0] for one in found)
