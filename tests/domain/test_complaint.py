"""Complaints: confidential, apart from the program's stream, handled by those they are not about (M19)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from domain import Decided, fold, initial
from domain.affiliate import AppointStaff, CharterAffiliate, EndCharter
from domain.authority import parts
from domain.complaint import (
    AcknowledgeComplaint,
    CloseComplaint,
    ComplainantIdentitySealed,
    Complaint,
    ComplaintAcknowledged,
    ComplaintClosed,
    ComplaintReceived,
    ComplaintReferred,
    ComplaintScreened,
    FileComplaint,
    ReferComplaint,
    ScreenComplaint,
)
from domain.interests import EndInterest, RegisterInterest
from domain.language import Actor, Command, Role
from domain.transfer import AcceptTransfer, ProposeTransfer
from tests.small_policies import ZONE
from tests.small_world import (
    ADMIN,
    ADMIN2,
    CLOCK,
    DECIDER,
    LEAD,
    NATIONAL,
    OPERATOR,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    World,
    listed,
    words,
)
from tests.story import Story, given

DAY = timedelta(days=1)
TOLD, WHO, WHY = words("They left children alone."), words("A neighbour, by telephone."), words("So we found.")
EAST = "p_east"
ACKNOWLEDGING, REFERRING = AcknowledgeComplaint(), ReferComplaint()
ADMITTING = ScreenComplaint(outcome="admitted", severity="serious", reason=WHY)
CLOSING = CloseComplaint(outcome="founded", reason=WHY)
STEPS: list[Command] = [ACKNOWLEDGING, ADMITTING, REFERRING, CLOSING]


def filing(**more: Any) -> FileComplaint:
    """The request to complain about the program."""
    said: dict[str, Any] = {"about": "program", "program_id": "prog1", "affiliate": "north"}
    return FileComplaint(**{**said, "concern": "safety_of_youth", "narrative": TOLD, **more})


def about_affiliate(**more: Any) -> FileComplaint:
    """The request to complain about the affiliate."""
    return filing(about="affiliate", program_id=None, concern="process", **more)


def complaint(c: Case | World) -> Story:
    """The story of the complaint."""
    return given(c.world if isinstance(c, Case) else c, "comp1")


def filed(command: FileComplaint | None = None) -> World:
    """A world in which somebody complained about the one program."""
    world = listed().world
    world.must(STRANGER, "comp1", command or filing())
    return world


def state(world: World) -> Complaint:
    """The complaint as it stands."""
    return world.state("complaint", "comp1")


@pytest.mark.req("M19")
@pytest.mark.parametrize("person", [STRANGER, LEAD, STAFF, REVIEWER, ADMIN, SOUTH, NATIONAL])
def test_anybody_complains_and_the_record_does_not_say_who(person: str) -> None:
    world = listed().world
    answer = world.do(person, "comp1", filing(identity=WHO))
    assert isinstance(answer, Decided)
    assert [type(e) for e in answer.events] == [ComplaintReceived, ComplainantIdentitySealed]
    assert answer.actor == Actor("p_public", Role.PUBLIC, "public")
    written = msgspec.json.encode([answer.events, answer.actor, state(world)]).decode()
    assert person not in written
    assert msgspec.structs.asdict(state(world)) == {
        "complaint_id": "comp1", "version": 2, "about": "program", "program_id": "prog1", "affiliate": "north",
        "state": "received", "severity": "", "acknowledged": 0, "referred": 0,
    }  # fmt: skip


@pytest.mark.req("M19")
def test_who_complains_need_not_be_said() -> None:
    story = complaint(listed()).when(STRANGER, filing())
    told = {"about": "program", "program_id": "prog1", "affiliate": "north", "concern": "safety_of_youth"}
    story.then(ComplaintReceived, **told, narrative=TOLD, recorded_by=None)


@pytest.mark.req("M19")
def test_nothing_of_a_complaint_is_in_the_programs_stream() -> None:
    c = listed()
    before = c.events
    complaint(c).when(STRANGER, filing(identity=WHO)).then(ComplaintReceived, ComplainantIdentitySealed, identity=WHO)
    assert c.events == before


def test_a_sentence_says_what_it_is_about() -> None:
    received = ComplaintReceived(
        about="program", program_id="prog1", affiliate="north", concern="conduct", narrative=TOLD
    )
    assert received.sentence() == f"complained about the program prog1 (conduct): {TOLD}"
    other = ComplaintReceived(
        about="affiliate", affiliate="north", concern="process", narrative=TOLD, recorded_by=NATIONAL
    )
    end = f"(process): {TOLD}; recorded from a letter by {NATIONAL}"
    assert other.sentence() == f"complained about the affiliate north {end}"


@pytest.mark.parametrize("person", [ADMIN, SOUTH, NATIONAL])
def test_administrators_record_a_letter_in_their_name(person: str) -> None:
    world = listed().world
    complaint(world).when(person, filing(from_letter=True)).then(ComplaintReceived, recorded_by=person)


@pytest.mark.parametrize("person", [STRANGER, LEAD, REVIEWER, DECIDER])
def test_nobody_else_records_a_letter(person: str) -> None:
    complaint(listed()).when(person, filing(from_letter=True)).refused("LETTER_WITHOUT_STAFF")


def test_a_complaint_is_filed_once() -> None:
    complaint(filed()).when(STRANGER, filing()).refused("COMPLAINT_KNOWN")


def test_what_it_is_about_is_named_and_is_there() -> None:
    story = complaint(listed())
    story.when(STRANGER, filing(affiliate="nowhere")).refused("AFFILIATE_UNKNOWN", affiliate="nowhere")
    story.when(STRANGER, filing(program_id=None)).refused("PROGRAM_NOT_NAMED")
    story.when(STRANGER, filing(program_id="prog9")).refused("PROGRAM_ELSEWHERE", program_id="prog9")
    story.when(STRANGER, filing(affiliate="south")).refused("PROGRAM_ELSEWHERE", affiliate="south")
    story.when(STRANGER, about_affiliate(affiliate="south")).then(ComplaintReceived, about="affiliate", program_id=None)


def test_after_a_transfer_a_program_is_complained_about_where_it_is() -> None:
    c = listed().must(
        LEAD, ProposeTransfer(to="south", jurisdiction="US-GA", status_treatment="kept", reason=words("We move."))
    )
    c.must(SOUTH, AcceptTransfer())
    complaint(c).when(STRANGER, filing()).refused("PROGRAM_ELSEWHERE", affiliate="north")
    complaint(c).when(STRANGER, filing(affiliate="south")).then(ComplaintReceived, affiliate="south")


@pytest.mark.parametrize("field", ["concern", "about"])
def test_what_it_is_about_is_one_of_a_few_words(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        filing(**{field: "gossip"})


@pytest.mark.parametrize("outcome", ["founded", "unfounded", "not_verified", "withdrawn"])
def test_a_complaint_goes_its_way(outcome: Any) -> None:
    world = filed()
    story = complaint(world)
    story.when(ADMIN, ACKNOWLEDGING).then(ComplaintAcknowledged)
    story.when(ADMIN2, ADMITTING).then(ComplaintScreened, outcome="admitted", severity="serious", reason=WHY)
    story.when(ADMIN, REFERRING).then(ComplaintReferred, program_id="prog1")
    assert (state(world).state, state(world).severity) == ("admitted", "serious")
    assert (state(world).acknowledged, state(world).referred) == (2, 4)
    story.when(ADMIN, CloseComplaint(outcome=outcome, reason=WHY)).then(ComplaintClosed, outcome=outcome, reason=WHY)
    assert state(world).state == "closed"
    assert fold(initial("complaint", "comp1"), world.streams["complaint", "comp1"]) == state(world)


def test_who_handles_it_is_recorded() -> None:
    answer = filed().do(ADMIN, "comp1", ACKNOWLEDGING)
    assert isinstance(answer, Decided)
    assert answer.actor == Actor(ADMIN, Role.AFFILIATE_ADMIN, "north")


def test_each_step_is_taken_once() -> None:
    world = filed()
    world.must(ADMIN, "comp1", ACKNOWLEDGING)
    world.must(ADMIN, "comp1", ADMITTING)
    world.must(ADMIN, "comp1", REFERRING)
    for command in (ACKNOWLEDGING, ADMITTING, REFERRING):
        complaint(world).when(ADMIN, command).refused("ALREADY_RECORDED")


def test_a_finding_and_a_referral_follow_the_admission() -> None:
    story = complaint(filed())
    story.when(ADMIN, CLOSING).refused("COMPLAINT_NOT_ADMITTED", state="received")
    story.when(ADMIN, REFERRING).refused("COMPLAINT_NOT_ADMITTED", state="received")
    story.when(ADMIN, CloseComplaint(outcome="withdrawn", reason=WHY)).then(ComplaintClosed, outcome="withdrawn")


@pytest.mark.parametrize("command", STEPS)
def test_after_its_end_nothing_is_done_about_it(command: Command) -> None:
    closed, dismissed = filed(), filed()
    closed.must(ADMIN, "comp1", CloseComplaint(outcome="withdrawn", reason=WHY))
    dismissed.must(ADMIN, "comp1", ScreenComplaint(outcome="dismissed", severity="low", reason=WHY))
    for world, name in ((closed, "closed"), (dismissed, "dismissed")):
        answer = world.do(ADMIN, "comp1", command)
        assert not isinstance(answer, Decided)
        assert (answer.reasons[0].code, answer.reasons[0].details) == ("COMPLAINT_ENDED", {"state": name})


def test_one_about_an_affiliate_is_taken_to_no_program() -> None:
    world = filed(about_affiliate())
    world.must(NATIONAL, "comp1", ADMITTING)
    complaint(world).when(NATIONAL, REFERRING).refused("NOT_ABOUT_A_PROGRAM")


@pytest.mark.req("M19")
@pytest.mark.parametrize("person", [STRANGER, LEAD, STAFF, REVIEWER, DECIDER, SOUTH, NATIONAL, OPERATOR, CLOCK])
def test_one_about_a_program_is_handled_by_the_administrators_in_charge_alone(person: str) -> None:
    world = filed()
    for command in STEPS:
        complaint(world).when(person, command).refused("NOT_AUTHORISED", person=person)


@pytest.mark.req("M19")
@pytest.mark.parametrize("person", [ADMIN, ADMIN2, REVIEWER, DECIDER, SOUTH, LEAD, STRANGER, OPERATOR])
def test_one_about_an_affiliate_is_nothing_that_anybody_there_has_a_part_in(person: str) -> None:
    world = filed(about_affiliate())
    for command in STEPS:
        complaint(world).when(person, command).refused("NOT_AUTHORISED", person=person)
    held = set(parts(state(world), world.context(person, "complaint", "comp1")))
    assert held <= {Role.PUBLIC, Role.OPERATOR}


@pytest.mark.req("M19")
def test_one_about_an_affiliate_is_handled_by_the_national_body() -> None:
    world = filed(about_affiliate())
    answer = world.do(NATIONAL, "comp1", ADMITTING)
    assert isinstance(answer, Decided)
    assert answer.actor == Actor(NATIONAL, Role.NATIONAL, "national")


@pytest.mark.req("M19")
def test_whoever_is_on_the_staff_complained_about_does_not_handle_it_for_the_national_body() -> None:
    world = filed(about_affiliate())
    world.must(ADMIN, "north", AppointStaff(person=NATIONAL, roles=("reviewer",)))
    complaint(world).when(NATIONAL, ADMITTING).refused("NOT_AUTHORISED", held=["public"])


@pytest.mark.req("M19")
def test_the_national_body_does_not_handle_what_is_about_itself() -> None:
    world = filed(about_affiliate(affiliate="national"))
    complaint(world).when(NATIONAL, ADMITTING).refused("NOT_AUTHORISED", held=["public"])
    said: dict[str, Any] = {"name": "Overseers", "timezone": ZONE, "jurisdictions": ("US",), "administrator": EAST}
    world.must(OPERATOR, "overseers", CharterAffiliate(**said, national=True))
    complaint(world).when(EAST, ADMITTING).then(ComplaintScreened)


def test_after_the_end_of_a_charter_the_successor_handles_it() -> None:
    world = filed()
    world.must(OPERATOR, "north", EndCharter(successor="south", effective_on=world.today() + DAY))
    complaint(world).when(ADMIN, ACKNOWLEDGING).then(ComplaintAcknowledged)
    world.later(days=1)
    complaint(world).when(ADMIN, ADMITTING).refused("NOT_AUTHORISED", held=["public"])
    complaint(world).when(SOUTH, ADMITTING).then(ComplaintScreened)


@pytest.mark.req("M19")
@pytest.mark.parametrize("register", ["north", "south"])
def test_whoever_has_an_interest_in_the_program_does_not_handle_it(register: str) -> None:
    world = filed()
    entry = RegisterInterest(person=ADMIN, program_id="prog1", nature="committee_seat", since=world.today() - DAY)
    world.must({"north": ADMIN, "south": SOUTH}[register], register, entry)
    for command in (ACKNOWLEDGING, ADMITTING):
        complaint(world).when(ADMIN, command).refused("CONFLICTED", person=ADMIN, nature="committee_seat")
    complaint(world).when(ADMIN2, ADMITTING).then(ComplaintScreened)
    for command in (REFERRING, CLOSING):
        complaint(world).when(ADMIN, command).refused("CONFLICTED", person=ADMIN)
    (interest_id,) = world.affiliate(register).interests
    world.must(
        {"north": ADMIN, "south": SOUTH}[register],
        register,
        EndInterest(interest_id=interest_id, ended_on=world.today()),
    )
    complaint(world).when(ADMIN, CLOSING).then(ComplaintClosed)


@pytest.mark.parametrize("command", STEPS)
def test_a_complaint_that_there_is_not_is_unknown(command: Command) -> None:
    complaint(listed()).when(ADMIN, command).refused("SUBJECT_UNKNOWN", aggregate="complaint", subject="comp1")
