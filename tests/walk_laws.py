"""What an event of a kind needs to have before it, written out again from the process and the small world's policies.

Each law reads the history up to the event, who asked for it and the day; AssertionError in words if it was broken.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from tests.small_policies import INSTRUMENT
from tests.walk_story import COUNTING, Story, earned, name, tell, undone, years

Law = Callable[[list[Any], str, date], None]
LAWS: dict[str, Law] = {}
AT_END = {"dedicated", "expert", "partner", "model", "full"}
"""The tiers that are granted when a cycle ends."""
MOST_DEFERRALS = {"full": 2, "lean": 1, "southern": 1, "member": 2}


def _law(*events: str) -> Callable[[Law], Law]:
    def remember(law: Law) -> Law:
        LAWS.update(dict.fromkeys(events, law))
        return law

    return remember


def _before(history: list[Any]) -> Story:
    """The cycle as it was when the last event came."""
    return tell(history[:-1])[history[-1].cycle_id]


@_law("ItemDeterminationRecorded", "ItemsConfirmed", "NotApplicableRuled", "DeterminationsAdopted")
def only_the_reviewer_rules(history: list[Any], person: str, today: date) -> None:
    """Who rules is assigned, and by the last declaration free of conflicts."""
    s = _before(history)
    assert person == s.reviewer == getattr(history[-1], "reviewer", person), f"{person} is not the reviewer"
    assert s.declared[person], "a reviewer in conflict went on"


@_law("ReviewerAssigned", "DeciderAssigned")
def whoever_is_assigned_declared(history: list[Any], person: str, today: date) -> None:
    """The declaration named is the person's last one."""
    e = history[-1]
    declared = history[e.declaration - 1]
    assert (name(declared), declared.person, declared.cycle_id) == ("ConflictOfInterestDeclared", e.person, e.cycle_id)
    assert _before(history).declared[e.person], "somebody in conflict was assigned"


@_law("AssessmentSubmitted")
def what_is_handed_in_is_complete(history: list[Any], person: str, today: date) -> None:
    """Every item is answered, described and shown where it asks for that."""
    s, e = _before(history), history[-1]
    assert set(s.answers) == {i.id for i in INSTRUMENT.items}, "handed in with items unanswered"
    practised = {i for i, r in s.answers.items() if r.in_practice == "yes"}
    assert "A2" not in practised or "A2" in s.described, "handed in without a description"
    assert "B3" not in practised or s.links.get("B3"), "handed in without a document"
    assert (e.submission_no, e.item_count) == (s.submissions + 1, len(INSTRUMENT.items))


@_law("ImprovementPlanAdopted")
def a_plan_is_agreed_by_both(history: list[Any], person: str, today: date) -> None:
    """Two people, unless the policy lets the affiliate issue it; every practice not in place has its goal."""
    s, e = _before(history), history[-1]
    both = len(set(e.agreed_by)) == 2
    assert both or s.scheme in ("lean", "southern"), "one side alone adopted the plan"
    assert s.mode, "a plan was adopted before the visit"
    assert s.goals, "a plan without a goal"
    assert set(s.practice) == {i.id for i in INSTRUMENT.items}, "a plan was adopted with items undetermined"
    assert s.scheme != "full" or s.plan_covers, "the plan leaves a practice uncovered"
    assert s.scheme == "member" or e.months == 12


@_law("ReviewCompleted")
def a_review_counts_what_was_found(history: list[Any], person: str, today: date) -> None:
    """Who completes it is its reviewer, and its figures are those of the findings."""
    only_the_reviewer_rules(history, person, today)
    s, e = _before(history), history[-1]
    counted = [s.practice[i] for i in COUNTING]
    found = sum(isinstance(p, int) for p in counted), counted.count("not_applicable"), counted.count("not_verified")
    assert (e.in_practice, len(COUNTING) - e.applicable, e.not_verified) == found
    assert s.months is not None, "a review was completed without its plan"


@_law("MouExecuted")
def all_parties_signed(history: list[Any], person: str, today: date) -> None:
    """The signature of each party stands."""
    e, gone = history[-1], undone(history)
    stands = [s for v, s in enumerate(history, 1) if name(s) == "MouSigned" and v not in gone and s.mou_id == e.mou_id]
    assert sorted(s.party for s in stands) == sorted(e.parties), "not every party has signed once"
    assert all(s.signature.covers == stands[0].signature.covers for s in stands)


