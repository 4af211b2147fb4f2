"""The way of one command through a real ledger: once, again when something changed, refused whole."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.demo.cast import LAKE
from api.demo.doors import LedgerDoor, StoryClock
from api.demo.journey import Journey, journey
from api.demo.world import found
from domain.affiliate import RecordStaffDeparture
from domain.assessment import RateItem
from domain.language import Command, Refused
from domain.listing import RegisterProgram
from domain.membership import SubmitMembershipApplication
from infra.database import Database
from infra.ledger import Executed, Ledger, StaleVersion
from infra.records import CommandReused
from infra.settings import Settings
from infra.wiring import assemble


@pytest.fixture
def open_case(database: Database, tmp_path: Any) -> Journey:
    """A program whose assessment is open, on a ledger with a story's clock."""
    clock = StoryClock(datetime.now(UTC) - timedelta(days=60))
    service = assemble(Settings(data_dir=tmp_path / "data"), database, clock)
    door = LedgerDoor(service, clock)
    found(door)
    return journey(door, LAKE).listed().requested().assisted().opened()


def ledger_of(case: Journey) -> Ledger:
    """The ledger behind the story's door."""
    assert isinstance(case.door, LedgerDoor)
    return case.door.service.ledger


def execute(case: Journey, part: str, command: type[Command], body: Any, **how: Any) -> Executed:
    """A command by somebody of the story."""
    return ledger_of(case).execute(case.program_id, command, body, person=case.id_of(part), **how)


def rating(case: Journey, item_id: str, quality: int = 3, **more: Any) -> dict[str, Any]:
    """A rating as it comes in."""
    return {"cycle_id": case.cycle_id, "item_id": item_id, "in_practice": "yes", "quality": quality, **more}


@pytest.mark.req("S1-15")
def test_ratings_of_different_items_at_once_all_go_through(open_case: Journey) -> None:
    items = [i.id for i in open_case.instrument.items][:16]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda i: execute(open_case, "staff", RateItem, rating(open_case, i)), items))
    assert len({d.version for d in done}) == len(items)
    answers = ledger_of(open_case).load("program", open_case.program_id).cycles[open_case.cycle_id].answers
    assert {i: (a.rating.quality, a.revision) for i, a in answers.items()} == dict.fromkeys(items, (3, 1))


@pytest.mark.req("S1-15")
def test_two_ratings_of_one_item_at_once_are_one_rating_and_one_refusal(open_case: Journey) -> None:
    def rate(quality: int) -> str:
        try:
            execute(open_case, "staff", RateItem, rating(open_case, "A1", quality))
        except Refused as refused:
            return refused.refusal.codes[0]
        return "rated"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(rate, [2, 5])) == ["ITEM_CHANGED_BY_OTHER", "rated"]


def test_the_same_key_gives_the_same_answer_and_no_second_fact(open_case: Journey) -> None:
    first = execute(open_case, "staff", RateItem, rating(open_case, "A1"), idempotency_key="k1")
    again = execute(open_case, "staff", RateItem, rating(open_case, "A1"), idempotency_key="k1")
    assert (again.version, again.position, again.events) == (first.version, first.position, first.events)
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(CommandReused):
        execute(open_case, "staff", RateItem, rating(open_case, "A1", 5), idempotency_key="k1")
    assert ledger_of(open_case).load("program", open_case.program_id).version == first.version


def test_the_same_key_at_once_is_one_fact(open_case: Journey) -> None:
    def rate(_: int) -> int:
        return execute(open_case, "staff", RateItem, rating(open_case, "A1"), idempotency_key="k2").version

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(rate, range(4)))) == 1


def test_a_version_that_was_seen_is_held_to(open_case: Journey) -> None:
    seen = ledger_of(open_case).load("program", open_case.program_id).version
    execute(open_case, "staff", RateItem, rating(open_case, "A1"), expected_version=seen)
    with pytest.raises(StaleVersion, match=f"you have seen version {seen}"):
        execute(open_case, "staff", RateItem, rating(open_case, "A2"), expected_version=seen)


def test_a_command_is_decided_again_when_what_it_looked_at_has_changed(
    open_case: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reviewer leaves the staff between the look at the register and the append of the assignment."""
    case = open_case.rated().submitted()
    case.in_cycle("reviewer", "DeclareConflict", nature="none")
    ledger = ledger_of(case)
    original, left = ledger.recorder.append, []

    def append(asked: Any) -> Any:
        if not left:
            left.append(True)
            gone = {"person": case.id_of("reviewer")}
            ledger.execute("mn", RecordStaffDeparture, gone, person=case.id_of("administrator"))
        return original(asked)

    monkeypatch.setattr(ledger.recorder, "append", append)
    with pytest.raises(Refused, match="is no reviewer of the affiliate"):
        case.in_cycle("administrator", "AssignReviewer", person=case.id_of("reviewer"))


@pytest.mark.req("S4-14")
def test_a_preview_records_nothing(open_case: Journey) -> None:
    before = ledger_of(open_case).recorder.head()
    seen = execute(open_case, "staff", RateItem, rating(open_case, "A1"), preview=True)
    assert [type(e).__name__ for e in seen.events] == ["SelfAssessmentStarted", "ItemRated"]
    assert seen.preview
    assert ledger_of(open_case).recorder.head() == before


def test_what_is_refused_leaves_no_word_in_the_vault(open_case: Journey) -> None:
    asked = rating(open_case, "Z99") | {"in_practice": "not_applicable", "quality": None, "reason": "Because."}
    assert isinstance(open_case.door, LedgerDoor)
    database = open_case.door.service.database

    def kept() -> Any:
        with database.pool.connection() as connection:
            return connection.execute("SELECT count(*) FROM vault.secrets").fetchone()

    before = kept()
    with pytest.raises(Refused, match="no item Z99"):
        execute(open_case, "staff", RateItem, asked)
    assert kept() == before


def test_a_listing_number_belongs_to_one_program(open_case: Journey) -> None:
    ledger = ledger_of(open_case)
    body = {
        "legal_name": "Other",
        "display_name": "Other",
        "affiliate": "mn",
        "jurisdiction": "US-MN",
        "city": "Elsewhere",
        "began_operating_on": "2020-01-01",
        "models": ["group"],
        "ages": [8, 12],
        "serves_youth": True,
        "connector_ref": LAKE.connector_ref,
    }
    with pytest.raises(Refused, match=LAKE.connector_ref):
        ledger.execute("00000000-0000-4000-8000-000000000001", RegisterProgram, body, person="p_somebody")
    assert ledger.load("program", "00000000-0000-4000-8000-000000000001").version == 0


def test_a_scheme_of_another_affiliate_is_refused(open_case: Journey) -> None:
    asked = {"scheme": "mmp-qbm", "requested_level": "affiliate", "desired_level": "partner", "formal": True}
    with pytest.raises(Refused, match="belongs to mmp"):
        execute(open_case, "lead", SubmitMembershipApplication, asked)
    assert "mmp-qbm" not in ledger_of(open_case).load("program", open_case.program_id).memberships
