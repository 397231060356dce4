"""Make an alert rule what a document says it is, or make it: see `cohorts.upsert`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from cohorts.edit import pause_time
from cohorts.upsert import Upserted, differing, same_key, whole
from notifications.alerts.api.serializers import AlertRuleSerializer
from notifications.alerts.edit import create_rule, edit_rule
from notifications.alerts.models import AlertRule


@transaction.atomic
def upsert_rule(key: str, document: Mapping[str, Any], now: datetime, *, by: Any = None) -> Upserted[AlertRule]:
    """The rule with the key, as the API's form of rules describes it. Raises ValidationError."""
    stored = AlertRule.objects.filter(key=key).first()
    said = whole(AlertRuleSerializer(), AlertRule(), same_key(key, document))
    serializer = AlertRuleSerializer(stored, data=said)
    serializer.is_valid(raise_exception=True)
    values = dict(serializer.validated_data)
    channels = values.pop("channels")
    if stored is None:
        values["paused_at"] = pause_time(values["paused_at"], None, now)
        return Upserted(create_rule({**values, "created_by": by}, now=now, channels=channels), created=True)
    changed = differing(stored, values)
    if "paused_at" in changed:
        changed["paused_at"] = pause_time(changed["paused_at"], stored.paused_at, now)
    tells_others = {channel.pk for channel in channels} != set(stored.channels.values_list("pk", flat=True))
    if changed or tells_others:
        edit_rule(stored, changed, now=now, channels=channels)
    return Upserted(stored, created=False, changed=[*changed, *(["channels"] if tells_others else [])])
