"""The register's own read models made from Kafka: the same rows as from the ledger, whatever is killed or repeated."""

import random
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from api.demo.cast import STAR
from api.demo.journey import journey
from consumers.read_models import NAME, ReadModelsFollower
from infra.database import EmbeddedServer, connect
from infra.kafka import Cluster
from infra.reading import Reading
from infra.records import StoredFact
from infra.streamed import Hole, NotItsOwn, OtherFeed, Polled, StreamedModels, Told
from infra.topics import Topics
from projections import READ_MODELS
from tests.api.conftest import Desk
from tests.consumers.load import Load
from tests.consumers.processes import Crew
from tests.consumers.relays import read_all, relay_all, relaying
from tests.consumers.rows import differing, rows_of
from tests.waiting import until

PARTS = 3
SHORT, LONG = 12.0, 600.0


@pytest.fixture
def models(reader_database: str) -> Generator[StreamedModels]:
    """Read models in an empty database of their own."""
    with connect(reader_database, None) as database:
        yield StreamedModels(database)


@contextmanager
def following(models: StreamedModels, cluster: Cluster, topics: Topics) -> Generator[ReadModelsFollower]:
    """One process that makes them, as a thread."""
    follower = ReadModelsFollower(models, cluster, topics, session_ms=6000, records=200)
    follower.prepare()
    stop = Event()
    thread = Thread(target=follower.run, args=(stop,))
    thread.start()
    try:
        yield follower
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()


def check_same(desk: Desk, address: str) -> None:
    """The rows made from Kafka are those made from the ledger, and there are some."""
    desk.service.projector.catch_up()
    ours, theirs = rows_of(desk.service.database.app_dsn), rows_of(address)
    assert differing(ours, theirs) == {}
    assert all(
        ours[name]
        for name in ("directory", "directory_spans", "directory_listings", "expiry", "decisions", "workspace", "field")
    )


# --- on a broker ---------------------------------------------------------------------------------------------------


@pytest.mark.req("H9")
def test_at_the_same_position_every_row_is_that_of_the_ledger(
    desk: Desk, cluster: Cluster, ready: Topics, models: StreamedModels, reader_database: str
) -> None:
    relay_all(desk, cluster, ready)
    with following(models, cluster, ready) as follower:
        until(lambda: models.position() == desk.head)
        assert f'nqms_reader_position{{reader="{NAME}"}} {float(desk.head)}' in follower.gauges.text().decode()
    check_same(desk, reader_database)
    assert sum(part.facts for part in models.taken().values()) == desk.head
    assert models.parked() == {}
    now = desk.service.ledger.now()
    ours, theirs = Reading(desk.service.database), Reading(models.database)
    assert theirs.partners(now=now) == ours.partners(now=now)
    assert theirs.decisions() == ours.decisions()
    assert {position for _, position in theirs.positions().values()} == {desk.head}


def test_what_is_recorded_meanwhile_is_shown_within_a_moment(
    desk: Desk, cluster: Cluster, ready: Topics, models: StreamedModels
) -> None:
    with relaying(desk.service, cluster, ready), following(models, cluster, ready):
        until(lambda: models.position() == desk.head)
        way = journey(desk.door, replace(STAR, name="Silver Fern Mentors", connector_ref="MC-30040")).listed()
        reading = Reading(models.database)
        until(lambda: reading.partner(way.program_id), within=5)
        until(lambda: models.position() == desk.head, within=10)


def test_a_database_brought_back_from_an_earlier_copy_is_made_whole_again(
    desk: Desk, cluster: Cluster, ready: Topics, postgres: EmbeddedServer, reader_database: str
) -> None:
    """The broker knows offsets of the group that are ahead of the copy: they are not asked."""
    relay_all(desk, cluster, ready)
    copy = f"copy_{uuid4().hex[:12]}"
    with connect(reader_database, None) as database:
        models = StreamedModels(database)
        with following(models, cluster, ready):
            until(lambda: models.position() == desk.head)
        early = desk.head
    name = sql.Identifier(str(conninfo_to_dict(reader_database)["dbname"]))
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(copy), name))
    desk.journeys["star"].by("administrator", "AmendProfile", city="Cedar Falls")
    relay_all(desk, cluster, ready)
    with connect(reader_database, None) as database:
        models = StreamedModels(database)
        with following(models, cluster, ready):
            until(lambda: models.position() == desk.head > early)
    restored = postgres.dsn(database=copy)
    with connect(restored, None) as database:
        models = StreamedModels(database)
        assert models.position() == early
        with following(models, cluster, ready):
            until(lambda: models.position() == desk.head)
    check_same(desk, restored)
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))


