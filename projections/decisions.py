"""Decisions: for each one what was decided, by whom, on what it rests, and what became of it (3.7).

A grant, a denial and a deferral rest on an evaluation of the evidence; an extension, a suspension, a reduction and a
revocation on grounds. An appeal, a correction, a reversal and the lifting of a suspension are told with the decision that
they are about, whose own record stays as it was.
"""

from datetime import date, datetime
from typing import Any, Literal, LiteralString

from msgspec.structs import replace

from domain.adverse import (
    AdverseFacts,
    PartnerStatusReinstated,
    PartnerStatusRevoked,
    PartnerStatusSuspended,
    PartnerTierReduced,
)
from domain.appeal import AppealDismissed, AppealFiled, AppealWithdrawn
from domain.decision import TierDecisionDeferred, TierDenied
from domain.evidence import TierEligibilityEvaluated
from domain.extension import PartnerStatusExtended
from domain.grant import TierGranted
from domain.hearing import AppealDecided
from domain.reversal import DecisionCorrected, DecisionReversed
from domain.values import TextRef
from projections.language import Question, ReadModel, Recorded, Row, columns, present, subject_of

Outcome = Literal["evaluated", "granted", "denied", "deferred", "extended", "suspended", "reduced", "revoked"]


class Dossier(Row):
    """One decision with its proof."""

    decision_id: str
    program_id: str
    cycle_id: str | None = None
    scheme: str
    outcome: Outcome = "evaluated"
    """evaluated: the proof is there, the decision comes with the next fact."""
    kind: str | None = None
    tier: str | None = None
    label: str | None = None
    decided_on: date
    effective_on: date | None = None
    expires_on: date | None = None
    review_due_on: date | None = None
    hold_until: date | None = None
    deferred_until: date | None = None
    deferral_no: int | None = None
    missing: tuple[str, ...] = ()
    appeal_by: date | None = None
    decider: str | None = None
    """Opaque id of the person who decided."""
    reason: TextRef | None = None
    """The rationale of a grant, the reasons of any other, what shows the ground of an extension."""
    grounds: tuple[str, ...] = ()
    """Of an extension or an adverse decision."""
    notice_id: str | None = None
    review_by: date | None = None
    """By when a suspension is to be looked at again."""
    may_reapply_from: date | None = None
    """After a revocation."""
    ended_on: date | None = None
    """From when a suspension was lifted, or the effect of a decision ended."""
    reversed: bool = False
    """Whether it counts as never taken, or ended before its time, after an appeal or by two people."""
    corrected: bool = False
    """Whether its first day was corrected; the days above are the corrected ones."""
    supersedes: str | None = None
    """The decision in whose place it stands, after an appeal."""
    appeal: str | None = None
    """filed, upheld, overturned, remanded, dismissed or withdrawn; None without an appeal."""
    evaluation_version: int | None = None
    decision_version: int | None = None
    """Versions in the program's stream of the two facts."""
    position: int
    recorded_at: datetime
    evaluation: TierEligibilityEvaluated | None = None
    """What a grant, a denial or a deferral rests on."""


class Listed(Row):
    """A decision in a list, with what the directory says of its program."""

    dossier: Dossier
    program_name: str | None
    affiliate: str | None


def _values(row: Dossier) -> tuple[Any, ...]:
    return row.decision_id, f"program:{row.program_id}", row.scheme, row.outcome, row.decided_on, row.position


def _key(r: Recorded) -> str:
    """The decision within its stream: a row rests on one stream, whatever ids other streams use."""
    decision_id = getattr(r.event, "decision_id", None)
    return f"{r.stream}/{decision_id}" if decision_id else r.stream


model = ReadModel(
    "decisions",
    Dossier,
    aggregate="program",
    columns=columns(
        decision_id="text", program="text", scheme="text", outcome="text", decided_on="date", position="int8"
    ),
    values=_values,
    key=_key,
)


@model.on(TierEligibilityEvaluated)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: TierEligibilityEvaluated = r.event
    if row:  # looked at again for a correction; the decision's own evaluation stays
        return row
    return Dossier(
        decision_id=e.decision_id,
        program_id=subject_of(r.stream),
        cycle_id=e.cycle_id,
        scheme=e.scheme,
        decided_on=e.evaluation.day,
        evaluation_version=r.version,
        position=r.position,
        recorded_at=r.recorded_at,
        evaluation=e,
    )


def _decided(row: Dossier | None, r: Recorded, outcome: Outcome, **more: Any) -> Dossier:
    e: TierGranted | TierDenied | TierDecisionDeferred = r.event
    known: dict[str, Any] = {
        "outcome": outcome,
        "tier": e.tier,
        "decided_on": e.decided_on,
        "decider": e.decider,
        "decision_version": r.version,
        "position": r.position,
        "recorded_at": r.recorded_at,
    }
    return replace(present(row, r), **known, **more)


