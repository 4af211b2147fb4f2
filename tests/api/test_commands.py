"""Commands over HTTP: every one has its route; versions, keys, previews; what is wrong is named at once."""

import json

import pytest

from api.commands import COLLECTIONS, MINTED, kebab
from domain import COMMANDS
from tests.api.client import Client, codes
from tests.api.conftest import Desk

RATING = {"item_id": "A1", "in_practice": "yes", "quality": 4}


def rate(desk: Desk, client: Client, **more: object):
    """The first rating of the open program, by its staff."""
    way = desk.journeys["open"]
    options = {k: more.pop(k) for k in ("headers", "preview") if k in more}
    body = {"cycle_id": way.cycle_id, **RATING, **more}
    return client.post(f"/programs/{way.program_id}/rate-item", body, by=way.id_of("staff"), **options)


@pytest.mark.req("H6")
def test_every_command_is_a_route(desk: Desk) -> None:
    paths = desk.client().get("/openapi.json").json()["paths"]
    for name, command in COMMANDS.items():
        collection = f"/{COLLECTIONS[command.aggregate]}"
        path = collection if command in MINTED else f"{collection}/{{id}}/{kebab(name)}"
        assert "post" in paths["/api/v1" + path], name


def test_a_command_answers_what_was_recorded(desk: Desk) -> None:
    way, before = desk.journeys["open"], desk.head
    answer = rate(desk, desk.client())
    told = answer.json()
    assert answer.status_code == 200
    assert told["program_id"] == way.program_id
    assert told["position"] == before + 2 == desk.head
    assert [e["type"] for e in told["events"]] == ["SelfAssessmentStarted.v1", "ItemRated.v1"]
    assert [e["version"] for e in told["events"]] == [told["first_version"], told["version"]]
    assert told["events"][1]["data"]["rating"] == {"in_practice": "yes", "quality": 4}
    assert answer.headers["etag"] == f'"{told["version"]}"'
    assert told["replayed"] is False


@pytest.mark.req("S4-14")
def test_a_preview_says_what_would_be_recorded_and_records_nothing(desk: Desk) -> None:
    before = desk.head
    told = rate(desk, desk.client(), preview=True).json()
    assert [e["type"] for e in told["events"]] == ["SelfAssessmentStarted.v1", "ItemRated.v1"]
    assert told["preview"] is True
    assert told["position"] is None
    assert desk.head == before


def test_the_same_key_gives_the_same_answer_and_no_second_event(desk: Desk) -> None:
    client, key = desk.client(), {"Idempotency-Key": "once"}
    first = rate(desk, client, headers=key).json()
    head = desk.head
    again = rate(desk, client, headers=key).json()
    assert again == {**first, "replayed": True}
    other = rate(desk, client, headers=key, quality=2)
    assert other.status_code == 422
    assert other.json()["code"] == "KEY_REUSED"
    assert desk.head == head


def test_the_same_key_registers_one_program(desk: Desk) -> None:
    client, key = desk.client(), {"Idempotency-Key": "new"}
    body = new_program("MC-1")
    by = desk.door.person("Nobody Special")
    first = client.post("/programs", body, by=by, headers=key)
    assert first.status_code == 201
    assert first.headers["location"].endswith(first.json()["program_id"])
    assert client.post("/programs", body, by=by, headers=key).json()["program_id"] == first.json()["program_id"]
    assert codes(client.post("/programs", body, by=by)) == ["DUPLICATE_LISTING"]


def new_program(listing: str) -> dict[str, object]:
    """The body that registers a program."""
    return {
        "legal_name": "Stone Bridge",
        "display_name": "Stone Bridge",
        "affiliate": "mn",
        "jurisdiction": "US-MN",
        "city": "Stone Bridge",
        "began_operating_on": "2015-01-01",
        "models": ["group"],
        "ages": [8, 12],
        "serves_youth": True,
        "connector_ref": listing,
    }


def test_a_version_that_was_seen_is_strict(desk: Desk) -> None:
    client, way = desk.client(), desk.journeys["open"]
    version = desk.service.ledger.load("program", way.program_id).version
    head = desk.head
    stale = rate(desk, client, headers={"If-Match": f'"{version - 1}"'})
    assert stale.status_code == 412
    assert (stale.json()["code"], stale.json()["actual"]) == ("STALE_VERSION", version)
    assert desk.head == head
    assert rate(desk, client, headers={"If-Match": f'"{version}"'}).status_code == 200
    assert rate(desk, client, headers={"If-Match": "abc"}).json()["code"] == "MALFORMED_HEADER"


def test_items_that_others_changed_are_refused_and_other_items_are_not(desk: Desk) -> None:
    client = desk.client()
    rate(desk, client)
    assert codes(rate(desk, client)) == ["ITEM_CHANGED_BY_OTHER"]
    assert rate(desk, client).status_code == 409
    assert rate(desk, client, item_id="A2").status_code == 200


