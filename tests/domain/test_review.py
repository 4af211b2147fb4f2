"""The visit, the summary with the right of reply, findings, confirmations, and the completed review (S0-04, A12, A18)."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access import WithdrawFromCycle
from domain.correction import ActWithdrawn, WithdrawAct
from domain.decision import DecideTier
from domain.determination import ConfirmItems, RecordDetermination
from domain.documents import RecordScan, WithdrawDocument
from domain.impartiality import AssignDecider, AssignReviewer, DeclareConflict, RecuseReviewer
from domain.language import Event
from domain.plan import DraftPlan
from domain.program import Phase
from domain.review import (
    CompleteReview,
    ConfirmOtherRequirements,
    ConfirmSupportCompleted,
    EvaluatorFindingRecorded,
    IssueReviewSummary,
    OtherRequirementsConfirmed,
    ProgramResponseRecorded,
    RecordEvaluatorFinding,
    RecordProgramResponse,
    RecordSiteReview,
    ReviewCompleted,
    ReviewSummaryIssued,
    ScheduleSiteReview,
    SiteReviewHeld,
    SiteReviewScheduled,
    SupportCompleted,
)
from tests.small_policies import INSTRUMENT, LEAN
from tests.small_world import (
    ADMIN,
    CLOCK,
    DECIDER,
    LEAD,
    NO,
    NOT_APPLICABLE,
    REVIEWER,
    REVIEWER2,
    STAFF,
    Case,
    Situation,
    determined,
    granted,
    hand_in,
    listed,
    planned,
    requested,
    reviewed,
    submitted,
    under_review,
    words,
)
from tests.story import given

WHY = words("That is how it was.")
ITEMS = tuple(i.id for i in INSTRUMENT.items)


def visit(c: Case, days_ago: int = 0, mode: Any = "onsite", exception: Any = None) -> RecordSiteReview:
    """The request to record the review that was held."""
    held_on = c.today - timedelta(days=days_ago)
    return RecordSiteReview(
        cycle_id=c.cycle_id, held_on=held_on, mode=mode, attendee_roles=("program_lead",), exception=exception
    )


def summary(c: Case, *strengths: str, findings: tuple[str, ...] = ()) -> IssueReviewSummary:
    """The request to send the summary."""
    return IssueReviewSummary(cycle_id=c.cycle_id, summary=WHY, strengths=strengths, findings=findings)


def reply(c: Case, *documents: str) -> RecordProgramResponse:
    """The program's reply."""
    return RecordProgramResponse(cycle_id=c.cycle_id, response=WHY, documents=documents)


def finding(c: Case, code: str = "identified") -> RecordEvaluatorFinding:
    """The request to record a finding."""
    return RecordEvaluatorFinding(cycle_id=c.cycle_id, finding=code, reason=WHY)


def completion(c: Case) -> CompleteReview:
    """The request to complete the review."""
    return CompleteReview(cycle_id=c.cycle_id)


def last(c: Case, event: type[Event]) -> int:
    """The version of the last fact of a kind."""
    return max(v for v, e in enumerate(c.events, start=1) if isinstance(e, event))


def undo(c: Case, event: type[Event]) -> WithdrawAct:
    """The request to withdraw the last act of a kind."""
    return WithdrawAct(version=last(c, event), ground="other_error", explanation=WHY)


REVIEWERS_OWN: dict[str, Any] = {
    "schedule": lambda c: ScheduleSiteReview(cycle_id=c.cycle_id, on=c.today, mode="onsite"),
    "visit": visit,
    "summary": summary,
    "finding": finding,
    "completion": completion,
}


@pytest.mark.parametrize("name", REVIEWERS_OWN)
def test_only_the_assigned_reviewer_does_it_and_only_under_review(name: str) -> None:
    c = under_review(scheme="lean")
    given(c).when(REVIEWER2, REVIEWERS_OWN[name](c)).refused("NOT_THE_REVIEWER", reviewer=REVIEWER)
    for early_or_late in (submitted(scheme="lean"), reviewed(scheme="lean")):
        phase = early_or_late.cycle.phase
        given(early_or_late).when(REVIEWER, REVIEWERS_OWN[name](early_or_late)).refused(
            "WRONG_CYCLE_STATE", phase=phase
        )


