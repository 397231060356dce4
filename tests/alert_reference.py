"""The judge of alert rules: what a metric was, interval by interval, in plain Python over lists of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests import reference
from tests.reference_world import MISSING, Event, World

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LENGTHS = {"1m": 1, "5m": 5, "15m": 15, "hour": 60, "day": 1440, "week": 7 * 1440, "month": 30 * 1440}
STEPS = {"1m": 1, "5m": 1, "15m": 5, "hour": 5, "day": 60, "week": 1440, "month": 1440}
"""Minutes: of an interval, and between the ends of two rolling ones."""
UNITS = {"s": timedelta(seconds=1), "m": MINUTE, "h": timedelta(hours=1), "d": DAY}
Group = tuple[Any, ...]


@dataclass(frozen=True)
class Interval:
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Rule:
    """A definition as JSON, and the zone in which its days begin."""

    document: dict[str, Any]
    zone: ZoneInfo

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
        if every not in ("day", "week", "month"):
            end = floor(at, LENGTHS[every] * MINUTE)
            return Interval(end - LENGTHS[every] * MINUTE, end)
        end = reference.first_instant(self.first_date(at.astimezone(self.zone).date() + 2 * DAY), self.zone)
        while end > at:
            end = reference.first_instant(self.first_date((end - MINUTE).astimezone(self.zone).date()), self.zone)
        before = reference.first_instant(self.first_date((end - MINUTE).astimezone(self.zone).date()), self.zone)
        return Interval(before, end)

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
        return tuple(values) if scalars else None

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
        panes = max(1, round(7 * DAY / self.step), self.panes)
        start = self.back(interval, panes + 1)[-1].end
        counts: dict[Group, int] = {}
        for event in self.among(world, self.in_time(world, interval, start)):
            group = self.group(world, event)
            if group is not None:
                counts[group] = counts.get(group, 0) + event.weight
        busiest = sorted(
            counts, key=lambda group: (-counts[group], [self.place(order, *one) for one in self.named(group)])
        )
        return busiest[: self["most_groups"]], max(0, len(busiest) - self["most_groups"])

    def named(self, group: Group) -> Iterator[tuple[str, Any]]:
        return zip(self["group_by"], group, strict=True)

    def place(self, order: dict[Any, int], name: str, value: Any) -> tuple[Any, ...]:
        """What decides between groups that are equally busy."""
        if name in ("user_id", "company_id"):
            return ("customer", order[name, value])
        kind = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        return (kind, value)

    @property
    def step(self) -> timedelta:
        return (STEPS if self["mode"] == "rolling" else LENGTHS)[self["every"]] * MINUTE

    @property
    def panes(self) -> int:
        return LENGTHS[self["every"]] // STEPS[self["every"]] if self["mode"] == "rolling" else 1


def floor(at: datetime, step: timedelta) -> datetime:
    return at - (at - EPOCH) % step
