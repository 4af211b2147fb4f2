"""The library's own contract tests, run on our writer.

Three things differ by decision (ledger.md 1), and are levelled out here and nowhere else:
streams are named by text, versions count from 1 (the library's tests also write version 0), and position 1 belongs to
the event that opens the ledger (the library's tests expect an empty log).
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent
from eventsourcing.tests import persistence as contract

from infra.database import Database
from infra.facts import FactRecorder
from infra.recorder import LedgerRecorder, MemoryRecorder

pytestmark = pytest.mark.req("H3")


class _Levelled(FactRecorder):
    """No opening event, and versions one lower outside than inside."""

    def open_ledger(self) -> str:
        return "the library's tests"

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return super().insert_events([_moved(event, 1) for event in stored_events], **kwargs)

    def select_events(self, *args: Any, **kwargs: Any) -> Sequence[StoredEvent]:
        for bound in ("gt", "lte"):
            if kwargs.get(bound) is not None:
                kwargs[bound] += 1
        return [_moved(event, -1) for event in super().select_events(*args, **kwargs)]

    def select_notifications(self, *args: Any, **kwargs: Any) -> Sequence[Notification]:
        found = super().select_notifications(*args, **kwargs)
        return [Notification(n.originator_id, n.originator_version - 1, n.topic, n.state, n.id) for n in found]


def _moved(event: StoredEvent, by: int) -> StoredEvent:
    return StoredEvent(event.originator_id, event.originator_version + by, event.topic, event.state)


class LevelledLedger(_Levelled, LedgerRecorder):
    """Ours in PostgreSQL."""


class LevelledMemory(_Levelled, MemoryRecorder):
    """Ours in memory."""


class _Named:
    """Streams are named by text; the first version outside is 0."""

    INITIAL_VERSION = 0

    def new_originator_id(self) -> str:
        return str(uuid4())


class TestInPostgres(_Named, contract.ApplicationRecorderTestCase[ApplicationRecorder]):
    """The contract of an application recorder, on the group-commit writer."""

    @pytest.fixture(autouse=True)
    def _given(self, database: Database) -> None:
        self.database = database

    def create_recorder(self) -> ApplicationRecorder:
        return LevelledLedger(self.database)


class TestInMemory(_Named, contract.ApplicationRecorderTestCase[ApplicationRecorder]):
    """The same in memory."""

    def create_recorder(self) -> ApplicationRecorder:
        return LevelledMemory()


class TestPositionsDoNotInterleave(_Named, contract.NonInterleavingNotificationIDsBaseCase):
    """Two calls at once, each of 1,000 events: every command's positions follow one another."""

    @pytest.fixture(autouse=True)
    def _given(self, database: Database) -> None:
        self.database = database

    def create_recorder(self) -> ApplicationRecorder:
        return LevelledLedger(self.database)


class _AsTheyAre(_Named, contract.ApplicationRecorderTestCase[ApplicationRecorder]):
    """Subscriptions tell stored facts with the versions they have inside."""

    __test__ = False  # run by the test below, with a recorder given
    INITIAL_VERSION = 1

    def __init__(self, recorder: FactRecorder) -> None:
        super().__init__("optional_test_insert_subscribe")
        self.recorder = recorder

    def create_recorder(self) -> ApplicationRecorder:
        return self.recorder


class UnopenedLedger(LedgerRecorder):
    """Without the event that opens it."""

    def open_ledger(self) -> str:
        return "the library's tests"


class UnopenedMemory(MemoryRecorder):
    """The same in memory."""

    def open_ledger(self) -> str:
        return "the library's tests"


@pytest.mark.parametrize("kind", ["memory", "postgres"])
def test_subscriptions_keep_the_librarys_contract(kind: str, request: pytest.FixtureRequest) -> None:
    recorder = UnopenedMemory() if kind == "memory" else UnopenedLedger(request.getfixturevalue("database"))
    _AsTheyAre(recorder).optional_test_insert_subscribe()
    assert [fact.position for fact in recorder.read(0, 10)] == [1, 2, 3]
