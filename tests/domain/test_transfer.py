"""A program passes to another affiliate: proposed at home, accepted there; what it holds is kept or ends (2.4)."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access import AssessmentAccessGranted, GrantAssessmentAccess
from domain.affiliate import AppointStaff, EndCharter, SetJurisdiction
from domain.closure import PartnerStatusClosed
from domain.listing import AppointRepresentative, PauseListing, ProgramRepresentativeAppointed, RemoveRepresentative
from domain.membership import SubmitMembershipApplication
from domain.notice import IssueNoticeOfIntent
from domain.participation import ParticipationRequested, RequestParticipation
from domain.status import standing
from domain.support import LogSupportContact, SupportContactLogged
from domain.transfer import (
    AcceptTransfer,
    DeclineTransfer,
    ProgramTransferDeclined,
    ProgramTransferProposed,
    ProgramTransferredToAffiliate,
    ProposeTransfer,
)
from tests.small_policies import ZONE
from tests.small_world import (
    ADMIN,
    ADMIN2,
    DECIDER,
    DIRECTOR,
    LEAD,
    NATIONAL,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    granted,
    listed,
    registered,
    submitted,
    words,
)
from tests.story import given

DAY = timedelta(days=1)
WHY = words("We move.")
SOUTH2 = "p_south2"
LEAVING = DeclineTransfer(reason=WHY)


def moving(**more: Any) -> ProposeTransfer:
    """The request to pass to the south and keep what is held."""
    said: dict[str, Any] = {"to": "south", "jurisdiction": "US-GA", "status_treatment": "kept", "reason": WHY, **more}
    return ProposeTransfer(**said)


def proposed(c: Case | None = None, by: str = LEAD, **more: Any) -> Case:
    """A program whose transfer waits for the south's answer."""
    return (c or listed()).must(by, moving(**more))


def moved(c: Case | None = None, **more: Any) -> Case:
    """A program that the south took over."""
    return proposed(c, **more).must(SOUTH, AcceptTransfer())


def contact(c: Case) -> LogSupportContact:
    """What only the staff in charge may record."""
    return LogSupportContact(kind="call", on=c.today, summary=WHY)


def southern_administrator(c: Case, person: str = SOUTH2) -> str:
    """Appoints another administrator in the south."""
    c.world.must(SOUTH, "south", AppointStaff(person=person, roles=("affiliate_admin",)))
    return person


@pytest.mark.parametrize(("person", "side"), [(LEAD, "program"), (DIRECTOR, "program"), (ADMIN, "affiliate")])
def test_either_side_proposes_a_transfer(person: str, side: str) -> None:
    c = listed()
    before = c.p.listing
    story = given(c).when(person, moving())
    told = {"to": "south", "jurisdiction": "US-GA", "status_treatment": "kept", "side": side, "proposed_by": person}
    story.then(ProgramTransferProposed, **told, reason=WHY)
    assert c.p.transfer is not None
    assert c.p.listing == before


@pytest.mark.parametrize("person", [STAFF, REVIEWER, SOUTH, STRANGER, OPERATOR])
def test_nobody_else_proposes_one(person: str) -> None:
    given(listed()).when(person, moving()).not_allowed()


@pytest.mark.req("M4")
@pytest.mark.parametrize("by", [LEAD, ADMIN])
def test_the_receiving_affiliate_takes_the_program_over(by: str) -> None:
    c = proposed(by=by)
    story = given(c).when(SOUTH, AcceptTransfer())
    told = {"from_affiliate": "north", "to": "south", "jurisdiction": "US-GA", "effective_on": c.today}
    story.then(ProgramTransferredToAffiliate, **told, status_treatment="kept")
    assert (c.p.listing.affiliate, c.p.listing.jurisdiction, c.p.listing.state) == ("south", "US-GA", "listed")
    assert c.p.transfer is None
    assert c.world.program_home("prog1") == "south"


@pytest.mark.req("H6")
def test_from_then_on_the_other_staff_is_in_charge() -> None:
    c = moved()
    given(c).when(SOUTH, contact(c)).then(SupportContactLogged)
    given(c).when(ADMIN, contact(c)).refused("OUT_OF_JURISDICTION", elsewhere=["north"])
    given(c).when(LEAD, AppointRepresentative(person=REVIEWER, role="program_staff")).then(
        ProgramRepresentativeAppointed, person=REVIEWER
    )
    given(c).when(LEAD, AppointRepresentative(person=SOUTH, role="program_staff")).refused("AFFILIATE_STAFF")


