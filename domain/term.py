"""Days and terms: half-open intervals, whole years and months, leap days."""

import re
from calendar import monthrange
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from domain.language import Kind, refusal

PERIOD = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?")
"""Periods as ISO 8601 writes them: years, months, days."""

DATE_IN_FUTURE = refusal("DATE_IN_FUTURE", Kind.INVALID, "{field} is {day}, which has not come yet; today is {today}.")


def parts(period: str) -> tuple[int, int, int]:
    """Years, months and days of an ISO 8601 period such as ``P3Y``; ValueError if it is none."""
    match = PERIOD.fullmatch(period)
    if match is None or period == "P":
        raise ValueError(f"{period!r} is no period of years, months and days, such as P3Y, P6M or P90D")
    years, months, days = (int(g or 0) for g in match.groups())
    return years, months, days


def add(day: date, period: str, sign: int = 1) -> date:
    """The day a period later (or earlier with sign -1). A day the month lacks becomes its last: 29 Feb + P1Y = 28 Feb."""
    years, months, days = parts(period)
    month0 = day.year * 12 + day.month - 1 + sign * (years * 12 + months)
    year, month = divmod(month0, 12)
    kept = min(day.day, monthrange(year, month + 1)[1])
    return date(year, month + 1, kept) + timedelta(days=sign * days)


def months_between(start: date, end: date) -> int:
    """Whole months from ``start`` to ``end`` such that ``add(start, months) <= end``; negative spans give 0."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return max(0, months if add(start, f"P{max(months, 0)}M") <= end else months - 1)


def known_zone(zone: str) -> bool:
    """Whether a time zone of that name, such as ``America/Chicago``, is known here."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


def last_valid(expires_on: date) -> date:
    """The last day on which a half-open interval ending at ``expires_on`` still holds (M22)."""
    return expires_on - timedelta(days=1)


def words(period: str) -> str:
    """A period in words: ``P3Y`` is "3 years"."""
    units = zip(parts(period), ("year", "month", "day"), strict=True)
    return " ".join(f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in units if n)
