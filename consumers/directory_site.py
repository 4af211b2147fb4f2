"""The directory site: a copy of the partner directory in a database of its own, fed by the partners' topic alone.

It answers the same questions with the same bytes as the register does at the same position on the same day: the same
statements, asked of tables of the same shape. At midnight it shows the next day's statuses without a message: every row
carries all its turns. It needs neither the register nor Kafka to answer, and it can prove itself: of any directory that
the register published it says whether its own rows of that position give the same root.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event as Signal
from threading import Thread
from typing import Any, LiteralString, cast, get_args
from urllib.parse import parse_qs, urlsplit

import msgspec

from consumers.following import Message
from consumers.kit import Reader
from consumers.outgoing import DIRECTORY, MARKER, ROW, Directory, Marker
from domain.status import StatusName
from infra.kafka import Cluster
from infra.merkle import leaf_hash, root_of
from infra.reader_store import ReaderStore, Taking
from infra.reading import CursorInvalid, PartnerFilter, page_of
from infra.topics import Topics
from projections import directory
from projections.directory import folded
from projections.language import Question
from projections.listed import EVER
from projections.public import PublicRow, instant, listings_of, shown_on
from projections.snapshot import SHOWN, differing, digest, entries_of_copy

NAME = "directory-site"
PATH = "/api/v1/partners"
KEPT = 30
"""So many published directories can be proved; older versions of rows are needed for no others."""
_MOST = 200
_LONGEST_WORD = 120
_log = logging.getLogger("nqms.site")
_decode = msgspec.json.Decoder(PublicRow).decode
_TABLES: tuple[LiteralString, ...] = ("directory", "directory_spans", "directory_listings")
_END: tuple[LiteralString, ...] = tuple(
    f"UPDATE reading.{table} SET to_position = %s WHERE generation = 1 AND key = %s AND to_position IS NULL"
    for table in _TABLES
)
_PUT = """INSERT INTO reading.directory (from_position, key, affiliate, listing, area, city, folded, body)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_SPANS = """INSERT INTO reading.directory_spans
    (from_position, key, affiliate, listing, ordinal, scheme, tier, rank, zone, status, since, until)
SELECT %s, %s, %s, %s, s.* FROM unnest(%s::int[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::date[],
    %s::date[]) AS s"""
_LISTINGS = """INSERT INTO reading.directory_listings
    (from_position, key, ordinal, since, until, affiliate, listing, area, city, folded)
SELECT %s, %s, s.* FROM unnest(%s::int[], %s::date[], %s::date[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::text[]) AS s"""
_WHOLE = """INSERT INTO reading.whole (part, parts, position) VALUES (%s, %s, %s)
ON CONFLICT (part) DO UPDATE SET parts = excluded.parts, position = excluded.position"""
_PUBLISHED = """INSERT INTO reading.published (day, size, entries, root, sha256) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING"""
_FORGET: tuple[LiteralString, ...] = tuple(
    f"""DELETE FROM reading.{table} WHERE to_position <=
    (SELECT size FROM reading.published ORDER BY day DESC OFFSET %s LIMIT 1)"""
    for table in _TABLES
)
_POSITION = "SELECT CASE WHEN count(*) = max(parts) THEN min(position) END FROM reading.whole"
_NEWEST = """SELECT day, size, entries, root, sha256 FROM reading.published
WHERE coalesce(day = %s::date, true) ORDER BY day DESC LIMIT 1"""
_OLDEST = """SELECT count(*) FROM reading.directory d WHERE from_position > %(size)s AND NOT EXISTS (
    SELECT FROM reading.directory o WHERE o.key = d.key AND o.from_position <= %(size)s)"""


