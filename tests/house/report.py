"""Which requirement is shown by which test: ``python -m tests.house.report``. Reads the tests without running them."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator

from rich.console import Console

from tests.house.tree import ROOT, code, parsed

PAGE = ROOT / "docs" / "requirements.md"
ROW = re.compile(r"^\|\s*([A-Z]\d*(?:-\d+)?)\s*\|([^|]*)\|", re.MULTILINE)


def _numbered(prefix: str, last: int, width: int = 1) -> Iterator[str]:
    return (f"{prefix}{number:0{width}}" for number in range(1, last + 1))


REQUIREMENTS: tuple[str, ...] = (
    *_numbered("S0-", 25, 2),
    *_numbered("S1-", 24, 2),
    *_numbered("S2-", 11, 2),
    *_numbered("S3-", 7, 2),
    *_numbered("S4-", 18, 2),
    *_numbered("A", 28),
    *_numbered("M", 23),
    *_numbered("H", 12),
)
"""Lines of the sources (S), answers to their ambiguities (A), amendments (M) and decisions on the house (H)."""


def marked() -> dict[str, list[str]]:
    """Requirement to the tests that carry ``@pytest.mark.req`` with it, on a function, a class or a whole file."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for file in code("tests"):
        for node in ast.walk(parsed(file)):
            for holder, mark in _marks(node):
                for argument in mark.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        found[argument.value].append(f"{file.as_posix()}{holder}")
    return dict(found)


def _marks(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    holder, places = "", list[ast.expr]()
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        holder, places = f"::{node.name}", node.decorator_list
    elif (isinstance(node, ast.Assign) and "pytestmark" in map(ast.unparse, node.targets)) or (
        isinstance(node, ast.keyword) and node.arg == "marks"
    ):
        places = [node.value]
    for place in places:
        yield from ((holder, n) for n in ast.walk(place) if isinstance(n, ast.Call) and _is_mark(n))


def _is_mark(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "pytest.mark.req"


def listed() -> list[str]:
    """The ids in the rows of the page of requirements, in its order."""
    return [match[1] for match in ROW.finditer(PAGE.read_text(encoding="utf-8"))] if PAGE.exists() else []


def unknown(tests: dict[str, list[str]]) -> dict[str, list[str]]:
    """Marks that name no requirement, with the tests that carry them."""
    return {name: where for name, where in tests.items() if name not in REQUIREMENTS}


def unshown(tests: dict[str, list[str]]) -> list[str]:
    """Requirements that no test shows."""
    return [name for name in REQUIREMENTS if name not in tests]


def main() -> int:
    """Print the report; 1 if a test names a requirement that there is not."""
    console = Console(highlight=False, soft_wrap=True)
    tests = marked()
    for name in REQUIREMENTS:
        for where in tests.get(name, ()):
            console.print(f"{name:6} {where}")
    open_ = unshown(tests)
    console.print(f"\n{len(REQUIREMENTS) - len(open_)} of {len(REQUIREMENTS)} requirements are shown by a test.")
    if open_:
        console.print(f"Without a test: {' '.join(open_)}")
    missing = sorted(set(REQUIREMENTS) - set(listed()), key=REQUIREMENTS.index)
    if missing:
        console.print(f"Not in {PAGE.relative_to(ROOT)}: {' '.join(missing)}")
    strays = unknown(tests) | {name: [PAGE.name] for name in listed() if name not in REQUIREMENTS}
    for name, where in strays.items():
        console.print(f"Unknown requirement {name!r}: {', '.join(where)}")
    return 1 if strays else 0


if __name__ == "__main__":
    sys.exit(main())
