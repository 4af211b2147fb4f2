"""Signatures, electronic and on paper, as the parties to a memorandum give them."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.documents import RecordScan, WithdrawDocument
from domain.memorandum import DraftMou, MouExecuted, MouSigned, RecordPaperMouSignature, SignMou, VoidMou
from domain.signature import FORM_CODE_LENGTH, Signature
from tests.small_world import (
    ADMIN,
    ADMIN2,
    CLOCK,
    DIRECTOR,
    LEAD,
    NATIONAL,
    REVIEWER,
    STAFF,
    STRANGER,
    Case,
    gates_met,
    hand_in,
    words,
)
from tests.story import given


def drafted(*further: Any) -> Case:
    """A memorandum that nobody has signed, drafted a week ago."""
    c = gates_met()
    c.must(ADMIN, VoidMou(ta_id=c.ta_id, reason=words("Anew.")), DraftMou(ta_id=c.ta_id, further_parties=further))
    c.world.later(days=7)
    return c


def covers(c: Case) -> str:
    mou = c.p.assistance[c.ta_id].mou
    assert mou is not None
    return mou.covers


def signing(c: Case, **changes: Any) -> SignMou:
    said = {"party": "program", "covers": covers(c), "consent": True, "intent": True}
    return SignMou(ta_id=c.ta_id, **(said | changes))


def on_paper(c: Case, **changes: Any) -> RecordPaperMouSignature:
    """Ink by the director, the scan handed in."""
    if "scan" not in c.p.documents:
        hand_in(c, "scan")
    said: dict[str, Any] = {
        "party": "program", "signatory": DIRECTOR, "signed_on": c.today, "method": "ink_scan",
        "form_code": covers(c)[:FORM_CODE_LENGTH], "scan_document_id": "scan",
    }  # fmt: skip
    return RecordPaperMouSignature(ta_id=c.ta_id, **(said | changes))


def spoken(c: Case, **changes: Any) -> RecordPaperMouSignature:
    said: dict[str, Any] = {"method": "spoken_witnessed", "witness": REVIEWER, "scan_document_id": None}
    return on_paper(c, **(said | changes))


@pytest.mark.req("S1-08")
@pytest.mark.parametrize(("person", "role"), [(LEAD, "program_lead"), (DIRECTOR, "executive_director")])
def test_an_electronic_signature_names_signatory_role_day_and_what_was_signed(person: str, role: str) -> None:
    c = drafted()
    signature = Signature(signatory=person, role=role, method="electronic", signed_on=c.today, covers=covers(c))
    given(c).when(person, signing(c)).then(MouSigned, signature=signature)
    assert str(signature) == f"{person} ({role}, electronic, {c.today})"


@pytest.mark.parametrize(
    ("given_", "lacking"),
    [
        ({"consent": False}, ["consent"]),
        ({"intent": False}, ["intent"]),
        ({"consent": False, "intent": False}, ["consent", "intent"]),
    ],
)
def test_it_takes_consent_and_intent(given_: dict[str, bool], lacking: list[str]) -> None:
    c = drafted()
    given(c).when(LEAD, signing(c, **given_)).refused("SIGNATURE_INCOMPLETE", missing=lacking)


def test_consent_and_intent_are_never_presumed() -> None:
    c = drafted()
    silent = SignMou(ta_id=c.ta_id, party="program", covers=covers(c))
    given(c).when(LEAD, silent).refused("SIGNATURE_INCOMPLETE", missing=["consent", "intent"])


def test_what_is_signed_is_what_stands() -> None:
    c = drafted()
    given(c).when(LEAD, signing(c, covers="0" * 64)).refused("DIGEST_STALE")


def test_everything_that_a_signature_lacks_is_named() -> None:
    c = drafted()
    command = signing(c, party="affiliate", covers="0" * 64, intent=False)
    given(c).when(LEAD, command).refused("NOT_A_PARTY", "SIGNATURE_INCOMPLETE", "DIGEST_STALE")


@pytest.mark.req("M3")
def test_ink_is_recorded_for_a_named_signatory_with_its_scan() -> None:
    c = drafted()
    day = c.today - timedelta(2)
    signature = Signature(
        signatory=DIRECTOR, role="executive_director", method="ink_scan", signed_on=day, covers=covers(c),
        recorder=ADMIN, scan_document_id="scan",
    )  # fmt: skip
    given(c).when(ADMIN, on_paper(c, signed_on=day)).then(MouSigned, signature=signature)


@pytest.mark.req("M3")
def test_a_spoken_signature_is_recorded_with_its_witness() -> None:
    c = drafted()
    signature = Signature(
        signatory=DIRECTOR, role="executive_director", method="spoken_witnessed", signed_on=c.today, covers=covers(c),
        recorder=ADMIN, witness=REVIEWER,
    )  # fmt: skip
    given(c).when(ADMIN, spoken(c)).then(MouSigned, signature=signature)


@pytest.mark.req("M3")
def test_each_party_may_sign_on_paper() -> None:
    c = drafted("national_body")
    for party, signatory in (("affiliate", ADMIN2), ("program", LEAD)):
        given(c).when(ADMIN, on_paper(c, party=party, signatory=signatory)).then(MouSigned, party=party)
    last = given(c).when(ADMIN, on_paper(c, party="national_body", signatory=NATIONAL))
    last.then(MouSigned, MouExecuted, party="national_body")


@pytest.mark.parametrize("signatory", [STAFF, ADMIN2, REVIEWER, STRANGER])
def test_a_signatory_on_paper_may_sign_for_the_party(signatory: str) -> None:
    c = drafted()
    given(c).when(ADMIN, on_paper(c, signatory=signatory)).refused("NOT_A_PARTY", person=signatory, party="program")


@pytest.mark.req("M3")
def test_the_form_bears_the_code_of_what_it_covers() -> None:
    c = drafted()
    for wrong in ("", "0" * FORM_CODE_LENGTH, covers(c)[: FORM_CODE_LENGTH - 1], covers(c)):
        given(c).when(ADMIN, on_paper(c, form_code=wrong)).refused("DIGEST_STALE")


def test_paper_was_signed_between_its_draft_and_today() -> None:
    c = drafted()
    draft, tomorrow = c.today - timedelta(7), c.today + timedelta(1)
    before = draft - timedelta(1)
    given(c).when(ADMIN, on_paper(c, signed_on=tomorrow)).refused("DATE_IN_FUTURE", field="signed_on", today=c.today)
    given(c).when(ADMIN, on_paper(c, signed_on=before)).refused("SIGNED_BEFORE_ASKED", signed_on=before, asked_on=draft)
    given(c).when(ADMIN, on_paper(c, signed_on=draft)).then(MouSigned)


def test_ink_comes_with_its_scan() -> None:
    c = drafted()
    given(c).when(ADMIN, on_paper(c, scan_document_id=None)).refused("SCAN_MISSING")


@pytest.mark.parametrize("make", [on_paper, spoken])
@pytest.mark.parametrize(
    ("scan", "why"), [("phantom", "DOCUMENT_UNKNOWN"), ("withdrawn", "DOCUMENT_UNKNOWN"), ("sick", "DOCUMENT_INFECTED")]
)
def test_a_scan_that_is_named_was_handed_in_and_is_clean(make: Any, scan: str, why: str) -> None:
    c = drafted()
    hand_in(c, "withdrawn")
    c.must(STAFF, WithdrawDocument(document_id="withdrawn", reason=words("Not this one.")))
    hand_in(c, "sick")
    c.must(CLOCK, RecordScan(document_id="sick", verdict="infected"))
    given(c).when(ADMIN, make(c, scan_document_id=scan)).refused(why, document_id=scan)


def test_the_scan_that_a_signature_rests_on_stays() -> None:
    c = drafted()
    c.must(ADMIN, on_paper(c))
    given(c).when(STAFF, WithdrawDocument(document_id="scan", reason=words("Ours."))).refused("DOCUMENT_FROZEN")


@pytest.mark.req("M3")
@pytest.mark.parametrize("witness", [None, DIRECTOR, ADMIN], ids=["nobody", "the signatory", "the recorder"])
def test_a_spoken_signature_needs_a_witness_who_is_neither_signatory_nor_recorder(witness: str | None) -> None:
    c = drafted()
    given(c).when(ADMIN, spoken(c, witness=witness)).refused("WITNESS_REQUIRED")


def test_everything_that_speaks_against_a_paper_is_named() -> None:
    c = drafted()
    wrong: dict[str, Any] = {"signatory": STAFF, "form_code": "0" * 12, "scan_document_id": None, "witness": None}
    given(c).when(ADMIN, on_paper(c, **wrong, signed_on=date(2099, 1, 1))).refused(
        "NOT_A_PARTY", "DIGEST_STALE", "DATE_IN_FUTURE", "SCAN_MISSING"
    )
    given(c).when(ADMIN, spoken(c, **wrong, signed_on=date(2020, 1, 1))).refused(
        "NOT_A_PARTY", "DIGEST_STALE", "SIGNED_BEFORE_ASKED", "WITNESS_REQUIRED"
    )
