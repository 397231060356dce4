"""Instants as criteria write them: an ISO time with its offset, or an age relative to the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cohorts.criteria.durations import Duration, parse_duration
from cohorts.criteria.place import Place, read_object

EXPECTED_TIME = 'expected a time with an offset such as "2026-03-01T00:00:00Z"'
EXPECTED_MOMENT = f'{EXPECTED_TIME}, or an age such as {{"ago": "7d"}} or {{"in": "7d"}}'


@dataclass(frozen=True)
class Instant:
    """A fixed instant; `written` is the same one with the offset that its author used."""

    instant: datetime
    written: datetime

    @property
    def words(self) -> str:
        """Such as `1 Mar 2026, 08:30 UTC`; the finer parts only where there are any."""
        time = self.written
        fine = "auto" if time.second or time.microsecond else "minutes"
        return f"{time.day} {time:%b %Y}, {time.time().isoformat(fine)} {time.tzname()}"

    def at(self, now: datetime) -> datetime:
        return self.instant


@dataclass(frozen=True)
class Age:
    """An instant so long before the evaluation, or after it."""

    duration: Duration
    ahead: bool

    @property
    def offset(self) -> timedelta:
        return self.duration.length if self.ahead else -self.duration.length

    @property
    def words(self) -> str:
        return f"{self.duration.words} {'from now' if self.ahead else 'ago'}"

    def at(self, now: datetime) -> datetime:
        return now + self.offset


Moment = Instant | Age


def parse_instant(value: object, place: Place) -> Instant:
    """The instant of an ISO time that carries its offset, cut to microseconds. Raises CriteriaError."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is not None and time.tzinfo is not None:
            return Instant(time.astimezone(UTC), time)
    except (ValueError, OverflowError):  # not a time, or one that is outside the calendar in UTC
        pass
    raise place.fault(EXPECTED_TIME)


def parse_moment(value: object, place: Place) -> Moment:
    """An instant or an age. Raises CriteriaError."""
    if not isinstance(value, dict):
        try:
            return parse_instant(value, place)
        except ValueError:
            raise place.fault(EXPECTED_MOMENT) from None
    age = read_object(value, place, EXPECTED_MOMENT, known=("ago", "in"))
    if len(age) != 1:
        raise place.fault(EXPECTED_MOMENT)
    [(direction, duration)] = age.items()
    return Age(parse_duration(duration, place.key(direction)), ahead=direction == "in")


def are_reversed(low: Moment, high: Moment) -> bool:
    """Whether the first is later than the second at every evaluation."""
    if isinstance(low, Instant) and isinstance(high, Instant):
        return low.instant > high.instant
    return isinstance(low, Age) and isinstance(high, Age) and low.offset > high.offset