BAD_BODIES = {
    "malformed": (b'{"cycle_id": ', 400, ["MALFORMED_JSON"]),
    "no object": (b"[1, 2]", 400, ["MALFORMED_JSON"]),
    "twice": (b'{"a": 1, "a": 2}', 400, ["MALFORMED_JSON"]),
    "not a number": (b'{"quality": NaN}', 400, ["MALFORMED_JSON"]),
    "not utf-8": (b'{"a": "\xff"}', 400, ["MALFORMED_JSON"]),
    "too deep": (b"[" * 200_000, 400, ["MALFORMED_JSON"]),
    "too large": (b'{"a": "' + b"x" * 1_100_000 + b'"}', 413, ["TOO_LARGE"]),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_cannot_be_read_is_one_problem(desk: Desk, name: str) -> None:
    content, status, expected = BAD_BODIES[name]
    way, head = desk.journeys["open"], desk.head
    headers = {"Content-Type": "application/json"}
    answer = desk.client().send(
        f"/programs/{way.program_id}/rate-item", content, by=way.id_of("staff"), headers=headers
    )
    assert answer.status_code == status
    assert codes(answer) == expected
    assert desk.head == head


def test_everything_wrong_with_a_body_is_named_by_its_place(desk: Desk) -> None:
    way, head = desk.journeys["open"], desk.head
    body = {"item_id": 7, "in_practice": "maybe", "quality": 9, "colour": "red", "reason": "   "}
    answer = desk.client().do(way.id_of("staff"), way.program_id, "rate-item", **body)
    told = {r["pointer"]: r["code"] for r in answer.json()["reasons"]}
    assert answer.status_code == 422
    assert told == {
        "/cycle_id": "FIELD_MISSING",
        "/item_id": "FIELD_INVALID",
        "/in_practice": "FIELD_INVALID",
        "/quality": "FIELD_INVALID",
        "/colour": "FIELD_UNKNOWN",
        "/reason": "TEXT_EMPTY",
    }
    assert "maybe" not in json.dumps(answer.json()), "what was sent may be private and is not repeated"
    assert desk.head == head


def test_a_refusal_lists_every_reason_with_details(desk: Desk) -> None:
    client, head = desk.client(), desk.head
    unknown = rate(desk, client, item_id="Z99")
    assert (unknown.status_code, codes(unknown)) == (404, ["UNKNOWN_ITEM"])
    assert unknown.json()["reasons"][0]["details"] == {"item_ids": ["Z99"]}
    several = rate(desk, client, in_practice="not_applicable", quality=None, item_revision=3)
    assert several.status_code == 422
    assert codes(several) == ["NOT_APPLICABLE_NOT_ALLOWED", "REASON_REQUIRED", "ITEM_CHANGED_BY_OTHER"]
    assert desk.head == head


@pytest.mark.req("S1-14")
def test_handing_in_names_all_that_is_missing(desk: Desk) -> None:
    way = desk.journeys["open"]
    answer = desk.client().do(way.id_of("lead"), way.program_id, "submit-assessment", cycle_id=way.cycle_id)
    assert answer.status_code == 422
    assert len(answer.json()["reasons"][0]["details"]["unanswered"]) == len(way.instrument.items)


def test_unknown_programs_addresses_and_methods_are_problems(desk: Desk) -> None:
    client, way = desk.client(), desk.journeys["open"]
    by = way.id_of("lead")
    assert codes(client.do(by, "nosuch", "submit-assessment", cycle_id="c")) == ["SUBJECT_UNKNOWN"]
    assert codes(client.get("/nosuch")) == ["NOT_FOUND"]
    assert codes(client.get("/programs/a%20b", by=by)) == ["NOT_FOUND"]
    wrong = client.get(f"/programs/{way.program_id}/rate-item", by=by)
    assert (wrong.status_code, wrong.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "POST"
    media = {"Content-Type": "text/plain"}
    assert codes(client.send("/programs", b"x", by=by, headers=media)) == ["MEDIA_TYPE_UNKNOWN"]


def test_a_fault_of_ours_tells_nothing_of_the_inside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(desk.service.reading, "partners", broken)
    answer = desk.client().get("/partners")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text


def test_affiliates_policies_and_instruments_have_their_commands(desk: Desk) -> None:
    client = desk.client()
    administrator = desk.door.person("New Administrator")
    body = {"code": "wi", "name": "Wisconsin", "timezone": "America/Chicago", "jurisdictions": ["US-WI"]}
    assert codes(client.post("/affiliates", {**body, "administrator": administrator}, by=administrator)) == [
        "NOT_AUTHORISED"
    ]
    made = client.post("/affiliates", {**body, "administrator": administrator}, by="operator")
    assert (made.status_code, made.json()["affiliate_id"]) == (201, "wi")
    staff = {"person": desk.door.person("Rita Review"), "roles": ["reviewer"]}
    assert client.post("/affiliates/wi/appoint-staff", staff, by=administrator).status_code == 200
    assert codes(client.post("/affiliates", {"name": "x"}, by="operator")) == ["FIELD_MISSING"]
    published = client.post("/policies/mn-qp/publish-policy-version", {"policy_version": "9"}, by="operator")
    assert {r["pointer"] for r in published.json()["reasons"]} == {"/sha256", "/effective_from"}


def test_the_metrics_count_commands_by_what_came_of_them(desk: Desk) -> None:
    client = desk.client()
    rate(desk, client)
    rate(desk, client)
    told = client.get("/metrics").text
    assert 'nqms_commands_total{command="RateItem",outcome="done"} 1.0' in told
    assert 'nqms_commands_total{command="RateItem",outcome="ITEM_CHANGED_BY_OTHER"} 1.0' in told
    assert f"nqms_ledger_head {float(desk.head)}" in told
    assert 'nqms_read_model_position{model="directory"}' in told
    ready = client.get("/readyz").json()
    assert (ready["status"], ready["parked"], ready["stalled"]) == ("ready", {}, [])
    assert client.get("/healthz").json() == {"status": "up"}
