"""The readers that come with the program, on a real broker: the directory site's copy and the compliance archive."""

import gzip
import hashlib
import json
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from api.demo.cast import STAR
from api.demo.journey import journey
from consumers import archive
from consumers.archive import CHAIN, Archive, ArchiveBroken, check, lines
from consumers.directory_site import Copy, serve, site_reader
from infra.kafka import Cluster
from infra.reader_store import ReaderStore
from infra.topics import Topics
from tests.api.conftest import Desk
from tests.consumers.relays import relay_all
from tests.waiting import until


@contextmanager
def copying(store: ReaderStore, cluster: Cluster, topics: Topics, desk: Desk) -> Generator[Copy]:
    """A directory site at work, asked by the clock of the story."""
    store.prepare("partners")
    reader = site_reader(store, cluster, topics, session_ms=6000)
    stop = Event()
    thread = Thread(target=reader.run, args=(stop,))
    thread.start()
    try:
        yield Copy(store, desk.service.ledger.now)
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()


def same(desk: Desk, copy: Copy, address: str) -> bool:
    """Whether the register and its copy answer a question with the same bytes."""
    ours = desk.client().http.get(address)
    answer = copy.answer(address)
    theirs = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
    assert ours.status_code == answer.status == 200
    return ours.content == theirs


def of_everything(desk: Desk) -> str:
    """The hash of all rows as the register shows them today."""
    ids = sorted(one.program_id for one in desk.journeys.values())
    shown = [desk.client().get(f"/partners/{one}").content for one in ids]
    return hashlib.sha256(b"\n".join(shown)).hexdigest()


def of_copy(copy: Copy) -> str:
    rows = [copy.one(key.removeprefix("program:")) for key, _ in copy.rows()]
    told = [json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() for row in rows]
    return hashlib.sha256(b"\n".join(told)).hexdigest()


@pytest.mark.req("H9", "H10")
def test_the_copy_answers_with_the_same_bytes_and_turns_over_at_midnight_without_a_message(
    desk: Desk, cluster: Cluster, ready: Topics, store: ReaderStore
) -> None:
    star = desk.journeys["star"].program_id
    closing = journey(desk.door, replace(STAR, name="Amber Gate Mentors", connector_ref="MC-30021")).listed()
    closing.by("director", "DiscontinueProgram", closed_on=desk.clock.today.isoformat())
    desk.journeys["closed"] = closing
    desk.service.projector.catch_up()
    relay_all(desk, cluster, ready)
    with copying(store, cluster, ready, desk) as copy:
        until(lambda: copy.position() == desk.head)
    # The reader is gone, and so is its broker as far as the copy knows.
    ends = date.fromisoformat(desk.client().get(f"/partners/{star}").json()["statuses"][0]["through"])
    addresses = [f"/api/v1/partners/{one.program_id}" for one in desk.journeys.values()]
    addresses += ["/api/v1/partners", "/api/v1/partners?limit=2", f"/api/v1/partners?as_of={ends}"]
    addresses += [f"/api/v1/partners/{star}?as_of={ends + timedelta(days=days)}" for days in (-2000, 0, 1)]
    assert [one for one in addresses if not same(desk, copy, one)] == []
    assert of_copy(copy) == of_everything(desk)
    before = of_copy(copy)
    desk.clock.pass_days((ends - desk.clock.today).days + 1)
    assert of_copy(copy) != before
    assert of_copy(copy) == of_everything(desk)
    assert copy.answer(f"/api/v1/partners/{star}").body["statuses"][0]["status"] == "expired"
    assert same(desk, copy, "/api/v1/partners")


def test_pages_of_the_copy_and_of_the_register_go_on_where_each_other_ended(
    desk: Desk, cluster: Cluster, ready: Topics, store: ReaderStore
) -> None:
    relay_all(desk, cluster, ready)
    with copying(store, cluster, ready, desk) as copy:
        until(lambda: copy.position() == desk.head)
    ours = desk.client().get("/partners", limit=1).json()
    theirs = copy.page(limit=1)
    assert (theirs["next"], len(theirs["partners"])) == (ours["next"], 1)
    for cursor in (ours["next"],):
        assert same(desk, copy, f"/api/v1/partners?limit=1&cursor={cursor}")
    before = desk.clock.today - timedelta(days=1)
    closed_on = desk.clock.today.isoformat()
    desk.journeys["star"].by("director", "DiscontinueProgram", closed_on=closed_on, status_treatment="ended")
    desk.service.projector.catch_up()
    relay_all(desk, cluster, ready)
    with copying(store, cluster, ready, desk) as copy:
        until(lambda: copy.position() == desk.head)
    star = desk.journeys["star"].program_id
    assert star in {one["program_id"] for one in copy.page(before)["partners"]}
    assert star not in {one["program_id"] for one in copy.page()["partners"]}
    assert same(desk, copy, f"/api/v1/partners?as_of={before}")
    assert same(desk, copy, "/api/v1/partners")
    assert copy.answer("/api/v1/partners?cursor=strange").status == 422
    assert copy.answer("/api/v1/partners/unknown").status == 404


