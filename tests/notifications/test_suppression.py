"""The way out of mails, and addresses to which nothing is sent any more."""

from __future__ import annotations

import base64
import json

import pytest
from django.urls import reverse

from notifications.channels.email import UNSUBSCRIBING, Email, WayOut, unsubscribe_url
from notifications.delivery import deliver, replay
from notifications.models import Attempt, Channel, Delivery, Suppression
from notifications.suppression import suppress
from tests.factories import make_batch, make_channel, make_delivery, make_subscription
from tests.notifications.messages import entry, message
from tests.notifications.views.test_subscribe import client_of

pytestmark = pytest.mark.django_db
ONE, OTHER = "One@example.com", "other@example.com"
SPENDERS = message(entry())


@pytest.fixture
def mails(mailbox):
    """Two deliveries of one batch, one for each recipient."""
    channel = make_channel("email", config={"recipients": [ONE, OTHER]})
    batch = make_batch(make_subscription(channel=channel))
    content = Email().write(SPENDERS)
    return [make_delivery(batch, recipient=recipient, content=content) for recipient in (ONE, OTHER)]


def link_of(address: str) -> str:
    return unsubscribe_url(WayOut(address, SPENDERS.cohort.id, SPENDERS.cohort.name))


def path_of(address: str) -> str:
    return link_of(address).removeprefix("http://testserver")


def unsubscribe_headers(mailbox) -> dict[str, str]:
    mail = mailbox.mails[0].message
    return {name: mail[name].replace("\n", "") for name in ("List-Unsubscribe", "List-Unsubscribe-Post")}


