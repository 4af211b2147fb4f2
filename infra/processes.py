"""Further processes that do a part of the work: what is Python's work uses one core in one process.

They are told what to do by one line on their standard input, and end with whoever started them, however that one ends.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

Process = subprocess.Popen[bytes]
MOST = 4


def cores() -> int:
    """How many processes are worth while here."""
    return min(MOST, os.cpu_count() or 1)


@contextmanager
def beside(module: str, orders: Sequence[bytes]) -> Generator[Sequence[Process]]:
    """A process of a module for each order, one line each; they are ended at the end."""
    processes: list[Process] = []
    try:
        for order in orders:
            # The order may hold a password: through the pipe, never as an argument that others can read.
            command, root = [sys.executable, "-m", module], Path(__file__).parents[1]
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, start_new_session=True)
            processes.append(process)
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it ended already: the others do its work
                process.stdin.write(order + b"\n")
                process.stdin.flush()
        yield processes
    finally:
        for process in processes:
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()
            process.wait()


def answers(processes: Sequence[Process]) -> Iterator[bytes]:
    """The whole lines that they write, as they come, until all have ended."""
    lines: SimpleQueue[bytes | None] = SimpleQueue()

    def read(process: Process) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith(b"\n"):
                lines.put(line)
        lines.put(None)

    readers = [Thread(target=read, args=(process,), daemon=True) for process in processes]
    for reader in readers:
        reader.start()
    left = len(readers)
    while left:
        line = lines.get()
        if line is None:
            left -= 1
        else:
            yield line
    for reader in readers:
        reader.join()


def ordered() -> bytes:
    """In a helping process: what it is to do. From now on it ends with whoever started it."""
    line = sys.stdin.buffer.readline()
    Thread(target=_end_with_parent, daemon=True).start()
    return line


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)  # in the middle of whatever it does, which the database takes back
