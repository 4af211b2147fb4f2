"""Random lives of programs: whatever is asked for in whatever order, what must hold holds (see ``tests/walk_oracle.py``)."""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from domain import COMMANDS, EVENTS
from domain.correction import UNDOING
from domain.language import REFUSALS
from tests.walker import Tally, walk, walks

RESULTS = Path(__file__).parents[2] / "build"
MANY, BATCH = 100_000, 250
BY_NO_WALK = {
    "DUPLICATE_LISTING",  # the ledger says it: two programs with one listing number
    "INSTRUMENT_NOT_PUBLISHED",  # publishing a policy sees to it
    "POLICY_NOT_IN_FORCE",  # the small world's policies are all in force from the beginning
}
"""Refusals that no walk meets; stories of their own show them."""


def _told(tally: Tally, file: str) -> None:
    """Prints the counts and keeps them beside the other results."""
    counts = dict(vars(tally))
    counts["unseen"] = {
        "commands": sorted(set(COMMANDS) - set(tally.accepted)),
        "refusals": sorted(set(REFUSALS) - set(tally.refused)),
    }
    text = json.dumps(counts, indent=1, sort_keys=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / file).write_text(text + "\n", encoding="utf-8")
    print(text)  # noqa: T201


@pytest.mark.req("H2", "H4", "H10", "M1", "M2", "A26")
def test_no_walk_breaks_what_must_hold() -> None:
    tally = walks(range(300))
    _told(tally, "walks.json")
    assert tally.walks == 300
    assert tally.reached * 10 >= tally.walks * 3
    unseen = {e.__name__ for e in EVENTS.values()} - set(tally.events)
    assert "LedgerOpened" in unseen
    assert len(unseen) <= 3, "a few hundred walks lead to nearly every event, each by a request"


def test_the_same_seed_walks_the_same_way() -> None:
    assert walk(7) == walk(7)


@pytest.mark.soak
@pytest.mark.req("H2", "H4", "H10")
def test_many_walks_break_nothing_and_see_everything() -> None:
    batches = [range(first, first + BATCH) for first in range(1000, 1000 + MANY, BATCH)]
    tally = Tally()
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for part in pool.map(walks, batches):
            tally.add(part)
    _told(tally, "walks-soak.json")
    assert tally.reached * 10 >= tally.walks * 3
    assert set(COMMANDS) - set(tally.accepted) == set()
    assert {e.__name__ for e in EVENTS.values()} - set(tally.events) == {"LedgerOpened"}
    assert {e.published_name() for e in UNDOING} - set(tally.withdrawn) == set()
    assert set(REFUSALS) - set(tally.refused) <= BY_NO_WALK
