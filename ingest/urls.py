"""Addresses of the collector. No trailing slashes, and no redirects: a redirected POST loses its body."""

from __future__ import annotations

from django.urls import path

from ingest.collector import Actions, Companies, Config, Events, Probe, Rules, Subscriptions, Users
from ingest.protocols import SegmentBatch, SegmentItem, Traces
from ingest.segment import TYPES

urlpatterns = [
    path("v1/events", Events.as_view(), name="events"),
    path("v1/events/batch", Events.as_view(), name="events-batch"),
    path("v1/actions", Actions.as_view(), name="actions"),
    path("v1/actions/batch", Actions.as_view(), name="actions-batch"),
    path("v1/users", Users.as_view(), name="users"),
    path("v1/users/batch", Users.as_view(), name="users-batch"),
    path("v1/companies", Companies.as_view(), name="companies"),
    path("v1/companies/batch", Companies.as_view(), name="companies-batch"),
    path("v1/subscriptions", Subscriptions.as_view(), name="subscriptions"),
    path("v1/subscriptions/batch", Subscriptions.as_view(), name="subscriptions-batch"),
    path("v1/batch", SegmentBatch.as_view(), name="segment-batch"),
    *(path(f"v1/{type_}", SegmentItem.as_view(type=type_), name=f"segment-{type_}") for type_ in TYPES),
    path("v1/traces", Traces.as_view(), name="traces"),
    path("v1/config", Config.as_view(), name="config"),
    path("v1/rules", Rules.as_view(), name="rules"),
    path("health/probe", Probe.as_view(), name="probe"),
]
