"""Verbs that read: programs, decisions, explain, replay."""

from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer

from api import explain_text
from api.asked import known_position
from api.cli_session import Format, Formatted, Wrong, find_program, say, say_json, session, table
from api.disclosure import Disclosure
from api.explain import explain as explained
from api.plain import plain
from api.proof import Explanation
from api.queries import decision, listed
from domain import fold, initial
from domain.program import Program
from domain.status import IN_TERM, on_day, timeline
from domain.term import last_valid
from infra.mapper import Recorded
from infra.wiring import Service

verbs = typer.Typer()
Part = Annotated[str, typer.Argument(metavar="PROGRAM", help="An id, or a part of the name that only one has.")]
Day = Annotated[str | None, typer.Option("--as-of", metavar="DAY", help="YYYY-MM-DD: what held on that day.")]
Affiliate = Annotated[str | None, typer.Option(help="An affiliate's code.")]
Name = Annotated[str | None, typer.Option("--name", help="A part of the program's name.")]


def day_of(text: str | None) -> date | None:
    """A day of the command line."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Wrong(f"{text!r} is no day; write it as 2026-03-04") from None


@verbs.command()
def programs(
    affiliate: Affiliate = None,
    waiting_on: Annotated[str | None, typer.Option(help="The part whose turn it is, such as reviewer.")] = None,
    name: Name = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Lists programs: whose turn it is, since when, and which act comes next."""
    with session() as service:
        service.projector.catch_up()
        page = service.reading.workspaces(affiliate=affiliate, waiting_on=waiting_on, q=name, limit=1000)
        rows = [listed(row) for row in page.rows]
    if form is Format.JSON:
        say_json(rows)
        return
    heads = ("id", "name", "affiliate", "listing", "waiting on", "since", "next act")
    columns = ("program_id", "name", "affiliate", "listing", "waiting_on", "since", "next_act")
    table(None, heads, ([str(row[c] or "")[:36] if c != "since" else row[c][:10] for c in columns] for row in rows))


