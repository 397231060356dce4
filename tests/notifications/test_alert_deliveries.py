"""Alerts as they arrive: by webhook, Slack and mail, from what is frozen to what a person or a program reads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from svix.webhooks import Webhook as Svix

from cohortsite.pipeline import run_cycle
from notifications.channels import drawing
from notifications.delivery import replay, send_test
from notifications.message import Happened
from notifications.models import Delivery
from notifications.telling import alert_deliveries, tell
from tests.factories import make_channel
from tests.notifications.messages import HOSTILE, NOW, alerts
from tests.receivers import Answer

SECRET = "whsec_" + "c2VjcmV0" * 4
KEY = "33333333 opened 2026-03-02T12:15:00Z"
pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(receiver):
    return make_channel(config={"url": receiver.url, "secret": SECRET})


@pytest.fixture
def slack_channel(slack):
    return make_channel("slack", config={"webhook_url": slack.webhook_url})


@pytest.fixture
def mail_channel(mailbox):
    return make_channel("email", config={"recipients": ["a@example.com", "b@example.com"]})


@pytest.fixture
def public(settings):
    settings.SITE_URL = "https://cohorts.example.com"


def send(alert, *channels, at=NOW):
    tell(alert_deliveries(alert, KEY, channels))
    return run_cycle(at).attempts


def texts(value) -> str:
    """All that a reader of a message in Slack sees."""
    if isinstance(value, dict):
        return value["text"] if isinstance(value.get("text"), str) else " ".join(map(texts, value.values()))
    return " ".join(map(texts, value)) if isinstance(value, list) else ""


# --- Webhook


def test_a_webhook_gets_everything_signed_and_two_libraries_accept_it(webhook, receiver):
    send(alerts("acme", "globex"), webhook)
    [request] = receiver.requests
    body = request.verified(SECRET)
    Svix(SECRET).verify(request.body, request.headers)
    assert body["id"] == request.headers["webhook-id"] == str(Delivery.objects.get().pk)
    assert (body["type"], body["test"], body["count"]) == ("alert.opened", False, 2)
    assert [alert["group"] for alert in body["alerts"]] == [{"company_id": "acme"}, {"company_id": "globex"}]


def test_a_thousand_groups_come_in_parts_each_under_an_id_of_its_own(webhook, receiver):
    send(alerts(*[f"{number}-{'x' * 200}" for number in range(1_000)]), webhook)
    bodies = [request.verified(SECRET) for request in receiver.requests]
    assert [body["part"] for body in bodies] == list(range(1, bodies[0]["parts"] + 1))
    assert len({body["id"] for body in bodies}) == len(bodies) > 1
    assert sum(len(body["alerts"]) for body in bodies) == bodies[0]["count"] == 1_000


def test_what_did_not_arrive_comes_again_with_the_same_content_and_id(webhook, receiver):
    receiver.answers.append(Answer(500))
    send(alerts("acme"), webhook)
    send(alerts("acme"), webhook, at=NOW + timedelta(seconds=10))
    replay([Delivery.objects.get().pk], NOW + timedelta(minutes=1))
    run_cycle(NOW + timedelta(minutes=1))
    assert len({(request.headers["webhook-id"], request.body) for request in receiver.requests}) == 1
    assert len(receiver.requests) == 3


def test_the_log_says_what_was_told_and_leads_to_it(webhook):
    one, several = alerts("acme"), alerts("acme", "globex", happened=Happened.RESOLVED)
    tell(alert_deliveries(one, "1", [webhook]))
    tell(alert_deliveries(several, "2", [webhook]))
    logged = Delivery.objects.order_by("key").values_list("about", "title", "url")
    assert list(logged) == [
        ("alert", "Alert: Error rate over 5 %: acme", one.alerts[0].url),
        ("alert", "Resolved: Error rate over 5 % (2 alerts)", several.rule.url),
    ]


# --- Slack


def test_slack_shows_what_happened_a_line_of_bars_and_the_groups(slack_channel, slack):
    [attempt] = send(alerts("acme", "globex"), slack_channel)
    assert attempt.succeeded
    sent = slack.requests[0].json
    assert sent["text"] == "Alert: Error rate over 5 % (2 alerts)"
    shown = texts(sent["blocks"])
    for part in ("is more than 5%", "Found between 13:10 and 13:15", "▂▂█", "acme", "expected at most 5%, saw 12.4%"):
        assert part in shown
    assert "chart" not in sent, "the numbers of the picture are for us"
    assert all(block["type"] != "image" for block in sent["blocks"]), "Slack cannot reach this site"


def test_a_public_site_shows_slack_the_picture_by_an_address_that_needs_no_login(slack_channel, slack, public, client):
    at = timezone.now()
    send(alerts("acme", created_at=at), slack_channel, at=at)
    [image] = [block for block in slack.requests[0].json["blocks"] if block["type"] == "image"]
    assert image["alt_text"] == "Chart of the last 48 intervals for acme: expected at most 5%, saw 12.4%"
    address = urlsplit(image["image_url"])
    assert (address.scheme, address.hostname) == ("https", "cohorts.example.com")
    fetched = client.get(address.path)
    assert fetched.content.startswith(b"\x89PNG")
    assert (fetched.headers["Content-Type"], fetched.headers["Cache-Control"]) == ("image/png", "no-store")


def test_where_slack_refuses_the_picture_the_same_attempt_goes_without(slack_channel, slack, public):
    slack.fetches = False
    [attempt] = send(alerts("acme"), slack_channel)
    assert attempt.succeeded
    first, second = (request.json["blocks"] for request in slack.requests)
    assert [block for block in first if block["type"] != "image"] == second
    assert len(first) == len(second) + 1


def test_what_slack_refuses_for_another_reason_is_not_sent_twice(slack_channel, slack, public):
    slack.answers += [Answer(404, "no_service")]
    [attempt] = send(alerts("acme"), slack_channel)
    assert not attempt.succeeded
    assert len(slack.requests) == 1


@pytest.mark.parametrize("groups", [0, 1, 1_000])
def test_slack_takes_any_number_of_groups(slack_channel, slack, public, groups):
    [attempt] = send(alerts(*[f"{'Acme ' * 30}{number}" for number in range(groups)]), slack_channel)
    assert attempt.succeeded, attempt.error
    assert ("and 990 more" in texts(slack.requests[0].json["blocks"])) == (groups == 1_000)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_notify_nobody_in_slack(slack_channel, slack, public, name):
    made = alerts(*[name] * 12)
    named = replace(made, rule=replace(made.rule, name=name), metric=replace(made.metric, words=name))
    hostile = replace(named, alerts=tuple(replace(alert, sentence=name) for alert in made.alerts))
    [attempt] = send(hostile, slack_channel)
    assert attempt.succeeded, attempt.error
    assert slack.pings == []
    assert "\u202e" not in slack.requests[0].body.decode()


# --- Email


def test_a_mail_has_the_chart_inside_and_says_the_same_as_text(mail_channel, mailbox):
    attempts = send(alerts("acme", "globex"), mail_channel)
    assert [attempt.succeeded for attempt in attempts] == [True, True]
    mail = mailbox.mails[0]
    assert mail.message["Subject"] == "Alert: Error rate over 5 % (2 alerts)"
    for text in (mail.part("plain"), mail.part("html")):
        for part in (
            "is more than 5%",
            "acme",
            "globex",
            "expected at most 5%, saw 12.4%",
            "cohorts.example.com/rule/",
        ):
            assert part in text
    [picture] = [part for part in mail.message.walk() if part.get_content_type() == "image/png"]
    assert mail.message.get_content_type() == "multipart/related"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content().startswith(b"\x89PNG")
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in mail.part("html")
    assert 'alt="Chart of the last 48 intervals for acme: expected at most 5%, saw 12.4%"' in mail.part("html")


def test_everybody_gets_the_same_picture_and_a_way_out_of_their_own(mail_channel, mailbox):
    send(alerts("acme"), mail_channel)
    first, second = sorted(mailbox.mails, key=lambda mail: mail.recipients)
    assert [mail.recipients for mail in (first, second)] == [["a@example.com"], ["b@example.com"]]
    assert first.message["List-Unsubscribe"] != second.message["List-Unsubscribe"]
    assert "unsubscribe.invalid" not in first.message.as_string()


def test_a_chart_that_cannot_be_drawn_keeps_back_no_alert(mail_channel, mailbox, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("notifications.channels.email.draw", fail)
    attempts = send(alerts("acme"), mail_channel)
    assert [attempt.succeeded for attempt in attempts] == [True, True]
    assert "saw 12.4%" in mailbox.mails[0].part("plain")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_harmless_in_a_mail(mail_channel, mailbox, name):
    made = alerts(name)
    send(replace(made, rule=replace(made.rule, name=name), metric=replace(made.metric, words=name)), mail_channel)
    mail = mailbox.mails[0]
    html = mail.part("html")
    assert mail.message["Bcc"] is None
    assert html.count("<img") == 1
    assert "<script" not in html
    assert "\u202e" not in html + mail.part("plain") + mail.message["Subject"]


# --- Tests that people send, and what cannot be read


@pytest.mark.parametrize("kind", ["webhook", "slack", "mail"])
def test_a_test_arrives_marked_as_one(kind, request, receiver, slack, mailbox, public):
    channel = request.getfixturevalue({"webhook": "webhook", "slack": "slack_channel", "mail": "mail_channel"}[kind])
    assert send_test(channel, NOW, alerts("acme", test=True)).succeeded
    if kind == "webhook":
        body = receiver.requests[0].verified(SECRET)
        assert (body["test"], body["id"]) == (True, receiver.requests[0].headers["webhook-id"])
    elif kind == "slack":
        assert slack.requests[0].json["text"].startswith("Test: ")
        assert len(slack.requests) == 1
    else:
        assert mailbox.mails[0].message["Subject"].startswith("Test: ")
        assert mailbox.mails[0].message.get_content_type() == "multipart/related"
    assert not Delivery.objects.exists()


def test_a_channel_that_cannot_be_read_fails_where_people_look(webhook):
    type(webhook).objects.update(config={})
    unreadable = type(webhook).objects.get()
    unreadable.config = "gAAAAA"
    tell(alert_deliveries(alerts("acme"), KEY, [unreadable]))
    assert Delivery.objects.get().state == "pending"


def test_the_picture_is_not_drawn_before_it_is_sent(mail_channel, monkeypatch):
    monkeypatch.setattr(drawing, "draw", None)
    monkeypatch.setattr("notifications.channels.email.draw", None)
    tell(alert_deliveries(alerts("acme"), KEY, [mail_channel]))
    content = json.loads(Delivery.objects.first().content)
    assert len(content["chart"]["points"]) == 48
