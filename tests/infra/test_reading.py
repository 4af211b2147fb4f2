"""The questions: who is shown on a day, as known at a position, in which order, page by page."""

from collections.abc import Generator, Iterator
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from domain.changes import ProgramRenamed
from domain.closure import PartnerStatusClosed, ProgramDiscontinued
from domain.grant import TierGranted
from domain.language import Event
from domain.listing import ProgramListingPaused, ProgramRegistered
from domain.status import HistoricalStatusImported
from domain.transfer import ProgramTransferredToAffiliate
from infra.database import Database, EmbeddedServer, connect, create_schema
from infra.projector import Projector
from infra.reading import CursorInvalid, PartnerFilter, Reading
from infra.recorder import LedgerRecorder
from projections.public import public_row, shown_on
from tests.recorded import record
from tests.small_world import admitted, granted, listed, registered, words

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def renamed(events: tuple[Event, ...], name: str, **more: Any) -> list[Event]:
    """A history of another program."""
    first, *rest = events
    assert isinstance(first, ProgramRegistered)
    return [msgspec.structs.replace(first, display_name=name, **more), *rest]


def regranted(events: tuple[Event, ...], **changes: Any) -> list[Event]:
    """The history with its grants changed."""
    return [msgspec.structs.replace(e, **changes) if isinstance(e, TierGranted) else e for e in events]


def ids_of(reading: Reading, chosen: PartnerFilter | None = None, **more: Any) -> list[str]:
    """The programs of all pages, page by page."""
    found: list[str] = []
    cursor = None
    while True:
        page = reading.partners(chosen or PartnerFilter(), **{"now": NOW, "limit": 2, "cursor": cursor, **more})
        found += [partner.program_id for partner in page.rows]
        cursor = page.next
        if cursor is None:
            return found


DEDICATED, EXPERT = granted(), granted(tier="expert")


@pytest.fixture(scope="module")
def reading(postgres: EmbeddedServer) -> Generator[Reading]:
    """Seven programs: three of one scheme, one of another, one member, one listed, one pending. Nobody writes to it."""
    with connect(*create_schema(postgres, "test_reading", "nqms_template")) as database:
        recorder = LedgerRecorder(database)
        recorder.create_ledger("test")
        _tell(recorder)
        Projector(database, recorder).catch_up()
        yield Reading(database)


def _tell(recorder: LedgerRecorder) -> None:
    stories: dict[str, list[Event]] = {
        "exp2": renamed(EXPERT.events, "zebra Friends"),
        "exp1": renamed(EXPERT.events, "Zebra Friends"),
        "ded": renamed(DEDICATED.events, "Aardvark Mentors", city="Saint Paul"),
        "lean": renamed(granted(scheme="lean").events, "Middle Mentors"),
        "member": renamed(admitted(scheme="member").events, "Éclair Mentors"),
        "plain": renamed(listed().events, "Plain Mentors", jurisdiction="US-WI"),
        "pending": renamed(registered().events, "Pending Mentors"),
    }
    for program, events in stories.items():
        record(recorder, f"program:{program}", events)


BY_NAME = ["ded", "lean", "plain", "exp1", "exp2", "member"]  # é comes after z: by code points, in every locale


@pytest.mark.req("S0-25", "H10")
def test_a_program_that_closed_is_shown_on_the_days_on_which_it_held_a_tier(
    database: Database, recorder: LedgerRecorder
) -> None:
    closing = date(2026, 9, 1)
    for program in ("closed", "open"):
        record(recorder, f"program:{program}", renamed(EXPERT.events, f"{program} Friends"))
    end = PartnerStatusClosed(
        measure_id="m1",
        scheme="full",
        tier="expert",
        zone="America/Chicago",
        effective_on=closing,
        ground="discontinued",
    )
    record(recorder, "program:closed", [end, ProgramDiscontinued(closed_on=closing)], len(EXPERT.events))
    Projector(database, recorder).catch_up()
    reading = Reading(database)
    before, since = date(2026, 8, 31), closing
    assert ids_of(reading, as_of=before) == ["closed", "open"]
    assert ids_of(reading, PartnerFilter(status="active"), as_of=before) == ["closed", "open"]
    assert ids_of(reading, PartnerFilter(scheme="full"), as_of=before) == ["closed", "open"]
    assert ids_of(reading, as_of=since) == ids_of(reading) == ["open"]
    assert [m.members for m in reading.members_on(before, now=NOW)] == [2]
    assert [m.members for m in reading.members_on(since, now=NOW)] == [1]


