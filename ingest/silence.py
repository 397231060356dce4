"""Whether events have stopped coming in, measured by how they usually come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from ingest.columns import Span, open_columns
from ingest.columns.interface import ColumnsDamaged, Snapshot

HOUR = timedelta(hours=1)
SHORTEST = 2 * HOUR
"""A silence that is shorter is none."""
HISTORY, LEAST_HISTORY = timedelta(days=14), timedelta(days=3)
"""How far back, before the newest event, gaps are looked at; from less than the second nothing is concluded."""


@dataclass(frozen=True)
class Silence:
    """No event has happened since `since`; before, none was missing for longer than `usual`, to the hour."""

    since: datetime
    usual: timedelta


def silence(now: datetime) -> Silence | None:
    """The silence that lasts at `now`, more than twice as long as any gap of the two weeks before it; else none."""
    try:
        with open_columns().snapshot(now) as snapshot:
            newest = _newest(snapshot, now)
            if newest is None or now - newest < SHORTEST:
                return None
            hours = _hours_with_events(snapshot, newest)
    except ColumnsDamaged:
        return None
    if newest - hours[0] < LEAST_HISTORY:
        return None
    usual = max(later - earlier for earlier, later in pairwise(hours))
    return Silence(newest, usual) if now - newest > 2 * usual else None


def _newest(snapshot: Snapshot, now: datetime) -> datetime | None:
    events = snapshot.all_events(Span(None, now + timedelta(microseconds=1)))
    [found] = snapshot.rows(events.aggregate(newest=events.time.max())).to_pylist()
    newest: datetime | None = found["newest"]
    return newest.replace(tzinfo=UTC) if newest else None


def _hours_with_events(snapshot: Snapshot, newest: datetime) -> list[datetime]:
    events = snapshot.all_events(Span(newest - HISTORY, newest + timedelta(microseconds=1)))
    hours = snapshot.rows(events.select(hour=events.time.truncate("h")).distinct()).to_pylist()
    return sorted(row["hour"].replace(tzinfo=UTC) for row in hours)
