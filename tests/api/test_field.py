"""The field in figures, over HTTP and in words: for five programs and more, and nothing that names one."""

import re
from typing import Any

import pytest

from domain.assessment import ItemRated
from domain.language import Event
from domain.values import Rating
from infra.recorder import LedgerRecorder
from tests.api.client import codes
from tests.api.conftest import Desk
from tests.api.test_cli import Shell, nqms
from tests.recorded import record

__all__ = ["nqms"]


def told(desk: Desk, **asked: Any) -> dict[str, Any]:
    """The figures of a scheme."""
    answer = desk.client().get("/statistics/field", **{"scheme": "ir-qmp", **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def like_bridge(desk: Desk, times: int) -> None:
    """More programs with the history of the Independence Region's, each of them better in one practice."""
    events = [one.event for one in desk.service.ledger.history("program", desk.journeys["bridge"].program_id)]
    recorder = desk.service.ledger.recorder
    assert isinstance(recorder, LedgerRecorder)
    for n in range(times):
        record(recorder, f"program:like{n}", [_better(e) for e in events])
    desk.service.projector.catch_up()


def _better(event: Event) -> Event:
    if isinstance(event, ItemRated) and event.item_id == "A1":
        return type(event)(**{**_fields(event), "rating": Rating("yes", 5)})
    return event


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def over(desk: Desk) -> None:
    """The year of the decisions is over, everywhere."""
    desk.clock.pass_days(370)


@pytest.mark.req("S2-08")
def test_the_results_of_five_programs_are_told_practice_by_practice(desk: Desk) -> None:
    like_bridge(desk, 4)
    over(desk)
    answer = told(desk)
    (instrument,) = answer["instruments"]
    (period,) = instrument["periods"]
    assert (answer["scheme"], instrument["instrument"], instrument["version"]) == ("ir-qmp", "NQMS", "1")
    assert (period["suppressed"], period["programs"], period["again"]) == (False, 5, None)
    assert [p["item_id"] for p in period["practices"]] == [i.id for i in desk.journeys["bridge"].instrument.items]
    by_item = {p["item_id"]: p["results"] for p in period["practices"]}
    assert by_item["D21"]["not_in_practice"] == 5
    assert sum(by_item["A1"].values()) == 5
    assert by_item["A1"]["5"] >= 4
    assert period["practices"][0]["wording"]
    assert 0.9 < period["share_in_place"] < 1
    assert 1 <= period["mean_level"] <= 5


@pytest.mark.req("S2-08")
def test_four_programs_are_suppressed(desk: Desk) -> None:
    like_bridge(desk, 3)
    over(desk)
    (instrument,) = told(desk)["instruments"]
    (period,) = instrument["periods"]
    assert set(period) == {"from", "to", "suppressed"}
    assert period["suppressed"] is True


def test_a_year_that_is_not_over_is_not_told(desk: Desk) -> None:
    like_bridge(desk, 4)
    answer = told(desk)
    assert answer["through"] == desk.clock.today.year - 1
    assert [p for i in answer["instruments"] for p in i["periods"] if not p["suppressed"]] == []


@pytest.mark.req("S2-08", "H11")
def test_no_program_and_no_person_is_named(desk: Desk) -> None:
    like_bridge(desk, 4)
    over(desk)
    answer = desk.client().get("/statistics/field", scheme="ir-qmp")
    bridge = desk.journeys["bridge"]
    for named in (bridge.program_id, bridge.program.name, bridge.cycle_id, "like0", "program:"):
        assert named not in answer.text
    assert re.search(r"\bp_[0-9a-z]{6,}", answer.text) is None
    assert answer.headers["cache-control"] == "public, max-age=3600"


def test_years_and_schemes_are_chosen(desk: Desk) -> None:
    like_bridge(desk, 4)
    over(desk)
    (instrument,) = told(desk)["instruments"]
    year = instrument["periods"][0]["from"]
    for asked, count in (({"from": year, "to": year}, 1), ({"from": year + 1}, 0), ({"to": year - 1}, 0)):
        assert [len(i["periods"]) for i in told(desk, **asked)["instruments"]] == [count], asked
    assert told(desk, scheme="mn-qp")["instruments"][0]["periods"][0]["suppressed"]
    client = desk.client()
    assert codes(client.get("/statistics/field", scheme="nosuch")) == ["NOT_FOUND"]
    wrong = client.get("/statistics/field", **{"from": "then"})
    assert {r["details"]["name"] for r in wrong.json()["reasons"]} == {"scheme", "from"}


@pytest.mark.req("S2-08")
def test_the_figures_in_words_and_json(nqms: Shell) -> None:
    desk = nqms.desk
    like_bridge(desk, 4)
    over(desk)
    said = nqms("field", "ir-qmp").stdout
    assert "NQMS version 1" in said
    assert re.search(r"│ 5 +│ 9\d\.\d% +│", said)
    assert "too few" in nqms("field", "mn-qp").stdout
    assert nqms.json("field", "ir-qmp", "--from", "2020") == told(desk, **{"from": 2020})
    nqms("field", "nosuch", code=2)
