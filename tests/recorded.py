"""Facts as a ledger would have recorded them: in memory for folds, or appended to a recorder."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from domain.language import Event
from infra.facts import FactRecorder
from infra.mapper import encode
from infra.recorder import Actor, Append, NewEvent

FIRST = datetime(2026, 1, 5, 15, tzinfo=UTC)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded fact for a fold."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    occurred_on: date | None = None
    provenance: str = "native"
    actor_person: str = "p_somebody"
    actor_role: str = "affiliate_admin"
    actor_org: str = "north"
    event: Any


def told(stream: str, events: Iterable[Event], first: int = 1, **more: Any) -> list[Told]:
    """Facts of one stream from its beginning, at positions from ``first`` on, a minute apart."""
    return [
        Told(
            position=first + n,
            stream=stream,
            version=n + 1,
            type=event.published_name(),
            recorded_at=FIRST + timedelta(minutes=first + n),
            event=event,
            **more,
        )
        for n, event in enumerate(events)
    ]


def record(recorder: FactRecorder, stream: str, events: Sequence[Event], after: int = 0) -> int:
    """Append facts to a stream that has ``after`` of them; the position of the last."""
    return record_raw(recorder, stream, [(e.published_name(), encode(e)) for e in events], after)


def record_raw(recorder: FactRecorder, stream: str, states: Sequence[tuple[str, bytes]], after: int = 0) -> int:
    """Append types and states as they are."""
    news = tuple(NewEvent(stream, after + n, type_, state) for n, (type_, state) in enumerate(states, 1))
    append = Append(
        events=news,
        command_id=uuid4(),
        stream=stream,
        request_sha256=b"r" * 32,
        actor=Actor("p_somebody", "affiliate_admin", "north"),
        expected={stream: after},
    )
    position = recorder.append(append).position
    assert position is not None
    return position
