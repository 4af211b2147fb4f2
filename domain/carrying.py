"""Carrying: what an earlier cycle showed goes into the next one, by reference (3.3, S0-23, A3).

A renewal takes the answers over and everything is determined anew. In an advancement, and in a corrective cycle that
names the practices in doubt, what was confirmed in place is settled: it stands as it was determined, under the version
of that event, and is not rated again.
"""

from typing import Any, Literal

from msgspec.structs import replace

from domain.instrument.model import Instrument, Item
from domain.language import Kind, Need, Shelf, Stage, refusal
from domain.program import Answer, Cycle, CycleEvent, Determination, Phase, Program, with_cycle, with_review
from domain.values import Code, InstrumentRef, Reference

stage = Stage("carrying")

ITEM_SETTLED = refusal(
    "ITEM_SETTLED",
    Kind.OUT_OF_ORDER,
    "These practices stand as an earlier cycle confirmed them, and are not gone into again: {item_ids}.",
)

Mark = Literal["unchanged", "changed", "new", "removed"]
"""How an item stands beside the cycle that was carried over."""


class AssessmentCarriedForward(CycleEvent):
    """Answers, descriptions and documents of an earlier cycle were carried over, and what was settled in it."""

    says = "carried the answers on {e.items} over from {e.from_cycle}[; settled are {e.settled}]"
    from_cycle: Reference
    items: tuple[Code, ...]
    settled: tuple[Code, ...] = ()
    """Items whose determination was carried over too."""


def earlier(p: Program, cycle: Cycle) -> Cycle | None:
    """The last decided cycle of the same scheme whose decision stands."""
    found: Cycle | None = None
    for other in p.cycles.values():
        decisions = [d for d in p.decisions.values() if d.cycle_id == other.cycle_id]
        last = max(decisions, key=lambda d: d.version, default=None)
        if other.scheme == cycle.scheme and other.phase is Phase.DECIDED and last and not last.reversed:
            found = other
    return found


def _fits(item: Item, answer: Answer | None) -> bool:
    """Whether an item takes an earlier answer: there is one, and the item still allows it."""
    rating = answer.rating if answer else None
    return rating is not None and (rating.in_practice != "not_applicable" or item.na_allowed)


def _in_place(ruled: Determination | None) -> bool:
    """Whether a reviewer found a practice in place, or accepted that it does not apply."""
    if ruled is None or ruled.outcome == "not_verified":
        return False
    in_practice = ruled.rating is not None and ruled.rating.in_practice == "yes"
    return in_practice or ruled.outcome == "not_applicable"


def _settles(cycle: Cycle) -> bool:
    """Whether determinations are carried over too; a corrective cycle that doubts nothing by name doubts everything."""
    return cycle.kind == "advancement" or (cycle.kind == "corrective" and bool(cycle.doubted))


def carried_forward(p: Program, cycle: Cycle, ref: InstrumentRef, shelf: Shelf) -> list[AssessmentCarriedForward]:
    """What is carried over into a cycle that gets access: the items that are in both versions of the instrument; what is
    worded otherwise in the new one is looked at again."""
    source = earlier(p, cycle) if cycle.kind != "initial" else None
    if source is None or source.access is None or source.access.instrument.family != ref.family:
        return []
    instrument: Instrument = shelf.instrument(ref)
    before: Instrument = shelf.instrument(source.access.instrument)
    same = [i.id for i in instrument.items if (was := before.item(i.id)) and was.wording == i.wording]
    items = tuple(i.id for i in instrument.items if _fits(i, source.answers.get(i.id)))
    rulings = source.review.determinations if _settles(cycle) else {}
    settled = tuple(i for i in items if _in_place(rulings.get(i)) and i in same and i not in cycle.doubted)
    carried = AssessmentCarriedForward(
        cycle_id=cycle.cycle_id, from_cycle=source.cycle_id, items=items, settled=settled
    )
    return [carried] if items else []


def not_settled(need: Need, cycle: Cycle, *item_ids: str) -> None:
    """Notes the items that stand as they were carried over."""
    settled = [i for i in dict.fromkeys(item_ids) if i in cycle.carried]
    need(not settled, ITEM_SETTLED, item_ids=settled)


def _said(cycle: Cycle, item_id: str) -> tuple[Any, ...]:
    """What a program says of an item, to be compared."""
    answer, narrative = cycle.answers.get(item_id), cycle.narratives.get(item_id)
    rating = answer.rating if answer else None
    reason = answer.reason.digest if answer and answer.reason else None
    return rating, reason, narrative.text.digest if narrative else None, frozenset(cycle.links.get(item_id, ()))


def carried_marks(cycle: Cycle, program: Program, instrument: Instrument) -> dict[str, Mark]:
    """How each item stands beside the cycle that was carried over; nothing where none was."""
    source = program.cycles.get(cycle.carried_from or "")
    if source is None:
        return {}
    before = [i for i, a in source.answers.items() if a.rating]
    marks: dict[str, Mark] = {}
    for item in instrument.items:
        same = _said(cycle, item.id) == _said(source, item.id)
        marks[item.id] = "new" if item.id not in before else "unchanged" if same else "changed"
    for item_id in before:
        marks.setdefault(item_id, "removed")
    return marks


def evidence_cycles(p: Program, cycle: Cycle) -> list[Cycle]:
    """The cycle and those whose determinations count in it."""
    found = [cycle]
    while found[-1].carried and found[-1].carried_from:
        found.append(p.cycles[found[-1].carried_from])
    return found


@stage.evolve(AssessmentCarriedForward)
def _(p: Program, e: AssessmentCarriedForward, v: int) -> Program:
    source = p.cycles[e.from_cycle]
    changes: dict[str, Any] = {
        # In this cycle nobody has changed them yet; their versions cite the events of the earlier one.
        "answers": {i: replace(source.answers[i], revision=0) for i in e.items},
        "narratives": {i: source.narratives[i] for i in e.items if i in source.narratives},
        "links": {i: source.links[i] for i in e.items if source.links.get(i)},
        "carried_from": e.from_cycle,
        "carried": e.settled,
    }
    rulings = {i: source.review.determinations[i] for i in e.settled}
    return with_review(with_cycle(p, e.cycle_id, **changes), e.cycle_id, determinations=rulings)
