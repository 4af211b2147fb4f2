"""The end of a program: it merges into another or closes, and what it held ends with it (2.4, 3.3)."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from domain.adverse import SuspendStatus
from domain.appeal import FileAppeal
from domain.closure import (
    DiscontinueProgram,
    MergeProgram,
    PartnerStatusClosed,
    ProgramDiscontinued,
    ProgramMerged,
    unfinished,
)
from domain.correction import WithdrawAct
from domain.decision import DenyTier
from domain.language import Event, ProgramCommand
from domain.listing import PauseListing, RegisterProgram
from domain.membership import SubmitMembershipApplication
from domain.notice import CloseNotice, IssueNoticeOfIntent
from domain.reversal import ProposeCorrection
from domain.status import ImportHistoricalStatus, standing
from domain.support import AskSupportQuestion
from domain.term import add
from domain.transfer import ProposeTransfer
from tests.small_policies import ZONE
from tests.small_world import (
    ADMIN,
    DECIDER,
    DECIDER2,
    LEAD,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    decider_named,
    granted,
    listed,
    registered,
    requested,
    submitted,
    words,
)
from tests.story import given

DAY = timedelta(days=1)
WHY = words("So it came.")


def another(c: Case, program_id: str = "prog2") -> Case:
    """Registers a second program; what is asked for about the first."""
    profile: dict[str, Any] = {
        "legal_name": "Mates", "display_name": "Mates", "affiliate": "south", "jurisdiction": "US-GA", "city": "Ogden",
        "began_operating_on": date(2020, 1, 1), "models": ("group",), "ages": (8, 18), "serves_youth": True,
        "connector_ref": f"mc-{program_id}",
    }  # fmt: skip
    c.world.must(STRANGER, program_id, RegisterProgram(**profile))
    return c


def merging(c: Case, **more: Any) -> MergeProgram:
    """The request to merge into the second program today."""
    return MergeProgram(**{"into": "prog2", "effective_on": c.today, "status_treatment": "ended"} | more)


def closing(c: Case, **more: Any) -> DiscontinueProgram:
    """The request to close today."""
    return DiscontinueProgram(**{"closed_on": c.today, "status_treatment": "ended", "reason": WHY} | more)


Ending = Callable[..., ProgramCommand]
BOTH_ENDS = [(merging, ProgramMerged), (closing, ProgramDiscontinued)]
either = pytest.mark.parametrize("ending", [merging, closing])
either_ends = pytest.mark.parametrize(("ending", "ended"), BOTH_ENDS)


@pytest.mark.parametrize("person", [LEAD, ADMIN])
def test_a_program_without_a_tier_merges(person: str) -> None:
    c = another(listed())
    story = given(c).when(person, merging(c, status_treatment=None))
    story.then(ProgramMerged, into="prog2", effective_on=c.today)
    assert (c.p.listing.state, c.p.listing.successor) == ("merged", "prog2")


@pytest.mark.parametrize("person", [LEAD, ADMIN])
def test_a_program_without_a_tier_closes(person: str) -> None:
    c = listed()
    story = given(c).when(person, closing(c, status_treatment=None))
    story.then(ProgramDiscontinued, closed_on=c.today, reason=WHY)
    assert (c.p.listing.state, c.p.listing.successor) == ("discontinued", "")


def test_why_it_closed_need_not_be_said() -> None:
    c = listed()
    story = given(c).when(LEAD, closing(c, reason=None)).then(ProgramDiscontinued, reason=None)
    assert story.events is not None
    assert story.events[0].sentence() == f"recorded that the program closed on {c.today}"


@pytest.mark.req("M1", "H10")
def test_a_tier_held_ends_with_a_merger_from_that_day_on() -> None:
    c = another(granted())
    c.world.later(days=40)
    told = {"scheme": "full", "tier": "dedicated", "zone": ZONE, "effective_on": c.today, "ground": "merged"}
    given(c).when(LEAD, merging(c)).then(PartnerStatusClosed, ProgramMerged, **told)
    assert standing(c.p, "full", c.today - DAY).status == "active"
    assert standing(c.p, "full", c.today).status == "closed"
    assert standing(c.p, "full", add(c.today, "P9Y")).status == "closed"
    assert standing(c.world.state("program", "prog2"), "full", c.today).status == "none"


@pytest.mark.req("H10")
def test_a_tier_held_ends_on_the_day_that_the_program_closed() -> None:
    c = granted()
    c.world.later(days=40)
    closed_on = c.today - 10 * DAY
    story = given(c).when(ADMIN, closing(c, closed_on=closed_on))
    story.then(
        PartnerStatusClosed, ProgramDiscontinued, effective_on=closed_on, closed_on=closed_on, ground="discontinued"
    )
    assert standing(c.p, "full", closed_on - DAY).held is not None
    assert standing(c.p, "full", closed_on).held is None
    assert standing(c.p, "full", closed_on).holding is not None


@pytest.mark.req("M1")
def test_every_scheme_is_closed_on_its_own() -> None:
    c = granted()
    granted.again(c, scheme="lean", tier="partner")
    story = given(c).when(ADMIN, closing(c)).then(PartnerStatusClosed, PartnerStatusClosed, ProgramDiscontinued)
    events: Any = story.events
    assert [(e.scheme, e.tier) for e in events[:2]] == [("full", "dedicated"), ("lean", "partner")]
    assert len({e.measure_id for e in events[:2]}) == 2
    assert [standing(c.p, s, c.today).status for s in ("full", "lean")] == ["closed", "closed"]


def test_a_suspended_tier_ends_too() -> None:
    c = granted()
    said: dict[str, Any] = {"scheme": "full", "effective_on": c.today, "declaration": "none", "reasons": WHY}
    harm: dict[str, Any] = {"imminent_harm": True, "grounds": ("safety",), "review_by": c.today + 10 * DAY}
    c.must(DECIDER2, SuspendStatus(**said, **harm))
    assert [h.tier for h in unfinished(c.p, c.today)] == ["dedicated"]
    given(c).when(LEAD, closing(c)).then(PartnerStatusClosed, ProgramDiscontinued, tier="dedicated")
    assert standing(c.p, "full", c.today).status == "closed"


def test_a_tier_whose_term_is_over_is_left_as_it_was() -> None:
    c = granted()
    c.world.later(days=4 * 366)
    given(c).when(LEAD, closing(c, status_treatment=None)).then(ProgramDiscontinued)
    assert standing(c.p, "full", c.today).status == "expired"


def test_a_term_that_was_not_over_on_the_day_of_the_end_ends_then() -> None:
    c = granted()
    closed_on = c.today + 30 * DAY
    c.world.later(days=4 * 366)
    given(c).when(LEAD, closing(c, closed_on=closed_on)).then(PartnerStatusClosed, ProgramDiscontinued)
    assert standing(c.p, "full", c.today).status == "closed"


def test_a_tier_granted_after_the_day_of_the_end_never_held() -> None:
    c = granted()
    closed_on = c.today - 20 * DAY
    given(c).when(ADMIN, closing(c, closed_on=closed_on)).then(PartnerStatusClosed, ProgramDiscontinued)
    assert {standing(c.p, "full", c.today + n * DAY).held for n in range(-30, 30)} == {None}


def test_an_imported_tier_ends_too() -> None:
    c = listed()
    told: dict[str, Any] = {"scheme": "full", "tier": "old", "rank": 1, "label": "Old Mark", "badge": "old"}
    shown: dict[str, Any] = {"listing": "listed", "valid_from": date(2020, 1, 1), "source": "The archive", "note": WHY}
    c.must(ADMIN, ImportHistoricalStatus(**told, **shown))
    given(c).when(LEAD, closing(c)).then(PartnerStatusClosed, ProgramDiscontinued, tier="old", zone=ZONE)
    assert standing(c.p, "full", c.today).status == "closed"


@either
@pytest.mark.parametrize("treatment", [None, "kept"])
def test_what_becomes_of_a_tier_is_said_and_it_cannot_pass_on(ending: Ending, treatment: Any) -> None:
    c = another(granted())
    story = given(c).when(LEAD, ending(c, status_treatment=treatment))
    story.refused("STATUS_TREATMENT_REQUIRED", tiers=["Dedicated"])
    assert "decision of its own" in str(story.answer)


@pytest.mark.parametrize("into", ["prog1", "nowhere"])
def test_a_program_merges_into_another_one_that_there_is(into: str) -> None:
    c = another(listed())
    given(c).when(LEAD, merging(c, into=into)).refused("TARGET_UNKNOWN", into=into)


@pytest.mark.parametrize(("ending", "field"), [(merging, "effective_on"), (closing, "closed_on")])
def test_the_end_has_come(ending: Ending, field: str) -> None:
    c = another(listed())
    given(c).when(LEAD, ending(c, **{field: c.today + DAY})).refused("DATE_IN_FUTURE", field=field, today=c.today)


@pytest.mark.parametrize(
    ("ending", "ended", "field"),
    [(merging, ProgramMerged, "effective_on"), (closing, ProgramDiscontinued, "closed_on")],
)
def test_the_end_lies_after_the_beginning(ending: Ending, ended: type[Event], field: str) -> None:
    c = another(listed())
    began = date(2019, 9, 1)
    given(c).when(LEAD, ending(c, **{field: began - DAY})).refused("CLOSED_BEFORE_BEGUN", began=began, day=began - DAY)
    given(c).when(LEAD, ending(c, **{field: began})).then(ended)


@either
def test_a_program_that_is_not_listed_yet_has_no_end(ending: Ending) -> None:
    c = another(registered())
    given(c).when(ADMIN, ending(c)).refused("WRONG_LISTING_STATE", state="pending", wanted="listed or paused")


@either_ends
def test_a_program_whose_listing_rests_can_end(ending: Ending, ended: type[Event]) -> None:
    c = another(listed().must(ADMIN, PauseListing(ground="dormant")))
    given(c).when(ADMIN, ending(c)).then(ended)
    assert c.p.listing.state in ("merged", "discontinued")


@either
@pytest.mark.parametrize("situation", [requested, submitted, decider_named])
def test_a_cycle_under_way_is_ended_first(ending: Ending, situation: Any) -> None:
    c = another(situation())
    given(c).when(LEAD, ending(c)).refused("CYCLES_UNDER_WAY", cycle_ids=[c.cycle_id])


@either_ends
def test_a_notice_of_intent_is_closed_first(ending: Ending, ended: type[Event]) -> None:
    c = another(granted())
    meant: dict[str, Any] = {"scheme": "full", "action": "revoke", "grounds": ("safety",), "explanation": WHY}
    c.must(ADMIN, IssueNoticeOfIntent(**meant, reply_by=c.today + 30 * DAY))
    (notice_id,) = c.p.notices
    given(c).when(LEAD, ending(c)).refused("MATTERS_OPEN", matters=[f"notice of intent {notice_id}"])
    c.must(ADMIN, CloseNotice(notice_id=notice_id, ground="unfounded", reason=WHY))
    given(c).when(LEAD, ending(c)).then(PartnerStatusClosed, ended)


@either
def test_an_appeal_is_heard_first(ending: Ending) -> None:
    c = another(decider_named(not_verified=("A1", "C5"), findings=()))
    c.must(DECIDER, DenyTier(cycle_id=c.cycle_id, tier="expert", reasons=WHY))
    decision_id = next(d for d, decision in c.p.decisions.items() if decision.outcome == "denied")
    c.must(LEAD, FileAppeal(decision_id=decision_id, grounds=("facts",), statement=WHY))
    (appeal_id,) = c.p.appeals
    story = given(c).when(LEAD, ending(c))
    story.refused("CYCLES_UNDER_WAY", "MATTERS_OPEN", matters=[f"appeal {appeal_id}"])


@either
def test_a_correction_that_waits_for_a_second_person_is_settled_first(ending: Ending) -> None:
    c = another(granted())
    (decision_id,) = c.p.decisions
    mistyped: dict[str, Any] = {"effective_on": c.p.holdings[0].effective_on - DAY, "ground": "typing_error"}
    c.must(ADMIN, ProposeCorrection(decision_id=decision_id, **mistyped, reason=WHY))
    matters = [f"proposed correction of {decision_id}"]
    given(c).when(LEAD, ending(c)).refused("MATTERS_OPEN", matters=matters)


@either
def test_an_application_is_answered_first(ending: Ending) -> None:
    c = another(listed(scheme="member"))
    wanted: dict[str, Any] = {"requested_level": "affiliate", "desired_level": "full", "formal": True}
    c.must(LEAD, SubmitMembershipApplication(scheme="member", **wanted))
    given(c).when(LEAD, ending(c)).refused("MATTERS_OPEN", matters=["application under member"])


def test_everything_that_stands_in_the_way_is_said_at_once() -> None:
    c = submitted()
    story = given(c).when(LEAD, merging(c, effective_on=c.today + DAY))
    story.refused("DATE_IN_FUTURE", "CYCLES_UNDER_WAY", "TARGET_UNKNOWN")


@either
@pytest.mark.parametrize("person", [STAFF, REVIEWER, SOUTH, STRANGER])
def test_nobody_else_ends_a_program(ending: Ending, person: str) -> None:
    c = another(listed())
    given(c).when(person, ending(c)).not_allowed()


@either_ends
def test_to_a_program_that_ended_nothing_is_added(ending: Ending, ended: type[Event]) -> None:
    c = another(listed())
    version = c.p.version
    given(c).when(LEAD, ending(c)).then(ended)
    state = c.p.listing.state
    for person, command in (
        (LEAD, AskSupportQuestion(question=WHY)),
        (LEAD, WithdrawAct(version=version, ground="other_error", explanation=WHY)),
        (ADMIN, closing(c)),
    ):
        story = given(c).when(person, command)
        story.refused("PROGRAM_CLOSED", state=state)
        assert "declined, merged or discontinued" in str(story.answer)


@either_ends
def test_with_the_program_a_proposed_transfer_ends(ending: Ending, ended: type[Event]) -> None:
    c = another(listed())
    c.must(LEAD, ProposeTransfer(to="south", jurisdiction="US-GA", status_treatment="kept", reason=WHY))
    given(c).when(LEAD, ending(c)).then(ended)
    assert c.p.transfer is None
