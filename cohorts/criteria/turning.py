"""The events that turned a leaf: of each customer that it moved the newest few.

A leaf says which events it looks at and where; what is read is little, however much history there is. Events that
came are among those that arrived since the evaluation before. Where a window moved on, they lie in the thin stretches
of time that came into it or fell out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir
from pyroaring import BitMap

from cohorts.criteria.events import Events
from cohorts.criteria.leaf import MOST_EVENTS, Before, EventSeen, View
from cohorts.criteria.windows import Clock
from cohorts.enums import Reason
from ingest.columns.interface import Newest, Span, without

MOST_CUSTOMERS = 10_000
"""Customers moved by one leaf beyond which no events are looked for."""
Found = dict[int, tuple[EventSeen, ...]]


@dataclass(frozen=True)
class Gaze:
    """What a leaf looks at: events of any of these choices, in the spans as seen from a clock.

    `ages` are how old an event is when it comes into a span or falls out of it. `edges` are other stretches whose
    moving on turns the leaf. `first`: it is the earliest event that counts.
    """

    events: tuple[Events, ...]
    spans: Callable[[Clock], list[Span]]
    ages: tuple[timedelta, ...]
    edges: Callable[[Clock], list[Span]] = field(default=lambda clock: [])
    first: bool = False

    @property
    def key(self) -> str | None:
        """What tells these events from others; None where the clock decides too."""
        keys = [each.key for each in self.events]
        return None if None in keys else keys[0] if len(keys) == 1 else f"any of {keys}"

    def among(self, rows: ir.Table, view: View) -> ir.Table:
        """Those rows of a table of events."""
        return rows.filter(ibis.or_(*(each.has(rows, view.snapshot, view.clock) for each in self.events)))


def find_turning(gaze: Gaze, view: View, reasons: Mapping[int, Reason], before: Before | None) -> Found:
    """Per customer the events that turned the leaf for the reason given; nobody when too many were moved.

    Without an evaluation before, or after an edit, these are the newest events that the leaf looks at.
    """
    if len(reasons) > MOST_CUSTOMERS:
        return {}
    if before is None:
        return _pick(gaze, view, reasons, gaze.spans(view.clock))
    came = [id_ for id_, reason in reasons.items() if reason == Reason.BEHAVIOR]
    aged = [id_ for id_, reason in reasons.items() if reason == Reason.TIME]
    moved_past = _moved_past(gaze, view, before.as_of)
    return {
        **_pick(gaze, view, came, gaze.spans(view.clock), since=before.as_of),
        **_pick(gaze, view, aged, moved_past, then=before.as_of),
    }


def merge(found: Iterable[tuple[EventSeen, ...]]) -> tuple[EventSeen, ...]:
    """The newest few of several customers' or leaves' events, each once."""
    events = {event for each in found for event in each}
    return tuple(sorted(events, key=lambda event: (event.time, event.id), reverse=True)[:MOST_EVENTS])


def _moved_past(gaze: Gaze, view: View, since: datetime) -> list[Span]:
    """The stretches that a window covers now and did not then, or the other way round, as far as they had begun."""
    then, now = view.at(since), view.clock
    parts = [
        part
        for asked in (gaze.spans, gaze.edges)
        for earlier, later in zip(asked(then), asked(now), strict=True)
        for part in (*without(earlier, later), *without(later, earlier))
    ]
    return [part for part in parts if part.start is None or part.start <= since]


def _pick(gaze: Gaze, view: View, customers: Iterable[int], spans: list[Span], **seen: datetime) -> Found:
    """Of these customers the newest few of the events in the spans, or the first one; `seen` as in `Newest`."""
    ids = BitMap(customers)
    if not ids or not spans:
        return {}
    asked = Newest(view.kind, ids, spans, 1 if gaze.first else MOST_EVENTS, gaze.first, **seen)
    found: dict[int, list[EventSeen]] = {}
    for row in view.snapshot.newest(partial(gaze.among, view=view), gaze.key, asked):
        found.setdefault(row["customer"], []).append(_event(row))
    return {id_: tuple(events) for id_, events in found.items()}


def _event(row: Mapping[str, Any]) -> EventSeen:
    return EventSeen(row["transaction_id"] or str(row["id"]), row["time"].replace(tzinfo=UTC), _say(row))


def _say(row: Mapping[str, Any]) -> str:
    """`POST /payments -> 400`, or the name of an action."""
    if row["type"] == "action":
        return row["action_name"] or "Action"
    call = " ".join(filter(None, (row["verb"], row["route"] or row["uri"]))) or "API Call"
    return call if row["status"] is None else f"{call} -> {row['status']:.0f}"
