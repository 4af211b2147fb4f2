"""Determination: what the reviewer finds on every item, one by one or together (A4, A6, A8, M7, M22)."""

from typing import ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from domain.access import cycle_of
from domain.assessment import REASON_REQUIRED, instrument_of, item_of, known_items
from domain.carrying import not_settled
from domain.documents import usable
from domain.impartiality import reviewing
from domain.instrument.model import Instrument
from domain.language import Context, CycleCommand, Kind, Need, Outcomes, Role, Stage, fact, refusal
from domain.policy.facts import Practice
from domain.program import Cycle, CycleEvent, Determination, Phase, Program, freeze, reopened, with_review
from domain.values import Code, PersonId, Rating, Reference, Text, TextRef

stage = Stage("determination")

EVIDENCE_REQUIRED = refusal("EVIDENCE_REQUIRED", Kind.INCOMPLETE, "An adjusted rating names the evidence seen.")
RATING_REQUIRED = refusal("RATING_REQUIRED", Kind.INCOMPLETE, "An adjusted rating says what the rating is.")
NOT_AN_ADJUSTMENT = refusal(
    "NOT_AN_ADJUSTMENT", Kind.INVALID, "The rating of item {item_id} is that already; confirm it."
)
NOT_RATED = refusal("NOT_RATED", Kind.INVALID, "The program gave no yes or no on {item_ids}; rule on them one by one.")
NOT_CLAIMED_INAPPLICABLE = refusal(
    "NOT_CLAIMED_INAPPLICABLE", Kind.INVALID, "The program did not call item {item_id} not applicable."
)
RULE_ON_APPLICABILITY = refusal(
    "RULE_ON_APPLICABILITY", Kind.INVALID, "The program calls item {item_id} not applicable; rule on that first."
)
NOTHING_TO_ADOPT = refusal(
    "NOTHING_TO_ADOPT", Kind.INVALID, "No determination of an earlier reviewer stands for {item_ids}."
)
REVIEWING = (Phase.UNDER_REVIEW, Phase.PLANNED)


class ItemDeterminationRecorded(CycleEvent):
    """The reviewer ruled on one item, naming the evidence seen."""

    says = "determined item {e.item_id}: {e.outcome}[, {e.rating}][ (evidence seen: {e.evidence_seen})][: {e.reason}]"
    item_id: Code
    outcome: Literal["confirmed", "adjusted", "not_verified"]
    rating: Rating | None = None
    reviewer: PersonId
    reason: TextRef | None = None
    evidence_seen: tuple[Reference, ...] = ()


class ItemsConfirmed(CycleEvent):
    """The reviewer confirmed the program's rating of several items together."""

    says = "confirmed the ratings of {e.item_ids}"
    item_ids: tuple[Code, ...]
    reviewer: PersonId


class NotApplicableRuled(CycleEvent):
    """The reviewer accepted or refused that an item does not apply (A6)."""

    says = "ruled on item {e.item_id} being not applicable: accepted {e.accepted}: {e.reason}"
    item_id: Code
    accepted: bool
    reviewer: PersonId
    reason: TextRef


class DeterminationsAdopted(CycleEvent):
    """A succeeding reviewer took over determinations of an earlier one (M7)."""

    says = "took over the determinations of {e.item_ids}"
    item_ids: tuple[Code, ...]
    reviewer: PersonId


class RecordDetermination(CycleCommand):
    """Rule on one item: confirmed, adjusted or not verified, with the evidence seen."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)
    item_id: Code
    outcome: Literal["confirmed", "adjusted", "not_verified"]
    in_practice: Literal["yes", "no"] | None = None
    quality: Literal[1, 2, 3, 4, 5] | None = None
    reason: Text | None = None
    evidence_seen: tuple[Reference, ...] = ()


class ConfirmItems(CycleCommand):
    """Confirm the program's ratings of several items together."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)
    item_ids: tuple[Code, ...] = Field(min_length=1)


class RuleNotApplicable(CycleCommand):
    """Accept or refuse that an item does not apply."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)
    item_id: Code
    accepted: bool
    reason: Text


class AdoptDeterminations(CycleCommand):
    """Take over determinations of an earlier reviewer (M7)."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER,)
    item_ids: tuple[Code, ...] = Field(min_length=1)


