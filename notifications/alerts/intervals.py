"""The intervals of a rule: how long they are, and where they begin and end, as UTC instants.

Calendar intervals lie side by side: minutes and hours on the ticks of UTC, days, weeks and months between the local
midnights of the rule's time zone, so that a day has 23 to 25 hours. Rolling ones are windows of a fixed length on the
ticks of UTC, of which one ends at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Every:
    """A length of interval; `step` is how far apart the ends of rolling windows are, `noun` how one is called."""

    name: str
    noun: str
    length: timedelta
    step: timedelta


EVERY = {
    every.name: every
    for every in (
        Every("1m", "minute", timedelta(minutes=1), timedelta(minutes=1)),
        Every("5m", "5 minutes", timedelta(minutes=5), timedelta(minutes=1)),
        Every("15m", "15 minutes", timedelta(minutes=15), timedelta(minutes=5)),
        Every("hour", "hour", timedelta(hours=1), timedelta(minutes=5)),
        Every("day", "day", timedelta(days=1), timedelta(hours=1)),
        Every("week", "week", timedelta(days=7), timedelta(days=1)),
        Every("month", "month", timedelta(days=30), timedelta(days=1)),
    )
}
"""By the name that definitions use. A rolling month has 30 days."""
MODES = ("calendar", "rolling")
