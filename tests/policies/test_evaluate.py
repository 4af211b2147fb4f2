"""The whole proof for every tier, whatever the policy: nothing is left out, nothing is repeated."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.policy import Evaluation, Node, evaluate, load, why
from domain.policy.facts import Practice
from domain.policy.tree import Criterion
from domain.values import canonical, misfits
from tests.policies.samples import (
    FEW,
    asking,
    blank,
    complete,
    policy_doc,
    program,
    published,
    some_program,
    tier_doc,
    variant,
)

SEEDS = st.integers(0, 10**9)


def shape(node: Node) -> Any:
    """The names of a proof."""
    return node.criterion, [shape(child) for child in node.children]


def asked(criterion: Criterion) -> Any:
    """The names of what a tier asks."""
    return criterion.name, [asked(one) for one in criterion.of]


def leaves(node: Node) -> list[Node]:
    """The ends of a proof."""
    return [leaf for child in node.children for leaf in leaves(child)] if node.children else [node]


@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS)
def test_every_criterion_is_in_the_proof_once_and_only_leaves_rest_on_versions(policy: int, facts: int) -> None:
    made = load(variant(policy))
    evaluation = evaluate(made, some_program(facts))
    assert [shape(t.node) for t in evaluation.tiers] == [asked(t.when) for t in made.tiers]
    for tier in evaluation.tiers:
        assert tier.result == tier.node.result
        for leaf in leaves(tier.node):
            assert (leaf.result == "true") == (not leaf.missing) or leaf.criterion == "tier"
            assert why(leaf, evaluation.semantics)
            assert leaf.basis == "proposal"
        assert not tier.node.children or tier.node.versions == ()


@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS)
def test_an_evaluation_survives_being_stored(policy: int, facts: int) -> None:
    evaluation = evaluate(load(variant(policy)), some_program(facts))
    assert misfits(evaluation, Evaluation) == []
    assert msgspec.json.decode(canonical(evaluation), type=Evaluation) == evaluation
    assert evaluate(load(variant(policy)), some_program(facts)) == evaluation


@settings(max_examples=60, deadline=None)
@given(SEEDS, SEEDS, st.sampled_from(FEW.ids))
def test_one_more_practice_in_place_never_makes_a_tier_false(policy: int, facts: int, item: str) -> None:
    made, before = load(variant(policy)), some_program(facts)
    # At the highest quality: one that nobody had ruled on may well turn out to be done too poorly for a tier.
    better = {**before.practices, item: Practice("in_practice", 5, (99,))}
    after = msgspec.structs.replace(before, practices=better)
    order = ("false", "unknown", "true")
    for tier in made.tiers:
        results = [evaluate(made, facts).of(tier.code).result for facts in (before, after)]
        assert order.index(results[0]) <= order.index(results[1])


@pytest.mark.parametrize("seed", range(20))
def test_policies_that_nobody_wrote_are_met_by_who_did_everything(seed: int) -> None:
    policy = load(variant(seed))
    done = msgspec.structs.replace(
        complete(), findings={"identified": complete().statement, "under_inquiry": blank().statement}
    )
    assert evaluate(policy, done).computed == max(policy.tiers, key=lambda t: t.rank).code
    assert {t.result for t in evaluate(policy, done).tiers} == {"true"}


LADDER = [
    tier_doc("third", 3, {"all": [{"tier": "second"}, "statement_received"]}),
    tier_doc("first", 1, "application_accepted", granted_at="application"),
    tier_doc("second", 2, {"all": [{"tier": "first"}, "formal_program"]}, granted_at="assessment_started"),
]


@pytest.mark.req("M14")
@pytest.mark.parametrize(
    ("moment", "computed"), [("application", "first"), ("assessment_started", "second"), ("cycle_end", "third")]
)
def test_a_tier_is_computed_no_earlier_than_it_may_be_granted(moment: Any, computed: str) -> None:
    policy = load(policy_doc(tiers=LADDER))
    evaluation = evaluate(policy, complete(), moment)
    assert (evaluation.computed, evaluation.moment) == (computed, moment)
    assert [t.tier for t in evaluation.tiers] == ["first", "second", "third"]
    only_first = msgspec.structs.replace(blank(), application=complete().application)
    assert evaluate(policy, only_first).computed == "first"
    assert evaluate(policy, blank()).computed is None


@pytest.mark.req("M15")
def test_a_tier_in_a_tier_is_a_reference_with_its_result() -> None:
    evaluation = evaluate(load(policy_doc(tiers=LADDER)), complete())
    reference = evaluation.of("third").node.children[0]
    assert (reference.criterion, reference.params, reference.result) == ("tier", {"tier": "second"}, "true")
    assert reference.children == ()
    assert why(reference) == "the requirements of second are met"


def test_a_criterion_without_a_basis_has_that_of_what_it_stands_in() -> None:
    when = {
        "all": [{"any": ["formal_program"], "basis": "adopted/board-2026-01"}, "support_completed"],
        "basis": "inferred",
    }
    node = evaluate(asking(when), complete()).of("first").node
    assert (node.basis, node.children[0].children[0].basis, node.children[1].basis) == (
        "inferred",
        "adopted/board-2026-01",
        "inferred",
    )


def test_tiers_that_run_in_a_circle_or_nowhere_cannot_be_evaluated() -> None:
    circle = [tier_doc("a", 1, {"tier": "b"}), tier_doc("b", 2, {"tier": "a"})]
    with pytest.raises(ValueError, match="the tier a refers to itself"):
        evaluate(load(policy_doc(tiers=circle)), blank())
    with pytest.raises(ValueError, match="no tier is called b"):
        evaluate(load(policy_doc(tiers=circle[:1])), blank())


def test_two_versions_of_a_policy_can_be_compared_on_the_same_evidence() -> None:
    first, second = published("MN-QP@1"), published("MN-QP@2")
    facts = program(first, submitted=True, review="onsite", plan_months=12, statement=True)
    assert evaluate(first, facts) == evaluate(second, facts)
