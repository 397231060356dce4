"""The management API's forms of cohorts and their evaluations."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from cohorts.criteria import CriteriaError
from cohorts.edit import describe
from cohorts.models import DEFAULT_PERIOD, LONGEST_PERIOD, SHORTEST_PERIOD, Cohort, Evaluation
from cohorts.serializers.fields import CriteriaField, PausedField, PeriodField, StrictSerializer, parse_criteria
from cohorts.time_zones import check_time_zone
from ingest.models import CustomerKind


class CohortSerializer(StrictSerializer, serializers.ModelSerializer[Cohort]):
    """A cohort. An edit of its definition is silent unless `tell_edit` is true."""

    key = serializers.SlugField(max_length=100, required=False, allow_null=True, help_text="A stable name, unique.")
    cohort_type = serializers.ChoiceField(source="kind", choices=CustomerKind.choices)
    static = serializers.BooleanField(
        source="is_list", default=False, help_text="A list that is kept by `members/`; it has no criteria."
    )
    criteria = CriteriaField(
        required=False, allow_null=True, help_text="The definition, `{version: 1, match: ...}`; null of a static list."
    )
    time_zone = serializers.CharField(default="UTC", max_length=64, validators=[check_time_zone])
    period = PeriodField(shortest=SHORTEST_PERIOD, longest=LONGEST_PERIOD, default=DEFAULT_PERIOD)
    paused = PausedField(source="paused_at", required=False)
    tell_edit = serializers.BooleanField(
        write_only=True,
        required=False,
        help_text="Report those who join or leave by this edit. Otherwise the edit starts a silent baseline.",
    )
    words = serializers.SerializerMethodField(help_text="The criteria in plain words.")
    members = serializers.SerializerMethodField(help_text="How many there are; null before the first evaluation.")
    error = serializers.SerializerMethodField(help_text="Why the last evaluation failed; null when it did not.")

    class Meta:
        model = Cohort
        fields = [
            "id",
            "key",
            "name",
            "description",
            "cohort_type",
            "static",
            "criteria",
            "words",
            "time_zone",
            "week_starts_on",
            "period",
            "paused",
            "tell_edit",
            "definition_version",
            "created_at",
            "members",
            "evaluated_at",
            "error",
        ]
        read_only_fields = ["id", "definition_version", "created_at", "evaluated_at"]

    def get_words(self, cohort: Cohort) -> str:
        try:
            return describe(cohort)
        except CriteriaError:
            return ""

    def get_members(self, cohort: Cohort) -> int | None:
        return getattr(cohort, "member_count", None)  # of a new cohort there is none

    def get_error(self, cohort: Cohort) -> str | None:
        return cohort.error or None

    def validate_cohort_type(self, kind: str) -> str:
        if self.instance is not None and kind != self.instance.kind:
            raise serializers.ValidationError("cannot be changed: make another cohort")
        return kind

    def validate_static(self, is_list: bool) -> bool:
        if self.instance is not None and is_list != self.instance.is_list:
            raise serializers.ValidationError("cannot be changed: make another cohort")
        return is_list

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = attrs.get("criteria")
        is_list = self.instance.is_list if self.instance else attrs["is_list"]
        if is_list:
            if given:
                raise serializers.ValidationError({"criteria": "expected none: a static list has no criteria"})
            attrs["criteria"] = {}
        elif "criteria" in attrs or self.instance is None:
            if given is None:
                raise serializers.ValidationError({"criteria": 'missing, expected {"version": 1, "match": ...}'})
            kind = attrs["kind"] if self.instance is None else self.instance.kind
            parse_criteria(given, kind, self.instance)
        return attrs


class EvaluationSerializer(serializers.ModelSerializer[Evaluation]):
    """One run of a cohort."""

    duration = serializers.SerializerMethodField(help_text="Seconds.")
    error = serializers.SerializerMethodField(help_text="Why it failed; null when it did not.")

    class Meta:
        model = Evaluation
        fields = [
            "id",
            "as_of",
            "definition_version",
            "baseline",
            "members",
            "added",
            "removed",
            "duration",
            "error",
        ]
        read_only_fields = fields

    def get_duration(self, evaluation: Evaluation) -> float:
        return evaluation.duration.total_seconds()

    def get_error(self, evaluation: Evaluation) -> str | None:
        return evaluation.error or None
