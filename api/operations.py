"""Operations: is it up, is it ready, how far have the read models come, which commands came out how."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.subscribing import subscribers
from infra.relaying import lags
from infra.wiring import Service

TOO_FAR_BEHIND = 10_000
"""A read model that lacks more events than this is called stalled."""


class Gauges(Collector):
    """What is measured at the moment it is asked for."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The ledger's head, every read model's position, what it lacks, and what waits."""
        head = GaugeMetricFamily("nqms_ledger_head", "Position of the last event.")
        head.add_metric([], self.service.ledger.recorder.head()[0])
        yield head
        reached = GaugeMetricFamily("nqms_read_model_position", "Position a read model has reached.", labels=["model"])
        lacking = GaugeMetricFamily("nqms_read_model_lag_events", "Events a read model lacks.", labels=["model"])
        behind = GaugeMetricFamily(
            "nqms_read_model_lag_seconds", "Age of the first event that a read model lacks.", labels=["model"]
        )
        parked = self.service.projector.parked()
        waiting = GaugeMetricFamily("nqms_read_model_parked", "Events that wait in a read model.", labels=["model"])
        for model, position in sorted(self.service.projector.positions().items()):
            reached.add_metric([model], position)
            waiting.add_metric([model], len(parked.get(model, ())))
        for model, (events, seconds) in sorted(self.service.projector.lag().items()):
            lacking.add_metric([model], events)
            behind.add_metric([model], seconds)
        yield from (reached, waiting, lacking, behind)
        yield from self._relays()

    def _relays(self) -> Iterator[GaugeMetricFamily]:
        """How far the ledger was handed on to each Kafka cluster; without one there is nothing to tell."""
        told = GaugeMetricFamily("nqms_relay_position", "Position handed on to a cluster.", labels=["cluster"])
        lacking = GaugeMetricFamily("nqms_relay_lag_events", "Events not handed on yet.", labels=["cluster"])
        behind = GaugeMetricFamily(
            "nqms_relay_lag_seconds", "Age of the first event that was not handed on.", labels=["cluster"]
        )
        for cluster, lag in lags(self.service.database).items():
            told.add_metric([cluster], lag.position)
            lacking.add_metric([cluster], lag.events)
            behind.add_metric([cluster], lag.seconds)
        yield from (told, lacking, behind)
        yield from self._webhooks()

    def _webhooks(self) -> Iterator[GaugeMetricFamily]:
        """How far behind each subscriber is that events are posted to, and what it did not take."""
        head = self.service.ledger.recorder.head()[0]
        behind = GaugeMetricFamily("nqms_webhook_lag_events", "Events not posted yet.", labels=["webhook"])
        letters = GaugeMetricFamily("nqms_webhook_dead_letters", "Messages not taken.", labels=["webhook"])
        failed = GaugeMetricFamily(
            "nqms_webhook_attempts", "Tries of the next message that failed so far.", labels=["webhook"]
        )
        for hook in subscribers(self.service).every():
            behind.add_metric([hook.id], max(0, head - hook.position))
            letters.add_metric([hook.id], hook.letters)
            failed.add_metric([hook.id], hook.attempts)
        yield from (behind, letters, failed)


def install(app: FastAPI, service: Service) -> None:
    """A registry of its own for the app, so that several can live in one process."""
    registry = CollectorRegistry()
    registry.register(Gauges(service))
    app.state.registry = registry
    app.state.commands = Counter(
        "nqms_commands", "Commands by what came of them.", ["command", "outcome"], registry=registry
    )


def count_command(request: Request, command: str, outcome: str) -> None:
    """Count one command: done, replayed, preview, or the code of the problem."""
    request.app.state.commands.labels(command=command, outcome=outcome).inc()


routes = APIRouter(tags=["operations"])


@routes.get("/healthz", operation_id="healthz", summary="Whether the process answers.")
def healthz() -> dict[str, str]:
    """No question is asked of anything else."""
    return {"status": "up"}


@routes.get(
    "/readyz",
    operation_id="readyz",
    summary="Whether it can serve, naming every read model that is stalled or has events waiting.",
    responses={503: {"description": "The database does not answer, or a read model is stalled."}},
)
def readyz(request: Request, response: Response) -> dict[str, Any]:
    """Ready while the ledger can be read and every read model keeps up; events that wait, and a log that cannot be signed
    any more, are named all the same."""
    service: Service = request.app.state.service
    head = service.ledger.recorder.head()[0]
    positions, lag = service.projector.positions(), service.projector.lag()
    parked = {model: len(facts) for model, facts in service.projector.parked().items()}
    stalled = sorted(model for model, position in positions.items() if head - position > TOO_FAR_BEHIND)
    if stalled:
        response.status_code = 503
    return {
        "status": "stalled" if stalled else "parked" if parked else "ready",
        "head": head,
        "positions": positions,
        "lag": {model: {"events": events, "seconds": round(seconds, 3)} for model, (events, seconds) in lag.items()},
        "stalled": stalled,
        "parked": parked,
        "log": service.log.trouble or "fine",
    }


@routes.get("/metrics", operation_id="metrics", summary="Measurements for Prometheus.", response_class=Response)
def metrics(request: Request) -> Response:
    """Counts and positions; no program and no person is named."""
    content = generate_latest(request.app.state.registry)
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")
