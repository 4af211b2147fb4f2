"""``nqms``: the command line. Exit codes: 0 fine, 1 a check failed or the rules said no, 2 wrong use or not ready."""

import time
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from api import (
    cli_acts,
    cli_backup,
    cli_diff,
    cli_directory,
    cli_erase,
    cli_field,
    cli_kafka,
    cli_keys,
    cli_log,
    cli_matters,
    cli_proof,
    cli_reads,
    cli_simulate,
    cli_webhooks,
)
from api.cli_progress import rebuilding
from api.cli_session import (
    Format,
    Formatted,
    Wrong,
    plain_errors,
    say,
    say_json,
    session,
    settings,
    table,
    until_stopped,
)
from api.identity import is_loopback
from infra.settings import Settings
from infra.wiring import Service, open_service

app = typer.Typer(
    help="The system of record behind quality marks for youth mentoring programs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_reads.verbs)
app.add_typer(cli_matters.verbs)
app.add_typer(cli_field.verbs)
app.add_typer(cli_simulate.verbs)
app.add_typer(cli_acts.verbs)
app.add_typer(cli_erase.verbs)
app.add_typer(cli_diff.verbs)
app.add_typer(cli_log.verbs)
cli_log.log.add_typer(cli_keys.verbs)
app.add_typer(cli_backup.verbs)
app.add_typer(cli_kafka.verbs)
app.add_typer(cli_directory.verbs)
app.add_typer(cli_webhooks.verbs)
app.add_typer(cli_proof.verbs)
Demonstration = Annotated[
    bool, typer.Option("--demo", help="With the demonstration's programs, and a choice of who to be.")
]


class Story(StrEnum):
    """What the demonstration tells."""

    FOUR_PROGRAMS = "four-programs"
    TEN_YEARS = "ten-years"


@app.command()
def demo(
    story: Annotated[Story, typer.Option(help="Which story is told.")] = Story.FOUR_PROGRAMS,
    serve: Annotated[bool, typer.Option("--serve", help="Keep serving afterwards.")] = False,
) -> None:
    """Tells four programs' journeys from registration to their highest tier, or ten years of one; verifies the ledger."""
    from api.demo import tell

    told = {Story.FOUR_PROGRAMS: tell.run, Story.TEN_YEARS: tell.run_ten_years}[story]
    with plain_errors():
        chosen = settings()
        code = told(chosen, Console())
        if serve and code == 0:
            _serve_demo(chosen)
    raise typer.Exit(code)


@app.command()
def serve(
    demo: Demonstration = False,
    loops: Annotated[
        bool, typer.Option(help="Keep the read models up to date and announce what comes due in this process.")
    ] = True,
) -> None:
    """Runs the web server on NQMS_LISTEN."""
    with plain_errors():
        chosen = settings()
        if demo:
            _serve_demo(chosen)
            return
        with open_service(chosen, run_loops=loops) as service:
            _listen(service, demo_identity=False)


def _serve_demo(chosen: Settings) -> None:
    """The demonstration's folder, told if it is not there yet, served to this machine alone."""
    from api.demo import folder, tell

    if not is_loopback(chosen.listen_host):
        raise Wrong(
            f"with --demo anybody may say who they are, so it is for this machine alone, not for {chosen.listen}"
        )
    inside = folder.demo_settings(chosen)
    if not (inside.data_dir / folder.MARK).exists():
        tell.run(chosen, Console())
    with open_service(inside, run_loops=True) as service:
        _cast(service)
        _listen(service, demo_identity=True)


def _cast(service: Service) -> None:
    """Who one can be: everybody who has a part, with the id for the header."""
    service.projector.catch_up()
    parts: list[tuple[str, str, str]] = []
    for affiliate in service.ledger.shelf().affiliates():
        parts += [(person, ", ".join(roles), affiliate.name) for person, roles in affiliate.staff.items()]
    for row in service.reading.workspaces(limit=1000).rows:
        parts += [(person, ", ".join(p.roles), row.name) for person, p in row.program.people.items() if p.roles]
    names = {one: record.name for one, record in service.vault.people([p[0] for p in parts]).items() if record}
    table(
        "Who you can be (header X-NQMS-Actor)",
        ("name", "part", "of", "id"),
        [(names.get(p, ""), r, o, p) for p, r, o in parts],
    )


def _listen(service: Service, *, demo_identity: bool) -> None:
    import uvicorn

    from api.app import create_app

    chosen = service.settings
    say(f"nqms listens on http://{chosen.listen} (stop with Ctrl-C)")
    uvicorn.run(
        create_app(service, demo_identity=demo_identity),
        host=chosen.listen_host,
        port=chosen.listen_port,
        proxy_headers=False,  # an address in a header is no address
        server_header=False,
        access_log=False,  # addresses of requests may hold names
        log_level="warning",
    )


@app.command()
def migrate() -> None:
    """Brings the database's schema up to date, as the role that owns it (NQMS_MIGRATE_URL); embedded ones do it themselves."""
    from infra.database import migrate as apply
    from infra.database import open_database

    with plain_errors():
        chosen = settings()
        if chosen.database_url is None and chosen.migrate_url is None:
            open_database(chosen).close()
            say("the embedded database is up to date")
            return
        if chosen.migrate_url is None:
            raise Wrong("name the owner's address in NQMS_MIGRATE_URL")
        applied = apply(chosen.migrate_url, chosen.database_url)
        for one in applied:
            say(f"applied {one.number:04}_{one.title}")
        say(f"{len(applied)} migrations applied" if applied else "the database is up to date")


@app.command()
def project() -> None:
    """Keeps the read models up to date until it is stopped; one process of its own."""
    from consumers.project import run

    stopping = until_stopped()
    with session() as service:
        say("nqms keeps the read models (stop with Ctrl-C)")
        run(service, stopping)


@app.command()
def clock(
    once: Annotated[bool, typer.Option(help="Make up for everything that is due by now, and stop.")] = False,
) -> None:
    """Records the ends of days, announces what came due, signs the log and publishes the directory of each day, until it is
    stopped; no answer depends on it."""
    from consumers.clock import run
    from infra.clock import Clock

    stopping = until_stopped()
    with session() as service:
        if once:
            service.projector.catch_up()
            ticked = Clock(service.ledger, service.reading).tick()
            told = service.reading.states(sorted({program for _, _, program in ticked.announced}))
            for day, kind, program in ticked.announced:
                name = told[program].listing.display_name if program in told else program
                say(f"{day}  {kind.replace('_', ' ')}  {name}")
            say(f"Days recorded: {ticked.days}. Announcements: {len(ticked.announced)}.")
            return
        say("nqms announces what comes due (stop with Ctrl-C)")
        run(service, stopping)


@app.command()
def rebuild(names: Annotated[list[str] | None, typer.Argument(help="Read models; all without a name.")] = None) -> None:
    """Builds read models beside the live ones, compares, and swaps. Stopped, it goes on where it was the next time."""
    with session() as service:
        known = service.projector.positions()
        unknown = [name for name in names or [] if name not in known]
        if unknown:
            raise Wrong(f"there is no read model {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        begun = time.monotonic()
        with rebuilding() as told:
            differences = service.projector.rebuild(names or None, told)
        took = time.monotonic() - begun
        head = service.ledger.recorder.head()[0]
        for one in differences:
            say(f"was different: {one}")
        rate = f"{head:,} events in {took:.1f} s"
        say(f"{len(names or known)} read models rebuilt, {len(differences)} differences; {rate}")


@app.command()
def config(form: Formatted = Format.TEXT) -> None:
    """Prints the settings, without secrets."""
    with plain_errors():
        values = settings().public()
    if form is Format.JSON:
        say_json(values)
        return
    for name, value in values.items():
        called = Settings.model_fields[name].validation_alias or f"NQMS_{name.upper()}"
        say(f"{called}={'' if value is None else value}")


def main() -> None:
    """The entry point of the program."""
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
