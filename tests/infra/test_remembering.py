"""What is remembered of streams may be forgotten at any time, and no answer depends on it."""

from infra.database import Database
from infra.ledger import Ledger
from infra.recorder import LedgerRecorder
from infra.remembering import Remembering
from tests.recorded import record
from tests.small_world import granted

EVENTS = granted().events


def test_states_and_histories_are_the_same_with_and_without_a_memory(recorder: LedgerRecorder) -> None:
    remembering = Ledger(recorder)
    for version, event in enumerate(EVENTS):
        position = record(recorder, "program:p", [event], version)
        fresh = Ledger(recorder)
        assert remembering.load("program", "p") == fresh.load("program", "p")
        assert remembering.history("program", "p") == fresh.history("program", "p")
        assert remembering.history("program", "p", upto_position=position - 1) == fresh.history("program", "p")[:-1]
        if version % 7 == 0:
            remembering.forget()
    for upto in (0, 1, len(EVENTS) // 2, len(EVENTS)):
        assert remembering.load("program", "p", upto=upto).version == upto
        assert len(remembering.history("program", "p", upto=upto)) == upto
    assert remembering.load("program", "nobody").version == 0
    assert remembering.history("program", "nobody") == []


def test_only_newer_facts_are_read_again(recorder: LedgerRecorder, database: Database) -> None:
    ledger = Ledger(recorder)
    record(recorder, "program:p", EVENTS[:-1])
    known = ledger.load("program", "p")
    assert ledger.load("program", "p") is known
    record(recorder, "program:p", EVENTS[-1:], len(EVENTS) - 1)
    assert ledger.load("program", "p").version == len(EVENTS)
    assert known.version == len(EVENTS) - 1, "who holds the state from before holds it unchanged"


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    memory = Remembering(10)
    for n in range(5):
        memory.put(f"s{n}", 4, n)
    assert [memory.get(f"s{n}") for n in range(5)] == [None, None, None, (4, 3), (4, 4)]
    memory.get("s3")
    memory.put("s5", 4, 5)
    assert (memory.get("s3"), memory.get("s4")) == ((4, 3), None)
    memory.put("s3", 3, "earlier")
    assert memory.get("s3") == (4, 3)
    memory.put("vast", 11, "too much")
    assert memory.get("vast") is None
    memory.put("s6", 10, 6)
    assert memory.get("s6") == (10, 6)
