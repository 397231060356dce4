"""What is visible at an instant, as SQL over the attached segments.

A segment is *complete* at the instant if all its rows were received by then: its summaries hold and no row is asked
when it was received. Otherwise its rows are filtered and summed up anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from ingest.columns.engine import catalog
from ingest.columns.interface import Span
from ingest.columns.layout import EVENTS, VERSIONS
from ingest.columns.tables import NOTHING
from ingest.models import CustomerKind, Segment

VALUES = ", ".join(EVENTS.names[EVENTS.get_field_index("type") :])
"""The columns of an event that criteria read."""
VERSION = ", ".join(VERSIONS.names)
PAIR = "user_id, company_id, first_time, last_time, first_received"
DAY, HOUR, TICK = timedelta(days=1), timedelta(hours=1), timedelta(microseconds=1)
LARGE = 20_000
"""Rows from which on a segment is asked by itself and its answers are kept; smaller ones are asked together."""
MAPS = "text, number, boolean, moment, present"


def moment(at: datetime) -> str:
    """A SQL literal of the instant, UTC to the microsecond."""
    return f"TIMESTAMP '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"


@dataclass(frozen=True)
class Visible:
    """The segments of the list, seen from `at`."""

    segments: Sequence[Segment]
    at: datetime

    def complete(self, segment: Segment) -> bool:
        return segment.max_received_at is None or segment.max_received_at <= self.at

    def begun(self, segment: Segment) -> bool:
        return segment.min_received_at is None or segment.min_received_at <= self.at

    def of(self, kind: str) -> list[Segment]:
        return [segment for segment in self.segments if segment.kind == kind and self.begun(segment)]

    # --- Events

    def events(self, span: Span, since: datetime | None = None) -> str:
        """The visible events in the span; with `since` only those that were not yet visible then."""
        parts: list[str] = []
        for segment in self.of(Segment.Kind.EVENTS):
            first, last = _times(segment)
            apart = (span.start is not None and last < span.start) or first >= span.end or first > self.at
            if not apart and (since is None or max(last, _last_received(segment)) > since):
                parts += self._events_of(segment, span, since)
        return _union(parts, "events", "*")

    def events_of_nothing(self) -> str:
        """No events, with the columns of `layout.EVENT_ROWS`."""
        columns = f"id, time, received_at, weight, {VALUES}, coalesce(user_id, company_id) AS customer"
        return _select(NOTHING, "events", columns)

    def _events_of(self, segment: Segment, span: Span, since: datetime | None) -> list[str]:
        """One SELECT, or with `since` two that together have each row once, so that each can skip old row groups."""
        first, last = _times(segment)
        end = min(span.end, self.at + TICK)
        conditions = []
        if span.start is not None and first < span.start:
            conditions.append(f"time >= {moment(span.start)}")
        if last >= end:
            conditions.append(f"time < {moment(end)}")
        if not self.complete(segment):
            conditions.append(f"received_at <= {moment(self.at)}")
        name = catalog(segment)
        if since is None:
            return [_select(name, "events", "*", conditions)]
        return [
            _select(name, "events", "*", [*conditions, f"time > {moment(since)}"]),
            _select(name, "events", "*", [*conditions, f"time <= {moment(since)}", f"received_at > {moment(since)}"]),
        ]

    def split(self, span: Span) -> tuple[list[tuple[Segment, Span]], str]:
        """The visible events in the span, in two parts: stretches of large segments that are complete, each of whole
        UTC days or of whole hours beside them, and SQL for all others."""
        end = min(span.end, self.at + TICK)
        stretches: list[tuple[Segment, Span]] = []
        others: list[str] = []
        for segment in self.of(Segment.Kind.EVENTS):
            first, last = _times(segment)
            if (span.start is not None and last < span.start) or first >= end:
                continue
            if segment.rows < LARGE or not self.complete(segment):
                others += self._events_of(segment, span, None)
                continue
            start = span.start if span.start is not None and span.start > first else _floor(first, DAY)
            stop = end if last >= end else _floor(last, DAY) + DAY
            borders = _borders(start, stop)
            stretches += [(segment, Span(*stretch)) for stretch in pairwise(borders)]
            for ends in ((start, borders[0]), (borders[-1], stop)):
                if ends[0] < ends[1]:
                    others += self._events_of(segment, Span(*ends), None)
        return stretches, _union(others, "events", "*")

    def stretch(self, segment: Segment, span: Span) -> str:
        """The events of a complete segment in a stretch of it."""
        return " UNION ALL ".join(self._events_of(segment, span, None))

    # --- Who was seen when

    def seen(self) -> tuple[list[Segment], str]:
        """Who was seen when: large segments whose table `pairs` holds as it stands, and SQL for all others.

        The SQL gives `user_id, company_id, first_time, last_time, first_received`, some pairs several times.
        """
        events = self.of(Segment.Kind.EVENTS)
        usable = {each.pk: each for each in self.of(Segment.Kind.SUMMARY) if self.complete(each)}
        summaries = [usable[key] for key in {each.summary_id for each in events} if key in usable]
        alone = [each for each in events if each.summary_id not in usable]
        complete = [*summaries, *(each for each in alone if self.complete(each))]
        parts = [self._early(each) for each in complete]
        parts += [_select(catalog(each), "pairs", PAIR) for each in complete if each.rows < LARGE]
        parts += [self._grouped(each) for each in alone if not self.complete(each)]
        return [each for each in complete if each.rows >= LARGE], _union(parts, "pairs", PAIR)

    def _early(self, segment: Segment) -> str:
        """What a complete segment has of events that were still ahead of its last receipt."""
        early = "user_id, company_id, time AS first_time, time AS last_time, received_at AS first_received"
        return _select(catalog(segment), "early", early, [f"time <= {moment(self.at)}"])

    def _grouped(self, segment: Segment) -> str:
        named = "coalesce(user_id, company_id) IS NOT NULL"
        visible = [f"time <= {moment(self.at)}", f"received_at <= {moment(self.at)}", named]
        firsts = "min(time) AS first_time, max(time) AS last_time, min(received_at) AS first_received"
        rows = _select(catalog(segment), "events", f"user_id, company_id, {firsts}", visible)
        return f"{rows} GROUP BY user_id, company_id"

    # --- Customers

    def said(self, kind: CustomerKind, but: Segment | None = None) -> str:
        """`customer, first_received`: of whom something was said by the instant, some customers several times.

        Without what the segment `but` says.
        """
        of_kind = [f"kind = '{kind}'"]
        return self._versions("customer, first_received", "customer, received_at AS first_received", of_kind, but)

    def changed(self, kind: CustomerKind, since: datetime) -> str:
        """`customer`: of whom something was said after `since`."""
        return self._versions("customer", "customer", [f"kind = '{kind}'", f"received_at > {moment(since)}"])

    def base(self) -> Segment | None:
        """The largest complete segment of customers: most profiles are taken from it as they stand."""
        complete = [each for each in self.of(Segment.Kind.CUSTOMERS) if self.complete(each)]
        return max(complete, key=lambda each: each.rows, default=None)

    def versions_beside(self, base: Segment | None) -> str:
        """The versions in the other segments that can be the newest of their customer."""
        return self._versions(VERSION, VERSION, [], but=base)

    def customers(self) -> str:
        """`id, kind, external_id` of every customer in the list, whether or not known at the instant."""
        segments = [each for each in self.segments if each.kind == Segment.Kind.CUSTOMERS]
        return _union([_select(catalog(each), "customers", "*") for each in segments], "customers", "*")

    def _versions(self, of_complete: str, of_others: str, conditions: Sequence[str], but: Segment | None = None) -> str:
        parts = []
        for segment in self.of(Segment.Kind.CUSTOMERS):
            if segment is but:
                continue
            if self.complete(segment):
                parts.append(_select(catalog(segment), "newest", of_complete, conditions))
            else:
                held = [*conditions, f"received_at <= {moment(self.at)}"]
                parts += [_select(catalog(segment), table, of_others, held) for table in ("newest", "superseded")]
        return _union(parts, "newest", of_complete)


def within_span(table: str, span: Span) -> str:
    """The rows of a table of events that are in the span, as SQL."""
    begun = [] if span.start is None else [f"time >= {moment(span.start)}"]
    return f"SELECT * FROM {table} WHERE {' AND '.join([*begun, f'time < {moment(span.end)}'])}"


def _borders(start: datetime, stop: datetime) -> list[datetime]:
    """What cuts a time into whole hours, whole days and whole hours again; where no hour fits in, its end alone."""
    hours, days = ((_floor(start + unit - TICK, unit), _floor(stop, unit)) for unit in (HOUR, DAY))
    if hours[0] >= hours[1]:
        return [stop]
    return sorted({*hours, *(days if days[0] <= days[1] else ())})


def _floor(at: datetime, unit: timedelta) -> datetime:
    """The beginning of the hour or the day, UTC."""
    at = at.astimezone(UTC)
    return at.replace(hour=at.hour if unit == HOUR else 0, minute=0, second=0, microsecond=0)


def _times(segment: Segment) -> tuple[datetime, datetime]:
    """The first and the last time in a segment of events, which is never empty."""
    assert segment.min_time is not None
    assert segment.max_time is not None
    return segment.min_time, segment.max_time


def _last_received(segment: Segment) -> datetime:
    assert segment.max_received_at is not None
    return segment.max_received_at


def _union(parts: Sequence[str], table: str, columns: str) -> str:
    """The parts together; of none, no rows with these columns."""
    return " UNION ALL ".join(parts) or _select(NOTHING, table, columns)


def _select(source: str, table: str, columns: str, conditions: Iterable[str] = ()) -> str:
    where = " AND ".join(conditions)
    return f"SELECT {columns} FROM {source}.{table}" + (f" WHERE {where}" if where else "")
