"""Assistance: asked for, assigned, its needs assessed, reported on and evaluated, in this order."""

from typing import Any

import pytest

from domain.access import WithdrawFromCycle
from domain.assistance import (
    AssignTaProvider,
    AssistanceEvaluationCompleted,
    AssistanceEvaluationInvited,
    AssistanceFinalReportCompleted,
    CancelTechnicalAssistance,
    CompleteAssistanceReport,
    CompleteEvaluation,
    CompleteNeedsAssessment,
    InitialNeedsAssessmentCompleted,
    InitialNeedsAssessmentInvited,
    RequestTechnicalAssistance,
    TechnicalAssistanceCancelled,
    TechnicalAssistanceProviderAssigned,
    TechnicalAssistanceRequested,
)
from domain.correction import ActWithdrawn, WithdrawAct
from domain.documents import WithdrawDocument
from domain.listing import PauseListing
from domain.memorandum import DraftMou, VoidMou
from domain.program import Phase
from domain.progress import ClosePlan
from tests.small_world import (
    ADMIN,
    CONSULTANT,
    DECIDER,
    LEAD,
    NATIONAL,
    REVIEWER,
    SOUTH,
    STAFF,
    Case,
    determined,
    gates_met,
    granted,
    hand_in,
    listed,
    open_,
    planned,
    requested,
    words,
)
from tests.story import given


def asking(purpose: Any = "other", cycle_id: str | None = None, programme: Any = "nmrc") -> RequestTechnicalAssistance:
    return RequestTechnicalAssistance(purpose=purpose, cycle_id=cycle_id, programme=programme)


def assigning(ta_id: str, affiliate: str = "north") -> AssignTaProvider:
    return AssignTaProvider(ta_id=ta_id, affiliate=affiliate, consultant=CONSULTANT)


def telling_needs(ta_id: str, document_id: str | None = None) -> CompleteNeedsAssessment:
    return CompleteNeedsAssessment(ta_id=ta_id, answers=words("We need help."), document_id=document_id)


def reporting(ta_id: str) -> CompleteAssistanceReport:
    return CompleteAssistanceReport(ta_id=ta_id, summary=words("It was good."))


def evaluating(ta_id: str) -> CompleteEvaluation:
    return CompleteEvaluation(ta_id=ta_id, answers=words("It helped."))


def cancelling(ta_id: str) -> CancelTechnicalAssistance:
    return CancelTechnicalAssistance(ta_id=ta_id)


def undoing(version: int) -> WithdrawAct:
    return WithdrawAct(version=version, ground="other_error", explanation=words("That was not so."))


STEPS: tuple[tuple[str, Any], ...] = (
    (NATIONAL, assigning),
    (LEAD, telling_needs),
    (ADMIN, reporting),
    (LEAD, evaluating),
)


def asked(programme: str = "nmrc", steps: int = 0) -> tuple[Case, str]:
    """A program with one request for assistance outside any cycle, so many steps on its way."""
    c = listed().must(LEAD, asking(programme=programme))
    (ta_id,) = c.p.assistance
    for person, step in STEPS[:steps]:
        c.must(person, step(ta_id))
    return c, ta_id


@pytest.mark.req("S1-05", "S3-03")
def test_assistance_for_the_quality_process_names_the_cycle() -> None:
    c = requested()
    story = given(c).when(LEAD, asking("nqms", c.cycle_id))
    story.then(TechnicalAssistanceRequested, programme="nmrc", purpose="nqms", cycle_id=c.cycle_id)
    ta = c.p.assistance[c.ta_id]
    assert (ta.scheme, ta.purpose, ta.cycle_id, ta.requested) == ("nmrc", "nqms", c.cycle_id, c.p.version)
    assert (ta.assigned, ta.needs_assessed, ta.mou, ta.reported, ta.evaluated, ta.cancelled) == (0, 0, None, 0, 0, 0)


