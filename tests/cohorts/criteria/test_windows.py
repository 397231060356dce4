"""Windows as spans of UTC time: which borders belong to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cohorts.criteria.place import Place
from cohorts.criteria.windows import Clock, event_span, parse_window
from ingest.columns.interface import Span, without
from ingest.models import CustomerKind

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


def span_of(window: dict[str, object], at: datetime = NOON, zone: str = "UTC") -> Span:
    return event_span(parse_window(window, Place("within", CustomerKind.USER)), Clock(at, ZoneInfo(zone), 1))


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        ({"last": "1d"}, NOON - DAY + TICK, NOON + TICK),
        ({"from": "37d", "to": "7d"}, NOON - 37 * DAY + TICK, NOON - 7 * DAY + TICK),
        ({"calendar": "today"}, datetime(2026, 3, 2, tzinfo=UTC), NOON + TICK),
        ({"calendar": "yesterday"}, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        ({"after": "2026-03-01T00:00:00+01:00"}, datetime(2026, 2, 28, 23, tzinfo=UTC), NOON + TICK),
        ({"before": "2026-03-01T00:00:00Z"}, None, datetime(2026, 3, 1, tzinfo=UTC)),
        ({"before": "2027-03-01T00:00:00Z"}, None, NOON + TICK),
        ({"ever": True}, None, NOON + TICK),
    ],
)
def test_a_window_of_events_has_these_borders(window, start, end):
    assert span_of(window) == Span(start, end)


def test_a_window_that_lies_ahead_is_empty():
    span = span_of({"after": "2026-04-01T00:00:00Z", "before": "2026-05-01T00:00:00Z"})
    assert span.start == span.end


def test_units_of_durations_have_their_lengths():
    for duration, length in [("90s", 90), ("2m", 120), ("1h", 3600), ("1d", 86400), ("1w", 7 * 86400)]:
        assert NOON + TICK - span_of({"last": duration}).start == timedelta(seconds=length)


def span(start: int | None, end: int) -> Span:
    return Span(None if start is None else NOON + start * DAY, NOON + end * DAY)


@pytest.mark.parametrize(
    ("one", "other", "rest"),
    [
        (span(0, 3), span(1, 4), [span(0, 1)]),
        (span(1, 4), span(0, 3), [span(3, 4)]),
        (span(0, 4), span(1, 2), [span(0, 1), span(2, 4)]),
        (span(0, 1), span(0, 1), []),
        (span(0, 1), span(2, 3), [span(0, 1)]),
        (span(2, 3), span(0, 1), [span(2, 3)]),
        (span(None, 3), span(None, 2), [span(2, 3)]),
        (span(None, 3), span(1, 3), [span(None, 1)]),
        (span(1, 3), span(None, 2), [span(2, 3)]),
        (span(1, 1), span(0, 0), []),
    ],
)
def test_a_span_without_another_is_what_lies_outside(one, other, rest):
    assert without(one, other) == rest
