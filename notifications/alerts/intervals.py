"""The intervals of a rule: how long they are, and where they begin and end, as UTC instants.

Calendar intervals lie side by side: minutes and hours on the ticks of UTC, days, weeks and months between the local
midnights of the rule's time zone, so that a day has 23 to 25 hours. Rolling ones are windows of a fixed length on the
ticks of UTC, of which one ends at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from cohorts.criteria.calendars import first_instant
from cohorts.criteria.windows import TICK


@dataclass(frozen=True)
class Every:
    """A length of interval; `step` is how far apart the ends of rolling windows are, `noun` how one is called."""

    name: str
    noun: str
    length: timedelta
    step: timedelta


EVERY = {
    every.name: every
    for every in (
        Every("1m", "minute", timedelta(minutes=1), timedelta(minutes=1)),
        Every("5m", "5 minutes", timedelta(minutes=5), timedelta(minutes=1)),
        Every("15m", "15 minutes", timedelta(minutes=15), timedelta(minutes=5)),
        Every("hour", "hour", timedelta(hours=1), timedelta(minutes=5)),
        Every("day", "day", timedelta(days=1), timedelta(hours=1)),
        Every("week", "week", timedelta(days=7), timedelta(days=1)),
        Every("month", "month", timedelta(days=30), timedelta(days=1)),
    )
}
"""By the name that definitions use. A rolling month has 30 days."""
MODES = ("calendar", "rolling")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
DATED = ("day", "week", "month")
"""Calendar intervals that begin at local midnights; all others lie on ticks."""


@dataclass(frozen=True)
class Grid:
    """The borders between intervals, numbered without end, and the intervals, each by the number of its end.

    Between two borders lies a *pane*, with the number of its start. A calendar interval is one pane, a rolling one
    the last `panes` of them.
    """

    every: Every
    rolling: bool
    zone: ZoneInfo
    week_starts_on: int

    @cached_property
    def panes(self) -> int:
        """How many panes an interval has."""
        return self.every.length // self.every.step if self.rolling else 1

    @property
    def step(self) -> timedelta:
        """From one border to the next; of days, weeks and months about so long."""
        return self.every.step if self.rolling else self.every.length

    @property
    def is_dated(self) -> bool:
        """Whether the borders are local midnights."""
        return not self.rolling and self.every.name in DATED

    def border(self, number: int) -> datetime:
        """The instant of a border."""
        if not self.is_dated:
            return EPOCH + number * self.step
        if self.every.name == "month":
            return first_instant(date(number // 12, number % 12 + 1, 1), self.zone)
        day = number if self.every.name == "day" else 7 * number + self.week_starts_on
        return first_instant(date.fromordinal(day), self.zone)

    def number(self, at: datetime) -> int:
        """The last border at the instant or before it: the pane that the instant lies in."""
        if not self.is_dated:
            return (at - EPOCH) // self.step
        local = at.astimezone(self.zone).date()
        number = self._of_date(local) + 1  # a date may begin twice: its first midnight counts
        while self.border(number) > at:
            number -= 1
        return number

    def touched(self, start: datetime, end: datetime) -> range:
        """The intervals, by the numbers of their ends, that have anything of the time from `start` to `end`."""
        return range(self.number(start) + 1, self.number(end - TICK) + self.panes + 1)

    def start(self, number: int) -> datetime:
        """When the interval that ends at the border began."""
        return self.border(number - self.panes)

    def _of_date(self, day: date) -> int:
        if self.every.name == "month":
            return day.year * 12 + day.month - 1
        return day.toordinal() if self.every.name == "day" else (day.toordinal() - self.week_starts_on) // 7


def grid_of(every: Every, rolling: bool, zone: ZoneInfo, week_starts_on: int) -> Grid:
    """The grid of a rule; where zone and first day of the week do not matter they are always the same."""
    grid = Grid(every, rolling, zone, week_starts_on)
    return grid if grid.is_dated else Grid(every, rolling, ZoneInfo("UTC"), 1)
