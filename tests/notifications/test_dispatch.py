"""Whose turn it is, and that a channel that hangs or has much to send holds nobody up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifications import delivery as outgoing
from notifications import dispatch
from notifications.channels.base import Outcome
from notifications.delivery import deliver
from notifications.dispatch import deliver_waiting, due_channels
from notifications.models import Channel, Delivery
from notifications.standing import REST
from tests.factories import make_batch, make_channel, make_delivery, make_subscription
from tests.receivers import Answer

SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def channels(db, receiver) -> list[Channel]:
    """Three, each with two deliveries."""
    return [make_waiting(receiver, 2) for _ in range(3)]


def make_waiting(receiver, count: int) -> Channel:
    channel = make_channel(config={"url": receiver.url, "secret": SECRET})
    subscription = make_subscription(channel=channel)
    for number in range(1, count + 1):
        make_delivery(make_batch(subscription, sequence=number))
    return channel


def waiting(channel: Channel) -> int:
    return Delivery.objects.filter(channel=channel, state="pending").count()


def takes(monkeypatch, outcomes: dict[object, tuple[float, Outcome]]) -> None:
    """Let a send on a channel take so many seconds, by a clock that only sends move, and end so."""
    clock = [0.0]

    def send(channel, letter):
        seconds, outcome = outcomes[channel.pk]
        clock[0] += seconds
        return outcome

    monkeypatch.setattr(outgoing, "send", send)
    for module in (outgoing, dispatch):
        monkeypatch.setattr(module, "perf_counter", lambda: clock[0])


WELL, HUNG = Outcome(succeeded=True), Outcome(succeeded=False, error="no answer within 10 s")


def test_a_turn_sends_everything_that_is_due_oldest_first(channels, receiver, now):
    attempts = deliver_waiting(channels[0].pk, now)
    sequences = [attempt.delivery.batch.sequence for attempt in attempts]
    assert sequences == [1, 2]
    assert (waiting(channels[0]), waiting(channels[1])) == (0, 2)
    assert channels[0] not in due_channels(now)


def test_those_served_longest_ago_come_first(channels, now):
    first, second, third = due_channels(now)
    deliver(second.deliveries.first().pk, now)
    deliver(first.deliveries.first().pk, now + timedelta(seconds=30))
    assert due_channels(now + timedelta(minutes=1)) == [third, second, first]


def test_a_turn_ends_after_a_while_and_the_rest_stays_due(channels, now, monkeypatch):
    takes(monkeypatch, {channels[0].pk: (12.0, WELL)})
    assert len(deliver_waiting(channels[0].pk, now, timedelta(seconds=10))) == 1
    assert waiting(channels[0]) == 1
    assert channels[0] in due_channels(now + timedelta(seconds=12))


def test_a_channel_that_hangs_loses_its_turn_and_rests_while_the_others_go_on(channels, now, monkeypatch):
    takes(monkeypatch, {channels[0].pk: (10.0, HUNG), channels[1].pk: (0.1, WELL), channels[2].pk: (0.1, WELL)})
    assert len(deliver_waiting(channels[0].pk, now)) == 1
    ended = now + timedelta(seconds=10)
    assert channels[0] not in due_channels(ended + timedelta(seconds=10 * REST - 1))
    assert channels[0] in due_channels(ended + timedelta(seconds=10 * REST))
    assert set(due_channels(ended)) == set(channels[1:])


def test_a_channel_that_fails_quickly_keeps_its_turn(channels, receiver, now):
    receiver.answers.append(Answer(500))
    first, second = deliver_waiting(channels[0].pk, now)
    assert (first.succeeded, second.succeeded) == (False, True)


def test_time_goes_on_during_a_turn(channels, now, monkeypatch):
    takes(monkeypatch, {channels[0].pk: (5.0, WELL)})
    first, second = deliver_waiting(channels[0].pk, now)
    assert (first.started_at, second.started_at) == (now, now + timedelta(seconds=5))


def test_a_delivery_that_cannot_be_handled_does_not_hold_up_the_others(channels, now, monkeypatch):
    broken = channels[0].deliveries.order_by("batch__sequence").first().pk
    send = dispatch.deliver

    def fail(delivery, at):
        if delivery == broken:
            raise RuntimeError("cannot be handled")
        return send(delivery, at)

    monkeypatch.setattr(dispatch, "deliver", fail)
    with pytest.raises(ExceptionGroup, match="could not be handled"):
        deliver_waiting(channels[0].pk, now)
    assert list(Delivery.objects.filter(channel=channels[0], state="pending").values_list("pk", flat=True)) == [broken]


def test_paused_and_busy_channels_have_no_turn(channels, now, monkeypatch):
    Channel.objects.filter(pk=channels[0].pk).update(paused_at=now)
    seen = []

    def look(channel, letter):
        seen.append((due_channels(now), deliver_waiting(channels[1].pk, now)))
        return WELL

    monkeypatch.setattr(outgoing, "send", look)
    deliver(channels[1].deliveries.first().pk, now)
    assert seen == [([channels[2]], [])]
    assert deliver_waiting(channels[0].pk, now) == []
