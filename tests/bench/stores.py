"""What events are appended to: ours, plain SQL, and the peers. All on the same server but UmaDB, which brings its own."""

import json
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg_pool import ConnectionPool

from infra.database import Database
from infra.embedded import binaries
from infra.recorder import Actor, Append, LedgerBusy, LedgerRecorder, NewEvent
from tests.bench.loads import Done, Fact, Load, StoredLine, Write, drive

ACTOR = Actor("p_01a219f9d9bd78f2bf440d4ad77210ad", "program_staff", "3d1f6f3e-9c39-4f44-a6c5-1f5f5a3c9d10")
AT_ONCE = 24
"""Connections of the plain contenders at most; more callers take turns."""


class Ours:
    """The ledger's recorder, through its public door."""

    def __init__(self, database: Database) -> None:
        self._database, self._recorder = database, LedgerRecorder(database)
        self._recorder.create_ledger("bench")

    def run(self, load: Load) -> Done:
        """See Store."""
        return drive(load, lambda: self._write)

    def _write(self, stream: UUID, version: int, facts: Sequence[Fact], command: UUID) -> None:
        name = f"program:{stream}"
        events = tuple(NewEvent(name, version + n, kind, state) for n, (kind, state) in enumerate(facts, 1))
        append = Append(events, command, name, sha256(command.bytes).digest(), ACTOR, {name: version})
        while True:
            try:
                self._recorder.append(append)
            except LedgerBusy:
                continue  # nothing was written; the caller tries again, and its time goes on
            return

    def mark(self) -> int:
        """See Store."""
        return self._recorder.head()[0]

    def stored(self, after: int) -> Iterator[StoredLine]:
        """See Store. Positions must be without a gap, and every command must have its row."""
        position = after
        with self._database.pool.connection() as connection:
            lines: list[Any] = connection.execute(
                "SELECT e.position, e.stream, e.version, c.command_id FROM ledger.events e "
                "LEFT JOIN ledger.commands c USING (command_id) WHERE e.position > %s ORDER BY e.position",
                (after,),
            ).fetchall()
        for at, stream, version, command in lines:
            position += 1
            assert at == position, f"position {at} where {position} is due"
            yield UUID(stream.partition(":")[2]), version, command

    def close(self) -> None:
        """See Store."""
        close = getattr(self._recorder, "close", None)
        if callable(close):
            close()


_RAW_TABLES = """
CREATE SCHEMA raw;
CREATE SEQUENCE raw.positions;
CREATE TABLE raw.events (LIKE ledger.events INCLUDING ALL);
CREATE TABLE raw.commands (LIKE ledger.commands INCLUDING ALL);
ALTER TABLE raw.events ALTER position SET DEFAULT nextval('raw.positions');
"""
_EVENT = "(recorded_at, version, command_id, stream, type, provenance, actor_person, actor_role, actor_org, salt, commitment, state)"
_ONE = "(clock_timestamp(), %b, %b, %b, %b, 'native', %b, %b, %b, %b, %b, %b)"


def raw_statement(count: int) -> str:
    """One statement, one round trip, one commit: the rows of a command of so many events and the command's own."""
    lines = ", ".join([_ONE] * count)
    return f"""WITH written AS (INSERT INTO raw.events {_EVENT} VALUES {lines} RETURNING position)
INSERT INTO raw.commands SELECT %b, %b, %b, %b::int, %b::int, max(position) FROM written"""


