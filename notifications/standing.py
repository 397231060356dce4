"""How a channel stands: whether what it is sent arrives. One that cannot work is switched off, and people are told.

Switched off is paused by the site itself: what is to be sent waits, nothing is lost, and somebody who mended the
channel resumes it. The reason is its `last_error`.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.urls import reverse

from notifications.channels.base import Outcome
from notifications.models import Channel
from notifications.notices import tell_operators

REST = 4
"""How much longer than a failed attempt took its channel rests: one that hangs holds a fifth of one worker."""
HOPELESS_AFTER = timedelta(days=5)
HOPELESS_ATTEMPTS = 10
"""A channel that did nothing but fail for so long, and at least so often, is switched off."""


def mark_channel(channel_id: uuid.UUID, outcome: Outcome, at: datetime, took: timedelta = timedelta()) -> None:
    """Note on the channel how the newest attempt went, which ended `at`; switch it off where it is hopeless."""
    channel = Channel.every.filter(pk=channel_id)
    if outcome.succeeded:
        recovered = channel.filter(disabled_at__isnull=False, paused_at=None).update(disabled_at=None)
        channel.update(
            served_at=at, rests_until=None, last_success_at=at, failing_since=None, failed_attempts=0, last_error=""
        )
        if recovered:
            _tell_recovered(channel.get(), at)
        return
    channel.filter(failed_attempts=0).update(failing_since=at)
    channel.update(
        served_at=at,
        rests_until=at + REST * took,
        last_error=outcome.error,
        failed_attempts=F("failed_attempts") + 1,
    )
    hopeless = channel.filter(failing_since__lte=at - HOPELESS_AFTER, failed_attempts__gte=HOPELESS_ATTEMPTS)
    if outcome.disables or hopeless.exists():
        _switch_off(channel_id, at)


def mark_tested(channel_id: uuid.UUID, outcome: Outcome, at: datetime) -> None:
    """Note how a test went: it shows whether the channel works, and switches nothing off or on."""
    channel = Channel.every.filter(pk=channel_id)
    if outcome.succeeded:
        channel.update(last_success_at=at, failing_since=None, failed_attempts=0, last_error="")
    else:
        channel.filter(failing_since=None).update(failing_since=at)
        channel.update(last_error=outcome.error)


def _switch_off(channel_id: uuid.UUID, at: datetime) -> None:
    """The count begins anew: who resumes the channel gives it as much time again. The site's own goes on: nobody sees
    it, so nobody could resume it."""
    running = Channel.every.filter(pk=channel_id, paused_at=None, is_own=False)
    if running.update(paused_at=at, disabled_at=at, failed_attempts=0):
        channel = Channel.every.get(pk=channel_id)
        _tell(
            "disabled",
            channel,
            at,
            f"Switched off: {channel.name}",
            f"Nothing more is sent to {channel.name} ({channel.where}): {channel.last_error.rstrip('.')}. What is to "
            "be sent waits. Mend it, send a test, then resume it on the page of channels.",
        )


def _tell_recovered(channel: Channel, at: datetime) -> None:
    text = f"Notifications to {channel.name} ({channel.where}) arrive again. What had waited is being sent."
    _tell("recovered", channel, at, f"Works again: {channel.name}", text)


def _tell(what: str, channel: Channel, at: datetime, title: str, text: str) -> None:
    key = f"{what} {channel.pk} {at.isoformat()}"
    url = f"{settings.SITE_URL}{reverse('channels')}"
    tell_operators(key, title, text, url, at, besides=channel, owner=channel.created_by)
