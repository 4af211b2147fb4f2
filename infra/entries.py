"""The ledger as the projector reads it: only the columns that rows are made of, decoded once for all read models."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, LiteralString, cast

import msgspec

from domain import EVENTS
from infra.database import Connection
from infra.mapper import UPCASTERS, decode
from projections.language import ReadModel, Unreadable, stem

PARTS = 8
"""In so many parts the streams are shared out among projectors; fixed for good, as positions are kept by part."""
PART_OF: LiteralString = "(hashtext(stream) & 7)"
"""The part of a stream. ``PARTING`` tells whether the server parts streams as it did when positions were written."""
PARTING: LiteralString = "SELECT hashtext('program:') & 7, hashtext('nqms') & 255"

_COLUMNS: LiteralString = "SELECT position, stream, version, type, recorded_at, state"
_FROM: LiteralString = " FROM ledger.events"
_PARTED: LiteralString = f"{_COLUMNS}, {PART_OF}{_FROM}"
_ALL: LiteralString = f"{_PARTED} WHERE position > %s AND position <= %s ORDER BY position"
_SOME: LiteralString = f"{_PARTED} WHERE position > %s AND position <= %s AND {PART_OF} = ANY(%s) ORDER BY position"
_AT: LiteralString = f"{_PARTED} WHERE position = ANY(%s) ORDER BY position"
_STREAMS: LiteralString = f"""{_PARTED}
WHERE stream >= %(first)s AND (%(until)s::text IS NULL OR stream < %(until)s) AND position <= %(upto)s
ORDER BY stream, version"""
_FETCH = 1_000


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One recorded fact; ``projections.language.Recorded`` in the fewest words."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    event: Any
    """The fact, or ``Unreadable``."""


Line = tuple[int, str, int, str, datetime, str, int]
"""A line of the questions above."""
Route = tuple[int, ...]
Routed = tuple[Entry, Route, int]
"""A fact, the models that it concerns by their places, and the part of its stream."""


class Routes:
    """Which read models a fact concerns. A type that nobody knows concerns every model that reads such streams."""

    def __init__(self, models: Sequence[ReadModel[Any]]) -> None:
        self._models, self.models = models, len(models)
        self._known = {stem(name) for name in (*EVENTS, *UPCASTERS)}
        self._cache: dict[str, Route] = {}

    def of(self, type_: str, stream: str) -> Route:
        """The models by their place in the list."""
        route = self._cache.get(type_)
        if route is None:
            name = stem(type_)
            if name not in self._known:
                return tuple(i for i, model in enumerate(self._models) if model.reads(stream))
            route = tuple(i for i, model in enumerate(self._models) if name in model.wanted)
            self._cache[type_] = route
        return route


def read(type_: str, state: str | bytes) -> Any:
    """The fact that is stored, or ``Unreadable``: its key waits, and the rest goes on."""
    try:
        return decode(type_, state)
    except Exception as error:  # noqa: BLE001  whatever is wrong with a stored fact concerns its key alone
        return Unreadable(f"{type(error).__name__}: {error}")


def _routed(lines: Sequence[Line], routes: Routes) -> Iterator[Routed]:
    """What concerns anybody, with whom it concerns."""
    for position, stream, version, type_, recorded_at, state, part in lines:
        route = routes.of(type_, stream)
        if route:
            yield Entry(position, stream, version, type_, recorded_at, read(type_, state)), route, part


def in_order(
    connection: Connection, after: int, upto: int, routes: Routes, parts: Collection[int] | None = None
) -> list[Routed]:
    """The facts with positions in (after, upto] that concern a model, in order; of some parts, or of all."""
    if parts is None or len(parts) == PARTS:
        lines: list[Any] = connection.execute(_ALL, (after, upto), binary=True).fetchall()
    else:
        lines = connection.execute(_SOME, (after, upto, list(parts)), binary=True).fetchall()
    return list(_routed(lines, routes))


def at(connection: Connection, positions: Sequence[int], routes: Routes) -> list[Routed]:
    """The facts at some positions, in order."""
    lines: list[Any] = connection.execute(_AT, (list(positions),), binary=True).fetchall()
    return list(_routed(lines, routes))


def by_stream(
    connection: Connection, upto: int, routes: Routes, first: str = "", until: str | None = None
) -> Iterator[tuple[int, int, list[list[Entry]]]]:
    """Stream after stream from ``first`` to ``until``, exclusive: how many facts it has up to a position, its part, and
    the facts that concern each model, in order. Inside a transaction; one stream at a time is in memory."""
    with connection.cursor("by_stream", binary=True) as cursor:
        cursor.execute(_STREAMS, {"first": first, "until": until, "upto": upto})
        before, count, part = "", 0, 0
        mine = [list[Entry]() for _ in range(routes.models)]
        while lines := cursor.fetchmany(_FETCH):
            for position, stream, version, type_, recorded_at, state, number in cast("list[Line]", lines):
                if stream != before:
                    if count:
                        yield count, part, mine
                    before, count, part = stream, 0, number
                    mine = [list[Entry]() for _ in range(routes.models)]
                count += 1
                if route := routes.of(type_, stream):
                    entry = Entry(position, stream, version, type_, recorded_at, read(type_, state))
                    for place in route:
                        mine[place].append(entry)
        if count:
            yield count, part, mine
