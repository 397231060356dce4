"""What is unusual about the last of some numbers: one interval, looked at with nothing but plain lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log
from statistics import median

HOUR, DAY, WEEK = 3_600, 86_400, 604_800
RISKS = {"low": 3e-5, "medium": 1e-4, "high": 3e-4}
Numbers = Sequence[float | None]
"""Oldest first; None where there was nothing to measure."""


@dataclass(frozen=True)
class Look:
    """How far beyond its band a number is (beyond 1 or -1 it is unusual), and the band."""

    score: float
    low: float
    high: float


def look_at(values: Numbers, number: int, step: float, sensitivity: str) -> Look | None:
    """The last of the values, which has this number in an endless count of intervals of `step` seconds; None where
    nothing is known of it."""
    found = None
    last = len(values) - 1
    for forecast in forecasts(values, step):
        for length in lengths(step):
            errors = averaged_errors(values, forecast, length)
            renewed = last - number % max(1, round(HOUR / step))
            known = [errors(place) for place in range(max(0, renewed - remembered(step)), max(0, renewed))]
            width = exceeded_rarely([abs(error) for error in known if error is not None], RISKS[sensitivity])
            error = errors(last)
            if width is None or error is None:
                continue
            expected = mean_of_last(values, last, length) - error
            width = max(width, 0.01 * abs(expected))
            score = error / width if width > 0 else 0.0 if error == 0 else inf if error > 0 else -inf
            if found is None or abs(score) > abs(found.score):
                found = Look(score, expected - width, expected + width)
    return found


def forecasts(values: Numbers, step: float) -> list[Callable[[int], float | None]]:
    """The level of the last hour, the same time on ten days, the same time of three weeks."""
    length = max(3, round(HOUR / step))

    def level(place: int) -> float | None:
        return median_of(values[place - length : place], length / 2) if place >= length else None

    def same_time(period: int, depth: int) -> Callable[[int], float | None]:
        def of(place: int) -> float | None:
            lags = [back * period + beside for back in range(1, depth + 1) for beside in (-1, 0, 1)]
            return median_of([values[place - lag] for lag in lags if lag <= place], 5)

        return of

    seasons = [(round(DAY / step), 10), (round(WEEK / step), 3)]
    return [level, *(same_time(period, depth) for period, depth in seasons if period > 1)]


def lengths(step: float) -> list[int]:
    """Over how many intervals errors are averaged: over none, half an hour, three hours."""
    return [1, *(length for length in (round(HOUR / 2 / step), round(3 * HOUR / step)) if length > 1)]


def remembered(step: float) -> int:
    """How many errors a band is made of."""
    return max(100, round(14 * DAY / step))


def averaged_errors(
    values: Numbers, forecast: Callable[[int], float | None], length: int
) -> Callable[[int], float | None]:
    known: dict[int, float | None] = {}

    def error(place: int) -> float | None:
        if place not in known:
            value, expected = values[place], forecast(place)
            known[place] = None if value is None or expected is None else value - expected
        return known[place]

    def averaged(place: int) -> float | None:
        if error(place) is None or place < length - 1:
            return None
        return sum(error(one) or 0.0 for one in range(place - length + 1, place + 1)) / length

    return averaged


def mean_of_last(values: Numbers, place: int, length: int) -> float:
    return sum(value or 0.0 for value in values[place - length + 1 : place + 1]) / length


def median_of(values: Numbers, least: float) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if len(known) >= least else None


def exceeded_rarely(errors: list[float], risk: float) -> float | None:
    """The size that errors have only once in so many: beyond their 95th percentile they get rarer exponentially."""
    if len(errors) < 30:
        return None
    ordered = sorted(errors)
    place = (len(ordered) - 1) * 0.95
    below = int(place)
    above = ordered[min(below + 1, len(ordered) - 1)]
    border = ordered[below] + (above - ordered[below]) * (place - below)
    beyond = [error for error in ordered if error > border]
    return border + (median(beyond) - border) / log(2) * log(0.05 / risk) if beyond else border