class TestVisit:
    """A day is set, and the review is held in a mode that the policy allows."""

    def test_a_day_is_set_and_may_be_set_again(self) -> None:
        c = under_review()
        on = c.today + timedelta(days=20)
        for mode in ("onsite", "remote"):
            asked = ScheduleSiteReview(cycle_id=c.cycle_id, on=on, mode=mode)
            given(c).when(REVIEWER, asked).then(SiteReviewScheduled, on=on, mode=mode)
            assert c.cycle.review.scheduled == c.p.version

    @pytest.mark.req("S0-04", "S1-16", "S3-05", "M1")
    def test_the_visit_is_recorded_with_its_day_mode_and_who_took_part(self) -> None:
        c = under_review()
        given(c).when(REVIEWER, visit(c)).then(
            SiteReviewHeld,
            cycle_id=c.cycle_id,
            held_on=c.today,
            mode="onsite",
            attendee_roles=("program_lead",),
            exception=None,
        )
        review = c.cycle.review
        assert (review.held, review.mode, review.exception) == (c.p.version, "onsite", False)

    @pytest.mark.parametrize("days_ago", [0, 400])
    def test_it_lies_in_the_past_or_is_today(self, days_ago: int) -> None:
        c = under_review()
        given(c).when(REVIEWER, visit(c, days_ago)).then(SiteReviewHeld)

    def test_it_is_not_tomorrow(self) -> None:
        c = under_review()
        given(c).when(REVIEWER, visit(c, days_ago=-1)).refused("DATE_IN_FUTURE", field="held_on", today=c.today)

    @pytest.mark.req("A12")
    def test_another_mode_than_the_policys_takes_a_recorded_exception(self) -> None:
        c = under_review()
        given(c).when(REVIEWER, visit(c, mode="remote")).refused("MODE_NOT_ALLOWED", mode="remote", allowed=["onsite"])
        given(c).when(REVIEWER, visit(c, mode="remote", exception=WHY)).then(SiteReviewHeld, exception=WHY)
        assert c.cycle.review.exception

    @pytest.mark.req("A12")
    def test_where_the_policy_allows_the_mode_no_exception_is_recorded(self) -> None:
        c = under_review(scheme="lean")
        given(c).when(REVIEWER, visit(c, mode="remote", exception=WHY)).then(SiteReviewHeld, exception=None)

    def test_it_is_recorded_once(self) -> None:
        c = under_review()
        c.must(REVIEWER, visit(c))
        given(c).when(REVIEWER, visit(c)).refused("ALREADY_RECORDED")

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        c = determined()
        given(c).when(REVIEWER, visit(c, days_ago=-1, mode="desk")).refused(
            "ALREADY_RECORDED", "MODE_NOT_ALLOWED", "DATE_IN_FUTURE"
        )


