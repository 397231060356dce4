"""What a chart of a metric shows: interval by interval the value, what was expected, and whether it was off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ingest.columns.interface import Snapshot
from notifications.alerts.conditions import Verdict
from notifications.alerts.figures import or_none
from notifications.alerts.groups import Group
from notifications.alerts.judging import Track, trace
from notifications.alerts.plan import Plan


@dataclass(frozen=True)
class Point:
    """An interval. `value` is None where there was nothing to measure, `low` and `high` where there is no bound."""

    start: datetime
    end: datetime
    value: float | None
    low: float | None
    high: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Drawn:
    """The metric of a group, oldest interval first."""

    group: Group
    points: tuple[Point, ...]


def draw(snapshot: Snapshot, plan: Plan, numbers: range, groups: Sequence[Group]) -> list[Drawn]:
    """The metric of these groups in these intervals, by the numbers of their ends. Raises ColumnsDamaged."""
    if not groups or not numbers:
        return []
    return [
        Drawn(group, tuple(_points(plan, track, numbers)))
        for group, track in trace(snapshot, plan, numbers, groups).items()
    ]


def _points(plan: Plan, track: Track, numbers: range) -> list[Point]:
    start = numbers.start - track.numbers.start
    columns = (track.past.values, track.judged.low, track.judged.high)
    values, lows, highs = ([or_none(number) for number in column[start:].tolist()] for column in columns)
    known, verdicts = track.past.known[start:], track.judged.verdicts[start:]
    verdicts = np.where(known, verdicts, Verdict.UNKNOWN).tolist()
    return [
        Point(plan.grid.start(number), plan.grid.border(number), value, low, high, Verdict(verdict))
        for number, value, low, high, verdict in zip(numbers, values, lows, highs, verdicts, strict=True)
    ]
