"""Both sides of a midnight of expiry in three time zones, with no event and a warm cache: what the directory says."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain.affiliate import AffiliateChartered
from domain.listing import ProgramListingApproved, ProgramRegistered
from domain.status import HistoricalStatusImported
from infra.recorder import LedgerRecorder
from projections.held import midnight
from tests.api.conftest import Desk
from tests.recorded import record
from tests.small_world import words

ZONES = {"east": "America/New_York", "middle": "America/Chicago", "ocean": "Pacific/Honolulu"}
END = date(2027, 3, 15)  # the day after clocks go forward in two of the three

MOMENT = timedelta(seconds=10)
"""The story's clock goes on by a second with every look."""


@pytest.fixture
def ending(desk: Desk) -> Desk:
    """Three programs whose status ends on the same date, each in its own zone."""
    recorder = desk.service.ledger.recorder
    assert isinstance(recorder, LedgerRecorder)
    for code, zone in ZONES.items():
        area = f"US-{code.upper()}"
        charter = AffiliateChartered(
            name=f"Of the {code}", timezone=zone, jurisdictions=(area,), administrator="p_head"
        )
        record(recorder, f"affiliate:{code}", [charter])
        registered = ProgramRegistered(
            legal_name=f"{code} friends", display_name=f"{code} friends", affiliate=code, jurisdiction=area,
            city="Somewhere", began_operating_on=date(2010, 1, 1), models=("one_to_one",), ages=(8, 17),
            serves_youth=True, connector_ref=f"mc-{code}",
        )  # fmt: skip
        imported = HistoricalStatusImported(
            scheme=f"{code}-mark", tier="good", rank=1, label="Good", badge="star", listing="priority", zone=zone,
            valid_from=date(2024, 3, 15), valid_until=END, source="A paper register", note=words("From the binder."),
        )  # fmt: skip
        record(recorder, f"program:{code}", [registered, ProgramListingApproved(affiliate=code), imported])
    desk.service.projector.catch_up()
    return desk


class Cache:
    """Somebody who keeps answers with their tags, and asks again with the tag when it likes to."""

    def __init__(self, desk: Desk) -> None:
        self.client, self.clock = desk.client(), desk.clock
        self.kept: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}

    def ask(self, now: datetime, path: str, **asked: str) -> tuple[int, dict[str, Any]]:
        """The answer at a moment; one that is still right costs a 304 without a body."""
        self.clock._now = now
        etag, body = self.kept.get((path, str(asked)), ("", {}))
        answer = self.client.get(path, headers={"If-None-Match": etag} if etag else {}, **asked)
        if answer.status_code == 304:
            assert answer.headers["etag"] == etag
            assert answer.content == b""
        else:
            body = answer.json()
            assert answer.headers["etag"] != etag, "another answer has another tag"
        self.kept[path, str(asked)] = answer.headers["etag"], body
        most = answer.headers["cache-control"].removeprefix("public, max-age=")
        if at := body["next_change_at"]:
            left = (datetime.fromisoformat(at) - now).total_seconds()
            assert 0 <= int(most) <= left, "no answer is kept past the change that it announces"
        return answer.status_code, body


def shown(answer: dict[str, Any]) -> str:
    """The status of the one program in a page, or of the program itself."""
    (status,) = (answer["partners"][0] if "partners" in answer else answer)["statuses"]
    return status["status"]


@pytest.mark.req("H10", "M20", "S0-24")
@pytest.mark.parametrize("code", ZONES)
def test_a_status_is_gone_at_its_own_midnight(ending: Desk, code: str) -> None:
    """The same questions with a warm cache a moment before and at midnight: other answers, other tags."""
    at, head, cache = midnight(END, ZONES[code]), ending.head, Cache(ending)
    questions: tuple[tuple[str, dict[str, str]], ...] = (("/partners", {"affiliate": code}), (f"/partners/{code}", {}))
    for path, asked in questions:
        for before in (at - 3 * MOMENT, at - 2 * MOMENT, at - MOMENT):
            status, answer = cache.ask(before, path, **asked)
            assert shown(answer) == "active"
            assert datetime.fromisoformat(answer["next_change_at"]) == at
        assert status == 304, "nothing changed in the last moments of the day"
        status, answer = cache.ask(at, path, **asked)
        assert (status, shown(answer)) == (200, "expired"), "the tag of a moment ago must not answer 304"
        assert answer["next_change_at"] is None
        status, answer = cache.ask(at + MOMENT, path, **asked)
        assert (status, shown(answer)) == (304, "expired"), "nor may the new day's tag miss"
    assert [p["program_id"] for p in listed(ending, affiliate=code, status="active")] == []
    assert [p["program_id"] for p in listed(ending, affiliate=code, status="expired")] == [code]
    assert ending.head == head, "no event came in between"


@pytest.mark.req("H10")
def test_an_answer_about_a_day_does_not_change_at_midnight(ending: Desk) -> None:
    """Whoever asks about a day gets the same answer and tag on both sides: what held then does not change by time."""
    at, cache = midnight(END, ZONES["middle"]), Cache(ending)
    for day, status in ((END - timedelta(days=1), "active"), (END, "expired")):
        asked = {"affiliate": "middle", "as_of": day.isoformat()}
        assert [cache.ask(now, "/partners", **asked)[0] for now in (at - MOMENT, at, at + MOMENT)] == [200, 304, 304]
        assert shown(cache.kept["/partners", str(asked)][1]) == status


def listed(desk: Desk, **asked: str) -> list[dict[str, Any]]:
    """The programs on one page."""
    return desk.client().get("/partners", **asked).json()["partners"]


@pytest.mark.req("H10", "M20")
def test_the_whole_directory_turns_zone_by_zone(ending: Desk) -> None:
    """One date, three midnights: the listing of all names the next of them each time."""
    cache = Cache(ending)
    moments = sorted((midnight(END, zone), code) for code, zone in ZONES.items())
    gone: set[str] = set()
    for at, code in moments:
        for now in (at - 2 * MOMENT, at - MOMENT):
            status, page = cache.ask(now, "/partners", q="friends")
            assert {p["program_id"]: shown({"partners": [p]}) for p in page["partners"]} == {
                c: "expired" if c in gone else "active" for c in ZONES
            }
            assert datetime.fromisoformat(page["next_change_at"]) == at
        assert status == 304
        gone.add(code)
        assert cache.ask(at, "/partners", q="friends")[0] == 200, f"midnight in {ZONES[code]} turns the page"


@pytest.mark.req("H10", "M21")
def test_workshops_are_not_kept_past_midnight_either(ending: Desk) -> None:
    client, at = ending.client(), midnight(END, ZONES["ocean"])
    for before, most in ((timedelta(hours=1), 30), (MOMENT, MOMENT.seconds)):
        ending.clock._now = at - before
        answer = client.get("/affiliates/ocean/workshops")
        assert answer.json()["as_of"] == (END - timedelta(days=1)).isoformat()
        assert int(answer.headers["cache-control"].removeprefix("public, max-age=")) <= most
    ending.clock._now = at
    assert client.get("/affiliates/ocean/workshops").json()["as_of"] == END.isoformat()
