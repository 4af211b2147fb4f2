"""Calendar: one stream per time zone that says, day by day, that a day is over (3.8)."""

from datetime import date, timedelta
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from domain.language import Command, Context, Event, Kind, Need, Outcomes, Role, Stage, refusal
from domain.values import Code

stage = Stage("calendar", aggregate="calendar")

DAY_NOT_OVER = refusal("DAY_NOT_OVER", Kind.INVALID, "{day} is not over in {zone}; it is {today} there.")
NOT_THE_NEXT_DAY = refusal(
    "NOT_THE_NEXT_DAY", Kind.OUT_OF_ORDER, "Days are recorded one after another: after {last} comes {expected}."
)


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """A time zone, and the last day that is known to be over there."""

    zone: str
    """With ``.`` for the slash of its usual name."""
    version: int = 0
    last: date | None = None
    directory: date | None = None
    """The day of the last directory that was published."""


class DayEnded(Event):
    """A day is over in a time zone."""

    says = "recorded that {e.day} is over in {e.zone}"
    day: date
    zone: Code


class RecordDayEnded(Command):
    """Record that a day is over, after the day before it."""

    aggregate: ClassVar[str] = "calendar"
    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.CLOCK,)
    day: date


def zone_of(subject: str) -> str:
    """The time zone's usual name: a stream's name cannot hold a slash."""
    return subject.replace(".", "/")


def subject_of(zone: str) -> str:
    """The name of a time zone's stream."""
    return zone.replace("/", ".")


@stage.decide(RecordDayEnded)
def record(a: Calendar, c: RecordDayEnded, ctx: Context) -> Outcomes:
    """Each day once, in order, when it is over."""
    zone = zone_of(a.zone)
    today = ctx.today(zone)
    expected = a.last + timedelta(days=1) if a.last else c.day
    need = Need()
    need(c.day < today, DAY_NOT_OVER, day=c.day, zone=zone, today=today)
    need(c.day == expected, NOT_THE_NEXT_DAY, last=a.last, expected=expected)
    need.settle()
    return [DayEnded(day=c.day, zone=zone)]


@stage.evolve(DayEnded)
def _(a: Calendar, e: DayEnded, v: int) -> Calendar:
    return replace(a, last=e.day)
