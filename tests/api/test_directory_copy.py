"""The copy of the directory answers as the register does, filters and order included, and proves itself."""

import json
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any, LiteralString, get_args
from urllib.parse import urlencode

import msgspec
import psycopg
import pytest

from consumers import kit
from consumers.directory_site import KEPT, Copy, FileDiffers, NothingPublished
from consumers.outgoing import DIRECTORY, ROW
from domain.status import StatusName
from infra.database import EmbeddedServer
from infra.reader_store import ReaderStore
from projections.directory import model
from projections.public import public_row
from projections.snapshot import entry, entry_of_copy
from tests.api.conftest import Desk
from tests.api.copying import a_store, copied, sent, take_all
from tests.api.later import Later
from tests.api.test_cli import Shell, opening

PATH = "/api/v1/partners"


@pytest.fixture
def addressed(postgres: EmbeddedServer) -> Generator[tuple[str, ReaderStore]]:
    """An empty database for a copy, and its address."""
    with a_store(postgres) as opened:
        yield opened


@pytest.fixture
def store(addressed: tuple[str, ReaderStore]) -> ReaderStore:
    return addressed[1]


@pytest.fixture(scope="module")
def whole(later: Later, postgres: EmbeddedServer) -> Generator[Copy]:
    """A copy of the full world, for all tests that change nothing."""
    with a_store(postgres) as (_, opened):
        yield copied(later.desk, opened)


def words_of(later: Later) -> dict[str, list[str]]:
    """What each filter is tried with: all there is, and something that is not."""
    shelf, today = later.desk.service.ledger.shelf(), later.desk.clock.today
    page = later.desk.client().get("/partners", limit=200).json()["partners"]
    held = {one["tier"] for row in page for one in row["history"]}
    return {
        "affiliate": [*sorted(one.affiliate_id for one in shelf.affiliates()), "nowhere"],
        "scheme": [*sorted(one.code for one in shelf.schemes()), "nothing"],
        "tier": [*sorted(held), "expert"],
        "status": list(get_args(StatusName)),
        "place": [
            *sorted({row["place"][name] for row in page for name in ("city", "jurisdiction")}),
            "us-mn",
            "Nowhere",
        ],
        "q": ["e", "M", "mentors", "\u00df"],
        "as_of": [(today + timedelta(days=days)).isoformat() for days in (-700, -60, -1, 0, 365, 1461)],
        "limit": ["1", "2", "200"],
    }


def questions(later: Later) -> Iterator[dict[str, str]]:
    """Each filter with each word, and every two filters together."""
    words = words_of(later)
    yield {}
    names = list(words)
    for n, name in enumerate(names):
        yield from ({name: word} for word in words[name])
        for other in names[n + 1 :]:
            pairs = product(words[name], words[other])
            yield from ({name: one, other: two} for one, two in pairs)


@pytest.mark.req("S0-25", "M23")
def test_every_filter_and_every_two_of_them_give_the_same_bytes_page_by_page(later: Later, whole: Copy) -> None:
    client, different, asked, pages = later.desk.client(), list[str](), 0, 0
    found: set[int] = set()
    for question in questions(later):
        address, asked = f"{PATH}?{urlencode(question)}", asked + 1
        while True:
            ours, theirs = client.http.get(address), whole.answer(address)
            if (ours.status_code, ours.content) != (theirs.status, msgspec.json.encode(theirs.body)):
                different.append(address)
            told = ours.json()
            found.add(len(told["partners"]))
            if told["next"] is None:
                break
            pages += 1
            address = f"{PATH}?{urlencode({**question, 'cursor': told['next']})}"
    assert different == []
    assert asked > 500
    assert pages > 100
    assert len(found) > 3, "questions that find none, some and all"


@pytest.mark.req("S0-25")
def test_each_program_is_shown_with_the_same_bytes_on_any_day(later: Later, whole: Copy) -> None:
    client, today = later.desk.client(), later.desk.clock.today
    keys = [key.removeprefix("program:") for key, _ in whole.rows()]
    assert later.mill.program_id in keys
    for program, days in product(keys, (None, -2000, -1, 0, 1, 400, 3000)):
        address = f"{PATH}/{program}" + (f"?as_of={today + timedelta(days=days)}" if days is not None else "")
        ours, theirs = client.http.get(address), whole.answer(address)
        assert (ours.status_code, ours.content) == (theirs.status, msgspec.json.encode(theirs.body))


