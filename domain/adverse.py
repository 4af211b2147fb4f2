"""Adverse: a tier is suspended, reduced or revoked for cause, after notice and reply; reinstated; or given up.

Who decides neither reviewed nor coached for the grant, and did not issue the notice. Imminent harm suspends at once, where the policy says
so, and starts the clock on a review. Each act has effect from its day on and bears on the tiers held before it; nothing
is rewritten (3.3, 3.8).
"""

from datetime import date
from typing import Any, ClassVar, Literal, NamedTuple

from msgspec.structs import replace
from pydantic import Field

from domain.grant import remembered
from domain.impartiality import CONFLICTED, DECIDER_NOT_INDEPENDENT, interest_in, took_part_as
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, fact, found, refusal
from domain.notice import (
    NOTICE_UNKNOWN,
    Action,
    adverse_rules,
    archived,
    lower_tier,
    on_grounds,
    posted,
)
from domain.policy.model import Adverse, Policy
from domain.program import Program, tenured, without
from domain.status import bears_on, governing, has_effect, standing
from domain.tenure import Holding, Measure, MeasureKind, Notice, Tenure, bears
from domain.term import add
from domain.values import Code, OrganisationName, PersonId, PolicyRef, Reference, Text, TextRef

stage = Stage("adverse")

NOTICE_REQUIRED = refusal(
    "NOTICE_REQUIRED", Kind.OUT_OF_ORDER, "First the program gets notice of the intent to {action}, and time to reply."
)
NOTICE_REPLY_OPEN = refusal("NOTICE_REPLY_OPEN", Kind.OUT_OF_ORDER, "The program may reply until {reply_by}.")
NOT_IMMEDIATE = refusal("NOT_IMMEDIATE", Kind.INVALID, "The policy knows no suspension without notice.")
NOT_AT_ONCE = refusal(
    "NOT_AT_ONCE", Kind.INVALID, "For imminent harm it has effect from today, {today}; a later effect takes a notice."
)
DECLARATION_REQUIRED = refusal(
    "DECLARATION_REQUIRED", Kind.NOT_ALLOWED, "Whoever decides declares to have no interest in the program."
)
BACKDATED_EFFECT = refusal("BACKDATED_EFFECT", Kind.INVALID, "It can have effect from {today} on, not from {day}.")
EFFECT_AFTER_TERM = refusal("EFFECT_AFTER_TERM", Kind.INVALID, "The tier ends on {expires_on} in any case.")
REVIEW_TOO_LATE = refusal(
    "REVIEW_TOO_LATE", Kind.INVALID, "The suspension is to be looked at again between {since} and {latest}."
)
ALREADY_SUSPENDED = refusal("ALREADY_SUSPENDED", Kind.OUT_OF_ORDER, "{scheme} is suspended from {since} on already.")
NOT_SUSPENDED = refusal("NOT_SUSPENDED", Kind.OUT_OF_ORDER, "{scheme} is not suspended; it is {status}.")
LOSS_DECIDED = refusal("LOSS_DECIDED", Kind.OUT_OF_ORDER, "{scheme} ends on {since} already ({kind}).")
REAPPLY_DATE = refusal("REAPPLY_DATE", Kind.INVALID, "A new request can be barred until {latest} at most.")

BAR = "P24M"
"""The longest time for which a program can be barred from asking again after a revocation (proposal)."""
LONGEST_SUSPENSION = "P6M"
"""After this time at the latest a suspension is to be looked at again (proposal)."""


class AdverseFacts(Event):
    """What every adverse decision says."""

    decision_id: Reference
    cycle_id: Reference | None = None
    """The cycle in which the tier was granted."""
    scheme: Code
    tier: Code
    """The tier that was held."""
    grounds: tuple[Code, ...]
    policy: PolicyRef
    """The rules under which the tier is held, for an imported one those in force."""
    zone: Code
    notice_id: Reference | None = None
    decided_on: date
    effective_on: date
    appeal_by: date
    decider: PersonId
    reasons: TextRef


class PartnerStatusSuspended(AdverseFacts):
    """The tier may not be claimed for a while."""

    says = "suspended {e.tier} from {e.effective_on} ({e.grounds}), to be reviewed by {e.review_by}: {e.reasons}"
    imminent_harm: bool = False
    review_by: date


