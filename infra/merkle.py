"""Merkle trees as RFC 6962 and RFC 9162 define them, over SHA-256, kept in tiles of 256 hashes (C2SP tlog-tiles).

Nothing here touches a disk or a database. A tree is read through a function that answers tiles, so that any proof
needs one tile per eight levels: three reads at ten million leaves.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH: Final = 32
"""Bytes of a hash."""
HEIGHT: Final = 8
"""Levels of the tree that one tile holds."""
WIDTH: Final = 1 << HEIGHT
"""Hashes in a full tile."""
EMPTY: Final = sha256(b"").digest()
"""Root of the tree without leaves."""
KEPT: Final = 512
"""So many tiles are kept at hand, worked out, about 20 MB at the most."""

ReadTile = Callable[[int, int, int], bytes]
"""(tile level, index in the level, hashes wanted) to that many hashes one after another."""


class MissingTile(LookupError):
    """A tile that a tree of that size has is not there, or is too short."""

    def __init__(self, level: int, index: int) -> None:
        first = index << (HEIGHT * (level + 1))
        super().__init__(
            f"the tile {index} of level {level} is missing or too short (it begins at position {first + 1})"
        )
        self.level, self.index = level, index


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf that holds an entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The complete subtrees of a growing tree, largest first: all that is needed to add leaves and to say the root."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees, not {len(self.peaks)}")

    def add(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        carried, left = leaf, self.size
        while left & 1:
            carried = node_hash(self.peaks.pop(), carried)
            left >>= 1
        self.peaks.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree as it is."""
        if not self.peaks:
            return EMPTY
        top = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            top = node_hash(peak, top)
        return top


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over hashes of leaves."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()


