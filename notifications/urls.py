"""Addresses of the notifications' pages and of their part of the management API."""

from __future__ import annotations

from django.urls import URLPattern
from rest_framework.routers import SimpleRouter

from notifications.api import ChannelViewSet, DeliveryViewSet, SubscriptionViewSet

pages: list[URLPattern] = []

api = SimpleRouter()
api.register("channels", ChannelViewSet)
api.register("subscriptions", SubscriptionViewSet)
api.register("deliveries", DeliveryViewSet)
