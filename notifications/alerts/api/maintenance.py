"""The management API of maintenance."""

from __future__ import annotations

from django.db.models import Prefetch
from django.utils import timezone
from django_filters import rest_framework as filters
from rest_framework import viewsets
from rest_framework.serializers import BaseSerializer

from cohorts.pages import NewestFirst
from cohorts.permissions import HasModelPermission, person_of
from ingest.authentication import HasScope
from notifications.alerts.api.serializers import MaintenanceSerializer
from notifications.alerts.models import AlertRule, Maintenance


class MaintenanceFilter(filters.FilterSet):
    """Which windows a list holds."""

    rule = filters.UUIDFilter(field_name="rules", label="Named for this rule.")
    ends_after = filters.IsoDateTimeFilter(field_name="end", lookup_expr="gt")
    starts_before = filters.IsoDateTimeFilter(field_name="start", lookup_expr="lt")


class MaintenanceViewSet(viewsets.ModelViewSet[Maintenance]):
    """Maintenance: times that are not judged."""

    queryset = Maintenance.objects.prefetch_related(Prefetch("rules", AlertRule.objects.only("pk")))
    serializer_class = MaintenanceSerializer
    filterset_class = MaintenanceFilter
    pagination_class = NewestFirst
    permission_classes = [HasScope, HasModelPermission]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def perform_create(self, serializer: BaseSerializer[Maintenance]) -> None:
        serializer.save(created_at=timezone.now(), created_by=person_of(self.request))
