"""How rules, alerts and maintenance are doing, in a word for the pill and with what to do where something is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

from cohorts.state import State
from notifications.alerts.models import Alert, AlertRule, Maintenance

LATE = timedelta(minutes=10)
"""How long a rule may be overdue before somebody should look: passes take turns."""

WORKING = State("working", "good")
PAUSED = State("paused", "warn", "Paused", "Nothing is judged and nobody is told until somebody resumes it.")
OVERDUE = State(
    "stuck",
    "bad",
    "Overdue: no worker judges this rule",
    "Ask an administrator whether the worker runs (manage.py run_worker).",
)
ERROR_ADVICE = (
    "It is tried again by itself. If it goes on, edit the rule, or ask an administrator for the worker's log."
)


def state_of_rule(rule: AlertRule, open_alerts: int, now: datetime) -> State:
    """What to say of a rule with so many open alerts. The words of an error itself stand in `rule.error`."""
    if rule.paused_at is not None:
        return PAUSED
    if rule.error:
        return State("failing", "bad", "The rule could not be judged", ERROR_ADVICE)
    if rule.due_at + LATE < now:
        return OVERDUE
    if rule.snoozed_until is not None and rule.snoozed_until > now:
        return State("snoozed", "warn", "Snoozed", "It is judged, but nobody is told until the time is over.")
    if open_alerts:
        return State("1 open alert" if open_alerts == 1 else f"{open_alerts:,} open alerts", "bad")
    return WORKING


def state_of_alert(alert: Alert, now: datetime) -> State:
    """What to say of an alert."""
    if alert.resolved_at is not None:
        return State("resolved", "good")
    if alert.snoozed_until is not None and alert.snoozed_until > now:
        return State("snoozed", "warn")
    return State("acknowledged", "info") if alert.acknowledged_at else State("open", "bad")


def state_of_maintenance(window: Maintenance, now: datetime) -> State:
    """What to say of a time that is not judged."""
    if window.end <= now:
        return State("over", "")
    return State("going on", "warn") if window.start <= now else State("planned", "info")
