"""The directory's row: given facts, then the row; and what it says for a day."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.listing import ProgramListingPaused, ProgramListingResumed, ProgramProfileAmended
from domain.status import HistoricalStatusImported
from domain.values import field_types
from projections.directory import Partner, folded, model
from projections.held import Held, day_in, midnight
from projections.language import NoRow, follow
from tests.recorded import told
from tests.small_world import admitted, granted, listed, open_, registered, words


def row_after(events: Any) -> Partner:
    """The last row that facts lead to."""
    row = list(follow(model, told("program:prog1", events)))[-1]
    assert row is not None
    return row


IMPORT = HistoricalStatusImported(
    scheme="full", tier="dedicated", rank=1, label="Dedicated", badge="star", listing="priority", zone="America/Chicago",
    valid_from=date(2020, 3, 1), valid_until=date(2023, 3, 1), source="Paper register", note=words("From the binder."),
)  # fmt: skip


@pytest.mark.req("S0-25", "S0-08")
def test_a_granted_tier_is_shown_with_its_dates_and_the_policy_that_says_what_it_means() -> None:
    case = granted(tier="expert")
    row = row_after(case.events)
    (held,) = row.held.values()
    assert (row.program_id, row.name, row.affiliate, row.city) == ("prog1", "Big Friends", "north", "Springfield")
    assert (held.code, held.rank, held.label, held.badge, held.national_badge) == (
        "full/expert",
        2,
        "Expert",
        "star",
        True,
    )
    assert [(s.status, s.since, s.until) for s in row.history()] == [
        ("active", date(2026, 2, 19), date(2029, 2, 19)),
        ("expired", date(2029, 2, 19), None),
    ]
    assert held.policy == case.cycle.access.policy if case.cycle.access else False
    assert held.decision_id in case.p.decisions
    assert held.assessed


@pytest.mark.req("M16")
def test_membership_is_not_shown_as_assessed_quality() -> None:
    row = row_after(admitted(scheme="member").events)
    (held,) = row.held.values()
    assert (held.code, held.assessed) == ("member/affiliate", False)
    assert [span.until for span in row.history()] == [None]


@pytest.mark.req("H11")
def test_a_row_has_no_place_for_persons_ratings_or_words() -> None:
    public = {
        "program_id", "name", "affiliate", "jurisdiction", "city", "website", "ages", "models", "ein", "listing", "held",
        "tenure", "grounds", "former_names", "amended", "successor", "renewing", "renewals",
    }  # fmt: skip
    assert set(field_types(Partner)) == public
    shown = model.dump(row_after(granted().events))
    assert "p_" not in shown
    assert "t_" not in shown


def test_the_listing_follows_its_facts() -> None:
    states = [row and row.listing for row in follow(model, told("program:prog1", [
        *listed().events, ProgramListingPaused(ground="dormant"), ProgramListingResumed(),
    ]))]  # fmt: skip
    assert (states[0], states[1]) == ("pending", "listed")
    assert states[-2:] == ["paused", "listed"]


def test_an_amended_profile_changes_only_what_is_named() -> None:
    before = row_after(registered().events)
    row = row_after([*registered().events, ProgramProfileAmended(city="Duluth", ages=(6, 12))])
    assert (row.city, row.ages, row.models) == ("Duluth", (6, 12), before.models)


def test_a_fact_without_a_registration_is_no_row() -> None:
    with pytest.raises(NoRow):
        row_after([ProgramListingResumed()])


@pytest.mark.req("H10", "S0-24", "M22")
@pytest.mark.parametrize(
    ("day", "status"),
    [
        (date(2026, 2, 18), "none"),
        (date(2026, 2, 19), "active"),
        (date(2029, 2, 18), "active"),
        (date(2029, 2, 19), "expired"),
    ],
)
def test_the_status_follows_from_the_day(day: date, status: str) -> None:
    (found,) = row_after(granted().events).statuses(lambda zone: day)
    assert found.status == status
    if found.span and status == "active":
        assert found.span.through == date(2029, 2, 18)


def test_an_imported_status_is_attested_by_its_source() -> None:
    row = row_after([*listed().events, IMPORT])
    (held,) = row.held.values()
    assert (held.provenance, held.source, held.policy, held.decision_id) == ("imported", "Paper register", None, None)
    (status,) = row.statuses(lambda zone: date(2024, 1, 1))
    assert status.status == "expired"


def test_a_status_changes_next_at_the_midnight_of_its_zone() -> None:
    row = row_after(granted().events)
    end = datetime(2029, 2, 19, 6, tzinfo=UTC)  # midnight in Chicago
    assert row.next_change_at(datetime(2026, 3, 1, tzinfo=UTC)) == end
    assert row.next_change_at(end) is None


@pytest.mark.req("H10")
def test_an_expired_status_is_gone_at_midnight_without_any_event() -> None:
    row = row_after(granted().events)
    end = datetime(2029, 2, 19, 6, tzinfo=UTC)
    before, after = datetime(2029, 2, 19, 5, 59, tzinfo=UTC), end
    assert [row.statuses(day_in(at))[0].status for at in (before, after)] == ["active", "expired"]
    assert row.statuses(day_in(after, date(2028, 1, 1)))[0].status == "active"


def test_a_day_begins_when_its_zone_says() -> None:
    assert midnight(date(2026, 7, 1), "America/Chicago") == datetime(2026, 7, 1, 5, tzinfo=UTC)
    assert midnight(date(2026, 7, 1), "Pacific/Kiritimati") == datetime(2026, 6, 30, 10, tzinfo=UTC)


@pytest.mark.parametrize(("one", "other"), [("STRASSE", "Straße"), ("ﬁrst", "FIRST"), ("Cafe\u0301", "Café")])
def test_names_are_compared_without_case_or_form(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def test_rows_are_stored_and_read_again_the_same() -> None:
    row = row_after([*granted().events, IMPORT])
    assert model.load(model.dump(row)) == row


def test_only_facts_that_matter_change_the_row() -> None:
    case = open_()
    rows = list(follow(model, told("program:prog1", case.events)))
    assert len({id(row) for row in rows}) == 2  # registered, approved


def test_held_tells_all_that_a_grant_publishes() -> None:
    (held,) = row_after(granted().events).held.values()
    assert isinstance(held, Held)
    assert held.review_due_on == date(2027, 8, 19)
