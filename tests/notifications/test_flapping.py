"""A customer who flickers produces what the setting promises: minimum stay, cool-down, once ever."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from notifications.batching import due_subscriptions, settle, subscribe
from notifications.models import Subscription, Waiting
from tests.factories import make_channel, make_cohort, make_customer
from tests.notifications.history import move, start
from tests.notifications.test_batching import outcomes, told

PERIOD = timedelta(minutes=15)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def cohort():
    return make_cohort()


@pytest.fixture
def ann():
    return make_customer("ann")


def begin(cohort, now, members=(), **choices) -> Subscription:
    start(cohort, now, members)
    return subscribe(cohort, make_channel(), now=now, period=PERIOD, **choices)


def flicker(cohort, customer, now, *, every: timedelta, times: int):
    """The customer joins and leaves by turns; what is due is settled each time. Returns the time and what was told."""
    batches = []
    for turn in range(times):
        now += every
        moved = {"added" if turn % 2 == 0 else "removed": [customer]}
        move(cohort, now, **moved)
        for due in due_subscriptions(now):
            batches.append((now, settle(due, now)))
    return now, [(at, told(batch)) for at, batch in batches if batch]


def test_who_flickers_within_the_minimum_stay_is_never_told_of(cohort, ann, now):
    subscription = begin(cohort, now, minimum_stay=HOUR)
    now, batches = flicker(cohort, ann, now, every=timedelta(minutes=20), times=12)
    assert batches == []
    assert {outcome for _, _, outcome in outcomes(subscription)} == {"cancelled"}
    assert not Waiting.objects.exists()
    assert due_subscriptions(now + 9 * HOUR) == []


def test_who_stays_is_told_of_as_soon_as_the_stay_is_over(cohort, ann, now):
    subscription = begin(cohort, now, minimum_stay=HOUR)
    joined = now + timedelta(minutes=20)
    move(cohort, joined, added=[ann])
    assert settle(due_subscriptions(joined)[0], joined) is None
    assert Waiting.objects.get().ripe_at == joined + HOUR
    assert due_subscriptions(joined + HOUR - timedelta(minutes=1)) == []
    [due] = due_subscriptions(joined + HOUR)
    batch = settle(due, joined + HOUR)
    assert told(batch) == (["ann"], [])
    assert outcomes(subscription) == [(2, "ann", "told")]
    assert not Waiting.objects.exists()


def test_what_is_not_asked_for_cancels_too(cohort, ann, now):
    """A member who is away for a short while has not joined again."""
    subscription = begin(cohort, now, [ann], send_on_removal=False, minimum_stay=HOUR)
    move(cohort, now + PERIOD, removed=[ann])
    settle(subscription, now + PERIOD)
    move(cohort, now + 2 * PERIOD, added=[ann])
    assert settle(subscription, now + 2 * PERIOD) is None
    assert due_subscriptions(now + 9 * HOUR) == []
    assert {outcome for _, _, outcome in outcomes(subscription)} == {"cancelled"}


def test_who_flickers_is_told_of_at_most_once_in_the_cool_down_and_in_the_end_as_it_is(cohort, ann, now):
    subscription = begin(cohort, now, cool_down=timedelta(hours=6))
    began = now
    now, batches = flicker(cohort, ann, now, every=timedelta(minutes=20), times=3 * 24 + 1)
    assert len(batches) <= 1 + 24 // 6
    assert all(later - earlier >= timedelta(hours=6) for (earlier, _), (later, _) in pairwise(batches))
    assert batches[0] == (began + timedelta(minutes=20), (["ann"], []))
    now += timedelta(hours=6)
    for due in due_subscriptions(now):
        batches.append((now, told(settle(due, now))))
    last = next(who for _, who in reversed(batches))
    assert last == (["ann"], [])  # it joined last, and that is what was told last
    assert due_subscriptions(now + timedelta(days=9)) == []
    assert {outcome for _, _, outcome in outcomes(subscription)} <= {"told", "cancelled"}


def test_the_change_that_the_cool_down_held_back_is_told_when_it_is_over(cohort, ann, now):
    subscription = begin(cohort, now, cool_down=6 * HOUR)
    move(cohort, now + PERIOD, added=[ann])
    settle(subscription, now + PERIOD)
    move(cohort, now + HOUR, removed=[ann])
    assert settle(subscription, now + HOUR) is None
    over = now + PERIOD + 6 * HOUR
    assert due_subscriptions(over - timedelta(minutes=1)) == []
    assert told(settle(due_subscriptions(over)[0], over)) == ([], ["ann"])
    assert outcomes(subscription) == [(2, "ann", "told"), (3, "ann", "told")]


def test_the_cool_down_of_one_customer_holds_up_no_other(cohort, ann, now):
    bob = make_customer("bob")
    subscription = begin(cohort, now, cool_down=6 * HOUR)
    move(cohort, now + PERIOD, added=[ann])
    settle(subscription, now + PERIOD)
    move(cohort, now + HOUR, added=[bob], removed=[ann])
    assert told(settle(subscription, now + HOUR)) == (["bob"], [])


def test_of_each_customer_one_change_is_told_ever(cohort, ann, now):
    subscription = begin(cohort, now, once_per_customer=True)
    now, batches = flicker(cohort, ann, now, every=HOUR, times=9)
    assert [who for _, who in batches] == [(["ann"], [])]
    rows = subscription.settlements.order_by("change__version").values_list("outcome", "why")
    assert list(rows) == [("told", ""), *[("unwanted", "once")] * 8]


def test_members_told_of_at_the_start_count_as_told(cohort, ann, now):
    subscription = begin(cohort, now, [ann], tell_existing=True, once_per_customer=True)
    assert told(settle(subscription, now + PERIOD)) == (["ann"], [])
    move(cohort, now + HOUR, removed=[ann])
    assert settle(subscription, now + HOUR) is None
    assert list(subscription.settlements.values_list("outcome", "why")) == [("unwanted", "once")]


def test_a_shorter_stay_counts_for_what_waits_already(cohort, ann, now):
    subscription = begin(cohort, now, minimum_stay=9 * HOUR)
    move(cohort, now + PERIOD, added=[ann])
    settle(subscription, now + PERIOD)
    edited = Subscription.objects.get()
    edited.minimum_stay = HOUR
    edited.save()
    assert settle(subscription, now + HOUR) is None
    assert due_subscriptions(now + PERIOD + HOUR - timedelta(minutes=1)) == []
    assert told(settle(subscription, now + PERIOD + HOUR)) == (["ann"], [])


def test_an_edit_throws_away_what_was_computed_by_the_choices_before(cohort, ann, now, monkeypatch):
    subscription = begin(cohort, now)
    move(cohort, now + PERIOD, added=[ann])
    edited = Subscription.objects.get()
    edited.send_on_addition = False

    def edit_meanwhile(*_):
        edited.save()
        return ""

    monkeypatch.setattr("notifications.batching.doubt", edit_meanwhile)
    assert settle(subscription, now + PERIOD) is None
    assert outcomes(subscription) == []
    monkeypatch.undo()
    assert settle(subscription, now + PERIOD) is None
    assert outcomes(subscription) == [(2, "ann", "unwanted")]
