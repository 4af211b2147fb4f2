"""Random histories of concurrent appends: whatever came together, one after another would have given the same."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from infra.database import Database
from infra.facts import FactRecorder
from infra.recorder import (
    Append,
    Appended,
    Claim,
    ClaimTaken,
    CommandReused,
    LedgerRecorder,
    MemoryRecorder,
    NewEvent,
    VersionConflict,
)
from tests.infra.appends import an_append

pytestmark = pytest.mark.req("H3")

STREAMS = tuple(f"program:{n}" for n in range(4))


@dataclass
class Model:
    """The whole contract of appending, one command at a time, in as few words as possible."""

    position: int = 1
    versions: dict[str, int] = field(default_factory=dict[str, int])
    commands: dict[UUID, tuple[bytes, Any]] = field(default_factory=dict[UUID, tuple[bytes, Any]])
    claims: dict[Claim, str] = field(default_factory=dict[Claim, str])

    def would_answer(self, append: Append) -> Any:
        if append.command_id in self.commands:
            request, answer = self.commands[append.command_id]
            return replace(answer, replayed=True) if request == append.request_sha256 else CommandReused
        if any(self.versions.get(stream, 0) != version for stream, version in append.expected.items()):
            return VersionConflict
        if any(claim in self.claims for claim in append.claims):
            return ClaimTaken
        own = [event.version for event in append.events if event.stream == append.stream]
        first, last = (own[0], own[-1]) if own else (None, None)
        return Appended(first, last, self.position + len(append.events), replayed=False)

    def carry_out(self, append: Append) -> None:
        answer = self.would_answer(append)
        if isinstance(answer, Appended) and not answer.replayed:
            self.position += len(append.events)
            self.versions |= {event.stream: event.version for event in append.events}
            self.commands[append.command_id] = (append.request_sha256, answer)
            self.claims |= dict.fromkeys(append.claims, append.stream)


def a_history(rng: random.Random, count: int) -> list[Append]:
    """Appends that often collide: few streams, versions guessed, commands repeated, reused, and claims shared."""
    appends: list[Append] = []
    reached = dict.fromkeys(STREAMS, 0)
    for n in range(count):
        if appends and rng.random() < 0.15:
            again = rng.choice(appends)
            appends.append(again if rng.random() < 0.7 else replace(again, request_sha256=b"s" * 32))
            continue
        touched = rng.sample(STREAMS, rng.choice((1, 1, 1, 2)))
        expected = {stream: max(0, reached[stream] + rng.choice((0, 0, 0, 0, -1, 1))) for stream in touched}
        events: list[NewEvent] = []
        for stream in touched:
            many = rng.choice((0, 1, 1, 2, 3))
            events += [NewEvent(stream, expected[stream] + k, "N.v1", b"{}") for k in range(1, many + 1)]
            reached[stream] = expected[stream] + many
        claims = tuple({Claim("ein", str(rng.randrange(12))) for _ in range(rng.choice((0, 0, 0, 1, 2)))})
        command_id = UUID(int=rng.getrandbits(128))
        changes: dict[str, Any] = {"events": tuple(events), "expected": expected, "claims": claims}
        appends.append(an_append(touched[0], n, command_id=command_id, **changes))
    return appends


def answer(recorder: FactRecorder, append: Append) -> Any:
    try:
        return recorder.append(append)
    except (VersionConflict, ClaimTaken, CommandReused) as refused:
        return type(refused)


def explain(model: Model, open_answers: list[tuple[Append, Any]]) -> None:
    """Find the order in which one after another gives these answers: by position, refusals where they fit."""
    written = [(a, r) for a, r in open_answers if isinstance(r, Appended) and not r.replayed]
    others = [(a, r) for a, r in open_answers if not (isinstance(r, Appended) and not r.replayed)]
    written.sort(key=lambda one: (one[1].position, len(one[0].events) == 0))
    for step in range(len(written) + 1):
        others = [(a, r) for a, r in others if model.would_answer(a) != r]
        if step < len(written):
            append, said = written[step]
            assert model.would_answer(append) == said
            model.carry_out(append)
    assert others == []


def recorders(kind: str, database: Callable[[], Database]) -> list[FactRecorder]:
    """Two writers on one ledger, as two processes would be; in memory there is only one."""
    if kind == "memory":
        made: list[FactRecorder] = [MemoryRecorder()]
    else:
        opened = database()
        made = [LedgerRecorder(opened), LedgerRecorder(opened)]
    for one in made:
        one.create_ledger("test")
    return made


@pytest.mark.parametrize("kind", ["memory", "postgres"])
@pytest.mark.parametrize("seed", range(8))
def test_what_came_together_has_an_order_that_explains_every_answer(
    kind: str, seed: int, request: pytest.FixtureRequest
) -> None:
    rng = random.Random(seed)
    writers = recorders(kind, lambda: request.getfixturevalue("database"))
    model = Model()
    history = a_history(rng, 240)
    with ThreadPoolExecutor(12) as pool:
        while history:
            together, history = history[:12], history[12:]
            futures = [(one, pool.submit(answer, writers[n % len(writers)], one)) for n, one in enumerate(together)]
            explain(model, [(one, future.result()) for one, future in futures])
    facts = writers[0].read(0, 10_000)
    assert [fact.position for fact in facts] == list(range(1, model.position + 1))
    assert {s: writers[0].stream_version(s) for s in STREAMS} == {s: model.versions.get(s, 0) for s in STREAMS}
    assert {claim: writers[0].claim_holder(claim.kind, claim.value) for claim in model.claims} == model.claims
    for command_id, (_, said) in model.commands.items():
        known = writers[0].command(command_id)
        assert known is not None
        assert (known.first_version, known.last_version, known.position) == (
            said.first_version, said.last_version, said.position,
        )  # fmt: skip
