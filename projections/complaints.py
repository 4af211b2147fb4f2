"""Complaints, for those who handle them: what each is about and how far it has come (M19).

Who complained is in no row: a row holds references to sealed words alone, and the doors open them only for whoever
handles the complaint.
"""

from datetime import datetime
from typing import Any, LiteralString

from msgspec.structs import replace

from domain.complaint import (
    ComplainantIdentitySealed,
    ComplaintAcknowledged,
    ComplaintClosed,
    ComplaintReceived,
    ComplaintReferred,
    ComplaintScreened,
)
from domain.values import TextRef
from projections.language import Question, ReadModel, Recorded, Row, columns, present, subject_of


class Complained(Row):
    """One complaint."""

    complaint_id: str
    about: str
    """program or affiliate."""
    program_id: str | None = None
    affiliate: str
    concern: str
    state: str = "received"
    severity: str | None = None
    position: int
    received_at: datetime
    acknowledged_at: datetime | None = None
    screened_at: datetime | None = None
    referred_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None
    """What it came to, once closed."""
    from_letter: bool = False
    """Whether an administrator recorded what somebody else wrote."""
    narrative: TextRef
    identity: TextRef | None = None
    """What is sealed about who complained, if they said."""


def _values(row: Complained) -> tuple[Any, ...]:
    return row.position, row.about, row.affiliate, row.state


model = ReadModel(
    "complaints",
    Complained,
    aggregate="complaint",
    columns=columns(position="int8", about="text", affiliate="text", state="text"),
    values=_values,
)


@model.on(ComplaintReceived)
def _(row: Complained | None, r: Recorded) -> Complained:
    e: ComplaintReceived = r.event
    return Complained(
        complaint_id=subject_of(r.stream),
        about=e.about,
        program_id=e.program_id,
        affiliate=e.affiliate,
        concern=e.concern,
        position=r.position,
        received_at=r.recorded_at,
        from_letter=e.recorded_by is not None,
        narrative=e.narrative,
    )


@model.on(ComplainantIdentitySealed)
def _(row: Complained | None, r: Recorded) -> Complained:
    return replace(present(row, r), identity=r.event.identity)


@model.on(ComplaintAcknowledged)
def _(row: Complained | None, r: Recorded) -> Complained:
    return replace(present(row, r), acknowledged_at=r.recorded_at)


@model.on(ComplaintScreened)
def _(row: Complained | None, r: Recorded) -> Complained:
    e: ComplaintScreened = r.event
    return replace(present(row, r), state=e.outcome, severity=e.severity, screened_at=r.recorded_at)


@model.on(ComplaintReferred)
def _(row: Complained | None, r: Recorded) -> Complained:
    return replace(present(row, r), referred_at=r.recorded_at)


@model.on(ComplaintClosed)
def _(row: Complained | None, r: Recorded) -> Complained:
    return replace(present(row, r), state="closed", outcome=r.event.outcome, closed_at=r.recorded_at)


_LIVE: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'complaints' AND live)"
# About programs: those of affiliates whose administrator asks. About affiliates: all, for the national body, but those
# on whose staff whoever asks is.
LIST = Question(
    "complaints that somebody handles, the latest first",
    f"""SELECT body FROM read.complaints
WHERE generation = {_LIVE}
    AND (about = 'program' AND affiliate = ANY(%(administers)s::text[])
        OR about = 'affiliate' AND %(national)s::bool AND affiliate <> ALL(%(works_for)s::text[]))
    AND (%(affiliate)s::text IS NULL OR affiliate = %(affiliate)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(before)s::bigint IS NULL OR position < %(before)s)
ORDER BY position DESC LIMIT %(limit)s""",
)
