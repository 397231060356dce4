"""Make a channel or a subscription what a document says it is, or make it: see `cohorts.upsert`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError

from cohorts.edit import pause_time
from cohorts.models import Cohort
from cohorts.upsert import Upserted, differing, same_key, whole
from notifications.batching import subscribe
from notifications.models import Channel, Subscription
from notifications.serializers import ChannelSerializer, SubscriptionSerializer

FIXED = ("tell_existing",)
"""What counts only when a subscription is made: left out, it stays as it was."""


@transaction.atomic
def upsert_channel(key: str, document: Mapping[str, Any], now: datetime, *, by: Any = None) -> Upserted[Channel]:
    """The channel with the key. Secrets that `config` leaves out stay as they are stored. Raises ValidationError."""
    stored = Channel.objects.filter(key=key).first()
    said = whole(ChannelSerializer(), Channel(), same_key(key, document))
    serializer = ChannelSerializer(stored, data=said, context={"whole": True})
    serializer.is_valid(raise_exception=True)
    values = dict(serializer.validated_data)
    if stored is None:
        values["paused_at"] = pause_time(values["paused_at"], None, now)
        return Upserted(Channel.objects.create(created_at=now, created_by=by, **values), created=True)
    return _updated(stored, differing(stored, values), now)


@transaction.atomic
def upsert_subscription(
    cohort: Cohort, channel: Channel, document: Mapping[str, Any], now: datetime, *, by: Any = None
) -> Upserted[Subscription]:
    """The subscription of the cohort on the channel. Raises ValidationError."""
    stored = Subscription.objects.select_related("cohort", "channel").filter(cohort=cohort, channel=channel).first()
    named = [name for name in ("cohort", "channel") if name in document]
    if named:
        raise ValidationError(dict.fromkeys(named, "is in the address already: leave it out"))
    said = whole(SubscriptionSerializer(), Subscription(), {**document, "cohort": cohort.pk, "channel": channel.pk})
    if stored is not None:
        said = {**said, **{name: getattr(stored, name) for name in FIXED if name not in document}}
    serializer = SubscriptionSerializer(stored, data=said)
    serializer.is_valid(raise_exception=True)
    values = dict(serializer.validated_data)
    if stored is None:
        values["paused_at"] = pause_time(values["paused_at"], None, now)
        return Upserted(subscribe(**values, created_by=by, now=now), created=True)
    return _updated(stored, differing(stored, values), now)


def _updated(row: Any, changed: dict[str, Any], now: datetime) -> Upserted[Any]:
    if "paused_at" in changed:
        changed["paused_at"] = pause_time(changed["paused_at"], row.paused_at, now)
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.save()
    return Upserted(row, created=False, changed=list(changed))
