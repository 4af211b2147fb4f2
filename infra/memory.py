"""A ledger in memory, for unit tests: the same rules as in PostgreSQL, nothing durable."""

import threading
import weakref
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from infra.facts import FactRecorder
from infra.records import Append, Appended, Clock, CommandRow, Refused, StoredFact
from infra.settle import Standing, not_before, settle
from infra.subscription import LedgerSubscription


class MemoryRecorder(FactRecorder):
    """A ledger that ends with the process."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._turn = threading.Lock()
        self._facts: list[StoredFact] = []
        self._streams: dict[str, list[StoredFact]] = {}
        self._standing = Standing(0, datetime.min.replace(tzinfo=UTC))
        self._artifacts: dict[bytes, bytes] = {}
        self._followers: weakref.WeakSet[LedgerSubscription] = weakref.WeakSet()

    def _append_all(self, appends: Sequence[Append]) -> list[Appended | Refused]:
        outcomes: list[Appended | Refused] = []
        with self._turn:
            now = datetime.now(UTC) if self._clock is None else self._clock()
            self._standing.now = not_before(now, self._standing.now)
            for append in appends:  # one by one, so that nothing is carried forward without being kept
                settlement = settle([append], self._standing)
                for row in settlement.facts:
                    fact = StoredFact(*row)
                    self._streams.setdefault(fact.stream, []).append(fact)
                    self._facts.append(fact)
                outcomes += settlement.outcomes
        for follower in list(self._followers):
            follower.wake()
        return outcomes

    def put_artifact(self, kind: str, content: bytes) -> bytes:
        """See FactRecorder."""
        digest = sha256(content).digest()
        self._artifacts.setdefault(digest, content)
        return digest

    def read(self, after: int, limit: int, upto: int | None = None) -> list[StoredFact]:
        """See FactRecorder."""
        end = after + limit if upto is None else min(after + limit, upto)
        return self._facts[max(after, 0) : max(end, 0)]

    def read_published(self, after: int, limit: int) -> list[StoredFact]:
        """See FactRecorder."""
        own = ("program:", "ledger:")
        return [fact for fact in self.read(after, self.head()[0]) if not fact.stream.startswith(own)][:limit]

    def read_stream(
        self,
        stream: str,
        after: int = 0,
        upto: int | None = None,
        *,
        backwards: bool = False,
        limit: int | None = None,
        upto_position: int | None = None,
    ) -> list[StoredFact]:
        """See FactRecorder."""
        facts = self._streams.get(stream, [])[max(after, 0) : upto]
        if upto_position is not None:
            facts = [fact for fact in facts if fact.position <= upto_position]
        return facts[::-1][:limit] if backwards else facts[:limit]

    def head(self) -> tuple[int, datetime | None]:
        """See FactRecorder."""
        last = self._facts[-1] if self._facts else None
        return (0, None) if last is None else (last.position, last.recorded_at)

    def position_at(self, time: datetime) -> int:
        """See FactRecorder."""
        if time.tzinfo is None:
            raise ValueError("a time with a zone is needed")
        return bisect_right(self._facts, time, key=lambda fact: fact.recorded_at)

    def stream_version(self, stream: str) -> int:
        """See FactRecorder."""
        return len(self._streams.get(stream, []))

    def command(self, command_id: UUID) -> CommandRow | None:
        """See FactRecorder."""
        return self._standing.commands.get(command_id)

    def artifact(self, digest: bytes) -> bytes | None:
        """See FactRecorder."""
        return self._artifacts.get(digest)

    def claim_holder(self, kind: str, value: str) -> str | None:
        """See FactRecorder."""
        return self._standing.claims.get((kind, value))

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LedgerSubscription:
        """Follow the ledger after position `gt`."""
        follower = LedgerSubscription(self, gt, topics)
        self._followers.add(follower)
        return follower
