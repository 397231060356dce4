"""The dialog that saves a rule and changes what it has beside its definition."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from notifications.alerts.models import Alert, AlertRule
from notifications.models import Channel
from tests.factories import make_channel
from tests.notifications.alerts.rows import HOUR, OVER_100, make_alert, make_rule

pytestmark = pytest.mark.django_db

FEW = {**OVER_100, "condition": {"static": {"op": ">", "value": 3}}}


@pytest.fixture
def now():
    return timezone.now().replace(microsecond=0)


def handed_on(rule: Any) -> dict[str, str]:
    """What the page hands on to the parts that follow the editor."""
    return {"criteria": json.dumps(rule), "time_zone": "UTC", "fingerprint": "as the form has it"}


def words(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


def test_a_new_rule_is_saved_with_whom_it_tells(client_as):
    channel = make_channel(name="On call")
    client = client_as("Analyst")
    dialog = client.get("/alert-rules/save/", {**handed_on(FEW), "name": "Many calls"})
    assert "On call" in words(dialog)
    assert 'value="Many calls"' in dialog.content.decode()
    given = {"name": "Many calls", "channels": [channel.pk], "reminder": "1h", "tells_resolved": "on"}
    answer = client.post("/alert-rules/save/", {**handed_on(FEW), **given})
    rule = AlertRule.objects.get()
    assert answer.headers["HX-Redirect"] == reverse("alert_rule", args=[rule.pk])
    assert (rule.name, rule.definition, rule.reminder, rule.tells_resolved) == ("Many calls", FEW, HOUR, True)
    assert list(rule.channels.all()) == [channel]
    assert rule.created_by is not None


def test_a_rule_without_a_name_or_with_an_unknown_channel_is_refused_and_what_was_chosen_stays(client_as):
    channel = make_channel(name="On call")
    client = client_as("Analyst")
    answer = client.post("/alert-rules/save/", {**handed_on(FEW), "name": "", "channels": [channel.pk]})
    assert answer.status_code == 422
    assert "This field is required" in words(answer)
    assert re.search(rf'value="{channel.pk}"\s+checked', answer.content.decode())
    for wrong in ("nonsense", "6f0d5ea2-6d0f-4d0c-9a53-0a4d4be4d3a4"):
        assert (
            client.post("/alert-rules/save/", {**handed_on(FEW), "name": "A", "channels": [wrong]}).status_code == 422
        )
    assert not AlertRule.objects.exists()


def test_an_unfinished_rule_is_not_saved(client_as):
    client = client_as("Analyst")
    broken = handed_on({**FEW, "every": "fortnight"})
    assert "finish the rule first" in words(client.get("/alert-rules/save/", broken))
    assert client.post("/alert-rules/save/", {**broken, "name": "A"}).status_code == 422


def test_settings_are_changed_without_touching_the_definition(client_as, now):
    old, new = make_channel(name="Old"), make_channel(name="New")
    rule = make_rule(old, now=now)
    make_alert(rule)
    client = client_as("Analyst")
    address = reverse("alert_rule_settings", args=[rule.pk])
    assert re.search(rf'value="{old.pk}"\s+checked', client.get(address).content.decode())
    given = {"name": "Renamed", "channels": [new.pk], "quiet_for": "4h", "key": "renamed"}
    assert client.post(address, given).headers["HX-Refresh"]
    rule.refresh_from_db()
    assert (rule.name, rule.key, rule.quiet_for, rule.tells_resolved) == ("Renamed", "renamed", 4 * HOUR, False)
    assert list(rule.channels.all()) == [new]
    assert Alert.objects.get().is_open


# --- A channel that is made in the dialog

NEW_WEBHOOK = {
    "channel_choice": "new:webhook",
    "new-name": "Backend",
    "new-url": "https://hooks.example.com/alerts",
}


def test_a_webhook_made_with_a_rule_is_told_and_its_secret_shown_before_the_rules_page(client_as):
    known = make_channel(name="On call")
    given = {**handed_on(FEW), "name": "Many calls", "channels": [known.pk], **NEW_WEBHOOK}
    answer = client_as("Operator").post("/alert-rules/save/", given)
    rule = AlertRule.objects.get()
    assert {channel.name for channel in rule.channels.all()} == {"On call", "Backend"}
    secret = rule.channels.get(name="Backend").config["secret"]
    assert secret in answer.content.decode()
    assert f'data-then="{reverse("alert_rule", args=[rule.pk])}"' in answer.content.decode()


def test_a_mail_channel_made_in_the_settings_of_a_rule_joins_the_others(client_as, now):
    rule = make_rule(make_channel(name="On call"), now=now)
    made = {"channel_choice": "new:email", "new-name": "Team", "new-recipients": "team@example.com"}
    given = {"name": rule.name, "channels": [rule.channels.get().pk], **made}
    answer = client_as("Operator").post(reverse("alert_rule_settings", args=[rule.pk]), given)
    assert answer.headers["HX-Refresh"]
    assert {channel.name for channel in rule.channels.all()} == {"On call", "Team"}


def test_a_channel_that_cannot_be_made_keeps_the_rule_unsaved_and_what_was_typed(client_as):
    wrong = {**NEW_WEBHOOK, "new-url": "nowhere"}
    answer = client_as("Operator").post("/alert-rules/save/", {**handed_on(FEW), "name": "Many calls", **wrong})
    assert answer.status_code == 422
    assert 'value="nowhere"' in answer.content.decode()
    assert not AlertRule.objects.exists()
    assert not Channel.objects.exists()


def test_who_may_not_add_channels_makes_none_with_a_rule(client_as):
    client, given = client_as("Analyst"), {**handed_on(FEW), "name": "Many calls", **NEW_WEBHOOK}
    assert "new:webhook" not in client.get("/alert-rules/save/", handed_on(FEW)).content.decode()
    assert "You may not add channels" in client.post("/alert-rules/save/", given).content.decode()
    assert not Channel.objects.exists()
