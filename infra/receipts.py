"""Receipts: what a program keeps of something that it handed in or signed, verified offline long afterwards.

The event itself with its salt, the proof that it is in the log, the signed checkpoint with its cosignatures. What a
receipt holds is checked by consumers/verify_receipt.py, which shares no code with this module.
"""

from collections.abc import Sequence
from typing import Final

from domain.appeal import AppealFiled
from domain.assessment import AssessmentSubmitted
from domain.language import Event
from domain.membership import MembershipApplicationSubmitted
from domain.memorandum import MouSigned
from domain.notice import ProgramReplyReceived
from domain.participation import ParticipationRequested
from domain.review import ProgramResponseRecorded
from domain.statement import StatementOfAccuracyReceived, StatementOfAccuracySigned
from domain.surveillance import SubstantiveChangeReported
from domain.values import canonical
from infra.facts import FactRecorder
from infra.mapper import Recorded, decode
from infra.records import envelope
from infra.transparency import TransparencyLog

FORMAT: Final = "nqms.receipt.v1"
RECEIPTED: Final[tuple[type[Event], ...]] = (
    ParticipationRequested,
    MembershipApplicationSubmitted,
    MouSigned,
    AssessmentSubmitted,
    ProgramResponseRecorded,
    StatementOfAccuracySigned,
    StatementOfAccuracyReceived,
    SubstantiveChangeReported,
    ProgramReplyReceived,
    AppealFiled,
)
"""What a program hands in or signs, and that its statement was received, as the term counts from that."""


class NoReceipt(LookupError):
    """No event of that version is one for which there is a receipt."""

    def __init__(self, version: int) -> None:
        super().__init__(f"no receipt for version {version}: it is nothing that a program hands in or signs")
        self.version = version


def receipted(history: Sequence[Recorded]) -> list[Recorded]:
    """Of a program's history what there are receipts for."""
    return [one for one in history if isinstance(one.event, RECEIPTED)]


def receipt(recorder: FactRecorder, log: TransparencyLog, program_id: str, version: int) -> bytes:
    """The receipt for one event of a program, as a file. NoReceipt; LogDiverged when the log cannot be signed up to it."""
    facts = recorder.read_stream(f"program:{program_id}", version - 1, version) if version > 0 else []
    if not facts or not isinstance(decode(facts[0].type, facts[0].state), RECEIPTED):
        raise NoReceipt(version)
    fact = facts[0]
    found = log.checkpoint()
    if found is None or found[0].size < fact.position:
        log.catch_up()
    checkpoint, note = log.proving(fact.position)
    return canonical(
        {
            "format": FORMAT,
            "event": [envelope(fact).decode(), fact.salt.hex(), fact.state.decode()],
            "proof": [one.hex() for one in log.inclusion(checkpoint.size, fact.position - 1)],
            "checkpoint": str(note),
        }
    )
