"""The log over a real ledger: tiles on disk, checkpoints, crashes at every step, and a past that was changed."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from infra import log_files
from infra.database import Database, EmbeddedServer
from infra.keyring import KeyringError
from infra.log_files import LogDiverged, entries_in, numbered, tile_path
from infra.log_keys import present_key
from infra.log_source import FolderLog
from infra.merkle import consistent, included, leaf_hash, root_of
from infra.notes import COSIGNATURE, BadNote, Signer, opened, origin_of
from infra.recorder import LedgerRecorder
from infra.transparency import TransparencyLog
from infra.witness import Refused, Witness
from tests.infra.appends import an_append, new_stream
from tests.proof.superuser import by_superuser

SEEING = Signer("witness.example/w1", COSIGNATURE, bytes(range(32)))


@pytest.fixture
def start(database: Database, recorder: LedgerRecorder, tmp_path: Path) -> Callable[..., TransparencyLog]:
    """Opens the log of the test's ledger, as a program that starts does."""

    def opening(**more: object) -> TransparencyLog:
        (first,) = recorder.read(0, 1)
        folder, keys = tmp_path / "log", tmp_path / "keys"
        return TransparencyLog(database, folder, keys, origin_of(first.state, first.commitment), **more)  # pyright: ignore[reportArgumentType]

    return opening


def fill(recorder: LedgerRecorder, count: int) -> None:
    """Append so many events."""
    recorder.append(an_append(new_stream(), count=count))


def commitments(recorder: LedgerRecorder) -> list[bytes]:
    return [fact.commitment for fact in recorder.read(0, 100_000)]


def test_the_root_is_that_of_all_commitments(start: Callable[..., TransparencyLog], recorder: LedgerRecorder) -> None:
    log = start()
    for count in (1, 254, 1, 300):
        fill(recorder, count)
        signed = log.catch_up()
        leaves = [leaf_hash(c) for c in commitments(recorder)]
        assert signed.size == len(leaves)
        assert signed.root == root_of(leaves) == log.tree(signed.size).root()
    for index in (0, 255, 256, signed.size - 1):
        assert included(leaves[index], index, signed.size, log.inclusion(signed.size, index), signed.root)


