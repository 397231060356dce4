"""`change`: the metric went up or down by a percentage against an earlier interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from cohorts.criteria.place import Place, quoted, read_choice, read_number, read_object
from cohorts.criteria.wording import say_number
from notifications.alerts.conditions.condition import (
    Condition,
    ConditionKind,
    Frame,
    Judged,
    Past,
    Verdict,
    expected,
)
from notifications.alerts.metric import say_rounded

AGAINST = {"before": "the interval before", "day": "a day before", "week": "a week before"}
SAID = {"before": "before", "day": "a day before", "week": "a week before"}
SEASONS = {"day": timedelta(days=1), "week": timedelta(days=7)}
DIRECTIONS = ("up", "down", "both")
MOVED = {"up": "rose", "down": "fell", "both": "changed"}
KEYS = ("direction", "percent", "against")
LARGEST = 1_000_000.0


@dataclass(frozen=True)
class Change(Condition):
    """Off while the value differs by `percent` or more, in the direction, from the interval `against`."""

    direction: str
    percent: float
    against: str

    def words(self, frame: Frame) -> str:
        return f"{MOVED[self.direction]} by {say_number(self.percent)}% or more against {AGAINST[self.against]}"

    def looks_back(self, frame: Frame) -> int:
        """How many intervals before is the one that it is compared with."""
        if self.against == "before":
            return frame.every.length // frame.step
        return SEASONS[self.against] // frame.step

    def judge(self, past: Past, frame: Frame) -> Judged:
        earlier = _earlier(past, self.looks_back(frame))
        with np.errstate(invalid="ignore", divide="ignore"):
            change = (past.values - earlier.values) * 100 / np.abs(earlier.values)
        there = past.known & earlier.known & np.isfinite(change)
        there &= _enough(change, past.enough(frame), earlier.enough(frame), frame)
        bad = np.zeros(len(change), dtype=bool)
        low, high = np.full(len(change), np.nan), np.full(len(change), np.nan)
        width = np.abs(earlier.values) * self.percent / 100
        if self.direction != "up":
            bad |= change <= -self.percent
            low = np.where(there, earlier.values - width, np.nan)
        if self.direction != "down":
            bad |= change >= self.percent
            high = np.where(there, earlier.values + width, np.nan)

        def say(place: int) -> str:
            wanted = expected(frame, low[place], high[place], strictly=True)
            how = f"{say_rounded(abs(change[place]))}% {'more' if change[place] > 0 else 'less'} than"
            before = f"{frame.metric.say(earlier.values[place])} {SAID[self.against]}"
            return f"expected {wanted}, saw {frame.metric.say(past.values[place])}: {how} {before}"

        return Judged(np.where(there, np.where(bad, Verdict.BAD, Verdict.OK), Verdict.UNKNOWN), low, high, say)


def _earlier(past: Past, lag: int) -> Past:
    """At each place what the series was `lag` intervals before."""

    def shift(numbers: np.ndarray, nothing: float) -> np.ndarray:
        return np.concatenate([np.full(min(lag, len(numbers)), nothing, dtype=numbers.dtype), numbers[:-lag]])

    return Past(past.first - lag, shift(past.values, np.nan), shift(past.events, 0), shift(past.known, False))


def _enough(change: np.ndarray, itself: np.ndarray, earlier: np.ndarray, frame: Frame) -> np.ndarray:
    """Where there are enough events to judge by: of a volume where it is larger, of anything else on both sides."""
    if frame.metric.measures_volume:
        return np.asarray(np.where(change > 0, itself, earlier))
    return np.asarray(itself & earlier)


def parse(value: dict[str, Any], place: Place, frame: Frame) -> Change:
    """The condition of an object with the key `change`. Raises CriteriaError."""
    read_object(value, place, "an object", ("change",))
    at = place.key("change")
    expected = 'a change such as {"direction": "down", "percent": 50, "against": "week"}'
    given = read_object(value["change"], at, expected, KEYS, KEYS)
    direction = read_choice(given["direction"], at.key("direction"), DIRECTIONS)
    percent = read_number(given["percent"], at.key("percent"))
    if not 0 < percent <= (100 if direction == "down" else LARGEST):
        most = "100" if direction == "down" else f"{LARGEST:,.0f}"
        raise at.key("percent").fault(f"expected a number above 0, at most {most}")
    possible = [name for name in AGAINST if frame.every.length <= SEASONS.get(name, frame.every.length)]
    against = read_choice(given["against"], at.key("against"), list(AGAINST))
    if against not in possible:
        raise at.key("against").fault(f"expected {quoted(possible)} for intervals of a {frame.every.noun}")
    return Change(direction, percent, against)


KIND = ConditionKind(
    parse=parse,
    label="Rises or falls",
    icon="trending_down",
    blank={"change": {"direction": "down", "percent": 50, "against": "week"}},
)
