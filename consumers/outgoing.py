"""Which fact goes to which topic, and what of it: the whole of who may know what on the broker.

* The ledger's topic has everything, in full.
* An affiliate's topic has its own facts and those of its programs; what is drafted comes without its content.
* Complaints about an affiliate's programs have a topic of their own; those about the affiliate are in the ledger's alone.
* Policies, instruments and days that ended are for everybody with a topic.
* The partners' topic has the public row of every program that is or was listed, whenever it changed, and by what the
  directory of each day is known.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

import msgspec

from domain.assessment import ItemNarrativeRecorded, ItemRated, ItemRatingCleared
from domain.complaint import ComplaintReceived
from domain.language import Shelf
from domain.snapshot import DirectoryPublished
from infra.cloud_events import CONTENT_TYPE, SOURCE, attributes, event_id, headers
from infra.mapper import decode, recorded
from infra.records import StoredFact, instant
from infra.topics import Topic, Topics
from projections.directory import Partner
from projections.directory import model as directory
from projections.language import stem, subject_of
from projections.public import is_public, public_row

DRAFTS = frozenset(stem(e.published_name()) for e in (ItemRated, ItemRatingCleared, ItemNarrativeRecorded))
"""Facts of an assessment that is not handed in: they can only be recorded before it is."""
DRAFT = "draft"
EVERYBODYS = ("policy", "instrument", "calendar", "ledger")
ROW = "nqms.partner.v1"
MARKER = "nqms.position.v1"
REACHED = "nqms.reached.v1"
DIRECTORY = "nqms.directory.v1"
_PUBLISHED = stem(DirectoryPublished.published_name())
_KEPT_ROWS = 20_000


@dataclass(frozen=True)
class Message:
    """One message on its way: topic, key and, where it is not left to the key, partition."""

    topic: Topic
    key: str
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    partition: int | None = None


class Facts(Protocol):
    """What is asked of the ledger."""

    def read_stream(self, stream: str, after: int = 0, upto: int | None = None) -> list[StoredFact]:
        """The facts of a stream with versions in (after, upto], in order."""
        ...


@dataclass
class Rows:
    """The directory's row of each program, carried along with the facts; made from the stream where it is not there."""

    facts: Facts
    kept: int = _KEPT_ROWS
    """How many rows are kept at hand."""
    unreadable: list[str] = field(default_factory=list[str])
    """Facts that could not be read, with the reason; the row stays what it was."""
    _rows: OrderedDict[str, Partner | None] = field(default_factory=OrderedDict[str, "Partner | None"])

    def step(self, fact: StoredFact) -> tuple[Partner | None, Partner | None]:
        """The row of the fact's program before it and after it."""
        stream = fact.stream
        before = self._rows[stream] if stream in self._rows else self._made(stream, fact.version - 1)
        after = self._fold(before, fact)
        self._rows[stream] = after
        self._rows.move_to_end(stream)
        if len(self._rows) > self.kept:
            self._rows.popitem(last=False)
        return before, after

    def _made(self, stream: str, upto: int) -> Partner | None:
        row: Partner | None = None
        for fact in self.facts.read_stream(stream, 0, upto) if upto else ():
            row = self._fold(row, fact)
        return row

    def _fold(self, row: Partner | None, fact: StoredFact) -> Partner | None:
        if stem(fact.type) not in directory.wanted:
            return row
        try:
            return directory.fold(row, recorded(fact))
        except Exception as error:  # noqa: BLE001  whatever is wrong with a stored fact, the others go on
            self.unreadable.append(f"{event_id(fact)}: {type(error).__name__}: {error}")
            return row


