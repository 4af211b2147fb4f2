"""Documents over HTTP: streamed in, checked, given out to those with a part in the program, and to nobody else."""

import base64
import hashlib
from collections.abc import Iterator

import pytest

from api.demo.journey import paper
from infra.documents import LIMIT
from tests.api.client import codes
from tests.api.conftest import Desk

PDF = {"Content-Type": "application/pdf"}
CONTENT = paper("A policy")
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def send(desk: Desk, content: object = CONTENT, by: str | None = None, **headers: str):
    """Hand a file in for the open program."""
    way = desk.journeys["open"]
    path = f"/programs/{way.program_id}/documents"
    return desk.client().send(path, content, by=by or way.id_of("staff"), headers={**PDF, **headers}, title="A policy")


@pytest.mark.req("S1-12", "H6")
def test_a_file_is_handed_in_and_given_out(desk: Desk) -> None:
    way, before = desk.journeys["open"], desk.head
    answer = send(desk)
    told = answer.json()
    assert answer.status_code == 201
    assert told["bytes"] == len(CONTENT)
    assert (told["media_type"], told["scan"]) == ("application/pdf", "unscanned")
    assert told["position"] == before + 1
    for part in ("lead", "reviewer"):
        given = desk.client().get(answer.headers["location"], by=way.id_of(part))
        assert given.content == CONTENT
        assert given.headers["content-disposition"].startswith("attachment")
        assert given.headers["x-content-type-options"] == "nosniff"
    stranger = desk.client().get(answer.headers["location"], by=desk.journeys["lake"].id_of("lead"))
    assert codes(stranger) == ["NOT_DISCLOSED"]
    assert desk.client().get(answer.headers["location"]).status_code == 401


def test_the_same_file_again_is_the_same_document(desk: Desk) -> None:
    first, head = send(desk), desk.head
    again = desk.head, send(desk)
    assert again[1].status_code == 200
    assert again[1].json()["document_id"] == first.json()["document_id"]
    assert desk.head == head


def test_the_digest_of_the_sender_is_checked(desk: Desk) -> None:
    encoded = base64.b64encode(bytes.fromhex(SHA256)).decode()
    assert send(desk, **{"X-Content-SHA256": SHA256}).status_code == 201
    assert send(desk, Digest=f"sha-256={encoded}").status_code == 200
    assert send(desk, **{"Content-Digest": f"sha-256=:{encoded}:"}).status_code == 200
    wrong = send(desk, paper("Another"), **{"X-Content-SHA256": SHA256})
    assert (wrong.status_code, codes(wrong)) == (422, ["HASH_MISMATCH"])
    assert codes(send(desk, **{"X-Content-SHA256": "abc"})) == ["MALFORMED_HEADER"]
    assert codes(send(desk, Digest="md5=abc")) == ["MALFORMED_HEADER"]


BAD_FILES = {
    "oversize": (b"%PDF-1.4" + b" " * LIMIT, PDF, 413, ["TOO_LARGE"]),
    "wrong type": (b"MZ\x90\x00 program", PDF, 422, ["MEDIA_TYPE_REFUSED"]),
    "type not taken": (b"<html>", {"Content-Type": "text/html"}, 422, ["MEDIA_TYPE_REFUSED"]),
    "empty": (b"", PDF, 422, ["EMPTY"]),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_and_nothing_is_kept(desk: Desk, name: str) -> None:
    content, headers, status, expected = BAD_FILES[name]
    head = desk.head
    answer = send(desk, content, **headers)
    assert answer.status_code == status
    assert codes(answer) == expected
    assert desk.head == head


def test_a_stream_without_a_length_stops_at_the_limit(desk: Desk) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 4 * LIMIT:
            sent += 1 << 20
            yield b"%PDF-1.4" + b" " * ((1 << 20) - 8)

    head = desk.head
    answer = send(desk, endless())
    assert (answer.status_code, codes(answer)) == (413, ["TOO_LARGE"])
    assert desk.head == head


def test_whoever_has_no_part_hands_nothing_in(desk: Desk) -> None:
    head = desk.head
    assert codes(send(desk, by=desk.journeys["lake"].id_of("lead"))) == ["NOT_DISCLOSED"]
    assert codes(send(desk, by=desk.door.person("Nobody"))) == ["NOT_DISCLOSED"]
    assert desk.head == head


def test_an_erased_document_is_gone(desk: Desk) -> None:
    told = send(desk)
    desk.service.documents.erase(told.json()["document_id"])
    answer = desk.client().get(told.headers["location"], by=desk.journeys["open"].id_of("lead"))
    assert (answer.status_code, codes(answer)) == (410, ["ERASED"])
    missing = desk.client().get(told.headers["location"] + "x", by=desk.journeys["open"].id_of("lead"))
    assert codes(missing) == ["NOT_FOUND"]