@pytest.mark.req("H6")
def test_until_then_the_receiving_administrator_does_nothing_but_answer() -> None:
    c = proposed()
    given(c).when(SOUTH, contact(c)).refused("NOT_AUTHORISED", held=["public", "receiving_admin"])
    c.world.must(SOUTH, "south", AppointStaff(person=SOUTH2, roles=("reviewer", "decider")))
    given(c).when(SOUTH2, AcceptTransfer()).refused("OUT_OF_JURISDICTION", elsewhere=["south"])


@pytest.mark.parametrize("person", [LEAD, ADMIN, ADMIN2, NATIONAL, STRANGER])
def test_nobody_else_accepts(person: str) -> None:
    given(proposed()).when(person, AcceptTransfer()).not_allowed()


def test_whose_listing_rests_is_taken_over_so() -> None:
    c = moved(listed().must(ADMIN, PauseListing(ground="dormant")))
    assert (c.p.listing.affiliate, c.p.listing.state) == ("south", "paused")


@pytest.mark.req("H10")
def test_a_tier_that_is_kept_keeps_its_dates_under_its_old_scheme() -> None:
    c = granted()
    before = standing(c.p, "full", c.today)
    moved(c)
    assert standing(c.p, "full", c.today) == before
    assert before.held is not None
    assert before.held.expires_on is not None
    assert standing(c.p, "full", before.held.expires_on - DAY).status == "active"
    assert standing(c.p, "full", before.held.expires_on).status == "expired"
    assert standing(c.p, "southern", c.today).status == "none"


@pytest.mark.req("M1", "H10")
def test_a_tier_that_is_not_kept_ends_on_the_day_of_the_transfer() -> None:
    c = proposed(granted(), status_treatment="ended")
    c.world.later(days=5)
    story = given(c).when(SOUTH, AcceptTransfer())
    told = {"scheme": "full", "tier": "dedicated", "zone": ZONE, "ground": "transferred", "effective_on": c.today}
    story.then(PartnerStatusClosed, ProgramTransferredToAffiliate, **told, status_treatment="ended")
    assert standing(c.p, "full", c.today - DAY).status == "active"
    assert standing(c.p, "full", c.today).status == "closed"


def test_without_a_tier_there_is_none_to_end() -> None:
    given(proposed(status_treatment="ended")).when(SOUTH, AcceptTransfer()).then(ProgramTransferredToAffiliate)


def test_after_it_the_program_asks_under_the_schemes_of_its_new_affiliate() -> None:
    c = moved(granted())
    asking = RequestParticipation(scheme="southern", readiness_reviewed=True)
    given(c).when(LEAD, RequestParticipation(scheme="full", kind="renewal")).refused("SCHEME_ELSEWHERE", owner="north")
    given(c).when(LEAD, asking).then(ParticipationRequested, scheme="southern")
    (cycle_id,) = [k for k, cycle in c.p.cycles.items() if cycle.scheme == "southern"]
    given(c).when(SOUTH, GrantAssessmentAccess(cycle_id=cycle_id)).then(AssessmentAccessGranted)


def test_one_transfer_waits_at_a_time() -> None:
    given(proposed()).when(ADMIN, moving(to="national", jurisdiction="US-WY")).refused("TRANSFER_PENDING", to="south")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"to": "nowhere"}, "AFFILIATE_UNKNOWN"),
        ({"to": "north", "jurisdiction": "US-WI"}, "SAME_AFFILIATE"),
        ({"jurisdiction": "US-MN"}, "OUTSIDE_AREA"),
    ],
)
def test_it_passes_to_another_affiliate_that_serves_the_place(more: dict[str, Any], code: str) -> None:
    given(listed()).when(LEAD, moving(**more)).refused(code)


def test_it_passes_to_an_affiliate_with_a_charter() -> None:
    c = proposed()
    c.world.must(OPERATOR, "south", EndCharter(successor="national", effective_on=c.today))
    given(c).when(SOUTH, AcceptTransfer()).refused("CHARTER_ENDED", affiliate="south", successor="national")
    c.must(LEAD, LEAVING)
    given(c).when(LEAD, moving()).refused("CHARTER_ENDED", affiliate="south")


def test_a_pending_program_registers_elsewhere_instead() -> None:
    given(registered()).when(ADMIN, moving()).refused("WRONG_LISTING_STATE", state="pending", wanted="listed or paused")


