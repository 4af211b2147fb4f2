"""Webhooks at the doors: who may register one, what is shown of it, and how it is measured."""

from threading import Event
from typing import Any

import pytest

from consumers import webhooks
from infra.webhooks import Letter, Webhooks
from tests.api.client import codes
from tests.api.conftest import Desk
from tests.api.test_cli import Shell, opening

URL = "https://hooks.example/in"


@pytest.fixture
def nqms(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return opening(desk, monkeypatch)


def hooks_of(desk: Desk) -> Webhooks:
    return Webhooks(desk.service.database, desk.service.keyring)


@pytest.mark.req("M19")
def test_administrators_see_to_the_webhooks_of_their_affiliate_and_to_no_others(desk: Desk) -> None:
    client, star, lake = desk.client(), desk.journeys["star"], desk.journeys["lake"]
    mine, theirs = star.id_of("administrator"), lake.id_of("administrator")
    made = client.post("/webhooks", {"url": URL, "affiliate": "il", "types": ["TierGranted.v1"]}, by=mine)
    assert made.status_code == 201
    told = made.json()
    hook, secret = told["webhook_id"], told.pop("secret")
    assert secret.startswith("whsec_")
    assert (told["affiliate"], told["url"], told["types"], told["lag"]) == ("il", URL, ["TierGranted.v1"], 0)
    listed = client.get("/webhooks", by=mine)
    assert listed.json() == {"webhooks": [told]}
    assert secret.removeprefix("whsec_") not in listed.text
    assert client.get("/webhooks", by=theirs).json() == {"webhooks": []}
    assert [one["webhook_id"] for one in client.get("/webhooks", by="operator").json()["webhooks"]] == [hook]
    for person in (theirs, star.id_of("reviewer")):
        assert client.post(f"/webhooks/{hook}/redrive", by=person).status_code == 404
        assert client.http.delete(f"/api/v1/webhooks/{hook}", headers={"X-NQMS-Actor": person}).status_code == 404
        assert codes(client.post("/webhooks", {"url": URL, "affiliate": "il"}, by=person)) == ["NOT_DISCLOSED"]
    assert codes(client.get("/webhooks", by=star.id_of("reviewer"))) == ["NOT_DISCLOSED"]
    assert codes(client.post("/webhooks", {"url": URL}, by=mine)) == ["NOT_DISCLOSED"]
    for answer in (client.get("/webhooks"), client.post("/webhooks", {"url": URL}), client.post("/webhooks/x/redrive")):
        assert answer.status_code == 401
    hooks_of(desk).bury(hooks_of(desk).one(hook), Letter(3, 0, "program:x", "T.v1", "it answered 500"), 3)
    assert client.post(f"/webhooks/{hook}/redrive", by=mine).json() == {"again": 1}
    (letter,) = client.get("/webhooks", by=mine).json()["webhooks"][0]["dead_letters"]
    assert letter == {"position": 3, "subject": "program:x", "type": "T.v1", "trouble": "it answered 500"}
    gone = client.http.delete(f"/api/v1/webhooks/{hook}", headers={"X-NQMS-Actor": mine})
    assert gone.json() == {"removed": hook}
    assert client.get("/webhooks", by=mine).json() == {"webhooks": []}


def test_everything_that_does_not_fit_is_said(desk: Desk) -> None:
    client, mine = desk.client(), desk.journeys["star"].id_of("administrator")
    wrong = {"url": "http://10.0.0.1/", "affiliate": "il", "types": ["Nothing.v1"], "after": 10**9}
    refused = client.post("/webhooks", wrong, by=mine)
    assert refused.status_code == 422
    assert len(refused.json()["reasons"]) == 3
    assert codes(client.post("/webhooks", {"url": URL, "affiliate": "il", "more": 1}, by=mine)) == ["FIELD_UNKNOWN"]


def test_how_far_each_is_can_be_measured(desk: Desk) -> None:
    hook, _ = hooks_of(desk).add(URL, "il", by="p_operator", after=desk.head - 5)
    hooks_of(desk).failed(hook, "it answered 503", 60)
    text = desk.client().get("/metrics").text
    assert f'nqms_webhook_lag_events{{webhook="{hook.id}"}} 5.0' in text
    assert f'nqms_webhook_attempts{{webhook="{hook.id}"}} 1.0' in text
    assert f'nqms_webhook_dead_letters{{webhook="{hook.id}"}} 0.0' in text
    assert URL not in text


def test_the_verbs_add_list_redrive_and_remove(desk: Desk, nqms: Shell) -> None:
    said = nqms("webhook", "add", URL, "--affiliate", "il", "--type", "TierGranted.v1", "--after", "0").output
    hook = said.split()[0]
    assert f"{hook} gets what comes after position 0" in said
    secret = said.split("secret ")[1].split()[0]
    told: Any = nqms.json("webhook", "list")
    assert [(one["id"], one["affiliate"], one["lag"], one["letters"]) for one in told] == [(hook, "il", desk.head, [])]
    failed = hooks_of(desk).failed(hooks_of(desk).one(hook), "it answered 500", 0)
    said = nqms("webhook", "list").output
    assert f"{hook}  il  {URL}  at 0, {desk.head} behind" in said
    assert "failed 1 times: it answered 500" in said
    assert secret not in said
    hooks_of(desk).bury(failed, Letter(9, 0, "program:x", "T.v1", "it answered 500"), 9)
    assert "dead letter 9 T.v1 of program:x: it answered 500" in nqms("webhook", "list").output
    assert "1 messages will be posted again" in nqms("webhook", "redrive", hook).output
    assert f"{hook} is gone" in nqms("webhook", "remove", hook).output
    assert f"there is no webhook {hook}" in nqms("webhook", "remove", hook, code=2).output
    assert "0 webhooks" in nqms("webhook", "list").output
    assert "no affiliate nowhere" in nqms("webhook", "add", URL, "--affiliate", "nowhere", code=2).output
    assert "NQMS_WEBHOOK_NETWORKS" in nqms("webhook", "add", "https://127.0.0.1/", code=2).output
    assert "gets what comes after" in nqms("webhook", "add", URL).output


def test_the_verb_posts_until_it_is_stopped(desk: Desk, nqms: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []

    def until_stopped(service: Any, stop: Event) -> None:
        begun.append(service)
        stop.set()

    monkeypatch.setattr(webhooks, "run", until_stopped)
    assert "nqms posts to webhooks" in nqms("webhook", "run").output
    assert begun == [desk.service]
