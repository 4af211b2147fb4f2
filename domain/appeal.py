"""Appeal: a panel without earlier participants looks at a decision again (2.3, M18, M19).

A denial, a decision put off too long, an adverse act and a grant below the tier sought can be appealed against, within
the time that the policy gives. While an appeal against an adverse act is pending the act has no effect, where the policy
says so and no harm is imminent. What an overturned act becomes is said by the policy: as if never, or from the day on
which the panel decided.
"""

from datetime import date
from typing import Any, ClassVar, Literal

from msgspec.structs import replace
from pydantic import Field

from domain.impartiality import interest_in, took_part_as
from domain.language import (
    Context,
    Event,
    Kind,
    Need,
    Outcomes,
    ProgramCommand,
    Role,
    Shelf,
    Stage,
    fact,
    found,
    refusal,
)
from domain.policy.model import Policy
from domain.program import ENDED, Program, tenured
from domain.tenure import OPEN_STATES, Appeal, Decision, Measure, Tenure, bears
from domain.term import add
from domain.values import Code, PersonId, Reference, Text, TextRef

stage = Stage("appeal")

DECISION_UNKNOWN = refusal("DECISION_UNKNOWN", Kind.UNKNOWN, "The program has no decision {decision_id}.")
NOT_APPEALABLE = refusal("NOT_APPEALABLE", Kind.INVALID, "That decision cannot be appealed against: {because}.")
TOO_LATE = refusal("TOO_LATE", Kind.OUT_OF_ORDER, "An appeal was possible until {appeal_by}.")
APPEAL_OPEN = refusal("APPEAL_OPEN", Kind.OUT_OF_ORDER, "An appeal against that decision is {state} already.")
APPEAL_UNKNOWN = refusal("APPEAL_UNKNOWN", Kind.UNKNOWN, "The program has no appeal {appeal_id}.")
WRONG_APPEAL_STATE = refusal("WRONG_APPEAL_STATE", Kind.OUT_OF_ORDER, "The appeal is {state}, not {wanted}.")
APPEALED_DECIDER = refusal(
    "APPEALED_DECIDER", Kind.NOT_ALLOWED, "{person} took part in the decision and has no say in the appeal against it."
)
PANEL_NOT_INDEPENDENT = refusal(
    "PANEL_NOT_INDEPENDENT", Kind.NOT_ALLOWED, "These took part before or have an interest: {people}."
)
PANEL_TOO_SMALL = refusal("PANEL_TOO_SMALL", Kind.INVALID, "A panel has at least {least} different members.")
NOT_ON_PANEL = refusal(
    "NOT_ON_PANEL", Kind.NOT_ALLOWED, "{person} sits on no panel for this appeal, or only did until {until}."
)
ACCESS_PERIOD = refusal("ACCESS_PERIOD", Kind.INVALID, "The panel's access ends between {today} and {latest}.")
SUPERSEDED_MEANWHILE = refusal(
    "SUPERSEDED_MEANWHILE", Kind.OUT_OF_ORDER, "Meanwhile a later decision stands in the place of this one."
)

PANEL = 3
"""Members of a panel at the least (proposal)."""
SITTING = "P6M"
"""How long a panel has access to the case at the most (proposal; M19)."""
OF_A_CYCLE = ("granted", "denied", "deferred")
STAYABLE = ("suspended", "reduced", "revoked")


class AppealFiled(Event):
    """The program appealed against a decision."""

    says = "appealed against a decision ({e.grounds}): {e.statement}"
    appeal_id: Reference
    decision_id: Reference
    scheme: Code
    grounds: tuple[Code, ...]
    statement: TextRef
    filed_on: date
    zone: Code
    stays: bool = False
    """Whether the act has no effect until the appeal is over."""


class AppealAdmitted(Event):
    """The appeal will be heard."""

    says = "admitted the appeal"
    appeal_id: Reference


