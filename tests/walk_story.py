"""A program's life told from its events alone: where each cycle stands, which tiers it earned, what is held on a day.

Nothing of the domain's rules or of its evaluation is asked here; the small world's policies are written out again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from domain.values import Rating

COUNTING, DESIGNATED = ("A1", "A2", "B3", "B4", "C5"), ("A2", "B3")


def name(event: Any) -> str:
    """The event's type in a word."""
    return type(event).__name__


def undone(history: list[Any]) -> set[int]:
    """The versions of the acts that were withdrawn."""
    return {e.withdrawn for e in history if name(e) == "ActWithdrawn"}


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
    gone = undone(history)
    stories: dict[str, Story] = {}
    for version, event in enumerate(history, 1):
        cycle_id = getattr(event, "cycle_id", None)
        if cycle_id and version not in gone:
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
            s.submissions += 1
        case "AssessmentReturned":
            s.submitted = False
            _forget(s, *e.item_ids)
        case "EvidenceReopened":
            s.months = None
        case "TierDenied":
            s.decided = s.decided or e.ends_cycle
            s.denied.add(e.tier)
        case "TierGranted":
            s.decided = s.decided or e.granted_at == "cycle_end"
        case _:
            any(add(s, e) for add in (_add_answer, _add_plan, _add_statement, _add_people, _add_review))


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
            s.described.add(e.item_id)
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


def _add_statement(s: Story, e: Any) -> bool:
    match name(e):
        case "StatementOfAccuracyRequested":
            s.asked, s.signed, s.proposed = e, None, None
        case "StatementOfAccuracySigned":
            s.signed = e.signature
        case "StatementOfAccuracyRejected":
            s.signed = s.proposed = None
        case "StatementReceiptProposed":
            s.proposed = e
        case "StatementOfAccuracyReceived":
            s.statement = e
        case "StatementOfAccuracyVoided":
            s.statement = s.asked = s.signed = s.proposed = None
        case _:
            return False
    return True


def _add_people(s: Story, e: Any) -> bool:
    match name(e):
        case "ConflictOfInterestDeclared":
            s.declared[e.person] = e.nature == "none" or e.mitigation is not None
        case "ReviewerAssigned":
            s.reviewers.append(e.person)
            s.reviewer = e.person
        case "ReviewerRecused":
            s.reviewer = ""
        case "TierDecisionDeferred":
            s.deferrals += 1
        case _:
            return False
    return True


def _add_review(s: Story, e: Any) -> bool:
    match name(e):
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
        case "EvaluatorFindingRecorded":
            s.said.add(e.finding)
        case "SupportCompleted" | "OtherRequirementsConfirmed":
            s.said.add(name(e))
        case _:
            return False
    return True


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
        affiliate = bool(accepted and applied.formal and years(since, 1) <= day)
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
    ends, hold = until(last), getattr(last, "hold_until", None)
    if (ends is None or day < ends) and (hold is None or day < hold):
        return "active", last.tier
    lower = [e for e in ruling[: ruling.index(last)] if e.tier == getattr(last, "falls_back_to", None)]
    if lower and (ends is None or ends > hold) and (until(lower[-1]) is None or day < until(lower[-1])):
        return "active", lower[-1].tier
    return "expired", None


def _since(e: Any) -> date:
    return e.effective_on if name(e) == "TierGranted" else e.valid_from


def until(e: Any) -> Any:
    return e.expires_on if name(e) == "TierGranted" else e.valid_until
