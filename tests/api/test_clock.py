"""The clock stands still for thirty days and is started again: nothing was answered wrongly, all is announced once (3.8)."""

from datetime import UTC, date, datetime, timedelta
from threading import Thread

import pytest

from domain.affiliate import AffiliateChartered
from domain.due import DeadlinePassed, PartnerStatusExpired
from domain.language import Event
from domain.listing import ProgramListingApproved, ProgramRegistered
from domain.notice import NoticeOfIntentIssued
from domain.status import HistoricalStatusImported
from infra.clock import Clock
from infra.recorder import LedgerRecorder
from projections.held import midnight
from tests.api.conftest import Desk
from tests.recorded import record
from tests.small_world import words

ZONES = ("America/New_York", "America/Chicago", "Pacific/Honolulu")
FIRST = date(2027, 3, 1)
STILL = 30
PROGRAMS = 12
DAY = timedelta(days=1)


def ends(n: int) -> date:
    """When the status of a program ends: spread over the days of the standstill, two of them on one day."""
    return FIRST + DAY * (2 + n * 27 // (PROGRAMS - 1) - (n == 5))


def zone(n: int) -> str:
    """In which zone."""
    return ZONES[n % 3]


def _tell(recorder: LedgerRecorder) -> None:
    for n, name in enumerate(ZONES):
        charter = AffiliateChartered(
            name=f"Area {n}", timezone=name, jurisdictions=(f"US-Z{n}",), administrator="p_head"
        )
        record(recorder, f"affiliate:area{n}", [charter])
    for n in range(PROGRAMS):
        area = f"area{n % 3}"
        registered = ProgramRegistered(
            legal_name=f"Friends {n}", display_name=f"Friends {n}", affiliate=area, jurisdiction=f"US-Z{n % 3}",
            city="Somewhere", began_operating_on=date(2010, 1, 1), models=("one_to_one",), ages=(8, 17),
            serves_youth=True, connector_ref=f"mc-clock-{n}",
        )  # fmt: skip
        imported = HistoricalStatusImported(
            scheme=f"{area}-mark", tier="good", rank=1, label="Good", badge="star", listing="priority", zone=zone(n),
            valid_from=date(2024, 3, 1), valid_until=ends(n), source="A paper register", note=words("From the binder."),
        )  # fmt: skip
        notice = NoticeOfIntentIssued(
            notice_id=f"notice-{n}", scheme=f"{area}-mark", action="suspend", grounds=("safety",), zone=zone(n),
            explanation=words("We were told."), issued_by="p_head", reply_by=FIRST + DAY * (3 + n),
        )  # fmt: skip
        story: list[Event] = [registered, ProgramListingApproved(affiliate=area), imported, notice]
        record(recorder, f"program:clock{n:02}", story)


@pytest.fixture
def stopped(desk: Desk) -> Desk:
    """Twelve programs of three zones, a calendar that has begun, and a clock that stands still from then on."""
    recorder = desk.service.ledger.recorder
    assert isinstance(recorder, LedgerRecorder)
    _tell(recorder)
    desk.clock._now = midnight(FIRST, "America/Chicago") + timedelta(hours=12)
    desk.service.projector.catch_up()
    Clock(desk.service.ledger, desk.service.reading).tick()
    desk.service.projector.catch_up()
    return desk


def announced(desk: Desk) -> list[PartnerStatusExpired | DeadlinePassed]:
    """What the clock announced of the twelve, in the order of the ledger."""
    recorder = desk.service.ledger.recorder
    positions = [
        (r.position, r.event)
        for n in range(PROGRAMS)
        for r in desk.service.ledger.history("program", f"clock{n:02}")
        if isinstance(r.event, PartnerStatusExpired | DeadlinePassed)
    ]
    assert recorder.head()[0] >= len(positions)
    return [event for _, event in sorted(positions, key=lambda one: one[0])]


@pytest.mark.req("H10", "S0-24", "A2")
def test_thirty_days_without_a_clock(stopped: Desk) -> None:
    """The directory is right on every day of the standstill; then everything is announced once, in order, as planned."""
    client, head = stopped.client(), stopped.head
    for day in (FIRST + DAY * n for n in range(1, STILL + 1)):
        stopped.clock._now = midnight(day, "America/New_York") + timedelta(hours=14)  # noon or morning everywhere
        page = client.get("/partners", q="Friends", limit=100).json()["partners"]
        shown = {p["program_id"]: p["statuses"][0]["status"] for p in page if p["program_id"].startswith("clock")}
        assert shown == {f"clock{n:02}": "active" if day < ends(n) else "expired" for n in range(PROGRAMS)}, day
    assert stopped.head == head, "nobody recorded anything meanwhile"

    ticked = Clock(stopped.service.ledger, stopped.service.reading).tick()
    events = announced(stopped)
    dues = [(e.due_on, e.kind if isinstance(e, DeadlinePassed) else "expiry") for e in events]
    expected = [(ends(n), "expiry") for n in range(PROGRAMS)]
    expected += [(FIRST + DAY * (4 + n), "reply_end") for n in range(PROGRAMS)]
    assert sorted(dues) == sorted(expected), "each once, dated as due"
    moments = [midnight(e.due_on, e.zone) for e in events]
    assert moments == sorted(moments), "in the order in which they came due"
    ours = [program for _, _, program in ticked.announced if program.startswith("clock")]
    assert len(ours) == 2 * PROGRAMS
    assert ticked.late > timedelta(days=25)
    for name in ZONES:
        calendar = stopped.service.ledger.load("calendar", name.replace("/", "."))
        assert calendar.last == FIRST + DAY * (STILL - 1)


@pytest.mark.req("H10")
def test_announcements_are_made_once_whoever_makes_them(stopped: Desk) -> None:
    """Two clocks at once, then one more look, with read models that know of nothing yet and later of all."""
    stopped.clock._now = datetime(2027, 4, 5, 18, tzinfo=UTC)
    clocks = [Clock(stopped.service.ledger, stopped.service.reading) for _ in range(2)]
    threads = [Thread(target=clock.tick) for clock in clocks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(announced(stopped)) == 2 * PROGRAMS
    again = clocks[0].tick()
    assert (again.announced, again.days) == ((), 0)
    stopped.service.projector.catch_up()
    assert clocks[0].tick().announced == ()
    assert len(announced(stopped)) == 2 * PROGRAMS
