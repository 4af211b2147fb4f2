"""A drawn life between its cycles: extension, notices and acts against a tier, appeals, corrections, and its end."""

from typing import Any

from domain.adverse import ReduceTier, ReinstateStatus, RelinquishStatus, RevokeStatus, SuspendStatus
from domain.appeal import AdmitAppeal, DeclareOnPanel, DismissAppeal, FileAppeal, NameAppealPanel, WithdrawAppeal
from domain.closure import DiscontinueProgram, MergeProgram
from domain.determination import gaps
from domain.extension import ExtendStatus
from domain.hearing import DecideAppeal
from domain.notice import CloseNotice, IssueNoticeOfIntent, ReplyToNotice
from domain.reversal import ConfirmDecisionChange, DeclineDecisionChange, ProposeCorrection, ProposeReversal
from domain.term import add
from domain.transfer import AcceptTransfer, DeclineTransfer, ProposeTransfer
from infra.simulation import acts
from infra.simulation.tale import DAY, Tale

PANEL = ("panel0", "panel1", "panel2")


def extended(tale: Tale, act: acts.Extended) -> None:
    """The term is prolonged for a disaster."""
    tale.until(act.day)
    told: Any = {"until": act.until, "ground": "disaster", "evidence": tale.book.words()}
    tale.by("judge", ExtendStatus(scheme=act.scheme, **told))


def warned(tale: Tale, act: acts.Warned) -> None:
    """Notice of intent, and what the program says to it."""
    if act.answer == "dropped":
        tale.until(act.day)
        (notice_id,) = tale.p.notices
        told: Any = {"ground": "remedied", "reason": tale.book.words()}
        tale.by("administrator", CloseNotice(notice_id=notice_id, **told))
        return
    tale.until(act.day)
    meant: Any = {"action": act.action, "tier": act.to, "reply_by": act.reply_by}
    why: Any = {"grounds": ("practice_not_maintained",), "explanation": tale.book.words()}
    issued = tale.by("administrator", IssueNoticeOfIntent(scheme=act.scheme, **meant, **why))
    if act.answer == "reply":
        tale.until(tale.today + 9 * DAY)
        tale.by("lead", ReplyToNotice(notice_id=issued.notice_id, reply=tale.book.words()))


def measured(tale: Tale, act: acts.Measured) -> None:
    """The act against the tier."""
    tale.until(act.day)
    notice_id = None if act.at_once else next(iter(tale.p.notices))
    told: Any = {"effective_on": act.since, "declaration": "none", "reasons": tale.book.words(), "notice_id": notice_id}
    command: Any
    if act.kind == "suspended":
        harm: Any = {"imminent_harm": True, "grounds": ("safety_of_youth",)} if act.at_once else {}
        review_by = act.since + (19 if act.at_once else 120) * DAY
        command = SuspendStatus(scheme=act.scheme, review_by=review_by, **harm, **told)
    elif act.kind == "reduced":
        command = ReduceTier(scheme=act.scheme, **told)
    else:
        command = RevokeStatus(scheme=act.scheme, may_reapply_from=add(act.since, "P6M"), **told)
    tale.measures[act.measure] = tale.by("judge", command).decision_id


def reinstated(tale: Tale, act: acts.Reinstated) -> None:
    """The suspension is lifted."""
    tale.until(act.day)
    told: Any = {"declaration": "none", "reason": tale.book.words()}
    tale.by("judge", ReinstateStatus(scheme=act.scheme, **told))


def undone(tale: Tale, act: acts.Undone) -> None:
    """Two people reverse it; the first proposal was declined."""
    tale.until(act.day)
    decision_id = tale.measures[act.measure]
    told: Any = {"decision_id": decision_id, "ground": "procedural_error"}
    for last in (False, True):
        proposed = tale.by("administrator", ProposeReversal(reason=tale.book.words(), **told))
        if last:
            tale.by("judge", ConfirmDecisionChange(proposal_id=proposed.proposal_id))
        else:
            declined: Any = {"proposal_id": proposed.proposal_id, "reason": tale.book.words()}
            tale.by("judge", DeclineDecisionChange(**declined))


def corrected(tale: Tale, act: acts.Corrected) -> None:
    """Two people correct the first day of a grant."""
    tale.until(act.day)
    told: Any = {"ground": "typing_error", "reason": tale.book.words(), "effective_on": act.since}
    proposed = tale.by("administrator", ProposeCorrection(decision_id=last_of(tale, act.cycle), **told))
    tale.by("second", ConfirmDecisionChange(proposal_id=proposed.proposal_id))


