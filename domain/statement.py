"""Statement of Accuracy: bound to the digest of what it states, signed by leadership, received (S1-17, S1-18, A14)."""

from datetime import date
from typing import ClassVar, Literal

from msgspec.structs import replace

from domain.access import ALREADY_RECORDED, WRONG_CYCLE_STATE, cycle_of, rules_of
from domain.affiliate import in_charge
from domain.assessment import answers_stated, linked_documents
from domain.determination import determinations_stated
from domain.documents import usable
from domain.impartiality import reviewing
from domain.language import (
    Context,
    CycleCommand,
    Kind,
    Need,
    Outcome,
    Outcomes,
    Role,
    Stage,
    fact,
    found,
    only,
    refusal,
)
from domain.policy.model import Policy
from domain.program import Cycle, CycleEvent, Phase, Program, Statement, freeze, reopened, with_cycle, with_review
from domain.publishing import SECOND_PERSON_REQUIRED
from domain.review import NOT_ASKED_BY_POLICY, decided
from domain.signature import PaperSigning, Signature, Signing, electronic, on_paper
from domain.term import DATE_IN_FUTURE, add
from domain.values import Code, Digest, PersonId, Reference, Text, TextRef, digest_of

stage = Stage("statement")

REVIEW_NOT_COMPLETE = refusal(
    "REVIEW_NOT_COMPLETE", Kind.OUT_OF_ORDER, "The review is not complete; the cycle is {phase}."
)
STATEMENT_UNKNOWN = refusal("STATEMENT_UNKNOWN", Kind.OUT_OF_ORDER, "No Statement of Accuracy has been asked for.")
SIGNATORY_NOT_AUTHORISED = refusal(
    "SIGNATORY_NOT_AUTHORISED", Kind.NOT_ALLOWED, "{person} holds none of the roles that may sign: {roles}."
)
NOT_SIGNED = refusal("NOT_SIGNED", Kind.OUT_OF_ORDER, "The Statement of Accuracy is not signed.")
DATE_INCONSISTENT = refusal(
    "DATE_INCONSISTENT", Kind.INVALID, "It cannot have been received on {received_on}: it was signed on {signed_on}."
)
BACKDATED_TOO_FAR = refusal(
    "BACKDATED_TOO_FAR",
    Kind.INCOMPLETE,
    "{received_on} lies more than {days} days back; that takes a ground, a document and a second person.",
)
NO_RECEIPT_PROPOSED = refusal("NO_RECEIPT_PROPOSED", Kind.OUT_OF_ORDER, "No receipt waits for a second person.")
ALREADY_DECIDED = refusal("ALREADY_DECIDED", Kind.OUT_OF_ORDER, "The cycle is decided.")
NOTHING_TO_REOPEN = refusal("NOTHING_TO_REOPEN", Kind.OUT_OF_ORDER, "The cycle is {phase}; there is nothing to reopen.")


class StatementOfAccuracyRequested(CycleEvent):
    """Leadership was asked to sign; what is to be signed is fixed by its digest."""

    says = "asked leadership to sign the Statement of Accuracy"
    statement_id: Reference
    template: Code
    covers: Digest
    requested_on: date


class StatementOfAccuracySigned(CycleEvent):
    """Leadership signed the statement."""

    says = "signed the Statement of Accuracy: {e.signature}"
    statement_id: Reference
    signature: Signature


class StatementReceiptProposed(CycleEvent):
    """A receipt dated far back waits for a second person (M6)."""

    says = "proposed to date the receipt of the statement {e.received_on} ({e.ground}): {e.explanation}"
    statement_id: Reference
    received_on: date
    ground: Code
    explanation: TextRef
    document_id: Reference
    proposed_by: PersonId


class StatementOfAccuracyReceived(CycleEvent):
    """The affiliate has the signed statement; the term counts from this day (A2)."""

    says = "received the Statement of Accuracy on {e.received_on}"
    statement_id: Reference
    received_on: date
    covers: Digest


class StatementOfAccuracyRejected(CycleEvent):
    """The signed statement was not accepted; it has to be signed again."""

    says = "rejected the signed statement ({e.ground}): {e.reason}"
    statement_id: Reference
    ground: Code
    reason: TextRef


