"""What a message of alerts says, and how many messages it takes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from notifications.channels import CHANNELS
from notifications.channels.base import Limits
from notifications.compose_alert import alert_messages, make_example_alert
from notifications.message import AlertText, Happened
from tests.notifications.messages import HOSTILE, NOW, alerts

FEW = Limits(customers=2)


def told(whole: AlertText, limits: Limits = FEW) -> AlertText:
    [message] = alert_messages(whole, limits)
    return message


@pytest.mark.parametrize(
    ("whole", "headline"),
    [
        (alerts("acme"), "Alert: Error rate over 5 %: acme"),
        (alerts(), "Alert: Error rate over 5 %"),
        (alerts("acme", "globex", "initech"), "Alert: Error rate over 5 % (3 alerts)"),
        (alerts("acme", happened=Happened.RESOLVED), "Resolved: Error rate over 5 %: acme"),
        (alerts("acme", happened=Happened.REMINDER), "Still open: Error rate over 5 %: acme"),
        (alerts("acme", test=True), "Test: Alert: Error rate over 5 %: acme"),
    ],
)
def test_the_headline_says_what_happened_to_whom(whole, headline):
    assert told(whole).words.headline == headline


def test_the_summary_says_what_is_watched_when_it_was_found_and_what_is_not_watched():
    summary = told(alerts("acme", not_watched=9_950)).words.summary
    assert summary == (
        "Alerts when the share of API Call where response.status is at least 500 in API Call is more than 5%. Found "
        "between 13:10 and 13:15 on 2 March 2026 (Europe/Berlin). 9,950 smaller groups are not watched."
    )
    assert told(alerts("acme", not_watched=1)).words.summary.endswith("1 smaller group is not watched.")


def test_with_several_alerts_it_is_said_whose_the_chart_is():
    assert told(alerts("acme", "globex")).words.caption == "The chart is that of acme."
    assert told(alerts("acme")).words.caption == ""


def test_people_are_told_of_the_first_ones_and_how_many_more_there_are():
    message = told(alerts("acme", "globex", "initech"))
    assert [alert.name for alert in message.alerts] == ["acme", "globex"]
    assert (message.words.more, message.count) == ("and 1 more", 3)
    assert told(alerts("acme", "globex")).words.more == ""


@pytest.mark.parametrize(
    ("happened", "sentence"),
    [
        (Happened.OPENED, "expected at most 5%, saw 12.4%"),
        (Happened.RESOLVED, "expected at most 5%, saw 2.3%, after 30 minutes"),
        (Happened.REMINDER, "expected at most 5%, saw 12.4%, open for 30 minutes"),
    ],
)
def test_people_are_told_how_long_it_took(happened, sentence):
    [alert] = told(alerts("acme", happened=happened)).alerts
    assert alert.sentence == sentence


def test_the_body_has_the_documented_keys_in_their_order():
    [message] = alert_messages(alerts("acme", not_watched=3), CHANNELS["webhook"].limits)
    body = json.loads(CHANNELS["webhook"].write_alert(message))
    assert list(body) == [
        "type", "version", "id", "part", "parts", "created_at", "test", "rule", "interval", "metric", "condition",
        "count", "alerts", "not_watched",
    ]  # fmt: skip
    assert list(body["alerts"][0]) == [
        "id", "group", "state", "value", "expected", "sentence", "opened_at", "resolved_at", "url",
    ]  # fmt: skip
    assert (body["type"], body["version"], body["count"], body["not_watched"]) == ("alert.opened", 1, 1, 3)
    assert body["interval"] == {"from": "2026-03-02T12:10:00Z", "to": "2026-03-02T12:15:00Z"}
    assert body["condition"]["definition"] == {"static": {"op": ">", "value": 0.05}}
    assert body["alerts"][0]["expected"] == {"low": None, "high": 0.05}
    assert body["alerts"][0]["group"] == {"company_id": "acme"}


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_value_that_json_does_not_have_is_unknown(value):
    [alert] = alerts("acme").alerts
    body = json.loads(alerts(alerts=(replace(alert, value=value, high=value),)).encode())
    assert (body["alerts"][0]["value"], body["alerts"][0]["expected"]["high"]) == (None, None)


def test_many_alerts_are_cut_into_parts_that_each_fit():
    limits = CHANNELS["webhook"].limits
    names = [f"{number} {'ä' * 300}" for number in range(1_000)]
    parts = alert_messages(alerts(*names), limits)
    assert 1 < len(parts) < 10
    assert [(part.part, part.parts, part.count) for part in parts] == [
        (number, len(parts), 1_000) for number in range(1, len(parts) + 1)
    ]
    assert all(len(replace(part, id="x" * 36).encode().encode()) <= limits.size for part in parts)
    assert [alert.name for part in parts for alert in part.alerts] == names


@pytest.mark.parametrize("name", HOSTILE)
def test_a_headline_is_one_line_whatever_things_are_called(name):
    whole = alerts(name)
    headline = told(replace(whole, rule=replace(whole.rule, name=name * 10))).words.headline
    assert len(headline.splitlines()) == 1
    assert len(headline) < 250
    assert "\u202e" not in headline


@pytest.mark.parametrize("happened", Happened)
def test_an_example_can_be_told_as_if_it_had_happened(happened):
    example = make_example_alert(NOW, happened=happened, test=True)
    for kind in CHANNELS.values():
        assert kind.write_alert(alert_messages(example, kind.limits)[0])
    assert example.chart.points[-1].value == pytest.approx(example.alerts[0].value, abs=0.01)
