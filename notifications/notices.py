"""Tell those who operate the site that something needs them: by the channels that they chose for it, and by mail.

`tell_operators` is called in the transaction of what it is about; nothing else in the product knows how: a held batch
and a channel that fails are told of in the same way. What is told goes out as everything does (see `telling`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import QuerySet

from notifications.channels import CHANNELS
from notifications.channels.email import Email
from notifications.message import NoticeText
from notifications.models import Channel, Delivery
from notifications.telling import Thing, deliveries_of, recipients_of, tell

OWN = "Mail to people of this site"


def tell_operators(
    key: str,
    title: str,
    text: str,
    url: str,
    now: datetime,
    besides: Channel | None = None,
    owner: User | None = None,
) -> int:
    """Let every channel of the operators tell this, `besides` one (that the notice is about); how many are told.

    Its `owner` gets a mail; where nobody would be told otherwise, everybody who manages channels does. `key` says what
    it is about, e.g. `hold 42 1`: of the same thing each of them is told once. `url` is the page to go to.
    """
    thing = Thing(Delivery.About.NOTICE, key, title, url)
    channels = [channel for channel in _chosen(besides) if channel.is_readable]
    to = [(channel, recipients_of(channel)) for channel in channels]
    mailed = _addresses([owner]) or ([] if to else _addresses(_managers()))
    told = {recipient for _, recipients in to for recipient in recipients}
    if others := [address for address in dict.fromkeys(mailed) if address not in told]:
        to.append((own_channel(now), others))
    deliveries = [
        delivery
        for channel, recipients in to
        for delivery in deliveries_of(thing, channel, recipients, _writer(channel, thing, text, now), now)
    ]
    tell(deliveries)
    return len(deliveries)


def own_channel(now: datetime) -> Channel:
    """The site's own channel, by which its people get mail without any channel of theirs."""
    made = {"kind": Email.kind, "name": OWN, "config": {"recipients": []}, "created_at": now}
    return Channel.every.get_or_create(is_own=True, defaults=made)[0]


def _chosen(besides: Channel | None) -> QuerySet[Channel]:
    channels = Channel.objects.filter(tells_operators=True)
    return channels if besides is None else channels.exclude(pk=besides.pk)


def _managers() -> QuerySet[User]:
    return User.objects.with_perm("notifications.change_channel", backend="django.contrib.auth.backends.ModelBackend")


def _addresses(people: Iterable[User | None]) -> list[str]:
    return [person.email for person in people if person is not None and person.is_active and person.email]


def _writer(channel: Channel, thing: Thing, text: str, now: datetime) -> Callable[[str], str]:
    kind = CHANNELS[channel.kind]
    return lambda id: kind.write_notice(NoticeText(id, now, thing.title, text, thing.url))
