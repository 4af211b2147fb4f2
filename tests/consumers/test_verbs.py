"""The verbs for outside readers, as programs of their own on a real broker."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from api.demo.doors import LedgerDoor, StoryClock
from api.demo.world import found
from consumers.scope import of_affiliate, teller
from infra.database import connect
from infra.kafka import Cluster
from infra.settings import Settings
from infra.topics import Topic, Topics
from infra.wiring import open_service
from tests.api.conftest import START
from tests.consumers.receiver import letterbox
from tests.consumers.relays import read_all
from tests.kafka_broker import free_port
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path, cluster: Cluster, topics: Topics) -> dict[str, str]:
    """A data folder of its own with affiliates, policies and instruments, and the broker named."""
    clock = StoryClock(START)
    with open_service(Settings(data_dir=tmp_path / "data"), clock) as service:
        found(LedgerDoor(service, clock))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "NQMS_DATA_DIR": str(tmp_path / "data"),
        "NQMS_KAFKA_BOOTSTRAP": cluster.bootstrap,
        "NQMS_KAFKA_PREFIX": topics.prefix,
        "NQMS_READER_DIR": str(tmp_path / "archive"),
    }


def nqms(environment: dict[str, str], *words: str, code: int = 0) -> str:
    """Run a verb to its end; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def started(environment: dict[str, str], *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "api.cli", *words], env=environment, cwd=ROOT)


def ended(process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=60)


def test_from_no_topic_to_a_checked_archive(
    environment: dict[str, str], cluster: Cluster, topics: Topics, tmp_path: Path
) -> None:
    assert "run `nqms kafka init`" in nqms(environment, "relay", code=2)
    made = nqms(environment, "kafka", "init", "--partitions", "2")
    assert f"made {topics.of_affiliate('il').name}" in made
    assert "every topic is there, as it has to be" in nqms(environment, "kafka", "init")

    def stands() -> dict[str, int]:
        return json.loads(nqms(environment, "kafka", "status", "--format", "json"))

    relay = started(environment, "relay")
    try:
        until(lambda: stands()["lag"] == 0, within=120)
    finally:
        assert ended(relay) == 0
    head = stands()["head"]
    assert len(read_all(cluster, topics.ledger)) == head > 0
    archive = started(environment, "kafka", "archive")
    try:
        until(lambda: f"{head} events" in nqms_any(environment, "kafka", "check-archive", str(tmp_path)), within=120)
    finally:
        assert ended(archive) == 0
    told = nqms(environment, "kafka", "check-archive", str(tmp_path / "archive"))
    assert f"{head} events of" in told
    assert "0 faults" in told


def nqms_any(environment: dict[str, str], *words: str) -> str:
    """The same where the archive may not be there yet."""
    folder = Path(words[-1]) / "archive"
    return nqms(environment, *words[:-1], str(folder)) if (folder / "chain.jsonl").exists() else ""


def test_other_settings_are_refused(environment: dict[str, str], cluster: Cluster, topics: Topics) -> None:
    cluster.create((Topic(topics.partners.name, "", {"cleanup.policy": "delete"}),), 1, 1)
    refused = nqms(environment, "kafka", "init", code=1)
    assert f"{topics.partners.name}: cleanup.policy is delete, it has to be compact" in refused


def test_without_a_broker_it_says_so(environment: dict[str, str]) -> None:
    nowhere = {**environment, "NQMS_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}"}
    assert "no Kafka broker answers at" in nqms(nowhere, "kafka", "status", code=2)
    unnamed = {name: value for name, value in environment.items() if name != "NQMS_KAFKA_BOOTSTRAP"}
    assert "NQMS_KAFKA_BOOTSTRAP" in nqms(unnamed, "relay", code=2)


def test_the_directory_site_is_a_program_of_its_own(
    environment: dict[str, str], reader_database: str, topics: Topics, cluster: Cluster
) -> None:
    cluster.create(topics.standing(), 2, 1)
    port = free_port()
    listening = {**environment, "NQMS_LISTEN": f"127.0.0.1:{port}", "NQMS_READER_URL": reader_database}
    site = started(listening, "kafka", "directory-site")

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/partners", timeout=5) as answered:
                return json.load(answered)["partners"] == []
        except OSError:
            return False

    try:
        until(answers, within=60)
    finally:
        assert ended(site) == 0
    assert "0 keys wait" in nqms(listening, "kafka", "dead-letters")
    with connect(reader_database, None) as database, database.pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM reading.directory").fetchone() == (0,)


def test_two_processes_make_the_read_models_and_say_how_far_they_are(
    environment: dict[str, str], reader_database: str, topics: Topics
) -> None:
    nqms(environment, "kafka", "init", "--partitions", "2")
    reader = {**environment, "NQMS_READER_URL": reader_database}
    ports = [free_port(), free_port()]
    told = [["kafka", "read-models", "--metrics", f"127.0.0.1:{port}"] for port in ports]
    running = [started(environment, "relay"), *(started(reader, *words) for words in told)]

    def reached(port: int) -> float:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answered:
                text = answered.read().decode()
        except OSError:
            return -1
        (said,) = re.findall(r'nqms_reader_position\{reader="read-models"\} (\S+)', text)
        assert 'nqms_reader_parked{reader="read-models"} 0.0' in text
        return float(said)

    try:
        head = json.loads(nqms(environment, "kafka", "status", "--format", "json"))["head"]
        until(lambda: [reached(port) for port in ports] == [head, head], within=120)
    finally:
        assert [ended(process) for process in running] == [0, 0, 0]
    assert "0 events wait still" in nqms(reader, "kafka", "read-models", "--retry")
    assert "is not host:port" in nqms(reader, "kafka", "read-models", "--metrics", "here", code=2)
    other = {**reader, "NQMS_KAFKA_PREFIX": f"{topics.prefix}x"}
    nqms({**environment, "NQMS_KAFKA_PREFIX": f"{topics.prefix}x"}, "kafka", "init")
    assert "name a new database in NQMS_READER_URL" in nqms(other, "kafka", "read-models", code=1)


def test_what_posts_to_webhooks_is_a_program_of_its_own(environment: dict[str, str]) -> None:
    alone = {name: value for name, value in environment.items() if "KAFKA" not in name}
    alone["NQMS_WEBHOOK_NETWORKS"] = "127.0.0.0/8"
    with open_service(Settings(data_dir=Path(alone["NQMS_DATA_DIR"]))) as service:
        outgoing, scope = teller(service.ledger), of_affiliate("il")
        wanted = [fact.position for fact in service.ledger.recorder.read(0, 10_000) if scope.of(outgoing, fact)]
    with letterbox() as box:
        nqms(alone, "webhook", "add", box.address, "--affiliate", "il", "--after", "0")
        posting = started(alone, "webhook", "run")
        try:
            until(lambda: len(box.taken) >= len(wanted), within=240)
        finally:
            assert ended(posting) == 0
        assert box.positions() == wanted
    (told,) = json.loads(nqms(alone, "webhook", "list", "--format", "json"))
    assert (told["position"] >= wanted[-1], told["letters"], told["trouble"]) == (True, [], None)
