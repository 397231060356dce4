"""The tests that criteria put to one value: what each needs, says and asks of the columns.

Negative operators have no test of their own: `is_not` is the complement of `is` wherever it stands.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Protocol

import ibis
import ibis.expr.types as ir

from cohorts.criteria.cells import Cell, instant, known
from cohorts.criteria.moments import Age, Moment
from cohorts.criteria.windows import TICK, Calendar, Clock, Rolling
from cohorts.criteria.wording import Scalar, say_any_of, say_number, say_value


class Check(Protocol):
    """A positive test of one value."""

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        """Whether the value passes; never null."""

    def words(self, negative: bool) -> str:
        """The test after the name of a field: `is pro`, `is not pro`."""


@dataclass(frozen=True)
class Is:
    """The value is one of these, each compared by its own type: no coercion."""

    values: tuple[Scalar, ...]

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        texts = [value for value in self.values if isinstance(value, str)]
        booleans = [value for value in self.values if isinstance(value, bool)]
        numbers = [value for value in self.values if isinstance(value, float)]
        tests = []
        if texts:
            tests.append(cell.any_text(lambda text: text.isin(texts)))
        if numbers:
            tests.append(known(cell.number().isin(numbers)))
        if booleans:
            tests.append(known(cell.boolean().isin(booleans)))
        return reduce(operator.or_, tests)

    def words(self, negative: bool) -> str:
        return f"is {'not ' if negative else ''}{say_any_of(self.values)}"


@dataclass(frozen=True)
class HasPart:
    """The text contains, starts or ends with a part, case not regarded."""

    part: str
    where: str

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        return cell.any_text(lambda text: PARTS[self.where].test(text.lower(), self.part))

    def words(self, negative: bool) -> str:
        phrases = PARTS[self.where]
        return f"{phrases.negative if negative else phrases.positive} {say_value(self.part)}"


@dataclass(frozen=True)
class PartKind:
    """Where a part of a text may be, and how that reads. The engine lower-cases the part as it does the text."""

    positive: str
    negative: str
    test: Callable[[ir.StringValue, str], ir.BooleanValue]


PARTS = {
    "contains": PartKind("contains", "does not contain", lambda text, part: text.contains(_lower(part))),
    "starts_with": PartKind("starts with", "does not start with", lambda text, part: text.startswith(_lower(part))),
    "ends_with": PartKind("ends with", "does not end with", lambda text, part: text.endswith(_lower(part))),
}


@dataclass(frozen=True)
class Compare:
    """The number is on one side of a threshold."""

    symbol: str
    threshold: float

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        return known(COMPARISONS[self.symbol][0](cell.number(), self.threshold))

    def words(self, negative: bool) -> str:
        return f"is {COMPARISONS[self.symbol][1]} {say_number(self.threshold)}"


COMPARISONS: dict[str, tuple[Callable[[ir.NumericValue, float], ir.BooleanValue], str]] = {
    ">": (operator.gt, "more than"),
    ">=": (operator.ge, "at least"),
    "<": (operator.lt, "less than"),
    "<=": (operator.le, "at most"),
}


@dataclass(frozen=True)
class InRange:
    """The number lies between two others, ends included."""

    low: float
    high: float

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        return known(cell.number().between(self.low, self.high))

    def words(self, negative: bool) -> str:
        return f"is between {say_number(self.low)} and {say_number(self.high)}"


@dataclass(frozen=True)
class Before:
    """The time is earlier than a moment."""

    moment: Moment

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        time = cell.time()
        return known(time < instant(self.moment.at(clock.at)))

    def words(self, negative: bool) -> str:
        far = isinstance(self.moment, Age) and not self.moment.ahead
        return f"is {'more than' if far else 'before'} {self.moment.words}"


@dataclass(frozen=True)
class After:
    """The time is later than a moment."""

    moment: Moment

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        time = cell.time()
        return known(time > instant(self.moment.at(clock.at)))

    def words(self, negative: bool) -> str:
        far = isinstance(self.moment, Age) and self.moment.ahead
        return f"is {'more than' if far else 'after'} {self.moment.words}"


@dataclass(frozen=True)
class BetweenMoments:
    """The time lies between two moments, ends included."""

    low: Moment
    high: Moment

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        time = cell.time()
        return known(time.between(instant(self.low.at(clock.at)), instant(self.high.at(clock.at))))

    def words(self, negative: bool) -> str:
        return f"is between {self.low.words} and {self.high.words}"


@dataclass(frozen=True)
class On:
    """The time lies in a local period (also its part still to come), or in the last stretch before now."""

    period: Rolling | Calendar

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        span = self.period.period(clock)
        time = cell.time()
        assert span.start is not None
        return known((time >= instant(span.start)) & (time < instant(span.end)))

    def words(self, negative: bool) -> str:
        return f"is {'not ' if negative else ''}{self.period.words}"


@dataclass(frozen=True)
class Exists:
    """Anything is there, of whatever type."""

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        return cell.exists()

    def words(self, negative: bool) -> str:
        return "is not set" if negative else "is set"


def _lower(part: str) -> ir.StringScalar:
    return ibis.literal(part).lower()


def is_about_time(check: Check) -> bool:
    """Whether the check reads the value as a time."""
    return isinstance(check, Before | After | BetweenMoments | On)


def moves(check: Check) -> bool:
    """Whether the same value can pass at one instant and fail at another."""
    match check:
        case On():
            return True
        case Before(moment) | After(moment):
            return isinstance(moment, Age)
        case BetweenMoments(low, high):
            return isinstance(low, Age) or isinstance(high, Age)
    return False


# --- The tests of times in plain Python, for what is to come


def passes_at(check: Check, value: datetime | None, clock: Clock) -> bool:
    """Whether a time passes by a clock, as `holds` says of a column of times; nothing passes only where it must."""
    match check:
        case Exists():
            return value is not None
        case Before(moment):
            return value is not None and value < moment.at(clock.at)
        case After(moment):
            return value is not None and value > moment.at(clock.at)
        case BetweenMoments(low, high):
            return value is not None and low.at(clock.at) <= value <= high.at(clock.at)
        case On(period):
            span = period.period(clock)
            assert span.start is not None
            return value is not None and span.start <= value < span.end
    raise TypeError(check)


def borders_of(check: Check, value: datetime) -> Iterator[datetime]:
    """The instants at which a value can come to pass, or no longer pass, as the clock goes on; more may be given."""
    ages: list[timedelta] = []
    match check:
        case Before(moment) | After(moment):
            ages = [-_offset(moment)]
        case BetweenMoments(low, high):
            ages = [-_offset(low), -_offset(high)]
        case On(Rolling(last)):
            ages = [timedelta(), last.length]
    for age in ages:
        with suppress(OverflowError):
            yield from (value + age, value + age + TICK)


def _offset(moment: Moment) -> timedelta:
    return moment.offset if isinstance(moment, Age) else timedelta()


def looks_at_calendar(check: Check) -> bool:
    """Whether the check asks for a calendar period."""
    return isinstance(check, On) and isinstance(check.period, Calendar)
