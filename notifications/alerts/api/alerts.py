"""The management API of alerts: read them, acknowledge them, silence them."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cohorts.pages import NewestFirst
from cohorts.permissions import HasModelPermission, key_of, person_of
from ingest.authentication import HasScope
from ingest.problems import Problem
from notifications.alerts.api.feed import of_group, read_group
from notifications.alerts.api.serializers import (
    AlertDetailSerializer,
    AlertSerializer,
    NoteSerializer,
    SnoozeAlertSerializer,
    read,
)
from notifications.alerts.attend import acknowledge, snooze, wake
from notifications.alerts.listing import STATES
from notifications.alerts.models import Alert, AlertChange

MOST_HISTORY = 1_000


class AlertFilter(filters.FilterSet):
    """Which alerts a list holds."""

    rule = filters.UUIDFilter(field_name="rule_id")
    rule_key = filters.CharFilter(field_name="rule__key")
    state = filters.ChoiceFilter(choices=[(name, words) for name, (words, _) in STATES.items()], method="in_state")
    group = filters.CharFilter(
        method="with_group", label='An object of values that its group has, such as `{"company_id": "acme"}`.'
    )
    opened_after = filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")
    opened_before = filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="lt")

    def in_state(self, alerts: QuerySet[Alert], name: str, value: str) -> QuerySet[Alert]:
        return alerts.filter(STATES[value][1])

    def with_group(self, alerts: QuerySet[Alert], name: str, value: str) -> QuerySet[Alert]:
        return of_group(alerts, read_group(value))


class NewestOpened(NewestFirst):
    """Newest first by when it opened."""

    ordering = ("-opened_at", "-id")


class AlertViewSet(viewsets.ReadOnlyModelViewSet[Alert]):
    """Alerts: groups that are off, or were."""

    queryset = Alert.objects.select_related("acknowledged_by")
    history = Prefetch(
        "changes", AlertChange.objects.select_related("by").order_by("-id")[:MOST_HISTORY], to_attr="history"
    )
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    pagination_class = NewestOpened
    permission_classes = [HasScope, HasModelPermission]
    required_verbs = {"POST": "change"}

    def get_queryset(self) -> QuerySet[Alert]:
        alerts = super().get_queryset()
        return alerts.prefetch_related(self.history) if self.detail else alerts

    @extend_schema(responses=AlertDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """An alert with its history."""
        return self._answer()

    @extend_schema(request=NoteSerializer, responses=AlertDetailSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Note that somebody looks after it: it is not reminded of any more. Again it changes nothing."""
        alert, note = self.get_object(), read(NoteSerializer, request).validated_data["note"]
        done = acknowledge(alert, person_of(request), now=timezone.now(), note=note or key_of(request))
        return self._answer(done or alert.acknowledged_at is not None)

    @extend_schema(request=SnoozeAlertSerializer, responses=AlertDetailSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def snooze(self, request: Request, pk: str) -> Response:
        """Tell nothing of it for a while. If it is still open then, it is told."""
        now, asked = timezone.now(), read(SnoozeAlertSerializer, request)
        note = asked.validated_data["note"] or key_of(request)
        return self._answer(snooze(self.get_object(), asked.until_of(now), person_of(request), now=now, note=note))

    @extend_schema(request=NoteSerializer, responses=AlertDetailSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def wake(self, request: Request, pk: str) -> Response:
        """End its silence. Of one that is not silent nothing changes."""
        alert, note = self.get_object(), read(NoteSerializer, request).validated_data["note"]
        done = wake(alert, person_of(request), now=timezone.now(), note=note or key_of(request))
        return self._answer(done or alert.is_open)

    def _answer(self, done: bool = True) -> Response:
        """The alert as it is now, unless what was asked could not be done."""
        alert = self.get_object()
        if not done:
            raise Problem(409, "resolved", "The alert has been resolved.")
        return Response(AlertDetailSerializer(alert).data)
