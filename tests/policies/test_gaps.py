"""What stands between a program and a tier: the least there is, and enough."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.policy import Facts, Policy, evaluate, gaps, load
from tests.policies.samples import (
    DEDICATED,
    asking,
    atoms,
    blank,
    complete,
    mend,
    program,
    published,
    some_program,
    standing,
    variant,
)

SEEDS = st.integers(0, 10**9)


def result(policy: Policy, facts: Facts, tier: str) -> str:
    return evaluate(policy, facts).of(tier).result


@settings(max_examples=50, deadline=None)
@given(SEEDS, SEEDS)
def test_closing_the_gaps_is_enough_and_nothing_of_it_can_be_left_out(policy_seed: int, facts_seed: int) -> None:
    policy, facts = load(variant(policy_seed)), some_program(facts_seed)
    evaluation = evaluate(policy, facts)
    for tier in policy.tiers:
        doing = atoms(gaps(evaluation, tier.code))
        assert bool(doing) == (evaluation.of(tier.code).result != "true")
        for left_out in (None, *doing):
            mended = facts
            for act in doing:
                mended = mend(mended, *act) if act != left_out else mended
            assert (result(policy, mended, tier.code) == "true") == (left_out is None), left_out


@pytest.mark.req("S0-06", "S0-23")
@pytest.mark.parametrize("state", ["not_in_practice", "not_verified"])
def test_a_program_that_misses_expert_by_one_practice_reads_that_one(state: str) -> None:
    policy = published("MN-QP@1")
    facts = program(policy, **DEDICATED, practices={"rest": "in_practice", "but": {"K75": state}})
    (gap,) = gaps(evaluate(policy, facts), "expert")
    assert (gap.tier, gap.criterion, gap.missing, gap.need) == ("expert", "practices_in_place", ("K75",), 1)
    assert gap.basis == "seed/S0:9"
    assert gaps(evaluate(policy, facts), "dedicated") == ()


def test_what_a_tier_takes_from_another_is_named_there_and_once() -> None:
    policy = published("MN-QP@1")
    facts = program(policy, submitted=True, review="onsite", practices={"rest": "in_practice"})
    found = gaps(evaluate(policy, facts), "expert")
    assert [(g.tier, g.missing) for g in found] == [
        ("dedicated", ("plan_adopted",)),
        ("dedicated", ("statement_received",)),
    ]


def test_of_several_ways_the_smallest_is_shown() -> None:
    policy = asking({"any": [{"all": ["statement_received", "support_completed"]}, {"all": ["assessment_submitted"]}]})
    (gap,) = gaps(evaluate(policy, blank()), "first")
    assert gap.criterion == "assessment_submitted"


def test_what_must_not_be_is_a_gap_to_undo() -> None:
    policy = asking({"not": {"any": ["statement_received", {"all": ["support_completed", "formal_program"]}]}})
    facts = complete()
    found = gaps(evaluate(policy, facts), "first")
    assert [(g.criterion, g.undo) for g in found] == [("statement_received", True), ("support_completed", True)]


def test_practices_nobody_ruled_on_are_apart_from_those_to_be_put_in_place() -> None:
    policy = published("MN-QP@1")
    but = {"A1": "undetermined", "A2": "not_in_practice", "A3": "undetermined"}
    facts = program(policy, **DEDICATED, practices={"rest": "in_practice", "but": but})
    unruled, failing = gaps(evaluate(policy, facts), "expert")
    assert (unruled.missing, unruled.need) == (("A1", "A3"), 2)
    assert (failing.missing, failing.need) == (("A2",), 1)


def test_a_share_names_all_candidates_and_how_many_are_enough() -> None:
    policy = asking({"practices_in_place": {"set": "all_counting", "min_share": 50}})
    (gap,) = gaps(evaluate(policy, standing({})), "first")
    assert (gap.missing, gap.need) == (("A1", "A2", "B3", "B4", "C5"), 3)


def test_an_unknown_tier_has_no_gaps_to_show() -> None:
    with pytest.raises(KeyError):
        gaps(evaluate(published("MN-QP@1"), blank()), "platinum")
