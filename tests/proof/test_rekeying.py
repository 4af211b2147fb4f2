"""After the loss of the signing key: a successor is taken only with enough witnesses, and the log goes on over its past."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.keyring import KeyringError
from infra.log_files import LogDiverged
from infra.log_keys import LOST, Loss, SigningKeys, loss, present_key
from infra.log_source import FolderLog
from infra.merkle import consistent
from infra.notes import ED25519, BadNote, Checkpoint, Note, Signer, opened
from infra.recorder import LedgerRecorder
from infra.transparency import TransparencyLog
from infra.witness import Refused, Witness, statements_of
from tests.proof.test_transparency import fill, start

__all__ = ["start"]

Start = Callable[..., TransparencyLog]
QUORUM = 2


class Scene:
    """A log with three witnesses, two of which have to agree, that has seen better days: its key is gone."""

    def __init__(self, start: Start, recorder: LedgerRecorder, folder: Path) -> None:
        self.start, self.recorder, self.folder = start, recorder, folder
        fill(recorder, 20)
        begun = start()
        self.last = begun.catch_up()
        self.old = begun.key
        self.witnesses = [Witness(folder / name, name, self.old) for name in ("w1", "w2", "w3")]
        self.keys = [one.key for one in self.witnesses]
        for one in self.witnesses:
            one.look(self.source())
        for file in (folder / "keys").glob("*.key"):
            file.unlink()

    def log(self) -> TransparencyLog:
        """The log as a program that starts sees it."""
        return self.start(witnesses=self.keys, quorum=QUORUM)

    def source(self, log: TransparencyLog | None = None) -> FolderLog:
        """Where witnesses read it."""
        return FolderLog(self.folder / "log", log)

    def witness(self, number: int, quorum: int = QUORUM) -> Witness:
        """One of the witnesses, started anew with the others' keys."""
        others = [key for n, key in enumerate(self.keys) if n != number]
        return Witness(self.folder / f"w{number + 1}", f"w{number + 1}", self.old, others=others, quorum=quorum)

    def countersigned(self, *numbers: int) -> list[Note]:
        """The statement as it comes back from some of the witnesses."""
        return [self.witness(n).countersign(self.source(), self.log().succession()) for n in numbers]


@pytest.fixture
def scene(start: Start, recorder: LedgerRecorder, tmp_path: Path) -> Scene:
    return Scene(start, recorder, tmp_path)


def test_a_lost_key_stops_the_log_and_no_new_one_is_made_in_silence(scene: Scene) -> None:
    fill(scene.recorder, 3)
    with pytest.raises(LogDiverged, match=r"lost key: the key that signed .* is not in .*nqms log rekey"):
        scene.log().catch_up()
    assert list((scene.folder / "keys").glob("*.key")) == []
    found = scene.log().checkpoint()
    assert found is not None
    assert found[0] == scene.last, "what it signed can still be read"


def test_an_earlier_key_does_not_sign_for_a_later_one_that_is_lost(
    start: Start, recorder: LedgerRecorder, tmp_path: Path
) -> None:
    log = start()
    log.catch_up()
    log.replace_key()
    (tmp_path / "keys" / "0002.key").unlink()
    fill(recorder, 1)
    with pytest.raises(LogDiverged, match="lost key"):
        start().catch_up()


def test_without_a_quorum_the_successor_is_refused(scene: Scene) -> None:
    log = scene.log()
    with pytest.raises(BadNote, match=r"0 of the witnesses .* and 2 have to"):
        log.succeed([log.succession()])
    with pytest.raises(BadNote, match=r"1 of the witnesses .* and 2 have to"):
        log.succeed(scene.countersigned(0))
    with pytest.raises(BadNote, match="1 of the witnesses"):
        log.succeed([*scene.countersigned(1), *scene.countersigned(1)])
    assert log.files.read("keys/1") is None
    with pytest.raises(LogDiverged, match="lost key"):
        scene.log().catch_up()
    assert scene.log().succession() == log.succession(), "the statement is the same each time"


