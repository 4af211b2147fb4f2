"""The papers say what is there: README, changelog, decisions, lock files."""

import re
import tomllib
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.house.tree import ROOT, files, known_tests, make_targets, texts, verbs

README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
CHAPTERS = ("Context", "Decision", "Consequence", "What it costs", "Held by")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)([^\n]*(?:\n    --hash=sha256:[0-9a-f]{64}[^\n]*)+)", re.MULTILINE)


def test_every_target_named_in_the_readme_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", " ".join(re.findall(r"`[^`]+`", README))))
    assert {"demo", "test"} <= named
    assert named - make_targets() == set()


def test_every_verb_named_in_the_readme_exists() -> None:
    named = set(re.findall(r"`nqms ([a-z][a-z-]*(?: (?:key|checkpoint|add|publish|check)\b(?!-))?)", README))
    assert "demo" in named
    assert named - verbs() == set()


def test_the_readme_names_every_setting() -> None:
    fields = {f"NQMS_{name.upper()}" for name, field in Settings.model_fields.items() if not field.validation_alias}
    assert fields - set(re.findall(r"NQMS_[A-Z_]+", README)) == set()


@pytest.mark.req("M12")
def test_the_readme_says_that_the_items_are_not_the_official_ones() -> None:
    assert "an independent implementation, not the official items" in " ".join(README.split())


def test_the_tree_in_the_readme_is_the_tree() -> None:
    block = README.split("## Where things are", 1)[1].split("```", 2)[1]
    named = {line.split()[0].rstrip("/") for line in block.splitlines() if line and not line.startswith(" ")}
    assert named == {file.parts[0] for file in files() if len(file.parts) > 1 and not file.parts[0].startswith(".")}


def test_links_between_the_papers_lead_somewhere() -> None:
    papers = [ROOT / f for f in files() if f.suffix == ".md"]
    dead = [
        f"{p.name}: {link}" for p in papers for link in LINK.findall(p.read_text()) if not (p.parent / link).exists()
    ]
    assert dead == []


def test_the_changelog_tells_what_is_not_released_yet() -> None:
    assert re.search(r"^## \[Unreleased\]\n+### \w+\n+- \w+", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)


def test_decisions_are_numbered_without_gaps() -> None:
    assert [p.name[:5] for p in DECISIONS] == [f"{n:04}-" for n in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda p: p.stem)
def test_a_decision_is_one_page_that_a_test_holds(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert tuple(re.findall(r"^## (.+)$", text, flags=re.MULTILINE)) == CHAPTERS
    assert len(text.splitlines()) <= 60
    holding = re.findall(r"`(tests/[^`]+)`", text.split("## Held by", 1)[1])
    assert holding
    assert set(holding) - set(known_tests()) == set()


def _pins(name: str) -> dict[str, str]:
    return {
        m[1]: m[2] + "".join(re.findall(r"sha256:[0-9a-f]{64}", m[3])) for m in PIN.finditer((ROOT / name).read_text())
    }


def test_every_dependency_is_locked_with_its_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower() for line in asked}
    whole = (ROOT / "requirements.lock").read_text()
    assert names - set(_pins("requirements.lock")) == set()
    assert len(_pins("requirements.lock")) == len(re.findall(r"^[a-z0-9.-]+==", whole, flags=re.MULTILINE))


def test_the_image_is_locked_to_the_versions_that_were_tested() -> None:
    tested, shipped = _pins("requirements.lock"), _pins("requirements.runtime.lock")
    assert shipped.items() <= tested.items()
    assert shipped.keys().isdisjoint({"pytest", "pyright", "ruff", "hatchling"})
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in project["dependencies"]} <= shipped.keys()


@pytest.mark.req("A27")
def test_the_process_is_called_by_its_name_throughout() -> None:
    """One of the sources misspells it once; nothing here does."""
    misspelt = "NOM" + "S"
    read = list(texts())
    assert len(read) > 100
    assert [file.as_posix() for file, text in read if re.search(rf"\b{misspelt}\b", text)] == []
