"""kill -9, of the writing program and of the database server, at random points.

Afterwards nothing that was acknowledged is lost, nothing was acknowledged that is not there, and no command whose
answer was lost was carried out twice when it was repeated with the same id.
"""

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest

from infra.database import Database, EmbeddedServer, connect, create_roles, create_schema
from infra.recorder import LedgerRecorder
from tests.faults.checking import check_ledger
from tests.faults.programs import Program
from tests.faults.writing import Order
from tests.waiting import until

pytestmark = pytest.mark.req("H3")

THREADS = (0, 1, 2, 3)
ENDLESS = 1_000_000


def kill_programs(address: str, times: int, seed: int) -> tuple[Order, dict[tuple[int, int], int], list[float]]:
    """Start, kill and start the program again; then let the last one end. Seconds from start to first answer."""
    rng = random.Random(seed)
    order = Order(address, seed, THREADS, ENDLESS)
    answers: dict[tuple[int, int], int] = {}
    recovery: list[float] = []
    for _ in range(times):
        begin = time.perf_counter()
        program = Program(replace(order, first=upcoming(answers)))
        if rng.random() < 0.9:  # the others are killed while they start
            assert program.spoke.wait(60)
            recovery.append(time.perf_counter() - begin)
        time.sleep(rng.random() * 0.2)
        program.kill()
        answers |= {(thread, n): position for thread, n, position in program.answers}
    return finished(order, answers), answers, recovery


def upcoming(answers: dict[tuple[int, int], int]) -> tuple[int, ...]:
    """For each thread the first command without an answer: it may have been carried out, and is repeated."""
    return tuple(1 + max((n for thread, n in answers if thread == one), default=-1) for one in THREADS)


def finished(order: Order, answers: dict[tuple[int, int], int]) -> Order:
    """Carry out some commands more, undisturbed, until all threads have got equally far."""
    first = upcoming(answers)
    last = replace(order, commands=max(first) + 3, first=first)
    program = Program(last)
    program.wait(120)
    answers |= {(thread, n): position for thread, n, position in program.answers}
    return last


def check(address: str, order: Order, answers: dict[tuple[int, int], int]) -> int:
    assert len(answers) == len(THREADS) * order.commands
    return check_ledger(address, order, answers)


def told(recovery: list[float]) -> str:
    return f"recovery median {median(recovery):.2f} s, longest {max(recovery):.2f} s"


def test_a_killed_program_loses_and_doubles_nothing(database: Database, recorder: LedgerRecorder) -> None:
    order, answers, _ = kill_programs(database.app_dsn, 3, seed=11)
    assert check(database.app_dsn, order, answers) > len(THREADS)


@pytest.mark.faults
def test_a_program_that_is_killed_hundreds_of_times(
    database: Database, recorder: LedgerRecorder, kills: int, say: Callable[[str], None]
) -> None:
    order, answers, recovery = kill_programs(database.app_dsn, kills, seed=12)
    events = check(database.app_dsn, order, answers)
    say(
        f"{kills} kills of the program: {len(answers):,} commands, {events:,} events, 0 lost, 0 doubled; {told(recovery)}"
    )


@pytest.fixture
def server() -> Generator[EmbeddedServer]:
    """A durable server of its own, with a created ledger in database `kills`."""
    folder = Path(tempfile.mkdtemp(prefix="nqk-"))
    try:
        with EmbeddedServer(folder / "data") as server:
            create_roles(server)
            address, owner = create_schema(server, "kills")
            with connect(address, owner) as database:
                LedgerRecorder(database).create_ledger("test")
            yield server
    finally:
        shutil.rmtree(folder)


def kill_server(server: EmbeddedServer, times: int, seed: int) -> tuple[Order, dict[tuple[int, int], int], list[float]]:
    """Two programs write on while the server is killed and started again and again. Seconds from kill to answer."""
    rng = random.Random(seed)
    order = Order(server.dsn("nqms_app", "kills"), seed, THREADS, ENDLESS)
    programs = [Program(replace(order, threads=THREADS[:2])), Program(replace(order, threads=THREADS[2:]))]
    recovery: list[float] = []
    try:
        assert all(program.spoke.wait(60) for program in programs)
        for _ in range(times):
            time.sleep(rng.random() * 0.3)
            begin = kill_one(server, rng)
            server.start()
            until(lambda: takes_connections(server))
            for program in programs:  # what they told until now may be from before
                program.spoke.clear()
            assert all(program.spoke.wait(60) for program in programs)
            recovery.append(time.perf_counter() - begin)
    finally:
        for program in programs:
            program.kill()
    answers = {(thread, n): position for one in programs for thread, n, position in one.answers}
    return finished(order, answers), answers, recovery


def kill_one(server: EmbeddedServer, rng: random.Random) -> float:
    """Kill the server's first process, or the backend of a writer, on which the first one lets all others go too; when.

    It comes back when that has happened: whoever was connected has lost the connection.
    """
    assert server.pid is not None
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'nqms writer'"
        writers: Any = connection.execute(query).fetchall()
        begin = time.perf_counter()
        os.kill(rng.choice([server.pid, *(row[0] for row in writers)]), signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_sleep(60)")
    return begin


def takes_connections(server: EmbeddedServer) -> bool:
    """Whether the server has recovered."""
    try:
        psycopg.connect(server.dsn()).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_killed_server_loses_nothing_that_was_acknowledged(server: EmbeddedServer) -> None:
    order, answers, _ = kill_server(server, 2, seed=13)
    assert check(server.dsn("nqms_app", "kills"), order, answers) > len(THREADS)


@pytest.mark.faults
def test_a_server_that_is_killed_hundreds_of_times(
    server: EmbeddedServer, kills: int, say: Callable[[str], None]
) -> None:
    order, answers, recovery = kill_server(server, kills, seed=14)
    events = check(server.dsn("nqms_app", "kills"), order, answers)
    say(
        f"{kills} kills of the server: {len(answers):,} commands, {events:,} events, 0 lost, 0 doubled; {told(recovery)}"
    )
