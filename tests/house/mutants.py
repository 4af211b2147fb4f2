"""Do the tests notice when a rule is gone? ``python -m tests.house.mutants [--only FILE…] [--sample N] [--operators]``

Takes one guard of ``domain/`` out at a time in a copy of the project (a ``need``, a ``found``, a ``raise``, a phase asked
for, what rests on an act), runs the domain's tests there and prints what no test noticed. With ``--operators`` also turns
comparisons around and drops halves of conditions. A sample is the same for the same seed.
"""

import argparse
import ast
import os
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

from tests.house.tree import ROOT, code, files, functions, parsed

SWAPS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.In: "not in",
    ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
WALKS = Path("tests/domain/test_walks.py")
OPTIONS = ("-x", "-q", "--noconftest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly")
LONGEST = 180


class Mutant(NamedTuple):
    """One changed place: the file, the line, what stood there and what stands there now, and the whole new text."""

    file: Path
    line: int
    before: str
    after: str
    text: str


def mutants(file: Path, operators: bool = False) -> Iterator[Mutant]:
    """Every guard of a file that can be taken out; with ``operators`` every condition that can be changed too."""
    source = (ROOT / file).read_text(encoding="utf-8")
    seen: set[tuple[int, int, str]] = set()
    for function in functions(file):
        for node in ast.walk(function):
            changes = [*_without(node, source), *(_turned(node, source) if operators else ())]
            for place, after in changes:
                key = place.lineno, place.col_offset, after
                if key not in seen:
                    seen.add(key)
                    before = ast.get_source_segment(source, place) or ""
                    yield Mutant(file, place.lineno, before, after, _put(source, place, after))


def rest_lambdas(file: Path) -> Iterator[Mutant]:
    """What rests on an act, forgotten: the decorators' ``rests``."""
    source = (ROOT / file).read_text(encoding="utf-8")
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.keyword) and node.arg == "rests" and isinstance(node.value, ast.Lambda):
            before = ast.get_source_segment(source, node.value) or ""
            yield Mutant(file, node.value.lineno, before, "nothing rests", _put(source, node.value, "lambda p, e: []"))


Place = ast.expr | ast.stmt


def _without(node: ast.AST, source: str) -> Iterator[tuple[Place, str]]:
    match node:
        case ast.Expr(value=ast.Call()) | ast.Raise():
            yield node, "pass"
        case ast.Call(func=ast.Name(id="found"), args=[value, *_]):
            yield node, f"({ast.get_source_segment(source, value)})"
        case ast.Call(func=ast.Name(id="cycle_of"), args=[program, cycle_id, _, *_]):
            yield node, f"cycle_of({ast.unparse(program)}, {ast.unparse(cycle_id)})"
        case _:
            return


def _turned(node: ast.AST, source: str) -> Iterator[tuple[Place, str]]:
    def said(part: ast.expr) -> str:
        return ast.get_source_segment(source, part) or ast.unparse(part)

    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in SWAPS:
            yield node, f"({said(left)} {SWAPS[type(op)]} {said(right)})"
        case ast.BoolOp(op=op, values=values):
            word = " and " if isinstance(op, ast.And) else " or "
            for dropped in range(len(values)):
                kept = [said(v) for i, v in enumerate(values) if i != dropped]
                yield node, f"({word.join(kept)})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, f"({said(operand)})"
        case _:
            return


def _put(source: str, place: Place, after: str) -> str:
    """The text with one place changed; the lines after it keep their numbers where they can."""
    lines = source.encode().split(b"\n")
    first, last = place.lineno - 1, (place.end_lineno or place.lineno) - 1
    head, tail = lines[first][: place.col_offset], lines[last][place.end_col_offset :]
    return b"\n".join([*lines[:first], head + after.encode() + tail, *lines[last + 1 :]]).decode()


def noticed(mutant: Mutant | None, place: Path) -> bool:
    """Whether the domain's tests fail in the copy at ``place`` with this change (None: with none)."""
    if mutant is None:
        return any(not _passes(tests, place, fresh=True) for tests in _in_order(None))
    changed = place / mutant.file
    kept = shutil.copy2(changed, changed.with_suffix(".kept"))  # with its time, by which compiled files are known
    changed.write_text(mutant.text, encoding="utf-8")
    try:
        return any(not _passes(tests, place, fresh=False) for tests in _in_order(mutant))
    finally:
        os.replace(kept, changed)


def _in_order(mutant: Mutant | None) -> list[list[str]]:
    """The stories of the changed file first, all other stories then, the walks last: most changes are seen at once."""
    stories = sorted(f for f in code("tests") if f.name.startswith("test_") and f.parts[1] in ("domain", "policies"))
    own = [f.as_posix() for f in stories if mutant and f.name == f"test_{mutant.file.stem}.py"]
    rest = [f.as_posix() for f in stories if f != WALKS and f.as_posix() not in own]
    return [tests for tests in (own, rest, [WALKS.as_posix()]) if tests]


def _passes(tests: list[str], place: Path, *, fresh: bool) -> bool:
    """``fresh`` leaves compiled files behind, which the runs with a change then use for all other modules."""
    environment = os.environ | ({} if fresh else {"PYTHONDONTWRITEBYTECODE": "1"})
    command = [sys.executable, "-m", "pytest", *OPTIONS, *tests]
    try:
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    if fresh and done.returncode:
        raise RuntimeError(f"the tests fail as they are; mend that first:\n{done.stdout[-3000:]}")
    return done.returncode == 0


def _copy_to(place: Path) -> Path:
    for file in files():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, place / file)
    return place


def survivors(chosen: list[Mutant], workers: int, console: Console) -> list[Mutant]:
    """The changes that no test noticed, each printed at once. RuntimeError if the tests fail without any change."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        free: queue.Queue[Path] = queue.Queue()
        for number in range(workers):
            place = _copy_to(Path(folder) / str(number))
            noticed(None, place)
            free.put(place)

        def survives(mutant: Mutant) -> bool:
            place = free.get()
            try:
                return not noticed(mutant, place)
            finally:
                free.put(place)

        left: list[Mutant] = []
        fates = track(pool.map(survives, chosen), "Taking one guard out at a time", len(chosen), console=console)
        for m, survived in zip(chosen, fates, strict=True):
            if survived:
                left.append(m)
                before = " ".join(m.before.split())
                console.print(f"{m.file.as_posix()}:{m.line} nobody noticed: {before}  ->  {m.after}")
        return left


def main() -> int:
    """Print what no test noticed; 1 if there is any such guard."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", type=Path, default=code("domain"), metavar="FILE")
    parser.add_argument("--operators", action="store_true", help="also turn comparisons and drop halves of conditions")
    parser.add_argument("--sample", type=int, help="how many changes to try; all unless given")
    parser.add_argument("--seed", type=int, default=92)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True, markup=False)
    every = [m for file in asked.only for m in (*mutants(file, asked.operators), *rest_lambdas(file))]
    chosen = random.Random(asked.seed).sample(every, min(asked.sample or len(every), len(every)))
    left = survivors(chosen, asked.workers, console)
    console.print(f"{len(chosen) - len(left)} of {len(chosen)} changes were noticed ({len(every)} possible).")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
