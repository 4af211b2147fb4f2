"""Verifies a partner's proof offline:  python verify_partner.py PROOF --key VKEY [--witness VKEY ...] [--quorum N]

What the public directory of a day showed of one program, that exactly this directory is on record in the log, and after
how many events of the program nothing more was on record by then. This file stands alone: Python 3.11, its standard
library and `cryptography`. It shares no code with the service and trusts nothing of it but the keys on the command line.
With --directory FILE it holds the whole directory of that day against the record as well, with --bundle FILE a decision
bundle (or a receipt) of the program. Exit code 0: accepted. 1: not accepted, with the reason. 2: wrong use.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Json = dict[str, Any]
Key = tuple[str, bytes, bytes]  # of a log or a witness: its name, its short id, its kind (1 or 4) and the public key
PARTS = {"checkpoint", "entry", "event", "format", "index", "path", "proof"}
FACTS = {"day", "size", "entries", "root", "sha256"}
OF_HEADS = {"nqms.partner.v1": (set[str](), set[str]()), "nqms.partner.v2": ({"head", "beside"}, {"programs", "heads"})}
HEAD = {"commitment", "entry", "stream", "version"}
ENTRY = {"affiliate", "listing", "name", "program_id", "statuses"}
STATUS = {"scheme", "status", "tier", "label", "since", "through"}
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, InvalidSignature)


def need(fine: object, why: str) -> None:
    """Rejects unless all is fine."""
    if not fine:
        raise ValueError(why)


def canonical(value: Any, sort: bool = True) -> bytes:
    """The one way to write a value (RFC 8785, for whole numbers and ASCII names)."""
    return json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=False).encode()


def parsed(text: str, what: str, sort: bool = True) -> Any:
    """What JSON says that is written in the one right way; so no name stands twice, and no number is a fraction."""
    value = json.loads(text, parse_float=str)
    need(canonical(value, sort) == text.encode(), f"{what} is not written canonically")
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


def checked(note: str, log: Key, witnesses: list[Key], quorum: int) -> tuple[int, bytes, dict[str, int]]:
    """Size and root of a checkpoint that the log signed, and which of the witnesses saw it when."""
    text, _, lines = note.rpartition("\n\n")
    text, signed = text + "\n", dict[str, int]()
    for line in lines.removesuffix("\n").split("\n"):
        mark, name, encoded = line.split(" ")
        raw = unbase(encoded)
        by = [key for key in (log, *witnesses) if key[:2] == (name, raw[:4])]
        need(mark == "—" and by and name not in signed, f"the checkpoint is signed by {name}: name that key as well")
        kind, public = by[0][2][0], Ed25519PublicKey.from_public_bytes(by[0][2][1:])
        signed[name] = int.from_bytes(raw[4:12], "big") if kind == 4 else 0
        message = f"cosignature/v1\ntime {signed[name]}\n{text}" if kind == 4 else text
        public.verify(raw[12 if kind == 4 else 4 :], message.encode())
    need(lines.endswith("\n") and signed.pop(log[0], None) == 0, f"{log[0]} did not sign the checkpoint")
    need(len(signed) >= quorum, f"{len(signed)} of your witnesses saw the checkpoint, and {quorum} are asked for")
    origin, size, root, end = text.split("\n")
    need(origin == log[0] and not end and re.fullmatch(r"[1-9][0-9]{0,15}", size), "it is no checkpoint of that log")
    return int(size), unbase(root), signed


def root_over(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root (RFC 6962) that follows from the leaf at a place among ``size`` and its path, the nearest hash first."""
    need(0 <= index < size, "the place lies outside of the tree")
    if size == 1:
        need(not path, "the path is too long")
        return leaf
    need(path, "the path is too short")
    middle = 1 << ((size - 1).bit_length() - 1)
    if index < middle:
        return sha256(b"\x01", root_over(leaf, index, middle, path[:-1]), path[-1])
    return sha256(b"\x01", path[-1], root_over(leaf, index - middle, size - middle, path[:-1]))


