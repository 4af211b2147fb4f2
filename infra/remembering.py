"""What was read of streams before, so that only what came since is read again.

Facts are never changed and a stream only grows: what is known of its first facts stays right, and what follows is added.
All of it may be forgotten at any time: the answers are the same, a little later.
"""

from collections import OrderedDict
from threading import Lock
from typing import Any


class Remembering:
    """What is known of the streams used last, at most ``most`` facts together. Any thread may call any method.

    What is remembered is handed out as it is: nobody may change it.
    """

    def __init__(self, most: int) -> None:
        self._most, self._facts = most, 0
        self._known: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._lock = Lock()

    def get(self, stream: str) -> tuple[int, Any] | None:
        """The version up to which a stream is known, and what is known of it."""
        with self._lock:
            if stream in self._known:
                self._known.move_to_end(stream)
            return self._known.get(stream)

    def put(self, stream: str, version: int, known: Any) -> None:
        """Remember what is known up to a version, unless more is; those used longest ago are forgotten for it."""
        with self._lock:
            before = self._known.get(stream, (0, None))[0]
            if before >= version:
                return
            self._facts += version - before
            self._known[stream] = version, known
            self._known.move_to_end(stream)
            while self._facts > self._most and self._known:
                _, (old, _) = self._known.popitem(last=False)
                self._facts -= old

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
            self._facts = 0
