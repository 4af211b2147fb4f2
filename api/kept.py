"""Answers of the directory that are kept as they were rendered, for as long as nothing can have changed in them.

An answer is kept under its tag, which covers what the rows are made from, the question, and the date in every zone that
can be shown. It is not used past the next midnight of any of those zones, nor past the next change of a status: a tier
that ends at midnight is gone at midnight, with no event and a warm cache. Keeping nothing gives the same answers.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from infra.places import Mark
from infra.wiring import Service
from projections.held import midnight

FRESH = 30
"""Seconds for which a visitor may keep an answer, unless a status changes sooner."""
MOST_BYTES = 32_000_000
NOT_KEPT = ("at_least", "as_known")
"""Parameters with which a question is always answered anew."""
MODEL = "directory"
DAY = timedelta(days=1)


class Rendered(NamedTuple):
    """One rendered answer."""

    etag: str
    body: bytes
    mark: Mark
    changes_at: datetime | None
    """When a status that it shows changes next."""
    until: datetime | None
    """From when it is not to be used any more; None where the day asked about is fixed."""

    def headers(self, now: datetime) -> dict[str, str]:
        """What goes with it: the tag, and how long a visitor may keep it."""
        return {"ETag": self.etag, "Cache-Control": lasting(self.changes_at, now)}


def lasting(changes_at: datetime | None, now: datetime) -> str:
    """For how long a visitor may keep an answer: never past the next change."""
    left = int((changes_at - now).total_seconds()) if changes_at else FRESH
    return f"public, max-age={max(0, min(FRESH, left))}"


def seen(if_none_match: str, etag: str) -> bool:
    """Whether the visitor has this answer already."""
    return if_none_match.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in if_none_match.split(",")]


def next_midnight(zones: Iterable[str], now: datetime) -> datetime | None:
    """When a day begins next in any of some zones, in UTC."""
    return min((midnight(now.astimezone(ZoneInfo(zone)).date() + DAY, zone) for zone in zones), default=None)


class KeptAnswers:
    """The answers used last, by the question. Any thread may call any method."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most, self._bytes = most, 0
        self._kept: OrderedDict[str, Rendered] = OrderedDict()
        self._lock = Lock()

    def get(self, question: str, mark: Mark | None, now: datetime) -> Rendered | None:
        """The answer that was kept, if the rows are the same and no day has turned since."""
        with self._lock:
            kept = self._kept.get(question)
            if kept is None or kept.mark != mark or (kept.until is not None and now >= kept.until):
                return None
            self._kept.move_to_end(question)
            return kept

    def put(self, question: str, kept: Rendered) -> None:
        """Keep an answer; those used longest ago make room."""
        with self._lock:
            before = self._kept.pop(question, None)
            self._bytes += len(kept.body) - (len(before.body) if before else 0)
            self._kept[question] = kept
            while self._bytes > self._most:
                _, old = self._kept.popitem(last=False)
                self._bytes -= len(old.body)


Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def question_of(path: str, query: str) -> str | None:
    """Under what an answer is kept; None for questions that are always answered anew."""
    return None if any(name in NOT_KEPT for name, _ in parse_qsl(query)) else f"{path}?{query}"


class AtTheDoor:
    """Gives kept answers out before anything else is done, where this process follows the read models closely."""

    def __init__(self, app: App, service: Service, answers: KeptAnswers, path: str) -> None:
        self._app, self._service, self._answers, self._path = app, service, answers, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the question on."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == self._path:
            mark = self._service.projector.mark(MODEL, closely=True)
            question = question_of(scope["path"], scope["query_string"].decode("latin-1"))
            now = self._service.ledger.now()
            kept = self._answers.get(question, mark, now) if question and mark else None
            if kept:
                await _send(kept, kept.headers(now), dict(scope["headers"]).get(b"if-none-match", b""), send)
                return
        await self._app(scope, receive, send)


async def _send(kept: Rendered, headers: dict[str, str], if_none_match: bytes, send: Send) -> None:
    unchanged = bool(if_none_match) and seen(if_none_match.decode("latin-1"), kept.etag)
    named = {**headers, "X-Content-Type-Options": "nosniff"}
    if not unchanged:
        named |= {"Content-Type": "application/json", "Content-Length": str(len(kept.body))}
    lines = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": 304 if unchanged else 200, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if unchanged else kept.body})
