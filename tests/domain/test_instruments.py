"""The published instruments hold what the programs were promised, and a faulty instrument is never published."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from domain.instrument.model import ALL_COUNTING, Instrument, Item, SubArea

LIBRARY = Path(__file__).parents[2] / "domain" / "instrument" / "library"
QUALITY = {1, 2, 3, 4, 5}
MEDIA_TYPE = re.compile(r"^(application|image|text)/[a-z0-9.+-]+$")

SECTION_TITLES = ["Program design and management", "Operations", "Evaluation"]
NQMS_SUB_AREAS = {
    "design_and_management": {"A": 7, "B": 4, "C": 6, "D": 5, "E": 8},
    "operations": {"F": 8, "G": 11, "H": 9, "I": 7, "J": 9, "K": 6},
    "evaluation": {"L": 5, "M": 4, "N": 3},
}
NQMS_DOCUMENTS = "A2 A5 A6 B8 B10 C12 D18 D19 E23 E24 E25 E27 E28 F31 G39 G40 G42 G48 H50 I59 I63 J66 K75 L81 N90"
NQMS_TEXTS = "A1 A3 A4 A7 E30 M89"
NQMS_SAFETY = "C14 E23 E24 E25 E26 E27 E28 G39 G40 G41 G42 G43 G44 G46 G48 H52 H56 J67 J71"
NQMS_MAY_NOT_APPLY = "D22 F36 G44 I65"


# The C loader, because the pure Python one takes longer for these files than all the tests of the domain should.
def load(path: Path) -> Instrument:
    return Instrument.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


PUBLISHED = {path.stem: load(path) for path in LIBRARY.glob("*.yaml")}
NQMS = PUBLISHED["NQMS-1"]
QBM_SELF = PUBLISHED["QBM-SELF-1"]

each_instrument = pytest.mark.parametrize("instrument", [NQMS, QBM_SELF], ids=["NQMS", "QBM-SELF"])


def ids(items: tuple[Item, ...], wanted: Callable[[Item], bool]) -> str:
    return " ".join(item.id for item in items if wanted(item))


def asks_for(kind: str) -> Callable[[Item], bool]:
    return lambda item: item.evidence is not None and item.evidence.kind == kind


def sub_areas(instrument: Instrument) -> list[SubArea]:
    return [area for section in instrument.sections for area in section.sub_areas]


def test_the_files_are_named_after_family_and_version() -> None:
    assert [f"{published.family}-{published.version}" for published in PUBLISHED.values()] == list(PUBLISHED)


@pytest.mark.req("S1-09")
@pytest.mark.req("S3-04")
def test_nqms_has_92_items_in_three_sections() -> None:
    assert len(NQMS.items) == 92
    assert [section.title for section in NQMS.sections] == SECTION_TITLES
    sizes = {s.code: {area.code: len(area.items) for area in s.sub_areas} for s in NQMS.sections}
    assert sizes == NQMS_SUB_AREAS


@pytest.mark.req("S1-11")
def test_some_nqms_items_ask_for_descriptive_text_such_as_the_mission() -> None:
    assert ids(NQMS.items, asks_for("text")) == NQMS_TEXTS


@pytest.mark.req("S1-12")
def test_some_nqms_items_ask_for_a_document_such_as_the_recruitment_plan() -> None:
    assert ids(NQMS.items, asks_for("document")) == NQMS_DOCUMENTS


def test_nqms_marks_what_concerns_safety_and_what_may_not_apply() -> None:
    assert ids(NQMS.items, lambda item: item.safety) == NQMS_SAFETY
    assert ids(NQMS.items, lambda item: item.na_allowed) == NQMS_MAY_NOT_APPLY


@pytest.mark.req("S4-01")
def test_the_membership_self_assessment_is_a_shorter_instrument_of_its_own() -> None:
    assert QBM_SELF.title == "Quality-Based Membership self-assessment"
    assert len(QBM_SELF.items) == 58
    evidence = Counter(item.evidence.kind if item.evidence else "none" for item in QBM_SELF.items)
    assert evidence == {"none": 42, "document": 12, "text": 4}
    assert ids(QBM_SELF.items, lambda item: item.na_allowed) == "C13 E29 G42"


@pytest.mark.req("S4-11")
def test_the_membership_self_assessment_designates_the_standards_of_its_highest_level() -> None:
    designated = QBM_SELF.counting("designated")
    assert len(designated) == 36
    safety = {item.id for item in QBM_SELF.items if item.safety}
    assert safety <= {item.id for item in designated}
    assert NQMS.counting("designated") == ()


@pytest.mark.req("S1-10")
@each_instrument
def test_one_scale_serves_every_item(instrument: Instrument) -> None:
    assert set(instrument.anchors) == QUALITY
    assert len(set(instrument.anchors.values())) == len(QUALITY)
    assert not {"anchors", "scale", "scale_anchors"} & set(Item.model_fields)


@pytest.mark.req("A7")
@each_instrument
def test_every_published_item_counts_toward_practice(instrument: Instrument) -> None:
    assert instrument.counting(ALL_COUNTING) == instrument.items


@pytest.mark.req("S1-13")
@each_instrument
def test_help_and_resources_are_found_by_section(instrument: Instrument) -> None:
    for item in instrument.items:
        assert item.help.good
        assert 1 <= len(item.help.examples) <= 2
        assert item in [it for area in instrument.section_of(item.id).sub_areas for it in area.items]
    for section in instrument.sections:
        offered = {resource.kind for area in section.sub_areas for resource in area.resources}
        assert offered == {"information", "guideline", "example", "template"}
    assert all(len(area.resources) >= 4 for area in sub_areas(instrument))


@pytest.mark.req("S1-03", "S4-18")
@each_instrument
def test_a_program_can_judge_its_readiness_from_the_faq(instrument: Instrument) -> None:
    assert 5 <= len(instrument.readiness) <= 8
    assert all(faq.question.endswith("?") for faq in instrument.readiness)
    assert any("ready" in faq.question or "year" in faq.question for faq in instrument.readiness)


@pytest.mark.req("S2-04")
@pytest.mark.req("S4-01")
@each_instrument
def test_every_item_names_the_elements_of_effective_practice_it_rests_on(instrument: Instrument) -> None:
    reference = re.compile(r"^(S[1-6]( B\.[1-6]\.[0-9]{1,2})?|PPM( \(evaluation\))?)$")
    for item in instrument.items:
        assert item.eep, item.id
        assert all(reference.match(place) for place in item.eep), item.id
    assert {place[:2] for item in instrument.items for place in item.eep} == {"S1", "S2", "S3", "S4", "S5", "S6", "PP"}


@pytest.mark.req("M12")
@each_instrument
def test_the_notice_says_that_these_are_not_the_official_items(instrument: Instrument) -> None:
    assert "independent implementation" in instrument.notice
    assert re.search(r"not the official", instrument.notice)


@each_instrument
def test_documents_say_what_they_accept(instrument: Instrument) -> None:
    for item in instrument.items:
        if item.evidence and item.evidence.kind == "document":
            assert "application/pdf" in item.evidence.accepts, item.id
            assert all(MEDIA_TYPE.match(kind) for kind in item.evidence.accepts), item.id


@each_instrument
def test_wordings_are_short_sentences(instrument: Instrument) -> None:
    for item in instrument.items:
        assert len(item.wording.split()) <= 40, item.id
        assert item.wording.endswith("."), item.id


def test_no_two_items_are_worded_alike_in_all_the_library() -> None:
    wordings = Counter(item.wording.lower() for item in NQMS.items + QBM_SELF.items)
    assert [wording for wording, times in wordings.items() if times > 1] == []


def test_no_two_items_share_a_sentence_in_all_the_library() -> None:
    seen: Counter[str] = Counter()
    for item in NQMS.items + QBM_SELF.items:
        texts = [item.wording, item.help.good, *item.help.examples, item.answers.weak, item.answers.strong]
        texts += [item.evidence.prompt] if item.evidence else []
        seen.update(sentence.lower() for text in texts for sentence in re.split(r"(?<=[.?!])\s+", text))
    assert [sentence for sentence, times in seen.items() if times > 1] == []


@each_instrument
def test_each_item_ships_two_different_example_answers(instrument: Instrument) -> None:
    for item in instrument.items:
        assert item.answers.weak != item.answers.strong
        assert len(item.answers.weak) < len(item.answers.strong), item.id


def test_items_are_found_by_id() -> None:
    found = NQMS.item("F31")
    assert found is not None
    assert (found.id, found.number) == ("F31", 31)
    assert NQMS.section_of("F31").code == "operations"
    assert NQMS.item("Z1") is None
    with pytest.raises(KeyError):
        NQMS.section_of("Z1")


# A small sound instrument, from which the broken ones below are made.


def an_item(item_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": item_id,
        "number": int(item_id[1:]),
        "wording": f"Practice {item_id} is in place.",
        "help": {"good": "It is seen.", "examples": ["Like this."]},
        "answers": {"weak": "Hardly.", "strong": "In every file."},
        **changes,
    }


def a_sub_area(code: str, *items: dict[str, Any]) -> dict[str, Any]:
    kinds = ("information", "guideline", "example", "template")
    resources = [{"kind": kind, "title": kind.title(), "summary": "What it holds."} for kind in kinds]
    return {"code": code, "title": f"Area {code}", "resources": resources, "items": list(items)}


def a_small_instrument() -> dict[str, Any]:
    return {
        "family": "SMALL",
        "version": "1",
        "title": "A small one",
        "notice": "Invented for a test.",
        "anchors": {level: f"Level {level}" for level in sorted(QUALITY)},
        "readiness": [{"question": f"Ready {n}?", "answer": "Yes."} for n in range(5)],
        "sections": [
            {"code": "start", "title": "Start", "sub_areas": [a_sub_area("A", an_item("A1"), an_item("A2"))]},
            {"code": "end", "title": "End", "sub_areas": [a_sub_area("B", an_item("B3"), an_item("B4"))]},
        ],
    }


def refusal(instrument: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        Instrument.model_validate(instrument)
    return str(refused.value)


def test_a_set_holds_only_items_that_count() -> None:
    small = a_small_instrument()
    first, second = small["sections"][0]["sub_areas"][0]["items"]
    first.update(sets=["core"])
    second.update(sets=["core"], counts_toward_practice=False)
    instrument = Instrument.model_validate(small)
    assert [item.id for item in instrument.counting("core")] == ["A1"]
    assert [item.id for item in instrument.counting(ALL_COUNTING)] == ["A1", "B3", "B4"]
    assert instrument.counting("no such set") == ()


def test_a_broken_instrument_is_refused_with_all_its_faults_at_once() -> None:
    broken = a_small_instrument()
    del broken["anchors"][3]
    broken["anchors"][6] = "Beyond"
    broken["readiness"].pop()
    broken["sections"][1]["code"] = "start"
    start, end = (section["sub_areas"][0] for section in broken["sections"])
    start["resources"].pop()
    start["items"][0].update(sets=[ALL_COUNTING], evidence={"kind": "document", "prompt": "Attach it."})
    start["items"][1] = an_item("A1", number=7, wording="Twice said.")
    end["code"] = "A"
    end["items"][0].update(evidence={"kind": "text", "prompt": "Say it.", "accepts": ["text/plain"]})
    end["items"][1].update(wording="Twice said.")

    said = refusal(broken)

    for fault in (
        "anchors are for levels [1, 2, 4, 5, 6], must be exactly [1, 2, 3, 4, 5]",
        "readiness has 4 questions, must have 5 to 8",
        "section code start is used more than once",
        "sub-area code A is used more than once",
        "item id A1 is used more than once",
        "wording 'Twice said.' is used more than once",
        "sub-area A offers 3 resources, needs 4",
        "item A1 names the set all_counting",
        "item A1 asks for a document but accepts no media type",
        "item A1 is number 7, but stands at place 2",
        "item id A1 must be A7",
        "item id B3 must be A3",
        "item B3 asks for text but accepts media types",
    ):
        assert fault in said


def test_an_instrument_with_empty_parts_is_refused() -> None:
    hollow = a_small_instrument()
    hollow["sections"][0]["sub_areas"] = []
    hollow["sections"][1]["sub_areas"] = [a_sub_area("A")]
    said = refusal(hollow)
    assert "section start has no sub-areas" in said
    assert "sub-area A has no items" in said
    assert "there are no sections" in refusal(a_small_instrument() | {"sections": []})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"version": 1}, "version"),
        ({"version": "one"}, "version"),
        ({"family": "small"}, "family"),
        ({"colour": "red"}, "colour"),
        ({"notice": " "}, "notice"),
    ],
)
def test_a_malformed_field_is_refused_by_name(change: dict[str, Any], place: str) -> None:
    assert place in refusal(a_small_instrument() | change)


@pytest.mark.parametrize("field", ["wording", "evidence", "safety"])
def test_a_published_item_cannot_be_changed(field: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(NQMS.items[0], field, None)


@each_instrument
def test_an_instrument_is_the_same_after_being_written_as_json(instrument: Instrument) -> None:
    again = Instrument.model_validate_json(instrument.model_dump_json())
    assert again.model_dump() == instrument.model_dump()
    assert again.items == instrument.items
