"""The loop that keeps the read models, as a process of its own."""

from threading import Event

from infra.wiring import Service


def run(service: Service, stopping: Event) -> None:
    """Follow the ledger until ``stopping`` is set; what was recorded before is caught up first."""
    service.projector.run(stopping)