def test_the_files_are_those_of_the_specification(
    start: Callable[..., TransparencyLog], recorder: LedgerRecorder
) -> None:
    log = start()
    fill(recorder, 9)
    log.catch_up()
    assert log.files.read("tile/0/000.p/10") is not None
    fill(recorder, 290)
    log.catch_up()
    there = {p.relative_to(log.files.folder).as_posix() for p in log.files.folder.rglob("*") if p.is_file()}
    assert there == {
        *("checkpoint", "key", ".turn", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"),
        *("tile/entries/000", "tile/entries/001.p/44"),
    }
    bundle = (log.files.read("tile/entries/000") or b"") + (log.files.read("tile/entries/001.p/44") or b"")
    assert list(entries_in(bundle)) == commitments(recorder)
    assert numbered(1234067) == "x001/x234/067"
    assert tile_path(1, 1000, 7) == "tile/1/x001/000.p/7"


def test_a_program_that_starts_again_goes_on(start: Callable[..., TransparencyLog], recorder: LedgerRecorder) -> None:
    before = start()
    fill(recorder, 300)
    old = before.catch_up()
    fill(recorder, 300)
    again = start()
    new = again.catch_up()
    assert again.key == before.key
    assert consistent(old.size, old.root, new.size, new.root, again.tree(new.size).consistency(old.size))
    assert again.catch_up() == new, "nothing came, nothing is signed"


def test_a_crash_at_any_write_leaves_a_log_that_goes_on(
    start: Callable[..., TransparencyLog], recorder: LedgerRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(recorder, 20)
    old = start().catch_up()
    fill(recorder, 600)
    real = os.replace
    crashed = 0
    for survived in range(100):
        left = survived

        def failing(source: str, target: str) -> None:
            nonlocal left
            if left == 0:
                raise OSError("the disk is gone")
            left -= 1
            real(source, target)

        monkeypatch.setattr(log_files.os, "replace", failing)
        try:
            start().catch_up()
        except OSError:
            crashed += 1
            monkeypatch.setattr(log_files.os, "replace", real)
            found = start().checkpoint()
            assert found is not None
            assert found[0] == old, "the last checkpoint stands until the next one is whole"
            continue
        break
    monkeypatch.setattr(log_files.os, "replace", real)
    assert crashed >= 4
    assert start().catch_up().root == root_of(map(leaf_hash, commitments(recorder)))


def test_a_loop_signs_within_ten_seconds(start: Callable[..., TransparencyLog], recorder: LedgerRecorder) -> None:
    log, stop = start(), Event()
    thread = Thread(target=log.run, args=(stop,))
    thread.start()
    try:
        fill(recorder, 5)
        began = monotonic()
        while (found := log.checkpoint()) is None or found[0].size < 6:
            assert monotonic() - began < 10
            sleep(0.05)
    finally:
        stop.set()
        thread.join(timeout=10)
    assert log.trouble is None


def test_two_programs_write_one_log(start: Callable[..., TransparencyLog], recorder: LedgerRecorder) -> None:
    one, other = start(), start()
    for turn in range(6):
        fill(recorder, 70)
        (one, other)[turn % 2].catch_up()
    assert one.catch_up() == other.catch_up()
    assert one.catch_up().root == root_of(map(leaf_hash, commitments(recorder)))


def test_keys_are_made_for_their_owner_alone_and_never_shown(
    start: Callable[..., TransparencyLog], tmp_path: Path
) -> None:
    log = start()
    log.catch_up()
    (file,) = (tmp_path / "keys").glob("*.key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    secret = file.read_bytes()
    public = [p.read_bytes() for p in (tmp_path / "log").rglob("*") if p.is_file()]
    assert not any(secret in content or secret.hex().encode() in content for content in public)
    (tmp_path / "keys").chmod(0o755)
    with pytest.raises(KeyringError, match="chmod 700"):
        start()


def test_a_replaced_key_is_found_from_the_old_one(
    start: Callable[..., TransparencyLog], recorder: LedgerRecorder
) -> None:
    log = start()
    log.catch_up()
    first = log.key
    log.replace_key()
    log.replace_key()
    fill(recorder, 3)
    log.catch_up()
    found = log.checkpoint()
    assert found is not None
    with pytest.raises(BadNote):
        opened(str(found[1]), first)
    statements = [log_note(log, number) for number in (1, 2)]
    assert present_key(first, statements) == log.key != first
    assert start().catch_up().size == 4


def log_note(log: TransparencyLog, number: int):
    from infra.notes import Note

    return Note.parse((log.files.read(f"keys/{number}") or b"").decode())


class TestAChangedPast:
    def test_a_cut_off_tail_is_named(
        self,
        start: Callable[..., TransparencyLog],
        recorder: LedgerRecorder,
        postgres: EmbeddedServer,
        database: Database,
    ) -> None:
        fill(recorder, 20)
        start().catch_up()
        by_superuser(postgres, database, "DELETE FROM ledger.events WHERE position = 21")
        with pytest.raises(LogDiverged, match="truncation: the log has 21 events"):
            start().catch_up()

    def test_a_tail_written_anew_is_named(
        self,
        start: Callable[..., TransparencyLog],
        recorder: LedgerRecorder,
        postgres: EmbeddedServer,
        database: Database,
    ) -> None:
        fill(recorder, 20)
        log = start()
        log.catch_up()
        by_superuser(postgres, database, "UPDATE ledger.events SET commitment = sha256('x') WHERE position = 21")
        with pytest.raises(LogDiverged, match="fork: the event at position 21"):
            log.catch_up()
        stop = Event()
        thread = Thread(target=log.run, args=(stop,))
        thread.start()
        while log.trouble is None:
            sleep(0.02)
        stop.set()
        thread.join(timeout=10)
        assert log.trouble.startswith("fork")

    def test_a_gap_is_named(
        self,
        start: Callable[..., TransparencyLog],
        recorder: LedgerRecorder,
        postgres: EmbeddedServer,
        database: Database,
    ) -> None:
        start().catch_up()
        fill(recorder, 20)
        by_superuser(postgres, database, "DELETE FROM ledger.events WHERE position = 7")
        with pytest.raises(LogDiverged, match="gap: position 7"):
            start().catch_up()

    def test_a_lost_checkpoint_is_made_again_only_over_the_same_past(
        self,
        start: Callable[..., TransparencyLog],
        recorder: LedgerRecorder,
        postgres: EmbeddedServer,
        database: Database,
    ) -> None:
        fill(recorder, 300)
        before = start().catch_up()
        start().files.remove("checkpoint")
        assert start().catch_up() == before
        start().files.remove("checkpoint")
        by_superuser(postgres, database, "UPDATE ledger.events SET commitment = sha256('x') WHERE position = 9")
        with pytest.raises(LogDiverged, match="first at position 9"):
            start().catch_up()

    def test_a_checkpoint_of_somebody_else_is_not_gone_on_from(
        self, start: Callable[..., TransparencyLog], recorder: LedgerRecorder
    ) -> None:
        log = start()
        signed = log.catch_up()
        log.files.replace(
            "checkpoint", (signed.text + "\n" + Signer(log.origin, 1, bytes(32)).line(signed.text)).encode()
        )
        with pytest.raises(LogDiverged, match="not what this log signed"):
            log.catch_up()


class TestWitnesses:
    def test_a_witness_cosigns_what_grows_and_the_log_shows_it(
        self, start: Callable[..., TransparencyLog], recorder: LedgerRecorder, tmp_path: Path
    ) -> None:
        log = start()
        log.catch_up()
        w1 = Witness(tmp_path / "w1", "witness.example/w1", log.key)
        w2 = Witness(tmp_path / "w2", "witness.example/w2", log.key)
        log = start(witnesses=(w1.key, w2.key), quorum=2)
        source = FolderLog(log.files.folder, log)
        w1.look(source)
        assert log.witnessed() is None, "one of two"
        w2.look(source)
        found = log.witnessed()
        assert found is not None
        assert set(log.seen_by(found[1])) == {"witness.example/w1", "witness.example/w2"}
        fill(recorder, 300)
        log.catch_up()
        assert log.proving(1)[0].size == 1
        assert log.proving(2)[0].size == 301
        w1.look(source)
        w2.look(source)
        assert log.proving(2)[0].size == 301
        assert len(log.seen_by(log.proving(2)[1])) == 2
        last = w1.last()
        assert last is not None
        assert last[1].signed_by(log.key) is not None, "it keeps the whole note"

    def test_a_witness_follows_a_replaced_key(
        self, start: Callable[..., TransparencyLog], recorder: LedgerRecorder, tmp_path: Path
    ) -> None:
        log = start()
        log.catch_up()
        one = Witness(tmp_path / "w", "w", log.key)
        source = FolderLog(log.files.folder)
        one.look(source)
        log.replace_key()
        fill(recorder, 5)
        log.catch_up()
        assert one.look(source).signed_by(log.key) is not None
        one.look(source)

    @pytest.mark.parametrize("kind", ["rollback", "fork", "fork of one size", "truncation", "unsigned"])
    def test_what_contradicts_what_it_saw_is_refused_and_kept(
        self, kind: str, start: Callable[..., TransparencyLog], recorder: LedgerRecorder, tmp_path: Path
    ) -> None:
        log = start()
        fill(recorder, 9)
        log.catch_up()
        early = log.files.read("checkpoint") or b""
        fill(recorder, 300)
        log.catch_up()
        one = Witness(tmp_path / "w", "w", log.key)
        one.look(FolderLog(log.files.folder))
        seen = log.files.read("checkpoint") or b""
        _contradict(kind, log, recorder, early)
        with pytest.raises(Refused) as refused:
            one.look(FolderLog(log.files.folder))
        assert refused.value.kind == kind.split(" ", maxsplit=1)[0]
        kept = refused.value.evidence
        assert kept is not None
        assert (kept / "shown").read_bytes() == (log.files.read("checkpoint") or b"")
        assert (kept / "seen-before").read_bytes().startswith(seen)
        assert kind.split(" ", maxsplit=1)[0] in (kept / "reason").read_text()
        last = one.last()
        assert last is not None
        assert last[0].size == 310, "what it saw before still counts"

    def test_nobody_else_is_taken_for_a_witness(
        self, start: Callable[..., TransparencyLog], recorder: LedgerRecorder, tmp_path: Path
    ) -> None:
        log = start(witnesses=(SEEING.key,), quorum=1)
        log.catch_up()
        found = log.checkpoint()
        assert found is not None
        stranger = Signer("witness.example/w1", COSIGNATURE, bytes(32))
        with pytest.raises(BadNote, match="no witness"):
            log.accept(found[1].with_lines([stranger.line(found[1].text, 1)]))
        forged = found[1].with_lines([str(SEEING.line("another\n", 1))])
        with pytest.raises(BadNote, match="does not fit"):
            log.accept(forged)
        assert log.accept(found[1].with_lines([SEEING.line(found[1].text, 77)])) == {SEEING.name: 77}
        assert log.witnessed() is not None


def _contradict(kind: str, log: TransparencyLog, recorder: LedgerRecorder, early: bytes) -> None:
    """Make the log show something else than it had shown, as one who holds its key could."""
    from infra.notes import Checkpoint

    signer = log._keys.current()

    def show(checkpoint: Checkpoint) -> None:
        log.files.replace("checkpoint", (checkpoint.text + "\n" + signer.line(checkpoint.text)).encode())

    if kind == "rollback":
        log.files.replace("checkpoint", early)
    elif kind == "fork of one size":
        show(Checkpoint(log.origin, 310, bytes(32)))
    elif kind == "unsigned":
        log.files.replace("checkpoint", early.replace(b"10\n", b"11\n", 1))
    else:
        fill(recorder, 300)
        signed = log.catch_up()
        if kind == "truncation":
            log.files.remove("tile/0/001")
        else:
            tile = log.files.read("tile/0/000") or b""
            forged = bytes(32) + tile[32:]
            log.files.replace("tile/0/000", forged)
            log.files.replace(
                "tile/1/000.p/2",
                root_of(forged[i : i + 32] for i in range(0, 8192, 32))
                + (log.files.read("tile/1/000.p/2") or b"")[32:],
            )
            show(Checkpoint(log.origin, signed.size, TransparencyLog.tree(log, signed.size).root()))
