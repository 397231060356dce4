"""The stretches of time that criteria look at. Every border is computed here, as a UTC instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cohorts.criteria.calendars import CALENDARS, calendar_period
from cohorts.criteria.durations import Duration, parse_duration, parse_stretch
from cohorts.criteria.moments import Instant, parse_instant
from cohorts.criteria.place import Place, read_choice, read_object
from ingest.columns.interface import Span

TICK = timedelta(microseconds=1)
"Times are whole ticks, so that (a, b] is [a + tick, b + tick)."
EXPECTED_WINDOW = 'a window such as {"last": "7d"}, {"calendar": "today"} or {"ever": true}'
EXPECTED_PERIOD = '{"calendar": "today"} or {"last": "7d"}'


@dataclass(frozen=True)
class Clock:
    """The instant of an evaluation, and what a cohort calls a day and a week (1 Monday to 7 Sunday)."""

    at: datetime
    time_zone: ZoneInfo
    week_starts_on: int = 1

    def local(self, instant: datetime) -> str:
        """The instant as people in the cohort's time zone read it, to the minute."""
        try:
            return _minute(instant.astimezone(self.time_zone))
        except OverflowError:  # the calendar ends between the two zones
            return f"{_minute(instant.astimezone(UTC))} UTC"


@dataclass(frozen=True)
class Rolling:
    """The last stretch of time before the evaluation: (at - last, at]."""

    last: Duration

    @property
    def words(self) -> str:
        return f"in the last {self.last.words.removeprefix('1 ')}"

    @property
    def ages(self) -> tuple[timedelta, ...]:
        """How old an event is when the moving clock lets it in or out."""
        return (timedelta(), self.last.length)

    def period(self, clock: Clock) -> Span:
        return Span(clock.at - self.last.length + TICK, clock.at + TICK)


@dataclass(frozen=True)
class Between:
    """Between two ages: (at - older, at - younger]."""

    older: Duration
    younger: Duration

    @property
    def words(self) -> str:
        return f"between {self.older.words} and {self.younger.words} ago"

    @property
    def ages(self) -> tuple[timedelta, ...]:
        """How old an event is when the moving clock lets it in or out."""
        return (self.younger.length, self.older.length)

    def period(self, clock: Clock) -> Span:
        return Span(clock.at - self.older.length + TICK, clock.at - self.younger.length + TICK)


@dataclass(frozen=True)
class Calendar:
    """A named local period; the part of it after the evaluation included."""

    name: str

    @property
    def words(self) -> str:
        return self.name.replace("_", " ")

    @property
    def ages(self) -> tuple[timedelta, ...]:
        """How old an event is when the moving clock lets it in or out."""
        return (timedelta(),)

    def period(self, clock: Clock) -> Span:
        return Span(*calendar_period(self.name, clock.at, clock.time_zone, clock.week_starts_on))


@dataclass(frozen=True)
class Absolute:
    """Between two fixed instants: after <= t < before, either may be missing."""

    after: Instant | None
    before: Instant | None

    @property
    def words(self) -> str:
        since = f"since {self.after.words}" if self.after else ""
        until = f"before {self.before.words}" if self.before else ""
        return " and ".join(filter(None, [since, until]))

    @property
    def ages(self) -> tuple[timedelta, ...]:
        """How old an event is when the moving clock lets it in or out."""
        return (timedelta(),)

    def period(self, clock: Clock) -> Span:
        return Span(self.after.instant if self.after else None, self.before.instant if self.before else clock.at + TICK)


@dataclass(frozen=True)
class Ever:
    """All time up to the evaluation."""

    words: str = "ever"

    @property
    def ages(self) -> tuple[timedelta, ...]:
        """How old an event is when the moving clock lets it in or out."""
        return (timedelta(),)

    def period(self, clock: Clock) -> Span:
        return Span(None, clock.at + TICK)


Window = Rolling | Between | Calendar | Absolute | Ever


def event_span(window: Window, clock: Clock) -> Span:
    """The window as events are counted in it: it ends at the evaluation, for later events never count."""
    period = window.period(clock)
    end = min(period.end, clock.at + TICK)
    return Span(None if period.start is None else min(period.start, end), end)


def parse_window(value: object, place: Place) -> Window:
    """A window of any form. Raises CriteriaError."""
    known = ("last", "from", "to", "calendar", "after", "before", "ever")
    match read_object(value, place, EXPECTED_WINDOW, known):
        case {"last": last, **rest} if not rest:
            return Rolling(parse_stretch(last, place.key("last")))
        case {"calendar": name, **rest} if not rest:
            return Calendar(read_choice(name, place.key("calendar"), list(CALENDARS)))
        case {"from": older, "to": younger, **rest} if not rest:
            return _parse_between(older, younger, place)
        case {"ever": ever, **rest} if not rest:
            return _parse_ever(ever, place.key("ever"))
        case dict(bounds) if bounds and bounds.keys() <= {"after", "before"}:
            return _parse_absolute(bounds, place)
    raise place.fault(f"expected {EXPECTED_WINDOW}, and one form only")


def parse_within(leaf: dict[str, object], place: Place) -> Window:
    """The window under the key `within` of a leaf. Raises CriteriaError."""
    if "within" not in leaf:
        raise place.key("within").fault('missing, expected a window such as {"last": "7d"} or {"ever": true}')
    return parse_window(leaf["within"], place.key("within"))


def parse_period(value: object, place: Place) -> Rolling | Calendar:
    """A window that the operator `on` can take: a calendar name or `last`. Raises CriteriaError."""
    window = read_object(value, place, EXPECTED_PERIOD, known=("calendar", "last"))
    if len(window) != 1:
        raise place.fault(f"expected {EXPECTED_PERIOD}")
    period = parse_window(window, place)
    assert isinstance(period, Rolling | Calendar)
    return period


def _parse_between(older: object, younger: object, place: Place) -> Between:
    between = Between(parse_stretch(older, place.key("from")), parse_duration(younger, place.key("to")))
    if between.older.length <= between.younger.length:
        raise place.key("from").fault('expected a longer age than "to"')
    return between


def _parse_absolute(bounds: dict[str, object], place: Place) -> Absolute:
    after, before = (
        parse_instant(bounds[key], place.key(key)) if key in bounds else None for key in ("after", "before")
    )
    if after and before and after.instant >= before.instant:
        raise place.key("before").fault('expected a later time than "after"')
    return Absolute(after, before)


def _parse_ever(value: object, place: Place) -> Ever:
    if value is not True:
        raise place.fault("expected true")
    return Ever()


def _minute(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat(" ", "minutes")
