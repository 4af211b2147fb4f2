"""The verb that fills an empty ledger with synthetic history from a seed, for tests, benchmarks and trying things out."""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli_session import Format, Formatted, Wrong, plain_errors, say, say_json, settings
from infra.wiring import ORIGIN, open_empty

if TYPE_CHECKING:
    from infra.simulation.simulate import Simulated

verbs = typer.Typer()
MOST_YEARS = 12
SHOWN_AFTER = 2.0  # seconds
Programs = Annotated[int, typer.Option(min=2, max=200_000, help="How many programs.")]
Years = Annotated[int, typer.Option(min=1, max=MOST_YEARS, help="How many years, up to the end of 2025.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same ledger, byte for byte.")]
Answers = Annotated[
    Path | None, typer.Option("--oracle", metavar="FILE", help="Also write the expected answers, one program a line.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes that tell lives; else one for each core.")]


class _Bars:
    """Bars on standard error, from two seconds on."""

    def __init__(self) -> None:
        words = TextColumn("{task.description}")
        self._bars = Progress(
            words,
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._began, self._tasks = monotonic(), dict[str, Any]()

    def __enter__(self) -> Callable[[str, int, int], None]:
        return self._show

    def __exit__(self, *_raised: object) -> None:
        self._bars.stop()

    def _show(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done)
        if monotonic() - self._began > SHOWN_AFTER:
            self._bars.start()


@verbs.command("simulate")
def simulated(
    programs: Programs = 100,
    years: Years = 10,
    seed: Seed = 1,
    oracle: Answers = None,
    workers: Workers = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Fills an empty ledger with invented lives of programs, told under the real rules by a simulated clock."""
    # only this verb needs them
    from infra.simulation.filing import Shelves
    from infra.simulation.loading import LedgerNotEmpty
    from infra.simulation.simulate import Size, simulate, write_answers

    size, began = Size(programs, years, seed), monotonic()
    with plain_errors():
        try:
            if oracle is not None:
                oracle.touch()  # said before anything is loaded
            with open_empty(settings()) as (database, vault, documents), _Bars() as progress:
                shelves, several = Shelves(vault, documents), workers or os.cpu_count() or 1
                told = simulate(database, shelves, size, ORIGIN, workers=several, progress=progress)
                seconds = monotonic() - began
                if oracle is not None:
                    write_answers(oracle, size, progress)
        except LedgerNotEmpty as error:
            raise Wrong(str(error)) from None
        except OSError as error:
            raise Wrong(f"{error.filename}: {error.strerror}") from None
        _report(told, seconds, oracle, form)


def _report(told: "Simulated", seconds: float, oracle: Path | None, form: Format) -> None:
    loaded = told.loaded
    if form is Format.JSON:
        answers = {"oracle": oracle and str(oracle), "seconds": round(seconds, 3)}
        say_json({**asdict(told.size), "begin": told.begin, "affiliates": told.affiliates, **asdict(loaded), **answers})
        return
    say(
        f"{loaded.events:,} events and {loaded.commands:,} commands of {told.size.programs:,} programs with "
        f"{told.affiliates} affiliates, from {told.begin} on, in {seconds:,.1f} s"
    )
    say(f"{told.documents:,} documents and {told.people:,} people are filed; every name is invented")
    say(f"root of all commitments: {loaded.root}")
    if oracle is not None:
        say(f"the expected answers are in {oracle}")
    say("`nqms project` brings the read models up to date; `nqms verify` derives every decision again")
