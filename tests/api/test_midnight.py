"""Both sides of a midnight of expiry in three time zones, with no event and a warm cache: what the directory says."""

from datetime import UTC, date, datetime, timedelta

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


@pytest.mark.req("H10", "M20", "S0-24")
@pytest.mark.parametrize("code", ZONES)
def test_a_status_is_gone_at_its_own_midnight(ending: Desk, code: str) -> None:
    """The same question with a warm cache a moment before and at midnight: other answers, other tags."""
    client, at = ending.client(), midnight(END, ZONES[code])
    head = ending.head

    def ask(now: datetime, etag: str = "") -> tuple[int, str, str]:
        ending.clock._now = now
        answer = client.get("/partners", affiliate=code, headers={"If-None-Match": etag} if etag else {})
        shown = answer.json()["partners"][0]["statuses"][0]["status"] if answer.content else "as before"
        return answer.status_code, shown, answer.headers["etag"]

    day_before = at - timedelta(hours=12)
    status, shown, warm = ask(day_before)
    assert (status, shown) == (200, "active")
    next_change = datetime.fromisoformat(client.get("/partners", affiliate=code).json()["next_change_at"])
    assert next_change == at.astimezone(UTC)
    last = at - MOMENT
    assert ask(last, warm)[:2] in ((304, "as before"), (200, "active"))  # another zone may have turned its day
    status, shown, last_tag = ask(last)
    assert (status, shown) == (200, "active")
    kept = client.get("/partners", affiliate=code).headers["cache-control"]
    assert int(kept.removeprefix("public, max-age=")) < MOMENT.seconds
    status, shown, gone_tag = ask(at, last_tag)
    assert (status, shown) == (200, "expired"), "the tag of a moment ago must not answer 304"
    assert gone_tag != last_tag
    assert ask(at + timedelta(hours=3), gone_tag)[1] in ("as before", "expired")
    assert client.get("/partners", affiliate=code).json()["next_change_at"] is None
    assert ending.head == head, "no event came in between"


@pytest.mark.req("H10", "M20")
def test_the_whole_directory_turns_zone_by_zone(ending: Desk) -> None:
    """One date, three midnights: the listing of all names the next of them each time."""
    client = ending.client()
    moments = sorted((midnight(END, zone), code) for code, zone in ZONES.items())
    gone: set[str] = set()
    for at, code in moments:
        ending.clock._now = at - MOMENT
        page = client.get("/partners", q="friends").json()
        shown = {p["program_id"]: p["statuses"][0]["status"] for p in page["partners"]}
        assert shown == {c: "expired" if c in gone else "active" for c in ZONES}
        assert datetime.fromisoformat(page["next_change_at"]) == at
        gone.add(code)
