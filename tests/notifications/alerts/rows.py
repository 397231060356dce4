"""Rows of alert rules for tests. Every function takes what the test is about and fills in the rest."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from notifications.alerts.edit import create_rule
from notifications.alerts.models import Alert, AlertChange, AlertRule, Maintenance
from notifications.models import Channel
from tests.factories import NOON

NUMBERS = itertools.count(1)
HOUR = timedelta(hours=1)
CALLS: dict[str, Any] = {"type": "api_call"}
OVER_100 = {
    "version": 1,
    "metric": {"of": CALLS, "figure": "count"},
    "every": "hour",
    "condition": {"static": {"op": ">", "value": 100}},
}


def make_rule(*channels: Channel, now=NOON, **values) -> AlertRule:
    """A rule that counts API calls per hour."""
    defaults = {"name": f"Rule {next(NUMBERS)}", "definition": OVER_100}
    later = {name: values.pop(name) for name in ("judged_until", "due_at", "error", "skipped") if name in values}
    rule = create_rule({**defaults, **values}, now=now, channels=channels)
    AlertRule.objects.filter(pk=rule.pk).update(**later)
    rule.refresh_from_db()
    return rule


def make_alert(rule: AlertRule | None = None, **values) -> Alert:
    """An alert that opened at noon, for the hour before."""
    group = values.pop("group", {})
    end = values.get("opened_at", NOON)
    defaults = {
        "group": group,
        "group_key": repr(sorted(group.items())),
        "definition_version": 1,
        "opened_at": end,
        "interval_start": end - HOUR,
        "interval_end": end,
        "value": 640.0,
        "high": 100.0,
        "sentence": "expected at most 100, saw 640",
    }
    alert = Alert.objects.create(rule=rule or make_rule(), **{**defaults, **values})
    AlertChange.objects.create(alert=alert, kind=AlertChange.Kind.OPENED, at=end, note=alert.sentence)
    return alert


def make_change(alert: Alert | None = None, **values) -> AlertChange:
    return AlertChange.objects.create(**{"alert": alert or make_alert(), "kind": "told", "at": NOON, **values})


def make_maintenance(*rules: AlertRule, **values) -> Maintenance:
    """A window for these rules, for all where none is named."""
    usual = {"start": NOON, "end": NOON + HOUR, "created_at": NOON, "all_rules": not rules}
    window = Maintenance.objects.create(**{**usual, **values})
    window.rules.set(rules)
    return window
