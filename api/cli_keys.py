"""Verbs for the day on which the log's signing key is lost: a successor that enough witnesses countersign."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from api.cli_log import LogAddress, LogKey, Named, Others, Quorum, Remembered, source_at, witness_of
from api.cli_session import Wrong, complain, plain_errors, read_text, say, session, stop
from infra.log_keys import countersigned, loss, present_key, says_lost
from infra.notes import BadNote, Note, VerifierKey
from infra.witness import Refused, statements_of

verbs = typer.Typer()
Written = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Where the statement is written; else it is printed."),
]


def _note(path: str) -> Note:
    try:
        return Note.parse(read_text(path))
    except BadNote as error:
        raise Wrong(f"{path}: {error}") from None


def _write(note: Note, output: Path | None) -> None:
    if output is None:
        typer.echo(str(note), nl=False)
    else:
        output.write_text(str(note), encoding="utf-8")


@verbs.command()
def rekey(
    output: Written = None,
    signed: Annotated[
        list[str] | None,
        typer.Option(
            "--countersigned", metavar="FILE", help="The statement as a witness gave it back; again for more."
        ),
    ] = None,
) -> None:
    """After the loss of the signing key: writes the statement that names a successor, for witnesses to countersign.

    With the statements that came back, the successor signs from now on, if as many witnesses as the settings ask for,
    and at least one, countersigned. A key that is there is replaced with `nqms log replace-key`.
    """
    with plain_errors():
        notes = [_note(one) for one in signed or []]
    with session() as service:
        if not notes:
            stated = service.log.succession()
            _write(stated, output)
            asked = max(1, service.log.quorum)
            complain(f"lost {loss(stated).old}")
            complain(f"its successor will be {loss(stated).new}")
            complain(f"{asked} of {len(service.log.witnesses)} witnesses have to run `nqms log countersign` on it")
            return
        try:
            old, new = service.log.succeed(notes)
        except BadNote as error:
            stop(f"nqms: refused: {error}", 1)
    say(f"lost {old}\nnew {new}")


@verbs.command()
def countersign(
    statement: Annotated[str, typer.Argument(metavar="FILE", help="The statement that `nqms log rekey` wrote.")],
    address: LogAddress,
    vkey: LogKey,
    state: Remembered,
    name: Named,
    output: Written = None,
) -> None:
    """As a witness: countersigns that the log's key is lost and which one takes its place.

    Ask the operator by another way first whether it is so. What the lost key signed last is proved to continue what this
    witness saw; a second successor of the same key is refused, and kept as evidence.
    """
    with plain_errors():
        one, note = witness_of(vkey, state, name), _note(statement)
        try:
            signed = one.countersign(source_at(address), note)
        except BadNote as error:
            raise Wrong(f"{statement}: {error}") from None
        except Refused as refused:
            stop(f"nqms: refused: {refused}", 1)
        except OSError as error:
            raise Wrong(f"the log cannot be reached: {error}") from None
    _write(signed, output)
    complain(f"countersigned as {one.key}")


@verbs.command("present-key")
def present(address: LogAddress, vkey: LogKey, witnesses: Others = None, quorum: Quorum = 0) -> None:
    """Prints the key that signs now, found from an earlier one by the statements that the log serves.

    The successor of a lost key is taken only if at least --quorum of the witnesses that are named countersigned.
    """
    with plain_errors():
        try:
            known, named = VerifierKey.parse(vkey), [VerifierKey.parse(one) for one in witnesses or []]
            statements = statements_of(source_at(address))
        except (BadNote, OSError) as error:
            raise Wrong(str(error)) from None
        try:
            found = present_key(known, statements, named, quorum)
        except BadNote as error:
            stop(f"nqms: refused: {error}", 1)
    say(str(found))
    for line in _losses(known, statements, named, quorum):
        complain(line)


def _losses(known: VerifierKey, statements: Sequence[Note], named: Sequence[VerifierKey], quorum: int) -> list[str]:
    """A sentence for each lost key on the way, with who countersigned."""
    lines: list[str] = []
    for number, note in enumerate(statements, 1):
        if says_lost(note) and loss(note).old == present_key(known, statements[: number - 1], named, quorum):
            lines.append(f"{loss(note).old} was lost; countersigned by {', '.join(countersigned(note, named, quorum))}")
    return lines
