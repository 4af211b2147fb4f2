"""Callers that come at the same time share a transaction.

Who finds nobody writing leads: it carries out what waits, itself included, in one transaction. Who comes meanwhile
waits; when the leader is done, the first of those leads what has gathered. A lone caller therefore never changes
threads, and never waits for others (docs/decisions, "the first caller writes for those who wait").
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import TracebackType
from typing import Final, Self

from eventsourcing import persistence

from infra.records import Append, Appended, LedgerBusy, OutcomeUnknown, Refused

MOST_EVENTS: Final = 2_000
"""Events that share a transaction at most; a call that brings more by itself goes alone."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Bytes of state that share a transaction at most; likewise."""

LOOKS: Final = 4
"""How often a leader looks whether those who were answered last are back, at most."""
PAUSE: Final = 20e-6
"""Seconds between such looks: enough to let them run. With the system's own slack it takes about three times as long."""

Outcomes = list[Appended | Refused]
Take = Callable[[], Sequence[Append]]
"""Gives the appends to carry out. Called once, as late as possible: what arrives before is taken along."""
Flush = Callable[[Take], Outcomes]
"""Carries out in one transaction; one outcome for each append taken, in order. An error: none of them was written,
except OutcomeUnknown, which names those it is not known of."""


class GroupCommit:
    """Lets concurrent calls of submit() share calls of `flush`, which is never called twice at once.

    An error that one command may have caused is not the others': they are carried out again without it, by halves.
    """

    def __init__(self, flush: Flush) -> None:
        self._flush = flush
        self._mutex = threading.Lock()
        self._waiting: deque[_Call] = deque()
        self._led = False
        self._company = 0
        """How many called at the same time when the last batch was carried out."""

    def submit(self, appends: Sequence[Append]) -> Outcomes:
        """Carry out the appends of one call in one transaction; raises what `flush` raises because of them."""
        call = _Call(appends)
        with self._mutex:
            self._waiting.append(call)
            leads = not self._led
            self._led = True
        if not leads:
            self._wait(call)
        if leads or call.leads:
            self._lead()
        else:
            call.wake_next()
        if call.error is not None:
            raise call.error
        return call.outcomes

    def _wait(self, call: "_Call") -> None:
        try:
            call.woken.acquire()
        except BaseException:  # Ctrl-C: nobody waits for this call any more, and it must hold nobody up
            call.deserted = True
            with self._mutex:
                if call in self._waiting:
                    self._waiting.remove(call)
                if call.leads:
                    self._hand_over()
                elif call.woken.acquire(blocking=False):
                    call.wake_next()
            raise

    def _lead(self) -> None:
        batch: list[_Call] = []

        def take() -> Sequence[Append]:
            if not batch:
                self._gather()
                with self._mutex:
                    batch.extend(self._fitting())
            return [append for call in batch for append in call.appends]

        try:
            with _Answering(batch, take) as answering:
                answering.give(self._flush(take))
            self._again_by_halves(answering.unanswered)
        finally:
            with self._mutex:
                self._company = len(batch) + len(self._waiting)
                self._hand_over()
            # Each wakes the next: all of them at once would only fight for the interpreter.
            for call, after in pairwise(batch):
                call.after = after
            batch[0].wake_next()

    def _gather(self) -> None:
        """Let those who were just answered come back, as long as more of them do: one transaction instead of two halves
        that wait for each other. Whoever called alone the last time waits for nobody."""
        seen = 0
        for _ in range(LOOKS):
            here = len(self._waiting)
            if here >= self._company or here == seen:
                return
            seen = here
            time.sleep(PAUSE)

    def _again_by_halves(self, calls: Sequence["_Call"]) -> None:
        """Carry out what failed together: alone where one is left, else in two transactions."""
        if len(calls) <= 1:
            return
        middle = len(calls) // 2
        for half in (calls[:middle], calls[middle:]):
            appends = [append for call in half for append in call.appends]
            with _Answering(half, lambda appends=appends: appends) as answering:
                answering.give(self._flush(answering.take))
            self._again_by_halves(answering.unanswered)

    def _fitting(self) -> list["_Call"]:
        calls: list[_Call] = []
        events = size = 0
        while self._waiting:
            call = self._waiting[0]
            events, size = events + call.events, size + call.size
            if calls and (events > MOST_EVENTS or size > MOST_BYTES):
                break
            calls.append(self._waiting.popleft())
        return calls

    def _hand_over(self) -> None:
        """Under the mutex: the first who waits leads now, or nobody does."""
        self._led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].woken.release()


class _Call:
    """One caller's appends, and how it learns of their outcomes."""

    __slots__ = ("after", "appends", "deserted", "error", "events", "leads", "outcomes", "size", "woken")

    def __init__(self, appends: Sequence[Append]) -> None:
        self.appends = appends
        self.events = sum(len(append.events) for append in appends)
        self.size = sum(len(event.state) for append in appends for event in append.events)
        self.leads = self.deserted = False
        self.after: _Call | None = None
        self.outcomes: Outcomes = []
        self.error: BaseException | None = None
        self.woken = threading.Lock()  # the cheapest way to wait: held until there is something to know
        self.woken.acquire()

    def wake_next(self) -> None:
        after = self.after
        while after is not None:
            after.woken.release()
            if not after.deserted or not after.woken.acquire(blocking=False):
                return
            after = after.after  # nobody waits there any more

    def fail(self, error: BaseException) -> None:
        """Each call its own exception: one object raised in several threads would mix their tracebacks."""
        if isinstance(error, OutcomeUnknown):
            mine = [one.command_id for one in self.appends if one.command_id in error.in_doubt]
            self.error = OutcomeUnknown(mine[0]) if mine else persistence.OperationalError(_LOST)
        elif isinstance(error, LedgerBusy | persistence.OperationalError):
            self.error = type(error)(*error.args)
        elif isinstance(error, Exception):
            self.error = error
        elif self.appends:  # the leader was interrupted while it carried this out
            self.error = OutcomeUnknown(self.appends[0].command_id)


_LOST = "the connection to the database was lost"


class _Answering:
    """Gives every call of a batch its outcomes or its error. Afterwards `unanswered` are those to carry out again."""

    def __init__(self, calls: Sequence[_Call], take: Take) -> None:
        self._calls = calls
        self.take = take
        self.unanswered: Sequence[_Call] = ()

    def __enter__(self) -> Self:
        return self

    def give(self, outcomes: Outcomes) -> None:
        begin = 0
        for call in self._calls:
            call.outcomes = outcomes[begin : begin + len(call.appends)]
            begin += len(call.appends)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if error is None:
            return True
        self.take()  # those who waited for a turn that never came have failed with the leader
        infrastructure = isinstance(error, persistence.OperationalError) or not isinstance(error, Exception)
        if infrastructure or len(self._calls) == 1:
            for call in self._calls:
                call.fail(error)
        else:
            self.unanswered = self._calls
        return isinstance(error, Exception)
