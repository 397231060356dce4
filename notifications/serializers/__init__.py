"""The management API's forms of channels, subscriptions, deliveries and holds."""

from __future__ import annotations

from notifications.serializers.channel import (
    ChannelSerializer,
    CreatedChannelSerializer,
    OutcomeSerializer,
    RotatedSerializer,
)
from notifications.serializers.delivery import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    ReplayedSerializer,
    SelectionSerializer,
)
from notifications.serializers.hold import DecisionSerializer, HoldSerializer
from notifications.serializers.subscription import SubscriptionSerializer

__all__ = [
    "ChannelSerializer",
    "CreatedChannelSerializer",
    "DecisionSerializer",
    "DeliveryDetailSerializer",
    "DeliverySerializer",
    "HoldSerializer",
    "OutcomeSerializer",
    "ReplayedSerializer",
    "RotatedSerializer",
    "SelectionSerializer",
    "SubscriptionSerializer",
]
