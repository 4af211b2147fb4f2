"""From a policy and the facts to a proof: every tier with every criterion, whether it holds, and on what it rests."""

from collections.abc import Callable
from datetime import date
from itertools import product
from typing import Any, Literal

import msgspec

from domain.policy.criteria import SEMANTICS
from domain.policy.facts import Facts, Versions
from domain.policy.model import MOMENTS, Moment, Policy
from domain.policy.tree import Criterion, TierParams
from domain.policy.vocabulary import Leaf, Result, Value, Vocabulary
from domain.values import Code, canonical


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One criterion of the proof, or a combination of criteria, or a reference to another tier's result."""

    criterion: Code
    params: dict[Code, Value] = {}
    result: Result
    versions: Versions = ()
    """Versions of the program's stream that the criterion rests on; those of a combination are its children's."""
    detail: dict[Code, Value] = {}
    missing: tuple[Code, ...] = ()
    """What would make it true; where only some of it is needed, ``detail`` says how many under ``short``."""
    basis: Code
    children: tuple["Node", ...] = ()


class TierResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whether a program meets one tier, with the proof."""

    tier: Code
    rank: int
    result: Result
    node: Node


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything a policy says about a program on one day."""

    semantics: int
    day: date
    moment: Moment
    tiers: tuple[TierResult, ...]
    computed: Code | None = None
    """The highest tier that is met and may be granted at that moment."""

    def of(self, tier: str) -> TierResult:
        """The result for a tier; ``KeyError`` if the policy has none of that code."""
        found = next((t for t in self.tiers if t.tier == tier), None)
        if found is None:
            raise KeyError(tier)
        return found


class Gap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One criterion that stands between a program and a tier."""

    tier: Code
    """The tier whose criterion it is: the one asked about, or one that it refers to."""
    criterion: Code
    params: dict[Code, Value] = {}
    result: Result
    missing: tuple[Code, ...] = ()
    need: int = 0
    """How many of ``missing`` are enough."""
    undo: bool = False
    """The criterion is there and must not be."""
    basis: Code


def evaluate(policy: Policy, facts: Facts, moment: Moment = "cycle_end") -> Evaluation:
    """The whole proof for every tier; a tier granted earlier in the process may still be met at its end.

    Raises ``ValueError`` for a policy that ``check`` refuses: tiers that refer to each other in a circle, or to none.
    """
    results = _Judge(policy, facts).results()
    open_now = MOMENTS[: MOMENTS.index(moment) + 1]
    met = [t for t in policy.tiers if results[t.code].result == "true" and t.granted_at in open_now]
    best = max(met, key=lambda t: t.rank, default=None)
    return Evaluation(
        semantics=policy.semantics,
        day=facts.day,
        moment=moment,
        tiers=tuple(results[t.code] for t in sorted(policy.tiers, key=lambda t: t.rank)),
        computed=best.code if best else None,
    )


class _Judge:
    """Judges the tiers of one policy on one program's facts, each once."""

    def __init__(self, policy: Policy, facts: Facts) -> None:
        self.policy, self.facts = policy, facts
        self.vocabulary: Vocabulary = SEMANTICS[policy.semantics]
        self._done: dict[str, TierResult | None] = {}

    def results(self) -> dict[str, TierResult]:
        """The result for every tier by code."""
        return {t.code: self._tier(t.code) for t in self.policy.tiers}

    def _tier(self, code: str) -> TierResult:
        if code in self._done:
            done = self._done[code]
            if done is None:
                raise ValueError(f"the tier {code} refers to itself")
            return done
        tier = self.policy.tier(code)
        if tier is None:
            raise ValueError(f"no tier is called {code}")
        self._done[code] = None
        node = self._node(tier.when, tier.basis)
        result = self._done[code] = TierResult(tier=code, rank=tier.rank, result=node.result, node=node)
        return result

    def _node(self, asked: Criterion, basis: str) -> Node:
        basis = asked.basis or basis
        children = tuple(self._node(one, basis) for one in asked.of)
        leaf = self._leaf(asked, children)
        return Node(
            criterion=asked.name,
            params=asked.params.values(),
            result=leaf.result,
            versions=leaf.versions,
            detail=leaf.detail,
            missing=leaf.missing,
            basis=basis,
            children=children,
        )

    def _leaf(self, asked: Criterion, children: tuple[Node, ...]) -> Leaf:
        if isinstance(asked.params, TierParams):
            return Leaf(self._tier(asked.params.tier).result)
        combine = self.vocabulary.combine.get(asked.name)
        if combine:
            return Leaf(combine([child.result for child in children]))
        return self.vocabulary.words[asked.name].judge(self.facts, asked.params)


