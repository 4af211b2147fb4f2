"""What the tests of the house look at: the project's files, its code as syntax trees, its Makefile and its verbs."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from typer.main import get_command

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "projections", "infra", "api", "consumers")
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".sql", ".html", ".css", ".json", ".lock", ".txt", ""}


@cache
def files() -> tuple[Path, ...]:
    """Everything that a commit would carry, relative to the root: tracked files and new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(sorted(Path(line) for line in set(told.splitlines()) if (ROOT / line).is_file()))


def code(*folders: str) -> list[Path]:
    """The Python files below the folders, relative to the root."""
    return [f for f in files() if f.suffix == ".py" and f.parts[0] in folders]


def texts() -> Iterator[tuple[Path, str]]:
    """Every file of words, with its words."""
    for file in files():
        if file.suffix in TEXT:
            yield file, (ROOT / file).read_text(encoding="utf-8")


@cache
def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def module_name(file: Path) -> str:
    """``domain/policy/model.py`` is ``domain.policy.model``."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file, nested ones too."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """The dotted names that a file imports, with the line; ``from a import b`` counts as ``a``."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.lineno


def known_tests() -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every test as pytest names it: ``tests/house/test_tree.py::test_x`` or ``…::TestClass::test_x``."""
    found: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for file in code("tests"):
        if file.name.startswith("test_"):
            found |= {f"{file.as_posix()}::{name}": node for name, node in _tests_in(parsed(file).body, "")}
    return found


def _tests_in(body: list[ast.stmt], inside: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests_in(node.body, f"{inside}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield f"{inside}{node.name}", node


def make_targets() -> set[str]:
    """The targets that ``make help`` shows."""
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def verbs() -> set[str]:
    """The verbs of the command line; a verb of two words such as ``log key`` is there as both words."""
    from api.cli import app

    return set(_verbs(get_command(app), ""))


def _verbs(command: object, before: str) -> Iterator[str]:
    for name, child in getattr(command, "commands", {}).items():
        yield before + name
        yield from _verbs(child, f"{before}{name} ")
