"""RFC 6962 word for word, by recursion over lists: slow, and independent of what it is held against."""

from hashlib import sha256


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(d: list[bytes]) -> bytes:
    """The Merkle tree hash of a list of entries."""
    if not d:
        return sha256().digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = split(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: list[bytes]) -> list[bytes]:
    """The audit path of entry m."""
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def proof(m: int, d: list[bytes]) -> list[bytes]:
    """The consistency proof from the first m entries."""
    return subproof(m, d, True)


def subproof(m: int, d: list[bytes], whole: bool) -> list[bytes]:
    """As the RFC has it."""
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


class Tiles:
    """The tiles of a list of entries, made anew for each question."""

    def __init__(self, entries: list[bytes]) -> None:
        self.rows = [[sha256(b"\x00" + e).digest() for e in entries]]
        while len(self.rows[-1]) >= 256:
            below = self.rows[-1]
            self.rows.append([_over(below[i : i + 256]) for i in range(0, len(below) - 255, 256)])
        self.asked: list[tuple[int, int]] = []

    def read(self, level: int, index: int, width: int) -> bytes:
        """What a folder of tiles would answer."""
        self.asked.append((level, index))
        return b"".join(self.rows[level][index * 256 : index * 256 + width])


def _over(row: list[bytes]) -> bytes:
    while len(row) > 1:
        row = [sha256(b"\x01" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]
