"""The kinds of channel. A new kind is one file here and one line in `CHANNELS`."""

from __future__ import annotations

from notifications.channels.base import ChannelKind
from notifications.channels.email import Email
from notifications.channels.slack import Slack
from notifications.channels.webhook import Webhook

CHANNELS: dict[str, ChannelKind] = {kind.kind: kind for kind in (Webhook(), Slack(), Email())}


def kind_choices() -> list[tuple[str, str]]:
    """Choices of `Channel.kind`; a callable, so that a new kind is no migration."""
    return [(kind.kind, kind.label) for kind in CHANNELS.values()]
