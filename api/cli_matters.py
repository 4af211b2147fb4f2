"""Verbs about what is open and what follows from a tier: worklist, plan, entitlements, appeals, interests, notices."""

from collections.abc import Sequence
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
from domain.language import ROLE_WORDS, Role
from domain.program import Program
from infra.matters import Chosen
from infra.wiring import Service

verbs = typer.Typer()


def shown(
    title: str | None, heads: Sequence[str], rows: Sequence[dict[str, Any]], names: Sequence[str], none: str
) -> None:
    """What is told of each, in columns; a sentence where there is nothing to tell."""
    if rows:
        table(title, heads, [["" if row[name] is None else _cell(row[name]) for name in names] for row in rows])
    else:
        say(f"{title}: {none}" if title else none)


def known_affiliate(service: Service, code: str | None) -> Any:
    """The affiliate of a code, or None where none is named. Wrong for a code that nobody has."""
    known = service.ledger.shelf().affiliate(code) if code is not None else None
    if code is not None and known is None:
        codes = ", ".join(sorted(a.affiliate_id for a in service.ledger.shelf().affiliates()))
        raise Wrong(f"there is no affiliate {code!r}; there are {codes or 'none'}")
    return known


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
        known_affiliate(service, affiliate)
        chosen = Chosen(affiliate, role.value if role else None, overdue=overdue, as_of=day_of(as_of))
        rows = [lists.told(row) for row in lists.asked_for(service, chosen, limit=1000).rows]
    if form is Format.JSON:
        say_json(rows)
        return
    lines = [{**row, "part": ROLE_WORDS[Role(row["role"])]} for row in rows]
    heads = ("due", "late", "program", "affiliate", "who", "what is to be done")
    shown(
        None, heads, lines, ("due_on", "overdue", "name", "affiliate", "part", "says"), "There is nothing to be done."
    )


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
        shown(title, heads, one["goals"], names, "It has no goals.")


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
        names = ("code", "state", "left", "says", "why")
        shown(title, heads, scheme["benefits"], names, "The scheme brings nothing on this day.")
    heads, names = ("on", "what", "form", "voucher", "for"), ("on", "title", "form", "takes_voucher", "for_whom")
    shown("Workshops to come", heads, told["workshops"], names, "None is planned.")


@verbs.command()
def appeals(
    program: Annotated[str | None, typer.Option(help="Of this program alone, with all that was said.")] = None,
    affiliate: Affiliate = None,
    state: Annotated[answers.AppealState | None, typer.Option(help="Only those that have come so far.")] = None,
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
            known_affiliate(service, affiliate)
            page = service.matters.appeals(affiliate=affiliate, state=state.value if state else None, limit=1000)
            rows = [plain(row) for row in page.rows]
            names = ("appeal_id", "name", "affiliate", "decision_id", "state", "filed_on")
    if form is Format.JSON:
        say_json(rows)
    else:
        shown(None, [name.replace("_", " ") for name in names], rows, names, "There are no appeals.")


@verbs.command()
def interests(
    affiliate: Annotated[str, typer.Argument(help="The affiliate's code.")],
    as_of: Day = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Shows an affiliate's conflict register: what ties people to programs, and what they declared case by case."""
    with session() as service:
        service.projector.catch_up()
        known = known_affiliate(service, affiliate)
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
    shown("Register", [name.replace("_", " ") for name in names], entered, names, "Nothing is entered.")
    said = [{**one, "who": people[one["person"]]} for one in told["declarations"]]
    heads = ("who", "program", "nature", "in cycle or appeal")
    shown("Declared", heads, said, ("who", "name", "nature", "about"), "Nobody has declared anything.")


@verbs.command()
def notices(affiliate: Affiliate = None, form: Formatted = Format.TEXT) -> None:
    """Lists public notices, the latest first."""
    with session() as service:
        service.projector.catch_up()
        known_affiliate(service, affiliate)
        rows = [noticed(row) for row in service.matters.notices(affiliate=affiliate, limit=1000).rows]
    if form is Format.JSON:
        say_json(rows)
        return
    lines = [{**row, "day": row["posted_at"][:10]} for row in rows]
    heads, names = ("posted", "program", "status", "notice"), ("day", "name", "status", "says")
    shown(None, heads, lines, names, "There are no notices.")
