"""The status of every day, against a reading of the same facts that goes day by day and shares nothing with the module."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as some

from domain.program import Program
from domain.status import in_force, on_day, standing, timeline
from domain.tenure import Holding, Measure

START, DAY, SPAN = date(2028, 2, 1), timedelta(days=1), 60
"""The days in question have a leap day among them."""


def day(n: int) -> date:
    """The n-th day."""
    return START + n * DAY


class Facts(NamedTuple):
    """What was held and what bears on it."""

    holdings: tuple[Holding, ...]
    measures: tuple[Measure, ...]


def a_holding(version: int, tier: str, since: int, until: int | None = None, **more: Any) -> Holding:
    """A tier held by the decision of a version."""
    ranks = {"low": 1, "interim": 2, "high": 3}
    return Holding(
        scheme="s", tier=tier, rank=ranks[tier], label=tier, assessed=True, effective_on=day(since), version=version,
        expires_on=None if until is None else day(until), decision_id=f"d{version}", **more,
    )  # fmt: skip


def a_measure(version: int, kind: Any, since: int, until: int | None = None, **more: Any) -> Measure:
    """Something that bears on a tier, by the decision of a version."""
    to = a_holding(version, "low", since) if kind == "reduced" else None
    ended = None if until is None else day(until)
    return Measure(
        measure_id=f"m{version}", scheme="s", kind=kind, since=day(since), until=ended, to=to, version=version, **more
    )


@some.composite
def facts(draw: Any) -> Facts:
    """Any holdings and measures, in any order of deciding, with days near enough to meet."""
    days, later = some.integers(0, SPAN - 10), some.none() | some.integers(1, 40)
    versions = draw(some.permutations(range(1, 9)))
    count = draw(some.integers(1, 4))
    held: list[Holding] = []
    for version in versions[:count]:
        since, length = draw(days), draw(later)
        until = None if length is None else since + length
        more: dict[str, Any] = {"provenance": "imported"} if draw(some.integers(0, 5)) == 0 else {}
        if until is not None and draw(some.booleans()):
            more |= {"extended_from": day(draw(some.integers(since, until)))}
        if draw(some.booleans()):
            hold = day(since + draw(some.integers(1, 20)))
            more |= {"hold_until": hold, "falls_back_to": draw(some.sampled_from([None, "low"]))}
        if draw(some.integers(0, 3)) == 0:
            more |= {"in_place_of": draw(some.integers(1, version))}
        held.append(a_holding(version, draw(some.sampled_from(["low", "interim", "high"])), since, until, **more))
    borne: list[Measure] = []
    for version in versions[count : count + draw(some.integers(0, 4))]:
        since, length = draw(days), draw(later)
        stays = tuple(
            (day(since + begins), None if lasts is None else day(since + begins + lasts))
            for begins, lasts in draw(some.lists(some.tuples(some.integers(-5, 20), later), max_size=2))
        )
        kind = draw(some.sampled_from(["suspended", "reduced", "revoked", "relinquished", "closed"]))
        until = None if length is None else since + length
        borne.append(a_measure(version, kind, since, until, stays=stays))
    return Facts(tuple(held), tuple(borne))


def in_charge(holdings: tuple[Holding, ...], today: date) -> Holding | None:
    """Whose tier it is on a day: the last decision that has begun, unless it is over; imported ones before native ones."""
    native = sorted((h for h in holdings if h.provenance == "native"), key=lambda h: h.version)
    imported = sorted((h for h in holdings if h.provenance != "native"), key=lambda h: (h.effective_on, h.version))
    order = [*imported, *native]
    begun = [h for h in order if h.effective_on <= today]
    if not begun:
        return None
    last = begun[-1]
    before = order[: order.index(last)]
    over = last.expires_on is not None and last.expires_on <= today
    lapsed = last.hold_until is not None and last.hold_until <= today
    if lapsed and last.hold_until and (last.expires_on is None or last.hold_until <= last.expires_on):
        lower = [h for h in before if h.tier == last.falls_back_to]
        back = lower[-1] if lower else None
        return back if back and (back.expires_on is None or today < back.expires_on) else None
    return None if over or lapsed else last


def acts(m: Measure, h: Holding, today: date) -> bool:
    """Whether a measure acts on a tier on a day."""
    stayed = any(a <= today and (b is None or today < b) for a, b in m.stays)
    later = m.version > (h.in_place_of or h.version)
    return later and m.since <= today and (m.until is None or m.until > today) and not stayed


def told(facts: Facts) -> list[tuple[str, str, str | None]]:
    """Status, tier and what bears on it, for each day in turn; days before the first tier are left out."""
    result: list[tuple[str, str, str | None]] = []
    last: Holding | None = None
    shown, gone_since = "", START
    for n in range(SPAN):
        today = day(n)
        now = in_charge(facts.holdings, today)
        if now:
            last, gone_since = now, today + DAY
        elif last is None:
            continue
        assert last is not None
        mine = sorted((m for m in facts.measures if acts(m, last, today)), key=lambda m: m.version)
        if now:
            reductions = [m for m in mine if m.kind == "reduced"]
            shown = "low" if reductions else now.tier
        for kind in ("revoked", "relinquished", "closed", "suspended"):
            of_kind = [m for m in mine if m.kind == kind and (now or (kind != "suspended" and m.since < gone_since))]
            if of_kind:
                result.append((kind, shown, of_kind[0].measure_id))
                break
        else:
            if now is None:
                result.append(("expired", shown, None))
            else:
                reductions = [m.measure_id for m in mine if m.kind == "reduced"]
                extended = now.extended_from is not None and now.extended_from <= today
                result.append(("extended" if extended else "active", shown, reductions[-1] if reductions else None))
    return result


def answered(facts: Facts, days: int = SPAN) -> list[tuple[str, str, str | None]]:
    """The same as the module answers it, asked for each day by itself."""
    segments = timeline(*facts, "s")
    asked = [on_day(segments, day(n)) for n in range(days)]
    return [(s.status, s.holding.tier, s.measure_id) for s in asked if s]


@pytest.mark.req("H10", "S0-24")
@settings(max_examples=300)
@for_all(facts())
def test_every_day_is_as_a_reading_day_by_day_has_it(them: Facts) -> None:
    assert answered(them) == told(them)


@settings(max_examples=100)
@for_all(facts())
def test_the_stretches_follow_one_another_without_hole_or_repetition(them: Facts) -> None:
    segments = timeline(*them, "s")
    for one, after in pairwise(segments):
        assert one.until == after.since > one.since
        assert (one.status, one.holding, one.measure_id) != (after.status, after.holding, after.measure_id)
    assert all(s.until is None for s in segments[-1:])


@settings(max_examples=100)
@for_all(facts())
def test_what_is_told_does_not_hang_on_the_order_in_which_facts_are_kept(them: Facts) -> None:
    assert timeline(them.holdings[::-1], them.measures[::-1], "s") == timeline(*them, "s")


@settings(max_examples=100)
@for_all(facts())
def test_what_is_decided_later_for_later_changes_no_earlier_day(them: Facts) -> None:
    further = a_measure(9, "revoked", 30), a_measure(10, "suspended", 41)
    more = Facts((*them.holdings, a_holding(11, "high", 35)), (*them.measures, *further))
    assert answered(more, days=30) == answered(them, days=30)


class TestDays:
    """Single days of short histories."""

    HIGH = a_holding(1, "high", 0, 40)

    def at(self, n: int, *measures: Measure, holdings: tuple[Holding, ...] = (HIGH,)) -> str:
        """A day in words."""
        p = Program(program_id="p", holdings=holdings, measures=measures)
        now = standing(p, "s", day(n))
        return f"{now.status} {now.holding.tier}" if now.holding else now.status

    def test_a_measure_of_another_scheme_does_not_bear_on_it(self) -> None:
        m = Measure(measure_id="m2", scheme="t", kind="revoked", since=day(5), version=2)
        assert self.at(6, m) == "active high"
        assert timeline((self.HIGH,), (m,), "t") == []

    @pytest.mark.req("H10", "S0-24")
    def test_a_suspended_term_runs_out_and_is_not_there_to_be_lifted(self) -> None:
        m = a_measure(2, "suspended", 10, 45)
        assert [self.at(n, m) for n in (9, 10, 39, 40, 44, 45)] == [
            "active high", "suspended high", "suspended high", "expired high", "expired high", "expired high",
        ]  # fmt: skip

    def test_a_tier_granted_later_is_free_of_what_was_decided_before(self) -> None:
        m, after = a_measure(2, "revoked", 10), a_holding(3, "low", 20, 50)
        days = [self.at(n, m, holdings=(self.HIGH, after)) for n in (9, 10, 19, 20, 50)]
        assert days == ["active high", "revoked high", "revoked high", "active low", "expired low"]

    def test_a_tier_in_the_place_of_another_bears_what_that_one_bore(self) -> None:
        m, instead = a_measure(2, "suspended", 10), a_holding(3, "high", 0, 40, in_place_of=1)
        low = a_holding(1, "low", 0, 40)
        assert [self.at(n, m, holdings=(low, instead)) for n in (9, 10)] == ["active high", "suspended high"]

    def test_a_revocation_that_took_no_effect_before_the_end_of_the_term_is_not_how_it_ended(self) -> None:
        assert self.at(45, a_measure(2, "revoked", 40)) == "expired high"
        assert self.at(45, a_measure(2, "revoked", 39)) == "revoked high"

    def test_a_revocation_taken_back_after_the_end_of_the_term_leaves_it_expired(self) -> None:
        m = a_measure(2, "revoked", 30, 45)
        assert [self.at(n, m) for n in (39, 40, 44, 45)] == [
            "revoked high", "revoked high", "revoked high", "expired high",
        ]  # fmt: skip

    def test_a_revocation_upheld_after_the_end_of_the_term_is_how_it_ended(self) -> None:
        m = a_measure(2, "revoked", 10, stays=((day(12), day(45)),))
        assert [self.at(n, m) for n in (11, 12, 39, 40, 44, 45)] == [
            "revoked high", "active high", "active high", "expired high", "expired high", "revoked high",
        ]  # fmt: skip

    def test_the_gravest_of_several_is_told(self) -> None:
        both = a_measure(2, "suspended", 10), a_measure(3, "revoked", 20), a_measure(4, "closed", 30)
        assert [self.at(n, *both) for n in (15, 25, 35)] == ["suspended high", "revoked high", "revoked high"]

    def test_a_lower_tier_can_be_suspended_and_extended(self) -> None:
        long = a_holding(1, "high", 0, 50, extended_from=day(40))
        both = a_measure(2, "reduced", 10), a_measure(3, "suspended", 20, 30)
        assert [self.at(n, *both, holdings=(long,)) for n in (9, 10, 20, 30, 39, 40, 49, 50)] == [
            "active high", "active low", "suspended low", "active low", "active low", "extended low", "extended low",
            "expired low",
        ]  # fmt: skip

    def test_of_two_reductions_the_last_that_has_effect_counts(self) -> None:
        first = a_measure(2, "reduced", 10)
        second = Measure(
            measure_id="m3", scheme="s", kind="reduced", since=day(20), to=a_holding(3, "interim", 20), version=3
        )
        assert [self.at(n, first, second) for n in (10, 20)] == ["active low", "active interim"]


class TestInForce:
    """Whether a measure still bears on a running term, so that the public should know of it."""

    def asked(self, n: int, m: Measure, *holdings: Holding) -> bool:
        """Whether it is in force on a day."""
        return in_force(Program(program_id="p", holdings=holdings, measures=(m,)), m.measure_id, day(n))

    def test_until_it_is_lifted_or_the_term_ends(self) -> None:
        high = a_holding(1, "high", 0, 40)
        endless, lifted = a_measure(2, "revoked", 10), a_measure(2, "suspended", 10, 20)
        assert [self.asked(n, endless, high) for n in (5, 10, 39, 40)] == [True, True, True, False]
        assert [self.asked(n, lifted, high) for n in (5, 19, 20)] == [True, True, False]
        assert not self.asked(15, lifted)
        assert not in_force(Program(program_id="p", holdings=(high,)), "m2", day(15))

    def test_not_on_a_tier_that_was_granted_later(self) -> None:
        later = a_holding(3, "high", 20, 60)
        assert [self.asked(n, a_measure(2, "revoked", 10), a_holding(1, "low", 0, 40), later) for n in (19, 20)] == [
            True, False,
        ]  # fmt: skip

    def test_a_stay_leaves_it_in_force(self) -> None:
        stayed = a_measure(2, "revoked", 10, stays=((day(11), None),))
        assert self.asked(12, stayed, a_holding(1, "high", 0, 40))
