"""The report of the results: strengths and improvement areas alike, shared by the program alone (S0-07, S1-19, S2-03)."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.access import WithdrawFromCycle
from domain.decision import DenyTier
from domain.program import Phase
from domain.report import (
    AssessmentReportIssued,
    AssessmentReportShared,
    EndShare,
    IssueReport,
    ReportShareEnded,
    SectionResult,
    ShareReport,
    contents,
)
from domain.values import digest_of
from tests.small_policies import INSTRUMENT
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    NO,
    NOT_APPLICABLE,
    STAFF,
    Case,
    attested,
    decider_named,
    granted,
    open_,
    submitted,
    words,
    yes,
)
from tests.story import given

MIXED: dict[str, Any] = {
    "answers": {"A1": yes(4), "A2": yes(5), "B3": yes(1), "B4": NOT_APPLICABLE, "C6": NO},
    "not_verified": ("C5",),
}
"""Two strengths, one weak practice, one not applicable, one not verified and one not in place."""


def issued(**how: Any) -> Case:
    """The report of a decided cycle is issued."""
    c = granted(**how)
    return c.must(ADMIN, IssueReport(cycle_id=c.cycle_id))


def report_id(c: Case) -> str:
    """The id of the only report."""
    (found,) = c.p.reports
    return found


def share(c: Case, audience: Any = "funders", days: int | None = None) -> ShareReport:
    """The request to share the report, for so many days from today."""
    until = None if days is None else c.today + timedelta(days=days)
    return ShareReport(report_id=report_id(c), audience=audience, until=until)


def end(c: Case, audience: Any = "funders") -> EndShare:
    """The request to end a share."""
    return EndShare(report_id=report_id(c), audience=audience)


@pytest.mark.req("S0-07", "S2-03", "S1-19")
def test_it_shows_present_quality_strengths_and_what_to_improve_section_by_section() -> None:
    c = granted(**MIXED)
    assert contents(c.cycle, INSTRUMENT) == (
        SectionResult(
            section="design",
            applicable=2,
            in_practice=2,
            strengths=("A1", "A2"),
            improvement_areas=(),
            quality={"1": 0, "2": 0, "3": 0, "4": 1, "5": 1},
        ),
        SectionResult(
            section="practice",
            applicable=3,
            in_practice=1,
            strengths=(),
            improvement_areas=("C5", "C6"),
            quality={"1": 1, "2": 0, "3": 0, "4": 0, "5": 0},
        ),
    )


@pytest.mark.req("A8")
def test_before_the_review_it_claims_nothing() -> None:
    found = contents(submitted().cycle, INSTRUMENT)
    assert [(r.applicable, r.in_practice, r.strengths, r.improvement_areas) for r in found] == [
        (2, 0, (), ()),
        (4, 0, (), ()),
    ]


class TestIssuing:
    """Once per cycle, after the decision that ends it."""

    @pytest.mark.req("S1-19", "S3-06")
    def test_after_a_grant(self) -> None:
        c = granted()
        data = contents(c.cycle, INSTRUMENT)
        given(c).when(ADMIN, IssueReport(cycle_id=c.cycle_id)).then(
            AssessmentReportIssued, cycle_id=c.cycle_id, report_digest=digest_of(data)
        )
        (report,) = c.p.reports.values()
        assert (report.cycle_id, report.version, report.shares) == (c.cycle_id, c.p.version, {})

    def test_after_a_denial(self) -> None:
        c = decider_named(scheme="member", answers={"A1": NO, "A2": NO, "C5": NO})
        c.must(DECIDER, DenyTier(cycle_id=c.cycle_id, tier="full", reasons=words("Too little is in place.")))
        given(c).when(ADMIN, IssueReport(cycle_id=c.cycle_id)).then(AssessmentReportIssued)

    def test_its_digest_follows_from_the_results(self) -> None:
        def digest(**how: Any) -> str:
            event = issued(**how).events[-1]
            assert isinstance(event, AssessmentReportIssued)
            return event.report_digest

        assert digest() == digest()
        assert digest() != digest(**MIXED)

    @pytest.mark.parametrize("situation", [open_, attested])
    def test_not_before_the_decision(self, situation: Any) -> None:
        c: Case = situation()
        given(c).when(ADMIN, IssueReport(cycle_id=c.cycle_id)).refused("NOT_DECIDED", phase=c.cycle.phase)

    def test_not_for_a_cycle_that_was_withdrawn_or_is_unknown(self) -> None:
        c = attested()
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=words("No time.")))
        given(c).when(ADMIN, IssueReport(cycle_id=c.cycle_id)).refused("NOT_DECIDED", phase=Phase.WITHDRAWN)
        given(c).when(ADMIN, IssueReport(cycle_id="none")).refused("CYCLE_UNKNOWN")

    def test_once(self) -> None:
        c = issued()
        given(c).when(ADMIN, IssueReport(cycle_id=c.cycle_id)).refused("REPORT_ISSUED")

    def test_each_cycle_has_its_own(self) -> None:
        c = issued(scheme="lean")
        c.world.later(days=500)
        granted.again(c, kind="renewal")
        given(c).when(ADMIN, IssueReport(cycle_id=c.cycle_id)).then(AssessmentReportIssued)
        assert len(c.p.reports) == 2


@pytest.mark.req("S1-19")
class TestSharing:
    """The program alone decides whether its report is shared, with whom, and how long."""

    @pytest.mark.parametrize("audience", ["funders", "board", "families", "public"])
    @pytest.mark.parametrize("days", [None, 0, 365])
    def test_the_program_shares_it(self, audience: str, days: int | None) -> None:
        c = issued()
        until = None if days is None else c.today + timedelta(days=days)
        given(c).when(LEAD, share(c, audience, days)).then(
            AssessmentReportShared, report_id=report_id(c), audience=audience, until=until
        )
        assert c.p.reports[report_id(c)].shares == {audience: until or date.max}

    def test_the_affiliate_does_not(self) -> None:
        c = issued()
        given(c).when(ADMIN, share(c)).refused("ONLY_PROGRAM_MAY_SHARE")
        given(c).when(STAFF, share(c)).refused("NOT_AUTHORISED")

    def test_a_share_does_not_end_before_it_begins(self) -> None:
        c = issued()
        given(c).when(LEAD, share(c, days=-1)).refused("SHARE_IN_PAST", until=c.today - timedelta(days=1))

    def test_with_each_audience_once(self) -> None:
        c = issued()
        c.must(LEAD, share(c))
        given(c).when(LEAD, share(c)).refused("ALREADY_SHARED", audience="funders")
        given(c).when(LEAD, share(c, "board")).then(AssessmentReportShared)
        given(c).when(ADMIN, share(c, days=-1)).refused("ONLY_PROGRAM_MAY_SHARE", "ALREADY_SHARED", "SHARE_IN_PAST")

    def test_the_program_ends_a_share_and_may_share_again(self) -> None:
        c = issued()
        c.must(LEAD, share(c), share(c, "board"))
        given(c).when(LEAD, end(c)).then(ReportShareEnded, report_id=report_id(c), audience="funders")
        assert set(c.p.reports[report_id(c)].shares) == {"board"}
        given(c).when(LEAD, share(c)).then(AssessmentReportShared)

    def test_a_share_that_ended_by_its_date_can_be_given_again(self) -> None:
        c = issued()
        c.must(LEAD, share(c, days=0))
        given(c).when(LEAD, share(c)).refused("ALREADY_SHARED")
        c.world.later()
        given(c).when(LEAD, share(c)).then(AssessmentReportShared)

    def test_what_is_not_shared_cannot_be_ended(self) -> None:
        c = issued()
        given(c).when(LEAD, end(c)).refused("NOT_SHARED", audience="funders")
        c.must(LEAD, share(c))
        given(c).when(ADMIN, end(c)).refused("NOT_AUTHORISED")

    def test_the_report_has_to_be_known(self) -> None:
        c = granted()
        unknown: dict[str, Any] = {"report_id": "none", "audience": "funders"}
        given(c).when(LEAD, ShareReport(**unknown)).refused("REPORT_UNKNOWN", report_id="none")
        given(c).when(LEAD, EndShare(**unknown)).refused("REPORT_UNKNOWN", report_id="none")
