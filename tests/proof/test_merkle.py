"""The Merkle tree against the words of RFC 6962, on random trees, and against everything that proves something else."""

import random

import pytest

from infra.merkle import (
    EMPTY,
    Frontier,
    MissingTile,
    Tree,
    consistent,
    included,
    leaf_hash,
    node_hash,
    root_from_several,
    root_of,
    tile_widths,
)
from tests.proof.naive import Tiles, mth, path, proof

TREES = 10_000


def entries(random_: random.Random, most: int) -> list[bytes]:
    return [random_.randbytes(random_.choice((0, 1, 32))) for _ in range(random_.randint(1, most))]


def test_ten_thousand_random_trees_are_those_of_the_rfc() -> None:
    draw = random.Random(6962)
    for _ in range(TREES):
        d = entries(draw, 40)
        tree, root = Tree(len(d), Tiles(d).read), mth(d)
        assert tree.root() == root_of(map(leaf_hash, d)) == root
        m = draw.randrange(len(d))
        inclusion = tree.inclusion(m)
        assert inclusion == path(m, d)
        assert included(leaf_hash(d[m]), m, len(d), inclusion, root)
        old = draw.randint(1, len(d))
        steps = tree.consistency(old)
        assert steps == proof(old, d)
        assert consistent(old, mth(d[:old]), len(d), root, steps)


def test_trees_of_several_levels_of_tiles_are_those_of_the_rfc() -> None:
    draw = random.Random(9162)
    d = [draw.randbytes(4) for _ in range(70_000)]
    tiles = Tiles(d)
    for size in (255, 256, 257, 511, 513, 65_535, 65_536, 65_537, 70_000):
        tree, root = Tree(size, tiles.read), root_of(map(leaf_hash, d[:size]))
        assert tree.root() == root
        assert tree.frontier().root() == root
        for m in (0, 255, size // 2, size - 1):
            if m < size:
                assert included(leaf_hash(d[m]), m, size, tree.inclusion(m), root)
        for old in (1, 255, 256, size // 2, size - 1, size):
            if 0 < old <= size:
                assert consistent(old, root_of(map(leaf_hash, d[:old])), size, root, tree.consistency(old))
    tiles.asked.clear()
    Tree(70_000, tiles.read).inclusion(12_345)
    assert len(set(tiles.asked)) <= 2 * 3  # one tile a level, and one more a level on the right edge


def test_the_tiles_that_are_not_full_are_those_of_the_specification() -> None:
    assert tile_widths(70_000) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert tile_widths(256) == [(1, 0, 1)]
    assert tile_widths(0) == []


def test_a_tree_without_leaves_has_the_hash_of_nothing() -> None:
    assert root_of([]) == Tree(0, Tiles([]).read).root() == EMPTY == mth([])
    assert consistent(0, EMPTY, 5, mth([b"a"] * 5), [])


def test_one_changed_hash_or_number_and_nothing_is_proved() -> None:
    draw = random.Random(1)
    for _ in range(300):
        d = entries(draw, 60)
        size, root, m = len(d), mth(d), draw.randrange(len(d))
        tree = Tree(size, Tiles(d).read)
        steps, leaf = tree.inclusion(m), leaf_hash(d[m])
        for n in range(len(steps)):
            assert not included(leaf, m, size, [*steps[:n], _other(steps[n]), *steps[n + 1 :]], root)
        assert not included(leaf, m, size, [*steps, bytes(32)], root)
        assert not included(_other(leaf), m, size, steps, root)
        assert not steps or not included(leaf, m, size, steps[:-1], root)
        assert not included(leaf, size, size, steps, root)
        old = draw.randint(1, size)
        grown, before = tree.consistency(old), mth(d[:old])
        for n in range(len(grown)):
            assert not consistent(old, before, size, root, [*grown[:n], _other(grown[n]), *grown[n + 1 :]])
        assert not consistent(old, before, size, root, [*grown, bytes(32)])
        assert not consistent(old, _other(before), size, root, grown)
        assert not consistent(old, before, size, _other(root), grown)
        assert not consistent(size + 1, before, size, root, grown)


def _other(hashed: bytes) -> bytes:
    return bytes([hashed[0] ^ 1]) + hashed[1:]


def test_one_proof_for_several_leaves_gives_the_root_and_no_other() -> None:
    draw = random.Random(2)
    for _ in range(2_000):
        d = entries(draw, 80)
        size, root = len(d), mth(d)
        chosen = sorted(draw.sample(range(size), draw.randint(1, size)))
        steps = Tree(size, Tiles(d).read).several(chosen)
        leaves = [(i, leaf_hash(d[i])) for i in chosen]
        assert root_from_several(leaves, size, steps) == root
        assert len(steps) <= len(chosen) * size.bit_length()
        for n in range(len(steps)):
            assert root_from_several(leaves, size, [*steps[:n], _other(steps[n]), *steps[n + 1 :]]) != root
        assert root_from_several(leaves, size, [*steps, bytes(32)]) is None
        assert root_from_several(leaves[::-1], size, steps) != root or len(leaves) == 1
        assert not steps or root_from_several(leaves, size, steps[:-1]) is None


def test_questions_about_leaves_that_are_not_there_are_refused() -> None:
    tree = Tree(5, Tiles([b"x"] * 5).read)
    for ask in (
        lambda: tree.inclusion(5),
        lambda: tree.consistency(6),
        lambda: tree.several([]),
        lambda: tree.several([5]),
    ):
        with pytest.raises(ValueError, match="5"):
            ask()
    with pytest.raises(ValueError, match="complete subtrees"):
        Frontier(3, [bytes(32)])
    with pytest.raises(MissingTile, match="position 1"):
        Tree(5, lambda _level, _index, _width: b"").root()


def test_a_node_is_no_leaf() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right) == mth([b"a", b"b"])
