"""Who asks: development identities are believed on this machine, in a demonstration, and nowhere else."""

import pytest

from api.identity import is_loopback
from tests.api.client import Client, codes
from tests.api.conftest import Desk


@pytest.fixture
def lead(read_only: Desk) -> tuple[str, str]:
    way = read_only.journeys["lake"]
    return way.id_of("lead"), way.program_id


def test_a_development_identity_is_believed_here(read_only: Desk, lead: tuple[str, str]) -> None:
    person, program = lead
    assert read_only.client().get(f"/programs/{program}", by=person).status_code == 200


def test_it_is_refused_from_elsewhere(read_only: Desk, lead: tuple[str, str]) -> None:
    person, program = lead
    for host in ("192.0.2.7", "testclient", "2001:db8::1"):
        answer = read_only.client(host).get(f"/programs/{program}", by=person)
        assert (answer.status_code, codes(answer)) == (403, ["IDENTITY_REFUSED"])


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_it_is_refused_through_a_proxy(read_only: Desk, lead: tuple[str, str], header: str) -> None:
    person, program = lead
    answer = read_only.client().get(f"/programs/{program}", by=person, headers={header: "127.0.0.1"})
    assert codes(answer) == ["IDENTITY_REFUSED"]


def test_it_is_refused_under_a_foreign_host_name(read_only: Desk, lead: tuple[str, str]) -> None:
    person, program = lead
    answer = read_only.client().get(f"/programs/{program}", by=person, headers={"Host": "evil.example:8000"})
    assert codes(answer) == ["IDENTITY_REFUSED"]


def test_it_is_refused_outside_a_demonstration(read_only: Desk, lead: tuple[str, str]) -> None:
    person, program = lead
    client = read_only.client(demo_identity=False)
    assert codes(client.get(f"/programs/{program}", by=person)) == ["IDENTITY_REFUSED"]
    assert codes(client.get("/events", by="operator")) == ["IDENTITY_REFUSED"]
    assert codes(client.post("/people", {"name": "A", "email": "a@b"})) == ["IDENTITY_REFUSED"]


def test_without_an_identity_public_pages_are_read_and_nothing_is_written(
    read_only: Desk, lead: tuple[str, str]
) -> None:
    client, (_, program), head = read_only.client(), lead, read_only.head
    assert client.get("/partners").status_code == 200
    written = client.post(f"/programs/{program}/issue-report", {"cycle_id": "c"})
    assert (written.status_code, codes(written)) == (401, ["NOT_IDENTIFIED"])
    for path in (f"/programs/{program}", f"/programs/{program}/history", "/programs", "/decisions", "/events"):
        assert client.get(path).status_code == 401, path
    assert read_only.head == head


def test_a_header_that_is_no_person_is_refused(read_only: Desk) -> None:
    client = read_only.client()
    assert codes(client.get("/programs", by="Marisol Underhay")) == ["MALFORMED_HEADER"]
    assert codes(client.get("/programs", headers={"X-NQMS-Standing": "decider"})) == ["MALFORMED_HEADER"]


@pytest.mark.req("H6")
def test_a_part_is_looked_up_and_never_claimed(desk: Desk) -> None:
    way = desk.journeys["open"]
    stranger = desk.door.person("Somebody Else")
    answer = desk.client().do(
        stranger, way.program_id, "rate-item", cycle_id=way.cycle_id, item_id="A1", in_practice="no"
    )
    assert (answer.status_code, codes(answer)) == (403, ["NOT_AUTHORISED"])
    elsewhere = desk.journeys["lake"].id_of("administrator")
    answer = desk.client().do(elsewhere, way.program_id, "pause-listing", ground="dormant")
    assert codes(answer) == ["OUT_OF_JURISDICTION"]


@pytest.mark.req("H11")
def test_a_person_is_entered_under_an_opaque_id(desk: Desk) -> None:
    client, head = desk.client(), desk.head
    answer = client.post("/people", {"name": "Quentin Overbrook", "email": "q@people.example"})
    assert answer.status_code == 201
    entered = answer.json()["person_id"]
    record = desk.service.vault.person(entered)
    assert record is not None
    assert record.name == "Quentin Overbrook"
    assert desk.head == head
    wrong = client.post("/people", {"email": "nowhere", "age": 5})
    assert {r["pointer"] for r in wrong.json()["reasons"]} == {"/name", "/email", "/age"}


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_which_addresses_are_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_the_client_of_these_tests_is_seen_where_it_says(read_only: Desk) -> None:
    assert isinstance(read_only.client("192.0.2.7"), Client)
    assert read_only.client("192.0.2.7").get("/partners").status_code == 200
