"""The consumer kit: each message once in its effect, in order, whatever the broker and the network do."""

import random
from collections.abc import Generator
from dataclasses import replace
from threading import Event, Thread

import psycopg
import pytest

from consumers.following import NO_POSITION, REASON, Message
from consumers.kit import BEHIND, Reader
from infra.kafka import Cluster
from infra.reader_store import ReaderStore, Taking
from infra.topics import Topics
from tests.consumers import effects
from tests.consumers.effects import a_reader, send
from tests.waiting import until

KEYS, VERSIONS = 8, 25


def a_message(key: str, position: int, version: int, value: bytes = b"{}") -> Message:
    told = {"ce_type": "Noted.v1", "ce_position": str(position), "ce_streamversion": str(version)}
    return Message("t.ledger.v1", 0, position, key, value, told)


def a_stream(chance: random.Random) -> list[Message]:
    """Messages of several keys, mixed; each key's in order."""
    turns = [f"program:{n}" for n in range(KEYS) for _ in range(VERSIONS)]
    chance.shuffle(turns)
    seen: dict[str, int] = {}
    messages: list[Message] = []
    for position, key in enumerate(turns, 1):
        seen[key] = seen.get(key, 0) + 1
        messages.append(a_message(key, position, seen[key]))
    return messages


def delivered(messages: list[Message], chance: random.Random) -> list[Message]:
    """Every message one to five times, the first time in order, again at any later moment."""
    places = [(float(n), message) for n, message in enumerate(messages)]
    again = [(n + chance.uniform(0, 60), m) for n, m in places for _ in range(chance.randint(0, 4))]
    return [message for _, message in sorted([*places, *again], key=lambda one: one[0])]


@pytest.fixture
def reader(store: ReaderStore, topics: Topics) -> Reader:
    with store.taking() as taking:
        taking.execute(effects.TABLE)
    return a_reader(store, Cluster("127.0.0.1:9"), topics)


WHOLE = {f"program:{n}": list(range(1, VERSIONS + 1)) for n in range(KEYS)}


@pytest.mark.parametrize("seed", range(5))
def test_messages_that_come_one_to_five_times_have_their_effect_once_and_in_order(
    reader: Reader, store: ReaderStore, seed: int
) -> None:
    chance = random.Random(seed)
    coming = delivered(a_stream(chance), chance)
    while coming:
        size = chance.randint(1, 40)
        reader.take(coming[:size])
        coming = coming[size:]
    assert effects.effects(store) == WHOLE


