"""A person is erased through the command line: proofs, bundles and explanations stand."""

import shutil

import pytest

from consumers import verify_bundle
from domain.support import SupportQuestionAsked
from domain.term import last_valid
from infra.bundles import bundle
from infra.erasing import finish
from infra.verification import verify
from tests.api.conftest import Desk
from tests.api.test_cli import Shell, nqms

__all__ = ["nqms"]

YEARS = 10 * 366
NAME = "Wilhelmina Quokkabury"
WORDS = "The wombat notebook is where we write down every match"
TITLE = "numbat-roster.pdf"


def gone(nqms: Shell, person: str, *options: str) -> str:
    """What the command line says of an erasure by two people."""
    nqms("erase", person, "--ground", "no_longer_needed", *options)
    return nqms("erase", person, "--confirm", "--as", nqms.desk.journeys["lake"].id_of("national")).stdout


def departed(desk: Desk, part: str) -> str:
    """Somebody on the staff of an affiliate is on it no more; who."""
    way = desk.journeys["lake"]
    person = way.id_of(part)
    desk.door.do(way.id_of("administrator"), "mn", "RecordStaffDeparture", person=person)
    return person


def newcomer(desk: Desk) -> tuple[str, str, str]:
    """Somebody who came to a program, asked, handed a file in and left; with the ids of question and file."""
    way = desk.journeys["open"]
    person = desk.door.person(NAME)
    desk.door.do(way.id_of("lead"), way.program_id, "AppointRepresentative", person=person, role="program_staff")
    (asked,) = desk.door.do(person, way.program_id, "AskSupportQuestion", question=WORDS)
    assert isinstance(asked, SupportQuestionAsked)
    content = b"%PDF-1.7\n" + WORDS.encode()
    document = desk.door.upload(person, way.program_id, TITLE, "application/pdf", content)
    desk.door.do(way.id_of("lead"), way.program_id, "RemoveRepresentative", person=person)
    return person, asked.question.id, document


def checked(desk: Desk) -> dict[str, str]:
    """What every check says, by its name."""
    return {check.name: str(check) for check in verify(desk.service)}


@pytest.mark.req("M4", "H11")
def test_a_decider_is_erased_when_no_decision_needs_them_and_every_proof_stands(nqms: Shell) -> None:
    desk, way = nqms.desk, nqms.desk.journeys["lake"]
    decider, lead = departed(desk, "decider"), way.id_of("lead")
    said = nqms("erase", decider, "--ground", "asked_by_the_person", code=1).stderr
    held = desk.service.ledger.load("program", way.program_id).holdings[-1]
    assert f"{held.label} is held through {last_valid(held.expires_on)}" in said
    desk.clock.pass_days(YEARS)
    told = gone(nqms, decider)
    assert told.startswith("erased [erased person] (record), on the ground no_longer_needed; agreed by ")
    assert "ERASED_ALREADY" in nqms("erase", decider, "--ground", "no_longer_needed", code=1).stderr
    lines = desk.client().get(f"/programs/{way.program_id}/history", by=lead, limit=1000).json()["lines"]
    granted = [line["says"] for line in lines if line["type"] == "TierGranted.v1"]
    assert granted
    assert all(one.startswith("[erased person] (decider) granted") for one in granted)
    for decision in desk.service.ledger.load("program", way.program_id).decisions:
        service = desk.service
        proof = bundle(service.ledger.recorder, service.vault, service.log, way.program_id, decision, "all")
        assert verify_bundle.verify(proof.decode(), verify_bundle.key_of(str(service.log.key), 1), [], 0)
        assert nqms("explain", way.program_id, "--decision", decision).stdout
    assert "erasures: 1 people erased, 0 divergences" in nqms("verify").stdout


