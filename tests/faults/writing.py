"""A program that writes until it is told to stop or killed: `python -m tests.faults.writing`, its order in JSON.

Every thread has one stream after another and a plan that follows from the seed: command n of thread t always has the
same id, the same stream, the same number of events and the same request. So a program that starts after a kill repeats
what may have been lost in between, and whoever reads the ledger can tell what must be there. Each answer is told in one
line on stdout.
"""

import json
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID, uuid5

import psycopg
from eventsourcing.persistence import OperationalError
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from infra.database import connect
from infra.recorder import Actor, Append, LedgerRecorder, NewEvent
from infra.wire import Wire

_SPACE = UUID("0a3f3f62-6d0b-5a86-9d0a-8e6f0d9f7c11")
OF_A_STREAM = 500
"""Commands; 15 events each at most, and a stream holds 10,000."""
NAIVE_TABLE = "CREATE TABLE naive (position bigserial PRIMARY KEY, stream text, version int)"


@dataclass(frozen=True)
class Order:
    """What one writing program is to do. `first`: the command that each thread begins with."""

    address: str
    seed: int
    threads: tuple[int, ...]
    commands: int
    largest: int = 3
    stalls: float = 0.0
    rollbacks: float = 0.0
    writer: str = "ours"
    first: tuple[int, ...] = ()

    def line(self) -> str:
        """As one argument of the command line."""
        return json.dumps(asdict(self))


def stream(seed: int, thread: int, n: int = 0) -> str:
    """The stream that command n of a thread writes to: a stream ends before it is full."""
    return f"program:{uuid5(_SPACE, f'{seed} {thread} {n // OF_A_STREAM}')}"


def size(seed: int, thread: int, n: int, largest: int) -> int:
    """How many events command n of a thread records."""
    return 1 + uuid5(_SPACE, f"{seed} {thread} {n} size").int % largest


def command(seed: int, thread: int, n: int) -> UUID:
    """The id of command n of a thread."""
    return uuid5(_SPACE, f"{seed} {thread} {n}")


def plan(order: Order, thread: int, first: int) -> Iterator[Append]:
    """A thread's commands from number `first` on."""
    begun = first - first % OF_A_STREAM
    after = sum(size(order.seed, thread, n, order.largest) for n in range(begun, first))
    for n in range(first, order.commands):
        name, after = stream(order.seed, thread, n), after if n % OF_A_STREAM else 0
        many = size(order.seed, thread, n, order.largest)
        events = tuple(NewEvent(name, after + k, "Noted.v1", b'{"n":%d}' % n) for k in range(1, many + 1))
        expected = {name: after}
        yield Append(events, command(order.seed, thread, n), name, b"r" * 32, Actor("p", "staff", "org"), expected)
        after += many


@contextmanager
def disturbed(order: Order) -> Iterator[None]:
    """Between the rows and their COMMIT the writer now and then stalls, or the transaction is rolled back."""
    rng, exchange = random.Random(), Wire.exchange

    def disturb(self: Wire, *statements: Any) -> Any:
        *rows, last = statements
        if last[0] != "COMMIT":
            return exchange(self, *statements)
        results = exchange(self, *rows) if rows else []
        if rng.random() < order.stalls:
            time.sleep(rng.random() * 0.005)
        if rng.random() < order.rollbacks:
            exchange(self, ("ROLLBACK", ()))
            raise psycopg.errors.SerializationFailure("rolled back by the test")
        return results + exchange(self, last)

    Wire.exchange = disturb
    try:
        yield
    finally:
        Wire.exchange = exchange


def write_ours(order: Order) -> None:
    """Through the recorder, repeating with the same command id until there is an answer."""
    with connect(order.address, None) as database, disturbed(order):
        recorder = LedgerRecorder(database)

        def write(thread: int, first: int) -> None:
            for n, append in enumerate(plan(order, thread, first), first):
                while True:
                    try:
                        appended = recorder.append(append)
                        break
                    except OperationalError:
                        time.sleep(0.001)
                tell(thread, n, appended.position)

        in_threads(order, write)


def write_naively(order: Order) -> None:
    """A sequence hands out positions before the commit, and nothing keeps the commits in that order."""

    def write(thread: int, _: int) -> None:
        rng = random.Random()
        with psycopg.connect(order.address, autocommit=True) as connection:
            for n in range(order.commands):
                while True:
                    rolled_back = rng.random() < order.rollbacks
                    with connection.transaction(force_rollback=rolled_back):
                        row: Any = connection.execute(
                            "INSERT INTO naive (stream, version) VALUES (%s, %s) RETURNING position",
                            (stream(order.seed, thread), n + 1),
                        ).fetchone()
                        if rng.random() < order.stalls:
                            time.sleep(rng.random() * 0.005)
                    if not rolled_back:
                        break
                tell(thread, n, row[0])

    in_threads(order, write)


def write_as_the_library(order: Order, *, unsafe: bool) -> None:
    """The library's own recorder, with its database functions (no lock) or without. It knows no stalls inside."""
    parts = {name: str(value) for name, value in conninfo_to_dict(order.address).items()}
    datastore = PostgresDatastore(
        parts["dbname"], parts["host"], parts["port"], parts["user"], "unused", enable_db_functions=unsafe
    )
    recorder = PostgresApplicationRecorder(datastore, events_table_name="library_events")

    def write(thread: int, _: int) -> None:
        from eventsourcing.persistence import StoredEvent

        name = UUID(stream(order.seed, thread).partition(":")[2])
        for n in range(order.commands):
            (position,) = recorder.insert_events([StoredEvent(name, n + 1, "Noted", b"{}")]) or [0]
            tell(thread, n, position)

    try:
        in_threads(order, write)
    finally:
        datastore.close()


def in_threads(order: Order, write: Any) -> None:
    """One thread for each of the order's, all begun before any is waited for."""
    first = order.first or (0,) * len(order.threads)
    threads = [threading.Thread(target=write, args=pair) for pair in zip(order.threads, first, strict=True)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def tell(thread: int, n: int, position: int | None) -> None:
    """One answer, in one write, so that a kill leaves at most half a line."""
    os.write(1, f"{thread} {n} {position}\n".encode())


def main(line: str) -> None:
    """Carry out an order."""
    told = json.loads(line)
    order = Order(**{**told, "threads": tuple(told["threads"]), "first": tuple(told["first"])})
    if order.writer == "ours":
        write_ours(order)
    elif order.writer == "naive":
        write_naively(order)
    else:
        write_as_the_library(order, unsafe=order.writer == "library, unsafe")


if __name__ == "__main__":
    main(sys.argv[1])
