"""Who the stream is posted to, how far each is, and what each did not take: all that posting remembers.

A subscriber's secret is a key of the keyring, shown once and kept nowhere else. Every step names the place it starts
from, so whoever works on a subscriber that another has taken over moves nothing.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from infra.database import Database
from infra.keyring import Keyring, KeyringError
from infra.vault import new_id

SHOWN: Final = "whsec_"
"""What a secret begins with where it is shown."""
_COLUMNS = """w.id, w.affiliate, w.complaints, w.url, w.types, w.position, w.done, w.attempts,
    greatest(0, extract(epoch FROM w.due_at - clock_timestamp()))::float8, w.trouble, w.added_by"""
_EVERY = f"""SELECT {_COLUMNS}, (SELECT count(*) FROM read.webhook_letters l WHERE l.webhook = w.id)
FROM read.webhooks w WHERE coalesce(w.id = %(id)s, true) ORDER BY w.id"""
_ADD = """INSERT INTO read.webhooks (id, affiliate, complaints, url, types, added_by, position)
VALUES (%s, %s, %s, %s, %s, %s, %s)"""
_HERE = "id = %(id)s AND (position, done, attempts) = (%(from_position)s, %(from_done)s, %(from_attempts)s)"
_MOVE = f"""UPDATE read.webhooks SET position = %(position)s, done = %(done)s, attempts = 0, trouble = NULL
WHERE {_HERE}"""
_FAIL = f"""UPDATE read.webhooks SET attempts = attempts + 1, trouble = %(reason)s,
    due_at = clock_timestamp() + make_interval(secs => %(pause)s) WHERE {_HERE}"""
_BURY = """INSERT INTO read.webhook_letters (webhook, position, part, key, type, reason)
VALUES (%(id)s, %(at)s, %(part)s, %(key)s, %(type)s, %(reason)s) ON CONFLICT DO NOTHING"""
_LETTERS = """SELECT position, part, key, type, reason, again FROM read.webhook_letters
WHERE webhook = %s ORDER BY position, part"""
_REFUSED = """UPDATE read.webhook_letters SET again = false,
    reason = CASE WHEN (position, part) = (%(at)s, %(part)s) THEN %(reason)s ELSE reason END
