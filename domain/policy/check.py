"""Whether a policy can be lived by: everything in it that no act could satisfy, and its test vectors."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from domain.policy.criteria import (
    FindingParams,
    GateParams,
    ItemParams,
    PlanParams,
    PracticesParams,
    ReviewParams,
    StateParams,
)
from domain.policy.model import Gate, Policy
from domain.policy.tree import Criterion, TierParams
from domain.policy.vectors import Instruments, Questionnaire, run_vectors
from domain.term import add, known_zone

FEWEST_RENEWAL_MONTHS = "P12M"
"""A renewal may begin at least so long before the end, because the process takes six to nine months."""


def check(policy: Policy, instruments: Instruments) -> list[str]:
    """Every fault at once, each in a sentence with its place; empty means fit to publish."""
    ref = (policy.instrument.family, policy.instrument.version)
    instrument = instruments.get(ref)
    faults = [fault for some in _CHECKS for fault in some(policy)]
    if instrument is None:
        known = ", ".join(f"{family} {version}" for family, version in sorted(instruments)) or "none"
        faults.append(f"instrument: {ref[0]} {ref[1]} is not published; published are {known}")
    for i, tier in enumerate(policy.tiers):
        for place, asked in tier.when.walk(f"tiers[{i}].when"):
            faults += [f"{place}: {fault}" for fault in _unsatisfiable(_World(policy, instrument), asked)]
    if not faults and instrument is not None:
        faults = run_vectors(policy, instrument)
    return faults


@dataclass(frozen=True)
class _World:
    policy: Policy
    instrument: Questionnaire | None


Meets = Callable[[_World, Any], Iterator[str]]
_MEETABLE: dict[str, Meets] = {}


def meetable(name: str) -> Callable[[Meets], Meets]:
    """Add what a policy must have for a criterion to be satisfiable by some act."""

    def remember(needs: Meets) -> Meets:
        _MEETABLE[name] = needs
        return needs

    return remember


def _unsatisfiable(world: _World, asked: Criterion) -> Iterator[str]:
    needs = _MEETABLE.get(asked.name)
    if needs:
        yield from needs(world, asked.params)


@meetable("tier")
def _tier(world: _World, params: TierParams) -> Iterator[str]:
    if world.policy.tier(params.tier) is None:
        yield f"no tier is called {params.tier!r}; the policy has {_codes(world.policy)}"


@meetable("application_accepted")
def _application(world: _World, params: object) -> Iterator[str]:
    if world.policy.entry is None:
        yield "application_accepted can never come true: the policy has no entry by application"


@meetable("gate")
def _gate(world: _World, params: GateParams) -> Iterator[str]:
    gates = {g.code for _, g in _gates(world.policy)}
    if params.name not in gates:
        yield f"the gate {params.name} can never be passed: it is none of the policy's gates"


@meetable("review_held")
def _review(world: _World, params: ReviewParams) -> Iterator[str]:
    for mode in params.modes:
        if mode not in world.policy.review.modes:
            yield f"a review {mode} can never be held: the policy's modes are {', '.join(world.policy.review.modes)}"


@meetable("plan_adopted")
def _plan(world: _World, params: PlanParams) -> Iterator[str]:
    plan = world.policy.plan
    if plan is None:
        yield "plan_adopted can never come true: the policy has no plan"
    elif params.months is not None and plan.months not in (None, params.months):
        yield f"a plan of {params.months} months can never be adopted: the policy's plan has {plan.months}"


@meetable("self_assessment_state")
def _state(world: _World, params: StateParams) -> Iterator[str]:
    if params.states == ("working_to_standards",) and world.policy.plan is None:
        yield "working_to_standards can never come true: the policy has no plan"


@meetable("statement_received")
def _statement(world: _World, params: object) -> Iterator[str]:
    if world.policy.statement is None:
        yield "statement_received can never come true: the policy has no statement"


@meetable("evaluator_finding")
def _finding(world: _World, params: FindingParams) -> Iterator[str]:
    known = world.policy.evaluator_findings
    if params.code not in known:
        yield f"no evaluator finds {params.code!r}; evaluator_findings are {', '.join(known) or 'none'}"


@meetable("practices_in_place")
def _practices(world: _World, params: PracticesParams) -> Iterator[str]:
    if world.instrument is not None and not world.instrument.counting(params.set):
        yield f"the instrument has no counting items in a set {params.set!r}"


@meetable("item_in_practice")
def _item(world: _World, params: ItemParams) -> Iterator[str]:
    if world.instrument is not None and all(item.id != params.id for item in world.instrument.items):
        yield f"the instrument has no item {params.id!r}"


def _codes(policy: Policy) -> str:
    return ", ".join(tier.code for tier in policy.tiers)


def _gates(policy: Policy) -> Iterator[tuple[str, Gate]]:
    for i, gate in enumerate(policy.gates):
        yield f"gates[{i}]", gate
    for n, cycle in enumerate(policy.cycles):
        for i, gate in enumerate(cycle.gates or ()):
            yield f"cycles[{n}].gates[{i}]", gate


def _zone(policy: Policy) -> Iterator[str]:
    if not known_zone(policy.timezone):
        yield f"timezone: no time zone is called {policy.timezone!r}"


def _cycles(policy: Policy) -> Iterator[str]:
    if not policy.cycles:
        yield "cycles: the policy allows no kind of cycle"
    for kind, times in Counter(c.kind for c in policy.cycles).items():
        if times > 1:
            yield f"cycles: {kind} is named {times} times"
    for i, cycle in enumerate(policy.cycles):
        if not policy.gates_for(cycle.kind):
            yield f"cycles[{i}]: {cycle.kind} has no gates of its own, so nothing says what comes before access"
        if cycle.kind == "renewal" and policy.renewal is None:
            yield f"cycles[{i}]: renewal is allowed, but the policy has no renewal section"
        if cycle.kind == "advancement" and not policy.advancement.allowed:
            yield f"cycles[{i}]: advancement is a kind of cycle, but the policy allows no advancement"


def _gate_lists(policy: Policy) -> Iterator[str]:
    for place, gate in _gates(policy):
        if gate.required_parties and gate.code != "mou_executed":
            yield f"{place}: {gate.code} has no parties; only mou_executed is signed by parties"
    lists = {"gates": policy.gates, **{f"cycles[{n}].gates": c.gates or () for n, c in enumerate(policy.cycles)}}
    for place, gates in lists.items():
        for gate, times in Counter(g.code for g in gates).items():
            if times > 1:
                yield f"{place}: {gate} is named {times} times"


def _tier_names(policy: Policy) -> Iterator[str]:
    for name in ("code", "rank"):
        for value, times in Counter(getattr(tier, name) for tier in policy.tiers).items():
            if times > 1:
                yield f"tiers: {times} tiers have the {name} {value}"
    if policy.entry is not None and policy.tier(policy.entry.level) is None:
        yield f"entry.level: no tier is called {policy.entry.level!r}; the policy has {_codes(policy)}"
    for i, tier in enumerate(policy.tiers):
        if tier.hold and tier.hold.on_lapse is not None and policy.tier(tier.hold.on_lapse) in (None, tier):
            yield f"tiers[{i}].hold.on_lapse: no other tier is called {tier.hold.on_lapse!r}"


def _tier_moments(policy: Policy) -> Iterator[str]:
    for i, tier in enumerate(policy.tiers):
        if tier.transitional and tier.granted_at == "cycle_end":
            yield f"tiers[{i}].granted_at: {tier.code} is transitional, but granted only when the cycle ends"
        if tier.granted_at == "application" and policy.entry is None:
            yield f"tiers[{i}].granted_at: {tier.code} is granted on application, but the policy has no entry"


def _circles(policy: Policy) -> Iterator[str]:
    below = {tier.code: tier.when.tiers() for tier in policy.tiers}
    for i, tier in enumerate(policy.tiers):
        seen: set[str] = set()
        ahead = list(below[tier.code])
        while ahead:
            code = ahead.pop()
            if code not in seen:
                seen.add(code)
                ahead += below.get(code, ())
        if tier.code in seen:
            yield f"tiers[{i}].when: {tier.code} refers to itself through its tiers"


def _days(policy: Policy) -> Iterator[str]:
    if policy.term.reinstate_on != "decision":
        yield (
            f"term.reinstate_on: {policy.term.reinstate_on} is not carried out here; a status that ended comes back by a "
            "decision alone, so it has to be decision"
        )
    if policy.term.starts == "statement_received_on" and policy.statement is None:
        yield "term.starts: statement_received_on never comes, because the policy has no statement"
    if policy.renewal is not None:
        opens, length = policy.renewal.opens_before, policy.term.length
        if _longer(FEWEST_RENEWAL_MONTHS, opens):
            yield f"renewal.opens_before: {opens} is too short; the process takes 6 to 9 months, so at least P12M"
        if length is not None and _longer(opens, length):
            yield f"renewal.opens_before: {opens} is longer than the term of {length}"
    window = policy.term.reassessment
    if window is not None and _longer(window.opens, window.due):
        yield f"term.reassessment: it opens after {window.opens}, later than it is due, {window.due}"


def _longer(one: str, other: str) -> bool:
    start = date(2023, 3, 1)
    return add(start, one) > add(start, other)


def _benefits(policy: Policy) -> Iterator[str]:
    ranks = {0, *(tier.rank for tier in policy.tiers)}
    for rank, benefits in policy.benefits.items():
        if rank not in ranks:
            yield f"benefits.{rank}: no tier has the rank {rank}"
        for i, benefit in enumerate(benefits):
            if benefit.per is not None and benefit.count is None:
                yield f"benefits.{rank}[{i}]: {benefit.code} says per {benefit.per}, but not how many"
    for code, times in Counter(b.code for some in policy.benefits.values() for b in some).items():
        if times > 1:
            yield f"benefits: {code} is named {times} times"


def _vector_tiers(policy: Policy) -> Iterator[str]:
    for i, vector in enumerate(policy.vectors):
        for code in vector.holds:
            if policy.tier(code) is None:
                yield f"vectors[{i}].holds: no tier is called {code!r}; the policy has {_codes(policy)}"


_CHECKS: tuple[Callable[[Policy], Iterator[str]], ...] = (
    _zone,
    _gate_lists,
    _cycles,
    _tier_names,
    _tier_moments,
    _circles,
    _days,
    _benefits,
    _vector_tiers,
)