def test_a_cycle_under_way_is_ended_first() -> None:
    c = submitted()
    given(c).when(LEAD, moving()).refused("CYCLES_UNDER_WAY", cycle_ids=[c.cycle_id])


def test_a_notice_and_an_application_are_settled_first() -> None:
    c = granted()
    meant: dict[str, Any] = {"scheme": "full", "action": "suspend", "grounds": ("safety",), "explanation": WHY}
    c.must(ADMIN, IssueNoticeOfIntent(**meant, reply_by=c.today + 30 * DAY))
    wanted: dict[str, Any] = {"requested_level": "affiliate", "desired_level": "full", "formal": True}
    c.must(LEAD, SubmitMembershipApplication(scheme="member", **wanted))
    matters = [f"notice of intent {next(iter(c.p.notices))}", "application under member"]
    given(c).when(LEAD, moving()).refused("MATTERS_OPEN", matters=matters)


def test_nobody_acts_for_the_program_and_is_on_the_staff_that_receives_it() -> None:
    c = listed().must(LEAD, AppointRepresentative(person=SOUTH, role="program_staff"))
    given(c).when(LEAD, moving()).refused("AFFILIATE_STAFF", person=[SOUTH])
    c.must(LEAD, RemoveRepresentative(person=SOUTH))
    given(c).when(LEAD, moving()).then(ProgramTransferProposed)


def test_what_had_to_hold_for_the_proposal_holds_for_the_acceptance() -> None:
    c = proposed()
    c.must(LEAD, RequestParticipation(scheme="full", readiness_reviewed=True))
    c.world.must(OPERATOR, "south", SetJurisdiction(jurisdictions=("US-FL",)))
    given(c).when(SOUTH, AcceptTransfer()).refused("OUTSIDE_AREA", "CYCLES_UNDER_WAY", area=["US-FL"])


@pytest.mark.req("A26")
def test_whoever_acts_for_the_program_does_not_accept_it_on_the_other_side() -> None:
    c = proposed()
    other = southern_administrator(c)
    c.must(LEAD, AppointRepresentative(person=SOUTH, role="program_staff"))
    given(c).when(SOUTH, AcceptTransfer()).refused("NOT_AUTHORISED", held=["program_staff", "public"])
    given(c).when(other, AcceptTransfer()).refused("AFFILIATE_STAFF", person=[SOUTH])


@pytest.mark.req("M4")
def test_somebody_else_accepts_than_proposed() -> None:
    c = listed()
    c.world.must(ADMIN, "north", AppointStaff(person=SOUTH, roles=("affiliate_admin",)))
    other = southern_administrator(c)
    proposed(c, by=SOUTH)
    given(c).when(SOUTH, AcceptTransfer()).refused("SECOND_PERSON_REQUIRED", person=SOUTH)
    given(c).when(other, AcceptTransfer()).then(ProgramTransferredToAffiliate)


@pytest.mark.parametrize("person", [LEAD, ADMIN])
def test_without_a_proposal_there_is_nothing_to_answer(person: str) -> None:
    given(listed()).when(person, LEAVING).refused("NO_TRANSFER")
    given(listed()).when(SOUTH, AcceptTransfer()).refused("OUT_OF_JURISDICTION")


def test_the_receiving_affiliate_may_decline() -> None:
    c = proposed()
    given(c).when(SOUTH, LEAVING).then(ProgramTransferDeclined, to="south", outcome="declined", reason=WHY)
    assert (c.p.transfer, c.p.listing.affiliate) == (None, "north")
    given(c).when(LEAD, moving()).then(ProgramTransferProposed)


@pytest.mark.parametrize(("by", "person"), [(LEAD, DIRECTOR), (ADMIN, ADMIN2)])
def test_the_side_that_proposed_may_withdraw(by: str, person: str) -> None:
    c = proposed(by=by)
    given(c).when(person, LEAVING).then(ProgramTransferDeclined, outcome="withdrawn")
    assert c.p.transfer is None


@pytest.mark.parametrize(("by", "person", "side"), [(LEAD, ADMIN, "program"), (ADMIN, LEAD, "affiliate")])
def test_the_other_side_at_home_may_not(by: str, person: str, side: str) -> None:
    given(proposed(by=by)).when(person, LEAVING).refused("NOT_THE_PROPOSER", side=side)


@pytest.mark.parametrize("person", [STAFF, REVIEWER, DECIDER, STRANGER])
def test_nobody_else_ends_a_proposal(person: str) -> None:
    given(proposed()).when(person, LEAVING).not_allowed()
