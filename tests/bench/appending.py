"""Rows: appending with 1, 8 and 256 callers, ours and everybody else's in turns."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.ground import Ground
from tests.bench.loads import Fact, Load, Store, checked, generator_microseconds
from tests.bench.measure import CORES, Contender, Figures, Shares, interleaved, shares
from tests.bench.peers import Stores
from tests.bench.report import Row
from tests.bench.stores import Ours, pgbench
from tests.bench.works import APPEND_1, APPEND_8, APPEND_256, OURS, Work

OF_CALLERS: dict[int, Work] = {1: APPEND_1, 8: APPEND_8, 256: APPEND_256}
OF_PGBENCH_AT_MOST = 16
"""Its clients; the server has a hundred places for all."""
OF_THE_LIBRARY_AT_MOST = 8
"""More callers change nothing for a store that takes them one by one; the line of 256 is held against it at 8."""


def rows(ground: Ground, cache: Path) -> Iterator[Row]:
    """One row for each number of callers and each shape of command."""
    facts: list[Fact] = [(fact.type, fact.state) for life in ground.world.lives for fact in life]
    with ground.database(name="bench_append") as database, ground.database(name="bench_raw") as beside:
        stores = Stores(ground, Ours(database), ground.superuser(beside), cache)
        try:
            for callers in ground.plan.callers:
                for count in ground.plan.shapes if callers != 256 else ground.plan.shapes[:1]:
                    ground.tell(f"append, {callers} callers, {count} events each")
                    yield _row(ground, stores, Load(callers, count, ground.plan.seconds, facts))
        finally:
            stores.close()
    for name in ("bench_append", "bench_raw", "bench_e", "bench_m", "bench_d"):
        ground.drop(name)


def _row(ground: Ground, stores: Stores, load: Load) -> Row:
    work = OF_CALLERS.get(load.callers, APPEND_8)
    spent: list[Shares] = []

    def ours() -> Figures:
        spent.append(Shares())
        return checked(stores.ours, load, shares(ground.server.pid, spent[-1]))

    contenders: dict[str, Contender] = {OURS: ours, "raw psycopg": lambda: checked(stores.raw, load)}
    if load.count == 1:
        clients = min(load.callers, OF_PGBENCH_AT_MOST)
        contenders["pgbench"] = lambda: pgbench(stores.raw_address, clients, load.seconds, load.facts)
    for name, store in stores.peers.items():
        fewer = name == "E" and load.callers > OF_THE_LIBRARY_AT_MOST
        mine = Load(OF_THE_LIBRARY_AT_MOST, load.count, load.seconds, load.facts) if fewer else load
        contenders["E at 8" if fewer else name] = _of(store, mine)
    measured = interleaved(ground.plan.rounds, contenders)
    measured.errors |= stores.errors
    each = generator_microseconds(load)
    rate = max(measured.samples.get(OURS, {}).get("rate", [0.0]))
    made_by = {
        "generator": f"{load.callers} threads of tests/bench/loads.py, in the process of our library",
        "generator_percent_of_cores": round(each * rate / 1e4 / CORES, 1),
        "process_percent_of_cores": [round(part.driver, 1) for part in spent],
        "database_percent_of_cores": [round(part.database, 1) for part in spent],
    }
    events = "event" if load.count == 1 else "events"
    size = f"{load.callers} {'caller' if load.callers == 1 else 'callers'}, {load.count} {events} each command"
    return Row(work, size, "rate", "events/s", measured, load=made_by)


def _of(store: Store, load: Load) -> Contender:
    return lambda: checked(store, load)
