"""Local dates as stretches of UTC time, in any time zone: also where midnight is missing or comes twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which the local date is `day` (or later, where the zone skips the day)."""
    midnight = datetime.combine(day, time(), zone)  # fold 0: the first of two midnights
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    # Midnight is missing: the clocks jump over it somewhere between its two readings, at a whole second.
    early = midnight.replace(fold=1).astimezone(UTC)
    while instant - early > _SECOND:
        middle = early + (instant - early) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).date() < day:
            early = middle
        else:
            instant = middle
    return instant


def calendar_period(name: str, at: datetime, zone: ZoneInfo, week_starts_on: int) -> tuple[datetime, datetime]:
    """Start and end (exclusive), in UTC, of the named local period as seen at an instant.

    `week_starts_on` is 1 (Monday) to 7 (Sunday).
    """
    today = at.astimezone(zone).date()
    first, after = CALENDARS[name](today, week_starts_on)
    return first_instant(first, zone), first_instant(after, zone)


def _week(today: date, week_starts_on: int) -> date:
    return today - (today.isoweekday() - week_starts_on) % 7 * _DAY


def _month(today: date) -> date:
    return today.replace(day=1)


def _next_month(today: date) -> date:
    return _month(_month(today) + 31 * _DAY)


def _last_month(today: date) -> date:
    return _month(_month(today) - _DAY)


CALENDARS: dict[str, Callable[[date, int], tuple[date, date]]] = {
    "today": lambda today, start: (today, today + _DAY),
    "yesterday": lambda today, start: (today - _DAY, today),
    "this_week": lambda today, start: (_week(today, start), _week(today, start) + 7 * _DAY),
    "last_week": lambda today, start: (_week(today, start) - 7 * _DAY, _week(today, start)),
    "this_month": lambda today, start: (_month(today), _next_month(today)),
    "last_month": lambda today, start: (_last_month(today), _month(today)),
}
"Name -> first local date, and the local date after the last, from today's date and the week start."
