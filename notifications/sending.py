"""Hand a letter to its channel, whatever happens."""

from __future__ import annotations

import logging
import traceback

from notifications.channels import CHANNELS
from notifications.channels.base import DeliveryError, Letter, Outcome
from notifications.models import Channel
from notifications.suppression import suppressed

logger = logging.getLogger(__name__)


def send(channel: Channel, letter: Letter) -> Outcome:
    """Send it once: a fault of ours is a failed attempt too, told without the values in it."""
    if not channel.is_readable:
        return Outcome(succeeded=False, error="the channel's settings cannot be decrypted: was SECRET_KEY changed?")
    kind = CHANNELS[channel.kind]
    if letter.recipient and (found := suppressed(letter.recipient, kind.list_of(letter.content))):
        why = f"nothing is sent to this address any more: {found.get_reason_display()}"
        return Outcome(succeeded=False, permanent=True, spares_channel=True, status="suppressed", error=why)
    try:
        return kind.send(channel.config, letter)
    except DeliveryError as error:
        return error.outcome
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error("Sending %s failed with %s\n%s", letter.id, type(error).__name__, where)
        return Outcome(succeeded=False, error=f"an error of this site ({type(error).__name__}); its log has more")