@pytest.mark.parametrize("programme", ["nmrc", "tap"])
@pytest.mark.parametrize("purpose", ["improvement_plan", "other"])
@pytest.mark.req("M10")
def test_other_assistance_names_its_programme_and_no_cycle(programme: str, purpose: str) -> None:
    c = planned()
    story = given(c).when(LEAD, asking(purpose, programme=programme))
    story.then(TechnicalAssistanceRequested, programme=programme, purpose=purpose, cycle_id=None)


@pytest.mark.req("S1-05")
def test_the_purpose_nqms_and_the_cycle_go_together() -> None:
    c = requested()
    given(c).when(LEAD, asking("nqms")).refused("PURPOSE_REQUIRED")
    given(c).when(LEAD, asking("other", c.cycle_id)).refused("PURPOSE_REQUIRED")


@pytest.mark.req("S1-05", "M10")
def test_asking_for_the_quality_process_leaves_other_requests_untouched() -> None:
    c = requested()
    c.must(LEAD, asking("other"), asking("other", programme="tap"))
    c.must(NATIONAL, *(assigning(ta_id) for ta_id in c.p.assistance))
    before = dict(c.p.assistance)
    given(c).when(LEAD, asking("nqms", c.cycle_id)).then(TechnicalAssistanceRequested)
    assert {ta_id: c.p.assistance[ta_id] for ta_id in before} == before
    assert len(c.p.assistance) == 3


def test_a_program_that_is_not_shown_asks_for_no_assistance() -> None:
    c = listed().must(ADMIN, PauseListing(ground="dormant"))
    given(c).when(LEAD, asking()).refused("NOT_LISTED", state="paused")


@pytest.mark.req("S1-21", "S3-07")
def test_while_an_evaluation_is_outstanding_nothing_further_is_asked_for() -> None:
    c, ta_id = asked(steps=3)
    given(c).when(LEAD, asking()).refused("EVALUATION_OUTSTANDING", ta_id=ta_id)


@pytest.mark.req("S1-21", "S3-07")
def test_the_quality_process_waits_for_the_evaluation_too() -> None:
    c = requested()
    c.must(LEAD, asking())
    (ta_id,) = c.p.assistance
    for person, step in STEPS[:3]:
        c.must(person, step(ta_id))
    given(c).when(LEAD, asking("nqms", c.cycle_id)).refused("EVALUATION_OUTSTANDING", ta_id=ta_id)


@pytest.mark.req("S1-21")
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_before_the_report_a_second_request_may_be_made(steps: int) -> None:
    c, _ = asked(steps=steps)
    given(c).when(LEAD, asking()).then(TechnicalAssistanceRequested)


@pytest.mark.req("S1-24", "S3-07")
def test_after_the_evaluation_help_with_the_plan_may_be_asked_for() -> None:
    c = planned()
    first = c.ta_id
    c.must(ADMIN, reporting(first))
    given(c).when(LEAD, asking("improvement_plan")).refused("EVALUATION_OUTSTANDING", ta_id=first)
    given(c).when(LEAD, evaluating(first)).then(AssistanceEvaluationCompleted)
    given(c).when(LEAD, asking("improvement_plan")).then(TechnicalAssistanceRequested, purpose="improvement_plan")


@pytest.mark.req("S1-20", "S1-21", "S1-24", "S3-07")
@pytest.mark.parametrize("programme", ["nmrc", "tap"])
def test_help_with_the_plan_goes_the_whole_way_and_again(programme: str) -> None:
    c = granted()
    c.must(ADMIN, reporting(c.ta_id)).must(LEAD, evaluating(c.ta_id))
    for _ in range(2):
        given(c).when(LEAD, asking("improvement_plan", programme=programme)).then(TechnicalAssistanceRequested)
        ta_id = next(reversed(c.p.assistance))
        for person, step in STEPS[:3]:
            c.must(person, step(ta_id))
        given(c).when(LEAD, asking("improvement_plan", programme=programme)).refused(
            "EVALUATION_OUTSTANDING", ta_id=ta_id
        )
        c.must(LEAD, evaluating(ta_id))
    assert len(c.p.assistance) == 3


