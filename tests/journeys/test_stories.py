"""The four stories on a real ledger: what the public, the affiliates and the programs see afterwards."""

from datetime import timedelta

import pytest

from domain.evidence import TierEligibilityEvaluated
from domain.term import add, last_valid
from infra.verification import verify
from projections.held import day_in
from tests.journeys.conftest import Told

HIGHEST = {
    "mn": ("mn-qp/expert", "Expert Partner", "highest"),
    "il": ("il-star/gold_star", "Gold Star Program Partner", "highest"),
    "ir": ("ir-qmp/quality_mentoring_program", "Quality Mentoring Program", "priority"),
    "mmp": ("mmp-qbm/partner", "Partner", "listed"),
}


@pytest.mark.req("S0-01", "S0-25", "S1-01", "S2-02", "S2-11", "S3-06", "S4-02", "M23")
@pytest.mark.parametrize("affiliate", HIGHEST)
def test_each_program_is_listed_with_the_highest_tier_of_its_affiliate(told: Told, affiliate: str) -> None:
    now = told.service.ledger.now()
    partner = told.service.reading.partner(told.journeys[affiliate].program_id)
    assert partner is not None
    (status,) = partner.statuses(day_in(now))
    assert status.status == "active"
    assert status.span is not None
    held = status.span.held
    assert (held.code, held.label, held.listing) == HIGHEST[affiliate]


@pytest.mark.req("S0-24", "A2", "H10")
def test_a_term_of_three_years_ends_by_date_alone(told: Told) -> None:
    partner = told.service.reading.partner(told.journeys["mn"].program_id)
    assert partner is not None
    span, gone = partner.history()
    assert (gone.status, gone.since, gone.until) == ("expired", span.until, None)
    end = add(span.since, "P3Y")
    assert span.until == end
    assert span.through == last_valid(end)
    now = told.service.ledger.now()
    last, next_day = (partner.statuses(day_in(now, day)) for day in (span.through, span.until))
    assert [s.status for s in last] == ["active"]
    assert [s.status for s in next_day] == ["expired"]


@pytest.mark.req("M14", "S4-13", "S4-12", "S4-15")
def test_membership_rises_from_affiliate_by_associate_partner_to_partner(told: Told) -> None:
    journey = told.journeys["mmp"]
    program = told.service.ledger.load("program", journey.program_id)
    assert [h.tier for h in program.holdings] == ["affiliate", "associate_partner", "partner"]
    assert program.memberships[journey.scheme].desired_level == "partner"


@pytest.mark.req("S0-09")
def test_everything_is_verified(told: Told) -> None:
    checks = verify(told.service)
    assert [c.name for c in checks if c.divergences] == []
    by_name = {c.name: c.count for c in checks}
    assert by_name["decisions"] >= 6
    assert by_name["commitments"] > 700


@pytest.mark.req("S0-06", "A6", "M22")
def test_the_expert_rests_on_every_applicable_practice(told: Told) -> None:
    history = told.service.ledger.history("program", told.journeys["mn"].program_id)
    (recorded,) = [r.event for r in history if isinstance(r.event, TierEligibilityEvaluated)]
    practices = next(n for n in recorded.evaluation.of("expert").node.children if n.criterion == "practices_in_place")
    assert (practices.detail["in_place"], practices.detail["applicable"]) == (91, 91)
    assert practices.detail["not_applicable"] == ("D22",)
    assert 0 < int(str(practices.detail["bulk"])) < 91


@pytest.mark.req("M23", "A28")
def test_the_directory_does_not_rank_across_schemes(told: Told) -> None:
    rows = told.service.reading.partners(now=told.service.ledger.now()).rows
    names = [p.name for p in rows]
    assert names == sorted(names, key=str.casefold)


@pytest.mark.req("M22")
def test_the_expiry_schedule_names_every_end_and_review(told: Told) -> None:
    due = {d.name: (d.kind, d.due_on) for d in told.service.reading.expiries()}
    assert {kind for kind, _ in due.values()} == {"expires", "review_due"}
    today = told.door.today
    assert all(today + timedelta(days=900) < day < today + timedelta(days=1200) for _, day in due.values())


@pytest.mark.req("S0-08", "S0-19")
def test_minnesotas_top_tier_carries_seal_and_national_badge(told: Told) -> None:
    partner = told.service.reading.partner(told.journeys["mn"].program_id)
    assert partner is not None
    held = list(partner.held.values())[-1]
    assert (held.badge, held.national_badge, held.assessed) == ("mn-100-best-practices", True, True)
