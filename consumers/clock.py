"""The loop that records the ends of days and announces what came due, as a process of its own.

It also signs the log and publishes the directory of each day: whoever runs the loops as processes has no other that
would.
"""

from threading import Event

from infra.clock import Clock
from infra.wiring import Service, looping


def run(service: Service, stopping: Event) -> None:
    """Tick until ``stopping`` is set; what was missed before is made up for first."""
    with looping(service.log.run, service.snapshots.run):
        Clock(service.ledger, service.reading).run(stopping)
