"""Membership: schemes that admit on application, always at the entry level, before assessing (S4-14..S4-16)."""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import NOT_LISTED, policy_in_force
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, fact, found, refusal
from domain.program import Membership, Program
from domain.term import DATE_IN_FUTURE
from domain.values import Code, PolicyRef, Text, TextRef

stage = Stage("membership")

NO_ENTRY_BY_APPLICATION = refusal(
    "NO_ENTRY_BY_APPLICATION", Kind.INVALID, "The scheme {scheme} does not admit on application."
)
LEVEL_NOT_OPEN_AT_ENTRY = refusal(
    "LEVEL_NOT_OPEN_AT_ENTRY", Kind.INVALID, "Every program applies at {entry}; {requested} is reached later."
)
LEVEL_UNKNOWN = refusal("LEVEL_UNKNOWN", Kind.INVALID, "The scheme has no level {level}; it has {levels}.")
ALREADY_MEMBER = refusal("ALREADY_MEMBER", Kind.OUT_OF_ORDER, "An application is {state} already.")
NO_APPLICATION = refusal("NO_APPLICATION", Kind.OUT_OF_ORDER, "No application under {scheme} waits for an answer.")


class MembershipApplicationSubmitted(Event):
    """The program applied, at the entry level, naming the level it wants to reach (M14)."""

    says = "applied for membership at {e.requested_level}, working towards {e.desired_level}"
    scheme: Code
    requested_level: Code
    desired_level: Code
    formal: bool
    operating_since: date | None = None
    policy: PolicyRef


class MembershipApplicationDeclined(Event):
    """The affiliate declined the application."""

    says = "declined the application ({e.ground}): {e.reason}"
    scheme: Code
    ground: Code
    reason: TextRef


class MembershipApplicationWithdrawn(Event):
    """The program took its application back before an answer."""

    says = "withdrew the application"
    scheme: Code


class MembershipApplicationAccepted(Event):
    """The affiliate accepted the application; the entry tier is granted with it."""

    says = "accepted the application"
    scheme: Code


class SubmitMembershipApplication(ProgramCommand):
    """Apply for membership; ask with ``?preview=true`` to see what would be handed in (S4-14)."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    scheme: Code
    requested_level: Code
    desired_level: Code
    formal: bool
    operating_since: date | None = None


class DeclineMembershipApplication(ProgramCommand):
    """Decline an application, with the reason."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    scheme: Code
    ground: Literal["criteria_not_met", "outside_area", "incomplete", "other"]
    reason: Text


class WithdrawMembershipApplication(ProgramCommand):
    """Take an application back before it is answered."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    scheme: Code


@stage.decide(SubmitMembershipApplication)
def apply(p: Program, c: SubmitMembershipApplication, ctx: Context) -> Outcomes:
    """Every program applies at the entry level, whatever it wants to reach (S4-15)."""
    ref, policy, today = policy_in_force(p, c.scheme, ctx)
    entry = found(policy.entry, NO_ENTRY_BY_APPLICATION, scheme=c.scheme)
    need = Need()
    need(p.listing.state == "listed", NOT_LISTED, state=p.listing.state)
    need(c.requested_level == entry.level, LEVEL_NOT_OPEN_AT_ENTRY, entry=entry.level, requested=c.requested_level)
    levels = [t.code for t in policy.tiers]
    need(c.desired_level in levels, LEVEL_UNKNOWN, level=c.desired_level, levels=levels)
    earlier = p.memberships.get(c.scheme)
    state = earlier.state if earlier else None
    need(state not in ("submitted", "accepted"), ALREADY_MEMBER, state=state)
    since = c.operating_since
    need(since is None or since <= today, DATE_IN_FUTURE, field="operating_since", day=since, today=today)
    need.settle()
    return [fact(MembershipApplicationSubmitted, c, policy=ref)]


def pending(p: Program, scheme: str) -> Membership:
    """The application that waits for an answer."""
    membership = p.memberships.get(scheme)
    waits = membership if membership and membership.state == "submitted" else None
    return found(waits, NO_APPLICATION, scheme=scheme)


@stage.decide(DeclineMembershipApplication)
def decline(p: Program, c: DeclineMembershipApplication, ctx: Context) -> Outcomes:
    """Only an application that waits can be declined."""
    pending(p, c.scheme)
    return [MembershipApplicationDeclined(scheme=c.scheme, ground=c.ground, reason=c.reason)]


@stage.decide(WithdrawMembershipApplication)
def withdraw(p: Program, c: WithdrawMembershipApplication, ctx: Context) -> Outcomes:
    """Only an application that waits can be withdrawn."""
    pending(p, c.scheme)
    return [MembershipApplicationWithdrawn(scheme=c.scheme)]


@stage.evolve(MembershipApplicationSubmitted)
def _(p: Program, e: MembershipApplicationSubmitted, v: int) -> Program:
    membership = Membership(
        state="submitted",
        level=e.requested_level,
        desired_level=e.desired_level,
        formal=e.formal,
        operating_since=e.operating_since,
        submitted=v,
        policy=e.policy,
    )
    return replace(p, memberships={**p.memberships, e.scheme: membership})


def _answered(p: Program, scheme: str, **changes: object) -> Program:
    return replace(p, memberships={**p.memberships, scheme: replace(p.memberships[scheme], **changes)})


@stage.evolve(MembershipApplicationAccepted)
def _(p: Program, e: MembershipApplicationAccepted, v: int) -> Program:
    return _answered(p, e.scheme, state="accepted", accepted=v)


@stage.evolve(MembershipApplicationDeclined)
def _(p: Program, e: MembershipApplicationDeclined, v: int) -> Program:
    return _answered(p, e.scheme, state="declined")


@stage.evolve(MembershipApplicationWithdrawn)
def _(p: Program, e: MembershipApplicationWithdrawn, v: int) -> Program:
    return _answered(p, e.scheme, state="withdrawn")
