"""Verbs about the directory of each day: published, made again from the ledger, looked over, and proved of one partner."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from api.cli_session import Wrong, complain, find_program, say, session
from infra.snapshots import NotPublished
from infra.wiring import Service

verbs = typer.Typer()
directory = typer.Typer(
    help="The directory of each day, as published and as the ledger gives it.", no_args_is_help=True
)
verbs.add_typer(directory, name="directory")

OfDay = Annotated[
    datetime | None,
    typer.Option("--day", metavar="DAY", formats=["%Y-%m-%d"], help="Of which day; else the last one published."),
]
ToFile = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it there, not here.")]


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


@directory.command()
def publish() -> None:
    """Publishes the directory of today, unless it was; `nqms serve` does it by itself."""
    with session() as service:
        fact = service.snapshots.publish()
        say(f"directory of {fact.event.day}: {fact.event.entries} programs as known at {fact.event.size}")
        say(f"sha256 {fact.event.sha256}, event {fact.position}")
        say(f"heads of {fact.event.programs} programs' streams: root {fact.event.heads}")


@directory.command()
def reproduce(
    at: Annotated[int, typer.Option("--at", min=1, metavar="SIZE", help="From the events up to this position.")],
    day: OfDay = None,
    output: ToFile = None,
    heads: Annotated[
        bool, typer.Option("--heads", help="Instead: of each program its events and the last one's commitment.")
    ] = False,
) -> None:
    """Makes the directory of a day (today where none is named) again, from the ledger alone: the same bytes, and the same
    root over the heads of all programs' streams."""
    with session() as service:
        if at > service.ledger.recorder.head()[0]:
            raise Wrong(f"the ledger has no event at position {at} yet")
        wanted = _day(day) or service.ledger.now().astimezone(UTC).date()
        made = service.snapshots.reproduced(at, wanted)
        content = b"".join(line + b"\n" for _, line in sorted(made.lines.items())) if heads else made.content
        if output is None:
            typer.echo(content, nl=False)
        else:
            output.write_bytes(content)
        complain(f"directory of {made.day} at {made.size}: {len(made.entries)} programs, sha256 {made.facts['sha256']}")
        complain(f"heads of {len(made.heads)} programs' streams: root {made.facts['heads']}")


@directory.command()
def check(day: OfDay = None) -> None:
    """Holds the published file, the heads recorded with it, and what the read models show of that time, against the
    ledger; 1 where they differ."""
    with session() as service:
        service.projector.catch_up()
        try:
            fact = service.snapshots.published(_day(day))
        except NotPublished as error:
            raise Wrong(str(error)) from None
        faults = list(service.snapshots.faults(fact))
        for one in faults:
            complain(f"nqms: {one}")
        if faults:
            raise typer.Exit(1)
        e = fact.event
        say(f"directory of {e.day}: file, read model and ledger show the same {e.entries} programs")
        if e.heads is not None:
            say(f"the heads of {e.programs} programs' streams at position {e.size} are the ones recorded with it")


@verbs.command("partner-proof")
def partner_proof(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="The program's id or a part of its name.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the proof is written.")],
    day: OfDay = None,
) -> None:
    """Writes the proof of what the published directory shows of a partner; consumers/verify_partner.py verifies it."""
    with session() as service:
        content = _proved(service, find_program(service, program), _day(day))
        output.write_bytes(content)
        say(f"{output}: {len(content):,} bytes, verified with --key {service.log.key}")


def _proved(service: Service, program_id: str, day: date | None) -> bytes:
    try:
        return service.snapshots.proof(program_id, day)
    except NotPublished as error:
        raise Wrong(str(error)) from None
