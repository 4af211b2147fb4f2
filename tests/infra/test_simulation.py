"""Synthetic history: the ledger says what the oracle expects, the rules would have answered so, the seed decides all."""

import dataclasses
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from domain import EVENTS
from infra.database import Database, EmbeddedServer, connect, create_schema
from infra.documents import DocumentStore
from infra.keyring import Keyring
from infra.recorder import LedgerRecorder
from infra.settings import Settings
from infra.simulation.drawing import life
from infra.simulation.fates import fates
from infra.simulation.filing import Shelves
from infra.simulation.lives import told
from infra.simulation.loading import LedgerNotEmpty
from infra.simulation.oracle import Oracle
from infra.simulation.simulate import Simulated, Size, oracles, program_ids, simulate, spans, world_of
from infra.simulation.tale import Tale
from infra.simulation.telling import Teller
from infra.simulation.world import LAST_DAY, World
from infra.vault import Vault
from infra.verification import verify
from infra.wiring import Service, assemble
from tests.expected import days, decisions, listed, ruled, schemes, shown

SMALL = Size(programs=14, years=4, seed=3)
MEDIUM = Size(programs=80, years=10, seed=1)
OF_THE_WORLD = {
    "AffiliateChartered", "AffiliateJurisdictionSet", "AffiliateCharterEnded", "StaffAppointed", "StaffDeparted",
    "DecisionDelegated", "InterestRegistered", "InterestEnded", "WorkshopOffered", "WorkshopCancelled", "BenefitOpened",
    "BenefitClosed", "PolicyVersionProposed", "PolicyVersionPublished", "InstrumentVersionPublished", "DayEnded",
}  # fmt: skip
"""Facts about affiliates, policies, instruments and calendars, which are no program's."""


OF_THE_SERVICE = {
    *("LedgerOpened", "DirectoryPublished", "DirectoryPublishedV2"),
    *("ErasureProposed", "ErasureDeclined", "PersonErased"),
}
"""Facts about the ledger itself, its directory of the day, and people."""


def _simulated(database: Database, folder: Path, size: Size, workers: int = 1) -> Simulated:
    keyring = Keyring(folder / "keys")
    shelves = Shelves(Vault(database.pool, keyring), DocumentStore(folder / "documents", keyring, database.pool))
    return simulate(database, shelves, size, "nqms", workers=workers, progress=lambda *_: None)


@pytest.fixture(scope="module")
def service(postgres: EmbeddedServer) -> Generator[Service]:
    """A small simulated ledger with its read models. Nobody writes to it."""
    folder = Path(tempfile.mkdtemp(prefix="nqt-"))
    try:
        with connect(*create_schema(postgres, "test_simulation", "nqms_template")) as database:
            told = _simulated(database, folder, SMALL)
            service = assemble(Settings(data_dir=folder), database)
            service.projector.catch_up()
            assert service.ledger.recorder.head()[0] == told.loaded.events
            yield service
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def expected() -> dict[str, Oracle]:
    """What is expected of each program, drawn anew from the seed."""
    return dict(oracles(SMALL))


def _tale(world: World, size: Size, index: int, *, direct: bool = True) -> Tale:
    programs = program_ids(size)
    drawn = life(world, index, programs[index], fates(world, size.programs, size.years).get(index, []))
    return Teller(world, drawn, programs, direct=direct).tell()


def test_every_day_of_every_program_is_as_the_oracle_expects(service: Service, expected: dict[str, Oracle]) -> None:
    wrong, pairs = Counter[str](), 0
    some_days = days(world_of(SMALL).begin - timedelta(days=30), LAST_DAY + timedelta(days=800))
    for program, oracle in expected.items():
        state, row = service.ledger.load("program", program), service.reading.partner(program)
        for scheme in schemes(state, oracle):
            truth = [oracle.status(scheme, day) for day in some_days]
            wrong[f"rules {program}"] += list(ruled(state, scheme, some_days)) != truth
            wrong[f"directory {program}"] += list(shown(row, scheme, some_days)) != truth
            pairs += len(some_days)
    assert +wrong == {}
    assert pairs > 20_000


@pytest.mark.parametrize("status", ["active", "expired", "suspended"])
def test_the_directory_lists_on_a_day_whom_the_oracle_expects(
    service: Service, expected: dict[str, Oracle], status: str
) -> None:
    """Of the programs that are listed now, and of those that were closed or merged since where a term ran on the day."""
    held = ("active", "extended") if status == "active" else (status,)
    rows = {program: service.reading.partner(program) for program in expected}
    now_listed = {program for program, row in rows.items() if row and row.listing == "listed"}
    ended = {program for program, row in rows.items() if row and row.listing in ("merged", "discontinued")}
    assert len(now_listed) > 8

    def said(program: str, day: date) -> dict[str, str]:
        return {t.scheme: expected[program].status(t.scheme, day)[0] for t in expected[program].terms}

    for day in days(world_of(SMALL).begin, LAST_DAY, 97):
        then = {p for p in ended if {*said(p, day).values()} & {"active", "extended", "suspended"}}
        truth = {(p, scheme) for p in now_listed | then for scheme, now in said(p, day).items() if now in held}
        assert listed(service, day, status) == truth, f"{status} on {day}"


