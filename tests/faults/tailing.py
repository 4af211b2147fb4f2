"""Readers that follow a log while it is written, and the reckoning of what they missed or saw twice."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Read = Callable[[int], Sequence[int]]
"""The positions after one, in order, as far as they can be seen now."""


@dataclass(frozen=True)
class Reckoning:
    """What one reader saw against what is there in the end."""

    seen: int
    missed: int
    doubled: int
    backwards: int

    @property
    def faultless(self) -> bool:
        """Every event once, in order."""
        return not (self.missed or self.doubled or self.backwards)


class Tail:
    """A reader that goes on after the last position it saw, as every follower of a log does."""

    def __init__(self, read: Read, pause: float = 0.0) -> None:
        self._read, self._pause = read, pause
        self._stop = threading.Event()
        self.seen: list[int] = []
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def _follow(self) -> None:
        while True:
            last_round = self._stop.is_set()
            found = self._read(self.seen[-1] if self.seen else 0)
            self.seen += found
            if last_round and not found:
                return
            if not found or self._pause:
                time.sleep(self._pause or 0.0005)

    def reckon(self, there: Sequence[int]) -> Reckoning:
        """Against all positions that are there in the end."""
        counted = Counter(self.seen)
        return Reckoning(
            seen=len(self.seen),
            missed=len(set(there) - set(counted)),
            doubled=sum(times - 1 for times in counted.values()),
            backwards=sum(one >= other for one, other in zip(self.seen, self.seen[1:], strict=False)),
        )


@contextmanager
def tailing(*reads: tuple[Read, float]) -> Generator[list[Tail]]:
    """Readers with their pauses, running until the block ends and they have seen all they can."""
    tails = [Tail(read, pause) for read, pause in reads]
    for tail in tails:
        tail._thread.start()
    try:
        yield tails
    finally:
        for tail in tails:
            tail._stop.set()
        for tail in tails:
            tail._thread.join(60)