class TestRightOfReply:
    """After the visit the summary goes out; the policy says how long the program may reply."""

    def test_the_summary_names_strengths_and_findings_and_opens_the_time_to_reply(self) -> None:
        c = determined(scheme="member")
        given(c).when(REVIEWER, summary(c, "A1", findings=("C5",))).then(
            ReviewSummaryIssued, strengths=("A1",), findings=("C5",), reply_until=c.today + timedelta(days=10)
        )
        assert c.cycle.review.summary == c.p.version

    def test_without_a_time_in_the_policy_the_reply_has_no_limit(self) -> None:
        c = determined()
        given(c).when(REVIEWER, summary(c)).then(ReviewSummaryIssued, reply_until=None)
        c.world.later(days=1000)
        given(c).when(LEAD, reply(c)).then(ProgramResponseRecorded, cycle_id=c.cycle_id, response=WHY, documents=())

    def test_the_summary_follows_the_visit(self) -> None:
        c = under_review()
        given(c).when(REVIEWER, summary(c)).refused("REVIEW_NOT_HELD")

    def test_strengths_and_findings_are_items(self) -> None:
        c = determined()
        given(c).when(REVIEWER, summary(c, "A1", "Z9", findings=("Z8",))).refused("UNKNOWN_ITEM", item_ids=["Z9", "Z8"])
        c = under_review()
        given(c).when(REVIEWER, summary(c, "Z9")).refused("REVIEW_NOT_HELD", "UNKNOWN_ITEM")

    def test_there_is_nothing_to_reply_to_before_the_summary(self) -> None:
        c = determined(scheme="member")
        given(c).when(LEAD, reply(c)).refused("NO_SUMMARY")

    def test_the_program_replies_through_the_last_day(self) -> None:
        c = determined(scheme="member")
        c.must(REVIEWER, summary(c))
        until = c.today + timedelta(days=10)
        c.world.later(days=10)
        given(c).when(LEAD, reply(c)).then(ProgramResponseRecorded)
        assert c.cycle.review.replied == c.p.version
        c.world.later(days=1)
        given(c).when(LEAD, reply(c)).refused("REPLY_PERIOD_OVER", until=until)

    def test_a_new_summary_opens_the_time_anew_and_waits_for_a_new_reply(self) -> None:
        c = planned(scheme="member")
        c.must(REVIEWER, summary(c)).must(LEAD, reply(c)).must(REVIEWER, summary(c))
        given(c).when(REVIEWER, completion(c)).refused("REPLY_PERIOD_OPEN")

    def test_a_reply_brings_documents_that_were_handed_in(self) -> None:
        c = determined()
        c.must(REVIEWER, summary(c))
        given(c).when(LEAD, reply(c, "phantom")).refused("DOCUMENT_UNKNOWN", document_id="phantom")
        hand_in(c, "doc7")
        given(c).when(LEAD, reply(c, "doc1", "doc7")).then(ProgramResponseRecorded, documents=("doc1", "doc7"))
        given(c).when(STAFF, WithdrawDocument(document_id="doc7", reason=WHY)).refused("DOCUMENT_FROZEN")
        c.must(CLOCK, RecordScan(document_id="doc7", verdict="infected"))
        given(c).when(LEAD, reply(c, "doc7")).refused("DOCUMENT_INFECTED")

    def test_nobody_replies_to_a_complete_review(self) -> None:
        c = reviewed(scheme="member")
        given(c).when(LEAD, reply(c)).refused("WRONG_CYCLE_STATE")
        c = determined()
        c.must(REVIEWER, summary(c))
        given(c).when(STAFF, reply(c)).refused("NOT_AUTHORISED")


class TestFindings:
    """The evaluator's reasoned word, where the policy knows it (A18)."""

    @pytest.mark.req("A18", "M15", "S2-05")
    def test_a_finding_of_the_policy_is_recorded_with_its_reason(self) -> None:
        c = under_review(scheme="lean")
        given(c).when(REVIEWER, finding(c)).then(
            EvaluatorFindingRecorded, cycle_id=c.cycle_id, finding="identified", reason=WHY
        )
        assert c.cycle.review.findings == {"identified": c.p.version}

    def test_other_findings_are_refused(self) -> None:
        c = under_review(scheme="lean")
        given(c).when(REVIEWER, finding(c, "excellent")).refused(
            "FINDING_UNKNOWN", known=["identified", "under_inquiry"]
        )
        c = under_review()
        given(c).when(REVIEWER, finding(c)).refused("FINDING_UNKNOWN", known=[])

    def test_each_is_recorded_once(self) -> None:
        c = determined(scheme="lean", findings=("identified",))
        given(c).when(REVIEWER, finding(c)).refused("ALREADY_RECORDED")
        given(c).when(REVIEWER, finding(c, "under_inquiry")).then(EvaluatorFindingRecorded)


