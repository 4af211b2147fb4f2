"""What an event around or after a grant needs to have before it, written out again from the process and the walks' policies.

Each law reads what was told before the event, the event, who asked for it and the day; AssertionError in words if
it was broken.
"""

from datetime import date, timedelta
from typing import Any

from tests.walk_laws import APPEAL_WITHIN, law, months
from tests.walk_policies import EXTENDED_ON, GROUNDS
from tests.walk_standing import Day, Tenures
from tests.walk_story import Told, name

REPLY_DAYS = {"full": 20, "lean": 10, "member": 15}
STAYS = IMMEDIATE = ("full", "member")
"""The schemes with adverse acts, how long to reply and to appeal, which acts an appeal stays, which come at once."""
EXTENSIONS = {"full": (6, 2), "southern": (3, 1)}
"""Months in all, and how often."""
ADVERSE = {"PartnerStatusSuspended": "suspend", "PartnerTierReduced": "reduce", "PartnerStatusRevoked": "revoke"}
APPEALABLE = ("TierGranted", "TierDenied", "TierDecisionDeferred", *ADVERSE)
ANNOUNCEMENTS = ("PartnerStatusExpired", "TransitionalTierLapsed", "DeadlinePassed")
AFTER_THE_END = (*ANNOUNCEMENTS, "TrainingVouchersLapsed", "ImprovementPlanEnded")
"""All that is still recorded of a program that was merged or discontinued."""
TOLD_TO_THE_PUBLIC = (*ADVERSE, "PartnerStatusReinstated", "DecisionReversed")


def on(told: Told, scheme: str, day: date) -> Day:
    """What is held on a day."""
    return Tenures(told, scheme).on(day)


def decision(told: Told, decision_id: str) -> Any:
    """The decision of that id."""
    return next(d for d in told.named(*APPEALABLE) if d.decision_id == decision_id)


def involved(told: Told, decision_id: str) -> set[str | None]:
    """Who took part in a decision or in what led to it."""
    d = decision(told, decision_id)
    people = {d.decider, *told.participants(d.cycle_id)}
    named = [a.person for a in told.named("DeciderAssigned") if a.cycle_id == d.cycle_id]
    issued = [n.issued_by for n in told.named("NoticeOfIntentIssued") if n.notice_id == getattr(d, "notice_id", "")]
    return {*people, *named[-1:], *issued}


def program_people(told: Told, today: date) -> set[str]:
    """Who acts for the program or did within two years."""
    left = {e.person: e.left_on for e in told.named("ProgramRepresentativeRemoved")}
    held: dict[str, int] = {}
    for v in told.versions("ProgramRepresentativeAppointed", "ProgramRepresentativeRemoved"):
        e = told.at(v)
        held[e.person] = held.get(e.person, 0) + 1 if name(e) == "ProgramRepresentativeAppointed" else 0
    return {p for p, n in held.items() if n or (p in left and today < months(left[p], 24))}


@law("NoticeOfIntentIssued")
def a_notice_gives_time_to_reply(told: Told, e: Any, person: str, today: date) -> None:
    """One at a time, about a term that runs, on grounds of the policy."""
    now = on(told, e.scheme, today)
    assert now.in_term, "a notice about a term that does not run"
    assert e.reply_by >= today + timedelta(days=REPLY_DAYS[e.scheme])
    assert set(e.grounds) <= set(GROUNDS)
    assert e.scheme not in [n.scheme for n in open_notices(told)], "a second notice"
    assert (e.action == "reduce") == (e.tier is not None)


def open_notices(told: Told) -> list[Any]:
    """The notices of intent that were neither closed nor acted on."""
    over = {e.notice_id for e in told.named("NoticeOfIntentClosed", *ADVERSE)}
    return [n for n in told.named("NoticeOfIntentIssued") if n.notice_id not in over]


@law(*ADVERSE)
def an_adverse_act_follows_its_notice(told: Told, e: Any, person: str, today: date) -> None:
    """A notice that is open, whose time to reply is over or used, or imminent harm; decided by somebody without a part."""
    now = on(told, e.scheme, today)
    assert now.in_term, f"{name(e)} although it is {now.status}"
    assert (e.tier, e.decider, e.decided_on) == (now.tier, person, today)
    assert e.appeal_by == today + timedelta(days=APPEAL_WITHIN[e.scheme])
    assert today <= e.effective_on
    assert now.in_term.end is None or e.effective_on < now.in_term.end
    assert e.grounds, "an act on no ground"
    assert set(e.grounds) <= set(GROUNDS)
    if getattr(e, "imminent_harm", False):
        assert e.scheme in IMMEDIATE, "at once, where the policy asks for notice"
        assert e.effective_on < e.review_by <= e.effective_on + timedelta(days=REPLY_DAYS[e.scheme])
    else:
        n = next((n for n in open_notices(told) if n.notice_id == e.notice_id), None)
        assert n is not None, "an adverse act without a notice of intent that is open"
        assert (n.scheme, n.action, n.grounds) == (e.scheme, ADVERSE[name(e)], e.grounds)
        replied = e.notice_id in [r.notice_id for r in told.named("ProgramReplyReceived")]
        assert replied or today > n.reply_by, "an adverse act before the time to reply was over"
        assert person != n.issued_by, "whoever gave notice decided"
        assert name(e) != "PartnerTierReduced" or e.to == n.tier
    granted = told.at(now.in_term.version)
    assert person not in told.participants(getattr(granted, "cycle_id", None)), "whoever took part in the grant decided"
    assert person not in program_people(told, today)
    assert not told.tied(person, today), "somebody with an interest in the program decided"


