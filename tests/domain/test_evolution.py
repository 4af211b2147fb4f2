"""What holds for every event, request and withdrawal, however many there will be."""

from datetime import date
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from domain import ARMS, COMMANDS, EVENTS, STAGES, Decided, evolve, fold, initial
from domain.assistance import CompleteAssistanceReport
from domain.changes import RenameProgram
from domain.concern import OpenInquiry, ReferConcern
from domain.correction import UNDOING, WithdrawAct
from domain.language import CycleCommand, Event, ProgramCommand, Role
from domain.notice import ReplyToNotice
from domain.program import CycleEvent, Program
from domain.statement import ReceiveStatement
from domain.values import Kind, TextRef, field_types
from tests import small_world as small
from tests.later_life import with_acts
from tests.small_tenure import noticed
from tests.small_world import Case, words

PLAIN = {int, bool, date, NoneType, TextRef}
ABOUT_A_STATUS = {
    "TierGranted",
    "TierDenied",
    "TierDecisionDeferred",
    "TierEligibilityEvaluated",
    "HistoricalStatusImported",
    "PartnerStatusClosed",
}
ALL_EVENTS = sorted(EVENTS.values(), key=lambda e: e.__name__)
ALL_COMMANDS = sorted(COMMANDS.values(), key=lambda c: c.__name__)


