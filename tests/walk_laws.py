"""What an event of a kind needs to have before it, written out again from the process and the small world's policies.

Each law reads what was told before the event, the event, who asked for it and the day; AssertionError in words if
it was broken.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from tests.small_policies import INSTRUMENT
from tests.walk_standing import Tenures, Term
from tests.walk_story import COUNTING, Told, earned, name, years

Law = Callable[[Told, Any, str, date], None]
LAWS: dict[str, Law] = {}
RANKS = {"dedicated": 1, "expert": 2, "partner": 1, "model": 2, "full": 3}
"""The tiers that are granted when a cycle ends."""
LENGTHS = {"full": 3, "lean": 2, "southern": 2}
"""Of terms that end, in years."""
APPEAL_WITHIN = {"full": 30, "lean": 20, "member": 30}
"""Days to appeal, where the policy has a way of appeal."""
MOST_DEFERRALS = {"full": 2, "lean": 1, "southern": 1, "member": 2}


def law(*events: str) -> Callable[[Law], Law]:
    """Registers what must hold before events of these names."""

    def remember(rule: Law) -> Law:
        LAWS.update(dict.fromkeys(events, rule))
        return rule

    return remember


@law("ItemDeterminationRecorded", "ItemsConfirmed", "NotApplicableRuled", "DeterminationsAdopted")
def only_the_reviewer_rules(told: Told, e: Any, person: str, today: date) -> None:
    """Who rules is assigned, and by the last declaration free of conflicts."""
    s = told.stories[e.cycle_id]
    assert person == s.reviewer == getattr(e, "reviewer", person), f"{person} is not the reviewer"
    assert s.declared[person], "a reviewer in conflict went on"
    assert not told.tied(person, today), "a reviewer with an interest in the program went on"
    ruled = {*getattr(e, "item_ids", ()), getattr(e, "item_id", "")}
    assert not ruled.intersection(s.settled), "what is settled was ruled on again"


@law("ReviewerAssigned", "DeciderAssigned")
def whoever_is_assigned_declared(told: Told, e: Any, person: str, today: date) -> None:
    """The declaration named is the person's last one."""
    declared = told.at(e.declaration)
    assert (name(declared), declared.person, declared.cycle_id) == ("ConflictOfInterestDeclared", e.person, e.cycle_id)
    s = told.stories[e.cycle_id]
    assert s.declared[e.person], "somebody in conflict was assigned"
    assert not told.tied(e.person, today), "somebody with an interest in the program was assigned"
    case = s.outsiders.get(e.person)
    assert not told.outsider(e.person) or (case and today <= case.until and case.part in name(e).lower()), (
        "an outsider beyond the case"
    )


@law("AssessmentSubmitted")
def what_is_handed_in_is_complete(told: Told, e: Any, person: str, today: date) -> None:
    """Every item is answered, described and shown where it asks for that."""
    s = told.stories[e.cycle_id]
    assert set(s.answers) == {i.id for i in INSTRUMENT.items}, "handed in with items unanswered"
    practised = {i for i, r in s.answers.items() if r.in_practice == "yes"}
    assert "A2" not in practised or "A2" in s.described, "handed in without a description"
    assert "B3" not in practised or s.links.get("B3"), "handed in without a document"
    assert (e.submission_no, e.item_count) == (s.submissions + 1, len(INSTRUMENT.items))


@law("ImprovementPlanAdopted")
def a_plan_is_agreed_by_both(told: Told, e: Any, person: str, today: date) -> None:
    """Two people, unless the policy lets the affiliate issue it; every practice not in place has its goal."""
    s = told.stories[e.cycle_id]
    both = len(set(e.agreed_by)) == 2
    assert both or s.scheme in ("lean", "southern"), "one side alone adopted the plan"
    assert s.mode, "a plan was adopted before the visit"
    assert s.goals, "a plan without a goal"
    assert set(s.practice) == {i.id for i in INSTRUMENT.items}, "a plan was adopted with items undetermined"
    assert s.scheme != "full" or s.plan_covers, "the plan leaves a practice uncovered"
    assert s.scheme == "member" or e.months == 12


@law("ReviewCompleted")
def a_review_counts_what_was_found(told: Told, e: Any, person: str, today: date) -> None:
    """Who completes it is its reviewer, and its figures are those of the findings."""
    only_the_reviewer_rules(told, e, person, today)
    s = told.stories[e.cycle_id]
    counted = [s.practice[i] for i in COUNTING]
    found = sum(isinstance(p, int) for p in counted), counted.count("not_applicable"), counted.count("not_verified")
    assert (e.in_practice, len(COUNTING) - e.applicable, e.not_verified) == found
    assert s.months is not None, "a review was completed without its plan"


@law("MouExecuted")
def all_parties_signed(told: Told, e: Any, person: str, today: date) -> None:
    """The signature of each party stands."""
    stands = [s for s in told.named("MouSigned") if s.mou_id == e.mou_id]
    assert sorted(s.party for s in stands) == sorted(e.parties), "not every party has signed once"
    assert all(s.signature.covers == stands[0].signature.covers for s in stands)


