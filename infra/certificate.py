"""Replay certificates: the log's key states that everything up to a size was verified and nothing differed.

A signed note like a checkpoint, with more lines than one, so that neither can be taken for the other: title, whose log,
how many events, which root, when, by which program; then what was checked and how often, and which rules were applied.
There is none where anything differed, and none for a root that is not the log's.
"""

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from infra.merkle import MissingTile
from infra.notes import BadNote, Checkpoint, Note
from infra.records import instant
from infra.transparency import TransparencyLog
from infra.verification import Verification

TITLE: Final = "nqms replay certificate v1"
_AT = re.compile(r"at ([0-9T:.-]+Z)")
_BY = re.compile(r"by (.+)")
_FIGURE = re.compile(r"(checked|rules) .+")


class NotCertified(RuntimeError):
    """Something differed, or the log signed another root; the message says which."""


@dataclass(frozen=True)
class Certificate:
    """What a certificate states."""

    note: Note
    tree: Checkpoint
    at: str
    by: str
    figures: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many events were verified."""
        return self.tree.size


def issued(log: TransparencyLog, found: Verification, now: datetime, by: str) -> Note:
    """The certificate of a verification, signed with the log's key. NotCertified; ``by``: the program and its version."""
    failed = [check.name for check in found.checks if not check.fine]
    if failed:
        raise NotCertified(f"these checks failed: {', '.join(failed)}")
    log.catch_up()
    if _root(log, found.size) != found.root:
        raise NotCertified(f"the log has another root over the first {found.size} events")
    checked = [f"checked {one.name}: {one.count} {one.what}{one.note}" for one in found.checks]
    rules = [f"rules {one}" for one in found.rules]
    about = [log.origin, str(found.size), b64encode(found.root).decode(), f"at {instant(now)}", f"by {by}"]
    return log.stated(TITLE, [*about, *checked, *rules])


def certified(written: str) -> Certificate:
    """What a file states, unchecked. BadNote when it is no certificate."""
    note = Note.parse(written)
    title, *lines = note.text.split("\n")
    if title != TITLE or len(lines) < 7:
        raise BadNote("this is no replay certificate")
    tree = Checkpoint.parse("\n".join(lines[:3]) + "\n")
    at, by = _AT.fullmatch(lines[3]), _BY.fullmatch(lines[4])
    figures = tuple(lines[5:-1])
    if at is None or by is None or not all(map(_FIGURE.fullmatch, figures)):
        raise BadNote("this is no replay certificate")
    return Certificate(note, tree, at[1], by[1], figures)


def holds(log: TransparencyLog, stated: Certificate) -> str | None:
    """Why a certificate does not fit a log as it is now, if it does not. BadNote for a signature that does not fit."""
    if stated.tree.origin != log.origin:
        return f"it is of {stated.tree.origin}, and this is {log.origin}"
    if not log.states(stated.note):
        return "no key of this log signed it"
    log.catch_up()
    found = log.checkpoint()
    if found is None or found[0].size < stated.size:
        return f"rollback: it covers {stated.size} events, and the log has {found[0].size if found else 0}"
    if _root(log, stated.size) != stated.tree.root:
        return f"fork: the first {stated.size} events of the log do not give its root"
    return None


def _root(log: TransparencyLog, size: int) -> bytes | None:
    try:
        return log.root(size)
    except MissingTile:
        return None