def _loose(hint: Any, place: str) -> list[str]:
    """The places of a type that could hold anything else than what an event may hold."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return [] if any(isinstance(a, Kind) for a in args) else _loose(args[0], place)
    if origin in (Union, UnionType):
        return [wrong for a in args for wrong in _loose(a, place)]
    if origin is tuple:
        return [wrong for a in args if a is not Ellipsis for wrong in _loose(a, f"{place}[]")]
    if origin is dict:
        return _loose(args[0], f"{place} key") + _loose(args[1], f"{place}{{}}")
    if origin is Literal or hint in PLAIN or (isinstance(hint, type) and issubclass(hint, Enum)):
        return []
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _loose_fields(hint, place)
    return [f"{place}: {hint}"]


@cache
def _inner(struct: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple(field_types(struct).items())


_WALKING: list[type] = []


def _loose_fields(struct: type[msgspec.Struct], place: str) -> list[str]:
    if struct in _WALKING:  # a proof's nodes hold nodes
        return []
    _WALKING.append(struct)
    try:
        return [wrong for name, hint in _inner(struct) for wrong in _loose(hint, f"{place}.{name}")]
    finally:
        _WALKING.remove(struct)


@pytest.mark.req("H11")
@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda e: e.__name__)
def test_an_event_has_no_place_for_free_text(event: type[Event]) -> None:
    assert _loose_fields(event, event.__name__) == []


@pytest.mark.req("H11")
def test_a_place_for_free_text_would_be_found() -> None:
    class Deep(msgspec.Struct):
        note: str

    class Loose(Event):
        name: str
        notes: dict[str, tuple[Deep, ...]] = {}

    assert _loose_fields(Loose, "Loose") == [
        "Loose.name: <class 'str'>",
        "Loose.notes key: <class 'str'>",
        "Loose.notes{}[].note: <class 'str'>",
    ]


@pytest.mark.req("H4")
@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda e: e.__name__)
def test_an_event_is_published_frozen_and_folded_by_one_stage(event: type[Event]) -> None:
    assert EVENTS[event.published_name()] is event
    name = event.__name__.removesuffix(f"V{event.schema_version}")
    assert event.published_name() == f"{name}.v{event.schema_version}"
    assert event in ARMS
    assert [s.name for s in STAGES if event in s.arms] == [next(s.name for s in STAGES if event in s.arms)]
    assert event.__struct_config__.frozen
    assert event.__doc__
    assert event.says


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=lambda c: c.__name__)
def test_a_request_says_what_it_does_and_who_may_ask(command: Any) -> None:
    assert command.__doc__
    assert command.by
    assert all(isinstance(role, Role) for role in command.by)
    assert len(set(command.by)) == len(command.by)
    assert command.aggregate in ("program", "affiliate", "policy", "instrument", "complaint", "calendar", "erasure")


@pytest.mark.req("M1")
def test_what_is_about_a_cycle_names_it_and_what_is_about_a_status_names_its_scheme() -> None:
    cycle_events = [e for e in ALL_EVENTS if issubclass(e, CycleEvent)]
    cycle_commands = [c for c in ALL_COMMANDS if issubclass(c, CycleCommand)]
    assert len(cycle_events) > 30
    assert [e.__name__ for e in cycle_events if "cycle_id" not in e.__struct_fields__] == []
    assert [c.__name__ for c in cycle_commands if not c.model_fields["cycle_id"].is_required()] == []
    assert {e.__name__ for e in ALL_EVENTS if e.__name__ in ABOUT_A_STATUS} == ABOUT_A_STATUS
    assert [
        e.__name__ for e in ALL_EVENTS if e.__name__ in ABOUT_A_STATUS and "scheme" not in e.__struct_fields__
    ] == []


@pytest.mark.req("M1")
def test_no_request_of_a_stage_of_the_cycle_goes_without_naming_it() -> None:
    stages = {"assessment", "determination", "review", "plan", "statement", "impartiality"}
    bare = [c.__name__ for s in STAGES if s.name in stages for c in s.rules if not issubclass(c, CycleCommand)]
    events = [e.__name__ for s in STAGES if s.name in stages for e in s.arms if not issubclass(e, CycleEvent)]
    assert (bare, events) == ([], [])


def _situations() -> list[Case]:
    """Programs at every place of the process under every scheme, some of them by other ways."""
    steps = (
        small.gates_met, small.open_, small.under_review, small.determined, small.planned, small.reviewed,
        small.attested,
    )  # fmt: skip
    cases = [step(scheme=scheme) for scheme in ("full", "lean", "member") for step in steps]
    cases += [small.determined(scheme="lean", findings=("identified",)), small.gates_met(waived=("mou_executed",))]
    cases.append(small.gates_met(waived=("needs_assessment_completed", "mou_executed")))
    reported = small.granted()
    reported.must(small.ADMIN, CompleteAssistanceReport(ta_id=reported.ta_id, summary=words("We helped.")))
    return [*cases, *_changed(), *with_acts(), reported, _summed_up(), _replied(), _answered()]


def _summed_up() -> Case:
    c = small.planned(scheme="member")
    return c.must(c.reviewer, small.IssueReviewSummary(cycle_id=c.cycle_id, summary=words("Good.")))


def _replied() -> Case:
    c = _summed_up()
    return c.must(small.LEAD, small.RecordProgramResponse(cycle_id=c.cycle_id, response=words("Thanks.")))


def _answered() -> Case:
    """A program that replied to a notice of intent."""
    c = small.granted()
    notice_id = noticed(c)
    return c.must(small.LEAD, ReplyToNotice(notice_id=notice_id, reply=words("It is not so.")))


def _changed() -> list[Case]:
    """Programs with another name, with a concern, and with an inquiry into it."""
    renamed = small.listed()
    renamed.must(small.LEAD, RenameProgram(display_name="Bigger Friends", effective_on=renamed.today))
    referred, inquired = (
        small.listed().must(small.ADMIN, ReferConcern(complaint_id="comp1", severity="low")) for _ in range(2)
    )
    inquired.must(small.ADMIN, OpenInquiry(concern_id=next(iter(inquired.p.concerns))))
    return [renamed, referred, inquired]


def _people(c: Case) -> list[str]:
    return [small.LEAD, c.admin, c.reviewer, small.NATIONAL]


def _withdrawals(c: Case) -> list[tuple[Event, Case]]:
    """Every act of a situation that can be withdrawn there, with the program after it."""
    done: list[tuple[Event, Case]] = []
    for version, act in c.p.acts.items():
        command = WithdrawAct(version=version, ground="other_error", explanation=words("It was not so."))
        for person in _people(c):
            after = Case(c.world.copy(), c.how, c.program_id, c.cycle_id)
            if isinstance(after.do(person, command), Decided):
                done.append((act, after))
                break
    return done


@pytest.mark.req("M2")
def test_every_act_that_can_be_withdrawn_is_withdrawn_somewhere() -> None:
    seen = {type(act) for c in _situations() for act, _ in _withdrawals(c)}
    assert {e.__name__ for e in UNDOING} - {e.__name__ for e in seen} == set()


@pytest.mark.req("M2")
def test_an_act_is_withdrawn_once() -> None:
    for act, after in [w for c in _situations() for w in _withdrawals(c)]:
        version = after.events.index(act) + 1
        again = WithdrawAct(version=version, ground="other_error", explanation=words("Again."))
        assert version not in after.p.acts
        assert {after.refused(person, again) for person in _people(after)} == {("ACT_UNKNOWN",)}


@pytest.mark.req("M2")
def test_a_receipt_that_was_withdrawn_can_be_recorded_anew() -> None:
    c = small.attested()
    before = c.cycle
    received = WithdrawAct(version=len(c.events), ground="wrong_date", explanation=words("It was the day before."))
    c.must(small.ADMIN, received)
    assert c.cycle.phase == "attestation_pending"
    c.must(small.ADMIN, ReceiveStatement(cycle_id=c.cycle_id, received_on=c.today))
    assert c.cycle.phase == before.phase
    assert c.cycle.statement is not None
    assert before.statement is not None
    assert c.cycle.statement.received == before.statement.received + 2


@pytest.mark.req("H2")
def test_folding_all_at_once_or_one_by_one_is_the_same() -> None:
    c = small.granted(tier="expert")
    state: Program = initial("program", c.program_id)
    assert fold(state, c.events) == c.p
    for version, event in enumerate(c.events, 1):
        state = evolve(state, event, version)
    assert state == c.p
    assert state.version == len(c.events)


@pytest.mark.req("H2")
def test_a_stream_of_no_known_kind_has_no_state() -> None:
    with pytest.raises(ValueError, match="no streams of the kind 'parish'"):
        initial("parish", "x")
    assert {issubclass(c, ProgramCommand) for c in ALL_COMMANDS if c.aggregate == "program"} == {True}
