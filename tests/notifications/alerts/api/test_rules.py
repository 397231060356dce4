"""Alert rules over the API: kept, paused, silenced and followed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ingest.models import Scope
from notifications.alerts.models import Alert, AlertRule
from tests.factories import NOON, make_channel, make_person
from tests.notifications.alerts.api.asking import ALERTS, MAINTENANCE, RULE, RULES, client_with, ids, paths
from tests.notifications.alerts.rows import OVER_100, make_alert, make_change, make_maintenance, make_rule

pytestmark = pytest.mark.django_db


def test_a_rule_is_created_and_says_what_it_watches(api):
    channel = make_channel()
    given = {
        **RULE,
        "key": "many-calls",
        "description": "Look at the gateway.",
        "time_zone": "Europe/Berlin",
        "channels": [str(channel.pk)],
        "reminder": "4h",
        "quiet_for": "15m",
        "tells_resolved": False,
    }

    created = api.post(RULES, given)

    assert created.status_code == 201
    assert created.json().items() >= given.items()
    assert created.json()["words"] == "number of API Call per hour is more than 100"
    assert (created.json()["paused"], created.json()["open_alerts"], created.json()["error"]) == (False, 0, None)
    assert api.get(f"{RULES}{created.json()['id']}/").json() == created.json()
    rule = AlertRule.objects.get()
    assert (rule.judged_until, rule.due_at) == (rule.created_at, rule.created_at)
    assert list(rule.channels.all()) == [channel]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"definition": {**OVER_100, "every": "2m"}}, "definition.every"),
        ({"definition": {**OVER_100, "condition": {"static": {"op": ">"}}}}, "definition.condition.static.value"),
        ({"definition": {**OVER_100, "group_by": ["plan"]}}, "definition.group_by[0]"),
        ({"definition": None}, "definition"),
        ({"definition": 7}, "definition"),
        ({"channels": ["00000000-0000-0000-0000-000000000000"]}, "channels"),
        ({"channels": [7]}, "channels"),
        ({"channels": "all"}, "channels"),
        ({"reminder": "31d"}, "reminder"),
        ({"quiet_for": 15}, "quiet_for"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"key": "no spaces"}, "key"),
        ({"name": ""}, "name"),
        ({"grace": "5m"}, "grace"),
        ({"snoozed_until": 7, "names": 1}, "names"),
    ],
)
def test_a_fault_is_refused_by_its_place(api, given, path):
    assert paths(api.post(RULES, {**RULE, **given})) == [path]
    assert not AlertRule.objects.exists()


def test_the_same_request_again_finds_the_rule_and_another_with_its_key_is_refused(api):
    given = {**RULE, "key": "many-calls", "channels": [str(make_channel().pk)]}
    first = api.post(RULES, given)

    again, other = api.post(RULES, given), api.post(RULES, {**given, "channels": []})

    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "key_taken")
    second = api.post(RULES, {**RULE, "key": "second"}).json()["id"]
    assert api.patch(f"{RULES}{second}/", {"key": "many-calls"}).status_code == 409


def test_an_edit_of_the_definition_ends_open_alerts_and_another_does_not(api):
    rule = make_rule(make_channel())
    alert = make_alert(rule)

    named = api.patch(f"{RULES}{rule.pk}/", {"name": "Other", "channels": []}).json()
    edited = api.patch(f"{RULES}{rule.pk}/", {"definition": {**OVER_100, "every": "day"}}).json()

    assert (named["definition_version"], named["open_alerts"], named["channels"]) == (1, 1, [])
    assert (edited["definition_version"], edited["open_alerts"], edited["name"]) == (2, 0, "Other")
    alert.refresh_from_db()
    assert (alert.end, alert.changes.last().kind) == ("edited", "resolved")


def test_a_pause_is_not_judged(api):
    rule = make_rule()

    paused = api.patch(f"{RULES}{rule.pk}/", {"paused": True}).json()
    since = AlertRule.objects.get().paused_at
    api.patch(f"{RULES}{rule.pk}/", {"paused": True})
    assert (paused["paused"], AlertRule.objects.get().paused_at) == (True, since)
    resumed = api.patch(f"{RULES}{rule.pk}/", {"paused": False}).json()

    assert resumed["paused"] is False
    assert AlertRule.objects.get().judged_until >= since > NOON


def test_a_rule_is_snoozed_for_a_while_or_until_a_time_and_woken(api):
    rule = make_rule()
    address, before = f"{RULES}{rule.pk}/", timezone.now()

    def until() -> Any:
        return AlertRule.objects.get().snoozed_until

    assert api.post(f"{address}snooze/", {"for": "4h"}).status_code == 200
    assert timedelta(hours=4) <= until() - before < timedelta(hours=4, minutes=5)
    tomorrow = before + timedelta(days=1)
    assert api.post(f"{address}snooze/", {"until": tomorrow.isoformat()}).json()["snoozed_until"]
    assert until() == tomorrow
    assert api.post(f"{address}wake/").json()["snoozed_until"] is None
    for wrong in ({}, {"for": "4h", "until": tomorrow.isoformat()}, {"until": before.isoformat()}):
        assert paths(api.post(f"{address}snooze/", wrong)) == ["until"]
    assert paths(api.post(f"{address}snooze/", {"for": "soon"})) == ["for"]
    assert until() is None


def test_a_rule_whose_definition_is_no_longer_valid_can_be_read_paused_and_mended(api):
    rule = make_rule(error="metric: missing")
    AlertRule.objects.update(definition={"version": 1})
    address = f"{RULES}{rule.pk}/"

    assert api.get(address).json().items() >= {"words": "", "error": "metric: missing"}.items()
    assert api.patch(address, {"paused": True}).status_code == 200
    assert api.patch(address, {"definition": OVER_100}).json()["error"] is None


def test_a_rule_goes_with_its_alerts_and_its_channel_stays_as_long_as_it_is_used(api):
    channel = make_channel()
    rule = make_rule(channel)
    make_alert(rule)

    refused = client_with(Scope.ADMIN).delete(f"/api/channels/{channel.pk}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert api.delete(f"{RULES}{rule.pk}/").status_code == 204
    assert not Alert.objects.exists()
    assert client_with(Scope.ADMIN).delete(f"/api/channels/{channel.pk}/").status_code == 204


def test_rules_are_filtered(api):
    channel = make_channel()
    off = make_rule(name="Errors", key="errors")
    quiet = make_rule(channel, name="Volume", paused_at=NOON)
    make_alert(off)
    make_alert(quiet, resolved_at=NOON, end="recovered")

    def listed(query: str) -> set[str]:
        return ids(api.get(f"{RULES}{query}"))

    assert listed("") == {str(off.pk), str(quiet.pk)}
    assert listed("?key=errors") == listed("?name=err") == listed("?paused=false") == {str(off.pk)}
    assert listed("?alerting=true") == {str(off.pk)}
    assert listed(f"?channel={channel.pk}") == listed("?alerting=false") == {str(quiet.pk)}


def test_lists_ask_the_same_queries_for_one_row_and_for_three(api):
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(address).status_code == 200
        return len(captured)

    def make() -> None:
        rule = make_rule(make_channel(), make_channel())
        make_change(make_alert(rule, acknowledged_at=NOON, acknowledged_by=make_person()), by=make_person())
        make_maintenance(rule)

    make()
    queries(RULES)  # notes that the key is used
    for_one = [queries(address) for address in (RULES, ALERTS, MAINTENANCE)]
    make(), make()
    assert [queries(address) for address in (RULES, ALERTS, MAINTENANCE)] == for_one


def test_changes_are_followed_from_a_cursor_to_the_next(api):
    rule, other = make_rule(), make_rule()
    alert = make_alert(rule, group={"company_id": "acme"})
    make_alert(other)
    address = f"{RULES}{rule.pk}/changes/"

    first = api.get(address).json()
    assert [(each["kind"], each["alert"], each["group"]) for each in first["results"]] == [
        ("opened", str(alert.pk), {"company_id": "acme"})
    ]
    person = make_person()
    make_change(alert, kind="acknowledged", by=person)
    make_change(alert, kind="resolved")
    second = api.get(f"{address}?after={first['cursor']}&limit=1").json()
    assert [(each["kind"], each["by"]) for each in second["results"]] == [("acknowledged", person.username)]
    third = api.get(f"{address}?after={second['cursor']}").json()
    assert [each["kind"] for each in third["results"]] == ["resolved"]
    assert api.get(f"{address}?after={third['cursor']}").json() == {"cursor": third["cursor"], "results": []}
    for wrong in ("x", "ä", api.get(f"{RULES}{other.pk}/changes/").json()["cursor"]):
        refused = api.get(address, {"after": wrong})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")
