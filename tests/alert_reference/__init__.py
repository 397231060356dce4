"""The judge of alert rules: what a metric was, what is said of it and when alerts open and resolve.

In plain Python over lists of events, interval by interval and group by group.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.alert_reference.conditions import Judged
from tests.alert_reference.intervals import DAY, MINUTE, Interval
from tests.alert_reference.metric import Group, as_group
from tests.reference_world import World

__all__ = ["Group", "Interval", "PlainAlert", "Rule", "as_group"]


@dataclass
class PlainAlert:
    group: Group
    opened_at: datetime
    value: float | None
    resolved_at: datetime | None = None
    calm: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Rule(Judged):
    """The alerts of a rule."""

    quiet_for: timedelta | None = None

    def alerts(self, world: World, since: datetime, now: datetime, order: dict[Any, int]) -> list[PlainAlert]:
        """Those of a rule that was made at `since`, as of `now`."""
        found: list[PlainAlert] = []
        for interval in self.due(since, now):
            opened = [alert for alert in found if alert.resolved_at is None]
            watched, _ = self.watched(world, interval, order)
            for group in dict.fromkeys([*watched, *(alert.group for alert in opened)]):
                if not self.is_known(interval):
                    continue
                verdict = self.verdict(world, interval, group)
                mine = [alert for alert in opened if alert.group == group]
                if mine:
                    self.go_on(mine[0], verdict, interval.end)
                elif verdict == "bad" and not self.is_quiet(found, group, interval.end):
                    found.append(PlainAlert(group, interval.end, self.value(world, interval, group)))
        return found

    def due(self, since: datetime, now: datetime) -> list[Interval]:
        """The intervals that ended after `since` and whose late events are in, the oldest first."""
        intervals = [self.interval_at(now - self.grace)]
        while intervals[-1].end > since:
            intervals.append(self.before(intervals[-1]))
        return intervals[-2::-1]

    def go_on(self, alert: PlainAlert, verdict: str, end: datetime) -> None:
        alert.unknown = alert.unknown + 1 if verdict == "unknown" else 0
        if verdict == "ok":
            alert.calm += 1
        elif verdict != "unknown":
            alert.calm = 0
        long = 30 * DAY if "silence" in self["condition"] else 60 * MINUTE
        forgets = max(3, self["recovers"], -(-long // self.step))
        if (verdict == "ok" and alert.calm >= self["recovers"]) or alert.unknown >= forgets:
            alert.resolved_at = end

    def is_quiet(self, found: list[PlainAlert], group: Group, end: datetime) -> bool:
        last = [alert.opened_at for alert in found if alert.group == group]
        return bool(last) and self.quiet_for is not None and end < last[-1] + self.quiet_for
