"""Self-assessment: every item rated on the one scale, over many sittings, handed in complete (S1-09..S1-15)."""

from datetime import date
from typing import ClassVar, Literal

import msgspec
from msgspec.structs import replace
from pydantic import Field

from domain.access import cycle_of, rules_of
from domain.carrying import not_settled
from domain.impartiality import reviewing
from domain.instrument.model import Instrument, Item
from domain.language import Context, CycleCommand, Kind, Need, Outcomes, Role, Stage, fact, found, names, refusal
from domain.program import (
    Answer,
    Cycle,
    CycleEvent,
    Narrative,
    Phase,
    Program,
    Submission,
    with_cycle,
    with_review,
    without,
)
from domain.values import Code, Digest, Rating, Reference, Text, TextRef, digest_of

stage = Stage("assessment")

CYCLE_NOT_OPEN = refusal("CYCLE_NOT_OPEN", Kind.OUT_OF_ORDER, "The assessment is not open yet; the cycle is {phase}.")
ASSESSMENT_FROZEN = refusal(
    "ASSESSMENT_FROZEN", Kind.OUT_OF_ORDER, "The assessment was handed in and is frozen; the cycle is {phase}."
)
UNKNOWN_ITEM = refusal("UNKNOWN_ITEM", Kind.UNKNOWN, "The instrument has no item {item_ids}.")
QUALITY_REQUIRED = refusal(
    "QUALITY_REQUIRED", Kind.INVALID, "Item {item_id} is in practice; say how well, from 1 to 5."
)
QUALITY_FORBIDDEN = refusal(
    "QUALITY_FORBIDDEN", Kind.INVALID, "Item {item_id} is not in practice; leave the quality out."
)
NOT_APPLICABLE_NOT_ALLOWED = refusal(
    "NOT_APPLICABLE_NOT_ALLOWED", Kind.INVALID, "Item {item_id} applies to every program; answer yes or no."
)
REASON_REQUIRED = refusal("REASON_REQUIRED", Kind.INCOMPLETE, "Give the reason for {item_ids}.")
ITEM_CHANGED_BY_OTHER = refusal(
    "ITEM_CHANGED_BY_OTHER",
    Kind.CHANGED_MEANWHILE,
    "Item {item_id} is at revision {revision}, not {expected}: somebody changed it; look again.",
)
NOTHING_TO_CLEAR = refusal("NOTHING_TO_CLEAR", Kind.OUT_OF_ORDER, "Item {item_id} has no rating to clear.")
TEXT_NOT_ASKED = refusal("TEXT_NOT_ASKED", Kind.INVALID, "Item {item_id} asks for no description.")
INCOMPLETE = refusal(
    "INCOMPLETE",
    Kind.INCOMPLETE,
    "Before it can be handed in: unanswered {unanswered}; descriptions missing {texts}; documents missing "
    "{documents}; documents waiting for a scan {unscanned}; infected documents {infected}.",
)
NOT_SUBMITTED = refusal("NOT_SUBMITTED", Kind.OUT_OF_ORDER, "The assessment is {phase}; only a submitted one returns.")
RESPOND_BY_PASSED = refusal("RESPOND_BY_PASSED", Kind.INVALID, "The answer would be due on {respond_by}, before today.")


class SelfAssessmentStarted(CycleEvent):
    """The first rating of the cycle was made, or answers carried over were handed in as they are."""

    says = "began the self-assessment"


class ItemRated(CycleEvent):
    """The program rated one item; the rating before stays in the history."""

    says = "rated item {e.item_id}: {e.rating}"
    item_id: Code
    rating: Rating
    previous: Rating | None = None
    item_revision: int
    reason: TextRef | None = None


class ItemRatingCleared(CycleEvent):
    """The program took a rating back."""

    says = "cleared the rating of item {e.item_id} (it was: {e.previous})"
    item_id: Code
    previous: Rating
    item_revision: int


class ItemNarrativeRecorded(CycleEvent):
    """The program described its practice for one item."""

    says = "described item {e.item_id}: {e.text}"
    item_id: Code
    text: TextRef


