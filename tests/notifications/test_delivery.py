"""Claims, attempts, retries, and what a channel shows of them."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from notifications import delivery as outgoing
from notifications.batching import settle, subscribe
from notifications.delivery import DELAYS, LEASE, deliver, due_deliveries, replay, send_test
from notifications.models import Attempt, Channel, Delivery
from tests.factories import make_batch, make_channel, make_cohort, make_customer, make_delivery, make_subscription
from tests.notifications.history import move, start
from tests.notifications.test_batching import at_once
from tests.receivers import Answer

SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def channel(db, receiver) -> Channel:
    return make_channel(config={"url": receiver.url, "secret": SECRET})


@pytest.fixture
def waiting(channel) -> Delivery:
    return make_waiting(channel)


def make_waiting(channel: Channel, **values) -> Delivery:
    batch = make_batch(make_subscription(channel=channel))
    return make_delivery(batch, **{"content": '{"text": "grüß dich"}', **values})


def reloaded(delivery: Delivery) -> Delivery:
    return Delivery.objects.select_related("channel").get(pk=delivery.pk)


def test_a_delivery_arrives_and_is_recorded(waiting, receiver, now):
    attempt = deliver(waiting.pk, now)
    assert receiver.requests[0].body == waiting.content.encode()
    assert receiver.requests[0].headers["webhook-id"] == str(waiting.pk)
    delivery = reloaded(waiting)
    assert delivery.state == "delivered"
    assert delivery.delivered_at >= now
    kept = Attempt.objects.get()
    assert (kept.number, kept.succeeded, kept.status, kept.started_at) == (1, True, "200", now)
    assert kept.duration == attempt.duration > timedelta(0)
    assert due_deliveries(now + timedelta(days=9)) == []
    assert deliver(waiting.pk, now) is None
    assert len(receiver.requests) == 1


def test_a_failure_is_tried_again_with_the_same_id_and_bytes(waiting, receiver, now):
    receiver.answers += [Answer(500, "boom"), Answer(503)]
    for _ in range(3):
        [due] = due_deliveries(now)
        deliver(due, now)
        assert due_deliveries(now) == []
        now = max(now, reloaded(waiting).next_attempt_at)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.body for request in receiver.requests}) == 1
    assert list(Attempt.objects.order_by("number").values_list("status", "succeeded", "answer")) == [
        ("500", False, "boom"),
        ("503", False, ""),
        ("200", True, ""),
    ]
    assert reloaded(waiting).state == "delivered"


def test_the_delays_grow_and_the_last_failure_ends_in_a_dead_letter_with_its_reason(waiting, receiver, now):
    receiver.always = Answer(500)
    at = now
    for number in range(1, len(DELAYS)):
        attempt = deliver(waiting.pk, at)
        delay = reloaded(waiting).next_attempt_at - (at + attempt.duration)
        assert abs(delay / DELAYS[number] - 1) <= 0.1
        at = reloaded(waiting).next_attempt_at
    assert reloaded(waiting).state == "pending"
    deliver(waiting.pk, at)
    dead = reloaded(waiting)
    assert (dead.state, dead.attempt_count) == ("dead", 10)
    assert dead.last_error == "Given up after 10 attempts; the last one: answered 500, expected 2xx"
    assert due_deliveries(at + timedelta(days=99)) == []


@pytest.mark.parametrize(("asked", "seconds"), [("120", 120), ("999999999", 24 * 3600), ("1", 5), ("soon", 5)])
def test_a_receiver_may_ask_for_more_time_but_not_for_less(waiting, receiver, now, asked, seconds):
    receiver.always = Answer(429, headers={"Retry-After": asked})
    attempt = deliver(waiting.pk, now)
    waits = (reloaded(waiting).next_attempt_at - now - attempt.duration).total_seconds()
    assert waits == pytest.approx(seconds, rel=0.1)


def test_a_receiver_that_is_gone_is_not_asked_again(waiting, receiver, now):
    receiver.always = Answer(410)
    deliver(waiting.pk, now)
    dead = reloaded(waiting)
    assert dead.state == "dead"
    assert dead.last_error == "Given up: answered 410: the receiver is gone for good"


def test_a_claim_whose_worker_died_is_sent_again_when_its_lease_ends(waiting, receiver, now, monkeypatch):
    die_while_sending(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        deliver(waiting.pk, now)
    monkeypatch.undo()
    assert reloaded(waiting).attempt_count == 1
    assert due_deliveries(now + LEASE / 2) == []
    assert deliver(waiting.pk, now + LEASE / 2) is None
    later = now + LEASE
    assert due_deliveries(later) == [waiting.pk]
    deliver(waiting.pk, later)
    assert receiver.requests[0].headers["webhook-id"] == str(waiting.pk)
    assert receiver.requests[0].body == waiting.content.encode()
    assert list(Attempt.objects.order_by("number").values_list("number", "succeeded")) == [(1, None), (2, True)]


def test_a_message_that_kills_every_worker_is_given_up(waiting, now, monkeypatch):
    die_while_sending(monkeypatch)
    for _ in range(10):
        with pytest.raises(KeyboardInterrupt):
            deliver(waiting.pk, now)
        delivery = reloaded(waiting)
        now = max(delivery.next_attempt_at, delivery.leased_until)
    assert due_deliveries(now) == [waiting.pk]
    assert deliver(waiting.pk, now) is None
    dead = reloaded(waiting)
    assert (dead.state, dead.last_error) == ("dead", "Given up after 10 attempts; the last one: it was cut off")


def die_while_sending(monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(outgoing, "send", die)


def test_a_late_finisher_changes_nothing(waiting, receiver, now, monkeypatch):
    send = outgoing.send

    def send_late(*arguments):
        monkeypatch.setattr(outgoing, "send", send)
        deliver(waiting.pk, now + timedelta(minutes=10))  # the lease ran out; another worker takes over
        receiver.always = Answer(500)
        return send(*arguments)

    monkeypatch.setattr(outgoing, "send", send_late)
    deliver(waiting.pk, now)
    delivery = reloaded(waiting)
    assert (delivery.state, delivery.attempt_count, delivery.last_error) == ("delivered", 2, "")
    assert delivery.channel.failing_since is None


def test_a_channel_gets_one_request_at_a_time(channel, receiver, now, monkeypatch):
    first, second = make_waiting(channel), make_waiting(channel, created_at=now + timedelta(seconds=1))
    assert due_deliveries(now) == [first.pk, second.pk]
    send, seen = outgoing.send, []

    def look_while_sending(*arguments):
        seen.append((due_deliveries(now), deliver(second.pk, now)))
        return send(*arguments)

    monkeypatch.setattr(outgoing, "send", look_while_sending)
    deliver(first.pk, now)
    assert seen == [([], None)]
    assert due_deliveries(now) == [second.pk]


def test_later_batches_are_not_held_up_by_one_that_fails(channel, receiver, now):
    first, second = make_waiting(channel), make_waiting(channel, created_at=now + timedelta(seconds=1))
    receiver.answers.append(Answer(500))
    for due in due_deliveries(now):
        deliver(due, now)
    assert reloaded(first).state == "pending"
    assert reloaded(second).state == "delivered"


def test_a_paused_channel_waits(waiting, channel, receiver, now):
    channel.paused_at = now
    channel.save()
    assert due_deliveries(now) == []
    assert deliver(waiting.pk, now) is None
    channel.paused_at = None
    channel.save()
    assert deliver(waiting.pk, now).succeeded


def test_a_channel_shows_since_when_it_fails_and_why(channel, receiver, now):
    first, second, third = (make_waiting(channel) for _ in range(3))
    receiver.answers += [Answer(500), Answer(404)]
    deliver(first.pk, now)
    deliver(second.pk, now + timedelta(minutes=1))
    failing = Channel.objects.get(pk=channel.pk)
    assert now <= failing.failing_since < now + timedelta(minutes=1)
    assert failing.last_error == "answered 404, expected 2xx"
    deliver(third.pk, now + timedelta(minutes=2))
    well = Channel.objects.get(pk=channel.pk)
    assert (well.failing_since, well.last_error) == (None, "")
    assert well.last_success_at >= now + timedelta(minutes=2)


def test_a_fault_of_ours_is_a_failed_attempt_that_says_nothing_secret(waiting, channel, now, caplog):
    Channel.objects.filter(pk=channel.pk).update(config={"url": "https://example.com/token-123"})
    deliver(waiting.pk, now)
    assert Attempt.objects.get().error == "an error of this site (KeyError); its log has more"
    assert reloaded(waiting).state == "pending"
    assert "KeyError" in caplog.text
    assert "token-123" not in caplog.text


def test_settings_that_cannot_be_decrypted_are_named_as_the_reason(waiting, now, monkeypatch):
    monkeypatch.setattr(Channel._meta.get_field("config"), "from_db_value", lambda *_: "gAAAAAB", raising=False)
    attempt = deliver(waiting.pk, now)
    assert "SECRET_KEY" in attempt.error
    assert send_test(Channel.objects.get(), now).error == attempt.error


def test_a_deleted_delivery_is_nothing_to_do(db, now):
    assert deliver(uuid.uuid4(), now) is None


def test_a_delivery_whose_subscription_is_deleted_meanwhile_harms_nothing(waiting, receiver, now, monkeypatch):
    send = outgoing.send

    def delete_then_send(*arguments):
        waiting.batch.subscription.delete()
        return send(*arguments)

    monkeypatch.setattr(outgoing, "send", delete_then_send)
    deliver(waiting.pk, now)
    assert not Delivery.objects.exists()


def test_batches_go_out_in_order(receiver, channel, now):
    cohort, people = make_cohort(), [make_customer() for _ in range(3)]
    start(cohort, now)
    subscription = subscribe(cohort, channel, now=now, period=timedelta(minutes=1))
    for minute, person in enumerate(people, start=1):
        move(cohort, now + timedelta(minutes=minute), added=[person])
        settle(subscription, now + timedelta(minutes=minute))
    for due in due_deliveries(now + timedelta(hours=1)):
        deliver(due, now + timedelta(hours=1))
    assert [request.json["sequence"] for request in receiver.requests] == [1, 2, 3]


def test_a_test_message_takes_the_same_way_and_is_not_stored(channel, receiver, now):
    outcome = send_test(channel, now)
    assert outcome.succeeded
    body = receiver.requests[0].verified(SECRET)
    assert body["test"] is True
    assert body["id"] == receiver.requests[0].headers["webhook-id"]
    assert not Delivery.objects.exists()
    assert Channel.objects.get().last_success_at == now


def test_a_test_that_fails_tells_why_and_is_not_tried_again(channel, receiver, now):
    receiver.always = Answer(500, "no")
    outcome = send_test(channel, now)
    assert (outcome.succeeded, outcome.status, outcome.answer) == (False, "500", "no")
    assert outcome.error == "answered 500, expected 2xx"
    assert Channel.objects.get().last_error == outcome.error
    assert due_deliveries(now + timedelta(days=1)) == []
    assert len(receiver.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_with_the_same_delivery_one_sends_it(receiver, now):
    channel = make_channel(config={"url": receiver.url, "secret": SECRET})
    for _ in range(5):
        waiting = make_waiting(channel)
        results = at_once(lambda waiting=waiting: deliver(waiting.pk, now), workers=3)
        assert sum(result is not None for result in results) == 1
    assert len(receiver.requests) == 5
    assert Attempt.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_with_two_deliveries_of_one_channel_one_waits(receiver, now):
    channel = make_channel(config={"url": receiver.url, "secret": SECRET})
    under_way, most = [], []

    def slowly(handler):
        under_way.append(1)
        most.append(len(under_way))
        handler.answer(Answer())
        under_way.pop()

    receiver.always = slowly
    waiting = [make_waiting(channel) for _ in range(12)]
    while due := due_deliveries(now):
        todo = list(due[:3])
        at_once(lambda todo=todo: deliver(todo.pop(), now), workers=len(todo))
    assert max(most) == 1
    assert len(receiver.requests) == len(waiting)


# --- Sending again


def test_a_replay_starts_the_schedule_anew_and_keeps_id_bytes_and_attempts(waiting, receiver, now):
    receiver.always = Answer(500)
    for _ in DELAYS:
        deliver(waiting.pk, now)
        now = reloaded(waiting).next_attempt_at
    assert reloaded(waiting).state == "dead"
    Channel.objects.update(failed_attempts=0)  # something else arrived meanwhile: it is not switched off
    assert replay([waiting.pk], now) == 1
    again = reloaded(waiting)
    assert (again.state, again.last_error, again.delivered_at) == ("pending", "", None)
    assert due_deliveries(now) == [waiting.pk]
    for number in range(1, len(DELAYS)):
        attempt = deliver(waiting.pk, now)
        assert attempt.number == len(DELAYS) + number
        delay = reloaded(waiting).next_attempt_at - (now + attempt.duration)
        assert abs(delay / DELAYS[number] - 1) <= 0.1
        now = reloaded(waiting).next_attempt_at
    deliver(waiting.pk, now)
    assert reloaded(waiting).state == "dead"
    assert Attempt.objects.count() == 2 * len(DELAYS)
    assert len({(request.headers["webhook-id"], request.body) for request in receiver.requests}) == 1


def test_a_replay_of_one_that_arrived_sends_it_once_more(waiting, receiver, now):
    deliver(waiting.pk, now)
    assert replay([waiting.pk], now) == 1
    deliver(waiting.pk, now)
    assert reloaded(waiting).state == "delivered"
    assert [request.headers["webhook-id"] for request in receiver.requests] == [str(waiting.pk)] * 2


def test_one_that_is_waiting_or_under_way_is_not_replayed(waiting, receiver, now, monkeypatch):
    assert replay([waiting.pk, uuid.uuid4()], now) == 0
    die_while_sending(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        deliver(waiting.pk, now)
    assert replay([waiting.pk], now) == 0
    assert reloaded(waiting).replayed_after == 0


def test_a_replay_that_kills_its_worker_each_time_is_given_up_too(waiting, now, monkeypatch):
    Delivery.objects.update(state="dead", attempt_count=10)
    replay([waiting.pk], now)
    die_while_sending(monkeypatch)
    for _ in range(10):
        with pytest.raises(KeyboardInterrupt):
            deliver(waiting.pk, now)
        delivery = reloaded(waiting)
        now = max(delivery.next_attempt_at, delivery.leased_until)
    assert deliver(waiting.pk, now) is None
    assert (reloaded(waiting).state, reloaded(waiting).attempt_count) == ("dead", 20)
