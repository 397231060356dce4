"""What every kind of condition offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

import numpy as np

from cohorts.criteria.place import Place
from notifications.alerts.intervals import Every
from notifications.alerts.metric import Metric


class Verdict(IntEnum):
    """What is to be said of an interval."""

    UNKNOWN = 0
    "Nothing: too little is known, or it is not to be judged."
    OK = 1
    NEAR = 2
    "Not off, but not yet as it should be either: an open alert stays open."
    BAD = 3


@dataclass(frozen=True)
class Frame:
    """What a condition has to know of the rest of its rule."""

    metric: Metric
    every: Every
    rolling: bool
    minimum: int = 0
    "Fewer events than this are too few to judge by."

    @property
    def step(self) -> timedelta:
        """From the end of one interval to that of the next; of days, weeks and months about so long."""
        return self.every.step if self.rolling else self.every.length

    @property
    def plural(self) -> str:
        """What comes one after the other, for people."""
        return "windows" if self.rolling else "intervals"


@dataclass(frozen=True)
class Past:
    """A series as conditions are given it: arrays of the same length.

    `known` are the intervals that may be looked at: those outside of maintenance. `first` is the number of the first,
    `since` the place from which on they are to be judged.
    """

    first: int
    values: np.ndarray
    events: np.ndarray
    known: np.ndarray
    since: int = 0

    def enough(self, frame: Frame) -> np.ndarray:
        """Where the interval itself has the least number of events."""
        return self.known & (self.events >= frame.minimum)


@dataclass(frozen=True)
class Judged:
    """Of each interval what is to be said: a Verdict, the bounds of what was expected (NaN for none), and the
    sentence for an interval by its place."""

    verdicts: np.ndarray
    low: np.ndarray
    high: np.ndarray
    say: Callable[[int], str]


class Condition(ABC):
    """When a metric is off."""

    forgotten_after = timedelta(hours=1)
    "How long nothing could be said of a group until its alert ends."
    is_slow = False
    "Whether judging many intervals of many groups takes long."

    @abstractmethod
    def words(self, frame: Frame) -> str:
        """What comes after the metric: `is more than 5%`."""

    @abstractmethod
    def looks_back(self, frame: Frame) -> int:
        """How many intervals before one are looked at to judge it: a longer past gives the same answer."""

    @abstractmethod
    def judge(self, past: Past, frame: Frame) -> Judged:
        """Judge the intervals from `past.since` on; what is said of those before need not be right."""


def expected(frame: Frame, low: float, high: float, *, strictly: bool = False) -> str:
    """`120 to 180`, `at most 5%`, `less than 5%`; a bound that is NaN is none."""
    say = frame.metric.say
    if np.isnan(low):
        return f"{'less than' if strictly else 'at most'} {say(high)}"
    if np.isnan(high):
        return f"{'more than' if strictly else 'at least'} {say(low)}"
    return f"{say(low)} to {say(high)}"


@dataclass(frozen=True)
class ConditionKind:
    """What the language and the rule editor know of one kind of condition. Each kind's file has one, `KIND`.

    `parse` takes the whole object of the condition. `blank` is the document that a new rule starts from.
    """

    parse: Callable[[dict[str, Any], Place, Frame], Condition]
    label: str
    icon: str
    blank: Mapping[str, Any]
