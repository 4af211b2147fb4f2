"""Verbs about what is open and what follows from a tier: worklist, plan, entitlements, appeals, interests, notices."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any

import typer

from api import appeals as answers
from api import interests as registers
from api import worklist as lists
from api.cli_reads import Affiliate, Day, Part, day_of
from api.cli_session import Format, Formatted, Wrong, find_program, say, say_json, session, table
from api.disclosure import Disclosure
from api.entitlements import entitled_to
from api.notices import told as noticed
from api.plain import plain
from domain.language import Role
from domain.program import Program
from infra.matters import Chosen
from infra.wiring import Service

verbs = typer.Typer()


def _rows(rows: Iterable[dict[str, Any]], names: tuple[str, ...]) -> list[list[str]]:
    """What is told of each, in columns; nothing is shown as nothing."""
    return [["" if row[name] is None else _cell(row[name]) for name in names] for row in rows]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType]


@verbs.command()
def worklist(
    affiliate: Affiliate = None,
    role: Annotated[Role | None, typer.Option(help="The part whose turn it is.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is late.")] = False,
    as_of: Day = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Lists what is to be done about programs, the most urgent first."""
    with session() as service:
        service.projector.catch_up()
        chosen = Chosen(affiliate, role.value if role else None, overdue=overdue, as_of=day_of(as_of))
        rows = [lists.told(row) for row in lists.asked_for(service, chosen, limit=1000).rows]
    if form is Format.JSON:
        say_json(rows)
        return
    heads = ("due", "late", "program", "affiliate", "part", "task", "about")
    table(None, heads, _rows(rows, ("due_on", "overdue", "name", "affiliate", "role", "task", "about")))


def _state(service: Service, program: str) -> Program:
    return service.ledger.load("program", find_program(service, program))


@verbs.command()
def plan(program: Part, as_of: Day = None, form: Formatted = Format.TEXT) -> None:
    """Shows how far a program's improvement plans have come, goal by goal."""
    with session() as service:
        state = _state(service, program)
        day = day_of(as_of) or answers.today_of(service, state)
        told: list[dict[str, Any]] = Disclosure(service.vault).reveal(answers.plans_of(state, day))
    if form is Format.JSON:
        say_json(told)
        return
    if not told:
        say("There is no plan.")
    for one in told:
        heads = ("goal", "items", "from", "target", "achieved", "verified", "due", "late", "actions")
        names = ("goal_id", "item_ids", "baseline", "target", "achieved", "verified", "due_on", "overdue", "actions")
        title = f"{one['scheme']}: {one['status']}, {one['starts_on']} to {one['ends_on']}"
        table(title, heads, _rows(one["goals"], names))


@verbs.command()
def entitlements(program: Part, as_of: Day = None, form: Formatted = Format.TEXT) -> None:
    """Says what a program is entitled to on a day, and why."""
    with session() as service:
        state = _state(service, program)
        day = day_of(as_of) or answers.today_of(service, state)
        told = entitled_to(state, service.ledger.shelf(), day)
    if form is Format.JSON:
        say_json(told)
        return
    heads = ("benefit", "state", "left", "what it is", "why")
    for scheme in told["schemes"]:
        title = f"{scheme['title']} on {told['as_of']}"
        table(title, heads, _rows(scheme["benefits"], ("code", "state", "left", "says", "why")))
    table("Workshops to come", ("on", "what", "form", "voucher", "for"), _workshops(told["workshops"]))


def _workshops(offered: list[dict[str, Any]]) -> list[list[str]]:
    return _rows(offered, ("on", "title", "form", "takes_voucher", "for_whom"))


@verbs.command()
def appeals(
    program: Annotated[str | None, typer.Option(help="Of this program alone, with all that was said.")] = None,
    affiliate: Affiliate = None,
    state: Annotated[str | None, typer.Option(help="filed, admitted, panel_named, decided …")] = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Lists appeals, the latest first."""
    with session() as service:
        service.projector.catch_up()
        if program:
            program_id = find_program(service, program)
            history = service.ledger.history("program", program_id)
            mine = answers.appeals_of(service.ledger.load("program", program_id), history)
            rows: list[dict[str, Any]] = Disclosure(service.vault).reveal(mine)
            names = ("appeal_id", "decision_id", "state", "filed_on", "outcome")
        else:
            page = service.matters.appeals(affiliate=affiliate, state=state, limit=1000)
            rows = [plain(row) for row in page.rows]
            names = ("appeal_id", "name", "affiliate", "decision_id", "state", "filed_on")
    if form is Format.JSON:
        say_json(rows)
    else:
        table(None, [name.replace("_", " ") for name in names], _rows(rows, names))


@verbs.command()
def interests(
    affiliate: Annotated[str, typer.Argument(help="The affiliate's code.")],
    as_of: Day = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Shows an affiliate's conflict register: what ties people to programs, and what they declared case by case."""
    with session() as service:
        service.projector.catch_up()
        known = service.ledger.shelf().affiliate(affiliate)
        if known is None:
            raise Wrong(f"there is no affiliate {affiliate!r}")
        day: date = day_of(as_of) or registers.today_at(service, known)
        declared = service.matters.declarations(affiliate, limit=1000)
        told = registers.register_of(service, known, day, declared)
    if form is Format.JSON:
        say_json(told)
        return
    people, programs = told["names"], told["programs"]
    entered = [
        {**one, "who": people[one["person"]], "program": programs.get(one["program_id"], one["program_id"])}
        for one in told["interests"]
    ]
    names = ("who", "program", "nature", "since", "ended_on", "runs")
    table("Register", [name.replace("_", " ") for name in names], _rows(entered, names))
    said = [{**one, "who": people[one["person"]]} for one in told["declarations"]]
    table("Declared", ("who", "program", "nature", "about"), _rows(said, ("who", "name", "nature", "about")))


@verbs.command()
def notices(affiliate: Affiliate = None, form: Formatted = Format.TEXT) -> None:
    """Lists public notices, the latest first."""
    with session() as service:
        service.projector.catch_up()
        rows = [noticed(row) for row in service.matters.notices(affiliate=affiliate, limit=1000).rows]
    if form is Format.JSON:
        say_json(rows)
    else:
        table(None, ("posted", "program", "status", "notice"), _rows(rows, ("posted_at", "name", "status", "says")))