def given_up(tale: Tale, act: acts.GivenUp) -> None:
    """The program gives its tier up."""
    tale.until(act.day)
    tale.by("lead", RelinquishStatus(scheme=act.scheme, effective_on=act.since, reason=tale.book.words()))


# --- appeals ------------------------------------------------------------------------------------------------------


def last_of(tale: Tale, number: int) -> str:
    """The last decision of a cycle."""
    cycle_id = tale.cycles[number]
    return [k for k, d in tale.p.decisions.items() if d.cycle_id == cycle_id and d.outcome in ("granted", "denied")][-1]


def appealed(tale: Tale, act: acts.Appealed) -> None:
    """An appeal is filed."""
    tale.until(act.day)
    decision_id = tale.measures[act.measure] if act.measure is not None else last_of(tale, act.cycle or 0)
    told: Any = {"grounds": ("facts",), "statement": tale.book.words()}
    tale.appeals[act.appeal] = tale.by("lead", FileAppeal(decision_id=decision_id, **told)).appeal_id


def appeal_ended(tale: Tale, act: acts.AppealEnded) -> None:
    """The appeal is dismissed or withdrawn, or a panel hears and decides it."""
    appeal_id = tale.appeals[act.appeal]
    if act.outcome in ("dismissed", "withdrawn"):
        tale.until(act.day)
        if act.outcome == "withdrawn":
            tale.by("lead", WithdrawAppeal(appeal_id=appeal_id))
        else:
            told: Any = {"ground": "outside_scope", "reason": tale.book.words()}
            tale.by("national", DismissAppeal(appeal_id=appeal_id, **told))
        return
    tale.until(min(tale.today + 4 * DAY, act.day))
    tale.by("national", AdmitAppeal(appeal_id=appeal_id))
    panel = tuple(tale.who(part) for part in PANEL)
    tale.by("national", NameAppealPanel(appeal_id=appeal_id, panel=panel, until=act.day + 10 * DAY))
    for part in PANEL:
        tale.by(part, DeclareOnPanel(appeal_id=appeal_id, nature="none"))
    tale.until(act.day)
    more = _ruled_anew(tale, appeal_id) if act.tier else {}
    outcome: Any = act.outcome
    tale.by(
        PANEL[0],
        DecideAppeal(appeal_id=appeal_id, outcome=outcome, reasons=tale.book.words(), tier=act.tier, **more),
    )


def _ruled_anew(tale: Tale, appeal_id: str) -> dict[str, Any]:
    """Every gap is found in place after all, so that the panel may grant what was sought."""
    decision = tale.p.decisions[tale.p.appeals[appeal_id].decision_id]
    number = next(n for n, cycle_id in tale.cycles.items() if cycle_id == decision.cycle_id)
    items = set(gaps(tale.cycle(number), tale.instrument(number)))
    low = [i for i, d in tale.cycle(number).review.determinations.items() if d.rating and d.rating.quality == 1]
    return {"redetermined": dict.fromkeys(sorted({*items, *low}), 3)}


# --- the end ------------------------------------------------------------------------------------------------------


def ended(tale: Tale, act: acts.Ended, into: str) -> None:
    """The program merges into another or closes; it says that what it holds ends."""
    tale.until(act.day)
    if act.how == "merged":
        tale.book.shelf.homes.setdefault(into, tale.affiliate)
        tale.by("lead", MergeProgram(into=into, effective_on=act.on, status_treatment="ended"))
    else:
        told: Any = {"status_treatment": "ended", "reason": tale.book.words()}
        tale.by("lead", DiscontinueProgram(closed_on=act.on, **told))


def moved(tale: Tale, act: acts.Moved) -> None:
    """Another affiliate is asked, declines once, and takes the program over."""
    tale.until(act.day)
    body = next(b for b in tale.world.shown.bodies if b.code == act.to)
    receiving = tale.world.person(act.to, "administrator")
    told: Any = {"to": act.to, "jurisdiction": body.places[0], "status_treatment": "kept" if act.kept else "ended"}
    tale.by("lead", ProposeTransfer(reason=tale.book.words(), **told))
    if tale.chance(0.5):
        tale.book.do(receiving, tale.program, DeclineTransfer(reason=tale.book.words()))
        tale.by("lead", ProposeTransfer(reason=tale.book.words(), **told))
    tale.book.do(receiving, tale.program, AcceptTransfer())
    tale.affiliate = act.to
    tale.book.shelf.homes[tale.program] = act.to
