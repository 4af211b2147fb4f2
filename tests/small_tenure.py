"""What happens to a tier after it was granted, in few words: other policies, notices, acts, appeals, and the days.

``course`` asks for the status of every single day and tells the turns, so that a story can say what each day was.
"""

from datetime import date, timedelta
from typing import Any

from domain.adverse import ReduceTier, RevokeStatus, SuspendStatus
from domain.appeal import AdmitAppeal, DeclareOnPanel, FileAppeal, NameAppealPanel
from domain.decision import DenyTier
from domain.hearing import DecideAppeal
from domain.notice import IssueNoticeOfIntent
from domain.status import ImportHistoricalStatus, standing
from tests.small_policies import FULL
from tests.small_world import (
    ADMIN,
    ADMIN2,
    DECIDER2,
    LEAD,
    OPERATOR,
    Case,
    Situation,
    decider_named,
    granted,
    listed,
    words,
)

WHY = words("So it is.")
DAY = timedelta(days=1)
EXTENSION: dict[str, Any] = {"max": "P90D", "times": 2, "grounds": ["affiliate_delay"], "basis": "proposal"}
PANEL_DAY = {**FULL["adverse"], "overturned_dates": "panel_day"}
UNSTAYED = {**FULL["adverse"], "stay_on_appeal": False}
STRICT = {**UNSTAYED, "imminent_harm_immediate": False}
CHAIR, SECOND, THIRD = "p_chair", "p_second", "p_third"
PANEL = (CHAIR, SECOND, THIRD)


def under(last: Situation = granted, *, changes: dict[str, Any] | None = None, **how: Any) -> Case:
    """The usual story under the policy FULL with changes, published before the program asked to take part."""
    c = listed(**how)
    c.world.publish({**FULL, "version": "2", **(changes or {})}, effective_from=c.today)
    return last.again(c)


def importing(since: date, until: date | None = None, tier: str = "expert") -> ImportHistoricalStatus:
    """The request to enter a status from before this ledger."""
    said: dict[str, Any] = {"source": "The register on paper", "note": WHY, "badge": "star", "listing": "listed"}
    of_tier = {"tier": tier, "rank": {"dedicated": 1, "expert": 2}[tier], "label": tier.title()}
    return ImportHistoricalStatus(scheme="full", valid_from=since, valid_until=until, **of_tier, **said)


def imported(until: date | None, *, changes: dict[str, Any] | None = None) -> Case:
    """An expert status from before this ledger, under the policy FULL with changes."""
    c = listed()
    c.world.publish({**FULL, "version": "2", **(changes or {})}, effective_from=c.today)
    return c.must(OPERATOR, importing(c.today - 400 * DAY, until))


def on(c: Case, day: date) -> Case:
    """The story on a later day."""
    assert day >= c.today
    c.world.later(days=(day - c.today).days)
    return c


def ends(c: Case) -> date:
    """When the last tier granted ends."""
    expires_on = c.p.holdings[-1].expires_on
    assert expires_on is not None
    return expires_on


def status(c: Case, day: date | None = None) -> str:
    """The status of a day in words."""
    now = standing(c.p, c.scheme, day or c.today)
    return f"{now.status} {now.holding.tier}" if now.holding else now.status


def course(c: Case) -> list[str]:
    """The turns of the story as every single day tells them, from the first day held until after the last end."""
    held = [h for h in c.p.holdings if h.scheme == c.scheme]
    last = max([c.today, *(h.expires_on for h in held if h.expires_on), *(m.since for m in c.p.measures)]) + 10 * DAY
    day, turns, now = min(h.effective_on for h in held) - DAY, list[str](), "none"
    assert status(c, day) == "none"
    while day <= last:
        if status(c, day) != now:
            now = status(c, day)
            turns.append(f"{day} {now}")
        day += DAY
    return turns


def decision_of(c: Case, outcome: str) -> str:
    """The last decision of a kind."""
    return [k for k, d in c.p.decisions.items() if d.outcome == outcome][-1]