@pytest.mark.req("S1-21")
def test_of_several_requests_the_one_reported_on_is_named_until_it_is_evaluated() -> None:
    c, first = asked()
    c.must(LEAD, asking(), asking(programme="tap"))
    _, second, other = c.p.assistance
    c.must(NATIONAL, *(assigning(ta_id) for ta_id in (first, second, other)))
    c.must(ADMIN, reporting(second))
    given(c).when(LEAD, asking()).refused("EVALUATION_OUTSTANDING", ta_id=second)
    given(c).when(LEAD, telling_needs(first)).then(InitialNeedsAssessmentCompleted)
    c.must(ADMIN, reporting(first))
    given(c).when(LEAD, asking()).refused("EVALUATION_OUTSTANDING", ta_id=first)
    c.must(LEAD, evaluating(first))
    given(c).when(LEAD, asking()).refused("EVALUATION_OUTSTANDING", ta_id=second)
    c.must(LEAD, evaluating(second))
    given(c).when(LEAD, asking()).then(TechnicalAssistanceRequested)


@pytest.mark.req("S1-24")
@pytest.mark.parametrize("programme", ["nmrc", "tap"])
def test_help_with_the_plan_needs_a_plan_that_is_adopted_and_not_closed(programme: str) -> None:
    request = asking("improvement_plan", programme=programme)
    for situation in (listed, determined):
        given(situation()).when(LEAD, request).refused("NO_PLAN_TO_WORK_ON")
    c = planned()
    c.must(REVIEWER, ClosePlan(cycle_id=c.cycle_id, outcome="partly"))
    given(c).when(LEAD, request).refused("NO_PLAN_TO_WORK_ON")
    c = planned()
    c.must(LEAD, WithdrawFromCycle(cycle_id=c.cycle_id, reason=words("No time.")))
    given(c).when(LEAD, request).refused("NO_PLAN_TO_WORK_ON")


@pytest.mark.req("M10")
@pytest.mark.parametrize(("programme", "other"), [("nmrc", "tap"), ("tap", "nmrc")])
def test_an_outstanding_evaluation_bars_its_own_programme_only(programme: str, other: str) -> None:
    c, ta_id = asked(programme, steps=3)
    given(c).when(LEAD, asking(programme=programme)).refused("EVALUATION_OUTSTANDING", ta_id=ta_id)
    given(c).when(LEAD, asking(programme=other)).then(TechnicalAssistanceRequested, programme=other)


def test_everything_that_speaks_against_a_request_is_named() -> None:
    c, _ = asked(steps=3)
    c.must(ADMIN, PauseListing(ground="dormant"))
    given(c).when(LEAD, asking("nqms")).refused("NOT_LISTED", "EVALUATION_OUTSTANDING", "PURPOSE_REQUIRED")
    given(c).when(LEAD, asking("improvement_plan")).refused(
        "NOT_LISTED", "EVALUATION_OUTSTANDING", "NO_PLAN_TO_WORK_ON"
    )


def test_assistance_for_a_cycle_is_asked_for_before_access() -> None:
    c = requested()
    given(c).when(LEAD, asking("nqms", "imaginary")).refused("CYCLE_UNKNOWN", cycle_id="imaginary")
    c = open_()
    given(c).when(LEAD, asking("nqms", c.cycle_id)).refused("WRONG_CYCLE_STATE", phase=Phase.OPEN)


def test_a_cycle_has_one_request_for_assistance_unless_it_was_cancelled() -> None:
    c = requested()
    c.must(LEAD, asking("nqms", c.cycle_id))
    given(c).when(LEAD, asking("nqms", c.cycle_id)).refused("ALREADY_RECORDED")
    c.must(LEAD, cancelling(c.ta_id))
    given(c).when(LEAD, asking("nqms", c.cycle_id)).then(TechnicalAssistanceRequested)


