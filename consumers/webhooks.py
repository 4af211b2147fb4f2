"""Posts the stream to subscribers who run nothing but a web address: signed, one message at a time, in order.

Each subscriber has its own place in the ledger, kept with it, and moves on only when a message was taken; so a message
may come again with the same id, never be missing. What is not taken is tried again after pauses that grow, so many times;
then it is kept as a dead letter with the reason, later messages of the same key wait behind it, all others go on.
Of several such processes one works.
"""

import base64
import hashlib
import hmac
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

import msgspec

from consumers.outgoing import ROW
from consumers.scope import Scope, Told, of_affiliate, public, teller
from infra.cloud_events import ONE
from infra.keyring import KeyringError
from infra.outage import OUTAGES
from infra.posting import Poster
from infra.relaying import LOST, Hints, turn
from infra.webhooks import Letter, Overtaken, UnknownWebhook, Webhook, Webhooks
from infra.wiring import Service

TURN = "webhooks"
STANDBY = 1.0  # seconds between looks at whose turn it is
LOOK = 1.0  # seconds between looks for what is to be tried again, and for subscribers that came or went
BEHIND = "waits behind an earlier message of the same key"
_BATCH = 200
_log = logging.getLogger("nqms.webhooks")

Post = Callable[[str, Mapping[str, str], bytes], str | None]
"""Posts a body with headers to an address; None when it was taken, else what was wrong."""


@dataclass(frozen=True)
class Pace:
    """How often and after how long a message is tried again: seconds, each pause ``factor`` times the last one."""

    tries: int = 8
    first: float = 2.0
    factor: float = 4.0
    longest: float = 3600.0

    def pause(self, failed: int) -> float:
        """Seconds to wait after so many tries; by chance a little less, so that not all come back at once."""
        return min(self.first * self.factor ** (failed - 1), self.longest) * random.uniform(0.5, 1.0)