@_law("StatementOfAccuracySigned")
def what_is_signed_is_what_was_asked(history: list[Any], person: str, today: date) -> None:
    """The signature covers what was asked for and lies between then and today."""
    s, signature = _before(history), history[-1].signature
    assert s.asked.covers == signature.covers
    assert s.asked.requested_on <= signature.signed_on <= today
    assert signature.role in ("executive_director", "head_of_program")
    assert signature.method != "spoken_witnessed" or signature.witness not in (None, signature.signatory, person)


@_law("StatementOfAccuracyReceived")
def a_receipt_follows_its_signature(history: list[Any], person: str, today: date) -> None:
    """Not before the signature, not in the future, far back only by two people."""
    s, e = _before(history), history[-1]
    assert s.signed.signed_on <= e.received_on <= today
    assert e.covers == s.signed.covers
    if e.received_on < today - timedelta(days=14):
        assert s.proposed.received_on == e.received_on, "a receipt far back that nobody proposed"
    assert s.proposed is None or s.proposed.proposed_by != person or s.proposed.received_on != e.received_on


@_law("TierGranted")
def a_grant_has_the_term_of_its_policy(history: list[Any], person: str, today: date) -> None:
    """From the receipt or the day of the decision, for as long as the policy says."""
    e = history[-1]
    assert (e.decided_on, e.decider) == (today, person)
    ends = {"full": 3, "lean": 2, "southern": 2}.get(e.scheme)
    hold = None if e.tier != "associate" else _months(today, 18)
    assert (e.hold_until, e.falls_back_to) == (hold, "affiliate" if hold else None)
    starts = _before(history).statement.received_on if e.scheme == "full" else today
    assert e.effective_on == starts, f"the term starts on {e.effective_on}, not on {starts}"
    if ends is None:
        assert e.expires_on is None
        return
    usual = years(starts, ends)
    timed = [h for h in history[:-1] if name(h) == "TierGranted" and h.scheme == e.scheme]
    old = {h.expires_on for h in timed if h.effective_on <= starts < h.expires_on}
    attested = [h for h in history if name(h) == "HistoricalStatusImported" and h.scheme == e.scheme]
    # Of several attested statuses the one that began last counts; it ended those before it.
    last = max((h for h in attested if h.valid_from <= starts), key=lambda h: h.valid_from, default=None)
    if not timed and last is not None and last.valid_until and starts < last.valid_until:
        old.add(last.valid_until)
    later = {years(day, ends) for day in old} if e.kind == "renewal" and e.scheme == "full" else set[date]()
    assert e.expires_on in (later or {usual}), f"the term ends on {e.expires_on}"


def _months(day: date, months: int) -> date:
    year, month = divmod(day.month - 1 + months, 12)
    for last in range(day.day, 0, -1):
        try:
            return date(day.year + year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("a month has a first day")


@_law("TierDenied")
def a_denial_says_until_when_to_appeal(history: list[Any], person: str, today: date) -> None:
    """Where the policy has a way of appeal, and what was missing; the cycle ends with it if nothing else is carried."""
    e = history[-1]
    carried = earned(history[:-1], e.cycle_id, e.scheme, today) & AT_END
    assert e.ends_cycle == (not carried), "a denial ends the cycle although a tier is carried, or the other way round"
    assert e.tier not in _before(history).denied, "a tier was denied twice"
    assert (e.decided_on, e.decider) == (today, person)
    assert e.appeal_by == (today + timedelta(days=30) if e.scheme == "full" else None)
    assert e.missing


@_law("TierDecisionDeferred")
def a_deferral_has_its_limits(history: list[Any], person: str, today: date) -> None:
    """Counted, and bounded in number and time."""
    s, e = _before(history), history[-1]
    assert e.deferral_no == s.deferrals + 1 <= MOST_DEFERRALS[e.scheme]
    assert today < e.until <= today + timedelta(days=90)


@_law("AssessmentReportIssued")
def a_report_follows_its_decision(history: list[Any], person: str, today: date) -> None:
    """Once, after the decision."""
    e = history[-1]
    assert _before(history).decided, "a report before the decision"
    assert [name(o) for o in history if getattr(o, "cycle_id", "") == e.cycle_id].count(name(e)) == 1
