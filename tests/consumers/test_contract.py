"""The contract: the AsyncAPI document and the schemas fit what is sent."""

import json
from datetime import date
from typing import Any

import msgspec
import pytest

from consumers.contract import asyncapi, event_schemas, row_schemas
from consumers.outgoing import DIRECTORY, MARKER, ROW
from infra.kafka import Cluster
from infra.topics import Topics
from projections.public import PublicRow, shown_on
from tests.api.conftest import Desk
from tests.consumers.relays import read_all, relay_all


@pytest.mark.parametrize("day", [date(2020, 1, 1), date(2026, 6, 1), date(2040, 2, 29)])
def test_every_row_that_is_sent_fits_its_schema_and_comes_back_the_same(
    desk: Desk, cluster: Cluster, ready: Topics, day: date
) -> None:
    relay_all(desk, cluster, ready)
    rows = [one for one in read_all(cluster, ready.partners) if one.headers["ce_type"] == ROW]
    assert rows
    for one in rows:
        row = msgspec.json.decode(one.value or b"", type=PublicRow)
        assert msgspec.json.encode(row) == one.value
        assert set(json.loads(one.value or b"")) == set(row_schemas()[ROW]["properties"])
        desk.client().get(f"/partners/{row.program_id}", as_of=day.isoformat())
        assert shown_on(row, desk.service.ledger.now(), day)["next_change_at"] is None


# --- the document --------------------------------------------------------------------------------------------------

DOCUMENT = asyncapi(Topics(), "1")


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set[str]()
        return own.union(*map(_references, value.values()))
    return set[str]().union(*map(_references, value)) if isinstance(value, list) else set()


def _found(reference: str) -> Any:
    at: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        at = at[part]
    return at


def test_every_reference_of_the_document_leads_somewhere() -> None:
    references = _references(DOCUMENT)
    assert len(references) > 300
    assert all(_found(reference) for reference in references)


def test_the_document_names_every_topic_with_all_that_it_carries() -> None:
    channels = {name: channel["messages"].keys() for name, channel in DOCUMENT["channels"].items()}
    assert channels["ledger"] == event_schemas().keys()
    assert channels["partners"] == {ROW, MARKER, DIRECTORY}
    assert "TierGranted.v1" in channels["affiliate"]
    assert "ComplaintReceived.v1" in channels["complaints"]
    assert "ComplaintReceived.v1" not in channels["affiliate"]
    topics = Topics()
    scoped = topics.for_affiliate("{affiliate}")
    assert {c["address"] for c in DOCUMENT["channels"].values()} == {t.name for t in (*topics.standing(), *scoped)}


def test_what_is_sent_has_the_headers_that_the_document_promises(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    relay_all(desk, cluster, ready)
    schemas = DOCUMENT["components"]["schemas"]
    for topic, headers in ((ready.ledger, "event-headers"), (ready.partners, "row-headers")):
        promised = schemas[headers]
        for one in read_all(cluster, topic):
            known = one.headers.keys() - {"content-type"}
            assert set(promised["required"]) <= known <= promised["properties"].keys()


def test_the_contract_is_served(desk: Desk) -> None:
    http = desk.client().http
    assert http.get("/asyncapi.json").json()["asyncapi"] == "3.0.0"
    assert http.get("/schemas/events/TierGranted.v1.json").json() == event_schemas()["TierGranted.v1"]
    assert http.get(f"/schemas/{ROW}.json").json() == row_schemas()[ROW]
    assert http.get("/schemas/events/Nothing.v1.json").status_code == 404
