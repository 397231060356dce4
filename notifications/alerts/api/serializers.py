"""The management API's forms of alert rules, alerts and maintenance."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from cohorts.criteria import CriteriaError
from cohorts.serializers import PausedField, PeriodField, StrictSerializer
from cohorts.time_zones import check_time_zone
from notifications.alerts.compose import page_url
from notifications.alerts.definition import Definition, parse
from notifications.alerts.models import (
    LONGEST_WAIT,
    SHORTEST_WAIT,
    Alert,
    AlertChange,
    AlertRule,
)
from notifications.models import Channel

ALERT_STATES = ["open", "acknowledged", "resolved"]
Asked = TypeVar("Asked", bound=serializers.BaseSerializer[Any])
LONGEST_SNOOZE = timedelta(days=365)
REMINDER = "How often an alert that stays open is told again; null for never."
QUIET_FOR = "The least time from one alert of a group to its next; null for none."


def parse_definition(document: Any) -> Definition:
    """The definition, or a ValidationError that names the path of the fault."""
    try:
        return parse(document)
    except CriteriaError as error:
        path = ".".join(filter(None, ["definition", error.path]))
        raise serializers.ValidationError({path: error.message}) from None


@extend_schema_field(OpenApiTypes.OBJECT)
class DefinitionField(serializers.JSONField):
    """A definition; what it may say is judged with the whole document, so that a fault has its path."""


class WaitField(PeriodField):
    """A length of time, or null for none."""

    def __init__(self, **options: Any) -> None:
        bounds = {"shortest": SHORTEST_WAIT, "longest": LONGEST_WAIT}
        super().__init__(**bounds, allow_null=True, required=False, **options)


class AlertRuleSerializer(StrictSerializer, serializers.ModelSerializer[AlertRule]):
    """A metric that is watched, and whom its alerts are told. An edit of definition or time zone starts it anew."""

    key = serializers.SlugField(max_length=100, required=False, allow_null=True, help_text="A stable name, unique.")
    definition = DefinitionField(help_text="Metric, intervals, groups and condition, `{version: 1, metric: ...}`.")
    words = serializers.SerializerMethodField(help_text="The definition in plain words.")
    time_zone = serializers.CharField(
        default="UTC", max_length=64, validators=[check_time_zone], help_text="In which days, weeks and months begin."
    )
    channels = serializers.PrimaryKeyRelatedField(
        many=True, queryset=Channel.objects.only("pk"), required=False, help_text="Where its alerts are told."
    )
    reminder = WaitField(help_text=REMINDER)
    quiet_for = WaitField(help_text=QUIET_FOR)
    paused = PausedField(source="paused_at", required=False, help_text="Nothing is judged while it is.")
    open_alerts = serializers.SerializerMethodField(help_text="How many of its alerts are open.")
    not_watched = serializers.IntegerField(
        source="unwatched", read_only=True, help_text="How many groups, the smaller ones, were left out lately."
    )
    error = serializers.SerializerMethodField(help_text="Why it could not be judged last time; null when it was.")

    class Meta:
        model = AlertRule
        fields = [
            "id",
            "key",
            "name",
            "description",
            "definition",
            "words",
            "time_zone",
            "channels",
            "reminder",
            "quiet_for",
            "tells_resolved",
            "paused",
            "snoozed_until",
            "definition_version",
            "created_at",
            "open_alerts",
            "judged_until",
            "not_watched",
            "error",
        ]
        read_only_fields = ["id", "snoozed_until", "definition_version", "created_at", "judged_until"]
        extra_kwargs = {
            "description": {"help_text": "What it is for, and what to do when it alerts."},
            "tells_resolved": {"help_text": "Tell, too, when an alert resolves."},
            "snoozed_until": {"help_text": "It is judged, but tells nothing until then: see `snooze/`."},
            "judged_until": {"help_text": "The end of the newest interval that is judged, or when judging began."},
        }

    def get_words(self, rule: AlertRule) -> str:
        try:
            return parse(rule.definition).words()
        except CriteriaError:
            return ""

    def get_open_alerts(self, rule: AlertRule) -> int:
        return getattr(rule, "open_count", 0)  # of a new rule there is none

    def get_error(self, rule: AlertRule) -> str | None:
        return rule.error or None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "definition" in attrs:
            parse_definition(attrs["definition"])
        return attrs


class ExpectedSerializer(serializers.Serializer[Any]):
    """Within what a value was expected; null for no bound."""

    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class IntervalSerializer(serializers.Serializer[Any]):
    """A stretch of time, without its end."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With its borders; `from` is no name that a class can have."""
        borders = {"from": serializers.DateTimeField(), "to": serializers.DateTimeField()}
        return {**borders, **super().get_fields()}


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """One group of a rule that is off, or was."""

    group = serializers.DictField(help_text="Field and value; empty where the rule has no groups.")
    state = serializers.SerializerMethodField()
    expected = ExpectedSerializer(source="*")
    interval = serializers.SerializerMethodField(help_text="In which it was found.")
    url = serializers.SerializerMethodField(help_text="Its page.")
    acknowledged_by = serializers.SerializerMethodField(help_text="Who looks after it; null for software.")
    end = serializers.SerializerMethodField(help_text="Why it is no longer open; null while it is.")

    class Meta:
        model = Alert
        fields = [
            "id",
            "rule",
            "group",
            "state",
            "value",
            "expected",
            "sentence",
            "interval",
            "definition_version",
            "opened_at",
            "told_at",
            "reminded_at",
            "acknowledged_at",
            "acknowledged_by",
            "snoozed_until",
            "resolved_at",
            "resolved_sentence",
            "end",
            "url",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "sentence": {"help_text": "What was expected and seen."},
            "told_at": {"help_text": "When it was first told; null while it was not."},
            "snoozed_until": {"help_text": "Nothing of it is told until then."},
        }

    @extend_schema_field(serializers.ChoiceField(choices=ALERT_STATES))
    def get_state(self, alert: Alert) -> str:
        return alert.state

    @extend_schema_field(IntervalSerializer)
    def get_interval(self, alert: Alert) -> Any:
        return IntervalSerializer({"from": alert.interval_start, "to": alert.interval_end}).data

    def get_url(self, alert: Alert) -> str:
        return page_url("alert", alert.pk)

    def get_acknowledged_by(self, alert: Alert) -> str | None:
        return alert.acknowledged_by.get_username() if alert.acknowledged_by else None

    @extend_schema_field(serializers.ChoiceField(choices=Alert.End.choices, allow_null=True))
    def get_end(self, alert: Alert) -> str | None:
        return alert.end or None


