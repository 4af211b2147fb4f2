"""Signed notes, checkpoints and cosignatures as C2SP lays them down, with Ed25519 keys. No disk, no clock.

A note is a text with signature lines below it; a checkpoint is a note of three lines: whose log, how many entries, which
root. A witness signs the same text with the time at which it saw it (cosignature/v1).
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519: Final = 0x01
"""Signs the text itself: the log's signature."""
COSIGNATURE: Final = 0x04
"""Signs the text and a time: a witness's."""
MOST_SIGNATURES: Final = 32
_NAME = re.compile(r"[^\s+]+")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


def origin_of(state: bytes, commitment: bytes) -> str:
    """The name of the log over a ledger, from its first event: by which clock it records, and how its commitment begins."""
    clock = msgspec.json.decode(state, type=dict[str, str])["clock"]
    return f"nqms/{clock}/{commitment.hex()[:16]}"


class BadNote(ValueError):
    """A note, checkpoint or key that is not written as it has to be, or whose signature does not fit; the message says which."""


def _decoded(text: str, what: str) -> bytes:
    """Base64 that is written in the one right way."""
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote(f"{what} is no base64") from None
    if b64encode(raw).decode() != text:
        raise BadNote(f"{what} is base64 with stray bits")
    return raw


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key by which signatures are known: ``name+id+base64`` (C2SP vkey)."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes by which a signature line names its key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """The key that a vkey stands for. BadNote for anything else, also where the id is not that of the key."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
            raise BadNote("a verifier key is written name+id+base64")
        raw = _decoded(parts[2], "the verifier key")
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise BadNote("the verifier key is no Ed25519 key of a log or a witness")
        key = cls(parts[0], raw[0], raw[1:])
        if key.key_id.hex() != parts[1]:
            raise BadNote("the id in the verifier key is not that of its key")
        return key

    def signed(self, text: str, signature: bytes) -> int | None:
        """Whether the bytes after the key id sign a text: the time for a cosignature, 0 for a log's; None if not."""
        time, message = 0, text.encode()
        if self.kind == COSIGNATURE:
            if len(signature) != 72:
                return None
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = cosigned(text, time)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return None
        return time


def cosigned(text: str, time: int) -> bytes:
    """What a witness signs: the text of a checkpoint and the time in seconds since 1970."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name. Printing one shows the public half."""

    name: str
    kind: int
    seed: bytes = field(repr=False)

    @property
    def key(self) -> VerifierKey:
        """The public half."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.kind, public)

    def line(self, text: str, time: int = 0) -> str:
        """The signature line for a text; a cosignature needs the time in seconds since 1970."""
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        if self.kind == COSIGNATURE:
            signature = time.to_bytes(8, "big") + private.sign(cosigned(text, time))
        else:
            signature = private.sign(text.encode())
        return f"— {self.name} {b64encode(self.key.key_id + signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name and id, and the bytes after the id."""

    name: str
    key_id: bytes
    value: bytes

    def by(self, key: VerifierKey) -> bool:
        """Whether the line says that it is of this key."""
        return (self.name, self.key_id) == (key.name, key.key_id)

    def __str__(self) -> str:
        return f"— {self.name} {b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, unchecked."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))

    @classmethod
    def parse(cls, written: str) -> "Note":
        """The note that a file holds. BadNote when it is none."""
        text, blank, lines = written.rpartition("\n\n")
        if not blank or not text or not lines.endswith("\n"):
            raise BadNote("a signed note is a text, an empty line and signature lines")
        if any(ord(sign) < 32 and sign != "\n" for sign in written):
            raise BadNote("a signed note holds no control characters")
        found = lines.splitlines()
        if not found or len(found) > MOST_SIGNATURES:
            raise BadNote(f"a note has 1 to {MOST_SIGNATURES} signatures")
        return cls(text + "\n", tuple(_signature(line) for line in found))

    def signed_by(self, key: VerifierKey) -> int | None:
        """When ``key`` signed it (0 for a log's key); None when it did not. BadNote for a signature that does not fit."""
        mine = [one for one in self.signatures if one.by(key)]
        if not mine:
            return None
        times = [key.signed(self.text, one.value) for one in mine]
        if None in times:
            raise BadNote(f"the signature of {key.name} does not fit the text")
        return times[0]

    def with_lines(self, lines: Iterable[str]) -> "Note":
        """The same text with further signature lines; those of a key that is there already are left out."""
        added = list(self.signatures)
        for line in lines:
            one = _signature(line.rstrip("\n"))
            if not any((one.name, one.key_id) == (other.name, other.key_id) for other in added):
                added.append(one)
        return Note(self.text, tuple(added))


def _signature(line: str) -> Signature:
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadNote("a signature line is written — name base64")
    raw = _decoded(match[2], "a signature")
    if len(raw) < 5:
        raise BadNote("a signature is too short")
    return Signature(match[1], raw[:4], raw[4:])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its name, how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The checkpoint that a note's text states. BadNote when it states none; further lines are refused."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
            raise BadNote("a checkpoint has three lines: origin, size and root")
        root = _decoded(lines[2], "the root")
        if len(root) != 32:
            raise BadNote("a root has 32 bytes")
        return cls(lines[0], int(lines[1]), root)


def opened(written: str, key: VerifierKey) -> tuple[Checkpoint, Note]:
    """The checkpoint of a note that ``key`` signed. BadNote when it did not, or signed for a log of another name."""
    note = Note.parse(written)
    if note.signed_by(key) is None:
        raise BadNote(f"{key.name} did not sign it")
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != key.name:
        raise BadNote(f"it is a checkpoint of {checkpoint.origin}, not of {key.name}")
    return checkpoint, note


def seen_by(note: Note, witnesses: Sequence[VerifierKey]) -> dict[str, int]:
    """Which of the witnesses cosigned a note, and when, in seconds since 1970. BadNote for one that does not fit."""
    times = ((witness.name, note.signed_by(witness)) for witness in witnesses)
    return {name: time for name, time in times if time is not None}
