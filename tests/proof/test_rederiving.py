"""The verifier's own rules against those of the domain: over random lives, each evaluation comes out the same, or both say no.

The two share no code. Where they differ, one of them is wrong.
"""

import json
from typing import Any

import pytest

from consumers import verify_bundle
from domain import Decided
from domain.instrument.model import Instrument
from domain.language import Event
from domain.values import digest_of
from infra.mapper import encode
from tests.small_policies import SMALL
from tests.walk_life import PROGRAM, SMALL_2
from tests.walk_policies import DOCS, LATER
from tests.walker import Walker

BODIES: dict[str, Any] = {
    **{digest_of(doc): doc for doc in (*DOCS, *LATER)},
    **{digest_of(doc): Instrument.model_validate(doc).model_dump(mode="json") for doc in (SMALL, SMALL_2)},
}


def lived(seed: int) -> list[Event]:
    """The events of one random life of a program."""
    walker = Walker(seed)
    events: list[Event] = []
    do = walker.world.do

    def recording(person: str, subject: str, command: Any) -> Any:
        answer = do(person, subject, command)
        if isinstance(answer, Decided) and (command.aggregate, subject) == ("program", PROGRAM):
            events.extend(answer.events)
        return answer

    walker.world.do = recording
    for _ in range(walker.steps):
        walker.step()
    return events


def derived(events: list[tuple[str, dict[str, Any]]]) -> int:
    """Let the verifier go through a history; how many evaluations it derived. ValueError where it disagrees."""
    p: dict[str, Any] = {"id": PROGRAM, "bodies": BODIES, "used": set()}
    p |= {part: {} for part in ("acts", "members", "documents", "cycles", "assistance", "evaluations")}
    for version, (name, state) in enumerate(events, 1):
        verify_bundle.fold(p, name, state, version)
        if name == "TierEligibilityEvaluated":
            verify_bundle.rederive(p, state, version)
        if name in verify_bundle.DECISIONS:
            verify_bundle.decide(p, name, state, version)
    return len(p["evaluations"])


def stored(events: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    return [(e.published_name().removesuffix(".v1"), json.loads(encode(e))) for e in events]


def lives(seeds: range) -> int:
    """How many evaluations of so many lives were derived; each the same as the domain's."""
    evaluations = 0
    for seed in seeds:
        try:
            evaluations += derived(stored(lived(seed)))
        except Exception as wrong:
            raise AssertionError(f"in walk {seed}: {wrong!r}") from wrong
    return evaluations


def test_sixty_lives_come_out_as_the_domain_has_them() -> None:
    assert lives(range(60)) > 30


@pytest.mark.soak
def test_thousands_of_lives_come_out_as_the_domain_has_them() -> None:
    assert lives(range(1000, 6000)) > 3000
