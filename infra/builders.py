"""Further processes that build read models: a fold is Python's work, and one process of Python uses one core.

They are started by whoever rebuilds and end with it, however it ends. What each of them has finished is in the database.
"""

import contextlib
import gc
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import msgspec

from infra.building import build_chunks
from infra.database import connect
from infra.read_tables import ReadTable
from projections import READ_MODELS

Process = subprocess.Popen[bytes]
_SELDOM = (50_000, 20, 20)


class Order(msgspec.Struct):
    """What is to be built, and in which database."""

    address: str
    names: tuple[str, ...]
    generation: int
    upto: int


@contextmanager
def builders(order: Order, count: int) -> Generator[Sequence[Process]]:
    """So many processes at work on an order; they are ended at the end."""
    processes: list[Process] = []
    try:
        for _ in range(count):
            # The address may hold a password: through the pipe, never as an argument that others can read.
            command = [sys.executable, "-m", "infra.builders"]
            root = Path(__file__).parents[1]
            process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, start_new_session=True)
            processes.append(process)
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it ended already: the others do its work
                process.stdin.write(msgspec.json.encode(order) + b"\n")
                process.stdin.flush()
        yield processes
    finally:
        for process in processes:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()


def main() -> None:
    """Work off the order that comes by the standard input."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    Thread(target=_end_with_parent, daemon=True).start()
    # Rows and facts are trees, made by the hundred thousand: what is there for good need not be looked through each time.
    gc.freeze()
    gc.set_threshold(*_SELDOM)
    models = {model.name: model for model in READ_MODELS}
    tables = [ReadTable(models[name]) for name in order.names]
    with connect(order.address, None) as database, database.pool.connection() as connection:
        build_chunks(connection, tables, order.generation, order.upto)


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)  # in the middle of a chunk, which the database takes back


if __name__ == "__main__":
    main()
