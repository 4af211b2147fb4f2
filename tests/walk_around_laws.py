"""What an event beside a tier needs to have before it: plans, benefits, check-ins, inquiries, transfers, closings.

As in ``tests/walk_later_laws.py``; AssertionError in words if it was broken.
"""

from datetime import date, timedelta
from typing import Any

from tests.walk_later_laws import on, open_notices, program_people
from tests.walk_laws import law, months
from tests.walk_standing import Tenures
from tests.walk_story import Told, name

VOUCHERS = {"full": (2, 12), "member": (3, None)}
"""How many, and for how many months."""
NEAR = timedelta(days=60)
TIERS = ("TierGranted", "HistoricalStatusImported")


@law("TrainingVouchersIssued")
def vouchers_are_for_a_year(told: Told, e: Any, person: str, today: date) -> None:
    """So many, for a time in which no others are valid, while a tier is held."""
    count, span = VOUCHERS[e.scheme]
    assert on(told, e.scheme, today).status in ("active", "extended"), "vouchers without a tier"
    assert e.count == count
    began = Tenures(told, e.scheme).unbroken(today, 1)
    assert began is not None
    years = today.year - began.year
    turns = [(months(began, 12 * n), months(began, 12 * (n + 1))) for n in (years - 1, years)]
    # An import can change since when years are counted; then a year begins where the last vouchers end.
    ended = [v.valid_until for v in told.named("TrainingVouchersIssued") if v.scheme == e.scheme and v.valid_until]
    turns = [(max([since, *(day for day in ended if since < day < until)]), until) for since, until in turns]
    assert (e.valid_from, e.valid_until) in (turns if span else [(began, None)]), (
        f"a voucher's year is not counted from {began}"
    )
    assert e.valid_from <= today
    assert e.valid_until is None or today < e.valid_until
    for v in told.named("TrainingVouchersIssued"):
        apart = (v.valid_until and v.valid_until <= e.valid_from) or (e.valid_until and e.valid_until <= v.valid_from)
        assert v.scheme != e.scheme or apart, "vouchers of two times at once"


@law("TrainingVoucherRedeemed")
def no_voucher_is_redeemed_twice(told: Told, e: Any, person: str, today: date) -> None:
    """One that was issued, is valid, and was not redeemed or lapsed before."""
    key = e.scheme, e.valid_from
    issued = [v for v in told.named("TrainingVouchersIssued") if (v.scheme, v.valid_from) == key]
    used = [v.voucher_no for v in told.named(name(e)) if (v.scheme, v.valid_from) == key]
    assert len(issued) == 1
    assert 1 <= e.voucher_no <= issued[0].count
    assert e.voucher_no not in used, "a voucher was redeemed twice"
    assert len(used) < issued[0].count, "more vouchers were redeemed than issued"
    assert e.valid_from <= today
    assert issued[0].valid_until is None or today < issued[0].valid_until
    assert on(told, e.scheme, today).status in ("active", "extended"), "a voucher redeemed without a tier"
    assert key not in [(v.scheme, v.valid_from) for v in told.named("TrainingVouchersLapsed")]


@law("TrainingVouchersLapsed")
def what_lapses_is_left(told: Told, e: Any, person: str, today: date) -> None:
    """Once, on the day, as many as were not redeemed."""
    key = e.scheme, e.valid_from
    issued = next(v for v in told.named("TrainingVouchersIssued") if (v.scheme, v.valid_from) == key)
    used = [v for v in told.named("TrainingVoucherRedeemed") if (v.scheme, v.valid_from) == key]
    assert (e.count, e.lapsed_on) == (issued.count - len(used), issued.valid_until)
    assert e.lapsed_on <= today
    assert key not in [(v.scheme, v.valid_from) for v in told.named(name(e))], "lapsed twice"


@law("AnnualCheckInRecorded")
def a_check_in_is_near_its_day(told: Told, e: Any, person: str, today: date) -> None:
    """Once for each anniversary of a term that runs."""
    now = on(told, e.scheme, today)
    assert now.in_term
    assert abs(today - e.anniversary) <= NEAR
    assert e.anniversary == months(now.in_term.since, 12 * (e.anniversary.year - now.in_term.since.year))
    assert (e.scheme, e.anniversary) not in [(c.scheme, c.anniversary) for c in told.named(name(e))]