@verbs.command()
def decisions(
    affiliate: Affiliate = None,
    year: Annotated[int | None, typer.Option(help="The year of the decision.")] = None,
    name: Name = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Lists decisions, the latest first."""
    with session() as service:
        service.projector.catch_up()
        page = service.reading.decisions(affiliate=affiliate, year=year, q=name, limit=1000)
        rows = [decision(row) for row in page.rows]
    if form is Format.JSON:
        say_json(rows)
        return
    heads = ("decision", "program", "outcome", "tier", "decided", "effective")
    columns = ("decision_id", "program_name", "outcome", "tier", "decided_on", "effective_on")
    table(None, heads, ([str(row[c] or "") for c in columns] for row in rows))


@verbs.command()
def explain(
    program: Part,
    decision: Annotated[str | None, typer.Option(help="About this decision.")] = None,
    tier: Annotated[
        str | None, typer.Option(help="About this tier: what carries it, or exactly what is missing.")
    ] = None,
    as_of: Day = None,
    full: Annotated[bool, typer.Option("--full", help="The whole proof, also where something is missing.")] = False,
    form: Formatted = Format.TEXT,
) -> None:
    """Says why a program holds its tier, or why not, down to the event behind every leaf."""
    with session() as service:
        program_id = find_program(service, program)
        found = explained(service.ledger, program_id, decision=decision, tier=tier, as_of=day_of(as_of))
        told = Disclosure(service.vault).reveal(plain(found))
    if form is Format.JSON:
        say_json(told)
    else:
        say(explain_text.text(msgspec.convert(told, Explanation), full=full))


@verbs.command()
def replay(
    program: Part,
    to: Annotated[int | None, typer.Option("--to", metavar="VERSION", min=0, help="After this many events.")] = None,
    as_of: Day = None,
    as_known: Annotated[
        str | None,
        typer.Option(
            "--as-known", metavar="TIME", help="By what was recorded then: a time with its zone, or a position."
        ),
    ] = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Folds a program's history again and prints the state at that moment, in words and as JSON.

    --as-of asks what held on a day: the events recorded until then, and the tier by its dates, by all that is known
    now. --as-known asks what was known: only events recorded until that time count, for dates too. Both together ask
    what was known then of that day. Without a day it is the day of the version, or of the time, that is named.
    """
    with session() as service:
        program_id = find_program(service, program)
        told = replayed(service, program_id, to=to, as_of=day_of(as_of), as_known=as_known)
        said = Disclosure(service.vault).told(_words(told))
    if form is Format.TEXT:
        for line in said:
            say(line)
        say("")
    say_json(told["state"] if form is Format.TEXT else told)


def replayed(
    service: Service, program_id: str, *, to: int | None = None, as_of: date | None = None, as_known: str | None = None
) -> dict[str, Any]:
    """The state after a version, on a day, as known at a time, and what held on that day. Wrong for a version that the
    program has not, or had not by then."""
    upto = known_position(service, as_known)
    history = service.ledger.history("program", program_id, upto_position=upto)
    if to is not None and to > len(history):
        raise Wrong(f"it has {len(history)} events{'' if upto is None else ' by then'}, and no version {to}")
    known: Program = fold(initial("program", program_id), [one.event for one in history])
    affiliate = service.ledger.shelf().affiliate(known.listing.affiliate)
    zone = ZoneInfo(affiliate.timezone if affiliate else "UTC")
    day = as_of or _moment(service, history[: to or 0], upto, as_known).astimezone(zone).date()
    counted = [one for one in history if (to is None or one.version <= to) and _by(one, zone, as_of)]
    state: Program = fold(initial("program", program_id), [one.event for one in counted])
    dated = known if to is None else state
    return {
        "program_id": program_id,
        "version": state.version,
        "of": len(history),
        "day": day.isoformat(),
        "name": state.listing.display_name or known.listing.display_name,
        "last": f"{counted[-1].actor_person} {counted[-1].event.sentence()}" if counted else None,
        "recorded_at": counted[-1].recorded_at.isoformat() if counted else None,
        "holds": [
            held for scheme in dict.fromkeys(h.scheme for h in dated.holdings) if (held := held_on(dated, scheme, day))
        ],
        "state": plain(state),
    }


def _moment(service: Service, before: list[Recorded], upto: int | None, as_known: str | None) -> datetime:
    """The moment asked about: that of the version named, of the time or the position named, else now."""
    if before:
        return before[-1].recorded_at
    if as_known is None or upto is None:
        return service.ledger.now()
    if not as_known.isdigit():
        return datetime.fromisoformat(as_known.replace(" ", "+"))
    at = service.ledger.recorder.read(upto - 1, 1) if upto else []
    return at[0].recorded_at if at else service.ledger.now()


def _by(one: Recorded, zone: ZoneInfo, as_of: date | None) -> bool:
    moment: datetime = one.recorded_at.astimezone(zone)
    return as_of is None or moment.date() <= as_of


def held_on(state: Program, scheme: str, day: date) -> str | None:
    """What holds under a scheme on a day, in words."""
    now = on_day(timeline(state.holdings, state.measures, scheme), day)
    if now is None:
        return None
    tier = f"{now.status}: {now.holding.label} ({scheme}/{now.holding.tier})"
    if now.status not in IN_TERM:
        return f"{tier} since {now.since}"
    return f"{tier} from {now.since} {f'through {last_valid(now.until)}' if now.until else 'with no end date'}"


def _words(told: dict[str, Any]) -> list[str]:
    state = told["state"]
    if not told["of"]:
        return ["It was not known yet."]
    listing = state["listing"]["state"]
    lines = [f"{told['name']}: {listing}, after {told['version']} of {told['of']} events, on {told['day']}."]
    lines += [f"Last recorded: {told['recorded_at']} {told['last']}"] if told["last"] else []
    for cycle in state["cycles"].values():
        rated = sum(1 for answer in cycle["answers"].values() if answer["rating"])
        ruled = len(cycle["review"]["determinations"])
        lines.append(
            f"Cycle {cycle['cycle_id']} ({cycle['scheme']}, {cycle['kind']}): {cycle['phase']}, {rated} rated, {ruled} determined."
        )
    return lines + (told["holds"] or ["It holds no tier on that day."])
