"""The programs that come with PostgreSQL, run on a server that is up: base backup, dump, load, write-ahead log.

Addresses are libpq connection strings. A program that fails says why: ProgramFailed.
"""

import subprocess
from pathlib import Path
from typing import Final

from infra.postmaster import binaries

# A copier that gets no time for a minute, on a machine that is busy, is not gone.
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGOPTIONS": "-c wal_sender_timeout=0"}
_LAST_LINES = 8


class ProgramFailed(RuntimeError):
    """One of PostgreSQL's programs ended badly; the message is what it said at last."""


def base_backup(address: str, folder: Path) -> None:
    """Copy a whole cluster, with the write-ahead log up to the end of the copying; others go on writing meanwhile."""
    _run("pg_basebackup", "-d", address, "-D", str(folder), "-X", "stream", "-c", "fast", "--no-password")


def dump(address: str, file: Path, snapshot: str | None = None) -> None:
    """Write one database into a file, uncompressed, as it is seen by a snapshot that another session exported."""
    seen = ["--snapshot", snapshot] if snapshot else []
    _run("pg_dump", "-d", address, "-f", str(file), "-Fc", "--compress=none", "--no-password", *seen)


def load(address: str, file: Path, *, owned: bool = True) -> None:
    """Fill an empty database from a dump. Without ``owned`` everything belongs to whoever loads it, with no rights given,
    and takes the place of empty tables that migrations made."""
    kept = [] if owned else ["--no-owner", "--no-acl", "--clean", "--if-exists"]
    _run("pg_restore", "-d", address, "--exit-on-error", "--no-password", *kept, str(file))


def follow(address: str, folder: Path, slot: str) -> "subprocess.Popen[bytes]":
    """Begin to copy the write-ahead log into a folder as it is written, until the program is asked to end (SIGINT).

    The server keeps for the slot of that name what was not copied yet."""
    folder.mkdir(mode=0o700, exist_ok=True)
    command = [
        str(binaries() / "pg_receivewal"),
        "-d",
        address,
        "-D",
        str(folder),
        "-S",
        slot,
        "--synchronous",
        "--no-loop",
    ]
    return subprocess.Popen(
        [*command, "--no-password"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in the terminal is for whoever waits for it
        env=_ENVIRONMENT,
    )


def _run(program: str, *arguments: str) -> None:
    command = [str(binaries() / program), *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=_ENVIRONMENT
    )
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        raise ProgramFailed(f"{program} ended with {done.returncode}: {said}")
