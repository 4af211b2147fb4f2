"""The keys that sign the log: one file of 32 random bytes each, beside the keys of the vault, outside the database.

They are made at the first start and never printed. A key is replaced by a statement that the old and the new key sign;
the statements are public, so that whoever knows an earlier key finds the way to the present one.
"""

import re
import secrets
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from infra.keyring import KEY_BYTES, KeyringError, keep_once, private_mode, sync_folder
from infra.notes import BadNote, Note, Signer, VerifierKey

_FILE = re.compile(r"([0-9]{4})\.key")
ROTATION = "nqms key rotation v1"
"""First line of the statement that one key takes the place of another."""


class SigningKeys:
    """The signing keys of one name in a folder that nobody else may enter; the last one signs."""

    def __init__(self, folder: Path, name: str, kind: int) -> None:
        self._folder, self._name, self._kind = folder, name, kind
        private_mode(folder)

    def __repr__(self) -> str:
        return f"SigningKeys({self._name!r})"

    def current(self) -> Signer:
        """The key that signs now; made when there is none."""
        numbers = self._numbers()
        if not numbers:
            self._add(1)
            numbers = self._numbers()
        return self._signer(numbers[-1])

    def all(self) -> list[Signer]:
        """Every key there ever was, the first one first."""
        return [self._signer(number) for number in self._numbers()] or [self.current()]

    def replace(self) -> tuple[Signer, Signer]:
        """Put a new key in the place of the present one; the old and the new one. The old one only signs statements."""
        old = self.current()
        self._keep(self._numbers()[-1] + 1, secrets.token_bytes(KEY_BYTES))
        return old, self.current()

    def statements(self) -> list[Note]:
        """For each key that took the place of another the statement that both signed, the first one first.

        They are made from the keys each time, so that a crash between the two cannot lose one.
        """
        signers = self.all()
        return [_stated(old, new) for old, new in pairwise(signers)]

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
        seed = (self._folder / f"{number:04}.key").read_bytes()
        if len(seed) != KEY_BYTES:
            raise KeyringError(f"the signing key {number} of {self._name} is damaged: restore it from its backup")
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


def present_key(known: VerifierKey, statements: Iterable[Note]) -> VerifierKey:
    """The key that signs now, from one that is known and the statements since. BadNote for a statement that does not fit."""
    for note in statements:
        old, new = rotation(note)
        known = new if old == known else known
    return known
