"""Backup, disaster, restore: what was acknowledged is there again, and what is not whole is refused by name."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.database import APP_ROLE, OWNER_ROLE, EmbeddedServer, create_roles, create_schema
from infra.ledger_state import LedgerState, NoLedger, read_state
from infra.log_files import LogDiverged
from infra.log_source import FolderLog
from infra.settings import Settings
from infra.wiring import open_service
from infra.witness import Refused, Witness
from tests.faults.drilling import (
    Writers,
    copied,
    destroy,
    ended_at,
    kill_server,
    root_of_first,
    run,
    signing,
    state_of,
)

pytestmark = pytest.mark.req("H8")


@pytest.fixture(scope="module")
def grown() -> Generator[Path]:
    """A small ledger with history, its log signed, in a data folder; nobody writes to it."""
    folder = Path(tempfile.mkdtemp(prefix="nqd-"))
    try:
        run(folder / "data", "simulate", "--programs", "2", "--years", "2", "--seed", "4", "--workers", "1")
        run(folder / "data", "log", "checkpoint")
        yield folder / "data"
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def place(grown: Path) -> Generator[Path]:
    """A short folder with a copy of that ledger in `data`."""
    folder = Path(tempfile.mkdtemp(prefix="nqd-"))
    try:
        copied(grown, folder / "data")
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def backed(grown: Path) -> Generator[Path]:
    """A backup of it in `backup`, the keys in `keys`; nobody changes them."""
    folder = Path(tempfile.mkdtemp(prefix="nqd-"))
    try:
        run(grown, "backup", str(folder / "backup"), "--keys", str(folder / "keys"))
        yield folder
    finally:
        shutil.rmtree(folder)


def test_backup_destroy_restore_verify(place: Path) -> None:
    data, backup, keys = place / "data", place / "backup", place / "keys"
    (place / "kept").write_text(run(data, "log", "checkpoint").stdout)
    before = state_of(data)
    said = run(data, "backup", str(backup), "--keys", str(keys)).stdout
    assert f"{before.events:,} events, root {before.root.hex()}" in said
    destroy(data, keys)
    said = run(data, "restore", str(backup), "--keys", str(keys), "--checkpoint", str(place / "kept")).stdout
    assert f"log: {before.events} events under a signed checkpoint, 0 divergences" in said
    assert "documents: 13 documents read and hashed again, 0 divergences" in said
    assert f"{before.events:,} events in" in said.splitlines()[-1]
    assert state_of(data) == before
    assert run(data, "verify", "--checkpoint", str(place / "kept")).stdout.endswith(", 0 divergences\n")


def test_while_writers_write_everything_acknowledged_before_the_backup_was_complete_is_in_it(place: Path) -> None:
    data, backup, keys = place / "data", place / "backup", place / "keys"
    before = state_of(data)
    with open_service(Settings(data_dir=data)) as service, signing(service):
        writers = Writers(service)
        with writers.writing():
            until = time.monotonic() + 0.3
            while not writers.answers or time.monotonic() < until:
                time.sleep(0.01)
            run(data, "backup", str(backup), "--keys", str(keys))
        last = writers.register()
    end = ended_at(backup)
    within = [one.position for one in writers.answers if one.reached <= end]
    assert before.events < max(within) < last.position, "they wrote before and after"
    root = root_of_first(data, max(within))
    destroy(data, keys)
    run(data, "restore", str(backup), "--keys", str(keys))
    after = state_of(data)
    assert after.events >= max(within)
    assert root_of_first(data, max(within)) == root
    began = json.loads((backup / "manifest.json").read_text())["events"]
    assert before.events <= began < max(within), "also those that came while it was made"


def test_a_followed_backup_loses_nothing_when_the_machine_dies(place: Path) -> None:
    data, backup, keys = place / "data", place / "backup", place / "keys"
    with open_service(Settings(data_dir=data)) as service:
        writers = Writers(service)
        following = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "backup", str(backup), "--follow", "--keys", str(keys)],
            env={"NQMS_DATA_DIR": str(data), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert following.stderr is not None
            assert "following" in following.stderr.readline()
            with writers.writing():
                time.sleep(0.3)
            last = writers.register()
            _wait_for(data, last.reached)
            kill_server(data)
            assert "not followed any more" in following.communicate(timeout=600)[1]
            assert following.returncode == 2
        finally:
            following.kill()
            following.communicate()
    destroy(data, keys)
    run(data, "restore", str(backup), "--keys", str(keys))
    assert state_of(data).events == last.position == max(one.position for one in writers.answers)


def _wait_for(data: Path, reached: int) -> None:
    """Until the follower has written down what was acknowledged."""
    query = "SELECT coalesce(max(flush_lsn), '0/0') - '0/0'::pg_lsn FROM pg_stat_replication"
    with EmbeddedServer(data) as server, psycopg.connect(server.dsn(), autocommit=True) as connection:
        deadline = time.monotonic() + 600
        while True:
            row: Any = connection.execute(query).fetchone()
            if row[0] >= reached:
                return
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_following_ends_when_it_is_asked_to(place: Path) -> None:
    following = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "backup", str(place / "backup"), "--follow"],
        env={"NQMS_DATA_DIR": str(place / "data"), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert following.stderr is not None
        assert "following" in following.stderr.readline()
        following.send_signal(signal.SIGTERM)
        out, said = following.communicate(timeout=600)
    finally:
        following.kill()
        following.communicate()
    assert (following.returncode, "events, root" in out) == (0, True)
    assert "the keys are not in it" in said


def test_no_key_is_in_a_backup(grown: Path, backed: Path) -> None:
    keys = [path.read_bytes() for path in (grown / "keys").rglob("*.key")]
    assert len(keys) > 100
    assert (backed / "keys" / "log" / "0001.key").read_bytes() in keys
    looked_at = 0
    for path in (p for p in (backed / "backup").rglob("*") if p.is_file()):
        content = path.read_bytes()
        looked_at += 1
        assert not any(key in content or key.hex().encode() in content for key in keys), path
        assert path.name[-4:] != ".key"
    assert looked_at > 1000


class TestRefused:
    """A backup that is not whole, or not what somebody else remembers, leaves the place empty."""

    @pytest.fixture
    def changed(self, backed: Path, place: Path) -> Path:
        """A copy of the backup, for changing it."""
        return copied(backed / "backup", place / "changed")

    def refused(self, place: Path, backed: Path, *words: str) -> str:
        target = place / "restored"
        said = run(target, "restore", str(place / "changed"), "--keys", str(backed / "keys"), *words, code=1)
        assert [path.name for path in target.iterdir() if path.name not in ("keys", "postgres-log")] == []
        assert "the backup was not restored" in said.stderr
        return said.stderr

    def test_files_that_were_changed_removed_or_added_are_all_named(
        self, changed: Path, backed: Path, place: Path
    ) -> None:
        document = next((changed / "documents").rglob("d_*"))
        document.write_bytes(b"\0" + document.read_bytes()[1:])
        (changed / "log" / "tile" / "0" / "001").unlink()
        (changed / "documents" / "put-in").write_text("not there before")
        target = place / "restored"
        said = run(target, "restore", str(changed), "--keys", str(backed / "keys"), code=1).stderr
        assert f"documents/{document.parent.name}/{document.name} is not what was backed up" in said
        assert "log/tile/0/001 is missing" in said
        assert "documents/put-in is not in the manifest" in said
        assert not target.exists()

    def sealed_anew(self, changed: Path, **fields: object) -> None:
        """The manifest written again over what is there, as by one who wants it to pass."""
        manifest = json.loads((changed / "manifest.json").read_text())
        there = [p for p in changed.rglob("*") if p.is_file() and p.name != "manifest.json"]
        digests = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in there}
        manifest["files"] = {p.relative_to(changed).as_posix(): [p.stat().st_size, d] for p, d in digests.items()}
        (changed / "manifest.json").write_text(json.dumps(manifest | fields))

    def test_a_manifest_that_was_written_again_does_not_help(self, changed: Path, backed: Path, place: Path) -> None:
        document = next((changed / "documents").rglob("d_*"))
        document.write_bytes(b"\0" + document.read_bytes()[1:])
        self.sealed_anew(changed)
        assert f"documents: {document.name}" in self.refused(place, backed)

    def test_another_root_than_the_manifests_is_named(self, changed: Path, backed: Path, place: Path) -> None:
        self.sealed_anew(changed, root="00" * 32)
        assert "log: fork: the first 734 events do not give the root" in self.refused(place, backed)

    def test_a_log_of_another_history_is_named(self, changed: Path, backed: Path, place: Path) -> None:
        tile = changed / "log" / "tile" / "entries" / "000"
        tile.write_bytes(tile.read_bytes()[:-1] + b"\0")
        bundle = changed / "log" / "tile" / "entries" / "002.p" / "222"
        bundle.write_bytes(bundle.read_bytes()[:-1] + b"\0")
        self.sealed_anew(changed)
        assert "fork: the event at position 734 is not the one that was signed" in self.refused(place, backed)

    def test_an_older_backup_than_a_witness_saw_is_a_rollback(self, backed: Path, place: Path) -> None:
        data = place / "data"
        with open_service(Settings(data_dir=data)) as service:
            Writers(service).register()
            service.log.catch_up()
            witness = Witness(place / "w", "w", service.log.key)
            witness.look(FolderLog(data / "log"))
        copied(backed / "backup", place / "changed")
        said = self.refused(place, backed, "--checkpoint", str(place / "w" / "seen"))
        assert "rollback: the log shows 734 events, and had shown 735" in said
        assert "covers 735 events, and the ledger ends at 734; 1 are missing" in said
        run(place / "older", "restore", str(place / "changed"), "--keys", str(backed / "keys"))
        with open_service(Settings(data_dir=place / "older", witnesses=str(witness.key))) as service:
            with pytest.raises(Refused, match="rollback"):
                witness.look(FolderLog(place / "older" / "log", service.log))
            with pytest.raises(LogDiverged, match="rollback: the log has 734 entries, and witnesses saw 735"):
                service.log.catch_up()


@pytest.fixture(scope="module")
def server() -> Generator[EmbeddedServer]:
    """A durable server, used as an outside one."""
    folder = Path(tempfile.mkdtemp(prefix="nqo-"))
    try:
        with EmbeddedServer(folder / "server") as server:
            create_roles(server)
            yield server
    finally:
        shutil.rmtree(folder)


class TestOutsideServer:
    """A database that is not the embedded one is dumped, and loaded into an empty database of such a server."""

    def addresses(self, server: EmbeddedServer, name: str) -> dict[str, str]:
        """The settings for one of its databases."""
        return {"NQMS_DATABASE_URL": server.dsn(APP_ROLE, name), "NQMS_MIGRATE_URL": server.dsn(OWNER_ROLE, name)}

    def state(self, server: EmbeddedServer, name: str) -> LedgerState:
        with psycopg.connect(server.dsn(database=name)) as connection:
            return read_state(connection)

    def test_dump_load_verify(self, server: EmbeddedServer, place: Path, backed: Path) -> None:
        data, again = place / "outside", place / "again"
        first, second = self.addresses(server, "first"), self.addresses(server, "second")
        create_schema(server, "first")
        run(data, "simulate", "--programs", "2", "--years", "2", "--seed", "4", "--workers", "1", at=first)
        assert (
            "NQMS_MIGRATE_URL"
            in run(data, "backup", str(place / "b"), code=2, at=first | {"NQMS_MIGRATE_URL": ""}).stderr
        )
        assert "its operator's to keep" in run(data, "backup", str(place / "b"), "--follow", code=2, at=first).stderr
        shutil.rmtree(place / "b")
        run(data, "log", "checkpoint", at=first)
        run(data, "backup", str(place / "b"), "--keys", str(place / "k"), at=first)
        with_keys = ("restore", str(place / "b"), "--keys", str(place / "k"))
        assert "holds a ledger already" in run(again, *with_keys, code=2, at=first).stderr
        assert "of an outside server" in run(again, *with_keys, code=2).stderr
        embedded = ("restore", str(backed / "backup"), "--keys", str(backed / "keys"))
        assert "of an embedded database" in run(again, *embedded, code=2, at=second).stderr
        create_schema(server, "second")  # migrated, as a service that is set up by containers finds it
        assert "0 divergences" in run(again, *with_keys, at=second).stdout
        assert self.state(server, "second") == self.state(server, "first")
        assert "734 events, 3 decisions, 0 divergences" in run(again, "verify", at=second).stdout

    def test_what_is_refused_leaves_the_database_empty(self, server: EmbeddedServer, place: Path) -> None:
        third, fourth = self.addresses(server, "third"), self.addresses(server, "fourth")
        for name in ("third", "fourth"):
            create_schema(server, name)
        run(place / "outside", "simulate", "--programs", "2", "--years", "1", "--seed", "5", "--workers", "1", at=third)
        run(place / "outside", "backup", str(place / "b"), "--keys", str(place / "k"), at=third)
        manifest = json.loads((place / "b" / "manifest.json").read_text())
        (place / "b" / "manifest.json").write_text(json.dumps(manifest | {"root": "00" * 32}))
        said = run(place / "again", "restore", str(place / "b"), "--keys", str(place / "k"), code=1, at=fourth).stderr
        assert "do not give the root" in said
        with pytest.raises(NoLedger):
            self.state(server, "fourth")


class TestWrongUse:
    """Said in a sentence, with nothing changed."""

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("backup", "{backed}/backup"), "is not empty"),
            (("backup", "{place}/new", "--keys", "{place}/new/keys"), "do not go into one place"),
            (("restore", "{backed}/backup"), "holds postgres, log, documents already"),
            (("restore", "{backed}"), "holds no finished backup"),
        ],
    )
    def test_on_a_folder_with_a_ledger(
        self, grown: Path, backed: Path, place: Path, words: tuple[str, ...], said: str
    ) -> None:
        given = [word.format(backed=backed, place=place) for word in words]
        assert said in run(grown, *given, code=2).stderr

    def test_without_a_ledger_or_without_keys(self, backed: Path, place: Path) -> None:
        assert "there is no ledger in" in run(place / "none", "backup", str(place / "b"), code=2).stderr
        assert not (place / "none").exists()
        assert "the keys are not in a backup" in run(place / "none", "restore", str(backed / "backup"), code=2).stderr

    def test_a_manifest_of_another_kind(self, backed: Path, place: Path) -> None:
        (place / "b").mkdir()
        (place / "b" / "manifest.json").write_text("{}")
        assert "cannot be read" in run(place / "none", "restore", str(place / "b"), code=2).stderr
        manifest = json.loads((backed / "backup" / "manifest.json").read_text()) | {"format": "nqms backup v9"}
        (place / "b" / "manifest.json").write_text(json.dumps(manifest))
        older = json.loads((backed / "backup" / "manifest.json").read_text()) | {"server": 17}
        (place / "older").mkdir()
        (place / "older" / "manifest.json").write_text(json.dumps(older))
        said = run(place / "n", "restore", str(place / "older"), "--keys", str(backed / "keys"), code=2).stderr
        assert "PostgreSQL 17 made this backup, and this program brings PostgreSQL 18" in said
        assert "this program reads 'nqms backup v1'" in run(place / "n", "restore", str(place / "b"), code=2).stderr


def test_an_erased_key_is_destroyed_in_the_copy_at_the_next_backup(place: Path) -> None:
    data, keys = place / "data", place / "keys"
    run(data, "backup", str(place / "one"), "--keys", str(keys))
    with open_service(Settings(data_dir=data)) as service:
        person = next(key for key, _ in service.keyring.stored() if key.startswith("p_"))
        key = service.keyring.get(person)
        service.vault.erase(person)
    assert key is not None
    assert [p for p in keys.rglob("*.key") if key in p.read_bytes()] != []
    said = run(data, "backup", str(place / "two"), "--keys", str(keys)).stdout
    assert "0 keys copied, 1 destroyed that were erased" in said
    assert [p for p in keys.rglob("*.key") if key in p.read_bytes()] == []
    other = next(p for p in keys.glob("??/*.key") if p.read_bytes())
    other.write_bytes(bytes(32))
    assert "the copy of another ledger's" in run(data, "backup", str(place / "x"), "--keys", str(keys), code=2).stderr
