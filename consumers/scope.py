"""What somebody outside may be told, without a broker: the same messages as in the topics that they may read.

A scope is some topics. Who may know what is decided in one place (consumers/outgoing.py); whoever reads over HTTP, or
has it posted, gets neither more nor less than a reader of those topics.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from consumers.outgoing import Message, Outgoing
from infra.cloud_events import attributes, of_headers
from infra.ledger import Ledger
from infra.records import StoredFact
from infra.topics import Topics

_TOPICS = Topics()
"""By their usual names: nothing is sent to them here."""


@dataclass(frozen=True)
class Told:
    """One message as a CloudEvent: its attributes as text, its data as JSON, and the key that it is kept in order by."""

    attributes: dict[str, str]
    data: bytes
    key: str

    @property
    def type(self) -> str:
        """The type of the event or row."""
        return self.attributes["type"]

    def json(self) -> dict[str, Any]:
        """The whole in JSON format, to be encoded by msgspec."""
        return {**self.attributes, "data": msgspec.Raw(self.data)}


@dataclass(frozen=True)
class Scope:
    """Some topics, and of what is in them some types; every type where none is named."""

    topics: frozenset[str]
    types: frozenset[str] = frozenset()

    def of(self, outgoing: Outgoing, fact: StoredFact) -> list[Told]:
        """What is told because of a fact, in order. Facts are to be given in the ledger's order."""
        found = [_told(message) for message in outgoing.messages(fact) if message.topic.name in self.topics]
        return [one for one in found if not self.types or one.type in self.types]


def _told(message: Message) -> Told:
    told = of_headers({name: value.decode() for name, value in message.headers})
    return Told(told, message.value, message.key)


def whole(fact: StoredFact) -> Told:
    """A fact in full, for those who may read everything."""
    return Told(attributes(fact), fact.state, fact.stream)


def public() -> Scope:
    """What everybody may know: the public rows."""
    return Scope(frozenset({_TOPICS.partners.name}))


def of_affiliate(
    code: str, *, complaints: bool = False, rows: bool = False, types: frozenset[str] = frozenset()
) -> Scope:
    """What an affiliate may know: its events and those of its programs, and what is published for all; complaints about
    its programs for its administrators; the public rows where they are asked for."""
    names = {_TOPICS.of_affiliate(code).name, _TOPICS.published.name}
    names |= {_TOPICS.complaints(code).name} if complaints else set()
    names |= {_TOPICS.partners.name} if rows else set()
    return Scope(frozenset(names), types)


def teller(ledger: Ledger, kept: int = 2_000) -> Outgoing:
    """Turns facts into messages, beginning anew; the rows of so many programs are kept at hand."""
    return Outgoing(_TOPICS, ledger.recorder, ledger.shelf, kept)
