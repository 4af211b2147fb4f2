"""Extension: a term may be prolonged on closed grounds, by so much and so often as the policy says (2.3 NAEYC)."""

from datetime import date
from typing import ClassVar

from msgspec.structs import replace

from domain.grant import remembered
from domain.language import Context, Event, Kind, Need, Outcomes, ProgramCommand, Role, Stage, found, refusal
from domain.notice import GROUND_NOT_ALLOWED
from domain.program import Program, tenured
from domain.status import governing
from domain.tenure import Holding, Tenure, bears
from domain.term import add, last_valid
from domain.values import Code, PersonId, PolicyRef, Reference, Text, TextRef

stage = Stage("extension")

EXTENSION_OFF = refusal("EXTENSION_OFF", Kind.INVALID, "{policy}, under which the tier is held, knows no extension.")
EXTENSION_LIMIT = refusal(
    "EXTENSION_LIMIT", Kind.INVALID, "The term was extended {times} times; the policy allows {allowed}."
)
EXTENDED_TOO_FAR = refusal(
    "EXTENDED_TOO_FAR", Kind.INVALID, "The term ends on {ends}; it can be extended to {latest} at most, not to {until}."
)
NO_END = refusal("NO_END", Kind.INVALID, "This tier has no end that could be extended.")


class PartnerStatusExtended(Event):
    """The term runs on until a later day."""

    says = "extended {e.tier} through {e.through} ({e.ground}): {e.evidence}"
    decision_id: Reference
    extends: int
    """Version of the grant or import whose term is extended."""
    scheme: Code
    tier: Code
    policy: PolicyRef | None
    zone: Code
    ground: Code
    extended_from: date
    until: date
    decided_on: date
    decider: PersonId
    evidence: TextRef

    @property
    def through(self) -> date:
        """The last valid day (M22)."""
        return last_valid(self.until)


class ExtendStatus(ProgramCommand):
    """Prolong a running term, with the ground and what shows it."""

    by: ClassVar[tuple[Role, ...]] = (Role.DECIDER,)
    scheme: Code
    until: date
    ground: Code
    evidence: Text


@stage.decide(ExtendStatus)
def extend(p: Program, c: ExtendStatus, ctx: Context) -> Outcomes:
    """Before the term ends; on a ground of the closed list; in all no longer than the policy allows."""
    held, policy, today = governing(p, c.scheme, ctx)
    rule = found(policy.extension, EXTENSION_OFF, policy=f"{policy.policy} version {policy.version}")
    ends = found(held.expires_on, NO_END)
    first_end = held.extended_from or ends
    latest = add(first_end, rule.max)
    need = Need()
    need(c.ground in rule.grounds, GROUND_NOT_ALLOWED, grounds=[c.ground], allowed=rule.grounds)
    need(held.extensions < rule.times, EXTENSION_LIMIT, times=held.extensions, allowed=rule.times)
    need(ends < c.until <= latest, EXTENDED_TOO_FAR, ends=ends, latest=latest, until=c.until)
    need.settle()
    return [
        PartnerStatusExtended(
            decision_id=ctx.mint(),
            extends=held.version,
            scheme=c.scheme,
            tier=held.tier,
            policy=held.policy,
            zone=policy.timezone,
            ground=c.ground,
            extended_from=first_end,
            until=c.until,
            decided_on=today,
            decider=ctx.person,
            evidence=c.evidence,
        )
    ]


@bears(PartnerStatusExtended)
def _(t: Tenure, e: PartnerStatusExtended, v: int) -> Tenure:
    def longer(h: Holding) -> Holding:
        more = {"expires_on": e.until, "extended_from": e.extended_from, "extensions": h.extensions + 1}
        return replace(h, **more) if h.version == e.extends else h

    return t.held(longer)


@stage.evolve(PartnerStatusExtended)
def _(p: Program, e: PartnerStatusExtended, v: int) -> Program:
    return tenured(remembered(p, e, v, "extended"), e, v)
