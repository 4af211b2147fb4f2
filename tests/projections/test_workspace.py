"""The workspace: the state as the rules see it, and whose turn it is."""

from collections.abc import Callable

import msgspec
import pytest

from domain import COMMANDS
from domain.correction import WithdrawAct
from domain.support import AskSupportQuestion
from projections.language import follow
from projections.waiting import Asks, waiting
from projections.workspace import Workspace, acts_of, model
from tests.recorded import told
from tests.small_world import (
    ADMIN,
    LEAD,
    Case,
    admitted,
    attestation_pending,
    attested,
    decider_named,
    determined,
    gates_met,
    granted,
    listed,
    open_,
    planned,
    rated,
    registered,
    requested,
    reviewed,
    signed,
    submitted,
    under_review,
    words,
)


def rows_of(case: Case) -> list[Workspace]:
    """The rows that a case's facts lead to, each stored and read again in between."""
    rows: list[Workspace] = []
    row: Workspace | None = None
    for fact in told(f"program:{case.program_id}", case.events):
        row = model.fold(row, fact)
        assert row is not None
        row = model.load(model.dump(row))
        rows.append(row)
    return rows


TURNS: list[tuple[Callable[..., Case], tuple[str, str] | None]] = [
    (registered, ("affiliate_admin", "ApproveListing")),
    (listed, None),
    (requested, ("affiliate_admin", "RecordIntakeConversation")),
    (gates_met, ("affiliate_admin", "GrantAssessmentAccess")),
    (open_, ("program_lead", "RateItem")),
    (rated, ("program_lead", "SubmitAssessment")),
    (submitted, ("affiliate_admin", "AssignReviewer")),
    (under_review, ("reviewer", "RecordSiteReview")),
    (determined, ("reviewer", "DraftPlan")),
    (planned, ("reviewer", "CompleteReview")),
    (reviewed, ("affiliate_admin", "RequestStatement")),
    (attestation_pending, ("program_lead", "SignStatement")),
    (signed, ("affiliate_admin", "ReceiveStatement")),
    (attested, ("affiliate_admin", "AssignDecider")),
    (decider_named, ("decider", "DecideTier")),
    (granted, ("affiliate_admin", "IssueReport")),
]


@pytest.mark.parametrize(("situation", "turn"), TURNS)
def test_whose_turn_it_is(situation: Callable[..., Case], turn: tuple[str, str] | None) -> None:
    row = rows_of(situation())[-1]
    assert (row.waiting_on, row.next_act) == (turn or (None, None))
    if row.next_act and row.waiting_on:
        assert row.waiting_on in [role.value for role in COMMANDS[row.next_act].by]


STEPS_TO_ACCESS = (
    "RecordIntakeConversation", "RequestTechnicalAssistance", "AssignTaProvider", "CompleteNeedsAssessment", "DraftMou",
    "SignMou", "GrantAssessmentAccess",
)  # fmt: skip


@pytest.mark.req("S1-04", "S1-05", "S1-06", "S1-07", "S1-08")
def test_the_way_to_access_goes_gate_by_gate() -> None:
    case = gates_met()
    asked = [row.next_act for row in rows_of(case) if row.cycle_id]
    assert tuple(dict.fromkeys(asked)) == STEPS_TO_ACCESS


def test_a_policy_tells_what_the_state_cannot() -> None:
    lean = requested(scheme="lean")
    turn = waiting(lean.p, Asks.of(lean.policy, "initial"))
    assert turn is not None
    assert turn.command == "GrantAssessmentAccess"
    after = reviewed(scheme="lean")
    decide = waiting(after.p, Asks.of(after.policy, "initial"))
    assert decide is not None
    assert decide.command == "AssignDecider"
    member = requested(scheme="member")
    assert rows_of(member)[-1].next_act == "GrantAssessmentAccess"


@pytest.mark.req("M9")
def test_a_question_waits_for_the_affiliate() -> None:
    case = admitted().must(LEAD, AskSupportQuestion(question=words("How?")))
    row = rows_of(case)[-1]
    assert (row.waiting_on, row.next_act) == ("affiliate_admin", "AnswerSupportQuestion")


def test_since_is_when_the_turn_came() -> None:
    facts = told("program:prog1", open_().events)
    rows = [row for row in follow(model, facts) if row]
    opened = next(n for n, row in enumerate(rows) if row.next_act == "RateItem")
    assert rows[-1].since == facts[opened].recorded_at
    assert rows[0].since == facts[0].recorded_at


@pytest.mark.req("M2")
def test_the_state_is_the_domains_own_also_after_a_withdrawal() -> None:
    case = gates_met()
    version = case.cycle.intake
    row = rows_of(case)[-1]
    assert msgspec.structs.replace(row.program, acts=acts_of(row)) == case.p
    case.must(ADMIN, WithdrawAct(version=version, ground="wrong_date", explanation=words("Another day.")))
    row = rows_of(case)[-1]
    assert msgspec.structs.replace(row.program, acts=acts_of(row)) == case.p
    assert row.program.cycles[case.cycle_id].intake == 0
    assert version not in row.acts


def test_the_whole_story_folds_as_the_domain_folds_it() -> None:
    case = granted()
    row = rows_of(case)[-1]
    assert msgspec.structs.replace(row.program, acts=acts_of(row)) == case.p
