"""What is visible at an instant, as SQL over the tables.

A segment is *complete* at the instant if all its rows were received by then: its summary holds. If all that are asked
are complete, no row is asked when it was received.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.columns.clickhouse.check import among
from ingest.columns.clickhouse.dialect import microseconds
from ingest.columns.interface import Span
from ingest.models import Segment


@dataclass(frozen=True)
class Visible:
    """The segments of the list, seen from `at`."""

    segments: Sequence[Segment]
    at: datetime

    def complete(self, segment: Segment) -> bool:
        return segment.max_received_at is None or segment.max_received_at <= self.at

    def of(self, kind: str) -> list[Segment]:
        """The segments of the kind of which something was received by then."""
        begun = (each for each in self.segments if each.min_received_at is None or each.min_received_at <= self.at)
        return [segment for segment in begun if segment.kind == kind]

    def _rows_of(self, segments: Sequence[Segment]) -> list[str]:
        """The conditions on rows of the segments that were received by then."""
        conditions = [among(segments)]
        if not all(map(self.complete, segments)):
            conditions.append(f"received_at <= {microseconds(self.at)}")
        return conditions

    def events(self, span: Span, since: datetime | None = None) -> str:
        """The condition on visible events in the span; with `since` only those that were not yet visible then."""
        end = min(span.end, self.at + timedelta(microseconds=1))
        asked = [each for each in self.of(Segment.Kind.EVENTS) if _touches(each, span.start, end)]
        if since is not None:
            asked = [each for each in asked if _ends(each) > since]
        conditions = [*self._rows_of(asked), f"time < {microseconds(end)}"]
        if span.start is not None:
            conditions.append(f"time >= {microseconds(span.start)}")
        if since is not None:
            conditions.append(f"(time > {microseconds(since)} OR received_at > {microseconds(since)})")
        return " AND ".join(conditions)

    def pairs(self) -> str:
        """`user_id, company_id, first_time, last_time, first_received`: who was seen when, some several times."""
        usable = {each.pk: each for each in self.of(Segment.Kind.SUMMARY) if self.complete(each)}
        events = self.of(Segment.Kind.EVENTS)
        summaries = [usable[key] for key in {each.summary_id for each in events} if key in usable]
        alone = [each for each in events if each.summary_id not in usable]
        complete = [*summaries, *(each for each in alone if self.complete(each))]
        others = self._rows_of([each for each in alone if not self.complete(each)])
        at = microseconds(self.at)
        return f"""SELECT user_id, company_id, first_time, last_time, first_received
            FROM pairs WHERE {among(complete)} AND first_time <= {at}
            UNION ALL SELECT user_id, company_id, time, time, received_at
            FROM events WHERE {" AND ".join(others)} AND time <= {at} AND (user_id != 0 OR company_id != 0)"""

    def versions(self) -> str:
        """The condition on what was said of customers by then."""
        return " AND ".join(self._rows_of(self.of(Segment.Kind.CUSTOMERS)))

    def customers(self) -> str:
        """The condition on the customers in the list, whether or not known at the instant."""
        return among([each for each in self.segments if each.kind == Segment.Kind.CUSTOMERS])


def _touches(segment: Segment, start: datetime | None, end: datetime) -> bool:
    """Whether a segment of events, which is never empty, has a time in the stretch."""
    assert segment.min_time is not None
    assert segment.max_time is not None
    return segment.min_time < end and (start is None or segment.max_time >= start)


def _ends(segment: Segment) -> datetime:
    """The last instant at which a row of a segment of events became visible, or a later one."""
    assert segment.max_time is not None
    assert segment.max_received_at is not None
    return max(segment.max_time, segment.max_received_at)