def test_with_a_quorum_the_successor_signs_and_the_tree_goes_on(scene: Scene) -> None:
    old, new = scene.log().succeed(scene.countersigned(0, 2))
    assert old == scene.old
    fill(scene.recorder, 300)
    log = scene.log()
    signed = log.catch_up()
    found = log.checkpoint()
    assert log.key == new
    assert found is not None
    assert opened(str(found[1]), new)[0] == signed
    last = scene.last
    assert consistent(last.size, last.root, signed.size, signed.root, log.tree(signed.size).consistency(last.size))
    for number in (0, 1, 2):
        assert scene.witness(number).look(scene.source(log)).signed_by(new) is not None
    assert len(log.seen_by(log.proving(signed.size)[1])) == 3
    log.replace_key()
    assert present_key(scene.old, statements_of(scene.source()), scene.keys, QUORUM) == scene.log().key != new


def test_verifiers_take_the_successor_only_with_the_quorum_they_ask_for(scene: Scene) -> None:
    _, new = scene.log().succeed(scene.countersigned(0, 2))
    statements = statements_of(scene.source())
    assert present_key(scene.old, statements, scene.keys, 2) == new
    for witnesses, quorum in (((), 0), ((), 1), (scene.keys, 3), (scene.keys[1:2], 0)):
        with pytest.raises(BadNote, match="countersigned that the key was lost"):
            present_key(scene.old, statements, witnesses, quorum)
    assert present_key(new, statements) == new, "who has the new key from its operator needs no statement"


def test_a_witness_that_knows_no_quorum_refuses_the_new_key(scene: Scene) -> None:
    scene.log().succeed(scene.countersigned(0, 2))
    for quorum in (0, 3):
        with pytest.raises(Refused, match="unsigned"):
            scene.witness(1, quorum).look(scene.source())
    scene.witness(1).look(scene.source())


class TestWhatAWitnessDoesNotCountersign:
    """It has a memory of its own."""

    def stated(self, scene: Scene, checkpoint: Checkpoint, seed: int = 7) -> Note:
        successor = Signer(scene.old.name, ED25519, bytes([seed]) * 32)
        return Loss(scene.old, successor.key, checkpoint).signed(successor)

    def test_an_earlier_state(self, scene: Scene) -> None:
        earlier = Checkpoint(scene.old.name, 5, bytes(32))
        with pytest.raises(Refused, match="rollback: the log shows 5 entries, after it had shown 21"):
            scene.witness(0).countersign(scene.source(), self.stated(scene, earlier))

    def test_another_history(self, scene: Scene) -> None:
        forged = Checkpoint(scene.old.name, scene.last.size, bytes(32))
        with pytest.raises(Refused, match="fork") as refused:
            scene.witness(0).countersign(scene.source(), self.stated(scene, forged))
        assert refused.value.evidence is not None
        assert LOST in (refused.value.evidence / "shown").read_text()

    def test_a_second_successor(self, scene: Scene) -> None:
        scene.countersigned(0)
        scene.countersigned(0)
        with pytest.raises(Refused, match="fork: it countersigned another successor"):
            scene.witness(0).countersign(scene.source(), self.stated(scene, scene.last))

    def test_a_statement_that_the_successor_did_not_sign(self, scene: Scene) -> None:
        mine = self.stated(scene, scene.last)
        unsigned = Note(mine.text, ()).with_lines([Signer(scene.old.name, ED25519, bytes(32)).line(mine.text)])
        with pytest.raises(BadNote, match="the successor of a lost key signs"):
            scene.witness(0).countersign(scene.source(), unsigned)

    def test_the_key_of_another_log(self, scene: Scene) -> None:
        other = Signer("another-log", ED25519, bytes(32))
        stated = Loss(
            other.key, Signer("another-log", ED25519, bytes([1]) * 32).key, Checkpoint("another-log", 0, bytes(32))
        )
        note = stated.signed(Signer("another-log", ED25519, bytes([1]) * 32))
        with pytest.raises(BadNote, match="not seen sign"):
            scene.witness(0).countersign(scene.source(), note)
        mixed = Loss(scene.old, stated.new, scene.last).signed(Signer("another-log", ED25519, bytes([1]) * 32))
        with pytest.raises(BadNote, match="not of one log"):
            loss(mixed)


