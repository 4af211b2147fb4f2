"""What people wrote and who they are lies encrypted: not in an event, a read model, a file or a byte of the database."""

import re

import psycopg
import pytest

from api.demo.cast import LAKE, all_names
from domain.values import TEXT_MARKER, misfits
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
