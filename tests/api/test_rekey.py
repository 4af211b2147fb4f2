"""The log's signing key is lost: the whole procedure through the command line, and what was proved before stays proved."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from consumers import verify_bundle
from infra.log_source import FolderLog
from infra.notes import VerifierKey
from infra.witness import Witness
from tests.api.test_cli import Shell, nqms

__all__ = ["nqms"]

NAMES = ("w1.example/a", "w2.example/b", "w3.example/c")


class Case:
    """A log with three witnesses, two of which have to agree; each runs its verbs where it is."""

    def __init__(self, nqms: Shell, folder: Path) -> None:
        self.desk, self.nqms, self.folder = nqms.desk, nqms, folder
        log = nqms.desk.service.log
        log.catch_up()
        self.key = log.key
        self.witnesses = [Witness(folder / name[:2], name, log.key) for name in NAMES]
        log.witnesses, log.quorum = tuple(one.key for one in self.witnesses), 2
        for one in self.witnesses:
            one.look(FolderLog(log.files.folder, log))

    @property
    def address(self) -> str:
        """Where the log's files are."""
        return str(self.desk.service.log.files.folder)

    def lose(self) -> None:
        """The signing key is gone."""
        for file in (self.desk.service.settings.data_dir / "keys" / "log").glob("*.key"):
            file.unlink()

    def at_witness(self, number: int, verb: str, *words: str, code: int = 0) -> Result:
        """A verb where a witness runs."""
        folder, name = self.folder / NAMES[number][:2], NAMES[number]
        given = ["log", verb, *words, "--log", self.address, "--key", str(self.key)]
        result = CliRunner().invoke(app, [*given, "--state", str(folder), "--name", name])
        assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
        return result

    def knowing(self, quorum: int = 2) -> tuple[str, ...]:
        """All witnesses' keys, and how many have to agree, as options."""
        named = [word for one in self.witnesses for word in ("--witness", str(one.key))]
        return (*named, "--quorum", str(quorum))


@pytest.fixture
def case(nqms: Shell, tmp_path: Path) -> Case:
    return Case(nqms, tmp_path)


def test_from_the_loss_to_a_log_that_goes_on(case: Case, tmp_path: Path) -> None:
    nqms, desk = case.nqms, case.desk
    (decision,) = desk.service.ledger.load("program", desk.journeys["lake"].program_id).decisions
    old_bundle, new_bundle, statement = tmp_path / "old.json", tmp_path / "new.json", tmp_path / "lost"
    nqms("bundle", decision, "-o", str(old_bundle))
    case.lose()
    assert "lost key" in nqms("log", "key", code=1).stderr
    told = nqms("log", "rekey", "-o", str(statement)).stderr
    assert f"lost {case.key}" in told
    assert "2 of 3 witnesses have to run `nqms log countersign` on it" in told
    case.at_witness(0, "countersign", str(statement), "-o", str(tmp_path / "s1"))
    few = nqms("log", "rekey", "--countersigned", str(tmp_path / "s1"), code=1).stderr
    assert "1 of the witnesses that are known here countersigned" in few
    said = case.at_witness(2, "countersign", str(statement))
    (tmp_path / "s3").write_text(said.stdout)
    assert f"countersigned as {case.witnesses[2].key}" in said.stderr
    signed = [word for name in ("s1", "s3") for word in ("--countersigned", str(tmp_path / name))]
    new = nqms("log", "rekey", *signed).stdout.splitlines()[1].removeprefix("new ")
    assert VerifierKey.parse(new) == desk.service.log.key != case.key
    assert nqms("verify").exit_code == 0
    seen = case.knowing()[:-2]
    assert verify_bundle.main([str(old_bundle), "--key", str(case.key), *seen]) == 0, "what was proved stays proved"
    nqms("bundle", decision, "-o", str(new_bundle))
    assert verify_bundle.main([str(new_bundle), "--key", new]) == 0
    assert verify_bundle.main([str(new_bundle), "--key", str(case.key)]) == 1
    assert desk.client().http.get("/log/keys/1").text.startswith("nqms key lost v1\n")


def test_witnesses_and_verifiers_follow_with_the_quorum_only(case: Case, tmp_path: Path) -> None:
    log = case.desk.service.log
    case.lose()
    statement = tmp_path / "lost"
    case.nqms("log", "rekey", "-o", str(statement))
    signed = [case.at_witness(n, "countersign", str(statement)).stdout for n in (0, 1)]
    for n, text in enumerate(signed):
        (tmp_path / f"s{n}").write_text(text)
    words = [word for n in (0, 1) for word in ("--countersigned", str(tmp_path / f"s{n}"))]
    case.nqms("log", "rekey", *words)
    asked = ("log", "present-key", "--log", case.address, "--key", str(case.key))
    assert "refused" in run(*asked, code=1).stderr
    assert "2 of the witnesses" in run(*asked, *case.knowing(3), code=1).stderr
    found = run(*asked, *case.knowing())
    assert found.stdout == f"{log.key}\n"
    assert f"{case.key} was lost; countersigned by {NAMES[0]}, {NAMES[1]}" in found.stderr
    assert "unsigned" in case.at_witness(2, "witness", "--once", code=1).stderr
    case.at_witness(2, "witness", "--once", *case.knowing())


def test_wrong_use_is_said_in_a_sentence(case: Case, tmp_path: Path) -> None:
    assert "no key is lost" in case.nqms("log", "rekey", code=2).stderr
    (tmp_path / "no").write_text("hello\n")
    assert "signed note" in case.nqms("log", "rekey", "--countersigned", str(tmp_path / "no"), code=2).stderr
    case.lose()
    statement = tmp_path / "lost"
    statement.write_text(case.nqms("log", "rekey").stdout)
    stranger = ["--state", str(tmp_path / "stranger"), "--name", "w9.example/z"]
    asked = ["log", "countersign", str(statement), "--log", case.address, "--key", str(case.key), *stranger]
    assert "has not seen sign" in run(*asked, code=2).stderr
    asked = ["log", "present-key", "--log", str(tmp_path / "none"), "--key", str(case.key)]
    assert "no folder of a log" in run(*asked, code=2).stderr


def run(*words: str, code: int = 0) -> Result:
    """A verb that needs no ledger."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result