def take_in(taking: Taking, message: Message) -> None:
    """One message of the partners' topic. ValueError for one that is no public row."""
    if message.type == MARKER:
        marked = msgspec.json.decode(message.value or b"", type=Marker)
        taking.execute(_WHOLE, (message.key, marked.partitions, marked.position))
    elif message.type == DIRECTORY:
        known = msgspec.json.decode(message.value or b"", type=Directory)
        taking.execute(_PUBLISHED, (known.day, known.size, known.entries, known.root, known.sha256))
        for query in _FORGET:
            taking.execute(query, (KEPT,))
    elif message.type != ROW:
        raise ValueError(f"{message.type} is no public row")
    else:
        row = None if message.value is None else _decode(message.value)
        for query in _END:
            taking.execute(query, (message.position, message.key))
        if row is not None and message.value is not None:
            _put(taking, message.position, message.key, row, message.value)


def _put(taking: Taking, position: int, key: str, row: PublicRow, body: bytes) -> None:
    about = (position, key, row.affiliate, row.listing)
    place = row.place
    taking.execute(_PUT, (*about, folded(place.jurisdiction), folded(place.city), folded(row.name), body))
    turns = [(one.scheme, turn) for one in row.schemes for turn in one.turns]
    lines = [
        (n, scheme, turn.shows.tier.removeprefix(f"{scheme}/"), turn.rank, turn.zone, turn.shows.status, turn.since,
         turn.shows.through + timedelta(days=1) if turn.shows.through else None)
        for n, (scheme, turn) in enumerate(turns)
    ]  # fmt: skip
    if lines:
        taking.execute(_SPANS, (*about, *_by_column(lines)))
    taking.execute(_LISTINGS, (position, key, *_by_column(list(_stretches(row)))))


def _stretches(row: PublicRow) -> Iterator[tuple[Any, ...]]:
    told = listings_of(row)
    since = [one.since or EVER for one in told]
    for n, (one, until) in enumerate(zip(told, (*since[1:], None), strict=True)):
        place = folded(one.place.jurisdiction), folded(one.place.city)
        yield n, since[n], until, one.affiliate, one.listing, *place, folded(one.name)


def _by_column(lines: Sequence[tuple[Any, ...]]) -> Iterator[list[Any]]:
    return (list(column) for column in zip(*lines, strict=True))


def site_reader(store: ReaderStore, cluster: Cluster, topics: Topics, **options: Any) -> Reader:
    """The reader that keeps the copy."""
    return Reader(NAME, [topics.partners.name], take_in, store, cluster, topics, **options)


@dataclass(frozen=True)
class Answer:
    """What a question gets: HTTP status and body."""

    status: int
    body: Any


