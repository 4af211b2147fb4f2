"""Verbs about what is kept as proof: receipts of a program, and the verification of everything with its certificate."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from api.app import VERSION
from api.cli_log import kept_checkpoint
from api.cli_reads import Part
from api.cli_session import (
    Format,
    Formatted,
    Wrong,
    complain,
    find_program,
    plain_errors,
    read_text,
    say,
    say_json,
    session,
    table,
)
from api.receipts import listed
from infra.certificate import NotCertified, certified, holds, issued
from infra.notes import BadNote
from infra.receipts import NoReceipt
from infra.receipts import receipt as made
from infra.verification import Verification, summary, verified
from infra.wiring import Service

verbs = typer.Typer()
Kept = Annotated[
    list[str] | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="A checkpoint of the log that was kept elsewhere; again for more."
    ),
]
Written = Annotated[
    Path | None,
    typer.Option("--certificate", metavar="FILE", help="Where nothing differs: write the signed statement of that."),
]
Checked = Annotated[
    str | None,
    typer.Option("--check-certificate", metavar="FILE", help="Only hold a certificate against the log, and stop."),
]


@verbs.command()
def receipt(
    program: Part,
    version: Annotated[
        int | None, typer.Argument(metavar="VERSION", min=1, help="Of which event; without it they are listed.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where the receipt is written.")
    ] = None,
    form: Formatted = Format.TEXT,
) -> None:
    """Writes the receipt for something that a program handed in or signed; consumers/verify_receipt.py verifies it."""
    with session() as service:
        program_id = find_program(service, program)
        if version is None:
            _list(listed(service, service.ledger.history("program", program_id)), form)
            return
        if output is None:
            raise Wrong("name the file that the receipt is written to with -o")
        try:
            content = made(service.ledger.recorder, service.log, program_id, version)
        except NoReceipt as error:
            raise Wrong(f"there is {error}; without a version `nqms receipt` lists what there is") from None
        output.write_bytes(content)
        say(f"{output}: {len(content):,} bytes, verified with --key {service.log.key}")


def _list(rows: list[dict[str, Any]], form: Format) -> None:
    if form is Format.JSON:
        say_json(rows)
    elif rows:
        table(None, ("version", "recorded", "what"), ([str(r["version"]), r["recorded_at"], r["says"]] for r in rows))
    else:
        say("It has handed in nothing yet.")


@verbs.command()
def verify(
    checkpoint: Kept = None, certificate: Written = None, check: Checked = None, form: Formatted = Format.TEXT
) -> None:
    """Computes every digest, derives every decision, builds every read model and makes every published directory again;
    names every divergence."""
    with plain_errors():
        kept = [kept_checkpoint(one) for one in checkpoint or []]
    with session() as service:
        if check is not None:
            _check(service, check)
            return
        if certificate is not None:
            service.log.catch_up()
        with Progress(transient=True, console=Console(stderr=True)) as progress:
            tasks: dict[str, Any] = {}

            def show(name: str, done: int, total: int) -> None:
                tasks.setdefault(name, progress.add_task(name, total=total) if name not in tasks else None)
                progress.update(tasks[name], completed=done)

            found = verified(service, show, kept)
        if form is Format.JSON:
            told = found.checks
            say_json([{"check": c.name, "what": c.what, "count": c.count, "divergences": c.divergences} for c in told])
        else:
            for one in found.checks:
                say(str(one))
            say(summary(found.checks))
        if certificate is not None:
            _certify(service, found, certificate)
    raise typer.Exit(0 if found.fine else 1)


def _certify(service: Service, found: Verification, file: Path) -> None:
    """Writes the certificate, or says why there is none."""
    try:
        note = issued(service.log, found, service.ledger.now(), f"nqms {VERSION}")
    except NotCertified as error:
        complain(f"nqms: no certificate: {error}")
        raise typer.Exit(1) from None
    file.write_text(str(note), encoding="utf-8")
    complain(f"{file}: a certificate over {found.size:,} events, verified with --key {service.log.key}")


def _check(service: Service, path: str) -> None:
    """Holds a certificate against the log as it is now; 1 where it does not fit."""
    try:
        stated = certified(read_text(path))
        fault = holds(service.log, stated)
    except BadNote as error:
        raise Wrong(f"{path}: {error}") from None
    if fault:
        complain(f"nqms: {path}: {fault}")
        raise typer.Exit(1)
    say(
        f"{path}: signed by this log at {stated.at} with {stated.by}; its {stated.size:,} events are the first of the log"
    )
    for one in stated.figures:
        say(f"  {one}")
