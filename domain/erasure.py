"""Erasure: what names a person is made unreadable for good, on a coded ground, by two people (M4, H11).

One proposes, another confirms; then the keys are destroyed. What is erased is always the person's record; where it was
asked for, also the words that the person wrote and the files that the person handed in. Facts stay: they hold an opaque
id, and nothing leads from it to anybody any more. Who signed, reviewed or decided, and the words and files that were
evidence, stay readable for as long as a decision needs them.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, ClassVar, Literal

import msgspec
from msgspec.structs import replace

from domain.affiliate import Affiliate
from domain.documents import DocumentUploaded
from domain.language import Command, Context, Event, Kind, Need, Outcomes, Role, Stage, fact, found, refusal
from domain.program import ENDED, Program
from domain.publishing import SECOND_PERSON_REQUIRED
from domain.shelf import Acts
from domain.status import IN_TERM, timeline
from domain.term import last_valid
from domain.values import PERSON, Code, PersonId, TextRef

stage = Stage("erasure", aggregate="erasure")

NOT_A_PERSON = refusal("NOT_A_PERSON", Kind.INVALID, "{subject} is not the id of a person.")
ERASED_ALREADY = refusal("ERASED_ALREADY", Kind.OUT_OF_ORDER, "This person was erased already.")
ERASURE_WAITS = refusal("ERASURE_WAITS", Kind.OUT_OF_ORDER, "An erasure of this person waits for a second person.")
NO_ERASURE_PROPOSED = refusal(
    "NO_ERASURE_PROPOSED", Kind.OUT_OF_ORDER, "No erasure of this person waits for a second person."
)
STILL_HAS_A_PART = refusal(
    "STILL_HAS_A_PART", Kind.OUT_OF_ORDER, "The person still has a part in {where}; that is ended first."
)
NEEDED_BY_A_DECISION = refusal(
    "NEEDED_BY_A_DECISION", Kind.OUT_OF_ORDER, "Nothing is erased that program {program_id} needs: {because}."
)

Ground = Literal["asked_by_the_person", "consent_withdrawn", "no_longer_needed", "unlawfully_kept", "ordered_by_law"]
Scope = Literal["record", "record_and_writings"]
"""The person's name and address alone, or with the words that they wrote and the files that they handed in."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the erasure of one person."""

    person: str
    version: int = 0
    proposed_by: str | None = None
    """Who proposed an erasure that waits."""
    ground: str = ""
    scope: Scope = "record"
    erased: int = 0


class ErasureProposed(Event):
    """The erasure of a person awaits the confirmation of a second person."""

    says = "proposed to erase {e.person} ({e.scope}), on the ground {e.ground}"
    person: PersonId
    ground: Code
    scope: Scope
    proposed_by: PersonId


class ErasureDeclined(Event):
    """The erasure that was proposed does not happen."""

    says = "declined to erase {e.person}"
    person: PersonId


class PersonErased(Event):
    """Two people agreed to erase a person; the keys are destroyed with it."""

    says = "erased {e.person} ({e.scope}), on the ground {e.ground}; agreed by {e.agreed_by}"
    person: PersonId
    ground: Code
    scope: Scope
    agreed_by: tuple[PersonId, ...]


class ProposeErasure(Command):
    """Propose that a person be erased."""

    aggregate: ClassVar[str] = "erasure"
    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.NATIONAL, Role.OPERATOR, Role.AFFILIATE_ADMIN)
    ground: Ground
    scope: Scope = "record"


class ConfirmErasure(Command):
    """Confirm, as a second person, that a person is erased. It cannot be undone."""

    aggregate: ClassVar[str] = "erasure"
    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.NATIONAL, Role.OPERATOR)


class DeclineErasure(Command):
    """Say that a person is not erased, or take the own proposal back."""

    aggregate: ClassVar[str] = "erasure"
    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.NATIONAL, Role.OPERATOR, Role.AFFILIATE_ADMIN)


def inside(value: Any) -> Iterator[Any]:
    """A fact, or a value in one, and everything inside it."""
    yield value
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from inside(getattr(value, name))
    elif isinstance(value, tuple):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from inside(one)


def written_in(event: Event) -> bool:
    """Whether a fact holds words, or a file, of whoever brought it about."""
    return isinstance(event, DocumentUploaded) or any(isinstance(v, TextRef) for v in inside(event))


def _bound(acts: Acts, person: str, scope: Scope) -> list[Event]:
    """The facts that may need a person: those that name them, and with the writings those in which they wrote."""
    named = [e for e in acts.events if any(v == person for v in inside(e))]
    return named + [e for e in acts.did if scope == "record_and_writings" and written_in(e)]


def _cycles(p: Program, event: Event) -> set[str]:
    """The cycles that a fact is about, and those into which their answers were carried."""
    about = {getattr(event, "cycle_id", None)}
    if assistance := p.assistance.get(getattr(event, "ta_id", "")):
        about.add(assistance.cycle_id)
    if isinstance(event, DocumentUploaded):
        about |= {c.cycle_id for c in p.cycles.values() for ids in c.links.values() if event.document_id in ids}
    for cycle in p.cycles.values():  # in the order in which they began
        if cycle.carried_from in about and cycle.carried_from:
            about.add(cycle.cycle_id)
    return {one for one in about if one in p.cycles}


