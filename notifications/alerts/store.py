"""Write what comes of a rule's turn: all of it at once, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from notifications.alerts.models import Alert, AlertChange, AlertRule
from notifications.alerts.outcome import REMEMBERED, Outcome
from notifications.models import Delivery
from notifications.telling import tell

AGAIN = timedelta(minutes=1)
"""After a failure."""


@transaction.atomic
def store(outcome: Outcome, deliveries: Sequence[Delivery]) -> list[Alert]:
    """Move the rule on and write its alerts, their history and what is told; returns those that opened or ended.

    Writes nothing if somebody has written to the rule since it was read.
    """
    rule = outcome.standing.rule
    if not AlertRule.objects.filter(pk=rule.pk, turn=rule.turn).update(**outcome.values):
        return []
    Alert.objects.bulk_update(outcome.updated, REMEMBERED)
    Alert.objects.bulk_create(outcome.opened)
    AlertChange.objects.bulk_create(outcome.changes)
    tell(deliveries)
    return list(dict.fromkeys([*outcome.opened, *outcome.ended]))


def store_error(rule: AlertRule, error: Exception, now: datetime) -> None:
    """Say why a rule could not be judged, unless somebody has written to it since, and have it tried again."""
    values = {"turn": rule.turn + 1, "error": f"{type(error).__name__}: {error}"[:1000]}
    AlertRule.objects.filter(pk=rule.pk, turn=rule.turn).update(attempted_at=now, due_at=now + AGAIN, **values)
