"""A cohort's history as charts: numbers from evaluations, days of the cohort's time zone."""

from datetime import UTC, datetime, timedelta

import pytest

from cohorts.history import history_of
from tests.factories import NOON, make_cohort, make_evaluation

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def evaluate(cohort, at, members, added=0, removed=0, **values):
    make_evaluation(cohort, as_of=at, members=members, added=added, removed=removed, **values)


def series(chart):
    return [each["values"] for each in chart["series"]]


def test_a_cohort_that_was_never_evaluated_has_no_history():
    assert history_of(make_cohort(), 30, NOON) is None


def test_each_day_tells_how_it_ended_and_who_moved():
    cohort = make_cohort()
    evaluate(cohort, NOON - 20 * DAY, 10, baseline=True)
    evaluate(cohort, NOON - 2 * DAY, 12, added=3, removed=1)
    evaluate(cohort, NOON - 2 * DAY + timedelta(hours=2), 11, removed=1)
    evaluate(cohort, NOON - timedelta(minutes=5), 15, added=4)

    history = history_of(cohort, 30, NOON)

    [size] = series(history.size)
    assert size == [None] * 9 + [10] * 18 + [11, 11, 15]
    joined, left = series(history.moves)
    assert (joined[-3:], left[-3:]) == ([3, 0, 4], [2, 0, 0])
    assert (sum(joined), sum(left)) == (7, 2)
    assert history.moves["times"][-1] == int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())


def test_days_begin_in_the_time_zone_of_the_cohort():
    cohort = make_cohort(time_zone="Asia/Tokyo")  # nine hours ahead
    evaluate(cohort, datetime(2026, 3, 1, 14, 59, tzinfo=UTC), 1, added=1)
    evaluate(cohort, datetime(2026, 3, 1, 15, tzinfo=UTC), 3, added=2)

    joined, _ = series(history_of(cohort, 7, NOON).moves)

    assert joined == [0, 0, 0, 0, 0, 1, 2]


def test_what_was_there_before_the_range_is_its_start():
    cohort = make_cohort()
    evaluate(cohort, NOON - 50 * DAY, 5, baseline=True)
    evaluate(cohort, NOON - 40 * DAY, 8, added=3)

    history = history_of(cohort, 30, NOON)

    assert series(history.size) == [[8] * 30]
    assert series(history.moves) == [[0] * 30, [0] * 30]


def test_a_week_has_a_point_for_each_hour_and_a_young_cohort_more():
    old, young = make_cohort(), make_cohort()
    evaluate(old, NOON - 50 * DAY, 5, baseline=True)
    evaluate(old, NOON - timedelta(minutes=90), 6, added=1)
    evaluate(young, NOON - timedelta(minutes=10), 2, baseline=True)

    of_old, of_young = history_of(old, 7, NOON).size, history_of(young, 30, NOON).size

    assert of_old["step"] == 3_600
    assert series(of_old)[0][-3:] == [5, 6, 6]  # 10:00, 11:00 and now
    assert len(of_young["times"]) == 11
    assert series(of_young) == [[2] * 11]


def test_failures_and_later_evaluations_are_left_out():
    cohort = make_cohort()
    evaluate(cohort, NOON - 20 * DAY, 5, baseline=True)
    evaluate(cohort, NOON - DAY, None, error="The evaluation failed")
    evaluate(cohort, NOON + DAY, 9, added=4)

    [size] = series(history_of(cohort, 30, NOON).size)

    assert size[-3:] == [5, 5, 5]
