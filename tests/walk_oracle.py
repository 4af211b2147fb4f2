"""What must hold in every history: a witness of each step, who knows only events.

``Watch.saw`` looks at every step, ``Watch.end`` at the whole history. What is wrong is an AssertionError in words.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from domain import EVENTS, evolve, initial
from domain.evidence import rederive
from domain.language import REFUSALS, Event, Refusal
from domain.program import ENDED, Phase, Program
from domain.statement import stated
from domain.status import on_day, standing, timeline
from domain.values import misfits
from tests import small_world as small
from tests.small_world import World
from tests.walk_around_laws import TIERS
from tests.walk_later_laws import AFTER_THE_END, after_a_step
from tests.walk_laws import LAWS
from tests.walk_policies import POLICIES
from tests.walk_standing import Tenures
from tests.walk_story import Told, earned, name

ONE_DAY = timedelta(days=1)
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
CITES = (
    "document_id",
    "document_ids",
    "by_document_id",
    "documents",
    "evidence_seen",
    "scan_document_id",
    "authority_document_id",
)


class Watch:
    """Looks over a program's shoulder."""

    def __init__(self, world: World, program_id: str) -> None:
        self.shelf, self.program_id = world, program_id
        self.told = Told(world.streams, program_id)
        self.written: list[bytes] = []
        self.uploaded: dict[str, str] = {}
        self.frozen: set[str] = set()
        self.ended: dict[str, Any] = {}
        self.kept: list[tuple[Program, bytes]] = []

    def refused(self, answer: Refusal) -> None:
        """A refusal names declared reasons and can be read."""
        assert answer.codes
        assert REFUSALS.keys() >= set(answer.codes)
        assert str(answer)

    def saw(self, before: Program, events: tuple[Event, ...], after: Program, person: str, now: datetime) -> None:
        """One step: what was recorded, the state before and after, who asked for it and when."""
        for event in events:
            self.written.append(fit(event))
            self._cites(event)
            self._order(event)
            self._judge(before, event)
            self._ended(before, event)
            if law := LAWS.get(name(event)):
                law(self.told, event, person, _day(now, self._zone(event)))
            self.told.add(event)
            self._access(event)
        after_a_step(self.told, events)
        if after.cycles is not before.cycles:
            self._cycles(after, events)
        if after.holdings is not before.holdings or after.measures is not before.measures:
            self._standing(before, after, _day(now, small.ZONE))

    def _cites(self, event: Any) -> None:
        if name(event) == "DocumentUploaded":
            self.uploaded[event.document_id] = event.digest
            return
        for cited in _cited(event):
            ids = (cited,) if isinstance(cited, str) else tuple(cited or ())
            unknown = [d for d in ids if d not in self.uploaded]
            assert not unknown, f"{name(event)} cites {unknown}, which nobody handed in"
            if isinstance(cited, dict):
                assert cited == {d: self.uploaded[d] for d in cited}, "the digests are not those of the uploads"

    def _order(self, event: Any) -> None:
        kind = name(event)
        if kind == "AssessmentSubmitted":
            self.frozen.add(event.cycle_id)
        elif kind == "AssessmentReturned":
            self.frozen.discard(event.cycle_id)
        if kind not in CHANGES_ANSWERS:
            return
        assert getattr(event, "cycle_id", None) not in self.frozen, f"{kind} after it was handed in"
        settled = self.told.stories[event.cycle_id].settled
        assert getattr(event, "item_id", "") not in settled, f"{kind} about what is settled"

    def _access(self, event: Any) -> None:
        if name(event) == "AssessmentAccessGranted":
            story = self.told.stories[event.cycle_id]
            wanted = GATES.get((story.scheme, story.kind), {"listing_approved"})
            assert set(event.gates) == wanted, f"the gates before access were {sorted(event.gates)}"
            self._gates(event.gates)
        elif name(event) == "ActWithdrawn":
            for story in self.told.stories.values():
                self._gates(story.access.gates if story.access else {})

    def _gates(self, gates: dict[str, tuple[int, ...]]) -> None:
        for gate, versions in gates.items():
            assert versions, f"nothing meets the gate {gate}"
            kinds = {name(self.told.at(v)) for v in versions}
            assert kinds <= {MEETS_GATE[gate], "GateWaived"}, f"{gate} rests on {kinds}"
            assert not self.told.gone.intersection(versions), f"{gate} rests on an act that was withdrawn"

    def _judge(self, before: Program, event: Any) -> None:
        match name(event):
            case "TierEligibilityEvaluated":
                own = earned(self.told, event.cycle_id, event.scheme, event.evaluation.day)
                ours = {t.tier for t in event.evaluation.tiers if t.result == "true"}
                assert ours == own, f"evaluated {sorted(ours)}, the events carry {sorted(own)}"
            case "TierGranted":
                evaluated: Any = self.told.at(event.evaluation)
                assert evaluated.decision_id == event.decision_id
                assert evaluated.evaluation.of(event.tier).result == "true", f"{event.tier} granted without evidence"
                self._decided(before, event)
            case "TierDenied":
                evaluated = self.told.at(event.evaluation)
                assert evaluated.evaluation.of(event.tier).result != "true", f"{event.tier} denied against evidence"
                self._decided(before, event)
            case _:
                pass

    def _decided(self, before: Program, event: Any) -> None:
        if event.cycle_id is None:
            return
        story = self.told.stories[event.cycle_id]
        assert not story.decided or getattr(event, "kind", "") == "on_appeal", "a cycle was decided twice"
        # Withdrawing takes nobody the appeal against a denial that came before: the panel may grant what was denied.
        assert not story.withdrawn or getattr(event, "kind", "") == "on_appeal", (
            "a cycle was decided that was withdrawn"
        )
        assert event.decider not in self.told.participants(event.cycle_id), "a reviewer or consultant decided"
        assert not self.told.tied(event.decider, event.decided_on), "somebody with an interest in the program decided"
        if getattr(event, "granted_at", "cycle_end") == "cycle_end" and story.scheme in ("full", "member"):
            assert story.statement, "decided before the statement was received"
            stands = stated(before, before.cycles[event.cycle_id])
            assert story.statement.covers == stands or getattr(event, "kind", "") == "on_appeal", (
                "the statement covers something else than what was decided on"
            )

    def _zone(self, event: Any) -> str:
        zone = getattr(event, "zone", None)
        scheme = getattr(event, "scheme", None) or getattr(
            self.told.stories.get(getattr(event, "cycle_id", "")), "scheme", ""
        )
        return zone or (POLICIES[scheme].timezone if scheme in POLICIES else small.ZONE)

    def _ended(self, before: Program, event: Any) -> None:
        if before.listing.state in ("merged", "discontinued"):
            assert name(event) in AFTER_THE_END, f"{name(event)} of a program that is no more"
        assert before.listing.state != "declined", "something was recorded of a program that was declined"

    def _cycles(self, after: Program, events: tuple[Any, ...]) -> None:
        reversed_ = any(name(e) == "DecisionReversed" for e in events)
        overturned = {e.cycle_id for e in events if getattr(e, "kind", "") == "on_appeal"}
        open_schemes = [c.scheme for c in after.cycles.values() if c.phase not in ENDED]
        assert len(open_schemes) == len(set(open_schemes)), "two cycles of one scheme are under way"
        for cycle_id, phase in self.ended.items():
            again = after.cycles[cycle_id].phase
            same = again is phase or (cycle_id in overturned and again is Phase.DECIDED)
            assert same or (reversed_ and phase is Phase.DECIDED), f"the {phase} cycle {cycle_id} lives again"
        self.ended = {i: c.phase for i, c in after.cycles.items() if c.phase in ENDED}

    def _standing(self, before: Program, after: Program, today: date) -> None:
        """What is held on the days about today, as soon as something was recorded that bears on it."""
        for holding in after.holdings[len(before.holdings) :]:
            rests_on: Any = self.told.at(holding.version)
            assert (rests_on.scheme, rests_on.tier) == (holding.scheme, holding.tier), "a tier that no event names"
        for scheme in {h.scheme for h in after.holdings}:
            tenures = Tenures(self.told, scheme)
            near = [d for d in tenures.turns() if d > today]
            about = {today, today + ONE_DAY, today - ONE_DAY, min(near, default=today), max(near, default=today)}
            _dated(after, tenures, scheme, about)

    def keep(self, state: Program) -> None:
        """Remembers a state, to see at the end that nothing changed it."""
        self.kept.append((state, msgspec.msgpack.encode(state)))

    def end(self, state: Program, days: Iterable[date]) -> None:
        """The whole history: read back from its bytes it tells the same, every decision is derived again."""
        assert [msgspec.json.encode(e) for e in self.told.history] == self.written, "an event changed"
        assert all(msgspec.msgpack.encode(kept) == then for kept, then in self.kept), "an earlier state changed"
        again: Program = initial("program", self.program_id)
        for version, (event, written) in enumerate(zip(self.told.history, self.written, strict=True), 1):
            read: Any = msgspec.json.decode(written, type=EVENTS[event.published_name()])
            assert read == event
            if name(read) == "TierEligibilityEvaluated":
                different = rederive(again, self.shelf, read)
                assert different == [], f"derived again, the evaluation differs in {different}"
            again = evolve(again, read, version)
        assert again == state, "folded from the beginning, the state is another"
        assert {h.scheme for h in state.holdings} == {t.scheme for t in self.told.named(*TIERS)}
        for scheme in {h.scheme for h in state.holdings}:
            tenures = Tenures(self.told, scheme)
            turns = {t + timedelta(days=n) for t in tenures.turns() for n in (-1, 0, 1)}
            _dated(state, tenures, scheme, turns.union(days))


