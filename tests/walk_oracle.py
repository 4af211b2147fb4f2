"""What must hold in every history: a witness of each step, who knows only events.

``Watch.saw`` looks at every step, ``Watch.end`` at the whole history. What is wrong is an AssertionError in words.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from domain import EVENTS, evolve, initial
from domain.evidence import rederive
from domain.language import REFUSALS, Event, Refusal, Shelf
from domain.program import ENDED, Program
from domain.statement import stated
from domain.status import intervals, standing
from domain.values import misfits
from tests.walk_laws import LAWS
from tests.walk_story import earned, held, name, tell, undone

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

    def saw(self, before: Program, events: tuple[Event, ...], after: Program, person: str, today: date) -> None:
        """One step: what was recorded, the state before and after, who asked for it and when."""
        for event in events:
            self.history.append(event)
            self.written.append(fit(event))
            self._cites(event)
            self._order(event)
            self._access(event)
            self._judge(before, event)
            if name(event) in LAWS:
                LAWS[name(event)](self.history, person, today)
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
        gone = undone(self.history)
        for gate, versions in gates.items():
            assert versions, f"nothing meets the gate {gate}"
            kinds = {name(self.history[v - 1]) for v in versions}
            assert kinds <= {MEETS_GATE[gate], "GateWaived"}, f"{gate} rests on {kinds}"
            assert not gone.intersection(versions), f"{gate} rests on an act that was withdrawn"

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
        gone = undone(self.history)
        coached: set[str | None] = {
            e.consultant
            for v, e in enumerate(self.history, 1)
            if name(e) == "TechnicalAssistanceProviderAssigned" and v not in gone and e.ta_id in mine
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