WHERE webhook = %(id)s AND key = %(key)s"""


class Overtaken(Exception):
    """The subscriber is not where it was thought to be: another works on it, or it is gone."""


class UnknownWebhook(LookupError):
    """There is none of that id, or no more."""

    def __init__(self, hook_id: str) -> None:
        super().__init__(f"there is no webhook {hook_id}")


@dataclass(frozen=True)
class Webhook:
    """A subscriber. Of the messages after ``position`` the first ``done`` were taken; ``wait``: seconds until the next try."""

    id: str
    affiliate: str | None
    complaints: bool
    url: str
    types: tuple[str, ...]
    position: int
    done: int
    attempts: int
    wait: float
    trouble: str | None
    added_by: str
    letters: int = 0

    @property
    def place(self) -> dict[str, Any]:
        """Where it stands, as the words of a step that starts from here."""
        at = {"from_position": self.position, "from_done": self.done, "from_attempts": self.attempts}
        return {"id": self.id, **at}


def _hook(row: Sequence[Any]) -> Webhook:
    told: dict[str, Any] = dict(zip((one.name for one in fields(Webhook)), row, strict=True))
    told["types"] = tuple(told["types"])
    return Webhook(**told)


@dataclass(frozen=True)
class Letter:
    """A message that was not taken: the ``part``-th (from 0) of those at a position. ``again``: it is to be tried again."""

    position: int
    part: int
    key: str
    type: str
    reason: str
    again: bool = False


class Webhooks:
    """The subscribers of a ledger. Any thread and process may use it."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring

    # --- who there is ---------------------------------------------------------------------------------------------

    def add(
        self,
        url: str,
        affiliate: str | None,
        *,
        by: str,
        after: int,
        types: Sequence[str] = (),
        complaints: bool = False,
    ) -> tuple[Webhook, str]:
        """A new subscriber, and its secret as it is shown this once. It gets what comes after a position."""
        hook_id = new_id("wh_")
        key = self._keyring.create(hook_id)
        with self._database.pool.connection() as connection:
            connection.execute(_ADD, (hook_id, affiliate, complaints, url, list(types), by, after))
        return self.one(hook_id), SHOWN + base64.b64encode(key).decode()

    def every(self) -> list[Webhook]:
        """All of them, the oldest first."""
        return self._found(None)

    def one(self, hook_id: str) -> Webhook:
        """One of them. UnknownWebhook where there is none."""
        found = self._found(hook_id)
        if not found:
            raise UnknownWebhook(hook_id)
        return found[0]

    def _found(self, hook_id: str | None) -> list[Webhook]:
        with self._database.pool.connection() as connection:
            rows: list[Any] = connection.execute(_EVERY, {"id": hook_id}).fetchall()
        return [_hook(row) for row in rows]

    def remove(self, hook_id: str) -> None:
        """Post nothing to it any more; its secret and what it did not take go with it. UnknownWebhook."""
        self.one(hook_id)
        with self._database.pool.connection() as connection:
            connection.execute("DELETE FROM read.webhooks WHERE id = %s", (hook_id,))
        self._keyring.forget(hook_id)

    def secret(self, hook_id: str) -> bytes:
        """The 32 bytes that sign what is posted to it. KeyringError where the keyring lacks them."""
        key = self._keyring.get(hook_id)
        if key is None:
            raise KeyringError(
                f"the keyring lacks the secret of {hook_id}: restore it, or remove the webhook and add it anew"
            )
        return key

    # --- how far it is --------------------------------------------------------------------------------------------

    def moved(self, hook: Webhook, position: int, done: int = 0) -> Webhook:
        """It took everything up to a position, and so many of the next one's messages. Overtaken."""
        self._step(_MOVE, hook, {"position": position, "done": done})
        return self.one(hook.id)

    def failed(self, hook: Webhook, reason: str, pause: float) -> Webhook:
        """It did not take the next message; to be tried again after so many seconds. Overtaken."""
        self._step(_FAIL, hook, {"reason": reason, "pause": pause})
        return self.one(hook.id)

    def bury(self, hook: Webhook, letter: Letter, position: int, done: int = 0) -> Webhook:
        """Keep a message that it did not take, and go on after it, in one transaction. Overtaken."""
        told = {"id": hook.id, "at": letter.position, "part": letter.part, "key": letter.key}
        told |= {"type": letter.type, "reason": letter.reason}
        self._step(_MOVE, hook, {"position": position, "done": done}, also=told)
        return self.one(hook.id)

    def _step(self, query: Any, hook: Webhook, words: dict[str, Any], also: dict[str, Any] | None = None) -> None:
        with self._database.pool.connection() as connection, connection.transaction():
            if connection.execute(query, {**hook.place, **words}).rowcount != 1:
                raise Overtaken(hook.id)
            if also is not None:
                connection.execute(_BURY, also)

    # --- what it did not take -------------------------------------------------------------------------------------

    def letters(self, hook_id: str) -> list[Letter]:
        """What it did not take, in order."""
        with self._database.pool.connection() as connection:
            rows: list[Any] = connection.execute(_LETTERS, (hook_id,)).fetchall()
        return [Letter(*row) for row in rows]

    def redrive(self, hook_id: str) -> int:
        """Have everything tried again that it did not take, and what waits for its next try at once; how many messages were
        kept. UnknownWebhook."""
        self.one(hook_id)
        with self._database.pool.connection() as connection, connection.transaction():
            connection.execute("UPDATE read.webhooks SET due_at = clock_timestamp() WHERE id = %s", (hook_id,))
            query = "UPDATE read.webhook_letters SET again = true WHERE webhook = %s"
            return connection.execute(query, (hook_id,)).rowcount

    def taken(self, hook_id: str, letter: Letter) -> None:
        """It took one of these now."""
        with self._database.pool.connection() as connection:
            query = "DELETE FROM read.webhook_letters WHERE webhook = %s AND (position, part) = (%s, %s)"
            connection.execute(query, (hook_id, letter.position, letter.part))

    def refused(self, hook_id: str, letter: Letter, reason: str) -> None:
        """It did not take one of these again: it stays, and so do all of the same key."""
        words = {"id": hook_id, "at": letter.position, "part": letter.part, "key": letter.key, "reason": reason}
        with self._database.pool.connection() as connection:
            connection.execute(_REFUSED, words)
