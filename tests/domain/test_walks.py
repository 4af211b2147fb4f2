"""Random lives of programs: whatever is asked for in whatever order, what must hold holds (see ``tests/walk_oracle.py``)."""

import os

import pytest

from domain import COMMANDS, EVENTS
from domain.correction import UNDOING
from domain.language import REFUSALS
from tests.walk_soak import Wanted, soak, told
from tests.walker import Tally, walk, walks

ENOUGH_TO_SEE_EVERYTHING = 50_000
BY_NO_WALK = {
    "DUPLICATE_LISTING",  # the ledger says it: two programs with one listing number
    "INSTRUMENT_NOT_PUBLISHED",  # publishing a policy sees to it
    "POLICY_NOT_IN_FORCE",  # the walks' policies are all in force from the beginning
}
"""Refusals that no walk meets; stories of their own show them."""

WRITTEN_NO_MORE = {"DirectoryPublished"}
"""Types that have a later version."""


@pytest.mark.req("H2", "H4", "H10", "M1", "M2", "A26")
def test_no_walk_breaks_what_must_hold() -> None:
    tally = walks(range(300))
    print(told(tally, "walks-few.json"))  # noqa: T201
    assert tally.walks == 300
    assert tally.reached * 10 >= tally.walks * 3
    unseen = {e.__name__ for e in EVENTS.values()} - set(tally.events)
    assert "LedgerOpened" in unseen
    assert len(unseen) <= 8, "a few hundred walks lead to nearly every event, each by a request"


def test_the_same_seed_walks_the_same_way() -> None:
    assert walk(7) == walk(7)


def test_what_the_environment_says_is_walked() -> None:
    assert Wanted.of({}) == Wanted(1000, 100_000, None)
    assert Wanted.of({"NQMS_WALK_MINUTES": "60"}) == Wanted(1000, None, 60.0)
    some = Wanted.of({"NQMS_WALKS": "250", "NQMS_FIRST_SEED": "7"})
    assert [(seeds.start, seeds.stop) for seeds in some.batches()] == [(7, 107), (107, 207), (207, 257)]
    assert list(Wanted(7, None, -1.0).batches()) == []


def test_tallies_add_up() -> None:
    both = Tally()
    for seed in (3, 4):
        both.add(walk(seed))
    assert both == walks((3, 4))


@pytest.mark.soak
@pytest.mark.req("H2", "H4", "H10")
def test_many_walks_break_nothing_and_see_everything(capsys: pytest.CaptureFixture[str]) -> None:
    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", flush=True)  # noqa: T201

    done = soak(Wanted.of(os.environ), say, "walks.json")
    if done.fault:
        pytest.fail(done.fault, pytrace=False)
    tally = done.tally
    assert tally.reached * 10 >= tally.walks * 3
    if tally.walks < ENOUGH_TO_SEE_EVERYTHING:
        return
    assert set(COMMANDS) - set(tally.accepted) == set()
    assert {e.__name__ for e in EVENTS.values()} - set(tally.events) == {"LedgerOpened", *WRITTEN_NO_MORE}
    assert {e.published_name() for e in UNDOING} - set(tally.withdrawn) == set()
    assert set(REFUSALS) - set(tally.refused) <= BY_NO_WALK
