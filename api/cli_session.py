"""What every verb needs: the service opened, faults said in a sentence, people and programs found, answers printed."""

import json
import signal
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from api.demo.folder import DemoInUse, NotADemoFolder
from api.identity import Visitor
from api.problems import TRANSLATED, Problem, problem_of
from domain.language import Role
from infra.database import EmbeddedServerError, MigrationRefused, OtherMajorVersion, PowerfulRole, SchemaBehind
from infra.keyring import KeyringError
from infra.outage import OUTAGES
from infra.records import LedgerMismatch
from infra.settings import Settings
from infra.wiring import Service, open_service
from projections.workspace import Workspace

OPERATOR = "p_operator"
"""The person that a local command without --as is recorded under: whoever may open the database is trusted with it."""
_NOT_READY = (
    EmbeddedServerError,
    MigrationRefused,
    OtherMajorVersion,
    SchemaBehind,
    PowerfulRole,
    LedgerMismatch,
    KeyringError,
    DemoInUse,
    NotADemoFolder,
    *OUTAGES,
)


class Format(StrEnum):
    """How an answer is printed."""

    TEXT = "text"
    JSON = "json"


Formatted = Annotated[Format, typer.Option("--format", help="text for people, json for programs.")]
As = Annotated[str | None, typer.Option("--as", metavar="PERSON", help="Act as this person (an id p_…).")]
Operating = Annotated[bool, typer.Option("--operator", help="Act also as the operator; without --as one always does.")]


class Wrong(Exception):
    """Wrong use: said in a sentence, exit code 2."""


def say(text: str) -> None:
    """A line of text, as it is."""
    typer.echo(text)


def say_json(value: Any) -> None:
    """A value as indented JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def complain(text: str) -> None:
    """A line on standard error."""
    typer.echo(text, err=True)


def stop(text: str, code: int) -> NoReturn:
    """Say why, and end with an exit code."""
    complain(text)
    raise typer.Exit(code)


@contextmanager
def plain_errors() -> Generator[None]:
    """Turns every expected fault into a sentence: 1 for a no of the rules, 2 for wrong use or a service not ready."""
    try:
        yield
    except Wrong as error:
        stop(f"nqms: {error}", 2)
    except _NOT_READY as error:
        stop(f"nqms: {error}", 2)
    except Problem as error:
        _refused(error, 2 if error.code in ("NOT_FOUND", "INVALID_PARAMETER") else 1)
    except tuple(TRANSLATED) as error:
        problem = problem_of(error)
        _refused(problem, 2 if problem.code == "INVALID_BODY" else 1)


def _refused(problem: Problem, code: int) -> NoReturn:
    complain(f"nqms: {problem.code}: {problem.detail}")
    alone = len(problem.reasons) < 2 and not any("pointer" in reason for reason in problem.reasons)
    for reason in () if alone else problem.reasons:
        where = f"{reason['pointer']}: " if reason.get("pointer") else ""
        complain(f"  {reason['code']}: {where}{reason['message']}")
    raise typer.Exit(code)


def settings() -> Settings:
    """The settings, or a sentence for each that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"NQMS_{'_'.join(map(str, f['loc'])).upper()}: {f['msg']}" for f in error.errors(include_input=False)]
        raise Wrong("; ".join(faults)) from None


@contextmanager
def session(*, run_loops: bool = False) -> Generator[Service]:
    """The service, open for one verb."""
    with plain_errors(), open_service(settings(), run_loops=run_loops) as service:
        yield service


def acting(person: str | None, operator: bool) -> Visitor:
    """Who acts: the person named; the operator where nobody is."""
    standing = frozenset({Role.OPERATOR}) if operator or person is None else frozenset[Role]()
    return Visitor(person or OPERATOR, standing)


def find_program(service: Service, named: str) -> str:
    """The id of a program by its id or a part of its name. Wrong when there is none, or more than one."""
    if service.ledger.recorder.stream_version(f"program:{named}"):
        return named
    service.projector.catch_up()
    found = service.reading.workspaces(q=named, limit=20).rows
    exact: Sequence[Workspace] = [row for row in found if row.name.casefold() == named.casefold()] or found
    if len(exact) == 1:
        return exact[0].program_id
    if not exact:
        raise Wrong(f"no program has the id or a name like {named!r}")
    names = "\n".join(f"  {row.program_id}  {row.name} ({row.affiliate})" for row in exact)
    raise Wrong(f"{len(exact)} programs have a name like {named!r}; use the id:\n{names}")


def table(title: str | None, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table as wide as it needs on a pipe, as wide as the screen on a screen."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    shown = Table(*heads, title=title, expand=False)
    for row in rows:
        shown.add_row(*row)
    console.print(shown, markup=False)


def read_text(path: str) -> str:
    """A file's text; ``-`` is standard input. Wrong when it cannot be read."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Wrong(f"{path} cannot be read: {error}") from None


def until_stopped() -> Event:
    """Is set when the process is asked to end."""
    stopping = Event()

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    return stopping
