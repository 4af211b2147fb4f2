"""The tree over the heads of all streams: one head of a stream under one root, and a short way to it."""

import random
from hashlib import sha256

import pytest

from infra.heads import NONE, HeadTree, root_above
from infra.merkle import leaf_hash, node_hash, path_in, root_of, rows_over


def naive(lines: dict[str, bytes]) -> bytes:
    """The root by the book: branch after branch by the bits of the names' digests, nothing kept, nothing sorted."""
    digests = {stream: f"{int.from_bytes(sha256(stream.encode()).digest(), 'big'):0256b}" for stream in lines}

    def over(streams: list[str], depth: int) -> bytes:
        if not streams:
            return bytes(32)
        if len(streams) == 1:
            return leaf_hash(lines[streams[0]])
        left = [one for one in streams if digests[one][depth] == "0"]
        right = [one for one in streams if digests[one][depth] == "1"]
        return node_hash(over(left, depth + 1), over(right, depth + 1))

    return over(list(lines), 0)


def some(count: int, seed: int = 1) -> dict[str, bytes]:
    draw = random.Random(seed)
    return {f"program:{draw.getrandbits(64):x}": draw.randbytes(20) for _ in range(count)}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 33, 34, 500])
def test_the_root_is_the_one_by_the_book_and_every_way_leads_to_it(count: int) -> None:
    lines = some(count)
    tree = HeadTree(lines)
    assert tree.root == naive(lines)
    for stream, line in lines.items():
        assert root_above(stream, line, tree.path(stream)) == tree.root
    assert HeadTree(dict(reversed(lines.items()))).root == tree.root


def test_without_heads_there_is_no_way() -> None:
    assert HeadTree({}).root == NONE
    for count in (0, 1, 50):
        with pytest.raises(KeyError, match="program:unheard"):
            HeadTree(some(count)).path("program:unheard")


def test_whatever_is_changed_gives_another_root() -> None:
    lines = some(60)
    root = HeadTree(lines).root
    for stream in lines:
        assert HeadTree({**lines, stream: b"another"}).root != root
        assert HeadTree({k: v for k, v in lines.items() if k != stream}).root != root
    assert HeadTree({**lines, "program:one-more": b"x"}).root != root


def test_a_tree_that_is_carried_along_is_the_one_made_at_once() -> None:
    draw, lines, carried = random.Random(3), dict[str, bytes](), HeadTree({})
    for step in range(400):
        stream = draw.choice(list(lines)) if lines and step % 3 == 0 else f"program:{draw.getrandbits(64):x}"
        lines[stream] = draw.randbytes(8)
        carried.put(stream, lines[stream])
        if step % 7 == 0:
            assert (carried.root, len(carried)) == (HeadTree(lines).root, len(lines))
            assert root_above(stream, lines[stream], carried.path(stream)) == carried.root
    assert carried.root == naive(lines)


def test_no_way_of_one_stream_serves_another_or_another_line() -> None:
    lines = some(80)
    tree = HeadTree(lines)
    (one, line), (other, _) = list(lines.items())[:2]
    path = tree.path(one)
    for wrong in (tree.path(other), path[:-1], [*path, NONE], [NONE, *path], list(reversed(path))):
        assert root_above(one, line, wrong) != tree.root
    assert root_above(other, line, path) != tree.root
    assert root_above(one, b"another", path) != tree.root


def test_a_way_is_short_however_many_programs_there_are() -> None:
    lines = some(20_000)
    tree = HeadTree(lines)
    longest = max(len(tree.path(stream)) for stream in list(lines)[:500])
    assert longest <= 45
    assert len(tree._known) <= 20_000 / 8


def test_paths_from_rows_are_those_of_the_tree() -> None:
    for count in (1, 2, 3, 5, 8, 21, 100):
        leaves = [leaf_hash(bytes([n])) for n in range(count)]
        rows = rows_over(leaves)
        assert rows[-1] == [root_of(leaves)]
        for index in range(count):
            assert _climbed(leaves[index], index, count, path_in(rows, index)) == root_of(leaves)


def _climbed(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root by RFC 9162, 2.1.3.2."""
    last = size - 1
    for beside in path:
        if index & 1 or index == last:
            leaf = node_hash(beside, leaf)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            leaf = node_hash(leaf, beside)
        index, last = index >> 1, last >> 1
    assert last == 0
    return leaf
