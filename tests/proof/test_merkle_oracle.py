"""The Merkle tree against an implementation by somebody else, which only tests use."""

import random

from pymerkle import InmemoryTree

from infra.merkle import Tree, consistent, included, leaf_hash
from tests.proof.naive import Tiles

TREES = 10_000


def test_ten_thousand_random_trees_are_those_of_another_implementation() -> None:
    draw = random.Random(20_130_601)
    for _ in range(TREES):
        d = [draw.randbytes(8) for _ in range(draw.randint(1, 33))]
        other = InmemoryTree(algorithm="sha256")
        for entry in d:
            other.append_entry(entry)
        size, tree = len(d), Tree(len(d), Tiles(d).read)
        root = tree.root()
        assert root == other.get_root()
        m = draw.randrange(size)
        theirs = [bytes.fromhex(one) for one in other.prove_inclusion(m + 1).serialize()["path"]]
        assert sorted(theirs) == sorted([leaf_hash(d[m]), *tree.inclusion(m)])
        assert leaf_hash(d[m]) == other.get_leaf(m + 1)
        assert included(leaf_hash(d[m]), m, size, tree.inclusion(m), other.get_root())
        old = draw.randint(1, size)
        assert consistent(old, other.get_root(old), size, other.get_root(), tree.consistency(old))
