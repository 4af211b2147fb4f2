"""A program's life told from its events alone: where each cycle stands, which tiers it earned, what is held on a day.

Nothing of the domain's rules or of its evaluation is asked here; the small world's policies are written out again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any

from domain.values import Rating

COUNTING, DESIGNATED = ("A1", "A2", "B3", "B4", "C5"), ("A2", "B3")


name: Callable[[Any], str] = attrgetter("__class__.__name__")
"""The event's type in a word."""


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
    described: set[str] = field(default_factory=set)
    submissions: int = 0
    declared: dict[str, bool] = field(default_factory=dict)
    """Whether a person is free of conflicts, by the last declaration."""
    reviewer: str = ""
    """Who reviews now."""
    asked: Any = None
    signed: Any = None
    proposed: Any = None
    """The statement asked for, its signature, and a receipt that waits for a second person."""
    deferrals: int = 0
    denied: set[str] = field(default_factory=set)
    """Tiers whose denial stands."""
    denials: dict[str, Any] = field(default_factory=dict)
    """By decision."""
    ordered: Any = None
    """The order of a corrective cycle."""
    settled: tuple[str, ...] = ()
    """Items that stand as an earlier cycle found them."""
    carried_from: str = ""
    """The earlier cycle, where something stands as it was found there."""
    outsiders: dict[str, Any] = field(default_factory=dict)
    """Who has access to this case alone, by the last word about it."""

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


class Told:
    """A history as far as it has been told, kept up event by event. Acts that were withdrawn have not happened."""

    def __init__(self, elsewhere: Mapping[tuple[str, str], tuple[Any, ...]], program_id: str) -> None:
        self.elsewhere, self.program_id = elsewhere, program_id
        """The events of every other stream, by its kind and name."""
        self.history: list[Any] = []
        self.gone: set[int] = set()
        """The versions of the acts that were withdrawn."""
        self.stories: dict[str, Story] = {}
        """The cycles."""
        self._named: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, event: Any) -> None:
        """One more event."""
        self.history.append(event)
        self._named[name(event)].append(len(self.history))
        if name(event) == "ActWithdrawn":
            self.gone.add(event.withdrawn)
            self.stories = {}
            for version, earlier in enumerate(self.history, 1):
                if version not in self.gone:
                    self._tell(earlier)
        else:
            self._tell(event)

    def _tell(self, event: Any) -> None:
        if name(event) == "DecisionReversed":
            for story in self.stories.values():
                if denial := story.denials.pop(event.decision_id, None):
                    story.decided = False
                    story.denied.discard(denial.tier)
        if name(event) == "AssessmentCarriedForward":
            _carry(self.stories[event.cycle_id], self.stories[event.from_cycle], event)
            return
        if cycle_id := getattr(event, "cycle_id", None):
            story = self.stories.get(cycle_id)
            if story is None:
                story = self.stories[cycle_id] = Story()
            if add := ADDS.get(name(event)):
                add(story, event)

    def versions(self, *names: str) -> list[int]:
        """Where the events of these names are that stand, in their order."""
        found = [v for n in names for v in self._named.get(n, ()) if v not in self.gone]
        return sorted(found) if len(names) > 1 else found

    def named(self, *names: str) -> list[Any]:
        """The events of these names that stand, in their order."""
        return [self.history[v - 1] for v in self.versions(*names)]

    def tied(self, person: str, day: date) -> bool:
        """Whether a register of an affiliate has an interest of a person in the program that runs on a day."""
        entries = self._registers()
        ended = {e.interest_id: e.ended_on for e in entries if name(e) == "InterestEnded"}
        mine = [e for e in entries if name(e) == "InterestRegistered" and e.person == person]
        about = [e for e in mine if e.program_id == self.program_id and e.since <= day]
        return any(e.interest_id not in ended or day < ended[e.interest_id] for e in about)

    def _registers(self) -> list[Any]:
        return [e for (kind, _), events in self.elsewhere.items() if kind == "affiliate" for e in events]

    def outsider(self, person: str) -> bool:
        """Whether no affiliate ever had a person on its staff."""
        joined = {e.person for e in self._registers() if name(e) == "StaffAppointed"}
        return person not in joined | {e.administrator for e in self._registers() if name(e) == "AffiliateChartered"}

    def participants(self, cycle_id: str | None) -> set[str | None]:
        """Who reviewed or coached in a cycle, and in those whose findings count in it. A consultant whose assignment
        was withdrawn did not; whose request was, did."""
        found: set[str | None] = set()
        asked = self._named.get("TechnicalAssistanceRequested", ())
        while cycle_id:
            requests = [self.at(v) for v in asked]
            mine = {e.ta_id for e in requests if e.purpose == "nqms" and e.cycle_id == cycle_id}
            coached = [e for e in self.named("TechnicalAssistanceProviderAssigned") if e.ta_id in mine]
            story = self.stories.get(cycle_id, Story())
            found.update(story.reviewers, (e.consultant for e in coached))
            cycle_id = story.carried_from
        return found - {None}

    def at(self, version: int) -> Any:
        """The event of a version."""
        return self.history[version - 1]


