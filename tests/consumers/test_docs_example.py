"""The examples of docs/consumers.md as a new user would try them: in a fresh environment with what the page names, alone."""

import json
import os
import re
import shutil
import subprocess
import venv
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import psycopg
import pytest
from packaging.requirements import Requirement

from infra.kafka import Cluster
from infra.topics import Topics
from tests.api.conftest import Desk
from tests.consumers.relays import relay_all

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")
READER = "## A reader in twenty lines"
OURS = ("api", "consumers", "domain", "infra", "projections", "tests")


def block_after(heading: str, number: int = 0) -> str:
    """An example of the page: the Python below a heading, the first one unless another is asked for."""
    chapter = PAGE.split(f"{heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```python\n(.*?)```", chapter, flags=re.DOTALL)[number]


def named_packages() -> list[str]:
    """What the page says is to be installed."""
    line = re.search(r"`pip install ([^`]+)`", PAGE)
    assert line is not None
    return [word.strip('"') for word in line[1].split()]


def needed(names: list[str]) -> set[str]:
    """These distributions and all that they need in turn, with the extras asked for."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        one = waiting.pop()
        if one.name.lower() in found and not one.extras:
            continue
        found.add(one.name.lower())
        extras = [{"extra": extra} for extra in (*one.extras, "")]
        for said in distribution(one.name).requires or ():
            further = Requirement(said)
            if further.marker is None or any(further.marker.evaluate(extra) for extra in extras):
                waiting.append(further)
    return found


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds what the page names, at the locked versions, and nothing of ours."""
    folder = tmp_path_factory.mktemp("fresh") / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name in needed(named_packages()):
        one = distribution(name)
        assert re.search(rf"^{re.escape(name)}=={re.escape(one.version)}\b", locked, flags=re.MULTILINE), name
        for file in one.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(one.locate_file(file)), target)
    return folder / "bin" / "python"


def ran(python: Path, folder: Path, *words: str, **environment: str) -> str:
    done = subprocess.run(
        [str(python), "-I", *words],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_environment_holds_what_the_page_names_and_nothing_of_ours(fresh: Path, tmp_path: Path) -> None:
    assert named_packages() == ["kafka-python", "psycopg[binary]"]
    asked = "import importlib.util as u, json, sys; print(json.dumps([n for n in sys.argv[1:] if u.find_spec(n)]))"
    found = json.loads(ran(fresh, tmp_path, "-c", asked, *OURS, "msgspec", "fastapi", "kafka", "psycopg"))
    assert found == ["kafka", "psycopg"]


def test_the_reader_of_the_page_works_as_it_stands(
    desk: Desk, cluster: Cluster, ready: Topics, reader_database: str, tmp_path: Path, fresh: Path
) -> None:
    relay_all(desk, cluster, ready)
    (tmp_path / "reader.py").write_text(block_after(READER))
    words = {"MY_KAFKA": cluster.bootstrap, "MY_DATABASE": reader_database, "MY_TOPIC": ready.partners.name}
    rows: list[Any] = []
    for _ in range(2):  # again: nothing is repeated, nothing is lost
        ran(fresh, tmp_path, "reader.py", **words)
        with psycopg.connect(reader_database) as connection:
            rows = connection.execute("SELECT key, body FROM partners ORDER BY key").fetchall()
        assert [key for key, _ in rows] == sorted(f"program:{one.program_id}" for one in desk.journeys.values())
    scope: dict[str, Any] = {}
    exec(block_after(READER, 1), scope)
    for key, body in rows:
        shown = desk.client().get(f"/partners/{key.removeprefix('program:')}").json()
        assert scope["shown"](body, lambda zone: desk.clock.today) == shown["statuses"]


@pytest.mark.parametrize("heading", [READER, "## Without running a reader"])
def test_the_examples_have_about_twenty_lines(heading: str) -> None:
    assert len([line for line in block_after(heading).splitlines() if line.strip()]) <= 22
