"""The management API's forms of trying a definition out: what it would match, and what it would do to a cohort."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from cohorts.edit import DEFINITION
from cohorts.impact import Impact
from cohorts.models import Cohort
from cohorts.preview import Preview
from cohorts.serializers.customer import ProfileSerializer, profile_of
from cohorts.serializers.fields import CriteriaField, DefinitionSerializer, parse_criteria
from cohorts.time_zones import check_time_zone
from ingest.models import Customer, CustomerKind


class PreviewRequestSerializer(DefinitionSerializer):
    """A definition to try out; with a saved cohort what is left out is as it is saved."""

    cohort = serializers.PrimaryKeyRelatedField(
        queryset=Cohort.objects.all(),
        required=False,
        allow_null=True,
        default=None,
        help_text="A saved cohort, to be told who would join and leave it.",
    )
    cohort_type = serializers.ChoiceField(choices=CustomerKind.choices, required=False)
    criteria = CriteriaField(required=False, help_text="The definition, `{version: 1, match: ...}`.")
    time_zone = serializers.CharField(required=False, max_length=64, validators=[check_time_zone])
    week_starts_on = serializers.IntegerField(required=False, min_value=1, max_value=7, help_text="1 is Monday.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        cohort: Cohort | None = attrs["cohort"]
        if cohort is None:
            missing = {name: "This field is required." for name in ("cohort_type", "criteria") if name not in attrs}
            if missing:
                raise serializers.ValidationError(missing, code="required")
            attrs = {"time_zone": "UTC", "week_starts_on": 1, **attrs}
        else:
            kept = {name: getattr(cohort, name) for name in DEFINITION}
            attrs = {"cohort_type": cohort.kind, **kept, **attrs}
            if attrs["cohort_type"] != cohort.kind:
                raise serializers.ValidationError({"cohort_type": f'expected "{cohort.kind}", the kind of the cohort'})
        self.parsed = parse_criteria(attrs["criteria"], attrs["cohort_type"], cohort)
        return attrs


class ConditionSerializer(serializers.Serializer[Any]):
    """How many customers a condition or a group of them keeps."""

    path = serializers.CharField(help_text="Its place in the criteria, such as `match.all[1]`.")
    words = serializers.CharField()
    cohort_type = serializers.ChoiceField(
        source="kind",
        choices=CustomerKind.choices,
        help_text="Who is counted: inside `company` companies, inside `users` users.",
    )
    count = serializers.IntegerField(help_text="Customers that match it alone.")
    left = serializers.IntegerField(
        allow_null=True,
        help_text="Of them those who match the conditions before it too; null outside of `all` and for its first.",
    )


class ImpactSerializer(serializers.Serializer[Any]):
    """What the definition would do to the members of a saved cohort."""

    members = serializers.IntegerField(help_text="Members now.")
    would_add = serializers.IntegerField()
    would_remove = serializers.IntegerField()
    adding = ProfileSerializer(many=True, help_text="Some of those who would be added.")
    removing = ProfileSerializer(many=True, help_text="Some of those who would be removed.")


class PreviewSerializer(serializers.Serializer[Any]):
    """What a definition would match now."""

    count = serializers.IntegerField()
    of = serializers.IntegerField(help_text="Customers of the kind in all.")
    words = serializers.CharField()
    sample = ProfileSerializer(many=True)
    conditions = ConditionSerializer(many=True, help_text="Each condition and group, in the order of the criteria.")
    impact = ImpactSerializer(allow_null=True, help_text="Null where no `cohort` was given.")


def profiles_of(customers: Iterable[Customer]) -> list[dict[str, Any]]:
    """What ProfileSerializer tells of each customer."""
    return [profile_of(customer) for customer in customers]


def preview_of(found: Preview | Impact) -> dict[str, Any]:
    """What PreviewSerializer tells of a definition that was tried out."""
    told = {"of": found.of, "words": found.words, "sample": profiles_of(found.sample), "conditions": found.conditions}
    if isinstance(found, Preview):
        return {**told, "count": found.count, "impact": None}
    impact = {
        "members": found.members,
        "would_add": found.joins,
        "would_remove": found.leaves,
        "adding": profiles_of(found.joining),
        "removing": profiles_of(found.leaving),
    }
    return {**told, "count": found.after, "impact": impact}
