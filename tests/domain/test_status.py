"""Which tier a program holds on a day: a function of dated facts, never of a job having run (S0-24, A1, A2, A24, M22)."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.grant import TierGranted
from domain.program import Program
from domain.status import HistoricalStatusImported, ImportHistoricalStatus, intervals, standing, through
from domain.tenure import Holding
from domain.term import add
from tests.small_world import ADMIN, LEAD, OPERATOR, ZONE, Case, granted, listed, words
from tests.story import given

DAY = timedelta(days=1)
RANKS = {"affiliate": 1, "associate": 2, "full": 3}


def held(tier: str, since: str, until: str | None = None, *, version: int = 1, **more: Any) -> Holding:
    """A tier held by a decision, from a day until the day before another."""
    said: dict[str, Any] = {"scheme": "s", "rank": RANKS[tier], "label": tier.title(), "assessed": True} | more
    hold = said.pop("hold", None)
    return Holding(
        tier=tier,
        effective_on=date.fromisoformat(since),
        expires_on=date.fromisoformat(until) if until else None,
        hold_until=date.fromisoformat(hold) if hold else None,
        version=version,
        decision_id=f"d{version}",
        **said,
    )


def transitional(since: str, hold: str, **more: Any) -> Holding:
    """The tier held while work is under way."""
    return held("associate", since, hold=hold, falls_back_to="affiliate", version=2, **more)


def told(*holdings: Holding) -> list[str]:
    """The intervals in words."""
    return [f"{h.tier} {since}..{until or ''}" for h, since, until in intervals(holdings, "s")]


def on(day: str, *holdings: Holding) -> str:
    """The status of a day in words."""
    now = standing(Program(program_id="p", holdings=holdings), "s", date.fromisoformat(day))
    return f"{now.status} {now.holding.tier}" if now.holding else now.status


class TestOneTerm:
    """Half-open: the first day counts, the day of the end does not."""

    @pytest.mark.req("S0-24", "A2", "A1", "H10")
    @pytest.mark.parametrize(
        ("day", "status"),
        [
            ("2026-03-03", "none"),
            ("2026-03-04", "active full"),
            ("2027-12-31", "active full"),
            ("2029-03-03", "active full"),
            ("2029-03-04", "expired full"),
            ("2040-01-01", "expired full"),
        ],
    )
    def test_it_holds_from_its_first_day_until_the_day_before_its_end(self, day: str, status: str) -> None:
        assert on(day, held("full", "2026-03-04", "2029-03-04")) == status

    @pytest.mark.req("A23")
    def test_without_an_end_it_goes_on(self) -> None:
        assert on("2099-12-31", held("affiliate", "2026-03-04")) == "active affiliate"

    @pytest.mark.req("A2")
    def test_three_years_from_a_leap_day_end_on_the_last_of_february(self) -> None:
        since = date(2028, 2, 29)
        until = add(since, "P3Y")
        assert until == date(2031, 2, 28)
        term = held("full", "2028-02-29", until.isoformat())
        assert on("2031-02-27", term) == "active full"
        assert on("2031-02-28", term) == "expired full"

    @pytest.mark.req("A15")
    def test_the_end_of_the_plan_ends_no_status(self) -> None:
        c = granted()
        assert c.cycle.plan is not None
        assert c.cycle.plan.ends_on is not None
        after = c.cycle.plan.ends_on + DAY
        assert standing(c.p, "full", after).status == "active"

    @pytest.mark.req("M22")
    def test_its_end_is_said_as_its_last_valid_day(self) -> None:
        assert through(date(2029, 3, 4)) == "through 2029-03-03"
        assert through(date(2028, 3, 1)) == "through 2028-02-29"
        assert through(None) == "with no end date"
        event = granted(tier="expert").events[-1]
        assert isinstance(event, TierGranted)
        assert event.sentence().startswith("granted Expert, from 2026-02-19 through 2029-02-18: ")

    def test_another_scheme_has_its_own(self) -> None:
        elsewhere = held("full", "2020-01-01", scheme="t")
        assert intervals((elsewhere,), "s") == []
        assert on("2026-01-01", elsewhere) == "none"

    def test_without_a_holding_there_is_none(self) -> None:
        assert on("2026-01-01") == "none"


class TestSupersession:
    """A later decision ends an earlier one on the day it takes effect."""

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            (
                held("full", "2026-01-01", "2029-01-01"),
                held("affiliate", "2027-01-01", "2030-01-01", version=2),
                ["full 2026-01-01..2027-01-01", "affiliate 2027-01-01..2030-01-01"],
            ),
            (
                held("full", "2026-01-01", "2029-01-01"),
                held("full", "2029-01-01", "2032-01-01", version=2),
                ["full 2026-01-01..2029-01-01", "full 2029-01-01..2032-01-01"],
            ),
            (
                held("full", "2026-01-01", "2029-01-01"),
                held("full", "2029-06-01", version=2),
                ["full 2026-01-01..2029-01-01", "full 2029-06-01.."],
            ),
            (
                held("full", "2026-01-01"),
                held("affiliate", "2026-01-01", version=2),
                ["affiliate 2026-01-01.."],
            ),
            (
                held("full", "2026-06-01"),
                held("affiliate", "2026-01-01", "2027-01-01", version=2),
                ["affiliate 2026-01-01..2027-01-01"],
            ),
        ],
    )
    def test_whatever_the_order_in_which_they_are_given(
        self, first: Holding, second: Holding, expected: list[str]
    ) -> None:
        assert told(first, second) == expected
        assert told(second, first) == expected

    @pytest.mark.req("A1", "S0-24")
    def test_between_two_terms_the_status_is_expired(self) -> None:
        both = held("affiliate", "2026-01-01", "2029-01-01"), held("full", "2029-06-01", "2032-06-01", version=2)
        assert [on(d, *both) for d in ("2028-12-31", "2029-01-01", "2029-05-31", "2029-06-01", "2032-06-01")] == [
            "active affiliate", "expired affiliate", "expired affiliate", "active full", "expired full",
        ]  # fmt: skip

    def test_a_third_decision_ends_the_first_where_it_is_earlier_than_the_second(self) -> None:
        three = (
            held("affiliate", "2026-01-01"),
            held("associate", "2027-01-01", version=2),
            held("full", "2026-07-01", version=3),
        )
        assert told(*three) == ["affiliate 2026-01-01..2026-07-01", "full 2026-07-01.."]


@pytest.mark.req("A24", "H10")
class TestTransitional:
    """A tier held to its limit falls back to the tier held before, by the date alone."""

    ENTRY = held("affiliate", "2026-01-01")

    def test_it_falls_back_on_the_day_of_the_limit(self) -> None:
        both = self.ENTRY, transitional("2026-02-01", "2026-06-01")
        assert told(*both) == [
            "affiliate 2026-01-01..2026-02-01", "associate 2026-02-01..2026-06-01", "affiliate 2026-06-01..",
        ]  # fmt: skip
        assert on("2026-05-31", *both) == "active associate"
        assert on("2026-06-01", *both) == "active affiliate"

    def test_it_falls_back_until_the_next_decision(self) -> None:
        later = held("full", "2027-01-01", version=3)
        assert told(self.ENTRY, transitional("2026-02-01", "2026-06-01"), later)[2:] == [
            "affiliate 2026-06-01..2027-01-01", "full 2027-01-01..",
        ]  # fmt: skip

    @pytest.mark.parametrize("since", ["2026-04-01", "2026-06-01"])
    def test_a_decision_up_to_the_limit_leaves_nothing_to_fall_back_from(self, since: str) -> None:
        later = held("full", since, version=3)
        assert told(self.ENTRY, transitional("2026-02-01", "2026-06-01"), later) == [
            "affiliate 2026-01-01..2026-02-01", f"associate 2026-02-01..{since}", f"full {since}..",
        ]  # fmt: skip

    def test_where_the_lower_tier_has_run_out_too_nothing_is_left(self) -> None:
        for end in ("2026-03-01", "2026-06-01"):
            both = held("affiliate", "2026-01-01", end), transitional("2026-02-01", "2026-06-01")
            assert told(*both) == ["affiliate 2026-01-01..2026-02-01", "associate 2026-02-01..2026-06-01"]
            assert on("2026-06-01", *both) == "expired associate"

    def test_it_falls_back_no_longer_than_the_lower_tier_lasts(self) -> None:
        both = held("affiliate", "2026-01-01", "2026-06-02"), transitional("2026-02-01", "2026-06-01")
        assert told(*both)[2:] == ["affiliate 2026-06-01..2026-06-02"]

    def test_without_a_lower_tier_held_it_just_ends(self) -> None:
        assert told(transitional("2026-02-01", "2026-06-01")) == ["associate 2026-02-01..2026-06-01"]
        nowhere = held("associate", "2026-02-01", hold="2026-06-01", falls_back_to=None, version=2)
        assert told(self.ENTRY, nowhere)[1:] == ["associate 2026-02-01..2026-06-01"]

    def test_an_end_of_its_own_before_the_limit_is_no_fall_back(self) -> None:
        short = held("associate", "2026-02-01", "2026-05-01", hold="2026-06-01", falls_back_to="affiliate", version=2)
        assert told(self.ENTRY, short)[1:] == ["associate 2026-02-01..2026-05-01"]

    def test_a_tier_without_a_limit_does_not_fall_back(self) -> None:
        endless = held("associate", "2026-02-01", falls_back_to="affiliate", version=2)
        assert told(self.ENTRY, endless)[1:] == ["associate 2026-02-01.."]

    def test_it_falls_back_to_the_lower_tier_as_last_held(self) -> None:
        older, newer = held("affiliate", "2024-01-01", "2025-01-01"), held("affiliate", "2026-01-01", version=2)
        interim = held("associate", "2026-02-01", hold="2026-06-01", falls_back_to="affiliate", version=3)
        (_, _, _, back) = intervals((older, newer, interim), "s")
        assert back == (newer, date(2026, 6, 1), None)


def request(c: Case, since: int = -400, until: int | None = -100, **more: Any) -> ImportHistoricalStatus:
    """The request to enter an earlier status, by days from today."""
    said: dict[str, Any] = {
        "scheme": "full", "tier": "dedicated", "rank": 1, "label": "Dedicated", "badge": "star", "listing": "listed",
        "valid_from": c.today + since * DAY, "valid_until": None if until is None else c.today + until * DAY,
        "source": "The register on paper", "note": words("Found in a binder."),
    }  # fmt: skip
    return ImportHistoricalStatus(**(said | more))


class TestImporting:
    """A status from before this ledger, as its source attests it; never in the place of a decision made here."""

    @pytest.mark.parametrize("person", [OPERATOR, ADMIN])
    def test_it_holds_between_its_days(self, person: str) -> None:
        c = listed()
        given(c).when(person, request(c)).then(
            HistoricalStatusImported,
            scheme="full",
            tier="dedicated",
            valid_from=c.today - 400 * DAY,
            valid_until=c.today - 100 * DAY,
            zone=ZONE,
            source="The register on paper",
        )
        (holding,) = c.p.holdings
        assert (holding.provenance, holding.decision_id, holding.version) == ("imported", None, c.p.version)
        assert (holding.label, holding.rank, holding.assessed) == ("Dedicated", 1, True)
        assert standing(c.p, "full", c.today - 101 * DAY).status == "active"
        assert standing(c.p, "full", c.today - 100 * DAY).status == "expired"

    @pytest.mark.parametrize(("since", "until"), [(0, None), (0, 1), (-1, 0)])
    def test_the_shortest_ones(self, since: int, until: int | None) -> None:
        c = listed()
        given(c).when(OPERATOR, request(c, since, until)).then(HistoricalStatusImported)

    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({"since": -100, "until": -100}, "DATES_REVERSED"),
            ({"since": -100, "until": -101}, "DATES_REVERSED"),
            ({"since": 1, "until": None}, "DATE_IN_FUTURE"),
            ({"scheme": "none"}, "SCHEME_UNKNOWN"),
            ({"scheme": "southern"}, "SCHEME_ELSEWHERE"),
        ],
    )
    def test_what_cannot_be_imported(self, more: dict[str, Any], code: str) -> None:
        c = listed()
        given(c).when(OPERATOR, request(c, **more)).refused(code)
        given(c).when(LEAD, request(c)).refused("NOT_AUTHORISED")

    def test_it_is_imported_once(self) -> None:
        c = listed()
        c.must(OPERATOR, request(c))
        given(c).when(OPERATOR, request(c)).refused("ALREADY_IMPORTED", scheme="full", since=c.today - 400 * DAY)
        given(c).when(OPERATOR, request(c, since=-399)).then(HistoricalStatusImported)
        given(c).when(OPERATOR, request(c, scheme="lean")).then(HistoricalStatusImported)

    def test_it_lies_before_any_decision_made_here(self) -> None:
        c = granted()
        first = c.p.holdings[0].effective_on
        for since in (0, (first - c.today).days):
            given(c).when(OPERATOR, request(c, since, None)).refused("OVERLAPS_A_DECISION", scheme="full", since=first)
        given(c).when(OPERATOR, request(c, (first - c.today).days - 1, None)).then(HistoricalStatusImported)

    def test_what_was_decided_here_stands_whenever_the_earlier_status_is_entered(self) -> None:
        c = granted()
        (native,) = c.p.holdings
        c.must(OPERATOR, request(c, until=None))
        assert standing(c.p, "full", native.effective_on).holding == native
        assert [(h.provenance, until) for h, _, until in intervals(c.p.holdings, "full")] == [
            ("imported", native.effective_on),
            ("native", native.expires_on),
        ]

    @pytest.mark.parametrize("days", [(-400, -200), (-200, -400)])
    def test_several_follow_one_another_in_whatever_order_they_are_entered(self, days: tuple[int, int]) -> None:
        c = listed()
        c.must(OPERATOR, *(request(c, since, None) for since in days))
        assert [(since, until) for _, since, until in intervals(c.p.holdings, "full")] == [
            (c.today - 400 * DAY, c.today - 200 * DAY),
            (c.today - 200 * DAY, None),
        ]

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = granted()
        given(c).when(OPERATOR, request(c, 1, 0)).refused("DATES_REVERSED", "DATE_IN_FUTURE", "OVERLAPS_A_DECISION")
