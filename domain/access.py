"""Access: whoever asked to take part passes the gates of the policy and is let into the instrument (S1-03..S1-08)."""

from collections.abc import Callable
from datetime import date
from typing import ClassVar, Literal

from domain.affiliate import Affiliate
from domain.carrying import carried_forward
from domain.language import (
    Context,
    CycleCommand,
    Kind,
    Need,
    Outcomes,
    Role,
    Stage,
    found,
    only,
    refusal,
)
from domain.policy.model import Policy
from domain.program import ENDED, Access, Assistance, Cycle, CycleEvent, Phase, Program, with_cycle, without
from domain.publishing import POLICY_NOT_IN_FORCE, SCHEME_ELSEWHERE, SCHEME_UNKNOWN, Family, Scheme
from domain.term import DATE_IN_FUTURE
from domain.values import Code, InstrumentRef, PolicyRef, Text, TextRef

stage = Stage("access")

NOT_LISTED = refusal("NOT_LISTED", Kind.OUT_OF_ORDER, "The program's listing is {state}; it must be approved first.")
KIND_NOT_OFFERED = refusal("KIND_NOT_OFFERED", Kind.INVALID, "The policy knows no {kind} cycle; it knows {offered}.")
CYCLE_UNKNOWN = refusal("CYCLE_UNKNOWN", Kind.UNKNOWN, "The program has no cycle {cycle_id}.")
WRONG_CYCLE_STATE = refusal("WRONG_CYCLE_STATE", Kind.OUT_OF_ORDER, "The cycle is {phase}; this needs it {wanted}.")
GATE_NOT_MET = refusal("GATE_NOT_MET", Kind.INCOMPLETE, "Before access is granted, this must be there: {gates}.")
GATE_UNKNOWN = refusal("GATE_UNKNOWN", Kind.INVALID, "The policy has no gate {gate}; its gates are {gates}.")
GATE_ALREADY_MET = refusal("GATE_ALREADY_MET", Kind.OUT_OF_ORDER, "The gate {gate} needs no waiver: it is met.")
ALREADY_RECORDED = refusal("ALREADY_RECORDED", Kind.OUT_OF_ORDER, "That is recorded already.")
WITHDRAWAL_TOO_LATE = refusal("WITHDRAWAL_TOO_LATE", Kind.OUT_OF_ORDER, "The cycle is {phase}; it can't be withdrawn.")
ORDERED_BY_AFFILIATE = refusal(
    "ORDERED_BY_AFFILIATE", Kind.NOT_ALLOWED, "The affiliate ordered this cycle; only the affiliate takes it back."
)
UNDER_APPEAL = refusal(
    "UNDER_APPEAL", Kind.OUT_OF_ORDER, "Its decision was put off, and appeals against that are not over: {appeals}."
)
INSTRUMENT_NOT_PUBLISHED = refusal(
    "INSTRUMENT_NOT_PUBLISHED", Kind.OUT_OF_ORDER, "The instrument {family} version {version} is not published."
)

GATE_EVIDENCE: dict[str, Callable[[Program, Cycle], int]] = {
    "listing_approved": lambda p, c: p.listing.approved if p.listing.state == "listed" else 0,
    "readiness_confirmed": lambda p, c: c.requested if c.readiness else 0,
    "intake_conversation": lambda p, c: c.intake,
    "ta_nqms_requested": lambda p, c: max((a.requested for a in _assistance(p, c)), default=0),
    "ta_provider_assigned": lambda p, c: max((a.assigned for a in _assistance(p, c)), default=0),
    "needs_assessment_completed": lambda p, c: max((a.needs_assessed for a in _assistance(p, c)), default=0),
    "mou_executed": lambda p, c: max((a.mou.executed for a in _assistance(p, c) if a.mou), default=0),
    "membership_accepted": lambda p, c: p.memberships[c.scheme].accepted if c.scheme in p.memberships else 0,
}
"""What each gate of the vocabulary rests on: the version of the event that meets it, or 0."""


def _assistance(p: Program, c: Cycle) -> list[Assistance]:
    return [a for a in p.assistance.values() if a.cycle_id == c.cycle_id and not a.cancelled]


class IntakeConversationHeld(CycleEvent):
    """Affiliate and program talked the process through."""

    says = "recorded the intake conversation of {e.held_on}"
    held_on: date


class GateWaived(CycleEvent):
    """A gate was waived, on a ground and by a named approver (M7)."""

    says = "waived the gate {e.gate} ({e.ground}): {e.explanation}"
    gate: Code
    ground: Code
    explanation: TextRef


class AssessmentAccessGranted(CycleEvent):
    """The program may use the instrument; rules and instrument are fixed from here on."""

    says = "granted access to {e.instrument} under {e.policy}"
    gates: dict[Code, tuple[int, ...]]
    instrument: InstrumentRef
    policy: PolicyRef


class AssessmentWithdrawn(CycleEvent):
    """The program ended the cycle of its own will."""

    says = "withdrew from the cycle: {e.reason}"
    reason: TextRef


