"""A policy that builds on another one is written out in full before it is hashed."""

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from domain.policy import PolicyFaults, flatten, load
from tests.policies.samples import documents, flat, policy_doc, tier_doc


def refused(doc: dict[str, Any], library: dict[str, Any]) -> list[str]:
    """What is wrong with building this document."""
    with pytest.raises(PolicyFaults) as caught:
        flatten(doc, library)
    return list(caught.value.faults)


BASE = policy_doc(
    tiers=[
        tier_doc("low", 1, {"all": ["assessment_submitted"]}, listing="priority"),
        tier_doc(
            "high",
            2,
            {"all": [{"tier": "low"}, "statement_received"]},
            hold={"max": "P1Y", "on_lapse": "low", "basis": "proposal"},
        ),
    ],
    entry={"by": "application", "level": "low", "basis": "proposal"},
    benefits={1: [{"code": "news", "says": "News", "basis": "proposal"}], 2: []},
    vectors=[{"name": "one", "facts": {"submitted": True}, "holds": ["low"]}],
    replaces="TEST@0",
)
LIBRARY = {"TEST@1": BASE}
OTHER = {"policy": "OTHER", "version": "1", "extends": "TEST@1", "affiliate": "yy", "timezone": "UTC", "title": "Other"}


def test_mappings_merge_and_everything_else_replaces() -> None:
    own = {
        "policy": "TEST",
        "version": "2",
        "extends": "TEST@1",
        "review": {"modes": ["desk"]},
        "plan": None,
        "benefits": {2: [{"code": "more", "says": "More", "basis": "proposal"}]},
    }
    made = flatten(own, LIBRARY)
    assert made["review"] == {"modes": ["desk"], "reply_days": 0, "basis": "proposal"}
    assert made["plan"] is None
    assert {rank: len(some) for rank, some in made["benefits"].items()} == {"1": 1, "2": 1}
    assert (made["version"], made["title"], made.get("replaces"), made.get("extends")) == (
        "2",
        BASE["title"],
        None,
        None,
    )
    assert load(made).tiers == load(flatten(BASE, {})).tiers


def test_a_tier_like_another_takes_the_rest_over_and_references_follow_its_code() -> None:
    tiers = [{"like": "low", "code": "silver", "label": "Silver"}, {"like": "high", "code": "gold", "badge": "g"}]
    made = flatten({**OTHER, "tiers": tiers}, LIBRARY)
    silver, gold = made["tiers"]
    assert (silver["code"], silver["label"], silver["listing"], silver["rank"]) == ("silver", "Silver", "priority", 1)
    assert gold["when"] == {"all": [{"tier": "silver"}, "statement_received"]}
    assert gold["hold"]["on_lapse"] == "silver"
    assert (made["entry"]["level"], made["vectors"][0]["holds"]) == ("silver", ["silver"])
    assert load(made).tier("gold") is not None


def test_what_a_tier_asks_is_replaced_whole() -> None:
    made = flatten({**OTHER, "tiers": [{"like": "low", "when": {"any": ["formal_program"]}}]}, LIBRARY)
    assert made["tiers"][0]["when"] == {"any": ["formal_program"]}
    assert made["tiers"][0]["code"] == "low"


def test_it_is_deep_pure_and_changes_nothing_twice() -> None:
    library = deepcopy(LIBRARY)
    middle = {**OTHER, "tiers": [{"like": "low", "code": "middling"}]}
    last = {"policy": "OTHER", "version": "2", "extends": "OTHER@1", "tiers": [{"like": "middling", "code": "top"}]}
    made = flatten(last, {**library, "OTHER@1": middle})
    assert [t["code"] for t in made["tiers"]] == ["top"]
    assert made["affiliate"] == "yy"
    assert library == LIBRARY
    made["tiers"][0]["meaning"] = "changed"
    made["benefits"].clear()
    assert library == LIBRARY
    for ref in documents():
        assert flatten(flat(ref), {}) == flat(ref)


def test_plain_data_comes_out() -> None:
    made = flatten({"a": {1: (date(2026, 3, 4), True, None)}}, {})
    assert made == {"a": {"1": ["2026-03-04", True, None]}}


@pytest.mark.parametrize(
    ("doc", "library", "expected"),
    [
        ({"extends": "GONE@1"}, {}, ["extends: no policy is called 'GONE@1'; known are none"]),
        ({"extends": "GONE@1"}, LIBRARY, ["extends: no policy is called 'GONE@1'; known are TEST@1"]),
        (
            {"tiers": [{"code": "x"}, {"like": "low"}]},
            {},
            ["tiers[1].like: there is no policy that this one extends"],
        ),
        (
            {"policy": "OTHER", "extends": "TEST@1", "tiers": [{"like": "lower"}], "x": {"y": [1.5]}},
            LIBRARY,
            [
                "x.y[0]: 1.5 is neither text, whole number, yes, no nor nothing",
                "affiliate: is missing; another scheme's is not taken over",
                "timezone: is missing; another scheme's is not taken over",
                "title: is missing; another scheme's is not taken over",
                "tiers[0].like: TEST@1 has no tier 'lower'; it has low, high",
            ],
        ),
        (
            {"policy": "A", "extends": "B@1", "tiers": "none"},
            {"A@1": {"policy": "A", "extends": "B@1"}, "B@1": {"policy": "A", "extends": "A@1"}},
            ["extends: B@1 extends A@1 extends B@1, a circle"],
        ),
    ],
)
def test_what_cannot_be_built_is_named(doc: dict[str, Any], library: dict[str, Any], expected: list[str]) -> None:
    assert refused(doc, library) == expected


def test_only_what_names_a_tier_follows_a_new_code() -> None:
    base = {"policy": "BASE", "version": "1", "affiliate": "x", "timezone": "UTC", "title": "Low and high"}
    low = {"code": "low", "badge": "low", "when": {"all": ["statement_received"]}}
    high = {"code": "high", "badge": "low", "when": {"all": [{"tier": "low"}]}}
    other = base | {"policy": "OTHER", "extends": "BASE@1"}
    tiers = [{"code": "silver", "like": "low"}, {"code": "gold", "like": "high"}]
    _, gold = flatten(other | {"tiers": tiers}, {"BASE@1": base | {"tiers": [low, high]}})["tiers"]
    assert (gold["when"], gold["badge"]) == ({"all": [{"tier": "silver"}]}, "low")
