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
from infra.cloud_events import BATCH, attributes
from tests.api.client import codes
from tests.api.conftest import Desk

OPERATOR = {"X-NQMS-Standing": "operator"}


def test_a_batch_is_the_same_events_as_cloud_events(read_only: Desk) -> None:
    client = read_only.client()
    answer = client.get("/events", by="operator", headers={"Accept": BATCH}, after=3, limit=5)
    assert answer.headers["content-type"] == BATCH
    assert answer.headers["link"] == '</api/v1/events?after=8&limit=5>; rel="next"'
    facts = read_only.service.ledger.recorder.read(3, 5)
    assert answer.json() == [{**attributes(fact), "data": json.loads(fact.state)} for fact in facts]
    plain = client.get("/events", by="operator", after=3, limit=5).json()
    assert ([one["position"] for one in plain["events"]], plain["next_after"]) == ([4, 5, 6, 7, 8], 8)


@pytest.mark.parametrize("accept", ["application/json", BATCH, "text/event-stream"])
def test_the_stream_is_for_the_operator_and_the_national_body(read_only: Desk, accept: str) -> None:
    star = read_only.journeys["star"]
    headers = {"Accept": accept}
    assert read_only.client().get("/events", headers=headers).status_code == 401
    refused = read_only.client().get("/events", by=star.id_of("administrator"), headers=headers)
    assert refused.status_code == 403
    assert codes(refused) == ["NOT_DISCLOSED"]


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
