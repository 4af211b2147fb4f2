"""Days, terms, digests and the kinds of value that an event may hold."""

import json
from datetime import date, timedelta
from typing import Any, Literal

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.assessment import RecordNarrative
from domain.term import add, last_valid, months_between, parts, words
from domain.values import (
    TEXT_LIMIT,
    TEXT_MARKER,
    Code,
    Digest,
    Fact,
    InstrumentRef,
    OrganisationName,
    PersonId,
    PolicyRef,
    Rating,
    Reference,
    TextRef,
    Website,
    canonical,
    digest_of,
    misfits,
)
from tests import small_world as small

FIRST, LAST = date(2024, 1, 1), date(2040, 12, 31)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
PERIODS = {
    "P1Y": (12, 0), "P3Y": (36, 0), "P4Y": (48, 0), "P1M": (1, 0), "P6M": (6, 0), "P12M": (12, 0), "P18M": (18, 0),
    "P24M": (24, 0), "P14D": (0, 14), "P90D": (0, 90), "P1Y1M": (13, 0), "P1Y2M10D": (14, 10),
}  # fmt: skip
"""Each period in months and days."""


def _moved(day: date, months: int, days: int) -> date:
    """Month by month on the calendar; a day that the month lacks is its last."""
    year, month, step = day.year, day.month, 1 if months > 0 else -1
    for _ in range(abs(months)):
        month += step
        if month in (0, 13):
            year, month = year + step, 12 if month == 0 else 1
    for kept in range(day.day, 27, -1):
        try:
            return date(year, month, kept) + timedelta(days=days)
        except ValueError:
            continue
    return date(year, month, day.day) + timedelta(days=days)


@pytest.mark.req("A2")
@pytest.mark.parametrize("period", PERIODS)
def test_a_period_is_added_to_every_day(period: str) -> None:
    months, days = PERIODS[period]
    assert [d for d in DAYS if add(d, period) != _moved(d, months, days)] == []
    assert [d for d in DAYS if add(d, period, -1) != _moved(d, -months, -days)] == []


@pytest.mark.req("A2", "S1-18")
def test_a_term_of_three_years_ends_on_the_same_day_of_the_calendar() -> None:
    ends = {d: add(d, "P3Y") for d in DAYS}
    unlike = [d for d, end in ends.items() if (end.year - d.year, end.month, end.day) != (3, d.month, d.day)]
    assert unlike == [d for d in DAYS if (d.month, d.day) == (2, 29)]
    assert [ends[d] for d in unlike] == [date(d.year + 3, 2, 28) for d in unlike]
    assert add(date(2024, 2, 29), "P4Y") == date(2028, 2, 29)
    assert last_valid(add(date(2026, 3, 4), "P3Y")) == date(2029, 3, 3)


@pytest.mark.req("S1-16")
def test_whole_months_between_two_days() -> None:
    def counted(start: date, end: date) -> int:
        months = 0
        while _moved(start, months + 1, 0) <= end:
            months += 1
        return months

    spans = (*range(-40, 70), *range(360, 370), *range(725, 735))
    pairs = [(start, start + timedelta(days=n)) for start in DAYS[::41] for n in spans]
    assert [(s, e) for s, e in pairs if months_between(s, e) != counted(s, e)] == []
    assert months_between(date(2026, 1, 31), date(2026, 2, 28)) == 1
    assert months_between(date(2026, 3, 1), date(2025, 3, 1)) == 0


def test_a_period_has_parts_and_words() -> None:
    assert parts("P1Y2M10D") == (1, 2, 10)
    assert words("P1Y2M10D") == "1 year 2 months 10 days"
    assert words("P3Y") == "3 years"


@pytest.mark.parametrize("text", ["P", "", "3Y", "P3W", "P3Y6", "P-1Y", "PT3H", "P1D1Y", " P3Y", "P3Y\n"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no period of years, months and days"):
        parts(text)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner),
    max_leaves=20,
)


@pytest.mark.req("H4")
@settings(deadline=None, derandomize=True)
@given(PLAIN)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)
    assert json.loads(canonical(value)) == value


def test_canonical_bytes_of_our_own_values() -> None:
    ref = PolicyRef("full", "1", "0" * 64)
    value = {"on": date(2026, 3, 4), 2: (ref, Rating("yes", 3)), "1": None}
    said = (
        f'{{"1":null,"2":[{{"scheme":"full","sha256":"{"0" * 64}","version":"1"}},{{"in_practice":"yes","quality":3}}],'
    )
    assert canonical(value) == f'{said}"on":"2026-03-04"}}'.encode()
    assert digest_of("") == "12ae32cb1ec02d01eda3581b127c1fee3b0dc53572ed6baf239721a03d82e126"
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})


class Inner(msgspec.Struct, frozen=True):
    """A part of a sample."""

    code: Code


