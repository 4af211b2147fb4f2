"""A crowd of programs, each living one of the demonstration's lives under an id of its own, as the relay would tell it.

Nothing of it is in a ledger: what is measured begins at the topic. The same numbers always give the same facts.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from consumers.outgoing import reached
from infra.cloud_events import attributes, headers
from infra.database import Database
from infra.kafka import Cluster
from infra.mapper import recorded
from infra.records import StoredFact
from infra.streamed import Polled, StreamedModels, Told
from infra.topics import Topics
from projections import READ_MODELS
from projections.language import Folding

LISTED = 8
"""So many of its facts each program has before anything is measured: it is registered and listed."""
SITTING = 12
"""At most so many facts of one program follow each other: somebody sits down and works."""
_CHUNK = 4_000
_DAWN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Crowd:
    """So many programs. ``lives``: the streams that their facts are taken from."""

    lives: Sequence[Sequence[StoredFact]]
    programs: int
    sent: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """The positions of a program's facts after those that it began with."""

    def fact(self, program: int, place: int, position: int) -> StoredFact:
        """The fact at a place of a program's life, from 0."""
        one = self.lives[program % len(self.lives)][place]
        old, new = one.stream.partition(":")[2], str(uuid5(NAMESPACE_OID, str(program)))
        return replace(
            one,
            originator_id=f"program:{new}",
            state=one.state.replace(old.encode(), new.encode()),
            position=position,
            recorded_at=_DAWN + timedelta(milliseconds=position),
        )

    def beginnings(self) -> Iterator[StoredFact]:
        """What there is before anything is measured, with positions from 1."""
        for program in range(self.programs):
            for place in range(LISTED):
                yield self.fact(program, place, _begun(program, place))

    def goings_on(self, chance: random.Random) -> Iterator[StoredFact]:
        """What comes then: now this program goes on for a while, now that. Without end while any of them lives."""
        position = self.programs * LISTED
        living = set(range(self.programs))
        while living:
            program = chance.randrange(self.programs)
            sent = self.sent.setdefault(program, [])
            left = len(self.lives[program % len(self.lives)]) - LISTED - len(sent)
            if not left:
                living.discard(program)
            for _ in range(min(left, chance.randint(1, SITTING))):
                position += 1
                sent.append(position)
                yield self.fact(program, LISTED + len(sent) - 1, position)

    def history(self, program: int) -> Iterator[StoredFact]:
        """All facts of a program that there are by now."""
        places = [*(_begun(program, place) for place in range(LISTED)), *self.sent.get(program, ())]
        for place, position in enumerate(places):
            yield self.fact(program, place, position)


def _begun(program: int, place: int) -> int:
    return program * LISTED + place + 1


def told_of(fact: StoredFact, offset: int) -> Told:
    """A fact as a partition tells it."""
    return Told(offset, fact.position, fact.stream, fact.version, fact.type, fact.recorded_at, fact.state)


def settle_down(crowd: Crowd, models: StreamedModels) -> None:
    """Put the beginnings into the read models by the way that all facts take, then forget that they came by it."""
    waiting: list[Told] = []
    first = 0
    for offset, fact in enumerate(crowd.beginnings()):
        waiting.append(told_of(fact, offset))
        if len(waiting) == _CHUNK:
            models.take({0: Polled(first, offset, waiting)})
            first, waiting = offset + 1, []
    if waiting:
        models.take({0: Polled(first, waiting[-1].offset, waiting)})
    with models.database.pool.connection() as connection:
        connection.execute("DELETE FROM reading.partitions")
        connection.execute("ANALYZE")


@dataclass(frozen=True)
class Sent:
    """What was sent: how many facts, the position of the last one, for how long."""

    facts: int
    position: int
    seconds: float


def send(crowd: Crowd, cluster: Cluster, topics: Topics, seconds: float, seed: int = 1) -> Sent:
    """Send what goes on to the ledger's topic for some seconds, and then how far it is."""
    producer = cluster.producer()
    begun, count, position = time.perf_counter(), 0, 0
    waiting: list[Any] = []
    for fact in crowd.goings_on(random.Random(seed)):
        said = headers(attributes(fact))
        waiting.append(producer.send(topics.ledger.name, key=fact.stream.encode(), value=fact.state, headers=said))
        count, position = count + 1, fact.position
        if len(waiting) >= _CHUNK:
            _acknowledged(producer, waiting)
        if count % 100 == 0 and time.perf_counter() - begun > seconds:
            break
    _acknowledged(producer, waiting)
    took = time.perf_counter() - begun
    mark = reached(topics.reached, position, cluster.ends(topics.ledger.name), datetime.now(UTC))
    sent = producer.send(mark.topic.name, key=mark.key.encode(), value=mark.value, headers=list(mark.headers))
    _acknowledged(producer, [sent])
    producer.close()
    return Sent(count, position, took)


def _acknowledged(producer: Any, waiting: list[Any]) -> None:
    producer.flush(timeout=60)
    for one in waiting:
        one.get(timeout=1)
    waiting.clear()


def expected(crowd: Crowd, programs: Sequence[int]) -> dict[str, dict[str, str]]:
    """The rows that some programs must have, by model and key, folded one by one from nothing."""
    foldings: list[Folding[Any]] = [Folding(model) for model in READ_MODELS]
    for program in programs:
        for fact in crowd.history(program):
            for folding in foldings:
                if folding.model.reads(fact.stream):
                    folding.see(recorded(fact))
    assert [folding.parked for folding in foldings if folding.parked] == []
    return {f.model.name: {key: f.model.dump(row) for key, row in f.rows.items() if row is not None} for f in foldings}


def rows_there(database: Database, crowd: Crowd, programs: Sequence[int]) -> dict[str, dict[str, str]]:
    """The rows that they have."""
    streams = [crowd.fact(program, 0, 1).stream for program in programs]
    found: dict[str, dict[str, str]] = {}
    with database.pool.connection() as connection:
        for model in READ_MODELS:
            current = " AND to_position IS NULL" if model.versioned else ""
            query: Any = f"SELECT key, body FROM read.{model.name} WHERE split_part(key, '/', 1) = ANY(%s){current}"
            rows: list[Any] = connection.execute(query, (streams,)).fetchall()
            found[model.name] = dict(rows)
    return found
