"""What a walker sends beside a tier: benefits, progress, complaints, changes, what ends; the values that fit best."""

from datetime import timedelta
from typing import Any

from domain import benefits as ben
from domain import changes as cha
from domain import closure as clo
from domain import complaint as com
from domain import erasure as era
from domain import interests as itr
from domain import offers
from domain import progress as pro
from domain import surveillance as sur
from domain import transfer as tra
from domain.affiliate import EndCharter
from domain.calendar import RecordDayEnded
from domain.concern import ReferConcern
from domain.due import AnnounceDue
from domain.program import Cycle, Plan, running_plans
from domain.snapshot import PublishDirectory
from tests import small_world as small
from tests.walk_later_values import free
from tests.walk_life import OTHER, PROGRAM, Life
from tests.walk_values import BY_NAME, CHOSEN, fills

NAMES = ("Big Friends", "Bigger Friends", "Best Friends")


@fills(AnnounceDue)
def _(w: Life) -> dict[str, Any]:
    come = [d for d in w.dues if d.due_on <= w.today]
    due = w.rng.choice(come if come and w.chance(0.97) else w.dues or [None])
    return {"kind": due.kind, "about": due.about, "due_on": due.due_on} if due else {"about": "none"}


@fills(RecordDayEnded)
def _(w: Life) -> dict[str, Any]:
    last = w.world.state("calendar", "America.Chicago").last
    return {"day": last + timedelta(days=1) if last else w.today - timedelta(days=1)}


@fills(PublishDirectory)
def _(w: Life) -> dict[str, Any]:
    day = w.today - timedelta(days=w.chance(0.1))
    size = len(w.world.streams)
    digests = {"root": "aa" * 32, "sha256": "bb" * 32, "heads": "cc" * 32}
    return {"day": day, "size": size, "entries": 1, "programs": 2, **digests}


@fills(ben.RedeemVoucher)
def _(w: Life) -> dict[str, Any]:
    shown = [i for i, x in w.affiliate.workshops.items() if not x.cancelled and x.on >= w.today]
    shown = [i for i in shown if w.affiliate.workshops[i].takes_voucher or w.chance(0.2)] or shown
    return {"workshop_id": w.rng.choice(shown or list(w.affiliate.workshops) or ["none"])}


@fills(ben.RecordBenefitDelivered)
def _(w: Life) -> dict[str, Any]:
    known = [b.code for some in w.held_under.benefits.values() for b in some]
    return {"code": w.rng.choice(known or ["none"]), "on": w.ago()}


@fills(ben.RequestLetterOfSupport)
def _(w: Life) -> dict[str, Any]:
    return {"as_of": w.ago()}


@fills(ben.IssueLetterOfSupport)
def _(w: Life) -> dict[str, Any]:
    waiting = [k for k, a in w.p.letters.items() if not a.issued]
    return {"letter_id": w.rng.choice(waiting or list(w.p.letters) or ["none"])}


@fills(offers.OfferWorkshop)
def _(w: Life) -> dict[str, Any]:
    return {"title": "Mentoring Matters", "on": w.ahead(200), "takes_voucher": w.chance(0.85)}


@fills(offers.CancelWorkshop)
def _(w: Life) -> dict[str, Any]:
    return {"workshop_id": next(iter(w.affiliate.workshops), "none")}


@fills(offers.OpenBenefit, offers.CloseBenefit)
def _(w: Life) -> dict[str, Any]:
    code = "funding" if w.chance(0.8) else w.rng.choice(("promotion", "none"))
    return {"scheme": "full" if w.chance(0.9) else w.scheme, "code": code, "until": w.rng.choice((None, w.ahead()))}


def _running(w: Life) -> tuple[Cycle, Plan] | None:
    cycle = w.cycle
    over = (cycle, cycle.plan) if cycle and cycle.plan and cycle.plan.adopted else None
    return next(reversed(list(running_plans(w.p))), over)


@fills(pro.ReportGoalProgress, pro.VerifyGoal)
def _(w: Life) -> dict[str, Any]:
    running = _running(w)
    if running is None:
        return {"goal_id": "none", "achieved": 3}
    cycle, plan = running
    goal_id = w.rng.choice(pro.open_goals(plan) or list(plan.goals) or ["none"])
    if plan.progress and w.chance(0.8):
        goal_id = next(reversed(plan.progress))
    target = plan.goals[goal_id].target if goal_id in plan.goals else 3
    reported = {"goal_id": goal_id, "achieved": w.rng.choice((target, target, 5, max(target - 1, 0))), "on": None}
    return {"cycle_id": cycle.cycle_id, **reported, "document_ids": tuple(list(w.usable)[:1]) if w.chance(0.3) else ()}


@fills(pro.ExtendPlan, pro.ClosePlan)
def _(w: Life) -> dict[str, Any]:
    running = _running(w)
    if running is None:
        return {"ends_on": w.ahead()}
    cycle, plan = running
    ends = plan.ends_on or w.today
    outcome = "completed" if not pro.open_goals(plan) else w.rng.choice(("partly", "not_completed", "completed"))
    return {"cycle_id": cycle.cycle_id, "ends_on": ends + timedelta(days=w.rng.choice((0, 30, 90))), "outcome": outcome}


