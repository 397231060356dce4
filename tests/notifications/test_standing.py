"""Channels that cannot work are switched off, and people are told elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cohortsite.pipeline import run_cycle
from notifications.channels.base import Outcome
from notifications.delivery import deliver, due_deliveries, send_test
from notifications.models import Channel, Delivery
from notifications.notices import own_channel
from notifications.standing import HOPELESS_AFTER, HOPELESS_ATTEMPTS, mark_channel
from tests.factories import make_batch, make_channel, make_delivery, make_person, make_subscription
from tests.receivers import Answer

pytestmark = pytest.mark.django_db
SECRET = "whsec_" + "c2VjcmV0" * 4
FAILED = Outcome(succeeded=False, error="answered 500, expected 2xx")
HOUR = timedelta(hours=1)


@pytest.fixture
def owner():
    return make_person(email="owner@example.com")


@pytest.fixture
def channel(owner):
    return make_channel(name="Hook", created_by=owner)


def state_of(channel: Channel) -> str:
    return Channel.objects.get(pk=channel.pk).state


def fail(channel: Channel, at, times: int = 1, every: timedelta = HOUR):
    for number in range(times):
        mark_channel(channel.pk, FAILED, at + number * every)


def told() -> list[tuple[str, str]]:
    return sorted(notices().values_list("recipient", "title"))


def notices():
    return Delivery.objects.filter(about="notice")


def test_one_that_only_failed_for_five_days_is_switched_off_and_its_owner_told(channel, now):
    fail(channel, now, HOPELESS_ATTEMPTS)
    assert (state_of(channel), told()) == ("failing", [])
    mark_channel(channel.pk, FAILED, now + HOPELESS_AFTER)
    assert (state_of(channel), told()) == ("disabled", [("owner@example.com", "Switched off: Hook")])
    assert "answered 500, expected 2xx" in notices().get().content
    fail(channel, now + HOPELESS_AFTER + HOUR)
    assert len(told()) == 1


def test_few_attempts_are_not_enough_and_neither_is_a_short_time(channel, now):
    fail(channel, now, HOPELESS_ATTEMPTS - 2)
    mark_channel(channel.pk, FAILED, now + 2 * HOPELESS_AFTER)
    assert state_of(channel) == "failing"
    often = make_channel()
    fail(often, now, 5 * HOPELESS_ATTEMPTS, timedelta(minutes=1))
    assert state_of(often) == "failing"


def test_a_success_in_between_starts_the_count_anew(channel, now):
    fail(channel, now, HOPELESS_ATTEMPTS)
    mark_channel(channel.pk, Outcome(succeeded=True), now + timedelta(days=4))
    fail(channel, now + timedelta(days=4, hours=1), HOPELESS_ATTEMPTS)
    mark_channel(channel.pk, FAILED, now + timedelta(days=8))
    assert state_of(channel) == "failing"


def test_a_receiver_that_is_gone_switches_its_channel_off_at_once(receiver, owner, now):
    channel = make_channel(config={"url": receiver.url, "secret": SECRET}, created_by=owner)
    batch = make_batch(make_subscription(channel=channel))
    first, second = make_delivery(batch), make_delivery(batch, part=2)
    receiver.always = Answer(410)
    deliver(first.pk, now)
    first.refresh_from_db()
    assert (first.state, state_of(channel)) == ("dead", "disabled")
    assert due_deliveries(now + timedelta(days=1), channel.pk) == []
    assert deliver(second.pk, now) is None
    receiver.always = Answer(200)
    Channel.objects.update(paused_at=None)
    assert due_deliveries(now, channel.pk) == [second.pk], "what waited is not lost"


def test_a_channel_of_slack_whose_webhook_was_removed_says_what_to_do(slack, now):
    channel = make_channel("slack", config={"webhook_url": slack.webhook_url})
    slack.always = Answer(404, "no_service")
    slack.answers.append(slack.always)
    waiting = make_delivery(make_batch(make_subscription(channel=channel)), content='{"text": "x", "blocks": []}')
    deliver(waiting.pk, now)
    channel.refresh_from_db()
    assert channel.state == "disabled"
    assert "make a new one in Slack and paste it here" in channel.last_error
    assert "secret0000" not in channel.last_error


def test_people_are_told_when_it_works_again_after_it_was_resumed(channel, now):
    mark_channel(channel.pk, Outcome(succeeded=False, error="gone", disables=True), now)
    Channel.objects.update(paused_at=None)
    assert state_of(channel) == "failing"
    fail(channel, now + timedelta(days=9))
    assert state_of(channel) == "failing", "whoever resumed it gave it as much time again"
    mark_channel(channel.pk, Outcome(succeeded=True), now + timedelta(days=9))
    mark_channel(channel.pk, Outcome(succeeded=True), now + timedelta(days=10))
    assert told() == [("owner@example.com", "Switched off: Hook"), ("owner@example.com", "Works again: Hook")]
    assert state_of(channel) == "working"


def test_it_is_told_on_the_operators_channels_except_itself(channel, now):
    Channel.objects.update(tells_operators=True)
    make_channel("slack", tells_operators=True)
    mark_channel(channel.pk, Outcome(succeeded=False, error="gone", disables=True), now)
    assert list(notices().order_by("channel__kind").values_list("channel__kind", "recipient")) == [
        ("email", "owner@example.com"),
        ("slack", ""),
    ]


def test_channels_of_operators_that_are_all_gone_do_not_tell_of_each_other_for_ever(receiver, mailbox, owner, now):
    receiver.always = Answer(410)
    for name in ("One", "Other"):
        config = {"url": receiver.url, "secret": SECRET}
        make_channel(name=name, config=config, created_by=owner, tells_operators=True)
    make_delivery(make_batch(make_subscription(channel=Channel.objects.get(name="One"))))
    for day in range(10):
        run_cycle(now + timedelta(days=day))
    assert told() == [
        ("", "Switched off: One"),
        ("", "Switched off: Other"),
        ("owner@example.com", "Switched off: One"),
        ("owner@example.com", "Switched off: Other"),
    ]
    assert len(receiver.requests) == 2
    assert len(mailbox.mails) == 2


def test_mail_to_people_goes_on_whatever_happens_to_one_address(now):
    own = own_channel(now)
    fail(own, now, HOPELESS_ATTEMPTS)
    mark_channel(own.pk, Outcome(succeeded=False, error="gone", disables=True), now + HOPELESS_AFTER)
    assert Channel.every.get().paused_at is None
    assert told() == []


def test_without_owner_and_operators_channel_everybody_who_manages_channels_is_told(now):
    make_person(email="boss@example.com")
    make_person(superuser=False, email="viewer@example.com")
    channel = make_channel(name="Hook")
    mark_channel(channel.pk, Outcome(succeeded=False, error="gone", disables=True), now)
    assert told() == [("boss@example.com", "Switched off: Hook")]


def test_a_channel_paused_by_hand_is_not_called_switched_off(channel, now):
    mark_channel(channel.pk, Outcome(succeeded=False, error="gone", disables=True), now)
    Channel.objects.update(paused_at=now + HOUR)
    assert state_of(channel) == "paused"


def test_a_test_switches_nothing_off(receiver, now):
    channel = make_channel(config={"url": receiver.url, "secret": SECRET})
    receiver.always = Answer(410)
    assert not send_test(channel, now).succeeded
    assert state_of(channel) == "failing"