def test_a_strange_message_is_a_dead_letter_and_the_rest_flows(
    desk: Desk, cluster: Cluster, ready: Topics, models: StreamedModels, reader_database: str
) -> None:
    producer = cluster.producer()
    for partition in range(PARTS):
        producer.send(ready.ledger.name, key=b"stranger", value=b"?", partition=partition)
    producer.close()
    relay_all(desk, cluster, ready)
    with following(models, cluster, ready) as follower:
        until(lambda: models.position() == desk.head)
        assert [one.key for one in follower.dead_letters()] == ["stranger"] * PARTS
    check_same(desk, reader_database)


def broken(desk: Desk, cluster: Cluster, topics: Topics, address: str, crew: Crew, seconds: float) -> int:
    """Kill the processes at random for a while under load; how many programs were registered meanwhile."""
    chance, load, stop = random.Random(seconds), Load(desk), Event()
    writer = Thread(target=load.run, args=(stop,))
    with relaying(desk.service, cluster, topics, batch=100), connect(address, None) as database:
        crew.start()
        writer.start()
        try:
            deadline = time.monotonic() + seconds
            while crew.kills < 3 or time.monotonic() < deadline:
                time.sleep(chance.uniform(0.5, 3.0))
                crew.kill_one(chance)
        finally:
            stop.set()
            writer.join(timeout=60)
        models = StreamedModels(database)
        until(lambda: _reached(models) == desk.head, within=180)
    codes = crew.stop()
    assert codes == [0] * len(codes), crew.log.read_text()[-2000:]
    return load.programs


def _reached(models: StreamedModels) -> int:
    try:
        return models.position()
    except psycopg.errors.UndefinedTable:
        return 0  # the first process has not made the tables yet


@pytest.mark.req("H9")
def test_processes_killed_at_random_leave_every_row_as_the_ledger_says(
    desk: Desk, cluster: Cluster, ready: Topics, reader_database: str, tmp_path: Path
) -> None:
    command = ["models", cluster.bootstrap, ready.prefix, reader_database]
    programs = broken(desk, cluster, ready, reader_database, Crew(tmp_path / "models.log", [command] * 3), SHORT)
    assert programs > 3
    check_same(desk, reader_database)


@pytest.mark.faults
@pytest.mark.req("H9")
def test_processes_killed_at_random_for_ten_minutes_leave_every_row_as_the_ledger_says(
    desk: Desk, cluster: Cluster, ready: Topics, reader_database: str, tmp_path: Path
) -> None:
    command = ["models", cluster.bootstrap, ready.prefix, reader_database]
    crew = Crew(tmp_path / "models.log", [command] * 3)
    broken(desk, cluster, ready, reader_database, crew, LONG)
    assert crew.kills > 50
    check_same(desk, reader_database)


# --- without one ---------------------------------------------------------------------------------------------------


def parted(facts: list[StoredFact]) -> dict[int, list[Told]]:
    """Facts as the partitions of a topic hold them: each stream in one, and streams in all of them."""
    parts: dict[int, list[Told]] = {part: [] for part in range(PARTS)}
    places: dict[str, int] = {}
    for fact in facts:
        part = parts[places.setdefault(fact.stream, len(places) % PARTS)]
        told = (fact.position, fact.stream, fact.version, fact.type, fact.recorded_at, fact.state)
        part.append(Told(len(part), *told))
    return parts


def polled(told: list[Told]) -> Polled:
    return Polled(told[0].offset, told[-1].offset, told)


def head_of(parts: dict[int, list[Told]]) -> int:
    return max(told[-1].position for told in parts.values() if told)


@pytest.fixture
def fed(models: StreamedModels) -> StreamedModels:
    models.prepare("a-cluster", "t.ledger.v1")
    return models


@pytest.fixture
def parts(desk: Desk) -> dict[int, list[Told]]:
    return parted(desk.service.ledger.recorder.read(0, 100_000))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_again_and_whoever_brings_it_each_fact_is_folded_once(
    desk: Desk, fed: StreamedModels, parts: dict[int, list[Told]], reader_database: str, seed: int
) -> None:
    chance = random.Random(seed)
    places = dict.fromkeys(parts, 0)
    while any(places[part] < len(told) for part, told in parts.items()):
        part = chance.choice(list(parts))
        begin = max(0, places[part] - chance.randint(0, 120))  # some of it had come, to another process perhaps
        size = chance.randint(1, 200)
        if begin < len(parts[part]):
            fed.take({part: polled(parts[part][begin : begin + size])})
            places[part] = max(places[part], min(begin + size, len(parts[part])))
    assert sum(one.facts for one in fed.taken().values()) == desk.head
    check_same(desk, reader_database)


