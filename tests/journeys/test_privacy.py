"""What people wrote and who they are lies encrypted: not in an event, a read model, a file or a byte of the database."""

import re
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from api.demo.cast import LAKE, all_names
from api.demo.journey import journey
from domain.values import TEXT_MARKER, misfits
from infra.backup import back_up
from infra.mapper import recorded
from tests.journeys.conftest import Told

WRITTEN = "What worries us most is how long new mentors wait for a match"


def _bytes(told: Told) -> list[tuple[str, bytes]]:
    """Every file below the data folder, after everything in memory was written."""
    with psycopg.connect(told.service.database.owner_dsn or "", autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return [(f.name, f.read_bytes()) for f in sorted(told.folder.rglob("*")) if f.is_file()]


@pytest.mark.req("H11")
def test_no_byte_of_the_data_folder_holds_a_name_or_a_word_of_a_person(told: Told) -> None:
    needles = [name.encode() for name in all_names()]
    needles += [word.encode() for name in all_names() for word in re.split(r"[ -]", name) if len(word) > 6]
    needles += [WRITTEN.encode(), f"{LAKE.name} F31.pdf".encode()]
    files = _bytes(told)
    assert len(files) > 500, "the cluster, the documents and the keys are looked through"
    found = {(needle.decode(), name) for name, content in files for needle in needles if needle in content}
    assert found == set()
    assert any(LAKE.name.encode() in content for _, content in files), "the public name is there: the search works"


@pytest.mark.req("H11")
def test_every_stored_event_holds_only_codes_dates_references_and_digests(told: Told) -> None:
    facts = told.service.ledger.recorder.read(0, 10_000)
    assert len(facts) > 700
    for one in map(recorded, facts):
        assert misfits(one.event, type(one.event)) == []


def test_the_words_are_there_for_those_who_may_read_them(told: Told) -> None:
    history = told.service.ledger.history("program", told.journeys["mn"].program_id)
    marked = [text_id for one in history for text_id in TEXT_MARKER.findall(one.event.sentence())]
    opened = told.service.vault.open_many(marked)
    assert len(opened) == len(set(marked)) > 20
    assert any(text and WRITTEN in text for text in opened.values())


@pytest.mark.req("H11")
def test_after_an_erasure_no_byte_of_the_data_folder_or_of_a_later_backup_leads_to_the_person(
    told: Told, tmp_path: Path
) -> None:
    door, vault = told.door, told.service.vault
    another = replace(LAKE, name="Heron Bay Mentors", connector_ref="MC-20991")
    way = journey(door, another).listed()
    name, words, title = "Wilhelmina Quokkabury", "The wombat notebook has every match", "numbat-roster.pdf"
    person, lead = door.person(name), way.id_of("lead")
    door.do(lead, way.program_id, "AppointRepresentative", person=person, role="program_staff")
    (asked,) = door.do(person, way.program_id, "AskSupportQuestion", question=words)
    text = TEXT_MARKER.findall(asked.sentence())[0]
    document = door.upload(person, way.program_id, title, "application/pdf", b"%PDF-1.7\n" + words.encode())
    door.do(lead, way.program_id, "RemoveRepresentative", person=person)
    keys = [told.service.keyring.get(one) for one in (person, text, document)]
    assert (vault.open(text), len(set(keys)), None in keys) == (words, 3, False)
    door.operate(person, "ProposeErasure", ground="asked_by_the_person", scope="record_and_writings")
    door.do(way.id_of("national"), person, "ConfirmErasure")
    assert (vault.open(text), vault.person(person)) == (None, None)
    needles = [key for key in keys if key] + [one.encode() for one in (name, "Quokkabury", words, "wombat", title)]
    files = _bytes(told)
    assert {file for file, content in files for needle in needles if needle in content} == set()
    with psycopg.connect(told.service.database.owner_dsn or "", autocommit=True) as connection:
        backup = tmp_path / "vault.copy"
        with connection.cursor().copy("COPY vault.secrets TO STDOUT") as copy, backup.open("wb") as file:
            file.writelines(bytes(part) for part in copy)
    rows = [line.split(b"\t") for line in backup.read_bytes().splitlines()]
    assert {person.encode(), text.encode()} < {row[0] for row in rows}, "the rows are in the backup, without keys"
    assert not any(needle in backup.read_bytes() for needle in needles)
    told.service.log.catch_up()
    back_up(told.service.settings, tmp_path / "base", print)
    copied = [(f, f.read_bytes()) for f in (tmp_path / "base").rglob("*") if f.is_file()]
    assert {f.name for f, content in copied for needle in needles if needle in content} == set()
    assert {f.relative_to(tmp_path / "base").parts[0] for f, _ in copied} > {"postgres", "log", "documents"}
    assert any(text.encode() in content for _, content in copied), "its row is there: the search works"
    assert any(another.name.encode() in content for _, content in copied)
