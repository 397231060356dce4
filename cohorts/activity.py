"""How active one customer was: when it was first and last seen, and how much it did on each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.columns import Span, open_columns
from ingest.columns.interface import Snapshot
from ingest.models import Customer, CustomerKind

DAY = timedelta(days=1)
_TO_THE_END = timedelta(microseconds=1)


@dataclass(frozen=True)
class Activity:
    """Times of the first and the last event, none without events; and per day (UTC) what was done and what failed."""

    first_seen: datetime | None
    last_seen: datetime | None
    days: Sequence[datetime]
    events: Sequence[int]
    errors: Sequence[int]


def activity_of(customer: Customer, now: datetime, days: int) -> Activity:
    """The activity of the last days, today included. Raises ColumnsDamaged."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = [today - DAY * back for back in range(days - 1, -1, -1)]
    with open_columns().snapshot(now) as snapshot:
        first, last = _seen(snapshot, customer)
        counts = _per_day(snapshot, customer, Span(shown[0], now + _TO_THE_END))
    events, errors = ([counts.get(day, (0, 0))[place] for day in shown] for place in (0, 1))
    return Activity(first, last, shown, events, errors)


def seen_of(customer: Customer, now: datetime) -> tuple[datetime | None, datetime | None]:
    """When the customer was first and last seen. Raises ColumnsDamaged."""
    with open_columns().snapshot(now) as snapshot:
        return _seen(snapshot, customer)


def _seen(snapshot: Snapshot, customer: Customer) -> tuple[datetime | None, datetime | None]:
    events = _events(snapshot, customer, Span(None, snapshot.at + _TO_THE_END))
    [row] = snapshot.rows(events.aggregate(first=events.time.min(), last=events.time.max())).to_pylist()
    first, last = (row[name] and row[name].replace(tzinfo=UTC) for name in ("first", "last"))
    return first, last


def _per_day(snapshot: Snapshot, customer: Customer, span: Span) -> dict[datetime, tuple[int, int]]:
    events = _events(snapshot, customer, span)
    failed = (events.status >= 400).fill_null(False)
    counted = events.group_by(day=events.time.truncate("D")).aggregate(
        events=events.weight.sum(), errors=failed.ifelse(events.weight, 0).sum()
    )
    rows: list[dict[str, Any]] = snapshot.rows(counted).to_pylist()
    return {row["day"].replace(tzinfo=UTC): (int(row["events"]), int(row["errors"])) for row in rows}


def _events(snapshot: Snapshot, customer: Customer, span: Span) -> Any:
    events = snapshot.events(CustomerKind(customer.kind), span)
    return events.filter(events.customer == customer.pk)
