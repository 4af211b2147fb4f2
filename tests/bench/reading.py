"""Rows: load a program, explain a tier, a page of the directory."""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

from api.explain import explain
from infra.ledger import Ledger
from infra.reading import closed_cursor
from infra.wiring import Service
from tests.bench import library_app
from tests.bench.ground import Ground, running_clock
from tests.bench.history import fill_directory
from tests.bench.measure import Contender, Figures, Measured, interleaved, latencies, timed
from tests.bench.report import Row
from tests.bench.serving import unchanged
from tests.bench.works import DIRECTORY, EXPLAIN, LOAD, OURS

PAGE = 50
_SELECT = "SELECT type, state FROM ledger.events WHERE stream = %s ORDER BY version"
_PAGE_SQL = """SELECT d.key, d.body, s.scheme, s.tier, s.status, s.since, s.until FROM (
    SELECT generation, key, from_position, folded, body FROM read.directory
    WHERE generation = (SELECT generation FROM read.progress WHERE model = 'directory' AND live)
        AND to_position IS NULL AND listing = 'listed' AND (folded, key) > (%s, %s)
    ORDER BY folded, key LIMIT 50) AS d
LEFT JOIN read.directory_spans s
    ON s.generation = d.generation AND s.key = d.key AND s.from_position = d.from_position
ORDER BY d.folded, d.key, s.ordinal"""


def rows(ground: Ground) -> Iterator[Row]:
    """Loading and explaining on one ledger, the directory on another."""
    program = ground.world.journeys["long"].program_id
    with ground.service() as service:
        ground.tell("loading a program")
        yield _load(ground, service, program)
        ground.tell("explaining a tier")
        yield _explain(ground, service, program)
    with ground.service() as service:
        ground.tell(f"a directory of {ground.plan.directory:,} programs")
        fill_directory(ground, service.database, ground.plan.directory)
        service.projector.rebuild()  # all models: what one of them lacks would be caught up while others are measured
        with service.database.pool.connection() as connection:
            count: Any = connection.execute(
                "SELECT count(*) FROM read.directory WHERE to_position IS NULL AND listing = 'listed'"
            ).fetchone()
        assert count[0] >= ground.plan.directory
        ground.tell("pages of the directory")
        yield _pages(ground, service, count[0])
        yield unchanged(ground, service, count[0])


def _load(ground: Ground, service: Service, program: str) -> Row:
    length, calls = len(service.ledger.history("program", program)), ground.plan.calls
    warm = service.ledger

    def cold() -> Any:
        return Ledger(service.ledger.recorder, service.vault, service.documents).load("program", program)

    def select() -> Any:
        with service.database.pool.connection() as connection:
            return connection.execute(_SELECT, (f"program:{program}",), binary=True, prepare=True).fetchall()

    assert cold() == warm.load("program", program)
    assert cold().version == len(select()) == length
    contenders: dict[str, Contender] = {
        OURS: lambda: latencies(timed([cold] * calls)),
        "ours warm": lambda: latencies(timed([lambda: warm.load("program", program)] * calls)),
        "raw SELECT": lambda: latencies(timed([select] * calls)),
    }
    ground.bare_database("bench_e")
    with library_app.Programs(library_app.environment(ground.host, "bench_e")) as app:
        facts = service.ledger.recorder.read_stream(f"program:{program}")
        saved = library_app.save(app, facts[: length - 1])  # its first event is Created
        loaded: Any = app.repository.get(saved)
        assert loaded.version == length
        few = max(2, calls // 10)
        contenders["E"] = lambda: latencies(timed([lambda: app.repository.get(saved)] * few))
        measured = interleaved(ground.plan.rounds, contenders)
    notes = ["ours is cold: a new Ledger each time; 'ours warm' asks the same Ledger again"]
    return Row(LOAD, f"{length} events, one caller", "ms", "ms", measured, notes=notes)


def _explain(ground: Ground, service: Service, program: str) -> Row:
    answer = explain(service.ledger, program)
    assert "Gold Star" in answer.answer, answer.answer
    length = len(service.ledger.history("program", program))
    contenders: dict[str, Contender] = {
        OURS: lambda: latencies(timed([lambda: explain(service.ledger, program)] * ground.plan.calls)),
        "load alone": lambda: latencies(timed([lambda: service.ledger.load("program", program)] * ground.plan.calls)),
    }
    measured = interleaved(ground.plan.rounds, contenders)
    return Row(EXPLAIN, f"{length} events, one caller", "p99_ms", "ms (p99)", measured)


def _pages(ground: Ground, service: Service, programs: int) -> Row:
    places = _places(service, ground.plan)
    now = running_clock()

    def page(place: tuple[str, str]) -> list[str]:
        cursor = closed_cursor(("~", 0, *place))
        return [
            f"program:{row.program_id}" for row in service.reading.partners(now=now, cursor=cursor, limit=PAGE).rows
        ]

    def plain(place: tuple[str, str]) -> list[str]:
        with service.database.pool.connection() as connection:
            lines: list[Any] = connection.execute(_PAGE_SQL, place, binary=True, prepare=True).fetchall()
        return list(dict.fromkeys(line[0] for line in lines))

    def each(way: Callable[[tuple[str, str]], object]) -> Figures:
        return latencies(timed(partial(way, place) for place in places))

    assert all(page(place) == plain(place) for place in places[:5])
    measured: Measured = interleaved(ground.plan.rounds, {OURS: lambda: each(page), "raw SQL": lambda: each(plain)})
    notes = ["in process, every page another one; the ruler fetches the same rows and their spans in one query"]
    return Row(DIRECTORY, f"{programs:,} programs, uncached", "ms", "ms", measured, notes=notes)


def _places(service: Service, plan: Any) -> list[tuple[str, str]]:
    """Places all over the list, none near its end."""
    with service.database.pool.connection() as connection:
        lines: list[Any] = connection.execute(
            "SELECT folded, key FROM read.directory WHERE to_position IS NULL AND listing = 'listed' ORDER BY folded, key"
        ).fetchall()
    return [
        (folded, key) for folded, key in Random(plan.seed).choices(lines[: max(1, len(lines) - PAGE)], k=plan.calls)
    ]
