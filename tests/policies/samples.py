"""What the policy tests work with: the library, an instrument of a few items, made-up policies and programs."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec
import yaml

from domain.instrument.model import Instrument
from domain.policy import Facts, Gap, Instruments, Policy, flatten, load
from domain.policy.facts import Declared, Noted, Plan, Practice, Review, Since
from domain.policy.model import Sample
from domain.policy.vectors import facts_of

DOMAIN = Path(__file__).parents[2] / "domain"
DAY = date(2026, 3, 4)


@dataclass(frozen=True)
class Thing:
    """An item that is nothing but an id."""

    id: str


@dataclass(frozen=True)
class Few:
    """An instrument of six items, of which one counts for nothing and two are designated."""

    ids: tuple[str, ...] = ("A1", "A2", "B3", "B4", "C5", "C6")

    @cached_property
    def items(self) -> tuple[Thing, ...]:
        """All six."""
        return tuple(map(Thing, self.ids))

    def counting(self, set_name: str) -> tuple[Thing, ...]:
        """Two sets: all that count, and the designated ones."""
        sets = {"all_counting": self.ids[:-1], "designated": self.ids[1:3]}
        return tuple(map(Thing, sets.get(set_name, ())))


FEW = Few()
FEWS: Instruments = {("FEW", "1"): FEW}


@cache
def documents() -> dict[str, dict[str, Any]]:
    """The library's documents as written, by name and version."""
    paths = sorted((DOMAIN / "policy" / "library").glob("*.yaml"))
    docs = {path.stem: yaml.safe_load(path.read_text()) for path in paths}
    assert all(stem == f"{doc['policy']}-{doc['version']}" for stem, doc in docs.items())
    return {f"{doc['policy']}@{doc['version']}": doc for doc in docs.values()}


@cache
def flat(ref: str) -> dict[str, Any]:
    """A document of the library written out in full."""
    return flatten(documents()[ref], documents())


@cache
def published(ref: str) -> Policy:
    """A policy of the library."""
    return load(flat(ref))


REFS = tuple(documents())


@cache
def instruments() -> Instruments:
    """The library's instruments."""
    found: dict[tuple[str, str], Instrument] = {}
    for path in (DOMAIN / "instrument" / "library").glob("*.yaml"):
        instrument = Instrument.model_validate(yaml.load(path.read_text(), yaml.CSafeLoader))
        found[instrument.family, instrument.version] = instrument
    return found


def program(policy: Policy, **sample: Any) -> Facts:
    """A made-up program under a policy of the library."""
    instrument = instruments()[policy.instrument.family, policy.instrument.version]
    return facts_of(Sample(**{"day": DAY, **sample}), policy, instrument)


DEDICATED: dict[str, Any] = {"submitted": True, "review": "onsite", "plan_months": 12, "statement": True}
"""What makes a Dedicated Partner."""


def policy_doc(**changes: Any) -> dict[str, Any]:
    """A small sound policy with one tier; ``changes`` replace its parts."""
    gate = {"code": "listing_approved", "basis": "proposal"}
    doc: dict[str, Any] = {
        "policy": "TEST",
        "version": "1",
        "semantics": 1,
        "affiliate": "zz",
        "timezone": "America/Chicago",
        "title": "A policy for tests",
        "instrument": {"family": "FEW", "version": "1", "basis": "proposal"},
        "entry": {"by": "application", "level": "first", "basis": "proposal"},
        "gates": [gate],
        "cycles": [
            {"kind": "initial", "basis": "proposal"},
            {"kind": "renewal", "basis": "proposal", "gates": [gate]},
        ],
        "review": {"modes": ["onsite", "remote"], "reply_days": 0, "basis": "proposal"},
        "plan": {"form": "work_plan", "months": None, "cover_gaps": False, "issued_by": "both", "basis": "proposal"},
        "statement": {"signatory_roles": ["head_of_program"], "template": "sample-1", "basis": "proposal"},
        "evaluator_findings": ["identified", "under_inquiry"],
        "tiers": [tier_doc("first", 1, {"all": ["assessment_submitted"]})],
        "term": {"length": "P3Y", "starts": "decision_day", "reinstate_on": "decision", "basis": "proposal"},
        "advancement": {"allowed": True, "term": "keep", "basis": "proposal"},
        "renewal": {"opens_before": "P12M", "anchor": "new_start", "basis": "proposal"},
        "extension": None,
        "adverse": None,
        "deferral": {"max_times": 2, "max_period": "P90D", "basis": "proposal"},
        "surveillance": {"annual_check_in": False, "change_report_within": None, "basis": "proposal"},
        "benefits": {},
    }
    return {**doc, **changes}


