"""What an instrument is: the practices a program is asked about, the one scale it answers on, and the help beside it.

An instrument is public, versioned data. Nothing here knows a family's name or a number of items: both come
from the published version. No file is read here either; whoever loads an instrument hands in the parsed mapping.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

QUALITY_LEVELS = (1, 2, 3, 4, 5)
"""The levels of implementation quality on which every practice is rated."""

ALL_COUNTING = "all_counting"
"""The name of the set that holds every item that counts toward practice."""

FEWEST_RESOURCES = 4
"""How many help resources each sub-area offers at the least."""

READINESS_FAQS = range(5, 9)
"""How many questions a program may be given to judge its own readiness."""

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""Public text for people to read; never empty."""


class _Published(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Help(_Published):
    """What good looks like for one item, with examples, so that a program can judge its own practice."""

    good: Words
    examples: tuple[Words, ...] = Field(min_length=1)


class Evidence(_Published):
    """What a program must add to an item that is in practice: descriptive text, or an uploaded document."""

    kind: Literal["text", "document"]
    prompt: Words
    accepts: tuple[Words, ...] = ()
    """Media types of the upload; only a document has them."""


class Answers(_Published):
    """Two invented answers to one item, a weak one and a strong one."""

    weak: Words
    strong: Words


class Item(_Published):
    """One practice that a program says is in place or not, and how well."""

    id: Words
    """The letter of the sub-area, then the number: `A1`."""
    number: int
    """From 1, running through all sections."""
    wording: Words
    help: Help
    evidence: Evidence | None = None
    counts_toward_practice: bool = True
    na_allowed: bool = False
    safety: bool = False
    eep: tuple[Words, ...] = ()
    """Places in the Elements of Effective Practice that the item rests on, such as `S1 B.1.1`."""
    sets: tuple[Words, ...] = ()
    """Named selections, for policies that look at some of the items only."""
    answers: Answers


class Resource(_Published):
    """One piece of help from the tools menu, offered where the sub-area it belongs to is answered."""

    kind: Literal["information", "guideline", "example", "template"]
    title: Words
    summary: Words


class SubArea(_Published):
    """A lettered group of items on one subject, with the resources that help to meet them."""

    code: str = Field(pattern=r"^[A-Z]$")
    title: Words
    resources: tuple[Resource, ...]
    items: tuple[Item, ...]


class Section(_Published):
    """One of the parts into which the instrument is divided; the help is indexed by it."""

    code: str = Field(pattern=r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$")
    title: Words
    sub_areas: tuple[SubArea, ...]


class Faq(_Published):
    """One question with its answer that a program reads to judge whether it is ready."""

    question: Words
    answer: Words


class Instrument(_Published):
    """One published version of the questions that programs answer about their own practice.

    Loading refuses a faulty instrument with one error that lists every structural fault.
    """

    family: str = Field(pattern=r"^[A-Z][A-Z0-9-]*$")
    version: str = Field(pattern=r"^[0-9]+(\.[0-9]+)*$")
    title: Words
    notice: Words
    """Says that this is an independent implementation and not the official items."""
    anchors: dict[int, Words]
    """What each level of quality means; the same for all items."""
    sections: tuple[Section, ...]
    readiness: tuple[Faq, ...]

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """All items in the order in which they are asked."""
        return tuple(item for area in _sub_areas(self) for item in area.items)

    @cached_property
    def _found(self) -> dict[str, tuple[Section, Item]]:
        return {
            item.id: (section, item) for section in self.sections for area in section.sub_areas for item in area.items
        }

    def item(self, item_id: str) -> Item | None:
        """The item of that id, or nothing when this instrument has no such item."""
        found = self._found.get(item_id)
        return found[1] if found else None

    def section_of(self, item_id: str) -> Section:
        """The section that asks the item; an id that is not in this instrument is a `KeyError`."""
        return self._found[item_id][0]

    def counting(self, set_name: str) -> tuple[Item, ...]:
        """The items of a set that count toward practice; `all_counting` is every item that does."""
        return tuple(
            item
            for item in self.items
            if item.counts_toward_practice and (set_name == ALL_COUNTING or set_name in item.sets)
        )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        faults = list(_faults(self))
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _sub_areas(instrument: Instrument) -> Iterator[SubArea]:
    for section in instrument.sections:
        yield from section.sub_areas


def _faults(instrument: Instrument) -> Iterator[str]:
    yield from _faults_of_the_whole(instrument)
    for area in _sub_areas(instrument):
        if len(area.resources) < FEWEST_RESOURCES:
            yield f"sub-area {area.code} offers {len(area.resources)} resources, needs {FEWEST_RESOURCES}"
        if not area.items:
            yield f"sub-area {area.code} has no items"
        for item in area.items:
            yield from _faults_of_item(item, area)
    for place, item in enumerate(instrument.items, start=1):
        if item.number != place:
            yield f"item {item.id} is number {item.number}, but stands at place {place}"


def _faults_of_the_whole(instrument: Instrument) -> Iterator[str]:
    if tuple(sorted(instrument.anchors)) != QUALITY_LEVELS:
        yield f"anchors are for levels {sorted(instrument.anchors)}, must be exactly {list(QUALITY_LEVELS)}"
    if len(instrument.readiness) not in READINESS_FAQS:
        fewest, most = READINESS_FAQS[0], READINESS_FAQS[-1]
        yield f"readiness has {len(instrument.readiness)} questions, must have {fewest} to {most}"
    if not instrument.sections:
        yield "there are no sections"
    for section in instrument.sections:
        if not section.sub_areas:
            yield f"section {section.code} has no sub-areas"
    for code in _repeated(section.code for section in instrument.sections):
        yield f"section code {code} is used more than once"
    for code in _repeated(area.code for area in _sub_areas(instrument)):
        yield f"sub-area code {code} is used more than once"
    for item_id in _repeated(item.id for item in instrument.items):
        yield f"item id {item_id} is used more than once"
    for wording in _repeated(item.wording for item in instrument.items):
        yield f"wording {wording!r} is used more than once"


def _faults_of_item(item: Item, area: SubArea) -> Iterator[str]:
    if item.id != f"{area.code}{item.number}":
        yield f"item id {item.id} must be {area.code}{item.number}, its sub-area's letter and its number"
    if ALL_COUNTING in item.sets:
        yield f"item {item.id} names the set {ALL_COUNTING}, which is not named but follows from counting"
    if item.evidence and item.evidence.kind == "document" and not item.evidence.accepts:
        yield f"item {item.id} asks for a document but accepts no media type"
    if item.evidence and item.evidence.kind == "text" and item.evidence.accepts:
        yield f"item {item.id} asks for text but accepts media types"


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
