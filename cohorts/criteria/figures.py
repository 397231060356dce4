"""The figures of one customer's events in plain Python, for what is to come: the same as the engine finds.

Rows have a `weight`, and `millionths` (for sums and averages, as text), a `number`, or the scalars of each type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

from cohorts.criteria.thresholds import Threshold

PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
Rows = Sequence[Mapping[str, Any]]


def passes(rows: Rows, by: str, threshold: Threshold) -> bool:
    """Whether the figure of the rows is as asked for."""
    if by == "distinct":
        return threshold.passed_by(len(_different(rows)))
    if by in ("sum", "avg"):
        known = [(int(row["millionths"]), row["weight"]) for row in rows if row["millionths"] is not None]
        weight = sum(each for _, each in known)
        total = Fraction(sum(value * each for value, each in known), 10**6)
        if by == "sum":
            return threshold.passed_exactly(total)
        return bool(weight) and threshold.passed_exactly(total / weight)
    numbers = sorted((row["number"], row["weight"]) for row in rows if row["number"] is not None)
    return bool(numbers) and threshold.passed_by(_figure(numbers, by))


def _different(rows: Rows) -> set[tuple[str, Any]]:
    """The scalars of the rows, each with its type."""
    tags = {("tag", tag) for row in rows for tag in row.get("tags", ())}
    names = ("text", "number", "boolean")
    return tags | {(name, row[name]) for row in rows for name in names if row.get(name) is not None}


def _figure(numbers: Sequence[tuple[float, int]], by: str) -> float:
    """The lowest, the highest or a percentile of numbers with their weights, which ascend and are not empty."""
    if by not in PERCENTILES:
        return numbers[0 if by == "min" else -1][0]
    needed = PERCENTILES[by] * sum(weight for _, weight in numbers)
    reached = accumulate(weight for _, weight in numbers)
    return next(number for (number, _), so_far in zip(numbers, reached, strict=True) if 100 * so_far >= needed)
