"""The directory site: a copy of the partner directory in a database of its own, fed by the partners' topic alone.

It answers the same questions with the same bytes as the register does at the same position on the same day. At midnight
it shows the next day's statuses without a message: every row carries all its turns. It needs neither the register nor
Kafka to answer.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Event as Signal
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from consumers.following import Message
from consumers.kit import Reader
from consumers.outgoing import MARKER, ROW, Marker
from infra.kafka import Cluster
from infra.reader_store import ReaderStore, Taking
from infra.reading import CursorInvalid, closed_cursor, opened_cursor
from infra.topics import Topics
from projections.directory import folded
from projections.public import ENDED, PublicRow, instant, next_change_at, ran_on, shown_on

NAME = "directory-site"
PATH = "/api/v1/partners"
_MOST = 200
_log = logging.getLogger("nqms.site")
_decode = msgspec.json.Decoder(PublicRow).decode
_PUT = """INSERT INTO reading.partners (key, listing, folded, body) VALUES (%s, %s, %s, %s)
ON CONFLICT (key) DO UPDATE SET listing = excluded.listing, folded = excluded.folded, body = excluded.body"""
_WHOLE = """INSERT INTO reading.whole (part, parts, position) VALUES (%s, %s, %s)
ON CONFLICT (part) DO UPDATE SET parts = excluded.parts, position = excluded.position"""
_POSITION = "SELECT CASE WHEN count(*) = max(parts) THEN min(position) END FROM reading.whole"
_ONE = "SELECT body FROM reading.partners WHERE key = %s"
_PAGE = """SELECT body FROM reading.partners WHERE listing = ANY(%(listings)s)
    AND (%(key)s::text IS NULL OR (folded, key) > (%(folded)s, %(key)s)) ORDER BY folded, key LIMIT %(limit)s"""
_EVERY = "SELECT body FROM reading.partners WHERE listing = 'listed' ORDER BY folded, key"


def take_in(taking: Taking, message: Message) -> None:
    """One message of the partners' topic. ValueError for one that is no public row."""
    if message.type == MARKER:
        marked = msgspec.json.decode(message.value or b"", type=Marker)
        taking.execute(_WHOLE, (message.key, marked.partitions, marked.position))
        return
    if message.type != ROW:
        raise ValueError(f"{message.type} is no public row")
    if message.value is None:
        taking.execute("DELETE FROM reading.partners WHERE key = %s", (message.key,))
        return
    row = _decode(message.value)
    taking.execute(_PUT, (message.key, row.listing, folded(row.name), message.value))


def site_reader(store: ReaderStore, cluster: Cluster, topics: Topics, **options: Any) -> Reader:
    """The reader that keeps the copy."""
    return Reader(NAME, [topics.partners.name], take_in, store, cluster, topics, **options)


@dataclass(frozen=True)
class Answer:
    """What a question gets: HTTP status and body."""

    status: int
    body: Any


class Copy:
    """The copy, asked. ``now`` says what time it is."""

    def __init__(self, store: ReaderStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store, self._now = store, now

    def position(self) -> int:
        """Up to which position of the register the copy is whole; 0 before it is."""
        return int(self._store.ask(_POSITION)[0][0] or 0)

    def one(self, program_id: str, as_of: date | None = None) -> dict[str, Any] | None:
        """A program as ``GET /partners/{id}`` shows it; None where there is none."""
        rows = self._store.ask(_ONE, (f"program:{program_id}",))
        return shown_on(_decode(rows[0][0]), self._now(), as_of) if rows else None

    def page(self, as_of: date | None = None, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
        """A page as ``GET /partners`` shows it, in the order of the names. CursorInvalid for a strange cursor."""
        now = self._now()
        _, _, name, key = opened_cursor(cursor, tuple[str, int, str, str]) if cursor else (None,) * 4
        rows = list(islice(self._after(name, key, as_of), limit + 1))
        more = closed_cursor(_place(rows[limit - 1])) if len(rows) > limit else None
        return {
            "partners": [shown_on(row, now, as_of) for row in rows[:limit]],
            "next": more,
            "next_change_at": None if as_of else self._next_change(now),
            "as_of": as_of.isoformat() if as_of else None,
        }

    def _after(self, name: str | None, key: str | None, as_of: date | None) -> Iterator[PublicRow]:
        """The rows after a place, in the order of the names: on an earlier day also what was closed or merged since."""
        listings = ["listed"] if as_of is None else ["listed", *ENDED]
        while found := self._store.ask(_PAGE, {"listings": listings, "folded": name, "key": key, "limit": _MOST}):
            rows = [_decode(body) for (body,) in found]
            yield from (row for row in rows if row.listing == "listed" or (as_of and ran_on(row, as_of)))
            _, _, name, key = _place(rows[-1])

    def _next_change(self, now: datetime) -> str | None:
        rows = (_decode(body) for (body,) in self._store.ask(_EVERY))
        coming = (next_change_at(row, now) for row in rows)
        return min((at for at in coming if at), key=datetime.fromisoformat, default=None)

    def answer(self, address: str) -> Answer:
        """What a GET of an address gets."""
        asked = urlsplit(address)
        words = {name: values[-1] for name, values in parse_qs(asked.query).items()}
        try:
            as_of = date.fromisoformat(words["as_of"]) if "as_of" in words else None
            if asked.path == PATH:
                limit = min(max(int(words.get("limit", "50")), 1), _MOST)
                return Answer(200, self.page(as_of, words.get("cursor"), limit))
            if asked.path == "/position":
                return Answer(200, {"position": self.position(), "at": instant(self._now())})
            if asked.path.startswith(f"{PATH}/"):
                found = self.one(asked.path.removeprefix(f"{PATH}/"), as_of)
                if found is not None:
                    return Answer(200, found)
        except (ValueError, CursorInvalid) as error:
            return Answer(422, {"code": "INVALID_PARAMETER", "detail": str(error)})
        return Answer(404, {"code": "NOT_FOUND", "detail": f"There is nothing at {asked.path}."})

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """Every row as it came, in the order of the keys."""
        for key, body in self._store.ask("SELECT key, body FROM reading.partners ORDER BY key"):
            yield key, bytes(body)


def _place(row: PublicRow) -> tuple[str, int, str, str]:
    """The place of a row in the listing by names, as the register's cursors say it."""
    return "~", 0, folded(row.name), f"program:{row.program_id}"


def serve(copy: Copy, reader: Reader, host: str, port: int) -> ThreadingHTTPServer:
    """A web server for the copy, not started yet; port 0 is any free one."""

    class Door(BaseHTTPRequestHandler):
        """Answers GET."""

        server_version = "nqms-site"
        sys_version = ""

        def do_GET(self) -> None:
            """One question."""
            if self.path == "/metrics":
                self._send(200, "text/plain; version=0.0.4; charset=utf-8", reader.gauges.text())
                return
            answer = copy.answer(self.path)
            body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
            self._send(answer.status, "application/json", body)

        def _send(self, status: int, media_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
            """Addresses of requests may hold names: they are not written down."""

    return ThreadingHTTPServer((host, port), Door)


def run(store: ReaderStore, cluster: Cluster, topics: Topics, listen: tuple[str, int], stop: Signal) -> None:
    """Keep the copy and serve it until ``stop`` is set. The copy is served also while the broker is away."""
    store.prepare("partners")
    reader = site_reader(store, cluster, topics)
    server = serve(Copy(store), reader, *listen)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        reader.run(stop)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
