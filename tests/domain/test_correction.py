"""Correction: an act recorded in error is withdrawn by whoever may, while nothing rests on it; both records stay."""

from types import SimpleNamespace
from typing import Any, get_args

import pytest

from domain.access import RecordIntakeConversation, WithdrawFromCycle
from domain.assistance import AssignTaProvider, RequestTechnicalAssistance
from domain.correction import UNDOING, ActWithdrawn, WithdrawAct
from domain.listing import ApproveListing
from domain.review import RecordSiteReview
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    NATIONAL,
    REVIEWER,
    SOUTH,
    STAFF,
    Case,
    gates_met,
    granted,
    open_,
    registered,
    requested,
    under_review,
    words,
)
from tests.story import given

GROUNDS = get_args(WithdrawAct.model_fields["ground"].annotation)


def withdrawing(version: int, ground: Any = "wrong_date") -> WithdrawAct:
    return WithdrawAct(version=version, ground=ground, explanation=words("It was another day."))


def leaving(c: Case) -> WithdrawFromCycle:
    return WithdrawFromCycle(cycle_id=c.cycle_id, reason=words("Not now."))


def talked() -> tuple[Case, int]:
    """A program with an intake conversation, and the version of the fact that says so."""
    c = requested()
    c.must(ADMIN, RecordIntakeConversation(cycle_id=c.cycle_id, held_on=c.today))
    return c, c.p.version


@pytest.mark.req("M2")
@pytest.mark.parametrize("ground", GROUNDS)
def test_an_act_is_withdrawn_on_a_ground_and_the_record_of_both_stays(ground: str) -> None:
    c, version = talked()
    recorded = c.events
    story = given(c).when(ADMIN, withdrawing(version, ground))
    said = {"withdrawn": version, "act": "IntakeConversationHeld.v1", "ground": ground}
    story.then(ActWithdrawn, **said, explanation=words("It was another day."))
    assert c.events[:-1] == recorded
    assert version not in c.p.acts


def test_an_act_is_withdrawn_once() -> None:
    c, version = talked()
    c.must(ADMIN, withdrawing(version))
    given(c).when(ADMIN, withdrawing(version)).refused("ACT_UNKNOWN", version=version)


@pytest.mark.parametrize("version", [-1, 0, 1, 99])
def test_what_is_no_act_cannot_be_withdrawn(version: int) -> None:
    c, _ = talked()
    given(c).when(ADMIN, withdrawing(version)).refused("ACT_UNKNOWN", version=version)


def test_a_withdrawal_is_not_withdrawn() -> None:
    c, version = talked()
    c.must(ADMIN, withdrawing(version))
    given(c).when(ADMIN, withdrawing(c.p.version)).refused("ACT_UNKNOWN")


def test_withdrawing_one_act_leaves_the_others_to_be_withdrawn() -> None:
    c = gates_met()
    intake = c.cycle.intake
    others = {v: act for v, act in c.p.acts.items() if v != intake}
    c.must(ADMIN, withdrawing(intake))
    assert c.p.acts == others


@pytest.mark.req("M2")
def test_what_rests_on_it_is_named() -> None:
    c = open_()
    given(c).when(ADMIN, withdrawing(c.cycle.intake)).refused("RESTED_UPON", what=["assessment_access"])


@pytest.mark.req("M2")
def test_what_led_to_an_ended_cycle_stays_as_it_was() -> None:
    c, version = talked()
    c.must(LEAD, leaving(c))
    given(c).when(ADMIN, withdrawing(version)).refused("RESTED_UPON", what=["ended_cycle"])
    c = granted()
    given(c).when(ADMIN, withdrawing(c.cycle.intake)).refused("RESTED_UPON", what=["assessment_access", "ended_cycle"])


@pytest.mark.parametrize("person", [STAFF, DECIDER, SOUTH])
def test_others_withdraw_nothing(person: str) -> None:
    c, version = talked()
    given(c).when(person, withdrawing(version)).not_allowed()


@pytest.mark.parametrize("person", [LEAD, REVIEWER, NATIONAL])
def test_an_act_is_withdrawn_only_by_the_part_that_may(person: str) -> None:
    c, version = talked()
    given(c).when(person, withdrawing(version)).refused("NOT_YOURS_TO_WITHDRAW", parts=["affiliate_admin"])


def test_everything_that_speaks_against_a_withdrawal_is_named() -> None:
    c = open_()
    given(c).when(LEAD, withdrawing(c.cycle.intake)).refused("NOT_YOURS_TO_WITHDRAW", "RESTED_UPON")


def test_a_reviewer_withdraws_a_visit() -> None:
    c = under_review()
    visit = RecordSiteReview(cycle_id=c.cycle_id, held_on=c.today, mode="onsite", attendee_roles=("board_chair",))
    c.must(REVIEWER, visit)
    given(c).when(REVIEWER, withdrawing(c.p.version)).then(ActWithdrawn, act="SiteReviewHeld.v1")


@pytest.mark.req("M2")
def test_every_act_says_who_may_withdraw_it_among_those_who_may_ask() -> None:
    assert UNDOING
    by = {e.__name__: u.by(SimpleNamespace(party="program")) for e, u in UNDOING.items()}
    assert [name for name, parts in by.items() if not parts or set(parts) - set(WithdrawAct.by)] == []


@pytest.mark.req("M2")
def test_whoever_has_two_parts_withdraws_what_either_may() -> None:
    c = registered(registration={"affiliate": "national", "jurisdiction": "US-WY"}).must(
        NATIONAL, ApproveListing(lead=LEAD)
    )
    c.must(LEAD, RequestTechnicalAssistance(purpose="other"))
    (ta_id,) = c.p.assistance
    c.must(NATIONAL, AssignTaProvider(ta_id=ta_id, affiliate="national"))
    version = c.p.assistance[ta_id].assigned
    given(c).when(NATIONAL, withdrawing(version)).then(ActWithdrawn, act="TechnicalAssistanceProviderAssigned.v1")
