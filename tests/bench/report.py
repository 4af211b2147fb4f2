"""Rows, the table that is printed, and the file beside it from which every ratio can be computed again."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from tests.bench.measure import CORES, Measured, spread
from tests.bench.works import OURS, PEERS, Check, Work, settled

UNITS = {"rate": "per second", "ms": "ms", "p99_ms": "ms (p99)", "p50_ms": "ms (p50)", "bytes": "bytes", "rss_mb": "MB"}


@dataclass
class Row:
    """One measurement of one work."""

    work: Work
    size: str
    """Of what it was measured on, in words, such as ``8 callers, 3 events each``."""
    metric: str
    """The headline: the metric of which ``ours`` is the median."""
    unit: str
    measured: Measured
    checks: tuple[Check, ...] | None = None
    """Where this row holds only some of the line's conditions, or others."""
    notes: list[str] = field(default_factory=list[str])
    load: dict[str, Any] = field(default_factory=dict[str, Any])
    """Who made the load, and which part of the cores it and the database used."""

    @property
    def conditions(self) -> tuple[Check, ...]:
        """The conditions that hold for this row."""
        return self.work.checks if self.checks is None else self.checks

    @property
    def reached(self) -> bool | None:
        """Whether all conditions hold; None where one cannot be said."""
        if OURS in self.measured.errors:
            return False
        return settled(check.reached(self.measured.samples) for check in self.conditions)

    def as_json(self) -> dict[str, Any]:
        """The row as it is written: medians with their ranges, and every sample."""
        samples = self.measured.samples
        told = {name: _figures(mine, self.metric) for name, mine in samples.items()}
        told |= {name: {"error": error} for name, error in self.measured.errors.items()}
        mine = samples.get(OURS, {}).get(self.metric)
        return {
            "work": self.work.name,
            "size": self.size,
            "ours": median(mine) if mine else None,
            "ours_range": [min(mine), max(mine)] if mine else None,
            "unit": self.unit,
            "metric": self.metric,
            "ruler": {name: value for name, value in told.items() if name != OURS and not is_peer(name)},
            "peers": {name: value for name, value in told.items() if is_peer(name)},
            "target": self.work.target,
            "checks": [
                {"says": c.says, "value": c.value(samples), "reached": c.reached(samples)} for c in self.conditions
            ],
            "reached": self.reached,
            "notes": [*self.notes, *([f"ours: {self.measured.errors[OURS]}"] if OURS in self.measured.errors else [])],
            "load": self.load,
            "samples": samples,
        }


def is_peer(name: str) -> bool:
    """Whether a contender is one of the peers: ``E``, or ``E at 8``."""
    return name.partition(" ")[0] in PEERS


def _figures(mine: dict[str, list[float]], metric: str) -> dict[str, Any]:
    """The headline's median and range, then every other metric's."""
    told: dict[str, Any] = dict(spread(mine[metric])) if metric in mine else {}
    return told | {other: spread(values) for other, values in mine.items() if other != metric}


# --- the machine ------------------------------------------------------------------------------------------------------


def machine(folder: Path, server_version: str, fsyncs: Sequence[float]) -> dict[str, Any]:
    """What it ran on, without naming the machine."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": CORES,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "file_system": _file_system(folder),
        "fsync_per_second": list(fsyncs),
        "load_average": [round(one, 2) for one in os.getloadavg()],
        "python": sys.version.split()[0],
        "postgresql": server_version,
        "packages": {
            name: _version(name) for name in ("nqms", "eventsourcing", "psycopg", "fastapi", "uvicorn", "msgspec")
        },
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _file_system(folder: Path) -> str:
    """The kind of the file system that a folder lies on."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    here = folder.resolve()
    over = [(len(at), kind) for at, kind in mounts if here == Path(at) or Path(at) in here.parents]
    return max(over, default=(0, "unknown"))[1]


# --- what is written --------------------------------------------------------------------------------------------------


def write(path: Path, about: dict[str, Any], rows: Iterable[Row]) -> None:
    """The file: about the run, and all rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {**about, "rows": [row.as_json() for row in rows]}
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def show(console: Console, rows: Sequence[Row]) -> None:
    """The table."""
    fold = "fold"
    table = Table(
        Column("work", overflow=fold, ratio=5),
        Column("size", overflow=fold, ratio=3),
        Column("ours", overflow=fold, ratio=3),
        Column("unit", overflow=fold, ratio=2),
        Column("ruler", overflow=fold, ratio=5),
        Column("peers", overflow=fold, ratio=5),
        Column("target: measured", overflow=fold, ratio=6),
        Column("reached", overflow=fold, ratio=2),
        show_lines=True,
        expand=True,
    )
    for row in rows:
        told = row.as_json()
        checks = "\n".join(f"{c['says']}: {number(c['value'])}" for c in told["checks"]) or row.work.target
        table.add_row(
            *map(escape, (told["work"].replace("*", ""), row.size, _ours(told), row.unit)),
            *map(escape, (_others(told["ruler"]), _others(told["peers"]), checks)),
            {True: "yes", False: "[bold]NO[/bold]", None: "-"}[row.reached],
        )
    console.print(table)
    for row in rows:
        for note in (*row.as_json()["notes"], *_loaded(row.load)):
            console.print(f"{row.work.name.replace('*', '')} ({row.size}): {note}", markup=False, highlight=False)


def _loaded(load: dict[str, Any]) -> list[str]:
    """Who made the load, and the parts of all cores that were used, in a line."""
    if not load:
        return []
    parts = [f"{name.removesuffix('_percent_of_cores')} {_part(v)} %" for name, v in load.items() if "percent" in name]
    return [f"load by {load['generator']}" + (f"; of all cores: {', '.join(parts)}" if parts else "")]


def _part(value: Any) -> str:
    shown = value if isinstance(value, list) else [value]
    return f"{min(shown):.0f}..{max(shown):.0f}" if len(shown) > 1 else f"{shown[0]:.1f}"


def _ours(told: dict[str, Any]) -> str:
    if told["ours"] is None:
        return "-"
    low, high = told["ours_range"]
    extra = {m: spread(v)["median"] for m, v in told["samples"][OURS].items() if m != told["metric"]}
    more = "".join(f"\n{name} {number(value)}" for name, value in extra.items())
    return f"{number(told['ours'])} ({number(low)}..{number(high)}){more}"


def _others(told: dict[str, Any]) -> str:
    lines: list[str] = []
    for name, figures in told.items():
        if "error" in figures:
            lines.append(f"{name}: {figures['error'][:120]}")
        elif "median" in figures:
            slow = figures.get("p99_ms", {}).get("median")
            late = f", p99 {number(slow)} ms" if slow is not None else ""
            lines.append(
                f"{name} {number(figures['median'])} ({number(figures['min'])}..{number(figures['max'])}){late}"
            )
    return "\n".join(lines)


def number(value: float | None) -> str:
    """A figure with three digits that matter."""
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
