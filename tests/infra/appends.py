"""Appends and clocks for the tests of the recorders."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from infra.recorder import Actor, Append, NewEvent

ACTOR = Actor("p_1", "staff", "affiliate:1")


def new_stream() -> str:
    return f"program:{uuid4()}"


def an_append(stream: str, after: int = 0, count: int = 1, **changes: Any) -> Append:
    events = tuple(NewEvent(stream, after + n, "Noted.v1", b'{"n":%d}' % n) for n in range(1, count + 1))
    standard: dict[str, Any] = {
        "events": events,
        "command_id": uuid4(),
        "stream": stream,
        "request_sha256": b"r" * 32,
        "actor": ACTOR,
        "expected": {stream: after},
    }
    return Append(**(standard | changes))


class SteppingClock:
    """A simulated clock that the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2024, 2, 29, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now
