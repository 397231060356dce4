from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.timestamps import parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T05:33:49.592", datetime(2026, 11, 23, 5, 33, 49, 592_000, UTC)),
        ("2026-11-23T05:33:49", datetime(2026, 11, 23, 5, 33, 49, 0, UTC)),
        ("2026-11-23T05:33:49Z", datetime(2026, 11, 23, 5, 33, 49, 0, UTC)),
        ("2026-11-23t05:33:49z", datetime(2026, 11, 23, 5, 33, 49, 0, UTC)),
        ("2026-11-23 05:33:49+00:00", datetime(2026, 11, 23, 5, 33, 49, 0, UTC)),
        ("2026-11-23T05:33:49+05:30", datetime(2026, 11, 23, 0, 3, 49, 0, UTC)),
        ("2026-11-23T05:33:49.1234567899Z", datetime(2026, 11, 23, 5, 33, 49, 123_456, UTC)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_the_forms_that_clients_send_are_read_as_utc(text, expected):
    assert parse_time(text) == expected
    assert parse_time(text).utcoffset() == timedelta()


@pytest.mark.parametrize(
    "value",
    [None, 0, 1_774_958_400, True, "", "now", "1774958400", "2026-02-30", "2026-11-23T25:00:00Z", "20261123T053349Z",
     "2026-W47-1", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-23T05:33:49Z\n", ["2026-11-23"]],
)  # fmt: skip
def test_anything_else_is_no_time(value):
    assert parse_time(value) is None


@given(st.text() | st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}.*\Z"))
def test_no_text_makes_it_fail(text):
    time = parse_time(text)
    assert time is None or time.tzinfo is UTC


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_every_instant_survives_its_iso_form(naive, minutes):
    time = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_time(time.isoformat()) == time