class Raw:
    """Plain psycopg: the same rows into the same tables with the same indexes, and nothing looked at before.

    It assigns no gapless positions and looks for no conflict, so it is what the database and the disk allow.
    """

    def __init__(self, address: str) -> None:
        self._pool: ConnectionPool[Any] = ConnectionPool(
            address, min_size=1, max_size=AT_ONCE, kwargs={"autocommit": True}, open=True, timeout=30
        )
        with self._pool.connection() as connection:
            connection.execute(_RAW_TABLES)

    def run(self, load: Load) -> Done:
        """See Store."""
        statement = raw_statement(load.count)
        salt, commitment = b"s" * 16, b"c" * 32

        def write(stream: UUID, version: int, facts: Sequence[Fact], command: UUID) -> None:
            name, words = f"program:{stream}", list[Any]()
            for n, (kind, state) in enumerate(facts, 1):
                words += [version + n, command, name, kind, ACTOR.person, ACTOR.role, ACTOR.org]
                words += [salt, commitment, state.decode()]
            words += [command, name, commitment, version + 1, version + len(facts)]
            with self._pool.connection() as connection:
                connection.execute(statement, words, prepare=True)

        return drive(load, lambda: write)

    def mark(self) -> int:
        """See Store."""
        with self._pool.connection() as connection:
            row: Any = connection.execute("SELECT coalesce(max(position), 0) FROM raw.events").fetchone()
        return row[0]

    def stored(self, after: int) -> Iterator[StoredLine]:
        """See Store. In the order of versions: nothing orders the positions of a sequence."""
        with self._pool.connection() as connection:
            lines: list[Any] = connection.execute(
                "SELECT e.stream, e.version, c.command_id FROM raw.events e JOIN raw.commands c USING (command_id) "
                "WHERE e.position > %s ORDER BY e.stream, e.version",
                (after,),
            ).fetchall()
        for stream, version, command in lines:
            yield UUID(stream.partition(":")[2]), version, command

    def close(self) -> None:
        """See Store."""
        self._pool.close()


def pgbench(address: str, callers: int, seconds: float, facts: Sequence[Fact]) -> dict[str, float]:
    """The same statement by PostgreSQL's own load generator, one event each; events per second. RuntimeError if it fails."""
    state = f"convert_from(decode('{facts[0][1].hex()}', 'hex'), 'UTF8')"  # its colons would be pgbench's variables
    script = (
        "WITH id AS (SELECT gen_random_uuid() AS c), written AS (INSERT INTO raw.events "
        f"{_EVENT} SELECT clock_timestamp(), 1, c, 'program:' || c, '{facts[0][0]}', 'native', '{ACTOR.person}', "
        f"'{ACTOR.role}', '{ACTOR.org}', decode(repeat('73', 16), 'hex'), decode(repeat('63', 32), 'hex'), {state} "
        "FROM id RETURNING position, command_id, stream) INSERT INTO raw.commands "
        "SELECT command_id, stream, decode(repeat('63', 32), 'hex'), 1, 1, position FROM written;\n"
    )
    with psycopg.connect(address, autocommit=True) as connection:
        count = "SELECT count(*) FROM raw.events WHERE position > %s"
        row: Any = connection.execute("SELECT coalesce(max(position), 0) FROM raw.events").fetchone()
        whole = max(1, round(seconds))
        options = ["-n", "-M", "prepared", "-c", str(callers), "-j", "1", "-T", str(whole), "-f", "-", address]
        command = [str(binaries() / "pgbench"), *options]
        said = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        told = re.search(r"number of transactions actually processed: (\d+)", said.stdout)
        rate = re.search(r"tps = ([\d.]+)", said.stdout)
        if said.returncode != 0 or told is None or rate is None:
            raise RuntimeError(f"pgbench: {said.stderr.strip()[-300:]}")
        there: Any = connection.execute(count, row).fetchone()
        assert there[0] == int(told[1]), f"{told[1]} transactions, {there[0]} rows"
    return {"rate": float(rate[1])}


def with_about(state: bytes, command: UUID) -> bytes:
    """A state with what the ledger keeps beside it, in one JSON object, for stores that have no columns for it."""
    about = (
        f'{{"command_id":"{command}","actor":["{ACTOR.person}","{ACTOR.role}","{ACTOR.org}"],'
        f'"salt":"{"73" * 16}","commitment":"{"63" * 32}","fact":'
    )
    return about.encode() + state + b"}"


def about(command: UUID) -> str:
    """What the ledger keeps beside a state, as JSON."""
    told = {"command_id": str(command), "actor": [ACTOR.person, ACTOR.role, ACTOR.org]}
    return json.dumps({**told, "salt": "73" * 16, "commitment": "63" * 32})