@pytest.mark.req("S1-06", "S3-03")
def test_with_the_provider_comes_the_invitation_to_the_needs_assessment() -> None:
    c, ta_id = asked()
    story = given(c).when(NATIONAL, assigning(ta_id, "south"))
    story.then(
        TechnicalAssistanceProviderAssigned, InitialNeedsAssessmentInvited,
        ta_id=ta_id, affiliate="south", consultant=CONSULTANT,
    )  # fmt: skip
    ta = c.p.assistance[ta_id]
    assert (ta.provider, ta.consultant, ta.assigned) == ("south", CONSULTANT, c.p.version - 1)


def test_the_provider_is_an_affiliate_and_assigned_once() -> None:
    c, ta_id = asked()
    given(c).when(NATIONAL, assigning(ta_id, "nowhere")).refused("AFFILIATE_UNKNOWN", affiliate="nowhere")
    c.must(NATIONAL, assigning(ta_id))
    given(c).when(NATIONAL, assigning(ta_id)).refused("ALREADY_RECORDED")
    given(c).when(NATIONAL, assigning(ta_id, "nowhere")).refused("ALREADY_RECORDED", "AFFILIATE_UNKNOWN")


@pytest.mark.req("S1-06", "S1-07")
def test_the_needs_assessment_follows_the_invitation_and_is_made_once() -> None:
    c, ta_id = asked()
    given(c).when(LEAD, telling_needs(ta_id)).refused("OUT_OF_ORDER", missing=["provider assigned"])
    c.must(NATIONAL, assigning(ta_id))
    story = given(c).when(LEAD, telling_needs(ta_id))
    story.then(InitialNeedsAssessmentCompleted, ta_id=ta_id, answers=words("We need help."), document_id=None)
    assert c.p.assistance[ta_id].needs_assessed == c.p.version
    given(c).when(LEAD, telling_needs(ta_id)).refused("ALREADY_RECORDED")


def test_a_needs_assessment_on_paper_was_handed_in_and_stays() -> None:
    c, ta_id = asked(steps=1)
    given(c).when(LEAD, telling_needs(ta_id, "phantom")).refused("DOCUMENT_UNKNOWN", document_id="phantom")
    hand_in(c, "form")
    given(c).when(LEAD, telling_needs(ta_id, "form")).then(InitialNeedsAssessmentCompleted, document_id="form")
    given(c).when(STAFF, WithdrawDocument(document_id="form", reason=words("Ours."))).refused("DOCUMENT_FROZEN")


@pytest.mark.req("S1-20", "S3-07")
def test_with_the_final_report_comes_the_invitation_to_evaluate() -> None:
    c, ta_id = asked(steps=2)
    story = given(c).when(ADMIN, reporting(ta_id))
    story.then(AssistanceFinalReportCompleted, AssistanceEvaluationInvited, ta_id=ta_id, summary=words("It was good."))
    assert c.p.assistance[ta_id].reported == c.p.version - 1


def test_the_report_follows_the_assistance() -> None:
    c, ta_id = asked()
    given(c).when(ADMIN, reporting(ta_id)).refused("OUT_OF_ORDER", missing=["provider assigned"])
    c.must(NATIONAL, assigning(ta_id))
    given(c).when(ADMIN, reporting(ta_id)).then(AssistanceFinalReportCompleted, AssistanceEvaluationInvited)


@pytest.mark.req("S1-20")
def test_the_evaluation_follows_the_report_and_is_made_once() -> None:
    c, ta_id = asked(steps=2)
    given(c).when(LEAD, evaluating(ta_id)).refused("OUT_OF_ORDER", missing=["final report"])
    c.must(ADMIN, reporting(ta_id))
    given(c).when(LEAD, evaluating(ta_id)).then(AssistanceEvaluationCompleted, answers=words("It helped."))
    assert c.p.assistance[ta_id].evaluated == c.p.version
    given(c).when(LEAD, evaluating(ta_id)).refused("ALREADY_RECORDED")


