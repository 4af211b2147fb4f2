"""One rebuild of all read models in a process of its own, so that its memory is its own:
`python -m tests.bench.rebuild_once FOLDER DSN`. Prints {events, seconds, rss_mb, differences}; ``rss_mb`` is the most that
it or one of the processes that build beside it ever held.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from infra.database import connect
from infra.settings import Settings
from infra.wiring import assemble
from tests.bench.measure import peak_mb, peak_of_ended_mb


def main(folder: str, address: str) -> dict[str, Any]:
    """Bring the live rows up to date (if nothing was read yet, they are built), then make them all again beside them,
    compare and swap; only that is timed."""
    with connect(address, None) as database:
        service = assemble(Settings(data_dir=Path(folder)), database)
        service.projector.catch_up()
        head = service.ledger.recorder.head()[0]
        began = time.perf_counter()
        differences = service.projector.rebuild()
        seconds = time.perf_counter() - began
        assert set(service.projector.positions().values()) == {head}
        parked = service.projector.parked()
    found = [str(one) for one in differences] + [f"{model} waits" for model in parked]
    return {"events": head, "seconds": seconds, "rss_mb": max(peak_mb(), peak_of_ended_mb()), "differences": found}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:3])))