def test_two_processes_that_both_believe_to_own_a_partition_fold_it_once(
    desk: Desk, fed: StreamedModels, parts: dict[int, list[Told]], reader_database: str
) -> None:
    def take(size: int) -> None:
        for begin in range(0, max(map(len, parts.values())), size):
            some = {part: polled(told[begin : begin + size]) for part, told in parts.items() if told[begin:]}
            fed.take(some)

    threads = [Thread(target=take, args=(size,)) for size in (70, 110)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sum(one.facts for one in fed.taken().values()) == desk.head
    check_same(desk, reader_database)


def test_what_the_relay_says_twice_is_folded_once(
    desk: Desk, fed: StreamedModels, parts: dict[int, list[Told]], reader_database: str
) -> None:
    """A relay that died after sending is followed by one that sends it again: other offsets, the same positions."""
    for part, told in parts.items():
        twice = [*told[:-5], *told[-15:-5], *told[-5:]]
        fed.take({part: polled([one._replace(offset=offset) for offset, one in enumerate(twice)])})
    check_same(desk, reader_database)


def test_a_hole_in_a_partition_is_refused_and_nothing_is_kept(
    fed: StreamedModels, parts: dict[int, list[Told]]
) -> None:
    fed.take({0: polled(parts[0][:5])})
    with pytest.raises(Hole, match="partition 0 goes on at offset 6, but 5 comes next"):
        fed.take({0: polled(parts[0][6:9]), 1: polled(parts[1][:3])})
    assert {part: one.upto for part, one in fed.taken().items()} == {0: 5}


def test_the_position_is_reached_when_every_partition_has_come_so_far(
    fed: StreamedModels, parts: dict[int, list[Told]]
) -> None:
    ends = [len(told) for told in parts.values()]
    fed.mark(head_of(parts), ends)
    for part, told in parts.items():
        assert fed.settle() == 0
        fed.take({part: polled(told)})
    assert fed.settle() == fed.position() == head_of(parts)
    fed.mark(3, [0] * PARTS)  # an old one that comes again takes nothing back
    assert fed.settle() == head_of(parts)


def test_while_it_is_behind_the_position_is_the_last_one_that_was_whole(
    fed: StreamedModels, parts: dict[int, list[Told]]
) -> None:
    middle = [len(told) // 2 for told in parts.values()]
    some = min(parts[part][end].position for part, end in enumerate(middle)) - 1
    fed.mark(some, middle)
    fed.mark(head_of(parts), [len(told) for told in parts.values()])
    fed.take({part: polled(told[: len(told) // 2]) for part, told in parts.items()})
    assert fed.settle() == some
    fed.take({part: polled(told[len(told) // 2 :]) for part, told in parts.items()})
    assert fed.settle() == head_of(parts)


def test_a_fact_that_cannot_be_folded_waits_with_its_key_and_is_folded_later(
    desk: Desk, fed: StreamedModels, parts: dict[int, list[Told]], reader_database: str
) -> None:
    stream = f"program:{desk.journeys['star'].program_id}"
    spoilt = {
        part: [one._replace(state=b"{}") if one.stream == stream and one.version == 2 else one for one in told]
        for part, told in parts.items()
    }
    fed.take({part: polled(told) for part, told in spoilt.items()})
    waiting = fed.parked()
    assert {one.key.partition("/")[0] for parked in waiting.values() for one in parked} == {stream}
    desk.service.projector.catch_up()
    ours, theirs = (rows_of(address) for address in (desk.service.database.app_dsn, reader_database))
    alone = [row for row in ours["workspace"] if row not in theirs["workspace"]]
    assert len(alone) == 1  # of all programs the one that waits
    mended = sorted((one for told in parts.values() for one in told), key=lambda one: one.position)
    wanted = {one.position for parked in waiting.values() for one in parked}
    assert fed.retry([one for one in mended if one.position in wanted][:-1]) > 0  # not all of them were found
    assert fed.retry([one for one in mended if one.position in wanted]) == 0
    assert fed.parked() == {}
    check_same(desk, reader_database)


def test_another_topic_another_shape_and_a_ledger_are_refused(desk: Desk, fed: StreamedModels) -> None:
    with pytest.raises(OtherFeed, match=r"were made from t\.ledger\.v1 of cluster a-cluster"):
        fed.prepare("a-cluster", "other.ledger.v1")
    with fed.database.pool.connection() as connection:
        connection.execute("UPDATE read.progress SET shape = 'of old' WHERE model = %s", (READ_MODELS[0].name,))
    with pytest.raises(OtherFeed, match="directory were made by another version"):
        fed.prepare("a-cluster", "t.ledger.v1")
    assert desk.service.database.owner_dsn is not None
    with connect(desk.service.database.owner_dsn, None) as database, pytest.raises(NotItsOwn):
        StreamedModels(database).prepare("a-cluster", "t.ledger.v1")


def test_the_relay_says_how_far_the_topic_is_only_when_it_is(desk: Desk, cluster: Cluster, ready: Topics) -> None:
    relay_all(desk, cluster, ready)
    ends = [0] * PARTS
    for one in read_all(cluster, ready.ledger):
        ends[one.partition] = max(ends[one.partition], one.offset + 1)
    told = read_all(cluster, ready.reached)
    assert [one.key for one in told][-1:] == ["reached"]
    assert told[-1].value == b'{"position":%d,"ends":[%s]}' % (desk.head, ",".join(map(str, ends)).encode())
