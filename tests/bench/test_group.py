"""The bench of the consumer group: one tiny run of all of it, and that its looking over would notice."""

import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from infra.database import EmbeddedServer, connect
from infra.streamed import Polled, StreamedModels
from tests.bench.crowd import LISTED, Crowd, Sent, settle_down, told_of
from tests.bench.ground import TINY, Ground
from tests.bench.group import Chosen, look_over, measured, said

PROGRAMS, GOING_ON = 12, 300


@pytest.fixture(scope="module")
def ground() -> Generator[Ground]:
    with (
        tempfile.TemporaryDirectory(prefix="nqm-") as folder,
        EmbeddedServer(Path(folder) / "data", durable=False) as server,
    ):
        yield Ground(server, Path(folder), TINY, lambda told: None)


@pytest.fixture
def taken(ground: Ground) -> Generator[tuple[StreamedModels, Crowd, Sent]]:
    """A crowd of which some facts were taken in."""
    crowd = Crowd(ground.world.lives, PROGRAMS)
    with connect(ground.bare_database("group_of_test"), None) as database:
        models = StreamedModels(database)
        models.prepare("a-cluster", "t.ledger.v1")
        settle_down(crowd, models)
        coming = crowd.goings_on(Random(1))
        facts = [told_of(next(coming), offset) for offset in range(GOING_ON)]
        models.take({0: Polled(0, GOING_ON - 1, facts)})
        yield models, crowd, Sent(GOING_ON, facts[-1].position, 1.0)


def test_what_was_taken_in_rightly_is_found_right(taken: tuple[StreamedModels, Crowd, Sent]) -> None:
    models, crowd, sent = taken
    look_over(models, crowd, sent)
    assert sum(map(len, crowd.sent.values())) == GOING_ON
    assert [fact.version for fact in crowd.history(0)] == list(range(1, LISTED + len(crowd.sent.get(0, ())) + 1))


def test_a_row_that_is_another_is_found(taken: tuple[StreamedModels, Crowd, Sent]) -> None:
    models, crowd, sent = taken
    with models.database.pool.connection() as connection:
        connection.execute("UPDATE read.workspace SET body = replace(body, 'listed', 'closed')")
    with pytest.raises(AssertionError):
        look_over(models, crowd, sent)


def test_a_fact_that_is_missing_is_found(taken: tuple[StreamedModels, Crowd, Sent]) -> None:
    models, crowd, sent = taken
    with pytest.raises(AssertionError):
        look_over(models, crowd, replace(sent, facts=sent.facts + 1))


def test_a_tiny_run_of_all_of_it() -> None:
    found = measured(Chosen(programs=30, seconds=0.5, processes=(2,), events=200, probes=3, stories=1))
    assert [run["processes"] for run in found["runs"]] == [2]
    assert all(found["sent"]["facts"] >= run["facts"] > 0 for run in found["runs"])
    assert found["end_to_end"].keys() == {"appended", "relayed", "p50_2", "p99_2"}
    assert min(found["end_to_end"].values()) > 0
    assert said(found).count("\n") == 2
