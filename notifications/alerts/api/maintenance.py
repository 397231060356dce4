"""The management API of maintenance."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Prefetch
from django.utils import timezone
from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets
from rest_framework.serializers import BaseSerializer

from cohorts.pages import NewestFirst
from cohorts.permissions import HasModelPermission, person_of
from cohorts.serializers import StrictSerializer
from ingest.authentication import HasScope
from notifications.alerts.models import AlertRule, Maintenance

ALL_RULES = "Whether it concerns every rule, also later ones; without it, where `rules` names none."


class MaintenanceSerializer(StrictSerializer, serializers.ModelSerializer[Maintenance]):
    """A time in which numbers are expected to be off: intervals that touch it are not judged and not learned from."""

    rules = serializers.PrimaryKeyRelatedField(
        many=True,
        queryset=AlertRule.objects.only("pk"),
        required=False,
        help_text="Which rules it concerns, if not all.",
    )
    all_rules = serializers.BooleanField(required=False, help_text=ALL_RULES)

    class Meta:
        model = Maintenance
        fields = ["id", "start", "end", "reason", "all_rules", "rules", "created_at"]
        read_only_fields = ["id", "created_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        borders = {name: attrs.get(name, getattr(self.instance, name, None)) for name in ("start", "end")}
        try:
            Maintenance(**borders).clean()
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from None
        return {**attrs, **self._concerned(attrs)}

    def _concerned(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Which rules are meant: never none. What a request says nothing of stays as it is."""
        if self.instance is not None and not {"all_rules", "rules"} & attrs.keys():
            return {}
        rules = attrs.get("rules", [])
        every = attrs.get("all_rules", not rules)
        if every and rules:
            raise serializers.ValidationError({"rules": "expected none of them with all_rules"})
        if not every and not rules:
            raise serializers.ValidationError({"rules": 'expected at least one, or "all_rules": true'})
        return {"all_rules": every, "rules": rules}


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