def tile_widths(size: int) -> list[tuple[int, int, int]]:
    """The last tile of each level in a tree of ``size`` leaves that is not full: (level, index, hashes in it)."""
    found: list[tuple[int, int, int]] = []
    level, hashes = 0, size
    while hashes:
        if hashes % WIDTH:
            found.append((level, hashes // WIDTH, hashes % WIDTH))
        level, hashes = level + 1, hashes >> HEIGHT
    return found


class Tree:
    """A tree of ``size`` leaves behind its tiles. MissingTile when one is not there."""

    def __init__(
        self, size: int, read: ReadTile, worked_out: "OrderedDict[tuple[int, int], Rows] | None" = None
    ) -> None:
        self.size, self._read = size, read
        self._worked_out: OrderedDict[tuple[int, int], Rows] = OrderedDict() if worked_out is None else worked_out

    def root(self) -> bytes:
        """The root."""
        return self._over(0, self.size) if self.size else EMPTY

    def frontier(self) -> Frontier:
        """The complete subtrees, to go on from."""
        peaks: list[bytes] = []
        start = 0
        for level in reversed(range(self.size.bit_length())):
            if self.size >> level & 1:
                peaks.append(self._node(level, start >> level))
                start += 1 << level
        return Frontier(self.size, peaks)

    def leaf(self, index: int) -> bytes:
        """The hash of a leaf."""
        return self._node(0, index)

    def inclusion(self, index: int) -> list[bytes]:
        """The path from a leaf to the root (RFC 9162, 2.1.3.1). ValueError for a leaf that the tree has not."""
        if not 0 <= index < self.size:
            raise ValueError(f"a tree of {self.size} leaves has no leaf {index}")
        path: list[bytes] = []
        low, high = 0, self.size
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._over(middle, high))
                high = middle
            else:
                path.append(self._over(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, old: int) -> list[bytes]:
        """What shows that the tree of the first ``old`` leaves is the beginning of this one (RFC 9162, 2.1.4.1)."""
        if not 0 < old <= self.size:
            raise ValueError(f"a tree of {self.size} leaves has no beginning of {old} leaves to prove")
        path: list[bytes] = []
        low, high = 0, self.size
        while high != old:
            middle = low + _split(high - low)
            if old <= middle:
                path.append(self._over(middle, high))
                high = middle
            else:
                path.append(self._over(low, middle))
                low = middle
        return ([] if low == 0 else [self._over(low, high)]) + path[::-1]

    def several(self, indices: Sequence[int]) -> list[bytes]:
        """One proof for several leaves: the hashes of all largest subtrees that hold none of them, from left to right."""
        wanted = sorted(set(indices))
        if not wanted or wanted[0] < 0 or wanted[-1] >= self.size:
            raise ValueError(f"leaves of a tree of {self.size} are asked for, at least one")
        proof: list[bytes] = []

        def collect(low: int, high: int, inside: list[int]) -> None:
            if not inside:
                proof.append(self._over(low, high))
            elif high - low > 1:
                middle = low + _split(high - low)
                collect(low, middle, [i for i in inside if i < middle])
                collect(middle, high, [i for i in inside if i >= middle])

        collect(0, self.size, wanted)
        return proof

    def _over(self, low: int, high: int) -> bytes:
        """The hash over the leaves from ``low`` to before ``high``, a range that the tree has a node for."""
        count = high - low
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            return self._node(level, low >> level)
        middle = low + _split(count)
        return node_hash(self._over(low, middle), self._over(middle, high))

    def _node(self, level: int, index: int) -> bytes:
        """The node over 2^level leaves, the index-th of them."""
        tile_level, within = divmod(level, HEIGHT)
        first = index << within
        return self._rows(tile_level, first >> HEIGHT)[within][(first % WIDTH) >> within]

    def _rows(self, level: int, index: int) -> "Rows":
        width = min(WIDTH, (self.size >> (HEIGHT * level)) - index * WIDTH)
        known = self._worked_out.get((level, index))
        if known is not None and len(known[0]) >= width:
            self._worked_out.move_to_end((level, index))
            return known
        rows = worked_out(self._read(level, index, width), level, index, width)
        self._worked_out[level, index] = rows
        if len(self._worked_out) > KEPT:
            self._worked_out.popitem(last=False)
        return rows


Rows = list[list[bytes]]
"""A tile's hashes and, above them, those of every complete pair, up to its top."""


def worked_out(tile: bytes, level: int, index: int, width: int) -> Rows:
    """The rows of a tile. MissingTile when it is shorter than ``width`` hashes."""
    if len(tile) < width * HASH:
        raise MissingTile(level, index)
    row = [tile[i : i + HASH] for i in range(0, width * HASH, HASH)]
    rows = [row]
    while len(row) > 1:
        row = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
        rows.append(row)
    return rows


def _split(count: int) -> int:
    """The largest power of two below ``count`` (at least two)."""
    return 1 << ((count - 1).bit_length() - 1)


def rows_over(leaves: Sequence[bytes]) -> Rows:
    """All rows of the tree over some hashes of leaves, up to its root; a last node without a partner goes up as it is."""
    rows = [list(leaves)]
    while len(row := rows[-1]) > 1:
        odd = row[len(row) & ~1 :]
        rows.append([node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=False)] + odd)
    return rows


def path_in(rows: Rows, index: int) -> list[bytes]:
    """The path from one of the leaves to the root, the nearest first; a look at each row. Takes no tiles."""
    path: list[bytes] = []
    for row in rows:
        if index ^ 1 < len(row):
            path.append(row[index ^ 1])
        index >>= 1
    return path


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path shows that a leaf's hash stands at ``index`` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, top = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            top = node_hash(sibling, top)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            top = node_hash(top, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and top == root


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a path shows that the older tree is the beginning of the newer one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        return not path and (old_root == EMPTY if old == 0 else old_root == new_root)
    path = [old_root, *path] if old & (old - 1) == 0 else path
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


def root_from_several(leaves: Sequence[tuple[int, bytes]], size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that follows from several leaves (index and hash, in order) and their one proof; None when they do not fit."""
    indices = [index for index, _ in leaves]
    if not leaves or indices != sorted(set(indices)) or indices[0] < 0 or indices[-1] >= size:
        return None
    left = list(reversed(proof))

    def over(low: int, high: int, inside: Sequence[tuple[int, bytes]]) -> bytes | None:
        if not inside:
            return left.pop() if left else None
        if high - low == 1:
            return inside[0][1]
        middle = low + _split(high - low)
        first = over(low, middle, [one for one in inside if one[0] < middle])
        second = over(middle, high, [one for one in inside if one[0] >= middle])
        return None if first is None or second is None else node_hash(first, second)

    root = over(0, size, leaves)
    return None if left else root
