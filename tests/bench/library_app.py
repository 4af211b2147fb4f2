"""E, as its documentation would have it: an application with an aggregate that keeps the same facts, and a projection.

The aggregate only notes its facts and the projection writes one plain row for each, which is less than ours do.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from infra.records import StoredFact

Values = dict[str, Any]


class Program(Aggregate):
    """A program that keeps the last fact of every type."""

    def __init__(self) -> None:
        self.facts: dict[str, Values] = {}

    @event("Recorded")
    def record(self, kind: str, fact: Values, about: Values) -> None:
        """Note one fact, with what the ledger keeps beside it."""
        self.facts[kind] = {"fact": fact, "about": about}


class Programs(Application[UUID]):
    """The application."""

    name: ClassVar[str] = "programs"


def environment(host: str, database: str) -> dict[str, str]:
    """The library's settings: its defaults on the bench's server."""
    address = {"DBNAME": database, "HOST": host, "PORT": "5432", "USER": "postgres", "PASSWORD": ""}
    return {"PERSISTENCE_MODULE": "eventsourcing.postgres"} | {f"POSTGRES_{name}": v for name, v in address.items()}


def about(fact: StoredFact) -> Values:
    """What the ledger keeps beside a state, as the library can store it."""
    return {
        "actor": [fact.actor_person, fact.actor_role, fact.actor_org],
        "command_id": str(fact.command_id),
        "occurred_on": fact.occurred_on.isoformat() if fact.occurred_on else None,
        "provenance": fact.provenance,
        "salt": fact.salt.hex(),
        "commitment": fact.commitment.hex(),
    }


def save(app: Programs, facts: Sequence[StoredFact]) -> UUID:
    """One program of these facts; its id."""
    program = Program()
    for fact in facts:
        program.record(kind=fact.type, fact=json.loads(fact.state), about=about(fact))
    app.save(program)
    return program.id


def stored(app: Programs, facts: Iterable[StoredFact]) -> list[StoredEvent]:
    """Facts as the library's own mapper would store them, in their order."""
    recorded: Any = vars(Program)["Recorded"]
    now = datetime.now(UTC)
    return [
        app.mapper.to_stored_event(
            recorded(
                originator_id=UUID(f.stream.partition(":")[2]),
                originator_version=f.version,
                timestamp=now,
                kind=f.type,
                fact=json.loads(f.state),
                about=about(f),
            )
        )
        for f in facts
    ]


class Lines(PostgresTrackingRecorder):
    """A table with one line for each event, written with the position in one transaction."""

    def __init__(
        self, datastore: PostgresDatastore, *, tracking_table_name: str = "lines_tracking", **more: Any
    ) -> None:
        super().__init__(datastore, tracking_table_name=tracking_table_name, **more)
        self.sql_create_statements.append(
            SQL(
                "CREATE TABLE IF NOT EXISTS {} (program uuid, version bigint, kind text, PRIMARY KEY (program, version))"
            ).format(Identifier("lines"))
        )

    def note(self, program: UUID, version: int, kind: str, tracking: Tracking) -> None:
        """Write a line."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute("INSERT INTO lines VALUES (%s, %s, %s)", (program, version, kind), prepare=True)

    def count(self) -> int:
        """How many lines there are."""
        with self.datastore.transaction() as cursor:
            row: Any = cursor.execute("SELECT count(*) AS n FROM lines").fetchone()
        return row["n"]


class Noting(Projection[Lines]):
    """The projection."""

    name = "noting"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """One line for each event."""
        kind = getattr(domain_event, "kind", "Created")
        self.view.note(domain_event.originator_id, domain_event.originator_version, kind, tracking)


def runner(settings: dict[str, str]) -> ProjectionRunner[Programs, Lines]:
    """The library's runner over the projection."""
    return ProjectionRunner(application_class=Programs, projection_class=Noting, view_class=Lines, env=settings)
