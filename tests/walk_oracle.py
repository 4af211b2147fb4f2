"""What must hold in every history, seen from its events alone: no rule and no evaluation of ours is asked here.

``Watch.saw`` looks at every step, ``Watch.end`` at the whole history. What is wrong is an AssertionError in words.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from domain import EVENTS, evolve, initial
from domain.evidence import rederive
from domain.language import REFUSALS, Event, Refusal, Shelf
from domain.program import ENDED, Program
from domain.statement import stated
from domain.status import intervals, standing
from domain.values import Rating, misfits

COUNTING, DESIGNATED = ("A1", "A2", "B3", "B4", "C5"), ("A2", "B3")
CHANGES_ANSWERS = {
    "ItemRated", "ItemRatingCleared", "ItemNarrativeRecorded", "DocumentLinkedToItem", "DocumentUnlinkedFromItem",
    "DocumentReplaced",
}  # fmt: skip
MEETS_GATE = {
    "listing_approved": "ProgramListingApproved", "readiness_confirmed": "ParticipationRequested",
    "intake_conversation": "IntakeConversationHeld", "ta_nqms_requested": "TechnicalAssistanceRequested",
    "ta_provider_assigned": "TechnicalAssistanceProviderAssigned", "mou_executed": "MouExecuted",
    "needs_assessment_completed": "InitialNeedsAssessmentCompleted", "membership_accepted": "MembershipApplicationAccepted",
}  # fmt: skip
GATES = {
    ("full", "initial"): set(MEETS_GATE) - {"membership_accepted"},
    ("full", "renewal"): {"listing_approved", "intake_conversation"},
    ("member", "initial"): {"listing_approved", "membership_accepted"},
}
"""Every other cycle asks for the listing alone."""
CITES = ("document_id", "by_document_id", "documents", "evidence_seen", "scan_document_id", "authority_document_id")


def name(event: Any) -> str:
    """The event's type in a word."""
    return type(event).__name__


@dataclass
class Story:
    """One cycle as its events tell it."""

    scheme: str = ""
    kind: str = ""
    withdrawn: bool = False
    decided: bool = False
    access: Any = None
    answers: dict[str, Rating] = field(default_factory=dict)
    practice: dict[str, Any] = field(default_factory=dict)
    """By item: a quality, or in a word how it stands."""
    started: bool = False
    submitted: bool = False
    mode: str = ""
    goals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    months: int | None = None
    """Of the adopted plan; a finding made after its adoption makes it a draft again."""
    statement: Any = None
    """The receipt that stands."""
    said: set[str] = field(default_factory=set)
    """Findings and confirmations."""
    reviewers: list[str] = field(default_factory=list)
    links: dict[str, list[str]] = field(default_factory=dict)

    @property
    def plan_covers(self) -> bool:
        """Whether every practice not in place has a goal."""
        covered = {i for ids in self.goals.values() for i in ids}
        return all(i in covered or self.practice.get(i) not in ("no", "not_verified") for i in COUNTING)

    def share(self, items: Iterable[str], percent: int, least: int = 1) -> bool:
        """Whether so many of the applicable practices are in place so well, whatever becomes of those not ruled on."""
        applicable = [i for i in items if self.practice.get(i) != "not_applicable"]
        met = [i for i in applicable if isinstance(self.practice.get(i), int) and self.practice[i] >= least]
        return bool(applicable) and len(met) * 100 >= percent * len(applicable)


def tell(history: list[Any]) -> dict[str, Story]:
    """The cycles of a program; acts that were withdrawn have not happened."""
    undone = {e.withdrawn for e in history if name(e) == "ActWithdrawn"}
    stories: dict[str, Story] = {}
    for version, event in enumerate(history, 1):
        cycle_id = getattr(event, "cycle_id", None)
        if cycle_id and version not in undone:
            _add(stories.setdefault(cycle_id, Story()), event)
    return stories


def _add(s: Story, e: Any) -> None:
    match name(e):
        case "ParticipationRequested":
            s.scheme, s.kind = e.scheme, e.kind
        case "AssessmentAccessGranted":
            s.access = e
        case "AssessmentWithdrawn":
            s.withdrawn = True
        case "SelfAssessmentStarted":
            s.started = True
        case "AssessmentSubmitted":
            s.submitted = True
        case "AssessmentReturned":
            s.submitted = False
            _forget(s, *e.item_ids)
        case "EvidenceReopened":
            s.months = None
        case "TierDenied":
            s.decided = True
        case "TierGranted":
            s.decided = s.decided or e.granted_at == "cycle_end"
        case _:
            if not (_add_answer(s, e) or _add_plan(s, e)):
                _add_review(s, e)


