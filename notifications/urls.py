"""Addresses of the notifications' part of the management API."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from notifications.api import ChannelViewSet, DeliveryViewSet, SubscriptionViewSet

api = SimpleRouter()
api.register("channels", ChannelViewSet)
api.register("subscriptions", SubscriptionViewSet)
api.register("deliveries", DeliveryViewSet)