def noticed(c: Case, action: Any = "revoke", days: int = 20, **more: Any) -> str:
    """A notice of intent is open; its id."""
    said: dict[str, Any] = {"grounds": ("safety",), "explanation": WHY, "reply_by": c.today + days * DAY} | more
    c.must(ADMIN, IssueNoticeOfIntent(scheme=c.scheme, action=action, **said))
    return list(c.p.notices)[-1]


def suspending(c: Case, notice_id: str | None = None, after: int = 0, **more: Any) -> SuspendStatus:
    """The request to suspend, with effect so many days later."""
    since = c.today + after * DAY
    said: dict[str, Any] = {"effective_on": since, "declaration": "none", "reasons": WHY, "review_by": since + 20 * DAY}
    return SuspendStatus(scheme=c.scheme, notice_id=notice_id, **(said | more))


def at_once(c: Case, **more: Any) -> SuspendStatus:
    """The request to suspend for imminent harm."""
    return suspending(c, **({"imminent_harm": True, "grounds": ("safety",)} | more))


def reducing(c: Case, notice_id: str | None = None, after: int = 0, **more: Any) -> ReduceTier:
    """The request to reduce."""
    said: dict[str, Any] = {"effective_on": c.today + after * DAY, "declaration": "none", "reasons": WHY}
    return ReduceTier(scheme=c.scheme, notice_id=notice_id, **(said | more))


def revoking(c: Case, notice_id: str | None = None, after: int = 0, **more: Any) -> RevokeStatus:
    """The request to revoke."""
    said: dict[str, Any] = {"effective_on": c.today + after * DAY, "declaration": "none", "reasons": WHY}
    return RevokeStatus(scheme=c.scheme, notice_id=notice_id, **(said | more))


def suspended(c: Case, after: int = 0, **more: Any) -> str:
    """Suspended after notice and silence; the decision."""
    notice_id = noticed(c, "suspend")
    c.world.later(days=21)
    c.must(DECIDER2, suspending(c, notice_id, after, **more))
    return decision_of(c, "suspended")


def reduced(c: Case, after: int = 0, to: str = "dedicated") -> str:
    """Reduced after notice and silence; the decision."""
    notice_id = noticed(c, "reduce", tier=to)
    c.world.later(days=21)
    c.must(DECIDER2, reducing(c, notice_id, after))
    return decision_of(c, "reduced")


def revoked(c: Case, after: int = 0, **more: Any) -> str:
    """Revoked after notice and silence; the decision."""
    notice_id = noticed(c)
    c.world.later(days=21)
    c.must(DECIDER2, revoking(c, notice_id, after, **more))
    return decision_of(c, "revoked")


def denied(c: Case | None = None, tier: str = "expert", **how: Any) -> Case:
    """A tier was denied."""
    c = c or decider_named(**how)
    return c.must(c.decider, DenyTier(cycle_id=c.cycle_id, tier=tier, reasons=WHY))


def filing(decision_id: str) -> FileAppeal:
    """The request for an appeal."""
    return FileAppeal(decision_id=decision_id, grounds=("facts",), statement=WHY)


def appealed(c: Case, decision_id: str) -> str:
    """An appeal is filed; its id."""
    c.must(LEAD, filing(decision_id))
    return list(c.p.appeals)[-1]


def naming(c: Case, appeal_id: str, *panel: str, days: int = 60) -> NameAppealPanel:
    """The request to name a panel."""
    return NameAppealPanel(appeal_id=appeal_id, panel=panel or PANEL, until=c.today + days * DAY)


def empanelled(c: Case, decision_id: str, *, declared: bool = True) -> str:
    """An appeal is before a panel, every member of which has declared; its id."""
    appeal_id = appealed(c, decision_id)
    c.must(ADMIN2, AdmitAppeal(appeal_id=appeal_id), naming(c, appeal_id))
    for member in PANEL if declared else ():
        c.must(member, DeclareOnPanel(appeal_id=appeal_id, nature="none"))
    return appeal_id


def hearing(appeal_id: str, outcome: Any, **more: Any) -> DecideAppeal:
    """The panel's decision."""
    return DecideAppeal(appeal_id=appeal_id, outcome=outcome, reasons=WHY, **more)