@law("PartnerStatusReinstated")
def a_suspension_that_began_is_lifted(told: Told, e: Any, person: str, today: date) -> None:
    """From today on, once."""
    mine = [b for b in Tenures(told, e.scheme).bearings if b.decision == e.decision_id]
    assert [(b.kind, b.until) for b in mine] == [("suspended", None)]
    assert mine[0].since <= today == e.effective_on


@law("PartnerStatusRelinquished")
def what_is_given_up_was_held(told: Told, e: Any, person: str, today: date) -> None:
    """A term that runs, from today or later."""
    now = on(told, e.scheme, today)
    assert now.in_term
    assert now.tier == e.tier
    assert today <= e.effective_on


@law("PartnerStatusExtended")
def an_extension_has_its_limits(told: Told, e: Any, person: str, today: date) -> None:
    """On a ground, of a term that runs, in all so long and so often as the policy says."""
    term = on(told, e.scheme, today).in_term
    assert term is not None
    assert term.end is not None
    longest, times = EXTENSIONS[e.scheme]
    first_end = term.was or term.end
    assert (e.extends, e.extended_from, e.ground in EXTENDED_ON) == (term.version, first_end, True)
    assert term.end < e.until <= months(first_end, longest)
    assert term.extensions < times


@law("AppealFiled")
def an_appeal_comes_in_time(told: Told, e: Any, person: str, today: date) -> None:
    """Once against each decision, within its time; it stays an adverse act where the policy says so."""
    d = decision(told, e.decision_id)
    assert d.appeal_by is not None
    assert today <= d.appeal_by, "an appeal that came too late"
    assert e.decision_id not in [a.decision_id for a in told.named("AppealFiled")], "appealed against twice"
    assert name(d) != "TierDecisionDeferred" or today > d.until
    stays = name(d) in ADVERSE and d.scheme in STAYS and not getattr(d, "imminent_harm", False)
    assert (e.stays, e.filed_on) == (stays, today)


@law("AppealPanelNamed")
def a_panel_took_no_part_before(told: Told, e: Any, person: str, today: date) -> None:
    """Three or more, none of whom had a part in the decision or acts for the program."""
    appeal = next(a for a in told.named("AppealFiled") if a.appeal_id == e.appeal_id)
    barred = involved(told, appeal.decision_id) | program_people(told, today)
    assert len(set(e.panel)) == len(e.panel) >= 3
    assert not barred.intersection(e.panel), f"{barred.intersection(e.panel)} took part before"
    assert person not in involved(told, appeal.decision_id), "whoever took part named the panel"
    assert not [m for m in e.panel if told.tied(m, today)], "a panelist has an interest in the program"
    assert today <= e.until <= months(today, 6)


@law("AppealDecided")
def a_panel_decides_as_named(told: Told, e: Any, person: str, today: date) -> None:
    """Its members declared, free of interests, after they were named; whoever was named first records it."""
    versions = [v for v in told.versions("AppealPanelNamed") if told.at(v).appeal_id == e.appeal_id]
    panel = told.at(versions[-1])
    assert (e.panel, person) == (panel.panel, panel.panel[0])
    since = [told.at(v) for v in told.versions("PanelistDeclared") if v > versions[-1]]
    said = {d.person: d.nature for d in since if d.appeal_id == e.appeal_id}
    assert all(said.get(m) == "none" for m in panel.panel), "a panelist decided undeclared or in conflict"
    assert not involved(told, e.decision_id).intersection(e.panel), "a panelist took part before"
    assert not program_people(told, today).intersection(e.panel)
    assert not [m for m in e.panel if told.tied(m, today)], "a panelist has an interest in the program"
    assert today <= panel.until, "a panel decided after its access had ended"
    ended = told.named("AppealDismissed", "AppealWithdrawn", "AppealDecided")
    assert e.appeal_id not in [a.appeal_id for a in ended]


