"""Put on its way what is no batch: a notice to operators, an alert. Of the same thing each recipient is told once.

Deliveries are composed first and inserted then, in the transaction of what they tell; `dispatch` sends them as it
sends everything.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from notifications.channels import CHANNELS
from notifications.compose_alert import alert_messages, headline
from notifications.message import AlertText, one_line
from notifications.models import Channel, Delivery

SPACE = uuid.UUID("6f0d5ea2-6d0f-4d0c-9a53-0a4d4be4d3a4")
"""Of the ids of what is no batch."""
LONGEST_TITLE = 300


@dataclass(frozen=True)
class Thing:
    """What is told. `key` is the same for the same thing, e.g. `hold 42 1`; `url` is its page."""

    about: Delivery.About
    key: str
    title: str
    url: str


def told_id(about: str, key: str, channel: uuid.UUID, part: int = 1, recipient: str = "") -> uuid.UUID:
    """The id of a delivery of what is no batch: it follows from what it is, so that it is the same whoever asks."""
    return uuid.uuid5(SPACE, f"{about}/{key}/{channel}/{part}/{recipient}")


def recipients_of(channel: Channel) -> list[str]:
    """To whom the channel sends. Of one that cannot be read nobody knows: what is sent there fails, visibly."""
    return CHANNELS[channel.kind].destinations(channel.config) if channel.is_readable else [""]


def deliveries_of(
    thing: Thing,
    channel: Channel,
    recipients: Sequence[str],
    write: Callable[[str], str],
    now: datetime,
    *,
    part: int = 1,
    parts: int = 1,
) -> list[Delivery]:
    """One delivery for each of the recipients, not saved. `write` makes their content, given the first one's id."""
    ids = [told_id(thing.about, thing.key, channel.pk, part, recipient) for recipient in recipients]
    content = write(str(ids[0])) if ids else ""
    return [
        Delivery(
            id=each,
            about=thing.about,
            key=thing.key,
            title=one_line(thing.title, LONGEST_TITLE),
            url=thing.url,
            channel=channel,
            part=part,
            parts=parts,
            recipient=recipient,
            content=content,
            next_attempt_at=now,
            created_at=now,
        )
        for each, recipient in zip(ids, recipients, strict=True)
    ]


def alert_deliveries(alert: AlertText, key: str, channels: Iterable[Channel]) -> list[Delivery]:
    """What tells of the alerts on the channels, not saved. `key` begins with the rule's id and is the same for the same
    thing, e.g. `<rule> opened <instant>`; with one alert the delivery leads to its page, else to the rule's."""
    url = alert.alerts[0].url if len(alert.alerts) == 1 else alert.rule.url
    thing = Thing(Delivery.About.ALERT, key, headline(alert), url)
    return [
        delivery
        for channel in channels
        for message in alert_messages(alert, CHANNELS[channel.kind].limits)
        for delivery in deliveries_of(
            thing,
            channel,
            recipients_of(channel),
            _alert_writer(channel, message),
            alert.created_at,
            part=message.part,
            parts=message.parts,
        )
    ]


def _alert_writer(channel: Channel, message: AlertText) -> Callable[[str], str]:
    return lambda id: CHANNELS[channel.kind].write_alert(replace(message, id=id))


def tell(deliveries: Sequence[Delivery]) -> None:
    """Have them sent with the next cycle, but for those that were told already."""
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