class AssessmentLapsed(CycleEvent):
    """The affiliate ended a cycle that the program left lying."""

    says = "ended the cycle that was left lying ({e.ground}): {e.reason}"
    ground: Code
    reason: TextRef


class RecordIntakeConversation(CycleCommand):
    """Record the talk about the process."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    held_on: date


class WaiveGate(CycleCommand):
    """Waive a gate that cannot be met through no fault of the program."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    gate: Code
    ground: Literal["assistance_not_available", "met_elsewhere", "affiliate_delay"]
    explanation: Text


class GrantAssessmentAccess(CycleCommand):
    """Let the program into the instrument once every gate is met."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)


class WithdrawFromCycle(CycleCommand):
    """End the cycle of the program's own will; nothing handed in is lost."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    reason: Text


class LapseCycle(CycleCommand):
    """End a cycle that the program left lying, so that nothing waits for it any more."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    ground: Literal["unreachable", "program_gone", "no_work_for_six_months"]
    reason: Text


def cycle_of(p: Program, cycle_id: str, *phases: Phase) -> Cycle:
    """The cycle, refused when unknown or, where phases are given, in none of them."""
    cycle = found(p.cycles.get(cycle_id), CYCLE_UNKNOWN, cycle_id=cycle_id)
    if phases:
        need = Need()
        need(cycle.phase in phases, WRONG_CYCLE_STATE, phase=cycle.phase, wanted=" or ".join(phases))
        need.settle()
    return cycle


def not_appealed(need: Need, p: Program, cycle: Cycle) -> None:
    """Notes the appeals that would lose their object if the cycle ended: those against a decision that was put off. One
    against a denial outlives the cycle, since a panel can grant what was denied."""
    put_off = {k for k, d in p.decisions.items() if d.cycle_id == cycle.cycle_id and d.outcome == "deferred"}
    going = [k for k, a in p.appeals.items() if a.is_open and a.decision_id in put_off]
    need(not going, UNDER_APPEAL, appeals=going)


def policy_in_force(p: Program, scheme_code: str, ctx: Context) -> tuple[PolicyRef, Policy, date]:
    """The policy of a scheme of the program's own affiliate that is in force today, and the day it is there (M20)."""
    scheme: Scheme = found(ctx.shelf.scheme(scheme_code), SCHEME_UNKNOWN, scheme=scheme_code)
    need = Need()
    own = scheme.affiliate == p.listing.affiliate
    need(own, SCHEME_ELSEWHERE, scheme=scheme_code, owner=scheme.affiliate, affiliate=p.listing.affiliate)
    need.settle()
    affiliate: Affiliate = ctx.shelf.affiliate(p.listing.affiliate)
    day = ctx.today(affiliate.timezone)
    ref = found(scheme.in_force(day), POLICY_NOT_IN_FORCE, scheme=scheme_code, day=day)
    policy: Policy = ctx.shelf.policy(ref)
    return ref, policy, ctx.today(policy.timezone)


def rules_of(p: Program, cycle: Cycle, ctx: Context) -> tuple[Policy, date]:
    """The policy that governs a cycle (pinned with access, until then the one in force) and today in its zone."""
    if cycle.access is None:
        _, policy, day = policy_in_force(p, cycle.scheme, ctx)
        return policy, day
    policy = ctx.shelf.policy(cycle.access.policy)
    return policy, ctx.today(policy.timezone)


def offered_by(policy: Policy) -> list[str]:
    """The kinds of cycle that a policy knows."""
    return [k.kind for k in policy.cycles if k.kind != "advancement" or policy.advancement.allowed]


def instrument_for(policy: Policy, ctx: Context) -> InstrumentRef:
    """The published instrument that a policy asks for."""
    family: Family | None = ctx.shelf.family(policy.instrument.family)
    version = policy.instrument.version
    ref = family.ref(version) if family else None
    return found(ref, INSTRUMENT_NOT_PUBLISHED, family=policy.instrument.family, version=version)


def gates_of(policy: Policy, kind: str) -> tuple[str, ...]:
    """The gates of a cycle kind, in order."""
    return tuple(g.code for g in policy.gates_for(kind))