@pytest.mark.req("S0-25", "A28", "M23")
@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (PartnerFilter(), BY_NAME),
        (PartnerFilter(scheme="full"), ["exp1", "exp2", "ded", "lean", "plain", "member"]),
        (PartnerFilter(tier="full/expert"), ["exp1", "exp2"]),
        (PartnerFilter(tier="full/dedicated"), ["ded"]),
        (PartnerFilter(tier="lean/dedicated"), []),
        (PartnerFilter(scheme="full", status="active"), ["exp1", "exp2", "ded"]),
        (PartnerFilter(affiliate="north"), ["exp1", "exp2", "ded", "lean", "member", "plain"]),
        (PartnerFilter(affiliate="south"), []),
        (PartnerFilter(status="active"), ["ded", "lean", "exp1", "exp2", "member"]),
        (PartnerFilter(status="expired"), []),
        (PartnerFilter(status="none"), ["plain"]),
        (PartnerFilter(tier="full/expert", status="none"), []),
        (PartnerFilter(place="saint paul"), ["ded"]),
        (PartnerFilter(place="us-wi"), ["plain"]),
        (PartnerFilter(q="MENTORS"), ["ded", "lean", "plain", "member"]),
        (PartnerFilter(q="éCLAIR"), ["member"]),
        (PartnerFilter(q="100%"), []),
    ],
)
def test_who_is_listed_in_which_order(reading: Reading, chosen: PartnerFilter, expected: list[str]) -> None:
    assert ids_of(reading, chosen) == expected


@pytest.mark.req("H10")
@pytest.mark.parametrize(
    ("as_of", "status", "expected"),
    [
        (date(2026, 1, 1), "active", []),
        (date(2026, 3, 1), "active", ["ded", "lean", "exp1", "exp2", "member"]),
        (date(2029, 2, 18), "active", ["ded", "exp1", "exp2", "member"]),
        (date(2029, 2, 19), "active", ["member"]),
        (date(2029, 2, 19), "expired", ["ded", "lean", "exp1", "exp2"]),
    ],
)
def test_who_holds_a_tier_on_a_day(reading: Reading, as_of: date, status: Any, expected: list[str]) -> None:
    assert ids_of(reading, PartnerFilter(status=status), as_of=as_of) == expected
    assert reading.partners(now=NOW, as_of=as_of).next_change_at is None


@pytest.mark.req("H10", "S0-24")
def test_an_expired_partner_is_gone_at_midnight_where_it_is_without_any_fact(reading: Reading) -> None:
    chosen = PartnerFilter(scheme="full", status="active")
    midnight = datetime(2029, 2, 19, 6, tzinfo=UTC)  # in Chicago
    assert reading.partners(chosen, now=NOW).next_change_at == midnight
    assert ids_of(reading, chosen, now=datetime(2029, 2, 19, 5, 59, 59, tzinfo=UTC)) == ["exp1", "exp2", "ded"]
    assert ids_of(reading, chosen, now=midnight) == []
    assert reading.partners(chosen, now=midnight).next_change_at is None


def test_the_next_change_is_the_first_midnight_of_any_zone(database: Database, recorder: LedgerRecorder) -> None:
    ends = {"east": ("Pacific/Kiritimati", date(2028, 1, 2)), "west": ("Pacific/Pago_Pago", date(2028, 1, 1))}
    for program, (zone, day) in ends.items():
        record(recorder, f"program:{program}", regranted(DEDICATED.events, zone=zone, expires_on=day))
    Projector(database, recorder).catch_up()
    change = datetime(2028, 1, 1, 10, tzinfo=UTC)
    assert (
        Reading(database).partners(now=NOW).next_change_at == change
    )  # 2 January begins on Kiritimati before the 1st in Samoa
    assert Reading(database).partners(now=change).next_change_at == datetime(2028, 1, 1, 11, tzinfo=UTC)
    assert Reading(database).partners(now=datetime(2028, 1, 1, 11, tzinfo=UTC)).next_change_at is None


