"""The loop that records the ends of days and announces what came due, as a process of its own."""

from threading import Event

from infra.clock import Clock
from infra.wiring import Service


def run(service: Service, stopping: Event) -> None:
    """Tick until ``stopping`` is set; what was missed before is made up for first."""
    Clock(service.ledger, service.reading).run(stopping)
