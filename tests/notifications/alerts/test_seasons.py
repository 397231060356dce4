"""Anomalies of traffic with days and weeks, through a month's end and a change of the clocks: live, in a trial and by a
plain evaluator the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import sin, tau
from zoneinfo import ZoneInfo

import pytest

from ingest.parse import PARSERS
from ingest.record import record
from notifications.alerts.models import Alert
from notifications.alerts.plans import plan_of
from notifications.alerts.replay import replay
from tests.alert_reference import Rule
from tests.notifications.alerts.watching import HOUR, make_watched, watch_at
from tests.reference_world import Clock, Received, World

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
END = datetime(2026, 4, 1, 6, tzinfo=BERLIN).astimezone(ZoneInfo("UTC"))
"""Three days after a change of the clocks, just after a month's end."""
SINCE = END - timedelta(hours=36)


def traffic() -> list[Received]:
    """An event for every hour of five weeks, which weighs what passed in it: less at night and on Sundays.

    At last it jumps for an hour, and fails to come for a while; what would make up for that comes too late.
    """
    found = []
    for back in range(36 * 24, 0, -1):
        at = END - back * HOUR
        weight = int(60 + 40 * sin(tau * at.hour / 24) + back * 7 % 11) // (3 if at.weekday() == 6 else 1)
        weight *= 9 if back == 30 else 1
        late = 5 * HOUR if 8 <= back < 14 else timedelta(minutes=1)
        found.append(received(at, weight, late))
    return sorted(found, key=lambda one: one.at)


def received(at: datetime, weight: int, late: timedelta) -> Received:
    item = {
        "request": {"time": at.isoformat(), "verb": "GET", "uri": "/"},
        "response": {"time": at.isoformat(), "status": 200},
        "company_id": "acme",
        "weight": weight,
    }
    return Received("event", item, at + late)


def test_the_days_and_weeks_of_traffic_are_learned_as_a_plain_evaluator_learns_them():
    events, anomaly = traffic(), {"anomaly": {"direction": "both"}}
    shapes = [{"every": "hour"}, {"every": "day", "mode": "rolling"}, {"every": "day"}]
    rules = [make_watched(at=SINCE, time_zone="Europe/Berlin", condition=anomaly, **shape) for shape in shapes]
    coming = list(events)
    for now in [SINCE, *(END - hours * HOUR for hours in (27, 9, 0))]:
        arrived = [one for one in coming if one.at <= now]
        record([PARSERS[one.what](one.item, one.at) for one in arrived])
        coming = coming[len(arrived) :]
        watch_at(now)
    world = World([one for one in events if one.at <= END], Clock(END, BERLIN))
    opened = {}
    for rule in rules:
        plain = Rule(rule.definition, BERLIN)
        expected = [(one.opened_at, one.value, one.resolved_at) for one in plain.alerts(world, SINCE, END, {})]
        live = Alert.objects.filter(rule=rule).order_by("opened_at")
        assert list(live.values_list("opened_at", "value", "resolved_at")) == expected
        tried = replay(plan_of(rule), END, 1.5).alerts
        assert [(one.opened_at, one.value, one.resolved_at) for one in tried] == expected
        opened[rule] = [value for _, value, _ in expected]
    hourly = opened[rules[0]]
    assert max(hourly) > 300
    assert min(hourly) == 0
