"""The management API's forms of trying a rule out: its metric, its alerts if it had been there, and what it sends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers

from cohorts.serializers import StrictSerializer
from cohorts.time_zones import check_time_zone
from notifications.alerts.api.serializers import (
    DefinitionField,
    ExpectedSerializer,
    IntervalSerializer,
    WaitField,
    parse_definition,
)
from notifications.alerts.chart import Point
from notifications.alerts.models import AlertRule
from notifications.alerts.plan import Plan
from notifications.alerts.plans import plan_of
from notifications.alerts.replay import MOST_CHARTS, MOST_POINTS, USUAL_DAYS, Replayed, WouldBe, parts_of, replay

OWN = ("definition", "time_zone", "quiet_for")
MOST_DAYS = 730
MOST_JUDGED, MOST_PARTS = 5_000_000, 4
"""Intervals times groups of one request: the minutes of a month for a hundred groups; and how slow they may be."""
MOST_TOLD = 1_000
USUAL_POINTS = 300
VERDICTS = ["unknown", "ok", "near", "bad"]


class DraftSerializer(StrictSerializer):
    """A definition that is not saved; with a saved rule what is left out is as it is saved."""

    rule = serializers.PrimaryKeyRelatedField[AlertRule](
        queryset=AlertRule.objects.all(), required=False, allow_null=True, default=None
    )
    definition = DefinitionField(required=False, help_text="The definition, `{version: 1, metric: ...}`.")
    time_zone = serializers.CharField(required=False, max_length=64, validators=[check_time_zone])
    quiet_for = WaitField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        rule: AlertRule | None = attrs["rule"]
        if rule is None and "definition" not in attrs:
            raise serializers.ValidationError({"definition": 'missing; expected it, or a "rule"'})
        known = rule or AlertRule()
        attrs = {**{name: getattr(known, name) for name in OWN}, **attrs}
        parse_definition(attrs["definition"])
        return attrs

    @property
    def plan(self) -> Plan:
        """What is to be judged; call after `is_valid`."""
        asked = self.validated_data
        own = {name: asked[name] for name in OWN}
        return plan_of(AlertRule(**own) if asked["rule"] is None else AlertRule(pk=asked["rule"].pk, **own))


class PreviewRuleRequestSerializer(DraftSerializer):
    """A definition to try on the past."""

    days = serializers.IntegerField(
        default=USUAL_DAYS, min_value=1, max_value=MOST_DAYS, help_text="How long ago the rule would have been made."
    )
    charts = serializers.IntegerField(
        default=1, min_value=0, max_value=MOST_CHARTS, help_text="Of how many groups the metric is told."
    )
    points = serializers.IntegerField(
        default=USUAL_POINTS, min_value=0, max_value=MOST_POINTS, help_text="Of how many intervals, the newest ones."
    )

    def replayed(self, now: datetime) -> Replayed:
        """What it would have done; call after `is_valid`. Raises ValidationError where that is too much to find out,
        TooManyGroups and ColumnsDamaged."""
        asked, plan = self.validated_data, self.plan
        groups = plan.definition.most_groups if plan.definition.group_by else 1
        judged = groups * len(plan.due(now - timedelta(days=asked["days"]), now))
        if judged > MOST_JUDGED or parts_of(plan, now, asked["days"]) > MOST_PARTS:
            raise serializers.ValidationError({"days": "expected fewer days, fewer groups or longer intervals"})
        return replay(plan, now, asked["days"], points=asked["points"], charts=asked["charts"])


class WouldBeSerializer(serializers.Serializer[Any]):
    """An alert that would have been."""

    group = serializers.DictField(help_text="Field and value.")
    interval = IntervalSerializer(help_text="In which it would have been found.")
    value = serializers.FloatField(allow_null=True)
    expected = ExpectedSerializer()
    sentence = serializers.CharField(help_text="What was expected and seen.")
    resolved_at = serializers.DateTimeField(allow_null=True, help_text="Null where it would still be open.")
    resolved_sentence = serializers.CharField()


class PointSerializer(IntervalSerializer):
    """The metric in one interval."""

    value = serializers.FloatField(allow_null=True, help_text="Null where there was nothing to measure.")
    expected = ExpectedSerializer()
    verdict = serializers.ChoiceField(choices=VERDICTS, help_text="`near`: not off, but not well again either.")


class SeriesSerializer(serializers.Serializer[Any]):
    """The metric of one group, oldest interval first."""

    group = serializers.DictField()
    points = PointSerializer(many=True)


class PreviewRuleSerializer(serializers.Serializer[Any]):
    """What a rule would have done."""

    words = serializers.CharField()
    since = serializers.DateTimeField(help_text="When it would have been made.")
    would_alert = serializers.IntegerField(help_text="How many alerts would have opened.")
    alerts = WouldBeSerializer(many=True, help_text="The newest 1,000 of them, oldest first.")
    series = SeriesSerializer(many=True, help_text="Of the groups that alerted most, else of the busiest.")
    not_watched = serializers.IntegerField(help_text="How many groups, the smaller ones, would be left out now.")


class ExampleRequestSerializer(DraftSerializer):
    """A rule whose notification is asked for."""

    name = serializers.CharField(required=False, max_length=200, help_text="Of a rule that is not saved.")


class ExampleSerializer(serializers.Serializer[Any]):
    """What would be sent."""

    made_up = serializers.BooleanField(help_text="Whether the rule has not alerted lately: then some of it is made up.")
    webhook = serializers.DictField(help_text="The body of a webhook.")


def preview_of(plan: Plan, found: Replayed) -> dict[str, Any]:
    """What PreviewRuleSerializer tells of a rule that was replayed."""
    return {
        "words": plan.definition.words(),
        "since": found.since,
        "would_alert": len(found.alerts),
        "alerts": [_alert(alert) for alert in found.alerts[-MOST_TOLD:]],
        "series": [
            {"group": one.group.values, "points": [_point(point) for point in one.points]} for one in found.drawn
        ],
        "not_watched": found.unwatched,
    }


def _alert(alert: WouldBe) -> dict[str, Any]:
    return {
        "group": alert.group.values,
        "interval": {"from": alert.start, "to": alert.opened_at},
        "value": alert.value,
        "expected": {"low": alert.low, "high": alert.high},
        "sentence": alert.sentence,
        "resolved_at": alert.resolved_at,
        "resolved_sentence": alert.resolved_sentence,
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "from": point.start,
        "to": point.end,
        "value": point.value,
        "expected": {"low": point.low, "high": point.high},
        "verdict": point.verdict.name.lower(),
    }
