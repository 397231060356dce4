"""What operators are told: by the channels chosen for it, once, and again until it arrives."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cohortsite.pipeline import run_cycle
from notifications.models import Notice
from notifications.notices import DELAYS, due_notices, send_notice, tell_operators
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
    assert len(run_cycle(now).notices) == 4
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
    assert run_cycle(now + timedelta(days=9)).notices == []


def test_of_the_same_thing_a_channel_tells_once_and_never_of_itself(webhook, now):
    other = make_channel(tells_operators=True)
    tell_operators(*HELD, now, besides=other)
    tell_operators(*HELD, now + timedelta(hours=1), besides=other)
    assert Notice.objects.get().channel == webhook


def test_a_notice_that_does_not_arrive_is_tried_again_and_given_up_in_the_end(webhook, receiver, now):
    receiver.always = Answer(500)
    tell_operators(*HELD, now)
    for delay in (timedelta(0), *DELAYS):
        now += delay
        assert due_notices(now - timedelta(seconds=1)) == []
        [due] = due_notices(now)
        send_notice(due, now)
    assert due_notices(now + timedelta(days=99)) == []
    notice = Notice.objects.get()
    assert (notice.attempt_count, notice.sent_at, notice.last_error) == (7, None, "answered 500, expected 2xx")


def test_a_worker_that_dies_while_it_sends_leaves_the_notice_to_the_next(webhook, receiver, now, monkeypatch):
    tell_operators(*HELD, now)
    [due] = due_notices(now)

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("notifications.notices.send", die)
    with pytest.raises(KeyboardInterrupt):
        send_notice(due, now)
    monkeypatch.undo()
    assert send_notice(due, now) is None
    assert send_notice(due, now + DELAYS[0]).pk == due
    assert Notice.objects.get().sent_at is not None


def test_notices_wait_while_their_channel_is_paused(webhook, receiver, now):
    tell_operators(*HELD, now)
    webhook.paused_at = now
    webhook.save()
    assert due_notices(now) == []
    assert send_notice(Notice.objects.get().pk, now) is None
    assert receiver.requests == []


def test_a_person_is_told_by_mail_without_any_channel(mailbox, now):
    owner = make_person(email="owner@example.com")
    assert tell_operators(*HELD, now, owner=owner) == 1
    tell_operators(*HELD, now, owner=owner)
    [due] = due_notices(now)
    send_notice(due, now)
    assert [mail.recipients for mail in mailbox.mails] == [["owner@example.com"]]
    assert due_notices(now + timedelta(days=9)) == []