def tier_doc(code: str, rank: int, when: Any, **changes: Any) -> dict[str, Any]:
    """A tier with the criteria given."""
    base: dict[str, Any] = {"code": code, "rank": rank, "label": code, "listing": "listed", "assessed": True}
    words = {"meaning": "It means something.", "not_a_claim": "It does not mean everything."}
    return {**base, **words, "basis": "proposal", "when": when, **changes}


def asking(when: Any, **changes: Any) -> Policy:
    """A policy with one tier that asks just this."""
    return load(policy_doc(tiers=[tier_doc("first", 1, when)], **changes))


LEAVES: tuple[Any, ...] = (
    "assessment_submitted",
    "application_accepted",
    {"gate": "listing_approved"},
    {"self_assessment_state": ["started", "submitted", "working_to_standards"]},
    {"self_assessment_state": ["submitted", "working_to_standards"]},
    {"review_held": ["onsite"]},
    {"review_held": ["onsite", "remote"]},
    {"plan_adopted": {"months": 12}},
    "plan_adopted",
    "statement_received",
    {"practices_in_place": {"set": "all_counting", "min_share": 100}},
    {"practices_in_place": {"set": "all_counting", "min_share": 60, "min_quality": 2}},
    {"practices_in_place": {"set": "designated", "min_share": 100, "min_quality": 3}},
    {"item_in_practice": "C5"},
    {"operating_for": "P1Y"},
    "formal_program",
    {"evaluator_finding": "identified"},
    "support_completed",
    "other_requirements_met",
    {"not": {"evaluator_finding": "under_inquiry"}},
)
"""One criterion of each kind, each of which can be brought about without undoing another."""


def tree(draw: random.Random, depth: int) -> Any:
    """A random tree of criteria."""
    if depth == 0 or draw.random() < 0.35:
        return draw.choice(LEAVES)
    name = draw.choice(("all", "all", "any"))
    return {name: [tree(draw, depth - 1) for _ in range(draw.randint(1, 3))]}


def variant(seed: int) -> dict[str, Any]:
    """A made-up policy that nobody wrote: one to four tiers, each after the first perhaps building on the last."""
    draw = random.Random(seed)
    tiers: list[dict[str, Any]] = []
    for rank in range(1, draw.randint(1, 4) + 1):
        when = tree(draw, 2)
        if tiers and draw.random() < 0.7:
            when = {"all": [{"tier": tiers[-1]["code"]}, when]}
        tiers.append(tier_doc("first" if rank == 1 else f"tier_{rank}", rank, when))
    benefits = {t["rank"]: [{"code": f"b{t['rank']}", "says": "A benefit", "basis": "proposal"}] for t in tiers}
    return policy_doc(policy=f"SYN-{seed}", tiers=tiers, benefits=benefits)


NA_ALLOWED = ("A1", "B4")
STATES = ("in_practice", "not_in_practice", "not_applicable", "not_verified", "undetermined")


def some_program(seed: int) -> Facts:
    """A made-up program, anywhere in the process; versions tell its facts apart."""
    draw = random.Random(seed)

    def noted(version: int) -> Noted:
        return Noted((version,)) if draw.random() < 0.5 else Noted()

    def practice(version: int, item_id: str) -> Practice:
        state = draw.choice(("in_practice", "in_practice", *STATES))
        state = "not_verified" if state == "not_applicable" and item_id not in NA_ALLOWED else state
        return Practice(state, draw.randint(1, 5) if state == "in_practice" else None, (version,), draw.random() < 0.5)

    submitted = noted(5)
    formal = draw.choice((True, False, None))
    since = draw.choice((date(2001, 9, 1), date(2025, 12, 1), None))
    return Facts(
        day=DAY,
        gates={"listing_approved": noted(1)},
        application=noted(2),
        formal_program=Declared(formal, () if formal is None else (2,)),
        operating=Since(since, () if since is None else (2,)),
        started=Noted((4,)) if submitted else noted(4),
        submitted=submitted,
        review=Review(mode=draw.choice(("onsite", "remote", "desk")), held=noted(6).versions),
        plan=Plan(draw.choice((None, 6, 12)), noted(7).versions),
        statement=noted(8),
        practices={item_id: practice(20 + i, item_id) for i, item_id in enumerate(FEW.ids) if draw.random() < 0.9},
        counting={name: tuple(t.id for t in FEW.counting(name)) for name in ("all_counting", "designated")},
        findings={code: noted(9) for code in ("identified", "under_inquiry") if draw.random() < 0.7},
        support_completed=noted(10),
        other_requirements=noted(11),
    )