def under_review(p: Program, cycle_id: str, ctx: Context) -> Cycle:
    """The cycle while it is reviewed, refused to anybody but its reviewer."""
    cycle = cycle_of(p, cycle_id, *REVIEWING)
    reviewing(p, cycle, ctx)
    return cycle


def practice(cycle: Cycle, item_id: str) -> Practice:
    """One item as the review left it (A4, A6, A8): only what a reviewer ruled counts."""
    ruled = cycle.review.determinations.get(item_id)
    if ruled is None:
        return Practice(state="undetermined")
    answer = cycle.answers.get(item_id)
    versions = tuple(sorted({*((answer.version,) if answer else ()), ruled.version}))
    if ruled.outcome == "not_applicable":
        return Practice(state="not_applicable", versions=versions)
    if ruled.outcome == "not_verified":
        return Practice(state="not_verified", versions=versions)
    rating = ruled.rating
    if rating is None or rating.in_practice != "yes":
        return Practice(state="not_in_practice", versions=versions, bulk=ruled.bulk)
    return Practice(state="in_practice", quality=rating.quality, versions=versions, bulk=ruled.bulk)


def gaps(cycle: Cycle, instrument: Instrument) -> list[str]:
    """The practices not in place after the review: those that a plan has to cover (A11)."""
    missing = ("not_in_practice", "not_verified")
    return [i.id for i in instrument.counting("all_counting") if practice(cycle, i.id).state in missing]


def undetermined(cycle: Cycle, instrument: Instrument) -> list[str]:
    """The items on which the present reviewer has not ruled nor taken over a ruling (M7), but for what is settled."""
    ruled = cycle.review.determinations
    mine = cycle.review.reviewer
    own = {i for i, d in ruled.items() if d.by == mine or d.adopted > cycle.review.assigned}
    return [i.id for i in instrument.items if i.id not in own and i.id not in cycle.carried]


@stage.decide(RecordDetermination)
def determine(p: Program, c: RecordDetermination, ctx: Context) -> Outcomes:
    """An adjustment says what, why and on which evidence; "not verified" says why (A8)."""
    cycle = under_review(p, c.cycle_id, ctx)
    item = item_of(instrument_of(cycle, ctx), c.item_id)
    answer = cycle.answers.get(item.id)
    own = answer.rating if answer else None
    claimed = own is not None and own.in_practice == "not_applicable"
    ruled = cycle.review.determinations.get(item.id)
    refused = ruled is not None and ruled.outcome == "not_applicable_refused"
    need = Need()
    not_settled(need, cycle, item.id)
    need(not claimed or refused, RULE_ON_APPLICABILITY, item_id=item.id)
    rating = own if c.outcome == "confirmed" else None
    if c.outcome == "adjusted":
        need(c.in_practice is not None and (c.in_practice == "yes") == (c.quality is not None), RATING_REQUIRED)
        need(c.evidence_seen, EVIDENCE_REQUIRED)
        rating = Rating(c.in_practice or "no", c.quality)
        need(rating != own, NOT_AN_ADJUSTMENT, item_id=item.id)
    elif c.outcome == "confirmed":
        need(not claimed, NOT_RATED, item_ids=[item.id])
    need(c.outcome == "confirmed" or c.reason, REASON_REQUIRED, item_ids=[item.id])
    need.settle()
    for document_id in c.evidence_seen:
        usable(p, document_id)
    return [
        ItemDeterminationRecorded(
            cycle_id=c.cycle_id,
            item_id=item.id,
            outcome=c.outcome,
            rating=rating,
            reviewer=ctx.person,
            reason=c.reason,
            evidence_seen=c.evidence_seen,
        )
    ]


