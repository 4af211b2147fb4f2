"""The stream without Kafka: page by page, as a CloudEvents batch, and as it comes, with resume."""

import json
import socket
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.demo.cast import STAR
from api.demo.journey import journey
from api.stream import lines, told_of
from consumers.outgoing import DRAFTS
from consumers.scope import of_affiliate, teller
from infra.cloud_events import BATCH, attributes
from projections.language import stem
from tests.api.client import Client, codes
from tests.api.conftest import Desk
from tests.api.later import Later
from tests.api.walk import Secrets, secrets_of

OPERATOR = {"X-NQMS-Standing": "operator"}


@pytest.fixture(scope="module")
def secrets(later: Later) -> Secrets:
    """What must not be told, taken from the whole ledger."""
    return secrets_of(later)


def test_a_batch_is_the_same_events_as_cloud_events(read_only: Desk) -> None:
    client = read_only.client()
    answer = client.get("/events", by="operator", headers={"Accept": BATCH}, after=3, limit=5)
    assert answer.headers["content-type"] == BATCH
    assert answer.headers["link"] == '</api/v1/events?after=8&limit=5>; rel="next"'
    facts = read_only.service.ledger.recorder.read(3, 5)
    assert answer.json() == [{**attributes(fact), "data": json.loads(fact.state)} for fact in facts]
    plain = client.get("/events", by="operator", after=3, limit=5).json()
    assert ([one["position"] for one in plain["events"]], plain["next_after"]) == ([4, 5, 6, 7, 8], 8)


@pytest.mark.req("M19")
@pytest.mark.parametrize("accept", ["application/json", BATCH, "text/event-stream"])
def test_the_stream_is_for_those_who_oversee_it_and_for_the_staff_of_affiliates(read_only: Desk, accept: str) -> None:
    star, headers = read_only.journeys["star"], {"Accept": accept}
    client = read_only.client()
    assert client.get("/events", headers=headers).status_code == 401
    for person, named in ((star.id_of("lead"), {}), (star.id_of("administrator"), {"affiliate": "mn"})):
        refused = client.get("/events", by=person, headers=headers, **named)
        assert (refused.status_code, codes(refused)) == (403, ["NOT_DISCLOSED"])
    assert client.get("/events", by="operator", headers=headers, affiliate="nowhere").status_code == 404


def pulled(client: Client, by: str, **words: Any) -> tuple[list[dict[str, Any]], int]:
    """Everything, page by page as a CloudEvents batch; how many pages it took."""
    found, pages, address = list[dict[str, Any]](), 0, "/api/v1/events?after=0"
    headers = {"Accept": BATCH, **(OPERATOR if by == "operator" else {"X-NQMS-Actor": by})}
    while True:
        answer = client.http.get(address, headers=headers, params=words if pages == 0 else None)
        assert answer.status_code == 200, answer.text
        following = answer.headers["link"].partition(";")[0].strip("<>")
        found += answer.json()
        if following.partition("&")[0] == address.partition("&")[0]:
            return found, pages
        pages, address = pages + 1, following


@pytest.mark.req("M19")
def test_an_affiliates_staff_reads_what_its_topics_hold_page_by_page(desk: Desk) -> None:
    star = desk.journeys["star"]
    about = {"about": "program", "program_id": star.program_id, "affiliate": "il", "concern": "conduct"}
    assert desk.client().post("/complaints", {**about, "narrative": "They never came."}).status_code == 201
    about = {"about": "affiliate", "affiliate": "il", "concern": "conduct", "narrative": "They never wrote."}
    assert desk.client().post("/complaints", about).status_code == 201
    facts = desk.service.ledger.recorder.read(0, 100_000)

    def topics(**words: Any) -> list[dict[str, Any]]:
        scope, outgoing = of_affiliate("il", **words), teller(desk.service.ledger)
        told = [one for fact in facts for one in scope.of(outgoing, fact)]
        return [{**one.attributes, "data": json.loads(one.data)} for one in told]

    reviewer, administrator = star.id_of("reviewer"), star.id_of("administrator")
    for limit in (40, 1000):
        assert pulled(desk.client(), reviewer, limit=limit)[0] == topics()
    whole, pages = pulled(desk.client(), administrator, limit=50)
    assert whole == topics(complaints=True) == pulled(desk.client(), "operator", affiliate="il", limit=50)[0]
    assert pages > 3
    kinds = {one["subject"].partition(":")[0] for one in whole}
    assert {"program", "affiliate", "policy", "complaint"} <= kinds
    assert len({one["subject"] for one in whole if one["subject"].startswith("complaint:")}) == 1
    others = {f"program:{one.program_id}" for name, one in desk.journeys.items() if name not in ("star", "open")}
    assert others.isdisjoint({one["subject"] for one in whole})
    drafts = [one for one in whole if stem(one["type"]) in DRAFTS]
    assert drafts
    assert {(str(one["data"]), one["withheld"], "salt" in one) for one in drafts} == {("{}", "draft", False)}
    plain = desk.client().get("/events", by=reviewer, limit=1000).json()
    hidden = [one for one in plain["events"] if stem(one["type"]) in DRAFTS]
    assert {(str(one["data"]), one["withheld"]) for one in hidden} == {("{}", "draft")}


