"""Between facts and stored rows: published type names, compact JSON, older versions raised on reading (H4)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import msgspec

from domain import EVENTS
from domain.language import Event
from domain.values import misfits
from infra.records import StoredFact


class UnknownEventType(LookupError):
    """A stored type that this program does not know: a newer program wrote it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the ledger holds an event of type {name}, which this version of the program does not know")
        self.name = name


class UnfitEvent(ValueError):
    """A fact that may not be recorded: a field holds something else than its kind, such as free text."""


Upcaster = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]
UPCASTERS: dict[str, Upcaster] = {
    "DirectoryPublished.v1": lambda fields: ("DirectoryPublished.v2", fields),
}
"""From a type no longer written to its successor: plain fields in, (published name, plain fields) out. Pure."""

_encode = msgspec.json.Encoder().encode


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Event]:
    if name not in EVENTS:
        raise UnknownEventType(name)
    return msgspec.json.Decoder(EVENTS[name])


def encode(event: Event) -> bytes:
    """Compact UTF-8 JSON of an event's fields. UnfitEvent naming every field that holds what its kind forbids."""
    wrong = misfits(event, type(event))
    if wrong:
        raise UnfitEvent(f"{event.published_name()} cannot be recorded: {'; '.join(wrong)}")
    return _encode(event)


def decode(name: str, state: bytes | str) -> Event:
    """The event that a stored row stands for. UnknownEventType, or msgspec.ValidationError for damaged fields."""
    if name in UPCASTERS:
        fields = msgspec.json.decode(state, type=dict[str, Any])
        while name in UPCASTERS:
            name, fields = UPCASTERS[name](fields)
        return msgspec.convert(fields, EVENTS[name])
    return _decoder(name).decode(state)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored fact with its event, as read models and readers take it."""

    fact: StoredFact
    event: Event

    @property
    def position(self) -> int:
        """Place in the whole ledger, from 1."""
        return self.fact.position

    @property
    def stream(self) -> str:
        """The stream's name, such as ``program:<id>``."""
        return self.fact.stream

    @property
    def version(self) -> int:
        """Place in the stream, from 1."""
        return self.fact.version

    @property
    def type(self) -> str:
        """The type as stored."""
        return self.fact.type

    @property
    def recorded_at(self) -> datetime:
        """When the ledger recorded it, UTC."""
        return self.fact.recorded_at

    @property
    def occurred_on(self) -> date | None:
        """The day of the act where it differs from the day of the record."""
        return self.fact.occurred_on

    @property
    def provenance(self) -> str:
        """native, imported or corrected."""
        return self.fact.provenance

    @property
    def actor_person(self) -> str:
        """Who acted, by opaque id."""
        return self.fact.actor_person

    @property
    def actor_role(self) -> str:
        """In which part."""
        return self.fact.actor_role

    @property
    def actor_org(self) -> str:
        """For which organisation."""
        return self.fact.actor_org


def recorded(fact: StoredFact) -> Recorded:
    """A stored fact with its event decoded."""
    return Recorded(fact, decode(fact.type, fact.state))