def gates_met(p: Program, cycle: Cycle, gates: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Each gate with the versions that meet or waive it; empty where neither."""
    met: dict[str, tuple[int, ...]] = {}
    for gate in gates:
        version = GATE_EVIDENCE[gate](p, cycle) or cycle.waived.get(gate, 0)
        met[gate] = (version,) if version else ()
    return met


def access_of(p: Program, cycle_id: str | None) -> list[str]:
    """The grant of access, where it rests on the gates of a cycle."""
    cycle = p.cycles.get(cycle_id or "")
    return ["assessment_access"] if cycle and cycle.access else []


@stage.decide(RecordIntakeConversation)
def record_intake(p: Program, c: RecordIntakeConversation, ctx: Context) -> Outcomes:
    """One conversation before access; it lies in the past."""
    cycle = cycle_of(p, c.cycle_id, Phase.REQUESTED)
    _, today = rules_of(p, cycle, ctx)
    need = Need()
    need(not cycle.intake, ALREADY_RECORDED)
    need(c.held_on <= today, DATE_IN_FUTURE, field="held_on", day=c.held_on, today=today)
    need.settle()
    return [IntakeConversationHeld(cycle_id=c.cycle_id, held_on=c.held_on)]


@stage.decide(WaiveGate)
def waive(p: Program, c: WaiveGate, ctx: Context) -> Outcomes:
    """Only a gate of the policy that is not met can be waived; the approval of the listing never."""
    cycle = cycle_of(p, c.cycle_id, Phase.REQUESTED)
    policy, _ = rules_of(p, cycle, ctx)
    gates = tuple(g for g in gates_of(policy, cycle.kind) if g != "listing_approved")
    need = Need()
    need(c.gate in gates, GATE_UNKNOWN, gate=c.gate, gates=gates)
    need.settle()
    need(not gates_met(p, cycle, (c.gate,))[c.gate], GATE_ALREADY_MET, gate=c.gate)
    need.settle()
    return [GateWaived(cycle_id=c.cycle_id, gate=c.gate, ground=c.ground, explanation=c.explanation)]


@stage.decide(GrantAssessmentAccess)
def grant_access(p: Program, c: GrantAssessmentAccess, ctx: Context) -> Outcomes:
    """Every gate is met; policy and instrument are pinned by version and hash (A9, S1-08), and what an earlier cycle
    showed is carried over."""
    cycle = cycle_of(p, c.cycle_id, Phase.REQUESTED)
    ref, policy, _ = policy_in_force(p, cycle.scheme, ctx)
    met = gates_met(p, cycle, gates_of(policy, cycle.kind))
    unmet = [gate for gate, versions in met.items() if not versions]
    offered = offered_by(policy)
    need = Need()
    need(cycle.kind in offered, KIND_NOT_OFFERED, kind=cycle.kind, offered=offered)
    need(not unmet, GATE_NOT_MET, gates=unmet)
    pinned = instrument_for(policy, ctx)
    need.settle()
    granted = AssessmentAccessGranted(cycle_id=c.cycle_id, gates=met, instrument=pinned, policy=ref)
    return [granted, *carried_forward(p, cycle, pinned, ctx.shelf)]


@stage.decide(WithdrawFromCycle)
def withdraw_cycle(p: Program, c: WithdrawFromCycle, ctx: Context) -> Outcomes:
    """Until the decision the program may withdraw; an appeal against a delay is heard or taken back first."""
    cycle = cycle_of(p, c.cycle_id)
    need = Need()
    need(cycle.phase not in ENDED, WITHDRAWAL_TOO_LATE, phase=cycle.phase)
    need(not cycle.ordered, ORDERED_BY_AFFILIATE)
    not_appealed(need, p, cycle)
    need.settle()
    return [AssessmentWithdrawn(cycle_id=c.cycle_id, reason=c.reason)]


@stage.evolve(IntakeConversationHeld)
def _(p: Program, e: IntakeConversationHeld, v: int) -> Program:
    return with_cycle(p, e.cycle_id, intake=v)


@stage.evolve(GateWaived)
def _(p: Program, e: GateWaived, v: int) -> Program:
    return with_cycle(p, e.cycle_id, waived={**p.cycles[e.cycle_id].waived, e.gate: v})


@stage.evolve(AssessmentAccessGranted)
def _(p: Program, e: AssessmentAccessGranted, v: int) -> Program:
    access = Access(policy=e.policy, instrument=e.instrument, version=v, gates=e.gates)
    return with_cycle(p, e.cycle_id, access=access, phase=Phase.OPEN)


@stage.decide(LapseCycle)
def lapse(p: Program, c: LapseCycle, ctx: Context) -> Outcomes:
    """Only before it was handed in: from then on the affiliate owes a decision."""
    cycle = cycle_of(p, c.cycle_id, Phase.REQUESTED, Phase.OPEN)
    return [AssessmentLapsed(cycle_id=cycle.cycle_id, ground=c.ground, reason=c.reason)]


@stage.evolve(AssessmentLapsed)
def _(p: Program, e: AssessmentLapsed, v: int) -> Program:
    return with_cycle(p, e.cycle_id, phase=Phase.WITHDRAWN)


@stage.evolve(AssessmentWithdrawn)
def _(p: Program, e: AssessmentWithdrawn, v: int) -> Program:
    return with_cycle(p, e.cycle_id, phase=Phase.WITHDRAWN)


@stage.undo(IntakeConversationHeld, by=only(Role.AFFILIATE_ADMIN), rests=lambda p, e: access_of(p, e.cycle_id))
def _(p: Program, e: IntakeConversationHeld, v: int) -> Program:
    return with_cycle(p, e.cycle_id, intake=0)


@stage.undo(GateWaived, by=only(Role.AFFILIATE_ADMIN), rests=lambda p, e: access_of(p, e.cycle_id))
def _(p: Program, e: GateWaived, v: int) -> Program:
    return with_cycle(p, e.cycle_id, waived=without(p.cycles[e.cycle_id].waived, e.gate))
