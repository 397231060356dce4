"""`silence`: nothing comes where there used to be something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from cohorts.criteria.place import Place, read_count, read_object
from notifications.alerts.conditions.condition import Condition, ConditionKind, Frame, Judged, Past, Verdict

MOST_AFTER, LEAST_BEFORE, MOST_BEFORE, USUAL_BEFORE = 1_000, 2, 1_000, 24


@dataclass(frozen=True)
class Silence(Condition):
    """Off once `after` intervals in a row have no events, if more than half of the `before` ones before had some."""

    after: int
    before: int
    forgotten_after = timedelta(days=30)

    def words(self, frame: Frame) -> str:
        return f"has no events in {self._after(frame)}, after events in most of the {self.before} before"

    def looks_back(self, frame: Frame) -> int:
        return self.after + self.before - 1

    def judge(self, past: Past, frame: Frame) -> Judged:
        there = past.known & (past.events > 0)
        silent = _count(past.known & ~there, self.after) == self.after
        busy = _count(past.enough(frame) & there, self.before)
        had = np.concatenate([np.zeros(min(self.after, len(busy)), dtype=int), busy[: -self.after]])
        bad = silent & (2 * had > self.before)

        def say(place: int) -> str:
            if there[place]:
                return f"events come again: {past.events[place]:,}"
            return f"no events in {self._after(frame)}, {had[place]} of the {self.before} before had some"

        verdicts = np.where(bad, Verdict.BAD, np.where(there, Verdict.OK, Verdict.UNKNOWN))
        return Judged(verdicts, np.full(len(bad), np.nan), np.full(len(bad), np.nan), say)

    def _after(self, frame: Frame) -> str:
        return f"{self.after} {frame.plural} in a row" if self.after > 1 else f"one {frame.plural[:-1]}"


def _count(flags: np.ndarray, last: int) -> np.ndarray:
    """At each place how many of so many flags up to it are set."""
    sums = np.concatenate([[0], np.cumsum(flags)])
    return np.asarray(sums[1:] - sums[np.maximum(np.arange(len(flags)) + 1 - last, 0)])


def parse(value: dict[str, Any], place: Place, frame: Frame) -> Silence:
    """The condition of an object with the key `silence`. Raises CriteriaError."""
    read_object(value, place, "an object", ("silence",))
    at = place.key("silence")
    given = read_object(value["silence"], at, 'such as {"after": 3}', ("after", "before"), ("after",))
    after = read_count(given["after"], at.key("after"))
    if not 1 <= after <= MOST_AFTER:
        raise at.key("after").fault(f"expected 1 to {MOST_AFTER:,}")
    before = read_count(given.get("before", USUAL_BEFORE), at.key("before"))
    if not LEAST_BEFORE <= before <= MOST_BEFORE:
        raise at.key("before").fault(f"expected {LEAST_BEFORE} to {MOST_BEFORE:,}")
    return Silence(after, before)


KIND = ConditionKind(
    parse=parse, label="Goes silent", icon="notifications_off", blank={"silence": {"after": 1, "before": 24}}
)
