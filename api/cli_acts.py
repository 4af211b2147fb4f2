"""Verbs that act: any command, people, affiliates, policies, instruments, bulk registration."""

from datetime import UTC, date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import yaml

from api.bodies import parse
from api.catalogue import checked
from api.cli_reads import day_of
from api.cli_session import (
    As,
    Format,
    Formatted,
    Operating,
    Wrong,
    acting,
    complain,
    find_program,
    read_text,
    say,
    say_json,
    session,
)
from api.commands import MINTED, answered, kebab, schema_of
from api.disclosure import Disclosure
from api.identity import Visitor
from api.importing import import_programs as imported
from api.onboarding import NewAffiliate, onboard
from domain import COMMANDS
from domain.language import Command
from infra.library import Body, FileFaults
from infra.vault import PersonRecord, new_id
from infra.wiring import Service

verbs = typer.Typer()
person = typer.Typer(help="People.", no_args_is_help=True)
affiliate = typer.Typer(help="Affiliates.", no_args_is_help=True)
policy = typer.Typer(help="Policies.", no_args_is_help=True)
instrument = typer.Typer(help="Instruments.", no_args_is_help=True)
for group, called in ((person, "person"), (affiliate, "affiliate"), (policy, "policy"), (instrument, "instrument")):
    verbs.add_typer(group, name=called)
File = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)]
BY_NAME: dict[str, type[Command]] = {kebab(name): command for name, command in COMMANDS.items()}


@verbs.command()
def do(
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="Such as rate-item.")],
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="A program by id or name, a code; - to register.")],
    fields: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE…")] = None,
    body: Annotated[str | None, typer.Option("--json", metavar="FILE|-", help="The whole body as JSON.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Say what would be recorded, and record nothing.")] = False,
    expect: Annotated[
        int | None, typer.Option("--expect", metavar="VERSION", help="The version you have seen.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Repeating the same command with the same key does nothing.")
    ] = None,
    as_person: As = None,
    operator: Operating = False,
    form: Formatted = Format.TEXT,
) -> None:
    """Carries out any command."""
    with session() as service:
        kind = BY_NAME.get(kebab(command))
        if kind is None:
            raise Wrong(f"there is no command {command}; there are {', '.join(sorted(BY_NAME))}")
        given = parse(read_text(body).encode()) if body else {}
        given |= dict(_field(kind, one) for one in fields or [])
        who = acting(as_person, operator)
        done = service.ledger.execute(
            _subject(service, kind, subject),
            kind,
            given,
            person=who.acting,
            standing=who.standing,
            expected_version=expect,
            idempotency_key=key,
            preview=preview,
        )
        told = answered(done, kind.aggregate)
        said = Disclosure(service.vault).told([event.sentence() for event in done.events])
    if form is Format.JSON:
        say_json(told)
    else:
        _tell(told, said)


def _tell(told: dict[str, Any], said: list[str]) -> None:
    """What a command did, a line for each event."""
    for n, sentence in enumerate(said):
        say(f"{told['first_version'] + n:5}  {sentence}")
    recorded = "nothing was recorded: a preview" if told["preview"] else f"recorded at position {told['position']}"
    subject = next(value for name, value in told.items() if name.endswith("_id"))
    say(f"{subject} is at version {told['version']}; {recorded if said else 'nothing changed'}")


def _subject(service: Service, command: type[Command], subject: str) -> str:
    if command in MINTED:
        return new_id() if subject == "-" else subject
    return find_program(service, subject) if command.aggregate == "program" else subject


def _field(command: type[Command], given: str) -> tuple[str, Any]:
    """``key=value``: words stay words where the command takes words, anything else is read as YAML."""
    name, equals, value = given.partition("=")
    if not equals:
        raise Wrong(f"{given!r} is not key=value")
    kinds = _kinds(schema_of(command)["properties"].get(name, {}))
    if "string" in kinds and value not in ("null", "~", ""):
        return name, value
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise Wrong(f"{name}: {error}") from None
    if "array" in kinds and isinstance(read, str):
        return name, [one.strip() for one in read.split(",")]
    return name, read


def _kinds(schema: dict[str, Any]) -> set[str]:
    options: list[dict[str, Any]] = schema.get("anyOf", [schema])
    named = {str(one["type"]) for one in options if "type" in one}
    words = any(isinstance(w, str) for one in options for w in [*one.get("enum", []), one.get("const")])
    return named | ({"string"} if words else set())


