"""The language of the domain: facts and their sentences, reasons, needs, stages, and how stages come together."""

from datetime import UTC, date, datetime
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace as changed

import domain
from domain import COMMANDS, EVENTS, Decided, decide, evolve, fold, initial
from domain.access import GateWaived, WithdrawFromCycle
from domain.affiliate import Affiliate, AffiliateChartered
from domain.assessment import AssessmentReturned, ItemRated
from domain.complaint import Complaint
from domain.language import (
    REFUSALS,
    Command,
    Event,
    Kind,
    Need,
    Reason,
    Refusal,
    Refused,
    Refusing,
    Role,
    Stage,
    fact,
    found,
    listing,
    names,
    refusal,
)
from domain.listing import ApproveListing, DeclineListing, ProgramListingPaused
from domain.opening import LedgerOpened
from domain.participation import RequestParticipation
from domain.program import Program
from domain.publishing import Family, Scheme
from domain.values import Code, Rating
from tests.small_world import ADMIN, LEAD, listed, new_world, registered, words
from tests.story import given

COLD = Refusing("COLD", Kind.INVALID, "It is cold: {what}.")
DARK = Refusing("DARK", Kind.INVALID, "It is dark: {what}.")


class LampLit(Event):
    """Somebody lit a lamp."""

    says = "lit {e.lamps} for {e.who} until {e.until}"
    lamps: tuple[Code, ...]
    who: Code | None = None
    until: date | None = None


class LampLitV3(Event):
    """The third shape of the same fact."""

    schema_version: ClassVar[int] = 3


class LightLamp(Command):
    """Light a lamp."""

    aggregate: ClassVar[str] = "lamp"
    by: ClassVar[tuple[Role, ...]] = (Role.PUBLIC,)
    lamps: tuple[Code, ...]
    hurry: bool = False


def reasons(need: Need) -> tuple[Reason, ...]:
    with pytest.raises(Refused) as refused:
        need.settle()
    return refused.value.refusal.reasons


def test_a_need_names_everything_that_is_missing_at_once() -> None:
    need = Need()
    need(False, COLD, what="ice")
    need(True, DARK, what="never")
    need(0, DARK, what="night")
    assert reasons(need) == (Reason(COLD, {"what": "ice"}), Reason(DARK, {"what": "night"}))


def test_a_need_that_is_met_lets_pass() -> None:
    need = Need()
    need.settle()
    need([1], COLD, what="nothing")
    need.settle()
    need(None, DARK, what="night")
    assert reasons(need) == (Reason(DARK, {"what": "night"}),)


def test_what_is_found_is_given_back_though_it_is_empty() -> None:
    assert found("", COLD, what="x") == ""
    assert found(0, COLD, what="x") == 0
    with pytest.raises(Refused, match="It is cold: snow, ice"):
        found(None, COLD, what=["snow", "ice"])


def test_a_refusal_says_its_reasons_in_words_and_codes() -> None:
    no = Refusal((Reason(COLD, {"what": ("snow", "ice")}), Reason(DARK, {"what": None})))
    assert no.codes == ("COLD", "DARK")
    assert str(no) == "It is cold: snow, ice. It is dark: none."
    assert str(Refused(*no.reasons)) == str(no)


def test_a_reason_is_declared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REFUSALS, "COLD", COLD)
    with pytest.raises(ValueError, match="COLD is declared twice"):
        refusal("COLD", Kind.INVALID, "Again.")
    assert REFUSALS["COLD"] is COLD
    monkeypatch.delitem(REFUSALS, "COLD")
    assert refusal("COLD", Kind.INVALID, "It is cold: {what}.") == REFUSALS["COLD"] == COLD


def test_every_reason_is_kept_under_its_code_and_says_a_sentence() -> None:
    assert {code for code, why in REFUSALS.items() if why.code != code or not why.sentence.endswith(".")} == set()


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (LampLit(lamps=("a", "b"), until=date(2026, 1, 5)), "lit a, b for none until 2026-01-05"),
        (ProgramListingPaused(ground="dormant"), "paused the listing (dormant)"),
        (
            ItemRated(cycle_id="c1", item_id="A1", rating=Rating("yes", 4), item_revision=1),
            "rated item A1: in practice, quality 4 of 5",
        ),
        (
            GateWaived(cycle_id="c1", gate="mou_executed", ground="met_elsewhere", explanation=words("So.")),
            f"waived the gate mou_executed (met_elsewhere): {words('So.')}",
        ),
        (
            AssessmentReturned(
                cycle_id="c1", item_ids=("A1", "B3"), reason=words("More."), respond_by=date(2026, 2, 1)
            ),
            f"returned the assessment for A1, B3, due 2026-02-01: {words('More.')}",
        ),
    ],
)
def test_a_fact_says_what_happened(event: Event, sentence: str) -> None:
    assert event.sentence() == sentence


