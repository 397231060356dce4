"""What a turn of a rule sends: one message for all that opened, with what is needed to judge it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from notifications.models import Delivery
from tests.cohorts.criteria.asking import say_of_company
from tests.factories import NOON, make_channel
from tests.notifications.alerts.watching import GRACE, HOUR, calls, make_watched, watch_at

pytestmark = pytest.mark.django_db


def bodies() -> list[dict[str, Any]]:
    """What was put on its way, in order."""
    return [
        json.loads(content) for content in Delivery.objects.order_by("created_at").values_list("content", flat=True)
    ]


def test_groups_that_open_together_are_one_message_with_the_worst_first():
    rule = make_watched([make_channel()], group_by=["company_id"], most_groups=2, name="Too many calls")
    for company, count in (("a", 3), ("b", 6), ("c", 1)):
        calls(count, NOON - HOUR, company_id=company)
    watch_at(NOON + GRACE)
    [body] = bodies()
    assert (body["type"], body["count"], body["not_watched"]) == ("alert.opened", 2, 1)
    assert body["rule"]["name"] == "Too many calls"
    assert body["rule"]["url"].endswith(f"/alert-rules/{rule.pk}/")
    assert body["interval"] == {"from": "2026-03-02T11:00:00Z", "to": "2026-03-02T12:00:00Z"}
    assert body["condition"]["words"] == "is more than 2"
    assert [(alert["group"], alert["value"]) for alert in body["alerts"]] == [
        ({"company_id": "b"}, 6.0),
        ({"company_id": "a"}, 3.0),
    ]
    assert body["alerts"][0]["expected"] == {"low": None, "high": 2.0}
    assert body["alerts"][0]["sentence"] == "expected at most 2, saw 6"


def test_what_resolves_is_told_to_whoever_was_told_of_it():
    make_watched([make_channel(), make_channel("slack")])
    calls(3, NOON - HOUR)
    watch_at(NOON + GRACE)
    watch_at(NOON + HOUR + GRACE)
    [opened, resolved] = [body for body in bodies() if "type" in body and str(body["type"]).startswith("alert.")]
    assert (opened["type"], resolved["type"]) == ("alert.opened", "alert.resolved")
    assert resolved["alerts"][0]["id"] == opened["alerts"][0]["id"]
    assert resolved["alerts"][0]["resolved_at"] == "2026-03-02T13:00:00Z"
    assert Delivery.objects.count() == 4


def test_it_is_not_told_that_an_alert_resolved_where_nobody_wants_to_know():
    make_watched([make_channel()], tells_resolved=False)
    calls(3, NOON - HOUR)
    watch_at(NOON + GRACE)
    watch_at(NOON + HOUR + GRACE)
    assert [body["type"] for body in bodies()] == ["alert.opened"]


def test_a_reminder_has_the_same_alert_and_another_id():
    make_watched([make_channel()], reminder=timedelta(minutes=30))
    calls(3, NOON - HOUR)
    watch_at(NOON + GRACE)
    watch_at(NOON + GRACE + timedelta(minutes=30))
    opened, again = bodies()
    assert again["type"] == "alert.reminder"
    assert again["alerts"][0]["id"] == opened["alerts"][0]["id"]
    assert again["id"] != opened["id"]


def test_a_person_reads_what_a_company_is_called():
    say_of_company("a", name="Acme Inc.")
    make_watched([make_channel("slack")], group_by=["company_id"])
    calls(3, NOON - HOUR, company_id="a")
    watch_at(NOON + GRACE)
    assert "Acme Inc." in Delivery.objects.get().content
