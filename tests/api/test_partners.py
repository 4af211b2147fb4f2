"""The public directory: current and exact to the day, nothing private, kept no longer than it is true."""

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.demo.cast import all_names
from tests.api.client import codes
from tests.api.conftest import Desk

PUBLIC = (
    "/partners",
    "/partners?affiliate=mn",
    "/expiries",
    "/statistics/members",
    "/policies",
    "/policies/mn-qp/1",
    "/instruments",
    "/instruments/NQMS/1",
    "/affiliates",
    "/problems",
)


def one(desk: Desk, name: str, **asked: str) -> dict[str, Any]:
    """A program as the directory shows it."""
    answer = desk.client().get(f"/partners/{desk.journeys[name].program_id}", **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.req("S0-25", "S0-01", "M16", "M22", "M23")
def test_a_partner_is_shown_with_what_its_tier_means_and_does_not_mean(read_only: Desk) -> None:
    told = one(read_only, "lake")
    (status,) = told["statuses"]
    assert (status["status"], status["tier"], status["label"]) == ("active", "mn-qp/expert", "Expert Partner")
    assert status["not_a_claim"].startswith("It does not mean")
    assert status["assessed"] is True
    assert status["badge"] == "mn-100-best-practices"
    since, through = (date.fromisoformat(status[name]) for name in ("since", "through"))
    assert through == since.replace(year=since.year + 3) - timedelta(days=1)
    assert status["says"] == f"Expert Partner from {since} through {through}"
    assert told["place"] == {"city": "Lantern Lake", "jurisdiction": "US-MN"}
    assert told["affiliate_name"] == "MENTOR Minnesota"


@pytest.mark.req("S0-24", "H10")
def test_a_term_ends_by_its_date_without_any_event(desk: Desk) -> None:
    (status,) = one(desk, "lake")["statuses"]
    through = date.fromisoformat(status["through"])
    head = desk.head
    assert one(desk, "lake", as_of=through.isoformat())["statuses"][0]["status"] == "active"
    after = one(desk, "lake", as_of=(through + timedelta(days=1)).isoformat())["statuses"][0]
    assert (after["status"], after["badge"], after["says"][:8]) == ("expired", None, "Formerly")
    desk.clock.pass_days((through - desk.clock.today).days + 1)
    assert one(desk, "lake")["statuses"][0]["status"] == "expired"
    listed = desk.client().get("/partners", status="active").json()["partners"]
    assert desk.journeys["lake"].program_id not in [p["program_id"] for p in listed]
    assert desk.head == head


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.req("H11")
def test_public_answers_hold_no_person_and_no_words(read_only: Desk, path: str) -> None:
    answer = read_only.client().get(path)
    assert answer.status_code == 200
    assert re.search(r"\bp_[0-9a-z]{6,}", answer.text) is None
    assert "[[" not in answer.text
    assert [name for name in all_names() if name in answer.text] == []


@pytest.mark.req("H11")
def test_a_partner_says_only_what_is_public(read_only: Desk) -> None:
    told = one(read_only, "bridge")
    assert set(told) == {
        "program_id", "name", "affiliate", "affiliate_name", "place", "website", "ages", "models", "ein", "listing",
        "statuses", "history", "next_change_at", "former_names", "successor",
    }  # fmt: skip
    assert "rating" not in json.dumps(told)


def test_filters_and_pages(read_only: Desk) -> None:
    client = read_only.client()
    names = [p["name"] for p in client.get("/partners").json()["partners"]]
    assert names == sorted(names, key=str.casefold)
    assert [p["affiliate"] for p in client.get("/partners", affiliate="ir").json()["partners"]] == ["ir"]
    assert [p["name"] for p in client.get("/partners", tier="il-star/gold_star").json()["partners"]] == [
        "Prairie Star Youth Mentoring"
    ]
    assert [p["name"] for p in client.get("/partners", place="US-MA").json()["partners"]] == ["Harbor Light Mentoring"]
    assert [p["name"] for p in client.get("/partners", q="LANTERN").json()["partners"]] == ["Lantern Lake Mentors"]
    walked, cursor = [], None
    while True:
        page = client.get("/partners", limit=2, **({"cursor": cursor} if cursor else {})).json()
        walked += [p["name"] for p in page["partners"]]
        cursor = page["next"]
        if not cursor:
            break
    assert walked == names
    assert codes(client.get("/partners", cursor="nonsense")) == ["INVALID_PARAMETER"]
    wrong = client.get("/partners", limit=0, as_of="yesterday")
    assert {r["details"]["name"] for r in wrong.json()["reasons"]} == {"limit", "as_of"}


def test_look_up_answers_in_the_order_asked(read_only: Desk) -> None:
    ids = [read_only.journeys[n].program_id for n in ("star", "lake")]
    told = read_only.client().post("/partners:lookup", {"ids": [*ids, "nosuch"]}).json()
    assert [p["program_id"] for p in told["partners"]] == ids
    assert told["unknown"] == ["nosuch"]
    assert codes(read_only.client().post("/partners:lookup", {"ids": []})) == ["FIELD_INVALID"]
    assert codes(read_only.client().get("/partners/nosuch")) == ["NOT_FOUND"]


def test_an_answer_is_kept_until_something_changes(desk: Desk) -> None:
    client = desk.client()
    first = client.get("/partners")
    etag = {"If-None-Match": first.headers["etag"]}
    assert re.fullmatch(r"public, max-age=\d+", first.headers["cache-control"])
    again = client.get("/partners", headers=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/partners", q="lake", headers=etag).status_code == 200, "another question"
    desk.clock.pass_days(1)
    assert client.get("/partners", headers=etag).status_code == 200, "another day"
    fresh = {"If-None-Match": client.get("/partners").headers["etag"]}
    way = desk.journeys["open"]
    way.rate("A1", "yes", 4)
    desk.service.projector.catch_up()
    assert client.get("/partners", headers=fresh).status_code == 200, "another position"


@pytest.mark.req("M20")
def test_no_answer_is_kept_past_the_next_change(desk: Desk) -> None:
    client = desk.client()
    change = client.get("/partners").json()["next_change_at"]
    through = date.fromisoformat(one(desk, "lake")["statuses"][0]["through"])
    assert change.startswith((through + timedelta(days=1)).isoformat())
    desk.clock.pass_days((through - desk.clock.today).days)
    midnight = (through + timedelta(days=1)).isoformat()
    desk.clock._now = desk.clock._now.fromisoformat(f"{midnight}T05:59:50+00:00")
    kept = client.get("/partners").headers["cache-control"]
    assert int(kept.removeprefix("public, max-age=")) <= 10


def test_what_was_shown_can_be_asked_for(read_only: Desk) -> None:
    client, way = read_only.client(), read_only.journeys["lake"]
    history = read_only.service.ledger.history("program", way.program_id)
    before = next(r.position for r in history if r.type == "TierGranted.v1") - 1
    assert one(read_only, "lake", as_known=str(before))["statuses"] == []
    recorded = next(r.recorded_at for r in history if r.type == "TierGranted.v1")
    assert one(read_only, "lake", as_known=recorded.isoformat())["statuses"][0]["status"] == "active"
    assert codes(client.get("/partners", as_known="yesterday")) == ["INVALID_PARAMETER"]
    assert codes(client.get("/partners", as_known="2026-01-01T10:00:00")) == ["INVALID_PARAMETER"]


def test_a_read_waits_for_the_position_it_names(projecting: Desk) -> None:
    client, way = projecting.client(), projecting.journeys["open"]
    body = {"website": "https://prairie-fire.example"}
    done = client.do(way.id_of("lead"), way.program_id, "amend-profile", **body).json()
    told = client.get(f"/partners/{way.program_id}", at_least=done["position"]).json()
    assert told["website"] == body["website"]


def test_a_position_that_does_not_come_is_a_problem(read_only: Desk) -> None:
    answer = read_only.client().get("/partners", at_least=10**9)
    assert (answer.status_code, codes(answer)) == (503, ["NOT_YET_VISIBLE"])
    assert answer.headers["retry-after"] == "1"


def test_counts_and_the_expiry_schedule(read_only: Desk) -> None:
    client = read_only.client()
    counted = {m["tier"]: m["members"] for m in client.get("/statistics/members").json()["members"]}
    assert counted == {
        "mn-qp/expert": 1, "il-star/gold_star": 1, "ir-qmp/quality_mentoring_program": 1, "mmp-qbm/partner": 1,
    }  # fmt: skip
    assert client.get("/statistics/members", on="2020-01-01").json()["members"] == []
    due = client.get("/expiries", affiliate="mn").json()["expiries"]
    (ends,) = [d for d in due if d["kind"] == "expires"]
    through = one(read_only, "lake")["statuses"][0]["through"]
    assert (ends["name"], ends["tier"], ends["through"]) == ("Lantern Lake Mentors", "mn-qp/expert", through)
    window = {"from": ends["due_on"], "to": ends["due_on"]}
    assert len(client.get("/expiries", affiliate="mn", **window).json()["expiries"]) == 1


@pytest.mark.req("S1-13", "S1-03", "S4-16")
def test_questions_and_help_are_read_before_anything_is_started(read_only: Desk) -> None:
    client = read_only.client()
    told = client.get("/instruments/NQMS/1").json()
    assert told["item_count"] == 92
    assert len(told["sections"]) == 3
    assert len(told["readiness"]) >= 5
    kinds = {r["kind"] for s in told["sections"] for a in s["sub_areas"] for r in a["resources"]}
    assert kinds == {"information", "guideline", "example", "template"}
    code = told["sections"][1]["code"]
    (section,) = client.get("/instruments/NQMS/1", section=code).json()["sections"]
    assert section["code"] == code
    assert codes(client.get("/instruments/NQMS/1", section="nosuch")) == ["NOT_FOUND"]
    assert client.get("/instruments/QBM-SELF/1").json()["item_count"] == 58
    assert codes(client.get("/instruments/NQMS/7")) == ["NOT_FOUND"]


@pytest.mark.req("M12", "H7")
def test_a_policy_says_what_each_tier_asks_and_where_that_comes_from(read_only: Desk) -> None:
    client = read_only.client()
    told = client.get("/policies/mn-qp/1").json()
    expert = told["tiers"][1]
    assert expert["qualified"] == "mn-qp/expert"
    assert [a["criterion"] for a in expert["asks"]["of"]] == ["tier", "practices_in_place"]
    assert expert["asks"]["of"][1]["basis"] == "seed S0:9"
    assert "independent implementation" in client.get("/instruments/NQMS/1").json()["notice"].lower()
    assert [p["scheme"] for p in client.get("/policies").json()["policies"]] == [
        "il-star",
        "ir-qmp",
        "mmp-qbm",
        "mn-qp",
    ]
    assert codes(client.get("/policies/mn-qp/9")) == ["NOT_FOUND"]


BENEFITS = {
    "mn-qp/dedicated": [
        "priority_listing", "recognition", "tools_and_resources", "funding_access", "award_priority", "discounts",
        "event_invitations", "business_connections", "support_letter", "networking", "early_news",
    ],
    "mn-qp/expert": ["highest_listing", "policy_advocacy", "committee_or_board", "media_promotion"],
    "mmp-qbm/affiliate": [
        "calendar_trainings", "mentor_referrals", "recruitment_campaigns", "match_tickets", "ambassador_host",
        "tap_assistance", "training_discount", "directory_listing",
    ],
    "mmp-qbm/associate_partner": ["financial_resources", "match_ticket_priority"],
    "mmp-qbm/partner": ["training_vouchers"],
}  # fmt: skip
"""What each tier adds to the one below it; QBM's first entry is open to everybody."""


@pytest.mark.req("S0-08", "S0-13", "S0-19", "S0-22", "S4-03", "S4-05", "S4-10", "M20", "A21", "A22")
@pytest.mark.parametrize(("scheme", "version"), [("mn-qp", "1"), ("mmp-qbm", "2014.1")])
def test_what_each_tier_brings_is_public(read_only: Desk, scheme: str, version: str) -> None:
    told = read_only.client().get(f"/policies/{scheme}/{version}").json()
    reached: list[str] = []
    for tier in told["tiers"]:
        reached += BENEFITS[tier["qualified"]]
        assert [b["code"] for b in tier["benefits"]] == reached
    flags = {b["code"]: b["flags"] for tier in told["tiers"] for b in tier["benefits"]}
    if scheme == "mn-qp":
        assert flags["funding_access"] == ["when_available"]
        assert flags["discounts"] == ["discretionary", "subject_to_change"]
        assert flags["support_letter"] == ["on_request"]
    else:
        vouchers = told["tiers"][2]["benefits"][-1]
        assert (vouchers["count"], vouchers["per"], vouchers["basis"]) == (4, "P1Y", "seed/S4:22+proposal")


@pytest.mark.req("H7")
def test_bodies_are_handed_in_and_published_by_their_hash(desk: Desk) -> None:
    client, administrator = desk.client(), desk.journeys["lake"].id_of("administrator")
    text = Path("domain/policy/library/MN-QP-2.yaml").read_bytes()
    broken = text.replace(b"version:", b"versoin:", 1) + b"\ntiers: 5\nnosuch: 1\n"
    head = desk.head
    faulty = client.send("/artifacts/policies", broken, by=administrator)
    assert (faulty.status_code, faulty.json()["code"]) == (422, "FILE_FAULTY")
    assert len(faulty.json()["reasons"]) >= 2
    assert codes(client.send("/artifacts/policies", b"a: [", by=administrator)) == ["FAULT"]
    assert codes(client.send("/artifacts/policies", text, by=desk.journeys["lake"].id_of("lead"))) == ["NOT_DISCLOSED"]
    assert codes(client.send("/artifacts/nosuch", text, by=administrator)) == ["NOT_FOUND"]
    assert desk.head == head
    made = client.send("/artifacts/policies", text, by=administrator)
    assert made.status_code == 201
    body = made.json()
    asked = {"policy_version": body["version"], "sha256": body["sha256"], "effective_from": desk.door.today.isoformat()}
    done = client.post("/policies/mn-qp/publish-policy-version", asked, by=administrator)
    assert done.status_code == 200, done.text
    assert client.get("/policies/mn-qp/2").json()["sha256"] == body["sha256"]
