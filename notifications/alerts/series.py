"""The numbers of rules, interval by interval: what a metric was in each, for each group, as it was known in time.

Nothing of it is stored. The same events give the same numbers whenever they are asked for, in one pass for all rules
that share their intervals and their groups: one query for all that adds up, and one for each field of which every
value has to be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cohorts.criteria.figures import PERCENTILES
from cohorts.criteria.ways import MILLION
from notifications.alerts.figures import add_up, count_different, divide, find_extremes, rank
from notifications.alerts.metric import Figure
from notifications.alerts.panes import Asked, Reader, Rows

MOST_AT_ONCE = 4_000_000
"""Values of one group that are put in order together."""
EACH_VALUE = ("distinct", *PERCENTILES)
"""Figures that do not add up."""


@dataclass(frozen=True)
class Series:
    """Of one rule and group, for the intervals from the number `first` on: `values` (NaN where there is nothing to
    measure) and `events`, the weight of the events that they are made of (of the whole, for a share)."""

    first: int
    values: np.ndarray
    events: np.ndarray


@dataclass(frozen=True)
class AllSeries:
    """What one pass read for some rules, up to the interval `last`."""

    panes: int
    last: int
    asked: Sequence[Asked]
    sums: Rows
    values: Sequence[tuple[Rows, int] | None]
    "For the rule at each place the values of its field, and the rule's place in those, if it needs them."

    def of(self, place: int, group: int) -> Series:
        """The series of the rule at a place and of a group, by its number: from the first interval that lies in the
        panes it looks at."""
        one = self.asked[place]
        span = _Span(one.first + self.panes, self.last, self.panes)
        rows, at = span.find(self.sums, group, one)
        events = add_up(at, span.size, self.sums.whole(f"events_{place}")[rows])
        values = self.values[place]
        if values is not None:
            return Series(span.first, _figure_of_values(*values, group, one, span), events)
        return Series(span.first, _figure_of_sums(self.sums, place, one.figure, (rows, at), events), events)


def read_series(reader: Reader, asked: Sequence[Asked], last: int, among: Sequence[int] | None = None) -> AllSeries:
    """The series of the rules up to the interval `last`; with `among` those of these groups."""
    fields: dict[str, list[int]] = {}
    for place, one in enumerate(asked):
        if isinstance(one.metric, Figure) and one.figure in EACH_VALUE:
            fields.setdefault(one.metric.name, []).append(place)
    values: list[tuple[Rows, int] | None] = [None] * len(asked)
    for places in fields.values():
        rows = reader.values([asked[place] for place in places], last - 1, among)
        for column, place in enumerate(places):
            values[place] = (rows, column)
    return AllSeries(reader.grid.panes, last, asked, reader.sums(asked, last - 1, among), values)


@dataclass(frozen=True)
class _Span:
    """The intervals from `first` to `last`, of so many panes each."""

    first: int
    last: int
    panes: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def find(self, rows: Rows, group: int, one: Asked) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a group, each as often as it counts, and the place of the interval in which it does."""
        of_group = rows.of(group)
        pane = rows.whole("pane")[of_group]
        of_group = of_group[(pane >= self.first - self.panes) & (pane < self.last)]
        pane, enter = rows.whole("pane")[of_group], rows.enters[one.grace][of_group]
        ends = pane[:, None] + np.arange(1, self.panes + 1)
        counts = (ends >= enter[:, None]) & (ends >= self.first) & (ends <= self.last)
        which, end = np.nonzero(counts)
        return of_group[which], ends[which, end] - self.first

    def parts(self, values: int) -> list[_Span]:
        """The span in pieces, so that not too many of so many values are looked at together."""
        pieces = min(self.size, 1 + values * self.panes // MOST_AT_ONCE)
        borders = np.linspace(self.first, self.last + 1, pieces + 1, dtype=int).tolist()
        return [_Span(start, end - 1, self.panes) for start, end in pairwise(borders)]


def _figure_of_sums(
    sums: Rows, place: int, figure: str, found: tuple[np.ndarray, np.ndarray], events: np.ndarray
) -> np.ndarray:
    rows, at = found
    size = len(events)

    def total(name: str) -> np.ndarray:
        return add_up(at, size, sums.whole(f"{name}_{place}")[rows])

    match figure:
        case "count":
            return events.astype(float)
        case "share":
            return divide(total("part"), events)
        case "sum":
            return divide(total("sum"), np.full(size, MILLION))
        case "avg":
            return divide(total("sum"), total("known") * MILLION)
    return find_extremes(at, size, sums.number(f"extreme_{place}")[rows], largest=figure == "max")


def _figure_of_values(rows: Rows, column: int, group: int, one: Asked, span: _Span) -> np.ndarray:
    weights = rows.whole(f"events_{column}")
    found = []
    for part in span.parts(len(rows.of(group))):
        which, at = part.find(rows, group, one)
        if one.figure == "distinct":
            found.append(count_different(at, part.size, rows.codes[which], weights[which]))
        else:
            numbers = rows.number("number")[which]
            found.append(rank(at, part.size, numbers, weights[which], PERCENTILES[one.figure]))
    return np.concatenate(found)
