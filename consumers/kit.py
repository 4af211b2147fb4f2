"""The consumer kit: takes a stream from Kafka into a reader's own database, each message once in its effect.

The position of every key is stored in the transaction that stores the effect, so that a message which comes again is
seen to have come, whoever it comes to. Offsets are committed afterwards: they save work, nothing depends on them. What
cannot be taken in goes to the reader's dead letters with the reason; later messages of the same key wait there behind
it, all others go on; ``redrive`` takes in what waits, in order.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from consumers.following import NO_POSITION, Following, Message
from infra.kafka import Cluster
from infra.outage import OUTAGES
from infra.reader_store import Place, ReaderStore, Taking
from infra.topics import Topics

BEHIND = "waits behind an earlier message of the same key"
_log = logging.getLogger("nqms.reader")

Handler = Callable[[Taking, Message], None]
"""What a reader makes of a message, inside the transaction. Whatever it raises makes the message a dead letter."""


class Gap(Exception):
    """A message of a stream came before the one that it follows."""


@dataclass
class _Batch:
    """What comes of some messages in one transaction."""

    places: dict[str, Place]
    taken: int = 0
    repeated: int = 0
    dead: list[tuple[Message, str]] | None = None


class Reader(Following):
    """One reader: a name, topics, and what it makes of a message. ``contiguous``: no version of a stream may be missing.

    ``options``: those of Following.
    """

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        handle: Handler,
        store: ReaderStore,
        cluster: Cluster,
        names: Topics,
        *,
        contiguous: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(name, topics, cluster, names, **options)
        self._handle, self._store, self._contiguous = handle, store, contiguous

    def prepare(self) -> None:
        """Make the tables of positions."""
        self._store.prepare()

    # --- taking in ------------------------------------------------------------------------------------------------

    def take(self, messages: Sequence[Message]) -> None:
        """Take in some messages, in one transaction with their positions."""
        try:
            batch = self._take(messages, one_by_one=False)
        except OUTAGES:
            raise
        except Exception as error:  # noqa: BLE001  whatever a handler raises: find out whose message it was
            _log.info("%s takes %d messages one by one: %s", self.name, len(messages), error)
            batch = self._take(messages, one_by_one=True)
        self.gauges.taken.inc(batch.taken)
        self.gauges.repeated.inc(batch.repeated)
        self.gauges.dead.inc(len(batch.dead or ()))

    def _take(self, messages: Sequence[Message], *, one_by_one: bool) -> _Batch:
        with self._store.taking() as taking:
            known = taking.places(self.name, (message.slot for message in messages))
            batch = self._fold(taking, messages, known, one_by_one=one_by_one)
            if batch.dead:
                self.bury(batch.dead)
            taking.keep(self.name, {key: place for key, place in batch.places.items() if place != known[key]})
        return batch

    def _fold(
        self, taking: Taking, messages: Iterable[Message], known: Mapping[str, Place], *, one_by_one: bool
    ) -> _Batch:
        batch = _Batch(dict(known), dead=[])
        assert batch.dead is not None
        for message in messages:
            place = batch.places[message.slot]
            if not message.position:
                batch.dead.append((message, NO_POSITION))
            elif message.position <= place.position:
                batch.repeated += 1
            elif place.parked is not None:
                batch.dead.append((message, BEHIND))
            else:
                reason = self._one(taking, message, place, guarded=one_by_one)
                if reason is None:
                    batch.places[message.slot] = Place(message.position, message.version)
                    batch.taken += 1
                else:
                    batch.dead.append((message, reason))
                    batch.places[message.slot] = replace(place, parked=reason)
        return batch

    def _one(self, taking: Taking, message: Message, place: Place, *, guarded: bool) -> str | None:
        """Take in one message; why not, where it cannot be and the failure is to be borne."""
        try:
            with taking.attempt() if guarded else nullcontext():
                if self._contiguous and message.version != place.version + 1:
                    raise Gap(f"version {message.version} came after {place.version}")
                self._handle(taking, message)
        except OUTAGES:
            raise
        except Exception as error:
            if not guarded:
                raise
            return f"{type(error).__name__}: {error}"[:500]
        return None

    # --- dead letters ---------------------------------------------------------------------------------------------

    def redrive(self) -> int:
        """Take in what waits among the dead letters, key by key in order; how many keys still stand still.

        The reader may be at work meanwhile: it waits for a key while that key is driven again.
        """
        self._store.prepare()
        return sum(not self._drive(slot) for slot in self._store.parked(self.name))

    def _drive(self, slot: str) -> bool:
        """One key again; True when all that waited was taken in, or had been."""
        with self._store.taking() as taking:
            place = taking.places(self.name, [slot])[slot]  # held from here on, so nothing of this key is buried now
            if place.parked is None:
                return True
            waiting = {m.position: m for m in self.dead_letters() if m.slot == slot and m.position > place.position}
            place = replace(place, parked=None)
            for _, message in sorted(waiting.items()):
                reason = self._one(taking, message, place, guarded=True)
                if reason is not None:
                    place = replace(place, parked=reason)
                    break
                place = Place(message.position, message.version)
                self.gauges.driven.inc()
            taking.keep(self.name, {slot: place})
        return place.parked is None
