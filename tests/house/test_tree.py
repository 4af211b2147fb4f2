"""The tree is what the card names, its files stay small, and nothing of one machine or one affiliate is in it."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, code, files, functions, parsed, texts

FROM_THE_CARD = {
    "domain", "projections", "api", "consumers", "infra", "tests",
    "docker-compose.yml", "pyproject.toml", "README.md",
}  # fmt: skip
CUSTOMARY = {
    "Makefile", "LICENSE", "CHANGELOG.md", "SECURITY.md", "requirements.lock", "requirements.runtime.lock",
    "Dockerfile", ".dockerignore", ".gitignore", ".ci", "docs",
}  # fmt: skip
SAYS_NOTHING = re.compile(r"(util|helper|manager|service|common|base|core)s?")
LONGER_BY_RIGHT = {"consumers/verify_bundle.py": 500}  # stands alone, so that others can read it alone
MOST_LINES = 400
MOST_LINES_OF_TESTS = 600
MOST_LINES_OF_A_FUNCTION = 40
AFFILIATES = re.compile(
    r"\b(minnesota|illinois|massachusetts|independence region|mentor ?(mn|il|ir)|mass mentoring|mmp|mn|il|ir|qbm)\b",
    re.IGNORECASE,
)
NUMBERS_OF_ITEMS = {92, 58}
# Put together here, so that this file passes its own test.
REGISTRIES = re.compile(
    "|".join(rf"{name}\.(org|io|com)" for name in ("pypi", "pythonhosted", "npmjs", "ghcr", "docker"))
)
FOLDERS_OF_A_MACHINE = re.compile(r"(?<![\w.$}-])/(" + "|".join(("work", "root", "home", "Users")) + r")/\w")


@pytest.mark.req("H1")
def test_the_top_level_is_what_the_card_names() -> None:
    found = {file.parts[0] for file in files()}
    assert found == FROM_THE_CARD | CUSTOMARY


def test_every_name_says_something() -> None:
    vague = [f for f in files() if any(SAYS_NOTHING.fullmatch(Path(part).stem) for part in f.parts)]
    assert vague == []


def test_files_stay_small() -> None:
    long = {}
    for file in code(*PACKAGES, "tests"):
        lines = len((ROOT / file).read_text(encoding="utf-8").splitlines())
        most = MOST_LINES_OF_TESTS if file.parts[0] == "tests" else LONGER_BY_RIGHT.get(file.as_posix(), MOST_LINES)
        if lines > most:
            long[file.as_posix()] = lines
    assert long == {}


def test_functions_stay_small() -> None:
    long = {}
    for file in code(*PACKAGES):
        for function in functions(file):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                long[f"{file.as_posix()}:{function.lineno} {function.name}"] = lines
    assert long == {}


@pytest.mark.req("H7")
def test_the_domain_names_no_affiliate() -> None:
    named = [
        f"{file.as_posix()}:{number} {found.group()}"
        for file in code("domain")
        for number, line in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1)
        for found in AFFILIATES.finditer(line)
    ]
    assert named == []


@pytest.mark.req("H7")
def test_the_domain_counts_no_items() -> None:
    counted = [
        f"{file.as_posix()}:{node.lineno}"
        for file in code("domain")
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Constant)
        and node.value in NUMBERS_OF_ITEMS
        and not isinstance(node.value, bool | float)
    ]
    assert counted == []


@pytest.mark.parametrize("pattern", [REGISTRIES, FOLDERS_OF_A_MACHINE], ids=["registry", "folder of a machine"])
def test_no_file_knows_a_machine(pattern: re.Pattern[str]) -> None:
    found = [f"{file.as_posix()}: {match.group()}" for file, text in texts() for match in pattern.finditer(text)]
    assert found == []


def test_every_public_name_of_the_domain_is_explained() -> None:
    bare = [
        f"{f.as_posix()}:{n.lineno} {n.name}"
        for f in code("domain")
        for n in _public(parsed(f).body)
        if not ast.get_docstring(n)
    ]
    assert bare == []


def _public(body: list[ast.stmt]) -> list[ast.ClassDef | ast.FunctionDef]:
    named = [n for n in body if isinstance(n, ast.ClassDef | ast.FunctionDef) and not n.name.startswith("_")]
    return named + [m for n in named if isinstance(n, ast.ClassDef) for m in _public(n.body)]


@pytest.mark.req("H8")
def test_there_is_one_database_engine() -> None:
    other = [
        f"{f.as_posix()}: {name}" for f in code(*PACKAGES) for name in ("sqlite3", "aiosqlite") if _mentions(f, name)
    ]
    assert other == []


@pytest.mark.req("H12")
def test_the_pages_need_no_build() -> None:
    built = [
        f
        for f in files()
        if f.name in {"package.json", "package-lock.json", "tsconfig.json"} or f.suffix in {".ts", ".tsx", ".jsx"}
    ]
    assert built == []


def _mentions(file: Path, name: str) -> bool:
    return re.search(rf"\b{name}\b", (ROOT / file).read_text(encoding="utf-8")) is not None
