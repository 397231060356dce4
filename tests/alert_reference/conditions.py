"""What is said of an interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests import reference
from tests.alert_reference.anomaly import look_at
from tests.alert_reference.intervals import DAY, Interval
from tests.alert_reference.metric import Group, Measured
from tests.reference_world import World

LEARNED_FROM, LEAST_LEARNED = 36 * DAY, 200
"""How much past anomalies are learned from, and how many intervals: more than the product looks at."""


@dataclass(frozen=True)
class Judged(Measured):
    """The verdicts of a rule; `maintenance` are the times that are not judged."""

    maintenance: tuple[tuple[datetime, datetime], ...] = ()
    looked: dict[Any, tuple[float | None, int]] = field(default_factory=dict, init=False, repr=False)
    "What anomalies were learned from, which is looked at again and again."

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
        past = self.back(interval, max(LEAST_LEARNED, LEARNED_FROM // self.step))[::-1]
        values, volumes = self.numbers(world, past, group)
        if not self.is_volume:
            values = [
                value if volume >= self["minimum"] else None for value, volume in zip(values, volumes, strict=True)
            ]
        step, sensitivity = self.step.total_seconds(), asked.get("sensitivity", "medium")
        found = look_at(values, self.number(interval), step, sensitivity)
        if values[-1] is None or found is None:
            return "unknown"
        if self.is_volume and found.score <= 0:
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
        high, low = found.score > 1, found.score < -1
        return "bad" if (high and direction != "down") or (low and direction != "up") else "ok"

    def numbers(self, world: World, past: list[Interval], group: Group) -> tuple[list[float | None], list[int]]:
        """What is known of these intervals: values and volumes. Where no event lies, all are alike."""
        empty = Interval(past[0].start, past[0].start)
        of_nothing = self.value(world, empty, group), self.volume(world, empty, group)

        def look(one: Interval) -> tuple[float | None, int]:
            if not self.is_known(one):
                return None, 0
            if not any(one.start <= event.time < one.end for event in world.events):
                return of_nothing
            return self.value(world, one, group), self.volume(world, one, group)

        for one in past:
            if (id(world), one, group) not in self.looked:
                self.looked[id(world), one, group] = look(one)
        found = [self.looked[id(world), one, group] for one in past]
        return [value for value, _ in found], [volume for _, volume in found]

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


def as_threshold(asked: dict[str, Any]) -> dict[str, Any]:
    """Where a value is still too far off for an alert to end."""
    return {"outside" if "outside" in asked else "value": asked["recover_at"]}


def is_beyond(value: float | None, asked: dict[str, Any]) -> bool:
    """Whether a value is on the wrong side."""
    assert value is not None
    if "outside" in asked:
        return not asked["outside"][0] <= value <= asked["outside"][1]
    return reference.compare(asked["op"], value, asked["value"])
