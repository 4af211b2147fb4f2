"""A policy that cannot be lived by is refused with everything that is wrong with it, each thing with its place."""

from typing import Any

import pytest

from domain.policy import PolicyFaults, check, load, run_vectors
from domain.policy.model import Tier
from tests.policies.samples import FEW, FEWS, policy_doc, tier_doc, variant


def faults(**changes: Any) -> list[str]:
    """What ``check`` has against the sound policy with these changes."""
    return check(load(policy_doc(**changes)), FEWS)


def refused(doc: dict[str, Any]) -> list[str]:
    """What ``load`` has against a document."""
    with pytest.raises(PolicyFaults) as caught:
        load(doc)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return list(caught.value.faults)


def tiers(when: Any, **changes: Any) -> list[dict[str, Any]]:
    """One tier that asks this."""
    return [tier_doc("first", 1, when, **changes)]


def test_the_sound_policy_is_sound() -> None:
    assert faults() == []
    assert load(policy_doc()).backdating_days == 14


@pytest.mark.parametrize("seed", range(20))
def test_twenty_policies_that_nobody_wrote_load_and_check(seed: int) -> None:
    assert check(load(variant(seed)), FEWS) == []


KNOWN = (
    "application_accepted, gate, assessment_submitted, self_assessment_state, review_held, plan_adopted, "
    "statement_received, practices_in_place, item_in_practice, operating_for, formal_program, evaluator_finding, "
    "support_completed, other_requirements_met, tier, all, any, not"
)


BAD: Any = {
    "all": [
        "stament_received",
        {"practices_in_place": {"set": "all_counting", "min_share": 1.0, "min_quality": 9}},
        {"any": [{"review_held": {"modes": ["onsit"]}}, {"not": {"operating_for": "a year"}}]},
        {"statement_received": {}, "basis": "somewhere"},
        {"statement_received": {}, "basis": 3},
        {"tier": "first", "gate": "mou_executed"},
        {"all": []},
        {"formal_program": "yes"},
        7,
    ]
}
"""Nine ways to get a criterion wrong."""


def test_everything_wrong_in_a_document_is_named_at_once_with_its_place() -> None:
    doc = policy_doc(version=1, tires=[], tiers=tiers(BAD, basis="my own idea", assessed="yes"))
    doc["term"] = {"length": "3 years", "reinstate_on": "decision", "basis": "proposal"}
    doc["deferral"] = {"max_times": "2", "max_period": "P90D", "basis": "proposal"}
    del doc["title"]
    no_period = "is no period of years, months and days, such as P3Y, P6M or P90D"
    bases = "write seed/S0:5-8, public/…, adopted/…, inferred or proposal, several joined by +"
    assert sorted(refused(doc)) == sorted(
        [
            "version: must be text in quotes, not 1",
            "title: is missing",
            f"tiers[0].basis: 'my own idea' does not say where a rule comes from; {bases}",
            "tiers[0].assessed: must be true or false, not 'yes'",
            f"tiers[0].when.all[0]: no criterion is called 'stament_received'; known are {KNOWN}",
            "tiers[0].when.all[1].practices_in_place.min_share: must be a whole number without quotes, not 1.0",
            "tiers[0].when.all[1].practices_in_place.min_quality: input should be less than or equal to 5, not 9",
            "tiers[0].when.all[2].any[0].review_held.modes[0]: input should be 'onsite', 'remote' or 'desk', not 'onsit'",
            f"tiers[0].when.all[2].any[1].not.operating_for.period: 'a year' {no_period}",
            f"tiers[0].when.all[3].basis: 'somewhere' does not say where a rule comes from; {bases}",
            "tiers[0].when.all[4].basis: a basis is text in quotes",
            "tiers[0].when.all[5]: one criterion is expected here, found gate, tier",
            "tiers[0].when.all[6]: all needs a list of at least one criterion",
            "tiers[0].when.all[7]: formal_program takes no parameters, found 'yes'",
            "tiers[0].when.all[8]: one criterion is expected here, found nothing",
            f"term.length: '3 years' {no_period}",
            "term.starts: is missing",
            "deferral.max_times: must be a whole number without quotes, not '2'",
            "the policy: nothing is called 'tires' here",
        ]
    )