@law("StatementOfAccuracySigned")
def what_is_signed_is_what_was_asked(told: Told, e: Any, person: str, today: date) -> None:
    """The signature covers what was asked for and lies between then and today."""
    s, signature = told.stories[e.cycle_id], e.signature
    assert s.asked.covers == signature.covers
    assert s.asked.requested_on <= signature.signed_on <= today
    assert signature.role in ("executive_director", "head_of_program")
    assert signature.method != "spoken_witnessed" or signature.witness not in (None, signature.signatory, person)


@law("StatementOfAccuracyReceived")
def a_receipt_follows_its_signature(told: Told, e: Any, person: str, today: date) -> None:
    """Not before the signature, not in the future, far back only by two people."""
    s = told.stories[e.cycle_id]
    assert s.signed.signed_on <= e.received_on <= today
    assert e.covers == s.signed.covers
    if e.received_on < today - timedelta(days=14):
        assert s.proposed.received_on == e.received_on, "a receipt far back that nobody proposed"
    assert s.proposed is None or s.proposed.proposed_by != person or s.proposed.received_on != e.received_on


@law("TierGranted")
def a_grant_has_the_term_of_its_policy(told: Told, e: Any, person: str, today: date) -> None:
    """From the receipt or the day of the decision, for as long as the policy says; a panel may date it back."""
    assert (e.decided_on, e.decider) == (today, person)
    hold = None if e.tier != "associate" else months(today, 18)
    assert (e.hold_until, e.falls_back_to) == (hold, "affiliate" if hold else None)
    tenures, appealed = Tenures(told, e.scheme), None
    if e.tier in RANKS and e.kind != "on_appeal":
        assert e.tier in open_to(told, e, today), f"{e.tier} was granted, which was not asked for"
        assert not tenures.pending(today), "granted past an adverse act that has not run its course"
    starts = told.stories[e.cycle_id].statement.received_on if e.scheme == "full" else today
    if e.kind == "on_appeal":
        appealed = next((t for t in tenures.terms if t.decision == e.supersedes), None)
        starts = appealed.since if appealed and e.scheme == "full" else starts
    assert e.effective_on == starts, f"the term starts on {e.effective_on}, not on {starts}"
    end = appealed.end if appealed else _end(told, e, tenures.on(starts).in_term, starts)
    assert e.expires_on == end, f"the term ends on {e.expires_on}, not on {end}"
    goes_on = appealed or (tenures.on(starts).in_term if e.tier in RANKS and _keeps(told, e) else None)
    assert e.extended_from == (goes_on.was if goes_on else None)


def open_to(told: Told, e: Any, today: date) -> set[str]:
    """The tiers that a cycle of its kind can end with: those above the one held, that one, or any."""
    kind, now = told.stories[e.cycle_id].kind, Tenures(told, e.scheme).on(today)
    if now.in_term and kind == "advancement":
        return {tier for tier, rank in RANKS.items() if rank > now.rank}
    return {now.tier or ""} if now.in_term and kind == "corrective" else set(RANKS)


def _keeps(told: Told, e: Any) -> bool:
    """Whether a grant goes on in the term that is running."""
    kind = told.stories[e.cycle_id].kind if e.cycle_id else ""
    return kind == "corrective" or (kind == "advancement" and e.scheme == "full")


def _end(told: Told, e: Any, running: Term | None, starts: date) -> date | None:
    length = LENGTHS.get(e.scheme)
    if length is None:
        return None
    if running and running.end:
        if _keeps(told, e):
            return running.end
        if told.stories[e.cycle_id].kind == "renewal" and e.scheme == "full":
            return years(running.was or running.end, length)
    return years(starts, length)


def months(day: date, months: int) -> date:
    """The same day so many months on, or the last of that month."""
    year, month = divmod(day.month - 1 + months, 12)
    for last in range(day.day, 0, -1):
        try:
            return date(day.year + year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("a month has a first day")


@law("TierDenied")
def a_denial_says_until_when_to_appeal(told: Told, e: Any, person: str, today: date) -> None:
    """Where the policy has a way of appeal, and what was missing; the cycle ends with it if nothing else is carried."""
    left = open_to(told, e, today)
    assert e.tier in left, f"{e.tier} was denied, which was not asked for"
    carried = earned(told, e.cycle_id, e.scheme, today) & left
    assert e.ends_cycle == (not carried), "a denial ends the cycle although a tier is carried, or the other way round"
    assert e.tier not in told.stories[e.cycle_id].denied, "a tier was denied twice"
    assert (e.decided_on, e.decider) == (today, person)
    within = APPEAL_WITHIN.get(e.scheme)
    assert e.appeal_by == (today + timedelta(days=within) if within else None)
    assert e.missing


@law("TierDecisionDeferred")
def a_deferral_has_its_limits(told: Told, e: Any, person: str, today: date) -> None:
    """Counted, and bounded in number and time."""
    s = told.stories[e.cycle_id]
    assert e.deferral_no == s.deferrals + 1 <= MOST_DEFERRALS[e.scheme]
    assert today < e.until <= today + timedelta(days=90)


@law("AssessmentReportIssued")
def a_report_follows_its_decision(told: Told, e: Any, person: str, today: date) -> None:
    """Once, after the decision."""
    assert told.stories[e.cycle_id].decided, "a report before the decision"
    assert e.cycle_id not in [o.cycle_id for o in told.named(name(e))], "a second report"
