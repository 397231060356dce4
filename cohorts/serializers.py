"""The management API's forms of cohorts, members, changes and customers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cohorts.criteria import Criteria, CriteriaError, parse
from cohorts.edit import describe
from cohorts.enums import ChangeKind, Reason
from cohorts.models import DEFAULT_PERIOD, LONGEST_PERIOD, SHORTEST_PERIOD, Cohort, Evaluation, MembershipChange
from cohorts.periods import format_period, parse_period
from cohorts.references import check_no_cycle
from cohorts.time_zones import check_time_zone
from ingest.models import Customer, CustomerKind

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


class ProfileSerializer(serializers.Serializer[Any]):
    """The profile of a user or company: a user has the keys of users, a company those of companies."""

    user_id = serializers.CharField(required=False)
    company_id = serializers.CharField(required=False, allow_null=True, help_text="Of a user: its company.")
    email = serializers.CharField(required=False, allow_null=True)
    name = serializers.CharField(allow_null=True)
    company_domain = serializers.CharField(required=False, help_text="Of a company; empty when it is not known.")
    metadata = serializers.DictField()
    campaign = serializers.DictField()


def profile_of(customer: Customer) -> dict[str, Any]:
    """What ProfileSerializer tells of a customer. The customer's company is read: select it beforehand."""
    if customer.kind == CustomerKind.USER:
        ids = {
            "user_id": customer.external_id,
            "company_id": customer.company.external_id if customer.company else None,
            "email": customer.email or None,
        }
    else:
        ids = {"company_id": customer.external_id, "company_domain": customer.profile.get("company_domain") or ""}
    parts = {key: customer.profile.get(key) or {} for key in ("metadata", "campaign")}
    return {**ids, "name": customer.name or None, **parts}


class MemberSerializer(ProfileSerializer):
    """A member of a cohort."""

    since = serializers.DateTimeField(allow_null=True, help_text="Null: since the cohort's history began.")


class TurningEventSerializer(serializers.Serializer[Any]):
    """An event by which a condition turned."""

    id = serializers.CharField(help_text="The transaction id that its sender gave, else ours.")
    time = serializers.DateTimeField()
    what = serializers.CharField(help_text="Such as `POST /payments -> 400`, or the name of an action.")


class EvidenceSerializer(serializers.Serializer[Any]):
    """A condition that turned, as data."""

    path = serializers.CharField(help_text="Its place in the criteria, such as `match.all[1]`.")
    sentence = serializers.CharField(help_text="What `because` says of it.")
    reason = serializers.ChoiceField(choices=Reason.choices)
    value = serializers.JSONField(allow_null=True, help_text="What was found; null for nothing.")
    threshold = serializers.CharField(help_text="What it was compared with, in words.")
    figures = serializers.DictField(
        required=False,
        help_text="What the value came from: `part` and `whole` of a ratio, `now` and `before` of a trend, `matching` "
        "and `users`, or what a profile `was` before.",
    )
    events = TurningEventSerializer(many=True, help_text="The newest three that came, or that left a window.")


class ChangeSerializer(serializers.Serializer[Any]):
    """One customer added to or removed from a cohort."""

    id = serializers.IntegerField()
    change = serializers.ChoiceField(choices=ChangeKind.choices)
    user_id = serializers.CharField(required=False, help_text="In a cohort of users.")
    company_id = serializers.CharField(required=False, help_text="In a cohort of companies.")
    changed_at = serializers.DateTimeField()
    reason = serializers.ChoiceField(choices=Reason.choices)
    because = serializers.ListField(child=serializers.CharField(), help_text="The conditions that turned, in words.")
    evidence = EvidenceSerializer(
        many=True,
        help_text="The same as data, with the events that did it; empty where more than 10,000 moved at once.",
    )


def change_of(change: MembershipChange) -> dict[str, Any]:
    """What ChangeSerializer tells of a change."""
    facts = {name: getattr(change, name) for name in ("id", "change", "changed_at", "reason", "because", "evidence")}
    return {**facts, f"{change.customer.kind}_id": change.customer.external_id}


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


class MembersPageSerializer(serializers.Serializer[Any]):
    """Members, and the place in the feed of changes from which a copy of all pages is kept up to date."""

    next = serializers.URLField(allow_null=True)
    cursor = serializers.CharField(help_text="For `changes/?after=`, the same on every page.")
    results = MemberSerializer(many=True)


class ListEditSerializer(StrictSerializer):
    """Who is put on a static list and taken off it; with `set` all that shall stand on it."""

    add = serializers.ListField(child=serializers.CharField(max_length=500), default=list, max_length=MOST_LISTED)
    remove = serializers.ListField(child=serializers.CharField(max_length=500), default=list, max_length=MOST_LISTED)
    set = serializers.ListField(child=serializers.CharField(max_length=500), required=False, max_length=MOST_LISTED)
    create_unknown = serializers.BooleanField(
        default=False, help_text="Make customers of ids that nothing named yet; otherwise they are reported only."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "set" in attrs and (attrs["add"] or attrs["remove"]):
            raise serializers.ValidationError({"set": 'expected nothing in "add" and "remove" beside it'})
        return attrs


class ListEditedSerializer(serializers.Serializer[Any]):
    """What an edit of a static list did."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    members = serializers.IntegerField(help_text="On the list now.")
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Ids of nobody: nothing was done for them."
    )
    erased = serializers.ListField(child=serializers.CharField(), help_text="Ids of customers who were erased.")


class ChangesPageSerializer(serializers.Serializer[Any]):
    """Changes, oldest first."""

    cursor = serializers.CharField(help_text="Pass it as `after` next time.")
    restarted = serializers.BooleanField(
        help_text="The cohort was started anew after `after`, without changes: read `members/` again."
    )
    results = ChangeSerializer(many=True)


class CustomerSerializer(ProfileSerializer):
    """A customer."""

    id = serializers.IntegerField()
    cohort_type = serializers.ChoiceField(choices=CustomerKind.choices)
    created = serializers.DateTimeField(help_text="When something first named it.")


class StaySerializer(serializers.Serializer[Any]):
    """A cohort that a customer is in."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True, help_text="Null: since the cohort's history began.")


class CustomerDetailSerializer(CustomerSerializer):
    """A customer with its cohorts, and when it was seen."""

    first_seen_time = serializers.DateTimeField(
        allow_null=True, help_text="Of its first event; null without events and while the columns cannot be read."
    )
    last_seen_time = serializers.DateTimeField(allow_null=True, help_text="Of its last event.")
    cohorts = StaySerializer(many=True)


def customer_of(customer: Customer) -> dict[str, Any]:
    """What CustomerSerializer tells of a customer."""
    own = {"id": customer.pk, "cohort_type": customer.kind, "created": customer.created_at}
    return {**own, **profile_of(customer)}
