"""Support: questions are asked and answered, contacts are logged, as part of the process."""

from datetime import timedelta
from typing import Any

import pytest

from domain.support import (
    AnswerSupportQuestion,
    AskSupportQuestion,
    LogSupportContact,
    SupportContactLogged,
    SupportQuestionAnswered,
    SupportQuestionAsked,
)
from tests.small_world import (
    ADMIN,
    DECIDER,
    LEAD,
    NATIONAL,
    REVIEWER,
    SOUTH,
    STAFF,
    STRANGER,
    Case,
    granted,
    listed,
    open_,
    registered,
    words,
)
from tests.story import given


def asking(cycle_id: str | None = None, about: str = "process") -> AskSupportQuestion:
    return AskSupportQuestion(cycle_id=cycle_id, about=about, question=words("How does it go?"))


def answering(question_id: str) -> AnswerSupportQuestion:
    return AnswerSupportQuestion(question_id=question_id, answer=words("Like this."))


def logging(c: Case, kind: Any = "call", days_ago: int = 0) -> LogSupportContact:
    return LogSupportContact(kind=kind, on=c.today - timedelta(days_ago), summary=words("We talked."))


def asked() -> tuple[Case, str]:
    c = listed().must(STAFF, asking())
    (question_id,) = c.p.questions
    return c, question_id


@pytest.mark.req("M9")
@pytest.mark.parametrize("person", [STAFF, LEAD])
@pytest.mark.parametrize("situation", [listed, open_, granted])
def test_a_program_asks_at_any_time(situation: Any, person: str) -> None:
    c = situation()
    story = given(c).when(person, asking())
    story.then(SupportQuestionAsked, cycle_id=None, about="process", question=words("How does it go?"))
    assert list(c.p.questions.values()) == [c.p.version]


@pytest.mark.req("M9")
def test_a_question_may_be_about_a_cycle_and_an_item() -> None:
    c = open_()
    given(c).when(STAFF, asking(c.cycle_id, "B3")).then(SupportQuestionAsked, cycle_id=c.cycle_id, about="B3")


def test_the_cycle_asked_about_is_the_programs() -> None:
    given(open_()).when(STAFF, asking("imaginary")).refused("ABOUT_UNKNOWN", cycle_id="imaginary")


@pytest.mark.req("M9")
@pytest.mark.parametrize("person", [ADMIN, REVIEWER])
def test_the_affiliate_answers_and_the_question_waits_no_more(person: str) -> None:
    c, question_id = asked()
    c.must(LEAD, asking())
    story = given(c).when(person, answering(question_id))
    story.then(SupportQuestionAnswered, question_id=question_id, answer=words("Like this."))
    assert question_id not in c.p.questions
    assert len(c.p.questions) == 1


def test_a_question_is_answered_once() -> None:
    c, question_id = asked()
    c.must(ADMIN, answering(question_id))
    given(c).when(ADMIN, answering(question_id)).refused("QUESTION_UNKNOWN", question_id=question_id)
    given(c).when(ADMIN, answering("imaginary")).refused("QUESTION_UNKNOWN", question_id="imaginary")


@pytest.mark.req("S1-22", "M9", "S2-01")
@pytest.mark.parametrize("person", [ADMIN, REVIEWER])
@pytest.mark.parametrize("kind", ["call", "visit", "message", "workshop", "coaching"])
def test_the_affiliate_keeps_in_touch_through_the_year(person: str, kind: str) -> None:
    c = granted()
    c.world.later(days=200)
    before = c.p
    story = given(c).when(person, logging(c, kind, 30))
    story.then(SupportContactLogged, kind=kind, on=c.today - timedelta(30), summary=words("We talked."))
    assert (c.p.cycles, c.p.holdings) == (before.cycles, before.holdings)


def test_a_contact_took_place_today_or_earlier_where_the_affiliate_is() -> None:
    c = registered()
    c.world.now = c.world.now.replace(hour=4)  # still the day before in Chicago
    given(c).when(ADMIN, logging(c, days_ago=-1)).refused("DATE_IN_FUTURE", field="on", today=c.today)
    given(c).when(ADMIN, logging(c)).then(SupportContactLogged)


@pytest.mark.parametrize("person", [DECIDER, SOUTH, NATIONAL, STRANGER])
def test_support_is_between_program_and_affiliate(person: str) -> None:
    c, question_id = asked()
    for command in (asking(), answering(question_id), logging(c)):
        given(c).when(person, command).not_allowed()


def test_each_side_keeps_to_its_part() -> None:
    c, question_id = asked()
    given(c).when(ADMIN, asking()).refused("NOT_AUTHORISED")
    for command in (answering(question_id), logging(c)):
        given(c).when(LEAD, command).refused("NOT_AUTHORISED")
