"""The tests themselves: none is switched off, none asserts nothing, none shows a requirement that there is not."""

import ast
import re

from tests.house import report
from tests.house.tree import code, functions, known_tests, parsed

CHECKS = re.compile(
    r"(given|when|then|expect|check|verify|assert|raises|warns|fails?|refuses?)(_|$)|.*_(holds|matches)$"
)
SWITCHES = {"skip", "skipif", "xfail", "importorskip"}


def test_no_test_is_switched_off() -> None:
    off = [
        f"{file.as_posix()}:{node.lineno} {node.attr}"
        for file in code("tests")
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Attribute) and node.attr in SWITCHES
    ]
    assert off == []


def test_every_test_asserts_something() -> None:
    checking = {f.name for file in code("tests") for f in functions(file) if _checks(f, set())}
    empty = [name for name, function in known_tests().items() if not _checks(function, checking)]
    assert empty == []


def _checks(function: ast.AST, known: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if CHECKS.match(name) or name in known:
                return True
    return False


def test_no_test_names_an_unknown_requirement() -> None:
    assert report.unknown(report.marked()) == {}


def test_the_page_of_requirements_lists_each_once() -> None:
    assert sorted(report.listed()) == sorted(report.REQUIREMENTS)
