"""The alerts that a rule opened, resolved or reminds of in one pass, as data, and the body that webhooks send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from notifications.message.text import VERSION, encode, instant


class Happened(StrEnum):
    """What became of the alerts of a message."""

    OPENED = "opened"
    RESOLVED = "resolved"
    REMINDER = "reminder"


@dataclass(frozen=True)
class RuleInfo:
    """The rule that alerts; `url` is its page."""

    id: str
    name: str
    url: str


@dataclass(frozen=True)
class Said:
    """A piece of a rule's definition: in words, and as JSON holds it."""

    words: str
    definition: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AlertEntry:
    """One alert, of one group of its rule. `low` and `high` bound what was expected; None is no bound."""

    id: str
    state: str
    "`open`, `acknowledged` or `resolved`."
    value: float | None
    low: float | None
    high: float | None
    sentence: str
    "What was expected and seen, e.g. `expected 120 to 180, saw 640`."
    opened_at: datetime
    url: str
    group: Mapping[str, Any] = field(default_factory=dict)
    "Field and value; empty where the rule watches everything together."
    title: str = ""
    "What a person calls the group, where that is not its values."
    resolved_at: datetime | None = None

    @property
    def name(self) -> str:
        """What a person calls the group: `Acme, /orders/:id`; empty where the rule watches everything together."""
        return self.title or ", ".join("nothing" if value is None else str(value) for value in self.group.values())

    def body(self) -> dict[str, Any]:
        """The object that a webhook sends."""
        return {
            "id": self.id,
            "group": dict(self.group),
            "state": self.state,
            "value": _number(self.value),
            "expected": {"low": _number(self.low), "high": _number(self.high)},
            "sentence": self.sentence,
            "opened_at": instant(self.opened_at),
            "resolved_at": None if self.resolved_at is None else instant(self.resolved_at),
            "url": self.url,
        }


@dataclass(frozen=True)
class ChartPoint:
    """The metric in the interval that begins at `start`, and the bounds within which it was expected."""

    start: datetime
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class AlertChart:
    """The metric of one group around the moment, oldest first. Hashable, so that a picture is drawn once."""

    points: tuple[ChartPoint, ...]
    marked: tuple[datetime, ...] = ()
    "The `start` of the points at which it opened or resolved."
    percent: bool = False
    "Whether the values are shares of 1."
    zone: str = "UTC"
    "The time zone of its times."


@dataclass(frozen=True)
class AlertWords:
    """What a person reads around the alerts; written by `compose_alert`, empty for webhooks."""

    title: str = ""
    "The rule's name, on one line."
    headline: str = ""
    "In a subject or a header, e.g. `Alert: Error rate over 5 %: Acme`."
    summary: str = ""
    "What is watched, and when this was found."
    more: str = ""
    "How many are not shown, e.g. `and 12 more`; empty when all are."
    note: str = ""
    "Small print: why one gets this."
    chart: str = ""
    "What the chart shows, for who cannot see it."
    caption: str = ""
    "Whose chart it is, where there are several alerts."


@dataclass(frozen=True)
class AlertText:
    """What happened to alerts of one rule in one pass. Instants are aware UTC.

    `alerts` are the worst first. Whoever tells them fills what comes after `zone`.
    """

    happened: Happened
    created_at: datetime
    rule: RuleInfo
    interval_from: datetime
    interval_to: datetime
    metric: Said
    condition: Said
    alerts: tuple[AlertEntry, ...]
    not_watched: int = 0
    "Groups that are too small to be watched."
    chart: AlertChart | None = None
    "Of the first alert."
    zone: str = "UTC"
    "The time zone of what people read."
    test: bool = False
    id: str = ""
    count: int = 0
    "How many alerts the whole message tells of, not only this part."
    part: int = 1
    parts: int = 1
    words: AlertWords = field(default_factory=AlertWords)

    @property
    def type(self) -> str:
        """`alert.opened`, `alert.resolved` or `alert.reminder`."""
        return f"alert.{self.happened}"

    def encode(self) -> str:
        """The body that a webhook sends, as compact JSON text with its keys in the documented order."""
        return encode(
            {
                "type": self.type,
                "version": VERSION,
                "id": self.id,
                "part": self.part,
                "parts": self.parts,
                "created_at": instant(self.created_at),
                "test": self.test,
                "rule": vars(self.rule),
                "interval": {"from": instant(self.interval_from), "to": instant(self.interval_to)},
                "metric": {"words": self.metric.words, "definition": dict(self.metric.definition)},
                "condition": {"words": self.condition.words, "definition": dict(self.condition.definition)},
                "count": self.count,
                "alerts": [alert.body() for alert in self.alerts],
                "not_watched": self.not_watched,
            }
        )


def _number(value: float | None) -> float | None:
    """JSON has neither infinity nor NaN: such a bound is none, and such a value is unknown."""
    return value if value is not None and isfinite(value) else None
