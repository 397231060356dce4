"""How rules stand before they are judged: where they are, their open alerts, and what is due."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.unsealed import complete_until
from notifications.alerts.groups import Group
from notifications.alerts.intervals import DAY
from notifications.alerts.life import State
from notifications.alerts.models import Alert, AlertRule
from notifications.alerts.plan import Plan
from notifications.alerts.plans import plan_of, planned_maintenance

FEWEST_CAUGHT_UP = 10
"""Intervals that are judged after the worker was away, or those of a day if that is more; earlier ones are skipped."""


@dataclass(frozen=True)
class Standing:
    """A rule, the intervals to judge (by the numbers of their ends) and how many earlier ones are skipped."""

    rule: AlertRule
    plan: Plan
    numbers: range
    skipped: int
    open_alerts: Mapping[Group, Alert]
    states: Mapping[Group, State]


def look_at(rules: Sequence[AlertRule], now: datetime) -> list[Standing]:
    """How rules stand at `now`. No interval is judged for which events wait to be sealed: it is judged once.

    Raises CriteriaError where a definition is not valid.
    """
    planned, complete = planned_maintenance(), complete_until(now)
    plans = {rule.pk: plan_of(rule, planned) for rule in rules}
    alerts: dict[uuid.UUID, list[Alert]] = {rule.pk: [] for rule in rules}
    for alert in Alert.objects.filter(rule__in=rules, resolved_at=None):
        alerts[alert.rule_id].append(alert)
    return [_standing(rule, plans[rule.pk], alerts[rule.pk], complete) for rule in rules]


def _standing(rule: AlertRule, plan: Plan, alerts: Sequence[Alert], complete: datetime) -> Standing:
    due = plan.due(rule.judged_until, complete)
    most = max(FEWEST_CAUGHT_UP, DAY // plan.grid.step)
    states = _quiet(rule) if due else {}
    states |= {Group(alert.group): _state(alert) for alert in alerts}
    open_alerts = {Group(alert.group): alert for alert in alerts}
    return Standing(rule, plan, due[-most:], max(0, len(due) - most), open_alerts, states)


def _state(alert: Alert) -> State:
    return State(is_open=True, calm=alert.calm, unknown=alert.unknown, opened_at=alert.opened_at)


def _quiet(rule: AlertRule) -> dict[Group, State]:
    """The groups that had an alert so lately that they may not have another."""
    if rule.quiet_for is None:
        return {}
    since = rule.judged_until - rule.quiet_for
    ended = Alert.objects.filter(rule=rule, definition_version=rule.definition_version, opened_at__gt=since)
    return {Group(alert.group): State(opened_at=alert.opened_at) for alert in ended.order_by("opened_at")}
