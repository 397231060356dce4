"""When a subscription may send: periods, digests, quiet hours and days, also where the clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest

from notifications.batching import due_subscriptions, settle, subscribe
from notifications.schedule import WEEKDAYS, Schedule
from tests.factories import make_channel, make_cohort, make_customer
from tests.notifications.history import move, start
from tests.notifications.test_batching import told

PERIOD, MINUTE = timedelta(minutes=15), timedelta(minutes=1)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)


def sendings(schedule: Schedule, start: datetime, end: datetime, step: timedelta = 5 * MINUTE) -> list[datetime]:
    """The instants at which a worker that looks every few minutes would send."""
    sent, since, now = [], start, start
    while now < end:
        if schedule.is_time(since, now):
            sent.append(now)
            since = now
        now += step
    return sent


@pytest.mark.parametrize(
    ("schedule", "start", "expected"),
    [
        # 29 March 2026: Berlin goes from 2:00 to 3:00. What is due at 2:30 is sent an hour later by the clock.
        (Schedule(PERIOD, BERLIN, send_at=time(2, 30)), utc(2026, 3, 28, 0), [(28, 1, 30), (29, 1, 30), (30, 0, 30)]),
        # 25 October 2026: 2:30 comes twice; the first one counts.
        (Schedule(PERIOD, BERLIN, send_at=time(2, 30)), utc(2026, 10, 24, 0), [(24, 0, 30), (25, 0, 30), (26, 1, 30)]),
        # 8 March and 1 November 2026 in New York.
        (Schedule(PERIOD, NEW_YORK, send_at=time(2, 30)), utc(2026, 3, 7, 0), [(7, 7, 30), (8, 7, 30), (9, 6, 30)]),
        (Schedule(PERIOD, NEW_YORK, send_at=time(1, 30)), utc(2026, 10, 31, 0), [(31, 5, 30), (1, 5, 30), (2, 6, 30)]),
        # Over the end of a month that has 28 days.
        (Schedule(PERIOD, "UTC", send_at=time(0)), utc(2026, 2, 27, 12), [(28, 0, 0), (1, 0, 0), (2, 0, 0)]),
    ],
    ids=["skipped", "twice", "New York skipped", "New York twice", "month"],
)
def test_a_daily_digest_goes_out_once_a_day(schedule, start, expected):
    sent = sendings(schedule, start, start + timedelta(days=3))
    assert [(at.day, at.hour, at.minute) for at in sent] == expected


def test_a_weekly_digest_goes_out_once_a_week_over_a_year():
    schedule = Schedule(PERIOD, BERLIN, days=[1], send_at=time(2, 30))
    sent = sendings(schedule, utc(2026, 1, 1), utc(2027, 1, 1), step=30 * MINUTE)
    assert len(sent) == 52
    assert {at.isoweekday() for at in sent} == {1}
    assert {(later - earlier).days for earlier, later in pairwise(sent)} == {7, 6}


def test_weekdays_are_those_of_the_time_zone():
    schedule = Schedule(PERIOD, "Pacific/Auckland", days=WEEKDAYS, send_at=time(9))
    sent = sendings(schedule, utc(2026, 3, 5), utc(2026, 3, 12), step=30 * MINUTE)
    assert [(at.day, at.hour) for at in sent] == [(5, 20), (8, 20), (9, 20), (10, 20), (11, 20)]


def test_a_digest_whose_hour_was_missed_is_sent_later_the_same_day_or_with_the_next():
    schedule = Schedule(PERIOD, "UTC", days=WEEKDAYS, send_at=time(9))
    friday = utc(2026, 3, 6, 9)
    assert schedule.is_time(friday - timedelta(days=1), friday + timedelta(hours=12))
    assert not schedule.is_time(friday - timedelta(days=1), friday + timedelta(hours=13))
    assert schedule.is_time(friday - timedelta(days=1), friday + timedelta(days=3))


def test_a_clock_that_is_set_back_makes_no_second_digest():
    schedule = Schedule(PERIOD, "UTC", send_at=time(9))
    sent = utc(2026, 3, 2, 9, 0)
    back = sent - timedelta(hours=2)
    again = [back + minutes * MINUTE for minutes in range(0, 24 * 60, 5)]
    assert [at for at in again if schedule.is_time(sent, at)] == []
    assert schedule.is_time(sent, utc(2026, 3, 3, 9))


@pytest.mark.parametrize(
    ("quiet", "local", "allowed"),
    [
        ((time(22), time(7)), (21, 59), True),
        ((time(22), time(7)), (22, 0), False),
        ((time(22), time(7)), (6, 59), False),
        ((time(22), time(7)), (7, 0), True),
        ((time(12), time(13)), (12, 30), False),
        ((time(12), time(13)), (13, 0), True),
    ],
)
def test_quiet_hours_are_local_and_may_span_midnight(quiet, local, allowed):
    schedule = Schedule(PERIOD, "Asia/Tokyo", quiet=quiet)
    now = utc(2026, 3, 2, *local) - timedelta(hours=9)
    assert schedule.is_time(now - PERIOD, now) is allowed


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Schedule(PERIOD, "UTC"), "at most every 15 minutes"),
        (Schedule(timedelta(hours=1), BERLIN, quiet=(time(22), time(7))),
         "at most every hour, never between 22:00 and 07:00 (Europe/Berlin)"),
        (Schedule(PERIOD, BERLIN, days=[1, 2, 3, 4, 5]), "at most every 15 minutes, only on weekdays (Europe/Berlin)"),
        (Schedule(PERIOD, BERLIN, send_at=time(9)), "every day at 09:00 (Europe/Berlin)"),
        (Schedule(PERIOD, BERLIN, days=[1, 2, 3, 4, 5], send_at=time(9)), "every weekday at 09:00 (Europe/Berlin)"),
        (Schedule(PERIOD, "UTC", days=[1], send_at=time(8, 5)), "every Monday at 08:05 (UTC)"),
        (Schedule(PERIOD, "UTC", days=[5, 1, 3], send_at=time(8)), "every Monday, Wednesday and Friday at 08:00 (UTC)"),
    ],
)  # fmt: skip
def test_a_schedule_says_when_it_sends(schedule, words):
    assert schedule.words == words


@pytest.fixture
def cohort(db):
    return make_cohort(time_zone=BERLIN)


def begin(cohort, at, **choices):
    start(cohort, at)
    return subscribe(cohort, make_channel(), now=at, period=PERIOD, **choices)


def test_a_digest_tells_the_net_change_since_the_last_one_at_its_hour_only(cohort):
    people = [make_customer(f"user-{number}") for number in range(3)]
    monday = utc(2026, 3, 2, 8)  # 9:00 in Berlin
    subscription = begin(cohort, monday - timedelta(hours=5), send_at=time(9))
    move(cohort, monday - timedelta(hours=4), added=people)
    move(cohort, monday - timedelta(hours=3), removed=people[:1])
    assert due_subscriptions(monday - MINUTE) == []
    batch = settle(subscription, monday)
    assert told(batch) == (["user-1", "user-2"], [])
    assert (batch.period_from, batch.period_to) == (monday - timedelta(hours=5), monday)
    move(cohort, monday + PERIOD, removed=people[1:2])
    assert due_subscriptions(monday + timedelta(hours=23)) == []
    assert told(settle(subscription, monday + timedelta(days=1))) == ([], ["user-1"])


def test_an_hour_at_which_there_is_nothing_to_tell_is_over_too(cohort):
    ann = make_customer("ann")
    monday = utc(2026, 3, 2, 8)
    subscription = begin(cohort, monday - timedelta(hours=5), send_at=time(9))
    assert settle(subscription, monday) is None
    move(cohort, monday + PERIOD, added=[ann])
    assert due_subscriptions(monday + timedelta(hours=2)) == []
    assert told(settle(subscription, monday + timedelta(days=1))) == (["ann"], [])


def test_quiet_hours_hold_and_then_the_net_change_is_told(cohort):
    ann, bob = make_customer("ann"), make_customer("bob")
    evening = utc(2026, 3, 2, 20, 30)  # 21:30 in Berlin
    subscription = begin(cohort, evening, quiet_from=time(22), quiet_to=time(7))
    move(cohort, evening + timedelta(hours=1), added=[ann, bob])
    move(cohort, evening + timedelta(hours=2), removed=[ann])
    assert due_subscriptions(evening + timedelta(hours=2)) == []
    assert settle(subscription, utc(2026, 3, 3, 5, 59)) is None
    assert told(settle(subscription, utc(2026, 3, 3, 6))) == (["bob"], [])


def test_nothing_is_sent_on_other_days(cohort):
    ann = make_customer("ann")
    friday = utc(2026, 3, 6, 22, 30)  # 23:30 in Berlin
    subscription = begin(cohort, friday, days=[1, 2, 3, 4, 5])
    move(cohort, friday + timedelta(hours=1), added=[ann])
    assert due_subscriptions(utc(2026, 3, 8, 22, 59)) == []
    assert told(settle(subscription, utc(2026, 3, 8, 23))) == (["ann"], [])


def test_times_in_messages_are_those_of_the_subscription(cohort):
    ann = make_customer("ann")
    now = utc(2026, 3, 2, 12)
    start(cohort, now)
    channel = make_channel("slack")
    subscription = subscribe(cohort, channel, now=now, time_zone=NEW_YORK)
    move(cohort, now + PERIOD, added=[ann])
    content = settle(subscription, now + PERIOD).deliveries.get().content
    assert "between 07:00 and 07:15 on 2 March 2026 (America/New_York)" in content
