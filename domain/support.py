"""Support: questions and answers, and contacts through the year, as part of the process (M9, S1-13, S1-22)."""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.affiliate import Affiliate
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, fact, refusal
from domain.program import Program, without
from domain.term import DATE_IN_FUTURE
from domain.values import Code, Reference, Text, TextRef

stage = Stage("support")

QUESTION_UNKNOWN = refusal("QUESTION_UNKNOWN", Kind.UNKNOWN, "No question {question_id} waits for an answer.")
ABOUT_UNKNOWN = refusal("ABOUT_UNKNOWN", Kind.UNKNOWN, "The program has no cycle {cycle_id} to ask about.")


class SupportQuestionAsked(Event):
    """The program asked the affiliate something."""

    says = "asked about {e.about}: {e.question}"
    question_id: Reference
    cycle_id: Reference | None = None
    about: Code
    question: TextRef


class SupportQuestionAnswered(Event):
    """The affiliate answered."""

    says = "answered a question: {e.answer}"
    question_id: Reference
    answer: TextRef


class SupportContactLogged(Event):
    """The affiliate kept in touch."""

    says = "logged a contact on {e.on} ({e.kind}): {e.summary}"
    kind: Code
    on: date
    summary: TextRef


class AskSupportQuestion(ProgramCommand):
    """Ask the affiliate; say what it is about: a section, an item, or the process."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    cycle_id: Reference | None = None
    about: Code = "process"
    question: Text


class AnswerSupportQuestion(ProgramCommand):
    """Answer a question."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.REVIEWER)
    question_id: Reference
    answer: Text


class LogSupportContact(ProgramCommand):
    """Log a call, visit, message or workshop."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.REVIEWER)
    kind: Literal["call", "visit", "message", "workshop", "coaching"]
    on: date
    summary: Text


@stage.decide(AskSupportQuestion)
def ask(p: Program, c: AskSupportQuestion, ctx: Context) -> Outcomes:
    """Any time, about anything of the program's."""
    need = Need()
    need(c.cycle_id is None or c.cycle_id in p.cycles, ABOUT_UNKNOWN, cycle_id=c.cycle_id)
    need.settle()
    return [fact(SupportQuestionAsked, c, question_id=ctx.mint())]


@stage.decide(AnswerSupportQuestion)
def answer(p: Program, c: AnswerSupportQuestion, ctx: Context) -> Outcomes:
    """A question that waits."""
    need = Need()
    need(c.question_id in p.questions, QUESTION_UNKNOWN, question_id=c.question_id)
    need.settle()
    return [SupportQuestionAnswered(question_id=c.question_id, answer=c.answer)]


@stage.decide(LogSupportContact)
def log_contact(p: Program, c: LogSupportContact, ctx: Context) -> Outcomes:
    """A contact that took place."""
    affiliate: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    today = ctx.today(affiliate.timezone)
    need = Need()
    need(c.on <= today, DATE_IN_FUTURE, field="on", day=c.on, today=today)
    need.settle()
    return [SupportContactLogged(kind=c.kind, on=c.on, summary=c.summary)]


@stage.evolve(SupportQuestionAsked)
def _(p: Program, e: SupportQuestionAsked, v: int) -> Program:
    return replace(p, questions={**p.questions, e.question_id: v})


@stage.evolve(SupportQuestionAnswered)
def _(p: Program, e: SupportQuestionAnswered, v: int) -> Program:
    return replace(p, questions=without(p.questions, e.question_id))


@stage.evolve(SupportContactLogged)
def _(p: Program, e: SupportContactLogged, v: int) -> Program:
    return p  # contacts open and close nothing
