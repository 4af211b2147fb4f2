"""Snapshot: that the public directory of a day was published, and by which bytes it is known (S0-25).

The bytes lie in a public file, and follow from the ledger up to ``size``; the ledger keeps their digests, so that what
was shown is a record. ``heads`` is a root over the streams of all programs, shown or not, as far as they went at
``size``: of each how many events it has and by what the last is known, so that nothing later can be put before that
position unnoticed. The stream is the calendar of the zone in which the day is counted.
"""

from datetime import date
from typing import ClassVar

from msgspec.structs import replace
from pydantic import Field

from domain.calendar import Calendar, zone_of
from domain.language import Command, Context, Event, Kind, Need, Outcomes, Role, Stage, fact, refusal
from domain.values import Digest

stage = Stage("snapshot", aggregate="calendar")

NOT_OF_TODAY = refusal(
    "NOT_OF_TODAY", Kind.INVALID, "The directory is published on its day; in {zone} it is {today}, not {day}."
)
DIRECTORY_PUBLISHED = refusal(
    "DIRECTORY_PUBLISHED", Kind.OUT_OF_ORDER, "The directory of {last} was published; the next is of a later day."
)


class DirectoryPublished(Event):
    """The directory of a day was published; it follows from the ledger up to a position. Recorded before there were heads."""

    says = "published the directory of {e.day} with {e.entries} programs, as known at position {e.size}"
    day: date
    size: int
    entries: int
    root: Digest
    sha256: Digest


class DirectoryPublishedV2(Event):
    """The directory of a day was published, with how far every program's stream went by then."""

    schema_version: ClassVar[int] = 2
    says = "published the directory of {e.day} with {e.entries} programs, as known at position {e.size}"
    day: date
    size: int
    entries: int
    root: Digest
    sha256: Digest
    programs: int = 0
    heads: Digest | None = None
    """None where it was recorded before there were heads."""


class PublishDirectory(Command):
    """Record by which digests the directory of today is known."""

    aggregate: ClassVar[str] = "calendar"
    creates: ClassVar[bool] = True
    by: ClassVar[tuple[Role, ...]] = (Role.CLOCK,)
    day: date
    size: int = Field(ge=1)
    entries: int = Field(ge=0)
    root: Digest
    sha256: Digest
    programs: int = Field(ge=0)
    heads: Digest


@stage.decide(PublishDirectory)
def publish(a: Calendar, c: PublishDirectory, ctx: Context) -> Outcomes:
    """Each day once, on that day."""
    zone = zone_of(a.zone)
    today = ctx.today(zone)
    need = Need()
    need(c.day == today, NOT_OF_TODAY, zone=zone, today=today, day=c.day)
    need(a.directory is None or c.day > a.directory, DIRECTORY_PUBLISHED, last=a.directory)
    need.settle()
    return [fact(DirectoryPublishedV2, c)]


@stage.evolve(DirectoryPublished)
@stage.evolve(DirectoryPublishedV2)
def _(a: Calendar, e: DirectoryPublished | DirectoryPublishedV2, v: int) -> Calendar:
    return replace(a, directory=e.day)
