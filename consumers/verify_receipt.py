"""Verifies a receipt, or a replay certificate, offline:  python verify_receipt.py FILE --key VKEY [--witness VKEY ...]

A receipt is what a program keeps of something that it handed in or signed: the event itself, and that it is on record in
the log. A replay certificate says that everything up to a size of the log was computed and derived again, with nothing
that differs. This file stands alone: Python 3.11, its standard library and `cryptography`. It shares no code with the
service and trusts nothing of it but the keys on the command line. Exit code 0: accepted. 1: not accepted, with the reason.
2: wrong use.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Key = tuple[str, bytes, bytes]  # of a log or a witness: its name, its short id, its kind (1 or 4) and the public key
PARTS = {"checkpoint", "event", "format", "proof"}
CERTIFICATE = "nqms replay certificate v1"
FIGURES = r"(checked|rules) ([^\n]+)"  # what was checked and how often, which rules were applied
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, InvalidSignature)


def need(fine: object, why: str) -> None:
    """Rejects unless all is fine."""
    if not fine:
        raise ValueError(why)


def parsed(text: str, what: str, sort: bool = True) -> Any:
    """What JSON says that is written in the one right way (RFC 8785); so no name stands twice."""
    value = json.loads(text, parse_float=str)
    written = json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=False)
    need(written == text, f"{what} is not written canonically")
    return value


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over parts one after another."""
    return hashlib.sha256(b"".join(parts)).digest()


def unbase(text: str) -> bytes:
    """Bytes from base64 that is written in the one right way."""
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "base64 with stray bits")
    return raw


def unhex(text: str, size: int, what: str) -> bytes:
    """So many bytes from lower-case hexadecimal."""
    need(re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text), f"{what} is not {size} bytes in hexadecimal")
    return bytes.fromhex(text)


def key_of(vkey: str, kind: int) -> Key:
    """The key that a vkey stands for."""
    name, key_id, encoded = vkey.strip().split("+", 2)
    raw = unbase(encoded)
    short = sha256(name.encode(), b"\n", raw)[:4]
    need(len(raw) == 33 and raw[0] == kind and short.hex() == key_id, f"this is no key of that kind: {vkey}")
    return name, short, raw


def signed(note: str, log: Key, witnesses: list[Key]) -> tuple[str, dict[str, int]]:
    """The text of a note that the log signed, and which of the witnesses signed it when."""
    text, _, lines = note.rpartition("\n\n")
    text, seen = text + "\n", dict[str, int]()
    for line in lines.removesuffix("\n").split("\n"):
        mark, name, encoded = line.split(" ")
        raw = unbase(encoded)
        by = [key for key in (log, *witnesses) if key[:2] == (name, raw[:4])]
        need(mark == "—" and by and name not in seen, f"it is signed by {name}: name that key as well")
        kind, public = by[0][2][0], Ed25519PublicKey.from_public_bytes(by[0][2][1:])
        seen[name] = int.from_bytes(raw[4:12], "big") if kind == 4 else 0
        message = f"cosignature/v1\ntime {seen[name]}\n{text}" if kind == 4 else text
        public.verify(raw[12 if kind == 4 else 4 :], message.encode())
    need(lines.endswith("\n") and seen.pop(log[0], None) == 0, f"{log[0]} did not sign it")
    return text, seen


def tree_of(origin: str, size: str, root: str, log: Key) -> tuple[int, bytes]:
    """Size and root that lines of a note state of the log."""
    need(origin == log[0] and re.fullmatch(r"[1-9][0-9]{0,15}", size), "it states nothing of that log")
    raw = unbase(root)
    need(len(raw) == 32, "a root has 32 bytes")
    return int(size), raw