def test_what_was_known_is_answered_as_it_was(database: Database, recorder: LedgerRecorder) -> None:
    projector, reading = Projector(database, recorder), Reading(database)
    at_listing = record(recorder, "program:p", listed().events)
    at_grant = record(recorder, "program:p", DEDICATED.events[len(listed().events) :], len(listed().events))
    at_pause = record(recorder, "program:p", [ProgramListingPaused(ground="dormant")], len(DEDICATED.events))
    projector.catch_up()
    active = PartnerFilter(status="active")
    day = date(2026, 6, 1)
    known = {at: ids_of(reading, active, as_of=day, as_known=at) for at in (1, at_listing, at_grant, at_pause)}
    assert known == {1: [], at_listing: [], at_grant: ["p"], at_pause: ["p"]}
    assert ids_of(reading, active, as_of=date(2028, 6, 1)) == [], "paused by then"
    assert ids_of(reading, as_known=at_listing) == ["p"]
    shown = reading.partner("p", as_known=at_listing)
    assert shown is not None
    assert shown.held == {}
    now_shown = reading.partner("p")
    assert now_shown is not None  # out of sight, but its row stays
    assert now_shown.listing == "paused"
    assert reading.partner("p", as_known=1) is None
    assert [m.members for m in reading.members_on(day, now=NOW, as_known=at_listing)] == []
    assert [m.members for m in reading.members_on(day, now=NOW)] == [1]
    change = reading.partners(now=NOW, as_known=at_grant).next_change_at
    assert change == datetime(2029, 2, 19, 6, tzinfo=UTC)


def test_an_import_is_unseen_before_it_is_imported(database: Database, recorder: LedgerRecorder) -> None:
    imported = HistoricalStatusImported(
        scheme="full", tier="expert", rank=2, label="Expert", badge="star", listing="highest", zone="America/Chicago",
        valid_from=date(2020, 1, 1), valid_until=date(2023, 1, 1), source="Paper register", note=words("From a binder."),
    )  # fmt: skip
    before = record(recorder, "program:p", listed().events)
    record(recorder, "program:p", [imported], len(listed().events))
    Projector(database, recorder).catch_up()
    reading, day = Reading(database), date(2021, 1, 1)
    assert ids_of(reading, PartnerFilter(tier="full/expert"), as_of=day) == ["p"]
    assert ids_of(reading, PartnerFilter(tier="full/expert"), as_of=day, as_known=before) == []
    assert ids_of(reading, PartnerFilter(tier="full/expert", status="expired")) == ["p"]
    assert reading.expiries()[0].decision_id is None


def test_partners_by_id_come_in_the_order_asked_for(reading: Reading) -> None:
    found = reading.partners_by_ids(["member", "nobody", "pending", "ded"])
    assert [partner.program_id for partner in found] == ["member", "ded"]


@pytest.mark.req("S4-02")
def test_members_are_counted_by_tier(reading: Reading) -> None:
    counted = [(m.scheme, m.tier, m.members) for m in reading.members_on(date(2026, 6, 1), now=NOW)]
    assert counted == [
        ("full", "expert", 2), ("full", "dedicated", 1), ("lean", "partner", 1), ("member", "affiliate", 1),
    ]  # fmt: skip
    assert reading.members_on(now=datetime(2025, 1, 1, tzinfo=UTC)) == []
    assert reading.members_on(now=NOW, affiliate="south") == []


def test_what_ends_between_two_days(reading: Reading) -> None:
    ends = reading.expiries(date(2029, 2, 19), date(2029, 2, 19), affiliate="north")
    assert [(d.program_id, d.kind) for d in ends] == [("ded", "expires"), ("exp1", "expires"), ("exp2", "expires")]
    assert reading.expiries(date(2029, 2, 20)) == []
    assert reading.expiries(affiliate="south") == []


def test_the_trail_comes_in_pages(reading: Reading) -> None:
    lines: list[int] = []
    cursor = "0"
    while cursor is not None:
        page = reading.trail("program:ded", after=int(cursor), limit=20)
        lines += [line.version for line in page.rows]
        cursor = page.next
    assert lines == list(range(1, len(DEDICATED.events) + 1))
    known = reading.trail("program:ded").rows[4].position
    assert len(reading.trail("program:ded", as_known=known).rows) == 5


def _pages(question: Any, **words: Any) -> Iterator[Any]:
    cursor = None
    while True:
        page = question(cursor=cursor, limit=2, **words)
        yield from page.rows
        cursor = page.next
        if cursor is None:
            return