@fills(sur.RecordAnnualCheckIn)
def _(w: Life) -> dict[str, Any]:
    near = sur.anniversaries(w.p, w.scheme, w.today, w.today + sur.WINDOW)
    return {"anniversary": near[-1] if near else w.today, "changes": ("staffing",) if w.chance(0.3) else ()}


@fills(sur.ReportSubstantiveChange)
def _(w: Life) -> dict[str, Any]:
    scheme = None if w.chance(0.4) else w.scheme
    return {"scheme": scheme, "occurred_on": w.ago(70)}


@fills(sur.AssessChange)
def _(w: Life) -> dict[str, Any]:
    waiting = [k for k, c in w.p.changes.items() if not c.assessed]
    return {"change_id": w.rng.choice(waiting or list(w.p.changes) or ["none"])}


@fills(cha.RenameProgram)
def _(w: Life) -> dict[str, Any]:
    name = w.rng.choice(NAMES)
    legal = w.rng.choice((None, "Bigger Friends, Inc."))
    document = next(iter(w.usable), None)
    return {"display_name": name, "legal_name": legal, "effective_on": w.ago(), "document_id": document}


@fills(cha.HandOverLeadership)
def _(w: Life) -> dict[str, Any]:
    leading = [(p, r) for p, held in w.p.people.items() for r in held.roles if r != "program_staff"]
    person, role = w.rng.choice(leading or [(small.LEAD, "program_lead")])
    coming = w.rng.choice(("p_lead2", "p_lead3", small.STAFF, small.LEAD, small.DIRECTOR))
    document = next(iter(w.usable), None)
    return {"from_person": person, "to_person": coming, "role": role, "authority_document_id": document}


@fills(clo.MergeProgram, clo.DiscontinueProgram)
def _(w: Life) -> dict[str, Any]:
    day = w.ago() if w.chance(0.9) else w.ago(900)
    treatment = "ended" if w.chance(0.9) else w.rng.choice((None, "kept"))
    return {
        "into": OTHER if w.chance(0.9) else PROGRAM,
        "effective_on": day,
        "closed_on": day,
        "status_treatment": treatment,
    }


@fills(tra.ProposeTransfer)
def _(w: Life) -> dict[str, Any]:
    places = {"north": ("US-MN", "US-WI"), "south": ("US-GA",), "national": ("US-WY",)}
    others = [a for a in places if a != w.p.listing.affiliate]
    to = others[0] if w.chance(0.85) else w.rng.choice([*others, w.p.listing.affiliate])
    return {"to": to, "jurisdiction": w.rng.choice(places.get(to, ("US-MN",)))}


@fills(com.FileComplaint)
def _(w: Life) -> dict[str, Any]:
    program = w.chance(0.85)
    about = {"about": "program" if program else "affiliate", "program_id": PROGRAM if program else None}
    return {**about, "affiliate": w.affiliate.affiliate_id, "from_letter": w.chance(0.1)}


@fills(com.ScreenComplaint)
def _(w: Life) -> dict[str, Any]:
    return {"outcome": "admitted" if w.chance(0.85) else "dismissed"}


@fills(ReferConcern)
def _(w: Life) -> dict[str, Any]:
    return {"complaint_id": f"complaint{w.rng.randrange(1, 4)}"}


@fills(itr.RegisterInterest)
def _(w: Life) -> dict[str, Any]:
    person = w.rng.choice((small.DECIDER2, small.REVIEWER2, "p_panel4", small.BOTH, small.ADMIN2))
    return {"person": person, "program_id": PROGRAM if w.chance(0.7) else OTHER, "since": w.ago(100)}


@fills(itr.EndInterest)
def _(w: Life) -> dict[str, Any]:
    running = [k for k, i in w.affiliate.interests.items() if i.ended_on is None]
    return {"interest_id": w.rng.choice(running or ["none"]), "ended_on": w.ago()}


@fills(EndCharter)
def _(w: Life) -> dict[str, Any]:
    return {"successor": w.rng.choice(("north", "south", "national")), "effective_on": w.ahead(100)}


def _waiting_concern(w: Life) -> str:
    open_ones = [k for k, c in w.p.concerns.items() if not c.closed]
    return w.rng.choice(open_ones or list(w.p.concerns) or ["none"])


BY_NAME["concern_id"] = _waiting_concern


def _taking_over(w: Life) -> str | None:
    to = w.p.transfer and w.world.affiliate(w.p.transfer.to)
    staff = to.staff if to else {}
    return free(
        w, (p for p, roles in staff.items() if "affiliate_admin" in roles), (w.p.transfer and w.p.transfer.proposed_by,)
    )


def _verifier(w: Life) -> str | None:
    former = [p for p in w.p.people if p in w.affiliate.staff]
    return former[0] if former and w.chance(0.5) else small.ADMIN2


def _second(w: Life) -> str:
    waiting = [e for (a, _), e in w.world.states.items() if a == "erasure" and e.proposed_by]
    return small.OPERATOR if waiting and waiting[0].proposed_by == small.NATIONAL else small.NATIONAL


CHOSEN |= {tra.AcceptTransfer: _taking_over, pro.VerifyGoal: _verifier, era.ConfirmErasure: _second}
