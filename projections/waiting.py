"""Whose turn it is: from a program's state to the part that has to act next, and the request that would be the act.

The order is the order of the process. What only the policy knows comes as ``Asks``; without it the answer follows what
the state shows, which names the right part, and the right request wherever the state alone decides it.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple

from domain.access import GATE_EVIDENCE, GrantAssessmentAccess, RecordIntakeConversation, gates_of
from domain.admission import AcceptMembershipApplication
from domain.assessment import RateItem, SubmitAssessment
from domain.assistance import AssignTaProvider, CompleteNeedsAssessment, RequestTechnicalAssistance
from domain.decision import DecideTier
from domain.determination import ConfirmItems
from domain.impartiality import AssignDecider, AssignReviewer
from domain.language import Command, Role
from domain.listing import ApproveListing
from domain.memorandum import DraftMou, SignMou
from domain.plan import AdoptPlan, DraftPlan, ProposePlan
from domain.policy.model import Policy
from domain.program import ENDED, Assistance, Cycle, Phase, Program
from domain.progress import ReportGoalProgress
from domain.review import CompleteReview, RecordSiteReview
from domain.statement import ConfirmReceipt, ReceiveStatement, RequestStatement, SignStatement
from projections.matters import Task, matters

ADMIN, LEAD, REVIEWER, DECIDER, NATIONAL = (
    Role.AFFILIATE_ADMIN,
    Role.PROGRAM_LEAD,
    Role.REVIEWER,
    Role.DECIDER,
    Role.NATIONAL,
)


class Turn(NamedTuple):
    """Who has to act, by which request, in which cycle if it is about one."""

    role: Role
    command: str
    cycle_id: str | None = None


class Asks(NamedTuple):
    """What a policy asks of a cycle that its state cannot tell."""

    gates: tuple[str, ...]
    statement: bool

    @classmethod
    def of(cls, policy: Policy, kind: str) -> "Asks":
        """What a policy asks of a cycle of that kind."""
        return cls(gates_of(policy, kind), policy.statement is not None)


def waiting(p: Program, asks: Asks | None = None, known: Iterable[Task] | None = None) -> Turn | None:
    """Whose turn it is, or None when nobody is waited for. ``asks`` is about the earliest cycle under way; ``known``: the
    matters of the program, where they are known already."""
    if p.listing.state == "pending":
        return _turn(ADMIN, ApproveListing)
    if p.listing.state not in ("listed", "paused"):
        return None
    if any(m.state == "submitted" for m in p.memberships.values()):
        return _turn(ADMIN, AcceptMembershipApplication)
    under_way = next((c for c in p.cycles.values() if c.phase not in ENDED), None)
    return turn_in(p, under_way, asks) if under_way else _afterwards(matters(p) if known is None else known, p)


def turn_in(p: Program, cycle: Cycle, asks: Asks | None = None) -> Turn:
    """Whose turn it is in a cycle under way."""
    role, command, _ = _PHASES[cycle.phase](p, cycle, asks)
    return Turn(role, command, cycle.cycle_id)


def _turn(role: Role, command: type[Command]) -> Turn:
    return Turn(role, command.__name__)


def _requested(p: Program, c: Cycle, asks: Asks | None) -> Turn:
    """The first gate that nothing meets; gates not known are taken from what has begun."""
    for gate in asks.gates if asks else _gates_begun(p, c):
        if not GATE_EVIDENCE[gate](p, c) and gate not in c.waived:
            return _gate(p, c, gate)
    return _turn(ADMIN, GrantAssessmentAccess)


def _gates_begun(p: Program, c: Cycle) -> tuple[str, ...]:
    """The gates of a first cycle; before a later one there are few, and assistance only where it was asked for."""
    if c.kind != "initial" and not any(_of(a, c) for a in p.assistance.values()):
        return ()
    if c.scheme in p.memberships:
        return ("membership_accepted",)
    return (
        "intake_conversation",
        "ta_nqms_requested",
        "ta_provider_assigned",
        "needs_assessment_completed",
        "mou_executed",
    )


def _gate(p: Program, c: Cycle, gate: str) -> Turn:
    match gate:
        case "ta_nqms_requested":
            return _turn(LEAD, RequestTechnicalAssistance)
        case "ta_provider_assigned":
            return _turn(NATIONAL, AssignTaProvider)
        case "needs_assessment_completed":
            return _turn(LEAD, CompleteNeedsAssessment)
        case "mou_executed":
            return _memorandum(next((a for a in p.assistance.values() if _of(a, c)), None))
        case "membership_accepted":
            return _turn(ADMIN, AcceptMembershipApplication)
        case _:
            return _turn(ADMIN, RecordIntakeConversation)


def _of(a: Assistance, c: Cycle) -> bool:
    return a.cycle_id == c.cycle_id and not a.cancelled


def _memorandum(assistance: Assistance | None) -> Turn:
    mou = assistance.mou if assistance else None
    if mou is None:
        return _turn(ADMIN, DraftMou)
    party = next((party for party in mou.parties if party not in mou.signed), "affiliate")
    signs = {"program": LEAD, "parent_org": LEAD, "national_body": NATIONAL}
    return _turn(signs.get(party, ADMIN), SignMou)


def _open(p: Program, c: Cycle, asks: Asks | None) -> Turn:
    return _turn(LEAD, SubmitAssessment if c.started else RateItem)


def _submitted(p: Program, c: Cycle, asks: Asks | None) -> Turn:
    return _turn(ADMIN, AssignReviewer)


def _under_review(p: Program, c: Cycle, asks: Asks | None) -> Turn:
    review, plan = c.review, c.plan
    if not review.reviewer:
        return _turn(ADMIN, AssignReviewer)
    if not review.held:
        return _turn(REVIEWER, RecordSiteReview)
    if set(c.answers) - set(review.determinations):
        return _turn(REVIEWER, ConfirmItems)
    if plan is None:
        return _turn(REVIEWER, DraftPlan)
    if plan.adopted:
        return _turn(REVIEWER, CompleteReview)
    if plan.proposed_by is None:
        return _turn(REVIEWER, ProposePlan)
    _, side = plan.proposed_by
    return _turn(LEAD if side == "affiliate" else REVIEWER, AdoptPlan)


def _reviewed(p: Program, c: Cycle, asks: Asks | None) -> Turn:
    """Where it is not known whether a statement is asked for, a named decider shows that none is."""
    unstated = not asks.statement if asks else c.decider is not None
    return _to_decide(c) if unstated else _turn(ADMIN, RequestStatement)


def _attestation(p: Program, c: Cycle, asks: Asks | None) -> Turn:
    statement = c.statement
    if statement is None or not statement.signed:
        return _turn(LEAD, SignStatement)
    return _turn(ADMIN, ConfirmReceipt if statement.proposed_receipt else ReceiveStatement)


def _attested(p: Program, c: Cycle, asks: Asks | None) -> Turn:
    return _to_decide(c)


def _to_decide(c: Cycle) -> Turn:
    return _turn(DECIDER, DecideTier) if c.decider else _turn(ADMIN, AssignDecider)


_PHASES: dict[Phase, Callable[[Program, Cycle, Asks | None], Turn]] = {
    Phase.REQUESTED: _requested,
    Phase.OPEN: _open,
    Phase.SUBMITTED: _submitted,
    Phase.UNDER_REVIEW: _under_review,
    Phase.PLANNED: _under_review,
    Phase.REVIEWED: _reviewed,
    Phase.ATTESTATION_PENDING: _attestation,
    Phase.ATTESTED: _attested,
    Phase.DEFERRED: _attested,
}


def _afterwards(known: Iterable[Task], p: Program) -> Turn | None:
    """Between cycles: the earliest thing that waits for somebody; without one, the next goal of a running plan."""
    every = list(known)
    waits = sorted((m for m in every if m.waits), key=lambda m: (m.from_on or date.min, m.due_on or date.max))
    goals = sorted((m for m in every if m.act == ReportGoalProgress.__name__), key=lambda m: m.due_on or date.max)
    first = next((m for m in (*waits, *goals) if m.act), None)
    if first is None or first.act is None:
        return None
    return Turn(first.role, first.act, first.about if first.about in p.cycles else None)
