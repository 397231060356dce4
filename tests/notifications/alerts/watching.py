"""A site with alert rules, minute by minute."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from ingest.columns import open_columns
from notifications.alerts.edit import create_rule
from notifications.alerts.models import Alert, AlertRule
from notifications.alerts.watch import due_rules, shared_passes, watch
from notifications.models import Channel
from tests.cohorts.criteria.asking import call
from tests.factories import NOON, NUMBERS

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
START = NOON - timedelta(days=1)
"""When rules of tests are made."""
GRACE = 2 * MINUTE


def definition(**changes: Any) -> dict[str, Any]:
    """More than two calls an hour are too many, unless told otherwise."""
    plain = {
        "version": 1,
        "metric": {"of": {"type": "api_call"}, "figure": "count"},
        "every": "hour",
        "condition": {"static": {"op": ">", "value": 2}},
    }
    return plain | changes


def make_watched(channels: Iterable[Channel] = (), at: datetime = START, **values: Any) -> AlertRule:
    """A rule that begins at an instant; keys of definitions go into its own."""
    keys = definition().keys() | {"mode", "group_by", "most_groups", "minimum", "recovers", "grace"}
    changes = {key: values.pop(key) for key in keys & values.keys()}
    values = {"name": f"Rule {next(NUMBERS)}", "definition": definition(**changes), **values}
    return create_rule(values, now=at, channels=channels)


def calls(count: int, at: datetime, **item: Any) -> None:
    """API calls, a second apart."""
    for second in range(count):
        call("u1", at + timedelta(seconds=second), **item)


def watch_at(now: datetime) -> list[Alert]:
    """Seal, and judge what is due; the alerts that opened or ended."""
    open_columns().seal(now)
    return [alert for rules in shared_passes(due_rules(now)).values() for alert in watch(rules, now)]


def changes_of(alert: Alert) -> list[str]:
    """What happened to it, in order."""
    return list(alert.changes.order_by("pk").values_list("kind", flat=True))
