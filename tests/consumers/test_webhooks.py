"""Webhooks to a real little web server: in order, again after a failure, never lost, and never where they must not go."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from api.demo.cast import LAKE, STAR
from api.demo.journey import journey
from api.problems import Problem
from api.subscribing import MOST, subscribe
from consumers import outgoing
from consumers.outgoing import DIRECTORY, ROW, Outgoing
from consumers.scope import of_affiliate, public, teller
from consumers.webhooks import BEHIND, TURN, Pace, Posting
from infra.cloud_events import ONE, json_event, of_headers
from infra.keyring import KeyringError
from infra.relaying import turn
from infra.settings import Settings
from infra.topics import Topics
from infra.webhooks import Letter, Overtaken, UnknownWebhook
from infra.wiring import Service
from tests.api.conftest import Desk
from tests.consumers.processes import Crew
from tests.consumers.receiver import FAST, Letterbox, hooks_of, letterbox, posting
from tests.consumers.test_docs_example import block_after
from tests.kafka_broker import free_port
from tests.waiting import until


def told_to(service: Service, **words: Any) -> list[dict[str, Any]]:
    """What an affiliate is to get of the whole ledger, made from it anew."""
    scope, telling = of_affiliate("il", **words), teller(service.ledger)
    facts = service.ledger.recorder.read(0, 100_000)
    return [{**one.attributes, "data": json.loads(one.data)} for fact in facts for one in scope.of(telling, fact)]


def plain(box: Letterbox) -> list[dict[str, Any]]:
    return [{name: one[name] for name in one if name not in ("headers", "body")} for one in box.taken]


def listed(desk: Desk, name: str, number: int) -> str:
    """One more program of il; its stream."""
    way = journey(desk.door, replace(STAR, name=name, connector_ref=f"MC-{number}")).listed()
    return f"program:{way.program_id}"


@pytest.mark.req("M19")
def test_an_affiliate_is_told_what_its_topics_hold_in_order_and_after_a_restart_the_rest(desk: Desk) -> None:
    with letterbox() as box:
        hook, _ = hooks_of(desk.service).add(box.address, "il", by="p_operator", after=0)
        wanted = told_to(desk.service)
        box.answer = lambda event: 204 if len(box.taken) < 20 else 503
        with posting(desk.service, Pace(tries=1000, first=0.02, longest=0.05)):
            until(lambda: len(box.came) > 22)
        assert len(box.taken) == 20
        box.answer = lambda event: 204
        with posting(desk.service):
            until(lambda: hooks_of(desk.service).one(hook.id).position == desk.head)
            listed(desk, "Brass Kettle Mentors", 30101)
            until(lambda: hooks_of(desk.service).one(hook.id).position == desk.head)
        assert plain(box)[: len(wanted)] == wanted
        assert plain(box) == told_to(desk.service)
        assert len(set(box.ids())) == len(box.taken)
        assert {one["headers"]["content-type"] for one in box.taken} == {ONE}
        fact = desk.service.ledger.recorder.read(0, 1)[0]
        assert json_event(fact).keys() >= {"position", "streamversion", "commitment"} & wanted[0].keys()
        assert {one["withheld"] for one in plain(box) if one["data"] == {} and "withheld" in one} == {"draft"}


@pytest.mark.req("M19")
def test_a_scope_is_what_the_topics_of_the_same_name_hold(desk: Desk) -> None:
    way = journey(desk.door, replace(STAR, name="Willow Gate Mentors", connector_ref="MC-30102")).listed()
    moving = {"to": "mn", "jurisdiction": "US-MN", "status_treatment": "ended", "reason": "They moved."}
    way.by("administrator", "ProposeTransfer", **moving)
    desk.door.do(journey(desk.door, LAKE).id_of("administrator"), way.program_id, "AcceptTransfer")
    about = {"about": "program", "program_id": way.program_id, "affiliate": "mn", "concern": "conduct"}
    assert desk.client().post("/complaints", {**about, "narrative": "They never came."}).status_code == 201
    service, topics = desk.service, Topics("other")
    telling = Outgoing(topics, service.ledger.recorder, service.ledger.shelf)
    sent = [m for fact in service.ledger.recorder.read(0, 100_000) for m in telling.messages(fact)]

    def held(*names: str) -> list[tuple[dict[str, str], bytes]]:
        found = [m for m in sent if m.topic.name in names]
        return [(of_headers({name: value.decode() for name, value in m.headers}), m.value) for m in found]

    def told(scope: Any) -> list[tuple[dict[str, str], bytes]]:
        anew = teller(service.ledger)
        facts = service.ledger.recorder.read(0, 100_000)
        return [(one.attributes, one.data) for fact in facts for one in scope.of(anew, fact)]

    for code in ("il", "mn", "ir"):
        own, everybodys = topics.of_affiliate(code).name, topics.published.name
        assert told(of_affiliate(code)) == held(own, everybodys)
        whole = told(of_affiliate(code, complaints=True, rows=True))
        assert whole == held(own, everybodys, topics.complaints(code).name, topics.partners.name)
    assert told(public()) == held(topics.partners.name)
    complained = [one for one, _ in told(of_affiliate("mn", complaints=True)) if one["type"] == "ComplaintReceived.v1"]
    assert len(complained) == 1
    assert not [one for one, _ in told(of_affiliate("mn")) if one["subject"].startswith("complaint:")]


def test_a_receiver_that_fails_is_tried_again_then_the_message_waits_and_others_go_on(desk: Desk) -> None:
    service = desk.service
    with letterbox() as box:
        hook, _ = hooks_of(service).add(box.address, "il", by="p_operator", after=desk.head)
        bad, good = listed(desk, "Tin Star Mentors", 30103), listed(desk, "Oak Door Mentors", 30104)
        box.answer = lambda event: 500 if event["subject"] == bad and event["streamversion"] == "2" else 204
        with posting(service):
            until(lambda: hooks_of(service).one(hook.id).position == desk.head)
            letters = hooks_of(service).letters(hook.id)
            total = len(service.ledger.recorder.read_stream(bad))
            assert [one.key for one in letters] == [bad] * (total - 1)
            assert [one.reason for one in letters] == ["it answered 500", *[BEHIND] * (total - 2)]
            tries = [one for one in box.came if one["subject"] == bad and one["streamversion"] == "2"]
            assert len(tries) == FAST.tries
            assert len({one["headers"]["webhook-id"] for one in tries}) == 1
            assert {one["subject"] for one in box.taken} >= {good}
            # Again before the cause is removed: it stays where it is, and nothing else waits for it.
            assert hooks_of(service).redrive(hook.id) == total - 1
            until(lambda: not any(one.again for one in hooks_of(service).letters(hook.id)))
            assert len(hooks_of(service).letters(hook.id)) == total - 1
            box.answer = lambda event: 204
            hooks_of(service).redrive(hook.id)
            until(lambda: not hooks_of(service).letters(hook.id))
            later = desk.journeys["star"]
            later.by("lead", "AmendProfile", city="Peoria")
            until(lambda: hooks_of(service).one(hook.id).position == desk.head)
        for stream in (bad, good):
            versions = [int(one["streamversion"]) for one in box.taken if one["subject"] == stream]
            assert versions == list(range(1, len(versions) + 1))
            assert len(versions) == len(service.ledger.recorder.read_stream(stream))


def test_pauses_grow_up_to_a_bound_and_a_restart_goes_on_with_the_same_count(desk: Desk) -> None:
    pace = Pace()
    longest = [max(pace.pause(n) for _ in range(200)) for n in range(1, 8)]
    assert longest == sorted(longest)
    assert 1.0 <= pace.pause(1) <= 2.0
    assert 1800 <= pace.pause(50) <= 3600
    hooks = hooks_of(desk.service)
    hook, _ = hooks.add("https://away.example/", "il", by="p_operator", after=0)
    failed = hooks.failed(hook, "it answered 503", 60)
    assert (failed.attempts, failed.trouble, 50 < failed.wait <= 60) == (1, "it answered 503", True)
    asked: list[str] = []

    def post(url: str, headers: Any, body: bytes) -> str | None:
        asked.append(url)
        return None

    stop = Event()
    at_work = Posting(desk.service, post=post)
    thread = Thread(target=at_work.run, args=(stop,))
    thread.start()
    stop.wait(2.5)
    stop.set()
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert asked == [], "what is not due yet is not tried because of a restart"
    assert hooks.one(hook.id).attempts == 1


def test_what_waits_for_its_next_try_is_posted_at_once_when_somebody_says_so(desk: Desk) -> None:
    hooks = hooks_of(desk.service)
    with letterbox() as box:
        box.answer = lambda event: 503
        hook, _ = hooks.add(box.address, "il", by="p_operator", after=desk.head)
        with posting(desk.service, Pace(tries=3, first=3600)):
            listed(desk, "Slow Water Mentors", 30107)
            until(lambda: hooks.one(hook.id).attempts == 1)
            box.answer = lambda event: 204
            assert hooks.redrive(hook.id) == 0
            until(lambda: hooks.one(hook.id).position == desk.head, within=30)


def test_a_fact_that_cannot_be_read_is_told_and_the_others_go_on(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {
        "about": "program",
        "program_id": desk.journeys["star"].program_id,
        "affiliate": "il",
        "concern": "conduct",
    }
    assert desk.client().post("/complaints", {**about, "narrative": "They never came."}).status_code == 201
    desk.service.snapshots.publish()
    whole = told_to(desk.service, complaints=True, rows=True)

    def unreadable(type_: str, state: bytes) -> Any:
        raise ValueError(f"{type_} is not what it was")

    monkeypatch.setattr(outgoing, "decode", unreadable)
    monkeypatch.setattr(outgoing, "Directory", int)
    with letterbox() as box:
        hook, _ = hooks_of(desk.service).add(box.address, "il", by="p_operator", after=0, complaints=True)
        with posting(desk.service):
            until(lambda: hooks_of(desk.service).one(hook.id).position == desk.head)
    left_out = {ROW, DIRECTORY}
    assert plain(box) == [
        one for one in whole if one["type"] not in left_out and not one["subject"].startswith("complaint:")
    ]
    assert "ComplaintReceived.v1 is not what it was" in caplog.text
    assert [one for one in caplog.messages if one.startswith(f"{hook.id}: calendar:UTC:")]


def test_whoever_was_overtaken_moves_nothing(desk: Desk) -> None:
    hooks = hooks_of(desk.service)
    before, _ = hooks.add("https://one.example/", "il", by="p_operator", after=5)
    after = hooks.moved(before, 9, 1)
    assert (after.position, after.done) == (9, 1)
    for act in (
        lambda: hooks.moved(before, 7),
        lambda: hooks.failed(before, "late", 1),
        lambda: hooks.bury(before, Letter(6, 0, "k", "T", "late"), 6),
    ):
        with pytest.raises(Overtaken):
            act()
    assert hooks.one(before.id) == after
    assert hooks.letters(before.id) == []


def test_of_several_processes_one_posts(desk: Desk) -> None:
    with letterbox() as box:
        hook, _ = hooks_of(desk.service).add(box.address, "il", by="p_operator", after=0)
        with posting(desk.service), posting(desk.service):
            until(lambda: hooks_of(desk.service).one(hook.id).position == desk.head)
            with turn(desk.service.database, TURN) as third:
                assert third is None
        assert plain(box) == told_to(desk.service)


def test_processes_that_are_killed_lose_nothing_and_repeat_under_the_same_id(desk: Desk, tmp_path: Path) -> None:
    database, hooks, chance = desk.service.database, hooks_of(desk.service), random.Random(5)
    with letterbox() as box:
        hook, _ = hooks.add(box.address, "il", by="p_operator", after=0)
        wanted = told_to(desk.service)
        box.answer = lambda event: 204 if chance.random() < 0.7 else 500
        given = ["webhooks", "-", "-", database.app_dsn, database.owner_dsn or "", str(desk.service.settings.data_dir)]
        crew = Crew(tmp_path / "crew.log", [given, given])
        crew.start()
        try:
            for n in range(1, 6):
                until(lambda n=n: len(box.taken) >= n * len(wanted) // 6, within=120)
                crew.kill_one(chance)
            until(lambda: hooks.one(hook.id).position == desk.head, within=120)
        finally:
            codes = crew.stop()
        # One that was started a moment ago may be told to stop before it listens for that.
        assert set(codes) <= {0, -signal.SIGTERM}, crew.log.read_text()[-2000:]
    first: dict[str, dict[str, Any]] = {}
    for event, name in zip(plain(box), box.ids(), strict=True):
        assert first.setdefault(name, event) == event, "an id is that of one message for ever"
    assert list(first.values()) == wanted
    assert len(box.taken) <= len(wanted) + crew.kills


def test_only_some_types_and_public_rows_where_they_are_asked_for(desk: Desk) -> None:
    hooks = hooks_of(desk.service)
    with letterbox() as some, letterbox() as rows:
        one, _ = hooks.add(some.address, "il", by="p_operator", after=0, types=["TierGranted.v1", ROW])
        two, _ = hooks.add(rows.address, None, by="p_operator", after=0)
        with posting(desk.service):
            until(lambda: hooks.one(one.id).position == hooks.one(two.id).position == desk.head)
    assert {event["type"] for event in plain(some)} == {"TierGranted.v1", ROW}
    assert {event["type"] for event in plain(rows)} == {ROW}
    assert {event["subject"] for event in plain(rows)} == {f"program:{w.program_id}" for w in desk.journeys.values()}


def test_one_that_is_removed_gets_nothing_more_and_its_secret_is_gone(desk: Desk) -> None:
    hooks = hooks_of(desk.service)
    with letterbox() as box:
        hook, secret = hooks.add(box.address, "il", by="p_operator", after=desk.head)
        assert secret.startswith("whsec_")
        with posting(desk.service) as at_work:
            listed(desk, "Iron Gate Mentors", 30105)
            until(lambda: hooks.one(hook.id).position == desk.head)
            hooks.remove(hook.id)
            until(lambda: not at_work.busy_with)
            before = len(box.came)
            listed(desk, "Copper Gate Mentors", 30106)
            Event().wait(1.0)
        assert len(box.came) == before
    assert hooks.every() == []
    with pytest.raises(KeyringError):
        hooks.secret(hook.id)
    with pytest.raises(UnknownWebhook):
        hooks.remove(hook.id)


# --- the receiver of the page ----------------------------------------------------------------------------------------


def receiving(folder: Path, secret: str, port: int) -> "subprocess.Popen[str]":
    """The example of docs/consumers.md as a program that knows nothing of ours."""
    (folder / "receiver.py").write_text(block_after("## Without running a reader"))
    environment = {"PATH": os.environ["PATH"], "MY_SECRET": secret, "MY_PORT": str(port)}
    command = [sys.executable, "-I", "-S", "receiver.py"]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)


def test_the_receiver_of_the_page_takes_what_is_signed_and_refuses_another_secret(desk: Desk, tmp_path: Path) -> None:
    hooks, port = hooks_of(desk.service), free_port()
    hook, secret = hooks.add(f"http://127.0.0.1:{port}/", "il", by="p_operator", after=0, types=["TierGranted.v1"])
    other = receiving(tmp_path, "whsec_" + "A" * 43 + "=", port)
    try:
        with posting(desk.service, Pace(tries=6, first=0.2, longest=1.0)):
            until(lambda: hooks.one(hook.id).position == desk.head)
    finally:
        other.kill()
        printed, _ = other.communicate(timeout=30)
    letters = hooks.letters(hook.id)
    assert (printed, {one.reason for one in letters[:1]}) == ("", {"it answered 401"})
    assert hooks.redrive(hook.id) == len(letters) > 0
    right = receiving(tmp_path, secret, port)
    try:
        until(lambda: _listens(port))
        with posting(desk.service):
            until(lambda: not hooks.letters(hook.id))
    finally:
        right.kill()
        printed, _ = right.communicate(timeout=30)
    star = f"program:{desk.journeys['star'].program_id}"
    assert [line.split()[1:] for line in printed.splitlines()] == [["TierGranted.v1", star]] * len(letters)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- who may have what posted where ----------------------------------------------------------------------------------


def refused(service: Service, *words: Any, **more: Any) -> str:
    with pytest.raises(Problem) as problem:
        subscribe(service, *words, by="p_operator", **more)
    assert problem.value.code == "INVALID_BODY"
    return problem.value.detail


def test_what_does_not_fit_is_refused_all_at_once(desk: Desk) -> None:
    service, fine = desk.service, "https://hooks.example/in"
    said = refused(service, "http://hooks.example/", "nowhere", types=["Nothing.v1"], after=desk.head + 1)
    for part in ("begins with https://", "no affiliate nowhere", "no type Nothing.v1", "no event at position"):
        assert part in said
    assert "name it" in refused(service, fine, None, complaints=True)
    assert "name no types" in refused(service, fine, None, types=["TierGranted.v1"])
    for _ in range(MOST):
        subscribe(service, fine, "il", by="p_operator")
    assert "remove one first" in refused(service, fine, "il")
    made, _ = subscribe(service, fine, "mn", by="p_operator", types=[ROW, "TierGranted.v1"], after=3)
    assert (made.position, made.affiliate, made.types) == (3, "mn", (ROW, "TierGranted.v1"))


def test_a_secret_is_in_no_table_and_in_no_event(desk: Desk) -> None:
    hook, secret = subscribe(desk.service, "https://hooks.example/in", "il", by="p_operator")
    key = desk.service.keyring.get(hook.id) or b""
    with desk.service.database.pool.connection() as connection:
        rows = str(connection.execute("SELECT w::text FROM read.webhooks w").fetchall())
    facts = desk.service.ledger.recorder.read(0, 100_000)
    for mark in (secret, secret.removeprefix("whsec_"), key.hex()):
        assert mark not in rows
        assert not [fact for fact in facts if mark.encode() in fact.state]


def test_networks_are_named_in_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().private_networks == ()
    monkeypatch.setenv("NQMS_WEBHOOK_NETWORKS", "127.0.0.0/8, fd00::/8")
    assert [str(one) for one in Settings().private_networks] == ["127.0.0.0/8", "fd00::/8"]
    monkeypatch.setenv("NQMS_WEBHOOK_NETWORKS", "127.0.0.1/8")
    with pytest.raises(ValueError, match="webhook_networks"):
        Settings()