def test_the_decisions_are_those_that_the_oracle_expects(service: Service, expected: dict[str, Oracle]) -> None:
    made = {p: decisions(one.event for one in service.ledger.history("program", p)) for p in expected}
    assert made == {program: oracle.decisions for program, oracle in expected.items()}
    assert sum(map(len, made.values())) > 15


def test_a_simulated_ledger_is_verified(service: Service) -> None:
    checks = verify(service)
    assert [str(check) for check in checks if not check.fine] == []
    counts = {check.name: check.count for check in checks}
    assert counts["decisions"] > 10
    assert counts["documents"] > 30
    assert counts["words"] > 30


def test_the_same_seed_is_the_same_ledger_however_many_work(
    service: Service, database: Database, tmp_path: Path
) -> None:
    again = _simulated(database, tmp_path, SMALL, workers=2)
    facts, others = service.ledger.recorder, LedgerRecorder(database)
    head = facts.head()[0]
    assert head == again.loaded.events
    mine, theirs = facts.read(0, head), others.read(0, head)
    assert [dataclasses.astuple(f) for f in mine] == [dataclasses.astuple(f) for f in theirs]
    rows = "SELECT * FROM ledger.commands ORDER BY position, command_id"
    claims = "SELECT * FROM ledger.claims ORDER BY position"
    for query in (rows, claims):
        with psycopg.connect(service.database.app_dsn) as one, psycopg.connect(database.app_dsn) as other:
            assert one.execute(query).fetchall() == other.execute(query).fetchall()


def test_another_seed_is_another_history(tmp_path: Path) -> None:
    runs: list[bytes] = []
    for seed in (3, 4):
        size = Size(3, 2, seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        runs += [batch.run.read_bytes() for batch in told(world_of(size), program_ids(size), 2, folder, 1)]
    assert len(runs) == 2
    assert runs[0] != runs[1]


def test_a_ledger_with_facts_takes_no_simulation(database: Database, tmp_path: Path) -> None:
    recorder = LedgerRecorder(database)
    recorder.create_ledger("test")
    with pytest.raises(LedgerNotEmpty, match="holds facts already"):
        _simulated(database, tmp_path, Size(2, 1, 1))
    assert recorder.head()[0] == 1
    assert list((tmp_path / "documents").rglob("d_*")) == []


@pytest.mark.parametrize("index", [0, 1, 5, 8, 11])
def test_the_rules_would_have_answered_what_is_noted_directly(index: int) -> None:
    """Ratings, evidence, rulings and announcements are noted without asking; asked for, they come out the same."""
    world = world_of(SMALL)
    noted, asked = (_tale(world, SMALL, index, direct=direct).book for direct in (True, False))
    assert noted.told == asked.told
    assert noted.states == asked.states
    commands = Counter(told.command for told in noted.told)
    assert index == 8 or commands["RateItem"] > 50 or commands["DeclineListing"]


def test_every_kind_of_fact_occurs_in_a_medium_world() -> None:
    world, seen = world_of(MEDIUM), set[str]()
    sizes: list[int] = []
    for index in range(MEDIUM.programs):
        events = [event for told in _tale(world, MEDIUM, index).book.told for event in told.events]
        seen |= {type(event).__name__ for event in events}
        sizes.append(len(events))
    published = {event.__name__ for event in EVENTS.values()}
    assert published - seen - OF_THE_WORLD == OF_THE_SERVICE
    assert {type(event).__name__ for told in world.told for event in told.events} == OF_THE_WORLD
    assert max(sizes) < 10_000


def test_the_expected_stretches_say_each_turn_once(expected: dict[str, Oracle]) -> None:
    begin = world_of(SMALL).begin
    for oracle in expected.values():
        turns = list(spans(oracle, begin))
        for scheme in {t["scheme"] for t in turns}:
            own = [(t["status"], t["tier"]) for t in turns if t["scheme"] == scheme]
            assert all(a != b for a, b in pairwise(own))
            dates = [t["since"] for t in turns if t["scheme"] == scheme]
            assert dates == sorted(set(dates))


@pytest.mark.soak
def test_a_hundred_thousand_events_are_as_the_oracle_expects(postgres: EmbeddedServer, tmp_path: Path) -> None:
    """At full width: 24 affiliates, ten years, every program and over a hundred thousand pairs of program and day."""
    size, pairs = Size(programs=125, years=10, seed=1), 0
    with connect(*create_schema(postgres, "test_simulation_soak", "nqms_template")) as database:
        simulated = _simulated(database, tmp_path, size, workers=2)
        assert simulated.loaded.events > 100_000
        service = assemble(Settings(data_dir=tmp_path), database)
        service.projector.catch_up()
        some_days = days(simulated.begin - timedelta(days=30), LAST_DAY + timedelta(days=800), 4)
        for program, oracle in oracles(size):
            state, row = service.ledger.load("program", program), service.reading.partner(program)
            for scheme in schemes(state, oracle):
                truth = [oracle.status(scheme, day) for day in some_days]
                assert list(ruled(state, scheme, some_days)) == truth, program
                assert list(shown(row, scheme, some_days)) == truth, program
                pairs += len(some_days)
            assert decisions(one.event for one in service.ledger.history("program", program)) == oracle.decisions
        assert pairs >= 100_000
        assert [str(check) for check in verify(service) if not check.fine] == []
