"""Tell those who operate the site that something needs them: by the channels that they chose for it.

`tell_operators` writes a notice in the transaction of what it is about; each cycle sends those that wait. Nothing
else in the product knows how: a held batch and a channel that fails are told of in the same way.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db.models import F

from notifications.channels import CHANNELS
from notifications.channels.base import Letter
from notifications.message import NoticeText
from notifications.models import Channel, Notice
from notifications.sending import send

DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""After each attempt; the last one is followed by nothing."""


def tell_operators(key: str, title: str, text: str, url: str, now: datetime, besides: Channel | None = None) -> int:
    """Let every channel of the operators tell this, `besides` one (that the notice is about); how many they are.

    `key` says what it is about, e.g. `held 42`: of the same thing each channel tells once. `url` is the page to go to.
    """
    channels = Channel.objects.filter(tells_operators=True)
    if besides is not None:
        channels = channels.exclude(pk=besides.pk)
    notices = [
        _notice(channel, recipient, key, NoticeText(str(uuid.uuid4()), now, title, text, url))
        for channel in channels
        if channel.is_readable
        for recipient in CHANNELS[channel.kind].destinations(channel.config)
    ]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    return len(notices)


def due_notices(now: datetime) -> list[uuid.UUID]:
    """Ids of the notices to send, the oldest first; those of paused channels wait."""
    due = Notice.objects.filter(sent_at=None, next_attempt_at__lte=now, channel__paused_at=None)
    return list(due.order_by("created_at", "pk").values_list("pk", flat=True))


def send_notice(notice_id: uuid.UUID, now: datetime) -> Notice | None:
    """Send a notice once; none when it is not due or another worker has it.

    The claim already names the time of the next attempt, so that one which is cut off follows the same schedule.
    """
    notice = Notice.objects.select_related("channel").filter(pk=notice_id).first()
    if notice is None or notice.channel.paused_at or not _claim(notice, now):
        return None
    outcome = send(notice.channel, Letter(str(notice.pk), notice.content, notice.recipient))
    told = Notice.objects.filter(pk=notice.pk)
    if outcome.succeeded:
        told.update(sent_at=now, next_attempt_at=None, last_error="")
    elif outcome.permanent:
        told.update(next_attempt_at=None, last_error=outcome.error)
    else:
        told.update(last_error=outcome.error)
    return notice


def _claim(notice: Notice, now: datetime) -> bool:
    again = now + DELAYS[notice.attempt_count] if notice.attempt_count < len(DELAYS) else None
    waiting = Notice.objects.filter(pk=notice.pk, attempt_count=notice.attempt_count)
    due = waiting.filter(sent_at=None, next_attempt_at__lte=now)
    return bool(due.update(attempt_count=F("attempt_count") + 1, next_attempt_at=again))


def _notice(channel: Channel, recipient: str, key: str, text: NoticeText) -> Notice:
    return Notice(
        id=uuid.UUID(text.id),
        key=key,
        channel=channel,
        recipient=recipient,
        title=text.title,
        content=CHANNELS[channel.kind].write_notice(text),
        created_at=text.created_at,
        next_attempt_at=text.created_at,
    )
