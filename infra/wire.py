"""The writer's own connection: prepared statements in pipeline mode, several of them in one round trip.

This is the one place that speaks libpq instead of psycopg's cursors. A cursor costs fifty microseconds of Python or
more for each statement, and while the writer holds the ledger's turn everybody waits for it. Waiting gives up the
interpreter, so that others run meanwhile.
"""

import select
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

Statement = tuple[str, Sequence[bytes | None]]
"""The name of a prepared statement with its parameters in binary; without any, plain SQL such as COMMIT."""

_BINARY: Final = 1
_FAILED: Final = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)
_EPOCH_DAY: Final = date(2000, 1, 1).toordinal()
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NULL: Final = b"\xff\xff\xff\xff"
_UUID, _TEXT, _BYTEA, _INT4, _INT8, _DATE = 2950, 25, 17, 23, 20, 1082


class Wire:
    """One connection, for one thread at a time. Every method raises psycopg.Error; after one, end() or close() it."""

    def __init__(self, address: str, session: Mapping[str, str], prepared: Mapping[str, str]) -> None:
        self._connection = psycopg.connect(address, autocommit=True, connect_timeout=5)
        try:
            for name, value in session.items():
                self._connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            self._pg: PGconn = self._connection.pgconn
            self._pg.enter_pipeline_mode()
            self._poll = select.poll()
            self._poll.register(self._pg.socket, select.POLLIN)
            for name, query in prepared.items():
                self._pg.send_prepare(name.encode(), query.encode())
            self._collect(len(prepared))
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection; the server rolls back what was not committed. Harmless when repeated."""
        self._connection.close()

    def exchange(self, *statements: Statement) -> list[PGresult]:
        """Carry the statements out in one round trip; the results in order. The first error is raised, none after it
        is carried out."""
        for name, parameters in statements:
            if parameters:
                formats = (_BINARY,) * len(parameters)
                self._pg.send_query_prepared(name.encode(), parameters, formats)
            else:
                self._pg.send_query_params(name.encode(), None)
        return self._collect(len(statements))

    def roll_back(self) -> bool:
        """End a transaction that failed, if the connection still lives: True, and it can be used again."""
        try:
            if self._pg.transaction_status in (TransactionStatus.INERROR, TransactionStatus.INTRANS):
                self.exchange(("ROLLBACK", ()))
            return self._pg.transaction_status == TransactionStatus.IDLE
        except psycopg.Error:
            return False

    def _collect(self, count: int) -> list[PGresult]:
        self._pg.pipeline_sync()
        while self._pg.flush():
            self._wait(select.POLLIN | select.POLLOUT)
        results: list[PGresult] = []
        while len(results) <= count:  # one for each statement and one for the sync
            while self._pg.is_busy():
                self._wait(select.POLLIN)
            result = self._pg.get_result()
            if result is not None:
                results.append(result)
            elif self._pg.status == ConnStatus.BAD:
                raise _failure(results) or psycopg.OperationalError("the connection is closed")
        failure = _failure(results)
        if failure is not None:
            raise failure
        return results[:-1]

    def _wait(self, what: int) -> None:
        self._poll.modify(self._pg.socket, what)
        self._poll.poll()
        self._pg.consume_input()


def _failure(results: Iterable[PGresult]) -> psycopg.Error | None:
    failed = next((result for result in results if result.status in _FAILED), None)
    return None if failed is None else errors.error_from_result(failed)


def texts(values: Iterable[str | None]) -> bytes:
    """The parameter text[]."""
    return _array(_TEXT, [None if value is None else value.encode() for value in values])


def blobs(values: Iterable[bytes]) -> bytes:
    """The parameter bytea[]."""
    return _array(_BYTEA, list(values))


def raw_texts(values: Iterable[bytes]) -> bytes:
    """The parameter text[] of what is UTF-8 already."""
    return _array(_TEXT, list(values))


def uuids(values: Iterable[bytes]) -> bytes:
    """The parameter uuid[] of 16 bytes each."""
    return _array(_UUID, list(values))


def int4s(values: Iterable[int | None]) -> bytes:
    """The parameter int4[]."""
    return _array(_INT4, [None if value is None else int4(value) for value in values])


def int8s(values: Iterable[int]) -> bytes:
    """The parameter int8[]."""
    return _array(_INT8, [int8(value) for value in values])


def dates(values: Iterable[date | None]) -> bytes:
    """The parameter date[]."""
    return _array(_DATE, [None if value is None else date4(value) for value in values])


def date4(value: date) -> bytes:
    """The parameter date."""
    return int4(value.toordinal() - _EPOCH_DAY)


def int4(value: int) -> bytes:
    """The parameter int4."""
    return value.to_bytes(4, "big", signed=True)


def int8(value: int) -> bytes:
    """The parameter int8."""
    return value.to_bytes(8, "big", signed=True)


def timestamptz(moment: datetime) -> bytes:
    """The parameter timestamptz, of an aware datetime."""
    return int8((moment - _EPOCH) // _MICROSECOND)


def moment(microseconds: int) -> datetime:
    """The datetime that lies so many microseconds after the beginning of 2000, UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _array(oid: int, items: Sequence[bytes | None]) -> bytes:
    if not items:
        return b"\0\0\0\0\0\0\0\0" + oid.to_bytes(4, "big")
    head = b"\0\0\0\1\0\0\0\1" + oid.to_bytes(4, "big") + len(items).to_bytes(4, "big") + b"\0\0\0\1"
    if len(set(items)) == 1:  # most columns say the same in every row of a batch
        return head + _item(items[0]) * len(items)
    return head + b"".join([_item(item) for item in items])


def _item(item: bytes | None) -> bytes:
    return _NULL if item is None else len(item).to_bytes(4, "big") + item