class Library:
    """E: the library's own recorder with its defaults (pool of 5 and 10 more, LOCK TABLE)."""

    def __init__(self, host: str, name: str) -> None:
        self.datastore = PostgresDatastore(name, host, 5432, "postgres", "", pool_size=5, max_overflow=10)
        self._recorder = PostgresApplicationRecorder(self.datastore)
        self._recorder.create_table()

    def run(self, load: Load) -> Done:
        """See Store."""
        return drive(load, lambda: self._write)

    def _write(self, stream: UUID, version: int, facts: Sequence[Fact], command: UUID) -> None:
        self._recorder.insert_events(
            [StoredEvent(stream, version + n, kind, with_about(s, command)) for n, (kind, s) in enumerate(facts, 1)]
        )

    def mark(self) -> int:
        """See Store."""
        return self._recorder.max_notification_id() or 0

    def stored(self, after: int) -> Iterator[StoredLine]:
        """See Store."""
        while found := self._recorder.select_notifications(after + 1, 5_000):
            for one in found:
                assert isinstance(one.originator_id, UUID)
                yield one.originator_id, one.originator_version, UUID(json.loads(one.state)["command_id"])
            after = found[-1].id

    def close(self) -> None:
        """See Store."""
        self.datastore.close()


_MESSAGE_DB = (
    *("schema/message-store", "tables/messages", "types/message"),
    *(f"functions/{n}" for n in ("message-store-version", "hash-64", "acquire-lock", "category", "is-category", "id")),
    *("functions/cardinal-id", "functions/stream-version", "functions/write-message", "functions/get-stream-messages"),
    *("functions/get-category-messages", "functions/get-last-stream-message"),
    *("indexes/messages-category", "indexes/messages-id", "indexes/messages-stream"),
)
"""The order of its own installation script. Not pgcrypto, of which it takes gen_random_uuid() alone: that is built in."""
_WRITE_MESSAGE = "SELECT message_store.write_message(%s, %s, %s, %s, %s, %s)"


class MessageDb:
    """D: its SQL functions, called by psycopg; the events of one command in one transaction, sent together."""

    def __init__(self, address: str, package: Path) -> None:
        self._pool: ConnectionPool[Any] = ConnectionPool(
            address,
            min_size=1,
            max_size=AT_ONCE,
            kwargs={"autocommit": True, "options": "-c search_path=message_store,public"},
            open=True,
            timeout=30,
        )
        with self._pool.connection() as connection:
            for name in _MESSAGE_DB:
                connection.execute((package / "database" / f"{name}.sql").read_text().encode())

    def run(self, load: Load) -> Done:
        """See Store."""
        return drive(load, lambda: self._write)

    def _write(self, stream: UUID, version: int, facts: Sequence[Fact], command: UUID) -> None:
        beside = about(command)
        lines = [
            (str(uuid4()), f"program-{stream}", kind, state.decode(), beside, version + n - 1)
            for n, (kind, state) in enumerate(facts)
        ]
        with self._pool.connection() as connection:
            if len(lines) == 1:
                connection.execute(_WRITE_MESSAGE, lines[0], prepare=True)
                return
            with connection.pipeline(), connection.transaction():
                for line in lines:
                    connection.execute(_WRITE_MESSAGE, line, prepare=True)

    def mark(self) -> int:
        """See Store."""
        with self._pool.connection() as connection:
            row: Any = connection.execute("SELECT coalesce(max(global_position), 0) FROM messages").fetchone()
        return row[0]

    def stored(self, after: int) -> Iterator[StoredLine]:
        """See Store."""
        query = (
            "SELECT stream_name, position + 1, metadata->>'command_id' FROM messages "
            "WHERE global_position > %s ORDER BY global_position"
        )
        with self._pool.connection() as connection:
            for stream, version, command in connection.execute(query, (after,)).fetchall():
                yield UUID(stream.removeprefix("program-")), version, UUID(command)

    def close(self) -> None:
        """See Store."""
        self._pool.close()