@pytest.mark.parametrize(
    ("words_", "expected"),
    [
        ({}, ["member", "lean", "ded", "exp1", "exp2"]),
        ({"affiliate": "north", "year": 2026}, ["member", "lean", "ded", "exp1", "exp2"]),
        ({"affiliate": "south"}, []),
        ({"year": 2025}, []),
        ({"q": "zebra"}, ["exp1", "exp2"]),
        ({"program_id": "lean"}, ["lean"]),
        ({"as_known": 5}, []),
    ],
)
def test_decisions_the_latest_first(reading: Reading, words_: dict[str, Any], expected: list[str]) -> None:
    assert [d.dossier.program_id for d in _pages(reading.decisions, **words_)] == expected


def test_one_decision_with_the_name_of_its_program(reading: Reading) -> None:
    (listed_,) = reading.decisions(program_id="lean").rows
    one = reading.decision(listed_.dossier.decision_id)
    assert one is not None
    assert one == listed_
    assert (one.program_name, one.affiliate, one.dossier.outcome) == ("Middle Mentors", "north", "granted")
    assert reading.decision("nothing") is None


def test_workspaces_by_whose_turn_it_is(reading: Reading) -> None:
    waiting = [w.program_id for w in _pages(reading.workspaces, affiliate="north", waiting_on="affiliate_admin")]
    assert waiting == ["exp2", "exp1", "ded", "lean", "pending"]
    assert len(list(_pages(reading.workspaces))) == 7
    assert [w.name for w in _pages(reading.workspaces, q="AARDVARK")] == ["Aardvark Mentors"]
    one = reading.workspace("ded")
    assert one is not None
    assert one.next_act == "IssueReport"
    assert reading.workspace("nobody") is None


@pytest.mark.parametrize("cursor", ["x", "bm90IGpzb24", "WzFd", "ü"])
def test_a_cursor_of_something_else_is_refused(reading: Reading, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        reading.partners(now=NOW, cursor=cursor)


@pytest.mark.req("S0-25", "H10")
def test_on_an_earlier_day_a_program_is_listed_by_the_name_and_at_the_affiliate_of_that_day(
    database: Database, recorder: LedgerRecorder
) -> None:
    renaming, moving = date(2026, 5, 1), date(2026, 7, 1)
    moved: dict[str, Any] = {"from_affiliate": "north", "to": "south", "jurisdiction": "US-GA"}
    later: list[Event] = [
        ProgramTransferredToAffiliate(**moved, effective_on=moving, status_treatment="kept"),
        # Backdated: recorded after the transfer, and true before it.
        ProgramRenamed(former_name="Big Friends", display_name="Able Friends", effective_on=renaming),
    ]
    record(recorder, "program:moved", [*EXPERT.events, *later])
    record(recorder, "program:stayed", renamed(EXPERT.events, "Bold Friends"))
    Projector(database, recorder).catch_up()
    reading = Reading(database)

    def listed_at(affiliate: str, day: date | None) -> list[str]:
        return ids_of(reading, PartnerFilter(affiliate=affiliate), as_of=day)

    before, between, since = date(2026, 4, 30), date(2026, 6, 30), moving
    assert listed_at("north", before) == ["moved", "stayed"]
    assert listed_at("north", between) == ["moved", "stayed"]
    assert listed_at("south", between) == []
    assert (listed_at("north", since), listed_at("south", since)) == (["stayed"], ["moved"])
    assert (listed_at("north", None), listed_at("south", None)) == (["stayed"], ["moved"])
    assert ids_of(reading, PartnerFilter(place="us-ga"), as_of=between) == []
    assert ids_of(reading, PartnerFilter(q="big"), as_of=before) == ["moved"]
    assert ids_of(reading, PartnerFilter(q="big"), as_of=since) == []
    assert ids_of(reading, PartnerFilter(affiliate="north", status="active"), as_of=before) == ["moved", "stayed"]

    def members(day: date | None) -> dict[str, int]:
        return {m.affiliate: m.members for m in reading.members_on(day, now=datetime(2026, 8, 1, tzinfo=UTC))}

    assert members(between) == {"north": 2}
    assert members(since) == members(None) == {"north": 1, "south": 1}
    row = reading.partner("moved")
    assert row is not None
    told = [shown_on(public_row(row, EXPERT.world, 0), NOW, day) for day in (before, between, since, None)]
    assert [(one["name"], one["affiliate"], one["place"]["jurisdiction"]) for one in told] == [
        ("Big Friends", "north", "US-MN"),
        ("Able Friends", "north", "US-MN"),
        ("Able Friends", "south", "US-GA"),
        ("Able Friends", "south", "US-GA"),
    ]
    assert [one["affiliate_name"] for one in told] == [EXPERT.world.affiliate(one["affiliate"]).name for one in told]
