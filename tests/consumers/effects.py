"""A reader that writes down every message it takes in, so that a test can see each effect once and in order."""

from consumers.following import Message
from consumers.kit import Reader
from infra.kafka import Cluster, KafkaProducer
from infra.reader_store import ReaderStore, Taking
from infra.topics import Topic, Topics

NAME = "effects"
TABLE = """CREATE TABLE IF NOT EXISTS effects (
    ordinal bigserial PRIMARY KEY, key text NOT NULL, position bigint NOT NULL, version bigint NOT NULL)"""


class Poison(ValueError):
    """This reader takes in nothing that is marked so."""


def effect(taking: Taking, message: Message) -> None:
    """Write the message down; nothing in the table keeps it from being written twice."""
    if message.value == b"poison":
        raise Poison("this value cannot be read")
    row = (message.key, message.position, message.version)
    taking.execute("INSERT INTO effects (key, position, version) VALUES (%s, %s, %s)", row)


def a_reader(store: ReaderStore, cluster: Cluster, topics: Topics, topic: Topic | None = None) -> Reader:
    """The reader, contiguous as a reader of the ledger's topic is."""
    names = [(topic or topics.ledger).name]
    return Reader(NAME, names, effect, store, cluster, topics, contiguous=True, session_ms=6000, records=100)


def effects(store: ReaderStore) -> dict[str, list[int]]:
    """The versions taken in of each key, in the order in which they were."""
    found: dict[str, list[int]] = {}
    for key, version in store.ask("SELECT key, version FROM effects ORDER BY ordinal"):
        found.setdefault(key, []).append(version)
    return found


def send(producer: KafkaProducer, topic: Topic, key: str, position: int, version: int, value: bytes = b"{}") -> None:
    """Send one message as the relay does."""
    told = {"ce_type": "Noted.v1", "ce_position": str(position), "ce_streamversion": str(version)}
    headers = [(name, said.encode()) for name, said in told.items()]
    producer.send(topic.name, key=key.encode(), value=value, headers=headers)
