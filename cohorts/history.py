"""A cohort's history as charts: how many were in it, and how many joined and left per day of its time zone.

Both come from its evaluations, which count what they changed: no row of the log of changes is read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q

from cohorts.models import Cohort

RANGES = (7, 30, 90)
"""Days that a chart can show."""
STEPS = (60, 900, 3_600)
"""Seconds between the points of a young cohort's line; an older one has a point per day."""
MOST_POINTS = 180


@dataclass(frozen=True)
class History:
    """Two charts for components/chart.html."""

    size: dict[str, Any]
    moves: dict[str, Any]


@dataclass(frozen=True)
class _Step:
    """A successful evaluation that moved somebody or was a baseline."""

    at: datetime
    members: int
    joined: int
    left: int


def history_of(cohort: Cohort, days: int, now: datetime) -> History | None:
    """The last `days` days up to `now`, today included; none before the first evaluation."""
    starts = _days(ZoneInfo(cohort.time_zone), days, now)
    steps = _steps(cohort, starts[0], now)
    if not steps:
        return None
    return History(size=_size(cohort, steps, starts, now), moves=_moves(cohort, steps, starts))


def _days(zone: ZoneInfo, days: int, now: datetime) -> list[datetime]:
    today = now.astimezone(zone).date()
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    return [datetime.combine(date, time(), zone).astimezone(UTC) for date in dates]


def _steps(cohort: Cohort, start: datetime, now: datetime) -> list[_Step]:
    """Those from `start` on, and the last one before, which says how large the cohort was at the start."""
    done = cohort.evaluations.filter(error="", as_of__lte=now)
    moving = done.filter(Q(added__gt=0) | Q(removed__gt=0) | Q(baseline=True), as_of__gte=start)
    columns = ("as_of", "members", "added", "removed")
    before = done.filter(as_of__lt=start).order_by("-as_of").values_list(*columns)[:1]
    found = [*before, *moving.order_by("as_of").values_list(*columns)]
    return [_Step(at, members or 0, joined, left) for at, members, joined, left in found]


def _size(cohort: Cohort, steps: Sequence[_Step], starts: Sequence[datetime], now: datetime) -> dict[str, Any]:
    begin = max(starts[0], steps[0].at)
    span = (now - begin).total_seconds()
    step = next((step for step in STEPS if span / step <= MOST_POINTS), None)
    if step is None:
        # A day's point stands at its beginning and tells how it ended.
        points = list(zip(starts, [*starts[1:], now], strict=True))
    else:
        first = int(begin.timestamp()) // step * step + step
        marks = [datetime.fromtimestamp(at, UTC) for at in range(first, int(now.timestamp()), step)]
        points = [(mark, mark) for mark in (begin, *marks, now)]
    times = [step.at for step in steps]
    values = [_members_at(steps, times, end) for _, end in points]
    series = {"label": "Members", "tone": "1", "values": values}
    chart = _chart("line", cohort, [at for at, _ in points], step or 86_400, [series])
    return {**chart, "stepped": step is not None}


def _members_at(steps: Sequence[_Step], times: Sequence[datetime], at: datetime) -> int | None:
    place = bisect_left(times, at + timedelta(microseconds=1))
    return steps[place - 1].members if place else None


def _moves(cohort: Cohort, steps: Sequence[_Step], starts: Sequence[datetime]) -> dict[str, Any]:
    joined, left = [0] * len(starts), [0] * len(starts)
    for step in steps:
        day = bisect_left(starts, step.at + timedelta(microseconds=1)) - 1
        if day >= 0:
            joined[day] += step.joined
            left[day] += step.left
    series: list[dict[str, Any]] = [
        {"label": "Joined", "tone": "added", "values": joined},
        {"label": "Left", "tone": "removed", "values": left, "below": True},
    ]
    return _chart("bars", cohort, starts, 86_400, series)


def _chart(
    kind: str, cohort: Cohort, times: Sequence[datetime], step: int, series: list[dict[str, Any]]
) -> dict[str, Any]:
    seconds = [int(at.timestamp()) for at in times]
    return {"kind": kind, "times": seconds, "step": step, "time_zone": cohort.time_zone, "series": series}
