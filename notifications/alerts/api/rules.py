"""The management API of alert rules: kept, paused and silenced, tried out, and what happened to their alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from cohorts.cursors import refuse_cursor
from cohorts.edit import pause_time
from cohorts.pages import LIMIT, NewestFirst, read_limit
from cohorts.permissions import HasModelPermission, person_of
from cohorts.upsert import differing, read_document, refuse_race
from ingest.authentication import HasScope
from ingest.columns.interface import ColumnsDamaged
from ingest.models import Scope
from ingest.problems import Problem
from notifications.alerts.api.feed import read_changes
from notifications.alerts.api.preview import (
    ExampleRequestSerializer,
    ExampleSerializer,
    PreviewRuleRequestSerializer,
    PreviewRuleSerializer,
    preview_of,
)
from notifications.alerts.api.serializers import AlertRuleSerializer, RuleChangesPageSerializer, SnoozeSerializer, read
from notifications.alerts.busiest import TooManyGroups
from notifications.alerts.edit import create_rule, edit_rule
from notifications.alerts.example import info_of, make_example, written
from notifications.alerts.listing import OPEN, count_open
from notifications.alerts.models import Alert, AlertRule
from notifications.alerts.upsert import upsert_rule
from notifications.alerts.watch import watch_now
from notifications.channels import CHANNELS
from notifications.channels.webhook import Webhook
from notifications.models import Channel

AFTER = OpenApiParameter("after", description="The cursor from the call before.")
WRONG_CURSOR = "The cursor is not one of this rule's: read from the beginning, without one."


class AlertRuleFilter(filters.FilterSet):
    """Which rules a list holds."""

    key = filters.CharFilter()
    name = filters.CharFilter(lookup_expr="icontains", label="Part of the name.")
    paused = filters.BooleanFilter(field_name="paused_at", lookup_expr="isnull", exclude=True)
    channel = filters.UUIDFilter(field_name="channels", label="Told on this channel.")
    alerting = filters.BooleanFilter(method="with_open_alerts", label="Whether alerts of it are open.")

    def with_open_alerts(self, rules: QuerySet[AlertRule], name: str, value: bool) -> QuerySet[AlertRule]:
        is_off = Exists(Alert.objects.filter(OPEN, rule=OuterRef("pk")))
        return rules.filter(is_off if value else ~is_off)


class AlertRuleViewSet(viewsets.ModelViewSet[AlertRule]):
    """Alert rules: metrics that are watched."""

    queryset = AlertRule.objects.annotate(open_count=count_open()).prefetch_related(
        Prefetch("channels", Channel.objects.only("pk").order_by("created_at", "pk"))
    )
    serializer_class = AlertRuleSerializer
    filterset_class = AlertRuleFilter
    pagination_class = NewestFirst
    permission_classes = [HasScope, HasModelPermission]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    required_scopes: dict[str, Scope] = {}
    required_verbs: dict[str, str] = {}

    @extend_schema(responses={201: AlertRuleSerializer, 200: AlertRuleSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Save a rule. It judges what ends from now on.

        The same request again with the same `key` answers 200 with the rule that is there; a different one with
        that key is refused.
        """
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        values, now = dict(serializer.validated_data), timezone.now()
        channels = values.pop("channels", [])
        own = {"paused_at": pause_time(values.pop("paused_at", False), None, now), "created_by": person_of(request)}
        try:
            made = create_rule({**values, **own}, now=now, channels=channels)
        except IntegrityError:
            stored = _with_key(values)
            if stored is None or not _is_same(stored, values, channels):
                raise _conflict(stored) from None
            return Response(self.get_serializer(self._find(stored)).data)
        return Response(self.get_serializer(self._find(made)).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=AlertRuleSerializer, responses={201: AlertRuleSerializer, 200: AlertRuleSerializer})
    @action(
        detail=False,
        methods=["put"],
        url_path="by-key/(?P<key>[-a-zA-Z0-9_]{1,100})",
        filterset_class=None,
        http_method_names=["put", "options"],
        required_verbs={"PUT": "change"},
    )
    def by_key(self, request: Request, key: str) -> Response:
        """Make the rule with this key what the request says, or make it: 201 when it is new, else 200.

        The request is whole: what it leaves out has its default. The same request again changes nothing.
        """
        with refuse_race():
            saved = upsert_rule(key, read_document(request), timezone.now(), by=person_of(request))
        answer = self.get_serializer(self._find(saved.row)).data
        return Response(answer, status=status.HTTP_201_CREATED if saved.created else status.HTTP_200_OK)

    def perform_update(self, serializer: BaseSerializer[AlertRule]) -> None:
        rule, now = self.get_object(), timezone.now()
        values = dict(serializer.validated_data)
        channels = values.pop("channels", None)
        if "paused_at" in values:
            values["paused_at"] = pause_time(values["paused_at"], rule.paused_at, now)
        try:
            edit_rule(rule, values, now=now, channels=channels)
        except IntegrityError:
            raise _conflict(_with_key(values)) from None
        serializer.instance = self._find(rule)

    @extend_schema(request=SnoozeSerializer, responses=AlertRuleSerializer)
    @action(detail=True, methods=["post"], required_verbs={"POST": "change"})
    def snooze(self, request: Request, pk: str) -> Response:
        """Tell nothing of its alerts for a while. Those that are open when it is over are told then."""
        now = timezone.now()
        until = read(SnoozeSerializer, request).until_of(now)
        return self._edit({"snoozed_until": until}, now)

    @extend_schema(request=None, responses=AlertRuleSerializer)
    @action(detail=True, methods=["post"], required_verbs={"POST": "change"})
    def wake(self, request: Request, pk: str) -> Response:
        """End its silence: what is open is told."""
        return self._edit({"snoozed_until": None}, timezone.now())

    @extend_schema(request=None, responses=AlertRuleSerializer)
    @action(detail=True, methods=["post"], required_verbs={"POST": "change"})
    def watch(self, request: Request, pk: str) -> Response:
        """Judge the intervals that are over, without waiting for the worker; a fault stands in `error`."""
        rule = self.get_object()
        if rule.paused_at is not None:
            raise Problem(409, "paused", "The rule is paused: nothing is judged.")
        watch_now([rule], timezone.now())
        return Response(self.get_serializer(self._find(rule)).data)

    @extend_schema(parameters=[LIMIT, AFTER], responses=RuleChangesPageSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def changes(self, request: Request, pk: str) -> Response:
        """What happened to its alerts after a cursor, oldest first; without one from the beginning."""
        rule, limit = self.get_object(), read_limit(request)
        with refuse_cursor(WRONG_CURSOR):
            page = read_changes(rule, request.query_params.get("after", ""), limit)
        return Response(RuleChangesPageSerializer({"cursor": page.cursor, "results": page.changes}).data)

    @extend_schema(request=PreviewRuleRequestSerializer, responses=PreviewRuleSerializer)
    @action(
        detail=False,
        methods=["post"],
        url_path="preview",
        required_scopes={"POST": Scope.READ},
        required_verbs={"POST": "view"},
    )
    def try_out(self, request: Request) -> Response:
        """The metric of a definition, and the alerts that it would have opened if it had been saved some days ago.

        Nothing is saved. The answer is what watching would have done: late events count as they were known in time.
        """
        asked = read(PreviewRuleRequestSerializer, request)
        try:
            found = asked.replayed(timezone.now())
        except TooManyGroups as error:
            raise ValidationError({"definition.group_by": str(error)}) from None
        except ColumnsDamaged as error:
            raise Problem(503, "columns_damaged", str(error)) from None
        return Response(PreviewRuleSerializer(preview_of(asked.plan, found)).data)

    @extend_schema(request=ExampleRequestSerializer, responses=ExampleSerializer)
    @action(detail=False, methods=["post"], required_scopes={"POST": Scope.READ}, required_verbs={"POST": "view"})
    def example(self, request: Request) -> Response:
        """What a rule, saved or not, sent when it last alerted, or would send: made by the code that sends.

        Nothing is sent.
        """
        asked = read(ExampleRequestSerializer, request)
        rule: AlertRule | None = asked.validated_data["rule"]
        found = make_example(asked.plan, info_of(rule, asked.validated_data.get("name", "")), timezone.now())
        webhook = written(CHANNELS[Webhook.kind], found.text)
        return Response(ExampleSerializer({"made_up": found.made_up, "webhook": webhook}).data)

    def _edit(self, values: dict[str, Any], now: datetime) -> Response:
        rule = self.get_object()
        edit_rule(rule, values, now=now)
        return Response(self.get_serializer(self._find(rule)).data)

    def _find(self, rule: AlertRule) -> AlertRule:
        """The rule as it is stored, with all that is told of it."""
        return get_object_or_404(self.get_queryset(), pk=rule.pk)


def _with_key(values: Mapping[str, Any]) -> AlertRule | None:
    return AlertRule.objects.filter(key=values["key"]).first() if values.get("key") else None


def _is_same(rule: AlertRule, values: Mapping[str, Any], channels: Sequence[Channel]) -> bool:
    told = {channel.pk for channel in rule.channels.only("pk")} == {channel.pk for channel in channels}
    return told and not differing(rule, values)


def _conflict(other: AlertRule | None) -> Problem:
    """Why the database refused a rule: another one has its key, or a channel went at this moment."""
    if other is None:
        return Problem(409, "channel_deleted", "A channel was deleted at this moment: send the request again.")
    return Problem(409, "key_taken", f'Another rule has the key "{other.key}".')
