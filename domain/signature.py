"""Signatures: consent, intent, identity, the exact record signed, attribution; electronic or on paper (M3)."""

from datetime import date
from typing import Literal

import msgspec
from pydantic import BaseModel

from domain.documents import usable
from domain.language import Context, Kind, Need, refusal
from domain.program import Program
from domain.term import DATE_IN_FUTURE
from domain.values import Code, Digest, PersonId, Reference

FORM_CODE_LENGTH = 12
"""How many digits of the digest a printed form bears, so that the paper names what it covers."""

SIGNATURE_INCOMPLETE = refusal("SIGNATURE_INCOMPLETE", Kind.INCOMPLETE, "The signature lacks: {missing}.")
DIGEST_STALE = refusal(
    "DIGEST_STALE", Kind.CHANGED_MEANWHILE, "What was signed is not what stands now; read it again and sign that."
)
SCAN_MISSING = refusal("SCAN_MISSING", Kind.INCOMPLETE, "A signature in ink needs its scan, handed in beforehand.")
WITNESS_REQUIRED = refusal(
    "WITNESS_REQUIRED", Kind.INCOMPLETE, "A spoken signature needs a witness who is neither signatory nor recorder."
)


SIGNED_BEFORE_ASKED = refusal(
    "SIGNED_BEFORE_ASKED", Kind.INVALID, "It cannot have been signed on {signed_on}: it was asked for on {asked_on}."
)


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A signature as the ledger keeps it: signatory, role, method, day and the digest of what was signed."""

    signatory: PersonId
    role: Code
    method: Literal["electronic", "ink_scan", "spoken_witnessed"]
    signed_on: date
    covers: Digest
    recorder: PersonId | None = None
    scan_document_id: Reference | None = None
    witness: PersonId | None = None

    def __str__(self) -> str:
        return f"{self.signatory} ({self.role}, {self.method}, {self.signed_on})"


class Signing(BaseModel):
    """What a person who signs electronically hands in."""

    covers: Digest
    consent: bool = False
    """Agrees to sign electronically."""
    intent: bool = False
    """Means this act as a signature."""


class PaperSigning(BaseModel):
    """What staff hand in who record a signature given on paper or in a witnessed call (M3)."""

    signatory: PersonId
    signed_on: date
    method: Literal["ink_scan", "spoken_witnessed"]
    form_code: str
    """The code on the printed form: the first digits of the digest that it covers."""
    scan_document_id: Reference | None = None
    witness: PersonId | None = None


def electronic(need: Need, given: Signing, ctx: Context, role: str, covers: str, today: date) -> Signature:
    """A signature given here and now by the actor."""
    missing = [name for name in ("consent", "intent") if not getattr(given, name)]
    need(not missing, SIGNATURE_INCOMPLETE, missing=missing)
    need(given.covers == covers, DIGEST_STALE)
    return Signature(signatory=ctx.person, role=role, method="electronic", signed_on=today, covers=covers)


def on_paper(
    need: Need, given: PaperSigning, ctx: Context, p: Program, role: str, covers: str, period: tuple[date, date]
) -> Signature:
    """A signature that staff record for a named signatory, given between the day it was asked for and today."""
    asked_on, today = period
    need(given.form_code == covers[:FORM_CODE_LENGTH], DIGEST_STALE)
    need(given.signed_on <= today, DATE_IN_FUTURE, field="signed_on", day=given.signed_on, today=today)
    need(given.signed_on >= asked_on, SIGNED_BEFORE_ASKED, signed_on=given.signed_on, asked_on=asked_on)
    if given.scan_document_id:
        usable(p, given.scan_document_id)
    if given.method == "ink_scan":
        need(given.scan_document_id, SCAN_MISSING)
    else:
        present = given.witness and given.witness not in (given.signatory, ctx.person)
        need(present, WITNESS_REQUIRED)
    return Signature(
        signatory=given.signatory,
        role=role,
        method=given.method,
        signed_on=given.signed_on,
        covers=covers,
        recorder=ctx.person,
        scan_document_id=given.scan_document_id,
        witness=given.witness,
    )
