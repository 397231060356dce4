"""Tell those who operate the site that something needs them: by the channels that they chose for it, and by mail.

`tell_operators` writes a notice in the transaction of what it is about; each cycle sends those that wait. Nothing
else in the product knows how: a held batch and a channel that fails are told of in the same way.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import F, QuerySet

from notifications.channels import CHANNELS
from notifications.channels.base import Letter
from notifications.channels.email import Email
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


def tell_operators(
    key: str,
    title: str,
    text: str,
    url: str,
    now: datetime,
    besides: Channel | None = None,
    owner: User | None = None,
) -> int:
    """Let every channel of the operators tell this, `besides` one (that the notice is about); how many they are.

    Its `owner` gets a mail; where nobody would be told otherwise, everybody who manages channels does. `key` says what
    it is about, e.g. `held 42`: of the same thing each channel tells once. `url` is the page to go to.
    """
    channels = Channel.objects.filter(tells_operators=True)
    if besides is not None:
        channels = channels.exclude(pk=besides.pk)
    to = [
        (channel, recipient)
        for channel in channels
        if channel.is_readable
        for recipient in CHANNELS[channel.kind].destinations(channel.config)
    ]
    mailed = _addresses([owner]) or ([] if to else _addresses(_managers()))
    to += [(_mail_to(address), address) for address in mailed if address not in {told for _, told in to}]
    notices = [
        _notice(channel, recipient, key, NoticeText(str(uuid.uuid4()), now, title, text, url))
        for channel, recipient in to
    ]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    return len(notices)


def _managers() -> QuerySet[User]:
    return User.objects.with_perm("notifications.change_channel", backend="django.contrib.auth.backends.ModelBackend")


def _addresses(people: Iterable[User | None]) -> list[str]:
    return [person.email for person in people if person is not None and person.is_active and person.email]


def _mail_to(address: str) -> Channel:
    """A channel that is not stored, for a mail to a person of this site."""
    return Channel(kind=Email.kind, name=address, config={"recipients": [address]})


def due_notices(now: datetime) -> list[uuid.UUID]:
    """Ids of the notices to send, the oldest first; those of paused channels wait."""
    due = Notice.objects.filter(sent_at=None, next_attempt_at__lte=now, channel__paused_at=None)
    return list(due.order_by("created_at", "pk").values_list("pk", flat=True))


def send_notice(notice_id: uuid.UUID, now: datetime) -> Notice | None:
    """Send a notice once; none when it is not due or another worker has it.

    The claim already names the time of the next attempt, so that one which is cut off follows the same schedule.
    """
    notice = Notice.objects.select_related("channel").filter(pk=notice_id).first()
    if notice is None:
        return None
    channel = notice.channel or _mail_to(notice.recipient)
    if channel.paused_at or not _claim(notice, now):
        return None
    outcome = send(channel, Letter(str(notice.pk), notice.content, notice.recipient))
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
        channel=None if channel._state.adding else channel,
        recipient=recipient,
        title=text.title,
        content=CHANNELS[channel.kind].write_notice(text),
        created_at=text.created_at,
        next_attempt_at=text.created_at,
    )
