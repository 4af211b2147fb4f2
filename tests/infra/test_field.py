"""The figures of the field out of the database: from five programs on, over years in which quality rises."""

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from domain.instrument.model import ALL_COUNTING
from domain.language import Event
from domain.listing import ProgramRegistered
from domain.values import InstrumentRef
from infra.database import Database, EmbeddedServer, connect, create_schema
from infra.projector import Projector
from infra.reading import Reading
from infra.recorder import LedgerRecorder
from projections.field import Again, Period, cohorts, years_over
from tests.recorded import record
from tests.small_policies import INSTRUMENT
from tests.small_world import NO, Case, granted, yes

LOW: dict[str, Any] = {"A1": NO, **{i.id: yes(2) for i in INSTRUMENT.items[1:]}}
HIGH: dict[str, Any] = {i.id: yes(4) for i in INSTRUMENT.items}
COUNTING = frozenset(i.id for i in INSTRUMENT.counting(ALL_COUNTING))


def renewed() -> Case:
    """Granted in 2026 with much to do, renewed in 2027 with all in place."""
    case = granted(scheme="lean", answers=LOW)
    case.world.later(days=500)
    return granted.again(case, kind="renewal", answers=HIGH)


def counting(ref: InstrumentRef) -> frozenset[str]:
    """Which practices count."""
    return COUNTING


def told(reading: Reading, scheme: str, through: int = 2027) -> list[Period]:
    """The periods of the scheme's only cohort, or none."""
    return [p for cohort in cohorts(reading.decided(scheme, through), through, counting) for p in cohort.periods]


@pytest.fixture(scope="module")
def reading(postgres: EmbeddedServer) -> Generator[Reading]:
    """Five programs of one scheme and four of another. Nobody writes to it."""
    with connect(*create_schema(postgres, "test_field", "nqms_template")) as database:
        recorder = LedgerRecorder(database)
        recorder.create_ledger("test")
        lean, full = renewed().events, granted().events
        for n in range(5):
            record(recorder, f"program:lean{n}", named(lean, f"Lean Mentors {n}"))
        for n in range(4):
            record(recorder, f"program:full{n}", named(full, f"Full Mentors {n}"))
        Projector(database, recorder).catch_up()
        yield Reading(database)


def named(events: tuple[Event, ...], name: str) -> list[Event]:
    """The history of another program."""
    first, *rest = events
    assert isinstance(first, ProgramRegistered)
    return [msgspec.structs.replace(first, display_name=name), *rest]


@pytest.mark.req("S2-08")
def test_quality_is_seen_to_rise_over_the_years(reading: Reading) -> None:
    first, second = told(reading, "lean")
    assert (first.first, first.last, second.first, second.last) == (2026, 2026, 2027, 2027)
    assert first.told
    assert second.told
    assert (first.told.programs, first.told.share_in_place, first.told.mean_level) == (5, 0.8, 1.6)
    assert (second.told.programs, second.told.share_in_place, second.told.mean_level) == (5, 1.0, 4.0)
    assert (first.told.again, second.told.again) == (None, Again(programs=5, rose=5, same=0, fell=0))
    assert (first.told.items["A1"]["not_in_practice"], second.told.items["A1"]["4"]) == (5, 5)


def test_four_programs_are_not_told(reading: Reading) -> None:
    assert told(reading, "full") == [Period(first=2026, last=2027, told=None)]
    assert told(reading, "nosuch") == []


@pytest.mark.parametrize(("now", "years"), [("2026-12-31", []), ("2027-01-02", [2026]), ("2028-01-02", [2026, 2027])])
def test_a_year_is_told_once_it_is_over(reading: Reading, now: str, years: list[int]) -> None:
    through = years_over(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert [p.first for p in told(reading, "lean", through)] == years


def test_the_fifth_program_makes_the_difference(database: Database, recorder: LedgerRecorder) -> None:
    projector, reading = Projector(database, recorder), Reading(database)
    events = granted(scheme="lean").events
    seen: list[bool] = []
    for n in range(5):
        record(recorder, f"program:p{n}", events)
        projector.catch_up()
        seen += [p.told is not None for p in told(reading, "lean")]
    assert seen == [False, False, False, False, True]
    assert projector.verify(["field"]) == []


def test_states_are_those_of_the_programs_asked_for(reading: Reading) -> None:
    states = reading.states(["lean3", "nobody", "full0"])
    assert {k: p.listing.display_name for k, p in states.items()} == {
        "lean3": "Lean Mentors 3", "full0": "Full Mentors 0",
    }  # fmt: skip
