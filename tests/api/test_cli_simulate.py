"""``nqms simulate``: help, what it says, its exit codes, and that it fills an empty ledger only."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api import cli_simulate
from api.cli import app
from infra.database import Database
from infra.documents import DocumentStore
from infra.recorder import LedgerRecorder
from infra.vault import Vault


@pytest.fixture
def empty(
    database: Database, vault: Vault, documents: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> LedgerRecorder:
    """The verb opens this test's empty database."""

    @contextmanager
    def given(_settings: Any) -> Generator[tuple[Database, Vault, DocumentStore]]:
        yield database, vault, documents

    monkeypatch.setattr(cli_simulate, "open_empty", given)
    return LedgerRecorder(database)


def run(*words: str, code: int = 0) -> Result:
    """Run the verb; the exit code is as expected."""
    result = CliRunner().invoke(app, ["simulate", *words], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result


def test_it_says_what_it_loaded_and_writes_the_expected_answers(empty: LedgerRecorder, tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    size = ("--programs", "3", "--years", "2", "--seed", "5", "--workers", "1")
    told = json.loads(run(*size, "--oracle", str(answers), "--format", "json").stdout)
    assert told["events"] == empty.head()[0] > 300
    assert (told["programs"], told["years"], told["seed"], told["affiliates"]) == (3, 2, 5, 6)
    assert len(told["root"]) == 64
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [sorted(line) for line in lines] == [["decisions", "program", "status"]] * 3
    assert all(empty.read_stream(f"program:{line['program']}", limit=1) for line in lines)
    again = run(*size, code=2)
    assert "holds facts already" in again.stderr


def test_in_words_it_names_the_root_and_what_to_do_next(empty: LedgerRecorder) -> None:
    said = run("--programs", "2", "--years", "1", "--workers", "1").stdout
    assert "programs with 6 affiliates" in said
    assert "root of all commitments: " in said
    assert "nqms verify" in said
    assert empty.stream_version("affiliate:national") == 1


@pytest.mark.parametrize("words", [("--programs", "1"), ("--years", "13"), ("--seed", "x"), ("--workers", "0")])
def test_a_size_out_of_range_is_wrong_use(words: tuple[str, ...]) -> None:
    assert "Invalid value" in run(*words, code=2).stderr


def test_an_answer_file_that_cannot_be_written_is_said_in_a_sentence(empty: LedgerRecorder, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere" / "answers.jsonl")
    said = run("--programs", "2", "--years", "1", "--workers", "1", "--oracle", nowhere, code=2).stderr
    assert "No such file" in said
    assert empty.head()[0] == 0


def test_it_has_help() -> None:
    assert "--oracle" in run("--help").stdout
