"""Local periods as UTC instants, in zones whose days are not all alike."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cohorts.criteria.calendars import calendar_period, first_instant

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("UTC", date(2026, 3, 1), datetime(2026, 3, 1)),
        ("Asia/Kathmandu", date(2026, 3, 1), datetime(2026, 2, 28, 18, 15)),
        # The clocks went from 0:00 to 1:00: there was no midnight.
        ("America/Sao_Paulo", date(2018, 11, 4), datetime(2018, 11, 4, 3)),
        # They went from 23:30 to 0:30: midnight lay inside the jump.
        ("America/Toronto", date(1919, 3, 31), datetime(1919, 3, 31, 4, 30)),
        # They went back from 0:00 to 23:00 of the day before: the day began once.
        ("America/Sao_Paulo", date(2018, 2, 18), datetime(2018, 2, 18, 3)),
        # They went back from 1:00 to 0:00: midnight came twice, the first one counts.
        ("America/Havana", date(2025, 11, 2), datetime(2025, 11, 2, 4)),
        # They went back from 0:01 to 23:01: midnight came twice, with another date between.
        ("America/St_Johns", date(2010, 11, 7), datetime(2010, 11, 7, 2, 30)),
        # The day was skipped as a whole: what would come after it begins there.
        ("Pacific/Apia", date(2011, 12, 30), datetime(2011, 12, 30, 10)),
        ("Pacific/Apia", date(2011, 12, 31), datetime(2011, 12, 30, 10)),
    ],
)
def test_a_day_begins_at_its_first_instant(zone, day, instant):
    assert first_instant(day, ZoneInfo(zone)) == instant.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("America/Sao_Paulo", date(2018, 2, 17), 25),
    ],
)
def test_a_day_has_as_many_hours_as_its_zone_gives_it(zone, day, hours):
    zone_info = ZoneInfo(zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone_info)
    start, end = calendar_period("today", noon, zone_info, 1)
    assert end - start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("name", "first", "after"),
    [
        ("today", "2026-03-01", "2026-03-02"),
        ("yesterday", "2026-02-28", "2026-03-01"),
        ("this_week", "2026-02-23", "2026-03-02"),
        ("last_week", "2026-02-16", "2026-02-23"),
        ("this_month", "2026-03-01", "2026-04-01"),
        ("last_month", "2026-02-01", "2026-03-01"),
    ],
)
def test_named_periods_go_by_the_local_date(name, first, after):
    zone = ZoneInfo("America/New_York")
    at = datetime(2026, 3, 2, 4, 59, tzinfo=UTC)  # a Monday in UTC, the Sunday before in New York
    start, end = calendar_period(name, at, zone, 1)
    assert (str(start.astimezone(zone).date()), str(end.astimezone(zone).date())) == (first, after)


@pytest.mark.parametrize(("week_starts_on", "first"), [(1, 23), (2, 24), (3, 25), (4, 26), (5, 27), (6, 28), (7, 22)])
def test_a_week_starts_on_the_day_that_the_cohort_says(week_starts_on, first):
    saturday = datetime(2026, 2, 28, 12, tzinfo=UTC)
    start, end = calendar_period("this_week", saturday, ZoneInfo("UTC"), week_starts_on)
    assert start == datetime(2026, 2, first, tzinfo=UTC)
    assert end - start == timedelta(days=7)


def test_months_change_at_the_ends_of_the_year():
    utc = ZoneInfo("UTC")
    assert calendar_period("last_month", datetime(2026, 1, 31, tzinfo=UTC), utc, 1)[0] == datetime(
        2025, 12, 1, tzinfo=UTC
    )
    assert calendar_period("this_month", datetime(2025, 12, 31, tzinfo=UTC), utc, 1)[1] == datetime(
        2026, 1, 1, tzinfo=UTC
    )
