"""What the choices of the rule editor are called."""

from __future__ import annotations

from cohorts.builder.labels import FIGURES, Choices
from notifications.alerts.conditions.change import AGAINST, SEASONS
from notifications.alerts.intervals import EVERY

MEASURES: Choices = [("count", "Number of events"), ("ratio", "Share of events"), *FIGURES]
COMPARISONS: Choices = [
    (">", "is more than"),
    (">=", "is at least"),
    ("<", "is less than"),
    ("<=", "is at most"),
    ("outside", "is outside"),
]
DIRECTIONS: Choices = [("up", "rises"), ("down", "falls"), ("both", "rises or falls")]
SIDES: Choices = [("both", "higher or lower"), ("up", "higher"), ("down", "lower")]
SENSITIVITIES: Choices = [
    ("medium", "medium"),
    ("low", "low: only what is far off"),
    ("high", "high: also what is near"),
]
"""Of these two, the first is what counts where a rule says nothing."""
WAITS: Choices = [("s", "seconds"), ("m", "minutes"), ("h", "hours")]


def modes_of(every: str) -> Choices:
    """Intervals one after the other, or a window that moves on."""
    step = EVERY[every].step if every in EVERY else None
    often = next((f", looked at every {each.noun}" for each in EVERY.values() if each.length == step), "")
    return [("calendar", "one after the other"), ("rolling", f"rolling{often}")]


def seasons_of(every: str) -> Choices:
    """What an interval of the length can be compared with."""
    length = EVERY[every].length if every in EVERY else None
    return [(name, words) for name, words in AGAINST.items() if length is None or length <= SEASONS.get(name, length)]