def why(node: Node, semantics: int = 1) -> str:
    """What a criterion found, in plain words for people."""
    say = _COMBINED_SAID.get(node.criterion)
    if say:
        return say(node)
    return SEMANTICS[semantics].words[node.criterion].says(node.result, {**node.params, **node.detail})


def basis_words(basis: str) -> str:
    """Where a rule comes from, in words: ``seed/S3:35+inferred`` is "seed S3:35; inferred"."""
    return "; ".join(one.replace("seed/", "seed ").replace("public/", "public: ") for one in basis.split("+"))


_ENDING: dict[Result, str] = {"true": "met", "false": "not met", "unknown": "not known to be met"}


def _counted(node: Node) -> str:
    held = sum(child.result == "true" for child in node.children)
    asked = "all are" if node.criterion == "all" else "one is"
    return f"{held} of {len(node.children)} requirements are met, {asked} asked"


def _not_said(node: Node) -> str:
    return f"the opposite is asked of: {why(node.children[0])}"


def _tier_said(node: Node) -> str:
    return f"the requirements of {node.params['tier']} are {_ENDING[node.result]}"


_COMBINED_SAID: dict[str, Callable[[Node], str]] = {
    "all": _counted,
    "any": _counted,
    "not": _not_said,
    "tier": _tier_said,
}

Way = dict[bytes, Gap]
"""One way to the tier: everything that has to change, by what it is."""
MOST_WAYS = 64
"""So many ways are weighed at the most; the smaller ones are kept."""


def gaps(evaluation: Evaluation, tier: str) -> tuple[Gap, ...]:
    """The least that stands between a program and a tier, through the tiers it refers to and without repeats.

    Where there are several ways, the smallest: fewest acts and practices. Empty if the tier is met.
    """
    ways = _Ways(evaluation).to(evaluation.of(tier).node, tier, "true")
    return tuple(ways[0].values())


class _Ways:
    """Finds the ways in which a node of the proof could come out as wanted."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation

    def to(self, node: Node, tier: str, want: Literal["true", "false"]) -> list[Way]:
        """The ways to make the node come out as wanted, smallest first, never empty."""
        if node.result == want:
            return [{}]
        if node.criterion == "tier":
            other = str(node.params["tier"])
            return self.to(self.evaluation.of(other).node, other, want)
        if node.criterion == "not":
            return self.to(node.children[0], tier, "false" if want == "true" else "true")
        if not node.children:
            return [{_key(gap): gap for gap in _gaps_of(node, tier, want)}]
        below = [self.to(child, tier, want) for child in node.children]
        if (node.criterion == "all") == (want == "true"):
            together: list[Way] = [{}]
            for ways in below:
                together = _smallest([{**a, **b} for a, b in product(together, ways)])
            return together
        return _smallest([way for ways in below for way in ways])


def _gaps_of(node: Node, tier: str, want: str) -> list[Gap]:
    """A criterion's gap; practices nobody ruled on and practices to be put in place are two."""

    def gap(**given: Any) -> Gap:
        return Gap(
            tier=tier,
            criterion=node.criterion,
            params=node.params,
            result=node.result,
            basis=node.basis,
            **given,
        )

    if want == "false":
        return [gap(undo=True)]
    undetermined = node.detail.get("undetermined", ())
    unruled = undetermined if isinstance(undetermined, tuple) else ()
    others = tuple(m for m in node.missing if m not in unruled)
    found = [gap(missing=unruled, need=len(unruled))] if unruled else []
    if others or not unruled:
        short = node.detail.get("short", len(others))
        found.append(gap(missing=others, need=short))
    return found


def _key(gap: Gap) -> bytes:
    return canonical((gap.criterion, gap.params, gap.missing, gap.undo))


def _size(way: Way) -> int:
    """How much has to be done; what several criteria miss is done once, so the narrowest choose first."""
    done: set[str] = set()
    for gap in sorted(way.values(), key=lambda g: (g.need < len(g.missing), len(g.missing))):
        left = gap.need - len(done.intersection(gap.missing))
        done.update([one for one in gap.missing if one not in done][: max(0, left)])
    return len(done) + sum(gap.undo for gap in way.values())


def _smallest(ways: list[Way]) -> list[Way]:
    kept: list[Way] = []
    for way in sorted(ways, key=_size):
        if not any(other.keys() <= way.keys() for other in kept):
            kept.append(way)
    return kept[:MOST_WAYS]
