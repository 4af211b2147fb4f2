"""The commands on the pages about proof and operations are there, with every option that is named."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from api.cli import app
from consumers import verify_bundle, verify_partner, verify_receipt
from tests.house.tree import ROOT

PAGES = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("proof.md", "operations.md")]
BLOCKS = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)]
LINES = [line for block in BLOCKS for line in block.splitlines()]
VERBS = [shlex.split(line.split(" > ")[0]) for line in LINES if line.startswith("nqms ")]
CALLS = [shlex.split(line) for line in LINES if line.startswith("python verify_")]
VERIFIERS = {
    "verify_bundle.py": verify_bundle.main,
    "verify_partner.py": verify_partner.main,
    "verify_receipt.py": verify_receipt.main,
}


def test_every_line_is_a_command_that_is_looked_at() -> None:
    assert len(VERBS) + len(CALLS) == len(LINES) >= 8


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_verb_of_the_pages_takes_its_options(words: list[str]) -> None:
    _, *rest = words
    verb = rest[: 2 if rest[0] in ("log", "directory") else 1]
    helped = CliRunner().invoke(app, [*verb, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert helped.exit_code == 0
    for option in (word for word in rest if word.startswith("-")):
        assert option in helped.stdout


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_the_verifier_takes_the_options_of_the_page(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        VERIFIERS[words[1]](["--help"])
    assert ended.value.code == 0
    helped = capsys.readouterr().out
    assert all(word in helped for word in words if word.startswith("-"))
