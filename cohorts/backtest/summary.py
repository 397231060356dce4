"""A backtest in figures: per day, in all, the busiest moments, and who moved most often."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from pyroaring import BitMap

from cohorts.backtest.batches import Batch, Moves, batches
from cohorts.models import Backtest
from ingest.models import Customer

BUSIEST, RESTLESS = 10, 10
"""Moments and customers that are named."""


@dataclass
class Day:
    """A local day: `start` its first instant, and what happened on it; `told` are customers in `batches`."""

    start: datetime
    joined: int = 0
    left: int = 0
    batches: int = 0
    told: int = 0
    members: int = 0
    "At its end."


@dataclass(frozen=True)
class Restless:
    """A customer who moved more than once, and how often."""

    customer: Customer
    moves: int


@dataclass(frozen=True)
class Summary:
    """What happened, and what a subscription with the period would have sent."""

    days: list[Day]
    busiest: list[Moves]
    restless: list[Restless]
    customers: int
    "How many different ones moved."
    joined: int
    left: int
    batches: list[Batch] = field(repr=False)

    @property
    def told(self) -> int:
        """Customers in all batches together."""
        return sum(map(size_of, self.batches))

    @property
    def largest(self) -> int:
        """Customers in the largest batch."""
        return max(map(size_of, self.batches), default=0)


def moves_of(backtest: Backtest) -> list[Moves]:
    """The instants at which somebody moved, ascending."""
    rows = backtest.steps.order_by("at").values_list("at", "added", "removed")
    return [Moves(at, read_bitmap(added), read_bitmap(removed)) for at, added, removed in rows.iterator()]


def summarize(backtest: Backtest, period: timedelta) -> Summary:
    """The figures of what has been replayed so far, with a subscription of the period."""
    moves = moves_of(backtest)
    sent = list(batches(moves, period, backtest.start, backtest.reached or backtest.start))
    return Summary(
        days=_days(backtest, moves, sent),
        busiest=sorted(moves, key=lambda each: (-size_of(each), each.at))[:BUSIEST],
        restless=_restless(moves),
        customers=len(BitMap.union(BitMap(), *(bits for each in moves for bits in (each.added, each.removed)))),
        joined=sum(len(each.added) for each in moves),
        left=sum(len(each.removed) for each in moves),
        batches=sent,
    )


def charts(backtest: Backtest, summary: Summary) -> dict[str, dict[str, Any]]:
    """`moves` and `notified` for components/chart.html."""
    joined = {"label": "Joined", "tone": "added", "values": [day.joined for day in summary.days]}
    left = {"label": "Left", "tone": "removed", "values": [day.left for day in summary.days], "below": True}
    sent = {"label": "Notifications", "tone": "1", "values": [day.batches for day in summary.days]}
    times = [int(day.start.timestamp()) for day in summary.days]
    frame = {"kind": "bars", "times": times, "step": 86_400, "time_zone": backtest.time_zone}
    return {"moves": {**frame, "series": [joined, left]}, "notified": {**frame, "series": [sent]}}


def size_of(moves: Moves | Batch) -> int:
    """How many customers."""
    return len(moves.added) + len(moves.removed)


def read_bitmap(stored: bytes | memoryview) -> BitMap:
    """A bitmap as the database holds it."""
    return BitMap.deserialize(bytes(stored))


def day_starts(backtest: Backtest) -> list[datetime]:
    """The first instants of the local days from the one of the start to that of the end."""
    zone = ZoneInfo(backtest.time_zone)
    first, last = backtest.start.astimezone(zone).date(), backtest.end.astimezone(zone).date()
    dates = [first + timedelta(days=count) for count in range((last - first).days + 1)]
    return [datetime.combine(date, time(), zone).astimezone(UTC) for date in dates]


def _days(backtest: Backtest, moves: Iterable[Moves], sent: Iterable[Batch]) -> list[Day]:
    days = [Day(start) for start in day_starts(backtest)]
    starts = [day.start for day in days]
    for each in moves:
        day = days[bisect_right(starts, each.at) - 1]
        day.joined += len(each.added)
        day.left += len(each.removed)
    for batch in sent:
        day = days[bisect_right(starts, batch.at) - 1]
        day.batches += 1
        day.told += size_of(batch)
    members = backtest.members_at_start or 0
    for day in days:
        members += day.joined - day.left
        day.members = members
    return days


def _restless(moves: Sequence[Moves]) -> list[Restless]:
    arrays = [np.array(bits.to_array()) for each in moves for bits in (each.added, each.removed) if bits]
    if not arrays:
        return []
    ids, counts = np.unique(np.concatenate(arrays), return_counts=True)
    often = np.argsort(-counts, kind="stable")[: RESTLESS * 2]
    chosen = {int(ids[place]): int(counts[place]) for place in often if counts[place] > 1}
    customers = Customer.objects.filter(erased_at=None).in_bulk(chosen)
    return [Restless(customers[pk], count) for pk, count in chosen.items() if pk in customers][:RESTLESS]