@pytest.mark.req("H11")
def test_with_the_person_go_their_words_and_files_and_a_restored_key_does_not_bring_them_back(nqms: Shell) -> None:
    desk = nqms.desk
    service, keys = desk.service, desk.service.settings.data_dir / "keys"
    person, text, document = newcomer(desk)
    before = keys.with_name("keys-backup")
    shutil.copytree(keys, before)
    assert "record_and_writings" in gone(nqms, person, "--writings")
    assert (service.vault.person(person), service.vault.open(text)) == (None, None)
    assert service.documents.describe(document).title is None
    told = checked(desk)
    assert "(1 erased), 0 divergences" in told["documents"]
    assert "(1 erased), 0 divergences" in told["words"]
    shutil.copytree(before, keys, dirs_exist_ok=True)
    assert service.vault.open(text) == WORDS
    assert f"{person}: 3 of 3 keys are there again" in checked(desk)["erasures"]
    assert finish(service.ledger.recorder, service.vault, service.documents) == 1
    assert (service.vault.person(person), service.vault.open(text)) == (None, None)
    assert finish(service.ledger.recorder, service.vault, service.documents) == 0
    assert "1 people erased, 0 divergences" in checked(desk)["erasures"]


def test_over_http_a_refused_erasure_says_until_when(nqms: Shell) -> None:
    desk, decider = nqms.desk, departed(nqms.desk, "decider")
    body = {"ground": "asked_by_the_person", "scope": "record"}
    refused = desk.client().post(f"/erasures/{decider}/propose-erasure", body, by="operator")
    held = desk.service.ledger.load("program", desk.journeys["lake"].program_id).holdings[-1]
    assert held.expires_on is not None
    last = last_valid(held.expires_on)
    (reason,) = [one for one in refused.json()["reasons"] if one["code"] == "NEEDED_BY_A_DECISION"]
    assert (refused.status_code, reason["details"]["until"]) == (409, last.isoformat())
    assert f"is held through {last}" in reason["message"]
    desk.clock.pass_days((last - desk.clock().date()).days + 2)
    assert desk.client().post(f"/erasures/{decider}/propose-erasure", body, by="operator").status_code == 200


def test_the_name_alone_goes_where_the_words_were_not_asked_for(nqms: Shell) -> None:
    person, text, document = newcomer(nqms.desk)
    gone(nqms, person)
    assert nqms.desk.service.vault.person(person) is None
    assert nqms.desk.service.vault.open(text) == WORDS
    assert nqms.desk.service.documents.describe(document).title == TITLE


def test_a_key_that_went_without_a_recorded_erasure_is_a_divergence(nqms: Shell) -> None:
    _, text, document = newcomer(nqms.desk)
    nqms.desk.service.vault.erase(text)
    nqms.desk.service.documents.erase(document)
    said = nqms("verify", code=1).stdout
    assert said.count("its key was destroyed, by no erasure that was recorded") == 2


def test_over_http_the_same_command_again_destroys_again(nqms: Shell) -> None:
    desk = nqms.desk
    person, text, _ = newcomer(desk)
    national, client = desk.journeys["lake"].id_of("national"), desk.client()
    body = {"ground": "consent_withdrawn", "scope": "record_and_writings"}
    assert client.post(f"/erasures/{person}/propose-erasure", body, by="operator").status_code == 200
    again = {"Idempotency-Key": "once"}
    keys = desk.service.settings.data_dir / "keys"
    shutil.copytree(keys, keys.with_name("before"))
    first = client.post(f"/erasures/{person}/confirm-erasure", by=national, headers=again)
    assert (first.status_code, first.json()["erasure_id"]) == (200, person)
    assert desk.service.vault.open(text) is None
    shutil.copytree(keys.with_name("before"), keys, dirs_exist_ok=True)
    assert client.post(f"/erasures/{person}/confirm-erasure", by=national, headers=again).json()["replayed"]
    assert desk.service.vault.open(text) is None


def test_what_the_verb_does_not_take(nqms: Shell) -> None:
    person = nqms.desk.journeys["lake"].id_of("staff")
    assert "say one of --ground, --confirm and --decline" in nqms("erase", person, code=2).stderr
    nqms("erase", person, "--ground", "no_longer_needed", "--confirm", code=2)
    assert "never kept a person" in nqms("erase", "p_nobody1", "--confirm", code=2).stderr
    assert "NO_ERASURE_PROPOSED" in nqms("erase", person, "--decline", code=1).stderr
    assert "STILL_HAS_A_PART" in nqms("erase", person, "--ground", "no_longer_needed", code=1).stderr
    nqms("erase", person, "--ground", "for_no_reason", code=2)
