"""What a read model is: rows folded from facts, and the questions asked of them.

A read model is one module: its row, how each fact changes the row, its table, its questions. A fold is a pure function
of (row, recorded fact): it reads no clock, no other row and no other table. So a row can be made again from nothing,
and has to come out the same to the byte.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, LiteralString, Protocol, TypeVar

import msgspec

from domain.language import Event
from domain.values import Fact, digest_of


class Recorded(Protocol):
    """One fact as the ledger recorded it."""

    @property
    def position(self) -> int:
        """Place in the whole ledger, from 1."""
        ...

    @property
    def stream(self) -> str:
        """The stream's name, such as ``program:<id>``."""
        ...

    @property
    def version(self) -> int:
        """Place in the stream, from 1."""
        ...

    @property
    def type(self) -> str:
        """The type as stored, such as ``TierGranted.v1``."""
        ...

    @property
    def recorded_at(self) -> datetime:
        """When the ledger recorded it, UTC."""
        ...

    @property
    def event(self) -> Any:
        """The fact itself."""
        ...


class Row(Fact):
    """A row of a read model: frozen, changed by copying."""


R = TypeVar("R", bound=Row)
Key = Callable[[Recorded], str]
Arm = Callable[[Any, Any], Any]
F = TypeVar("F", bound=Callable[..., Any])


def stream_of(recorded: Recorded) -> str:
    """The key of models with one row per stream."""
    return recorded.stream


def subject_of(stream: str) -> str:
    """What a stream is about: the part after the colon."""
    return stream.partition(":")[2]


def stem(type_: str) -> str:
    """The name of a type whatever its version: ``TierGranted`` for ``TierGranted.v1``."""
    return type_.rpartition(".v")[0]


@dataclass(frozen=True)
class Column:
    """A column to look rows up by: its name and PostgreSQL type."""

    name: str
    type: LiteralString


def columns(**types: LiteralString) -> tuple[Column, ...]:
    """Columns by name with their PostgreSQL types."""
    return tuple(Column(name, type_) for name, type_ in types.items())


@dataclass(frozen=True)
class Index(Generic[R]):
    """What a row can be looked up by: lines of columns derived from it, in a table of their own, any number a row."""

    table: LiteralString
    columns: tuple[Column, ...]
    lines: Callable[[R], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True)
class Question:
    """A question with its title, as one statement of SQL with named parameters."""

    title: str
    sql: LiteralString


class ReadModel(Generic[R]):
    """One read model: its row, its key, its arms by type of fact, its table.

    ``versioned``: every state of a row is kept with the positions between which it was shown. ``once``: no two facts
    share a key, so rows are only ever added.
    """

    def __init__(
        self,
        name: LiteralString,
        row: type[R],
        *,
        aggregate: str | None,
        columns: tuple[Column, ...] = (),
        values: Callable[[R], tuple[Any, ...]] = lambda row: (),
        index: Index[R] | tuple[Index[R], ...] = (),
        key: Key = stream_of,
        versioned: bool = False,
        once: bool = False,
    ) -> None:
        self.name: LiteralString = name
        self.row = row
        self.aggregate = aggregate
        """Of which kind of stream it reads, None for all: there it stops at facts of types not known yet."""
        self.columns, self.values = columns, values
        self.indexes = (index,) if isinstance(index, Index) else index
        self.key, self.versioned, self.once = key, versioned, once
        self.arms: dict[type[object], Arm] = {}
        """How each type of fact changes the row."""
        self.wanted: set[str] = set()
        """The same types by name, without version: older versions are raised to the present one before folding."""
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(row).decode

    @cached_property
    def shape(self) -> str:
        """The digest of the row's fields and columns; rows stored under another one have to be made again."""
        tables = [(i.table, [(c.name, c.type) for c in i.columns]) for i in self.indexes]
        return digest_of([msgspec.json.schema(self.row), [(c.name, c.type) for c in self.columns], tables])

    def on(self, *events: type[Event]) -> Callable[[F], F]:
        """The arm for some types of fact: (row or None, recorded) to the row, or None where there is none.

        Other types are passed over. An arm that raises stops the key, not the model.
        """

        def remember(arm: F) -> F:
            for event in events:
                if event in self.arms:
                    raise ValueError(f"{self.name} has two arms for {event.__name__}")
                self.arms[event] = arm
                self.wanted.add(stem(event.published_name()))
            return arm

        return remember

    def reads(self, stream: str) -> bool:
        """Whether facts of a stream can concern the model."""
        return self.aggregate is None or stream.partition(":")[0] == self.aggregate

    def fold(self, row: R | None, recorded: Recorded) -> R | None:
        """The row after one more fact; the same row if the fact is of no concern."""
        event: object = recorded.event
        arm = self.arms.get(type(event))
        return row if arm is None else arm(row, recorded)

    def dump(self, row: R) -> str:
        """The row as it is stored: compact JSON, always the same for the same row."""
        return self._encode(row).decode()

    def load(self, body: str) -> R:
        """The row from what is stored."""
        return self._decode(body)


class NoRow(LookupError):
    """A fact that changes a row came before any fact that makes one."""


def present(row: R | None, recorded: Recorded) -> R:
    """The row, which must be there by now. NoRow otherwise."""
    if row is None:
        raise NoRow(f"{recorded.type} comes before the fact that opens the row")
    return row


@dataclass(frozen=True)
class Unreadable:
    """Stands for a fact that could not be read: its type is not known, or its fields are damaged."""

    reason: str


@dataclass(frozen=True)
class Parked:
    """A fact that waits: it, or an earlier one of its key, could not be folded."""

    key: str
    position: int
    reason: str


class Folding(Generic[R]):
    """Folds facts into rows in memory, key by key; where an arm fails, that key waits and the others go on."""

    def __init__(self, model: ReadModel[R], rows: dict[str, R] | None = None, parked: Iterable[str] = ()) -> None:
        self.model = model
        self.rows: dict[str, R | None] = dict(rows or {})
        self.waiting: set[str] = set(parked)
        self.changes: dict[str, list[tuple[int, R | None]]] = {}
        """The states that a row took on with the positions from which they hold; the last one alone if unversioned."""
        self.parked: list[Parked] = []
        self._key, self._arms, self._versioned = model.key, model.arms, model.versioned

    def see(self, recorded: Recorded) -> None:
        """Fold one fact. Facts of a key come in the order of their positions."""
        key = self._key(recorded)
        if key in self.waiting:
            self.parked.append(Parked(key, recorded.position, "an earlier fact of this key waits"))
            return
        before = self.rows.get(key)
        event: object = recorded.event
        try:
            if (arm := self._arms.get(type(event))) is None:
                if isinstance(event, Unreadable):
                    raise ValueError(event.reason)
                return
            after = arm(before, recorded)
        except Exception as error:  # noqa: BLE001  whatever an arm raises concerns this key alone
            self.waiting.add(key)
            self.parked.append(Parked(key, recorded.position, f"{recorded.type}: {type(error).__name__}: {error}"))
            return
        if after is not before and after != before:
            self.rows[key] = after
            if self._versioned:
                self.changes.setdefault(key, []).append((recorded.position, after))
            else:
                self.changes[key] = [(recorded.position, after)]


def follow(model: ReadModel[R], recorded: Iterable[Recorded]) -> Iterator[R | None]:
    """The rows that a model takes on, fact by fact, for one key; errors are raised. For tests and explanations."""
    row: R | None = None
    for one in recorded:
        row = model.fold(row, one)
        yield row