class PartnerTierReduced(AdverseFacts):
    """A lower tier is held from a day on; the term stays."""

    says = "reduced {e.tier} to {e.label} from {e.effective_on} ({e.grounds}): {e.reasons}"
    to: Code
    rank: int
    label: OrganisationName
    badge: Code | None = None
    listing: Code
    national_badge: bool = False
    assessed: bool


class PartnerStatusRevoked(AdverseFacts):
    """The tier was taken away."""

    says = "revoked {e.tier} from {e.effective_on} ({e.grounds}): {e.reasons}"
    may_reapply_from: date | None = None


class PartnerStatusReinstated(Event):
    """A suspension was lifted; the term was running all the while."""

    says = "lifted the suspension of {e.scheme} from {e.effective_on}: {e.reason}"
    scheme: Code
    decision_id: Reference
    """The suspension."""
    effective_on: date
    decider: PersonId
    reason: TextRef


class PartnerStatusRelinquished(Event):
    """The program gave its tier up."""

    says = "gave up {e.tier} from {e.effective_on}: {e.reason}"
    measure_id: Reference
    scheme: Code
    tier: Code
    zone: Code
    effective_on: date
    reason: TextRef


class AdverseCommand(ProgramCommand):
    """A decision against a program; whoever decides declares to have no interest in it."""

    by: ClassVar[tuple[Role, ...]] = (Role.DECIDER,)
    scheme: Code
    notice_id: Reference | None = None
    effective_on: date
    declaration: Literal["none", "interest"]
    reasons: Text


class SuspendStatus(AdverseCommand):
    """Suspend a tier: after notice, or at once for imminent harm on a ground of the policy."""

    imminent_harm: bool = False
    grounds: tuple[Code, ...] = Field(default=())
    """Only for imminent harm; otherwise those of the notice hold."""
    review_by: date


class ReduceTier(AdverseCommand):
    """Reduce to the lower tier that the notice named."""


class RevokeStatus(AdverseCommand):
    """Take the tier away."""

    may_reapply_from: date | None = None


class ReinstateStatus(ProgramCommand):
    """Lift a suspension, from today on."""

    by: ClassVar[tuple[Role, ...]] = (Role.DECIDER,)
    scheme: Code
    declaration: Literal["none", "interest"]
    reason: Text


