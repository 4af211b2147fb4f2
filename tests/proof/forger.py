"""Bundles as a forger makes them: events changed at will, committed to and signed anew, with any key."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from consumers import verify_bundle
from domain.values import canonical, digest_of
from infra.merkle import Frontier, Tree, leaf_hash
from infra.notes import Checkpoint, Note, Signer
from tests.proof.naive import Tiles

Events = list[list[str]]
Change = Callable[[str, dict[str, Any]], None]
"""Changes the state of an event in place, by its type."""


def opened(bundle: bytes) -> dict[str, Any]:
    """The bundle as plain data."""
    return json.loads(bundle)


def written(bundle: dict[str, Any]) -> bytes:
    """The bundle as a file."""
    return canonical(bundle)


def commitment(envelope: str, salt: str, state: str) -> bytes:
    """What commits to an event."""
    covered = envelope.encode()
    return sha256(
        b"nqms.event.v1\n" + bytes.fromhex(salt) + len(covered).to_bytes(4, "big") + covered + state.encode()
    ).digest()


def sealed(bundle: dict[str, Any], signer: Signer, events: Events) -> bytes:
    """The bundle with other events, under a log of these alone, renumbered, that the signer signed."""
    renumbered = [[_placed(envelope, n), salt, state] for n, (envelope, salt, state) in enumerate(events, 1)]
    entries = [commitment(*one) for one in renumbered]
    frontier = Frontier()
    for entry in entries:
        frontier.add(leaf_hash(entry))
    checkpoint = Checkpoint(signer.name, len(entries), frontier.root())
    note = Note(checkpoint.text, ()).with_lines([signer.line(checkpoint.text)])
    proof = Tree(len(entries), Tiles(entries).read).several(range(len(entries)))
    return written({**bundle, "events": renumbered, "proof": [p.hex() for p in proof], "checkpoint": str(note)})


def _placed(envelope: str, position: int) -> str:
    return canonical({**json.loads(envelope), "position": position}).decode()


def changed(bundle: dict[str, Any], change: Change) -> Events:
    """The events with their states changed."""
    events: Events = []
    for envelope, salt, state in bundle["events"]:
        fields = json.loads(state)
        change(json.loads(envelope)["type"], fields)
        events.append([envelope, salt, json.dumps(fields, separators=(",", ":"), ensure_ascii=False)])
    return events


def without(bundle: dict[str, Any], version: int) -> Events:
    """The events without one, the later ones moved up by a version."""
    kept = [one for n, one in enumerate(bundle["events"], 1) if n != version]
    renamed = ({**json.loads(envelope), "version": n} for n, (envelope, _, _) in enumerate(kept, 1))
    return [[canonical(e).decode(), salt, state] for e, (_, salt, state) in zip(renamed, kept, strict=True)]


def statements_anew(bundle: dict[str, Any], events: Events) -> Events:
    """The events with every Statement of Accuracy made to cover what now stands, as a careful forger would."""
    p: dict[str, Any] = {"id": json.loads(events[0][0])["stream"].removeprefix("program:"), "acts": {}}
    p |= {part: {} for part in ("members", "documents", "cycles", "assistance", "evaluations")}
    anew: Events = []
    for version, (envelope, salt, state) in enumerate(events, 1):
        name, fields = json.loads(envelope)["type"].removesuffix(".v1"), json.loads(state)
        if name.startswith("Statement"):
            covers = digest_of(verify_bundle.stated(p, fields["cycle_id"]))
            place = fields.get("signature", fields)
            place["covers"] = covers
        verify_bundle.fold(p, name, fields, version)
        anew.append([envelope, salt, json.dumps(fields, separators=(",", ":"), ensure_ascii=False)])
    return anew


def with_digest(fields: dict[str, Any]) -> None:
    """Compute the digest of an evaluation's evidence anew, as a careful forger would."""
    optional = dict.fromkeys(("cycle_id", "instrument", "plan_digest", "statement_id"))
    made = {**optional, "reviewers": [], "consultants": [], **fields}
    del made["evidence_digest"]
    fields["evidence_digest"] = digest_of(made)
