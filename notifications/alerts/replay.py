"""What a rule would have done: its alerts, if it had been made some days ago. The same code as watching."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from zlib import crc32

from ingest.columns import open_columns
from notifications.alerts.chart import Drawn, draw
from notifications.alerts.groups import Group
from notifications.alerts.judging import Happening, Reading, Task, read
from notifications.alerts.life import Turn
from notifications.alerts.plan import Plan

USUAL_DAYS = 30
MOST_POINTS, MOST_CHARTS = 1_500, 5
"""Intervals that are drawn, the newest ones; groups that are."""

MOST_AT_ONCE = 15_000
"""Intervals of groups in one part of a replay that is slow."""


@dataclass(frozen=True)
class WouldBe:
    """An alert that would have been. Its interval and the end of the one with which it ended, none while it is open."""

    group: Group
    start: datetime
    opened_at: datetime
    value: float | None
    low: float | None
    high: float | None
    sentence: str
    resolved_at: datetime | None = None
    resolved_sentence: str = ""


@dataclass(frozen=True)
class Part:
    """One of several shares of a rule's groups, where all of them take too long at once; they are counted from 0."""

    number: int = 0
    of: int = 1

    def has(self, group: Group) -> bool:
        """Whether the group is in it: always the same one."""
        return crc32(group.key.encode()) % self.of == self.number


WHOLE = Part()


@dataclass(frozen=True)
class Replayed:
    """What a rule would have done from `since` on: its alerts in order, and `drawn`, the metric of those groups that
    alerted most, else of the busiest. `unwatched` groups had events lately but are too small to be watched."""

    since: datetime
    alerts: list[WouldBe]
    drawn: list[Drawn]
    unwatched: int


def replay(
    plan: Plan,
    now: datetime,
    days: int = USUAL_DAYS,
    *,
    points: int = MOST_POINTS,
    charts: int = MOST_CHARTS,
    part: Part = WHOLE,
) -> Replayed:
    """What the rule of the plan would have done if it had been made `days` ago, and the newest `points` intervals of
    at most so many `charts`; only for the groups of the `part`. Raises TooManyGroups and ColumnsDamaged."""
    since = now - timedelta(days=days)
    numbers = plan.due(since, now)
    if not numbers:
        return Replayed(since, [], [], 0)
    with open_columns().snapshot(now) as snapshot:
        reading = read(snapshot, [Task(plan, numbers)], part.has if part.of > 1 else None)
        judgement = reading.judge(0)
        groups = _most_interesting(reading, judgement.happenings)[:charts]
        drawn = draw(snapshot, plan, numbers[-points:], groups) if points and charts else []
    return Replayed(since, alerts_of(plan, judgement.happenings), drawn, judgement.unwatched)


def parts_of(plan: Plan, now: datetime, days: int = USUAL_DAYS) -> int:
    """In how many parts a replay stays short."""
    asked, intervals = plan.definition, len(plan.due(now - timedelta(days=days), now))
    if not asked.group_by or not asked.condition.is_slow:
        return 1
    return ceil(asked.most_groups / max(1, MOST_AT_ONCE // max(intervals, 1)))


def alerts_of(plan: Plan, happenings: Sequence[Happening]) -> list[WouldBe]:
    """The alerts that follow from what happened, in the order in which they opened."""
    alerts: list[WouldBe] = []
    newest: dict[Group, int] = {}
    for one in happenings:
        end = plan.grid.border(one.number)
        if one.turn == Turn.OPENED:
            newest[one.group] = len(alerts)
            bounds = (one.value, one.low, one.high, one.sentence)
            alerts.append(WouldBe(one.group, plan.grid.start(one.number), end, *bounds))
        elif one.group in newest:
            place = newest.pop(one.group)
            alerts[place] = replace(alerts[place], resolved_at=end, resolved_sentence=one.sentence)
    return alerts


def _most_interesting(reading: Reading, happenings: Sequence[Happening]) -> list[Group]:
    alerted = Counter(one.group for one in happenings if one.turn == Turn.OPENED)
    busiest = reading.busiest(0)
    return list(dict.fromkeys([*(group for group, _ in alerted.most_common()), *busiest]))
