"""What a rule would have done: the alerts, and the numbers of a chart."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ingest.columns import open_columns
from notifications.alerts.conditions import Verdict
from notifications.alerts.definition import parse
from notifications.alerts.plans import plan_of_draft
from notifications.alerts.replay import Replayed, replay
from tests.cohorts.criteria.asking import call
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def rule(**changes: Any) -> dict[str, Any]:
    plain = {
        "version": 1,
        "metric": {"of": {"type": "api_call"}, "figure": "count"},
        "every": "hour",
        "condition": {"static": {"op": ">", "value": 2}},
    }
    return plain | changes


def calls(count: int, at: datetime, **item: Any) -> None:
    for second in range(count):
        call("u1", at + timedelta(seconds=second), **item)


def tried(days: int = 1, at: datetime = NOON, zone: str = "UTC", **changes: Any) -> Replayed:
    open_columns().seal(at)
    return replay(plan_of_draft(parse(rule(**changes)), zone), at, days)


def test_an_alert_opens_once_and_resolves_by_itself():
    calls(3, NOON - 5 * HOUR)
    calls(4, NOON - 4 * HOUR)
    [alert] = tried().alerts
    assert (alert.start, alert.opened_at) == (NOON - 5 * HOUR, NOON - 4 * HOUR)
    assert alert.sentence == "expected at most 2, saw 3"
    assert alert.resolved_at == NOON - 2 * HOUR
    assert alert.resolved_sentence == "expected at most 2, saw 0"


def test_the_last_interval_is_judged_only_when_late_events_are_in():
    calls(3, NOON - HOUR)
    assert tried(at=NOON + MINUTE).alerts == []
    [alert] = tried(at=NOON + 2 * MINUTE).alerts
    assert alert.opened_at == NOON


def test_the_chart_has_values_bounds_and_what_was_off():
    calls(3, NOON - 2 * HOUR)
    [drawn] = tried(at=NOON + HOUR + 2 * MINUTE).drawn
    last = drawn.points[-3:]
    assert [point.value for point in last] == [3, 0, 0]
    assert [(point.low, point.high) for point in last] == [(None, 2)] * 3
    assert [point.verdict for point in last] == [Verdict.BAD, Verdict.OK, Verdict.OK]
    assert last[0].start == NOON - 2 * HOUR


def test_each_group_is_watched_for_itself_and_the_smaller_ones_are_counted():
    for company, count in (("a", 5), ("b", 3), ("c", 1)):
        for second in range(count):
            call("u1", NOON - HOUR + second * MINUTE, company_id=company)
    found = tried(at=NOON + HOUR, group_by=["company_id"], most_groups=2)
    assert [alert.group.values for alert in found.alerts] == [{"company_id": "a"}, {"company_id": "b"}]
    assert found.unwatched == 1
    assert [drawn.group.key for drawn in found.drawn] == ['["a"]', '["b"]']
