"""The public log over HTTP and from the command line: served static, read by a witness, kept elsewhere."""

from collections.abc import Generator
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from api.app import create_app
from api.cli import app
from consumers import verify_bundle
from infra.log_source import RemoteLog
from infra.merkle import Tree
from infra.notes import Checkpoint, Note, VerifierKey, opened
from infra.transparency import TransparencyLog
from infra.witness import Witness
from tests.api.client import Client, codes
from tests.api.conftest import Desk
from tests.api.test_cli import Shell, opening

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def signed(desk: Desk) -> Client:
    """A client of a service whose log is up to date."""
    desk.service.log.catch_up()
    return desk.client()


@pytest.fixture
def nqms(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return opening(desk, monkeypatch)


@pytest.fixture
def address(desk: Desk) -> Generator[str]:
    """The log's address at a server that really listens."""
    desk.service.log.catch_up()
    config = uvicorn.Config(create_app(desk.service), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/log"
    server.should_exit = True
    thread.join(timeout=10)


def test_everybody_reads_the_checkpoint_and_every_tile(signed: Client, desk: Desk) -> None:
    answer = signed.http.get("/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=1"
    checkpoint, _ = opened(answer.text, desk.service.log.key)
    assert checkpoint.size == desk.head
    assert signed.http.get("/log/key").text == f"{desk.service.log.key}\n"

    def read(level: int, index: int, width: int) -> bytes:
        path = f"/log/tile/{level}/{index:03}" + (f".p/{width}" if width < 256 else "")
        tile = signed.http.get(path)
        assert tile.status_code == 200
        assert tile.headers["cache-control"] == FOR_EVER
        assert tile.headers["content-type"] == "application/octet-stream"
        return tile.content

    assert Tree(checkpoint.size, read).root() == checkpoint.root
    assert signed.http.get("/log/tile/entries/000").headers["cache-control"] == FOR_EVER


@pytest.mark.parametrize(
    "path",
    ["tile/0/999", "tile/64/000", "tile/0/../../keys", "tile/0/%2e%2e/%2e%2e/checkpoint", "keys/1",
     "tile/checkpoint", "witnessed", ".turn", "tile/0/0"],
)  # fmt: skip
def test_nothing_else_is_served(signed: Client, path: str) -> None:
    assert codes(signed.http.get(f"/log/{path}")) == ["NOT_FOUND"]


def test_a_witness_reads_over_http_and_hands_its_cosignature_in(desk: Desk, address: str, tmp_path: Path) -> None:
    log = desk.service.log
    one = Witness(tmp_path / "w", "witness.example/w1", log.key)
    log.witnesses, log.quorum = (one.key,), 1
    one.look(RemoteLog(address))
    found = desk.service.log.witnessed()
    assert found is not None
    assert list(log.seen_by(found[1])) == ["witness.example/w1"]
    assert Note.parse(desk.client().http.get("/log/witnessed").text) == found[1]


def test_a_cosignature_of_nobody_known_is_refused(signed: Client) -> None:
    assert codes(signed.http.post("/log/cosignatures", content=b"\xff")) == ["INVALID_BODY"]
    assert codes(signed.http.post("/log/cosignatures", content=b"text\n\n")) == ["INVALID_BODY"]
    assert codes(signed.http.post("/log/cosignatures", content=b"x" * 40_000)) == ["TOO_LARGE"]
    plain = signed.http.get("/log/checkpoint").content
    assert codes(signed.http.post("/log/cosignatures", content=plain)) == ["INVALID_BODY"]


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "220"})
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


class TestVerbs:
    def test_checkpoint_and_key(self, nqms: Shell, desk: Desk) -> None:
        key = VerifierKey.parse(nqms("log", "key").stdout)
        assert key == desk.service.log.key
        checkpoint, _ = opened(nqms("log", "checkpoint").stdout, key)
        assert checkpoint.size == desk.head
        told = nqms.json("log", "checkpoint")
        assert isinstance(told, dict)
        assert (told["size"], told["root"], told["seen_by"]) == (checkpoint.size, checkpoint.root.hex(), {})

    def test_a_witness_as_a_process_of_its_own(self, nqms: Shell, desk: Desk, address: str, tmp_path: Path) -> None:
        asked = ("log", "witness", "--log", address, "--key", str(desk.service.log.key))
        asked += ("--state", str(tmp_path / "w"), "--name", "w.example/1", "--once")
        desk.service.log.witnesses = (VerifierKey.parse(run(*asked, "--show-key").stdout),)
        desk.service.log.quorum = 1
        assert f"cosigned {desk.service.log.origin} at {desk.head} events" in run(*asked).stdout
        assert run(*asked).stdout == "", "nothing new was seen"
        assert "seen by w.example/1 at" in nqms("log", "checkpoint").stderr
        rolled_back(desk.service.log)
        said = run(*asked, code=1).stderr
        assert "rollback" in said
        assert str(tmp_path / "w" / "evidence") in said

    def test_a_key_is_replaced(self, nqms: Shell, desk: Desk) -> None:
        old = desk.service.log.key
        said = nqms("log", "replace-key").stdout
        assert said == f"old {old}\nnew {desk.service.log.key}\n"
        assert desk.client().http.get("/log/keys/1").headers["cache-control"] == FOR_EVER

    def test_wrong_use_is_said_in_a_sentence(self, tmp_path: Path) -> None:
        more = ("--state", str(tmp_path / "w"), "--name", "w", "--once")
        assert "verifier key" in run("log", "witness", "--log", "x", "--key", "x", *more, code=2).stderr
        key = str(VerifierKey("log", 1, bytes(range(32))))
        assert "no folder" in run("log", "witness", "--log", str(tmp_path / "no"), "--key", key, *more, code=2).stderr
        assert "cannot be reached" in run(
            "log", "witness", "--log", "http://127.0.0.1:9/log", "--key", key, *more, code=2
        ).stderr  # fmt: skip


def rolled_back(log: TransparencyLog) -> None:
    """An earlier state shown as the present one, by one who holds the key."""
    signer = log._keys.current()
    early = Checkpoint(log.origin, 1, log.tree(1).root())
    log.files.replace("checkpoint", (early.text + "\n" + signer.line(early.text)).encode())


class TestBundles:
    def test_whoever_may_read_the_decision_gets_its_bundle(self, read_only: Desk) -> None:
        client, lake = read_only.client(), read_only.journeys["lake"]
        row = read_only.service.reading.decisions(program_id=lake.program_id).rows[0]
        path = f"/decisions/{row.dossier.decision_id}/bundle"
        answer = client.get(path, by=lake.id_of("lead"))
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "private, no-store"
        key = verify_bundle.key_of(str(read_only.service.log.key), 1)
        assert "mn-qp/expert was granted" in verify_bundle.verify(answer.text, key, [], 0)[0]
        assert answer.json()["texts"] != {}
        assert client.get(path, by=lake.id_of("lead"), words="none").json()["texts"] == {}
        assert codes(client.get(path, by="p_stranger0")) == ["NOT_DISCLOSED"]
        assert codes(client.get(path)) == ["NOT_IDENTIFIED"]
        assert codes(client.get("/decisions/nosuch/bundle", by="operator")) == ["NOT_FOUND"]
        assert codes(client.get(path, by=lake.id_of("lead"), words="some")) == ["PARAMETER_INVALID"]

    def test_a_bundle_from_the_command_line(self, nqms: Shell, desk: Desk, tmp_path: Path) -> None:
        decided = nqms.json("decisions", "--name", "lantern")
        assert isinstance(decided, list)
        file = tmp_path / "decision.bundle.json"
        said = nqms("bundle", decided[0]["decision_id"], "-o", str(file)).stdout
        assert f"verified with --key {desk.service.log.key}" in said
        assert verify_bundle.main([str(file), "--key", str(desk.service.log.key)]) == 0
        assert "no decision nosuch" in nqms("bundle", "nosuch", "-o", str(file), code=2).stderr