def test_the_copy_is_served_over_http(desk: Desk, cluster: Cluster, ready: Topics, store: ReaderStore) -> None:
    relay_all(desk, cluster, ready)
    with copying(store, cluster, ready, desk) as copy:
        until(lambda: copy.position() == desk.head)
        server = serve(copy, site_reader(store, cluster, ready), "127.0.0.1", 0)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_address[1]}"
            star = f"/api/v1/partners/{desk.journeys['star'].program_id}"
            with urllib.request.urlopen(address + star, timeout=10) as answered:
                assert answered.read() == desk.client().get(star).content
            with urllib.request.urlopen(f"{address}/position", timeout=10) as answered:
                assert json.load(answered)["position"] == desk.head
            with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answered:
                assert b"nqms_reader_taken_total" in answered.read()
        finally:
            server.shutdown()
            server.server_close()
            thread.join(timeout=10)


# --- the archive ---------------------------------------------------------------------------------------------------


def held(folder: Path) -> int:
    """How many events the chain speaks of, while somebody may be adding to it."""
    return sum(last - first + 1 for _, member in lines(folder) for first, last in member.positions)


def archived(desk: Desk, cluster: Cluster, topics: Topics, folder: Path) -> int:
    """Archive until everything is there; how many events were added."""
    stop, added = Event(), list[int]()
    thread = Thread(target=lambda: added.append(archive.run(folder, cluster, topics, stop)))
    thread.start()
    try:
        until(lambda: held(folder) >= desk.head)
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()
    return added[0]


def test_the_archive_holds_every_event_once_and_proves_itself(
    desk: Desk, cluster: Cluster, ready: Topics, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    relay_all(desk, cluster, ready)
    assert archived(desk, cluster, ready, folder) == desk.head
    checked = check(folder)
    assert (checked.events, checked.faults) == (desk.head, ())
    journey(desk.door, replace(STAR, name="Slate Roof Mentors", connector_ref="MC-30007")).listed()
    relay_all(desk, cluster, ready)
    relay_all(desk, cluster, ready)
    archived(desk, cluster, ready, folder)
    again = check(folder)
    assert (again.events, again.faults) == (desk.head, ())
    days = {f"{fact.recorded_at.date()}.jsonl.gz" for fact in desk.service.ledger.recorder.read(0, desk.head)}
    assert {file.name for file in folder.glob("*.gz")} == days
    first = gzip.decompress((folder / min(days)).read_bytes()).splitlines()[0]
    assert json.loads(first)["attributes"]["type"] == "LedgerOpened.v1"


@pytest.fixture
def small(desk: Desk, cluster: Cluster, ready: Topics, tmp_path: Path) -> Path:
    """An archive of everything."""
    relay_all(desk, cluster, ready)
    archived(desk, cluster, ready, tmp_path / "archive")
    return tmp_path / "archive"


def test_whatever_is_done_to_an_archive_is_named(small: Path) -> None:
    chain = (small / CHAIN).read_bytes()
    member: dict[str, Any] = json.loads(chain.splitlines()[1])
    file = small / member["file"]
    content = file.read_bytes()

    changed = bytearray(content)
    changed[member["offset"] + member["length"] // 2] ^= 1
    file.write_bytes(bytes(changed))
    assert any("the bytes are not those that were archived" in fault for fault in check(small).faults)

    file.write_bytes(content + gzip.compress(b"{}"))
    assert any("the chain says" in fault for fault in check(small).faults)

    file.write_bytes(content)
    told = chain.splitlines(keepends=True)
    (small / CHAIN).write_bytes(b"".join([told[0], *told[2:]]))
    faults = check(small).faults
    assert any("does not follow the one before" in fault for fault in faults)
    assert any("are missing" in fault for fault in faults)

    (small / CHAIN).write_bytes(chain)
    assert check(small).faults == ()


def test_what_a_crash_left_half_written_is_cut_off_and_written_again(small: Path) -> None:
    before = check(small)
    file = max(small.glob("*.gz"))
    content = file.read_bytes()
    file.write_bytes(content + b"half a member")
    chain = (small / CHAIN).read_bytes()
    (small / CHAIN).write_bytes(chain + b'{"file": "half')
    assert len(Archive.opened(small).held) == before.events
    assert (file.read_bytes(), (small / CHAIN).read_bytes()) == (content, chain)
    file.write_bytes(content[:-1])
    with pytest.raises(ArchiveBroken):
        Archive.opened(small)