def atoms(found: tuple[Gap, ...]) -> list[tuple[Gap, str]]:
    """What to do one by one to close all gaps, each thing once even where several criteria miss it."""
    doing: dict[str, Gap] = {}
    for gap in sorted(found, key=lambda g: (g.need < len(g.missing), len(g.missing))):
        left = gap.need - sum(one in doing for one in gap.missing)
        for one in gap.missing or (f"undo {gap.params}",):
            if one not in doing and (left > 0 or gap.undo):
                doing[one] = gap
                left -= 1
    return [(gap, one) for one, gap in doing.items()]


def mend(facts: Facts, gap: Gap, one: str) -> Facts:
    """The facts after one act: what ``gap`` misses under the name ``one`` is done."""
    return msgspec.structs.replace(facts, **_MENDING[gap.criterion](facts, gap, one))


def _in_place(facts: Facts, gap: Gap, one: str) -> dict[str, Any]:
    return {"practices": {**facts.practices, one: Practice("in_practice", 5, (99,))}}


def _found(facts: Facts, gap: Gap, one: str) -> dict[str, Any]:
    code = str(gap.params["code"])
    return {"findings": {**facts.findings, code: Noted() if gap.undo else Noted((99,))}}


def _state(facts: Facts, gap: Gap, one: str) -> dict[str, Any]:
    return {"started": Noted((98,)), **({"submitted": Noted((99,))} if one == "submitted" else {})}


_MENDING: Mapping[str, Any] = {
    "application_accepted": lambda f, g, one: {"application": Noted((99,))},
    "gate": lambda f, g, one: {"gates": {**f.gates, one: Noted((99,))}},
    "assessment_submitted": lambda f, g, one: {"started": Noted((98,)), "submitted": Noted((99,))},
    "self_assessment_state": _state,
    "review_held": lambda f, g, one: {"review": Review(one, held=(99,))},
    "plan_adopted": lambda f, g, one: {"plan": Plan(12, (99,))},
    "statement_received": lambda f, g, one: {"statement": Noted((99,))},
    "practices_in_place": _in_place,
    "item_in_practice": _in_place,
    "operating_for": lambda f, g, one: {"operating": Since(date(1990, 1, 1), (99,))},
    "formal_program": lambda f, g, one: {"formal_program": Declared(True, (99,))},
    "evaluator_finding": _found,
    "support_completed": lambda f, g, one: {"support_completed": Noted((99,))},
    "other_requirements_met": lambda f, g, one: {"other_requirements": Noted((99,))},
}


def blank() -> Facts:
    """A program that has done nothing yet."""
    counting = {name: tuple(t.id for t in FEW.counting(name)) for name in ("all_counting", "designated")}
    return Facts(day=DAY, counting=counting)


def complete() -> Facts:
    """A program that has done everything there is, each fact on a version of its own."""
    return msgspec.structs.replace(
        blank(),
        gates={"listing_approved": Noted((1,))},
        application=Noted((2,)),
        formal_program=Declared(True, (3,)),
        operating=Since(date(2001, 9, 1), (4,)),
        started=Noted((5,)),
        submitted=Noted((6,)),
        review=Review("onsite", held=(7,), completed=(9,)),
        plan=Plan(12, (8,)),
        statement=Noted((10,)),
        practices={item_id: Practice("in_practice", 3, (20 + i,)) for i, item_id in enumerate(FEW.ids)},
        findings={"identified": Noted((11,))},
        support_completed=Noted((12,)),
        other_requirements=Noted((13,)),
    )


def standing(states: Mapping[str, Practice]) -> Facts:
    """A program with these practices, the rest of the instrument not in practice."""
    rest = dict.fromkeys(FEW.ids, Practice("not_in_practice", None, (20,)))
    return msgspec.structs.replace(blank(), practices={**rest, **states})