class AssessmentSubmitted(CycleEvent):
    """The assessment was handed in complete; from here on it is frozen."""

    says = "handed in the assessment (submission {e.submission_no}, {e.item_count} items)"
    submission_no: int
    answers_digest: Digest
    item_count: int
    documents: dict[Reference, Digest]
    submitted_on: date


class AssessmentReturned(CycleEvent):
    """The assessment went back to the program for completion."""

    says = "returned the assessment for {e.item_ids}, due {e.respond_by}: {e.reason}"
    item_ids: tuple[Code, ...]
    reason: TextRef
    respond_by: date


class RateItem(CycleCommand):
    """Rate one item: is it in practice, and how well from 1 to 5."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    item_id: Code
    in_practice: Literal["yes", "no", "not_applicable"]
    quality: Literal[1, 2, 3, 4, 5] | None = None
    reason: Text | None = None
    item_revision: int = Field(default=0, ge=0)
    """The revision of the item that was seen; 0 for a first rating."""


class ClearRating(CycleCommand):
    """Take the rating of one item back."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    item_id: Code
    item_revision: int = Field(ge=0)
    """The revision of the item that was seen; 0 for an answer that was carried over."""


class RecordNarrative(CycleCommand):
    """Describe the practice for an item that asks for a description."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_STAFF, Role.PROGRAM_LEAD)
    item_id: Code
    text: Text


class SubmitAssessment(CycleCommand):
    """Hand the assessment in; everything must be answered and attached."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)


class ReturnAssessment(CycleCommand):
    """Send the assessment back for completion."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER, Role.AFFILIATE_ADMIN)
    item_ids: tuple[Code, ...] = Field(min_length=1)
    reason: Text
    respond_by: date


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What an assessment lacks before it can be handed in: the one definition of complete."""

    unanswered: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    unscanned: tuple[str, ...] = ()
    infected: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, f) for f in self.__struct_fields__)


def instrument_of(cycle: Cycle, ctx: Context) -> Instrument:
    """The instrument pinned with the cycle's access."""
    assert cycle.access is not None  # asked only where the assessment is or was open
    return ctx.shelf.instrument(cycle.access.instrument)


def editable(p: Program, cycle_id: str) -> Cycle:
    """The cycle, refused unless its assessment is open for changes."""
    cycle = cycle_of(p, cycle_id)
    found(cycle.access, CYCLE_NOT_OPEN, phase=cycle.phase)
    need = Need()
    need(cycle.phase is Phase.OPEN, ASSESSMENT_FROZEN, phase=cycle.phase)
    need.settle()
    return cycle


def item_of(instrument: Instrument, item_id: str) -> Item:
    """The item, refused when the instrument has none of that id."""
    return found(instrument.item(item_id), UNKNOWN_ITEM, item_ids=[item_id])


def known_items(need: Need, instrument: Instrument, item_ids: tuple[str, ...]) -> None:
    """Notes every id that the instrument lacks."""
    unknown = [i for i in item_ids if instrument.item(i) is None]
    need(not unknown, UNKNOWN_ITEM, item_ids=unknown)


def missing(p: Program, cycle: Cycle, instrument: Instrument, scan_required: bool = False) -> Missing:
    """Everything that stands between the assessment and handing it in (S1-14).

    A description or a document is required only for items in practice (A16). What is settled is not gone into again.
    """
    unanswered: list[str] = []
    texts: list[str] = []
    documents: list[str] = []
    for item in instrument.items:
        answer = cycle.answers.get(item.id)
        if answer is None or answer.rating is None:
            unanswered.append(item.id)
        elif item.evidence and answer.rating.in_practice == "yes" and item.id not in cycle.carried:
            if item.evidence.kind == "text" and item.id not in cycle.narratives:
                texts.append(item.id)
            if item.evidence.kind == "document" and not cycle.links.get(item.id):
                documents.append(item.id)
    linked = names(d for i, ids in cycle.links.items() if i not in cycle.carried for d in ids)
    unscanned = [d for d in linked if scan_required and p.documents[d].scan == "unscanned"]
    infected = [d for d in linked if p.documents[d].scan == "infected"]
    return Missing(
        unanswered=tuple(unanswered),
        texts=tuple(texts),
        documents=tuple(documents),
        unscanned=tuple(unscanned),
        infected=tuple(infected),
    )


