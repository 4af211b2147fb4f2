"""The verb that says what changed in a program between two moments: its status before and after, and every fact between."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from api.cli_reads import Part, held_on
from api.cli_session import Format, Formatted, Wrong, find_program, say, say_json, session
from api.disclosure import Disclosure
from api.queries import part_in_words
from domain import fold, initial
from domain.program import Program
from infra.mapper import Recorded
from infra.wiring import Service

verbs = typer.Typer()


@dataclass(frozen=True)
class Moment:
    """A place in a program's history: after so many facts, and the day on which its status is asked for."""

    version: int
    day: date


@verbs.command()
def diff(
    program: Part,
    since: Annotated[
        str, typer.Option("--from", metavar="MOMENT", help="A version, a day (its end), or a time with its zone.")
    ],
    until: Annotated[str | None, typer.Option("--to", metavar="MOMENT", help="The same; now if not given.")] = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Says in sentences what changed in a program between two moments, by what was recorded until each of them."""
    with session() as service:
        program_id = find_program(service, program)
        told = compared(service, program_id, since, until)
    if form is Format.JSON:
        say_json(told)
        return
    for when, moment in (("Before", told["before"]), ("After", told["after"])):
        if when == "After":
            for one in told["changes"]:
                say(f"  {one['version']:5}  {one['recorded_on']}  {one['says']}")
        held = "; ".join(moment["holds"]) or "it holds no tier"
        say(f"{when}, on {moment['day']} at version {moment['version']} ({moment['listing']}): {held}.")
    if not told["changes"]:
        say("Nothing was recorded between; what differs, differs by its dates.")


def compared(service: Service, program_id: str, since: str, until: str | None) -> dict[str, Any]:
    """Status before and after, and the sentences of the facts between. Wrong when a moment is none, or comes first."""
    history = service.ledger.history("program", program_id)
    state: Program = fold(initial("program", program_id), [one.event for one in history])
    affiliate = service.ledger.shelf().affiliate(state.listing.affiliate)
    zone = ZoneInfo(affiliate.timezone if affiliate else "UTC")
    today = service.ledger.now().astimezone(zone).date()
    before = moment_of(since, history, zone)
    after = moment_of(until, history, zone) if until else Moment(len(history), today)
    if (before.version, before.day) > (after.version, after.day):
        raise Wrong(f"{since} comes after {until or 'now'}")
    between = history[before.version : after.version]
    said = [f"{one.actor_person} ({part_in_words(one.actor_role)}) {one.event.sentence()}" for one in between]
    return {
        "program_id": program_id,
        "before": _stood(program_id, history, before),
        "changes": [
            {
                "version": one.version,
                "type": one.type,
                "recorded_on": one.recorded_at.astimezone(zone).date().isoformat(),
                "says": sentence,
            }
            for one, sentence in zip(between, Disclosure(service.vault).told(said), strict=True)
        ],
        "after": _stood(program_id, history, after),
    }


def moment_of(text: str, history: list[Recorded], zone: ZoneInfo) -> Moment:
    """The moment that a version, a day or a time stands for. Wrong when it is none of these."""
    if re.fullmatch(r"\d{1,5}", text):
        version = min(int(text), len(history))
        return Moment(version, history[max(version, 1) - 1].recorded_at.astimezone(zone).date())
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is not None and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        day = time.date()
        return Moment(sum(one.recorded_at.astimezone(zone).date() <= day for one in history), day)
    if time is None or time.tzinfo is None:
        raise Wrong(f"{text!r} is no version, no day and no time with its zone; write 41, 2026-03-04 or {EXAMPLE}")
    return Moment(sum(one.recorded_at <= time for one in history), time.astimezone(zone).date())


EXAMPLE = "2026-03-04T12:00:00Z"


def _stood(program_id: str, history: list[Recorded], moment: Moment) -> dict[str, Any]:
    """How a program stood at a moment, by what was recorded until then."""
    state: Program = fold(initial("program", program_id), [one.event for one in history[: moment.version]])
    schemes = dict.fromkeys(h.scheme for h in state.holdings)
    return {
        "version": moment.version,
        "day": moment.day.isoformat(),
        "listing": state.listing.state,
        "holds": [held for scheme in schemes if (held := held_on(state, scheme, moment.day))],
    }