class Sample(Fact):
    """One field of each kind that an event may have."""

    code: Code = "A1"
    reference: Reference = "doc-1"
    person: PersonId = "p_somebody"
    digest: Digest = "0" * 64
    organisation: OrganisationName = "Big Friends, Inc."
    website: Website = "https://friends.example/a/b"
    maybe: Code | None = None
    several: tuple[Code, ...] = ()
    table: dict[Reference, tuple[int, ...]] = {}
    inner: Inner | None = None
    either: Code | int | bool | tuple[Code, ...] = 1
    number: int = 1
    day: date = FIRST
    choice: Literal["a", "b"] = "a"
    text: TextRef = TextRef("t_1", "0" * 64)


@pytest.mark.req("H11")
def test_what_an_event_may_hold_fits() -> None:
    fitting = [
        Sample(),
        Sample(maybe="mn-qp/expert", several=("A1", "B-2"), table={"doc1": (1, 2)}, inner=Inner("C5"), either=("A1",)),
        Sample(either="x", website="http://localhost:8000", code="a" * 120),
    ]
    assert [misfits(s, Sample) for s in fitting] == [[], [], []]


MISFITS: dict[str, tuple[Sample, list[str]]] = {
    "words in a code": (Sample(code="two words"), ["code is no code"]),
    "a line after a code": (Sample(code="A1\n"), ["code is no code"]),
    "an empty code": (Sample(code=""), ["code is no code"]),
    "a code too long": (Sample(code="a" * 121), ["code is no code"]),
    "a slash in a reference": (Sample(reference="a/b"), ["reference is no reference"]),
    "a name for a person": (Sample(person="Ann Lee"), ["person is no person"]),
    "capitals in a digest": (Sample(digest="A" * 64), ["digest is no digest"]),
    "half a digest": (Sample(digest="0" * 32), ["digest is no digest"]),
    "a line in a name": (Sample(organisation="Big\nFriends"), ["organisation is no organisation"]),
    "a query in an address": (Sample(website="https://a.example/?who=ann"), ["website is no website"]),
    "words where there may be none": (Sample(maybe="two words"), ["maybe is no code"]),
    "words among codes": (Sample(several=("A1", "two words", "?")), ["several[1] is no code", "several[2] is no code"]),
    "words for a key": (Sample(table={"two words": (1,)}), ["table key is no reference"]),
    "words below": (Sample(inner=Inner("two words")), ["inner.code is no code"]),
    "words in one of several": (Sample(either="two words"), ["either is no code"]),
    "words in a tuple of several": (Sample(either=("A1", "two words")), ["either[1] is no code"]),
    "words where others keep them": (Sample(text="Ann"), ["text is no TextRef"]),  # pyright: ignore[reportArgumentType]
    "a number for a code": (Sample(code=5), ["code is no code"]),  # pyright: ignore[reportArgumentType]
}


@pytest.mark.req("H11")
@pytest.mark.parametrize("case", MISFITS)
def test_what_an_event_may_not_hold_is_named_by_its_place(case: str) -> None:
    sample, named = MISFITS[case]
    assert misfits(sample, Sample) == named


def _narrated(text: object, seal: Any = small.words) -> Any:
    said = {"cycle_id": "c1", "item_id": "A2", "text": text}
    return RecordNarrative.model_validate(said, context={"seal": seal} if seal else None).text


@pytest.mark.req("H11")
def test_words_reach_a_rule_only_sealed() -> None:
    assert _narrated("  We do it so.  ") == small.words("We do it so.")
    assert _narrated(small.words("Sealed already.")) == small.words("Sealed already.")
    assert _narrated("x" * TEXT_LIMIT) == small.words("x" * TEXT_LIMIT)


@pytest.mark.req("H11")
@pytest.mark.parametrize(
    ("text", "seal", "code"),
    [
        (5, small.words, "TEXT_EXPECTED"),
        (" \n", small.words, "TEXT_EMPTY"),
        ("x" * (TEXT_LIMIT + 1), small.words, "TEXT_TOO_LONG: 20001 characters; at most 20000"),
        ("We do it so.", None, "TEXT_UNSEALED"),
    ],
)
def test_what_is_no_text_is_refused(text: object, seal: Any, code: str) -> None:
    with pytest.raises(ValidationError, match=code):
        _narrated(text, seal)


def test_values_as_people_read_them() -> None:
    assert str(Rating("yes", 4)) == "in practice, quality 4 of 5"
    assert str(small.NO) == "not in practice"
    assert str(small.NOT_APPLICABLE) == "not applicable"
    assert str(PolicyRef("mn-qp", "2", "0" * 64)) == "MN-QP version 2"
    assert str(InstrumentRef("NQMS", "1", "0" * 64)) == "NQMS version 1"
    assert TEXT_MARKER.findall(f"said: {TextRef('t_1', '')}, {TextRef('a.b:c-d', '')}") == ["t_1", "a.b:c-d"]