def test_a_document_that_is_not_written_out_is_refused() -> None:
    doc = policy_doc(extends="TEST@0", semantics=2)
    expected = [
        "extends: flatten the policy first; it still says extends",
        "semantics: 2 is not known; known are 1",
    ]
    assert refused(doc) == expected
    assert refused({**doc, "title": ""}) == [
        *expected,
        "title: string should have at least 1 character, not ''",
    ]


def test_an_empty_list_where_one_entry_is_needed_is_named() -> None:
    assert refused(policy_doc(tiers=[])) == ["tiers: needs at least one entry"]
    assert refused(policy_doc(tiers=tiers({"review_held": []}))) == [
        "tiers[0].when.review_held.modes: needs at least one entry"
    ]


def test_long_findings_are_cut() -> None:
    (fault,) = refused(policy_doc(gates={"x" * 100: 1}))
    assert fault.endswith("...")


def test_a_criterion_that_is_a_tree_already_is_taken_as_it_is() -> None:
    policy = load(policy_doc())
    assert Tier(**dict(policy.tiers[0])) == policy.tiers[0]


@pytest.mark.req("M15")
@pytest.mark.parametrize(
    ("when", "changes", "fault"),
    [
        ({"tier": "second"}, {}, "no tier is called 'second'; the policy has first"),
        (
            "application_accepted",
            {"entry": None},
            "application_accepted can never come true: the policy has no entry by application",
        ),
        (
            {"gate": "mou_executed"},
            {},
            "the gate mou_executed can never be passed: it is none of the policy's gates",
        ),
        ({"review_held": ["desk"]}, {}, "a review desk can never be held: the policy's modes are onsite, remote"),
        ("plan_adopted", {"plan": None}, "plan_adopted can never come true: the policy has no plan"),
        (
            {"plan_adopted": {"months": 12}},
            {"plan": {**policy_doc()["plan"], "months": 6}},
            "a plan of 12 months can never be adopted: the policy's plan has 6",
        ),
        (
            {"self_assessment_state": ["working_to_standards"]},
            {"plan": None},
            "working_to_standards can never come true: the policy has no plan",
        ),
        (
            "statement_received",
            {"statement": None},
            "statement_received can never come true: the policy has no statement",
        ),
        (
            {"evaluator_finding": "wonderful"},
            {},
            "no evaluator finds 'wonderful'; evaluator_findings are identified, under_inquiry",
        ),
        (
            {"evaluator_finding": "wonderful"},
            {"evaluator_findings": []},
            "no evaluator finds 'wonderful'; evaluator_findings are none",
        ),
        (
            {"practices_in_place": {"set": "safety", "min_share": 100}},
            {},
            "the instrument has no counting items in a set 'safety'",
        ),
        ({"item_in_practice": "Z99"}, {}, "the instrument has no item 'Z99'"),
    ],
)
def test_a_criterion_that_no_act_can_satisfy_is_named(when: Any, changes: dict[str, Any], fault: str) -> None:
    assert faults(tiers=tiers({"all": [when]}), **changes) == [f"tiers[0].when.all[0]: {fault}"]


@pytest.mark.parametrize(
    "when",
    [
        {"self_assessment_state": ["working_to_standards"]},
        {"plan_adopted": {"months": 12}},
        {"gate": "listing_approved"},
        {"item_in_practice": "A1"},
        {"evaluator_finding": "identified"},
    ],
)
def test_a_criterion_that_can_be_satisfied_is_not(when: Any) -> None:
    assert faults(tiers=tiers(when)) == []


def gated(kind: str, *gates: str, **changes: Any) -> dict[str, Any]:
    """A kind of cycle with gates of its own."""
    return {"kind": kind, "basis": "proposal", "gates": [{"code": g, "basis": "proposal"} for g in gates], **changes}