def test_two_processes_with_the_same_messages_do_them_once(reader: Reader, store: ReaderStore, topics: Topics) -> None:
    """As after a rebalance in which the one that lost its partitions has not noticed it."""
    messages = a_stream(random.Random(7))
    other = a_reader(store, Cluster("127.0.0.1:9"), topics)

    def take(one: Reader, size: int) -> None:
        for begin in range(0, len(messages), size):
            one.take(messages[begin : begin + size])

    threads = [Thread(target=take, args=pair) for pair in ((reader, 7), (other, 11))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert effects.effects(store) == WHOLE


def test_what_is_undone_has_no_position_either(store: ReaderStore, reader: Reader, topics: Topics) -> None:
    def dies(taking: Taking, message: Message) -> None:
        effects.effect(taking, message)
        raise psycopg.OperationalError("the database went away here")

    dying = Reader("effects", ["t.ledger.v1"], dies, store, Cluster("127.0.0.1:9"), topics)
    with pytest.raises(psycopg.OperationalError):
        dying.take([a_message("program:1", 1, 1)])
    assert effects.effects(store) == {}
    reader.take([a_message("program:1", 1, 1)])
    assert effects.effects(store) == {"program:1": [1]}


# --- on a broker ---------------------------------------------------------------------------------------------------


@pytest.fixture
def at_work(store: ReaderStore, cluster: Cluster, topics: Topics) -> Generator[Reader]:
    """A reader in a thread of its own."""
    with store.taking() as taking:
        taking.execute(effects.TABLE)
    cluster.create((topics.ledger,), 3, 1)
    reader = a_reader(store, cluster, topics)
    stop = Event()
    thread = Thread(target=reader.run, args=(stop,))
    thread.start()
    yield reader
    stop.set()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_a_poisoned_message_goes_to_the_dead_letters_and_the_rest_flows(
    at_work: Reader, store: ReaderStore, cluster: Cluster, topics: Topics
) -> None:
    producer = cluster.producer()
    for position, (key, version, value) in enumerate(
        [
            ("program:a", 1, b"{}"),
            ("program:b", 1, b"{}"),
            ("program:a", 2, b"poison"),
            ("program:a", 3, b"{}"),
            ("program:b", 2, b"{}"),
        ],
        1,
    ):
        send(producer, topics.ledger, key, position, version, value)
    producer.send(topics.ledger.name, key=b"stranger", value=b"?")
    producer.flush()
    slot = f"{topics.ledger.name}/program:a"
    until(lambda: effects.effects(store) == {"program:a": [1], "program:b": [1, 2]} and slot in store.parked("effects"))
    until(lambda: len(at_work.dead_letters()) == 3)
    dead = {(one.key, one.position): one.headers for one in at_work.dead_letters()}
    assert dead["program:a", 3][REASON] == "Poison: this value cannot be read"
    assert dead["program:a", 4][REASON] == BEHIND
    assert dead["stranger", 0][REASON] == NO_POSITION
    assert dead["program:a", 3]["dlq_topic"] == topics.ledger.name
    assert at_work.redrive() == 1  # the cause is still there
    send(producer, topics.ledger, "program:a", 6, 4)
    producer.close()
    until(lambda: len(at_work.dead_letters()) == 4)
    mended = Reader("effects", [topics.ledger.name], _mended, store, cluster, topics, contiguous=True)
    assert mended.redrive() == 0
    assert effects.effects(store) == {"program:a": [1, 2, 3, 4], "program:b": [1, 2]}
    assert store.parked("effects") == {}


def _mended(taking: Taking, message: Message) -> None:
    effects.effect(taking, replace(message, value=b"{}"))


def test_a_key_that_was_driven_again_goes_on(
    at_work: Reader, store: ReaderStore, cluster: Cluster, topics: Topics
) -> None:
    producer = cluster.producer()
    send(producer, topics.ledger, "program:a", 2, 2)  # before the one that it follows
    producer.flush()
    until(lambda: store.parked("effects"))
    (reason,) = store.parked("effects").values()
    assert reason == "Gap: version 2 came after 0"
    send(producer, topics.ledger, "program:a", 1, 1)
    producer.flush()
    until(lambda: len(at_work.dead_letters()) == 2)
    assert at_work.redrive() == 0
    send(producer, topics.ledger, "program:a", 3, 3)
    producer.close()
    until(lambda: effects.effects(store) == {"program:a": [1, 2, 3]})


def test_it_says_how_far_behind_it_is(at_work: Reader, store: ReaderStore, cluster: Cluster, topics: Topics) -> None:
    producer = cluster.producer()
    for version in (1, 2, 3):
        send(producer, topics.ledger, "program:a", version, version)
    producer.close()
    until(lambda: effects.effects(store) == {"program:a": [1, 2, 3]})
    until(lambda: 'nqms_reader_taken_total{reader="effects"} 3.0' in at_work.gauges.text().decode())
    until(lambda: f'topic="{topics.ledger.name}"}} 0.0' in at_work.gauges.text().decode())


def test_a_broker_that_is_away_is_waited_for(store: ReaderStore, topics: Topics) -> None:
    reader = a_reader(store, Cluster("127.0.0.1:9"), topics)
    stop = Event()
    thread = Thread(target=reader.run, args=(stop,))
    thread.start()
    until(lambda: 'nqms_reader_outages_total{reader="effects"} 1.0' in reader.gauges.text().decode())
    stop.set()
    thread.join(timeout=60)
    assert not thread.is_alive()
