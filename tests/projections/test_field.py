"""The field in figures: exact for programs together, and nothing from which a single program could be made out."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decision import DecideTier, DenyTier
from domain.determination import RecordDetermination, practice
from domain.impartiality import AssignDecider, DeclareConflict
from domain.program import Phase, Program
from domain.values import InstrumentRef, field_types
from projections.field import (
    FEWEST,
    RESULTS,
    Again,
    Case,
    Cohort,
    Decided,
    Judged,
    Period,
    Reviewed,
    Told,
    cohorts,
    model,
    years_over,
)
from projections.language import follow
from tests.recorded import told
from tests.small_policies import INSTRUMENT
from tests.small_tenure import PANEL, decision_of, denied, empanelled, hearing
from tests.small_world import (
    ADMIN,
    DECIDER,
    NO,
    NOT_APPLICABLE,
    REVIEWER,
    admitted,
    attested,
    decider_named,
    granted,
    rated,
    under_review,
    words,
    yes,
)
from tests.walker import STEPS, Walker

ONE, TWO = InstrumentRef("SMALL", "1", "1" * 64), InstrumentRef("SMALL", "2", "2" * 64)
COUNTING = frozenset(i.id for i in INSTRUMENT.counting("all_counting"))


def row_after(events: Iterable[Any]) -> Reviewed:
    """The last row that facts lead to, each stored and read again in between."""
    row: Reviewed | None = None
    for fact in told("program:prog1", events):
        row = model.fold(row, fact)
        row = model.load(model.dump(row)) if row else None
    return row or Reviewed()


def results(p: Program, cycle_id: str) -> dict[str, str]:
    """What the domain says was found."""
    found = ((i.id, practice(p.cycles[cycle_id], i.id)) for i in INSTRUMENT.items)
    return {i: str(f.quality) if f.state == "in_practice" else f.state for i, f in found}


def agrees(events: Iterable[Any], p: Program) -> int:
    """Checks that every decided cycle was judged as the domain says; how many there are."""
    last = {j.cycle_id: j.found for j in row_after(events).judged}
    decided = [c.cycle_id for c in p.cycles.values() if c.phase is Phase.DECIDED]
    for cycle_id in decided:
        assert last[cycle_id] == results(p, cycle_id)
    return len(decided)


# --- the row ------------------------------------------------------------------------------------------------------

MIXED: dict[str, Any] = {
    "answers": {"A1": yes(4), "A2": yes(5), "B3": yes(1), "B4": NOT_APPLICABLE, "C6": NO},
    "not_verified": ("C5",),
}


@pytest.mark.req("S2-08")
def test_what_a_review_found_is_kept_with_the_day_and_the_instrument() -> None:
    case = granted(**MIXED)
    (judged,) = row_after(case.events).judged
    assert judged.found == {
        "A1": "4", "A2": "5", "B3": "1", "B4": "not_applicable", "C5": "not_verified", "C6": "not_in_practice",
    }  # fmt: skip
    assert case.cycle.access
    assert (judged.scheme, judged.cycle_id, judged.instrument) == ("full", case.cycle_id, case.cycle.access.instrument)
    assert judged.decided_on == case.p.decisions[decision_of(case, "granted")].decided_on
    assert agrees(case.events, case.p) == 1


def test_the_reviewers_word_counts_not_the_programs() -> None:
    case = under_review()
    unseen = RecordDetermination(
        cycle_id=case.cycle_id, item_id="A1", outcome="not_verified", reason=words("Nobody could show it.")
    )
    case.must(REVIEWER, unseen)
    (under_way,) = row_after(case.events).cases.values()
    assert (under_way.rated["A1"], under_way.found) == ("3", {"A1": "not_verified"})


@pytest.mark.parametrize("kind", ["renewal", "corrective"])
def test_later_cycles_stand_beside_the_first(kind: Any) -> None:
    case = granted(answers={"A1": yes(2)})
    case.world.later(days=800)
    granted.again(case, kind=kind, answers={"A1": yes(5)}, doubted=("A1",) if kind == "corrective" else ())
    assert [j.found["A1"] for j in row_after(case.events).judged] == ["2", "5"]
    assert agrees(case.events, case.p) == 2


def test_what_an_advancement_carries_over_counts_in_it() -> None:
    case = granted(answers={"A1": NO, "A2": yes(5)})
    case.world.later(days=100)
    granted.again(case, kind="advancement", answers={"A1": yes(1)}, tier="expert")
    first, second = row_after(case.events).judged
    assert (first.found["A1"], second.found["A1"], second.found["A2"]) == ("not_in_practice", "1", "5")
    assert agrees(case.events, case.p) == 2


def test_a_denial_that_ends_the_cycle_counts_one_that_leaves_it_open_does_not() -> None:
    ended = decider_named(scheme="member", answers={"A1": NO, "A2": NO, "C5": NO})
    ended.must(DECIDER, DenyTier(cycle_id=ended.cycle_id, tier="full", reasons=words("Too little is in place.")))
    assert [j.found["A1"] for j in row_after(ended.events).judged] == ["not_in_practice"]
    assert row_after(denied(answers={"C5": NO}).events).judged == ()
    assert row_after(admitted(scheme="member").events).judged == ()
    assert row_after(attested().events).judged == ()


def test_a_tier_that_is_held_while_work_is_under_way_ends_nothing() -> None:
    case = rated(scheme="member")
    case.must(DECIDER, DeclareConflict(cycle_id=case.cycle_id, nature="none"))
    case.must(ADMIN, AssignDecider(cycle_id=case.cycle_id, person=DECIDER))
    grant = DecideTier(cycle_id=case.cycle_id, tier="associate", rationale=words("They have begun."))
    assert row_after(case.must(DECIDER, grant).events).judged == ()


def test_a_panels_ruling_is_a_decision_of_its_own_and_changes_no_earlier_one() -> None:
    case = granted(answers={"C5": NO})
    appeal_id = empanelled(case, decision_of(case, "granted"))
    case.must(PANEL[0], hearing(appeal_id, "overturned", tier="expert", redetermined={"C5": 4}))
    assert [j.found["C5"] for j in row_after(case.events).judged] == ["not_in_practice", "4"]
    assert agrees(case.events, case.p) == 1


def test_whatever_way_a_life_goes_the_figures_are_the_domains() -> None:
    compared = 0
    for seed in range(25):
        walker = Walker(seed)
        for _ in range(max(STEPS)):
            walker.step()
            if walker.over:
                break
        compared += agrees(walker.world.streams.get(("program", "prog1"), ()), walker.p)
    assert compared >= 20


@pytest.mark.req("H11")
def test_a_row_has_no_place_for_persons_or_words() -> None:
    assert set(field_types(Reviewed)) == {"cases", "judged"}
    assert set(field_types(Case)) == {"instrument", "rated", "found"}
    assert set(field_types(Judged)) == {"cycle_id", "scheme", "instrument", "decided_on", "found"}
    shown = model.dump(row_after(granted().events))
    assert "p_" not in shown
    assert "t_" not in shown


def test_only_facts_about_practices_change_the_row() -> None:
    case = granted()
    rows = [row for row in follow(model, told("program:prog1", case.events)) if row]
    items = len(INSTRUMENT.items)
    assert len({id(row) for row in rows}) == 1 + items + 1 + 1  # access, ratings, all confirmed together, granted


# --- what is told -------------------------------------------------------------------------------------------------


def decided(n: int, year: int, ref: InstrumentRef = ONE, cycle: str = "", **found: str) -> Decided:
    """The n-th program, decided in a year."""
    given = {"program": f"program:p{n}", "cycle_id": cycle or f"c{n}-{year}", "instrument": ref}
    return Decided(**given, decided_on=date(year, 6, 1), found=found or {"A1": "3"})


def told_of(*known: Decided, through: int = 2030) -> list[Period]:
    """The periods of the only cohort."""
    (cohort,) = cohorts(known, through, lambda ref: COUNTING)
    return list(cohort.periods)


@pytest.mark.req("S2-08")
def test_four_programs_are_not_told_and_five_are() -> None:
    four = [decided(n, 2026) for n in range(4)]
    assert told_of(*four) == [Period(first=2026, last=2030, told=None)]
    (period,) = told_of(*four, decided(4, 2026))
    assert (period.first, period.last) == (2026, 2026)
    assert period.told
    assert period.told.programs == 5
    assert period.told.items["A1"] == {**dict.fromkeys(RESULTS, 0), "3": 5}


def test_a_program_with_two_decisions_is_one_program() -> None:
    four = [decided(n, 2026) for n in range(4)]
    assert [p.told for p in told_of(*four, decided(3, 2027))] == [None]


def test_years_are_put_together_until_there_are_five_programs() -> None:
    known = [decided(n, 2026 + n // 2) for n in range(7)]  # two in each year, one in the last
    assert [(p.first, p.last, p.told and p.told.programs) for p in told_of(*known)] == [
        (2026, 2028, 6),
        (2029, 2030, None),
    ]


def test_in_years_put_together_the_last_decision_counts() -> None:
    known = [decided(n, 2026, A1="1") for n in range(4)]
    (period,) = told_of(*known, decided(3, 2027, A1="5"), decided(4, 2027, A1="5"))
    assert period.told
    assert (period.told.programs, period.told.items["A1"]["1"], period.told.items["A1"]["5"]) == (5, 3, 2)


def test_a_year_that_is_not_over_is_not_told() -> None:
    five = [decided(n, 2026) for n in range(5)]
    assert cohorts(five, 2025, lambda ref: COUNTING) == []
    assert told_of(*five, *[decided(n, 2027) for n in range(5, 12)], through=2026) == told_of(*five, through=2026)


@pytest.mark.parametrize(
    ("now", "year"),
    [
        (datetime(2027, 1, 1, 0, 0, tzinfo=UTC), 2025),
        (datetime(2027, 1, 1, 11, 59, 59, tzinfo=UTC), 2025),
        (datetime(2027, 1, 1, 12, 0, tzinfo=UTC), 2026),
        (datetime(2027, 12, 31, 23, 0, tzinfo=UTC), 2026),
    ],
)
def test_a_year_is_over_when_it_is_over_everywhere(now: datetime, year: int) -> None:
    assert years_over(now) == year


def test_each_version_of_the_instrument_stands_alone() -> None:
    known = [decided(n, 2026) for n in range(5)] + [decided(n, 2026, TWO) for n in range(5, 9)]
    one, two = cohorts(known, 2030, lambda ref: COUNTING)
    assert (one.instrument, two.instrument) == (ONE, TWO)
    assert [p.told and p.told.programs for p in (*one.periods, *two.periods)] == [5, None]


@pytest.mark.req("S2-08")
def test_shares_and_levels_count_the_practices_that_count_and_apply() -> None:
    found: dict[str, Any] = {
        "A1": "5",
        "A2": "not_in_practice",
        "B3": "2",
        "B4": "not_applicable",
        "C5": "not_verified",
        "C6": "5",
    }
    (period,) = told_of(*[decided(n, 2026, **found) for n in range(5)])
    assert period.told
    assert (period.told.share_in_place, period.told.mean_level) == (0.5, 1.75)
    assert set(period.told.items) == set(found)
    none: dict[str, Any] = dict.fromkeys(("A1", "A2"), "not_applicable")
    (period,) = told_of(*[decided(n, 2026, **none) for n in range(5)])
    assert period.told
    assert (period.told.share_in_place, period.told.mean_level) == (None, None)


@pytest.mark.req("S2-08")
def test_the_years_tell_in_how_many_programs_quality_rose() -> None:
    first = [decided(n, 2026, A1="3") for n in range(6)]
    later = ["5", "5", "4", "3", "not_in_practice"]
    second = [decided(n, 2029, A1=result) for n, result in enumerate(later)]
    before, after = told_of(*first, *second)
    assert before.told
    assert after.told
    assert before.told.again is None
    assert after.told.again == Again(programs=5, rose=3, same=1, fell=1)
    assert (before.told.mean_level, after.told.mean_level) == (3.0, 3.4)


def test_how_quality_changed_is_not_told_of_fewer_than_five() -> None:
    first = [decided(n, 2026, A1="3") for n in range(5)]
    second = [decided(n, 2029, A1="5") for n in (*range(4), 9)]
    *_, after = told_of(*first, *second)
    assert after.told
    assert (after.told.programs, after.told.again) == (5, None)


def test_a_cycle_decided_again_is_compared_with_no_other() -> None:
    known = [decided(n, year, cycle=f"c{n}", A1=str(year - 2024)) for n in range(5) for year in (2026, 2027)]
    assert [p.told.again for p in told_of(*known) if p.told] == [None, None]


@pytest.mark.req("S2-08")
def test_a_new_version_of_the_instrument_is_compared_with_the_old_one() -> None:
    known = [decided(n, 2026, A1="2") for n in range(5)] + [decided(n, 2029, TWO, A1="3") for n in range(5)]
    _, new = cohorts(known, 2030, lambda ref: COUNTING)
    assert new.periods[0].told
    assert new.periods[0].told.again == Again(programs=5, rose=5, same=0, fell=0)


FIELDS = st.lists(
    st.builds(
        decided,
        st.integers(0, 12),
        st.integers(2026, 2031),
        st.sampled_from((ONE, TWO)),
        A1=st.sampled_from(RESULTS),
        C5=st.sampled_from(RESULTS),
    ),
    min_size=10,
    max_size=60,
)


@given(FIELDS)
def test_what_is_told_overlaps_with_nothing_is_of_five_at_least_and_stays(known: list[Decided]) -> None:
    """No answer contains another, and what a year told is told the same ever after: nothing is found by taking away."""
    before: dict[InstrumentRef, list[Period]] = {}
    for through in range(2025, 2033):
        for cohort in cohorts(known, through, lambda ref: COUNTING):
            years = [y for p in cohort.periods for y in range(p.first, p.last + 1)]
            assert len(years) == len(set(years))
            assert [p.told is None for p in cohort.periods[:-1]] == [False] * (len(cohort.periods) - 1)
            open_told = [p for p in cohort.periods if p.told]
            assert open_told[: len(before.get(cohort.instrument, []))] == before.get(cohort.instrument, [])
            before[cohort.instrument] = open_told
            for period in open_told:
                _of_five_at_least(period, cohort, known)


def _of_five_at_least(period: Period, cohort: Cohort, known: list[Decided]) -> None:
    years = range(period.first, period.last + 1)
    programs = {d.program for d in known if d.instrument == cohort.instrument and d.decided_on.year in years}
    assert period.told
    assert period.told.programs == len(programs) >= FEWEST
    assert {sum(counts.values()) for counts in period.told.items.values()} == {len(programs)}
    assert period.told.again is None or period.told.again.programs >= FEWEST


def test_what_is_told_has_no_place_for_a_program() -> None:
    assert "program" not in {name for kind in (Told, Period, Cohort, Again) for name in field_types(kind)}
