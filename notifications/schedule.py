"""When a subscription may send: at most once in a period or at an hour of chosen days, never in quiet hours.

Everything is decided from two instants, the end of the last period and now. Local times are those of one time zone:
an hour that the clocks skip is an hour later, one that comes twice counts the first time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EVERY_DAY, WEEKDAYS, WEEKEND = (1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5), (6, 7)
CATCH_UP = timedelta(hours=12)
"""A digest whose hour was missed is sent this much later at most, else with the next one."""
_DAY = timedelta(days=1)
_EVERY = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@dataclass(frozen=True)
class Schedule:
    """With `send_at` a digest at that local time of the `days` (1 is Monday); without, once in a `period`, on those
    days only and outside the `quiet` hours, which may span midnight."""

    period: timedelta
    zone: str
    days: Collection[int] = EVERY_DAY
    send_at: time | None = None
    quiet: tuple[time, time] | None = None

    def is_time(self, since: datetime, now: datetime) -> bool:
        """Whether a period that began at `since` ends by now."""
        if self.send_at is None:
            return since + self.period <= now and self.allows(now)
        moment = self.last_moment(now)
        return moment is not None and since < moment and now - moment <= CATCH_UP

    def allows(self, now: datetime) -> bool:
        """Whether now is on one of the days and outside the quiet hours."""
        local = now.astimezone(ZoneInfo(self.zone))
        return local.isoweekday() in self.days and not self.is_quiet(local.time())

    def is_quiet(self, at: time) -> bool:
        """Whether a local time is in the quiet hours."""
        if self.quiet is None:
            return False
        start, end = self.quiet
        return start <= at < end if start < end else at >= start or at < end

    def last_moment(self, now: datetime) -> datetime | None:
        """The newest moment of a digest up to now, in UTC; none where there are no days."""
        assert self.send_at is not None
        today = now.astimezone(ZoneInfo(self.zone)).date()
        for back in range(8):
            day = today - back * _DAY
            moment = datetime.combine(day, self.send_at, ZoneInfo(self.zone)).astimezone(UTC)
            if day.isoweekday() in self.days and moment <= now:
                return moment
        return None

    @property
    def words(self) -> str:
        """`every weekday at 09:00 (Europe/Berlin)`, `at most every 15 minutes, never between 22:00 and 07:00 (UTC)`."""
        if self.send_at is not None:
            return f"{_on(self.days)} at {self.send_at:%H:%M} ({self.zone})"
        parts = [f"at most every {every(self.period)}"]
        if set(self.days) != set(EVERY_DAY):
            parts.append(f"only on {_listed(_names(self.days, plural=True))}")
        if self.quiet:
            parts.append(f"never between {self.quiet[0]:%H:%M} and {self.quiet[1]:%H:%M}")
        return ", ".join(parts) + (f" ({self.zone})" if len(parts) > 1 else "")


def every(period: timedelta) -> str:
    """`15 minutes`, `hour`, `2 days`: what follows "every"."""
    name, number = _measured(period)
    return name if number == 1 else f"{number} {name}s"


def length(period: timedelta) -> str:
    """`15 minutes`, `1 hour`, `2 days`."""
    name, number = _measured(period)
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _measured(period: timedelta) -> tuple[str, int]:
    seconds = int(period.total_seconds())
    name, size = next((name, size) for name, size in _EVERY if seconds % size == 0)
    return name, seconds // size


def _on(days: Collection[int]) -> str:
    if set(days) == set(EVERY_DAY):
        return "every day"
    return f"every {_listed(_names(days))}"


def _names(days: Collection[int], plural: bool = False) -> list[str]:
    if set(days) == set(WEEKDAYS):
        return ["weekdays" if plural else "weekday"]
    return [DAYS[day - 1] + ("s" if plural else "") for day in sorted(days)]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