class Outgoing:
    """Turns facts, in the ledger's order, into messages. Begin with a new one wherever reading begins anew."""

    def __init__(self, topics: Topics, facts: Facts, shelf: Callable[[], Shelf], kept: int = _KEPT_ROWS) -> None:
        self._topics, self._facts, self._shelf = topics, facts, shelf
        self.rows = Rows(facts, kept)
        self._complaints: dict[str, ComplaintReceived] = {}

    def messages(self, fact: StoredFact) -> Iterator[Message]:
        """Everything that is said because of one fact."""
        aggregate = fact.stream.partition(":")[0]
        yield _whole(self._topics.ledger, fact)
        if aggregate == "program":
            yield from self._of_program(fact)
        elif aggregate == "complaint":
            yield from self._of_complaint(fact)
        elif aggregate == "affiliate":
            yield _whole(self._topics.of_affiliate(subject_of(fact.stream)), fact)
        elif aggregate in EVERYBODYS:
            yield _whole(self._topics.published, fact)
            if stem(fact.type) == _PUBLISHED:
                yield from self._directory(fact)

    def _of_program(self, fact: StoredFact) -> Iterator[Message]:
        before, after = self.rows.step(fact)
        home, new = before.affiliate if before else None, after.affiliate if after else None
        if home is not None:
            yield _scoped(self._topics.of_affiliate(home), fact)
        if new is not None and new != home:
            # The receiving affiliate gets the file: all that led up to this, then this.
            for earlier in self._facts.read_stream(fact.stream, 0, fact.version):
                yield _scoped(self._topics.of_affiliate(new), earlier)
        if after is not None and after != before and is_public(after):
            yield self.row(after, fact)

    def _of_complaint(self, fact: StoredFact) -> Iterator[Message]:
        received = self._complaints.get(fact.stream)
        if received is None:
            first = self._facts.read_stream(fact.stream, 0, 1)[0]
            try:
                event = decode(first.type, first.state)
            except Exception as error:  # noqa: BLE001  whatever is wrong with a stored fact, the others go on
                self.rows.unreadable.append(f"{event_id(first)}: {type(error).__name__}: {error}")
                return
            if not isinstance(event, ComplaintReceived):
                return
            received = self._complaints[fact.stream] = event
        if received.about == "program":
            yield _whole(self._topics.complaints(received.affiliate), fact)

    def row(self, row: Partner, fact: StoredFact) -> Message:
        """The public row of a program as of a fact."""
        value = msgspec.json.encode(public_row(row, self._shelf(), fact.position))
        return Message(self._topics.partners, fact.stream, value, headers(_of_row(ROW, fact)))

    def _directory(self, fact: StoredFact) -> Iterator[Message]:
        """By what the directory of a day is known, for every copy to hold itself against."""
        try:
            known = msgspec.json.decode(fact.state, type=Directory)
        except msgspec.DecodeError as error:
            self.rows.unreadable.append(f"{event_id(fact)}: {type(error).__name__}: {error}")
            return
        value = msgspec.json.encode(known)
        yield Message(self._topics.partners, fact.stream, value, headers(_of_row(DIRECTORY, fact)))


def _of_row(type_: str, fact: StoredFact) -> dict[str, str]:
    """The attributes of what is public because of a fact."""
    return {
        "specversion": "1.0",
        "id": event_id(fact),
        "source": SOURCE,
        "type": type_,
        "subject": fact.stream,
        "time": instant(fact.recorded_at),
        "datacontenttype": CONTENT_TYPE,
        "dataschema": f"/schemas/{type_}.json",
        "position": str(fact.position),
        "streamversion": str(fact.version),
    }


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """By what the directory of a day, as known up to a position (``size``), is known: how many entries, the root over them
    (RFC 6962), and the digest of the whole file, both in hexadecimal."""

    day: date
    size: int
    entries: int
    root: str
    sha256: str


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """Says in one of so many partitions that all rows up to a position of the ledger are in it."""

    position: int
    partitions: int


def marker(topic: Topic, partition: int, partitions: int, position: int, at: datetime) -> Message:
    """The marker for one partition; its key is the partition's, so that only the last one is kept."""
    value = msgspec.json.encode(Marker(position=position, partitions=partitions))
    return _said(topic, MARKER, f"position:{partition}", position, at, value, partition)


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """Says that whoever took every partition of the ledger's topic up to these offsets has all up to a position.

    ``ends``: for each partition, from 0, the offset after the last one.
    """

    position: int
    ends: tuple[int, ...]


def reached(topic: Topic, position: int, ends: Sequence[int], at: datetime) -> Message:
    """How far the ledger's topic is. To be sent after all of it was acknowledged."""
    value = msgspec.json.encode(Reached(position=position, ends=tuple(ends)))
    return _said(topic, REACHED, "reached", position, at, value, 0)


def _said(topic: Topic, type_: str, key: str, position: int, at: datetime, value: bytes, partition: int) -> Message:
    told = {
        "specversion": "1.0",
        "id": f"{key}:{position}",
        "source": SOURCE,
        "type": type_,
        "subject": key,
        "time": instant(at),
        "datacontenttype": CONTENT_TYPE,
        "dataschema": f"/schemas/{type_}.json",
        "position": str(position),
    }
    return Message(topic, key, value, headers(told), partition)


def _whole(topic: Topic, fact: StoredFact) -> Message:
    return Message(topic, fact.stream, fact.state, headers(attributes(fact)))


def _scoped(topic: Topic, fact: StoredFact) -> Message:
    if stem(fact.type) not in DRAFTS:
        return _whole(topic, fact)
    told = headers(attributes(fact, withheld=DRAFT))
    return Message(topic, fact.stream, b"{}", told)