def test_a_statement_of_another_successor_is_not_taken(scene: Scene) -> None:
    signed = scene.countersigned(0, 1)
    (scene.folder / "keys" / "next.key").unlink()
    with pytest.raises(BadNote, match="not the statement"):
        scene.log().succeed(signed)


def test_a_key_that_is_there_is_not_declared_lost(start: Start) -> None:
    log = start()
    log.catch_up()
    with pytest.raises(KeyringError, match="replace-key"):
        log.succession()


@pytest.mark.parametrize("step", ["succeed", "_sign"])
def test_a_crash_in_between_is_made_up_for(scene: Scene, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    signed = scene.countersigned(0, 1, 2)

    def crash(*_: object) -> None:
        raise OSError("the machine is gone")

    with monkeypatch.context() as broken:
        broken.setattr(SigningKeys if step == "succeed" else TransparencyLog, step, crash)
        with pytest.raises(OSError, match="the machine"):
            scene.log().succeed(signed)
    if step == "succeed":
        scene.log().succeed(signed[:2])
    fill(scene.recorder, 2)
    assert scene.log().catch_up().size == 23
    assert present_key(scene.old, statements_of(scene.source()), scene.keys, QUORUM) == scene.log().key


class TestALogThatWasPutBack:
    """A witness that refuses a rollback tells the log what it had seen, and the log signs nothing less."""

    @pytest.fixture
    def early(self, start: Start, recorder: LedgerRecorder, tmp_path: Path) -> dict[str, bytes]:
        """The log's files at nine events; afterwards it had more, and a witness saw them."""
        fill(recorder, 8)
        log = start()
        log.catch_up()
        files = {str(p.relative_to(tmp_path)): p.read_bytes() for p in (tmp_path / "log").rglob("*") if p.is_file()}
        fill(recorder, 30)
        log.catch_up()
        Witness(tmp_path / "w", "w", log.key).look(FolderLog(log.files.folder))
        return files

    def put_back(self, early: dict[str, bytes], folder: Path) -> None:
        for path in (p for p in (folder / "log").rglob("*") if p.is_file()):
            path.unlink()
        for name, content in early.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    def refused(self, start: Start, folder: Path) -> TransparencyLog:
        one = Witness(folder / "w", "w", start().key)
        log = start(witnesses=(one.key,), quorum=1)
        with pytest.raises(Refused, match="rollback"):
            one.look(FolderLog(log.files.folder, log))
        return log

    def test_it_signs_nothing_while_it_has_less_than_was_seen(
        self, start: Start, early: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.put_back(early, tmp_path)
        log = self.refused(start, tmp_path)
        real = log._commitments
        monkeypatch.setattr(log, "_commitments", lambda after, limit: [r for r in real(after, limit) if r[0] <= 12])
        with pytest.raises(LogDiverged, match="rollback: the log has 12 entries, and witnesses saw 39 of it"):
            log.catch_up()
        found = log.checkpoint()
        assert found is not None
        assert found[0].size == 9

    def test_it_goes_on_when_everything_that_was_seen_is_there(
        self, start: Start, early: dict[str, bytes], tmp_path: Path
    ) -> None:
        self.put_back(early, tmp_path)
        log = self.refused(start, tmp_path)
        assert log.catch_up().size == 39
        assert log.files.read("seen-beyond") is None
        Witness(tmp_path / "w", "w", log.key).look(FolderLog(log.files.folder, log))

    def test_another_history_of_that_size_is_not_signed(
        self, start: Start, early: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.put_back(early, tmp_path)
        log = self.refused(start, tmp_path)
        real = log._commitments

        def other(after: int, limit: int) -> list[tuple[int, bytes]]:
            return [(n, c if n < 30 else bytes(32)) for n, c in real(after, limit)]

        monkeypatch.setattr(log, "_commitments", other)
        with pytest.raises(LogDiverged, match="fork: the first 39 entries are not those that witnesses saw"):
            log.catch_up()