def answers_stated(cycle: Cycle) -> dict[str, object]:
    """What the program states in a submission: ratings, reasons and descriptions by digest, documents."""
    return {
        "answers": {i: (a.rating, a.reason and a.reason.digest) for i, a in cycle.answers.items()},
        "narratives": {i: n.text.digest for i, n in cycle.narratives.items()},
        "links": {i: sorted(ids) for i, ids in cycle.links.items() if ids},
    }


def linked_documents(p: Program, cycle: Cycle) -> dict[str, str]:
    """The documents linked in a cycle with their digests."""
    return {d: p.documents[d].digest for d in sorted({d for ids in cycle.links.values() for d in ids})}


@stage.decide(RateItem)
def rate(p: Program, c: RateItem, ctx: Context) -> Outcomes:
    """Quality goes with a yes and only with it (A5); "not applicable" only where the item allows it (A6)."""
    cycle = editable(p, c.cycle_id)
    item = item_of(instrument_of(cycle, ctx), c.item_id)
    before = cycle.answers.get(c.item_id)
    revision = before.revision if before else 0
    applies, rated = c.in_practice != "not_applicable", c.in_practice == "yes"
    need = Need()
    not_settled(need, cycle, item.id)
    need(not rated or c.quality, QUALITY_REQUIRED, item_id=item.id)
    need(rated or not c.quality, QUALITY_FORBIDDEN, item_id=item.id)
    need(applies or item.na_allowed, NOT_APPLICABLE_NOT_ALLOWED, item_id=item.id)
    need(applies or c.reason, REASON_REQUIRED, item_ids=[item.id])
    seen = {"revision": revision, "expected": c.item_revision}
    need(revision == c.item_revision, ITEM_CHANGED_BY_OTHER, item_id=item.id, **seen)
    need.settle()
    rating = Rating(c.in_practice, c.quality)
    if before and before.rating == rating and c.reason is None:
        return []
    rated_now = ItemRated(
        cycle_id=c.cycle_id,
        item_id=item.id,
        rating=rating,
        previous=before.rating if before else None,
        item_revision=revision + 1,
        reason=c.reason,
    )
    return [rated_now] if cycle.started else [SelfAssessmentStarted(cycle_id=c.cycle_id), rated_now]


@stage.decide(ClearRating)
def clear(p: Program, c: ClearRating, ctx: Context) -> Outcomes:
    """A rating that was seen can be taken back."""
    cycle = editable(p, c.cycle_id)
    item = item_of(instrument_of(cycle, ctx), c.item_id)
    answer = cycle.answers.get(item.id)
    rating = found(answer.rating if answer else None, NOTHING_TO_CLEAR, item_id=item.id)
    revision = answer.revision if answer else 0
    need = Need()
    not_settled(need, cycle, item.id)
    seen = {"revision": revision, "expected": c.item_revision}
    need(revision == c.item_revision, ITEM_CHANGED_BY_OTHER, item_id=item.id, **seen)
    need.settle()
    return [ItemRatingCleared(cycle_id=c.cycle_id, item_id=item.id, previous=rating, item_revision=revision + 1)]


@stage.decide(RecordNarrative)
def record_narrative(p: Program, c: RecordNarrative, ctx: Context) -> Outcomes:
    """Only items that ask for a description take one (S1-11)."""
    cycle = editable(p, c.cycle_id)
    item = item_of(instrument_of(cycle, ctx), c.item_id)
    need = Need()
    not_settled(need, cycle, item.id)
    need(item.evidence and item.evidence.kind == "text", TEXT_NOT_ASKED, item_id=item.id)
    need.settle()
    return [ItemNarrativeRecorded(cycle_id=c.cycle_id, item_id=item.id, text=c.text)]


