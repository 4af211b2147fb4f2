"""The bench itself: its arithmetic, the shape of what it writes, and one tiny run of every row."""

import json
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4
from xml.etree import ElementTree

import pytest
from rich.console import Console

from infra.database import EmbeddedServer
from tests.bench import __main__ as bench
from tests.bench import from_nothing, peers
from tests.bench.ground import QUICK, TINY, Ground, Plan
from tests.bench.loads import Done, Load, Wrong, check, drive
from tests.bench.measure import Measured, interleaved, percentile, spread, timed
from tests.bench.picture import growth
from tests.bench.report import Row, number, show, write
from tests.bench.works import APPEND_8, CRASH, LOAD, OURS, REBUILD, STORED, WORKS, Check, settled

PAGE = Path(__file__).parents[2] / "docs" / "bench.md"
COLUMNS = {"work", "size", "ours", "unit", "ruler", "peers", "target", "reached"}


# --- the list of works ------------------------------------------------------------------------------------------------


def test_every_line_of_the_table_of_figures_is_a_row_of_the_bench() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## What is to be reached", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    named = [tuple(part.strip() for part in line.strip("|").split("|")) for line in lines]
    assert named == [(work.name, work.target) for work in WORKS]
    assert len(named) == 15


def test_every_work_has_conditions_that_the_bench_computes() -> None:
    assert [work.name for work in WORKS if not work.checks] == []


def test_a_work_without_a_row_is_told_as_such() -> None:
    rows = bench.completed([], {"models": "RuntimeError: no room"})
    assert [row.work for row in rows] == list(WORKS)
    assert {row.reached for row in rows} == {False}
    assert "no room" in rows[0].as_json()["notes"][0]


# --- arithmetic -------------------------------------------------------------------------------------------------------


def test_a_condition_compares_medians() -> None:
    samples = {OURS: {"rate": [10.0, 30.0, 20.0]}, "E": {"rate": [2.0, 2.0, 9.0]}}
    ten, eleven = Check("rate", ">=", 10, "E"), Check("rate", ">=", 11, "E")
    assert ten.value(samples) == 10
    assert (ten.reached(samples), eleven.reached(samples)) == (True, False)
    assert Check("rate", "<=", 20).reached(samples)
    assert ten.says == "rate ≥ 10 × E"


