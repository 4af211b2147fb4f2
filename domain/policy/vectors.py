"""The made-up programs that a policy carries as examples, and whether they come out as it promises."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

from domain.policy.criteria import PracticesParams
from domain.policy.evaluate import evaluate
from domain.policy.facts import Declared, Facts, Noted, Plan, Practice, Review, Since, Versions
from domain.policy.model import Policy, Sample, SamplePractices


class Asked(Protocol):
    """One item of an instrument, as far as a policy is concerned."""

    @property
    def id(self) -> str:
        """The item's id, such as ``A1``."""
        ...


class Questionnaire(Protocol):
    """An instrument, as far as a policy is concerned."""

    @cached_property
    def items(self) -> Sequence[Asked]:
        """All items."""
        ...

    def counting(self, set_name: str) -> Sequence[Asked]:
        """The items of a set that count toward practice."""
        ...


Instruments = Mapping[tuple[str, str], Questionnaire]
"""The published instruments by family and version."""


def run_vectors(policy: Policy, instrument: Questionnaire) -> list[str]:
    """What the policy's own examples say against it: the tiers that came out otherwise than they promise."""
    faults: list[str] = []
    for i, vector in enumerate(policy.vectors):
        evaluation = evaluate(policy, facts_of(vector.facts, policy, instrument))
        held = [t.tier for t in evaluation.tiers if t.result == "true"]
        if set(held) != set(vector.holds):
            expected, found = ", ".join(vector.holds) or "no tier", ", ".join(held) or "no tier"
            faults.append(f"vectors[{i}] ({vector.name}): should meet {expected}, but meets {found}")
    return faults


def facts_of(sample: Sample, policy: Policy, instrument: Questionnaire) -> Facts:
    """The facts of a made-up program, all resting on version 1 of a stream that there is not."""
    ids = [item.id for item in instrument.items]
    sets = {
        asked.params.set
        for tier in policy.tiers
        for _, asked in tier.when.walk()
        if isinstance(asked.params, PracticesParams)
    }
    planned = sample.plan_months
    return Facts(
        day=sample.day,
        gates={gate: _noted(True) for gate in sample.gates},
        application=_noted(sample.application),
        formal_program=Declared(sample.formal_program, _once(sample.formal_program is not None)),
        operating=Since(sample.operating_since, _once(sample.operating_since is not None)),
        started=_noted(sample.started or sample.submitted),
        submitted=_noted(sample.submitted),
        review=Review(mode=sample.review, held=_once(sample.review is not None)),
        plan=Plan(None if isinstance(planned, bool) else planned, _once(bool(planned)), sample.uncovered),
        statement=_noted(sample.statement),
        practices={item_id: _practice(sample.practices, item_id) for item_id in ids},
        counting={name: tuple(item.id for item in instrument.counting(name)) for name in sorted(sets)},
        findings={code: _noted(found) for code, found in sample.findings.items()},
        support_completed=_noted(sample.support_completed),
        other_requirements=_noted(sample.other_requirements),
    )


def _practice(practices: SamplePractices, item_id: str) -> Practice:
    state = practices.but.get(item_id, practices.rest)
    return Practice(state, practices.quality if state == "in_practice" else None, _once(True))


def _once(happened: bool) -> Versions:
    return (1,) if happened else ()


def _noted(happened: bool) -> Noted:
    return Noted(_once(happened))