def signed(secret: bytes, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers that say which message it is, when it was posted, and that it comes from here (Standard Webhooks)."""
    said = b"%s.%d.%s" % (message_id.encode(), seconds, body)
    mac = base64.b64encode(hmac.new(secret, said, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{mac}"}


def message_id(hook: Webhook, told: Told) -> str:
    """The id of a message to a subscriber: the same whenever it comes again, and no other message's."""
    said = f"{hook.id}\n{told.type}\n{told.attributes['id']}"
    return f"msg_{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def scope_of(hook: Webhook) -> Scope:
    """What a subscriber is told: public rows alone where it is of no affiliate."""
    if hook.affiliate is None:
        return public()
    types = frozenset(hook.types)
    return of_affiliate(hook.affiliate, complaints=hook.complaints, rows=ROW in types, types=types)


class Stopped(Exception):
    """Somebody said stop while a message was to be posted."""


class Postman:
    """Posts to one subscriber. One thread runs it; ``news`` is set when something was recorded."""

    def __init__(self, service: Service, hooks: Webhooks, hook: Webhook, post: Post, pace: Pace) -> None:
        self._service, self._hooks, self._post, self._pace = service, hooks, post, pace
        self._hook, self._scope = hook, scope_of(hook)
        self._behind: set[str] = set()
        self._looked = 0.0
        self.stop, self.news = Signal(), Signal()

    def run(self) -> None:
        """Post until ``stop`` is set or the subscriber is gone. While database or keyring fail it waits."""
        while not self.stop.is_set():
            try:
                self._follow()
            except (Stopped, Overtaken, UnknownWebhook):
                return
            except (*OUTAGES, LOST, KeyringError) as error:
                _log.warning("%s stands still: %s", self._hook.id, error)
            except Exception:  # noqa: BLE001  one subscriber's trouble is not the others'
                _log.exception("%s stands still", self._hook.id)
            self.stop.wait(self._pace.pause(1))

    def _follow(self) -> None:
        self._hook = self._hooks.one(self._hook.id)
        outgoing, position = teller(self._service.ledger), self._hook.position
        while not self.stop.is_set():
            self._look()
            facts = self._service.ledger.recorder.read(position, _BATCH)
            for fact in facts:
                told = self._scope.of(outgoing, fact)
                skip = self._hook.done if fact.position == self._hook.position + 1 else 0
                for part, one in enumerate(told[skip:], skip):
                    self._one(one, fact.position, part, last=part + 1 == len(told))
                position = fact.position
            if position > self._hook.position:
                self._hook = self._hooks.moved(self._hook, position)
            while outgoing.rows.unreadable:
                _log.error("%s: %s", self._hook.id, outgoing.rows.unreadable.pop())
            if not facts:
                self.news.wait(LOOK)
                self.news.clear()

    # --- one message ----------------------------------------------------------------------------------------------

    def _one(self, told: Told, position: int, part: int, *, last: bool) -> None:
        """Post a message until it is taken or buried. Stopped in between."""
        after = (position, 0) if last else (position - 1, part + 1)
        while True:
            if told.key in self._behind:
                self._bury(told, position, part, BEHIND, after)
                return
            self._pause()
            wrong = self._posted(told)
            if wrong is None:
                self._hook = self._hooks.moved(self._hook, *after)
                return
            tries = self._hook.attempts + 1
            if tries >= self._pace.tries:
                self._bury(told, position, part, wrong, after)
                return
            if self._hook.position < position - 1:  # what was passed over meanwhile is settled first
                self._hook = self._hooks.moved(self._hook, position - 1)
            self._hook = self._hooks.failed(self._hook, wrong, self._pace.pause(tries))
            _log.warning("%s took no %s (%d of %d): %s", self._hook.id, told.type, tries, self._pace.tries, wrong)

    def _pause(self) -> None:
        """Until the next try is due, which somebody may make sooner. Stopped if it never comes."""
        while self._hook.attempts and self._hook.wait > 0:
            if self.stop.wait(min(self._hook.wait, LOOK)):
                raise Stopped
            now = self._hooks.one(self._hook.id)
            if now.place != self._hook.place:
                raise Overtaken(self._hook.id)
            self._hook = now
        if self.stop.is_set():
            raise Stopped

    def _posted(self, told: Told) -> str | None:
        body = msgspec.json.encode(told.json())
        headers = signed(self._hooks.secret(self._hook.id), message_id(self._hook, told), int(time.time()), body)
        return self._post(self._hook.url, {**headers, "content-type": ONE, "user-agent": "nqms"}, body)

    def _bury(self, told: Told, position: int, part: int, reason: str, after: tuple[int, int]) -> None:
        letter = Letter(position, part, told.key, told.type, reason)
        self._hook = self._hooks.bury(self._hook, letter, *after)
        self._behind.add(told.key)
        _log.error("%s: %s at %d is a dead letter: %s", self._hook.id, told.key, position, reason)

    # --- what was buried ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Try again what somebody wants tried again, in order; see which keys stand still."""
        if time.monotonic() - self._looked < LOOK:
            return
        letters, failed = self._hooks.letters(self._hook.id), set[str]()
        for letter in letters:
            if letter.again and letter.key not in failed and not self._again(letter):
                failed.add(letter.key)
        self._behind = {letter.key for letter in (self._hooks.letters(self._hook.id) if letters else ())}
        self._looked = time.monotonic()

    def _again(self, letter: Letter) -> bool:
        (fact,) = self._service.ledger.recorder.read(letter.position - 1, 1)
        told = self._scope.of(teller(self._service.ledger), fact)
        if self.stop.is_set():
            raise Stopped
        wrong = self._posted(told[letter.part]) if letter.part < len(told) else "this version makes no such message"
        if wrong is None:
            self._hooks.taken(self._hook.id, letter)
            return True
        self._hooks.refused(self._hook.id, letter, wrong)
        return False


class Posting:
    """Posts to every subscriber of a ledger, each in a thread of its own. One thread runs it."""

    def __init__(self, service: Service, *, post: Post | None = None, pace: Pace | None = None) -> None:
        self._service, self._pace = service, pace or Pace()
        self._post = post or Poster(service.settings.private_networks).post
        self._hooks = Webhooks(service.database, service.keyring)
        self._staff: dict[str, tuple[Postman, Thread]] = {}

    @property
    def busy_with(self) -> frozenset[str]:
        """The subscribers that it posts to now, by id."""
        return frozenset(self._staff)

    def run(self, stop: Signal) -> None:
        """Post until ``stop`` is set; while the database is away it waits."""
        while not stop.is_set():
            try:
                with turn(self._service.database, TURN) as mine:
                    while mine is not None and not stop.is_set():
                        self._work(stop, mine.position)
            except (LOST, *OUTAGES) as error:
                _log.warning("webhooks stand still: %s", error)
            stop.wait(STANDBY)

    def _work(self, stop: Signal, mine: Callable[[], object]) -> None:
        """Have everybody posted to until stop, or until the turn is lost (LOST)."""
        try:
            with Hints(self._service.database, self._service.ledger.recorder) as hints:
                head, looked = -1, 0.0
                while not stop.is_set():
                    if time.monotonic() - looked > LOOK:
                        mine()
                        self._hire()
                        looked = time.monotonic()
                    now = self._service.ledger.recorder.head()[0]
                    if now != head:
                        head = now
                        for postman, _ in self._staff.values():
                            postman.news.set()
                    hints.wait()
        finally:
            self._dismiss(set(self._staff))

    def _hire(self) -> None:
        """A postman for each subscriber that came; none for those that went."""
        there = {hook.id: hook for hook in self._hooks.every()}
        self._dismiss({name for name, (_, thread) in self._staff.items() if name not in there or not thread.is_alive()})
        for name in there.keys() - self._staff.keys():
            postman = Postman(self._service, self._hooks, there[name], self._post, self._pace)
            thread = Thread(target=postman.run, name=f"nqms-{name}", daemon=True)
            self._staff[name] = postman, thread
            thread.start()

    def _dismiss(self, names: set[str]) -> None:
        going = [self._staff.pop(name) for name in names]
        for postman, _ in going:
            postman.stop.set()
            postman.news.set()
        for _, thread in going:
            thread.join(timeout=30)


def run(service: Service, stop: Signal) -> None:
    """Post to every subscriber until ``stop`` is set."""
    Posting(service).run(stop)
