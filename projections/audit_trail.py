"""The audit trail: one line for every recorded fact, in the order recorded, reading like a report (S0-09).

The trail has no rows of its own: a line says of one fact what that fact says, so the ledger is its table and the
sentence is made when somebody reads it. Words that people wrote stay in the vault: a line holds ``[[id]]`` markers, which
the doors replace for those entitled to read them; persons appear by their opaque ids.
"""

from datetime import date, datetime
from typing import Protocol

from projections.language import Question, Recorded, Row, Unreadable


class Signed(Recorded, Protocol):
    """A recorded fact with all that the ledger says about it."""

    @property
    def occurred_on(self) -> date | None:
        """The day of the act, where it differs from the day of the record."""
        ...

    @property
    def provenance(self) -> str:
        """native, imported or corrected."""
        ...

    @property
    def actor_person(self) -> str:
        """Who acted, by opaque id."""
        ...

    @property
    def actor_role(self) -> str:
        """In which part."""
        ...

    @property
    def actor_org(self) -> str:
        """For which organisation."""
        ...


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


def line(r: Signed) -> Line:
    """What the trail says of a fact; of one that cannot be read, that there is one."""
    unreadable = isinstance(r.event, Unreadable)
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
        sentence=f"recorded {r.type}, which this version cannot read" if unreadable else r.event.sentence(),
    )


OF_STREAM = Question(
    "the facts of one stream after a version, as known at a position",
    """SELECT position, stream, version, type, recorded_at, occurred_on, provenance, actor_person, actor_role, actor_org,
    state FROM ledger.events
WHERE stream = %(stream)s AND version > %(after)s AND (%(known)s::bigint IS NULL OR position <= %(known)s)
ORDER BY version LIMIT %(limit)s""",
)
