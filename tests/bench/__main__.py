"""`make bench`: measures every line of the table in docs/bench.md and says what is reached.

python -m tests.bench [--quick] [--full] [--only ROW,...] [--no-peers] [--out FILE] [--folder FOLDER]
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from rich.console import Console

from tests.bench import appending, crashing, history, models, proving, reading, serving
from tests.bench.ground import QUICK, Ground, Plan, Tell, open_ground
from tests.bench.measure import Measured, fsync_rate, said
from tests.bench.peers import NODE_PACKAGES, PYTHON_PACKAGES
from tests.bench.picture import Point, growth
from tests.bench.report import Row, machine, show, write
from tests.bench.works import OURS, PEERS, REBUILD, REDERIVE, VERIFY, WORKS, Work

SHOWN = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
AGAIN = "tests/bench/history.py: the demonstration's programs told again under new ids"
ROOMS = ("appending", "serving", "reading", "models", "proving", "crashing")
"""Groups of rows, each a module; --only names some."""
GROWING: tuple[tuple[Work, str], ...] = (
    (REBUILD, "rebuild"),
    (VERIFY, "verify"),
    (REDERIVE, "decisions derived again"),
)


def measured_rows(ground: Ground, cache: Path, rooms: Iterable[str] = ROOMS) -> Iterator[Row]:
    """The rows of some rooms; a room that fails as a whole is told, and the next one is entered."""
    ways: dict[str, Any] = {
        "appending": lambda: appending.rows(ground, cache),
        "serving": lambda: serving.rows(ground),
        "reading": lambda: reading.rows(ground),
        "models": lambda: models.rows(ground),
        "proving": lambda: proving.rows(ground),
        "crashing": lambda: crashing.rows(ground),
    }
    for room in rooms:
        try:
            yield from ways[room]()
        except Exception as error:  # noqa: BLE001  the other rooms are measured all the same
            ground.tell(f"{room} failed: {said(error)}")
            ground.failures[room] = said(error)


def completed(rows: Sequence[Row], failures: dict[str, str]) -> list[Row]:
    """The rows in the order of the table, and an empty one that says why for every work that has none."""
    there = {row.work.name for row in rows}
    why = "; ".join(f"{room}: {error}" for room, error in failures.items()) or "not asked for"
    missing = [Row(w, "-", "rate", "-", Measured(errors={OURS: why})) for w in WORKS if w.name not in there]
    places = {work.name: place for place, work in enumerate(WORKS)}
    return sorted([*rows, *missing], key=lambda row: places[row.work.name])


def picture(rows: Sequence[Row]) -> str:
    """How rates change with the size of the history."""
    series: dict[str, list[Point]] = {}
    for work, name in GROWING:
        for row in rows:
            if row.work.name != work.name or " against " in row.size or not row.measured.samples:
                continue
            size = float(row.size.replace(",", "").split(" events")[0].split()[-1])
            for contender, metrics in row.measured.samples.items():
                if "rate" not in metrics or contender == "E":
                    continue
                called = f"{name}: {contender}" if contender == OURS else contender
                series.setdefault(called, []).append((size, metrics["rate"]))
    return growth("rates over the size of the history (median and range of the rounds)", _once(series))


def _once(series: dict[str, list[Point]]) -> dict[str, list[Point]]:
    """One point for each size: COPY out is measured beside several works."""
    merged: dict[str, dict[float, list[float]]] = {}
    for name, points in series.items():
        for size, samples in points:
            merged.setdefault(name, {}).setdefault(size, []).extend(samples)
    return {name: sorted(points.items()) for name, points in merged.items()}


def run(plan: Plan, out: Path, folder: Path, rooms: Sequence[str], console: Console) -> list[Row]:
    """Measure, print the table, write the file and the picture; the rows."""
    began, at = time.monotonic(), datetime.now(UTC)
    tell = _teller(console, began)
    loads = [os.getloadavg()]
    with open_ground(folder, plan, tell) as ground:
        fsyncs = [fsync_rate(folder)]
        with psycopg.connect(ground.server.dsn()) as connection:
            told = {
                name: connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone() for name in SHOWN
            }
        settings = {name: value[0] for name, value in told.items() if value}
        about: dict[str, Any] = {"machine": machine(folder, settings["server_version"], fsyncs), "settings": settings}
        found: list[Row] = []
        for one in measured_rows(ground, out.parent / "bench-cache", rooms):
            found.append(one)
            about["peers"] = _peers(plan)
            about["plan"] = asdict(plan)
            write(out, {**about, "finished": False}, found)  # what was measured is kept, whatever comes
        fsyncs.append(fsync_rate(folder))
        loads.append(os.getloadavg())
        about["machine"] |= {"fsync_per_second": [round(one) for one in fsyncs], "load_averages": loads}
        rows = completed(found, ground.failures)
    generated = history.generator() is not None and ground.generates
    about["processor_seconds"] = round(sum(os.times()[:4]))
    history_by = f"nqms simulate, {history.YEARS} years" if generated else AGAIN
    about |= {"at": at.isoformat(), "seconds": round(time.monotonic() - began), "history": history_by, "finished": True}
    write(out, about, rows)
    out.with_suffix(".svg").write_text(picture(rows), encoding="utf-8")
    show(console, rows)
    _say(console, about, out, rows)
    return rows


def _teller(console: Console, began: float) -> Tell:
    def tell(message: str) -> None:
        console.print(f"[{time.monotonic() - began:6.1f} s] {message}", markup=False, highlight=False)

    return tell


def _peers(plan: Plan) -> dict[str, Any]:
    pins = {**NODE_PACKAGES, **PYTHON_PACKAGES} if plan.peers else {}
    return {"named": PEERS, "installed": pins}


def _say(console: Console, about: dict[str, Any], out: Path, rows: Sequence[Row]) -> None:
    told = about["machine"]
    fsync = "..".join(str(one) for one in sorted(told["fsync_per_second"]))
    console.print(
        f"{told['cores']} cores ({told['processor']}), {told['file_system']}, fsync {fsync} a second, load average "
        f"{told['load_averages'][0][0]:.1f}..{told['load_averages'][-1][0]:.1f}, PostgreSQL {told['postgresql']}",
        markup=False,
        highlight=False,
    )
    for letter, name in PEERS.items():
        console.print(f"{letter}: {name}", markup=False, highlight=False)
    answers = [row.reached for row in rows]
    console.print(
        f"{answers.count(True)} rows reached, {answers.count(False)} not reached, {answers.count(None)} not measured; "
        f"{about['seconds']} s, {about['processor_seconds']} s of processor; samples in {out}, growth in {out.with_suffix('.svg')}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures every line of docs/bench.md.")
    parser.add_argument("--quick", action="store_true", help="smaller histories, fewer rounds; under ten minutes")
    parser.add_argument("--full", action="store_true", help="up to 10,000,000 events")
    parser.add_argument("--only", default=",".join(ROOMS), help=f"some of {','.join(ROOMS)}")
    parser.add_argument("--no-peers", action="store_true", help="without those that have to be installed")
    parser.add_argument("--rounds", type=int, help="rounds of everything that is repeated")
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench.json"), help="the file; the picture lies beside it"
    )
    parser.add_argument("--folder", type=Path, help="where the database is made; gone at the end; on a real disk")
    found = parser.parse_args(words)
    unknown = set(found.only.split(",")) - set(ROOMS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(ROOMS)}")
    return found


def plan_of(asked: argparse.Namespace) -> Plan:
    """How much is to be measured."""
    plan = QUICK if asked.quick else Plan()
    if asked.full:
        plan = replace(plan, sizes=(*Plan().sizes, 10_000_000))
    if asked.rounds:
        plan = replace(plan, rounds=asked.rounds, heavy_rounds=asked.rounds)
    return replace(plan, peers=not asked.no_peers)


def main(words: Sequence[str]) -> int:
    """Measure; 0 when everything was measured, 1 when a row of ours failed."""
    asked = arguments(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders are put away all the same
    above = Path(tempfile.mkdtemp(prefix="nqms-bench-", dir=asked.folder))
    try:
        rows = run(plan_of(asked), asked.out, above / "ground", asked.only.split(","), Console(width=_width()))
    finally:
        shutil.rmtree(above, ignore_errors=True)
    wanted = set(asked.only.split(",")) == set(ROOMS)
    return 1 if wanted and any(OURS in row.measured.errors for row in rows) else 0


def _width() -> int | None:
    return None if sys.stdout.isatty() else 200


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