def root_over(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root (RFC 6962) that follows from the leaf at a place among ``size`` and its path, the nearest hash first."""
    need(0 <= index < size, "the event lies outside of what was signed")
    if size == 1:
        need(not path, "the path is too long")
        return leaf
    need(path, "the path is too short")
    middle = 1 << ((size - 1).bit_length() - 1)
    if index < middle:
        return sha256(b"\x01", root_over(leaf, index, middle, path[:-1]), path[-1])
    return sha256(b"\x01", path[-1], root_over(leaf, index - middle, size - middle, path[:-1]))


def receipt(text: str, log: Key, witnesses: list[Key], quorum: int) -> list[str]:
    """What a receipt shows, in sentences."""
    opened = parsed(text, "the receipt")
    need(set(opened) == PARTS and opened["format"] == "nqms.receipt.v1", "this is no receipt that this verifier knows")
    note, seen = signed(opened["checkpoint"], log, witnesses)
    need(len(seen) >= quorum, f"{len(seen)} of your witnesses saw the checkpoint, and {quorum} are asked for")
    origin, size_said, root_said, end = note.split("\n")
    need(not end, "it is no checkpoint")
    size, root = tree_of(origin, size_said, root_said, log)
    envelope, salt, state = opened["event"]
    columns, e = parsed(envelope, "the event's envelope"), parsed(state, "the event", sort=False)
    covered = len(envelope.encode()).to_bytes(4, "big") + envelope.encode() + state.encode()
    commitment = sha256(b"nqms.event.v1\n", unhex(salt, 16, "the salt"), covered)
    path = [unhex(one, 32, "a hash") for one in opened["proof"]]
    position = columns["position"]
    need(type(position) is int, "a position is a whole number")
    inside = root_over(sha256(b"\x00", commitment), position - 1, size, path) == root
    need(inside, "the event does not give the root that was signed")
    told = [f"{columns['type']} is on record: event {columns['version']} of {columns['stream']},"]
    told += [f"recorded at {columns['recorded_at']} by {columns['actor_person']} ({columns['actor_role']}). It says:"]
    told += [f"  {name}: {one}" for name, value in e.items() for one in parts(value)]
    told += [f"It is event {position} of the log {log[0]}, which was signed at {size} events."]
    told += [f"{one} saw that log at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC." for one, at in seen.items()]
    return [*told, f"Its commitment is {commitment.hex()}.", "It does not show what came after; ask for a later one."]


def parts(value: Any) -> list[str]:
    """A value in words, one line for each part of it."""
    if hasattr(value, "items"):
        return [f"{name} {one}" for name, inner in value.items() for one in parts(inner)]
    return [json.dumps(value, ensure_ascii=False)]


def certificate(text: str, log: Key) -> list[str]:
    """What a replay certificate states, in sentences."""
    title, origin, size_said, root_said, at, by, *figures, end = signed(text, log, [])[0].split("\n")
    need(title == CERTIFICATE and not end and figures, "it is no replay certificate")
    size, root = tree_of(origin, size_said, root_said, log)
    need(re.fullmatch(r"at [0-9T:.-]+Z", at) and by.startswith("by "), "it does not say when it was made and by what")
    need(all(re.fullmatch(FIGURES, one) for one in figures), "it says something else than a certificate does")
    told = [f"The key of the log {log[0]} states: all {size} events were verified {at} {by}, and nothing differed."]
    told += [f"Root over them: {root.hex()}", *(f"  {one}" for one in figures)]
    return [*told, "It is the word of whoever holds that key; `nqms verify` on the ledger shows the same again."]


def verify(text: str, log: Key, witnesses: list[Key], quorum: int) -> list[str]:
    """What a file shows, in sentences; an error for what it does not."""
    return certificate(text, log) if text.startswith(CERTIFICATE) else receipt(text, log, witnesses, quorum)


def main(arguments: list[str]) -> int:
    """The command line; the exit code."""
    asked = argparse.ArgumentParser(description="Verifies a receipt or a replay certificate offline.")
    asked.add_argument("file", type=Path)
    asked.add_argument("--key", required=True, metavar="VKEY", help="the log's key, got from elsewhere")
    asked.add_argument("--witness", metavar="VKEY", action="append", default=[], help="who has to have seen it")
    asked.add_argument("--quorum", type=int, metavar="N", help="how many witnesses saw it at least; default: all named")
    given = asked.parse_args(arguments)
    quorum = len(given.witness) if given.quorum is None else given.quorum
    try:
        log, witnesses = key_of(given.key, 1), [key_of(one, 4) for one in given.witness]
        written = given.file.read_bytes()
    except (ValueError, OSError) as error:
        asked.error(str(error))
    try:
        told = verify(written.decode(), log, witnesses, quorum)
    except MALFORMED as error:
        print(f"NOT ACCEPTED: {error or type(error).__name__}")
        return 1
    print("\n".join(["ACCEPTED", *told]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