class Emmett:
    """M: driven by a script of ours in a process of its own, which holds the callers."""

    def __init__(self, host: str, name: str, address: str, modules: Path) -> None:
        self._address, self._modules = address, modules
        self._url = f"postgresql://postgres@{host.replace('/', '%2F')}:5432/{name}"
        self._run({"create": True})

    def _run(self, request: dict[str, Any]) -> Any:
        script = self._modules / "emmett_load.mjs"
        script.write_bytes(Path(__file__).with_name("emmett_load.mjs").read_bytes())
        asked = json.dumps({"url": self._url, **request})
        said = subprocess.run(
            ["node", str(script)], input=asked, capture_output=True, text=True, check=False, timeout=300
        )
        if said.returncode != 0:
            raise RuntimeError(f"node: {(said.stderr or said.stdout).strip()[-300:]}")
        return json.loads(said.stdout.splitlines()[-1])

    def run(self, load: Load) -> Done:
        """See Store."""
        facts = [[kind, state.decode()] for kind, state in load.facts]
        told = self._run(
            {
                "callers": load.callers,
                "count": load.count,
                "seconds": load.seconds,
                "facts": facts,
                "about": json.loads(about(UUID(int=0))),
            }
        )
        acknowledged = {(UUID(s), v): UUID(c) for s, v, c in told["acknowledged"]}
        return Done(acknowledged, told["milliseconds"], told["elapsed"])

    def mark(self) -> int:
        """See Store."""
        with psycopg.connect(self._address) as connection:
            row: Any = connection.execute("SELECT coalesce(max(global_position), 0) FROM emt_messages").fetchone()
        return int(row[0])

    def stored(self, after: int) -> Iterator[StoredLine]:
        """See Store."""
        query = (
            "SELECT stream_id, stream_position, message_metadata->>'command_id' FROM emt_messages "
            "WHERE global_position > %s ORDER BY global_position"
        )
        with psycopg.connect(self._address) as connection:
            for stream, version, command in connection.execute(query, (after,)).fetchall():
                yield UUID(stream.removeprefix("program:")), int(version), UUID(command)

    def close(self) -> None:
        """See Store."""


class Uma:
    """U: its own server from its own wheel, on a free port of this machine; every caller with a client of its own."""

    def __init__(
        self, module: Any, command: Sequence[str], environment: dict[str, str], folder: Path, port: int
    ) -> None:
        self._uma, self._url = module, f"http://127.0.0.1:{port}"
        arguments = [*command, "--listen", f"127.0.0.1:{port}", "--db-path", str(folder / "uma.db")]
        self._log = (folder / "uma-log").open("wb")
        self._server = subprocess.Popen(arguments, env=environment, stdout=self._log, stderr=self._log)
        try:
            self._client = self._connected()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._server.pid

    def _connected(self) -> Any:
        for _ in range(200):
            if self._server.poll() is not None:
                raise RuntimeError(f"the server ended with {self._server.returncode}")
            try:
                client = self._uma.Client(self._url)
                client.head()
            except Exception:  # noqa: BLE001  it is not up yet
                time.sleep(0.05)
            else:
                return client
        raise RuntimeError("the server did not answer in ten seconds")

    def run(self, load: Load) -> Done:
        """See Store."""
        return drive(load, self._writer)

    def _writer(self) -> Write:
        uma, client, seen = self._uma, self._uma.Client(self._url), dict[UUID, int]()

        def write(stream: UUID, version: int, facts: Sequence[Fact], command: UUID) -> None:
            tag = f"program:{stream}"
            events = [
                uma.Event(
                    kind, with_about(state, command), tags=[tag], uuid=uuid4(), metadata={"version": str(version + n)}
                )
                for n, (kind, state) in enumerate(facts, 1)
            ]
            condition = uma.AppendCondition(uma.Query([uma.QueryItem(tags=[tag])]), after=seen.get(stream))
            seen[stream] = client.append(events, condition)

        return write

    def mark(self) -> int:
        """See Store."""
        return self._client.head() or 0

    def stored(self, after: int) -> Iterable[StoredLine]:
        """See Store."""
        for one in self._client.read(start=after + 1):
            event = one.event
            command = UUID(json.loads(event.data)["command_id"])
            yield UUID(event.tags[0].partition(":")[2]), int(event.metadata["version"]), command

    def close(self) -> None:
        """See Store. Ends the server that was started here."""
        self._server.terminate()
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._log.close()