@pytest.mark.req("M15", "M20")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"timezone": "America/Mankato"}, ["timezone: no time zone is called 'America/Mankato'"]),
        ({"timezone": "../etc"}, ["timezone: no time zone is called '../etc'"]),
        ({"cycles": []}, ["cycles: the policy allows no kind of cycle"]),
        (
            {"cycles": [{"kind": "renewal", "basis": "proposal"}, gated("corrective")]},
            [
                "cycles[0]: renewal has no gates of its own, so nothing says what comes before access",
                "cycles[1]: corrective has no gates of its own, so nothing says what comes before access",
            ],
        ),
        (
            {"gates": [], "cycles": [{"kind": "initial", "basis": "proposal"}]},
            ["cycles[0]: initial has no gates of its own, so nothing says what comes before access"],
        ),
        (
            {"cycles": [gated("initial", "intake_conversation"), gated("initial", "listing_approved")]},
            ["cycles: initial is named 2 times"],
        ),
        (
            {"renewal": None},
            ["cycles[1]: renewal is allowed, but the policy has no renewal section"],
        ),
        (
            {
                "cycles": [gated("advancement", "listing_approved")],
                "advancement": {"allowed": False, "term": "keep", "basis": "proposal"},
            },
            ["cycles[0]: advancement is a kind of cycle, but the policy allows no advancement"],
        ),
        (
            {"gates": [{"code": "listing_approved", "required_parties": ["program"], "basis": "proposal"}] * 2},
            [
                "gates[0]: listing_approved has no parties; only mou_executed is signed by parties",
                "gates[1]: listing_approved has no parties; only mou_executed is signed by parties",
                "gates: listing_approved is named 2 times",
            ],
        ),
        (
            {"renewal": {"opens_before": "P6M", "anchor": "new_start", "basis": "proposal"}},
            ["renewal.opens_before: P6M is too short; the process takes 6 to 9 months, so at least P12M"],
        ),
        (
            {"renewal": {"opens_before": "P4Y", "anchor": "new_start", "basis": "proposal"}},
            ["renewal.opens_before: P4Y is longer than the term of P3Y"],
        ),
        (
            {
                "statement": None,
                "term": {
                    **policy_doc()["term"],
                    "starts": "statement_received_on",
                    "length": None,
                    "reassessment": {"opens": "P3Y", "due": "P2Y", "basis": "proposal"},
                },
            },
            [
                "term.starts: statement_received_on never comes, because the policy has no statement",
                "term.reassessment: it opens after P3Y, later than it is due, P2Y",
            ],
        ),
        (
            {"term": {**policy_doc()["term"], "reinstate_on": "submission"}},
            [
                (
                    "term.reinstate_on: submission is not carried out here; a status that ended comes back by a decision "
                    "alone, so it has to be decision"
                )
            ],
        ),
        (
            {"entry": {"by": "application", "level": "basic", "basis": "proposal"}},
            ["entry.level: no tier is called 'basic'; the policy has first"],
        ),
        (
            {
                "entry": None,
                "tiers": [
                    tier_doc("first", 1, "assessment_submitted", granted_at="application"),
                    tier_doc("second", 1, {"tier": "third"}, transitional=True),
                    tier_doc("third", 2, {"any": [{"tier": "second"}, {"tier": "first"}]}),
                    tier_doc(
                        "third", 3, "formal_program", hold={"max": "P4M", "on_lapse": "third", "basis": "proposal"}
                    ),
                    tier_doc("last", 4, "formal_program", hold={"max": "P4M", "on_lapse": "0", "basis": "proposal"}),
                    tier_doc("end", 5, "formal_program", hold={"max": "P4M", "on_lapse": None, "basis": "proposal"}),
                ],
            },
            [
                "tiers: 2 tiers have the code third",
                "tiers: 2 tiers have the rank 1",
                "tiers[4].hold.on_lapse: no other tier is called '0'",
                "tiers[0].granted_at: first is granted on application, but the policy has no entry",
                "tiers[1].granted_at: second is transitional, but granted only when the cycle ends",
            ],
        ),
        (
            {
                "tiers": [
                    tier_doc("first", 1, {"tier": "second"}),
                    tier_doc("second", 2, {"all": [{"tier": "first"}, {"tier": "third"}]}),
                    tier_doc("third", 3, {"tier": "fourth"}),
                    tier_doc(
                        "fourth", 4, "formal_program", hold={"max": "P1Y", "on_lapse": "fourth", "basis": "proposal"}
                    ),
                ]
            },
            [
                "tiers[3].hold.on_lapse: no other tier is called 'fourth'",
                "tiers[0].when: first refers to itself through its tiers",
                "tiers[1].when: second refers to itself through its tiers",
            ],
        ),
        (
            {
                "benefits": {
                    0: [{"code": "news", "says": "News", "basis": "proposal"}],
                    1: [{"code": "news", "says": "News", "per": "P1Y", "basis": "proposal"}],
                    7: [],
                }
            },
            [
                "benefits.1[0]: news says per P1Y, but not how many",
                "benefits.7: no tier has the rank 7",
                "benefits: news is named 2 times",
            ],
        ),
        (
            {"instrument": {"family": "MANY", "version": "9", "basis": "proposal"}},
            ["instrument: MANY 9 is not published; published are FEW 1"],
        ),
        (
            {"vectors": [{"name": "nobody", "facts": {}, "holds": ["zeroth"]}]},
            ["vectors[0].holds: no tier is called 'zeroth'; the policy has first"],
        ),
    ],
)
def test_what_does_not_fit_together_is_named(changes: dict[str, Any], expected: list[str]) -> None:
    assert faults(**changes) == expected


