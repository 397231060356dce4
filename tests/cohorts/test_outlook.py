"""When a membership ends by itself: the first evaluation at which the criteria no longer hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyroaring import BitMap

from cohorts.criteria.steps import Steps, combine, sample, trace
from cohorts.models import Cohort
from cohorts.outlook import Outlook, looking_ahead
from cohorts.refresh import refresh_cohorts
from ingest.columns import open_columns
from tests.factories import NOON, make_cohort, make_event, make_user, name_customer

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
CALLED = {"performed": {"type": "api_call"}, "at_least": 1, "within": {"last": "7d"}}


def cohort_of(*nodes, **values) -> Cohort:
    return make_cohort(criteria={"version": 1, "match": {"all": list(nodes)}}, **values)


def outlook(cohort: Cohort, now: datetime = NOON, name: str = "ann"):
    """After an evaluation at `now`."""
    open_columns().seal(now)
    refresh_cohorts(list(Cohort.objects.all()), now)
    member = name_customer("user", name).pk
    with looking_ahead(now) as look:
        return look(Cohort.objects.get(pk=cohort.pk), BitMap([member]))[member]


def ends_at(cohort: Cohort, now: datetime = NOON) -> datetime | None:
    found = outlook(cohort, now)
    assert not found.unknown
    return found.ends_at


@pytest.mark.django_db
def test_the_last_call_falls_out_of_the_window_at_the_next_evaluation():
    make_event(make_user("ann"), NOON - 7 * MINUTE)
    found = outlook(cohort_of(CALLED))
    assert found.ends_at == NOON + 7 * DAY
    assert list(found.turned) == ["performed API Call at least 1 time in the last 7 days"]
    assert ends_at(cohort_of(CALLED, period=timedelta(minutes=1))) == NOON + 7 * DAY - 7 * MINUTE


@pytest.mark.django_db
def test_whoever_stays_for_the_next_months_is_said_to_stay():
    make_event(make_user("ann", metadata={"plan": "pro"}), NOON - HOUR)
    assert ends_at(cohort_of({"field": "metadata.plan", "op": "is", "value": "pro"})) is None
    assert ends_at(cohort_of({**CALLED, "within": {"last": "100d"}})) is None


@pytest.mark.django_db
def test_today_ends_at_the_midnight_of_the_cohort_also_where_the_clocks_change():
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the night has no hour from two to three in Berlin
    make_event(make_user("ann", now), now - HOUR)
    last_day = {**CALLED, "within": {"calendar": "yesterday"}}
    either = {"any": [{**CALLED, "within": {"calendar": "today"}}, last_day]}
    assert ends_at(cohort_of(either, time_zone="Europe/Berlin"), now) == datetime(2026, 3, 29, 22, tzinfo=UTC)


@pytest.mark.django_db
def test_an_event_that_is_known_but_yet_to_come_counts_when_its_time_has_come():
    ann = make_user("ann")
    make_event(ann, NOON - HOUR)
    make_event(ann, NOON + 2 * HOUR, received_at=NOON - MINUTE)
    assert ends_at(cohort_of({**CALLED, "within": {"last": "90m"}}, period=MINUTE)) == NOON + 30 * MINUTE
    assert ends_at(cohort_of({**CALLED, "within": {"last": "3h"}}, period=MINUTE)) == NOON + 5 * HOUR


@pytest.mark.django_db
def test_a_moment_between_two_evaluations_is_seen_by_nobody():
    ann = make_user("ann")
    make_event(ann, NOON - 50 * MINUTE)
    make_event(ann, NOON + 20 * MINUTE, received_at=NOON - MINUTE)
    an_hour = {**CALLED, "within": {"last": "1h"}}  # false from minute 10 to minute 20
    assert ends_at(cohort_of(an_hour, period=MINUTE)) == NOON + 10 * MINUTE
    assert ends_at(cohort_of(an_hour, period=30 * MINUTE)) == NOON + 90 * MINUTE


@pytest.mark.django_db
def test_silence_ends_with_an_event_only():
    make_user("ann")
    assert ends_at(cohort_of({"performed": {"type": "api_call"}, "at_most": 0, "within": {"last": "7d"}})) is None


@pytest.mark.django_db
def test_a_member_of_another_cohort_leaves_after_that_one_was_evaluated():
    make_event(make_user("ann"), NOON - 7 * MINUTE)
    other = cohort_of(CALLED, period=DAY)
    cohort = cohort_of({"cohort": str(other.pk)}, period=15 * MINUTE)
    assert ends_at(cohort) == NOON + 7 * DAY
    Cohort.objects.filter(pk=other.pk).update(paused_at=NOON)
    assert ends_at(cohort, NOON + MINUTE) is None


@pytest.mark.django_db
def test_whoever_stands_on_a_static_list_stays_there():
    make_event(make_user("ann"), NOON - 7 * MINUTE)
    by_hand = cohort_of(CALLED)
    cohort = cohort_of({"cohort": str(by_hand.pk)})
    assert ends_at(cohort) == NOON + 7 * DAY
    Cohort.objects.filter(pk=by_hand.pk).update(is_list=True, criteria={})
    ann = name_customer("user", "ann").pk
    with looking_ahead(NOON) as look:
        for each in Cohort.objects.all():
            assert look(each, BitMap([ann])) == {ann: Outlook()}


@pytest.mark.django_db
def test_what_depends_on_the_clock_inside_a_filter_is_not_foretold():
    make_event(make_user("ann"), NOON - HOUR, metadata={"until": "2026-03-02T12:30:00Z"})
    soon = {"field": "metadata.until", "op": "before", "value": {"in": "1h"}}
    found = outlook(cohort_of({**CALLED, "performed": {"where": soon}}))
    assert "depend on the time" in found.unknown


@pytest.mark.django_db
def test_nothing_is_foretold_of_a_paused_cohort():
    make_event(make_user("ann"), NOON - HOUR)
    cohort = cohort_of(CALLED)
    outlook(cohort)
    Cohort.objects.filter(pk=cohort.pk).update(paused_at=NOON)
    assert outlook(cohort).unknown == "the cohort is paused"


def at(minute: int) -> datetime:
    return NOON + minute * MINUTE


def test_truths_are_combined_at_every_instant():
    some, others = Steps(True, (at(1), at(3))), Steps(False, (at(2), at(4)))
    assert combine([some, others], all) == Steps(False, (at(3), at(4)))
    assert combine([some, others], any) == Steps(True, (at(1), at(2)))
    assert list(some.negated().false_stretches(NOON)) == [(NOON, at(1)), (at(3), None)]
    assert trace(NOON, [at(5), at(2), at(-1), at(2)], lambda instant: instant >= at(5)) == Steps(False, (at(5),))


def test_a_truth_is_sampled_by_looks():
    looks = lambda instant: NOON + -(-(instant - NOON) // (10 * MINUTE)) * 10 * MINUTE  # noqa: E731
    assert sample(Steps(True, (at(2), at(8), at(12))), True, NOON, looks) == Steps(True, (at(20),))
