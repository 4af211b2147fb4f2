"""Surveillance: check-ins near anniversaries where the policy asks for them, and substantive changes."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.adverse import SuspendStatus
from domain.correction import ActWithdrawn, WithdrawAct
from domain.policy.model import Policy
from domain.status import standing
from domain.surveillance import (
    AnnualCheckInRecorded,
    AssessChange,
    RecordAnnualCheckIn,
    ReportSubstantiveChange,
    SubstantiveChangeAssessed,
    SubstantiveChangeReported,
    anniversaries,
    check_ins_due,
)
from domain.tenure import Holding, Measure
from domain.term import add
from tests.members import importing
from tests.small_policies import FULL
from tests.small_world import (
    ADMIN,
    DECIDER,
    DECIDER2,
    DIRECTOR,
    LEAD,
    NATIONAL,
    REVIEWER,
    STAFF,
    STRANGER,
    Case,
    granted,
    listed,
    words,
)
from tests.story import given

DAY = timedelta(days=1)
NOTE = words("Much as last year.")


def watched(**asked: Any) -> Case:
    """A program that holds a tier for three years under a version that asks for check-ins and reports of changes."""
    c = listed()
    rule = {"annual_check_in": True, "change_report_within": "P30D", "basis": "proposal", **asked}
    c.world.publish({**FULL, "version": "2", "surveillance": rule}, effective_from=c.today)
    return granted.again(c)


def holding(c: Case) -> Holding:
    """The tier held."""
    held = standing(c.p, "full", c.today).in_term
    assert held is not None
    return held


def rules(c: Case) -> Policy:
    """The policy that the tier is held under."""
    ref = holding(c).policy
    assert ref is not None
    policy = c.world.policy(ref)
    assert policy is not None
    return policy


def wait_until(c: Case, day: date) -> Case:
    """It is that day."""
    c.world.later(days=(day - c.today).days)
    return c


def checking_in(anniversary: date, *changes: Any, scheme: str = "full") -> RecordAnnualCheckIn:
    return RecordAnnualCheckIn(scheme=scheme, anniversary=anniversary, narrative=NOTE, changes=changes)


def reporting(occurred_on: date, kind: Any = "leadership", scheme: str | None = "full") -> ReportSubstantiveChange:
    said = words("A new director.")
    return ReportSubstantiveChange(scheme=scheme, kind=kind, occurred_on=occurred_on, description=said)


def assessing(change_id: str, impact: Any = "watch") -> AssessChange:
    return AssessChange(change_id=change_id, impact=impact, follow_up=words("We shall visit."))


def undoing(version: int) -> WithdrawAct:
    return WithdrawAct(version=version, ground="other_error", explanation=words("That was not so."))


class TestCheckIn:
    """Each anniversary of the tier, near the day, once, where its policy asks for it."""

    @pytest.mark.req("M17")
    @pytest.mark.parametrize("person", [LEAD, DIRECTOR, ADMIN])
    def test_it_is_recorded_by_either_side(self, person: str) -> None:
        c = watched()
        first = add(holding(c).effective_on, "P1Y")
        wait_until(c, first)
        given(c).when(person, checking_in(first, "staffing", "site")).then(
            AnnualCheckInRecorded, scheme="full", anniversary=first, recorded_on=first, changes=("staffing", "site"),
            narrative=NOTE,
        )  # fmt: skip
        assert c.p.check_ins == {f"full/{first}": c.p.version}
        assert holding(c).tier == "dedicated"
        given(c).when(person, checking_in(first)).refused("ALREADY_RECORDED")

    @pytest.mark.parametrize(("off", "due"), [(-61, False), (-60, True), (60, True), (61, False)])
    def test_near_the_anniversary(self, off: int, due: bool) -> None:
        c = watched()
        first = add(holding(c).effective_on, "P1Y")
        wait_until(c, first + off * DAY)
        story = given(c).when(LEAD, checking_in(first))
        if due:
            story.then(AnnualCheckInRecorded, recorded_on=first + off * DAY)
        else:
            story.refused("NOT_DUE", anniversary=first, due=None)

    def test_for_an_anniversary_of_the_term(self) -> None:
        c = watched()
        since, end = holding(c).effective_on, holding(c).expires_on
        assert end is not None
        wait_until(c, end - DAY)
        for day in (since, end, end + DAY):
            given(c).when(LEAD, checking_in(day)).refused("NOT_DUE", anniversary=day, due=None)
        wait_until(c, end)
        given(c).when(LEAD, checking_in(end)).refused("NO_ACTIVE_STATUS")

    def test_the_days_that_it_could_be_for_are_named(self) -> None:
        c = watched()
        second = add(holding(c).effective_on, "P2Y")
        wait_until(c, second)
        given(c).when(LEAD, checking_in(second - DAY)).refused("NOT_DUE", due=[second])

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = watched()
        first = add(holding(c).effective_on, "P1Y")
        wait_until(c, first).must(LEAD, checking_in(first))
        wait_until(c, first + 61 * DAY)
        given(c).when(LEAD, checking_in(first)).refused("NOT_DUE", "ALREADY_RECORDED")

    @pytest.mark.req("M17")
    def test_where_the_policy_of_the_tier_does_not_ask_there_is_none(self) -> None:
        c = granted()
        first = add(holding(c).effective_on, "P1Y")
        asking = {"annual_check_in": True, "change_report_within": None, "basis": "proposal"}
        c.world.publish({**FULL, "version": "2", "surveillance": asking}, effective_from=c.today)
        wait_until(c, first)
        given(c).when(LEAD, checking_in(first)).refused("NOT_ASKED_BY_POLICY", what="an annual check-in")
        assert check_ins_due(c.p, "full", rules(c), c.today) == []

    def test_without_a_tier_there_is_none(self) -> None:
        c = listed()
        given(c).when(LEAD, checking_in(c.today)).refused("NO_ACTIVE_STATUS", scheme="full")
        given(c).when(LEAD, checking_in(c.today, scheme="imaginary")).refused("SCHEME_UNKNOWN")
        assert anniversaries(c.p, "full", c.today, add(c.today, "P9Y")) == []

    def test_while_suspended_it_is_due_all_the_same(self) -> None:
        c = watched()
        first = add(holding(c).effective_on, "P1Y")
        wait_until(c, first)
        said: dict[str, Any] = {"declaration": "none", "imminent_harm": True, "grounds": ("safety",)}
        said |= {"effective_on": first, "review_by": first + 10 * DAY, "reasons": words("Harm may come.")}
        c.must(DECIDER2, SuspendStatus(scheme="full", **said))
        given(c).when(LEAD, checking_in(first)).then(AnnualCheckInRecorded)

    def test_a_reduction_begins_no_new_term(self) -> None:
        c = watched()
        since = holding(c).effective_on
        lower = replace(holding(c), effective_on=since + 200 * DAY)
        said: dict[str, Any] = {"scheme": "full", "kind": "reduced", "since": since + 200 * DAY, "zone": "UTC"}
        measure = Measure(measure_id="d1", to=lower, version=c.p.version + 1, **said)
        reduced = replace(c.p, measures=(measure,))
        days = [add(since, "P1Y"), add(since, "P2Y")]
        assert anniversaries(reduced, "full", since + 300 * DAY, add(since, "P9Y")) == days

    def test_those_due_are_the_ones_whose_time_has_begun_and_that_nobody_recorded(self) -> None:
        c = watched()
        first, second = (add(holding(c).effective_on, period) for period in ("P1Y", "P2Y"))
        policy = rules(c)
        days = (first - 61 * DAY, first - 60 * DAY, first + 200 * DAY, second - 60 * DAY)
        assert [check_ins_due(c.p, "full", policy, d) for d in days] == [[], [first], [first], [first, second]]
        wait_until(c, first).must(LEAD, checking_in(first))
        assert [check_ins_due(c.p, "full", policy, d) for d in days] == [[], [], [], [second]]

    def test_a_tier_since_a_leap_day_has_an_anniversary_each_year(self) -> None:
        c = listed(scheme="member")
        c.must(ADMIN, importing(date(2024, 2, 29)))
        assert anniversaries(c.p, "member", date(2025, 1, 1), date(2028, 2, 29)) == [
            date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29),
        ]  # fmt: skip
        assert len(anniversaries(c.p, "member", date(2025, 1, 1), date(2028, 2, 28))) == 3

    @pytest.mark.req("M2")
    @pytest.mark.parametrize("person", [LEAD, ADMIN])
    def test_a_check_in_recorded_in_error_is_withdrawn(self, person: str) -> None:
        c = watched()
        first = add(holding(c).effective_on, "P1Y")
        wait_until(c, first).must(LEAD, checking_in(first))
        given(c).when(REVIEWER, undoing(c.p.version)).refused("NOT_YOURS_TO_WITHDRAW")
        given(c).when(person, undoing(c.p.version)).then(ActWithdrawn, act="AnnualCheckInRecorded.v1")
        assert c.p.check_ins == {}
        given(c).when(LEAD, checking_in(first)).then(AnnualCheckInRecorded)

    @pytest.mark.parametrize("person", [STAFF, REVIEWER, DECIDER, NATIONAL, STRANGER])
    def test_it_is_for_leadership_and_administrators(self, person: str) -> None:
        c = watched()
        first = add(holding(c).effective_on, "P1Y")
        given(wait_until(c, first)).when(person, checking_in(first)).not_allowed()


class TestReportingAChange:
    """A change is reported at any time; late is what the policy of the tier wanted to know earlier."""

    @pytest.mark.req("M17")
    @pytest.mark.parametrize("person", [LEAD, DIRECTOR])
    def test_what_changed_and_when(self, person: str) -> None:
        c = watched()
        occurred_on = c.today
        c.world.later(days=5)
        given(c).when(person, reporting(occurred_on, "site")).then(
            SubstantiveChangeReported, scheme="full", kind="site", occurred_on=occurred_on, reported_on=c.today,
            late=False, description=words("A new director."),
        )  # fmt: skip
        ((_, change),) = c.p.changes.items()
        assert (change.kind, change.occurred_on, change.reported) == ("site", occurred_on, c.p.version)
        assert change.assessed == 0

    @pytest.mark.req("M17")
    @pytest.mark.parametrize("scheme", ["full", None])
    @pytest.mark.parametrize(("days", "late"), [(30, False), (31, True)])
    def test_after_the_time_that_the_policy_sets_it_is_late(self, scheme: str | None, days: int, late: bool) -> None:
        c = watched()
        occurred_on = c.today
        c.world.later(days=days)
        given(c).when(LEAD, reporting(occurred_on, scheme=scheme)).then(SubstantiveChangeReported, late=late)
        assert ("(late)" in c.events[-1].sentence()) is late

    @pytest.mark.parametrize("scheme", ["full", None])
    def test_where_the_policy_sets_no_time_it_is_never_late(self, scheme: str | None) -> None:
        c = watched(change_report_within=None)
        occurred_on = c.today
        c.world.later(days=300)
        given(c).when(LEAD, reporting(occurred_on, scheme=scheme)).then(SubstantiveChangeReported, late=False)

    def test_before_the_tier_was_held_nobody_had_to_report(self) -> None:
        c = watched()
        before = holding(c).effective_on - DAY
        c.world.later(days=300)
        given(c).when(LEAD, reporting(before)).then(SubstantiveChangeReported, late=False)
        c = listed()
        given(c).when(LEAD, reporting(c.today - 300 * DAY, scheme=None)).then(SubstantiveChangeReported, late=False)

    def test_while_an_imported_status_was_held_the_policy_in_force_then_counts(self) -> None:
        c = listed()
        since = c.today
        c.must(ADMIN, importing(since, scheme="full", tier="dedicated", rank=1))
        rule = {"annual_check_in": False, "change_report_within": "P10D", "basis": "proposal"}
        c.world.publish({**FULL, "version": "2", "surveillance": rule}, effective_from=since + DAY)
        c.world.later(days=100)
        given(c).when(LEAD, reporting(since)).then(SubstantiveChangeReported, late=False)
        given(c).when(LEAD, reporting(since + DAY)).then(SubstantiveChangeReported, late=True)

    def test_under_one_of_several_schemes_late_is_late(self) -> None:
        c = watched()
        c.must(ADMIN, importing(date(2025, 3, 1)))
        occurred_on = c.today
        c.world.later(days=40)
        given(c).when(LEAD, reporting(occurred_on, scheme=None)).then(SubstantiveChangeReported, late=True)
        given(c).when(LEAD, reporting(occurred_on, scheme="member")).then(SubstantiveChangeReported, late=False)

    def test_a_change_that_has_not_come_is_not_reported(self) -> None:
        c = listed()
        given(c).when(LEAD, reporting(c.today + DAY)).refused("DATE_IN_FUTURE", field="occurred_on", today=c.today)

    def test_the_scheme_is_known(self) -> None:
        c = listed()
        given(c).when(LEAD, reporting(c.today, scheme="imaginary")).refused("SCHEME_UNKNOWN", scheme="imaginary")

    @pytest.mark.parametrize("person", [STAFF, ADMIN, REVIEWER, NATIONAL, STRANGER])
    def test_leadership_reports_it(self, person: str) -> None:
        c = listed()
        given(c).when(person, reporting(c.today)).not_allowed()

    @pytest.mark.parametrize("kind", ["divorce", ""])
    def test_its_kind_is_one_of_a_closed_list(self, kind: str) -> None:
        with pytest.raises(ValueError, match="kind"):
            reporting(date(2026, 1, 1), kind)


def reported() -> tuple[Case, str]:
    """A change was reported; its id."""
    c = listed()
    c.must(LEAD, reporting(c.today))
    (change_id,) = c.p.changes
    return c, change_id


class TestAssessingAChange:
    """The affiliate says what the change means."""

    @pytest.mark.parametrize("person", [ADMIN, REVIEWER])
    @pytest.mark.parametrize("impact", ["none", "watch", "corrective"])
    def test_once(self, person: str, impact: str) -> None:
        c, change_id = reported()
        given(c).when(person, assessing(change_id, impact)).then(
            SubstantiveChangeAssessed, change_id=change_id, impact=impact, follow_up=words("We shall visit.")
        )
        assert c.p.changes[change_id].assessed == c.p.version
        given(c).when(person, assessing(change_id)).refused("ALREADY_RECORDED")

    def test_a_change_that_was_reported(self) -> None:
        c, _ = reported()
        given(c).when(ADMIN, assessing("imaginary")).refused("CHANGE_UNKNOWN", change_id="imaginary")

    @pytest.mark.parametrize("person", [LEAD, STAFF, DECIDER, NATIONAL, STRANGER])
    def test_the_affiliate_assesses_it(self, person: str) -> None:
        c, change_id = reported()
        given(c).when(person, assessing(change_id)).not_allowed()

    @pytest.mark.req("M2")
    @pytest.mark.parametrize("person", [ADMIN, REVIEWER])
    def test_an_assessment_made_in_error_is_withdrawn(self, person: str) -> None:
        c, change_id = reported()
        c.must(ADMIN, assessing(change_id))
        given(c).when(LEAD, undoing(c.p.version)).refused("NOT_YOURS_TO_WITHDRAW")
        given(c).when(person, undoing(c.p.version)).then(ActWithdrawn, act="SubstantiveChangeAssessed.v1")
        given(c).when(person, assessing(change_id)).then(SubstantiveChangeAssessed)

    @pytest.mark.req("M2")
    @pytest.mark.parametrize("person", [LEAD, ADMIN])
    def test_a_report_made_in_error_is_withdrawn_until_it_is_assessed(self, person: str) -> None:
        c, change_id = reported()
        version = c.p.version
        c.must(ADMIN, assessing(change_id))
        given(c).when(person, undoing(version)).refused("RESTED_UPON", what=["assessment"])
        c.must(ADMIN, undoing(c.p.version))
        given(c).when(REVIEWER, undoing(version)).refused("NOT_YOURS_TO_WITHDRAW")
        given(c).when(person, undoing(version)).then(ActWithdrawn, act="SubstantiveChangeReported.v1")
        assert c.p.changes == {}