def _forget(s: Story, *item_ids: str) -> None:
    for item_id in item_ids:
        s.practice.pop(item_id, None)


def _add_answer(s: Story, e: Any) -> bool:
    match name(e):
        case "ItemRated":
            s.answers[e.item_id] = e.rating
        case "ItemRatingCleared":
            del s.answers[e.item_id]
        case "DocumentLinkedToItem":
            s.links.setdefault(e.item_id, []).append(e.document_id)
        case "DocumentUnlinkedFromItem":
            s.links[e.item_id].remove(e.document_id)
        case "DocumentReplaced":
            for item_id, ids in s.links.items():
                if e.document_id in ids:
                    s.links[item_id] = [e.by_document_id if d == e.document_id else d for d in ids]
                    _forget(s, item_id)
            return True
        case "ItemNarrativeRecorded":
            pass
        case _:
            return False
    _forget(s, e.item_id)
    return True


def _add_plan(s: Story, e: Any) -> bool:
    match name(e):
        case "ImprovementGoalSet":
            s.goals[e.goal_id] = e.item_ids
        case "ImprovementGoalDropped":
            del s.goals[e.goal_id]
        case "ImprovementPlanAdopted":
            s.months = e.months
        case _:
            return False
    return True


def _add_review(s: Story, e: Any) -> None:
    match name(e):
        case "ReviewerAssigned":
            s.reviewers.append(e.person)
        case "SiteReviewHeld":
            s.mode = "exception" if e.exception else e.mode
        case "ItemsConfirmed":
            s.practice |= {i: _stands(s.answers.get(i)) for i in e.item_ids}
            s.months = None
        case "ItemDeterminationRecorded":
            s.practice[e.item_id] = "not_verified" if e.outcome == "not_verified" else _stands(e.rating)
            s.months = None
        case "NotApplicableRuled":
            s.practice[e.item_id] = "not_applicable" if e.accepted else "no"
            s.months = None
        case "StatementOfAccuracyReceived":
            s.statement = e
        case "StatementOfAccuracyVoided":
            s.statement = None
        case "EvaluatorFindingRecorded":
            s.said.add(e.finding)
        case "SupportCompleted" | "OtherRequirementsConfirmed":
            s.said.add(name(e))
        case _:
            pass


def _stands(rating: Rating | None) -> Any:
    return rating.quality if rating and rating.in_practice == "yes" else "no"


def earned(history: list[Any], cycle_id: str | None, scheme: str, day: date) -> set[str]:
    """The tiers of the small world's policies that a program has earned, by what its events say."""
    s = tell(history).get(cycle_id or "", Story())
    applied: Any = next((e for e in reversed(history) if name(e) == "MembershipApplicationSubmitted"), None)
    accepted = any(name(e) == "MembershipApplicationAccepted" for e in history)
    registered: Any = history[0]
    since = applied.operating_since if applied and applied.operating_since else registered.began_operating_on
    in_place = {i for i, p in s.practice.items() if isinstance(p, int)}
    if scheme == "full":
        dedicated = bool(
            s.submitted and s.mode in ("onsite", "exception") and s.months == 12 and s.plan_covers and s.statement
        )
        talked = bool(s.access and s.access.gates.get("intake_conversation"))
        expert = dedicated and talked and "C5" in in_place and s.share(COUNTING, 80)
        return _named(dedicated=dedicated, expert=expert)
    if scheme == "member":
        affiliate = bool(accepted and applied.formal and _years(since, 1) <= day)
        working = bool(s.submitted and s.months is not None)
        confirmed = {"SupportCompleted", "OtherRequirementsConfirmed"} <= s.said
        full = affiliate and working and confirmed and s.share(COUNTING, 60)
        return _named(affiliate=affiliate, associate=affiliate and s.started, full=full)
    partner = bool(s.submitted and s.mode and s.months == 12)
    finding, old = "identified" in s.said, _years(since, 20) <= day
    model = partner and finding and s.share(DESIGNATED, 100, 3) and (old or s.submitted or not s.started)
    return _named(partner=partner, model=model)


def _named(**tiers: bool) -> set[str]:
    return {tier for tier, yes in tiers.items() if yes}


def _years(day: date, years: int) -> date:
    leap = (day.month, day.day) == (2, 29) and (day.year + years) % 4
    return day.replace(year=day.year + years, day=28 if leap else day.day)