CONFIRMATIONS: dict[str, Any] = {
    "support_completed": (ConfirmSupportCompleted, SupportCompleted),
    "other_requirements": (ConfirmOtherRequirements, OtherRequirementsConfirmed),
}


@pytest.mark.parametrize("name", CONFIRMATIONS)
class TestConfirmations:
    """What a tier asks the affiliate to confirm (S4-11)."""

    @pytest.mark.req("S4-11", "M15")
    @pytest.mark.parametrize("situation", [under_review, reviewed])
    def test_where_a_tier_asks_for_it_the_affiliate_confirms_once(self, name: str, situation: Any) -> None:
        command, event = CONFIRMATIONS[name]
        c: Case = situation(scheme="member")
        if situation is under_review:
            given(c).when(ADMIN, command(cycle_id=c.cycle_id)).then(event, cycle_id=c.cycle_id)
            assert getattr(c.cycle.review, name) == c.p.version
        given(c).when(ADMIN, command(cycle_id=c.cycle_id)).refused("ALREADY_RECORDED")

    def test_where_no_tier_asks_there_is_nothing_to_confirm(self, name: str) -> None:
        command, _ = CONFIRMATIONS[name]
        c = under_review()
        given(c).when(ADMIN, command(cycle_id=c.cycle_id)).refused("NOT_ASKED_BY_POLICY")

    def test_only_while_the_cycle_runs_with_access(self, name: str) -> None:
        command, _ = CONFIRMATIONS[name]
        c = under_review(scheme="member")
        c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=WHY))
        for ended in (requested(scheme="member"), c, granted(scheme="member")):
            given(ended).when(ADMIN, command(cycle_id=ended.cycle_id)).refused("CYCLE_ENDED", phase=ended.cycle.phase)

    def test_the_cycle_has_to_be_known(self, name: str) -> None:
        command, _ = CONFIRMATIONS[name]
        c = under_review(scheme="member")
        given(c).when(ADMIN, command(cycle_id="none")).refused("CYCLE_UNKNOWN")


def without_a_plan(so_far: Situation) -> Case:
    """So far, under a policy that wants no plan."""
    c = listed(scheme="lean")
    c.world.publish({**LEAN, "version": "2", "plan": None}, effective_from=c.today)
    return so_far.again(c)


