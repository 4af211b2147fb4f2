"""The directory of a day as a file that can be made again: one line for every program that the public is shown.

A pure function of rows and a day: the same rows give the same bytes, whoever makes them. So a directory that was
published can be held against one that is folded from the ledger anew.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, Final

from domain.values import canonical
from projections.directory import Partner
from projections.held import Status
from projections.language import Question
from projections.public import PublicRow, Scheme, turn_on

FORMAT: Final = "nqms.directory.v1"
PUBLIC: Final = ("listed", "paused", "merged", "discontinued")
"""The listings with which a program is shown."""


def entry(row: Partner, day: date) -> bytes:
    """A program's line: who it is, and what it holds on that day in every zone, as the public is told."""
    return _line(row, [_status(one) for one in row.statuses(lambda zone: day)])


def entry_of_copy(row: PublicRow, day: date) -> bytes:
    """The same line, made from what the public may know of the program."""
    return _line(row, [_turn(one, day) for one in row.schemes])


def _line(row: Partner | PublicRow, statuses: list[dict[str, str]]) -> bytes:
    told: dict[str, Any] = {
        "affiliate": row.affiliate,
        "listing": row.listing,
        "name": row.name,
        "program_id": row.program_id,
        "statuses": statuses,
    }
    if row.successor:
        told["successor"] = row.successor
    return canonical(told)


def _status(one: Status) -> dict[str, str]:
    if (span := one.span) is None:
        return {"scheme": one.scheme, "status": one.status}
    return _shown(one.scheme, one.status, span.held.code, span.held.label, span.since, span.through)


def _turn(scheme: Scheme, day: date) -> dict[str, str]:
    if (turn := turn_on(scheme, lambda zone: day)) is None:
        return {"scheme": scheme.scheme, "status": "none"}
    shows = turn.shows
    return _shown(scheme.scheme, shows.status, shows.tier, shows.label, shows.since, shows.through)


def _shown(scheme: str, status: str, tier: str, label: str, since: date, through: date | None) -> dict[str, str]:
    told = {"scheme": scheme, "status": status, "tier": tier, "label": label, "since": since.isoformat()}
    return {**told, "through": through.isoformat()} if through else told


def shown(rows: Iterable[Partner | None]) -> list[Partner]:
    """The programs that the public is shown, in the order of their ids."""
    return sorted((row for row in rows if row and row.listing in PUBLIC), key=lambda row: row.program_id)


def entries(
    rows: Iterable[Partner | None], day: date, line: Callable[[Partner, date], bytes] = entry
) -> tuple[bytes, ...]:
    """The lines of a day, in the order of the programs' ids."""
    return tuple(line(row, day) for row in shown(rows))


class Lines:
    """Makes the lines of one day after another: a line again only where the row is another one, or a status began."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Partner, date, date | None, bytes]] = {}
        """By program: the row, between which days its line holds (the second one excluded), and the line."""

    def __call__(self, row: Partner, day: date) -> bytes:
        """The same as ``entry``."""
        known = self._known.get(row.program_id)
        if known is not None and known[0] is row and known[1] <= day and (known[2] is None or day < known[2]):
            return known[3]
        line = entry(row, day)
        until = min((span.since for span in row.history() if span.since > day), default=None)
        self._known[row.program_id] = row, day, until, line
        return line


def entries_of_copy(rows: Iterable[PublicRow], day: date) -> tuple[bytes, ...]:
    """The same lines, made from what the public may know."""
    shown = sorted((row for row in rows if row.listing in PUBLIC), key=lambda row: row.program_id)
    return tuple(entry_of_copy(row, day) for row in shown)


def written(origin: str, day: date, size: int, root: bytes, lines: tuple[bytes, ...]) -> bytes:
    """The file: a line about itself (whose ledger, up to which position, which root over the entries), then the entries."""
    head = {"day": day, "entries": len(lines), "format": FORMAT, "origin": origin, "root": root.hex(), "size": size}
    return b"".join(line + b"\n" for line in (canonical(head), *lines))


def digest(content: bytes) -> str:
    """The digest by which a file is known."""
    return hashlib.sha256(content).hexdigest()


def head(stream: str, version: int, commitment: bytes, line: bytes | None) -> bytes:
    """What is said of a program's own events: how many there are, by what the last is known, and by its digest the line
    that the directory has of the program, if it has one."""
    told: dict[str, Any] = {"commitment": commitment.hex(), "stream": stream, "version": version}
    return canonical(told if line is None else {**told, "entry": digest(line)})


def differing(where: str, own: Iterable[str], lines: Iterable[str]) -> Iterator[str]:
    """What is left out of, put into or changed in some lines, against what the ledger gives."""
    lines = list(lines)
    mine, other = _by_program(own), _by_program(lines)
    for program, line in mine.items():
        if program not in other:
            yield f"{where} leaves out {_named(line)}"
        elif other[program] != line:
            yield f"{where} shows {_named(line)} otherwise"
    for program, line in other.items():
        if program not in mine:
            yield f"{where} puts in {_named(line)}"
    if len(lines) != len(other) or (mine == other and list(mine) != list(other)):
        yield f"{where} shows a program twice or in another order"


def _by_program(lines: Iterable[str]) -> dict[str, str]:
    """Lines by the id of their program, or by themselves where they are none."""
    return {field(line, "program_id") or line: line for line in lines}


def _named(line: str) -> str:
    return f"{field(line, 'name')} ({field(line, 'program_id')})"


def field(line: str | bytes, name: str) -> str | None:
    """What a line says under a name; None where it is no such line."""
    try:
        return json.loads(line)[name]
    except (ValueError, LookupError, TypeError):
        return None


SHOWN = Question(
    "every program that the public was shown at a position",
    """SELECT d.body FROM read.directory d
WHERE d.generation = (SELECT generation FROM read.progress WHERE model = 'directory' AND live)
    AND d.from_position <= %(known)s AND (d.to_position IS NULL OR d.to_position > %(known)s)
    AND d.listing IN ('listed', 'paused', 'merged', 'discontinued')""",
)