@model.on(TierGranted)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: TierGranted = r.event
    return _decided(
        row,
        r,
        "granted",
        kind=e.kind,
        label=e.label,
        effective_on=e.effective_on,
        expires_on=e.expires_on,
        review_due_on=e.review_due_on,
        hold_until=e.hold_until,
        appeal_by=e.appeal_by,
        supersedes=e.supersedes,
        reason=e.rationale,
    )


@model.on(TierDenied)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: TierDenied = r.event
    return _decided(row, r, "denied", missing=e.missing, appeal_by=e.appeal_by, reason=e.reasons)


@model.on(TierDecisionDeferred)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: TierDecisionDeferred = r.event
    more = {"deferred_until": e.until, "deferral_no": e.deferral_no, "appeal_by": e.appeal_by}
    return _decided(row, r, "deferred", missing=e.missing, reason=e.reason, **more)


def _taken(r: Recorded, outcome: Outcome, **more: Any) -> Dossier:
    """A decision that rests on no evaluation."""
    e: AdverseFacts | PartnerStatusExtended = r.event
    return Dossier(
        decision_id=e.decision_id,
        program_id=subject_of(r.stream),
        scheme=e.scheme,
        outcome=outcome,
        tier=e.tier,
        decided_on=e.decided_on,
        decider=e.decider,
        decision_version=r.version,
        position=r.position,
        recorded_at=r.recorded_at,
        **more,
    )


@model.on(PartnerStatusExtended)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: PartnerStatusExtended = r.event
    more = {"effective_on": e.extended_from, "expires_on": e.until}
    return _taken(r, "extended", grounds=(e.ground,), reason=e.evidence, **more)


def _adverse(r: Recorded, outcome: Outcome, **more: Any) -> Dossier:
    e: AdverseFacts = r.event
    known: dict[str, Any] = {
        "cycle_id": e.cycle_id,
        "grounds": e.grounds,
        "effective_on": e.effective_on,
        "notice_id": e.notice_id,
        "appeal_by": e.appeal_by,
        "reason": e.reasons,
    }
    return _taken(r, outcome, **known, **more)


@model.on(PartnerStatusSuspended)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: PartnerStatusSuspended = r.event
    return _adverse(r, "suspended", kind="imminent_harm" if e.imminent_harm else None, review_by=e.review_by)


@model.on(PartnerTierReduced)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: PartnerTierReduced = r.event
    return _adverse(r, "reduced", kind=e.to, label=e.label)


@model.on(PartnerStatusRevoked)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: PartnerStatusRevoked = r.event
    return _adverse(r, "revoked", may_reapply_from=e.may_reapply_from)


@model.on(PartnerStatusReinstated)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: PartnerStatusReinstated = r.event
    return replace(present(row, r), ended_on=e.effective_on)


@model.on(DecisionCorrected)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: DecisionCorrected = r.event
    return replace(present(row, r), effective_on=e.effective_on, expires_on=e.expires_on, corrected=True)


@model.on(DecisionReversed)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: DecisionReversed = r.event
    return replace(present(row, r), reversed=True, ended_on=e.effective_on)


@model.on(AppealFiled)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    return replace(present(row, r), appeal="filed")


@model.on(AppealDecided)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    e: AppealDecided = r.event
    return replace(present(row, r), appeal=e.outcome)


@model.on(AppealDismissed)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    return replace(present(row, r), appeal="dismissed")


@model.on(AppealWithdrawn)
def _(row: Dossier | None, r: Recorded) -> Dossier:
    return replace(present(row, r), appeal="withdrawn")


_LIVE: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'decisions' AND live)"
_DIRECTORY: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'directory' AND live)"
_LISTED: LiteralString = f"""SELECT d.body, p.name, p.affiliate FROM read.decisions d
LEFT JOIN read.directory p ON p.generation = {_DIRECTORY} AND p.key = d.program AND p.to_position IS NULL
WHERE d.generation = {_LIVE} AND d.outcome <> 'evaluated'"""
LIST = Question(
    "decisions, the latest first, by program, affiliate, year and name",
    f"""{_LISTED}
    AND (%(program)s::text IS NULL OR d.program = %(program)s)
    AND (%(affiliate)s::text IS NULL OR p.affiliate = %(affiliate)s)
    AND (%(year)s::int IS NULL OR d.decided_on BETWEEN make_date(%(year)s, 1, 1) AND make_date(%(year)s, 12, 31))
    AND (%(q)s::text IS NULL OR strpos(p.folded, %(q)s) > 0)
    AND (%(before)s::bigint IS NULL OR d.position < %(before)s)
    AND (%(known)s::bigint IS NULL OR d.position <= %(known)s)
ORDER BY d.position DESC LIMIT %(limit)s""",
)
ONE = Question("one decision", f"{_LISTED} AND d.decision_id = %(decision_id)s ORDER BY d.position LIMIT 1")
