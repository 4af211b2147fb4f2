"""The end of an affiliate: its programs pass into the charge of its successor's staff; its delegation is gone (A26)."""

from datetime import timedelta
from typing import Any

import pytest

from domain import Decided
from domain.affiliate import (
    AffiliateCharterEnded,
    AffiliateJurisdictionSet,
    AppointStaff,
    CharterAffiliate,
    DecisionDelegated,
    DelegateDecisions,
    EndCharter,
    RecordStaffDeparture,
    SetJurisdiction,
    StaffAppointed,
    StaffDeparted,
    in_charge,
)
from domain.decision import DecideTier
from domain.evidence import TierEligibilityEvaluated
from domain.grant import TierGranted
from domain.impartiality import AssignDecider, ConflictOfInterestDeclared, DeciderAssigned, DeclareConflict
from domain.instrument.model import Instrument
from domain.language import Command, Event, Role
from domain.listing import (
    AppointRepresentative,
    ApproveListing,
    ProgramListingApproved,
    ProgramRepresentativeAppointed,
    RegisterProgram,
)
from domain.memorandum import DraftMou, MouExecuted, MouSigned, SignMou
from domain.policy.model import load
from domain.publishing import (
    PolicyVersionProposed,
    ProposePolicyVersion,
    PublishInstrumentVersion,
    PublishPolicyVersion,
)
from domain.statement import SignStatement, StatementOfAccuracySigned
from domain.support import LogSupportContact, SupportContactLogged
from tests.small_policies import SMALL, SOUTHERN, ZONE
from tests.small_world import (
    ADMIN,
    ADMIN2,
    CLOCK,
    DECIDER,
    DECIDER2,
    DIRECTOR,
    LEAD,
    NATIONAL,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STRANGER,
    Case,
    World,
    attestation_pending,
    decider_named,
    gates_met,
    listed,
    new_world,
    open_,
    registered,
    words,
)
from tests.story import given

DAY = timedelta(days=1)
EAST = "p_east"
NEWCOMER = "p_newcomer"
REASON = words("It is all there.")


def ending(world: World, successor: str = "north", days: int = 0) -> EndCharter:
    """The request to end a charter so many days from now."""
    return EndCharter(successor=successor, effective_on=world.today() + days * DAY)


def ended(c: Case, code: str = "south", successor: str = "north") -> Case:
    """The affiliate's charter ends today."""
    c.world.must(OPERATOR, code, ending(c.world, successor))
    return c


def contact(c: Case) -> LogSupportContact:
    """What only the staff in charge may record."""
    return LogSupportContact(kind="call", on=c.today - DAY, summary=words("We talked."))


def chartered_east(world: World) -> None:
    """A fourth affiliate."""
    said: dict[str, Any] = {"name": "Mentoring East", "timezone": ZONE, "jurisdictions": ("US-IA",)}
    world.must(OPERATOR, "east", CharterAffiliate(administrator=EAST, **said))


@pytest.mark.parametrize("person", [OPERATOR, NATIONAL])
def test_a_charter_ends_and_names_who_takes_over(person: str) -> None:
    world = new_world()
    today = world.today()
    given(world, "south").when(person, ending(world)).then(AffiliateCharterEnded, successor="north", effective_on=today)
    south = world.affiliate("south")
    assert (south.ended_on, south.successor) == (today, "north")
    assert [south.chartered(today - DAY), south.chartered(today)] == [True, False]


@pytest.mark.parametrize("person", [SOUTH, ADMIN, STRANGER, CLOCK])
def test_nobody_else_ends_a_charter(person: str) -> None:
    world = new_world()
    given(world, "south").when(person, ending(world)).not_allowed()


def test_a_charter_ends_today_or_later_and_once() -> None:
    world = new_world()
    south = given(world, "south")
    south.when(OPERATOR, ending(world, days=-1)).refused("CHARTER_ENDS_BACK", today=world.today())
    south.when(OPERATOR, ending(world, days=30)).then(AffiliateCharterEnded)
    south.when(OPERATOR, ending(world, days=40)).refused("CHARTER_ENDED", affiliate="south", successor="north")


@pytest.mark.parametrize("successor", ["south", "nowhere"])
def test_another_affiliate_takes_over(successor: str) -> None:
    world = new_world()
    given(world, "south").when(OPERATOR, ending(world, successor)).refused("SUCCESSOR_UNKNOWN", successor=successor)


@pytest.mark.parametrize("days", [0, 30])
def test_nobody_takes_over_whose_own_charter_ends_so_nothing_leads_back(days: int) -> None:
    world = new_world()
    world.must(OPERATOR, "south", ending(world, "north", days))
    given(world, "north").when(OPERATOR, ending(world, "south")).refused("SUCCESSOR_UNKNOWN", successor="south")