def _carry(s: Story, earlier: Story, e: Any) -> None:
    s.answers = {i: earlier.answers[i] for i in e.items}
    s.described = {i for i in e.items if i in earlier.described}
    s.links = {i: list(earlier.links[i]) for i in e.items if i in earlier.links}
    s.practice = {i: earlier.practice[i] for i in e.settled}
    s.settled, s.carried_from = e.settled, e.from_cycle if e.settled else ""


Adding = Callable[[Story, Any], None]
ADDS: dict[str, Adding] = {}
"""What becomes of a cycle by an event, by the event's name."""


def _adds(*events: str) -> Callable[[Adding], Adding]:
    def remember(add: Adding) -> Adding:
        ADDS.update(dict.fromkeys(events, add))
        return add

    return remember


def _forget(s: Story, *item_ids: str) -> None:
    for item_id in item_ids:
        s.practice.pop(item_id, None)


@_adds("CaseAccessGranted", "CaseAccessEnded")
def _(s: Story, e: Any) -> None:
    s.outsiders[e.person] = e if name(e) == "CaseAccessGranted" else None


@_adds(
    "ParticipationRequested", "AssessmentAccessGranted", "AssessmentWithdrawn", "AssessmentLapsed", "SelfAssessmentStarted"
)  # fmt: skip
def _(s: Story, e: Any) -> None:
    match name(e):
        case "ParticipationRequested":
            s.scheme, s.kind = e.scheme, e.kind
        case "AssessmentAccessGranted":
            s.access = e
        case "AssessmentWithdrawn" | "AssessmentLapsed":
            s.withdrawn = True
        case _:
            s.started = True


@_adds("CorrectiveCycleOrdered", "CorrectiveOrderLifted")
def _(s: Story, e: Any) -> None:
    if name(e) == "CorrectiveCycleOrdered":
        s.scheme, s.kind, s.ordered = e.scheme, "corrective", e
    else:
        s.withdrawn = True


@_adds("ItemsRedetermined")
def _(s: Story, e: Any) -> None:
    s.practice |= {item: quality or "no" for item, quality in e.ratings.items()}


@_adds("AssessmentSubmitted", "AssessmentReturned", "EvidenceReopened")
def _(s: Story, e: Any) -> None:
    match name(e):
        case "AssessmentSubmitted":
            s.submitted = True
            s.submissions += 1
        case "AssessmentReturned":
            s.submitted = False
            _forget(s, *e.item_ids)
        case _:
            s.months = None


@_adds("TierDenied", "TierGranted", "TierDecisionDeferred")
def _(s: Story, e: Any) -> None:
    match name(e):
        case "TierDenied":
            s.decided = s.decided or e.ends_cycle
            s.denied.add(e.tier)
            s.denials[e.decision_id] = e
        case "TierGranted":
            s.decided = s.decided or e.granted_at == "cycle_end"
        case _:
            s.deferrals += 1


@_adds("DocumentReplaced")
def _(s: Story, e: Any) -> None:
    for item_id, ids in s.links.items():
        if e.document_id in ids:
            s.links[item_id] = [e.by_document_id if d == e.document_id else d for d in ids]
            _forget(s, item_id)


@_adds("ItemRated", "ItemRatingCleared", "DocumentLinkedToItem", "DocumentUnlinkedFromItem", "ItemNarrativeRecorded")
def _(s: Story, e: Any) -> None:
    match name(e):
        case "ItemRated":
            s.answers[e.item_id] = e.rating
        case "ItemRatingCleared":
            del s.answers[e.item_id]
        case "DocumentLinkedToItem":
            s.links.setdefault(e.item_id, []).append(e.document_id)
        case "DocumentUnlinkedFromItem":
            s.links[e.item_id].remove(e.document_id)
        case _:
            s.described.add(e.item_id)
    _forget(s, e.item_id)


