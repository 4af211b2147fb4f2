"""The clock: records that days are over and announces what came due, each once, in the order of the days (3.8).

It tells; nothing depends on it. Whatever it missed while it stood still it makes up for, dated as planned. Its requests
bear keys made of what they are about, so that two clocks, or one that was cut off, announce nothing twice.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Event as Signal
from zoneinfo import ZoneInfo

import psycopg
from psycopg_pool import PoolTimeout

from domain.calendar import Calendar, RecordDayEnded, subject_of
from domain.due import AnnounceDue
from domain.language import Refused, Role
from infra.ledger import Ledger
from infra.reading import Reading
from projections.held import midnight
from projections.workspace import Deadline

CLOCK = "p_clock"
TICK = 60.0  # seconds between looks
STANDING = frozenset({Role.CLOCK})
DAY = timedelta(days=1)
_log = logging.getLogger("nqms.clock")


def _order(one: tuple[datetime, Deadline]) -> tuple[datetime, str, str]:
    at, deadline = one
    return at, deadline.program_id, deadline.kind


@dataclass(frozen=True)
class Ticked:
    """What one look brought: days recorded, announcements made, and how late the oldest of them was."""

    days: int
    announced: tuple[tuple[date, str, str], ...]
    """Day, kind and program of each announcement, in the order made."""
    late: timedelta = timedelta()


class Clock:
    """Records days and announces what is due, on a ledger and its read models. One tick at a time."""

    def __init__(self, ledger: Ledger, reading: Reading) -> None:
        self._ledger, self._reading = ledger, reading

    def tick(self) -> Ticked:
        """Everything that is over or due by now. What the read models do not show yet waits for the next tick."""
        now, zones = self._ledger.now(), self._ledger.shelf().zones()
        ended = sorted((midnight(day + DAY, zone), zone, day) for zone in zones for day in self._over(zone, now))
        due = ((self._moment(d), d) for d in self._reading.deadlines(now.date() + DAY))
        coming = sorted((one for one in due if one[0] <= now), key=_order)
        announced: list[tuple[date, str, str]] = []
        late = timedelta()
        for at, zone, day in ended:
            while coming and coming[0][0] <= at:
                late = max(late, now - coming[0][0])
                announced += self._announce(coming.pop(0)[1])
            self._end(zone, day)
        for at, deadline in coming:
            late = max(late, now - at)
            announced += self._announce(deadline)
        return Ticked(len(ended), tuple(announced), late if announced else timedelta())

    def run(self, stop: Signal) -> None:
        """Tick until ``stop`` is set; for a thread or process of its own."""
        while not stop.is_set():
            try:
                ticked = self.tick()
                if ticked.announced:
                    _log.info("%d announcements, the latest by %s", len(ticked.announced), ticked.late)
            except (psycopg.Error, PoolTimeout):
                _log.warning("the clock could not look; it tries again", exc_info=True)
            stop.wait(TICK)

    def _over(self, zone: str, now: datetime) -> Iterator[date]:
        """The days that are over in a zone and not recorded; a calendar begins with yesterday."""
        calendar: Calendar = self._ledger.load("calendar", subject_of(zone))
        today = now.astimezone(ZoneInfo(zone)).date()
        day = calendar.last + DAY if calendar.last else today - DAY
        while day < today:
            yield day
            day += DAY

    def _moment(self, deadline: Deadline) -> datetime:
        """The midnight at which something comes due, where it applies."""
        affiliate = self._ledger.shelf().affiliate(deadline.affiliate)
        return midnight(deadline.due_on, deadline.zone or (affiliate.timezone if affiliate else "UTC"))

    def _end(self, zone: str, day: date) -> None:
        subject = subject_of(zone)
        try:
            self._ledger.execute(
                subject,
                RecordDayEnded,
                {"day": day.isoformat()},
                person=CLOCK,
                standing=STANDING,
                idempotency_key=f"{subject}:{day}",
            )
        except Refused:  # another clock was quicker
            _log.info("the end of %s in %s was recorded meanwhile", day, zone)

    def _announce(self, deadline: Deadline) -> list[tuple[date, str, str]]:
        body = {"kind": deadline.kind, "about": deadline.about, "due_on": deadline.due_on.isoformat()}
        key = f"{deadline.program_id}:{deadline.kind}:{deadline.about}:{deadline.due_on}"
        try:
            done = self._ledger.execute(
                deadline.program_id, AnnounceDue, body, person=CLOCK, standing=STANDING, idempotency_key=key
            )
        except Refused as refused:  # overtaken by a decision that the read model did not show yet
            _log.info("nothing to announce: %s", refused)
            return []
        return [] if done.replayed else [(deadline.due_on, deadline.kind, deadline.program_id)]
