"""A projector as a process of its own: keeps the read models of the database named in the first line of its input."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from infra import building
from infra.database import Database, connect
from infra.projector import Projector
from infra.recorder import LedgerRecorder

Process = subprocess.Popen[bytes]


def main() -> None:
    """Keep up until killed; says so once it has begun. ``rebuild`` instead: rebuild once, and say when it is done."""
    address, work, batch = sys.stdin.readline().split("\t")
    with connect(address, None) as database:
        projector = Projector(database, LedgerRecorder(database), batch=int(batch))
        print("at work", flush=True)  # noqa: T201
        if work == "rebuild":
            building.STREAMS = 4
            projector.rebuild(workers=1)
            print("done", flush=True)  # noqa: T201
        else:
            projector.run(Event())


def started(database: Database, work: str = "run", batch: int = 50) -> Process:
    """Such a process, at work."""
    command = [sys.executable, "-m", "tests.projecting"]
    root = Path(__file__).parents[1]
    process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{database.app_dsn}\t{work}\t{batch}\n".encode())
    process.stdin.flush()
    assert process.stdout.readline() == b"at work\n"
    return process


def killed(process: Process) -> None:
    """Killed, as by a machine that goes down."""
    process.kill()
    process.communicate()


@contextmanager
def several(database: Database, count: int, batch: int = 50) -> Generator[list[Process]]:
    """Some projectors at work, killed at the end."""
    processes = [started(database, batch=batch) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            killed(process)


if __name__ == "__main__":
    main()