@stage.decide(ConfirmItems)
def confirm(p: Program, c: ConfirmItems, ctx: Context) -> Outcomes:
    """Together only what was rated yes or no; the explanation says that they were confirmed together (M22)."""
    cycle = under_review(p, c.cycle_id, ctx)
    instrument = instrument_of(cycle, ctx)
    item_ids = tuple(dict.fromkeys(c.item_ids))
    need = Need()
    known_items(need, instrument, item_ids)
    not_settled(need, cycle, *item_ids)
    need.settle()
    rated = {i for i, a in cycle.answers.items() if a.rating and a.rating.in_practice != "not_applicable"}
    unrated = [i for i in item_ids if i not in rated]
    need(not unrated, NOT_RATED, item_ids=unrated)
    need.settle()
    return [ItemsConfirmed(cycle_id=c.cycle_id, item_ids=item_ids, reviewer=ctx.person)]


@stage.decide(RuleNotApplicable)
def rule_not_applicable(p: Program, c: RuleNotApplicable, ctx: Context) -> Outcomes:
    """Only where the program called the item not applicable; a refusal leaves it not in place until determined."""
    cycle = under_review(p, c.cycle_id, ctx)
    item = item_of(instrument_of(cycle, ctx), c.item_id)
    answer = cycle.answers.get(item.id)
    claimed = answer and answer.rating and answer.rating.in_practice == "not_applicable"
    need = Need()
    not_settled(need, cycle, item.id)
    need(claimed, NOT_CLAIMED_INAPPLICABLE, item_id=item.id)
    need.settle()
    return [fact(NotApplicableRuled, c, reviewer=ctx.person)]


@stage.decide(AdoptDeterminations)
def adopt_determinations(p: Program, c: AdoptDeterminations, ctx: Context) -> Outcomes:
    """Only rulings of an earlier reviewer can be taken over, each by name."""
    cycle = under_review(p, c.cycle_id, ctx)
    earlier = {i for i, d in cycle.review.determinations.items() if d.by != ctx.person}
    item_ids = tuple(dict.fromkeys(c.item_ids))
    others = [i for i in item_ids if i not in earlier]
    need = Need()
    not_settled(need, cycle, *item_ids)
    need.settle()
    need(not others, NOTHING_TO_ADOPT, item_ids=others)
    need.settle()
    return [DeterminationsAdopted(cycle_id=c.cycle_id, item_ids=item_ids, reviewer=ctx.person)]


def determinations_stated(cycle: Cycle) -> dict[str, object]:
    """What the review states, item by item."""
    return {i: (d.outcome, d.rating) for i, d in cycle.review.determinations.items()}


def _ruled(p: Program, cycle_id: str, rulings: dict[str, Determination]) -> Program:
    cycle = p.cycles[cycle_id]
    p = with_review(p, cycle_id, determinations={**cycle.review.determinations, **rulings})
    # A finding made after the plan was adopted may leave a practice uncovered: both sides agree again.
    return reopened(p, cycle_id) if cycle.phase is Phase.PLANNED else p


@stage.evolve(ItemDeterminationRecorded)
def _(p: Program, e: ItemDeterminationRecorded, v: int) -> Program:
    ruled = Determination(outcome=e.outcome, rating=e.rating, version=v, by=e.reviewer)
    return freeze(_ruled(p, e.cycle_id, {e.item_id: ruled}), *e.evidence_seen)


@stage.evolve(ItemsConfirmed)
def _(p: Program, e: ItemsConfirmed, v: int) -> Program:
    answers = p.cycles[e.cycle_id].answers
    confirmed = {
        i: Determination(outcome="confirmed", rating=answers[i].rating, version=v, by=e.reviewer, bulk=True)
        for i in e.item_ids
    }
    return _ruled(p, e.cycle_id, confirmed)


@stage.evolve(NotApplicableRuled)
def _(p: Program, e: NotApplicableRuled, v: int) -> Program:
    outcome = "not_applicable" if e.accepted else "not_applicable_refused"
    return _ruled(p, e.cycle_id, {e.item_id: Determination(outcome=outcome, rating=None, version=v, by=e.reviewer)})


@stage.evolve(DeterminationsAdopted)
def _(p: Program, e: DeterminationsAdopted, v: int) -> Program:
    ruled = p.cycles[e.cycle_id].review.determinations
    adopted = {i: replace(ruled[i], adopted=v) for i in e.item_ids}
    return with_review(p, e.cycle_id, determinations={**ruled, **adopted})
