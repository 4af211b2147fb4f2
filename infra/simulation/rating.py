"""The self-assessment of a drawn life: which practices shall be found how, and the many small acts that lead there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from domain.assessment import (
    ClearRating,
    ItemNarrativeRecorded,
    ItemRated,
    RateItem,
    RecordNarrative,
    ReturnAssessment,
    SelfAssessmentStarted,
    SubmitAssessment,
)
from domain.documents import (
    DocumentLinkedToItem,
    DocumentScanned,
    DocumentUploaded,
    LinkDocument,
    RecordScan,
    ReplaceDocument,
    UnlinkDocument,
    UploadDocument,
    WithdrawDocument,
)
from domain.instrument.model import Item
from domain.language import Role
from domain.program import Phase
from domain.support import AnswerSupportQuestion, AskSupportQuestion
from domain.values import Rating, TextRef
from infra.simulation.acts import Found, HandedIn
from infra.simulation.tale import DAY, Tale

PROGRAM, CLOCK = Role.PROGRAM_STAFF, Role.CLOCK
AT_FIRST, LATER_ON = 7, 3
"""How many documents a program hands in for its first cycle, and for a later one. A few stand for many items each."""
Quality = Literal[1, 2, 3, 4, 5]


@dataclass
class Aim:
    """How the practices of a cycle shall be found: by item ``no``, ``adjusted``, ``unseen``, ``refused`` (not in
    place), ``lower`` (another quality), ``inapplicable`` or ``low``; every other one is confirmed in place."""

    ways: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def gaps(self) -> list[str]:
        """The practices that shall not be in place."""
        return [i for i, way in self.ways.items() if way in ("no", "adjusted", "unseen", "refused")]


def aim(tale: Tale, number: int, found: Found) -> Aim:
    """Chooses the practices that make what shall be found."""
    cycle, instrument = tale.cycle(number), tale.instrument(number)
    open_items = [i for i in instrument.items if i.id not in cycle.carried]
    order = sorted(open_items, key=lambda _: tale.book.draw.random())
    counting = [i for i in order if i.counts_toward_practice]
    chosen = [i for i in counting if "designated" in i.sets][: found.designated]
    chosen += [i for i in counting if "designated" not in i.sets][: found.gaps - found.designated]
    ways = {i.id: _gap(tale, i) for i in chosen}
    rest = [i for i in order if i.id not in ways]
    for item in [i for i in rest if i.na_allowed][: found.inapplicable]:
        ways[item.id] = "inapplicable"
    rest = [i for i in rest if i.id not in ways]
    ways |= {i.id: "low" for i in rest[: found.low]}
    ways |= {i.id: "lower" for i in rest[found.low : found.low + found.adjusted]}
    return Aim(ways)


def _gap(tale: Tale, item: Item) -> str:
    ways = ("no", "no", "adjusted", "unseen", "refused") if item.na_allowed else ("no", "no", "adjusted", "unseen")
    return tale.pick(ways)


def rated(tale: Tale, number: int, aimed: Aim, act: HandedIn) -> None:
    """The assessment is filled in over weeks and handed in, perhaps a second time."""
    file_papers(tale, AT_FIRST if not tale.papers else LATER_ON)
    cycle = tale.cycle(number)
    items = [i for i in tale.instrument(number).items if i.id not in cycle.carried]
    days = max((act.day - tale.today).days - (14 if act.returned else 1), 0)
    begun = tale.today
    for n, item in enumerate(items):
        if n % 12 == 0:
            tale.book.until(begun + days * n // max(len(items), 1) * DAY)
        answer(tale, number, item, aimed.ways.get(item.id, ""))
        if n == 20 and tale.chance(0.2):
            _asked_about(tale, number, item.id)
    _second_thoughts(tale, number, aimed)
    if act.returned:
        _returned(tale, number, aimed, items)
    tale.until(act.day)
    tale.by("lead", SubmitAssessment(cycle_id=tale.cycles[number]))


def file_papers(tale: Tale, count: int) -> None:
    """Some documents are handed in and scanned."""
    for _ in range(count):
        document_id = tale.file_paper()
        paper = tale.book.papers[document_id]
        told: Any = {"digest": paper.digest, "bytes": paper.bytes, "media_type": paper.media_type}
        uploaded = DocumentUploaded(document_id=document_id, **told)
        asked = UploadDocument(document_id=document_id)
        tale.mass("staff", PROGRAM, "UploadDocument", (uploaded,), lambda asked=asked: asked)
        scanned = DocumentScanned(document_id=document_id, verdict="clean")
        scan = RecordScan(document_id=document_id, verdict="clean")
        tale.mass("clock", CLOCK, "RecordScan", (scanned,), lambda scan=scan: scan)


def rate(tale: Tale, number: int, item_id: str, rating: Rating, reason: TextRef | None = None) -> None:
    """One rating, at the revision that stands."""
    cycle = tale.cycle(number)
    before = cycle.answers.get(item_id)
    if before and before.rating == rating and reason is None:
        return
    revision = before.revision if before else 0
    event = ItemRated(
        cycle_id=cycle.cycle_id,
        item_id=item_id,
        rating=rating,
        previous=before.rating if before else None,
        item_revision=revision + 1,
        reason=reason,
    )
    events = (event,) if cycle.started else (SelfAssessmentStarted(cycle_id=cycle.cycle_id), event)
    said: dict[str, Any] = {"in_practice": rating.in_practice, "quality": rating.quality, "item_revision": revision}
    tale.mass(
        "staff",
        PROGRAM,
        "RateItem",
        events,
        lambda: RateItem(cycle_id=cycle.cycle_id, item_id=item_id, reason=reason, **said),
    )


def answer(tale: Tale, number: int, item: Item, way: str) -> None:
    """What the program says of one practice, with the evidence that it asks for; often with a second thought."""
    before = tale.cycle(number).answers.get(item.id)
    standing = before.rating if before else None
    if way in ("inapplicable", "refused"):
        rate(tale, number, item.id, Rating("not_applicable"), tale.book.words())
        return
    if way == "no":
        rate(tale, number, item.id, Rating("no"))
        return
    fits = standing is not None and standing.in_practice == "yes" and (standing.quality == 1) == (way == "low")
    if not fits or tale.chance(0.75):
        good: Quality = 1 if way == "low" else tale.pick((2, 3, 3, 4, 4, 5))
        while way != "low" and tale.chance(0.55):
            first: Quality = tale.pick((2, 3, 4))
            rate(tale, number, item.id, Rating("yes", first))
        rate(tale, number, item.id, Rating("yes", good))
    evidence(tale, number, item)


def evidence(tale: Tale, number: int, item: Item) -> None:
    """The description or the document that a practice in place asks for, unless it is there."""
    cycle = tale.cycle(number)
    if item.evidence is None:
        return
    if item.evidence.kind == "text" and item.id not in cycle.narratives:
        words = tale.book.words()
        event = ItemNarrativeRecorded(cycle_id=cycle.cycle_id, item_id=item.id, text=words)
        tale.mass(
            "staff",
            PROGRAM,
            "RecordNarrative",
            (event,),
            lambda: RecordNarrative(cycle_id=cycle.cycle_id, item_id=item.id, text=words),
        )
    if item.evidence.kind == "document" and not cycle.links.get(item.id):
        for document_id in sorted({tale.pick(tale.usable()) for _ in range(3)}):
            _link(tale, number, document_id, item.id)


def _link(tale: Tale, number: int, document_id: str, item_id: str) -> None:
    cycle_id = tale.cycles[number]
    event = DocumentLinkedToItem(cycle_id=cycle_id, document_id=document_id, item_id=item_id)
    tale.mass(
        "staff",
        PROGRAM,
        "LinkDocument",
        (event,),
        lambda: LinkDocument(cycle_id=cycle_id, document_id=document_id, item_id=item_id),
    )


def _asked_about(tale: Tale, number: int, item_id: str) -> None:
    question = AskSupportQuestion(cycle_id=tale.cycles[number], about=item_id, question=tale.book.words())
    asked = tale.by("staff", question)
    tale.by("administrator", AnswerSupportQuestion(question_id=asked.question_id, answer=tale.book.words()))


def _second_thoughts(tale: Tale, number: int, aimed: Aim) -> None:
    """Now and then a rating is cleared and given again, and a document unlinked, replaced or taken back."""
    cycle = tale.cycle(number)
    plain = [
        i for i, a in cycle.answers.items() if i not in cycle.carried and i not in aimed.ways and a.rating is not None
    ]
    if plain and tale.chance(0.2):
        item_id = tale.pick(plain)
        revision = cycle.answers[item_id].revision
        tale.by("staff", ClearRating(cycle_id=cycle.cycle_id, item_id=item_id, item_revision=revision))
        rate(tale, number, item_id, Rating("yes", 3))
    linked = [(i, ids) for i, ids in tale.cycle(number).links.items() if len(ids) > 1 and i not in cycle.carried]
    if linked and tale.chance(0.2):
        item_id, ids = tale.pick(linked)
        tale.by("staff", UnlinkDocument(cycle_id=cycle.cycle_id, document_id=ids[0], item_id=item_id))
    if tale.chance(0.15):
        _exchanged(tale, number)


def _exchanged(tale: Tale, number: int) -> None:
    """A document takes the place of another, and one that nobody cites is taken back."""
    file_papers(tale, 2)
    new, spare = tale.usable()[-2:]
    cycle = tale.cycle(number)
    settled = {d for i, ids in cycle.links.items() if i in cycle.carried for d in ids}
    cited = sorted({d for ids in cycle.links.values() for d in ids} - settled)
    if cited:
        said: Any = {"by_document_id": new, "reason": tale.book.words()}
        tale.by("staff", ReplaceDocument(cycle_id=cycle.cycle_id, document_id=tale.pick(cited), **said))
    tale.by("staff", WithdrawDocument(document_id=spare, reason=tale.book.words()))


def _returned(tale: Tale, number: int, aimed: Aim, items: Sequence[Item]) -> None:
    """Handed in, sent back for two practices, and put right."""
    cycle_id = tale.cycles[number]
    tale.by("lead", SubmitAssessment(cycle_id=cycle_id))
    tale.book.until(tale.today + 3 * DAY)
    back = [i for i in items if i.id not in aimed.ways][:2] or list(items[:1])
    told: Any = {
        "item_ids": tuple(i.id for i in back),
        "respond_by": tale.today + 30 * DAY,
        "reason": tale.book.words(),
    }
    tale.by("administrator", ReturnAssessment(cycle_id=cycle_id, **told))
    tale.book.until(tale.today + 5 * DAY)
    assert tale.cycle(number).phase is Phase.OPEN
    for item in back:
        if item.id not in aimed.ways:
            rate(tale, number, item.id, Rating("yes", tale.pick((3, 4, 5))))