class TestCompletion:
    """Everything ruled on, the plan adopted, the reply in or its time over."""

    @pytest.mark.req("M13", "S0-04", "S1-16")
    def test_a_complete_review_counts_what_is_in_place(self) -> None:
        c = planned(answers={"A1": NO, "B4": NOT_APPLICABLE, "C6": NO}, not_verified=("C5",))
        given(c).when(REVIEWER, completion(c)).then(
            ReviewCompleted, cycle_id=c.cycle_id, in_practice=2, applicable=4, not_verified=1
        )
        assert c.cycle.phase is Phase.REVIEWED
        assert c.cycle.review.completed == c.p.version

    def test_its_digest_follows_from_what_was_ruled(self) -> None:
        def digest(**how: Any) -> str:
            event = reviewed(**how).events[-1]
            assert isinstance(event, ReviewCompleted)
            return event.determinations_digest

        assert digest() == digest()
        assert digest() != digest(answers={"A1": NO})

    def test_it_waits_for_the_visit(self) -> None:
        c = without_a_plan(under_review)
        c.must(REVIEWER, ConfirmItems(cycle_id=c.cycle_id, item_ids=ITEMS))
        given(c).when(REVIEWER, completion(c)).refused("REVIEW_NOT_HELD")
        c.must(REVIEWER, visit(c))
        given(c).when(REVIEWER, completion(c)).then(ReviewCompleted)

    def test_it_waits_for_every_item(self) -> None:
        c = planned()
        c.must(ADMIN, RecuseReviewer(cycle_id=c.cycle_id, ground="left"))
        c.must(REVIEWER2, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        c.must(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER2))
        given(c).when(REVIEWER2, completion(c)).refused("ITEMS_UNDETERMINED", item_ids=list(ITEMS))

    @pytest.mark.req("M13")
    def test_it_waits_for_the_plan(self) -> None:
        c = determined()
        given(c).when(REVIEWER, completion(c)).refused("PLAN_NOT_ADOPTED")

    def test_unless_the_policy_wants_no_plan(self) -> None:
        c = without_a_plan(determined)
        given(c).when(REVIEWER, completion(c)).then(ReviewCompleted)

    def test_it_waits_for_the_summary_where_the_program_may_reply(self) -> None:
        c = planned(scheme="member")
        given(c).when(REVIEWER, completion(c)).refused("NO_SUMMARY")

    def test_it_waits_for_the_reply_or_the_end_of_its_time(self) -> None:
        c = planned(scheme="member")
        c.must(REVIEWER, summary(c))
        until = c.today + timedelta(days=10)
        c.world.later(days=10)
        given(c).when(REVIEWER, completion(c)).refused("REPLY_PERIOD_OPEN", until=until)
        c.world.later(days=1)
        given(c).when(REVIEWER, completion(c)).then(ReviewCompleted)
        c = planned(scheme="member")
        c.must(REVIEWER, summary(c)).must(LEAD, reply(c))
        given(c).when(REVIEWER, completion(c)).then(ReviewCompleted)

    def test_a_summary_sent_of_ones_own_accord_asks_for_no_reply(self) -> None:
        c = planned()
        c.must(REVIEWER, summary(c))
        given(c).when(REVIEWER, completion(c)).then(ReviewCompleted)

    def test_everything_that_is_missing_is_named(self) -> None:
        c = under_review(scheme="member")
        c.must(REVIEWER, ConfirmItems(cycle_id=c.cycle_id, item_ids=ITEMS[1:]))
        said: dict[str, Any] = {"outcome": "not_verified", "reason": WHY}
        c.must(REVIEWER, RecordDetermination(cycle_id=c.cycle_id, item_id="A2", **said))
        given(c).when(REVIEWER, completion(c)).refused(
            "REVIEW_NOT_HELD", "ITEMS_UNDETERMINED", "PLAN_NOT_ADOPTED", "NO_SUMMARY", item_ids=["A1"]
        )


def replied() -> Case:
    """The program replied to the summary."""
    c = planned(scheme="member")
    return c.must(REVIEWER, summary(c)).must(LEAD, reply(c))


ACTS: dict[str, tuple[Any, type[Event], str, dict[str, Any], Any]] = {
    "visit": (determined, SiteReviewHeld, REVIEWER, {"held": 0, "mode": None, "exception": False}, visit),
    "summary": (replied, ReviewSummaryIssued, REVIEWER, {"summary": 0, "reply_until": None}, summary),
    "reply": (replied, ProgramResponseRecorded, LEAD, {"replied": 0}, None),
    "finding": (
        lambda: determined(scheme="lean", findings=("identified",)), EvaluatorFindingRecorded, REVIEWER,
        {"findings": {}}, finding,
    ),
    "support": (lambda: reviewed(scheme="member"), SupportCompleted, ADMIN, {"support_completed": 0}, None),
    "others": (lambda: reviewed(scheme="member"), OtherRequirementsConfirmed, ADMIN, {"other_requirements": 0}, None),
}  # fmt: skip


