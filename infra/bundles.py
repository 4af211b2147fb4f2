"""Decision bundles: everything that a stranger needs to repeat one decision, in one file that is verified offline.

All events of the program up to the decision with their salts, the rules and the instrument by hash, one proof that all
of it is in the log, the signed checkpoint with its cosignatures, and the words that are disclosed. What a bundle holds is
checked by consumers/verify_bundle.py, which shares no code with this module.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

from domain.decision import TierDecisionDeferred, TierDenied
from domain.evidence import TierEligibilityEvaluated
from domain.grant import TierGranted
from domain.values import TextRef, canonical
from infra.facts import FactRecorder
from infra.mapper import decode
from infra.records import StoredFact, envelope
from infra.transparency import TransparencyLog
from infra.vault import Vault

FORMAT: Final = "nqms.bundle.v1"
DECISIONS: Final = (TierGranted, TierDenied, TierDecisionDeferred)
"""The decisions that rest on an evaluation of the evidence, so that they can be repeated."""
Words = Literal["none", "reasons", "all"]
"""Which words are disclosed: none, those that the decision gives as its reasons, or all that were written up to it."""


class NoDecision(LookupError):
    """There is no decision of that id in the program's history that rests on evidence."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"no decision {decision_id} that rests on an evaluation of evidence")
        self.decision_id = decision_id


def bundle(
    recorder: FactRecorder,
    vault: Vault,
    log: TransparencyLog,
    program_id: str,
    decision_id: str,
    words: Words = "reasons",
) -> bytes:
    """The bundle of a decision, as a file. NoDecision; LogDiverged when the log cannot be signed up to it."""
    facts = _up_to(recorder.read_stream(f"program:{program_id}"), decision_id)
    if log.checkpoint() is None or _size(log) < facts[-1].position:
        log.catch_up()
    checkpoint, note = log.proving(facts[-1].position)
    proof = log.several(checkpoint.size, [fact.position - 1 for fact in facts])
    cited = facts if words == "all" else facts[-1:] if words == "reasons" else []
    return canonical(
        {
            "format": FORMAT,
            "decision": decision_id,
            "events": [[envelope(fact).decode(), fact.salt.hex(), fact.state.decode()] for fact in facts],
            "artifacts": [body.decode() for body in _bodies(recorder, facts)],
            "proof": [one.hex() for one in proof],
            "checkpoint": str(note),
            "texts": dict(_disclosed(vault, cited)),
        }
    )


def _size(log: TransparencyLog) -> int:
    found = log.checkpoint()
    return found[0].size if found else 0


def _up_to(facts: Sequence[StoredFact], decision_id: str) -> list[StoredFact]:
    names = {kind.published_name() for kind in DECISIONS}
    for n, fact in enumerate(facts, 1):
        if fact.type in names and getattr(decode(fact.type, fact.state), "decision_id", None) == decision_id:
            return list(facts[:n])
    raise NoDecision(decision_id)


def _bodies(recorder: FactRecorder, facts: Sequence[StoredFact]) -> Iterator[bytes]:
    """The rules and instruments of every evaluation, each once, as published."""
    found: set[str] = set()
    for fact in facts:
        event = decode(fact.type, fact.state)
        if isinstance(event, TierEligibilityEvaluated):
            found |= {ref.sha256 for ref in (event.policy, event.instrument) if ref}
    for sha256 in sorted(found):
        body = recorder.artifact(bytes.fromhex(sha256))
        if body is None:
            raise LookupError(f"the body {sha256[:12]} is gone")
        yield body


def _disclosed(vault: Vault, facts: Sequence[StoredFact]) -> Iterator[tuple[str, list[str]]]:
    """Salt and words behind each reference, for the words that were not erased."""
    for fact in facts:
        for ref in _references(decode(fact.type, fact.state)):
            found = vault.preimage(ref.id)
            if found is not None:
                yield ref.id, [found[0].hex(), found[1]]


def _references(value: Any) -> Iterator[TextRef]:
    if isinstance(value, TextRef):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _references(getattr(value, name))
    elif isinstance(value, tuple):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _references(one)
