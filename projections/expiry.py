"""The expiry schedule: on which day which tier ends, falls back, or is due for another look (3.8).

It follows from the dated facts of each program: a tier that a later decision ended early has no end of its own here.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal, LiteralString

from msgspec.structs import replace

from domain.changes import ProgramRenamed
from domain.listing import ProgramListingApproved, ProgramRegistered
from domain.tenure import BEARING
from domain.term import last_valid
from domain.transfer import ProgramTransferredToAffiliate
from projections.directory import folded
from projections.held import Span, Tenured, borne
from projections.language import Index, Question, ReadModel, Recorded, Row, columns, present, subject_of

Kind = Literal["expires", "hold_ends", "review_due"]


class Schedule(Tenured):
    """One program with the tiers that may come to an end."""

    program_id: str
    name: str
    affiliate: str


class Due(Row):
    """One day that is coming, or has come."""

    program_id: str
    name: str
    affiliate: str
    scheme: str
    tier: str
    label: str
    due_on: date
    """The first day on which it no longer holds, or the day of the review."""
    kind: Kind
    zone: str
    decision_id: str | None
    """None for an imported status."""

    @property
    def through(self) -> date:
        """The last valid day of what ends (M22)."""
        return last_valid(self.due_on)


def due(row: Schedule) -> Iterator[Due]:
    """Everything that is due for a program, tier by tier."""
    for scheme in row.schemes():
        for span, day, kind in _days(list(row.spans(scheme))):
            h = span.held
            yield Due(
                program_id=row.program_id,
                name=row.name,
                affiliate=row.affiliate,
                scheme=h.scheme,
                tier=h.tier,
                label=h.label,
                due_on=day,
                kind=kind,
                zone=h.zone,
                decision_id=h.decision_id,
            )


def _days(mine: list[Span]) -> Iterator[tuple[Span, date, Kind]]:
    """A term ends where no tier follows; a tier held to its limit makes way for the one that it falls back to."""
    for span, after in zip(mine, (*mine[1:], None), strict=True):
        if span.until is not None and after is not None and span.limit == span.until:
            yield span, span.until, "hold_ends"
        elif span.until is not None and after is not None and after.status == "expired":
            yield span, span.until, "expires"
        review = span.held.review_due_on
        if span.is_held and review and span.since <= review and (span.until is None or review < span.until):
            yield span, review, "review_due"


def _lines(row: Schedule) -> Iterator[tuple[Any, ...]]:
    for n, d in enumerate(due(row)):
        yield n, d.affiliate, d.scheme, d.tier, d.label, d.due_on, d.kind, d.zone, d.decision_id, d.name, folded(d.name)


model = ReadModel(
    "expiry",
    Schedule,
    aggregate="program",
    index=Index(
        "expiry_days",
        columns(
            ordinal="int4", affiliate="text", scheme="text", tier="text", label="text", due_on="date", kind="text",
            zone="text", decision_id="text", name="text", folded="text",
        ),
        _lines,
    ),
)  # fmt: skip


@model.on(ProgramRegistered)
def _(row: Schedule | None, r: Recorded) -> Schedule:
    e: ProgramRegistered = r.event
    return Schedule(program_id=subject_of(r.stream), name=e.display_name, affiliate=e.affiliate)


@model.on(ProgramListingApproved)
def _(row: Schedule | None, r: Recorded) -> Schedule:
    return replace(present(row, r), affiliate=r.event.affiliate)


@model.on(ProgramRenamed)
def _(row: Schedule | None, r: Recorded) -> Schedule:
    return replace(present(row, r), name=r.event.display_name)


@model.on(ProgramTransferredToAffiliate)
def _(row: Schedule | None, r: Recorded) -> Schedule:
    return replace(present(row, r), affiliate=r.event.to)


@model.on(*BEARING)
def _(row: Schedule | None, r: Recorded) -> Schedule:
    return borne(row, r)


_LIVE: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'expiry' AND live)"
DUE = Question(
    "what ends or is due between two days, both included, in the order of the days",
    f"""SELECT split_part(key, ':', 2), name, affiliate, scheme, tier, label, due_on, kind, zone, decision_id
FROM read.expiry_days
WHERE generation = {_LIVE} AND (%(first)s::date IS NULL OR due_on >= %(first)s)
    AND (%(last)s::date IS NULL OR due_on <= %(last)s)
    AND (%(affiliate)s::text IS NULL OR affiliate = %(affiliate)s)
ORDER BY due_on, folded, key, ordinal LIMIT %(limit)s""",
)