class AppealDismissed(Event):
    """The appeal will not be heard."""

    says = "dismissed the appeal ({e.ground})[: {e.reason}]"
    appeal_id: Reference
    decision_id: Reference
    ground: Code
    reason: TextRef | None = None
    ended_on: date


class AppealPanelNamed(Event):
    """The panel was named; each member has access to the case until a day."""

    says = "named the appeal panel {e.panel}, until {e.until}"
    appeal_id: Reference
    panel: tuple[PersonId, ...]
    until: date


class PanelistDeclared(Event):
    """A member of the panel declared an interest, or none."""

    says = "declared for the appeal: {e.nature}"
    appeal_id: Reference
    person: PersonId
    nature: Code


class AppealWithdrawn(Event):
    """The program withdrew the appeal."""

    says = "withdrew the appeal"
    appeal_id: Reference
    decision_id: Reference
    ended_on: date


class FileAppeal(ProgramCommand):
    """Appeal against a decision."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)
    decision_id: Reference
    grounds: tuple[Literal["facts", "rules", "procedure", "new_evidence", "impartiality"], ...] = Field(min_length=1)
    statement: Text


class AppealCommand(ProgramCommand):
    """A request about one appeal."""

    by: ClassVar[tuple[Role, ...]] = (Role.NATIONAL, Role.AFFILIATE_ADMIN)
    appeal_id: Reference


class AdmitAppeal(AppealCommand):
    """Let the appeal be heard."""


class DismissAppeal(AppealCommand):
    """Refuse to hear the appeal, on a closed ground."""

    ground: Literal["no_ground_named", "abandoned", "outside_scope"]
    reason: Text


class NameAppealPanel(AppealCommand):
    """Name the panel, from inside or outside, none of whom took part before; naming again replaces it."""

    panel: tuple[PersonId, ...]
    until: date


class DeclareOnPanel(AppealCommand):
    """Declare an interest in the program, or none, before hearing the appeal."""

    by: ClassVar[tuple[Role, ...]] = (Role.PANELIST,)
    nature: Literal["none", "employment", "family", "financial", "board_seat", "other"]


class WithdrawAppeal(AppealCommand):
    """Withdraw the appeal."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)


def appeal_of(p: Program, appeal_id: str, *states: str) -> Appeal:
    """The appeal, refused when unknown or in none of the states."""
    appeal = found(p.appeals.get(appeal_id), APPEAL_UNKNOWN, appeal_id=appeal_id)
    need = Need()
    need(not states or appeal.state in states, WRONG_APPEAL_STATE, state=appeal.state, wanted=" or ".join(states))
    need.settle()
    return appeal


def sits_on(appeal: Appeal, person: str, day: date) -> bool:
    """Whether a person has access to an appeal as a member of its panel, the last day included (M19)."""
    heard = appeal.state == "panel_named" and person in appeal.panel
    return heard and appeal.until is not None and day <= appeal.until


def panelist(need: Need, appeal: Appeal, person: str, day: date) -> None:
    """Notes somebody who does not sit on this panel, whatever other panel they sit on."""
    need(sits_on(appeal, person, day), NOT_ON_PANEL, person=person, until=appeal.until)


def rules_for(p: Program, decision: Decision, ctx: Context) -> tuple[Policy | None, str, date]:
    """The policy that a decision rests on (None for an imported status), its zone and today there."""
    policy: Policy | None = ctx.shelf.policy(decision.policy) if decision.policy else None
    zone = policy.timezone if policy else ctx.shelf.affiliate(p.listing.affiliate).timezone
    return policy, zone, ctx.today(zone)


def involved_in(p: Program, decision: Decision, person: str, today: date, shelf: Shelf) -> bool:
    """Whether a person took part in a decision, in what led to it, or is tied to the program."""
    cycle = p.cycles.get(decision.cycle_id or "")
    part = cycle and (took_part_as(p, cycle, person) or cycle.decider == person)
    return bool(part or person in (decision.decider, *decision.involved) or interest_in(p, person, today, shelf))