def test_a_fact_is_published_under_its_name_and_the_version_of_its_shape() -> None:
    assert LampLit.published_name() == "LampLit.v1"
    assert LampLitV3.published_name() == "LampLit.v3"
    assert EVENTS["AffiliateChartered.v1"] is AffiliateChartered
    assert {name for name, event in EVENTS.items() if event.published_name() != name} == set()


def test_a_fact_takes_over_the_requests_fields_and_more() -> None:
    lit = fact(LampLit, LightLamp(lamps=("a",), hurry=True), who="p_staff")
    assert lit == LampLit(lamps=("a",), who="p_staff")
    assert fact(LampLit, LightLamp(lamps=("a",)), lamps=("b",)).lamps == ("b",)


def test_a_stage_answers_each_request_and_folds_each_fact_once() -> None:
    stage = Stage("lamps")
    arm: Any = len
    for register in (stage.decide, stage.evolve):
        key: Any = LightLamp if register == stage.decide else LampLit
        assert register(key)(arm) is arm
        with pytest.raises(ValueError, match=f"{key.__name__} is registered twice in lamps"):
            register(key)(arm)
    undo = stage.undo(LampLit, by=lambda e: (Role.CLOCK,), rests=lambda p, e: ["night"])
    assert undo(arm) is arm
    undoing = stage.undoing[LampLit]
    assert (undoing.arm, undoing.by(None), undoing.rests(None, None)) == (arm, (Role.CLOCK,), ["night"])
    with pytest.raises(ValueError, match="LampLit is registered twice in lamps"):
        undo(arm)


def test_no_two_stages_bring_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = [Stage("one"), Stage("other")]
    for stage in stages:
        stage.evolve(LampLit)(len)
    monkeypatch.setattr(domain, "STAGES", tuple(stages))
    with pytest.raises(ValueError, match="LampLit belongs to two stages"):
        domain._merged("arms")


def test_names_come_once_each_and_a_few_of_them_are_said() -> None:
    assert names(["b", "a", "b"]) == ["b", "a"]
    assert listing(["a", "b"], most=2) == "a, b"
    assert listing(["a", "b", "c", "d"], most=2) == "a, b and 2 more"
    assert listing([str(n) for n in range(13)]).endswith("11 and 1 more")


def test_the_day_is_the_day_in_the_zone() -> None:
    context = changed(new_world().context("p_staff", "program", "x"), now=datetime(2026, 3, 1, 3, tzinfo=UTC))
    assert context.today("America/Chicago") == date(2026, 2, 28)
    assert context.today("UTC") == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("aggregate", "state"),
    [
        ("program", Program(program_id="x")),
        ("affiliate", Affiliate(affiliate_id="x")),
        ("policy", Scheme(code="x")),
        ("instrument", Family(code="x")),
        ("complaint", Complaint(complaint_id="x")),
    ],
)
def test_every_stream_begins_with_nothing(aggregate: str, state: Any) -> None:
    assert initial(aggregate, "x") == state
    assert state.version == 0


def test_there_are_no_other_streams() -> None:
    with pytest.raises(ValueError, match="no streams of the kind 'lamp'"):
        initial("lamp", "x")


def test_the_state_is_folded_from_the_history_and_numbered_by_it() -> None:
    c = listed()
    assert fold(initial("program", "prog1"), c.events) == c.p
    assert c.p.version == len(c.events)
    half = len(c.events) // 2
    assert fold(fold(initial("program", "prog1"), c.events[:half]), c.events[half:]) == c.p


def test_the_ledger_itself_has_no_state() -> None:
    family = Family(code="main")
    opened = LedgerOpened(clock="simulated", origin="test")
    assert evolve(family, opened, 1) == changed(family, version=1)
    assert opened.sentence() == "opened the ledger test with a simulated clock"


def test_a_request_about_a_program_that_there_is_not_is_refused() -> None:
    story = given(new_world(), "nothing").when(LEAD, RequestParticipation(scheme="full"))
    story.refused("SUBJECT_UNKNOWN", aggregate="program", subject="nothing")


def test_a_program_that_was_declined_is_closed() -> None:
    c = registered().must(ADMIN, DeclineListing(ground="other", reason=words("No.")))
    given(c).when(ADMIN, ApproveListing(lead=LEAD)).refused("PROGRAM_CLOSED")


def test_deciding_changes_nothing_and_names_who_acted() -> None:
    c = listed()
    before = c.p
    context = c.world.context(LEAD, "program", "prog1")
    answer = decide(before, RequestParticipation(scheme="full"), context)
    assert isinstance(answer, Decided)
    assert (answer.actor.person, answer.actor.role, answer.claims) == (LEAD, Role.PROGRAM_LEAD, ())
    assert decide(before, WithdrawFromCycle(cycle_id="c", reason=words("No.")), context) != answer
    assert c.p == before
    assert len(COMMANDS) > 50