def leads(entry: bytes, index: Any, size: int, path: list[str], root: bytes) -> bool:
    """Whether an entry stands at a place of the tree with that root."""
    need(type(index) is int, "a place is a whole number")
    hashes = [unhex(one, 32, "a hash") for one in path]
    return root_over(sha256(b"\x00", entry), index, size, hashes) == root


def committed(envelope: str, salt: str, state: str) -> bytes:
    """The commitment of an event, which is its entry in the log."""
    covered = len(envelope.encode()).to_bytes(4, "big") + envelope.encode() + state.encode()
    return sha256(b"nqms.event.v1\n", unhex(salt, 16, "the salt"), covered)


def recorded(proof: Json, size: int, root: bytes) -> tuple[Json, int]:
    """What the log has on record of the directory, and at which position."""
    envelope, salt, state = proof["event"]
    columns, e = parsed(envelope, "the event's envelope"), parsed(state, "the event", sort=False)
    published = f"DirectoryPublished.{proof['format'][-2:]}"
    known = columns["type"] == published and columns["stream"] == "calendar:UTC"
    need(known, "the event does not say that a directory was published")
    inside = leads(committed(envelope, salt, state), columns["position"] - 1, size, proof["proof"], root)
    need(inside, "the event does not give the root that was signed")
    says = set(e) == FACTS | OF_HEADS[proof["format"]][1] and 0 < e["size"] < columns["position"]
    need(says, "the event is not what such an event says")
    date.fromisoformat(e["day"])
    return e, columns["position"]


def shown(e: Json) -> list[str]:
    """An entry of the directory in sentences."""
    need(set(e) - {"successor"} == ENTRY, "the entry is not what such an entry says")
    listing = {"listed": "is listed", "paused": "is not listed at present", "discontinued": "was discontinued"}
    listing["merged"] = f"merged into {e.get('successor')}"
    told = [f"{e['name']} (program {e['program_id']}, affiliate {e['affiliate']}) {listing[e['listing']]}."]
    for one in e["statuses"]:
        need(set(one) <= STATUS, "the entry says more of a status than such an entry does")
        if "tier" not in one:
            told.append(f"{one['scheme']}: holds nothing.")
            continue
        # Where a status has no end, none is said; where it is over, the tier is what was held before.
        through = f" through {one['through']}" if "through" in one else ""
        told.append(f"{one['tier']} ({one['label']}): {one['status']} since {one['since']}{through}.")
    return told if e["statuses"] else [*told, "It has held no tier."]


def last_known(proof: Json, e: Json) -> Json:
    """The head of the program's events. Its place follows from its name, so under one root there is no second one."""
    head, top = parsed(proof["head"], "the head"), sha256(b"\x00", proof["head"].encode())
    way = int.from_bytes(sha256(head["stream"].encode()), "big")
    for depth, beside in reversed(list(enumerate(unhex(one, 32, "a hash") for one in proof["beside"]))):
        need(depth < 256, "the way to the head is too long")
        top = sha256(b"\x01", beside, top) if way >> (255 - depth) & 1 else sha256(b"\x01", top, beside)
    need(top.hex() == e["heads"], "the head does not give the root over all heads on record")
    need(set(head) == HEAD and head["version"] > 0, "the head is not what such a head says")
    program = parsed(proof["entry"], "the entry")["program_id"]
    need(head["stream"] == f"program:{program}", "the head is of another program")
    need(head["entry"] == sha256(proof["entry"].encode()).hex(), "the head goes with another entry")
    return head


def held_against(bundle: str, head: Json, e: Json) -> str:
    """Holds the last event of a decision bundle, or that of a receipt, against the head."""
    opened = parsed(bundle, "the bundle")
    envelope, salt, state = opened["events"][-1] if "events" in opened else opened["event"]
    columns = parsed(envelope, "the event's envelope")
    need(columns["stream"] == head["stream"], "the bundle is of another program")
    need(columns["position"] <= e["size"], f"the bundle's last event came after event {e['size']}: take a later proof")
    later = head["version"] - columns["version"]
    need(later <= 0, f"{later} events of the program came after the bundle by then")
    need(committed(envelope, salt, state).hex() == head["commitment"], "the program's last event is another by then")
    return "The bundle that you have ends with the last of them: nothing came after it by then."


