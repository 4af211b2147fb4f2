"""Replay certificates: signed where nothing differs, never where anything does, and held against the log later."""

from pathlib import Path

import pytest

from consumers import verify_receipt
from infra.certificate import NotCertified, certified, holds, issued
from infra.embedded import EmbeddedServer
from infra.notes import BadNote, Note
from infra.verification import Check, Verification, verified
from tests.api.conftest import Desk
from tests.api.test_cli import Shell, opening
from tests.proof.superuser import by_superuser


@pytest.fixture
def nqms(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return opening(desk, monkeypatch)


@pytest.fixture
def file(nqms: Shell, tmp_path: Path) -> Path:
    """A certificate over the whole ledger with a published directory."""
    nqms("directory", "publish")
    file = tmp_path / "certificate"
    nqms("verify", "--certificate", str(file))
    return file


def test_it_states_what_was_checked_and_is_verified_offline(nqms: Shell, desk: Desk, file: Path) -> None:
    note = Note.parse(file.read_text())
    found, now = verified(desk.service), desk.clock().astimezone().date()
    lines = note.text.splitlines()
    assert lines[:3] == ["nqms replay certificate v1", desk.service.log.origin, str(desk.head)]
    assert lines[4].startswith(f"at {now.isoformat()[:4]}")
    assert lines[5] == "by nqms 0.1.0"
    assert f"checked commitments: {desk.head} events whose digest was computed again" in lines
    assert "checked decisions: 6 decisions derived again" in lines
    assert "checked directories: 1 published directories made again" in lines
    assert [one for one in lines if one.startswith("rules ")] == [f"rules {one}" for one in found.rules]
    assert any(one.startswith("rules MN-QP version ") for one in lines)
    key = verify_receipt.key_of(str(desk.service.log.key), 1)
    said = verify_receipt.verify(file.read_text(), key, [], 0)
    assert f"all {desk.head} events were verified" in said[0]
    assert said[1] == f"Root over them: {found.root.hex()}"


def test_it_is_held_against_the_log_as_it_grows(nqms: Shell, desk: Desk, file: Path) -> None:
    size = desk.head
    desk.clock.pass_days(1)
    nqms("directory", "publish")
    assert desk.head == size + 1
    said = nqms("verify", "--check-certificate", str(file)).stdout
    assert f"its {size:,} events are the first of the log" in said
    assert "checked order: " in said
    nqms("log", "replace-key")
    nqms("verify", "--check-certificate", str(file))


def test_where_anything_differs_there_is_none(
    nqms: Shell, desk: Desk, postgres: EmbeddedServer, tmp_path: Path
) -> None:
    lake = desk.journeys["lake"].program_id
    by_superuser(
        postgres, desk.service.database, f"UPDATE read.directory SET city = 'elsewhere' WHERE key = 'program:{lake}'"
    )
    said = nqms("verify", "--certificate", str(tmp_path / "c"), code=1)
    assert "no certificate: these checks failed: read models" in said.stderr
    assert not (tmp_path / "c").exists()


def test_none_for_a_root_that_is_not_the_log_s(desk: Desk) -> None:
    fine = Verification([Check("order", "positions", 5)], desk.head, bytes(32), ())
    with pytest.raises(NotCertified, match="another root over the first"):
        issued(desk.service.log, fine, desk.clock(), "nqms")
    beyond = Verification(fine.checks, desk.head + 9, bytes(32), ())
    with pytest.raises(NotCertified, match="another root"):
        issued(desk.service.log, beyond, desk.clock(), "nqms")


class TestHeldAgainstAnotherLog:
    def test_a_log_cut_back_or_written_anew(
        self, nqms: Shell, desk: Desk, file: Path, postgres: EmbeddedServer
    ) -> None:
        log, head = desk.service.log, desk.head
        by_superuser(postgres, desk.service.database, f"DELETE FROM ledger.events WHERE position > {head - 3}")
        for one in sorted(log.files.folder.rglob("*"), reverse=True):
            if one.is_file() and one.name != ".turn":
                one.unlink()
        log._edge = None
        log._rows.clear()
        said = nqms("verify", "--check-certificate", str(file), code=1).stderr
        assert f"rollback: it covers {head} events, and the log has {head - 3}" in said
        desk.service.ledger.forget()
        for _ in range(4):
            desk.clock.pass_days(1)
            nqms("directory", "publish")
        said = nqms("verify", "--check-certificate", str(file), code=1).stderr
        assert f"fork: the first {head} events of the log do not give its root" in said

    def test_one_of_another_log_or_signed_by_another(self, nqms: Shell, desk: Desk, file: Path) -> None:
        text = file.read_text()
        stated = certified(text)
        other = certified(text.replace("\nnqms/simulated/", "\nnqms/real/", 1))
        assert (holds(desk.service.log, other) or "").startswith("it is of nqms/real/")
        unsigned = certified(text.replace(f"— {desk.service.log.origin} ", "— nqms/other "))
        assert holds(desk.service.log, unsigned) == "no key of this log signed it"
        with pytest.raises(BadNote, match="does not fit"):
            holds(desk.service.log, certified(text.replace("checked order", "checked oxder")))
        assert holds(desk.service.log, stated) is None

    @pytest.mark.parametrize("change", [("certificate v1", "certificate v2"), ("\nat ", "\nit "), ("\nby ", "\nof "),
                                        ("\nchecked ", "\nlooked at ")])  # fmt: skip
    def test_what_is_no_certificate_is_wrong_use(self, nqms: Shell, file: Path, change: tuple[str, str]) -> None:
        file.write_text(file.read_text().replace(*change))
        assert "no replay certificate" in nqms("verify", "--check-certificate", str(file), code=2).stderr
