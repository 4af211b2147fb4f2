"""The directory of each day is published once, on that day, and known by its digests (S0-25)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain import evolve
from domain.calendar import Calendar, RecordDayEnded
from domain.snapshot import DirectoryPublished, DirectoryPublishedV2, PublishDirectory
from tests.small_world import ADMIN, CLOCK, OPERATOR, World, new_world
from tests.story import Story, given

ROOT, FILE, HEADS = "aa" * 32, "bb" * 32, "cc" * 32
TODAY = date(2026, 3, 1)


@pytest.fixture
def world() -> World:
    """A world on the first of March."""
    world = new_world()
    world.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return world


def published(world: World, day: date, subject: str = "UTC", person: str = CLOCK) -> Story:
    """Somebody records that the directory of a day was published."""
    asked = PublishDirectory(day=day, size=7, entries=2, root=ROOT, sha256=FILE, programs=3, heads=HEADS)
    return given(world, subject).when(person, asked)


def test_it_is_recorded_with_its_digests(world: World) -> None:
    told = {"day": TODAY, "size": 7, "entries": 2, "root": ROOT, "sha256": FILE, "programs": 3, "heads": HEADS}
    published(world, TODAY).then(DirectoryPublishedV2, **told)
    calendar: Calendar = world.state("calendar", "UTC")
    assert (calendar.directory, calendar.last) == (TODAY, None)


def test_each_day_has_one(world: World) -> None:
    published(world, TODAY)
    published(world, TODAY).refused("DIRECTORY_PUBLISHED", last=TODAY)
    world.now += timedelta(days=3)
    published(world, TODAY + timedelta(days=3)).then(DirectoryPublishedV2)


@pytest.mark.parametrize("days", [-1, 1])
def test_no_other_day_but_today_is_published(world: World, days: int) -> None:
    day = TODAY + timedelta(days=days)
    published(world, day).refused("NOT_OF_TODAY", zone="UTC", today=TODAY, day=day)


def test_today_is_what_it_is_in_the_zone(world: World) -> None:
    world.now = datetime(2026, 3, 2, 3, tzinfo=UTC)
    published(world, TODAY, "America.Chicago").then(DirectoryPublishedV2)
    published(world, TODAY).refused("NOT_OF_TODAY")


def test_the_days_that_end_go_on_beside_it(world: World) -> None:
    published(world, TODAY)
    given(world, "UTC").when(CLOCK, RecordDayEnded(day=TODAY - timedelta(days=1)))
    calendar: Calendar = world.state("calendar", "UTC")
    assert (calendar.directory, calendar.last, calendar.version) == (TODAY, TODAY - timedelta(days=1), 2)


@pytest.mark.parametrize("person", [ADMIN, OPERATOR])
def test_only_the_clock_records_it(world: World, person: str) -> None:
    published(world, TODAY, person=person).not_allowed()


def test_its_sentence_says_what_was_published() -> None:
    for kind in (DirectoryPublished, DirectoryPublishedV2):
        e = kind(day=TODAY, size=7, entries=2, root=ROOT, sha256=FILE)
        assert e.sentence() == "published the directory of 2026-03-01 with 2 programs, as known at position 7"


def test_one_that_was_recorded_before_there_were_heads_counts_as_that_day_s() -> None:
    known = Calendar(zone="UTC")
    for kind in (DirectoryPublished, DirectoryPublishedV2):
        folded = evolve(known, kind(day=TODAY, size=7, entries=2, root=ROOT, sha256=FILE), 1)
        assert folded.directory == TODAY
