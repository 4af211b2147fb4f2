"""Admission: accepting an application decides the entry tier, in the name of whoever accepts (S4-13, S4-15, M14)."""

from typing import ClassVar

from msgspec.structs import replace

from domain.evidence import appraise
from domain.grant import granted_facts, missing_for
from domain.language import Context, Kind, Need, Outcomes, ProgramCommand, Role, Stage, found, refusal
from domain.membership import (
    LEVEL_UNKNOWN,
    NO_ENTRY_BY_APPLICATION,
    MembershipApplicationAccepted,
    pending,
)
from domain.policy.model import Policy
from domain.program import Program
from domain.values import Code

stage = Stage("admission")

CRITERIA_NOT_MET = refusal("CRITERIA_NOT_MET", Kind.INVALID, "The criteria of {tier} are not met. Missing: {missing}.")


class AcceptMembershipApplication(ProgramCommand):
    """Accept an application; that decides the entry tier, in the name of whoever accepts (M14)."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    scheme: Code


@stage.decide(AcceptMembershipApplication)
def accept(p: Program, c: AcceptMembershipApplication, ctx: Context) -> Outcomes:
    """The acceptance is the decision on the entry tier; its criteria must hold (M14, S4-13)."""
    membership = pending(p, c.scheme)
    policy: Policy = ctx.shelf.policy(membership.policy)
    entry = found(policy.entry, NO_ENTRY_BY_APPLICATION, scheme=c.scheme)
    tier = found(policy.tier(entry.level), LEVEL_UNKNOWN, level=entry.level, levels=[])
    today = ctx.today(policy.timezone)
    accepted_at = p.version + 1
    accepted = replace(membership, state="accepted", accepted=accepted_at)
    then = replace(p, version=accepted_at, memberships={**p.memberships, c.scheme: accepted})
    evaluated = appraise(
        then,
        ctx.shelf,
        scheme=c.scheme,
        policy_ref=membership.policy,
        cycle_id=None,
        day=today,
        moment="application",
        decision_id=ctx.mint(),
    )
    carried = evaluated.evaluation.of(tier.code).result == "true"
    need = Need()
    need(carried, CRITERIA_NOT_MET, tier=tier.label, missing=missing_for(evaluated, tier.code))
    need.settle()
    granted = granted_facts(p, policy, tier, evaluated, decider=ctx.person)
    return [MembershipApplicationAccepted(scheme=c.scheme), evaluated, granted]
