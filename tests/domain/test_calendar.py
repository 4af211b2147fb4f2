"""Day by day a calendar says that a day is over, in its own time zone (M20)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.calendar import Calendar, DayEnded, RecordDayEnded, subject_of, zone_of
from tests.small_world import ADMIN, CLOCK, OPERATOR, World, new_world
from tests.story import Story, given

CHICAGO, KATHMANDU = "America.Chicago", "Asia.Kathmandu"


def at(year: int, month: int, day: int, hour: int = 0) -> World:
    """A world at a moment, in UTC."""
    world = new_world()
    world.now = datetime(year, month, day, hour, tzinfo=UTC)
    return world


def ended(world: World, day: date, subject: str = CHICAGO, person: str = CLOCK) -> Story:
    """Somebody records that a day is over."""
    return given(world, subject).when(person, RecordDayEnded(day=day))


class TestTheDays:
    """One after another, each once it is over."""

    def test_the_first_may_be_any_that_is_over(self) -> None:
        world = at(2026, 3, 1, 12)
        ended(world, date(2020, 2, 28)).then(DayEnded, day=date(2020, 2, 28), zone="America/Chicago")
        calendar: Calendar = world.state("calendar", CHICAGO)
        assert (calendar.zone, calendar.last) == (CHICAGO, date(2020, 2, 28))

    def test_then_follows_the_next(self) -> None:
        world = at(2020, 3, 5, 12)
        for day in (date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1)):
            ended(world, day).then(DayEnded, day=day)

    @pytest.mark.parametrize("day", [date(2020, 2, 27), date(2020, 2, 28), date(2020, 3, 1)])
    def test_no_other(self, day: date) -> None:
        world = at(2020, 3, 5, 12)
        ended(world, date(2020, 2, 28))
        ended(world, day).refused("NOT_THE_NEXT_DAY", last=date(2020, 2, 28), expected=date(2020, 2, 29))

    def test_not_before_it_is_over(self) -> None:
        world = at(2026, 3, 1, 12)
        ended(world, date(2026, 3, 1)).refused(
            "DAY_NOT_OVER", day=date(2026, 3, 1), zone="America/Chicago", today=date(2026, 3, 1)
        )
        ended(world, date(2026, 2, 28)).then(DayEnded)

    def test_everything_that_speaks_against_it_is_named(self) -> None:
        world = at(2026, 3, 3, 12)
        ended(world, date(2026, 3, 1))
        ended(world, date(2026, 3, 5)).refused("DAY_NOT_OVER", "NOT_THE_NEXT_DAY")

    @pytest.mark.parametrize("person", [ADMIN, OPERATOR])
    def test_only_the_clock_records_it(self, person: str) -> None:
        ended(at(2026, 3, 3, 12), date(2026, 3, 1), person=person).not_allowed()


@pytest.mark.req("M20", "H10")
class TestTheZone:
    """Midnight is where the zone has it, summer time or not."""

    @pytest.mark.parametrize(
        ("subject", "midnight"),
        [
            (CHICAGO, datetime(2026, 3, 8, 6, tzinfo=UTC)),
            (CHICAGO, datetime(2026, 3, 9, 5, tzinfo=UTC)),
            (CHICAGO, datetime(2026, 11, 1, 5, tzinfo=UTC)),
            (CHICAGO, datetime(2026, 11, 2, 6, tzinfo=UTC)),
            (KATHMANDU, datetime(2026, 3, 7, 18, 15, tzinfo=UTC)),
            ("Pacific.Auckland", datetime(2026, 4, 4, 11, tzinfo=UTC)),
            ("Pacific.Auckland", datetime(2026, 4, 5, 12, tzinfo=UTC)),
        ],
    )
    def test_a_day_is_over_at_midnight_there(self, subject: str, midnight: datetime) -> None:
        world = at(2026, 1, 1)
        world.now = midnight - timedelta(seconds=1)
        day = world.today(zone_of(subject))
        ended(world, day, subject).refused("DAY_NOT_OVER")
        world.now = midnight
        ended(world, day, subject).then(DayEnded, day=day)

    def test_a_day_of_23_and_one_of_25_hours_are_days_like_others(self) -> None:
        world = at(2026, 12, 1)
        day = date(2026, 3, 6)
        while day < date(2026, 11, 5):
            ended(world, day).then(DayEnded, day=day)
            day += timedelta(days=1)

    def test_each_zone_has_its_own(self) -> None:
        world = at(2026, 3, 7, 19)
        ended(world, date(2026, 3, 7), KATHMANDU).then(DayEnded, zone="Asia/Kathmandu")
        ended(world, date(2026, 3, 7), CHICAGO).refused("DAY_NOT_OVER", today=date(2026, 3, 7))
        ended(world, date(2026, 3, 6), CHICAGO).then(DayEnded)

    @pytest.mark.parametrize("zone", ["America/Chicago", "America/North_Dakota/Center", "UTC"])
    def test_its_stream_is_named_after_it(self, zone: str) -> None:
        assert "/" not in subject_of(zone)
        assert zone_of(subject_of(zone)) == zone