def test_whoever_took_over_may_end_later_in_turn() -> None:
    c = ended(listed(scheme="southern"))
    chartered_east(c.world)
    ended(c, "north", "east")
    assert in_charge(c.world, "south", c.world.today()).affiliate_id == "east"
    given(c).when(EAST, contact(c)).then(SupportContactLogged)
    given(c).when(ADMIN, contact(c)).refused("OUT_OF_JURISDICTION", elsewhere=["north"])


@pytest.mark.req("H6")
def test_until_the_day_of_the_end_its_own_staff_is_in_charge_and_then_the_successors() -> None:
    c = listed(scheme="southern")
    c.world.must(OPERATOR, "south", ending(c.world, days=3))
    c.world.later(days=2)
    given(c).when(SOUTH, contact(c)).then(SupportContactLogged)
    given(c).when(ADMIN, contact(c)).refused("OUT_OF_JURISDICTION")
    c.world.later(days=1)
    given(c).when(SOUTH, contact(c)).refused("OUT_OF_JURISDICTION", elsewhere=["south"])
    given(c).when(ADMIN, contact(c)).then(SupportContactLogged)
    answer = c.do(ADMIN2, contact(c))
    assert isinstance(answer, Decided)
    assert (answer.actor.role, answer.actor.org) == (Role.AFFILIATE_ADMIN, "north")
    assert c.p.listing.affiliate == "south"


@pytest.mark.req("A26")
def test_a_one_person_affiliate_delegates_and_its_delegate_decides() -> None:
    c = decider_named(scheme="southern")
    assert list(c.world.affiliate("south").staff) == [SOUTH]
    decision = DecideTier(cycle_id=c.cycle_id, tier="partner", rationale=REASON)
    given(c).when(SOUTH, decision).not_allowed()
    given(c).when(DECIDER, decision).then(TierEligibilityEvaluated, TierGranted, decider=DECIDER)


@pytest.mark.req("A26")
def test_with_the_charter_the_delegation_is_gone() -> None:
    c = open_(scheme="southern")
    declaring = DeclareConflict(cycle_id=c.cycle_id, nature="none")
    naming = AssignDecider(cycle_id=c.cycle_id, person=DECIDER)
    c.must(DECIDER, declaring)
    chartered_east(c.world)
    ended(c, "south", "east")
    given(c).when(DECIDER2, declaring).refused("OUT_OF_JURISDICTION", elsewhere=["north"])
    given(c).when(EAST, naming).refused("NOT_ON_STAFF", person=DECIDER, role="decider")
    c.world.must(EAST, "east", DelegateDecisions(to="north", until=c.world.today() + 300 * DAY))
    given(c).when(EAST, naming).then(DeciderAssigned, person=DECIDER)


@pytest.mark.req("A26")
def test_nobody_decides_for_a_delegate_whose_charter_ended() -> None:
    c = open_(scheme="southern")
    declaring = DeclareConflict(cycle_id=c.cycle_id, nature="none")
    given(c).when(DECIDER, declaring).then(ConflictOfInterestDeclared, person=DECIDER)
    chartered_east(c.world)
    ended(c, "north", "east")
    given(c).when(DECIDER2, declaring).refused("OUT_OF_JURISDICTION", elsewhere=["north"])


@pytest.mark.req("A26")
def test_nothing_is_delegated_to_or_by_an_affiliate_that_ended() -> None:
    world = new_world()
    until = world.today() + 300 * DAY
    world.must(OPERATOR, "south", ending(world))
    given(world, "north").when(ADMIN, DelegateDecisions(to="south", until=until)).refused(
        "DELEGATE_UNKNOWN", to="south"
    )
    given(world, "north").when(ADMIN, DelegateDecisions(to="national", until=until)).then(DecisionDelegated)
    given(world, "south").when(SOUTH, DelegateDecisions(to="north", until=until)).refused("CHARTER_ENDED")


@pytest.mark.parametrize(
    ("person", "command", "event"),
    [
        (OPERATOR, SetJurisdiction(jurisdictions=("US-FL",)), AffiliateJurisdictionSet),
        (SOUTH, AppointStaff(person=NEWCOMER, roles=("reviewer",)), StaffAppointed),
    ],
)
def test_an_affiliate_that_ended_takes_nobody_on_and_serves_no_other_place(
    person: str, command: Command, event: type[Event]
) -> None:
    world = new_world()
    world.must(OPERATOR, "south", ending(world, days=1))
    later = world.copy()
    later.later(days=1)
    given(world, "south").when(person, command).then(event)
    given(later, "south").when(person, command).refused("CHARTER_ENDED", affiliate="south", successor="north")


