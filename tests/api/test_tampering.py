"""What an owner of the database server changes in the ledger is found by `nqms verify`, which names the position."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.evidence import TierEligibilityEvaluated
from infra.embedded import EmbeddedServer
from infra.notes import Checkpoint, Note
from infra.records import StoredFact, commitment
from tests.api.conftest import Desk
from tests.api.test_cli import Shell, opening
from tests.proof.superuser import by_superuser

FAR = 1_000_000


@pytest.fixture
def nqms(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return opening(desk, monkeypatch)


@pytest.fixture
def kept(nqms: Shell, tmp_path: Path) -> str:
    """A checkpoint that was kept outside the database, in a file."""
    file = tmp_path / "checkpoint"
    file.write_text(nqms("log", "checkpoint").stdout)
    return str(file)


def fact(desk: Desk, position: int) -> StoredFact:
    return desk.service.ledger.recorder.read(position - 1, 1)[0]


def rewritten(changed: StoredFact) -> str:
    """A row written anew by somebody who computes its commitment as well."""
    state = changed.state.decode().replace("'", "''")
    digest = commitment(changed).hex()
    row = f"position = {changed.position}"
    return f"UPDATE ledger.events SET state = '{state}', commitment = '\\x{digest}' WHERE {row}"


def test_an_untouched_ledger_is_fine(nqms: Shell, kept: str, desk: Desk) -> None:
    said = nqms("verify", "--checkpoint", kept).stdout
    assert f"log: {desk.head} events under a signed checkpoint, 0 divergences" in said


def test_one_changed_byte_of_one_event(nqms: Shell, kept: str, desk: Desk, postgres: EmbeddedServer) -> None:
    (at,) = (
        f.position for f in desk.service.ledger.recorder.read(0, FAR) if b"Lantern Lake" in f.state and f.version == 1
    )
    changed = fact(desk, at).state.decode().replace("Lantern Lake", "Lantern Bake").replace("'", "''")
    by_superuser(postgres, desk.service.database, f"UPDATE ledger.events SET state = '{changed}' WHERE position = {at}")
    said = nqms("verify", "--checkpoint", kept, code=1).stdout
    assert f"position {at} (program:" in said
    assert "the row is not what was committed to" in said
    assert f"position {at}: the row was changed; its stored commitment is still the one that was signed" in said
    assert "kept outside" in said


def test_the_last_event_deleted(nqms: Shell, kept: str, desk: Desk, postgres: EmbeddedServer) -> None:
    head = desk.head
    by_superuser(postgres, desk.service.database, f"DELETE FROM ledger.events WHERE position = {head}")
    said = nqms("verify", "--checkpoint", kept, code=1).stdout
    assert f"covers {head} events, and the ledger ends at {head - 1}; 1 are missing" in said
    assert "truncation" in said


def test_an_event_inserted_in_the_past(nqms: Shell, kept: str, desk: Desk, postgres: EmbeddedServer) -> None:
    columns = "recorded_at, occurred_on, command_id, provenance, actor_person, actor_role, actor_org, salt, commitment"
    by_superuser(
        postgres,
        desk.service.database,
        f"UPDATE ledger.events SET position = position + {FAR} WHERE position >= 100",
        f"UPDATE ledger.events SET position = position - {FAR - 1} WHERE position >= {FAR}",
        f"INSERT INTO ledger.events (position, version, stream, type, state, {columns}) "
        f"SELECT 100, 1, 'program:forged', type, state, {columns} FROM ledger.events WHERE position = 99",
    )
    said = nqms("verify", "--checkpoint", kept, code=1).stdout
    assert "position 100: here stands the event that the log has at position 99 (moved or inserted)" in said
    assert "position 101: here stands the event that the log has at position 100 (moved or inserted)" in said
    assert "fork: the first" in said


def test_an_event_inserted_and_all_commitments_computed_anew(
    nqms: Shell, kept: str, desk: Desk, postgres: EmbeddedServer
) -> None:
    made_up = replace(fact(desk, 50), originator_id="program:forged", originator_version=1)
    by_superuser(
        postgres,
        desk.service.database,
        "UPDATE ledger.events SET stream = 'program:forged', version = 1 WHERE position = 50",
        rewritten(made_up),
    )
    said = nqms("verify", "--checkpoint", kept, code=1).stdout
    assert "position 50: the log has another event here; this one was never signed (rewritten or inserted)" in said


def test_two_events_swapped(nqms: Shell, kept: str, desk: Desk, postgres: EmbeddedServer) -> None:
    by_superuser(
        postgres,
        desk.service.database,
        f"UPDATE ledger.events SET position = {FAR} WHERE position = 60",
        "UPDATE ledger.events SET position = 60 WHERE position = 70",
        f"UPDATE ledger.events SET position = 70 WHERE position = {FAR}",
    )
    said = nqms("verify", "--checkpoint", kept, code=1).stdout
    assert "position 60: here stands the event that the log has at position 70" in said
    assert "position 70: here stands the event that the log has at position 60" in said


def test_the_stored_evaluation_of_a_decision_altered(
    nqms: Shell, kept: str, desk: Desk, postgres: EmbeddedServer
) -> None:
    name = TierEligibilityEvaluated.published_name()
    last = [f for f in desk.service.ledger.recorder.read(0, FAR) if f.type == name][-1]
    altered = replace(last, state=last.state.replace(b'"result":"true"', b'"result":"unknown"', 1))
    by_superuser(postgres, desk.service.database, rewritten(altered))
    said = nqms("verify", "--checkpoint", kept, code=1).stdout
    assert f"{last.stream}@{last.version}: derived again, these differ: evaluation" in said
    assert f"position {last.position}: the log has another event here" in said


def test_a_log_cut_back_and_signed_anew_is_caught_by_what_was_kept(
    nqms: Shell, kept: str, desk: Desk, postgres: EmbeddedServer
) -> None:
    """Even by one who holds the key and rewrites tiles and checkpoint: the file outside tells."""
    log, head = desk.service.log, desk.head
    by_superuser(postgres, desk.service.database, f"DELETE FROM ledger.events WHERE position > {head - 3}")
    for file in sorted(log.files.folder.rglob("*"), reverse=True):
        if file.is_file() and file.name != ".turn":
            file.unlink()
    log._edge = None
    log._rows.clear()
    log.catch_up()
    assert "events under a signed checkpoint, 0 divergences" in nqms("verify", code=1).stdout, (
        "by itself the log is fine"
    )
    said = nqms("verify", "--checkpoint", kept, code=1).stdout
    assert f"the ledger ends at {head - 3}; 3 are missing" in said
    assert f"rollback: the log shows {head - 3} events, and had shown {head}" in said


def test_tiles_that_were_changed_are_named(nqms: Shell, kept: str, desk: Desk) -> None:
    tile = desk.service.log.files.folder / "tile/0/001"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    desk.service.log._rows.clear()
    said = nqms("verify", "--checkpoint", kept, code=1).stdout
    assert "position 257" in said


def test_a_file_that_is_no_checkpoint_is_wrong_use(nqms: Shell, tmp_path: Path) -> None:
    (tmp_path / "no").write_text("hello\n")
    assert "signed note" in nqms("verify", "--checkpoint", str(tmp_path / "no"), code=2).stderr


class TestCheckpointsBesideTheLogsOwn:
    """What witnesses cosigned lies beside the log's own checkpoint, and is looked over as well."""

    @pytest.fixture
    def cosigned(self, nqms: Shell, kept: str, desk: Desk) -> str:
        """The folder's file of a checkpoint that a witness cosigned."""
        note = Note.parse(Path(kept).read_text())
        desk.service.log.files.replace(f"cosigned/{desk.head}", str(note).encode())
        desk.service.log.files.replace("witnessed", str(note).encode())
        assert "0 divergences" in nqms("verify").stdout
        return f"cosigned/{desk.head}"

    def test_one_that_the_ledger_does_not_give(self, nqms: Shell, desk: Desk, cosigned: str) -> None:
        log = desk.service.log
        forged = Checkpoint(log.origin, desk.head, bytes(32))
        log.files.replace(cosigned, str(Note(forged.text, ()).with_lines([_signed(desk, forged.text)])).encode())
        said = nqms("verify", code=1).stdout
        assert f"fork: the first {desk.head} events do not give the root of the file {cosigned} of the log" in said

    def test_one_that_covers_more_than_there_is(self, nqms: Shell, desk: Desk, cosigned: str) -> None:
        log, size = desk.service.log, desk.head + 5
        ahead = Checkpoint(log.origin, size, bytes(32))
        log.files.replace("witnessed", str(Note(ahead.text, ()).with_lines([_signed(desk, ahead.text)])).encode())
        said = nqms("verify", code=1).stdout
        assert f"truncation: the file witnessed of the log covers {size} events" in said
        assert f"rollback: the log shows {desk.head} events, and had shown {size}" in said

    @pytest.mark.parametrize("content", [b"hello\n", b"\xff\xfe"])
    def test_one_that_this_log_did_not_sign(self, nqms: Shell, desk: Desk, cosigned: str, content: bytes) -> None:
        desk.service.log.files.replace(cosigned, content)
        assert f"the file {cosigned} of the log: fork:" in nqms("verify", code=1).stdout


def _signed(desk: Desk, text: str) -> str:
    """A line by somebody who holds the log's key."""
    return desk.service.log._keys.current().line(text)
