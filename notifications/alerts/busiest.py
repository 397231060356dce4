"""Which groups of a rule are watched: the busiest of the last days, as it was known at the end of each interval."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from notifications.alerts.intervals import WEEK, Grid
from notifications.alerts.panes import Asked, Reader

MOST_SEEN = 100_000
"""Groups that a rule may have in all: to find the busiest of more would take too long."""


class TooManyGroups(Exception):
    """A rule has more groups than can be told apart; the message says how many and what to do."""


@dataclass(frozen=True)
class Busiest:
    """In one interval the numbers of the groups that are watched, the busiest first, and how many others had events."""

    watched: np.ndarray
    others: int

    def among(self, numbers: Collection[int]) -> Busiest:
        """With those of the watched groups alone."""
        return replace(self, watched=self.watched[np.isin(self.watched, list(numbers))])


def trailing(grid: Grid) -> int:
    """How many panes lie in the stretch that groups are compared by: a week, or one interval where that is longer."""
    return max(grid.panes, round(WEEK / grid.step), 1)


def find_busiest(
    reader: Reader, asked: Sequence[Asked], most: Sequence[int], first: int, last: int
) -> list[list[Busiest]]:
    """For the rule at each place, its groups in every interval from `first` to `last`; `most` are watched at once.

    Of equally busy ones those come first that compare less: customers who were known earlier, texts by the alphabet.
    Raises TooManyGroups.
    """
    rows = reader.weights(asked, trailing(reader.grid), first, last)
    met = np.unique(rows.groups)
    if len(met) > MOST_SEEN:
        raise TooManyGroups(f"expected at most {MOST_SEEN:,} groups in a week, found {len(met):,}: choose other fields")
    ordered = sorted(met.tolist(), key=lambda number: reader.groups.raws[number])
    place_of = np.zeros(len(reader.groups.raws), dtype=np.int64)
    place_of[ordered] = np.arange(len(ordered))
    numbers = np.array(ordered, dtype=np.int64)
    found = []
    for place, one in enumerate(asked):
        events = rows.whole(f"events_{place}")
        borders = (rows.enters[one.grace] - first, rows.whole("leave") - first)
        counts = _count(place_of[rows.groups], *borders, events, len(ordered), last - first + 1)
        found.append([_choose(count, numbers, most[place]) for count in counts])
    return found


def _count(
    group: np.ndarray, enter: np.ndarray, leave: np.ndarray, events: np.ndarray, groups: int, intervals: int
) -> Iterator[np.ndarray]:
    """Per interval the weight of each group's events, of which each counts from its `enter` to its `leave`."""
    counts = np.zeros(groups, dtype=np.int64)
    there = (enter <= leave) & (events > 0)
    group, enter, leave, events = group[there], enter[there], leave[there], events[there]
    coming, going = np.argsort(enter, kind="stable"), np.argsort(leave, kind="stable")
    come = np.searchsorted(enter[coming], np.arange(intervals + 1))
    gone = np.searchsorted(leave[going], np.arange(intervals + 1))
    for interval in range(intervals):
        now = coming[come[interval] : come[interval + 1]]
        np.add.at(counts, group[now], events[now])
        yield counts
        over = going[gone[interval] : gone[interval + 1]]
        np.subtract.at(counts, group[over], events[over])


def _choose(counts: np.ndarray, numbers: np.ndarray, most: int) -> Busiest:
    there = np.flatnonzero(counts)
    if len(there) <= most:
        return Busiest(numbers[there[np.argsort(-counts[there], kind="stable")]], 0)
    border = np.partition(counts[there], -most)[-most]
    above = there[counts[there] > border]
    equal = there[counts[there] == border][: most - len(above)]
    above = above[np.argsort(-counts[above], kind="stable")]
    return Busiest(numbers[np.concatenate([above, equal])], len(there) - most)