class AlertChangeSerializer(serializers.ModelSerializer[AlertChange]):
    """One thing that happened to an alert."""

    by = serializers.SerializerMethodField(help_text="Who did it; null for the site and for software.")

    class Meta:
        model = AlertChange
        fields = ["id", "kind", "at", "by", "note"]
        read_only_fields = fields
        extra_kwargs = {"note": {"help_text": "The sentence that goes with it, or what somebody wrote."}}

    def get_by(self, change: AlertChange) -> str | None:
        return change.by.get_username() if change.by else None


class AlertDetailSerializer(AlertSerializer):
    """An alert with its history."""

    changes = AlertChangeSerializer(
        source="history", many=True, help_text="The newest 1,000 things that happened to it, newest first."
    )

    class Meta(AlertSerializer.Meta):
        fields = [*AlertSerializer.Meta.fields, "changes"]
        read_only_fields = fields


class RuleChangeSerializer(AlertChangeSerializer):
    """One thing that happened to an alert of a rule."""

    group = serializers.DictField(source="alert.group", help_text="The alert's.")

    class Meta(AlertChangeSerializer.Meta):
        fields = ["id", "alert", "group", "kind", "at", "by", "note"]
        read_only_fields = fields


class RuleChangesPageSerializer(serializers.Serializer[Any]):
    """What happened to the alerts of a rule, oldest first."""

    cursor = serializers.CharField(help_text="Pass it as `after` next time.")
    results = RuleChangeSerializer(many=True)


class NoteSerializer(StrictSerializer):
    """What somebody says who acknowledges an alert."""

    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class SnoozeSerializer(StrictSerializer):
    """Until when nothing is told: an instant, or how long."""

    until = serializers.DateTimeField(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With `for`, which is no name that a class can have."""
        length = PeriodField(shortest=SHORTEST_WAIT, longest=LONGEST_SNOOZE, required=False)
        return {"for": length, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("until" in attrs) == ("for" in attrs):
            raise serializers.ValidationError({"until": "expected either it, or for"})
        return attrs

    def until_of(self, now: datetime) -> datetime:
        """When it is over; call after `is_valid`. Raises ValidationError."""
        until: datetime = self.validated_data.get("until") or now + self.validated_data["for"]
        if not now < until <= now + LONGEST_SNOOZE:
            raise serializers.ValidationError({"until": "expected a time within the next 365 days"})
        return until


class SnoozeAlertSerializer(SnoozeSerializer, NoteSerializer):
    """Until when nothing of an alert is told, and why."""


def read(form: type[Asked], request: Request) -> Asked:
    """The body of a request, judged. Raises ValidationError."""
    asked = form(data=request.data)
    asked.is_valid(raise_exception=True)
    return asked