class EvidenceReopened(CycleEvent):
    """The evidence is open for review again; a statement made about it is void (A14)."""

    says = "reopened the evidence: {e.reason}"
    reason: TextRef


class StatementOfAccuracyVoided(CycleEvent):
    """The statement no longer stands: what it stated may change."""

    says = "voided the Statement of Accuracy"
    statement_id: Reference
    because: int


class RequestStatement(CycleCommand):
    """Ask leadership to sign the Statement of Accuracy."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)


class SignStatement(CycleCommand, Signing):
    """Sign the Statement of Accuracy."""

    by: ClassVar[tuple[Role, ...]] = (Role.PROGRAM_LEAD,)


class RecordPaperStatement(CycleCommand, PaperSigning):
    """Record a statement signed on paper, or spoken before a witness (M3)."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)


class ReceiveStatement(CycleCommand):
    """Record the day on which the signed statement was received."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    received_on: date
    ground: Literal["posted_late", "mislaid", "system_outage"] | None = None
    explanation: Text | None = None
    document_id: Reference | None = None


class ConfirmReceipt(CycleCommand):
    """Confirm, as a second person, a receipt dated far back (M6)."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN, Role.DECIDER)


class RejectStatement(CycleCommand):
    """Reject a signed statement; it is signed again."""

    by: ClassVar[tuple[Role, ...]] = (Role.AFFILIATE_ADMIN,)
    ground: Literal["signatory_not_authorised", "illegible", "altered", "wrong_form"]
    reason: Text


class ReopenEvidence(CycleCommand):
    """Open the evidence for review again, before a decision."""

    by: ClassVar[tuple[Role, ...]] = (Role.REVIEWER, Role.AFFILIATE_ADMIN)
    reason: Text


def stated(p: Program, cycle: Cycle) -> str:
    """The digest of all that the statement covers: answers, documents, determinations, plan, rules."""
    access = cycle.access
    return digest_of(
        {
            "program": p.program_id,
            "cycle": cycle.cycle_id,
            "policy": access and access.policy,
            "instrument": access and access.instrument,
            "stated": answers_stated(cycle),
            "documents": linked_documents(p, cycle),
            "determinations": determinations_stated(cycle),
            "plan": cycle.plan.digest if cycle.plan else None,
        }
    )


def _pending(p: Program, cycle_id: str) -> tuple[Cycle, Statement]:
    cycle = cycle_of(p, cycle_id)
    statement = found(cycle.statement, STATEMENT_UNKNOWN)
    need = Need()
    need(not statement.received, ALREADY_RECORDED)
    pending = statement.received or cycle.phase is Phase.ATTESTATION_PENDING
    need(pending, WRONG_CYCLE_STATE, phase=cycle.phase, wanted=Phase.ATTESTATION_PENDING)
    need.settle()
    return cycle, statement


def signing_role(p: Program, person: str, policy: Policy) -> str | None:
    """The role in which a person may sign the statement, if any (A13)."""
    held = p.people.get(person)
    allowed = policy.statement.signatory_roles if policy.statement else ()
    return next((r for r in held.roles if r in allowed), None) if held else None


@stage.decide(RequestStatement)
def request(p: Program, c: RequestStatement, ctx: Context) -> Outcomes:
    """After the review, where the policy wants a statement."""
    cycle = cycle_of(p, c.cycle_id)
    policy, today = rules_of(p, cycle, ctx)
    rule = found(policy.statement, NOT_ASKED_BY_POLICY, what="statement")
    need = Need()
    need(cycle.phase is Phase.REVIEWED, REVIEW_NOT_COMPLETE, phase=cycle.phase)
    need.settle()
    return [
        StatementOfAccuracyRequested(
            cycle_id=c.cycle_id,
            statement_id=ctx.mint(),
            template=rule.template,
            covers=stated(p, cycle),
            requested_on=today,
        )
    ]


