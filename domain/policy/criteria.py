"""The closed vocabulary of criteria: what a policy may ask of a program before it holds a tier.

A criterion is a pure function of the facts and its parameters. It says *true*, *false* or *unknown* (Kleene):

* an act (a gate, a submission, a review, a plan, a statement, a confirmation) that is not on record has not
  happened: false, never unknown;
* what somebody has to declare, determine or find (formal program, start of operation, a practice, an
  evaluator's finding) is unknown until they have, because the silence may end either way;
* a practice counts as a reviewer left it; not verified counts as not in place; not applicable, once accepted,
  leaves the count; a share of nothing is unknown.

A criterion is added by adding one function. Once a decision rests on semantics 1 it never changes: a changed
meaning is a semantics 2 beside it.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Field, Strict

from domain.language import listing
from domain.policy.facts import Facts, Noted, Practice, Versions
from domain.policy.vocabulary import (
    COMBINED,
    Leaf,
    Params,
    Percent,
    Period,
    Quality,
    Result,
    Says,
    Value,
    Vocabulary,
    Word,
    spoken,
)
from domain.term import add, words
from domain.values import Code

GateName = Literal[
    "listing_approved",
    "readiness_confirmed",
    "intake_conversation",
    "ta_nqms_requested",
    "ta_provider_assigned",
    "needs_assessment_completed",
    "mou_executed",
    "membership_accepted",
]
"""Every gate that a policy may put before access to the assessment."""
Mode = Literal["onsite", "remote", "desk"]
"""Every way in which a review may be held."""
State = Literal["started", "submitted", "working_to_standards"]
"""How far a self-assessment has come; working to standards is submitted with an adopted plan."""
P = TypeVar("P", bound=Params)
_WORDS: dict[str, Word] = {}
_GROUPS = {
    "in_practice": "in_place",
    "not_in_practice": "not_in_place",
    "not_applicable": "not_applicable",
    "not_verified": "not_verified",
    "undetermined": "undetermined",
}
_UNDETERMINED = Practice("undetermined")


def criterion(
    name: str, params: type[P], says: Says
) -> Callable[[Callable[[Facts, P], Leaf]], Callable[[Facts, P], Leaf]]:
    """Add a word to the vocabulary."""

    def remember(judge: Callable[[Facts, P], Leaf]) -> Callable[[Facts, P], Leaf]:
        if name in _WORDS:
            raise ValueError(f"the criterion {name} is declared twice")
        _WORDS[name] = Word(name, params, judge, says)
        return judge

    return remember


def _united(*versions: Versions) -> Versions:
    return tuple(sorted({v for some in versions for v in some}))


def _happened(noted: Noted, act: str) -> Leaf:
    return Leaf("true", noted.versions) if noted else Leaf("false", missing=(act,))


@criterion("application_accepted", Params, spoken("the application was accepted", "no application was accepted"))
def application_accepted(facts: Facts, params: Params) -> Leaf:
    """The affiliate accepted the membership application."""
    return _happened(facts.application, "application_accepted")


class GateParams(Params):
    """Which gate."""

    name: GateName


@criterion("gate", GateParams, spoken("the gate {name} is passed", "the gate {name} is not passed"))
def gate(facts: Facts, params: GateParams) -> Leaf:
    """The program passed a gate of the process."""
    return _happened(facts.gates.get(params.name, Noted()), params.name)


@criterion(
    "assessment_submitted",
    Params,
    spoken("the self-assessment was completed and submitted", "the self-assessment has not been submitted"),
)
def assessment_submitted(facts: Facts, params: Params) -> Leaf:
    """The program completed the assessment and submitted it."""
    return _happened(facts.submitted, "submitted")


class StateParams(Params):
    """In which of the states the self-assessment has to be."""

    states: tuple[State, ...] = Field(alias="in", min_length=1)


@criterion(
    "self_assessment_state",
    StateParams,
    spoken("the self-assessment is at {state}", "the self-assessment is at {state}, not at any of: {in}"),
)
def self_assessment_state(facts: Facts, params: StateParams) -> Leaf:
    """The self-assessment is, on that day, in one of the states named; it is in one state at a time."""
    working = facts.submitted and facts.plan.adopted
    reached = {"started": facts.started, "submitted": facts.submitted, "working_to_standards": working}
    state = next((s for s in reversed(get_args(State)) if reached[s]), "not_started")
    versions = _united(facts.started.versions, facts.submitted.versions, facts.plan.adopted if working else ())
    if state in params.states:
        return Leaf("true", versions, {"state": state})
    return Leaf("false", versions, {"state": state, "short": 1}, params.states)


class ReviewParams(Params):
    """In which modes the review may be held."""

    modes: tuple[Mode, ...] = Field(min_length=1)


@criterion(
    "review_held",
    ReviewParams,
    spoken("a review was held with staff ({mode})", "no review in one of the ways allowed ({modes}) was held"),
)
def review_held(facts: Facts, params: ReviewParams) -> Leaf:
    """Affiliate staff held a review, in a mode the policy names or under a recorded exception."""
    review = facts.review
    detail: dict[str, Value] = {"mode": review.mode} if review.held and review.mode else {}
    if review.held and (review.exception or review.mode in params.modes):
        by_exception: dict[str, Value] = {"exception": True} if review.exception else {}
        return Leaf("true", review.held, {"mode": "exception", **detail, **by_exception})
    return Leaf("false", review.held, {**detail, "short": 1}, params.modes)


class PlanParams(Params):
    """How many months the plan runs, and whether it has a goal for every practice not in place."""

    months: Annotated[int, Strict(), Field(ge=1)] | None = None
    cover_gaps: Annotated[bool, Strict()] = False


def _plan_said(result: Result, values: Mapping[str, Any]) -> str:
    if not values.get("adopted"):
        return "no improvement plan is adopted"
    said = f"an improvement plan of {values['planned']} months is adopted" if "planned" in values else ""
    said = said or "an improvement plan is adopted"
    wrong: list[str] = []
    if "months" in values and values.get("planned") != values["months"]:
        wrong.append(f"{values['months']} months are asked")
    if values.get("uncovered"):
        wrong.append(f"it has no goal for {listing(values['uncovered'])}")
    return f"{said}, but {' and '.join(wrong)}" if wrong else said


@criterion("plan_adopted", PlanParams, _plan_said)
def plan_adopted(facts: Facts, params: PlanParams) -> Leaf:
    """An improvement plan is adopted, of the length asked, covering the practices not in place if asked."""
    plan = facts.plan
    if not plan.adopted:
        return Leaf("false", missing=("plan_adopted",))
    uncovered = plan.uncovered if params.cover_gaps else ()
    unlike = params.months is not None and plan.months != params.months
    detail: dict[str, Value] = {"adopted": True}
    detail |= {} if plan.months is None else {"planned": plan.months}
    detail |= {"uncovered": uncovered} if uncovered else {}
    missing = (*((f"months:{params.months}",) if unlike else ()), *uncovered)
    if uncovered or (unlike and plan.months is not None):
        return Leaf("false", plan.adopted, detail, missing)
    return Leaf("unknown" if unlike else "true", plan.adopted, detail, missing)


@criterion(
    "statement_received",
    Params,
    spoken(
        "the signed Statement of Accuracy was received",
        "no valid signed Statement of Accuracy has been received",
    ),
)
def statement_received(facts: Facts, params: Params) -> Leaf:
    """The signed Statement of Accuracy came back to the affiliate and is valid."""
    return _happened(facts.statement, "statement_received")


class PracticesParams(Params):
    """Which practices, what share of them has to be in place, and how well at the least."""

    set: Code
    min_share: Percent
    min_quality: Quality = 1


def _practices_said(result: Result, values: Mapping[str, Any]) -> str:
    applicable, in_place = values["applicable"], values["in_place"]
    if not applicable:
        return "no practice of the set is applicable"
    at = f" at quality {values['min_quality']} or better" if values["min_quality"] > 1 else ""
    notes: list[str] = []
    for name, called in (
        ("not_applicable", "not applicable accepted"),
        ("not_in_place", "not in place"),
        ("not_verified", "not verified"),
        ("below_quality", "in place below that quality"),
        ("undetermined", "not yet determined"),
    ):
        if values.get(name):
            notes.append(f"{len(values[name])} {called}: {listing(values[name])}")
    if values["bulk"]:
        notes.append(f"{values['bulk']} confirmed together, {in_place - values['bulk']} with evidence seen")
    asked = "" if result == "true" else f"; {values['min_share']}% are asked"
    noted = f" ({'; '.join(notes)})" if notes else ""
    return f"{in_place} of {applicable} applicable practices are in place{at}{noted}{asked}"


def _meets(practice: Practice, least: int) -> bool:
    return practice.state == "in_practice" and (practice.quality or 1) >= least


@criterion("practices_in_place", PracticesParams, _practices_said)
def practices_in_place(facts: Facts, params: PracticesParams) -> Leaf:
    """At least the share asked of the applicable practices of a set is in place, each at the quality asked.

    Unknown while a practice is undetermined, unless the share is out of reach already; unknown when none applies.
    """
    items = {i: facts.practices.get(i, _UNDETERMINED) for i in facts.counting.get(params.set, ())}
    groups = {state: tuple(i for i, p in items.items() if p.state == state) for state in _GROUPS}
    met = tuple(i for i in groups["in_practice"] if _meets(items[i], params.min_quality))
    below = tuple(i for i in groups["in_practice"] if i not in met)
    applicable = len(items) - len(groups["not_applicable"])
    open_items = groups["undetermined"]
    failing = tuple(i for i in items if i not in met and i not in open_items and i not in groups["not_applicable"])
    detail: dict[str, Value] = {
        "applicable": applicable,
        "in_place": len(met),
        "bulk": sum(items[i].bulk for i in met),
    }
    lists = {_GROUPS[state]: groups[state] for state in _GROUPS if state != "in_practice"} | {"below_quality": below}
    detail |= {name: ids for name, ids in lists.items() if ids}
    versions = _united(*(p.versions for p in items.values()))
    if not applicable:
        return Leaf("unknown", versions, {**detail, "short": min(1, len(items))}, tuple(items))
    short = max(0, -(-params.min_share * applicable // 100) - len(met) - len(open_items))
    missing = (*open_items, *(failing if short else ()))
    if not missing:
        return Leaf("true", versions, detail)
    return Leaf("false" if short else "unknown", versions, {**detail, "short": short}, missing)


class ItemParams(Params):
    """Which practice, and how well at the least."""

    id: Code
    min_quality: Quality = 1


@criterion(
    "item_in_practice",
    ItemParams,
    spoken(
        "practice {id} is in place",
        "practice {id} is not in place as asked ({state})",
        "practice {id} is {state}",
    ),
)
def item_in_practice(facts: Facts, params: ItemParams) -> Leaf:
    """One practice is in place; unknown while it is undetermined or where it is accepted as not applicable."""
    practice = facts.practices.get(params.id, _UNDETERMINED)
    detail: dict[str, Value] = {"state": practice.state}
    if _meets(practice, params.min_quality):
        return Leaf("true", practice.versions, detail)
    unruled = practice.state in ("undetermined", "not_applicable")
    return Leaf("unknown" if unruled else "false", practice.versions, detail, (params.id,))


class ForParams(Params):
    """For how long."""

    period: Period


def _operating_said(result: Result, values: Mapping[str, Any]) -> str:
    if result == "unknown":
        return "the day on which the program began to operate is not known"
    period, since = words(values["period"]), values["since"]
    if result == "true":
        return f"the program has been in operation for at least {period}, since {since}"
    return f"the program has been in operation since {since}; it reaches {period} on {values['reached_on']}"


@criterion("operating_for", ForParams, _operating_said)
def operating_for(facts: Facts, params: ForParams) -> Leaf:
    """The program has been in operation for at least a period; unknown until its first day is."""
    since = facts.operating
    if since.day is None:
        return Leaf("unknown", since.versions, missing=("operating_since",))
    reached = add(since.day, params.period)
    detail: dict[str, Value] = {"since": since.day.isoformat(), "reached_on": reached.isoformat()}
    if reached <= facts.day:
        return Leaf("true", since.versions, detail)
    return Leaf("false", since.versions, detail, (reached.isoformat(),))


@criterion(
    "formal_program",
    Params,
    spoken(
        "it is a formal youth mentoring program",
        "it is not a formal youth mentoring program",
        "nobody has declared whether it is a formal youth mentoring program",
    ),
)
def formal_program(facts: Facts, params: Params) -> Leaf:
    """It is a formal youth mentoring program; unknown until somebody declared it."""
    declared = facts.formal_program
    if declared.value is None:
        return Leaf("unknown", declared.versions, missing=("formal_program",))
    return (
        Leaf("true", declared.versions) if declared.value else Leaf("false", declared.versions, {}, ("formal_program",))
    )


class FindingParams(Params):
    """What the evaluator has to find."""

    code: Code


@criterion(
    "evaluator_finding",
    FindingParams,
    spoken(
        "the evaluator found: {code}",
        "the evaluator did not find: {code}",
        "no evaluator has ruled on: {code}",
    ),
)
def evaluator_finding(facts: Facts, params: FindingParams) -> Leaf:
    """The affiliate's evaluator identified the program as such; unknown until an evaluator ruled on it."""
    if params.code not in facts.findings:
        return Leaf("unknown", missing=(params.code,))
    return _happened(facts.findings[params.code], params.code)


@criterion(
    "support_completed",
    Params,
    spoken("the affiliate's support is completed", "the affiliate's support is not completed"),
)
def support_completed(facts: Facts, params: Params) -> Leaf:
    """The affiliate's support of the program is completed."""
    return _happened(facts.support_completed, "support_completed")


@criterion(
    "other_requirements_met",
    Params,
    spoken(
        "all other requirements for membership were confirmed as completed",
        "the other requirements for membership were not confirmed as completed",
    ),
)
def other_requirements_met(facts: Facts, params: Params) -> Leaf:
    """The affiliate confirmed that all other requirements for membership are completed."""
    return _happened(facts.other_requirements, "other_requirements_met")


SEMANTICS: dict[int, Vocabulary] = {1: Vocabulary(words=_WORDS, combine=COMBINED)}
"""The vocabulary of each semantics ever used; an entry is never changed once a decision rests on it."""
