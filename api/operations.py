"""Operations: is it up, is it ready, how far have the read models come, which commands came out how."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from infra.wiring import Service

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
