"""Verbs about proof: the log's checkpoint and key, a witness, and the bundle that proves a decision."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli_session import Format, Formatted, Wrong, complain, plain_errors, read_text, say, say_json, session
from infra.bundles import NoDecision
from infra.bundles import bundle as made
from infra.keyring import KeyringError
from infra.log_source import FolderLog, RemoteLog
from infra.notes import ED25519, BadNote, Checkpoint, Note, VerifierKey, seen_by
from infra.witness import LogSource, Refused, Witness

verbs = typer.Typer()


class Disclosed(StrEnum):
    """Which words a bundle discloses."""

    NONE = "none"
    REASONS = "reasons"
    ALL = "all"


log = typer.Typer(help="The public log over the ledger: its checkpoint, its key, its witnesses.", no_args_is_help=True)
verbs.add_typer(log, name="log")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@log.command()
def checkpoint(form: Formatted = Format.TEXT) -> None:
    """Signs where the ledger is now and prints the checkpoint; keep it elsewhere, and `nqms verify --checkpoint` takes it."""
    with session() as service:
        service.log.catch_up()
        found = service.log.checkpoint()
        assert found is not None  # just signed
        stated, note = found
        seen, quorum = service.log.seen_by(note), service.log.quorum
        covered = service.log.witnessed()
    if form is Format.JSON:
        told = {"origin": stated.origin, "size": stated.size, "root": stated.root.hex(), "quorum": quorum}
        witnessed = covered[0].size if covered else None
        say_json({**told, "seen_by": {n: _day(t) for n, t in seen.items()}, "witnessed": witnessed, "note": str(note)})
        return
    typer.echo(str(note), nl=False)
    for name, seconds in seen.items():
        complain(f"seen by {name} at {_day(seconds)}")
    complain(f"seen by {len(seen)} of {len(service.log.witnesses)} witnesses, {quorum} are asked for")
    if covered and covered[0].size < stated.size:
        complain(f"the newest checkpoint seen by enough witnesses has {covered[0].size} events")


@log.command()
def key() -> None:
    """Prints the key by which the log's signatures are verified; give it to others, and let them keep it."""
    with session() as service:
        say(str(service.log.key))


@log.command("replace-key")
def replace_key() -> None:
    """Signs with a new key from now on, and publishes the statement of both that it took the place of the old one."""
    with session() as service:
        service.log.catch_up()
        old, new = service.log.replace_key()
    say(f"old {old}\nnew {new}")


LogAddress = Annotated[str, typer.Option("--log", metavar="ADDRESS", help="http://host:port/log, or the log's folder.")]
LogKey = Annotated[str, typer.Option("--key", metavar="VKEY", help="The log's key, as its operator gave it to you.")]
Remembered = Annotated[Path, typer.Option("--state", metavar="FOLDER", help="Where key, memory and evidence are kept.")]
Named = Annotated[str, typer.Option("--name", help="The witness's name, such as witness.example.org/w1.")]
Others = Annotated[
    list[str] | None,
    typer.Option("--witness", metavar="VKEY", help="The key of a witness that you know; again for more."),
]
Quorum = Annotated[
    int,
    typer.Option(min=0, help="How many witnesses have to countersign the successor of a lost key; 0: none is taken."),
]


@log.command()
def witness(
    address: LogAddress,
    vkey: LogKey,
    state: Remembered,
    name: Named,
    every: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How long between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, and stop.")] = False,
    show_key: Annotated[bool, typer.Option("--show-key", help="Print the witness's own key, and stop.")] = False,
    others: Others = None,
    quorum: Quorum = 0,
) -> None:
    """Looks at a log again and again, and cosigns each checkpoint that continues what it saw before.

    It needs no database. What it refuses it keeps as evidence, and ends with exit code 1.
    """
    with plain_errors():
        one = witness_of(vkey, state, name, others or (), quorum)
        if show_key:
            say(str(one.key))
            return
        source = source_at(address)
        while True:
            try:
                _looked(one, source)
            except Refused as refused:
                complain(f"nqms: refused: {refused}")
                raise typer.Exit(1) from None
            except OSError as error:
                complain(f"nqms: the log cannot be reached or does not take it: {error}")
                if once:
                    raise typer.Exit(2) from None
            if once:
                return
            time.sleep(every)


def witness_of(vkey: str, state: Path, name: str, others: Sequence[str] = (), quorum: int = 0) -> Witness:
    """The witness of a folder. Wrong when a key is none."""
    try:
        trusted = VerifierKey.parse(vkey)
        if trusted.kind != ED25519:
            raise Wrong("--key takes the key of a log, not of a witness")
        return Witness(state, name, trusted, others=[VerifierKey.parse(one) for one in others], quorum=quorum)
    except (BadNote, KeyringError) as error:
        raise Wrong(str(error)) from None


def source_at(address: str) -> LogSource:
    """The log at an address, or in a folder. Wrong when it is neither."""
    try:
        return RemoteLog(address) if "://" in address else FolderLog(Path(address))
    except ValueError as error:
        raise Wrong(str(error)) from None


def _looked(one: Witness, source: LogSource) -> None:
    before = one.last()
    note: Note = one.look(source)
    origin, size, _ = note.text.split("\n", 2)
    if before is None or before[1].text != note.text:
        say(f"{_day(seen_by(note, [one.key])[one.key.name])} cosigned {origin} at {size} events")


def kept_checkpoint(path: str) -> Checkpoint:
    """A checkpoint out of a file that was kept elsewhere. Its place vouches for it, so no signature is asked for."""
    try:
        return Checkpoint.parse(Note.parse(read_text(path)).text)
    except BadNote as error:
        raise Wrong(f"{path}: {error}") from None


@verbs.command()
def bundle(
    decision: Annotated[
        str, typer.Argument(metavar="DECISION", help="The id of a decision, as `nqms decisions` lists it.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the bundle is written.")],
    words: Annotated[Disclosed, typer.Option(help="Which words are disclosed.")] = Disclosed.REASONS,
) -> None:
    """Writes everything that a stranger needs to repeat a decision offline, with consumers/verify_bundle.py alone."""
    with session() as service:
        service.projector.catch_up()
        found = service.reading.decision(decision)
        if found is None:
            raise Wrong(f"there is no decision {decision}")
        recorder, program = service.ledger.recorder, found.dossier.program_id
        try:
            content = made(recorder, service.vault, service.log, program, decision, words.value)
        except NoDecision as error:
            raise Wrong(str(error)) from None
        output.write_bytes(content)
        seen = service.log.seen_by(Note.parse(json.loads(content)["checkpoint"]))
        say(f"{output}: {len(content):,} bytes, verified with --key {service.log.key}")
        for one in service.log.witnesses:
            say(f"{'seen by' if one.name in seen else 'not yet seen by'} {one}")