def _decisions(p: Program, event: Event, cycles: set[str]) -> set[str]:
    """The decisions that a fact is about, and those taken in its cycles."""
    appeal = p.appeals.get(getattr(event, "appeal_id", ""))
    about = {getattr(event, "decision_id", None), appeal and appeal.decision_id}
    return {k for k, d in p.decisions.items() if k in about or d.cycle_id in cycles}


def needs(p: Program, events: Iterable[Event], today: date) -> dict[str, date | None]:
    """Why a program needs some of its facts as they are, and the last day of it; None where no day is known yet."""
    found: dict[str, date | None] = {}
    for event in events:
        cycles = _cycles(p, event)
        decisions = _decisions(p, event, cycles)
        for cycle in (p.cycles[k] for k in cycles):
            if cycle.phase not in ENDED:
                found[f"the {cycle.scheme} cycle is not at its end"] = None
        for decision in (p.decisions[k] for k in decisions):
            if decision.appeal_by and today <= decision.appeal_by:
                found[f"an appeal is possible until {decision.appeal_by}"] = decision.appeal_by
        if any(a.decision_id in decisions and a.is_open for a in p.appeals.values()):
            found["an appeal is not decided yet"] = None
        found |= dict(_terms(p, cycles, decisions, today))
    return found


def _terms(p: Program, cycles: set[str], decisions: set[str], today: date) -> Iterator[tuple[str, date | None]]:
    """The terms that run, or will, and rest on what was decided."""
    for scheme in dict.fromkeys(h.scheme for h in p.holdings):
        for term in timeline(p.holdings, p.measures, scheme):
            held = term.holding
            rests = held.cycle_id in cycles or {held.decision_id, term.measure_id} & decisions
            if rests and term.status in IN_TERM and (term.until is None or today < term.until):
                until = last_valid(term.until) if term.until else None
                yield f"{held.label} is held {f'through {until}' if until else 'with no end date'}", until


def _free(need: Need, person: str, scope: Scope, ctx: Context) -> None:
    """Notes every part that the person still has, and every decision that needs what would be erased."""
    where = [a.affiliate_id for a in ctx.shelf.affiliates() if person in a.staff]
    touched = list(ctx.shelf.acts_of(person))
    where += [a.program.program_id for a in touched if person in a.program.people and a.program.people[person].roles]
    need(not where, STILL_HAS_A_PART, where=where)
    for acts in touched:
        home: Affiliate = ctx.shelf.affiliate(acts.program.listing.affiliate)
        because = needs(acts.program, _bound(acts, person, scope), ctx.today(home.timezone))
        days = [day for day in because.values() if day]
        until = max(days) if days and None not in because.values() else None
        need(
            not because,
            NEEDED_BY_A_DECISION,
            program_id=acts.program.program_id,
            because=list(because),
            until=until,
        )


def _waiting(e: Erasure) -> str:
    """Who proposed the erasure that waits, refused when none does."""
    return found(e.proposed_by, NO_ERASURE_PROPOSED)


@stage.decide(ProposeErasure)
def propose(e: Erasure, c: ProposeErasure, ctx: Context) -> Outcomes:
    """Of somebody who has no part any more and whom no decision needs."""
    need = Need()
    need(re.fullmatch(PERSON.pattern, e.person), NOT_A_PERSON, subject=e.person)
    need(not e.erased, ERASED_ALREADY)
    need(not e.proposed_by, ERASURE_WAITS)
    need.settle()
    _free(need, e.person, c.scope, ctx)
    need.settle()
    return [fact(ErasureProposed, c, person=e.person, proposed_by=ctx.person)]


@stage.decide(ConfirmErasure)
def confirm(e: Erasure, c: ConfirmErasure, ctx: Context) -> Outcomes:
    """By somebody else than who proposed it, if still nothing needs the person."""
    proposer = _waiting(e)
    need = Need()
    need(proposer != ctx.person, SECOND_PERSON_REQUIRED, person=proposer)
    _free(need, e.person, e.scope, ctx)
    need.settle()
    return [PersonErased(person=e.person, ground=e.ground, scope=e.scope, agreed_by=(proposer, ctx.person))]


@stage.decide(DeclineErasure)
def decline(e: Erasure, c: DeclineErasure, ctx: Context) -> Outcomes:
    """While it waits."""
    _waiting(e)
    return [ErasureDeclined(person=e.person)]


@stage.evolve(ErasureProposed)
def _(e: Erasure, event: ErasureProposed, v: int) -> Erasure:
    return replace(e, proposed_by=event.proposed_by, ground=event.ground, scope=event.scope)


@stage.evolve(ErasureDeclined)
def _(e: Erasure, event: ErasureDeclined, v: int) -> Erasure:
    return replace(e, proposed_by=None)


@stage.evolve(PersonErased)
def _(e: Erasure, event: PersonErased, v: int) -> Erasure:
    return replace(e, proposed_by=None, erased=v)
