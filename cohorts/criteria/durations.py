"""Lengths of time as criteria write them: an integer and a unit, `7d`. A day is 24 hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from cohorts.criteria.place import Place

UNITS = {
    "s": ("second", timedelta(seconds=1)),
    "m": ("minute", timedelta(minutes=1)),
    "h": ("hour", timedelta(hours=1)),
    "d": ("day", timedelta(days=1)),
    "w": ("week", timedelta(weeks=1)),
}
LONGEST = timedelta(days=36_500)
"A hundred years; much longer ones would leave the calendar."
_PATTERN = re.compile(r"([0-9]{1,15})([smhdw])")


@dataclass(frozen=True)
class Duration:
    """A number of units, `7 days`, which is how people read it."""

    count: int
    unit: str

    @property
    def length(self) -> timedelta:
        return self.count * UNITS[self.unit][1]

    @property
    def words(self) -> str:
        return f"{self.count} {UNITS[self.unit][0]}{'' if self.count == 1 else 's'}"


def parse_duration(value: object, place: Place) -> Duration:
    """The duration, 0 to a hundred years. Raises CriteriaError."""
    match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise place.fault('expected a duration such as "7d"')
    duration = Duration(int(match[1]), match[2])
    if duration.count > LONGEST // UNITS[duration.unit][1]:
        raise place.fault(f'expected a duration of at most "{LONGEST.days}d"')
    return duration


def parse_stretch(value: object, place: Place) -> Duration:
    """A duration longer than nothing: the length of a window. Raises CriteriaError."""
    duration = parse_duration(value, place)
    if not duration.count:
        raise place.fault('expected a duration such as "7d", longer than 0')
    return duration