class RelinquishStatus(ProgramCommand):
    """Give a tier up, of the program's own will."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    scheme: Code
    effective_on: date
    reason: Text


class _Case(NamedTuple):
    held: Holding
    policy: Policy
    rules: Adverse
    today: date
    notice: Notice | None


def independent(
    need: Need, p: Program, held: Holding, ctx: Context, declaration: str, today: date, notice: Notice | None = None
) -> None:
    """Notes what keeps a person from deciding against a program: a part in the review, the notice, an interest."""
    cycle = p.cycles.get(held.cycle_id or "")
    part = took_part_as(p, cycle, ctx.person) if cycle else None
    part = "issuer of the notice" if notice and notice.issued_by == ctx.person else part
    need(part is None, DECIDER_NOT_INDEPENDENT, person=ctx.person, part=part)
    need(declaration == "none", DECLARATION_REQUIRED)
    interest = interest_in(p, ctx.person, today, ctx.shelf)
    need(interest is None, CONFLICTED, person=ctx.person, nature=interest)


def decided_already(p: Program, held: Holding, day: date, *kinds: MeasureKind) -> Measure | None:
    """A measure of these kinds that has effect on a tier on a day, as things stand; one that is stayed has none."""
    bearing = (m for m in p.measures if bears_on(m, held) and m.kind in kinds)
    return next((m for m in bearing if has_effect(m, day)), None)


def _possible(need: Need, p: Program, held: Holding, scheme: str, day: date, today: date) -> None:
    """Notes a day on which nothing can begin: it is past, or the tier is lost or ends before."""
    need(day >= today, BACKDATED_EFFECT, today=today, day=day)
    need(held.expires_on is None or day < held.expires_on, EFFECT_AFTER_TERM, expires_on=held.expires_on)
    loss = decided_already(p, held, day, "revoked", "relinquished", "closed")
    need(loss is None, LOSS_DECIDED, scheme=scheme, since=loss and loss.since, kind=loss and loss.kind)


def _against(need: Need, p: Program, c: AdverseCommand, ctx: Context, action: Action, immediate: bool = False) -> _Case:
    """What every adverse decision needs: rules for it, a notice with its time to reply, an independent decider."""
    held, policy, today = governing(p, c.scheme, ctx)
    rules = adverse_rules(policy)
    notice = found(p.notices.get(c.notice_id), NOTICE_UNKNOWN, notice_id=c.notice_id) if c.notice_id else None
    fits = notice is not None and notice.scheme == c.scheme and notice.action == action
    need(fits or (immediate and notice is None), NOTICE_REQUIRED, action=action)
    if immediate:
        need(rules.imminent_harm_immediate, NOT_IMMEDIATE)
        need(c.effective_on <= today, NOT_AT_ONCE, today=today)
    else:
        waits = notice is not None and not notice.replied and today <= notice.reply_by
        need(not waits, NOTICE_REPLY_OPEN, reply_by=notice and notice.reply_by)
    independent(need, p, held, ctx, c.declaration, today, notice)
    _possible(need, p, held, c.scheme, c.effective_on, today)
    return _Case(held, policy, rules, today, notice)


def _facts(case: _Case, c: AdverseCommand, ctx: Context, **more: Any) -> dict[str, Any]:
    """What every adverse decision says."""
    return {
        "decision_id": ctx.mint(),
        "cycle_id": case.held.cycle_id,
        "scheme": c.scheme,
        "tier": case.held.tier,
        "grounds": case.notice.grounds if case.notice else (),
        "policy": case.held.policy or ctx.shelf.scheme(c.scheme).in_force(case.today),
        "zone": case.policy.timezone,
        "notice_id": c.notice_id,
        "decided_on": case.today,
        "effective_on": c.effective_on,
        "appeal_by": add(case.today, case.rules.appeal_within),
        "decider": ctx.person,
        "reasons": c.reasons,
        **more,
    }


@stage.decide(SuspendStatus)
def suspend(p: Program, c: SuspendStatus, ctx: Context) -> Outcomes:
    """After notice and reply; for imminent harm at once, to be looked at again within the time to reply."""
    need = Need()
    case = _against(need, p, c, ctx, "suspend", immediate=c.imminent_harm)
    now = decided_already(p, case.held, c.effective_on, "suspended")
    need(now is None, ALREADY_SUSPENDED, scheme=c.scheme, since=now and now.since)
    latest = add(c.effective_on, case.rules.reply_min if c.imminent_harm else LONGEST_SUSPENSION)
    need(c.effective_on < c.review_by <= latest, REVIEW_TOO_LATE, since=c.effective_on, latest=latest)
    if c.imminent_harm:
        on_grounds(need, case.rules, c.grounds or ("none",))
    need.settle()
    grounds = c.grounds if c.imminent_harm else case.notice.grounds if case.notice else ()
    more = {"grounds": grounds, "imminent_harm": c.imminent_harm, "review_by": c.review_by}
    suspended = PartnerStatusSuspended(**_facts(case, c, ctx, **more))
    return [suspended, posted(c.scheme, "suspension", suspended.decision_id, grounds, c.effective_on)]


@stage.decide(ReduceTier)
def reduce(p: Program, c: ReduceTier, ctx: Context) -> Outcomes:
    """To the lower tier that the notice named; the term stays."""
    need = Need()
    case = _against(need, p, c, ctx, "reduce")
    need.settle()
    tier_code = case.notice.tier if case.notice else None
    lower_tier(need, case.policy, case.held, tier_code)
    need.settle()
    tier = next(t for t in case.policy.tiers if t.code == tier_code)
    reduced = PartnerTierReduced(
        **_facts(case, c, ctx, to=tier.code, rank=tier.rank, label=tier.label, badge=tier.badge),
        listing=tier.listing,
        national_badge=tier.national_badge,
        assessed=tier.assessed,
    )
    return [reduced, posted(c.scheme, "reduction", reduced.decision_id, reduced.grounds, c.effective_on)]


@stage.decide(RevokeStatus)
def revoke(p: Program, c: RevokeStatus, ctx: Context) -> Outcomes:
    """After notice and reply, suspended or not; the program may be barred from asking again for a time."""
    need = Need()
    case = _against(need, p, c, ctx, "revoke")
    latest = add(c.effective_on, BAR)
    need(c.may_reapply_from is None or c.may_reapply_from <= latest, REAPPLY_DATE, latest=latest)
    need.settle()
    revoked = PartnerStatusRevoked(**_facts(case, c, ctx, may_reapply_from=c.may_reapply_from))
    return [revoked, posted(c.scheme, "revocation", revoked.decision_id, revoked.grounds, c.effective_on)]


@stage.decide(ReinstateStatus)
def reinstate(p: Program, c: ReinstateStatus, ctx: Context) -> Outcomes:
    """Every suspension that has begun, of a term that is running."""
    held, _, today = governing(p, c.scheme, ctx)
    bearing = (m for m in p.measures if bears_on(m, held) and m.kind == "suspended" and m.until is None)
    begun = [m.measure_id for m in bearing if m.since <= today]
    need = Need()
    need(begun, NOT_SUSPENDED, scheme=c.scheme, status=standing(p, c.scheme, today).status)
    need.settle()
    independent(need, p, held, ctx, c.declaration, today)
    need.settle()
    more: dict[str, Any] = {"scheme": c.scheme, "effective_on": today, "decider": ctx.person, "reason": c.reason}
    lifted = [PartnerStatusReinstated(decision_id=suspension, **more) for suspension in begun]
    return [*lifted, *(event for suspension in begun for event in archived(p, suspension, "lifted"))]


@stage.decide(RelinquishStatus)
def relinquish(p: Program, c: RelinquishStatus, ctx: Context) -> Outcomes:
    """Any time while a term is running; from today or later."""
    held, policy, today = governing(p, c.scheme, ctx)
    need = Need()
    _possible(need, p, held, c.scheme, c.effective_on, today)
    need.settle()
    return [fact(PartnerStatusRelinquished, c, measure_id=ctx.mint(), tier=held.tier, zone=policy.timezone)]


KINDS: dict[type[AdverseFacts], MeasureKind] = {
    PartnerStatusSuspended: "suspended",
    PartnerTierReduced: "reduced",
    PartnerStatusRevoked: "revoked",
}


def _lower(e: PartnerTierReduced, v: int) -> Holding:
    """The lower tier; its end is that of the tier that was reduced."""
    return Holding(
        scheme=e.scheme,
        tier=e.to,
        rank=e.rank,
        label=e.label,
        assessed=e.assessed,
        effective_on=e.effective_on,
        expires_on=None,
        zone=e.zone,
        version=v,
        decision_id=e.decision_id,
        policy=e.policy,
    )


@bears(PartnerStatusSuspended, PartnerTierReduced, PartnerStatusRevoked)
def _(t: Tenure, e: AdverseFacts, v: int) -> Tenure:
    measure = Measure(
        measure_id=e.decision_id,
        scheme=e.scheme,
        kind=KINDS[type(e)],
        since=e.effective_on,
        zone=e.zone,
        to=_lower(e, v) if isinstance(e, PartnerTierReduced) else None,
        review_by=e.review_by if isinstance(e, PartnerStatusSuspended) else None,
        may_reapply_from=e.may_reapply_from if isinstance(e, PartnerStatusRevoked) else None,
        version=v,
    )
    return replace(t, measures=(*t.measures, measure))


def _decided(p: Program, e: AdverseFacts, v: int) -> Program:
    notice = p.notices.get(e.notice_id or "")
    p = remembered(p, e, v, KINDS[type(e)], involved=(notice.issued_by,) if notice else ())
    return replace(tenured(p, e, v), notices=without(p.notices, e.notice_id))


for decided in KINDS:
    stage.evolve(decided)(_decided)


@bears(PartnerStatusReinstated)
def _(t: Tenure, e: PartnerStatusReinstated, v: int) -> Tenure:
    return t.measured(lambda m: replace(m, until=e.effective_on) if m.measure_id == e.decision_id else m)


stage.evolve(PartnerStatusReinstated)(tenured)


@bears(PartnerStatusRelinquished)
def _(t: Tenure, e: PartnerStatusRelinquished, v: int) -> Tenure:
    measure = Measure(
        measure_id=e.measure_id, scheme=e.scheme, kind="relinquished", since=e.effective_on, zone=e.zone, version=v
    )
    return replace(t, measures=(*t.measures, measure))


stage.evolve(PartnerStatusRelinquished)(tenured)
