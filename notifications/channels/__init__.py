"""The kinds of channel. A new kind is one file here and one line in `CHANNELS`."""

from __future__ import annotations


def kind_choices() -> list[tuple[str, str]]:
    """Choices of `Channel.kind`; a callable, so that a new kind is no migration."""
    return [("webhook", "Webhook"), ("slack", "Slack"), ("email", "Email")]
