"""Addresses of the notifications' pages and of their part of the management API."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from notifications.api import ChannelViewSet, DeliveryViewSet, HoldViewSet, SubscriptionViewSet
from notifications.models import Hold
from notifications.views import (
    channels,
    charts,
    deliveries,
    holds,
    new_channel,
    parts,
    preview,
    subscriptions,
    unsubscribe,
)

pages = [
    path("cohorts/<uuid:pk>/subscriptions/", parts.cohort_subscriptions, name="cohort_subscriptions"),
    path("cohorts/<uuid:pk>/channels/", parts.cohort_channels, name="cohort_channels"),
    path("cohorts/<uuid:pk>/subscriptions/new/", subscriptions.subscribe, name="subscribe"),
    path("cohorts/<uuid:pk>/subscriptions/preview/", preview.preview, name="notification_preview"),
    path("cohorts/<uuid:pk>/subscriptions/test/", preview.test, name="notification_test"),
    path("mail-preview/<uuid:pk>/", preview.mail, name="mail_preview"),
    path("mail-preview/deliveries/<uuid:pk>/", deliveries.mail, name="delivery_mail"),
    path("subscriptions/<uuid:pk>/", subscriptions.subscription, name="subscription"),
    path("subscriptions/<uuid:pk>/pause/", subscriptions.pause, {"paused": True}, name="pause_subscription"),
    path("subscriptions/<uuid:pk>/resume/", subscriptions.pause, {"paused": False}, name="resume_subscription"),
    path("subscriptions/<uuid:pk>/delete/", subscriptions.delete, name="delete_subscription"),
    path("channels/", channels.channels, name="channels"),
    path("channels/new/", channels.new_channel, name="new_channel"),
    path("channels/new/fields/", new_channel.new_channel_fields, name="new_channel_fields"),
    path("channels/<uuid:pk>/", channels.channel, name="channel"),
    path("channels/<uuid:pk>/test/", channels.test, name="test_channel"),
    path("channels/<uuid:pk>/pause/", channels.pause, {"paused": True}, name="pause_channel"),
    path("channels/<uuid:pk>/resume/", channels.pause, {"paused": False}, name="resume_channel"),
    path("channels/<uuid:pk>/rotate/", channels.rotate, name="rotate_channel"),
    path("channels/<uuid:pk>/delete/", channels.delete, name="delete_channel"),
    path("channels/suppressed/", unsubscribe.suppressions, name="suppressions"),
    path("channels/suppressed/<int:pk>/lift/", unsubscribe.lift_suppression, name="lift_suppression"),
    path("unsubscribe/<str:token>/", unsubscribe.unsubscribe, name="unsubscribe"),
    path("charts/<str:token>.png", charts.signed_chart, name="signed_chart"),
    path("deliveries/", deliveries.deliveries, name="deliveries"),
    path("deliveries/replay-all/", deliveries.replay_all, name="replay_all_deliveries"),
    path("holds/", holds.holds, name="holds"),
    path("holds/<int:pk>/send/", holds.decide_hold, {"decision": Hold.Decision.SEND}, name="send_hold"),
    path("holds/<int:pk>/drop/", holds.decide_hold, {"decision": Hold.Decision.DROP}, name="drop_hold"),
    path("deliveries/replay/", deliveries.replay_selected, name="replay_deliveries"),
    path("deliveries/<uuid:pk>/", deliveries.delivery, name="delivery"),
    path("deliveries/<uuid:pk>/replay/", deliveries.replay_one, name="replay_delivery"),
]

api = SimpleRouter()
api.register("channels", ChannelViewSet)
api.register("subscriptions", SubscriptionViewSet)
api.register("deliveries", DeliveryViewSet)
api.register("holds", HoldViewSet)