@pytest.mark.parametrize(
    "words",
    ["status=gold", "q=", f"q={'x' * 121}", "limit=0", "limit=201", "limit=x", "as_of=yesterday", "cursor=strange"],
)
def test_what_the_register_refuses_the_copy_refuses(later: Later, whole: Copy, words: str) -> None:
    assert later.desk.client().http.get(f"{PATH}?{words}").status_code == 422
    assert whole.answer(f"{PATH}?{words}").status == 422


def test_a_row_from_before_listings_were_told_is_listed_on_every_day_as_it_is_now(
    desk: Desk, store: ReaderStore
) -> None:
    def older(message: kit.Message) -> kit.Message:
        told = json.loads(message.value or b"{}")
        told.pop("listings", None)
        return replace(message, value=json.dumps(told).encode())

    take_all(store, [older(m) if m.headers["ce_type"] == ROW else m for m in sent(desk)])
    copy = Copy(store, desk.service.ledger.now)
    today, then = copy.page(), copy.page(as_of=desk.clock.today - timedelta(days=1))
    about = [(one["name"], one["affiliate"], one["listing"], one["place"]) for one in today["partners"]]
    assert len(about) > 3
    assert [(one["name"], one["affiliate"], one["listing"], one["place"]) for one in then["partners"]] == about


def test_the_copy_says_what_it_cannot_know(later: Later, whole: Copy) -> None:
    assert whole.answer(f"{PATH}?as_known=3").status == 422
    assert whole.answer(f"{PATH}?at_least={later.desk.head}").status == 200
    assert whole.answer(f"{PATH}?at_least={later.desk.head + 1}").status == 503


# --- it proves itself ------------------------------------------------------------------------------------------------


def published_file(desk: Desk) -> bytes:
    day = desk.service.snapshots.published().event.day
    return desk.client().http.get(f"/log/directory/{day}").content


@pytest.mark.req("S0-25")
def test_what_the_public_may_know_gives_the_same_entry_as_the_row_itself(later: Later) -> None:
    desk, checked = later.desk, 0
    with desk.service.database.pool.connection() as connection:
        bodies: list[Any] = connection.execute(
            "SELECT body FROM read.directory WHERE generation = (SELECT generation FROM read.progress "
            "WHERE model = 'directory' AND live)"
        ).fetchall()
    for (body,) in bodies:
        row = model.load(body)
        for days in (-2000, -400, -1, 0, 1, 400, 3000):
            day = desk.clock.today + timedelta(days=days)
            assert entry(row, day) == entry_of_copy(public_row(row, desk.service.ledger.shelf(), 0), day)
            checked += 1
    assert checked > 100


@pytest.mark.req("S0-25")
def test_a_whole_copy_proves_itself_and_a_changed_one_says_what_is_wrong(desk: Desk, store: ReaderStore) -> None:
    copy = copied(desk, store)
    with pytest.raises(NothingPublished):
        copy.proved()
    fact = desk.service.snapshots.publish()
    file = published_file(desk)
    take_all(store, sent(desk, fact.event.size))
    for proof in (copy.proved(), copy.proved(fact.event.day, file)):
        assert proof.same
        assert (proof.root, proof.published.sha256, proof.position) == (fact.event.root, fact.event.sha256, desk.head)
    with pytest.raises(NothingPublished):
        copy.proved(fact.event.day - timedelta(days=1))
    with pytest.raises(FileDiffers):
        copy.proved(None, file + b"\n")
    star = f"program:{desk.journeys['star'].program_id}"
    name = desk.journeys["star"].program.name
    changes: dict[str, LiteralString] = {
        "leaves out": "DELETE FROM reading.directory WHERE key = %s",
        "puts in": """INSERT INTO reading.directory SELECT 1, from_position, NULL, key || 'x', affiliate, listing, area,
            city, folded, convert_to(replace(convert_from(body, 'UTF8'), '"program_id":"', '"program_id":"f'), 'UTF8')
            FROM reading.directory WHERE key = %s AND to_position IS NULL""",
        "shows": """UPDATE reading.directory SET body =
            convert_to(replace(convert_from(body, 'UTF8'), 'Gold', 'Golden'), 'UTF8') WHERE key = %s""",
    }
    for what, change in changes.items():
        with store.taking() as taking:
            taking.execute("CREATE TABLE kept AS TABLE reading.directory")
            taking.execute(change, (star,))
        proof = copy.proved(None, file)
        assert not proof.same
        assert not copy.proved().same
        assert f"not {fact.event.entries} with {fact.event.root}" in proof.faults[0]
        assert [one for one in proof.faults[1:] if what in one and name in one], proof.faults
        with store.taking() as taking:
            taking.execute("TRUNCATE reading.directory")
            taking.execute("INSERT INTO reading.directory TABLE kept")
            taking.execute("DROP TABLE kept")
        assert copy.proved().same


