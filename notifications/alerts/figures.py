"""Figures of many intervals at once, from numbers that each belong to one of them. Exact, as those of criteria are.

`place` says, for each number, which interval it is in, from 0 to `size` - 1. A figure of nothing is NaN.
"""

from __future__ import annotations

import numpy as np

SAFE = 2**53
"""Whole numbers below are exact as floating-point numbers."""


def add_up(place: np.ndarray, size: int, numbers: np.ndarray) -> np.ndarray:
    """The sums of whole numbers; these may be Python's, where they are too large for those of arrays."""
    if numbers.dtype != object and len(numbers) and int(np.abs(numbers).max()) > np.iinfo(np.int64).max // len(numbers):
        numbers = numbers.astype(object)
    sums = np.zeros(size, dtype=numbers.dtype)
    np.add.at(sums, place, numbers)
    return sums


def divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Whole numbers by whole numbers, rounded once; NaN where the lower one is 0."""
    there = below != 0
    quotients = np.full(len(above), np.nan)
    above, below = above[there], below[there]
    if _safe(above) and _safe(below):
        quotients[there] = above / below
    else:
        quotients[there] = [int(one) / int(other) for one, other in zip(above, below, strict=True)]
    return quotients


def find_extremes(place: np.ndarray, size: int, numbers: np.ndarray, largest: bool) -> np.ndarray:
    """The largest or the smallest numbers; NaN among the numbers is none."""
    there = ~np.isnan(numbers)
    nothing = -np.inf if largest else np.inf
    found = np.full(size, nothing)
    (np.maximum if largest else np.minimum).at(found, place[there], numbers[there])
    found[found == nothing] = np.nan
    return found


def rank(place: np.ndarray, size: int, numbers: np.ndarray, weights: np.ndarray, percent: int) -> np.ndarray:
    """The nearest ranks: the smallest number such that `percent` of the weight has one that is no greater."""
    there = ~np.isnan(numbers) & (weights > 0)
    place, numbers, weights = place[there], numbers[there], weights[there]
    order = np.lexsort((numbers, place))
    place, numbers, weights = place[order], numbers[order], weights[order]
    totals = np.zeros(size, dtype=np.int64)
    np.add.at(totals, place, weights)
    before = np.cumsum(totals) - totals
    reached = np.cumsum(weights) - before[place]
    enough = np.flatnonzero(100 * reached >= percent * totals[place])
    known, first = np.unique(place[enough], return_index=True)
    found = np.full(size, np.nan)
    found[known] = numbers[enough[first]]
    return found


def count_different(place: np.ndarray, size: int, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How many different codes, of those that weigh anything."""
    there = weights > 0
    pairs = np.unique(np.stack([place[there], codes[there]]), axis=1)
    return np.bincount(pairs[0], minlength=size).astype(float)


def or_none(number: float) -> float | None:
    """The number, none for NaN."""
    return None if np.isnan(number) else float(number)


def _safe(numbers: np.ndarray) -> bool:
    return numbers.dtype != object and (not len(numbers) or int(np.abs(numbers).max()) < SAFE)
