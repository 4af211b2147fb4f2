"""The ledger as the projector reads it: only the columns that rows are made of, decoded once for all read models."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, LiteralString

import msgspec

from domain import EVENTS
from infra.database import Connection
from infra.mapper import UPCASTERS, decode
from projections.language import ReadModel, Unreadable, stem

_COLUMNS: LiteralString = """SELECT position, stream, version, type, recorded_at, occurred_on, provenance,
    actor_person, actor_role, actor_org, state FROM ledger.events"""
_IN_ORDER: LiteralString = _COLUMNS + " WHERE position > %s AND position <= %s ORDER BY position"
_AT: LiteralString = _COLUMNS + " WHERE position = ANY(%s) ORDER BY position"
_BY_STREAM: LiteralString = _COLUMNS + " WHERE position <= %s ORDER BY stream, version"
_FETCH = 2000


class Entry(msgspec.Struct, frozen=True):
    """One recorded fact; ``projections.language.Recorded`` in the fewest words."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    occurred_on: date | None
    provenance: str
    actor_person: str
    actor_role: str
    actor_org: str
    event: Any
    """The fact, or ``Unreadable``."""


class Routes:
    """Which read models a fact concerns. A type that nobody knows concerns every model that reads such streams."""

    def __init__(self, models: Sequence[ReadModel[Any]]) -> None:
        self._models = models
        self._known = {stem(name) for name in (*EVENTS, *UPCASTERS)}
        self._cache: dict[str, tuple[int, ...]] = {}

    def of(self, type_: str, stream: str) -> tuple[int, ...]:
        """The models by their place in the list."""
        route = self._cache.get(type_)
        if route is None:
            name = stem(type_)
            if name not in self._known:
                return tuple(i for i, model in enumerate(self._models) if model.reads(stream))
            route = tuple(i for i, model in enumerate(self._models) if name in model.wanted)
            self._cache[type_] = route
        return route


Routed = tuple[Entry, tuple[int, ...]]


def _read(lines: Sequence[tuple[Any, ...]], routes: Routes) -> Iterator[Routed]:
    """What concerns anybody, with whom it concerns."""
    for line in lines:
        position, stream, version, type_, recorded_at, occurred_on, provenance, person, role, org, state = line
        route = routes.of(type_, stream)
        if not route:
            continue
        event: Any
        try:
            event = decode(type_, state.encode())
        except Exception as error:  # noqa: BLE001  whatever is wrong with a stored fact, its key waits and the rest goes on
            event = Unreadable(f"{type(error).__name__}: {error}")
        about = (position, stream, version, type_, recorded_at, occurred_on, provenance)
        yield Entry(*about, person, role, org, event), route


def in_order(connection: Connection, after: int, upto: int, routes: Routes) -> tuple[int, list[Routed]]:
    """The position reached, and the facts with positions in (after, upto] that concern a model, in order."""
    lines: list[Any] = connection.execute(_IN_ORDER, (after, upto), binary=True).fetchall()
    return (lines[-1][0] if lines else after), list(_read(lines, routes))


def at(connection: Connection, positions: Sequence[int], routes: Routes) -> list[Routed]:
    """The facts at some positions, in order."""
    lines: list[Any] = connection.execute(_AT, (list(positions),), binary=True).fetchall()
    return list(_read(lines, routes))


def by_stream(connection: Connection, upto: int, routes: Routes) -> Iterator[Routed]:
    """All facts up to a position, stream after stream, each in order. Inside a transaction."""
    with connection.cursor("by_stream", binary=True) as cursor:
        cursor.execute(_BY_STREAM, (upto,))
        while lines := cursor.fetchmany(_FETCH):
            yield from _read(lines, routes)
