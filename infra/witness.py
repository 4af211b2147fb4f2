"""A witness: sees to it that a log only ever grows. It runs elsewhere than the log, with a key and a memory of its own.

It cosigns a checkpoint only after a proof that all it saw before is still the beginning. What it refuses it keeps, with
what it had seen, so that anybody can check that the log contradicts itself.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from infra.keyring import private_mode, sync_folder
from infra.log_files import CHECKPOINT, LogDiverged
from infra.log_keys import SigningKeys, loss, present_key
from infra.merkle import HASH, WIDTH, MissingTile, Tree, consistent
from infra.notes import COSIGNATURE, BadNote, Checkpoint, Note, VerifierKey, opened

_SEEN: Final = "seen"
_KEY: Final = "log.key"
_COUNTERSIGNED: Final = "countersigned"
_MOST_STATEMENTS: Final = 1000


class LogSource(Protocol):
    """Where a log is read, and told who has seen it."""

    def read(self, name: str) -> bytes | None:
        """A public file of the log, None when it is not there. OSError when the log cannot be reached."""
        ...

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """A tile of that many hashes. MissingTile."""
        ...

    def tell(self, note: Note) -> None:
        """Hand a cosigned checkpoint over. OSError when the log does not take it."""
        ...


@dataclass
class Refused(Exception):
    """A checkpoint that the witness does not cosign.

    ``kind``: rollback (an earlier state is shown as the present one), fork (another history), truncation (the log does
    not serve what it signed), unsigned (it bears no signature of the log's key). ``evidence``: where both sides are kept.
    """

    kind: str
    says: str
    evidence: Path | None = None

    def __str__(self) -> str:
        kept = f"; kept as evidence in {self.evidence}" if self.evidence else ""
        return f"{self.kind}: {self.says}{kept}"


class Witness:
    """A witness with its folder (made, 0700): its key, the log's key as known last, the last checkpoint cosigned.

    ``others``: keys of further witnesses; a successor of the log's lost key is taken if, with this one, at least
    ``quorum`` of them countersigned, and never with a quorum below 1.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        log: VerifierKey,
        now: Callable[[], float] = time.time,
        others: Sequence[VerifierKey] = (),
        quorum: int = 0,
    ) -> None:
        self._folder, self._now, self._others, self._quorum = folder, now, tuple(others), quorum
        private_mode(folder)
        self._signing = SigningKeys(folder / "keys", name, COSIGNATURE)
        self._trusted = log

    @property
    def key(self) -> VerifierKey:
        """The key by which its cosignatures are known."""
        return self._signing.current().key

    def last(self) -> tuple[Checkpoint, Note] | None:
        """The last checkpoint that it cosigned, the whole note; None before the first."""
        written = self._read(_SEEN)
        if written is None:
            return None
        note = Note.parse(written)
        return Checkpoint.parse(note.text), note

    def look(self, log: LogSource) -> Note:
        """Look at the log once: the checkpoint as cosigned and handed over. Refused; OSError when it is not reached."""
        written = log.read(CHECKPOINT)
        if written is None:
            raise self._refusal("truncation", "the log serves no checkpoint", b"")
        checkpoint, note = self._signed(log, written)
        before = self.last()
        if before is not None:
            try:
                self._grown(log, before[0], checkpoint, written)
            except Refused as refused:
                if refused.kind == "rollback":  # the log does not know what it has lost
                    with contextlib.suppress(OSError, LogDiverged):
                        log.tell(before[1])
                raise
        else:
            self._complete(log, checkpoint, written)
        signer = self._signing.current()
        line = signer.line(note.text, int(self._now()))
        mine = Note(note.text, tuple(one for one in note.signatures if not one.by(signer.key))).with_lines([line])
        self._write(_SEEN, str(mine).encode())
        log.tell(mine)
        return mine

    def countersign(self, log: LogSource, note: Note) -> Note:
        """The statement that the log's key is lost, with this witness's signature: it has seen that what the lost key
        signed last continues what it saw itself. Whether the key is lost is for people to find out.

        BadNote for a statement that does not fit; Refused for one that contradicts what it saw, or names another successor
        than it countersigned before; OSError when the log is not reached.
        """
        stated, before = loss(note), self.last()
        if stated.old != self._known() or before is None:
            raise BadNote("the statement is about a key that this witness has not seen sign")
        earlier = self._read(_COUNTERSIGNED)
        if earlier and loss(Note.parse(earlier)).old == stated.old and Note.parse(earlier).text != note.text:
            raise self._refusal("fork", "it countersigned another successor of the same key", str(note).encode())
        self._grown(log, before[0], stated.checkpoint, str(note).encode())
        signed = note.with_lines([self._signing.current().line(note.text, int(self._now()))])
        self._write(_COUNTERSIGNED, str(signed).encode())
        return signed

    def _signed(self, log: LogSource, written: bytes) -> tuple[Checkpoint, Note]:
        """The checkpoint as the log's key signed it, or a key that took its place by a statement of both."""
        trusted = self._known()
        try:
            try:
                return opened(written.decode(), trusted)
            except BadNote:
                known = (self.key, *self._others) if self._quorum else ()
                present = present_key(trusted, statements_of(log), known, self._quorum)
                found = opened(written.decode(), present)
                self._write(_KEY, str(present).encode())
                return found
        except (BadNote, UnicodeDecodeError) as error:
            raise self._refusal("unsigned", f"the checkpoint is not the log's: {error}", written) from None

    def _known(self) -> VerifierKey:
        written = self._read(_KEY)
        known = VerifierKey.parse(written) if written else None
        return known if known and known.name == self._trusted.name else self._trusted

    def _grown(self, log: LogSource, before: Checkpoint, now: Checkpoint, written: bytes) -> None:
        """Refuses what is not a continuation of what it saw last."""
        if now.size < before.size:
            says = f"the log shows {now.size} entries, after it had shown {before.size}"
            raise self._refusal("rollback", says, written)
        if now.size == before.size:
            if now.root != before.root:
                raise self._refusal("fork", f"there are two logs of {now.size} entries", written)
            return
        try:
            tree = Tree(now.size, log.read_tile)
            steps = tree.consistency(before.size) if before.size else []
            whole = tree.root() == now.root
        except MissingTile as error:
            raise self._refusal("truncation", str(error), written) from None
        if not (whole and consistent(before.size, before.root, now.size, now.root, steps)):
            says = f"the {now.size} entries do not begin with the {before.size} that it had shown"
            raise self._refusal("fork", says, written)

    def _complete(self, log: LogSource, checkpoint: Checkpoint, written: bytes) -> None:
        """Refuses a first checkpoint whose tiles are not there or give another root."""
        try:
            root = Tree(checkpoint.size, log.read_tile).root()
        except MissingTile as error:
            raise self._refusal("truncation", str(error), written) from None
        if root != checkpoint.root:
            raise self._refusal("fork", "the log's tiles do not give the root that it signed", written)

    def _refusal(self, kind: str, says: str, written: bytes) -> Refused:
        """The refusal, with both sides of the contradiction kept."""
        name = f"evidence/{int(self._now())}-{kind}-{secrets.token_hex(3)}"
        self._write(f"{name}/shown", written)
        seen = self._read(_SEEN)
        if seen is not None:
            self._write(f"{name}/seen-before", seen.encode())
        self._write(f"{name}/reason", f"{kind}: {says}\n".encode())
        return Refused(kind, says, self._folder / name)

    def _read(self, name: str) -> str | None:
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}")
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        sync_folder(path.parent)


def statements_of(log: LogSource) -> list[Note]:
    """The statements that a log serves of its keys, the first one first. OSError, BadNote."""
    found: list[Note] = []
    for number in range(1, _MOST_STATEMENTS):
        written = log.read(f"keys/{number}")
        if written is None:
            break
        found.append(Note.parse(written.decode()))
    return found


def short(tile: bytes, level: int, index: int, width: int) -> bytes:
    """The first hashes of a tile that may be wider. MissingTile when it is too short."""
    if len(tile) < width * HASH or len(tile) > WIDTH * HASH:
        raise MissingTile(level, index)
    return tile[: width * HASH]
