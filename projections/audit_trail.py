"""The audit trail: one line for every recorded fact, in the order recorded, reading like a report (S0-09).

Words that people wrote stay in the vault: a line holds ``[[id]]`` markers, which the doors replace for those entitled
to read them; persons appear by their opaque ids.
"""

from datetime import date, datetime
from typing import Any, LiteralString

from domain import EVENTS
from domain.language import Event
from projections.language import Question, ReadModel, Recorded, Row, columns


class Line(Row):
    """One recorded fact: who did what, in which part, when."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    occurred_on: date | None = None
    """The day of the act where it differs from the day of the record."""
    actor_person: str
    actor_role: str
    actor_org: str
    provenance: str
    sentence: str
    """What happened, in words that follow the actor's name."""


def _values(row: Line) -> tuple[Any, ...]:
    return row.stream, row.version, row.position


model = ReadModel(
    "audit_trail",
    Line,
    aggregate=None,
    columns=columns(stream="text", version="int4", position="int8"),
    values=_values,
    key=lambda r: f"{r.stream}@{r.version}",
    once=True,
)


@model.on(*EVENTS.values())
def _(row: Line | None, r: Recorded) -> Line:
    event: Event = r.event
    return Line(
        position=r.position,
        stream=r.stream,
        version=r.version,
        type=r.type,
        recorded_at=r.recorded_at,
        occurred_on=r.occurred_on,
        actor_person=r.actor_person,
        actor_role=r.actor_role,
        actor_org=r.actor_org,
        provenance=r.provenance,
        sentence=event.sentence(),
    )


_LIVE: LiteralString = "(SELECT generation FROM read.progress WHERE model = 'audit_trail' AND live)"
OF_STREAM = Question(
    "the lines of one stream after a version, as known at a position",
    f"""SELECT body FROM read.audit_trail
WHERE generation = {_LIVE} AND stream = %(stream)s AND version > %(after)s
    AND (%(known)s::bigint IS NULL OR position <= %(known)s)
ORDER BY version LIMIT %(limit)s""",
)
