"""Where the intervals of a rule begin and end, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests import reference

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTHS = {"1m": 1, "5m": 5, "15m": 15, "hour": 60, "day": 1440, "week": 7 * 1440, "month": 30 * 1440}
STEPS = {"1m": 1, "5m": 1, "15m": 5, "hour": 5, "day": 60, "week": 1440, "month": 1440}
"""Minutes: of an interval, and between the ends of two rolling ones."""
UNITS = {"s": timedelta(seconds=1), "m": MINUTE, "h": timedelta(hours=1), "d": DAY}


@dataclass(frozen=True)
class Interval:
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Timed:
    """A definition as JSON, and the zone in which its days begin."""

    document: dict[str, Any]
    zone: ZoneInfo

    def __getitem__(self, key: str) -> Any:
        usual = {"mode": "calendar", "group_by": [], "most_groups": 50, "minimum": 0, "recovers": 1, "grace": "2m"}
        return (usual | {"week_starts_on": 1} | self.document)[key]

    @property
    def grace(self) -> timedelta:
        return int(self["grace"][:-1]) * UNITS[self["grace"][-1]]

    def interval_at(self, at: datetime) -> Interval:
        """The newest interval that has ended by then."""
        every = self["every"]
        if self["mode"] == "rolling":
            end = floor(at, STEPS[every] * MINUTE)
            return Interval(end - LENGTHS[every] * MINUTE, end)
        if not self.is_dated:
            end = floor(at, LENGTHS[every] * MINUTE)
            return Interval(end - LENGTHS[every] * MINUTE, end)
        end = reference.first_instant(self.first_date(at.astimezone(self.zone).date() + 2 * DAY), self.zone)
        while end > at:
            end = reference.first_instant(self.first_date((end - MINUTE).astimezone(self.zone).date()), self.zone)
        before = reference.first_instant(self.first_date((end - MINUTE).astimezone(self.zone).date()), self.zone)
        return Interval(before, end)

    @property
    def is_dated(self) -> bool:
        return self["mode"] == "calendar" and self["every"] in ("day", "week", "month")

    def first_date(self, day: date) -> date:
        """Of the day, week or month that it is in."""
        if self["every"] == "month":
            return day.replace(day=1)
        return day if self["every"] == "day" else day - (day.isoweekday() - self["week_starts_on"]) % 7 * DAY

    def before(self, interval: Interval) -> Interval:
        """The interval that is judged before this one."""
        return self.interval_at(interval.end - timedelta(microseconds=1))

    def back(self, interval: Interval, count: int) -> list[Interval]:
        """The interval and those before it, so many in all, the newest first."""
        found = [interval]
        while len(found) < count:
            found.append(self.before(found[-1]))
        return found

    def border_before(self, interval: Interval, count: int) -> datetime:
        """The end of the interval so many before this one."""
        return self.back(interval, count + 1)[-1].end if self.is_dated else interval.end - count * self.step

    def number(self, interval: Interval) -> int:
        """Its place in an endless count."""
        if not self.is_dated:
            return (interval.end - EPOCH) // self.step
        day = (interval.end).astimezone(self.zone).date()
        if self["every"] == "month":
            return day.year * 12 + day.month - 1
        return day.toordinal() if self["every"] == "day" else (day.toordinal() - self["week_starts_on"]) // 7

    @property
    def step(self) -> timedelta:
        return (STEPS if self["mode"] == "rolling" else LENGTHS)[self["every"]] * MINUTE

    @property
    def panes(self) -> int:
        return LENGTHS[self["every"]] // STEPS[self["every"]] if self["mode"] == "rolling" else 1


def floor(at: datetime, step: timedelta) -> datetime:
    return at - (at - EPOCH) % step
