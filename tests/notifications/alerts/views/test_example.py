"""The example beside the dialog of a rule, and sending it as a test."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from ingest.columns import open_columns
from notifications.models import Delivery
from tests.factories import make_channel, make_company, make_event, make_user
from tests.notifications.alerts.rows import HOUR, OVER_100, make_rule
from tests.receivers import Answer

pytestmark = pytest.mark.django_db

SECRET = "whsec_" + "c2VjcmV0" * 4
FEW = {**OVER_100, "condition": {"static": {"op": ">", "value": 3}}}


@pytest.fixture
def now():
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def events(now):
    """Five calls of Acme ten hours ago, one since."""
    past = now - timedelta(days=40)
    ann = make_user("ann", past, make_company("acme", past, metadata={"name": "Acme Corp"}))
    hour = now.replace(minute=0, second=0) - 10 * HOUR
    for minute in (0, 1, 2, 3, 4, 60):
        make_event(ann, hour + timedelta(minutes=minute))
    open_columns().seal(now)
    return hour


def given(rule, **others):
    return {"criteria": json.dumps(rule), "time_zone": "UTC", **others}


def shown_json(answer):
    """The body of the webhook that the answer shows."""
    assert answer.status_code == 200
    code = re.search(r'<code id="notification-json">(.*?)</code>', answer.content.decode(), re.DOTALL)[1]
    return json.loads(html.unescape(re.sub("<[^>]+>", "", code)))


def test_the_example_is_the_alert_that_the_rule_would_have_told_last(client_as, events):
    rule = {**FEW, "group_by": ["company_id"]}
    answer = client_as("Viewer").post("/alert-rules/example/", given(rule, name="Busy"))
    told = shown_json(answer)
    assert told["type"] == "alert.opened"
    assert told["rule"]["name"] == "Busy"
    [alert] = told["alerts"]
    assert (alert["group"], alert["value"], alert["sentence"]) == (
        {"company_id": "acme"},
        5,
        "expected at most 3, saw 5",
    )
    page = answer.content.decode()
    assert "Alert: Busy: Acme Corp" in page
    assert "would not have alerted" not in page
    assert page.count('id="notification-json"') == 1


def test_of_a_rule_that_never_alerted_the_newest_number_is_told_as_if(client_as, events):
    answer = client_as("Viewer").post("/alert-rules/example/", given(OVER_100))
    assert "The rule would not have alerted lately" in answer.content.decode()
    [alert] = shown_json(answer)["alerts"]
    assert alert["sentence"] == "expected at most 100, saw 0"
    assert shown_json(answer)["rule"]["name"] == "Your rule"


@pytest.mark.parametrize("group_by", [[], ["company_id"]])
def test_without_any_numbers_there_is_an_example_all_the_same(client_as, now, group_by):
    open_columns().seal(now)
    rule = {**FEW, **({"group_by": group_by} if group_by else {})}
    told = shown_json(client_as("Viewer").post("/alert-rules/example/", given(rule, name="Busy")))
    assert told["rule"]["name"] == "Busy"
    assert len(told["alerts"]) == 1


def test_a_saved_rule_shows_its_own(client_as, events, now):
    rule = make_rule(now=now, name="Saved", definition=FEW)
    told = shown_json(client_as("Viewer").post("/alert-rules/example/", {"rule": rule.pk, "name": "Renamed"}))
    assert told["rule"] == {"id": str(rule.pk), "name": "Renamed", "url": f"http://testserver/alert-rules/{rule.pk}/"}


def test_the_mail_stands_in_a_frame_with_its_picture(client_as, events):
    answer = client_as("Viewer").get("/mail-preview/alert-rules/", given(FEW, name="Busy"))
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "data:image/png;base64" in answer.content.decode()


@pytest.mark.parametrize("wrong", [{"criteria": '{"version": 1}'}, {"rule": "6f0d5ea2-6d0f-4d0c-9a53-0a4d4be4d3a4"}])
def test_of_what_is_no_rule_there_is_no_example(client_as, wrong):
    assert client_as("Viewer").post("/alert-rules/example/", wrong).status_code == 404


def test_a_test_goes_to_all_that_were_chosen_and_says_so(client_as, events, receiver):
    hook = make_channel(name="Hook", config={"url": receiver.url, "secret": SECRET})
    broken = make_channel(name="Broken", config={"url": f"{receiver.url}x", "secret": SECRET})
    receiver.answers += [Answer(500), Answer(200)]
    client = client_as("Operator")
    answer = client.post("/alert-rules/test/", {**given(FEW, name="Busy"), "channels": [hook.pk, broken.pk]})
    told = [request.verified(SECRET) for request in receiver.requests]
    assert [(each["test"], each["rule"]["name"]) for each in told] == [(True, "Busy")] * 2
    text = answer.content.decode()
    assert "Broken: the test failed" in text
    assert "Hook: the test arrived: 200" in text
    assert not Delivery.objects.exists()


def test_without_a_channel_nothing_is_sent(client_as, events):
    answer = client_as("Operator").post("/alert-rules/test/", {**given(FEW), "channels": ["nonsense"]})
    assert "Choose first where to send it" in answer.content.decode()
