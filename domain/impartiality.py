"""Impartiality: who declared which interest, who reviews, who decides; never the same person (A26)."""

from collections.abc import Iterable
from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import cycle_of, rules_of
from domain.affiliate import Affiliate, in_charge
from domain.carrying import evidence_cycles
from domain.language import Context, CycleCommand, Kind, Need, Outcomes, Role, Shelf, Stage, refusal
from domain.program import ENDED, Cycle, CycleEvent, Declared, Phase, Program, with_cycle, with_review
from domain.term import add
from domain.values import Code, PersonId, Text, TextRef

stage = Stage("impartiality")

COOLING_OFF = "P24M"
"""How long somebody who worked for a program stays out of its review (A26 and 3.5)."""

CONFLICT_UNDECLARED = refusal(
    "CONFLICT_UNDECLARED", Kind.OUT_OF_ORDER, "{person} has not declared about conflicts of interest in this cycle."
)
CONFLICTED = refusal("CONFLICTED", Kind.NOT_ALLOWED, "{person} has a conflict of interest: {nature}.")
NOT_ON_STAFF = refusal("NOT_ON_STAFF", Kind.NOT_ALLOWED, "{person} is no {role} of the affiliate or its delegate.")
WRONG_PHASE_TO_ASSIGN = refusal(
    "WRONG_PHASE_TO_ASSIGN", Kind.OUT_OF_ORDER, "The cycle is {phase}; a {role} is assigned to {wanted}."
)
ALREADY_ASSIGNED = refusal("ALREADY_ASSIGNED", Kind.OUT_OF_ORDER, "{person} is assigned; recuse them first.")
DECIDER_NOT_INDEPENDENT = refusal(
    "DECIDER_NOT_INDEPENDENT", Kind.NOT_ALLOWED, "{person} took part in this cycle as {part} and cannot decide it."
)
NOT_THE_REVIEWER = refusal("NOT_THE_REVIEWER", Kind.NOT_ALLOWED, "This cycle's reviewer is {reviewer}, not {person}.")
NAMED_TO_DECIDE = refusal(
    "NAMED_TO_DECIDE", Kind.NOT_ALLOWED, "{person} was named to decide this cycle and cannot review it."
)
NO_REVIEWER = refusal("NO_REVIEWER", Kind.OUT_OF_ORDER, "No reviewer is assigned.")


class ConflictOfInterestDeclared(CycleEvent):
    """A person declared an interest in the program, or none."""

    says = "declared conflicts of interest in this cycle: {e.nature}"
    person: PersonId
    nature: Code
    mitigation: TextRef | None = None


class ReviewerAssigned(CycleEvent):
    """A reviewer was assigned; the declaration was there before."""

    says = "assigned {e.person} as reviewer"
    person: PersonId
    declaration: int


class ReviewerRecused(CycleEvent):
    """The reviewer left the case."""

    says = "recused {e.person} as reviewer ({e.ground})"
    person: PersonId
    ground: Code


class DeciderAssigned(CycleEvent):
    """A person who did not review was named to decide."""

    says = "named {e.person} to decide"
    person: PersonId
    declaration: int


class DeclareConflict(CycleCommand):
    """Declare an interest in the program, or that there is none."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER, Role.DECIDER, Role.AFFILIATE_ADMIN)
    nature: Literal["none", "employment", "family", "financial", "board_seat", "coaching", "other"]
    mitigation: Text | None = None


class AssignReviewer(CycleCommand):
    """Assign a reviewer to a submitted assessment."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    person: PersonId


class RecuseReviewer(CycleCommand):
    """Take the reviewer off the case; what was determined is adopted or redone by the successor (M7)."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.REVIEWER)
    ground: Literal["conflict", "left", "illness", "workload", "other"]


class AssignDecider(CycleCommand):
    """Name who decides."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    person: PersonId


def outside_part(cycle: Cycle, person: str, today: date) -> str | None:
    """The part that somebody from outside has in one case, through its last day (M19)."""
    part, until = cycle.outsiders.get(person, (None, today))
    return part if today <= until else None