def test_mail_programs_unsubscribe_by_one_post_without_login_and_the_other_recipient_goes_on(
    client, mails, mailbox, now
):
    for mail in mails:
        deliver(mail.pk, now)
    headers = unsubscribe_headers(mailbox)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = headers["List-Unsubscribe"].strip("<> ").removeprefix("http://testserver")
    answer = client.post(address, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    left = Suppression.objects.get()
    assert (left.address, left.reason, left.list_name) == (ONE.lower(), "unsubscribed", "Big spenders")
    replay([mail.pk for mail in mails], now)
    for mail in mails:
        deliver(mail.pk, now)
    assert [mail.recipients for mail in mailbox.mails] == [[ONE], [OTHER], [OTHER]]


def test_a_link_that_is_merely_opened_unsubscribes_nobody(client, mails, mailbox, now):
    deliver(mails[0].pk, now)
    [mail] = mailbox.mails
    assert link_of(ONE) in mail.part("plain")
    assert link_of(ONE) in mail.part("html")
    page = client.get(path_of(ONE)).content.decode()
    assert ONE in page
    assert "Big spenders" in page
    assert not Suppression.objects.exists()
    assert "You are unsubscribed" in client.post(path_of(ONE)).content.decode()
    assert Suppression.objects.exists()


def test_who_leaves_one_cohort_still_hears_of_others_and_may_leave_all(client, mails, mailbox, now):
    client.post(path_of(ONE))
    elsewhere = make_batch(make_subscription(channel=Channel.objects.get()))
    other = Email().write(message(entry(), cohort="Others"))
    for part in (1, 2):
        make_delivery(elsewhere, part=part, recipient=ONE, content=other)
    first, second = Delivery.objects.filter(batch=elsewhere)
    for delivery in (mails[0], first):
        deliver(delivery.pk, now)
    assert [mail.recipients for mail in mailbox.mails] == [[ONE]]
    assert client.post(path_of(ONE), {"everything": "yes"}).status_code == 200
    deliver(second.pk, now)
    assert len(mailbox.mails) == 1
    page = client_of("Operator").get(reverse("suppressions")).content.decode()
    assert "Of Big spenders" in page
    assert page.count("one@example.com") >= 2


def test_the_link_of_a_mail_that_was_written_before_lists_could_be_left_still_works(client, mails, mailbox, now):
    token = UNSUBSCRIBING.sign_object(ONE)
    assert (
        'about <strong class="value">anything</strong>'
        in client.post(reverse("unsubscribe", args=[token])).content.decode()
    )
    deliver(mails[0].pk, now)
    assert not mailbox.mails


def test_a_mail_that_was_frozen_before_lists_had_names_still_goes_out(mails, mailbox, now):
    old = {name: value for name, value in json.loads(mails[0].content).items() if name != "name"}
    Delivery.objects.update(content=json.dumps(old))
    deliver(mails[0].pk, now)
    assert [mail.recipients for mail in mailbox.mails] == [[ONE]]


@pytest.mark.parametrize("token", ["x", "ImFAYi5jIg:1abc:def"])
def test_a_token_that_is_not_of_this_site_is_nothing(client, token):
    assert client.post(reverse("unsubscribe", args=[token])).status_code == 404
    assert not Suppression.objects.exists()


def test_nothing_is_sent_to_a_suppressed_address_and_its_channel_is_not_blamed(mails, mailbox, now):
    suppress(ONE, "bounced", now)
    for mail in mails:
        deliver(mail.pk, now)
    assert [mail.recipients for mail in mailbox.mails] == [[OTHER]]
    dead = Delivery.objects.get(pk=mails[0].pk)
    assert dead.state == "dead"
    assert dead.last_error == "Given up: nothing is sent to this address any more: mail came back"
    assert Channel.objects.get().state == "working"
    assert Attempt.objects.get(delivery=dead).status == "suppressed"


def test_of_two_recipients_only_the_one_that_failed_is_tried_again(mails, mailbox, now):
    mailbox.refusals[ONE] = "451 try later"
    for mail in mails:
        deliver(mail.pk, now)
    del mailbox.refusals[ONE]
    states = {mail.recipient: mail.state for mail in Delivery.objects.all()}
    assert states == {ONE: "pending", OTHER: "delivered"}
    retry = Delivery.objects.get(recipient=ONE)
    deliver(retry.pk, retry.next_attempt_at)
    assert [mail.recipients for mail in mailbox.mails] == [[OTHER], [ONE]]


def report(client, secret="hook:secret", **event):
    login = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
    body = {"MessageID": "m1", "Recipient": ONE, "Email": ONE, "BouncedAt": "2026-03-02T12:00:00Z", **event}
    return client.post("/hooks/mail/postmark/tracking/", json.dumps(body), "application/json", headers=login)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"RecordType": "Bounce", "Type": "HardBounce", "ID": 1, "Description": "No such user"}, "bounced"),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint", "ID": 2}, "complained"),
        (
            {"RecordType": "SubscriptionChange", "SuppressSending": True, "SuppressionReason": "ManualSuppression"},
            "unsubscribed",
        ),
        ({"RecordType": "Bounce", "Type": "Transient", "ID": 3}, None),
        ({"RecordType": "Delivery", "DeliveredAt": "2026-03-02T12:00:00Z"}, None),
    ],
)
def test_what_a_provider_reports_suppresses_the_address(client, event, reason):
    for _ in range(2):  # providers repeat themselves
        assert report(client, **event).status_code == 200
    assert list(Suppression.objects.values_list("address", "reason")) == ([(ONE.lower(), reason)] if reason else [])


def test_a_report_without_the_secret_is_refused(client):
    event = {"RecordType": "Bounce", "Type": "HardBounce", "ID": 1}
    assert report(client, secret="hook:wrong", **event).status_code == 400
    assert not Suppression.objects.exists()


def test_people_see_who_is_suppressed_and_why_and_lift_it(now):
    found = suppress(ONE, "bounced", now, "Postmark: <b>No such user")
    operator = client_of("Operator")
    page = operator.get(reverse("suppressions")).content.decode()
    for words in ("one@example.com", "Mail came back", "Postmark: &lt;b&gt;No such user"):
        assert words in page
    assert client_of("Viewer").post(reverse("lift_suppression", args=[found.pk])).status_code == 403
    assert operator.post(reverse("lift_suppression", args=[found.pk])).status_code == 302
    assert not Suppression.objects.exists()
