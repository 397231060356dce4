"""Alerts over the API: listed, acknowledged, snoozed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications.alerts.models import Alert
from tests.factories import NOON
from tests.notifications.alerts.api.asking import ALERTS, paths
from tests.notifications.alerts.rows import make_alert, make_change, make_rule

pytestmark = pytest.mark.django_db


def test_an_alert_is_told_with_what_was_expected_and_its_history(api):
    alert = make_alert(group={"company_id": "acme"})
    make_change(alert, kind="told")

    told = api.get(f"{ALERTS}{alert.pk}/").json()

    expected = {
        "rule": str(alert.rule_id),
        "group": {"company_id": "acme"},
        "state": "open",
        "value": 640.0,
        "expected": {"low": None, "high": 100.0},
        "sentence": "expected at most 100, saw 640",
        "interval": {"from": "2026-03-02T11:00:00Z", "to": "2026-03-02T12:00:00Z"},
        "end": None,
    }
    assert told.items() >= expected.items()
    assert told["url"].endswith(f"/alerts/{alert.pk}/")
    assert [each["kind"] for each in told["changes"]] == ["told", "opened"]


def test_alerts_are_listed_the_newest_first_and_filtered(api):
    rule = make_rule(key="errors")
    first = make_alert(rule, group={"company_id": "acme", "response.status": 500})
    known = make_alert(rule, group={"company_id": "acme", "response.status": None}, acknowledged_at=NOON)
    over = make_alert(opened_at=NOON + timedelta(hours=1), resolved_at=NOON + timedelta(hours=2), end="recovered")

    def listed(**query: Any) -> list[Alert]:
        found = {str(alert.pk): alert for alert in (first, known, over)}
        answer = api.get(ALERTS, {"limit": 2, **query})
        assert answer.status_code == 200, answer.content
        return [found[each["id"]] for each in answer.json()["results"]]

    def of_group(**group: Any) -> list[Alert]:
        return listed(group=json.dumps({name.replace("__", "."): value for name, value in group.items()}))

    assert listed()[0] == over
    assert listed(state="open") == [first]
    assert listed(state="acknowledged") == [known]
    assert listed(state="resolved") == listed(opened_after="2026-03-02T12:30:00Z") == [over]
    assert set(listed(rule=rule.pk)) == set(listed(rule_key="errors")) == {first, known}
    assert set(of_group(company_id="acme")) == {first, known}
    assert of_group(company_id="acme", response__status=500) == [first]
    assert of_group(response__status=None) == [known]
    assert of_group(company_id="Acme") == of_group(company_id=7) == []


@pytest.mark.parametrize(
    "group", ["acme", "{", "[]", "{}", '{"plan": 1}', '{"company_id": ["a"]}', '{"type": 1, "user_id": 1, "email": 1}']
)
def test_a_wrong_group_is_refused(api, group):
    assert paths(api.get(ALERTS, {"group": group})) == ["group"]


@pytest.mark.parametrize("value", ["\0", "\ud800", '"', "'", "%", 1e300, True, -0.0])
def test_odd_groups_are_no_fault(api, value):
    for name in ("company_id", 'metadata."', "metadata.'", "metadata.[0]", "metadata.%", "metadata.$.a"):
        assert api.get(ALERTS, {"group": json.dumps({name: value})}).status_code in (200, 400), name


def test_an_alert_is_acknowledged_once_and_not_when_it_is_over(api):
    alert, over = make_alert(), make_alert(resolved_at=NOON, end="recovered")

    first = api.post(f"{ALERTS}{alert.pk}/acknowledge/", {"note": "On it"}).json()
    again = api.post(f"{ALERTS}{alert.pk}/acknowledge/").json()

    assert (first["state"], first["acknowledged_by"]) == ("acknowledged", None)
    assert [(each["kind"], each["note"]) for each in first["changes"][:-1]] == [("acknowledged", "On it")]
    assert again == first
    refused = api.post(f"{ALERTS}{over.pk}/acknowledge/")
    assert (refused.status_code, refused.json()["code"]) == (409, "resolved")
    assert paths(api.post(f"{ALERTS}{alert.pk}/acknowledge/", {"notes": "x"})) == ["notes"]


def test_an_alert_is_snoozed_and_woken_and_its_history_says_by_whom(api):
    alert, before = make_alert(), timezone.now()

    api.post(f"{ALERTS}{alert.pk}/snooze/", {"for": "1d"})
    alert.refresh_from_db()
    assert alert.snoozed_until - before >= timedelta(days=1)
    woken = api.post(f"{ALERTS}{alert.pk}/wake/").json()
    assert api.post(f"{ALERTS}{alert.pk}/wake/").json() == woken

    assert woken["snoozed_until"] is None
    assert [(each["kind"], each["note"]) for each in woken["changes"][:-1]] == [
        ("woken", "API key test"),
        ("snoozed", "API key test"),
    ]
    assert paths(api.post(f"{ALERTS}{alert.pk}/snooze/", {})) == ["until"]
