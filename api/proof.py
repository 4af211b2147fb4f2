"""Proof: an evaluation told in full, every criterion with the events that it rests on. The answer stands in explain.py."""

from collections.abc import Iterator
from datetime import date, datetime
from operator import itemgetter
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from api.problems import Problem
from domain.carrying import AssessmentCarriedForward
from domain.decision import TierDecisionDeferred, TierDenied
from domain.evidence import TierEligibilityEvaluated, gather
from domain.grant import TierGranted
from domain.instrument.model import Instrument
from domain.language import ROLE_WORDS
from domain.policy.evaluate import Evaluation, Gap, Node, basis_words, gaps, why
from domain.policy.model import Policy
from domain.program import Cycle, Program
from domain.values import Fact
from infra.ledger import Ledger

Decision = TierGranted | TierDenied | TierDecisionDeferred
"""The decisions that rest on an evaluation of the evidence."""
About = Literal[
    "granted", "denied", "deferred", "imported", "missing", "undecided",
    "suspended", "reduced", "revoked", "relinquished", "closed", "extended", "expired",
]  # fmt: skip


class Part(Fact):
    """A part of an explanation."""


class Cited(Part):
    """An event that something rests on."""

    version: int
    position: int
    type: str
    day: date
    """The day of the act where it has one, else the day recorded, in the scheme's zone."""
    recorded_at: datetime
    actor_role: str
    sentence: str


class Ruled(Part):
    """One practice as the review left it, with the events that say so."""

    item_id: str
    wording: str
    state: str
    quality: int | None = None
    confirmed: Literal["together", "singly", "undetermined"]
    carried: Literal["rating", "determination"] | None = None
    """What stands as an earlier cycle left it: the rating alone, or the rating and what the reviewer found."""
    events: tuple[int, ...]


class Proof(Part):
    """One criterion with its result, where the rule comes from, and the events that it rests on."""

    criterion: str
    says: str
    result: str
    basis: str
    params: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    missing: tuple[str, ...] = ()
    events: tuple[Cited, ...] = ()
    practices: tuple[Ruled, ...] = ()
    children: tuple["Proof", ...] = ()


class TierProof(Part):
    """What the rules say about one tier."""

    tier: str
    label: str
    result: str
    proof: Proof


class Missing(Part):
    """One thing that stands between the program and a tier."""

    tier: str
    criterion: str
    says: str
    items: dict[str, str] = {}
    """The practices concerned, with their wording."""
    need: int = 0
    basis: str


class GatePassed(Part):
    """A gate before access: met, or waived on a ground by somebody (M7)."""

    gate: str
    waived: bool = False
    ground: str | None = None
    approver: str | None = None
    explanation: str | None = None
    events: tuple[Cited, ...] = ()


class Decided(Part):
    """The decision that the answer is about."""

    decision_id: str
    outcome: str
    version: int
    decided_on: date
    effective_on: date | None = None
    through: date | None = None
    decider: str
    reviewers: tuple[str, ...] = ()
    independent: bool
    reason: str | None = None
    policy: str | None = None
    policy_sha256: str | None = None
    instrument: str | None = None
    through_version: int | None = None
    """With the two below: what the evaluation was made from; None for decisions that rest on no evaluation."""
    evidence_digest: str | None = None
    same_when_rederived: bool | None = None


class Followed(Part):
    """The rules that an act followed."""

    policy: str
    policy_sha256: str
    held_under: bool
    """Whether the tier was granted under them; an imported one stands under those in force."""
    says: tuple[str, ...]
    basis: str
    data: dict[str, Any] = {}


class Act(Part):
    """Something that was done about a tier or a decision after it was granted or taken."""

    kind: str
    decision_id: str | None = None
    says: str
    decided_on: date
    since: date | None = None
    until: date | None = None
    """Half-open; the days on which it has or had effect."""
    grounds: tuple[str, ...] = ()
    in_effect: bool = True
    """False where it counts as never taken."""
    followed: Followed | None = None
    events: tuple[Cited, ...] = ()


