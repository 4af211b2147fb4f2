"""The keys that sign the log: one file of 32 random bytes each, beside the keys of the vault, outside the database.

They are made at the first start and never printed. A key is replaced by a statement that the old and the new key sign;
after the loss of a key, which can sign no more, by one that its successor signs and enough witnesses countersign. The
statements are public, so that whoever knows an earlier key finds the way to the present one.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from infra.keyring import KEY_BYTES, KeyringError, keep_once, private_mode, sync_folder
from infra.log_files import LogDiverged
from infra.notes import BadNote, Checkpoint, Note, Signer, VerifierKey, seen_by

_FILE = re.compile(r"([0-9]{4})\.key")
ROTATION = "nqms key rotation v1"
"""First line of the statement that one key takes the place of another."""
LOST = "nqms key lost v1"
"""First line of the statement that a key is lost, and which one takes its place."""
_NEXT = "next.key"


class LostKey(LogDiverged):
    """The key that signed last is not there, so nothing can be signed."""

    def __init__(self, name: str, folder: Path) -> None:
        says = f"the key that signed {name} last is not in {folder}: put its copy back, or begin with `nqms log rekey`"
        super().__init__("lost key", says)


class SigningKeys:
    """The signing keys of one name in a folder that nobody else may enter; the last one signs.

    ``signed_with``: the number of the key that signed last, as far as others know; 0 before the first signature.
    """

    def __init__(self, folder: Path, name: str, kind: int, signed_with: Callable[[], int] = lambda: 0) -> None:
        self._folder, self._name, self._kind, self._signed_with = folder, name, kind, signed_with
        private_mode(folder)

    def __repr__(self) -> str:
        return f"SigningKeys({self._name!r})"

    @property
    def lost(self) -> bool:
        """Whether the key that signed last is not there."""
        return self._signed_with() > max(self._numbers(), default=0)

    def current(self) -> Signer:
        """The key that signs now; made when there is none and nothing was signed yet. LostKey."""
        if self.lost:
            raise LostKey(self._name, self._folder)
        numbers = self._numbers()
        if not numbers:
            self._add(1)
            numbers = self._numbers()
        return self._signer(numbers[-1])

    def all(self) -> list[Signer]:
        """Every key that is there, the first one first."""
        if not self._numbers() and not self.lost:
            self.current()
        return [self._signer(number) for number in self._numbers()]

    def replace(self) -> tuple[Signer, Signer]:
        """Put a new key in the place of the present one; the old and the new one. The old one only signs statements."""
        old = self.current()
        self._keep(self._numbers()[-1] + 1, secrets.token_bytes(KEY_BYTES))
        return old, self.current()

    def successor(self) -> Signer:
        """The key that will take the place of the lost one; made at the first call, and it signs no checkpoint yet."""
        if not (self._folder / _NEXT).exists():
            keep_once(self._folder / _NEXT, secrets.token_bytes(KEY_BYTES))
            sync_folder(self._folder)
        return self._read(_NEXT)

    def succeed(self, number: int) -> None:
        """Let the successor sign from now on, under the number that follows the lost key's."""
        os.rename(self._folder / _NEXT, self._folder / f"{number:04}.key")
        sync_folder(self._folder)

    def statements(self) -> dict[int, Note]:
        """The statements that one key took the place of another, which both signed, by the number of the earlier key.

        They are made from the keys each time, so that a crash between the two cannot lose one.
        """
        following = ((a, b) for a, b in pairwise(self._numbers()) if b == a + 1)
        return {a: _stated(self._signer(a), self._signer(b)) for a, b in following}

    def _add(self, number: int) -> None:
        try:
            self._keep(number, secrets.token_bytes(KEY_BYTES))
        except KeyringError:  # another program was quicker; its key is as good
            return

    def _keep(self, number: int, seed: bytes) -> None:
        keep_once(self._folder / f"{number:04}.key", seed)
        sync_folder(self._folder)

    def _numbers(self) -> list[int]:
        return sorted(int(match[1]) for path in self._folder.iterdir() if (match := _FILE.fullmatch(path.name)))

    def _signer(self, number: int) -> Signer:
        return self._read(f"{number:04}.key")

    def _read(self, name: str) -> Signer:
        seed = (self._folder / name).read_bytes()
        if len(seed) != KEY_BYTES:
            raise KeyringError(f"the signing key {name} of {self._name} is damaged: restore it from its backup")
        return Signer(self._name, self._kind, seed)


def _stated(old: Signer, new: Signer) -> Note:
    text = f"{ROTATION}\n{old.key}\n{new.key}\n"
    return Note(text, ()).with_lines([old.line(text), new.line(text)])


def rotation(note: Note) -> tuple[VerifierKey, VerifierKey]:
    """The key that was replaced and the one in its place, by a statement that both signed. BadNote otherwise."""
    lines = note.text.split("\n")
    if len(lines) != 4 or lines[0] != ROTATION or lines[3]:
        raise BadNote("this is no statement that a key was replaced")
    old, new = VerifierKey.parse(lines[1]), VerifierKey.parse(lines[2])
    if old.name != new.name or note.signed_by(old) is None or note.signed_by(new) is None:
        raise BadNote("a key is replaced by a statement that the old and the new key signed")
    return old, new


@dataclass(frozen=True, slots=True)
class Loss:
    """What the statement of a lost key says: which one is lost, its successor, and what the lost one signed last."""

    old: VerifierKey
    new: VerifierKey
    checkpoint: Checkpoint

    def signed(self, successor: Signer) -> Note:
        """The statement, signed by the successor alone."""
        text = f"{LOST}\n{self.old}\n{self.new}\n{self.checkpoint.text}"
        return Note(text, ()).with_lines([successor.line(text)])


def says_lost(note: Note) -> bool:
    """Whether a note is the statement of a lost key, well or badly written."""
    return note.text.startswith(f"{LOST}\n")


def loss(note: Note) -> Loss:
    """What a statement of a lost key says that its successor signed; who countersigned it is not looked at. BadNote."""
    lines = note.text.split("\n", 3)
    if len(lines) != 4 or not says_lost(note):
        raise BadNote("this is no statement that a key was lost")
    found = Loss(VerifierKey.parse(lines[1]), VerifierKey.parse(lines[2]), Checkpoint.parse(lines[3]))
    if not found.old.name == found.new.name == found.checkpoint.origin:
        raise BadNote("keys and checkpoint of the statement are not of one log")
    if found.old.kind != found.new.kind or found.old == found.new or note.signed_by(found.new) is None:
        raise BadNote("the successor of a lost key signs the statement")
    return found


def countersigned(note: Note, witnesses: Sequence[VerifierKey], quorum: int) -> dict[str, int]:
    """Which of the witnesses countersigned the statement of a lost key, and when. BadNote when they are too few."""
    seen = seen_by(note, witnesses)
    if len(seen) < max(1, quorum):
        raise BadNote(
            f"{len(seen)} of the witnesses that are known here countersigned that the key was lost, "
            f"and {max(1, quorum)} have to"
        )
    return seen


def present_key(
    known: VerifierKey, statements: Iterable[Note], witnesses: Sequence[VerifierKey] = (), quorum: int = 0
) -> VerifierKey:
    """The key that signs now, from one that is known and the statements since. BadNote for a statement that does not fit.

    The successor of a lost key is taken only if at least ``quorum`` of the witnesses, and at least one, countersigned.
    """
    for note in statements:
        if says_lost(note):
            stated = loss(note)
            if stated.old == known:
                countersigned(note, witnesses, quorum)
                known = stated.new
        else:
            old, new = rotation(note)
            known = new if old == known else known
    return known
