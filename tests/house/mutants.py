"""Do the tests notice when a rule is wrong? ``python -m tests.house.mutants [--most N] [FILE…]``

Changes one place of ``domain/`` at a time in a copy of the project (a comparison, an ``and``, a ``not``, a number), runs the
domain's tests there, and prints the changes that no test noticed. A seeded sample, the same each time.
"""

import argparse
import ast
import copy
import queue
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track

from tests.house.tree import ROOT, code, files, parsed

SWAPS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
TESTS = ("tests/domain", "tests/policies")
LONGEST = 120


class Mutant(NamedTuple):
    """One changed place: the file, the line, what stood there and what stands there now, and the whole new text."""

    file: Path
    line: int
    before: str
    after: str
    text: str


def mutants(file: Path) -> Iterator[Mutant]:
    """Every change that can be made to a file, one at a time."""
    tree = parsed(file)
    for number, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.expr) and _changed(node) is not None:
            changed = copy.deepcopy(tree)
            place = next(n for i, n in enumerate(ast.walk(changed)) if i == number)
            assert isinstance(place, ast.expr)
            new = _changed(place)
            assert new is not None
            after = ast.unparse(new)
            text = ast.unparse(_Put(place, new).visit(changed))
            yield Mutant(file, node.lineno, ast.unparse(node), after, text)


def _changed(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=comparators) if type(op) in SWAPS:
            return ast.Compare(left, [SWAPS[type(op)]()], comparators)
        case ast.BoolOp(op=op, values=values):
            return ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.Constant(value=bool() as value):
            return ast.Constant(not value)
        case ast.Constant(value=int() as value):
            return ast.Constant(value + 1)
        case _:
            return None


class _Put(ast.NodeTransformer):
    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def noticed(mutant: Mutant | None, place: Path) -> bool:
    """Whether the domain's tests fail in the copy at ``place`` with this change (None: with none)."""
    if mutant is not None:
        (place / mutant.file).write_text(mutant.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS]
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, timeout=LONGEST, check=False)
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        if mutant is not None:
            shutil.copy(ROOT / mutant.file, place / mutant.file)


def _copy_to(place: Path) -> Path:
    for file in files():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, place / file)
    return place


def survivors(chosen: list[Mutant], workers: int, console: Console) -> list[Mutant]:
    """The changes that no test noticed. RuntimeError if the tests fail without any change."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        free: queue.Queue[Path] = queue.Queue()
        for number in range(workers):
            free.put(_copy_to(Path(folder) / str(number)))

        def survives(mutant: Mutant | None) -> bool:
            place = free.get()
            try:
                return not noticed(mutant, place)
            finally:
                free.put(place)

        if not survives(None):
            raise RuntimeError("the tests fail as they are; mend that first")
        fates = track(pool.map(survives, chosen), "Changing one place at a time", len(chosen), console=console)
        return [mutant for mutant, survived in zip(chosen, fates, strict=True) if survived]


def main() -> int:
    """Print what no test noticed; 1 if that is more than one change in ten."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path, default=code("domain"))
    parser.add_argument("--most", type=int, default=200, help="how many changes to try")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True, markup=False)
    every = [mutant for file in asked.files for mutant in mutants(file)]
    chosen = random.Random(92).sample(every, min(asked.most, len(every)))
    left = survivors(chosen, asked.workers, console)
    for m in sorted(left, key=lambda m: (m.file, m.line)):
        console.print(f"{m.file.as_posix()}:{m.line} nobody noticed: {m.before}  ->  {m.after}")
    console.print(f"{len(chosen) - len(left)} of {len(chosen)} changes were noticed ({len(every)} possible).")
    return 1 if len(left) * 10 > len(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