def test_a_condition_without_figures_is_neither_reached_nor_missed() -> None:
    assert Check("rate", ">=", 1, "U").reached({OURS: {"rate": [5.0]}}) is None
    assert Check("rate", ">=", 1, "U").reached({"U": {"rate": [5.0]}}) is None
    assert settled([True, None]) is None
    assert settled([True, None, False]) is False
    assert settled([True, True]) is True
    assert settled([]) is None


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)], ids=str
)
def test_percentiles_are_values_that_were_measured(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_rounds_are_interleaved_and_take_turns() -> None:
    order: list[str] = []

    def one(name: str) -> dict[str, float]:
        order.append(name)
        return {"rate": float(len(order))}

    measured = interleaved(3, {name: lambda name=name: one(name) for name in "abc"})
    assert "".join(order) == "abcbcacab"
    assert measured.samples["a"]["rate"] == [1.0, 6.0, 8.0]


def test_one_that_fails_is_named_and_the_others_are_measured() -> None:
    def failing() -> dict[str, float]:
        raise RuntimeError("not here\nat all")

    measured = interleaved(2, {OURS: lambda: {"rate": 1.0}, "M": failing})
    assert measured.errors == {"M": "RuntimeError: not here at all"}
    assert measured.samples == {OURS: {"rate": [1.0, 1.0]}}


def test_slow_calls_are_fewer_but_never_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.measure.PATIENCE", -1.0)
    assert len(timed([lambda: None] * 50)) == 5


# --- what an append is held to ----------------------------------------------------------------------------------------

ONE, TWO, BY = UUID(int=1), UUID(int=2), uuid4()


@pytest.mark.parametrize(
    "stored",
    [
        [(ONE, 1, BY)],
        [(ONE, 1, BY), (ONE, 2, BY), (ONE, 2, BY)],
        [(ONE, 2, BY), (ONE, 1, BY)],
        [(ONE, 1, BY), (ONE, 2, uuid4())],
        [(ONE, 1, BY), (ONE, 2, BY), (TWO, 1, BY)],
    ],
    ids=["lost", "doubled", "out of order", "under another command", "never acknowledged"],
)
def test_a_store_that_did_not_keep_its_word_is_found_out(stored: list[tuple[UUID, int, UUID]]) -> None:
    done = Done({(ONE, 1): BY, (ONE, 2): BY})
    with pytest.raises(Wrong):
        check(done, stored)
    check(done, [(ONE, 1, BY), (ONE, 2, BY)])


def test_a_load_that_was_never_answered_proves_nothing() -> None:
    with pytest.raises(Wrong, match="nothing was acknowledged"):
        check(Done(), [])


def test_callers_have_programs_of_their_own_and_errors_are_told() -> None:
    written: list[tuple[UUID, int]] = []
    load = Load(3, 2, 0.05, [("A.v1", b"{}"), ("B.v1", b"{}")])
    done = drive(load, lambda: lambda stream, version, _facts, _command: written.append((stream, version)))
    assert len({stream for stream, _ in written}) >= 3
    assert len(done.acknowledged) == 2 * len(written) == 2 * len(done.milliseconds)

    def refusing(*_: Any) -> None:
        raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        drive(load, lambda: refusing)


# --- what is written --------------------------------------------------------------------------------------------------


def _row() -> Row:
    measured = Measured(
        {OURS: {"rate": [90.0, 110.0, 100.0], "p99_ms": [1.0, 2.0, 3.0]}, "raw psycopg": {"rate": [50.0]}}
    )
    measured.add("E", {"rate": 5.0, "p99_ms": 40.0})
    measured.errors["M"] = "NotInstalled: node is not there"
    return Row(APPEND_8, "8 callers, 1 event each command", "rate", "events/s", measured, load={"generator": "threads"})


def test_a_row_as_it_is_written() -> None:
    told = _row().as_json()
    assert set(told) >= COLUMNS
    assert (told["ours"], told["ours_range"], told["reached"]) == (100.0, [90.0, 110.0], None)
    assert told["ruler"] == {"raw psycopg": spread([50.0])}
    assert told["peers"]["E"] == {"median": 5.0, "min": 5.0, "max": 5.0, "p99_ms": spread([40.0])}
    assert told["peers"]["M"] == {"error": "NotInstalled: node is not there"}
    assert [c["reached"] for c in told["checks"]] == [True, None, None, None, True]


def test_a_row_of_which_ours_failed_is_not_reached() -> None:
    row = Row(LOAD, "500 events", "ms", "ms", Measured(errors={OURS: "AssertionError: lost"}))
    assert row.reached is False
    assert row.as_json()["notes"] == ["ours: AssertionError: lost"]


def test_the_table_shows_every_row(tmp_path: Path) -> None:
    console = Console(width=200, file=(tmp_path / "table").open("w", encoding="utf-8"))
    show(console, bench.completed([_row()], {}))
    console.file.close()
    text = " ".join((tmp_path / "table").read_text(encoding="utf-8").split())
    assert "100 (90..110)" in text
    assert "M: NotInstalled" in text
    assert text.count("not asked for") == len(WORKS) - 1


def test_the_picture_draws_each_series_with_its_ranges() -> None:
    drawn = growth("rates", {"ours": [(10_000, [5.0, 6.0]), (100_000, [4.0])], "none": []})
    root = ElementTree.fromstring(drawn)
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}circle")) == 2
    assert len(root.findall(f"{space}polyline")) == 1
    assert [t.text for t in root.findall(f"{space}text")].count("ours") == 1


def test_a_run_of_a_few_rows_has_a_picture_all_the_same() -> None:
    assert ElementTree.fromstring(bench.picture(bench.completed([_row()], {}))).tag.endswith("svg")