def holds_part(p: Program, person: str, part: str, ctx: Context, today: date, cycle: Cycle | None = None) -> bool:
    """Whether a person has a part on the staff of the program's affiliate, or of the one it delegates to, or, asked
    about a cycle, has it there as an outsider who does not act for the program."""
    affiliate = in_charge(ctx.shelf, p.listing.affiliate, today)
    if part in affiliate.staff.get(person, ()):
        return True
    if cycle and outside_part(cycle, person, today) == part:
        return not (person in p.people and p.people[person].roles)
    delegated = affiliate.delegated_until is not None and today <= affiliate.delegated_until
    if part != "decider" or not delegated or affiliate.delegated_to is None:
        return False
    delegate: Affiliate | None = ctx.shelf.affiliate(affiliate.delegated_to)
    return delegate is not None and delegate.chartered(today) and part in delegate.staff.get(person, ())


def registered_interest(program_id: str | None, person: str, today: date, shelf: Shelf) -> str | None:
    """What ties a person to a program by an affiliate's register on a day, if anything does (M19)."""
    registers: Iterable[Affiliate] = shelf.affiliates()
    interests = (i for affiliate in registers for i in affiliate.interests.values())
    mine = (i.nature for i in interests if (i.person, i.program_id) == (person, program_id) and i.runs(today))
    return next(mine, None)


def interest_in(p: Program, person: str, today: date, shelf: Shelf) -> str | None:
    """What ties a person to the program whatever they declare, if anything does: work for it in the past 24 months, or
    an interest in an affiliate's register that runs (M19)."""
    worked = p.people.get(person)
    if worked is not None and (worked.left_on is None or today < add(worked.left_on, COOLING_OFF)):
        return "program staff in the past 24 months"
    return registered_interest(p.program_id, person, today, shelf)


def unconflicted(need: Need, p: Program, cycle: Cycle, person: str, today: date, shelf: Shelf) -> int:
    """Notes what speaks against a person's impartiality; the version of their declaration."""
    declared = cycle.declarations.get(person)
    need(declared, CONFLICT_UNDECLARED, person=person)
    clear = declared is None or declared.nature == "none" or declared.mitigated
    need(clear, CONFLICTED, person=person, nature=declared and declared.nature)
    interest = interest_in(p, person, today, shelf)
    need(interest is None, CONFLICTED, person=person, nature=interest)
    return declared.version if declared else 0


def reviewing(p: Program, cycle: Cycle, ctx: Context) -> None:
    """Refuses anybody but the reviewer assigned to the cycle, and that one too once conflicted."""
    _, today = rules_of(p, cycle, ctx)
    need = Need()
    need(cycle.review.reviewer == ctx.person, NOT_THE_REVIEWER, reviewer=cycle.review.reviewer, person=ctx.person)
    need.settle()
    unconflicted(need, p, cycle, ctx.person, today, ctx.shelf)
    need.settle()