class Explanation(Part):
    """The whole answer. ``answer`` is the one sentence to rely on; the rest shows why."""

    program_id: str
    name: str
    affiliate: str
    scheme: str
    about: About
    answer: str
    not_a_claim: str | None = None
    tier: str | None = None
    on: date
    decision: Decided | None = None
    gaps: tuple[Missing, ...] = ()
    tiers: tuple[TierProof, ...] = ()
    gates: tuple[GatePassed, ...] = ()
    confirmed_together: int = 0
    confirmed_singly: int = 0
    carried: int = 0
    """Of those confirmed: how many stand as an earlier cycle confirmed them."""
    carried_by: Cited | None = None
    acts: tuple[Act, ...] = ()
    """What happened to the tier, or to the decision, in the order of the acts."""
    not_applicable: tuple[str, ...] = ()
    unscanned_documents: tuple[str, ...] = ()
    documents: int = 0
    events: tuple[Cited, ...] = ()
    """What the answer rests on where there is no proof tree: the event of an imported status."""


def article(label: str) -> str:
    """``an Expert Partner``, ``a Gold Star Program Partner``."""
    return f"{'an' if label[:1].lower() in 'aeiou' else 'a'} {label}"


_PARTS: dict[str, str] = {role.value: words for role, words in ROLE_WORDS.items()}


class Told:
    """A program's history, folded once, for looking things up in it."""

    def __init__(self, ledger: Ledger, program_id: str, upto_position: int | None = None) -> None:
        self.ledger, self.shelf = ledger, ledger.shelf()
        self.history = ledger.history("program", program_id, upto_position=upto_position)
        if not self.history:
            raise Problem("NOT_FOUND", f"There is no program {program_id}.")
        self.by_version = dict(enumerate(self.history, 1))
        self.program_id = program_id
        self.program: Program = self.at(len(self.history))
        self._of_kind: dict[type, list[tuple[int, Any]]] = {}
        for version, one in self.by_version.items():
            self._of_kind.setdefault(type(one.event), []).append((version, one.event))
        self._cited: dict[tuple[int, str], Cited] = {}

    def at(self, version: int) -> Program:
        """The state after a version."""
        return self.ledger.state_after("program", self.program_id, self.history[:version])

    def events(self, *kinds: type) -> list[tuple[int, Any]]:
        """Every event of some kinds with its version, in order."""
        found = (events for kind, events in self._of_kind.items() if issubclass(kind, kinds))
        return sorted((one for events in found for one in events), key=itemgetter(0))

    def decisions(self) -> list[tuple[int, Decision]]:
        """Every decision on the evidence with its version, in order."""
        return self.events(*get_args(Decision))

    def evaluated(self, decision: Decision) -> TierEligibilityEvaluated:
        """The evaluation that a decision rests on."""
        return self.by_version[decision.evaluation].event  # pyright: ignore[reportReturnType]

    def recorded_on(self, version: int, zone: str) -> date:
        """The day in a zone on which an event was recorded."""
        return self.by_version[version].recorded_at.astimezone(ZoneInfo(zone)).date()

    def today(self, zone: str) -> date:
        """The day it is in a zone."""
        return self.ledger.now().astimezone(ZoneInfo(zone)).date()

    def affiliate(self, code: str) -> str:
        """The public name of an affiliate."""
        found = self.shelf.affiliate(code)
        return found.name if found else code

    def owner(self, scheme: str) -> str:
        """The public name of the affiliate whose scheme it is; else that of the program's own."""
        published = self.shelf.scheme(scheme)
        return self.affiliate(published.affiliate if published else self.program.listing.affiliate)

    def carried(self, cycle: Cycle) -> int | None:
        """The version of the event that carried an earlier cycle's answers into this one."""
        carried = self.events(AssessmentCarriedForward)
        return next((version for version, e in carried if e.cycle_id == cycle.cycle_id), None)

    def cite(self, version: int, zone: str) -> Cited:
        """An event in few words."""
        known = self._cited.get((version, zone))
        if known is None:
            known = self._cited[version, zone] = self._cite(version, zone)
        return known

    def _cite(self, version: int, zone: str) -> Cited:
        one = self.by_version[version]
        return Cited(
            version=one.version,
            position=one.position,
            type=one.type,
            day=one.occurred_on or one.recorded_at.astimezone(ZoneInfo(zone)).date(),
            recorded_at=one.recorded_at,
            actor_role=_PARTS.get(one.actor_role, one.actor_role),
            sentence=one.event.sentence(),
        )


