"""When an alert that is open is to be told: at once, after a snooze, or again. Pure."""

from __future__ import annotations

from datetime import datetime

from notifications.alerts.models import Alert, AlertRule


def silent_until(alert: Alert, rule: AlertRule) -> datetime | None:
    """Until when nothing is told of it, by its own snooze or its rule's; that may be over."""
    return max(filter(None, (alert.snoozed_until, rule.snoozed_until)), default=None)


def is_silent(alert: Alert, rule: AlertRule, now: datetime) -> bool:
    """Whether nothing is told of it now."""
    until = silent_until(alert, rule)
    return until is not None and until > now


def next_telling(alert: Alert, rule: AlertRule) -> datetime | None:
    """When an open alert is to be told next, if nothing happens; None for never.

    What opens in a snooze is told when that is over; so is, again, what was told before. Of what somebody looks after
    nothing is told again.
    """
    told, silent = alert.reminded_at or alert.told_at, silent_until(alert, rule)
    if alert.acknowledged_at is not None:
        return None
    if told is None:
        return alert.opened_at if silent is None else max(alert.opened_at, silent)
    if silent is not None and told < silent:
        return silent
    return None if rule.reminder is None else told + rule.reminder