@_adds("ImprovementGoalSet", "ImprovementGoalDropped", "ImprovementPlanAdopted")
def _(s: Story, e: Any) -> None:
    match name(e):
        case "ImprovementGoalSet":
            s.goals[e.goal_id] = e.item_ids
        case "ImprovementGoalDropped":
            del s.goals[e.goal_id]
        case _:
            s.months = e.months


@_adds("StatementOfAccuracyRequested", "StatementOfAccuracyRejected", "StatementOfAccuracyVoided")
def _(s: Story, e: Any) -> None:
    s.signed = s.proposed = None
    match name(e):
        case "StatementOfAccuracyRequested":
            s.asked = e
        case "StatementOfAccuracyVoided":
            s.statement = s.asked = None
        case _:
            pass


@_adds("StatementOfAccuracySigned", "StatementReceiptProposed", "StatementOfAccuracyReceived")
def _(s: Story, e: Any) -> None:
    match name(e):
        case "StatementOfAccuracySigned":
            s.signed = e.signature
        case "StatementReceiptProposed":
            s.proposed = e
        case _:
            s.statement = e


@_adds("ConflictOfInterestDeclared", "ReviewerAssigned", "ReviewerRecused")
def _(s: Story, e: Any) -> None:
    match name(e):
        case "ConflictOfInterestDeclared":
            s.declared[e.person] = e.nature == "none" or e.mitigation is not None
        case "ReviewerAssigned":
            s.reviewers.append(e.person)
            s.reviewer = e.person
        case _:
            s.reviewer = ""


@_adds("ItemsConfirmed", "ItemDeterminationRecorded", "NotApplicableRuled")
def _(s: Story, e: Any) -> None:
    s.months = None
    match name(e):
        case "ItemsConfirmed":
            s.practice |= {i: _stands(s.answers.get(i)) for i in e.item_ids}
        case "ItemDeterminationRecorded":
            s.practice[e.item_id] = "not_verified" if e.outcome == "not_verified" else _stands(e.rating)
        case _:
            s.practice[e.item_id] = "not_applicable" if e.accepted else "no"


@_adds("SiteReviewHeld", "EvaluatorFindingRecorded", "SupportCompleted", "OtherRequirementsConfirmed")
def _(s: Story, e: Any) -> None:
    match name(e):
        case "SiteReviewHeld":
            s.mode = "exception" if e.exception else e.mode
        case "EvaluatorFindingRecorded":
            s.said.add(e.finding)
        case _:
            s.said.add(name(e))


def _stands(rating: Rating | None) -> Any:
    return rating.quality if rating and rating.in_practice == "yes" else "no"


def earned(told: Told, cycle_id: str | None, scheme: str, day: date) -> set[str]:
    """The tiers of the small world's policies that a program has earned, by what its events say."""
    s = told.stories.get(cycle_id or "", Story())
    applied: Any = next(reversed(told.named("MembershipApplicationSubmitted")), None)
    accepted = told.named("MembershipApplicationAccepted")
    registered: Any = told.history[0]
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
        affiliate = bool(accepted and applied and applied.formal and years(since, 1) <= day)
        working = bool(s.submitted and s.months is not None)
        confirmed = {"SupportCompleted", "OtherRequirementsConfirmed"} <= s.said
        full = affiliate and working and confirmed and s.share(COUNTING, 60)
        return _named(affiliate=affiliate, associate=affiliate and s.started, full=full)
    partner = bool(s.submitted and s.mode and s.months == 12)
    finding, old = "identified" in s.said, years(since, 20) <= day
    model = partner and finding and s.share(DESIGNATED, 100, 3) and (old or s.submitted or not s.started)
    return _named(partner=partner, model=model)


def _named(**tiers: bool) -> set[str]:
    return {tier for tier, yes in tiers.items() if yes}


def years(day: date, years: int) -> date:
    leap = (day.month, day.day) == (2, 29) and (day.year + years) % 4
    return day.replace(year=day.year + years, day=28 if leap else day.day)