class Prover:
    """Tells one evaluation: the tree of every tier, and what is missing for one."""

    def __init__(
        self,
        told: Told,
        program: Program,
        policy: Policy,
        instrument: Instrument | None,
        evaluation: Evaluation,
        cycle: Cycle | None,
    ) -> None:
        self.told, self.program, self.policy, self.instrument = told, program, policy, instrument
        self.evaluation, self.cycle = evaluation, cycle

    def tiers(self) -> tuple[TierProof, ...]:
        """Every tier with its tree."""
        return tuple(
            TierProof(
                tier=self.policy.qualified(t.tier), label=self.label(t.tier), result=t.result, proof=self.proof(t.node)
            )
            for t in self.evaluation.tiers
        )

    def label(self, tier: str) -> str:
        """A tier's public label."""
        found = self.policy.tier(tier)
        return found.label if found else tier

    def proof(self, node: Node) -> Proof:
        """One node with its events; a reference to another tier carries that tier's tree."""
        below = node.children
        if node.criterion == "tier":
            below = (self.evaluation.of(str(node.params["tier"])).node,)
        return Proof(
            criterion=node.criterion,
            says=why(node, self.evaluation.semantics),
            result=node.result,
            basis=basis_words(node.basis),
            params=dict(node.params),
            detail=dict(node.detail),
            missing=node.missing,
            events=tuple(self.told.cite(v, self.policy.timezone) for v in node.versions if v in self.told.by_version),
            practices=tuple(self._practices(node)),
            children=tuple(self.proof(child) for child in below),
        )

    def _practices(self, node: Node) -> Iterator[Ruled]:
        if node.criterion != "practices_in_place" or self.instrument is None or self.cycle is None:
            return
        facts = gather(self.program, self.cycle, self.instrument, self.policy.scheme, self.evaluation.day)
        ruled = self.cycle.review.determinations
        for item_id in facts.counting.get(str(node.params["set"]), ()):
            found = facts.practices[item_id]
            item = self.instrument.item(item_id)
            how = "undetermined" if item_id not in ruled else "together" if found.bulk else "singly"
            rated = self.cycle.answers.get(item_id)
            opened = self.cycle.access.version if self.cycle.access else 0
            older = "rating" if rated and rated.version < opened else None
            yield Ruled(
                item_id=item_id,
                wording=item.wording if item else "",
                state=found.state,
                quality=found.quality,
                confirmed=how,
                carried="determination" if item_id in self.cycle.carried else older,
                events=found.versions,
            )

    def gaps(self, tier: str) -> tuple[Missing, ...]:
        """Exactly what is missing for a tier, nothing else."""
        return tuple(self._missing(gap) for gap in gaps(self.evaluation, tier))

    def _missing(self, gap: Gap) -> Missing:
        nodes = [n for n in walk(self.evaluation.of(gap.tier).node) if n.criterion == gap.criterion]
        node = next(n for n in nodes if n.params == gap.params)
        wordings = {i: self._wording(i) for i in gap.missing if self._wording(i)}
        return Missing(
            tier=self.policy.qualified(gap.tier),
            criterion=gap.criterion,
            says=self._gap_said(gap, node, wordings),
            items=wordings,
            need=gap.need,
            basis=basis_words(gap.basis),
        )

    def _wording(self, item_id: str) -> str:
        item = self.instrument.item(item_id) if self.instrument else None
        return item.wording if item else ""

    def _gap_said(self, gap: Gap, node: Node, wordings: dict[str, str]) -> str:
        if not wordings or gap.undo:
            said = why(node, self.evaluation.semantics)
            return f"this must not be so: {said}" if gap.undo else said
        state = {i: words for name, words in _STATES.items() for i in _items(node.detail.get(name))}
        named = "; ".join(f'{i} "{w}" ({state.get(i, "not in place")})' for i, w in wordings.items())
        if gap.need < len(wordings):
            return f"{gap.need} more of these {len(wordings)} practices: {named}"
        return f"{'one practice' if len(wordings) == 1 else f'{len(wordings)} practices'}: {named}"


_STATES = {
    "not_in_place": "not in place",
    "not_verified": "could not be verified",
    "below_quality": "in place, but below the quality asked",
    "undetermined": "not yet determined by a reviewer",
    "uncovered": "without a goal in the plan",
}


def _items(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()  # pyright: ignore[reportUnknownVariableType]


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)
