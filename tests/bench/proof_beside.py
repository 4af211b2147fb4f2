"""Measures what the log costs beside a ledger that is written to, and how soon an event is under a signed checkpoint.

    python -m tests.bench.proof_beside 30

Blocks with and without the log's loop take turns for so many seconds, on a database server of its own that keeps what it
acknowledged. The figure is the ratio of the two rates; every event is found under the last checkpoint at the end.
"""

import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from random import Random
from threading import Event, Thread

from infra.merkle import leaf_hash, root_of
from infra.settings import Settings
from infra.transparency import TransparencyLog
from infra.wiring import Service, open_service
from tests.bench.measure import percentile
from tests.bench.proving import appended, followed
from tests.infra.appends import an_append, new_stream

BLOCK = 3.0
"""Seconds of one turn."""
PAUSE = 0.02
"""Seconds between two events, on average, whose delay is measured."""
LOOK = 0.005
"""Seconds between looks at the checkpoint: so exact is a delay."""


def beside(service: Service, seconds: float) -> tuple[list[float], list[float]]:
    """The rates without and with the loop, turn by turn."""
    turns = max(1, int(seconds / BLOCK / 2))
    both = [(appended(service, BLOCK), followed(service, BLOCK)) for _ in range(turns)]
    return [without for without, _ in both], [with_it for _, with_it in both]


def delays(service: Service, seconds: float) -> list[float]:
    """Events are written for some seconds, now and then; how long until a signed checkpoint covered each, in seconds."""
    stop, drawn, found = Event(), Random(1), list[float]()
    waiting: deque[tuple[int, float]] = deque()
    following = Thread(target=service.log.run, args=(stop,))

    def write() -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            time.sleep(drawn.uniform(0, 2 * PAUSE))  # events do not come in step with the loop
            position = service.ledger.recorder.append(an_append(new_stream())).position or 0
            waiting.append((position, time.perf_counter()))

    writing = Thread(target=write)
    following.start()
    writing.start()
    while writing.is_alive() or waiting:
        signed, now = service.log.checkpoint(), time.perf_counter()
        while waiting and signed and signed[0].size >= waiting[0][0]:
            found.append(now - waiting.popleft()[1])
        time.sleep(LOOK)
    stop.set()
    following.join()
    return sorted(found)


def whole(service: Service, log: TransparencyLog) -> bool:
    """Whether the last checkpoint is over all events."""
    checkpoint, facts = log.catch_up(), service.ledger.recorder.read(0, 10_000_000)
    return checkpoint.root == root_of(leaf_hash(fact.commitment) for fact in facts)


def main(seconds: float) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, open_service(Settings(data_dir=Path(folder) / "data")) as service:
        appended(service, 1.0)
        without, with_it = beside(service, seconds)
        late = delays(service, seconds)
        assert whole(service, service.log)
        ratio = sum(with_it) / sum(without)
        head = service.ledger.recorder.head()[0]
        print(
            f"{head:,} events; a second without the log: {[round(one) for one in without]}, with it: {[round(one) for one in with_it]}"
        )
        print(f"with the log {ratio:.2f} of the rate without it")
        print(
            f"from an event to a signed checkpoint, {len(late):,} events: median {percentile(late, 0.5):.3f} s, "
            f"p99 {percentile(late, 0.99):.3f} s, latest {late[-1]:.3f} s"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