def held(history: list[Any], scheme: str, day: date) -> tuple[str, str | None]:
    """What a program holds on a day by its dated facts: the last decision that took effect rules; imports come before."""
    facts: list[Any] = [e for e in history if getattr(e, "scheme", None) == scheme]
    native = [e for e in facts if name(e) == "TierGranted"]
    imported = sorted((e for e in facts if name(e) == "HistoricalStatusImported"), key=lambda e: e.valid_from)
    ruling = [*imported, *native]
    due = [e for e in ruling if _since(e) <= day]
    if not due:
        return "none", None
    last = due[-1]
    until, hold = _until(last), getattr(last, "hold_until", None)
    if (until is None or day < until) and (hold is None or day < hold):
        return "active", last.tier
    lower = [e for e in ruling[: ruling.index(last)] if e.tier == getattr(last, "falls_back_to", None)]
    if lower and (until is None or until > hold) and (_until(lower[-1]) is None or day < _until(lower[-1])):
        return "active", lower[-1].tier
    return "expired", None


def _since(e: Any) -> date:
    return e.effective_on if name(e) == "TierGranted" else e.valid_from


def _until(e: Any) -> Any:
    return e.expires_on if name(e) == "TierGranted" else e.valid_until


class Watch:
    """Looks over a program's shoulder."""

    def __init__(self, shelf: Shelf, program_id: str) -> None:
        self.shelf, self.program_id = shelf, program_id
        self.history: list[Any] = []
        self.written: list[bytes] = []
        self.uploaded: dict[str, str] = {}
        self.frozen: set[str] = set()
        self.ended: dict[str, Any] = {}
        self.kept: list[tuple[Program, bytes]] = []

    def refused(self, answer: Refusal) -> None:
        """A refusal names declared reasons and can be read."""
        assert answer.codes
        assert set(answer.codes) <= set(REFUSALS)
        assert str(answer)

    def saw(self, before: Program, events: tuple[Event, ...], after: Program) -> None:
        """One step: what was recorded, and the state before and after."""
        for event in events:
            self.history.append(event)
            self.written.append(fit(event))
            self._cites(event)
            self._order(event)
            self._access(event)
            self._judge(before, event)
        self._states(before, after)

    def _cites(self, event: Any) -> None:
        if name(event) == "DocumentUploaded":
            self.uploaded[event.document_id] = event.digest
            return
        for place in (event, getattr(event, "signature", None)):
            for key in CITES:
                cited: Any = getattr(place, key, None)
                ids = (cited,) if isinstance(cited, str) else tuple(cited or ())
                unknown = [d for d in ids if d not in self.uploaded]
                assert not unknown, f"{name(event)} cites {unknown}, which nobody handed in"
                if isinstance(cited, dict):
                    assert cited == {d: self.uploaded[d] for d in cited}, "the digests are not those of the uploads"

    def _order(self, event: Any) -> None:
        cycle_id = getattr(event, "cycle_id", None)
        if name(event) == "AssessmentSubmitted":
            self.frozen.add(event.cycle_id)
        elif name(event) == "AssessmentReturned":
            self.frozen.discard(event.cycle_id)
        assert not (name(event) in CHANGES_ANSWERS and cycle_id in self.frozen), f"{name(event)} after it was handed in"

    def _access(self, event: Any) -> None:
        if name(event) == "AssessmentAccessGranted":
            story = tell(self.history)[event.cycle_id]
            wanted = GATES.get((story.scheme, story.kind), {"listing_approved"})
            assert set(event.gates) == wanted, f"the gates before access were {sorted(event.gates)}"
        for story in tell(self.history).values() if name(event) in ("AssessmentAccessGranted", "ActWithdrawn") else ():
            self._gates(story.access.gates if story.access else {})

    def _gates(self, gates: dict[str, tuple[int, ...]]) -> None:
        undone = {e.withdrawn for e in self.history if name(e) == "ActWithdrawn"}
        for gate, versions in gates.items():
            assert versions, f"nothing meets the gate {gate}"
            kinds = {name(self.history[v - 1]) for v in versions}
            assert kinds <= {MEETS_GATE[gate], "GateWaived"}, f"{gate} rests on {kinds}"
            assert not undone.intersection(versions), f"{gate} rests on an act that was withdrawn"

    def _judge(self, before: Program, event: Any) -> None:
        match name(event):
            case "TierEligibilityEvaluated":
                told = self.history[:-1]
                own = earned(told, event.cycle_id, event.scheme, event.evaluation.day)
                ours = {t.tier for t in event.evaluation.tiers if t.result == "true"}
                assert ours == own, f"evaluated {sorted(ours)}, the events carry {sorted(own)}"
            case "TierGranted":
                evaluated: Any = self.history[event.evaluation - 1]
                assert evaluated.decision_id == event.decision_id
                assert evaluated.evaluation.of(event.tier).result == "true", f"{event.tier} granted without evidence"
                self._decided(before, event)
            case "TierDenied":
                evaluated = self.history[event.evaluation - 1]
                assert evaluated.evaluation.of(event.tier).result != "true", f"{event.tier} denied against evidence"
                self._decided(before, event)
            case _:
                pass

    def _decided(self, before: Program, event: Any) -> None:
        if event.cycle_id is None:
            return
        story = tell(self.history[:-1])[event.cycle_id]
        assert not story.decided, "a cycle was decided twice"
        assert not story.withdrawn, "a cycle was decided that the program withdrew"
        assert event.decider not in story.reviewers, "a reviewer decided"
        mine = {e.ta_id for e in self.history if getattr(e, "purpose", "") == "nqms" and e.cycle_id == event.cycle_id}
        undone = {e.withdrawn for e in self.history if name(e) == "ActWithdrawn"}
        coached: set[str | None] = {
            e.consultant
            for v, e in enumerate(self.history, 1)
            if name(e) == "TechnicalAssistanceProviderAssigned" and v not in undone and e.ta_id in mine
        }
        assert event.decider not in coached, "a consultant decided"
        if getattr(event, "granted_at", "cycle_end") == "cycle_end" and story.scheme in ("full", "member"):
            assert story.statement, "decided before the statement was received"
            stands = stated(before, before.cycles[event.cycle_id])
            assert story.statement.covers == stands, "the statement covers something else than what was decided on"

    def _states(self, before: Program, after: Program) -> None:
        open_schemes = [c.scheme for c in after.cycles.values() if c.phase not in ENDED]
        assert len(open_schemes) == len(set(open_schemes)), "two cycles of one scheme are under way"
        for cycle_id, phase in self.ended.items():
            assert after.cycles[cycle_id].phase is phase, f"the {phase} cycle {cycle_id} lives again"
        self.ended |= {i: c.phase for i, c in after.cycles.items() if c.phase in ENDED}
        for holding in after.holdings[len(before.holdings) :]:
            rests_on: Any = self.history[holding.version - 1]
            assert (rests_on.scheme, rests_on.tier) == (holding.scheme, holding.tier), "a tier that no event names"

    def keep(self, state: Program) -> None:
        """Remembers a state, to see at the end that nothing changed it."""
        self.kept.append((state, msgspec.msgpack.encode(state)))

    def end(self, state: Program, days: Iterable[date]) -> None:
        """The whole history: read back from its bytes it tells the same, every decision is derived again."""
        assert [msgspec.json.encode(e) for e in self.history] == self.written, "an event changed"
        assert all(msgspec.msgpack.encode(kept) == then for kept, then in self.kept), "an earlier state changed"
        again: Program = initial("program", self.program_id)
        for version, (event, written) in enumerate(zip(self.history, self.written, strict=True), 1):
            read: Any = msgspec.json.decode(written, type=EVENTS[event.published_name()])
            assert read == event
            if name(read) == "TierEligibilityEvaluated":
                different = rederive(again, self.shelf, read)
                assert different == [], f"derived again, the evaluation differs in {different}"
            again = evolve(again, read, version)
        assert again == state, "folded from the beginning, the state is another"
        for scheme in {h.scheme for h in state.holdings}:
            for day in days:
                self._dated(state, scheme, day)

    def _dated(self, state: Program, scheme: str, day: date) -> None:
        active = [
            h for h, since, until in intervals(state.holdings, scheme) if since <= day and (not until or day < until)
        ]
        assert len(active) <= 1, f"two tiers of {scheme} on {day}"
        now = standing(state.holdings, scheme, day)
        ours = now.status, now.holding.tier if now.holding and now.status == "active" else None
        assert ours == held(self.history, scheme, day), f"{scheme} on {day}: {ours}"


def fit(event: Event) -> bytes:
    """The event's bytes, once it is sure that it may be recorded, reads as a sentence, and comes back the same."""
    assert misfits(event, type(event)) == []
    assert event.sentence()
    written = msgspec.json.encode(event)
    assert msgspec.json.decode(written, type=type(event)) == event
    return written