@dataclass(frozen=True)
class Proof:
    """Whether the copy shows what the register published: the directory it is held against, where the copy is, and every
    reason why not; none means that it does."""

    published: Directory
    position: int
    root: str
    faults: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether both show the same."""
        return not self.faults


class NothingPublished(LookupError):
    """No directory (of that day) has come to the copy."""


class FileDiffers(ValueError):
    """A file that is not the one whose digest the register recorded."""


class Copy:
    """The copy, asked. ``now`` says what time it is."""

    def __init__(self, store: ReaderStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store, self._now = store, now

    def position(self) -> int:
        """Up to which position of the register the copy is whole; 0 before it is."""
        return int(self._store.ask(_POSITION)[0][0] or 0)

    def _ask(self, question: Question, /, **words: Any) -> list[Any]:
        """One of the register's own questions, asked of the tables here."""
        return self._store.ask(question.sql.replace("read.", "reading."), words)

    def one(self, program_id: str, as_of: date | None = None) -> dict[str, Any] | None:
        """A program as ``GET /partners/{id}`` shows it; None where there is none."""
        rows = self._ask(directory.NAMED, keys=[f"program:{program_id}"])
        return shown_on(_decode(rows[0][0]), self._now(), as_of) if rows else None

    def page(
        self,
        as_of: date | None = None,
        cursor: str | None = None,
        limit: int = 50,
        chosen: PartnerFilter | None = None,
    ) -> dict[str, Any]:
        """A page as ``GET /partners`` shows it, in the same order. CursorInvalid for a strange cursor."""
        now, wanted = self._now(), chosen or PartnerFilter()
        bodies, more, change = page_of(self._ask, wanted, now=now, as_of=as_of, cursor=cursor, limit=limit)
        return {
            "partners": [shown_on(_decode(body), now, as_of) for body in bodies],
            "next": more,
            "next_change_at": instant(change) if change else None,
            "as_of": as_of.isoformat() if as_of else None,
        }

    def answer(self, address: str) -> Answer:
        """What a GET of an address gets."""
        asked = urlsplit(address)
        words = {name: values[-1] for name, values in parse_qs(asked.query, keep_blank_values=True).items()}
        try:
            as_of = date.fromisoformat(words["as_of"]) if "as_of" in words else None
            if "as_known" in words:
                raise ValueError("the copy has what is known now; ask the register for what was known then")
            if int(words.get("at_least", "0")) > (reached := self.position()):
                return Answer(503, {"code": "NOT_YET_VISIBLE", "detail": f"The copy has reached {reached}."})
            if asked.path == PATH:
                return Answer(200, self.page(as_of, words.get("cursor"), _limit(words), _filter(words)))
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
        query = "SELECT key, body FROM reading.directory WHERE to_position IS NULL ORDER BY key"
        for key, body in self._store.ask(query):
            yield key, bytes(body)

    # --- proving itself -------------------------------------------------------------------------------------------

    def proved(self, day: date | None = None, file: bytes | None = None) -> Proof:
        """Hold the copy against the directory of a day, or the last one, that the register published. With the published
        file the differences are named. NothingPublished; FileDiffers for another file."""
        found = self._store.ask(_NEWEST, (day,))
        if not found:
            raise NothingPublished(f"no directory of {day} has come here" if day else "no directory has come here yet")
        known, position = Directory(**dict(zip(Directory.__struct_fields__, found[0], strict=True))), self.position()
        if file is not None and digest(file) != known.sha256:
            raise FileDiffers(f"the file is not the directory of {known.day}: its digest is another than was recorded")
        rows = (_decode(body) for (body,) in self._ask(SHOWN, known=known.size))
        lines = entries_of_copy(rows, known.day)
        root = root_of([leaf_hash(one) for one in lines]).hex()
        return Proof(known, position, root, tuple(self._faults(known, position, lines, root, file)))

    def _faults(
        self, known: Directory, position: int, lines: tuple[bytes, ...], root: str, file: bytes | None
    ) -> Iterator[str]:
        if position < known.size:
            yield f"the copy is whole up to {position} only, and the directory is as known at {known.size}"
        if (len(lines), root) == (known.entries, known.root):
            return
        yield f"the copy gives {len(lines)} programs with the root {root}, not {known.entries} with {known.root}"
        if file is not None:
            own = [one.decode() for one in file.split(b"\n")[1:-1]]
            yield from differing("the copy", own, [one.decode() for one in lines])
        if missed := self._store.ask(_OLDEST, {"size": known.size})[0][0]:
            yield f"{missed} programs have no row of that position here: they came later, or their older rows never came"


def _limit(words: Mapping[str, str]) -> int:
    limit = int(words.get("limit", "50"))
    if not 1 <= limit <= _MOST:
        raise ValueError(f"limit is a number from 1 to {_MOST}")
    return limit


def _filter(words: Mapping[str, str]) -> PartnerFilter:
    """The filter that an address asks for. ValueError for a word that the register would not take."""
    given = {name: words[name] for name in ("affiliate", "scheme", "tier", "status", "place", "q") if name in words}
    for name, word in given.items():
        if not 1 <= len(word) <= _LONGEST_WORD:
            raise ValueError(f"{name} has 1 to {_LONGEST_WORD} characters")
    if "status" in given and given["status"] not in get_args(StatusName):
        raise ValueError(f"there is no status {given['status']}")
    return PartnerFilter(**cast(Any, given))


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
            body = msgspec.json.encode(answer.body)
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
