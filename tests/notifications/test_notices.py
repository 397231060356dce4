"""Operators are told of what needs them: once, on the channels that they chose, in each channel's own way."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cohortsite.pipeline import run_cycle
from notifications.delivery import deliver, due_deliveries
from notifications.models import Channel, Delivery
from notifications.notices import tell_operators
from tests.factories import make_channel, make_person
from tests.receivers import Answer

SECRET = "whsec_" + "c2VjcmV0" * 4
HELD = ("held 1", "Notifications are held", "5,000 would be told at once.", "https://cohorts.example.com/deliveries/")

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(receiver):
    return make_channel(config={"url": receiver.url, "secret": SECRET}, tells_operators=True)


def test_every_channel_of_the_operators_tells_in_its_own_way(webhook, receiver, slack, mailbox, now):
    make_channel("slack", config={"webhook_url": slack.webhook_url}, tells_operators=True)
    make_channel("email", config={"recipients": ["a@example.com", "b@example.com"]}, tells_operators=True)
    make_channel(name="of customers only")
    assert tell_operators(*HELD, now) == 4
    assert [attempt.succeeded for attempt in run_cycle(now).attempts] == [True] * 4
    [request] = receiver.requests
    assert request.verified(SECRET) == {
        "type": "operators.notice",
        "version": 1,
        "id": request.headers["webhook-id"],
        "created_at": "2026-03-02T12:00:00Z",
        "title": HELD[1],
        "text": HELD[2],
        "url": HELD[3],
    }
    assert HELD[1] in slack.requests[0].json["text"]
    assert HELD[3] in json.dumps(slack.requests[0].json["blocks"])
    assert {mail.message["To"] for mail in mailbox.mails} == {"a@example.com", "b@example.com"}
    mail = mailbox.mails[0].message
    assert mail["Subject"] == HELD[1]
    assert HELD[2] in mail.get_body(("plain",)).get_content()
    assert HELD[3] in mail.get_body(("html",)).get_content()
    assert run_cycle(now + timedelta(days=9)).attempts == []


def test_of_the_same_thing_a_channel_tells_once_and_never_of_itself(webhook, now):
    other = make_channel(tells_operators=True)
    tell_operators(*HELD, now, besides=other)
    tell_operators(*HELD, now + timedelta(hours=1), besides=other)
    assert Delivery.objects.get().channel == webhook


def test_a_notice_that_does_not_arrive_is_tried_again_and_shows_on_its_channel(webhook, receiver, now):
    receiver.answers.append(Answer(500))
    tell_operators(*HELD, now)
    [due] = due_deliveries(now)
    deliver(due, now)
    assert Channel.objects.get().state == "failing"
    [attempt] = run_cycle(now + timedelta(seconds=6)).attempts
    assert (attempt.delivery_id, attempt.number, attempt.succeeded) == (due, 2, True)
    first, second = receiver.requests
    assert first.body == second.body


def test_notices_wait_while_their_channel_is_paused(webhook, receiver, now):
    tell_operators(*HELD, now)
    webhook.paused_at = now
    webhook.save()
    assert run_cycle(now).attempts == []
    webhook.paused_at = None
    webhook.save()
    assert len(run_cycle(now + timedelta(days=1)).attempts) == 1


def test_a_person_is_told_by_mail_without_any_channel(mailbox, now):
    owner = make_person(email="owner@example.com")
    assert tell_operators(*HELD, now, owner=owner) == 1
    tell_operators(*HELD, now, owner=owner)
    run_cycle(now)
    assert [mail.recipients for mail in mailbox.mails] == [["owner@example.com"]]
    assert run_cycle(now + timedelta(days=9)).attempts == []
    assert not Channel.objects.exists(), "nobody sees, chooses or changes the site's own channel"


def test_one_address_that_is_refused_does_not_keep_the_others_from_their_mail(mailbox, now):
    for name in ("ann", "bob", "cleo"):
        make_person(email=f"{name}@example.com")
    mailbox.refusals["bob@example.com"] = "550 no such person"
    tell_operators(*HELD, now)
    run_cycle(now)
    assert sorted(mail.recipients for mail in mailbox.mails) == [["ann@example.com"], ["cleo@example.com"]]
    assert Delivery.objects.get(recipient="bob@example.com").state == "dead"
