"""What a metric was in an interval, and which groups were watched."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests import reference
from tests.alert_reference.intervals import DAY, Interval, Timed
from tests.reference_world import MISSING, Event, World

Group = tuple[tuple[str, Any], ...]
"""Of each field the type of the value (for 1 is not true) and the value."""


class Measured(Timed):
    """The numbers of a rule."""

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

    def place(self, order: dict[Any, int], group: Group) -> list[Any]:
        """What decides between groups that are equally busy."""
        names = zip(self["group_by"], group, strict=True)
        return [
            order[name, value] if name in ("user_id", "company_id") else (kind, value) for name, (kind, value) in names
        ]


def as_group(values: Iterable[Any]) -> Group:
    """A group by its values."""
    return tuple(
        ("boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number", value)
        for value in values
    )