@stage.decide(SubmitAssessment)
def submit(p: Program, c: SubmitAssessment, ctx: Context) -> Outcomes:
    """Complete or refused with the whole list of what is missing (S1-14); what was carried over may be all of it."""
    cycle = editable(p, c.cycle_id)
    instrument = instrument_of(cycle, ctx)
    policy, today = rules_of(p, cycle, ctx)
    lacking = missing(p, cycle, instrument, scan_required=policy.unscanned_documents == "refused")
    need = Need()
    need(not lacking, INCOMPLETE, **msgspec.structs.asdict(lacking))
    need.settle()
    submitted = AssessmentSubmitted(
        cycle_id=c.cycle_id,
        submission_no=len(cycle.submissions) + 1,
        answers_digest=digest_of(answers_stated(cycle)),
        item_count=len(instrument.items),
        documents=linked_documents(p, cycle),
        submitted_on=today,
    )
    return [submitted] if cycle.started else [SelfAssessmentStarted(cycle_id=c.cycle_id), submitted]


@stage.decide(ReturnAssessment)
def return_for_completion(p: Program, c: ReturnAssessment, ctx: Context) -> Outcomes:
    """A submission goes back with the items and a day; once reviewed, only by its reviewer."""
    cycle = cycle_of(p, c.cycle_id)
    _, today = rules_of(p, cycle, ctx)
    need = Need()
    need(cycle.phase in (Phase.SUBMITTED, Phase.UNDER_REVIEW), NOT_SUBMITTED, phase=cycle.phase)
    need(c.respond_by >= today, RESPOND_BY_PASSED, respond_by=c.respond_by)
    need.settle()
    known_items(need, instrument_of(cycle, ctx), c.item_ids)
    not_settled(need, cycle, *c.item_ids)
    need.settle()
    if cycle.review.reviewer:
        reviewing(p, cycle, ctx)
    return [fact(AssessmentReturned, c)]


def unsettled(p: Program, cycle_id: str, *item_ids: str) -> Program:
    """The program with the reviewer's findings on changed items taken off: they are to be looked at again."""
    determinations = p.cycles[cycle_id].review.determinations
    if not any(i in determinations for i in item_ids):
        return p
    return with_review(p, cycle_id, determinations=without(determinations, *item_ids))


@stage.evolve(SelfAssessmentStarted)
def _(p: Program, e: SelfAssessmentStarted, v: int) -> Program:
    return with_cycle(p, e.cycle_id, started=v)


@stage.evolve(ItemRated)
def _(p: Program, e: ItemRated, v: int) -> Program:
    answer = Answer(rating=e.rating, revision=e.item_revision, version=v, reason=e.reason)
    p = with_cycle(p, e.cycle_id, answers={**p.cycles[e.cycle_id].answers, e.item_id: answer})
    return unsettled(p, e.cycle_id, e.item_id)


@stage.evolve(ItemRatingCleared)
def _(p: Program, e: ItemRatingCleared, v: int) -> Program:
    answer = Answer(rating=None, revision=e.item_revision, version=v)
    p = with_cycle(p, e.cycle_id, answers={**p.cycles[e.cycle_id].answers, e.item_id: answer})
    return unsettled(p, e.cycle_id, e.item_id)


@stage.evolve(ItemNarrativeRecorded)
def _(p: Program, e: ItemNarrativeRecorded, v: int) -> Program:
    narratives = {**p.cycles[e.cycle_id].narratives, e.item_id: Narrative(text=e.text, version=v)}
    return unsettled(with_cycle(p, e.cycle_id, narratives=narratives), e.cycle_id, e.item_id)


@stage.evolve(AssessmentSubmitted)
def _(p: Program, e: AssessmentSubmitted, v: int) -> Program:
    cycle = p.cycles[e.cycle_id]
    submission = Submission(number=e.submission_no, version=v, answers_digest=e.answers_digest)
    phase = Phase.UNDER_REVIEW if cycle.review.reviewer else Phase.SUBMITTED
    frozen = {d: replace(p.documents[d], frozen=True) for d in e.documents}
    p = replace(p, documents={**p.documents, **frozen})
    return with_cycle(p, e.cycle_id, submissions=(*cycle.submissions, submission), phase=phase)


@stage.evolve(AssessmentReturned)
def _(p: Program, e: AssessmentReturned, v: int) -> Program:
    p = with_cycle(p, e.cycle_id, phase=Phase.OPEN, returned=v)
    return unsettled(p, e.cycle_id, *e.item_ids)
