"""Waiting until the read models have reached a position, whichever process takes them there.

Who takes them further says so: within the process at once, to others by NOTIFY. A process in which somebody waits listens
for that, as long as somebody waits and a little longer. A notification is a hint; a look at the database makes up for any
that is lost, and the database alone says what is reached.
"""

import logging
import threading
import time
from collections.abc import Callable

import psycopg

from infra.places import Reached

_log = logging.getLogger("nqms.arrivals")
TOLD = "SELECT pg_notify('nqms_read', '')"
"""Tells every process, once the transaction is committed."""
LOOK = 0.02
"""Seconds between looks while nobody listens for this process."""
SLOWLY = 0.25
"""Seconds between looks while somebody does."""
IDLE = 30.0
"""Seconds for which a process listens after the last wait."""


class Arrivals:
    """What is known to be reached. ``ask`` looks it up. Any thread may call any method."""

    def __init__(self, address: str, ask: Callable[[], Reached]) -> None:
        self._address, self._ask = address, ask
        self._reached = Reached(0, {})
        self._news = threading.Condition()
        self._listener: threading.Thread | None = None
        self._listening = False
        self._last_wait = self._last_look = 0.0

    def tell(self, reached: Reached) -> None:
        """Something was reached."""
        with self._news:
            if reached.position >= self._reached.position:
                self._reached = reached
                self._news.notify_all()

    def look(self) -> Reached:
        """What is reached, looked up."""
        begun = time.monotonic()
        self.tell(reached := self._ask())
        self._last_look = begun
        return reached

    def fresh(self) -> Reached | None:
        """What is reached, without a look at the database; None where this process does not follow it closely.

        It may be as old as a notification is under way, and as SLOWLY where one was lost.
        """
        followed = self._listening and time.monotonic() - self._last_look < 2 * SLOWLY
        return self._reached if followed else None

    def wait(self, position: int, timeout: float) -> bool:
        """Wait until a position is reached; False after ``timeout`` seconds without that."""
        deadline = time.monotonic() + timeout
        while not self._reaches(position, deadline):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.follow()
            with self._news:
                self._news.wait_for(
                    lambda: self._reached.position >= position, min(left, SLOWLY if self._listening else LOOK)
                )
        return True

    def _reaches(self, position: int, deadline: float) -> bool:
        """Whether a position is known to be reached, or is when looked up. A lost connection says nothing yet."""
        if self._reached.position >= position:
            return True
        try:
            return self.look().position >= position
        except psycopg.OperationalError:
            if time.monotonic() >= deadline:
                raise
            return False

    def follow(self) -> None:
        """See to it that somebody listens for this process, from now on for a while."""
        with self._news:
            self._last_wait = time.monotonic()
            if self._listener is None or not self._listener.is_alive():
                self._listener = threading.Thread(target=self._follow, name="nqms-arrivals", daemon=True)
                self._listener.start()

    def _follow(self) -> None:
        try:
            with psycopg.connect(self._address, autocommit=True, connect_timeout=5) as connection:
                connection.execute("LISTEN nqms_read")
                self._listening = True
                while time.monotonic() - self._last_wait < IDLE:
                    self.look()  # also what came before this LISTEN, or in a notification that was lost
                    for _ in connection.notifies(timeout=SLOWLY, stop_after=1):
                        pass
        except (psycopg.Error, OSError):
            _log.debug("nobody listens for the read models any more", exc_info=True)  # the next wait sees to it
        except Exception:  # noqa: BLE001  the database may be closed under a thread that only gives hints
            _log.debug("the read models cannot be looked up", exc_info=True)
        finally:
            self._listening = False
