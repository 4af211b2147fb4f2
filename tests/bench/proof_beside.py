"""Measures what the log costs beside a ledger that is written to, and how soon an event is under a signed checkpoint.

    python -m tests.bench.proof_beside 30

Blocks with and without the log's loop take turns for so many seconds, on a database server of its own that keeps what it
acknowledged. The figure is the ratio of the two rates; every event is found under the last checkpoint at the end.
"""

import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

from infra.merkle import leaf_hash, root_of
from infra.settings import Settings
from infra.transparency import TransparencyLog
from infra.wiring import Service, open_service
from tests.bench.proving import appended, followed
from tests.infra.appends import an_append, new_stream

BLOCK = 3.0
"""Seconds of one turn."""
SAMPLES = 25


def beside(service: Service, seconds: float) -> tuple[list[float], list[float]]:
    """The rates without and with the loop, turn by turn."""
    turns = max(1, int(seconds / BLOCK / 2))
    both = [(appended(service, BLOCK), followed(service, BLOCK)) for _ in range(turns)]
    return [without for without, _ in both], [with_it for _, with_it in both]


def delays(service: Service) -> list[float]:
    """For some events, how long until a signed checkpoint covered each, in seconds."""
    stop, found = Event(), list[float]()
    thread = Thread(target=service.log.run, args=(stop,))
    thread.start()
    for n in range(SAMPLES):
        time.sleep(0.037 * (n % 9))  # events do not come in step with the loop
        position = service.ledger.recorder.append(an_append(new_stream())).position or 0
        began = time.perf_counter()
        while (signed := service.log.checkpoint()) is None or signed[0].size < position:
            time.sleep(0.005)
        found.append(time.perf_counter() - began)
    stop.set()
    thread.join()
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
        late = delays(service)
        assert whole(service, service.log)
        ratio = sum(with_it) / sum(without)
        head = service.ledger.recorder.head()[0]
        print(
            f"{head:,} events; a second without the log: {[round(one) for one in without]}, with it: {[round(one) for one in with_it]}"
        )
        print(f"with the log {ratio:.2f} of the rate without it")
        print(
            f"from an event to a signed checkpoint: median {late[len(late) // 2]:.2f} s, latest of {len(late)} {late[-1]:.2f} s"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
