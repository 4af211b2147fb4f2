"""What reads have in common: which day, as known when, at which position at the least, which page."""

import re
from datetime import date, datetime
from typing import Annotated

from fastapi import Query

from api.problems import Problem
from infra.wiring import Service

PATIENCE = 5.0
"""Seconds that a read waits for the position that it names."""
AsOf = Annotated[date | None, Query(description="What held on that day, by what is known now.")]
AsKnown = Annotated[
    str | None,
    Query(
        max_length=40, description="As known then: a time with its zone, such as 2026-03-04T12:00:00Z, or a position."
    ),
]
AtLeast = Annotated[int | None, Query(ge=0, description="Answer only what includes this position; waits for it.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=400, description="From ``next`` of the page before.")]


def known_position(service: Service, as_known: str | None) -> int | None:
    """The last position recorded by a time, or the position itself. Problem INVALID_PARAMETER for anything else."""
    if as_known is None:
        return None
    if re.fullmatch(r"\d{1,18}", as_known):
        return int(as_known)
    try:
        moment = datetime.fromisoformat(as_known.replace(" ", "+"))  # a plus sign arrives as a space in an address
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        said = "as_known takes a time with its zone, such as 2026-03-04T12:00:00Z, or a position."
        raise Problem("INVALID_PARAMETER", said)
    return service.ledger.recorder.position_at(moment)


def waited(service: Service, at_least: int | None) -> None:
    """Returns once the read models have reached a position. Problem NOT_YET_VISIBLE when they do not in time."""
    if at_least is None or service.projector.wait_for(at_least, PATIENCE if _recorded(service, at_least) else 0.0):
        return
    reached = service.projector.position()
    said = f"Position {at_least} is not visible yet; the read models have reached {reached}."
    raise Problem("NOT_YET_VISIBLE", said, more={"reached": reached}, headers={"Retry-After": "1"})


def _recorded(service: Service, position: int) -> bool:
    return position <= service.ledger.recorder.head()[0]
