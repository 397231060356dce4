"""Make and change alert rules: the one way, for pages, the API and files alike.

Only the edited columns are written, since watching writes others of the same row at any time. Every edit raises the
rule's `turn`, so that what is judged just now by the old choices is thrown away, and is looked at again at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from cohorts.edit import EditedMeanwhile
from cohorts.same import is_same
from notifications.alerts.definition import parse
from notifications.alerts.models import Alert, AlertChange, AlertRule
from notifications.models import Channel

DEFINITION = ("definition", "time_zone")
"""The fields that decide what is off."""
EDITED = "the rule was edited"


@transaction.atomic
def create_rule(values: Mapping[str, Any], *, now: datetime, channels: Iterable[Channel] = ()) -> AlertRule:
    """A new rule with these fields, which judges what ends from now on. Raises CriteriaError."""
    parse(values["definition"])
    rule = AlertRule.objects.create(created_at=now, judged_until=now, due_at=now, **values)
    rule.channels.set(channels)
    return rule


@transaction.atomic
def edit_rule(
    rule: AlertRule,
    values: Mapping[str, Any],
    *,
    now: datetime,
    channels: Iterable[Channel] | None = None,
    expected_version: int | None = None,
) -> bool:
    """Store new values of the rule's fields, and its channels unless they are None; returns whether anything that
    decides about alerts differs from before.

    By an edit of those its open alerts end, of which nobody is told, and it starts anew. A rule that is no longer
    paused starts where it is: the pause is not judged. `expected_version` is the definition's version that the editor
    saw. Raises CriteriaError and EditedMeanwhile, and then nothing is stored.
    """
    stored = AlertRule.objects.select_for_update().get(pk=rule.pk)
    if expected_version not in (None, stored.definition_version):
        raise EditedMeanwhile
    if "definition" in values:
        parse(values["definition"])
    decides = any(name in values and not is_same(getattr(stored, name), values[name]) for name in DEFINITION)
    resumes = stored.paused_at is not None and values.get("paused_at", stored.paused_at) is None
    changed = {**values, "turn": stored.turn + 1, "due_at": now}
    if decides:
        changed |= {"definition_version": stored.definition_version + 1, "error": ""}
        end_alerts(stored, now)
    if decides or resumes:
        changed |= {"judged_until": now}
    for name, value in changed.items():
        setattr(rule, name, value)
    AlertRule.objects.filter(pk=rule.pk).update(**changed)
    if channels is not None:
        rule.channels.set(channels)
    return decides


def end_alerts(rule: AlertRule, now: datetime) -> None:
    """End the open alerts of a rule that is edited."""
    open_alerts = list(Alert.objects.filter(rule=rule, resolved_at=None))
    ended = Alert.objects.filter(pk__in=[alert.pk for alert in open_alerts])
    ended.update(resolved_at=now, resolved_sentence=EDITED, end=Alert.End.EDITED)
    resolved = AlertChange.Kind.RESOLVED
    AlertChange.objects.bulk_create(
        AlertChange(alert=alert, kind=resolved, at=now, note=EDITED) for alert in open_alerts
    )
