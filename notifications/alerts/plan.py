"""A rule made ready to be judged, saved or not: watching and replaying follow the same plans."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from notifications.alerts.definition import Definition
from notifications.alerts.intervals import Grid, grid_of
from notifications.alerts.life import Rules

LEAST_FORGOTTEN = 3
"""Intervals without anything to judge after which an alert may end, at the least."""


@dataclass(frozen=True)
class Plan:
    """What is judged, in which intervals, and by which rules its alerts live. `maintenance` are the times (start,
    end) that are not judged."""

    definition: Definition
    zone: ZoneInfo
    quiet_for: timedelta | None = None
    maintenance: tuple[tuple[datetime, datetime], ...] = ()

    @cached_property
    def grid(self) -> Grid:
        asked = self.definition
        return grid_of(asked.every, asked.rolling, self.zone, asked.week_starts_on)

    @property
    def shared(self) -> str:
        """What tells the pass that it can be judged in: rules that have it in common are read together."""
        names = tuple(field.name for field in self.definition.group_by)
        return hashlib.sha256(repr((self.grid, names)).encode()).hexdigest()[:16]

    @property
    def rules(self) -> Rules:
        """By what its alerts live."""
        forgets = -(-self.definition.condition.forgotten_after // self.grid.step)
        return Rules(self.definition.recovers, max(forgets, LEAST_FORGOTTEN, self.definition.recovers), self.quiet_for)

    def due(self, judged_until: datetime, now: datetime) -> range:
        """The intervals that ended after `judged_until` and whose late events are all in, by their numbers."""
        first = self.grid.number(judged_until) + 1
        return range(first, max(first, self.grid.number(now - self.definition.grace.length) + 1))

    def due_at(self, number: int) -> datetime:
        """When an interval can be judged."""
        return self.grid.border(number) + self.definition.grace.length

    def known(self, numbers: range) -> np.ndarray:
        """Which of the intervals are to be judged and learned from: those outside of maintenance that last at all."""
        known = np.ones(len(numbers), dtype=bool)
        for start, end in self.maintenance:
            touched = self.grid.touched(start, end)
            known[max(0, touched.start - numbers.start) : max(0, touched.stop - numbers.start)] = False
        if self.grid.is_dated:  # a zone may have left out a day
            borders = [self.grid.border(number) for number in range(numbers.start - 1, numbers.stop)]
            known &= np.array([start < end for start, end in pairwise(borders)], dtype=bool)
        return known