def without_appeal(p: Program, decision: Decision, day: date) -> str | None:
    """Why a decision cannot be appealed against on a day, whatever the time for it; None where it can."""
    if decision.appeal_by is None:
        return "the policy allows none against it"
    if decision.reversed:
        return "it was reversed"
    if decision.outcome == "deferred":
        cycle = p.cycles.get(decision.cycle_id or "")
        later = any(d.cycle_id == decision.cycle_id and d.version > decision.version for d in p.decisions.values())
        if cycle is None or cycle.phase in ENDED or later:
            return "the decision was taken, or put off anew"
        if decision.until and day <= decision.until:
            return f"it is put off until {decision.until}"
    if decision.outcome in OF_A_CYCLE and superseded(p, decision):
        return "a later decision stands in its place"
    return None


def superseded(p: Program, decision: Decision) -> bool:
    """Whether a tier was granted under the scheme after a decision."""
    return any(h.scheme == decision.scheme and h.version > decision.version for h in p.holdings)


@stage.decide(FileAppeal)
def file(p: Program, c: FileAppeal, ctx: Context) -> Outcomes:
    """Once against each decision, in time."""
    decision = found(p.decisions.get(c.decision_id), DECISION_UNKNOWN, decision_id=c.decision_id)
    policy, zone, today = rules_for(p, decision, ctx)
    need = Need()
    why = without_appeal(p, decision, today)
    need(why is None, NOT_APPEALABLE, because=why)
    late = decision.appeal_by is not None and today > decision.appeal_by
    need(not late, TOO_LATE, appeal_by=decision.appeal_by)
    other = next((a for a in p.appeals.values() if a.decision_id == c.decision_id), None)
    need(other is None, APPEAL_OPEN, state=other and other.state)
    need.settle()
    stayed = policy is not None and policy.adverse is not None and policy.adverse.stay_on_appeal
    stays = decision.outcome in STAYABLE and stayed and not decision.immediate
    more = {"appeal_id": ctx.mint(), "scheme": decision.scheme, "filed_on": today, "zone": zone, "stays": stays}
    return [fact(AppealFiled, c, **more)]


def _uninvolved(p: Program, appeal: Appeal, ctx: Context) -> date:
    """Refuses whoever took part in the decision; today where it was taken."""
    decision = p.decisions[appeal.decision_id]
    _, _, today = rules_for(p, decision, ctx)
    need = Need()
    need(not involved_in(p, decision, ctx.person, today, ctx.shelf), APPEALED_DECIDER, person=ctx.person)
    need.settle()
    return today


@stage.decide(AdmitAppeal)
def admit(p: Program, c: AdmitAppeal, ctx: Context) -> Outcomes:
    """An appeal that was filed, by somebody who had no part in the decision."""
    _uninvolved(p, appeal_of(p, c.appeal_id, "filed"), ctx)
    return [AppealAdmitted(appeal_id=c.appeal_id)]


@stage.decide(DismissAppeal)
def dismiss(p: Program, c: DismissAppeal, ctx: Context) -> Outcomes:
    """Before a panel was named."""
    appeal = appeal_of(p, c.appeal_id, "filed", "admitted")
    today = _uninvolved(p, appeal, ctx)
    return [fact(AppealDismissed, c, decision_id=appeal.decision_id, ended_on=today)]


@stage.decide(NameAppealPanel)
def name_panel(p: Program, c: NameAppealPanel, ctx: Context) -> Outcomes:
    """Nobody who took part before, nobody of the program, nobody with an interest; for a limited time."""
    appeal = appeal_of(p, c.appeal_id, "admitted", "panel_named")
    today = _uninvolved(p, appeal, ctx)
    members = tuple(dict.fromkeys(c.panel))
    barred = [m for m in members if involved_in(p, p.decisions[appeal.decision_id], m, today, ctx.shelf)]
    latest = add(today, SITTING)
    need = Need()
    need(len(members) >= PANEL, PANEL_TOO_SMALL, least=PANEL)
    need(not barred, PANEL_NOT_INDEPENDENT, people=barred)
    need(today <= c.until <= latest, ACCESS_PERIOD, today=today, latest=latest)
    need.settle()
    return [AppealPanelNamed(appeal_id=c.appeal_id, panel=members, until=c.until)]


