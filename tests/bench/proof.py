"""Measures the log's tiles: how long they take to make, and how long a proof takes.

    python -m tests.bench.proof 1000000

Each proof is verified; the tiles are read from disk through the same files as in service.
"""

import random
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from infra.log_files import LogFolder, tile_path
from infra.merkle import WIDTH, Tree, consistent, included, leaf_hash, root_of, tile_widths

PROOFS = 2_000


def main(entries: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        files = LogFolder(Path(folder))
        began = time.perf_counter()
        row = [leaf_hash(sha256(b"%d" % n).digest()) for n in range(entries)]
        leaves, level = row, 0
        root = root_of(row)
        hashed = time.perf_counter() - began
        while row:
            whole = [row[i : i + WIDTH] for i in range(0, len(row) - WIDTH + 1, WIDTH)]
            for index, tile in enumerate(whole):
                (path := files.folder / tile_path(level, index, WIDTH)).parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"".join(tile))
            for at, index, width in tile_widths(entries):
                if at == level:
                    files.put(tile_path(level, index, width), b"".join(row[-width:]))
            row, level = [root_of(tile) for tile in whole], level + 1
        tree = Tree(entries, files.read_tile)
        assert tree.root() == root
        print(f"{entries:,} entries: leaves and root in {hashed:.1f} s, {1e6 * hashed / entries:.2f} µs an entry")
        _proofs(tree, leaves, root)


def _proofs(tree: Tree, leaves: list[bytes], root: bytes) -> None:
    draw, size = random.Random(1), tree.size
    took: dict[str, list[tuple[float, float]]] = {"inclusion": [], "consistency": []}
    for _ in range(PROOFS):
        index, old = draw.randrange(size), draw.randint(1, size)
        began = _clocks()
        path = tree.inclusion(index)
        took["inclusion"].append(_since(began))
        assert included(leaves[index], index, size, path, root)
        before = root_of(leaves[:old]) if size <= WIDTH else tree_root(tree, old)
        began = _clocks()
        steps = tree.consistency(old)
        took["consistency"].append(_since(began))
        assert consistent(old, before, size, root, steps)
    for name, times in took.items():
        for kind, which in (("by the clock", 0), ("of the processor", 1)):
            ordered = sorted(one[which] for one in times)
            middle, late = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
            print(f"{name} proof at {size:,}, {kind}: median {1e3 * middle:.2f} ms, p99 {1e3 * late:.2f} ms")


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    now = _clocks()
    return now[0] - began[0], now[1] - began[1]


def tree_root(tree: Tree, old: int) -> bytes:
    """The root of the beginning of a tree."""
    return Tree(old, tree._read, tree._worked_out).root()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
