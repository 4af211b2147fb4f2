"""Every criterion of the vocabulary: when it is true, false or unknown, on what it rests and what it says."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from domain.policy import Facts, Node, evaluate, why
from domain.policy.criteria import SEMANTICS, criterion
from domain.policy.facts import Declared, Noted, Plan, Practice, Review, Since
from domain.policy.vocabulary import Leaf, Params, Result, all_of, any_of, not_of, spoken
from tests.policies.samples import DAY, asking, blank, complete, standing

RESULTS: tuple[Result, ...] = ("false", "unknown", "true")


def judged(when: Any, facts: Facts) -> Node:
    """The proof of one criterion."""
    return evaluate(asking(when), facts).of("first").node


def but(**changes: Any) -> Facts:
    """Everything done, except for these facts."""
    return msgspec.structs.replace(complete(), **changes)


ON_SITE = {"review_held": {"modes": ["onsite"]}}
TWELVE = {"plan_adopted": {"months": 12}}
COVERED = {"plan_adopted": {"cover_gaps": True}}
WORKING = {"self_assessment_state": {"in": ["started", "working_to_standards"]}}
YEAR = {"operating_for": "P1Y"}
FOUND = {"evaluator_finding": "identified"}
ITEM = {"item_in_practice": {"id": "A1", "min_quality": 3}}

TABLE: list[tuple[Any, Facts, str, tuple[int, ...], tuple[str, ...]]] = [
    ("application_accepted", complete(), "true", (2,), ()),
    ("application_accepted", blank(), "false", (), ("application_accepted",)),
    ({"gate": "listing_approved"}, complete(), "true", (1,), ()),
    ({"gate": "listing_approved"}, blank(), "false", (), ("listing_approved",)),
    ({"gate": "listing_approved"}, but(gates={"listing_approved": Noted()}), "false", (), ("listing_approved",)),
    ("assessment_submitted", complete(), "true", (6,), ()),
    ("assessment_submitted", blank(), "false", (), ("submitted",)),
    (WORKING, complete(), "true", (5, 6, 8), ()),
    (WORKING, but(plan=Plan()), "false", (5, 6), ("started", "working_to_standards")),
    (WORKING, but(plan=Plan(), submitted=Noted()), "true", (5,), ()),
    (WORKING, blank(), "false", (), ("started", "working_to_standards")),
    (ON_SITE, complete(), "true", (7,), ()),
    (ON_SITE, but(review=Review("remote", held=(7,))), "false", (7,), ("onsite",)),
    (ON_SITE, but(review=Review("remote", exception=True, held=(7,))), "true", (7,), ()),
    (ON_SITE, blank(), "false", (), ("onsite",)),
    ("plan_adopted", complete(), "true", (8,), ()),
    ("plan_adopted", blank(), "false", (), ("plan_adopted",)),
    (TWELVE, complete(), "true", (8,), ()),
    (TWELVE, but(plan=Plan(6, (8,))), "false", (8,), ("months:12",)),
    (TWELVE, but(plan=Plan(None, (8,))), "unknown", (8,), ("months:12",)),
    (TWELVE, but(plan=Plan(12, (8,), ("A1",))), "true", (8,), ()),
    (COVERED, but(plan=Plan(12, (8,), ("A1",))), "false", (8,), ("A1",)),
    ("statement_received", complete(), "true", (10,), ()),
    ("statement_received", blank(), "false", (), ("statement_received",)),
    (ITEM, complete(), "true", (20,), ()),
    (ITEM, standing({}), "false", (20,), ("A1",)),
    (ITEM, standing({"A1": Practice("in_practice", 2, (9,))}), "false", (9,), ("A1",)),
    (ITEM, standing({"A1": Practice("not_verified", None, (9,))}), "false", (9,), ("A1",)),
    (ITEM, standing({"A1": Practice("not_applicable", None, (9,))}), "unknown", (9,), ("A1",)),
    (ITEM, blank(), "unknown", (), ("A1",)),
    (YEAR, but(operating=Since(date(2025, 3, 4), (4,))), "true", (4,), ()),
    (YEAR, but(operating=Since(date(2025, 3, 5), (4,))), "false", (4,), ("2026-03-05",)),
    (YEAR, blank(), "unknown", (), ("operating_since",)),
    ("formal_program", complete(), "true", (3,), ()),
    ("formal_program", but(formal_program=Declared(False, (3,))), "false", (3,), ("formal_program",)),
    ("formal_program", blank(), "unknown", (), ("formal_program",)),
    (FOUND, complete(), "true", (11,), ()),
    (FOUND, but(findings={"identified": Noted()}), "false", (), ("identified",)),
    (FOUND, blank(), "unknown", (), ("identified",)),
    ("support_completed", complete(), "true", (12,), ()),
    ("support_completed", blank(), "false", (), ("support_completed",)),
    ("other_requirements_met", complete(), "true", (13,), ()),
    ("other_requirements_met", blank(), "false", (), ("other_requirements_met",)),
]


@pytest.mark.parametrize(("when", "facts", "result", "versions", "missing"), TABLE)
def test_a_criterion_says_what_it_found_and_on_what_it_rests(
    when: Any, facts: Facts, result: str, versions: tuple[int, ...], missing: tuple[str, ...]
) -> None:
    node = judged(when, facts)
    assert (node.result, node.versions, node.missing) == (result, versions, missing)
    assert why(node)
    assert "{" not in why(node)


def test_the_table_and_the_practices_leave_no_criterion_out() -> None:
    shown = {when if isinstance(when, str) else next(iter(when)) for when, *_ in TABLE}
    assert shown | {"practices_in_place"} == set(SEMANTICS[1].words)


def practices(share: int = 100, least: int = 1, among: str = "all_counting") -> Any:
    """A share of the practices of a set."""
    return {"practices_in_place": {"set": among, "min_share": share, "min_quality": least}}


def states(**given_states: str) -> Facts:
    """The counting practices A1, A2, B3, B4 and C5 in place at quality 3, except for these."""
    changed = {i: Practice(s, None, (30,)) for i, s in given_states.items()}  # pyright: ignore[reportArgumentType]
    return but(practices={**complete().practices, **changed})


@pytest.mark.req("A4", "A6", "A7")
@pytest.mark.parametrize(
    ("when", "facts", "result", "in_place", "applicable", "missing"),
    [
        (practices(), states(), "true", 5, 5, ()),
        (practices(), states(A2="not_in_practice"), "false", 4, 5, ("A2",)),
        (practices(), states(A2="not_verified"), "false", 4, 5, ("A2",)),
        (practices(), states(A2="not_applicable"), "true", 4, 4, ()),
        (practices(), states(A2="undetermined"), "unknown", 4, 5, ("A2",)),
        (practices(), states(A2="undetermined", A1="not_in_practice"), "false", 3, 5, ("A2", "A1")),
        (practices(), states(C6="not_in_practice"), "true", 5, 5, ()),
        (practices(80), states(A2="not_in_practice"), "true", 4, 5, ()),
        (practices(81), states(A2="not_in_practice"), "false", 4, 5, ("A2",)),
        (practices(80), states(A2="undetermined", A1="not_in_practice"), "unknown", 3, 5, ("A2",)),
        (practices(80), states(A2="undetermined"), "unknown", 4, 5, ("A2",)),
        (practices(67), states(A2="not_applicable", A1="not_applicable", B3="not_in_practice"), "false", 2, 3, ("B3",)),
        (practices(66), states(A2="not_applicable", A1="not_applicable", B3="not_in_practice"), "true", 2, 3, ()),
        (practices(least=3), states(), "true", 5, 5, ()),
        (practices(least=4), states(), "false", 0, 5, ("A1", "A2", "B3", "B4", "C5")),
        (practices(among="designated"), states(A1="not_in_practice"), "true", 2, 2, ()),
        (
            practices(among="designated"),
            states(A2="not_applicable", B3="not_applicable"),
            "unknown",
            0,
            0,
            ("A2", "B3"),
        ),
    ],
)
def test_the_share_of_practices_is_counted_in_whole_numbers(
    when: Any, facts: Facts, result: str, in_place: int, applicable: int, missing: tuple[str, ...]
) -> None:
    node = judged(when, facts)
    assert (node.result, node.missing) == (result, missing)
    assert (node.detail["in_place"], node.detail["applicable"]) == (in_place, applicable)
    assert why(node)


def test_a_set_that_the_facts_do_not_know_is_a_share_of_nothing() -> None:
    node = judged(practices(), but(counting={}))
    assert (node.result, node.missing, node.detail["short"]) == ("unknown", (), 0)
    assert why(node) == "no practice of the set is applicable"


@given(st.integers(0, 300), st.integers(1, 300), st.integers(1, 100))
def test_the_share_agrees_with_its_definition(in_place: int, applicable: int, share: int) -> None:
    ids = tuple(f"X{i}" for i in range(applicable))
    held = {i: Practice("in_practice" if n < in_place else "not_in_practice", 1, (1,)) for n, i in enumerate(ids)}
    met = SEMANTICS[1].words["practices_in_place"]
    facts = Facts(day=DAY, practices=held, counting={"all_counting": ids})
    leaf = met.judge(facts, met.params.model_validate({"set": "all_counting", "min_share": share}))
    assert (leaf.result == "true") == (min(in_place, applicable) * 100 >= share * applicable)
    if leaf.result == "false":
        short = leaf.detail["short"]
        assert isinstance(short, int)
        assert (in_place + short - 1) * 100 < share * applicable <= (in_place + short) * 100


@pytest.mark.req("A6")
def test_the_practices_are_counted_in_words() -> None:
    bulk = {i: Practice("in_practice", 3, (20,), bulk=i != "C5") for i in ("A1", "A2", "C5")}
    lacking = {"B3": Practice("not_applicable", None, (21,)), "B4": Practice("not_applicable", None, (22,))}
    facts = but(practices={**complete().practices, **bulk, **lacking})
    assert why(judged(practices(), facts)) == (
        "3 of 3 applicable practices are in place (2 not applicable accepted: B3, B4; "
        "2 confirmed together, 1 with evidence seen)"
    )
    worse = {"A1": Practice("not_verified", None, (20,)), "A2": Practice("undetermined", None, (20,))}
    low = {"C5": Practice("in_practice", 1, (23,)), "B3": Practice("not_in_practice", None, (23,))}
    facts = but(practices={**complete().practices, **worse, **low})
    assert why(judged(practices(least=2), facts)) == (
        "1 of 5 applicable practices are in place at quality 2 or better (1 not in place: B3; 1 not verified: A1; "
        "1 in place below that quality: C5; 1 not yet determined: A2); 100% are asked"
    )


@pytest.mark.parametrize(
    ("when", "facts", "words"),
    [
        (ON_SITE, complete(), "a review was held with staff (onsite)"),
        (ON_SITE, but(review=Review(None, True, (7,))), "a review was held with staff (exception)"),
        (ON_SITE, blank(), "no review in one of the ways allowed (onsite) was held"),
        ("plan_adopted", but(plan=Plan(None, (8,))), "an improvement plan is adopted"),
        (TWELVE, complete(), "an improvement plan of 12 months is adopted"),
        (TWELVE, blank(), "no improvement plan is adopted"),
        (TWELVE, but(plan=Plan(6, (8,))), "an improvement plan of 6 months is adopted, but 12 months are asked"),
        (COVERED, but(plan=Plan(None, (8,), ("A1",))), "an improvement plan is adopted, but it has no goal for A1"),
        (YEAR, complete(), "the program has been in operation for at least 1 year, since 2001-09-01"),
        (
            YEAR,
            but(operating=Since(date(2025, 6, 1), (4,))),
            "the program has been in operation since 2025-06-01; it reaches 1 year on 2026-06-01",
        ),
        (YEAR, blank(), "the day on which the program began to operate is not known"),
        (WORKING, blank(), "the self-assessment is at not started, not at any of: started, working to standards"),
        ({"any": ["statement_received", FOUND]}, blank(), "0 of 2 requirements are met, one is asked"),
        ({"all": ["statement_received", FOUND]}, complete(), "2 of 2 requirements are met, all are asked"),
        ({"not": FOUND}, complete(), "the opposite is asked of: the evaluator found: identified"),
    ],
)
def test_what_was_found_is_said_in_plain_words(when: Any, facts: Facts, words: str) -> None:
    assert why(judged(when, facts)) == words


KNOWN: tuple[Result, ...] = ("true", "false")
ORDER = {result: i for i, result in enumerate(RESULTS)}


@given(st.lists(st.sampled_from(RESULTS), min_size=1, max_size=5), st.sampled_from(RESULTS))
def test_the_logic_is_kleenes(results: list[Result], one: Result) -> None:
    assert ORDER[all_of(results)] == min(ORDER[r] for r in results)
    assert ORDER[any_of(results)] == max(ORDER[r] for r in results)
    assert not_of([not_of([one])]) == one
    assert not_of([all_of(results)]) == any_of([not_of([r]) for r in results])
    assert all_of([one, any_of([one, *results])]) == one
    assert all_of([*results, *reversed(results)]) == all_of(results)


@given(st.lists(st.sampled_from(RESULTS), min_size=1, max_size=5), st.data())
def test_what_is_known_stays_when_more_becomes_known(results: list[Result], data: st.DataObject) -> None:
    learned: list[Result] = [data.draw(st.sampled_from(KNOWN)) if r == "unknown" else r for r in results]
    for combine in (all_of, any_of):
        before = combine(results)
        assert before in ("unknown", combine(learned))


def test_a_word_is_declared_once_and_known_by_name() -> None:
    def judge(facts: Facts, params: Params) -> Leaf:
        return Leaf("true")

    assert judge(blank(), Params()).result == "true"
    with pytest.raises(ValueError, match="declared twice"):
        criterion("statement_received", Params, spoken("", ""))(judge)
    assert set(SEMANTICS[1].known) == {*SEMANTICS[1].words, "tier", "all", "any", "not"}


def test_parameters_are_recorded_as_the_policy_writes_them() -> None:
    word = SEMANTICS[1].words["self_assessment_state"]
    assert issubclass(word.params, BaseModel)
    assert judged(WORKING, complete()).params == {"in": ("started", "working_to_standards")}
    assert judged("plan_adopted", complete()).params == {"cover_gaps": False}
