"""The judge of alert rules: what a metric was, what is said of it and when alerts open and resolve.

In plain Python over lists of events, interval by interval and group by group; only the forecasts of anomalies are the
product's own, asked of the whole past at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from notifications.alerts.anomaly import judge
from tests import reference
from tests.reference_world import MISSING, Event, World

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTHS = {"1m": 1, "5m": 5, "15m": 15, "hour": 60, "day": 1440, "week": 7 * 1440, "month": 30 * 1440}
STEPS = {"1m": 1, "5m": 1, "15m": 5, "hour": 5, "day": 60, "week": 1440, "month": 1440}
"""Minutes: of an interval, and between the ends of two rolling ones."""
UNITS = {"s": timedelta(seconds=1), "m": MINUTE, "h": timedelta(hours=1), "d": DAY}
Group = tuple[tuple[str, Any], ...]
"""Of each field the type of the value (for 1 is not true) and the value."""


@dataclass(frozen=True)
class Interval:
    start: datetime
    end: datetime


@dataclass
class PlainAlert:
    group: Group
    opened_at: datetime
    value: float | None
    resolved_at: datetime | None = None
    calm: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Rule:
    """A definition as JSON, and the zone in which its days begin."""

    document: dict[str, Any]
    zone: ZoneInfo
    quiet_for: timedelta | None = None
    maintenance: tuple[tuple[datetime, datetime], ...] = ()
    known_past: int = 200
    "Intervals that anomalies are learned from: more than the product looks at."

    def __getitem__(self, key: str) -> Any:
        usual = {"mode": "calendar", "group_by": [], "most_groups": 50, "minimum": 0, "recovers": 1, "grace": "2m"}
        return (usual | {"week_starts_on": 1} | self.document)[key]

    @property
    def grace(self) -> timedelta:
        return int(self["grace"][:-1]) * UNITS[self["grace"][-1]]

    def interval_at(self, at: datetime) -> Interval:
        """The newest interval that has ended by then."""
        every = self["every"]
        if self["mode"] == "rolling":
            end = floor(at, STEPS[every] * MINUTE)
            return Interval(end - LENGTHS[every] * MINUTE, end)
        if not self.is_dated:
            end = floor(at, LENGTHS[every] * MINUTE)
            return Interval(end - LENGTHS[every] * MINUTE, end)
        end = reference.first_instant(self.first_date(at.astimezone(self.zone).date() + 2 * DAY), self.zone)
        while end > at:
            end = reference.first_instant(self.first_date((end - MINUTE).astimezone(self.zone).date()), self.zone)
        before = reference.first_instant(self.first_date((end - MINUTE).astimezone(self.zone).date()), self.zone)
        return Interval(before, end)

    @property
    def is_dated(self) -> bool:
        return self["mode"] == "calendar" and self["every"] in ("day", "week", "month")

    def first_date(self, day: date) -> date:
        """Of the day, week or month that it is in."""
        if self["every"] == "month":
            return day.replace(day=1)
        return day if self["every"] == "day" else day - (day.isoweekday() - self["week_starts_on"]) % 7 * DAY

    def before(self, interval: Interval) -> Interval:
        """The interval that is judged before this one."""
        return self.interval_at(interval.end - timedelta(microseconds=1))

    def back(self, interval: Interval, count: int) -> list[Interval]:
        """The interval and those before it, so many in all, the newest first."""
        found = [interval]
        while len(found) < count:
            found.append(self.before(found[-1]))
        return found

    def border_before(self, interval: Interval, count: int) -> datetime:
        """The end of the interval so many before this one."""
        return self.back(interval, count + 1)[-1].end if self.is_dated else interval.end - count * self.step

    def counted(self, world: World, interval: Interval, group: Group) -> list[Event]:
        """The events of the group in the interval that had arrived in time."""
        return [event for event in self.in_time(world, interval, interval.start) if self.group(world, event) == group]

    def in_time(self, world: World, interval: Interval, start: datetime) -> list[Event]:
        return [
            event
            for event in world.events
            if start <= event.time < interval.end and event.received <= interval.end + self.grace
        ]

    def group(self, world: World, event: Event) -> Group | None:
        """The values of the fields; None where one is missing."""
        values = [self.group_value(world, event, name) for name in self["group_by"]]
        scalars = all(isinstance(value, str | int | float) for value in values)
        return as_group(values) if scalars else None

    def group_value(self, world: World, event: Event, name: str) -> Any:
        company = event.company or (world.company_of(event.user) if event.user else None)
        owner, _, field = name.partition(".")
        if name in ("user_id", "company_id"):
            return event.user if name == "user_id" else company
        if owner in ("user", "company"):
            customer = event.user if owner == "user" else company
            return MISSING if customer is None else world.field_of_customer(owner, customer, field)
        return reference.field_of_event(event, name)

    def value(self, world: World, interval: Interval, group: Group) -> float | None:
        """What the metric was; None where there was nothing to measure."""
        events = self.counted(world, interval, group)
        metric = self["metric"]
        if "ratio" in metric:
            whole = [event for event in events if reference.counts(event, metric["to"], world.clock)]
            part = [event for event in whole if reference.counts(event, metric["ratio"], world.clock)]
            return reference.weigh(part) / reference.weigh(whole) if whole else None
        found = [event for event in events if reference.counts(event, metric["of"], world.clock)]
        if metric["figure"] == "count":
            return reference.weigh(found)
        values = [(reference.field_of_event(event, metric["field"]), event.weight) for event in found]
        figure = reference.figure_of(values, metric["figure"])
        return None if figure is None else float(figure)

    def volume(self, world: World, interval: Interval, group: Group) -> int:
        """The weight of the events that the metric is of; of the whole, for a share."""
        return reference.weigh(self.among(world, self.counted(world, interval, group)))

    def among(self, world: World, events: list[Event]) -> list[Event]:
        metric = self["metric"]
        return [event for event in events if reference.counts(event, metric.get("to", metric.get("of")), world.clock)]

    def watched(self, world: World, interval: Interval, order: dict[Any, int]) -> tuple[list[Group], int]:
        """The groups that are watched, and how many others had events. `order` has when each customer was met."""
        if not self["group_by"]:
            return [()], 0
        start = self.border_before(interval, max(1, round(7 * DAY / self.step), self.panes))
        counts: dict[Group, int] = {}
        for event in self.among(world, self.in_time(world, interval, start)):
            group = self.group(world, event)
            if group is not None:
                counts[group] = counts.get(group, 0) + event.weight
        busiest = sorted(counts, key=lambda group: (-counts[group], self.place(order, group)))
        return busiest[: self["most_groups"]], max(0, len(busiest) - self["most_groups"])

    # --- What is said of an interval

    def is_known(self, interval: Interval) -> bool:
        """Whether it lasts at all, and no maintenance touches it."""
        touched = any(start < interval.end and interval.start < end for start, end in self.maintenance)
        return interval.start < interval.end and not touched

    def verdict(self, world: World, interval: Interval, group: Group) -> str:
        """`bad`, `ok`, `near` (not off, but not as it should be yet) or `unknown`."""
        [kind] = self["condition"].keys() & {"static", "change", "anomaly", "silence"}
        if not self.is_known(interval):
            return "unknown"
        verdict: str = getattr(self, f"_{kind}")(world, interval, group, self["condition"][kind])
        return verdict

    def _static(self, world: World, interval: Interval, group: Group, asked: dict[str, Any]) -> str:
        last = self["condition"].get("of_last", {"k": 1, "n": 1})
        off = [self.is_off(world, one, group, asked) for one in self.back(interval, last["n"])]
        if off[0] is None:
            return "unknown"
        if off.count(True) >= last["k"]:
            return "bad"
        recovered = "recover_at" not in asked or not is_beyond(
            self.value(world, interval, group), {**asked, **as_threshold(asked)}
        )
        return "ok" if recovered and not off[0] else "near"

    def is_off(self, world: World, interval: Interval, group: Group, asked: dict[str, Any]) -> bool | None:
        """None where it cannot be said."""
        value = self.value(world, interval, group)
        few = self.volume(world, interval, group) < self["minimum"]
        return None if value is None or few or not self.is_known(interval) else is_beyond(value, asked)

    def _change(self, world: World, interval: Interval, group: Group, asked: dict[str, Any]) -> str:
        back = {"before": self.panes, "day": DAY // self.step, "week": 7 * DAY // self.step}[asked["against"]]
        earlier = self.back(interval, back + 1)[-1]
        value, before = (self.value(world, one, group) for one in (interval, earlier))
        if value is None or not before or not self.is_known(earlier):
            return "unknown"
        change = (value - before) * 100 / abs(before)
        volumes = {one: self.volume(world, one, group) >= self["minimum"] for one in (interval, earlier)}
        if self.is_volume:
            enough = volumes[interval if change > 0 else earlier]
        else:
            enough = volumes[interval] and volumes[earlier]
        if not enough:
            return "unknown"
        up, down = change >= asked["percent"], change <= -asked["percent"]
        return "bad" if {"up": up, "down": down, "both": up or down}[asked["direction"]] else "ok"

    def _anomaly(self, world: World, interval: Interval, group: Group, asked: dict[str, Any]) -> str:
        past = self.back(interval, self.known_past)[::-1]
        values = [self.value(world, one, group) if self.is_known(one) else None for one in past]
        volumes = [self.volume(world, one, group) if self.is_known(one) else 0 for one in past]
        if not self.is_volume:
            enough = [volume >= self["minimum"] for volume in volumes]
            values = [value if there else None for value, there in zip(values, enough, strict=True)]
        numbers = np.array([np.nan if value is None else value for value in values])
        first = self.number(interval) - len(past) + 1
        found = judge(numbers, self.step.total_seconds(), asked.get("sensitivity", "medium"), first)
        score = found.score[-1]
        if np.isnan(numbers[-1]) or np.isnan(found.low[-1]):
            return "unknown"
        if self.is_volume and score <= 0:
            day = max(1, DAY // self.step)
            known = [
                volume
                for volume, one in zip(volumes[-day - 1 : -1], past[-day - 1 : -1], strict=True)
                if self.is_known(one)
            ]
            if sum(known) < self["minimum"] * len(known):
                return "unknown"
        elif volumes[-1] < self["minimum"]:
            return "unknown"
        direction = asked.get("direction", "both")
        return "bad" if (score > 1 and direction != "down") or (score < -1 and direction != "up") else "ok"

    def _silence(self, world: World, interval: Interval, group: Group, asked: dict[str, Any]) -> str:
        before = asked.get("before", 24)
        past = self.back(interval, asked["after"] + before)
        volumes = [self.volume(world, one, group) if self.is_known(one) else None for one in past]
        if volumes[0]:
            return "ok"
        had = [volume for volume in volumes[asked["after"] :] if volume and volume >= self["minimum"]]
        silent = all(volume == 0 for volume in volumes[: asked["after"]])
        return "bad" if silent and len(had) > before / 2 else "unknown"

    @property
    def is_volume(self) -> bool:
        return self["metric"].get("figure") in ("count", "sum", "distinct")

    def number(self, interval: Interval) -> int:
        """Its place in an endless count."""
        if not self.is_dated:
            return (interval.end - EPOCH) // self.step
        day = (interval.end).astimezone(self.zone).date()
        if self["every"] == "month":
            return day.year * 12 + day.month - 1
        return day.toordinal() if self["every"] == "day" else (day.toordinal() - self["week_starts_on"]) // 7

    # --- Alerts

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
        forgets = max(3, -(-(30 * DAY if "silence" in self["condition"] else DAY) // self.step))
        if (verdict == "ok" and alert.calm >= self["recovers"]) or alert.unknown >= forgets:
            alert.resolved_at = end

    def is_quiet(self, found: list[PlainAlert], group: Group, end: datetime) -> bool:
        last = [alert.opened_at for alert in found if alert.group == group]
        return bool(last) and self.quiet_for is not None and end < last[-1] + self.quiet_for

    def place(self, order: dict[Any, int], group: Group) -> list[Any]:
        """What decides between groups that are equally busy."""
        names = zip(self["group_by"], group, strict=True)
        return [
            order[name, value] if name in ("user_id", "company_id") else (kind, value) for name, (kind, value) in names
        ]

    @property
    def step(self) -> timedelta:
        return (STEPS if self["mode"] == "rolling" else LENGTHS)[self["every"]] * MINUTE

    @property
    def panes(self) -> int:
        return LENGTHS[self["every"]] // STEPS[self["every"]] if self["mode"] == "rolling" else 1


def as_group(values: Iterable[Any]) -> Group:
    """A group by its values."""
    return tuple(
        ("boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number", value)
        for value in values
    )


def as_threshold(asked: dict[str, Any]) -> dict[str, Any]:
    """Where a value is still too far off for an alert to end."""
    return {"outside" if "outside" in asked else "value": asked["recover_at"]}


def is_beyond(value: float | None, asked: dict[str, Any]) -> bool:
    """Whether a value is on the wrong side."""
    assert value is not None
    if "outside" in asked:
        return not asked["outside"][0] <= value <= asked["outside"][1]
    return reference.compare(asked["op"], value, asked["value"])


def floor(at: datetime, step: timedelta) -> datetime:
    return at - (at - EPOCH) % step