@pytest.mark.parametrize("person", [LEAD, NATIONAL])
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_request_may_end_before_its_report(person: str, steps: int) -> None:
    c, ta_id = asked(steps=steps)
    given(c).when(person, cancelling(ta_id)).then(TechnicalAssistanceCancelled, ta_id=ta_id)
    assert c.p.assistance[ta_id].cancelled == c.p.version


def test_assistance_on_which_access_was_granted_is_not_cancelled() -> None:
    c = open_()
    given(c).when(LEAD, cancelling(c.ta_id)).refused("RESTS_ON_ASSISTANCE")


def test_before_access_it_may_be_cancelled() -> None:
    c = gates_met()
    given(c).when(LEAD, cancelling(c.ta_id)).then(TechnicalAssistanceCancelled)


ENDING: dict[str, tuple[str, Any]] = {"cancelled": (LEAD, cancelling), "reported": (ADMIN, reporting)}
RUNNING: tuple[tuple[str, Any], ...] = (*STEPS[:3], (LEAD, cancelling))


@pytest.mark.parametrize("end", ENDING)
@pytest.mark.parametrize(("person", "step"), RUNNING, ids=lambda x: getattr(x, "__name__", x))
def test_with_assistance_that_has_ended_nothing_goes_on(end: str, person: str, step: Any) -> None:
    c, ta_id = asked(steps=1)
    by, ending = ENDING[end]
    c.must(by, ending(ta_id))
    given(c).when(person, step(ta_id)).refused("ASSISTANCE_ENDED")


@pytest.mark.parametrize(("person", "step"), [*STEPS, (LEAD, cancelling)], ids=lambda x: getattr(x, "__name__", x))
def test_a_step_names_assistance_that_was_asked_for(person: str, step: Any) -> None:
    c, _ = asked(steps=1)
    given(c).when(person, step("imaginary")).refused("ASSISTANCE_UNKNOWN", ta_id="imaginary")


@pytest.mark.parametrize(
    ("command", "not_by"),
    [
        (lambda _: asking(), [STAFF, ADMIN, NATIONAL]),
        (assigning, [LEAD, ADMIN, REVIEWER, SOUTH]),
        (telling_needs, [STAFF, ADMIN, NATIONAL]),
        (cancelling, [STAFF, ADMIN, DECIDER]),
        (reporting, [LEAD, REVIEWER, NATIONAL]),
        (evaluating, [STAFF, ADMIN, NATIONAL]),
    ],
)  # fmt: skip
def test_each_step_is_for_its_own_part(command: Any, not_by: list[str]) -> None:
    c, ta_id = asked(steps=1)
    for person in not_by:
        given(c).when(person, command(ta_id)).not_allowed()


@pytest.mark.req("M2")
def test_a_provider_assigned_in_error_is_withdrawn() -> None:
    c, ta_id = asked(steps=1)
    given(c).when(NATIONAL, undoing(c.p.version - 1)).then(ActWithdrawn, act="TechnicalAssistanceProviderAssigned.v1")
    ta = c.p.assistance[ta_id]
    assert (ta.provider, ta.consultant, ta.assigned) == ("", None, 0)
    given(c).when(NATIONAL, assigning(ta_id, "south")).then(
        TechnicalAssistanceProviderAssigned, InitialNeedsAssessmentInvited
    )


@pytest.mark.req("M2")
def test_a_provider_stays_while_a_needs_assessment_rests_on_the_assignment() -> None:
    c, ta_id = asked(steps=1)
    version = c.p.assistance[ta_id].assigned
    c.must(LEAD, telling_needs(ta_id))
    given(c).when(NATIONAL, undoing(version)).refused("RESTED_UPON", what=["needs_assessment"])


