"""Who joined and left in a backtest, one after the other in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cohorts.backtest.summary import day_starts, read_bitmap
from cohorts.enums import ChangeKind
from cohorts.models import Backtest
from ingest.models import Customer


@dataclass(frozen=True)
class Move:
    """One customer who joined or left; of an erased one nothing is told."""

    at: datetime
    change: ChangeKind
    customer: Customer


def read_moves(backtest: Backtest, start: datetime, end: datetime, skip: int, most: int) -> list[Move]:
    """The moves with `start <= at < end`, without the first ones: at an instant the additions first, each by id."""
    moves = list(islice(_moves(backtest, start, end), skip, skip + most))
    customers = Customer.objects.select_related("company").in_bulk({customer for _, _, customer in moves})
    return [Move(at, change, customers[pk]) for at, change, pk in moves if pk in customers]


def _moves(backtest: Backtest, start: datetime, end: datetime) -> Iterator[tuple[datetime, ChangeKind, int]]:
    steps = backtest.steps.filter(at__gte=start, at__lt=end).order_by("at")
    for at, added, removed in steps.values_list("at", "added", "removed").iterator():
        for change, stored in ((ChangeKind.ADDED, added), (ChangeKind.REMOVED, removed)):
            for customer in read_bitmap(stored):
                yield at, change, customer


def day_of(backtest: Backtest, text: str) -> tuple[datetime, datetime] | None:
    """The local day of the backtest that `2026-03-02` names: its first instant and that of the day after."""
    starts = day_starts(backtest)
    ends = [*starts[1:], backtest.end + timedelta(minutes=1)]
    zone = ZoneInfo(backtest.time_zone)
    for start, end in zip(starts, ends, strict=True):
        if f"{start.astimezone(zone):%Y-%m-%d}" == text:
            return start, end
    return None