@pytest.mark.req("M19", "H11")
def test_what_an_affiliate_reads_holds_nothing_of_another_and_no_words(later: Later, secrets: Secrets) -> None:
    desk = later.desk
    whose = {name: one.program.affiliate for name, one in desk.journeys.items()}
    for code in set(whose.values()):
        whole, _ = pulled(desk.client(), "operator", affiliate=code, limit=1000)
        text = json.dumps(whole, ensure_ascii=False)
        assert {word for word in secrets.words if word in text} == set()
        programs = {one["subject"] for one in whole if one["subject"].startswith("program:")}
        strangers = {f"program:{desk.journeys[name].program_id}" for name, other in whose.items() if other != code}
        moved = {f"program:{later.mill.program_id}"}
        assert programs & (strangers - moved) == set()


def test_whoever_is_cut_off_in_the_midst_of_a_transferred_history_gets_it_again(desk: Desk) -> None:
    way = journey(desk.door, replace(STAR, name="Willow Ferry Mentors", connector_ref="MC-30012")).listed()
    moving = {"to": "mn", "jurisdiction": "US-MN", "status_treatment": "ended", "reason": "They moved."}
    way.by("administrator", "ProposeTransfer", **moving)
    receiving = desk.journeys["lake"].id_of("administrator")
    before = desk.head
    desk.door.do(receiving, way.program_id, "AcceptTransfer")
    outgoing = teller(desk.service.ledger)
    for fact in desk.service.ledger.recorder.read(0, before):
        list(outgoing.messages(fact))
    steps = told_of(desk.service, outgoing, before, 1000, of_affiliate("mn"))
    versions = len(desk.service.ledger.recorder.read_stream(f"program:{way.program_id}"))
    (step,) = [one for one in steps if len(one.told) > 1]
    assert [int(one.attributes["streamversion"]) for one in step.told] == list(range(1, versions + 1))
    said = lines(step).decode()
    assert said.count("data: ") == versions
    before_last, _, last = said.rpartition("\nid: ")
    assert before_last.count("data: ") == versions - 1
    assert last.startswith(f"{step.position}\n")
    assert "\nid: " not in before_last
    answer = desk.client().get("/events", by=receiving, headers={"Accept": BATCH}, after=before, limit=1)
    assert [int(one["streamversion"]) for one in answer.json()] == list(range(1, versions + 1))
    assert f"after={desk.head}&" in answer.headers["link"]


@contextmanager
def served(desk: Desk) -> Generator[str]:
    """A real server: a stream that does not end cannot be asked for in the same thread."""
    app = create_app(desk.service, demo_identity=True)
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1/events"
        finally:
            server.should_exit = True
            thread.join(timeout=20)
    assert not thread.is_alive()


def heard(lines: Iterator[str], last: int) -> list[dict[str, Any]]:
    """The events of a stream up to one position."""
    found: list[dict[str, Any]] = []
    number = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            number = value
        elif name == "data":
            found.append(json.loads(value))
            assert found[-1]["position"] == number
            if int(number) >= last:
                break
    return found


def test_events_come_as_they_are_recorded_and_a_reader_goes_on_where_it_was(desk: Desk) -> None:
    head = desk.head
    with served(desk) as address, httpx.Client(timeout=30) as client:
        headers = {**OPERATOR, "Accept": "text/event-stream"}
        with client.stream("GET", address, params={"after": head - 2}, headers=headers) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert [int(one["position"]) for one in heard(lines, head)] == [head - 1, head]
            journey(desk.door, replace(STAR, name="Paper Boat Mentors", connector_ref="MC-30011")).listed()
            more = [int(one["position"]) for one in heard(lines, desk.head)]
            assert more == list(range(head + 1, desk.head + 1))
        headers["Last-Event-ID"] = str(head)
        with client.stream("GET", address, headers=headers) as stream:
            again = heard(stream.iter_lines(), desk.head)
        assert [int(one["position"]) for one in again] == more


def test_an_affiliates_staff_hears_its_own_as_it_is_recorded(desk: Desk) -> None:
    star, head = desk.journeys["star"], desk.head
    with served(desk) as address, httpx.Client(timeout=30) as client:
        headers = {"X-NQMS-Actor": star.id_of("administrator"), "Accept": "text/event-stream"}
        with client.stream("GET", address, params={"after": head}, headers=headers) as stream:
            other = replace(desk.journeys["lake"].program, name="Reed Bank Mentors", connector_ref="MC-30013")
            journey(desk.door, other).listed()
            mine = journey(desk.door, replace(STAR, name="Lamp Hill Mentors", connector_ref="MC-30014")).listed()
            heard_of = heard(stream.iter_lines(), desk.head)
    own = [fact.position for fact in desk.service.ledger.recorder.read_stream(f"program:{mine.program_id}")]
    assert [int(one["position"]) for one in heard_of] == own
