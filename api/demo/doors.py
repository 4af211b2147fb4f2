"""Doors through which a story is told: here straight into the ledger; tests add one over HTTP."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

from domain import COMMANDS
from domain.language import Event, Role
from infra.vault import PersonRecord
from infra.wiring import Service


class StoryClock:
    """A clock that stands until a story moves it; each look is a second later, so that records are in order."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def pass_days(self, days: int) -> None:
        """Go on to another day, at ten in the morning in the middle of the country."""
        day = self._now.astimezone(ZoneInfo("America/Chicago")).date() + timedelta(days=days)
        self._now = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)

    @property
    def today(self) -> date:
        """The day it is in the middle of the country."""
        return self._now.astimezone(ZoneInfo("America/Chicago")).date()


class Door(Protocol):
    """What a story needs of a door."""

    def person(self, name: str) -> str:
        """The id of a person, entered on first mention."""
        ...

    def do(self, person: str, subject: str, command: str, /, **body: Any) -> tuple[Event, ...]:
        """Carry out a command as a person; the events. Raises whatever the door raises for a refusal."""
        ...

    def operate(self, subject: str, command: str, /, **body: Any) -> tuple[Event, ...]:
        """Carry out a command as the operator of the service."""
        ...

    def register(self, person: str, /, **body: Any) -> str:
        """Register a program; its id."""
        ...

    def upload(self, person: str, program: str, title: str, media_type: str, content: bytes) -> str:
        """Hand a file in; the document's id."""
        ...

    def publish(self, kind: str, content: bytes) -> str:
        """Hand in the body of a policy or an instrument; its hash."""
        ...

    def pass_days(self, days: int) -> None:
        """Let days go by."""
        ...

    @property
    def today(self) -> date:
        """The day it is."""
        ...


class LedgerDoor:
    """The door that the command line uses: the application layer in this process."""

    def __init__(self, service: Service, clock: StoryClock) -> None:
        self.service, self.clock = service, clock
        self.people: dict[str, str] = {}
        self.told: Callable[[str], None] = lambda line: None

    def person(self, name: str) -> str:
        """The id of a person, entered on first mention."""
        if name not in self.people:
            email = name.lower().replace(" ", ".").replace("-", ".") + "@people.example"
            self.people[name] = self.service.vault.register_person(PersonRecord(name=name, email=email))
        return self.people[name]

    def _do(self, person: str, subject: str, command: str, body: Any, standing: frozenset[Role]) -> tuple[Event, ...]:
        done = self.service.ledger.execute(
            subject, COMMANDS[command], body, person=person, standing=standing, idempotency_key=uuid4().hex
        )
        return done.events

    def do(self, person: str, subject: str, command: str, /, **body: Any) -> tuple[Event, ...]:
        """Carry out a command as a person."""
        return self._do(person, subject, command, body, frozenset())

    def operate(self, subject: str, command: str, /, **body: Any) -> tuple[Event, ...]:
        """Carry out a command as the operator."""
        return self._do("p_operator", subject, command, body, frozenset({Role.OPERATOR}))

    def register(self, person: str, /, **body: Any) -> str:
        """Register a program; its id."""
        program = str(uuid4())
        self.do(person, program, "RegisterProgram", **body)
        return program

    def upload(self, person: str, program: str, title: str, media_type: str, content: bytes) -> str:
        """Hand a file in; the document's id."""
        received = self.service.documents.receive(program, [content], media_type=media_type, title=title)
        self.do(person, program, "UploadDocument", document_id=received.document_id)
        return received.document_id

    def publish(self, kind: str, content: bytes) -> str:
        """Hand in the body of a policy or an instrument; its hash."""
        return self.service.ledger.recorder.put_artifact(kind, content).hex()

    def pass_days(self, days: int) -> None:
        """Let days go by."""
        self.clock.pass_days(days)

    @property
    def today(self) -> date:
        """The day it is."""
        return self.clock.today
