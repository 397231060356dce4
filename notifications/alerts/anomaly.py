"""What is unusual about a series of numbers, judged by its own past alone: nothing later than an interval is looked at.

Several forecasts are made, each as plain as a person would make it: the level of the last hour, the same time on the
last days, the same time of the same weekday. How far each was off lately is known, so each has a band that it leaves
only once in `risk` intervals: the tail of its errors is taken to fall off exponentially above their 95th percentile
(peaks over threshold). Medians and a tail fitted to many errors make the band robust against earlier outliers. The
same is done with errors averaged over half an hour and over three hours, so that a small shift that lasts is seen too.

An interval is unusual when one forecast is off by more than its band. docs/adr/0010 tells what was tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Series: TypeAlias = np.ndarray
"""Numbers, one for each interval in order; NaN where there was nothing to measure."""

HOUR, DAY, WEEK = 3_600.0, 86_400.0, 604_800.0
"""Seconds."""
DAYS, WEEKS = 10, 3
"""How many earlier days and weeks a seasonal forecast is the median of, each with the intervals beside it."""
AVERAGED = (0.0, HOUR / 2, 3 * HOUR)
"""Over so many seconds errors are averaged; 0 is the interval alone."""
REMEMBERED, FEWEST, LEAST = 14 * DAY, 100, 30
"""Errors that a band is made of: those of so many seconds, but of at least so many intervals; below the last number
there is no band yet."""
TAIL = 0.05
"""The part of the errors that is taken for the tail."""
NARROWEST = 0.01
"""The least width of a band, as a part of what is expected: a series that never moved may move a little."""
RENEWED = HOUR
"""A band is made again when so many seconds have passed."""
RISK = {"low": 3e-5, "medium": 1e-4, "high": 3e-4}
"""How often each band may be left by chance, per interval, by sensitivity."""


@dataclass(frozen=True)
class Judgement:
    """Per interval how unusual it is and what was expected; arrays as long as the series.

    `score` is the distance from the forecast over the width of the band, with the sign of the error: beyond 1 or -1 it
    is unusual; 0 while nothing is known yet. `low`, `high` and `seen` belong to the forecast that says so: what was
    expected of the value (or of its average over `averaged` intervals) and what it was.
    """

    score: Series
    low: Series
    high: Series
    seen: Series
    averaged: np.ndarray


def judge(values: Series, step: float, sensitivity: str = "medium", first: int = 0, since: int = 0) -> Judgement:
    """Judge the intervals of a series, which are `step` seconds long, from the place `since` on; of those before
    nothing is known.

    `first` is the number of the first interval in an endless count (its start over `step`): bands are renewed at
    whole multiples, so that a longer past before the same interval gives the same answer. `memory` says how much past
    is ever used.
    """
    values = np.asarray(values, dtype=float)
    best = _nothing(len(values))
    for forecast in _forecasts(values, step, max(0, since - _errors_before(step))):
        errors = values - forecast
        for seconds in AVERAGED:
            length = max(1, round(seconds / step))
            if seconds and length == 1:
                continue
            averaged = _average(errors, length)
            width = _width(np.abs(averaged), step, RISK[sensitivity], first, since)
            best = _worse(best, averaged, width, _average(values, length), length)
    return best


def memory(step: float) -> int:
    """How many intervals before one are enough to judge it as with all of its past."""
    return _errors_before(step) + round((WEEKS * WEEK) / step) + 2


def _errors_before(step: float) -> int:
    """How many errors before an interval its bands are made of, at most."""
    errors = max(FEWEST, round(REMEMBERED / step)) + round(RENEWED / step) + 1
    return errors + round(max(AVERAGED) / step)


def _nothing(size: int) -> Judgement:
    unknown = np.full(size, np.nan)
    return Judgement(np.zeros(size), unknown, unknown, unknown, np.ones(size, dtype=int))


def _forecasts(values: Series, step: float, begin: int) -> Iterator[Series]:
    """What each way of forecasting expected from the place `begin` on, from what was before."""
    yield _level(values, max(3, round(HOUR / step)), begin)
    for season, depth in ((DAY, DAYS), (WEEK, WEEKS)):
        period = round(season / step)
        if period > 1:
            yield _same_time(values, period, depth, begin)


def _level(values: Series, length: int, begin: int) -> Series:
    """The median of the `length` values before; unknown where half of them are missing."""
    expected, start = np.full(len(values), np.nan), max(length, begin)
    if len(values) > start:
        expected[start:] = _medians(sliding_window_view(values[start - length : -1], length), length / 2)
    return expected


def _same_time(values: Series, period: int, depth: int, begin: int) -> Series:
    """The median of the values one to `depth` periods earlier, each with its neighbours; unknown before the second."""
    lags = [lag for back in range(1, depth + 1) for lag in (back * period - 1, back * period, back * period + 1)]
    earlier = np.full((len(values) - begin, len(lags)), np.nan)
    for column, lag in enumerate(lags):
        start = max(lag, begin)
        if start < len(values):
            earlier[start - begin :, column] = values[start - lag : len(values) - lag]
    return np.concatenate([np.full(begin, np.nan), _medians(earlier, 5)])


def _medians(rows: np.ndarray, least: float) -> Series:
    """The median of each row, without what is missing; NaN where fewer than `least` are there."""
    there = (~np.isnan(rows)).sum(axis=1)
    ordered = np.sort(rows, axis=1)  # what is missing comes last
    upper = np.minimum(there // 2, rows.shape[1] - 1)
    lower = np.maximum((there - 1) // 2, 0)
    pick = np.arange(len(rows))
    medians: Series = (ordered[pick, lower] + ordered[pick, upper]) / 2
    medians[there < least] = np.nan
    return medians


def _average(errors: Series, length: int) -> Series:
    """The average of each error and those before it, `length` in all; NaN where the newest is missing."""
    if length == 1:
        return errors
    known = np.where(np.isnan(errors), 0.0, errors)
    averages = np.full(len(errors), np.nan)
    if len(errors) >= length:
        averages[length - 1 :] = sliding_window_view(known, length).mean(axis=1)
    averages[np.isnan(errors)] = np.nan
    return averages


def _width(errors: Series, step: float, risk: float, first: int, since: int) -> Series:
    """Per interval from `since` on the size that errors (without sign) have only once in so many, by those before."""
    width = np.full(len(errors), np.nan)
    every = max(1, round(RENEWED / step))
    remembered = max(FEWEST, round(REMEMBERED / step))
    phase = first % every
    for start in range((since + phase) // every * every - phase, len(errors), every):
        known = np.sort(errors[max(0, start - remembered) : max(0, start)])
        known = known[: len(known) - np.count_nonzero(np.isnan(known))]  # what is missing came last
        if len(known) >= LEAST:
            width[max(since, start) : start + every] = _rarely(known, risk)
    return width


def _rarely(ordered: np.ndarray, risk: float) -> float:
    """What numbers in order exceed only once in so many. Their tail begins at a quantile, between two of them."""
    place = (len(ordered) - 1) * (1 - TAIL)
    below = int(place)
    border = ordered[below] + (ordered[min(below + 1, len(ordered) - 1)] - ordered[below]) * (place - below)
    beyond = ordered[np.searchsorted(ordered, border, side="right") :]
    if not len(beyond):
        return float(border)
    middle = (beyond[(len(beyond) - 1) // 2] + beyond[len(beyond) // 2]) / 2
    return float(border + (middle - border) / np.log(2) * np.log(TAIL / risk))


def _worse(best: Judgement, errors: Series, width: Series, seen: Series, length: int) -> Judgement:
    """The judgement that also knows what this forecast says."""
    expected = seen - errors
    width = np.maximum(width, NARROWEST * np.abs(expected))
    with np.errstate(invalid="ignore", divide="ignore"):
        score = np.where(width > 0, errors / width, np.sign(errors) * np.where(errors == 0, 0.0, np.inf))
    nothing = np.isnan(errors) | np.isnan(width)
    score[nothing] = 0.0
    worse = (np.abs(score) > np.abs(best.score)) | (np.isnan(best.low) & ~nothing)
    return Judgement(
        score=np.where(worse, score, best.score),
        low=np.where(worse, expected - width, best.low),
        high=np.where(worse, expected + width, best.high),
        seen=np.where(worse, seen, best.seen),
        averaged=np.where(worse, length, best.averaged),
    )
