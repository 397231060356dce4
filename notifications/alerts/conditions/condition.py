"""What every kind of condition offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cohorts.criteria.place import Place
from notifications.alerts.intervals import Every
from notifications.alerts.metric import Metric


@dataclass(frozen=True)
class Frame:
    """What a condition has to know of the rest of its rule."""

    metric: Metric
    every: Every
    rolling: bool

    @property
    def step_name(self) -> str:
        """What comes one after the other, for people: `minutes`, `windows`."""
        return "windows" if self.rolling else "intervals"


class Condition(ABC):
    """When a metric is off."""

    @abstractmethod
    def words(self, frame: Frame) -> str:
        """What comes after the metric: `is more than 5%`."""


@dataclass(frozen=True)
class ConditionKind:
    """What the language and the rule editor know of one kind of condition. Each kind's file has one, `KIND`.

    `parse` takes the whole object of the condition. `blank` is the document that a new rule starts from.
    """

    parse: Callable[[dict[str, Any], Place, Frame], Condition]
    label: str
    icon: str
    blank: Mapping[str, Any]