def whole(content: bytes, e: Json, log: Key, proof: Json) -> str:
    """Holds the whole directory of the day against the record."""
    need(sha256(content).hex() == e["sha256"], "the directory is not the one on record: something is changed in it")
    head, *entries = content.decode().removesuffix("\n").split("\n")
    about = {"format": "nqms.directory.v1", "origin": log[0], **{n: e[n] for n in ("day", "entries", "root", "size")}}
    need(parsed(head, "the directory's first line") == about, "the directory says of itself what is not on record")
    place: int = proof["index"]
    need(len(entries) == e["entries"] and entries[place] == proof["entry"], "the entry is not where it belongs")
    names: list[str] = [parsed(one, "an entry")["program_id"] for one in entries]
    need(names == sorted(set(names)), "the directory shows a program twice or out of order")
    return f"The directory that you have, with all its {len(entries)} programs, is the one on record."


def verify(
    text: str, log: Key, witnesses: list[Key], quorum: int, directory: bytes | None = None, bundle: str | None = None
) -> list[str]:
    """What a proof proves, in sentences; an error for what it does not."""
    proof = parsed(text, "the proof")
    more, _ = OF_HEADS.get(proof["format"], ({""}, {""}))
    need(set(proof) == PARTS | more, "this is no proof that this verifier knows")
    size, root, seen = checked(proof["checkpoint"], log, witnesses, quorum)
    e, position = recorded(proof, size, root)
    inside = leads(
        proof["entry"].encode(), proof["index"], e["entries"], proof["path"], unhex(e["root"], 32, "the root")
    )
    need(inside, "the entry does not give the root of the directory on record")
    told = [f"The directory of {e['day']} shows of this program:"]
    told += [f"  {one}" for one in shown(parsed(proof["entry"], "the entry"))]
    told += [f"That directory has {e['entries']} programs, as known at {e['size']} events of the log {log[0]}."]
    told += [f"It is on record as event {position} of that log, which was signed at {size} events."]
    told += [f"{one} saw that log at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC." for one, at in seen.items()]
    need(more or bundle is None, "the proof is of a day on which no heads were recorded: it says nothing of a bundle")
    if more:
        head = last_known(proof, e)
        told += [f"The program had {head['version']} events by then, the last with commitment {head['commitment']};"]
        told += [f"nothing later of it is on record up to event {e['size']} of the log."]
        told += [held_against(bundle, head, e)] if bundle is not None else []
    told += [whole(directory, e, log, proof)] if directory is not None else []
    return [*told, f"It does not show what came after {e['day']}; ask the directory for that."]


def main(arguments: list[str]) -> int:
    """The command line; the exit code."""
    asked = argparse.ArgumentParser(description="Verifies a partner's proof offline.")
    asked.add_argument("proof", type=Path)
    asked.add_argument("--key", required=True, metavar="VKEY", help="the log's key, got from elsewhere")
    asked.add_argument("--witness", metavar="VKEY", action="append", default=[], help="who has to have seen it")
    asked.add_argument("--quorum", type=int, metavar="N", help="how many witnesses saw it at least; default: all named")
    asked.add_argument("--directory", type=Path, metavar="FILE", help="the whole directory of that day, to look at too")
    asked.add_argument("--bundle", type=Path, metavar="FILE", help="a bundle or receipt: was anything later on record?")
    given = asked.parse_args(arguments)
    quorum = len(given.witness) if given.quorum is None else given.quorum
    try:
        log, witnesses = key_of(given.key, 1), [key_of(one, 4) for one in given.witness]
        written = given.proof.read_bytes()
        directory = given.directory.read_bytes() if given.directory else None
        bundle = given.bundle.read_text("utf-8") if given.bundle else None
    except (ValueError, OSError) as error:
        asked.error(str(error))
    try:
        told = verify(written.decode(), log, witnesses, quorum, directory, bundle)
    except MALFORMED as error:
        print(f"NOT ACCEPTED: {error or type(error).__name__}")
        return 1
    print("\n".join(["ACCEPTED", *told]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