def _sign(p: Program, cycle: Cycle, person: str, ctx: Context) -> tuple[Need, str]:
    """What signing needs, however it is done: an allowed role, not held by the affiliate's own staff (A13)."""
    policy, today = rules_of(p, cycle, ctx)
    roles = policy.statement.signatory_roles if policy.statement else ()
    role = signing_role(p, person, policy)
    allowed = role is not None and person not in in_charge(ctx.shelf, p.listing.affiliate, today).staff
    need = Need()
    need(not (cycle.statement and cycle.statement.signed), ALREADY_RECORDED)
    need(allowed, SIGNATORY_NOT_AUTHORISED, person=person, roles=roles)
    return need, role or "none"


@stage.decide(SignStatement)
def sign(p: Program, c: SignStatement, ctx: Context) -> Outcomes:
    """What is signed is what stands."""
    cycle, statement = _pending(p, c.cycle_id)
    _, today = rules_of(p, cycle, ctx)
    need, role = _sign(p, cycle, ctx.person, ctx)
    signature = electronic(need, c, ctx, role, statement.covers, today)
    need.settle()
    statement_id = statement.statement_id
    return [StatementOfAccuracySigned(cycle_id=c.cycle_id, statement_id=statement_id, signature=signature)]


@stage.decide(RecordPaperStatement)
def record_paper(p: Program, c: RecordPaperStatement, ctx: Context) -> Outcomes:
    """The named signatory must be allowed to sign; the form bears the code of what it covers."""
    cycle, statement = _pending(p, c.cycle_id)
    _, today = rules_of(p, cycle, ctx)
    need, role = _sign(p, cycle, c.signatory, ctx)
    signature = on_paper(need, c, ctx, p, role, statement.covers, (statement.requested_on, today))
    need.settle()
    statement_id = statement.statement_id
    return [StatementOfAccuracySigned(cycle_id=c.cycle_id, statement_id=statement_id, signature=signature)]


@stage.decide(ReceiveStatement)
def receive(p: Program, c: ReceiveStatement, ctx: Context) -> Outcomes:
    """Received after it was signed; far back only with ground, document and a second person (A2, M6)."""
    cycle, statement = _pending(p, c.cycle_id)
    policy, today = rules_of(p, cycle, ctx)
    signed_on = found(statement.signed_on, NOT_SIGNED)
    day = c.received_on
    need = Need()
    need(day <= today, DATE_IN_FUTURE, field="received_on", day=day, today=today)
    need(day >= signed_on, DATE_INCONSISTENT, received_on=day, signed_on=signed_on)
    far_back = day < add(today, f"P{policy.backdating_days}D", -1)
    supported = c.ground and c.explanation and c.document_id
    need(not far_back or supported, BACKDATED_TOO_FAR, received_on=day, days=policy.backdating_days)
    need.settle()
    if far_back and c.ground and c.explanation and c.document_id:
        usable(p, c.document_id)
        return [
            StatementReceiptProposed(
                cycle_id=c.cycle_id,
                statement_id=statement.statement_id,
                received_on=day,
                ground=c.ground,
                explanation=c.explanation,
                document_id=c.document_id,
                proposed_by=ctx.person,
            )
        ]
    return [_received(c.cycle_id, statement, day)]


def _received(cycle_id: str, statement: Statement, day: date) -> Outcome:
    return StatementOfAccuracyReceived(
        cycle_id=cycle_id, statement_id=statement.statement_id, received_on=day, covers=statement.covers
    )


@stage.decide(ConfirmReceipt)
def confirm_receipt(p: Program, c: ConfirmReceipt, ctx: Context) -> Outcomes:
    """Somebody else than the proposer."""
    _, statement = _pending(p, c.cycle_id)
    day, proposer = found(statement.proposed_receipt, NO_RECEIPT_PROPOSED)
    need = Need()
    need(proposer != ctx.person, SECOND_PERSON_REQUIRED, person=proposer)
    need.settle()
    return [_received(c.cycle_id, statement, day)]


@stage.decide(RejectStatement)
def reject(p: Program, c: RejectStatement, ctx: Context) -> Outcomes:
    """A signed statement that was not received yet."""
    _, statement = _pending(p, c.cycle_id)
    need = Need()
    need(statement.signed, NOT_SIGNED)
    need.settle()
    return [fact(StatementOfAccuracyRejected, c, statement_id=statement.statement_id)]


