"""Following the ledger: every fact once, in order, soon after it is committed.

LISTEN comes before the first read, a notification is only a hint, and a look every 250 ms makes up for any that is
lost: with its LISTEN connection killed again and again, a follower is a quarter of a second late and misses nothing.
"""

import os
import selectors
import time
from collections.abc import Sequence
from typing import Self

import psycopg
from eventsourcing.persistence import Notification, ProgrammingError, Subscription

from infra.facts import FactRecorder
from infra.records import StoredFact

CHANNEL = "nqms_ledger"
POLL = 0.25
_BATCH = 500


class LedgerSubscription(Subscription[FactRecorder]):
    """An endless iterator of notifications after position `gt`; stop() from any thread ends it.

    An error of the database while reading is raised from next(), and next() may be called again: nothing is skipped.
    `address` None: no LISTEN (memory), in-process wake-ups and the poll only.
    """

    def __init__(
        self, recorder: FactRecorder, gt: int | None = None, topics: Sequence[str] = (), address: str | None = None
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._after = gt or 0
        self._waiting: list[StoredFact] = []
        self._address = address
        self._listening: psycopg.Connection[tuple[object, ...]] | None = None
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._woken, False)
        self._released = False
        self._listen()

    def __exit__(self, *args: object, **kwargs: object) -> None:
        super().__exit__(*args, **kwargs)
        self.release()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Notification:
        """The next notification; blocks until there is one. StopIteration after stop()."""
        while not self._has_been_stopped:
            if self._waiting:
                return self._waiting.pop().notification()
            facts = self._recorder.read(self._after, _BATCH)
            if facts:
                self._after = facts[-1].position
                wanted = [fact for fact in facts if not self._topics or fact.topic in self._topics]
                self._waiting = wanted[::-1]
            else:
                self._wait()
        raise StopIteration

    def stop(self) -> None:
        """End the iteration, also of a thread that waits in next()."""
        super().stop()
        self.wake()

    def wake(self) -> None:
        """Look at once: something was committed in this process."""
        if not self._released:
            try:
                os.write(self._waker, b"!")
            except BlockingIOError:
                return  # enough wake-ups are waiting already

    def release(self) -> None:
        """Give back the connection and the pipe. Only after the iterating thread has ended."""
        if self._released:
            return
        if not self._has_been_stopped:
            raise ProgrammingError("stop the subscription before releasing it")
        self._released = True
        if self._listening is not None:
            self._listening.close()
        os.close(self._woken)
        os.close(self._waker)

    def __del__(self) -> None:
        self._has_been_stopped = True
        self.release()

    def _listen(self) -> None:
        if self._address is None or self._listening is not None:
            return
        try:
            connection = psycopg.connect(self._address, autocommit=True, connect_timeout=5)
            connection.execute("LISTEN nqms_ledger")
            self._listening = connection
        except psycopg.OperationalError:
            self._listening = None  # the poll carries on, and the next wait tries again

    def _wait(self) -> None:
        """Until a hint or the poll is due. What was committed meanwhile is read by the caller, whatever woke us."""
        if self._listening is None:
            self._listen()
            if self._listening is not None:
                return  # read once more: facts may have come before this LISTEN
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            if self._listening is not None:
                selector.register(self._listening.fileno(), selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(POLL)}
        if self._woken in ready:
            os.read(self._woken, 4096)
        if ready - {self._woken}:
            self._drain()

    def _drain(self) -> None:
        assert self._listening is not None
        try:
            for _ in self._listening.notifies(timeout=0):
                pass
        except psycopg.OperationalError:
            self._listening.close()
            self._listening = None
            time.sleep(0.01)  # not a busy loop while the server goes down
