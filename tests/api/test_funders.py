"""For funders: designations for everybody, a named weakness only where and as long as the program shares its report."""

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest

from api.demo.cast import all_names
from tests.api.client import codes
from tests.api.conftest import Desk

A_FUNDER = {"X-NQMS-Standing": "funder"}


def programs(desk: Desk, funder: bool = True, **asked: Any) -> list[dict[str, Any]]:
    """The programs as a funder sees them, or somebody who only comes by."""
    answer = desk.client().get("/funders/programs", headers=A_FUNDER if funder else {}, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["programs"]


def bridge(desk: Desk, funder: bool = True, **asked: Any) -> dict[str, Any]:
    """The program of the Independence Region."""
    (one,) = programs(desk, funder, **asked)
    assert one["program_id"] == desk.journeys["bridge"].program_id
    return one


def shared_until(desk: Desk, until: date | None, audience: str = "funders") -> None:
    """The program shares its report anew, until a day."""
    way = desk.journeys["bridge"]
    way.by("lead", "EndShare", report_id=way.report_id, audience="funders")
    more = {"until": until.isoformat()} if until else {}
    way.by("lead", "ShareReport", report_id=way.report_id, audience=audience, **more)
    desk.service.projector.catch_up()


@pytest.mark.req("S2-10", "S2-09")
def test_a_funder_finds_programs_with_their_designations_and_what_those_mean(read_only: Desk) -> None:
    told = bridge(read_only, funder=False)
    (status,) = told["statuses"]
    assert (status["tier"], status["status"]) == ("ir-qmp/quality_mentoring_program", "active")
    assert status["meaning"].startswith("The program completed the quality assessment")
    assert status["not_a_claim"].startswith("It does not mean that every practice")
    assert [h["status"] for h in told["history"]] == ["active", "expired"]
    assert told["place"] == {"city": "Two Rivers", "jurisdiction": "US-PA"}


@pytest.mark.req("S2-10", "S1-19")
def test_a_weakness_is_named_only_where_the_program_shared_its_report(read_only: Desk) -> None:
    assert bridge(read_only, funder=False)["shared"] == []
    (report,) = bridge(read_only)["shared"]
    weak = [p["item_id"] for p in report["improvement_areas"]]
    assert weak == ["D21", "M88", "N91"]
    assert all(p["wording"] for p in (*report["strengths"], *report["improvement_areas"]))
    goals = {g["practices"][0]["item_id"]: (g["baseline"], g["target"]) for g in report["open_goals"]}
    assert goals == dict.fromkeys(weak, (0, 2))
    assert all(date.fromisoformat(g["due_on"]) for g in report["open_goals"])
    assert (report["instrument"], report["version"], report["shared_through"]) == ("NQMS", "1", None)


@pytest.mark.req("S2-10", "S1-19")
def test_what_was_never_shared_or_is_no_longer_is_seen_by_nobody(desk: Desk) -> None:
    way = desk.journeys["bridge"]
    way.by("lead", "EndShare", report_id=way.report_id, audience="funders")
    desk.service.projector.catch_up()
    told = bridge(desk)
    assert told["shared"] == []
    assert "D21" not in json.dumps(told)


@pytest.mark.req("S2-10", "H10")
def test_a_share_is_over_after_its_last_day_though_nothing_happened(desk: Desk) -> None:
    last = desk.clock.today + timedelta(days=30)
    shared_until(desk, last)
    head = desk.head
    assert bridge(desk)["shared"][0]["shared_through"] == last.isoformat()
    assert len(bridge(desk, as_of=last.isoformat())["shared"]) == 1
    assert bridge(desk, as_of=(last + timedelta(days=1)).isoformat())["shared"] == []
    desk.clock.pass_days(30)
    assert len(bridge(desk)["shared"]) == 1
    desk.clock.pass_days(1)
    assert bridge(desk)["shared"] == []
    assert bridge(desk, as_of=last.isoformat())["shared"] == [], "a day in the past opens nothing again"
    assert desk.head == head


@pytest.mark.req("S2-10")
def test_what_is_shared_with_the_public_everybody_sees(desk: Desk) -> None:
    shared_until(desk, None, audience="public")
    (public,) = bridge(desk, funder=False)["shared"]
    assert [set(goal) for goal in public["open_goals"]] == [{"practices", "due_on"}] * 3, "levels are never public"
    (for_funders,) = bridge(desk)["shared"]
    assert [goal["baseline"] for goal in for_funders["open_goals"]] == [0, 0, 0]
    shown = desk.client().get("/funders/programs").text
    assert re.search(r"\bp_[0-9a-z]{6,}", shown) is None
    assert "[[" not in shown
    assert [name for name in all_names() if name in shown] == []


@pytest.mark.req("S2-10", "H7")
def test_the_view_is_there_only_where_a_policy_offers_it(read_only: Desk) -> None:
    client = read_only.client()
    for scheme in ("mn-qp", "il-star", "mmp-qbm", "nosuch"):
        answer = client.get("/funders/programs", headers=A_FUNDER, scheme=scheme)
        assert codes(answer) == ["NOT_FOUND"], scheme
        assert "ir-qmp" in answer.json()["detail"]
    assert client.get("/funders/programs", scheme="ir-qmp").json()["scheme"] == "ir-qmp"


@pytest.mark.req("S2-10")
def test_filters_and_the_day(read_only: Desk) -> None:
    names = [p["name"] for p in programs(read_only, place="US-PA")]
    assert names == ["Two Rivers Bridge Builders"]
    assert [p["name"] for p in programs(read_only, q="BRIDGE", affiliate="ir")] == names
    assert programs(read_only, affiliate="mn") == []
    assert programs(read_only, place="US-MN") == []
    (held,) = bridge(read_only)["statuses"]
    after = (date.fromisoformat(held["through"]) + timedelta(days=1)).isoformat()
    assert programs(read_only, as_of=after) == []
    assert [p["name"] for p in programs(read_only, as_of=after, status="expired")] == names
    assert len(programs(read_only, status="none")) == 4, "programs that a funder may invite"
    assert [p["statuses"] for p in programs(read_only, status="none", affiliate="mn")] == [[]]


def test_pages_go_on_where_the_last_one_ended(read_only: Desk) -> None:
    client = read_only.client()
    first = client.get("/funders/programs", status="none", limit=3).json()
    second = client.get("/funders/programs", status="none", limit=3, cursor=first["next"]).json()
    walked = [p["program_id"] for p in (*first["programs"], *second["programs"])]
    assert (len(walked), len(set(walked)), second["next"]) == (4, 4, None)


def test_a_funder_only_reads_what_is_for_funders(read_only: Desk) -> None:
    client, way = read_only.client(), read_only.journeys["bridge"]
    assert codes(client.get("/events", headers=A_FUNDER)) == ["NOT_DISCLOSED"]
    assert codes(client.get(f"/programs/{way.program_id}", headers=A_FUNDER)) == ["NOT_DISCLOSED"]
    elsewhere = read_only.client("192.0.2.7").get("/funders/programs", headers=A_FUNDER)
    assert codes(elsewhere) == ["IDENTITY_REFUSED"]
    assert codes(client.get("/funders/programs", headers={"X-NQMS-Standing": "king"})) == ["MALFORMED_HEADER"]
