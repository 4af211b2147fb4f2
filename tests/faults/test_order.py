"""Sixteen writers in four processes, with stalls and rollbacks inside their transactions, and readers that follow.

The same test is run against a log whose positions come from a sequence, as many an event store's do: there it must
find missed events, or it would prove nothing about ours.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from infra.database import Database, connect
from infra.recorder import LedgerRecorder
from tests.faults.checking import check_ledger
from tests.faults.programs import Program
from tests.faults.tailing import Read, Reckoning, tailing
from tests.faults.writing import NAIVE_TABLE, Order

pytestmark = pytest.mark.req("H3")

PROCESSES, THREADS = 4, 4


@dataclass(frozen=True)
class Outcome:
    """What came of one run: a reckoning for each reader, all answers by (thread, command), and the seconds it took."""

    readers: list[Reckoning]
    answers: dict[tuple[int, int], int]
    seconds: float
    there: list[int]


def sixteen_writers(order: Order, read: Callable[[], Read], there: Callable[[], list[int]]) -> Outcome:
    """Run the order in four processes with four threads each, with two readers, one quick and one slow."""
    begin = time.perf_counter()
    with tailing((read(), 0.0), (read(), 0.02)) as tails:
        share = [tuple(range(p * THREADS, (p + 1) * THREADS)) for p in range(PROCESSES)]
        programs = [Program(replace(order, threads=threads)) for threads in share]
        for program in programs:
            program.wait(3600)
        seconds = time.perf_counter() - begin
    positions = there()
    answers = {(thread, n): position for one in programs for thread, n, position in one.answers}
    return Outcome([tail.reckon(positions) for tail in tails], answers, seconds, positions)


def our_order(database: Database, commands: int, largest: int) -> tuple[Order, Outcome]:
    order = Order(database.app_dsn, 7, (), commands, largest, stalls=0.05, rollbacks=0.03)
    with ExitStack() as opened:

        def read() -> Read:
            other = opened.enter_context(connect(database.app_dsn, None))
            reader = LedgerRecorder(other)
            return lambda after: [fact.position for fact in reader.read(after, 1000)]

        def there() -> list[int]:
            with psycopg.connect(database.app_dsn) as connection:
                rows: Any = connection.execute("SELECT position FROM ledger.events ORDER BY position").fetchall()
            return [row[0] for row in rows]

        return order, sixteen_writers(order, read, there)


def check_ours(database: Database, order: Order, outcome: Outcome) -> None:
    """Nothing missed, nothing doubled, no gap; every answer is true and every command is there once."""
    stored = check_ledger(database.app_dsn, replace(order, threads=tuple(range(PROCESSES * THREADS))), outcome.answers)
    assert outcome.there == list(range(1, stored + 1))
    assert [reader.faultless for reader in outcome.readers] == [True, True]
    assert [reader.seen for reader in outcome.readers] == [stored, stored]


def superuser(database: Database) -> str:
    assert database.owner_dsn is not None
    return database.owner_dsn.replace("user=nqms_owner", "user=postgres")


def naive_order(database: Database, commands: int) -> Outcome:
    address = superuser(database)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(NAIVE_TABLE)
    order = Order(address, 7, (), commands, stalls=0.05, rollbacks=0.03, writer="naive")
    return tables_order(order, "SELECT position FROM naive WHERE position > %s ORDER BY position LIMIT 1000")


def tables_order(order: Order, query: Any) -> Outcome:
    """Any log that is a table: readers go on after the last position they saw."""
    with ExitStack() as opened:

        def read() -> Read:
            connection = opened.enter_context(psycopg.connect(order.address, autocommit=True))
            return lambda after: [row[0] for row in connection.execute(query, (after,)).fetchall()]

        return sixteen_writers(order, read, lambda: everything(order.address, query))


def everything(address: str, query: Any) -> list[int]:
    found: list[int] = []
    with psycopg.connect(address) as connection:
        while rows := connection.execute(query, (found[-1] if found else 0,)).fetchall():
            found += [row[0] for row in rows]
    return found


def library_order(database: Database, commands: int, *, unsafe: bool) -> Outcome:
    address = superuser(database)
    parts = {name: str(value) for name, value in conninfo_to_dict(address).items()}
    datastore = PostgresDatastore(
        parts["dbname"], parts["host"], parts["port"], parts["user"], "unused", enable_db_functions=unsafe
    )
    with datastore:
        PostgresApplicationRecorder(datastore, events_table_name="library_events").create_table()
    order = Order(address, 7, (), commands, writer="library, unsafe" if unsafe else "library")
    query = "SELECT notification_id FROM library_events WHERE notification_id > %s ORDER BY notification_id LIMIT 1000"
    return tables_order(order, query)


def test_sixteen_writers_lose_nothing_and_double_nothing(database: Database, recorder: LedgerRecorder) -> None:
    order, outcome = our_order(database, 70, 3)
    check_ours(database, order, outcome)


def test_the_same_test_catches_a_log_whose_numbers_become_visible_out_of_order(database: Database) -> None:
    outcome = naive_order(database, 70)
    assert len(outcome.answers) == PROCESSES * THREADS * 70
    assert max(reader.missed for reader in outcome.readers) > 0


@pytest.mark.faults
def test_sixteen_writers_and_a_million_events(
    database: Database, recorder: LedgerRecorder, many: int, say: Callable[[str], None]
) -> None:
    commands = max(1, many // (PROCESSES * THREADS * 8))
    order, outcome = our_order(database, commands, 15)
    check_ours(database, order, outcome)
    events = len(outcome.there)
    say(f"ours: {events:,} events, {events / outcome.seconds:,.0f} ev/s, readers {outcome.readers}")


@pytest.mark.faults
@pytest.mark.parametrize("unsafe", [True, False], ids=["database functions", "default"])
def test_the_librarys_own_modes_beside_ours(
    database: Database, many: int, unsafe: bool, say: Callable[[str], None]
) -> None:
    outcome = library_order(database, max(1, many // 500), unsafe=unsafe)
    assert len(outcome.answers) == len(outcome.there)
    if not unsafe:
        assert [reader.faultless for reader in outcome.readers] == [True, True]
    mode = "with its database functions" if unsafe else "with its defaults"
    rate = len(outcome.there) / outcome.seconds
    say(f"the library {mode}: {len(outcome.there):,} events, {rate:,.0f} ev/s, readers {outcome.readers}")


@pytest.mark.faults
def test_the_naive_log_at_length(database: Database, many: int, say: Callable[[str], None]) -> None:
    outcome = naive_order(database, max(1, many // 500))
    assert all(reader.missed for reader in outcome.readers)
    say(f"naive log: {len(outcome.there):,} events, readers {outcome.readers}")