@stage.decide(ReopenEvidence)
def reopen(p: Program, c: ReopenEvidence, ctx: Context) -> Outcomes:
    """Back to review before a decision; a statement about the earlier evidence is void (A14)."""
    cycle = cycle_of(p, c.cycle_id)
    reopenable = (Phase.REVIEWED, Phase.ATTESTATION_PENDING, Phase.ATTESTED, Phase.DEFERRED)
    need = Need()
    denied = any(
        d.cycle_id == cycle.cycle_id and d.outcome == "denied" and not d.reversed for d in p.decisions.values()
    )
    decided_on = denied or cycle.phase is Phase.DECIDED
    need(not decided_on, ALREADY_DECIDED)
    need(decided_on or cycle.phase in reopenable, NOTHING_TO_REOPEN, phase=cycle.phase)
    need.settle()
    if ctx.actor.role is Role.REVIEWER:
        reviewing(p, cycle, ctx)
    events: list[Outcome] = [EvidenceReopened(cycle_id=c.cycle_id, reason=c.reason)]
    if cycle.statement:
        voided = cycle.statement.statement_id
        events.append(StatementOfAccuracyVoided(cycle_id=c.cycle_id, statement_id=voided, because=p.version + 1))
    return events


def _with_statement(p: Program, cycle_id: str, **changes: object) -> Program:
    statement = p.cycles[cycle_id].statement
    assert statement is not None  # signature and receipt follow the request
    return with_cycle(p, cycle_id, statement=replace(statement, **changes))


@stage.evolve(StatementOfAccuracyRequested)
def _(p: Program, e: StatementOfAccuracyRequested, v: int) -> Program:
    statement = Statement(statement_id=e.statement_id, covers=e.covers, requested=v, requested_on=e.requested_on)
    return with_cycle(p, e.cycle_id, statement=statement, phase=Phase.ATTESTATION_PENDING)


@stage.evolve(StatementOfAccuracySigned)
def _(p: Program, e: StatementOfAccuracySigned, v: int) -> Program:
    p = freeze(p, e.signature.scan_document_id)
    return _with_statement(p, e.cycle_id, signed=v, signed_on=e.signature.signed_on)


@stage.evolve(StatementReceiptProposed)
def _(p: Program, e: StatementReceiptProposed, v: int) -> Program:
    p = freeze(p, e.document_id)
    return _with_statement(p, e.cycle_id, proposed_receipt=(e.received_on, e.proposed_by))


@stage.evolve(StatementOfAccuracyReceived)
def _(p: Program, e: StatementOfAccuracyReceived, v: int) -> Program:
    p = _with_statement(p, e.cycle_id, received=v, received_on=e.received_on, proposed_receipt=None)
    return with_cycle(p, e.cycle_id, phase=Phase.ATTESTED)


@stage.evolve(StatementOfAccuracyRejected)
def _(p: Program, e: StatementOfAccuracyRejected, v: int) -> Program:
    return _with_statement(p, e.cycle_id, signed=0, signed_on=None, proposed_receipt=None)


@stage.evolve(EvidenceReopened)
def _(p: Program, e: EvidenceReopened, v: int) -> Program:
    return reopened(with_review(p, e.cycle_id, completed=0), e.cycle_id)


@stage.evolve(StatementOfAccuracyVoided)
def _(p: Program, e: StatementOfAccuracyVoided, v: int) -> Program:
    return with_cycle(p, e.cycle_id, statement=None)


@stage.undo(StatementOfAccuracyReceived, by=only(Role.AFFILIATE_ADMIN), rests=lambda p, e: decided(p, e.cycle_id))
def _(p: Program, e: StatementOfAccuracyReceived, v: int) -> Program:
    statement = p.cycles[e.cycle_id].statement
    if statement is None or statement.statement_id != e.statement_id:
        return p  # voided meanwhile
    p = _with_statement(p, e.cycle_id, received=0, received_on=None)
    return with_cycle(p, e.cycle_id, phase=Phase.ATTESTATION_PENDING)
