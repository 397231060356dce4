"""From calls to what arrives: an alert opens, is told with its chart, and resolves."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cohortsite.pipeline import run_cycle
from notifications.alerts.models import Alert
from notifications.models import Delivery
from tests.factories import NOON, make_channel
from tests.notifications.alerts.watching import GRACE, HOUR, calls, make_watched

pytestmark = pytest.mark.django_db
SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def webhook(receiver):
    return make_channel(config={"url": receiver.url, "secret": SECRET})


def test_an_alert_that_opens_and_resolves_is_told_of_twice(webhook, receiver):
    rule = make_watched([webhook], name="Too many calls")
    calls(3, NOON - HOUR)
    run_cycle(NOON + GRACE)
    run_cycle(NOON + HOUR + GRACE)
    opened, resolved = (request.verified(SECRET) for request in receiver.requests)
    alert = Alert.objects.get()
    assert [body["type"] for body in (opened, resolved)] == ["alert.opened", "alert.resolved"]
    assert opened["rule"] == {
        "id": str(rule.pk),
        "name": "Too many calls",
        "url": f"http://testserver/alert-rules/{rule.pk}/",
    }
    assert opened["interval"] == {"from": "2026-03-02T11:00:00Z", "to": "2026-03-02T12:00:00Z"}
    assert opened["metric"] == {"words": "number of API Call", "definition": rule.definition["metric"]}
    assert opened["condition"] == {"words": "is more than 2", "definition": rule.definition["condition"]}
    assert opened["alerts"] == [
        {
            "id": str(alert.pk),
            "group": {},
            "state": "open",
            "value": 3.0,
            "expected": {"low": None, "high": 2.0},
            "sentence": "expected at most 2, saw 3",
            "opened_at": "2026-03-02T12:00:00Z",
            "resolved_at": None,
            "url": f"http://testserver/alerts/{alert.pk}/",
        }
    ]
    [told] = resolved["alerts"]
    assert (told["state"], told["resolved_at"]) == ("resolved", "2026-03-02T13:00:00Z")
    assert told["sentence"] == "expected at most 2, saw 0"


def test_groups_that_open_together_are_one_message_for_each_channel(webhook, receiver, slack, mailbox):
    channels = [
        webhook,
        make_channel("slack", config={"webhook_url": slack.webhook_url}),
        make_channel("email", config={"recipients": ["a@example.com"]}),
    ]
    make_watched(channels, name="Too many calls", group_by=["company_id"])
    for company, count in (("acme", 9), ("globex", 4), ("initech", 1)):
        calls(count, NOON - HOUR, company_id=company)
    run_cycle(NOON + GRACE)
    [hook], [post], [mail] = receiver.requests, slack.requests, mailbox.mails
    assert [alert["group"] for alert in hook.json["alerts"]] == [{"company_id": "acme"}, {"company_id": "globex"}]
    assert post.json["text"] == mail.message["Subject"] == "Alert: Too many calls (2 alerts)"
    for shown in (json.dumps(post.json["blocks"]), mail.part("plain"), mail.part("html")):
        assert shown.index("acme") < shown.index("globex")
        assert "initech" not in shown
    assert any(part.get_content_type() == "image/png" for part in mail.message.walk())


def test_the_chart_ends_with_the_interval_that_opened_it_and_marks_it():
    make_watched([make_channel("email")])
    calls(1, NOON - 5 * HOUR)
    calls(3, NOON - HOUR)
    run_cycle(NOON + GRACE)
    chart = json.loads(Delivery.objects.get().content)["chart"]
    values = [point["value"] for point in chart["points"]]
    assert (len(values), values[-5:]) == (48, [1, 0, 0, 0, 3])
    assert {point["high"] for point in chart["points"]} == {2}
    assert chart["marked"] == [chart["points"][-1]["start"]] == ["2026-03-02T11:00:00Z"]


def test_a_rule_without_channels_tells_nobody_and_finds_the_alert_all_the_same():
    make_watched()
    calls(3, NOON - HOUR)
    run_cycle(NOON + GRACE + timedelta(seconds=1))
    assert Alert.objects.count() == 1
    assert not Delivery.objects.exists()
