"""The example beside the dialog, and the test that sends it."""

from __future__ import annotations

import html
import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from notifications.models import Channel
from tests.factories import make_channel, make_cohort, make_customer, make_person, make_subscription
from tests.notifications.history import move, start
from tests.notifications.messages import STORABLE
from tests.notifications.views.test_subscribe import client_of
from tests.receivers import Answer

pytestmark = pytest.mark.django_db
BOTH = {"send_on_addition": "on", "send_on_removal": "on"}


@pytest.fixture
def client():
    client = Client()
    client.force_login(make_person())
    return client


@pytest.fixture
def cohort(now):
    cohort = make_cohort(name="Big spenders")
    ada, alan = (make_customer(f"user-{name}", metadata={"name": name, "plan": "pro"}) for name in ("Ada", "Alan"))
    start(cohort, now, [ada])
    move(cohort, now, added=[alan], removed=[ada])
    return cohort


def shown(client, cohort, **values):
    answer = client.post(reverse("notification_preview", args=[cohort.pk]), BOTH | values)
    assert answer.status_code == 200
    return answer.content.decode()


def json_in(page):
    found = re.search(r'<code id="notification-json">(.*?)</code>', page, re.DOTALL)
    return json.loads(html.unescape(re.sub("<[^>]+>", "", found[1])))


def test_the_example_is_the_webhooks_body_with_real_members(client, cohort):
    body = json_in(shown(client, cohort, fields=["name", "metadata.plan"]))
    assert body["type"] == "cohort.membership_changed"
    assert [(entry["name"], entry["metadata"]) for entry in body["added"]] == [("Alan", {"plan": "pro"})]
    assert [entry["user_id"] for entry in body["removed"]] == ["user-Ada"]
    assert (body["test"], body["sequence"]) == (False, 1)


def test_it_follows_the_choices(client, cohort):
    body = json_in(shown(client, cohort, send_on_removal=[], fields=["nonsense", "name"], more_fields="metadata.pl"))
    assert body["removed"] == []
    assert list(body["added"][0]) == ["user_id", "name", "metadata", "changed_at", "reason", "because", "evidence"]
    nothing = shown(client, cohort, send_on_addition=[], send_on_removal=[])
    assert "Nothing would be sent" in nothing


def test_a_cohort_without_members_says_that_its_example_is_made_up(client, cohort):
    empty = make_cohort(kind="company")
    assert "made up" in shown(client, empty)
    assert json_in(shown(client, empty))["added"][0]["company_id"] == "67890"
    assert "made up" not in shown(client, cohort)


def test_an_edited_subscription_goes_on_counting(client, cohort):
    subscription = make_subscription(cohort=cohort, sequence=41)
    values = {"subscription": subscription.pk, "channel_choice": subscription.channel_id}
    assert json_in(shown(client, cohort, **values))["sequence"] == 42
    assert json_in(shown(client, cohort, subscription="nonsense"))["sequence"] == 1


def test_slack_is_drawn_from_its_blocks(client, cohort):
    page = shown(client, cohort, channel_choice="new:slack", fields=["name"])
    assert "Big spenders: 1 joined, 1 left" in page
    assert ">Alan</a>" in page
    assert json_in(page)["blocks"][0]["type"] == "header"


def test_a_mail_is_shown_in_a_frame_that_may_run_nothing(client, cohort):
    page = shown(client, cohort, channel_choice=make_channel("email").pk, fields=["name", "metadata.plan"])
    source = html.unescape(re.search(r'<iframe[^>]* src="([^"]+)"', page)[1])
    assert 'sandbox=""' in page
    frame = client.get(source)
    assert "Alan" in frame.content.decode()
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("kind", ["webhook", "slack", "email"])
def test_hostile_customers_are_shown_and_do_nothing(client, now, kind):
    cohort = make_cohort(name=STORABLE[3])
    people = [make_customer(f"user-{n}", metadata={"name": name}) for n, name in enumerate(STORABLE)]
    start(cohort, now)
    for person in people:
        cohort = make_cohort(name=f"{STORABLE[3]} {person.pk} \u202egnp.exe {{{{7*7}}}}")
        start(cohort, now, [person])
        page = shown(client, cohort, channel_choice=f"new:{kind}", fields=["name"])
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "\u202e" not in page
        assert "{{7*7}}" in html.unescape(re.sub("<[^>]+>", "", page))
    frame = client.get(reverse("mail_preview", args=[cohort.pk]), {"fields": "name", "send_on_addition": "on"})
    assert "<script>alert" not in frame.content.decode()


def send(client, cohort, **values):
    return client.post(reverse("notification_test", args=[cohort.pk]), BOTH | values)


def test_a_test_goes_to_the_chosen_channel_and_its_answer_is_shown(client, cohort, receiver):
    channel = make_channel(config={"url": receiver.url, "secret": "whsec_" + "c2VjcmV0" * 4})
    receiver.always = Answer(200, "<b>thanks</b>")
    page = send(client_of("Administrator"), cohort, channel_choice=channel.pk, fields=["name"]).content.decode()
    assert "The test arrived: 200" in page
    assert "&lt;b&gt;thanks&lt;/b&gt;" in page
    body = receiver.requests[0].verified(channel.config["secret"])
    assert (body["test"], body["added"][0]["name"]) == (True, "Alan")
    assert Channel.objects.get().state == "working"


def test_a_channel_that_is_not_saved_yet_can_be_tested_and_stays_unsaved(client, cohort, receiver):
    receiver.always = Answer(503, "busy")
    page = send(client, cohort, **{"channel_choice": "new:webhook", "new-url": receiver.url}).content.decode()
    assert "The test failed" in page
    assert "answered 503" in page
    assert "busy" in page
    assert receiver.requests[0].json["test"] is True
    assert not Channel.objects.exists()


def test_what_is_missing_for_a_test_is_said(client, cohort):
    assert "Choose first where" in send(client, cohort).content.decode()
    assert "Choose first where" in send(client, cohort, channel_choice="new:pigeon").content.decode()
    page = send(client, cohort, **{"channel_choice": "new:webhook", "new-url": "ftp://example.com"}).content.decode()
    assert "URL: expected an address" in page


def test_many_tests_at_once_are_refused(client, cohort, receiver):
    values = {"channel_choice": "new:webhook", "new-url": receiver.url}
    pages = [send(client, cohort, **values).content.decode() for _ in range(6)]
    assert "many tests" in pages[-1]
    assert "many tests" not in pages[-2]
    assert len(receiver.requests) == 5


@pytest.mark.parametrize("role", ["Viewer", "Analyst"])
def test_only_operators_send_tests(cohort, receiver, role):
    channel = make_channel(config={"url": receiver.url, "secret": "whsec_" + "c2VjcmV0" * 4})
    person = client_of(role)
    assert send(person, cohort, channel_choice=channel.pk).status_code == 403
    assert send(person, cohort, **{"channel_choice": "new:webhook", "new-url": receiver.url}).status_code == 403
    assert receiver.requests == []