def test_figures_are_short() -> None:
    assert [number(v) for v in (None, 12_345.6, 0.0421, 3.0)] == ["not measured", "12,346", "0.0421", "3"]


# --- how much, and peers that cannot be had ---------------------------------------------------------------------------


def test_the_command_line_says_how_much() -> None:
    assert bench.plan_of(bench.arguments([])) == Plan()
    assert bench.plan_of(bench.arguments(["--quick"])) == QUICK
    assert bench.plan_of(bench.arguments(["--full"])).sizes[-1] == 10_000_000
    assert not bench.plan_of(bench.arguments(["--quick", "--no-peers"])).peers


def test_a_peer_that_cannot_be_installed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(peers.NotInstalled, match="npm is not there"):
        peers.node_modules(tmp_path)


# --- a tiny run of everything -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(postgres: EmbeddedServer) -> Generator[list[Row]]:
    """Every row once, tiny, on the tests' own server, which does not wait for the disk."""
    folder = Path(tempfile.mkdtemp(prefix="nqt-"))
    ground = Ground(postgres, folder, TINY, lambda _: None)
    try:
        rows = bench.completed(list(bench.measured_rows(ground, folder / "cache")), ground.failures)
        yield rows
    finally:
        shutil.rmtree(folder)
        for name in ("bench_world", "bench_empty", "bench_e"):
            ground.drop(name)


def test_every_work_is_measured_for_ours(measured: list[Row]) -> None:
    assert [(row.work.name, row.measured.errors) for row in measured if row.measured.errors] == []
    without = {row.work.name for row in measured if OURS not in row.measured.samples}
    assert without == set()
    assert {row.work.name for row in measured} == {work.name for work in WORKS}


def test_rulers_are_measured_beside_ours(measured: list[Row]) -> None:
    beside = {row.work.name: set(row.measured.samples) for row in measured}
    assert beside[APPEND_8.name] >= {OURS, "raw psycopg", "E"}
    assert beside[LOAD.name] >= {OURS, "raw SELECT", "E"}
    assert beside[REBUILD.name] >= {OURS, "raw COPY out", "E"}
    assert beside[STORED.name] == {OURS, "E"}


def test_no_kill_lost_or_doubled_anything(measured: list[Row]) -> None:
    (row,) = [row for row in measured if row.work is CRASH]
    told = row.measured.samples[OURS]
    assert (told["kills"], told["lost"], told["phantoms"], told["doubled"]) == ([2], [0], [0], [0])
    assert told["acknowledged"][0] > 0


def test_read_models_are_made_from_nothing_and_beside_the_live_rows() -> None:
    with tempfile.TemporaryDirectory(prefix="nqt-") as folder:
        built, rebuilt, memory = from_nothing.measured(Path(folder), 600)
    assert built.startswith("from nothing: 600 events in ")
    assert rebuilt.startswith("beside the live rows: 600 events in ")
    assert rebuilt.endswith(", 0 differences")
    assert memory.endswith(" MB")


def test_every_ratio_can_be_computed_again_from_the_file(measured: list[Row], tmp_path: Path) -> None:
    write(tmp_path / "bench.json", {"machine": {}}, measured)
    rows: list[dict[str, Any]] = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) == len(measured)
    for row in rows:
        assert set(row) >= COLUMNS
        for condition in row["checks"]:
            assert condition["value"] == _again(row["samples"], condition["says"])


def _again(samples: dict[str, dict[str, list[float]]], says: str) -> float | None:
    """From the samples and the words of the condition alone."""
    metric, _, rest = says.partition(" ")
    _, _, against = rest[2:].partition(" × ")
    ours = samples.get(OURS, {}).get(metric)
    if not against or not ours:
        return median(ours) if ours else None
    theirs = samples.get(against, {}).get(metric)
    return median(ours) / median(theirs) if theirs else None


def test_the_picture_of_a_run_has_the_growth_of_the_rebuild(measured: list[Row]) -> None:
    assert "rebuild: ours" in bench.picture(measured)