def _dated(state: Program, tenures: Tenures, scheme: str, days: set[date]) -> None:
    segments = timeline(state.holdings, state.measures, scheme)
    for day in days:
        told, now = tenures.on(day), on_day(segments, day)
        ours = (now.status, now.holding.tier) if now else ("none", None)
        assert ours == (told.status, told.tier), f"{scheme} on {day}: {ours}, the events say {(told.status, told.tier)}"
        if told.in_term:
            assert now is not None
            assert now.holding.expires_on == told.in_term.end, f"{scheme} on {day} ends on {now.holding.expires_on}"
    some_day = min(days)
    alone, among = standing(state, scheme, some_day), on_day(segments, some_day)
    assert (alone.status, alone.holding) == ((among.status, among.holding) if among else ("none", None))


def _day(now: datetime, zone: str) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


@cache
def _citing(kind: type[Event]) -> tuple[str, ...]:
    """The fields of an event in which documents are named."""
    return tuple(key for key in CITES if key in kind.__struct_fields__)


def _cited(event: Any) -> Iterator[Any]:
    for key in _citing(type(event)):
        yield getattr(event, key)
    if signature := getattr(event, "signature", None):
        yield from _cited(signature)


def fit(event: Event) -> bytes:
    """The event's bytes, once it is sure that it may be recorded and reads as a sentence."""
    assert misfits(event, type(event)) == []
    assert event.sentence()
    return msgspec.json.encode(event)


def fit_alone(event: Event) -> None:
    """The same of an event whose history is not read back at the end."""
    assert msgspec.json.decode(fit(event), type=type(event)) == event, "read back, the event is another"
