"""Every event type ever released can be read for ever: one stored example each, never edited."""

from pathlib import Path

import pytest

from domain import ARMS, EVENTS
from infra.mapper import UPCASTERS, UnknownEventType, decode, encode
from tests.history.collect import FOLDER, stored

EXAMPLES = sorted(FOLDER.glob("*.json"))


@pytest.mark.req("H4")
@pytest.mark.parametrize("name", EVENTS)
def test_every_type_has_a_stored_example(name: str) -> None:
    assert stored(name).exists(), "collect one: python -m tests.history.collect"


@pytest.mark.req("H4")
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda f: f.stem)
def test_what_was_stored_is_read_and_folded(file: Path) -> None:
    event = decode(file.stem, file.read_bytes())
    assert type(event) in ARMS
    if file.stem in UPCASTERS:
        assert event.published_name() != file.stem, "raised to a later version"
    else:
        assert encode(event) == file.read_bytes(), "the same bytes again: published types are never edited"


def test_a_type_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(UnknownEventType, match=r"SomethingNew\.v7"):
        decode("SomethingNew.v7", b"{}")
