"""The published schemas are the code's, and what is published is never taken back."""

import copy
from typing import Any

import msgspec
import pytest

from consumers.contract import event_schemas, row_schemas
from domain import EVENTS
from tests.house import schemas


def test_every_event_has_its_published_schema() -> None:
    assert schemas.published("events.json").keys() == EVENTS.keys()


@pytest.mark.req("H4")
def test_no_published_schema_was_changed_in_a_way_that_readers_notice() -> None:
    assert schemas.breaks() == []


@pytest.mark.parametrize("page", schemas.PAGES)
def test_the_pages_say_what_the_code_says(page: str) -> None:
    said = (schemas.FOLDER / page).read_text(encoding="utf-8")
    assert said == schemas.written(schemas.PAGES[page]()), "run python -m tests.house.schemas --write"


ROW: dict[str, Any] = row_schemas()["nqms.partner.v1"]


def changes(row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Ways to change the row that break readers, each by what it does."""
    made = {
        name: copy.deepcopy(row) for name in ("field gone", "other type", "optional", "nested gone", "turned nullable")
    }
    del made["field gone"]["properties"]["ein"]
    made["other type"]["properties"]["position"]["type"] = "string"
    made["optional"]["required"].remove("history")
    del made["nested gone"]["$defs"]["PublicStatus"]["properties"]["not_a_claim"]
    made["turned nullable"]["properties"]["name"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    return made


@pytest.mark.parametrize("name", changes(ROW))
def test_what_breaks_a_reader_is_noticed(name: str) -> None:
    assert schemas.incompatible({"row": ROW}, {"row": changes(ROW)[name]}) != []


def test_a_field_may_be_added_to_a_row_and_nothing_to_an_event() -> None:
    more = copy.deepcopy(ROW)
    more["properties"]["motto"] = {"type": "string"}
    assert schemas.incompatible({"row": ROW}, {"row": more}) == []
    assert schemas.changed({"row": ROW}, {"row": more}) == ["row was changed"]
    assert schemas.changed({"row": ROW}, {}) == schemas.incompatible({"row": ROW}, {}) == ["row is gone"]


def test_words_about_an_event_may_be_changed() -> None:
    old = event_schemas()["TierGranted.v1"]
    assert schemas.changed({"e": old}, {"e": {**old, "description": "Other words."}}) == []
    assert msgspec.json.encode(old)
