"""The management API of alert rules, alerts and maintenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError
from django.db.models import Count, Exists, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
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
from cohorts.permissions import HasModelPermission, key_of, person_of
from cohorts.upsert import read_document, refuse_race
from ingest.authentication import HasScope
from ingest.columns.interface import ColumnsDamaged
from ingest.models import Scope
from ingest.problems import Problem
from notifications.alerts.attend import acknowledge, snooze, wake
from notifications.alerts.busiest import TooManyGroups
from notifications.alerts.edit import create_rule, edit_rule
from notifications.alerts.feed import of_group, read_changes, read_group
from notifications.alerts.listing import OPEN, STATES
from notifications.alerts.models import Alert, AlertChange, AlertRule, Maintenance
from notifications.alerts.preview_serializers import (
    PreviewRuleRequestSerializer,
    PreviewRuleSerializer,
    preview_of,
)
from notifications.alerts.replay import replay
from notifications.alerts.serializers import (
    AlertDetailSerializer,
    AlertRuleSerializer,
    AlertSerializer,
    MaintenanceSerializer,
    NoteSerializer,
    RuleChangesPageSerializer,
    SnoozeAlertSerializer,
    SnoozeSerializer,
)
from notifications.alerts.upsert import upsert_rule
from notifications.models import Channel

MOST_HISTORY = 1_000
AFTER = OpenApiParameter("after", description="The cursor from the call before.")
WRONG_CURSOR = "The cursor is not one of this rule's: read from the beginning, without one."
Asked = TypeVar("Asked", bound=BaseSerializer[Any])


def count_open() -> Coalesce:
    """How many alerts of a rule are open, as a column of a list of rules."""
    of_rule = Alert.objects.filter(OPEN, rule=OuterRef("pk")).order_by().values("rule")
    return Coalesce(Subquery(of_rule.annotate(number=Count("pk")).values("number")), 0, output_field=IntegerField())


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
        asked, now = read(PreviewRuleRequestSerializer, request), timezone.now()
        values, plan = asked.validated_data, asked.plan(now)
        try:
            found = replay(plan, now, values["days"], points=values["points"], charts=values["charts"])
        except TooManyGroups as error:
            raise ValidationError({"definition.group_by": str(error)}) from None
        except ColumnsDamaged as error:
            raise Problem(503, "columns_damaged", str(error)) from None
        return Response(PreviewRuleSerializer(preview_of(plan, found)).data)

    def _edit(self, values: dict[str, Any], now: datetime) -> Response:
        rule = self.get_object()
        edit_rule(rule, values, now=now)
        return Response(self.get_serializer(self._find(rule)).data)

    def _find(self, rule: AlertRule) -> AlertRule:
        """The rule as it is stored, with all that is told of it."""
        return get_object_or_404(self.get_queryset(), pk=rule.pk)


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


def read(form: type[Asked], request: Request) -> Asked:
    """The body of a request, judged. Raises ValidationError."""
    asked = form(data=request.data)
    asked.is_valid(raise_exception=True)
    return asked


def _with_key(values: Mapping[str, Any]) -> AlertRule | None:
    return AlertRule.objects.filter(key=values["key"]).first() if values.get("key") else None


def _is_same(rule: AlertRule, values: Mapping[str, Any], channels: Sequence[Channel]) -> bool:
    told = {channel.pk for channel in rule.channels.only("pk")} == {channel.pk for channel in channels}
    return told and all(getattr(rule, name) == value for name, value in values.items())


def _conflict(other: AlertRule | None) -> Problem:
    """Why the database refused a rule: another one has its key, or a channel went at this moment."""
    if other is None:
        return Problem(409, "channel_deleted", "A channel was deleted at this moment: send the request again.")
    return Problem(409, "key_taken", f'Another rule has the key "{other.key}".')