@law("ImprovementPlanEnded")
def a_plan_ends_once(told: Told, e: Any, person: str, today: date) -> None:
    """On its day or later; one that is extended or adopted anew ends anew."""
    adopted = max(v for v in told.versions("ImprovementPlanAdopted") if told.at(v).cycle_id == e.cycle_id)
    earlier = [told.at(v) for v in told.versions(name(e)) if v > adopted]
    assert e.ended_on <= today
    assert (e.cycle_id, e.ended_on) not in [(p.cycle_id, p.ended_on) for p in earlier], "ended twice"


@law("GoalAttainmentVerified")
def a_goal_is_verified_by_others(told: Told, e: Any, person: str, today: date) -> None:
    """What was last reported reaches the target, and whoever reported it or acts for the program does not verify it."""
    reports = [v for v in told.versions("GoalProgressReported") if _of(told.at(v), e)]
    goal = next(g for g in reversed(told.named("ImprovementGoalSet")) if _of(g, e))
    last = told.at(reports[-1])
    assert e.reported == reports[-1]
    assert last.achieved >= goal.target
    assert person not in {last.reported_by, *program_people(told, today)}, "they verified what they reported"


def _of(a: Any, b: Any) -> bool:
    return (a.cycle_id, a.goal_id) == (b.cycle_id, b.goal_id)


@law("ImprovementPlanClosed")
def a_completed_plan_has_no_open_goal(told: Told, e: Any, person: str, today: date) -> None:
    """Every goal is named, once, as reached or open."""
    assert set(e.achieved) | set(e.open_goals) == set(told.stories[e.cycle_id].goals)
    assert not set(e.achieved) & set(e.open_goals)
    assert e.outcome != "completed" or not e.open_goals, "completed with goals open"
    verified = {g.goal_id for g in told.named("GoalAttainmentVerified") if g.cycle_id == e.cycle_id}
    assert set(e.achieved) <= verified


@law("LetterOfSupportIssued")
def a_letter_cites_what_was_held(told: Told, e: Any, person: str, today: date) -> None:
    """Once, of a tier that could be claimed on the day."""
    now = on(told, e.scheme, e.as_of)
    assert (now.status in ("active", "extended"), now.tier) == (True, e.tier)
    assert e.letter_id not in [o.letter_id for o in told.named(name(e))]


@law("ConcernReferred", "InquiryOpened", "InquiryClosed")
def an_inquiry_goes_its_way(told: Told, e: Any, person: str, today: date) -> None:
    """Each complaint is referred once, looked into once, closed once; not by somebody with an interest."""
    before = {"InquiryOpened": "ConcernReferred", "InquiryClosed": "InquiryOpened"}.get(name(e))
    assert e.concern_id not in [o.concern_id for o in told.named(name(e))]
    assert before is None or e.concern_id in [o.concern_id for o in told.named(before)]
    assert not told.tied(person, today), "somebody with an interest looked into it"
    if name(e) == "ConcernReferred":
        assert e.complaint_id not in [o.complaint_id for o in told.named(name(e))], "referred twice"


@law("AssessmentLapsed")
def what_was_handed_in_does_not_lapse(told: Told, e: Any, person: str, today: date) -> None:
    """From then on a decision is owed."""
    assert not told.stories[e.cycle_id].submitted


@law("ProgramTransferredToAffiliate")
def a_transfer_was_agreed_to(told: Told, e: Any, person: str, today: date) -> None:
    """Proposed by one person, accepted by another, with what it holds ended or kept as was said."""
    proposed = told.named("ProgramTransferProposed")[-1]
    assert (e.to, e.jurisdiction, e.status_treatment) == (proposed.to, proposed.jurisdiction, proposed.status_treatment)
    assert person != proposed.proposed_by
    for scheme in {t.scheme for t in told.named(*TIERS)}:
        assert e.status_treatment == "kept" or not on(told, scheme, today).in_term


@law("ProgramMerged", "ProgramDiscontinued")
def nothing_is_left_open(told: Told, e: Any, person: str, today: date) -> None:
    """No cycle under way, no notice, no appeal, no tier that would run on."""
    assert all(s.decided or s.withdrawn for s in told.stories.values()), "a program ended with a cycle under way"
    assert not open_notices(told)
    over = {a.appeal_id for a in told.named("AppealDismissed", "AppealWithdrawn", "AppealDecided")}
    assert all(a.appeal_id in over for a in told.named("AppealFiled")), "a program ended with an appeal open"
    for scheme in {t.scheme for t in told.named(*TIERS)}:
        tenures = Tenures(told, scheme)
        for day in tenures.turns() | {today}:
            assert day < today or not tenures.on(day).in_term, f"{scheme} runs on after the end of the program"