@law("DecisionReversed", "DecisionCorrected")
def two_people_change_a_decision(told: Told, e: Any, person: str, today: date) -> None:
    """One proposes, another agrees, or a panel overturned it; a grant is never reversed."""
    d = decision(told, e.decision_id)
    if name(e) == "DecisionCorrected":
        term = next(t for t in Tenures(told, e.scheme).terms if t.decision == e.decision_id)
        assert (name(d), e.was) == ("TierGranted", term.since)
        assert d.decided_on - timedelta(days=366) <= e.effective_on <= d.decided_on
    else:
        assert name(d) not in ("TierGranted", "TierDecisionDeferred")
        assert e.decision_id not in [r.decision_id for r in told.named("DecisionReversed")], "reversed twice"
    if e.ground == "appeal":
        return
    proposed = [p for p in told.named("DecisionChangeProposed") if p.decision_id == e.decision_id]
    assert len(set(e.agreed_by)) == 2, "one person alone changed a decision"
    assert e.agreed_by == (proposed[-1].person, person)


@law(*ANNOUNCEMENTS)
def what_came_is_announced_once(told: Told, e: Any, person: str, today: date) -> None:
    """On its day or later; of an end, that the term ran until then."""
    key = name(e), getattr(e, "kind", ""), e.about, e.due_on
    earlier = [(name(o), getattr(o, "kind", ""), o.about, o.due_on) for o in told.named(*ANNOUNCEMENTS)]
    assert e.due_on <= today, "announced before it came"
    assert key not in earlier, "announced twice"
    if name(e) == "DeadlinePassed":
        return
    tenures = Tenures(told, e.scheme)
    before, after = tenures.on(e.due_on - timedelta(days=1)), tenures.on(e.due_on)
    assert before.in_term, f"an end was announced of what was {before.status}"
    about = before.in_term.decision or f"import-{before.in_term.version}"
    assert about == e.about
    limit = before.in_term.hold if name(e) == "TransitionalTierLapsed" else before.in_term.end
    assert limit == e.due_on
    assert after.term is not before.in_term or after.in_term is None, "an end was announced of what goes on"


@law("ParticipationRequested")
def a_cycle_fits_what_is_held(told: Told, e: Any, person: str, today: date) -> None:
    """A first one without a tier, a renewal in its window, an advancement while a tier is held; never while barred."""
    now = on(told, e.scheme, today)
    assessed = now.in_term is not None and now.tier != "affiliate"
    bars = [r for r in told.named("PartnerStatusRevoked") if r.may_reapply_from and today < r.may_reapply_from]
    stand = {
        b.decision for b in Tenures(told, e.scheme).bearings if b.until is None and b.since <= today and b.counts(today)
    }
    bars = [r for r in bars if r.scheme == e.scheme and r.decision_id in stand]
    if e.kind == "initial":
        assert not assessed, f"a first cycle beside {now.tier}"
        assert not bars, "asked again before the bar is over"
    elif e.kind == "renewal":
        assert now.term is not None
        assert now.status in ("active", "extended", "suspended", "expired"), f"a renewal of what is {now.status}"
        end = now.term.was or now.term.end
        assert end is None or months(end, -12) <= today, "a renewal before its window"
        assert not bars, "asked again before the bar is over"
    else:
        assert now.status in ("active", "extended"), f"an advancement of what is {now.status}"


@law("CorrectiveCycleOrdered")
def a_corrective_cycle_confirms_what_is_held(told: Told, e: Any, person: str, today: date) -> None:
    """While a term runs."""
    now = on(told, e.scheme, today)
    assert now.in_term
    assert e.tier == now.tier
    assert today < e.due_on


@law("AssessmentCarriedForward")
def what_is_carried_was_decided_on(told: Told, e: Any, person: str, today: date) -> None:
    """From a decided cycle of the same scheme; settled only where nothing is in doubt and it was found in place."""
    s, earlier = told.stories[e.cycle_id], told.stories[e.from_cycle]
    assert earlier.decided
    assert s.scheme == earlier.scheme
    assert set(e.settled) <= set(e.items) <= set(earlier.answers)
    if e.settled:
        doubted = s.ordered.item_ids if s.ordered else ()
        assert s.kind == "advancement" or doubted
        assert not set(doubted) & set(e.settled), "what is in doubt was settled"
        in_place = [i for i, how in earlier.practice.items() if isinstance(how, int) or how == "not_applicable"]
        assert set(e.settled) <= set(in_place), "what was not in place was settled"


def after_a_step(told: Told, events: tuple[Any, ...]) -> None:
    """What the events of one answer owe each other: the public is told of adverse acts, and of their end."""
    kinds = {name(e) for e in events}
    if not kinds.intersection(TOLD_TO_THE_PUBLIC):
        return
    posted = {e.about for e in events if name(e) == "PublicNoticePosted"}
    shown = {e.notice_id: e.about for e in told.named("PublicNoticePosted")}
    for e in told.named("PublicNoticeArchived"):
        shown.pop(e.notice_id, None)
    for e in events:
        if name(e) in ADVERSE:
            assert e.decision_id in posted, f"{name(e)} without a public notice"
        elif name(e) in ("PartnerStatusReinstated", "DecisionReversed"):
            about = [k for k, a in shown.items() if a == e.decision_id]
            assert not about, f"{about} is shown although it was lifted"
