"""The peers, installed from their registries at fixed versions into a folder of the bench; none is part of the project.

What cannot be had is told by its error, and the rest is measured.
"""

import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.ground import Ground
from tests.bench.measure import said
from tests.bench.stores import Emmett, Library, MessageDb, Ours, Raw, Uma

NODE_PACKAGES = {
    "@event-driven-io/emmett": "0.42.0",
    "@event-driven-io/emmett-postgresql": "0.42.0",
    "@event-driven-io/pongo": "0.16.11",
    "@eventide/message-db": "1.3.1",
}
PYTHON_PACKAGES = {"umadb": "0.7.8"}


class NotInstalled(RuntimeError):
    """A peer could not be installed; the message says why."""


def _told(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise NotInstalled(f"{command[0]} is not there")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise NotInstalled(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")


def node_modules(cache: Path) -> Path:
    """The folder with the Node packages, installed once. NotInstalled if they cannot be had."""
    folder = cache.resolve() / "node"
    wanted = json.dumps({"name": "bench-peers", "private": True, "type": "module", "dependencies": NODE_PACKAGES})
    mark = folder / "installed.json"
    if not mark.exists() or mark.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(wanted)
        _told(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
        mark.write_text(wanted)
    return folder


def uma_package(cache: Path) -> Path:
    """The folder with UmaDB's Python package, installed once. NotInstalled if it cannot be had."""
    folder = cache.resolve() / "python"
    wanted = json.dumps(PYTHON_PACKAGES)
    mark = folder / "installed.json"
    if not mark.exists() or mark.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        pins = [f"{name}=={version}" for name, version in PYTHON_PACKAGES.items()]
        _told([sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(folder), *pins], folder)
        mark.write_text(wanted)
    return folder


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stores:
    """Every store of the append rows that can be had, and why the others cannot."""

    def __init__(self, ground: Ground, ours: Ours, raw_address: str, cache: Path) -> None:
        self.ours, self.raw, self.raw_address = ours, Raw(raw_address), raw_address
        self.peers: dict[str, Any] = {}
        self.errors: dict[str, str] = {}
        ways: dict[str, Any] = {"E": _library}
        if ground.plan.peers:
            ways |= {"M": _emmett, "D": _message_db, "U": _uma}
        for name, way in ways.items():
            ground.tell(f"preparing {name}")
            try:
                self.peers[name] = way(ground, cache)
            except Exception as error:  # noqa: BLE001  whatever keeps a peer away, the others are measured
                self.errors[name] = said(error)

    def close(self) -> None:
        """Close all."""
        for store in (self.ours, self.raw, *self.peers.values()):
            store.close()


def _library(ground: Ground, _cache: Path) -> Library:
    ground.bare_database("bench_e")
    return Library(ground.host, "bench_e")


def _emmett(ground: Ground, cache: Path) -> Emmett:
    modules = node_modules(cache)
    return Emmett(ground.host, "bench_m", ground.bare_database("bench_m"), modules)


def _message_db(ground: Ground, cache: Path) -> MessageDb:
    package = node_modules(cache) / "node_modules" / "@eventide" / "message-db"
    return MessageDb(ground.bare_database("bench_d"), package)


def _uma(ground: Ground, cache: Path) -> Uma:
    package = uma_package(cache)
    if str(package) not in sys.path:
        sys.path.append(str(package))
    module = importlib.import_module("umadb")
    folder = ground.folder / "uma"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", "import umadb_server_cli; umadb_server_cli.main()"]
    script = package / "umadb" / "umadb_server_cli.py"
    if script.exists():
        command = [sys.executable, "-c", "from umadb.umadb_server_cli import main; main()"]
    return Uma(module, command, {**os.environ, "PYTHONPATH": str(package)}, folder, free_port())
