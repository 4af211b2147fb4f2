"""What a walker sends when a tier is at stake after its grant: the values that fit best, and by whom."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from domain import adverse as adv
from domain import appeal as app
from domain import hearing, notice, outsiders
from domain import participation as part
from domain import reversal as rev
from domain.extension import ExtendStatus
from domain.language import Role
from domain.status import standing
from domain.tenure import Appeal, Notice
from domain.term import add
from tests import small_world as small
from tests.walk_life import Life
from tests.walk_policies import EXTENDED_ON, GROUNDS
from tests.walk_values import CHOSEN, ITEMS, fills

PANEL: tuple[str, ...] = ("p_panel1", "p_panel2", "p_panel3", "p_panel4")
OUTSIDERS = ("p_outside", "p_outside2")


def _notice(w: Life, action: str = "") -> tuple[str, Notice | None]:
    """The notice that is open, best one of that action."""
    fit = {k: n for k, n in w.p.notices.items() if n.action == action} or w.p.notices
    return next(iter(fit.items()), ("none", None))


def _appeal(w: Life) -> tuple[str, Appeal | None]:
    going = [(k, a) for k, a in w.p.appeals.items() if a.is_open]
    return going[-1] if going else ("none", None)


def _about_now(w: Life) -> date:
    """A day around today, mostly today."""
    return w.today + timedelta(days=w.rng.choice((0, 0, 0, 1, 10, 40, -1)))


@fills(part.RequestParticipation)
def _(w: Life) -> dict[str, Any]:
    held = w.held
    higher = [t.code for t in w.policy.tiers if t.granted_at == "cycle_end" and (not held or t.rank > held.rank)]
    kind = "initial"
    if held and held.assessed and w.chance(0.95):
        opens = add(held.expires_on, "P12M", -1) if held.expires_on else w.today
        kind = "renewal" if w.today >= opens or not higher or w.chance(0.1) else "advancement"
    elif not held and standing(w.p, w.scheme, w.today).status == "expired" and w.chance(0.8):
        kind = "renewal"
    sought = w.rng.choice(higher) if higher and w.chance(0.5) else None
    return {"scheme": w.scheme if w.chance(0.97) else "southern", "kind": kind, "tier_sought": sought}


@fills(part.OrderCorrectiveCycle)
def _(w: Life) -> dict[str, Any]:
    items = tuple(w.rng.sample(ITEMS, w.rng.choice((0, 1, 2))))
    return {"due_on": w.ahead(200), "item_ids": items}


@fills(outsiders.GrantCaseAccess)
def _(w: Life) -> dict[str, Any]:
    reviewed = w.cycle is not None and bool(w.cycle.review.completed)
    part = "decider" if reviewed == w.chance(0.9) else "reviewer"
    return {"person": w.rng.choice(OUTSIDERS), "part": part, "until": w.ahead(90)}


@fills(outsiders.EndCaseAccess)
def _(w: Life) -> dict[str, Any]:
    return {"person": next(iter(w.cycle.outsiders), "p_outside") if w.cycle else "p_outside"}


@fills(ExtendStatus)
def _(w: Life) -> dict[str, Any]:
    held, rule = w.held, w.held_under.extension
    ends = held.expires_on if held and held.expires_on else w.today
    first = held.extended_from if held and held.extended_from else ends
    latest = add(first, rule.max) if rule else w.ahead()
    until = w.rng.choice((latest, min(latest, ends + timedelta(days=20)), add(latest, "P1D")))
    return {"until": until, "ground": w.rng.choice((*EXTENDED_ON, *EXTENDED_ON, "no_such_ground"))}


def _lower(w: Life) -> str | None:
    held = w.held
    return next((t.code for t in w.held_under.tiers if held and t.rank < held.rank), None)


@fills(notice.IssueNoticeOfIntent)
def _(w: Life) -> dict[str, Any]:
    lower = _lower(w)
    action = w.rng.choice(("suspend", "suspend", "revoke", *(("reduce", "reduce") if lower else ())))
    tier = lower if action == "reduce" and w.chance(0.95) else None
    rules = w.held_under.adverse
    earliest = add(w.today, rules.reply_min) if rules else w.ahead()
    grounds = (w.rng.choice((*GROUNDS * 4, "no_such_ground")),)
    return {
        "action": action,
        "tier": tier,
        "grounds": grounds,
        "reply_by": earliest + timedelta(days=w.rng.randrange(4)),
    }


@fills(notice.ReplyToNotice)
def _(w: Life) -> dict[str, Any]:
    return {"notice_id": _notice(w)[0], "document_ids": tuple(list(w.usable)[:1]) if w.chance(0.5) else ()}


@fills(notice.CloseNotice)
def _(w: Life) -> dict[str, Any]:
    return {"notice_id": _notice(w)[0]}


@fills(notice.ArchivePublicNotice)
def _(w: Life) -> dict[str, Any]:
    return {"notice_id": w.rng.choice(list(w.p.public_notices) or ["none"])}


def _against(w: Life, action: str) -> dict[str, Any]:
    return {"notice_id": _notice(w, action)[0], "effective_on": _about_now(w), "declaration": _interest(w)}


def _interest(w: Life) -> str:
    return "none" if w.chance(0.95) else "interest"


@fills(adv.SuspendStatus)
def _(w: Life) -> dict[str, Any]:
    notice_id, n = _notice(w, "suspend")
    given = _against(w, "suspend")
    rules = w.held_under.adverse
    if n is None or n.action != "suspend" or w.chance(0.1):
        given["effective_on"] = w.today if w.chance(0.95) else w.ahead()
        review = add(given["effective_on"], rules.reply_min) if rules else w.ahead()
        grounds = (w.rng.choice((*GROUNDS * 4, "no_such_ground")),) if w.chance(0.95) else ()
        return {**given, "notice_id": None, "imminent_harm": w.chance(0.95), "grounds": grounds, "review_by": review}
    review = given["effective_on"] + timedelta(days=w.rng.choice((30, 90, 170, 170, 250)))
    return {**given, "notice_id": notice_id, "imminent_harm": False, "grounds": (), "review_by": review}


@fills(adv.ReduceTier)
def _(w: Life) -> dict[str, Any]:
    return _against(w, "reduce")


@fills(adv.RevokeStatus)
def _(w: Life) -> dict[str, Any]:
    until = w.rng.choice((None, w.today + timedelta(days=w.rng.choice((100, 400, 700, 800)))))
    return {**_against(w, "revoke"), "may_reapply_from": until}


@fills(adv.ReinstateStatus)
def _(w: Life) -> dict[str, Any]:
    return {"declaration": _interest(w)}


@fills(adv.RelinquishStatus)
def _(w: Life) -> dict[str, Any]:
    return {"effective_on": _about_now(w)}


@fills(app.FileAppeal)
def _(w: Life) -> dict[str, Any]:
    appealed = [a.decision_id for a in w.p.appeals.values()]
    contested = [i for i, d in w.p.decisions.items() if d.appeal_by and not d.reversed and i not in appealed]
    grounds = (w.rng.choice(("facts", "rules", "procedure")),)
    decision = contested[-1] if contested and w.chance(0.9) else w.rng.choice([*appealed, *w.p.decisions, "none"])
    return {"decision_id": decision, "grounds": grounds}


@fills(app.AdmitAppeal, app.DismissAppeal, app.WithdrawAppeal, app.DeclareOnPanel)
def _(w: Life) -> dict[str, Any]:
    return {"appeal_id": _appeal(w)[0], "nature": "none" if w.chance(0.95) else "family"}


@fills(app.NameAppealPanel)
def _(w: Life) -> dict[str, Any]:
    others = (small.REVIEWER2, small.DECIDER2, small.BOTH, small.REVIEWER, small.DECIDER, small.LEAD)
    panel = w.rng.sample(PANEL, 3 if w.chance(0.95) else 2)
    if w.chance(0.15):
        panel[w.rng.randrange(len(panel))] = w.rng.choice(others)
    return {"appeal_id": _appeal(w)[0], "panel": tuple(panel), "until": w.ahead(170)}


@fills(hearing.DecideAppeal)
def _(w: Life) -> dict[str, Any]:
    appeal_id, a = _appeal(w)
    decision = w.p.decisions.get(a.decision_id) if a else None
    of_cycle = decision is not None and decision.outcome in ("granted", "denied", "deferred")
    denied = decision is not None and decision.outcome == "denied"
    outcome = w.rng.choice(("upheld", "overturned", "overturned", "overturned", "remanded" if denied else "overturned"))
    overturned = outcome == "overturned" and of_cycle
    tier = w.rng.choice(w.end_tiers) if overturned else None
    ruled = (
        {i: w.rng.choice((0, 3, 4, 5, 5, 5)) for i in w.rng.sample(ITEMS, 4)} if overturned and w.chance(0.6) else {}
    )
    return {"appeal_id": appeal_id, "outcome": outcome, "tier": tier, "redetermined": ruled}


@fills(rev.ProposeCorrection, rev.ProposeReversal)
def _(w: Life) -> dict[str, Any]:
    decisions = list(w.p.decisions.items())
    reversible = [i for i, d in decisions if d.outcome in rev.REVERSIBLE and not d.reversed]
    granted = [i for i, d in decisions if d.outcome == "granted"]
    fitting = reversible if w.chance(0.5) else granted
    decision_id = w.rng.choice(fitting or [i for i, _ in decisions] or ["none"])
    decided = w.p.decisions[decision_id].decided_on if decision_id in w.p.decisions else w.today
    return {"decision_id": decision_id, "effective_on": decided - timedelta(days=w.rng.choice((0, 1, 10, 300, 400)))}


@fills(rev.ConfirmDecisionChange, rev.DeclineDecisionChange)
def _(w: Life) -> dict[str, Any]:
    return {"proposal_id": next(iter(w.p.proposals), "none")}


def free(w: Life, people: Iterable[str], barred: Iterable[str | None]) -> str | None:
    """Somebody of them who is not barred."""
    able = [p for p in people if p not in set(barred)]
    return w.rng.choice(able) if able else None


def _uninvolved_decider(w: Life) -> str | None:
    cycle = w.p.cycles.get(w.held.cycle_id or "") if w.held else None
    reviewers = cycle.review.reviewers if cycle else ()
    return free(w, w.holders(Role.DECIDER), (*reviewers, *(n.issued_by for n in w.p.notices.values())))


def _second_person(w: Life) -> str | None:
    return free(w, (small.ADMIN, small.ADMIN2, small.DECIDER), (x.by for x in w.p.proposals.values()))


def _panelist(w: Life) -> str | None:
    _, a = _appeal(w)
    undeclared = [m for m in a.panel if m not in a.declared] if a else []
    return undeclared[0] if undeclared else a.panel[0] if a and a.panel else None


def _chair(w: Life) -> str | None:
    _, a = _appeal(w)
    return a.panel[0] if a and a.panel else None


CHOSEN |= {
    **dict.fromkeys((adv.SuspendStatus, adv.ReduceTier, adv.RevokeStatus, adv.ReinstateStatus), _uninvolved_decider),
    **dict.fromkeys((rev.ConfirmDecisionChange, rev.DeclineDecisionChange), _second_person),
    **dict.fromkeys((app.AdmitAppeal, app.NameAppealPanel, app.DismissAppeal), lambda w: small.NATIONAL),
    app.DeclareOnPanel: _panelist,
    hearing.DecideAppeal: _chair,
}
