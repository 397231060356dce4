"""What is told of, what is not, and that every change is settled once."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from notifications.batching import due_subscriptions, settle, subscribe
from notifications.models import Batch, Delivery, Settlement, Subscription
from tests.factories import make_channel, make_cohort, make_customer
from tests.notifications.history import BECAUSE, move, start

PERIOD = timedelta(minutes=15)


@pytest.fixture
def cohort(db):
    return make_cohort()


@pytest.fixture
def people(db):
    return [make_customer(f"user-{number}") for number in range(5)]


def begin(cohort, now, members=(), **options) -> Subscription:
    start(cohort, now, members)
    return subscribe(cohort, make_channel(), now=now, **options)


def told(batch: Batch) -> tuple[list[str], list[str]]:
    bodies = [json.loads(delivery.content) for delivery in batch.deliveries.order_by("part")]
    return tuple([entry["user_id"] for body in bodies for entry in body[group]] for group in ("added", "removed"))


def outcomes(subscription: Subscription) -> list[tuple[int, str, str]]:
    rows = subscription.settlements.order_by("change__version", "change__customer")
    return list(rows.values_list("change__version", "change__customer__external_id", "outcome"))


def test_a_batch_tells_who_joined_and_who_left(cohort, people, now):
    subscription = begin(cohort, now, people[:2])
    move(cohort, now + PERIOD, added=people[2:4], removed=people[:1])
    batch = settle(subscription, now + PERIOD)
    assert told(batch) == (["user-2", "user-3"], ["user-0"])
    assert (batch.sequence, batch.added, batch.removed, batch.members) == (1, 2, 1, 3)
    body = json.loads(batch.deliveries.get().content)
    assert body["period"] == {"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T12:15:00Z"}
    assert body["added"][0]["because"] == [BECAUSE["added"]]
    assert body["added"][0]["reason"] == "behavior"


def test_a_customer_who_left_and_came_back_is_not_mentioned(cohort, people, now):
    subscription = begin(cohort, now, people[:1])
    move(cohort, now + timedelta(minutes=5), removed=people[:1])
    move(cohort, now + timedelta(minutes=10), added=people[:1])
    assert settle(subscription, now + PERIOD) is None
    assert outcomes(subscription) == [(2, "user-0", "cancelled"), (3, "user-0", "cancelled")]
    assert not Batch.objects.exists()
    assert due_subscriptions(now + 9 * PERIOD) == []


def test_of_several_changes_the_last_one_carries_what_is_told(cohort, people, now):
    subscription = begin(cohort, now)
    move(cohort, now + timedelta(minutes=1), added=people[:1])
    move(cohort, now + timedelta(minutes=2), removed=people[:1])
    move(cohort, now + timedelta(minutes=3), added=people[:1])
    batch = settle(subscription, now + PERIOD)
    assert told(batch) == (["user-0"], [])
    assert outcomes(subscription) == [(2, "user-0", "cancelled"), (3, "user-0", "cancelled"), (4, "user-0", "told")]
    entry = json.loads(batch.deliveries.get().content)["added"][0]
    assert entry["changed_at"] == "2026-03-02T12:03:00Z"


def test_what_is_not_asked_for_is_settled_as_unwanted(cohort, people, now):
    subscription = begin(cohort, now, people[:1], send_on_removal=False)
    move(cohort, now + PERIOD, added=people[1:2], removed=people[:1])
    batch = settle(subscription, now + PERIOD)
    assert told(batch) == (["user-1"], [])
    assert json.loads(batch.deliveries.get().content)["counts"] == {"added": 1, "removed": 0, "members": 1}
    assert outcomes(subscription) == [(2, "user-0", "unwanted"), (2, "user-1", "told")]


def test_settling_twice_at_the_same_instant_changes_nothing(cohort, people, now):
    subscription = begin(cohort, now)
    move(cohort, now + PERIOD, added=people)
    assert settle(subscription, now + PERIOD) is not None
    before = list(Settlement.objects.values_list("pk", flat=True)), Subscription.objects.values().get()
    assert settle(subscription, now + PERIOD) is None
    assert settle(Subscription.objects.get(), now + PERIOD) is None
    assert (list(Settlement.objects.values_list("pk", flat=True)), Subscription.objects.values().get()) == before


def test_there_is_at_most_one_batch_in_a_period(cohort, people, now):
    subscription = begin(cohort, now)
    move(cohort, now + PERIOD, added=people[:1])
    assert settle(subscription, now + PERIOD) is not None
    move(cohort, now + PERIOD + timedelta(minutes=1), added=people[1:2])
    assert due_subscriptions(now + PERIOD + timedelta(minutes=14)) == []
    assert settle(subscription, now + PERIOD + timedelta(minutes=14)) is None
    assert due_subscriptions(now + 2 * PERIOD) == [subscription]


def test_several_periods_that_passed_make_one_batch(cohort, people, now):
    subscription = begin(cohort, now)
    for number, person in enumerate(people, start=1):
        move(cohort, now + number * PERIOD, added=[person])
    assert settle(subscription, now + 9 * PERIOD).sequence == 1
    assert Batch.objects.get().added == 5


def test_nothing_is_due_without_changes_and_evaluations_alone_do_not_delay(cohort, people, now):
    subscription = begin(cohort, now)
    move(cohort, now + PERIOD)
    assert due_subscriptions(now + PERIOD) == []
    assert settle(subscription, now + PERIOD) is None
    move(cohort, now + PERIOD + timedelta(minutes=1), added=people[:1])
    assert due_subscriptions(now + PERIOD + timedelta(minutes=1)) == [subscription]


def test_paused_subscriptions_and_channels_wait_and_then_tell_the_net_change(cohort, people, now):
    subscription = begin(cohort, now, people[:1])
    channel = subscription.channel
    move(cohort, now + PERIOD, added=people[1:3], removed=people[:1])
    for paused in (subscription, channel):
        paused.paused_at = now
        paused.save()
        assert due_subscriptions(now + PERIOD) == []
        assert settle(subscription, now + PERIOD) is None
        paused.paused_at = None
        paused.save()
    move(cohort, now + 2 * PERIOD, added=people[:1], removed=people[1:2])
    assert told(settle(subscription, now + 2 * PERIOD)) == (["user-2"], [])


def test_a_new_subscription_tells_nobody_of_the_members_of_that_moment(cohort, people, now):
    start(cohort, now)
    move(cohort, now + PERIOD, added=people[:3])
    subscription = subscribe(cohort, make_channel(), now=now + PERIOD)
    assert due_subscriptions(now + 9 * PERIOD) == []
    move(cohort, now + 2 * PERIOD, added=people[3:4])
    assert told(settle(subscription, now + 2 * PERIOD)) == (["user-3"], [])


def test_a_subscription_older_than_the_first_evaluation_tells_nobody_of_the_baseline(cohort, people, now):
    subscription = subscribe(cohort, make_channel(), now=now)
    start(cohort, now, people[:3])
    assert due_subscriptions(now + PERIOD) == []
    move(cohort, now + PERIOD, removed=people[:1])
    assert told(settle(subscription, now + PERIOD)) == ([], ["user-0"])


def test_existing_members_are_told_once_with_why_they_are_in(cohort, people, now):
    start(cohort, now - PERIOD, people[:2])
    move(cohort, now, added=people[2:3])
    subscription = subscribe(cohort, make_channel(), now=now, tell_existing=True)
    assert due_subscriptions(now) == []
    batch = settle(due_subscriptions(now + PERIOD)[0], now + PERIOD)
    assert told(batch) == (["user-0", "user-1", "user-2"], [])
    by_baseline, _, by_change = json.loads(batch.deliveries.get().content)["added"]
    assert by_baseline["because"] == ["Already in the cohort when the subscription began"]
    assert by_baseline["changed_at"] == "2026-03-02T11:45:00Z"
    assert by_change["because"] == [BECAUSE["added"]]
    assert due_subscriptions(now + 9 * PERIOD) == []
    assert not subscription.settlements.exists()


def test_existing_members_of_a_cohort_without_an_evaluation_are_told_after_the_first_one(cohort, people, now):
    subscription = subscribe(cohort, make_channel(), now=now, tell_existing=True)
    assert due_subscriptions(now + PERIOD) == []
    start(cohort, now + PERIOD, people[:2])
    assert told(settle(subscription, now + PERIOD)) == (["user-0", "user-1"], [])


def test_existing_members_who_left_before_the_first_batch_are_not_mentioned(cohort, people, now):
    start(cohort, now, people[:3])
    subscription = subscribe(cohort, make_channel(), now=now, tell_existing=True)
    move(cohort, now + timedelta(minutes=5), added=people[3:4], removed=people[:1])
    assert told(settle(subscription, now + PERIOD)) == (["user-1", "user-2", "user-3"], [])
    assert outcomes(subscription) == [(2, "user-0", "cancelled"), (2, "user-3", "told")]


def test_an_empty_cohort_has_no_existing_members_to_tell(cohort, people, now):
    start(cohort, now)
    subscription = subscribe(cohort, make_channel(), now=now, tell_existing=True)
    assert settle(subscription, now + PERIOD) is None
    assert due_subscriptions(now + 9 * PERIOD) == []
    move(cohort, now + 2 * PERIOD, added=people[:1])
    assert settle(subscription, now + 2 * PERIOD).sequence == 1


def test_a_silent_edit_tells_nobody(cohort, people, now):
    begin(cohort, now, people[:1])
    start(cohort, now + PERIOD, people[1:])
    assert due_subscriptions(now + 9 * PERIOD) == []


def test_each_subscription_settles_for_itself(cohort, people, now):
    start(cohort, now)
    webhook = subscribe(cohort, make_channel(), now=now)
    mail = make_channel("email", config={"recipients": ["a@example.com", "b@example.com"]})
    email = subscribe(cohort, mail, now=now, period=timedelta(hours=1))
    move(cohort, now + PERIOD, added=people[:2])
    assert due_subscriptions(now + PERIOD) == [webhook]
    settle(webhook, now + PERIOD)
    move(cohort, now + 2 * PERIOD, removed=people[:1])
    settle(webhook, now + 2 * PERIOD)
    batch = settle(email, now + 4 * PERIOD)
    assert (batch.sequence, batch.added, batch.removed) == (1, 1, 0)
    assert sorted(batch.deliveries.values_list("recipient", flat=True)) == ["a@example.com", "b@example.com"]


def test_a_large_change_is_cut_into_parts_that_hold_everybody_once(cohort, now):
    people = [make_customer(f"user-{number:05}", metadata={"bio": "ü" * 60}) for number in range(2_300)]
    subscription = begin(cohort, now, people[:100], fields=["metadata.bio"])
    move(cohort, now + PERIOD, added=people[100:], removed=people[:100])
    batch = settle(subscription, now + PERIOD)
    contents = list(batch.deliveries.order_by("part").values_list("pk", "content"))
    bodies = [json.loads(content) for _, content in contents]
    assert all(len(content.encode()) <= 256_000 for _, content in contents)
    assert all(len(body["added"]) + len(body["removed"]) <= 1_000 for body in bodies)
    assert len(bodies) >= 3
    assert [(body["part"], body["parts"]) for body in bodies] == [(n, len(bodies)) for n in range(1, len(bodies) + 1)]
    assert [str(pk) for pk, _ in contents] == [body["id"] for body in bodies]
    assert {body["counts"]["added"] for body in bodies} == {2_200}
    assert sorted(told(batch)[0] + told(batch)[1]) == [person.external_id for person in people]


def test_parts_are_measured_in_bytes(cohort, now):
    people = [make_customer(f"user-{number}", metadata={"bio": "ü" * 20_000}) for number in range(20)]
    subscription = begin(cohort, now, fields=["metadata"])
    move(cohort, now + PERIOD, added=people)
    sizes = [len(one.content.encode()) for one in settle(subscription, now + PERIOD).deliveries.all()]
    assert max(sizes) <= 256_000
    assert len(sizes) == 4  # 40 kB each, six in a part


def test_a_customer_too_large_for_any_part_is_told_by_its_id(cohort, now):
    person = make_customer("user-0", metadata={"bio": "x" * 300_000})
    subscription = begin(cohort, now, fields=["metadata"])
    move(cohort, now + PERIOD, added=[person])
    body = json.loads(settle(subscription, now + PERIOD).deliveries.get().content)
    assert body["added"][0]["user_id"] == "user-0"
    assert body["added"][0]["too_large"] is True
    assert "metadata" not in body["added"][0]


def test_saving_an_edit_does_not_put_back_what_batching_moved_on(cohort, people, now):
    subscription = begin(cohort, now)
    opened = Subscription.objects.get()
    move(cohort, now + PERIOD, added=people[:1])
    settle(subscription, now + PERIOD)
    opened.fields = ["email"]
    opened.save()
    kept = Subscription.objects.get()
    assert (kept.fields, kept.sequence, kept.settled_version) == (["email"], 1, 2)


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_that_settle_the_same_changes_one_wins(now):
    cohort = make_cohort()
    people = [make_customer(f"user-{number}") for number in range(50)]
    subscription = begin(cohort, now)
    for turn in range(1, 6):
        move(cohort, now + turn * PERIOD, added=people[turn * 10 - 10 : turn * 10])
        results = at_once(lambda turn=turn: settle(subscription, now + turn * PERIOD), workers=3)
        assert sum(result is not None for result in results) == 1
    assert list(Batch.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3, 4, 5]
    assert Settlement.objects.count() == 50
    assert Delivery.objects.count() == 5


def at_once(work, workers):
    """The results of the same work done by several threads that start together."""
    barrier, results = Barrier(workers), []

    def run():
        try:
            barrier.wait()
            results.append(work())
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == workers
    return results