def participants(p: Program, cycle: Cycle) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who reviewed and who coached in a cycle, and in the earlier ones whose determinations count in it."""
    cycles = evidence_cycles(p, cycle)
    reviewers = dict.fromkeys(r for c in cycles for r in c.review.reviewers)
    ids = [c.cycle_id for c in cycles]
    coached = {a.consultant for a in p.assistance.values() if a.consultant and a.cycle_id in ids}
    return tuple(reviewers), tuple(sorted(coached))


def took_part_as(p: Program, cycle: Cycle, person: str) -> str | None:
    """In which part a person worked on the cycle, if that bars them from deciding it."""
    reviewers, consultants = participants(p, cycle)
    if person in reviewers:
        return "reviewer"
    return "assistance consultant" if person in consultants else None


@stage.decide(DeclareConflict)
def declare(p: Program, c: DeclareConflict, ctx: Context) -> Outcomes:
    """Anybody who may be assigned declares for themselves, before they are assigned."""
    cycle = cycle_of(p, c.cycle_id)
    need = Need()
    need(cycle.phase not in ENDED, WRONG_PHASE_TO_ASSIGN, phase=cycle.phase, role="declarant", wanted="open cycles")
    need.settle()
    return [
        ConflictOfInterestDeclared(cycle_id=c.cycle_id, person=ctx.person, nature=c.nature, mitigation=c.mitigation)
    ]


@stage.decide(AssignReviewer)
def assign_reviewer(p: Program, c: AssignReviewer, ctx: Context) -> Outcomes:
    """A reviewer of the affiliate, or one from outside for this case, who declared and is not conflicted."""
    cycle = cycle_of(p, c.cycle_id)
    _, today = rules_of(p, cycle, ctx)
    need = Need()
    submitted = cycle.phase in (Phase.SUBMITTED, Phase.UNDER_REVIEW, Phase.PLANNED)
    need(submitted, WRONG_PHASE_TO_ASSIGN, phase=cycle.phase, role="reviewer", wanted="submitted assessments")
    need(not cycle.review.reviewer, ALREADY_ASSIGNED, person=cycle.review.reviewer)
    need(holds_part(p, c.person, "reviewer", ctx, today, cycle), NOT_ON_STAFF, person=c.person, role="reviewer")
    need(c.person != cycle.decider, NAMED_TO_DECIDE, person=c.person)
    declaration = unconflicted(need, p, cycle, c.person, today, ctx.shelf)
    need.settle()
    return [ReviewerAssigned(cycle_id=c.cycle_id, person=c.person, declaration=declaration)]


@stage.decide(RecuseReviewer)
def recuse(p: Program, c: RecuseReviewer, ctx: Context) -> Outcomes:
    """Until the review is complete the reviewer can leave the case."""
    cycle = cycle_of(p, c.cycle_id, Phase.SUBMITTED, Phase.UNDER_REVIEW, Phase.PLANNED, Phase.OPEN)
    need = Need()
    need(cycle.review.reviewer, NO_REVIEWER)
    need.settle()
    return [ReviewerRecused(cycle_id=c.cycle_id, person=cycle.review.reviewer or "", ground=c.ground)]


@stage.decide(AssignDecider)
def assign_decider(p: Program, c: AssignDecider, ctx: Context) -> Outcomes:
    """A decider of the affiliate, its delegate or from outside, who declared, is not conflicted and did not take part."""
    cycle = cycle_of(p, c.cycle_id)
    _, today = rules_of(p, cycle, ctx)
    need = Need()
    under_way = cycle.phase not in ENDED and cycle.access is not None
    need(under_way, WRONG_PHASE_TO_ASSIGN, phase=cycle.phase, role="decider", wanted="cycles with access")
    need(holds_part(p, c.person, "decider", ctx, today, cycle), NOT_ON_STAFF, person=c.person, role="decider")
    part = took_part_as(p, cycle, c.person)
    need(part is None, DECIDER_NOT_INDEPENDENT, person=c.person, part=part)
    declaration = unconflicted(need, p, cycle, c.person, today, ctx.shelf)
    need.settle()
    return [DeciderAssigned(cycle_id=c.cycle_id, person=c.person, declaration=declaration)]


@stage.evolve(ConflictOfInterestDeclared)
def _(p: Program, e: ConflictOfInterestDeclared, v: int) -> Program:
    declared = Declared(nature=e.nature, mitigated=e.mitigation is not None, version=v)
    return with_cycle(p, e.cycle_id, declarations={**p.cycles[e.cycle_id].declarations, e.person: declared})


@stage.evolve(ReviewerAssigned)
def _(p: Program, e: ReviewerAssigned, v: int) -> Program:
    cycle = p.cycles[e.cycle_id]
    reviewers = tuple(dict.fromkeys((*cycle.review.reviewers, e.person)))
    review = replace(cycle.review, reviewer=e.person, reviewers=reviewers, assigned=v)
    phase = Phase.UNDER_REVIEW if cycle.phase is Phase.SUBMITTED else cycle.phase
    return with_cycle(p, e.cycle_id, review=review, phase=phase)


@stage.evolve(ReviewerRecused)
def _(p: Program, e: ReviewerRecused, v: int) -> Program:
    return with_review(p, e.cycle_id, reviewer=None)


@stage.evolve(DeciderAssigned)
def _(p: Program, e: DeciderAssigned, v: int) -> Program:
    return with_cycle(p, e.cycle_id, decider=e.person)