@person.command("add")
def add_person(
    name: Annotated[str, typer.Option(help="The person's name.")],
    email: Annotated[str, typer.Option(help="Where the person is reached.")],
    form: Formatted = Format.TEXT,
) -> None:
    """Enters a person in the vault; everything else knows them by the id that is printed."""
    with session() as service:
        entered = service.vault.register_person(PersonRecord(name=name, email=email))
    say_json({"person_id": entered}) if form is Format.JSON else say(entered)


@affiliate.command("add")
def add_affiliate(file: File, form: Formatted = Format.TEXT) -> None:
    """Onboards an affiliate from a YAML file: its data, its people, its policies."""
    with session() as service:
        wanted = NewAffiliate.read(file)
        told = onboard(service, wanted, file.parent, acting(None, True))
    if form is Format.JSON:
        say_json(told)
        return
    for one in told["people"]:
        say(f"{one['person_id']}  {one['name']}: {', '.join(one['roles'])}")
    for one in told["policies"]:
        say(f"policy {one['scheme']} version {one['version']} is in force from {one['effective_from']}")
    say(f"affiliate {told['code']} is chartered")


@policy.command("check")
def check_policy(file: File) -> None:
    """Lists everything that is wrong with a policy; exit 1 if anything is."""
    with session() as service:
        try:
            body = checked(service.ledger, "policies", file.read_bytes(), file.name)
        except FileFaults as error:
            for fault in error.faults:
                complain(fault)
            say(f"{len(error.faults)} faults")
            raise typer.Exit(1) from None
    say(f"{body.name} version {body.version} is sound; sha256 {body.sha256}")


@policy.command("publish")
def publish_policy(
    file: File,
    effective_from: Annotated[
        str | None, typer.Option("--effective-from", metavar="DAY", help="Today if not given.")
    ] = None,
    as_person: As = None,
    operator: Operating = False,
) -> None:
    """Publishes a version of a policy."""
    with session() as service:
        body = checked(service.ledger, "policies", file.read_bytes(), file.name)
        service.ledger.recorder.put_artifact("policy", body.content)
        day = day_of(effective_from) or service.ledger.now().astimezone(UTC).date()
        _publish(
            service,
            "PublishPolicyVersion",
            body.name.lower(),
            _version("policy", body, day),
            acting(as_person, operator),
        )
    say(f"{body.name} version {body.version} is published, in force from {day}; sha256 {body.sha256}")


@instrument.command("publish")
def publish_instrument(file: File, as_person: As = None, operator: Operating = False) -> None:
    """Publishes a version of an instrument."""
    with session() as service:
        body = checked(service.ledger, "instruments", file.read_bytes(), file.name)
        service.ledger.recorder.put_artifact("instrument", body.content)
        given = _version("instrument", body, None)
        _publish(service, "PublishInstrumentVersion", body.name, given, acting(as_person, operator))
    say(f"{body.name} version {body.version} is published; sha256 {body.sha256}")


def _version(kind: str, body: Body, effective_from: date | None) -> dict[str, Any]:
    given: dict[str, Any] = {f"{kind}_version": body.version, "sha256": body.sha256}
    return given | ({"effective_from": effective_from} if effective_from else {})


def _publish(service: Service, command: str, subject: str, given: dict[str, Any], who: Visitor) -> None:
    service.ledger.execute(subject, COMMANDS[command], given, person=who.acting, standing=who.standing)


@verbs.command("import-programs")
def import_programs(
    file: File, as_person: As = None, operator: Operating = False, form: Formatted = Format.TEXT
) -> None:
    """Registers the programs of a CSV file, all of them or none, with a report row by row.

    With --as an administrator of the affiliate (and --operator), programs with a lead are listed at once; statuses from
    before are entered as attested by their source.
    """
    with session() as service:
        rows = imported(service, read_text(str(file)), acting(as_person, operator))
    wrong = [row for row in rows if row.faults]
    if form is Format.JSON:
        say_json(msgspec.to_builtins(rows))
    else:
        for row in rows:
            said = "; ".join(row.faults) or (f"registered as {row.program_id}" if not wrong else "fine")
            say(f"row {row.number}: {row.name}: {said}")
        say(
            f"{len(wrong)} of {len(rows)} rows are wrong; nothing was imported"
            if wrong
            else f"{len(rows)} programs imported"
        )
    raise typer.Exit(1 if wrong else 0)
