"""From the state to the facts, to the record of an evaluation, and back again years later (3.7)."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from domain import fold, initial
from domain.assessment import ReturnAssessment
from domain.decision import DecideTier
from domain.evidence import TierEligibilityEvaluated, appraise, gather, noted, rederive
from domain.impartiality import AssignDecider, AssignReviewer, DeclareConflict, RecuseReviewer
from domain.listing import AppointRepresentative, PauseListing
from domain.membership import SubmitMembershipApplication
from domain.policy.facts import Declared, Facts, Noted, Plan, Review, Since
from domain.policy.model import Moment
from domain.program import Program
from tests.small_policies import FULL, INSTRUMENT
from tests.small_world import (
    ADMIN,
    CONSULTANT,
    DECIDER,
    LEAD,
    NO,
    NOT_APPLICABLE,
    REVIEWER,
    REVIEWER2,
    Case,
    admitted,
    attested,
    granted,
    listed,
    open_,
    planned,
    rated,
    requested,
    reviewed,
    submitted,
    under_review,
    words,
)

WHY = words("So it is.")


def facts(c: Case, scheme: str = "full") -> Facts:
    """The facts of the case today."""
    return gather(c.p, c.cycle, INSTRUMENT, scheme, c.today)


def at(c: Case, kind: str) -> tuple[int, ...]:
    """The versions of the facts of a kind."""
    return tuple(v for v, e in enumerate(c.events, start=1) if type(e).__name__ == kind)


def recorded(c: Case) -> TierEligibilityEvaluated:
    """The last recorded evaluation."""
    return next(e for e in reversed(c.events) if isinstance(e, TierEligibilityEvaluated))


def before(c: Case, version: int) -> Program:
    """The program as it stood after so many events."""
    return fold(initial("program", c.program_id), c.events[:version])


class TestGathering:
    """Every fact with the versions that it rests on."""

    def test_a_version_of_zero_is_a_fact_that_is_not_there(self) -> None:
        assert noted(0) == Noted()
        assert not noted(0)
        assert noted(7) == Noted((7,))

    def test_before_access_the_gates_are_read_as_they_stand(self) -> None:
        c = requested()
        found = facts(c).gates
        assert found["listing_approved"] == Noted(at(c, "ProgramListingApproved"))
        assert found["readiness_confirmed"] == Noted(at(c, "ParticipationRequested"))
        assert not found["mou_executed"]

    def test_with_access_they_are_those_it_was_granted_on(self) -> None:
        c = open_()
        met = facts(c).gates
        c.must(ADMIN, PauseListing(ground="unreachable"))
        assert facts(c).gates == met
        assert met["mou_executed"] == Noted(at(c, "MouExecuted"))
        assert "membership_accepted" not in met

    @pytest.mark.req("M7")
    def test_a_waived_gate_rests_on_its_waiver(self) -> None:
        c = open_(waived=("ta_provider_assigned", "needs_assessment_completed", "mou_executed"))
        waivers = at(c, "GateWaived")
        assert [facts(c).gates[g].versions for g in ("ta_provider_assigned", "mou_executed")] == [
            waivers[:1],
            waivers[2:],
        ]

    def test_the_self_assessment_is_begun_then_submitted_until_it_goes_back(self) -> None:
        assert (bool(facts(open_()).started), bool(facts(open_()).submitted)) == (False, False)
        c = rated()
        assert facts(c).started == Noted(at(c, "SelfAssessmentStarted"))
        assert not facts(c).submitted
        c = under_review()
        assert facts(c).submitted == Noted(at(c, "AssessmentSubmitted"))
        by = c.today + timedelta(days=5)
        c.must(REVIEWER, ReturnAssessment(cycle_id=c.cycle_id, item_ids=("A1",), reason=WHY, respond_by=by))
        assert not facts(c).submitted

    def test_the_review_plan_and_statement_are_there_once_they_happened(self) -> None:
        c = submitted()
        assert (facts(c).review, facts(c).plan, facts(c).statement) == (Review(), Plan(), Noted())
        c = attested()
        found = facts(c)
        assert found.review == Review(mode="onsite", held=at(c, "SiteReviewHeld"), completed=at(c, "ReviewCompleted"))
        assert found.plan == Plan(months=12, adopted=at(c, "ImprovementPlanAdopted"))
        assert found.statement == Noted(at(c, "StatementOfAccuracyReceived"))

    def test_a_plan_counts_once_it_is_adopted_and_names_what_it_leaves_out(self) -> None:
        c = planned(scheme="lean", answers={"A1": NO})
        assert c.cycle.plan is not None
        uncovering = msgspec.structs.replace(c.cycle.plan, goals={})
        bare = msgspec.structs.replace(c.cycle, plan=uncovering)
        assert gather(c.p, bare, INSTRUMENT, "lean", c.today).plan.uncovered == ("A1",)
        draft = msgspec.structs.replace(c.cycle, plan=msgspec.structs.replace(uncovering, adopted=0))
        assert gather(c.p, draft, INSTRUMENT, "lean", c.today).plan == Plan()

    @pytest.mark.req("A7", "A4", "A6")
    def test_practices_are_those_of_the_review_and_sets_hold_what_counts(self) -> None:
        c = reviewed(answers={"A1": NO, "B4": NOT_APPLICABLE}, not_verified=("C5",))
        found = facts(c)
        assert {i: p.state for i, p in found.practices.items()} == {
            "A1": "not_in_practice", "A2": "in_practice", "B3": "in_practice", "B4": "not_applicable",
            "C5": "not_verified", "C6": "in_practice",
        }  # fmt: skip
        assert found.counting == {"all_counting": ("A1", "A2", "B3", "B4", "C5"), "designated": ("A2", "B3")}

    @pytest.mark.req("A18", "M15")
    def test_findings_and_confirmations_rest_on_their_events(self) -> None:
        c = reviewed(scheme="lean", findings=("identified",))
        assert facts(c, "lean").findings == {"identified": Noted(at(c, "EvaluatorFindingRecorded"))}
        c = reviewed(scheme="member")
        assert facts(c, "member").support_completed == Noted(at(c, "SupportCompleted"))
        assert facts(c, "member").other_requirements == Noted(at(c, "OtherRequirementsConfirmed"))

    def test_what_the_program_declared_with_its_application(self) -> None:
        c = admitted(scheme="member")
        found = gather(c.p, None, None, "member", c.today)
        assert found.application == Noted(at(c, "MembershipApplicationAccepted"))
        assert found.formal_program == Declared(value=True, versions=at(c, "MembershipApplicationSubmitted"))
        assert found.operating == Since(date(2019, 9, 1), at(c, "ProgramRegistered"))
        assert (found.day, found.practices) == (c.today, {})

    def test_the_start_of_operation_as_declared_wins_over_the_registered_one(self) -> None:
        c = listed(scheme="member")
        application: dict[str, Any] = {"requested_level": "affiliate", "desired_level": "full", "formal": False}
        since = date(2021, 5, 1)
        c.must(LEAD, SubmitMembershipApplication(scheme="member", operating_since=since, **application))
        found = gather(c.p, None, None, "member", c.today)
        assert found.operating == Since(since, at(c, "MembershipApplicationSubmitted"))
        assert found.formal_program == Declared(value=False, versions=at(c, "MembershipApplicationSubmitted"))
        assert not found.application

    def test_without_an_application_nothing_was_declared(self) -> None:
        c = listed()
        assert gather(c.p, None, None, "full", c.today).formal_program == Declared()


class TestAppraising:
    """The record names everything that it was made from."""

    def test_it_names_rules_instrument_evidence_and_people(self) -> None:
        c = granted(tier="expert")
        record = recorded(c)
        assert c.cycle.access is not None
        assert c.cycle.plan is not None
        assert c.cycle.statement is not None
        assert (record.policy, record.instrument) == (c.cycle.access.policy, c.cycle.access.instrument)
        assert (record.scheme, record.cycle_id) == ("full", c.cycle_id)
        assert record.through_version == c.p.version - 2
        assert (record.plan_digest, record.statement_id) == (c.cycle.plan.digest, c.cycle.statement.statement_id)
        assert (record.reviewers, record.consultants) == ((REVIEWER,), (CONSULTANT,))
        assert (record.evaluation.day, record.evaluation.computed) == (c.today, "expert")

    def test_of_an_admission_it_names_the_application_alone(self) -> None:
        record = recorded(admitted(scheme="member"))
        assert record.cycle_id is None
        assert (record.instrument, record.plan_digest, record.statement_id) == (None, None, None)
        assert (record.reviewers, record.consultants, record.evaluation.moment) == ((), (), "application")

    def test_before_a_plan_is_adopted_or_a_statement_asked_for_there_is_none(self) -> None:
        record = again(submitted())
        assert (record.plan_digest, record.statement_id, record.reviewers) == (None, None, ())
        assert again(requested()).instrument is None

    @pytest.mark.parametrize("how", [{"answers": {"A1": NO}}, {"not_verified": ("A1",)}, {"answers": {"B3": NO}}])
    def test_other_evidence_has_another_digest(self, how: Any) -> None:
        usual, other = recorded(granted()), recorded(granted(**how))
        assert usual.items_digest != other.items_digest
        assert usual.evidence_digest != other.evidence_digest
        assert (usual.documents_digest == other.documents_digest) == ("B3" not in how.get("answers", {}))

    def test_the_same_evidence_has_the_same_digest(self) -> None:
        assert recorded(granted()) == recorded(granted())

    def test_everybody_who_reviewed_is_named(self) -> None:
        c = under_review()
        c.must(ADMIN, RecuseReviewer(cycle_id=c.cycle_id, ground="left"))
        c.must(REVIEWER2, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        c.must(ADMIN, AssignReviewer(cycle_id=c.cycle_id, person=REVIEWER2))
        assert again(c).reviewers == (REVIEWER, REVIEWER2)


def again(c: Case, moment: Moment = "cycle_end") -> TierEligibilityEvaluated:
    """The evaluation of the cycle as it stands today."""
    ref = c.cycle.access.policy if c.cycle.access else c.world.scheme(c.scheme).in_force(c.today)
    return appraise(
        c.p,
        c.world,
        scheme=c.scheme,
        policy_ref=ref,
        cycle_id=c.cycle_id,
        day=c.today,
        moment=moment,
        decision_id="d1",
    )


class TestRederiving:
    """The same prefix of the history gives the same record, whatever happened since."""

    @pytest.mark.req("S0-09")
    @pytest.mark.parametrize("scheme", ["full", "lean", "member", "southern"])
    def test_every_decision_is_proved_from_the_state_at_its_version(self, scheme: str) -> None:
        c = granted(scheme=scheme)
        records = [e for e in c.events if isinstance(e, TierEligibilityEvaluated)]
        assert len(records) == (2 if scheme == "member" else 1)
        for record in records:
            assert rederive(before(c, record.through_version), c.world, record) == []

    def test_also_a_decision_on_the_way(self) -> None:
        c = rated(scheme="member")
        c.must(DECIDER, DeclareConflict(cycle_id=c.cycle_id, nature="none"))
        c.must(ADMIN, AssignDecider(cycle_id=c.cycle_id, person=DECIDER))
        c.must(DECIDER, DecideTier(cycle_id=c.cycle_id, tier="associate", rationale=WHY))
        record = recorded(c)
        assert record.evaluation.moment == "assessment_started"
        assert rederive(before(c, record.through_version), c.world, record) == []

    def test_what_happens_after_the_decision_changes_nothing(self) -> None:
        c = granted()
        record = recorded(c)
        c.must(ADMIN, PauseListing(ground="dormant"))
        c.must(LEAD, AppointRepresentative(person="p_newcomer", role="program_staff"))
        c.world.later(days=4000)
        c.world.publish({**FULL, "version": "2", "backdating_days": 3}, effective_from=c.today)
        assert rederive(before(c, record.through_version), c.world, record) == []

    @pytest.mark.parametrize(
        ("tampered", "named"),
        [
            ({"items_digest": "0" * 64}, ["items_digest"]),
            ({"documents_digest": "0" * 64}, ["documents_digest"]),
            ({"plan_digest": None}, ["plan_digest"]),
            ({"statement_id": "another"}, ["statement_id"]),
            ({"reviewers": ()}, ["reviewers"]),
            ({"consultants": ("p_other",)}, ["consultants"]),
            ({"evidence_digest": "0" * 64}, ["evidence_digest"]),
            ({"through_version": 7}, ["through_version"]),
            ({"reviewers": (), "plan_digest": None}, ["plan_digest", "reviewers"]),
        ],
    )
    def test_what_was_tampered_with_is_named(self, tampered: dict[str, Any], named: list[str]) -> None:
        c = granted()
        record = recorded(c)
        p = before(c, record.through_version)
        assert rederive(p, c.world, msgspec.structs.replace(record, **tampered)) == named

    def test_a_tampered_evaluation_is_named(self) -> None:
        c = granted(answers={"C5": NO})
        record = recorded(c)
        assert record.evaluation.computed == "dedicated"
        better = msgspec.structs.replace(record.evaluation, computed="expert")
        forged = msgspec.structs.replace(record, evaluation=better)
        assert rederive(before(c, record.through_version), c.world, forged) == ["evaluation"]

    @pytest.mark.parametrize(("what", "value"), [("decision_id", "another"), ("scheme", "lean")])
    def test_what_the_record_says_of_itself_is_under_its_digest(self, what: str, value: str) -> None:
        c = granted()
        record = recorded(c)
        forged: TierEligibilityEvaluated = msgspec.structs.replace(record, **{what: value})
        assert rederive(before(c, record.through_version), c.world, forged) == ["evidence_digest"]

    def test_another_state_than_the_one_it_rests_on_is_named(self) -> None:
        c = granted()
        record = recorded(c)
        found = rederive(before(c, record.through_version - 3), c.world, record)
        assert found == ["through_version", "evaluation", "evidence_digest"]

    def test_a_changed_history_is_named(self) -> None:
        c = granted()
        record = recorded(c)
        history = list(c.events[: record.through_version])
        rating = next(i for i, e in enumerate(history) if type(e).__name__ == "ItemRated")
        history[rating] = msgspec.structs.replace(history[rating], rating=NO)
        p = fold(initial("program", c.program_id), history)
        assert rederive(p, c.world, record) == ["evaluation", "items_digest", "evidence_digest"]
