"""Access: a listed program asks to take part, passes every gate of the policy, and is let into the instrument."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.access import (
    AssessmentAccessGranted,
    AssessmentLapsed,
    AssessmentWithdrawn,
    GateWaived,
    GrantAssessmentAccess,
    IntakeConversationHeld,
    LapseCycle,
    RecordIntakeConversation,
    WaiveGate,
    WithdrawFromCycle,
)
from domain.assistance import CancelTechnicalAssistance
from domain.correction import ActWithdrawn, WithdrawAct
from domain.listing import PauseListing, ResumeListing
from domain.participation import ParticipationRequested, RequestParticipation
from domain.program import Phase
from domain.values import InstrumentRef, PolicyRef
from tests.small_policies import FULL, LEAN, STEPS_TO_ACCESS
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    NATIONAL,
    REVIEWER,
    SOUTH,
    STAFF,
    Case,
    Situation,
    admitted,
    attested,
    gates_met,
    granted,
    listed,
    open_,
    requested,
    submitted,
    words,
)
from tests.story import given

GATES = (*STEPS_TO_ACCESS, "mou_executed")
WAIVABLE = GATES[1:]


def asking(scheme: str = "full", kind: Any = "initial", ready: bool = True) -> RequestParticipation:
    return RequestParticipation(scheme=scheme, kind=kind, readiness_reviewed=ready)


def asked(ready: bool) -> Case:
    c = listed().must(LEAD, asking(ready=ready))
    (c.cycle_id,) = c.p.cycles
    return c


def waiving(c: Case, gate: str) -> WaiveGate:
    explanation = words("It is not to be had.")
    return WaiveGate(cycle_id=c.cycle_id, gate=gate, ground="met_elsewhere", explanation=explanation)


def letting_in(c: Case) -> GrantAssessmentAccess:
    return GrantAssessmentAccess(cycle_id=c.cycle_id)


def leaving(c: Case) -> WithdrawFromCycle:
    return WithdrawFromCycle(cycle_id=c.cycle_id, reason=words("Not now."))


def talked(c: Case, day: date | None = None) -> RecordIntakeConversation:
    return RecordIntakeConversation(cycle_id=c.cycle_id, held_on=day or c.today)


def undoing(version: int) -> WithdrawAct:
    return WithdrawAct(version=version, ground="wrong_date", explanation=words("It was another day."))


def expiry(c: Case) -> date:
    expires_on = c.p.holdings[-1].expires_on
    assert expires_on is not None
    return expires_on


def on(c: Case, day: date) -> Case:
    c.world.later(days=(day - c.today).days)
    return c


@pytest.mark.req("S3-02", "M1")
def test_a_listed_program_asks_to_take_part() -> None:
    c = listed()
    story = given(c).when(LEAD, asking())
    story.then(ParticipationRequested, scheme="full", kind="initial", readiness_reviewed=True)
    ((cycle_id, cycle),) = c.p.cycles.items()
    assert (cycle.cycle_id, cycle.scheme, cycle.kind, cycle.phase) == (cycle_id, "full", "initial", Phase.REQUESTED)
    assert (cycle.requested, cycle.readiness, cycle.access) == (c.p.version, True, None)


@pytest.mark.parametrize("person", [STAFF, ADMIN, REVIEWER])
def test_only_its_lead_asks_and_leaves(person: str) -> None:
    c = requested(scheme="lean")
    for command in (asking(), leaving(c)):
        given(c).when(person, command).refused("NOT_AUTHORISED")


@pytest.mark.req("S1-02")
def test_a_program_that_is_not_shown_does_not_ask() -> None:
    c = listed().must(ADMIN, PauseListing(ground="dormant"))
    given(c).when(LEAD, asking()).refused("NOT_LISTED", state="paused")
    given(c).when(LEAD, asking("imaginary")).refused("NOT_LISTED", state="paused")


@pytest.mark.parametrize(("scheme", "why"), [("imaginary", "SCHEME_UNKNOWN"), ("southern", "SCHEME_ELSEWHERE")])
def test_the_scheme_is_one_of_its_own_affiliate(scheme: str, why: str) -> None:
    given(listed()).when(LEAD, asking(scheme)).refused(why, scheme=scheme)


def test_a_policy_of_the_scheme_is_in_force() -> None:
    c = listed()
    tomorrow = c.today + timedelta(1)
    c.world.publish({**LEAN, "policy": "NEW"}, effective_from=tomorrow)
    given(c).when(LEAD, asking("new")).refused("POLICY_NOT_IN_FORCE", scheme="new", day=c.today)
    given(on(c, tomorrow)).when(LEAD, asking("new")).then(ParticipationRequested)


@pytest.mark.req("A25")
def test_one_cycle_of_a_scheme_is_under_way_at_a_time() -> None:
    c = requested()
    given(c).when(LEAD, asking()).refused("CYCLE_ALREADY_OPEN", cycle_id=c.cycle_id)
    given(c).when(LEAD, asking("lean")).then(ParticipationRequested)


def test_the_policy_knows_the_kind_of_cycle() -> None:
    c = listed()
    c.world.publish({**LEAN, "policy": "ONCE", "cycles": LEAN["cycles"][:1], "renewal": None})
    given(c).when(LEAD, asking("once", "renewal")).refused(
        "KIND_NOT_OFFERED", "NOTHING_TO_RENEW", kind="renewal", offered=["initial"]
    )


def test_there_is_nothing_to_renew_before_a_tier_was_held() -> None:
    given(listed()).when(LEAD, asking(kind="renewal")).refused("NOTHING_TO_RENEW")


def test_a_level_that_nobody_assessed_neither_bars_a_first_cycle_nor_is_renewed() -> None:
    c = admitted(scheme="member")
    given(c).when(LEAD, asking("member", "renewal")).refused("NOTHING_TO_RENEW")
    given(c).when(LEAD, asking("member")).then(ParticipationRequested)


def test_whoever_holds_a_tier_begins_anew_only_when_it_has_ended() -> None:
    c = granted()
    given(on(c, expiry(c) - timedelta(1))).when(LEAD, asking()).refused("STATUS_ACTIVE", tier="Dedicated")
    given(on(c, expiry(c))).when(LEAD, asking()).then(ParticipationRequested, kind="initial")


@pytest.mark.req("M15", "A25")
def test_a_renewal_waits_for_its_window() -> None:
    c = granted()
    opens = expiry(c).replace(year=expiry(c).year - 1)
    given(on(c, opens - timedelta(1))).when(LEAD, asking(kind="renewal")).refused("TOO_EARLY_TO_RENEW", opens=opens)
    given(on(c, opens)).when(LEAD, asking(kind="renewal")).then(ParticipationRequested, kind="renewal")


def test_a_tier_that_has_ended_can_still_be_renewed() -> None:
    c = granted()
    given(on(c, expiry(c) + timedelta(900))).when(LEAD, asking(kind="renewal")).then(ParticipationRequested)


def test_a_tier_without_an_end_is_renewed_at_any_time() -> None:
    c = granted(scheme="member")
    given(c).when(LEAD, asking("member", "renewal")).then(ParticipationRequested, kind="renewal")


def test_without_a_rule_on_renewal_there_is_no_window_to_wait_for() -> None:
    c = granted()
    c.world.publish({**FULL, "version": "2", "renewal": None}, effective_from=c.today)
    given(c).when(LEAD, asking(kind="renewal")).then(ParticipationRequested, kind="renewal")


def test_everything_that_speaks_against_a_renewal_is_named() -> None:
    c = granted().must(LEAD, asking("lean"))
    later = on(c, expiry(c) - timedelta(365)).must(LEAD, asking(kind="renewal"))
    early = {
        **FULL,
        "version": "2",
        "cycles": FULL["cycles"][:1],
        "renewal": {**FULL["renewal"], "opens_before": "P1M"},
    }
    later.world.publish(early, effective_from=later.today)
    given(later).when(LEAD, asking(kind="renewal")).refused(
        "CYCLE_ALREADY_OPEN", "KIND_NOT_OFFERED", "TOO_EARLY_TO_RENEW"
    )
    given(later).when(LEAD, asking()).refused("CYCLE_ALREADY_OPEN", "STATUS_ACTIVE")


@pytest.mark.req("S1-04", "S3-02")
def test_affiliate_and_program_talk_the_process_through() -> None:
    c = requested()
    yesterday = c.today - timedelta(1)
    given(c).when(ADMIN, talked(c, yesterday)).then(IntakeConversationHeld, cycle_id=c.cycle_id, held_on=yesterday)
    assert c.cycle.intake == c.p.version


def test_the_talk_lies_in_the_past_and_is_recorded_once() -> None:
    c = requested()
    tomorrow = c.today + timedelta(1)
    given(c).when(ADMIN, talked(c, tomorrow)).refused("DATE_IN_FUTURE", field="held_on", day=tomorrow, today=c.today)
    given(c).when(ADMIN, talked(c)).then(IntakeConversationHeld)
    given(c).when(ADMIN, talked(c)).refused("ALREADY_RECORDED")
    given(c).when(ADMIN, talked(c, tomorrow)).refused("ALREADY_RECORDED", "DATE_IN_FUTURE")


@pytest.mark.req("M1")
@pytest.mark.parametrize("command", [talked, letting_in, leaving, lambda c: waiving(c, "mou_executed")])
def test_a_request_names_a_cycle_that_there_is(command: Any) -> None:
    c = requested()
    c.cycle_id = "imaginary"
    person = LEAD if command is leaving else ADMIN
    given(c).when(person, command(c)).refused("CYCLE_UNKNOWN", cycle_id="imaginary")


@pytest.mark.parametrize("command", [talked, letting_in, lambda c: waiving(c, "mou_executed")])
def test_steps_to_access_are_taken_before_it(command: Any) -> None:
    c = open_()
    given(c).when(ADMIN, command(c)).refused("WRONG_CYCLE_STATE", phase=Phase.OPEN, wanted="requested")


@pytest.mark.req("M7")
@pytest.mark.parametrize("gate", WAIVABLE)
def test_a_gate_is_waived_on_a_ground_and_by_name(gate: str) -> None:
    c = asked(ready=False)
    story = given(c).when(ADMIN, waiving(c, gate))
    story.then(GateWaived, gate=gate, ground="met_elsewhere", explanation=words("It is not to be had."))
    assert c.cycle.waived == {gate: c.p.version}


@pytest.mark.parametrize("gate", ["listing_approved", "membership_accepted", "imaginary"])
def test_a_gate_that_is_waived_is_the_policys_and_never_the_listing(gate: str) -> None:
    c = requested()
    given(c).when(ADMIN, waiving(c, gate)).refused("GATE_UNKNOWN", gate=gate, gates=WAIVABLE)


@pytest.mark.parametrize("gate", ["readiness_confirmed", "intake_conversation", "mou_executed"])
def test_a_gate_that_is_met_or_waived_needs_no_waiver(gate: str) -> None:
    c = requested()
    c.must(ADMIN, talked(c), waiving(c, "mou_executed"))
    given(c).when(ADMIN, waiving(c, gate)).refused("GATE_ALREADY_MET", gate=gate)


def the(c: Case, event: str) -> tuple[int, ...]:
    """The version of the last event of a type."""
    return (max(v for v, e in enumerate(c.events, 1) if type(e).__name__ == event),)


@pytest.mark.req("S1-04", "S1-05", "S1-08", "S3-03", "A9")
def test_access_is_granted_once_every_gate_is_met_and_names_what_meets_it() -> None:
    c = gates_met()
    story = given(c).when(ADMIN, letting_in(c))
    policy = PolicyRef("full", "1", c.world.scheme("full").published[0].sha256)
    instrument = InstrumentRef("SMALL", "1", c.world.family("SMALL").published[0].sha256)
    gates = {
        "listing_approved": the(c, "ProgramListingApproved"),
        "readiness_confirmed": the(c, "ParticipationRequested"),
        "intake_conversation": the(c, "IntakeConversationHeld"),
        "ta_nqms_requested": the(c, "TechnicalAssistanceRequested"),
        "ta_provider_assigned": the(c, "TechnicalAssistanceProviderAssigned"),
        "needs_assessment_completed": the(c, "InitialNeedsAssessmentCompleted"),
        "mou_executed": the(c, "MouExecuted"),
    }
    story.then(AssessmentAccessGranted, gates=gates, policy=policy, instrument=instrument)
    access = c.cycle.access
    assert access is not None
    assert (access.policy, access.instrument, access.gates, access.version) == (policy, instrument, gates, c.p.version)
    assert c.cycle.phase is Phase.OPEN


@pytest.mark.req("S1-04", "S1-08", "S3-03", "A9")
def test_without_its_gates_access_is_refused_and_every_one_is_named() -> None:
    c = requested()
    given(c).when(ADMIN, letting_in(c)).refused("GATE_NOT_MET", gates=list(GATES[2:]))


@pytest.mark.req("M7")
@pytest.mark.parametrize("gate", WAIVABLE)
def test_each_gate_alone_bars_access(gate: str) -> None:
    c = asked(ready=False)
    c.must(ADMIN, *(waiving(c, g) for g in WAIVABLE if g != gate))
    given(c).when(ADMIN, letting_in(c)).refused("GATE_NOT_MET", gates=[gate])
    c.must(ADMIN, waiving(c, gate))
    waived = {g: (v,) for g, v in c.cycle.waived.items()}
    given(c).when(ADMIN, letting_in(c)).then(
        AssessmentAccessGranted, gates={"listing_approved": the(c, "ProgramListingApproved"), **waived}
    )


@pytest.mark.req("S1-02")
def test_a_listing_that_rests_bars_access_until_it_is_shown_again() -> None:
    c = gates_met().must(ADMIN, PauseListing(ground="dormant"))
    given(c).when(ADMIN, letting_in(c)).refused("GATE_NOT_MET", gates=["listing_approved"])
    given(c.must(ADMIN, ResumeListing())).when(ADMIN, letting_in(c)).then(AssessmentAccessGranted)


def test_assistance_that_was_cancelled_opens_no_gate() -> None:
    c = gates_met()
    c.must(LEAD, CancelTechnicalAssistance(ta_id=c.ta_id))
    given(c).when(ADMIN, letting_in(c)).refused("GATE_NOT_MET", gates=list(GATES[3:]))


def test_assistance_for_one_cycle_opens_no_gate_of_another() -> None:
    c = gates_met()
    c.must(LEAD, leaving(c), asking())
    *_, c.cycle_id = c.p.cycles
    given(c).when(ADMIN, letting_in(c)).refused("GATE_NOT_MET", gates=list(GATES[2:]))


@pytest.mark.req("S4-16")
def test_where_a_scheme_admits_first_the_assessment_waits_for_the_membership() -> None:
    c = listed(scheme="member").must(LEAD, asking("member"))
    (c.cycle_id,) = c.p.cycles
    given(c).when(ADMIN, letting_in(c)).refused("GATE_NOT_MET", gates=["membership_accepted"])
    member = requested(scheme="member")
    story = given(member).when(ADMIN, letting_in(member))
    accepted = the(member, "MembershipApplicationAccepted")
    story.then(
        AssessmentAccessGranted,
        gates={"listing_approved": the(member, "ProgramListingApproved"), "membership_accepted": accepted},
    )


@pytest.mark.req("S3-02", "H7")
def test_which_gates_there_are_is_for_the_policy_to_say() -> None:
    c = listed()
    gates = [{"code": g, "basis": "proposal"} for g in ("listing_approved", "intake_conversation")]
    c.world.publish({**LEAN, "policy": "SHORT", "gates": gates})
    c.must(LEAD, asking("short", ready=False))
    (c.cycle_id,) = c.p.cycles
    given(c).when(ADMIN, letting_in(c)).refused("GATE_NOT_MET", gates=["intake_conversation"])
    given(c.must(ADMIN, talked(c))).when(ADMIN, letting_in(c)).then(AssessmentAccessGranted)


def test_a_renewal_has_gates_of_its_own() -> None:
    c = granted()
    on(c, expiry(c)).must(LEAD, asking(kind="renewal"))
    *_, c.cycle_id = c.p.cycles
    given(c).when(ADMIN, letting_in(c)).refused("GATE_NOT_MET", gates=["intake_conversation"])


@pytest.mark.req("H7")
def test_the_rules_in_force_when_access_is_granted_stay_for_the_cycle() -> None:
    c = gates_met()
    c.world.publish({**FULL, "version": "2"}, effective_from=c.today)
    given(c).when(ADMIN, letting_in(c)).then(AssessmentAccessGranted, policy=c.world.scheme("full").in_force(c.today))
    c.world.publish({**FULL, "version": "3"}, effective_from=c.today)
    assert c.cycle.access is not None
    assert c.cycle.access.policy.version == "2"


def test_a_kind_of_cycle_that_is_no_longer_offered_is_not_let_in() -> None:
    c = granted()
    on(c, expiry(c)).must(LEAD, asking(kind="renewal"))
    *_, c.cycle_id = c.p.cycles
    c.world.publish({**FULL, "version": "2", "cycles": FULL["cycles"][:1]}, effective_from=c.today)
    given(c).when(ADMIN, letting_in(c)).refused("KIND_NOT_OFFERED", kind="renewal", offered=["initial"])


@pytest.mark.parametrize("known", [True, False], ids=["version", "family"])
def test_the_instrument_is_published(known: bool) -> None:
    c = gates_met()
    family = c.world.states.pop(("instrument", "SMALL"))
    if known:
        c.world.states["instrument", "SMALL"] = replace(family, published=())
    given(c).when(ADMIN, letting_in(c)).refused("INSTRUMENT_NOT_PUBLISHED", family="SMALL", version="1")


@pytest.mark.parametrize("person", [LEAD, STAFF, REVIEWER, DECIDER, SOUTH, NATIONAL])
def test_the_programs_affiliate_alone_lets_in(person: str) -> None:
    c = gates_met()
    for command in (letting_in(c), talked(c), waiving(c, "mou_executed")):
        given(c).when(person, command).not_allowed()


@pytest.mark.parametrize("situation", [requested, open_, attested])
def test_until_the_decision_the_program_may_withdraw(situation: Any) -> None:
    c = situation()
    story = given(c).when(LEAD, leaving(c))
    story.then(AssessmentWithdrawn, cycle_id=c.cycle_id, reason=words("Not now."))
    assert c.cycle.phase is Phase.WITHDRAWN
    given(c).when(LEAD, asking()).then(ParticipationRequested)


@pytest.mark.parametrize("phase", [Phase.DECIDED, Phase.WITHDRAWN])
def test_an_ended_cycle_is_not_withdrawn(phase: Phase) -> None:
    c = granted() if phase is Phase.DECIDED else requested()
    if phase is Phase.WITHDRAWN:
        c.must(LEAD, leaving(c))
    given(c).when(LEAD, leaving(c)).refused("WITHDRAWAL_TOO_LATE", phase=phase)


@pytest.mark.req("M2")
def test_a_talk_recorded_in_error_is_withdrawn_and_recorded_again() -> None:
    c = requested()
    c.must(ADMIN, talked(c))
    given(c).when(ADMIN, undoing(c.p.version)).then(ActWithdrawn, act="IntakeConversationHeld.v1")
    assert c.cycle.intake == 0
    given(c).when(ADMIN, talked(c)).then(IntakeConversationHeld)


@pytest.mark.req("M2")
def test_a_waiver_given_in_error_is_withdrawn_and_the_others_stand() -> None:
    c = requested()
    c.must(ADMIN, waiving(c, "mou_executed"), waiving(c, "ta_provider_assigned"))
    given(c).when(ADMIN, undoing(c.p.version - 1)).then(ActWithdrawn, act="GateWaived.v1")
    assert c.cycle.waived == {"ta_provider_assigned": c.p.version - 1}


@pytest.mark.req("M2")
@pytest.mark.parametrize("event", ["IntakeConversationHeld", "GateWaived"])
def test_what_access_rests_on_is_not_withdrawn(event: str) -> None:
    c = open_(waived=("mou_executed",))
    (version,) = the(c, event)
    given(c).when(ADMIN, undoing(version)).refused("RESTED_UPON", what=["assessment_access"])


@pytest.mark.parametrize("event", ["IntakeConversationHeld", "GateWaived"])
@pytest.mark.parametrize("person", [LEAD, REVIEWER, NATIONAL])
def test_what_the_administrator_recorded_nobody_else_withdraws(event: str, person: str) -> None:
    c = gates_met(waived=("mou_executed",))
    (version,) = the(c, event)
    given(c).when(person, undoing(version)).refused("NOT_YOURS_TO_WITHDRAW", parts=["affiliate_admin"])


class TestLapse:
    """A cycle that the program left lying is ended by the affiliate, until it was handed in."""

    @pytest.mark.parametrize("situation", [requested, open_])
    def test_an_affiliate_ends_what_nobody_works_on(self, situation: Situation) -> None:
        c = situation()
        lapse = LapseCycle(cycle_id=c.cycle_id, ground="unreachable", reason=words("Nobody answers."))
        given(c).when(ADMIN, lapse).then(AssessmentLapsed, ground="unreachable")
        assert c.cycle.phase is Phase.WITHDRAWN
        given(c).when(LEAD, RequestParticipation(scheme="full")).then(ParticipationRequested)

    def test_what_was_handed_in_is_decided(self) -> None:
        c = submitted()
        lapse = LapseCycle(cycle_id=c.cycle_id, ground="unreachable", reason=words("Nobody answers."))
        given(c).when(ADMIN, lapse).refused("WRONG_CYCLE_STATE")
        given(c).when(LEAD, lapse).not_allowed()