def test_whoever_is_on_its_staff_may_still_leave() -> None:
    world = new_world()
    given(world, "south").when(SOUTH, AppointStaff(person=NEWCOMER, roles=("affiliate_admin",))).then(StaffAppointed)
    world.must(OPERATOR, "south", ending(world))
    given(world, "south").when(OPERATOR, RecordStaffDeparture(person=SOUTH)).then(StaffDeparted)


def test_nobody_registers_with_an_affiliate_that_ended() -> None:
    c = registered(scheme="southern")
    ended(c)
    again = RegisterProgram(
        legal_name="Mates", display_name="Mates", affiliate="south", jurisdiction="US-GA", city="Ogden",
        began_operating_on=c.today - DAY, models=("group",), ages=(8, 18), serves_youth=True, connector_ref="mc-2",
    )  # fmt: skip
    given(c.world, "mates").when(STRANGER, again).refused("CHARTER_ENDED", affiliate="south", successor="north")


def test_whoever_had_registered_before_is_approved_by_the_successor() -> None:
    c = ended(registered(scheme="southern"))
    given(c).when(SOUTH, ApproveListing(lead=LEAD)).refused("OUT_OF_JURISDICTION")
    given(c).when(ADMIN, ApproveListing(lead=REVIEWER)).refused("AFFILIATE_STAFF", person=REVIEWER)
    given(c).when(ADMIN, ApproveListing(lead=LEAD)).then(ProgramListingApproved, ProgramRepresentativeAppointed)
    assert c.p.listing.affiliate == "south"


@pytest.mark.req("A26")
def test_nobody_of_the_staff_in_charge_acts_for_the_program() -> None:
    c = ended(listed(scheme="southern"))
    appointing = AppointRepresentative(person=REVIEWER, role="program_staff")
    given(c).when(LEAD, appointing).refused("AFFILIATE_STAFF", person=REVIEWER)
    given(c).when(LEAD, AppointRepresentative(person=SOUTH, role="program_staff")).then(ProgramRepresentativeAppointed)


@pytest.mark.req("A13")
def test_nobody_of_the_staff_in_charge_signs_for_the_program() -> None:
    c = attestation_pending()
    c.must(LEAD, AppointRepresentative(person=EAST, role="executive_director"))
    chartered_east(c.world)
    ended(c, "north", "east")
    assert c.cycle.statement is not None
    signing = SignStatement(cycle_id=c.cycle_id, covers=c.cycle.statement.covers, consent=True, intent=True)
    given(c).when(EAST, signing).refused("SIGNATORY_NOT_AUTHORISED", person=EAST)
    given(c).when(DIRECTOR, signing).then(StatementOfAccuracySigned)


@pytest.mark.req("S1-08")
def test_the_successor_signs_the_memorandum_for_the_affiliate() -> None:
    c = gates_met(waived=("mou_executed",))
    c.must(ADMIN, DraftMou(ta_id=c.ta_id))
    chartered_east(c.world)
    ended(c, "north", "east")
    mou = c.p.assistance[c.ta_id].mou
    assert mou is not None
    said: dict[str, Any] = {"ta_id": c.ta_id, "covers": mou.covers, "consent": True, "intent": True}
    c.must(LEAD, SignMou(party="program", **said))
    given(c).when(ADMIN, SignMou(party="affiliate", **said)).not_allowed()
    given(c).when(EAST, SignMou(party="affiliate", **said)).then(MouSigned, MouExecuted)


def test_its_schemes_stay_its_own_and_the_successor_publishes_for_it() -> None:
    c = ended(open_(scheme="southern"))
    doc = {**SOUTHERN, "version": "2"}
    sha256, policy = c.world.keep(doc, load(doc)), load(doc)
    command = PublishPolicyVersion(policy_version=policy.version, sha256=sha256, effective_from=c.today)
    given(c.world, "southern").when(SOUTH, command).not_allowed()
    given(c.world, "southern").when(ADMIN, command).refused("NATIONAL_CONFIRMS")
    proposal = ProposePolicyVersion(policy_version=policy.version, sha256=sha256, effective_from=c.today)
    given(c.world, "southern").when(ADMIN, proposal).then(PolicyVersionProposed, affiliate="south")
    assert c.world.scheme("southern").affiliate == "south"


@pytest.mark.req("H6")
def test_a_national_body_that_ended_is_none() -> None:
    world = new_world()
    changed = {**SMALL, "version": "2"}
    sha256 = world.keep(changed, Instrument.model_validate(changed))
    command = PublishInstrumentVersion(instrument_version="2", sha256=sha256)
    world.must(OPERATOR, "national", ending(world))
    given(world, "SMALL").when(NATIONAL, command).refused("NOT_AUTHORISED", held=["affiliate_admin", "public"])
    given(world, "south").when(NATIONAL, ending(world)).not_allowed()
