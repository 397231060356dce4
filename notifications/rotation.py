"""A new signing secret for a channel, while the one before still counts."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from notifications.channels import CHANNELS
from notifications.models import Channel


class NoSecret(Exception):
    """The channel has no secret that was made here, or none that can be read."""


@transaction.atomic
def rotate_secret(channel_id: uuid.UUID, now: datetime) -> Channel:
    """Give the channel a new secret, which its kind's `shown_once` tells. Raises NoSecret, Channel.DoesNotExist."""
    channel = Channel.objects.select_for_update().get(pk=channel_id)
    rotated = CHANNELS[channel.kind].rotate(channel.config, now) if channel.is_readable else None
    if rotated is None:
        raise NoSecret
    channel.config = rotated
    channel.save(update_fields=["config"])
    return channel