@stage.decide(DeclareOnPanel)
def declare(p: Program, c: DeclareOnPanel, ctx: Context) -> Outcomes:
    """Each member for themselves."""
    appeal = appeal_of(p, c.appeal_id, "panel_named")
    _, _, today = rules_for(p, p.decisions[appeal.decision_id], ctx)
    need = Need()
    panelist(need, appeal, ctx.person, today)
    need.settle()
    return [PanelistDeclared(appeal_id=c.appeal_id, person=ctx.person, nature=c.nature)]


@stage.decide(WithdrawAppeal)
def withdraw(p: Program, c: WithdrawAppeal, ctx: Context) -> Outcomes:
    """Until the panel has decided."""
    appeal = appeal_of(p, c.appeal_id, *OPEN_STATES)
    _, _, today = rules_for(p, p.decisions[appeal.decision_id], ctx)
    return [AppealWithdrawn(appeal_id=c.appeal_id, decision_id=appeal.decision_id, ended_on=today)]


def with_appeal(p: Program, appeal_id: str, **changes: Any) -> Program:
    """The program with one appeal changed."""
    return replace(p, appeals={**p.appeals, appeal_id: replace(p.appeals[appeal_id], **changes)})


def stay_ended(t: Tenure, decision_id: str, day: date) -> Tenure:
    """The tenure with what an appeal stayed having effect again from a day on."""

    def ended(m: Measure) -> Measure:
        stays = tuple((since, until or day) for since, until in m.stays)
        return replace(m, stays=stays) if m.measure_id == decision_id else m

    return t.measured(ended)


@bears(AppealFiled)
def _(t: Tenure, e: AppealFiled, v: int) -> Tenure:
    def stayed(m: Measure) -> Measure:
        return replace(m, stays=(*m.stays, (e.filed_on, None))) if m.measure_id == e.decision_id else m

    return t.measured(stayed) if e.stays else t


@bears(AppealDismissed, AppealWithdrawn)
def _(t: Tenure, e: AppealDismissed | AppealWithdrawn, v: int) -> Tenure:
    return stay_ended(t, e.decision_id, e.ended_on)


@stage.evolve(AppealFiled)
def _(p: Program, e: AppealFiled, v: int) -> Program:
    appeal = Appeal(decision_id=e.decision_id, scheme=e.scheme, state="filed", filed=v, filed_on=e.filed_on)
    return tenured(replace(p, appeals={**p.appeals, e.appeal_id: appeal}), e, v)


@stage.evolve(AppealAdmitted)
def _(p: Program, e: AppealAdmitted, v: int) -> Program:
    return with_appeal(p, e.appeal_id, state="admitted")


@stage.evolve(AppealDismissed)
def _(p: Program, e: AppealDismissed, v: int) -> Program:
    return with_appeal(tenured(p, e, v), e.appeal_id, state="dismissed")


@stage.evolve(AppealPanelNamed)
def _(p: Program, e: AppealPanelNamed, v: int) -> Program:
    return with_appeal(p, e.appeal_id, state="panel_named", panel=e.panel, until=e.until, declared={})


@stage.evolve(PanelistDeclared)
def _(p: Program, e: PanelistDeclared, v: int) -> Program:
    declared = {**p.appeals[e.appeal_id].declared, e.person: e.nature}
    return with_appeal(p, e.appeal_id, declared=declared)


@stage.evolve(AppealWithdrawn)
def _(p: Program, e: AppealWithdrawn, v: int) -> Program:
    return with_appeal(tenured(p, e, v), e.appeal_id, state="withdrawn")