@pytest.mark.req("S0-25")
def test_a_copy_goes_on_and_proves_what_it_showed_then(desk: Desk, store: ReaderStore) -> None:
    fact = desk.service.snapshots.publish()
    copy = copied(desk, store)
    closed_on = desk.clock.today.isoformat()
    desk.journeys["star"].by("director", "DiscontinueProgram", closed_on=closed_on, status_treatment="ended")
    take_all(store, sent(desk, fact.position))
    assert copy.position() == desk.head > fact.position
    star = desk.journeys["star"].program_id
    shown = copy.one(star)
    assert shown is not None
    assert shown["listing"] == "discontinued"
    assert copy.proved().same, "by the rows of then"


def test_a_copy_that_never_had_the_rows_of_then_says_so(desk: Desk, store: ReaderStore) -> None:
    fact = desk.service.snapshots.publish()
    star = f"program:{desk.journeys['star'].program_id}"
    desk.journeys["star"].by("lead", "AmendProfile", city="Peoria")
    messages = sent(desk)
    newest = {one.key: one.offset for one in messages}
    take_all(store, [one for one in messages if newest[one.key] == one.offset])  # as a compacted topic gives them
    proof = Copy(store, desk.service.ledger.now).proved()
    assert not proof.same
    assert proof.faults[-1].startswith("1 programs have no row of that position here")
    assert proof.published.size == fact.event.size
    assert star in newest


def test_a_copy_that_is_behind_says_how_far_it_is(desk: Desk, store: ReaderStore) -> None:
    messages = sent(desk)
    fact = desk.service.snapshots.publish()
    later = [one for one in sent(desk) if one.headers["ce_type"] == DIRECTORY]
    take_all(store, [one for one in messages if not one.key.startswith("position:")] + later)
    proof = Copy(store, desk.service.ledger.now).proved()
    assert proof.faults == (f"the copy is whole up to 0 only, and the directory is as known at {fact.event.size}",)


def test_older_rows_are_kept_for_so_many_directories_and_no_longer(desk: Desk, store: ReaderStore) -> None:
    first = desk.service.snapshots.publish()
    copy = copied(desk, store)
    desk.journeys["star"].by("lead", "AmendProfile", city="Peoria")
    desk.clock.pass_days(1)
    desk.service.snapshots.publish()
    take_all(store, sent(desk, first.position))
    known = next(one for one in sent(desk) if one.headers["ce_type"] == DIRECTORY)
    ended = "SELECT count(*) FROM reading.directory WHERE to_position IS NOT NULL"
    assert store.ask(ended)[0][0] > 0
    for n in range(KEPT):
        assert copy.proved(first.event.day).same
        day = first.event.day + timedelta(days=n + 2)
        told = {**json.loads(known.value or b""), "day": day.isoformat(), "size": desk.head}
        take_all(store, [replace(known, value=json.dumps(told).encode())])
    assert store.ask(ended)[0][0] == 0
    assert not copy.proved(first.event.day).same


def test_the_command_says_yes_or_no_with_the_reason(
    desk: Desk, addressed: tuple[str, ReaderStore], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    address, store = addressed
    monkeypatch.setenv("NQMS_READER_URL", address)
    nqms: Shell = opening(desk, monkeypatch)
    assert "no directory has come here yet" in nqms("kafka", "check-site", code=1).output
    fact = desk.service.snapshots.publish()
    copied(desk, store)
    (tmp_path / "file").write_bytes(published_file(desk))
    said = nqms("kafka", "check-site", "--day", fact.event.day.isoformat()).output
    assert said.startswith("yes: the copy, whole up to")
    assert f"as known at position {fact.event.size}, root {fact.event.root}" in said
    with psycopg.connect(address) as connection:
        key = f"program:{desk.journeys['star'].program_id}"
        connection.execute("DELETE FROM reading.directory WHERE key = %s", (key,))
    said = nqms("kafka", "check-site", "--file", str(tmp_path / "file"), code=1).output
    assert f"no, not the directory of {fact.event.day} as known at position {fact.event.size}: the copy gives" in said
    assert f"leaves out {desk.journeys['star'].program.name}" in said
    told: Any = nqms.json("kafka", "check-site", code=1)
    assert (told["same"], told["published"]["root"], len(told["faults"])) == (False, fact.event.root, 1)
