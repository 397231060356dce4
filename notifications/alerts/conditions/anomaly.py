"""`anomaly`: the metric is not what its own past leads one to expect; see `notifications.alerts.anomaly`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cohorts.criteria.place import Place, read_choice, read_object
from notifications.alerts.anomaly import RISK, memory
from notifications.alerts.anomaly import judge as find_unusual
from notifications.alerts.conditions.change import DIRECTIONS
from notifications.alerts.conditions.condition import (
    Condition,
    ConditionKind,
    Frame,
    Judged,
    Past,
    Verdict,
    expected,
)
from notifications.alerts.intervals import DAY
from notifications.schedule import length as say_length

KEYS = ("direction", "sensitivity")
SIDES = {"up": "higher than", "down": "lower than", "both": "different from what is"}


@dataclass(frozen=True)
class Anomaly(Condition):
    """Off while the value leaves the band of what is expected, on the side of the direction."""

    direction: str
    sensitivity: str
    is_slow = True

    def words(self, frame: Frame) -> str:
        return f"is {SIDES[self.direction]} expected by its own past ({self.sensitivity} sensitivity)"

    def looks_back(self, frame: Frame) -> int:
        return max(memory(frame.step.total_seconds()), _day(frame))

    def judge(self, past: Past, frame: Frame) -> Judged:
        measures_volume = frame.metric.measures_volume
        learned = past.known if measures_volume else past.enough(frame)
        values = np.where(learned, past.values, np.nan)
        found = find_unusual(values, frame.step.total_seconds(), self.sensitivity, past.first, past.since)
        there = learned & ~np.isnan(values) & ~np.isnan(found.low)
        if measures_volume:
            there &= np.where(found.score > 0, past.enough(frame), _usual(past, frame))
        high_, low_ = found.score > 1, found.score < -1
        bad = {"up": high_, "down": low_, "both": high_ | low_}[self.direction]
        low, high = (np.clip(bound, *frame.metric.range) for bound in (found.low, found.high))

        def say(place: int) -> str:
            seen = frame.metric.say(found.seen[place])
            averaged = int(found.averaged[place])
            over = f" on average over {say_length(averaged * frame.step)}" if averaged > 1 else ""
            return f"expected {expected(frame, low[place], high[place])}, saw {seen}{over}"

        return Judged(np.where(there, np.where(bad, Verdict.BAD, Verdict.OK), Verdict.UNKNOWN), low, high, say)


def _day(frame: Frame) -> int:
    """How many intervals a day has, at least one."""
    return max(1, DAY // frame.step)


def _usual(past: Past, frame: Frame) -> np.ndarray:
    """Where the day before had, on average of its intervals, the least number of events."""
    day = _day(frame)
    known, events = (np.concatenate([[0], np.cumsum(each)]) for each in (past.known, past.events * past.known))
    ends = np.arange(len(past.events))
    starts = np.maximum(ends - day, 0)
    return np.asarray(events[ends] - events[starts] >= frame.minimum * (known[ends] - known[starts]))


def parse(value: dict[str, Any], place: Place, frame: Frame) -> Anomaly:
    """The condition of an object with the key `anomaly`. Raises CriteriaError."""
    read_object(value, place, "an object", ("anomaly",))
    at = place.key("anomaly")
    given = read_object(value["anomaly"], at, 'such as {"direction": "both", "sensitivity": "medium"}', KEYS)
    direction = read_choice(given.get("direction", "both"), at.key("direction"), DIRECTIONS)
    return Anomaly(direction, read_choice(given.get("sensitivity", "medium"), at.key("sensitivity"), list(RISK)))


KIND = ConditionKind(
    parse=parse,
    label="Is unusual",
    icon="query_stats",
    blank={"anomaly": {"direction": "both", "sensitivity": "medium"}},
)
