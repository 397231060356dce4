"""What the forms of the management API share: strict objects, lengths of time, criteria."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cohorts.criteria import Criteria, CriteriaError, parse
from cohorts.models import Cohort
from cohorts.periods import format_period, parse_period
from cohorts.references import check_no_cycle
from cohorts.time_zones import check_time_zone
from ingest.models import CustomerKind

MOST_LISTED = 10_000
"""Ids in one edit of a static list."""


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys that it does not know: a misspelt one would be lost without a word."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, dict) else set()
        if unknown:
            known = ", ".join(name for name, field in self.fields.items() if not field.read_only)
            raise serializers.ValidationError({str(name): f"unknown field; expected {known}" for name in unknown})
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "pattern": "^[1-9][0-9]*[smhdw]$", "example": "15m"})
class PeriodField(serializers.Field[timedelta, str, str, Any]):
    """A length of time as text, within bounds."""

    def __init__(self, *, shortest: timedelta, longest: timedelta, **options: Any) -> None:
        super().__init__(**options)
        self.shortest, self.longest = shortest, longest

    def to_internal_value(self, data: Any) -> timedelta:
        try:
            period = parse_period(data if isinstance(data, str) else "")
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None
        if not self.shortest <= period <= self.longest:
            bounds = f"{format_period(self.shortest)} to {format_period(self.longest)}"
            raise serializers.ValidationError(f"expected a length of {bounds}")
        return period

    def to_representation(self, value: timedelta) -> str:
        return format_period(value)


class PausedField(serializers.BooleanField):
    """Whether `paused_at` is set; the view sets it."""

    def get_attribute(self, instance: Any) -> bool:
        return super().get_attribute(instance) is not None


@extend_schema_field(OpenApiTypes.OBJECT)
class CriteriaField(serializers.JSONField):
    """A criteria document; it can be validated only beside the kind of cohort. Null of a static list."""

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) or None


def parse_criteria(document: Any, kind: str, cohort: Cohort | None = None) -> Criteria:
    """The criteria, of a stored cohort or of none, or a ValidationError that names the path of the fault."""
    try:
        criteria = parse(document, CustomerKind(kind))
        if cohort is not None:
            check_no_cycle(document, cohort)
        return criteria
    except CriteriaError as error:
        path = ".".join(filter(None, ["criteria", error.path]))
        raise serializers.ValidationError({path: error.message}) from None


class DefinitionSerializer(StrictSerializer):
    """What decides who is a member; `parsed` holds the criteria once they are valid."""

    cohort_type = serializers.ChoiceField(choices=CustomerKind.choices)
    criteria = CriteriaField(help_text="The definition, `{version: 1, match: ...}`.")
    time_zone = serializers.CharField(default="UTC", max_length=64, validators=[check_time_zone])
    week_starts_on = serializers.IntegerField(default=1, min_value=1, max_value=7, help_text="1 is Monday.")
    parsed: Criteria

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.parsed = parse_criteria(attrs["criteria"], attrs["cohort_type"])
        return attrs
