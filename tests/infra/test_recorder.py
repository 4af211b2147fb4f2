"""One contract for every recorder, in memory and in PostgreSQL."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
import rfc8785
from eventsourcing.persistence import IntegrityError, StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from infra.database import Database
from infra.facts import FactRecorder
from infra.recorder import (
    LAST_VERSION,
    LEDGER_OPENED,
    Claim,
    ClaimTaken,
    CommandReused,
    LedgerMismatch,
    LedgerRecorder,
    MemoryRecorder,
    NewEvent,
    StateTooLarge,
    StoredFact,
    StreamTooLong,
    VersionConflict,
    commitment,
    envelope,
)
from tests.infra.appends import SteppingClock, an_append, new_stream

pytestmark = pytest.mark.req("H3")


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture(params=["memory", "postgres"])
def make(request: pytest.FixtureRequest) -> Callable[..., FactRecorder]:
    """Recorders on one and the same new ledger, whatever their clock."""
    if request.param == "memory":
        memory = MemoryRecorder()

        def again(clock: Any = None) -> FactRecorder:
            other = MemoryRecorder(clock)
            vars(other).update({k: v for k, v in vars(memory).items() if k not in ("_clock", "_origin")})
            return other

        return again
    database: Database = request.getfixturevalue("database")
    return lambda clock=None: LedgerRecorder(database, clock)


@pytest.fixture
def ledger(make: Callable[..., FactRecorder]) -> FactRecorder:
    recorder = make()
    recorder.create_ledger("test")
    return recorder


class TestContract:
    """What memory and PostgreSQL promise alike."""

    def test_first_event_says_which_clock_and_origin(self, ledger: FactRecorder) -> None:
        (opened,) = ledger.read(0, 10)
        assert (opened.position, opened.stream, opened.type) == (1, "ledger:main", LEDGER_OPENED)
        assert opened.state == b'{"clock":"real","origin":"test"}'
        ledger.create_ledger("test")
        assert ledger.head() == (1, opened.recorded_at)

    def test_another_clock_or_origin_is_refused(self, make: Any, ledger: FactRecorder, clock: SteppingClock) -> None:
        with pytest.raises(LedgerMismatch, match="real clock for good"):
            make(clock).open_ledger()
        with pytest.raises(LedgerMismatch, match="real clock for good"):
            make(clock).append(an_append(new_stream()))
        with pytest.raises(LedgerMismatch, match="origin 'test', not 'other'"):
            make().create_ledger("other")

    def test_a_ledger_that_was_never_created_takes_nothing(self, make: Any) -> None:
        with pytest.raises(LedgerMismatch, match="create it first"):
            make().append(an_append(new_stream()))
        assert make().head() == (0, None)

    def test_append_answers_its_numbers_and_stores_the_whole_row(self, ledger: FactRecorder) -> None:
        stream, other = new_stream(), new_stream()
        paper = NewEvent(stream, 1, "Granted.v1", '{"a":"é"}'.encode(), date(2020, 2, 29), "imported")
        append = an_append(
            stream,
            events=(paper, NewEvent(other, 1, "Noted.v1", b"{}")),
            expected={stream: 0, other: 0},
            on_behalf_of="p_2",
            causation="program:1@2",
            correlation="c",
        )
        appended = ledger.append(append)
        assert (appended.first_version, appended.last_version, appended.position) == (1, 1, 3)
        assert not appended.replayed
        (fact,) = ledger.read_stream(stream)
        assert isinstance(fact, StoredEvent)
        assert (fact.originator_id, fact.originator_version, fact.topic) == (stream, 1, "Granted.v1")
        assert fact.state == '{"a":"é"}'.encode()
        assert (fact.position, fact.occurred_on, fact.provenance) == (2, date(2020, 2, 29), "imported")
        assert (fact.actor_person, fact.actor_role, fact.actor_org) == ("p_1", "staff", "affiliate:1")
        assert (fact.on_behalf_of, fact.causation, fact.correlation) == ("p_2", "program:1@2", "c")
        assert fact.command_id == append.command_id
        assert fact.recorded_at.utcoffset() == timedelta(0)
        assert len(fact.salt) == 16
        assert fact.commitment == commitment(fact)

    def test_versions_positions_and_reading_in_parts(self, ledger: FactRecorder) -> None:
        one, two = new_stream(), new_stream()
        ledger.append(an_append(one, 0, 3))
        ledger.append(an_append(two, 0, 2))
        ledger.append(an_append(one, 3, 1))
        assert [fact.position for fact in ledger.read(0, 100)] == list(range(1, 8))
        assert [fact.position for fact in ledger.read(2, 3)] == [3, 4, 5]
        assert [fact.position for fact in ledger.read(2, 100, upto=4)] == [3, 4]
        assert [fact.version for fact in ledger.read_stream(one)] == [1, 2, 3, 4]
        assert [fact.version for fact in ledger.read_stream(one, 1, 3)] == [2, 3]
        assert [fact.version for fact in ledger.read_stream(one, upto_position=6)] == [1, 2, 3]
        assert [fact.version for fact in ledger.read_stream(one, backwards=True, limit=2)] == [4, 3]
        assert ledger.stream_version(one) == 4
        assert ledger.stream_version(new_stream()) == 0
        assert ledger.read_stream(new_stream()) == []

    def test_a_repeated_command_gets_the_earlier_answer(self, ledger: FactRecorder) -> None:
        append = an_append(new_stream(), 0, 2)
        first = ledger.append(append)
        again = ledger.append(append)
        assert again == replace(first, replayed=True)
        assert ledger.head()[0] == 3
        known = ledger.command(append.command_id)
        assert known is not None
        assert (known.stream, known.first_version, known.last_version, known.position) == (append.stream, 1, 2, 3)
        assert ledger.command(uuid4()) is None

    def test_a_repeated_command_is_answered_even_when_the_stream_went_on(self, ledger: FactRecorder) -> None:
        append = an_append(new_stream())
        ledger.append(append)
        ledger.append(an_append(append.stream, 1))
        assert ledger.append(append).replayed

    def test_the_same_command_id_with_another_request_is_refused(self, ledger: FactRecorder) -> None:
        append = an_append(new_stream())
        ledger.append(append)
        with pytest.raises(CommandReused) as refused:
            ledger.append(replace(append, request_sha256=b"s" * 32))
        assert isinstance(refused.value, IntegrityError)
        assert ledger.head()[0] == 2

    def test_a_command_without_events_is_remembered(self, ledger: FactRecorder) -> None:
        append = an_append(new_stream(), events=())
        first = ledger.append(append)
        assert (first.first_version, first.last_version, first.position) == (None, None, 1)
        assert ledger.append(append) == replace(first, replayed=True)

    def test_a_stale_version_is_refused_and_nothing_written(self, ledger: FactRecorder) -> None:
        stream, other = new_stream(), new_stream()
        ledger.append(an_append(stream, 0, 2))
        both = an_append(other, events=(NewEvent(other, 1, "N.v1", b"{}"),), expected={other: 0, stream: 1})
        for stale in (an_append(stream, 1), both):
            with pytest.raises(VersionConflict) as refused:
                ledger.append(stale)
            assert (refused.value.stream, refused.value.expected, refused.value.actual) == (stream, 1, 2)
            assert isinstance(refused.value, IntegrityError)
            assert ledger.command(stale.command_id) is None
        assert ledger.head()[0] == 3
        assert ledger.stream_version(other) == 0

    def test_a_claim_is_held_for_good(self, ledger: FactRecorder) -> None:
        first, second = new_stream(), new_stream()
        claim = Claim("listing", "Blue River")
        ledger.append(an_append(first, claims=(claim,)))
        with pytest.raises(ClaimTaken) as refused:
            ledger.append(an_append(second, claims=(Claim("listing", "free"), claim)))
        assert (refused.value.kind, refused.value.value, refused.value.held_by) == ("listing", "Blue River", first)
        assert "Blue River" not in str(refused.value)
        assert ledger.claim_holder("listing", "Blue River") == first
        assert ledger.claim_holder("listing", "free") is None
        assert ledger.stream_version(second) == 0

    def test_several_commands_in_one_turn_fare_apart(self, ledger: FactRecorder) -> None:
        stream, claim = new_stream(), Claim("ein", "1")
        good, stale, later = an_append(stream, claims=(claim,)), an_append(stream), an_append(stream, 1)
        taken = an_append(new_stream(), claims=(claim,))
        outcomes = ledger.append_all([good, stale, later, taken, good])
        kinds = [type(outcome).__name__ for outcome in outcomes]
        assert kinds == ["Appended", "VersionConflict", "Appended", "ClaimTaken", "Appended"]
        assert [fact.command_id for fact in ledger.read_stream(stream)] == [good.command_id, later.command_id]

    def test_caps(self, ledger: FactRecorder) -> None:
        stream = new_stream()
        largest = NewEvent(stream, 1, "N.v1", b'"' + b"x" * (32 * 1024 - 2) + b'"')
        ledger.append(an_append(stream, events=(largest,)))
        with pytest.raises(StateTooLarge, match="32,769 bytes"):
            an_append(stream, 1, events=(NewEvent(stream, 2, "N.v1", b" " * 32769),))
        with pytest.raises(StreamTooLong, match="10,000"):
            an_append(stream, LAST_VERSION)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"expected": {}},
            {"events": (NewEvent("s", 2, "N.v1", b"{}"),), "expected": {"s": 0}},
            {"events": (NewEvent("s", 1, "N.v1", b"\xff"),), "expected": {"s": 0}},
            {"events": (NewEvent("s", 1, "N.v1", b"a\0"),), "expected": {"s": 0}},
            {"events": (NewEvent("s", 1, "N.v1", b"{}", provenance="guessed"),), "expected": {"s": 0}},
            {"request_sha256": b"short"},
            {"claims": (Claim("a", "b"), Claim("a", "b"))},
        ],
    )
    def test_an_append_that_contradicts_itself_cannot_be_made(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"."):
            an_append("s", **wrong)

    def test_a_simulated_clock_rules_and_never_runs_back(self, make: Any, clock: SteppingClock) -> None:
        ledger = make(clock)
        ledger.create_ledger("story")
        start = clock.now
        for days in (1, 5, 3):
            clock.now = start + timedelta(days=days)
            ledger.append(an_append(new_stream()))
        times = [fact.recorded_at for fact in ledger.read(0, 10)]
        assert times == [start, start + timedelta(days=1), start + timedelta(days=5), start + timedelta(days=5)]
        assert ledger.position_at(start - timedelta(microseconds=1)) == 0
        assert ledger.position_at(start) == 1
        assert ledger.position_at(start + timedelta(days=4)) == 2
        assert ledger.position_at(start + timedelta(days=5)) == 4
        assert ledger.position_at(start + timedelta(days=500)) == 4

    def test_artifacts_are_kept_by_their_hash(self, ledger: FactRecorder) -> None:
        digest = ledger.put_artifact("policy", b"body")
        assert digest == sha256(b"body").digest()
        assert ledger.put_artifact("policy", b"body") == digest
        assert ledger.artifact(digest) == b"body"
        assert ledger.artifact(b"\0" * 32) is None

    def test_the_librarys_words(self, ledger: FactRecorder) -> None:
        stream = new_stream()
        events = [StoredEvent(stream, n, f"T{n % 2}", b"{}") for n in (1, 2, 3)]
        assert ledger.max_notification_id() == 1
        assert list(ledger.insert_events(events) or []) == [2, 3, 4]
        with pytest.raises(IntegrityError):
            ledger.insert_events(events[1:])
        assert ledger.insert_events([]) == []
        assert [e.originator_version for e in ledger.select_events(stream, gt=1)] == [2, 3]
        assert [e.originator_version for e in ledger.select_events(stream, desc=True, limit=1)] == [3]
        assert [n.id for n in ledger.select_notifications(2, 10)] == [2, 3, 4]
        assert [n.id for n in ledger.select_notifications(2, 10, inclusive_of_start=False)] == [3, 4]
        assert [n.id for n in ledger.select_notifications(None, 10, topics=["T1"])] == [2, 4]
        assert [n.id for n in ledger.select_notifications(1, 2, stop=3)] == [1, 2]

    def test_a_subscription_tells_old_and_new_facts_once_in_order(self, ledger: FactRecorder) -> None:
        ledger.append(an_append(new_stream(), 0, 3))
        seen: list[int] = []
        with ledger.subscribe(gt=1) as following:
            thread = threading.Thread(target=lambda: [seen.append(n.id) for n in following])
            thread.start()
            for _ in range(20):
                ledger.append(an_append(new_stream(), 0, 2))
            last = ledger.head()[0]
            while not seen or seen[-1] < last:
                threading.Event().wait(0.01)
            following.stop()
            thread.join()
        assert seen == list(range(2, last + 1))

    def test_eight_writers_leave_no_gap_and_keep_every_streams_order(self, ledger: FactRecorder) -> None:
        def write(stream: str) -> list[int | None]:
            return [ledger.append(an_append(stream, n)).position for n in range(50)]

        streams = [new_stream() for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            positions = list(pool.map(write, streams))
        assert sorted(p for each in positions for p in each if p is not None) == list(range(2, 402))
        assert all(each == sorted(each, key=lambda p: p or 0) for each in positions)
        facts = ledger.read(0, 1000)
        assert [fact.position for fact in facts] == list(range(1, 402))
        times = [fact.recorded_at for fact in facts]
        assert times == sorted(times)
        for stream in streams:
            assert [fact.version for fact in ledger.read_stream(stream)] == list(range(1, 51))
        assert all(fact.commitment == commitment(fact) for fact in facts)

    def test_writers_of_one_stream_conflict_and_lose_nothing(self, ledger: FactRecorder) -> None:
        stream = new_stream()

        def write(_: int) -> None:
            written = 0
            while written < 10:
                try:
                    ledger.append(an_append(stream, ledger.stream_version(stream)))
                    written += 1
                except VersionConflict:
                    continue

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
        assert [fact.version for fact in ledger.read_stream(stream)] == list(range(1, 41))


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)


@given(TEXTS, TEXTS, TEXTS | st.none(), st.dates() | st.none(), st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_the_envelope_is_rfc_8785(
    stream: str, person: str, on_behalf: str | None, day: date | None, moment: datetime, command: UUID
) -> None:
    fact = StoredFact(
        stream, 7, "T.v1", b"{}", 2**53 - 1, moment, day, "native", person, "role", "org", on_behalf, command, None,
        stream, b"s" * 16, b"",
    )  # fmt: skip
    written = {
        "position": 2**53 - 1,
        "stream": stream,
        "version": 7,
        "type": "T.v1",
        "recorded_at": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}Z".rjust(27, "0"),
        "occurred_on": None if day is None else str(day),
        "provenance": "native",
        "actor_person": person,
        "actor_role": "role",
        "actor_org": "org",
        "on_behalf_of": on_behalf,
        "command_id": str(command),
        "causation": None,
        "correlation": stream,
    }
    assert envelope(fact) == rfc8785.dumps(written)


def test_commitment_by_hand() -> None:
    fact = StoredFact(
        "program:1", 1, "T.v1", b'{"a":1}', 2, datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC), date(2024, 1, 1), "native",
        "p", "r", "o", None, UUID(int=5), None, None, bytes(range(16)), b"",
    )  # fmt: skip
    head = (
        b'{"actor_org":"o","actor_person":"p","actor_role":"r","causation":null,'
        b'"command_id":"00000000-0000-0000-0000-000000000005","correlation":null,"occurred_on":"2024-01-01",'
        b'"on_behalf_of":null,"position":2,"provenance":"native","recorded_at":"2024-02-29T01:02:03.000000Z",'
        b'"stream":"program:1","type":"T.v1","version":1}'
    )
    assert envelope(fact) == head
    covered = b"nqms.event.v1\n" + bytes(range(16)) + len(head).to_bytes(4, "big") + head + b'{"a":1}'
    assert commitment(fact) == sha256(covered).digest()
