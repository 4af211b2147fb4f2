"""The oracle, held against calendars written by hand: it is simple enough to be read, and still looked at."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from infra.simulation import acts
from infra.simulation.acts import Adverse, Found, Rules, Tier
from infra.simulation.oracle import Expected, Oracle

TWO = Rules(
    "two", "1", "north", date(2010, 1, 1), (Tier("low", "plan"), Tier("high", "all")), adverse=Adverse(True, True)
)
START = date(2020, 3, 10)


def cycle(
    number: int, kind: str, day: date, found: Found, rules: Rules = TWO, *, formal: bool = False
) -> list[acts.Act]:
    """A cycle whose statement comes on a day and which is decided five days later."""
    return [
        acts.Asked(day - timedelta(days=200), number, rules, kind, "high"),
        acts.Opened(day - timedelta(days=160), number, rules),
        acts.HandedIn(day - timedelta(days=60), number),
        acts.Reviewed(day - timedelta(days=3), number, found),
        acts.Received(day, number, day),
        acts.Decided(day + timedelta(days=5), number, formal),
    ]


def turns(oracle: Oracle, last: date) -> list[str]:
    """Each day on which something changes, with what holds from then on."""
    told: list[str] = []
    day, before = date(2019, 1, 1), ("none", None)
    while day < last:
        now = oracle.status("two", day)
        if now != before:
            told.append(f"{day} {' '.join(filter(None, now))}")
        day, before = day + timedelta(days=1), now
    return told


def test_a_tier_is_held_from_the_receipt_for_three_years() -> None:
    oracle = Oracle(cycle(0, "initial", START, Found()))
    assert turns(oracle, date(2024, 1, 1)) == ["2020-03-10 active high", "2023-03-10 expired"]
    assert oracle.decisions == [
        Expected("two", "granted", "high", date(2020, 3, 15), START, date(2023, 3, 10)),
    ]


@pytest.mark.parametrize(("formal", "outcomes"), [(False, ["granted"]), (True, ["denied", "granted"])])
def test_with_a_gap_the_lower_tier_comes_with_or_without_a_denial(formal: bool, outcomes: list[str]) -> None:
    oracle = Oracle(cycle(0, "initial", START, Found(gaps=1), formal=formal))
    assert [d.outcome for d in oracle.decisions] == outcomes
    assert oracle.status("two", START) == ("active", "low")


@pytest.mark.parametrize(("keeps", "end"), [(True, "2023-03-10"), (False, "2025-05-01")])
def test_an_advancement_keeps_the_term_or_begins_one(keeps: bool, end: str) -> None:
    rules = replace(TWO, keeps=keeps)
    life = cycle(0, "initial", START, Found(gaps=2), rules) + cycle(1, "advancement", date(2022, 5, 1), Found(), rules)
    assert turns(Oracle(life), date(2026, 1, 1)) == [
        "2020-03-10 active low",
        "2022-05-01 active high",
        f"{end} expired",
    ]


@pytest.mark.parametrize(("anchored", "end"), [(True, "2026-03-10"), (False, "2025-12-20")])
def test_a_renewal_goes_on_from_the_old_end_or_from_its_own_day(anchored: bool, end: str) -> None:
    rules = replace(TWO, anchored=anchored)
    life = cycle(0, "initial", START, Found(), rules) + cycle(1, "renewal", date(2022, 12, 20), Found(), rules)
    assert turns(Oracle(life), date(2027, 1, 1)) == ["2020-03-10 active high", f"{end} expired"]


def test_an_extension_is_told_apart_and_ends_what_it_prolongs() -> None:
    life = [*cycle(0, "initial", START, Found()), acts.Extended(date(2023, 1, 9), "two", date(2023, 6, 1))]
    told = ["2020-03-10 active high", "2023-03-10 extended high", "2023-06-01 expired"]
    assert turns(Oracle(life), date(2024, 1, 1)) == told


REVOKED = acts.Measured(date(2021, 2, 1), "two", 0, "revoked", date(2021, 2, 10))
FILED = acts.Appealed(date(2021, 2, 20), 0, measure=0)


@pytest.mark.parametrize(
    ("rules", "outcome", "told"),
    [
        (Adverse(True, True), "upheld", ["2021-02-10 revoked", "2021-02-20 active high", "2021-05-01 revoked"]),
        (Adverse(True, True), "overturned", []),
        (Adverse(False, True), "upheld", ["2021-02-10 revoked"]),
        (Adverse(False, False), "overturned", ["2021-02-10 revoked", "2021-05-01 active high"]),
    ],
)
def test_an_appeal_stays_a_revocation_and_overturning_takes_it_away(
    rules: Adverse, outcome: str, told: list[str]
) -> None:
    life = cycle(0, "initial", START, Found(), replace(TWO, adverse=rules))
    oracle = Oracle([*life, REVOKED, FILED, acts.AppealEnded(date(2021, 5, 1), 0, outcome)])
    assert turns(oracle, date(2022, 1, 1)) == ["2020-03-10 active high", *told]


def test_a_suspension_is_lifted_and_a_reduction_stays() -> None:
    life = [
        *cycle(0, "initial", START, Found()),
        acts.Measured(date(2021, 1, 5), "two", 0, "suspended", date(2021, 1, 10)),
        acts.Reinstated(date(2021, 3, 1), "two", 0),
        acts.Measured(date(2021, 6, 1), "two", 1, "reduced", date(2021, 7, 1), "low"),
    ]
    told = ["2021-01-10 suspended high", "2021-03-01 active high", "2021-07-01 active low", "2023-03-10 expired"]
    assert turns(Oracle(life), date(2024, 1, 1)) == ["2020-03-10 active high", *told]


def test_an_interim_tier_falls_back_when_its_time_is_over() -> None:
    tiers = (Tier("entry", "application"), Tier("between", "started"), Tier("full", "designated"))
    rules = replace(TWO, tiers=tiers, years=None, statement=False, from_receipt=False, hold_months=4)
    oracle = Oracle(
        [
            acts.Admitted(date(2020, 1, 31), rules),
            acts.Asked(date(2020, 5, 1), 0, rules, "initial", "full"),
            acts.Opened(date(2020, 6, 1), 0, rules),
            acts.Interim(date(2020, 10, 31), 0),
        ]
    )
    told = ["2020-01-31 active entry", "2020-10-31 active between", "2021-02-28 active entry"]
    assert turns(oracle, date(2022, 1, 1)) == told


def test_what_is_imported_ends_when_something_is_decided_here() -> None:
    imported = acts.Imported(date(2019, 2, 1), "two", "low", date(2018, 1, 1), date(2021, 1, 1))
    told = turns(Oracle([imported, *cycle(0, "initial", START, Found())]), date(2022, 1, 1))
    assert told == ["2019-01-01 active low", "2020-03-10 active high"]


def test_a_program_that_closes_holds_nothing_from_its_last_day() -> None:
    life = [*cycle(0, "initial", START, Found()), acts.Ended(date(2021, 4, 9), "discontinued", date(2021, 4, 5))]
    assert turns(Oracle(life), date(2022, 1, 1)) == ["2020-03-10 active high", "2021-04-05 closed"]