def test_items_and_sets_are_not_judged_without_the_instrument() -> None:
    when = {"all": [{"item_in_practice": "Z99"}, {"practices_in_place": {"set": "none", "min_share": 1}}]}
    policy = load(policy_doc(tiers=tiers(when)))
    assert check(policy, {}) == ["instrument: FEW 1 is not published; published are none"]


def test_faults_of_all_kinds_come_together() -> None:
    changes = {"timezone": "Nowhere", "statement": None, "cycles": [], "tiers": tiers("statement_received")}
    assert len(faults(**changes)) == 3


def test_examples_that_come_out_otherwise_are_named() -> None:
    vectors = [
        {"name": "nothing done", "facts": {}, "holds": ["first"]},
        {"name": "submitted", "facts": {"submitted": True}, "holds": []},
        {"name": "submitted again", "facts": {"submitted": True}, "holds": ["first"]},
    ]
    assert faults(vectors=vectors) == [
        "vectors[0] (nothing done): should meet first, but meets no tier",
        "vectors[1] (submitted): should meet no tier, but meets first",
    ]


def test_an_example_can_give_every_fact() -> None:
    facts = {
        "day": "2026-03-04",
        "gates": ["listing_approved"],
        "application": True,
        "formal_program": True,
        "operating_since": "2020-01-01",
        "review": "remote",
        "plan_months": 12,
        "uncovered": ["A1"],
        "statement": True,
        "practices": {"rest": "in_practice", "quality": 2, "but": {"C5": "not_verified", "C6": "not_in_practice"}},
        "findings": {"identified": True, "under_inquiry": False},
        "support_completed": True,
        "other_requirements": True,
    }
    when = [
        {"gate": "listing_approved"},
        "application_accepted",
        "formal_program",
        {"operating_for": "P6Y"},
        {"review_held": ["remote"]},
        {"plan_adopted": {"months": 12}},
        {"not": {"plan_adopted": {"cover_gaps": True}}},
        "statement_received",
        {"practices_in_place": {"set": "all_counting", "min_share": 80, "min_quality": 2}},
        {"not": {"item_in_practice": "C5"}},
        {"evaluator_finding": "identified"},
        {"not": {"evaluator_finding": "under_inquiry"}},
        "support_completed",
        "other_requirements_met",
        {"not": "assessment_submitted"},
    ]
    vectors = [{"name": "everything", "facts": facts, "holds": ["first"]}]
    policy = load(policy_doc(tiers=tiers({"all": when}), vectors=vectors))
    assert run_vectors(policy, FEW) == []
    assert check(policy, FEWS) == []
