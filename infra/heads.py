"""The heads of all programs' streams at a position under one root: of each how many events it has, and which is the last.

The place of a head in the tree follows from the name of its stream, bit after bit of its SHA-256. So under one root there
is one head of a stream and no second: what was stated of a program cannot be stated otherwise to somebody else. A branch
that holds one head is that head's leaf; one that holds none is 32 zero bytes. Leaves and nodes are hashed as in the log.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, LiteralString

from infra.database import Connection
from infra.merkle import HASH, leaf_hash, node_hash

NONE: Final = bytes(HASH)
"""Stands for a branch without heads."""
_BITS: Final = 256
_FEW: Final = 32
"""Branches of at most so many heads are hashed again when they are asked for, instead of being kept."""

Heads = Mapping[str, tuple[int, bytes]]
"""Of each stream the version of its last event, and that event's commitment."""

# From stream to stream by the index, and in each from its end: what lies before is not read.
_AT: LiteralString = """WITH RECURSIVE s(stream) AS (
    (SELECT stream FROM ledger.events WHERE stream >= 'program:' AND stream < 'program;' ORDER BY stream LIMIT 1)
    UNION ALL
    SELECT (SELECT e.stream FROM ledger.events e WHERE e.stream > s.stream AND e.stream < 'program;'
        ORDER BY e.stream LIMIT 1)
    FROM s WHERE s.stream IS NOT NULL
)
SELECT s.stream, h.version, h.commitment FROM s CROSS JOIN LATERAL (
    SELECT e.version, e.commitment FROM ledger.events e
    WHERE e.stream = s.stream AND e.position <= %s ORDER BY e.version DESC LIMIT 1
) AS h WHERE s.stream IS NOT NULL"""


def heads_at(connection: Connection, position: int) -> dict[str, tuple[int, bytes]]:
    """How far the stream of every program went at a position of the ledger."""
    rows: list[Any] = connection.execute(_AT, (position,), binary=True).fetchall()
    return {stream: (version, commitment) for stream, version, commitment in rows}


def place_of(stream: str) -> int:
    """Where a stream has its place: 256 bits, the first one decides at the root."""
    return int.from_bytes(sha256(stream.encode()).digest(), "big")


class HeadTree:
    """The tree over what is said of each stream's head, by the stream's name."""

    def __init__(self, lines: Mapping[str, bytes]) -> None:
        placed = sorted((place_of(stream), leaf_hash(line)) for stream, line in lines.items())
        self._places = [place for place, _ in placed]
        self._leaves = [leaf for _, leaf in placed]
        self._known: dict[tuple[int, int], bytes] = {}
        """What is over the larger branches, by their depth and the bits that lead to them."""

    def __len__(self) -> int:
        """How many heads there are."""
        return len(self._leaves)

    def put(self, stream: str, line: bytes) -> None:
        """Say something else of a stream's head, or put one in; only what is over it is hashed again."""
        place, leaf = place_of(stream), leaf_hash(line)
        index = bisect_left(self._places, place)
        if index < len(self._places) and self._places[index] == place:
            self._leaves[index] = leaf
        else:
            self._places.insert(index, place)
            self._leaves.insert(index, leaf)
        for depth in range(_BITS):
            self._known.pop((depth, place >> (_BITS - depth)), None)

    @property
    def root(self) -> bytes:
        """The root; 32 zero bytes where there is no head."""
        return self._over(0, 0, len(self._leaves))

    def path(self, stream: str) -> list[bytes]:
        """The hashes beside the way from the root to a stream's head, the one at the root first. KeyError without one."""
        place, low, high = place_of(stream), 0, len(self._leaves)
        path: list[bytes] = []
        while high - low > 1:
            depth = len(path)
            middle = self._middle(depth, low, high)
            if place >> (_BITS - 1 - depth) & 1:
                path.append(self._over(depth + 1, low, middle))
                low = middle
            else:
                path.append(self._over(depth + 1, middle, high))
                high = middle
        if low == high or self._places[low] != place:
            raise KeyError(stream)
        return path

    def _over(self, depth: int, low: int, high: int) -> bytes:
        if high - low < 2:
            return self._leaves[low] if low < high else NONE
        key = depth, self._places[low] >> (_BITS - depth)
        known = self._known.get(key)
        if known is None:
            middle = self._middle(depth, low, high)
            known = node_hash(self._over(depth + 1, low, middle), self._over(depth + 1, middle, high))
            if high - low > _FEW:
                self._known[key] = known
        return known

    def _middle(self, depth: int, low: int, high: int) -> int:
        """Where in a branch the places begin that have the bit of its depth."""
        free = _BITS - 1 - depth
        return bisect_left(self._places, (self._places[low] >> free | 1) << free, low, high)


def root_above(stream: str, line: bytes, path: Sequence[bytes]) -> bytes:
    """The root that follows from what is said of a stream's head and the hashes beside its way."""
    place, top = place_of(stream), leaf_hash(line)
    for depth in reversed(range(len(path))):
        right = place >> (_BITS - 1 - depth) & 1
        top = node_hash(path[depth], top) if right else node_hash(top, path[depth])
    return top
