"""Callers that share a transaction: who leads, who goes along, and that each gets its own answer whatever happens."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing import persistence

from infra import group_commit
from infra.group_commit import GroupCommit, Take
from infra.records import Append, Appended, LedgerBusy, OutcomeUnknown, VersionConflict
from tests.infra.appends import an_append, new_stream

pytestmark = pytest.mark.req("H3")

DONE = Appended(1, 1, 1, replayed=False)


class Gate:
    """A flush that waits at a gate, so that a test decides who comes meanwhile. Remembers the batches."""

    def __init__(self, deed: Callable[[Sequence[Append]], list[Any]] | None = None) -> None:
        self.batches: list[Sequence[Append]] = []
        self.entered, self.gate = threading.Semaphore(0), threading.Semaphore(0)
        self.deed = deed or (lambda appends: [DONE] * len(appends))
        self.group = GroupCommit(self.flush)

    def flush(self, take: Take) -> list[Any]:
        appends = take()
        self.batches.append(appends)
        self.entered.release()
        assert self.gate.acquire(timeout=10)
        return self.deed(appends)

    def run(self, *batches: Sequence[Append]) -> list[Future[Any]]:
        """The first call enters and waits; the others come meanwhile; then all gates open."""
        with ThreadPoolExecutor(len(batches)) as pool:
            futures = [pool.submit(self.group.submit, batches[0])]
            assert self.entered.acquire(timeout=10)
            for n, batch in enumerate(batches[1:], 1):
                futures.append(pool.submit(self.group.submit, batch))
                while len(self.group._waiting) < n:
                    time.sleep(0.001)
            self.gate.release(10 * len(batches))
        return futures


def some(count: int) -> list[list[Append]]:
    return [[an_append(new_stream())] for _ in range(count)]


def test_who_comes_while_one_writes_goes_into_the_next_transaction_together() -> None:
    gate, calls = Gate(), some(9)
    assert [future.result() for future in gate.run(*calls)] == [[DONE]] * 9
    assert [len(batch) for batch in gate.batches] == [1, 8]


def test_a_lone_caller_writes_in_its_own_thread() -> None:
    seen: list[int] = []
    group = GroupCommit(lambda take: [DONE for _ in take()] if not seen.append(threading.get_ident()) else [])
    for _ in range(3):
        group.submit([an_append(new_stream())])
    assert seen == [threading.get_ident()] * 3


def test_a_leader_waits_a_moment_for_those_just_answered_and_a_lone_caller_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, pauses = Gate(), list[float]()
    gate.run(*some(9))
    monkeypatch.setattr(group_commit.time, "sleep", pauses.append)
    gate.group.submit(some(1)[0])
    assert pauses == [group_commit.PAUSE], "nobody came back meanwhile"
    gate.group.submit(some(1)[0])
    assert len(pauses) == 1, "it was alone the last time"


def test_each_call_gets_the_outcomes_of_its_own_appends() -> None:
    refused = VersionConflict("s", 1, 2)
    gate = Gate(lambda appends: [refused if a.events == () else DONE for a in appends])
    empty = an_append(new_stream(), events=())
    first, second, third = gate.run(some(1)[0], [an_append(new_stream()), empty], [empty])
    assert (first.result(), second.result(), third.result()) == ([DONE], [DONE, refused], [refused])


def test_a_batch_is_bounded_in_events_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_EVENTS", 5)
    gate = Gate()
    gate.run(*some(1), *([an_append(new_stream(), 0, 2)] for _ in range(4)), [an_append(new_stream(), 0, 9)])
    assert [sum(len(a.events) for a in batch) for batch in gate.batches] == [1, 4, 4, 9]
    monkeypatch.setattr(group_commit, "MOST_BYTES", 10)
    gate = Gate()
    gate.run(*some(4))
    assert [len(batch) for batch in gate.batches] == [1, 1, 1, 1]


@pytest.mark.parametrize("count", [2, 3, 9, 64])
def test_what_one_command_caused_is_not_the_others(count: int) -> None:
    calls = some(count)
    bad = calls[-1][0]

    def refuse(appends: Sequence[Append]) -> list[Any]:
        if bad in appends:
            raise persistence.DataError("a value is too long")
        return [DONE] * len(appends)

    *good, failed = Gate(refuse).run(*calls)
    assert [future.result() for future in good] == [[DONE]] * (count - 1)
    with pytest.raises(persistence.DataError, match="too long"):
        failed.result()


def test_an_error_that_is_not_the_databases_reaches_its_caller_alone() -> None:
    calls = some(4)

    def stumble(appends: Sequence[Append]) -> list[Any]:
        if calls[2][0] in appends:
            raise ZeroDivisionError
        return [DONE] * len(appends)

    futures = Gate(stumble).run(*calls)
    assert [type(future.exception()) for future in futures] == [type(None), type(None), ZeroDivisionError, type(None)]


@pytest.mark.parametrize("error", [LedgerBusy("held"), persistence.OperationalError("full")])
def test_trouble_of_the_database_is_told_to_all_who_waited_each_with_its_own_exception(error: Exception) -> None:
    def fail(_: Sequence[Append]) -> list[Any]:
        raise error

    gate = Gate(fail)
    told = [future.exception() for future in gate.run(*some(5))]
    assert {type(one) for one in told} == {type(error)}
    assert len({id(one) for one in told}) == 5
    assert len(gate.batches) == 2


def test_who_waits_for_a_turn_that_never_comes_is_told_as_well() -> None:
    """The leader takes the others along only when its turn has come; here it never does."""
    entered, gate = threading.Event(), threading.Event()

    def never(_: Take) -> list[Any]:
        entered.set()
        assert gate.wait(10)
        raise LedgerBusy("held")

    group = GroupCommit(never)
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(group.submit, call) for call in some(3)]
        assert entered.wait(10)
        while len(group._waiting) < 3:
            time.sleep(0.001)
        gate.set()
        assert {type(future.exception()) for future in futures} == {LedgerBusy}


def test_an_unknown_outcome_is_told_with_each_ones_own_command_and_only_to_those_in_doubt() -> None:
    calls = some(3)

    def lose(appends: Sequence[Append]) -> list[Any]:
        if len(appends) == 1:
            return [DONE]
        raise OutcomeUnknown(uuid4(), [calls[1][0].command_id])

    _, doubted, refused = (future.exception() for future in Gate(lose).run(*calls))
    assert isinstance(doubted, OutcomeUnknown)
    assert doubted.command_id == calls[1][0].command_id
    assert type(refused) is persistence.OperationalError


def test_an_interrupted_leader_leaves_nobody_waiting() -> None:
    calls = some(4)

    def interrupt(appends: Sequence[Append]) -> list[Any]:
        if calls[1][0] in appends:
            raise KeyboardInterrupt
        return [DONE] * len(appends)

    gate = Gate(interrupt)
    first, leader, *others = gate.run(*calls)
    assert first.result() == [DONE]
    assert isinstance(leader.exception(), KeyboardInterrupt)
    assert [type(future.exception()) for future in others] == [OutcomeUnknown] * 2
    gate.gate.release()
    assert gate.group.submit(some(1)[0]) == [DONE]


class InterruptedLock:
    """A lock whose acquire() is interrupted, as by Ctrl-C in the main thread."""

    def __init__(self, real: Any, meanwhile: Callable[[], object]) -> None:
        self.real, self.meanwhile, self.interrupted = real, meanwhile, False

    def acquire(self, blocking: bool = True) -> bool:
        if not blocking or self.interrupted:
            return self.real.acquire(blocking)
        self.interrupted = True
        self.meanwhile()
        raise KeyboardInterrupt

    def release(self) -> None:
        self.real.release()


@pytest.mark.parametrize("when", ["waiting", "leading", "answered"])
def test_a_caller_that_stops_waiting_holds_nobody_up(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, calls = Gate(), some(3)
    made: list[Any] = []

    class Call(group_commit._Call):
        def __init__(self, appends: Sequence[Append]) -> None:
            super().__init__(appends)
            if appends is calls[1]:
                self.woken: Any = InterruptedLock(self.woken, lambda: came_meanwhile(self))
            made.append(self)

    def came_meanwhile(call: Any) -> None:
        while len(gate.group._waiting) < 2:
            time.sleep(0.001)
        if when == "leading":
            gate.gate.release()
            while not call.leads:
                time.sleep(0.001)
        elif when == "answered":  # taken along by another leader, which is at the gate
            with gate.group._mutex:
                gate.group._waiting.rotate(1)
            gate.gate.release()
            assert gate.entered.acquire(timeout=10)

    monkeypatch.setattr(group_commit, "_Call", Call)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(gate.group.submit, calls[0])
        assert gate.entered.acquire(timeout=10)
        stopped = pool.submit(gate.group.submit, calls[1])
        while len(gate.group._waiting) < 1:
            time.sleep(0.001)
        last = pool.submit(gate.group.submit, calls[2])
        assert isinstance(stopped.exception(timeout=10), KeyboardInterrupt)
        gate.gate.release(10)
        assert (first.result(timeout=10), last.result(timeout=10)) == ([DONE], [DONE])
        assert pool.submit(gate.group.submit, some(1)[0]).result(timeout=10) == [DONE]
    assert made


def test_a_crowd_is_answered_to_the_last() -> None:
    counted: list[int] = []

    def flush(take: Take) -> list[Any]:
        appends = take()
        counted.append(len(appends))
        return [
            Appended(None, None, appends[n].expected[appends[n].stream], replayed=False) for n in range(len(appends))
        ]

    group = GroupCommit(flush)

    def call(n: int) -> int:
        append = an_append(new_stream(), n % 100, 1)
        (outcome,) = group.submit([append])
        assert isinstance(outcome, Appended)
        return outcome.position or 0

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(call, range(5000)))
    assert answers == [n % 100 for n in range(5000)]
    assert sum(counted) == 5000