@pytest.mark.req("M2")
class TestWithdrawal:
    """An act recorded in error is withdrawn, and can be recorded again, until something rests on it."""

    @pytest.mark.parametrize("act", ACTS)
    def test_whoever_recorded_it_withdraws_it(self, act: str) -> None:
        situation, event, person, undone, again = ACTS[act]
        c: Case = situation()
        version = last(c, event)
        given(c).when(person, undo(c, event)).then(
            ActWithdrawn, withdrawn=version, act=event.published_name(), ground="other_error"
        )
        assert {name: getattr(c.cycle.review, name) for name in undone} == undone
        assert c.refused(person, WithdrawAct(version=version, ground="other_error", explanation=WHY)) == (
            "ACT_UNKNOWN",
        )
        if again:
            c.must(person, again(c))

    @pytest.mark.parametrize("act", ACTS)
    def test_the_affiliates_administrator_may_too(self, act: str) -> None:
        situation, event, _, undone, _ = ACTS[act]
        c: Case = situation()
        c.must(ADMIN, undo(c, event))
        assert {name: getattr(c.cycle.review, name) for name in undone} == undone

    @pytest.mark.parametrize("act", ACTS)
    def test_nobody_else(self, act: str) -> None:
        situation, event, person, _, _ = ACTS[act]
        c: Case = situation()
        other = REVIEWER if person in (LEAD, ADMIN) else LEAD
        given(c).when(other, undo(c, event)).refused("NOT_YOURS_TO_WITHDRAW")

    @pytest.mark.parametrize(
        ("event", "what"),
        [
            (SiteReviewHeld, ["completed_review", "adopted_plan"]),
            (ReviewSummaryIssued, ["completed_review"]),
            (ProgramResponseRecorded, ["completed_review"]),
        ],
    )
    def test_a_completed_review_rests_on_what_led_to_it(self, event: type[Event], what: list[str]) -> None:
        c = reviewed(scheme="member")
        given(c).when(ADMIN, undo(c, event)).refused("RESTED_UPON", what=what)

    def test_also_on_the_finding(self) -> None:
        c = reviewed(scheme="lean", findings=("identified",))
        given(c).when(ADMIN, undo(c, EvaluatorFindingRecorded)).refused("RESTED_UPON", what=["completed_review"])

    @pytest.mark.parametrize("event", [SupportCompleted, OtherRequirementsConfirmed])
    def test_a_decision_rests_on_the_confirmations(self, event: type[Event]) -> None:
        c = granted(scheme="member", decider=DECIDER)
        given(c).when(ADMIN, undo(c, event)).refused("RESTED_UPON", what=["decision", "ended_cycle"])

    def test_a_decision_on_the_way_rests_on_them_too(self) -> None:
        c = reviewed(scheme="member")
        c.must(DECIDER, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        c.must(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER))
        c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="associate", rationale=WHY))
        assert c.cycle.phase is Phase.REVIEWED
        given(c).when(ADMIN, undo(c, SupportCompleted)).refused("RESTED_UPON", what=["decision"])

    def test_withdrawing_an_older_summary_leaves_the_newer_one(self) -> None:
        c = planned(scheme="member")
        c.must(REVIEWER, summary(c))
        older = last(c, ReviewSummaryIssued)
        c.must(REVIEWER, summary(c))
        before = c.cycle.review
        c.must(REVIEWER, WithdrawAct(version=older, ground="recorded_twice", explanation=WHY))
        assert c.cycle.review == before

    def test_withdrawing_an_older_reply_leaves_the_newer_one(self) -> None:
        c = replied()
        older = last(c, ProgramResponseRecorded)
        c.must(LEAD, reply(c))
        before = c.cycle.review
        c.must(LEAD, WithdrawAct(version=older, ground="recorded_twice", explanation=WHY))
        assert c.cycle.review == before

    def test_a_draft_of_a_plan_does_not_rest_on_the_visit(self) -> None:
        c = determined()
        c.must(REVIEWER, DraftPlan(cycle_id=c.cycle_id))
        given(c).when(REVIEWER, undo(c, SiteReviewHeld)).then(ActWithdrawn)

    def test_an_adopted_plan_rests_on_the_visit(self) -> None:
        c = planned()
        given(c).when(REVIEWER, undo(c, SiteReviewHeld)).refused("RESTED_UPON", what=["adopted_plan"])
