"""What people do about an alert: say that they know, or ask for silence. Both are written down with the alert.

Each raises the `turn` of the rule, so that what is told just now without knowing of it is thrown away.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from notifications.alerts.models import Alert, AlertChange, AlertRule


@transaction.atomic
def acknowledge(alert: Alert, by: User | None, *, now: datetime, note: str = "") -> bool:
    """Note that somebody looks after it: it is not reminded of any more. False if it is closed or was known before."""
    values = {"acknowledged_at": now, "acknowledged_by": by}
    return _change(alert, {"acknowledged_at": None}, values, AlertChange.Kind.ACKNOWLEDGED, by, now, note)


@transaction.atomic
def snooze(alert: Alert, until: datetime, by: User | None, *, now: datetime, note: str = "") -> bool:
    """Tell nothing of it until then. False if it is closed."""
    return _change(alert, {}, {"snoozed_until": until}, AlertChange.Kind.SNOOZED, by, now, note)


@transaction.atomic
def wake(alert: Alert, by: User | None, *, now: datetime, note: str = "") -> bool:
    """End its silence. False if it is closed or not silent."""
    silent, values = {"snoozed_until__gt": now}, {"snoozed_until": None}
    return _change(alert, silent, values, AlertChange.Kind.WOKEN, by, now, note)


def _change(
    alert: Alert,
    only: dict[str, Any],
    values: dict[str, Any],
    kind: AlertChange.Kind,
    by: User | None,
    now: datetime,
    note: str,
) -> bool:
    AlertRule.objects.filter(pk=alert.rule_id).update(turn=F("turn") + 1, due_at=now)
    if not Alert.objects.filter(pk=alert.pk, resolved_at=None, **only).update(**values):
        return False
    for name, value in values.items():
        setattr(alert, name, value)
    AlertChange.objects.create(alert=alert, kind=kind, at=now, by=by, note=note)
    return True