@pytest.mark.req("M2")
@pytest.mark.parametrize("person", [ADMIN, LEAD])
def test_a_needs_assessment_handed_in_in_error_is_withdrawn(person: str) -> None:
    c, ta_id = asked(steps=2)
    given(c).when(person, undoing(c.p.version)).then(ActWithdrawn, act="InitialNeedsAssessmentCompleted.v1")
    assert c.p.assistance[ta_id].needs_assessed == 0
    given(c).when(LEAD, telling_needs(ta_id)).then(InitialNeedsAssessmentCompleted)


@pytest.mark.req("M2")
def test_a_needs_assessment_stays_while_a_memorandum_rests_on_it() -> None:
    c, ta_id = asked(steps=2)
    version = c.p.version
    c.must(ADMIN, DraftMou(ta_id=ta_id))
    given(c).when(LEAD, undoing(version)).refused("RESTED_UPON", what=["memorandum"])
    c.must(ADMIN, VoidMou(ta_id=ta_id, reason=words("Another one.")))
    given(c).when(LEAD, undoing(version)).then(ActWithdrawn)


@pytest.mark.req("M2", "M7")
def test_what_access_rests_on_is_not_withdrawn_though_other_gates_were_waived() -> None:
    c = open_(waived=("needs_assessment_completed", "mou_executed"))
    version = c.p.assistance[c.ta_id].assigned
    given(c).when(NATIONAL, undoing(version)).refused("RESTED_UPON", what=["assessment_access"])
    c = open_(waived=("mou_executed",))
    version = c.p.assistance[c.ta_id].needs_assessed
    given(c).when(LEAD, undoing(version)).refused("RESTED_UPON", what=["assessment_access"])


@pytest.mark.req("M2")
def test_a_report_finished_in_error_is_withdrawn_and_the_assistance_goes_on() -> None:
    c, ta_id = asked(steps=3)
    given(c).when(ADMIN, undoing(c.p.version - 1)).then(ActWithdrawn, act="AssistanceFinalReportCompleted.v1")
    assert c.p.assistance[ta_id].reported == 0
    given(c).when(ADMIN, reporting(ta_id)).then(AssistanceFinalReportCompleted, AssistanceEvaluationInvited)


@pytest.mark.req("M2")
def test_a_report_stays_while_an_evaluation_rests_on_it() -> None:
    c, ta_id = asked(steps=4)
    version = c.p.assistance[ta_id].reported
    given(c).when(ADMIN, undoing(version)).refused("RESTED_UPON", what=["evaluation"])


@pytest.mark.req("S1-21")
def test_a_program_does_not_withdraw_the_report_that_asks_for_its_evaluation() -> None:
    c, ta_id = asked(steps=3)
    version = c.p.assistance[ta_id].reported
    for person in (LEAD, REVIEWER, NATIONAL):
        given(c).when(person, undoing(version)).refused("NOT_YOURS_TO_WITHDRAW", parts=["affiliate_admin"])


def test_an_assignment_is_withdrawn_by_who_assigns_and_needs_by_neither_reviewer_nor_national_body() -> None:
    c, ta_id = asked(steps=2)
    ta = c.p.assistance[ta_id]
    given(c).when(ADMIN, undoing(ta.assigned)).refused("NOT_YOURS_TO_WITHDRAW", "RESTED_UPON", parts=["national_body"])
    for person in (REVIEWER, NATIONAL):
        given(c).when(person, undoing(ta.needs_assessed)).refused(
            "NOT_YOURS_TO_WITHDRAW", parts=["affiliate_admin", "program_lead"]
        )


@pytest.mark.req("M2")
def test_a_provider_stays_while_a_report_rests_on_the_assignment() -> None:
    c, ta_id = asked(steps=1)
    version = c.p.assistance[ta_id].assigned
    c.must(ADMIN, reporting(ta_id))
    given(c).when(NATIONAL, undoing(version)).refused("RESTED_UPON")
