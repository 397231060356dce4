"""Whether a person should look before customers are told of: they are too many at once, or what moved them is doubtful.

Whom a person let through already, and the members that a subscription was asked to begin with, do not count.
"""

from __future__ import annotations

from datetime import datetime

from django.utils.timesince import timesince
from pyroaring import BitMap

from ingest.silence import silence
from notifications.models import Subscription
from notifications.net import Net
from notifications.schedule import length

FEW = 10
"""So many customers are no share of anything, and no sign that something is wrong."""


def doubt(subscription: Subscription, net: Net, now: datetime, let_through: BitMap) -> str:
    """Why the batch should be held, in a sentence; empty when it may be sent."""
    told = net.told - net.existing - let_through
    if subscription.hold_above is not None and len(told) > subscription.hold_above:
        return f"{_would(told)}, more than {subscription.hold_above:,}."
    if percent := _percent_above(subscription, net, told):
        return f"{_would(told)}: {percent} % of the cohort, more than {subscription.hold_above_percent} %."
    if subscription.hold_when_silent:
        return _silent(net.by_time & told, now)
    return ""


def _percent_above(subscription: Subscription, net: Net, told: BitMap) -> int:
    """The share of the cohort that would be told of, if it is more than it should; else 0.

    The cohort is as large as it was before or is now, whichever is more.
    """
    if subscription.hold_above_percent is None or len(told) < FEW:
        return 0
    before = net.members - len(net.added) + len(net.removed)
    percent = 100 * len(told) // max(before, net.members, 1)
    return percent if 100 * len(told) > subscription.hold_above_percent * max(before, net.members, 1) else 0


def _silent(by_time: BitMap, now: datetime) -> str:
    """Who seems to have gone quiet may not have, when nobody is heard."""
    if len(by_time) < FEW or (found := silence(now)) is None:
        return ""
    return (
        f"No event has come in for {timesince(found.since, now)} (usually never longer than {length(found.usual)}), "
        f"and {len(by_time):,} customers moved by time alone: they may not have gone quiet at all."
    )


def _would(told: BitMap) -> str:
    return f"{len(told):,} customers would be told of at once"
