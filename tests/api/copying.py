"""A copy of the directory, filled as a reader of the partners' topic fills it, without a broker in between."""

from collections.abc import Generator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from consumers import kit
from consumers.directory_site import Copy, take_in
from consumers.outgoing import Message, Outgoing, marker
from infra.database import EmbeddedServer
from infra.reader_store import ReaderStore
from infra.topics import Topics
from tests.api.conftest import Desk

PARTITIONS = 3


@contextmanager
def a_store(postgres: EmbeddedServer) -> Generator[tuple[str, ReaderStore]]:
    """An empty database for a copy, and its address."""
    name = f"copy_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        address = postgres.dsn(database=name)
        store = ReaderStore(address)
        store.prepare("partners")
        yield address, store
        store.close()
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def as_it_comes(message: Message, offset: int) -> kit.Message:
    headers = {name: value.decode() for name, value in message.headers}
    return kit.Message(message.topic.name, message.partition or 0, offset, message.key, message.value, headers)


def sent(desk: Desk, after: int = 0) -> list[kit.Message]:
    """Everything that the partners' topic holds because of events after a position, and the markers."""
    topics, ledger = Topics(), desk.service.ledger
    outgoing = Outgoing(topics, ledger.recorder, ledger.shelf)
    told = [m for fact in ledger.recorder.read(after, 100_000) for m in outgoing.messages(fact)]
    told = [m for m in told if m.topic == topics.partners]
    told += [marker(topics.partners, n, PARTITIONS, desk.head, ledger.now()) for n in range(PARTITIONS)]
    return [as_it_comes(message, n) for n, message in enumerate(told)]


def take_all(store: ReaderStore, messages: list[kit.Message]) -> None:
    with store.taking() as taking:
        for message in messages:
            take_in(taking, message)


def copied(desk: Desk, store: ReaderStore) -> Copy:
    """The copy, whole, asked by the clock of the story."""
    take_all(store, sent(desk))
    return Copy(store, desk.service.ledger.now)
