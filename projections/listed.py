"""How a program is listed, by day: under which name, in which place, at which affiliate, shown or not.

A rename may be backdated, a transfer holds from its day on: what is true on a day follows from the days that the facts
name, and where two name the same day or an earlier one, from what was recorded later.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from projections.language import Row

EVER: Final = date.min
"""Since when a program is listed as it was when it was registered: before that nothing else is known of it."""


class Amended(Row):
    """What is said otherwise from a day on: names of fields of ``Listing`` with their values."""

    since: date
    said: dict[str, str]


class Listing(Row):
    """A stretch of days in which a program was listed in one way, from ``since`` until the day before ``until``."""

    since: date
    until: date | None
    listing: str
    name: str
    affiliate: str
    jurisdiction: str
    city: str


def stretches(amended: Iterable[Amended]) -> Iterator[Listing]:
    """The stretches in the order of their days, from what was recorded, in the order in which it was."""
    amended = tuple(amended)
    days = sorted({one.since for one in amended})
    for day, after in zip(days, (*days[1:], None), strict=True):
        said = {name: value for one in amended if one.since <= day for name, value in one.said.items()}
        yield Listing(since=day, until=after, **said)
