"""Alerts and what happened to them, in the admin: acknowledged and silenced, never edited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import action, display

from ingest.admin_parts import LongListAdmin, ReadOnlyAdmin, ReadOnlyInline, act_on_one, confirm, link, person
from notifications.alerts.admin_parts import SnoozableAdmin
from notifications.alerts.attend import acknowledge, snooze, wake
from notifications.alerts.models import Alert, AlertChange, RuleChannel
from notifications.alerts.state import state_of_alert

STATES = {"open": "danger", "acknowledged": "info", "snoozed": "warning", "resolved": "success"}
KINDS = {
    AlertChange.Kind.OPENED.label: "danger",
    AlertChange.Kind.REMINDED.label: "warning",
    AlertChange.Kind.RESOLVED.label: "success",
}


class ChangeInline(ReadOnlyInline):
    """What happened to an alert."""

    model = AlertChange
    fields = ["at", "kind", "by", "note"]
    readonly_fields = fields
    ordering = ["-id"]
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChange]:
        return super().get_queryset(request).select_related("by")


@admin.register(Alert)
class AlertAdmin(SnoozableAdmin, LongListAdmin):
    """What was found to be off."""

    list_display = ["opened_at", "rule_link", "group_", "state", "sentence", "told_at", "resolved_at"]
    list_filter = [
        "rule",
        ("resolved_at", admin.EmptyFieldListFilter),
        ("acknowledged_at", admin.EmptyFieldListFilter),
        "end",
    ]
    list_select_related = ["rule", "acknowledged_by"]
    search_fields = ["=id", "rule__name", "group_key"]
    ordering = ["-opened_at"]
    fields = [
        "rule_link",
        "group_",
        "state",
        "sentence",
        "value",
        "low",
        "high",
        "interval_start",
        "interval_end",
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
    ]
    readonly_fields = fields
    inlines = [ChangeInline]
    actions = ["acknowledge_selected", *SnoozableAdmin.snooze_actions]
    actions_detail = ["acknowledge", *SnoozableAdmin.snooze_actions_detail]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        return super().get_queryset(request).defer("rule__definition")

    def has_attend_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return request.user.has_perm("alerts.change_alert")

    has_snooze_permission = has_attend_permission

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        is_open = Alert.objects.filter(pk=object_id, resolved_at=None).exists()
        return super().get_actions_detail(request, object_id) if is_open else []

    @display(description="Rule", ordering="rule__name")
    def rule_link(self, alert: Alert) -> str:
        return link(alert.rule)

    @display(description="Group", ordering="group_key")
    def group_(self, alert: Alert) -> str:
        return ", ".join(f"{name}: {value}" for name, value in alert.group.items())

    @display(description="State", label=STATES)
    def state(self, alert: Alert) -> str:
        return state_of_alert(alert, timezone.now()).label

    @admin.action(description="Acknowledge", permissions=["attend"])
    def acknowledge_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        _attend(request, queryset, acknowledge, "Acknowledged.")

    def silence(self, request: HttpRequest, queryset: QuerySet[Alert], until: datetime | None) -> None:
        if until is None:
            _attend(request, queryset, wake, "The snooze is over.")
        else:
            _attend(request, queryset, lambda alert, by, now: snooze(alert, until, by, now=now), "Snoozed.")

    @action(
        description="Acknowledge",
        icon="how_to_reg",
        permissions=["attend"],
        dialog=confirm("Acknowledge it?", "Somebody looks after it: it is not told again.", "Acknowledge"),
    )
    def acknowledge(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.acknowledge_selected)


def _attend(request: HttpRequest, alerts: QuerySet[Alert], act: Callable[..., bool], done: str) -> None:
    now = timezone.now()
    attended = [act(alert, person(request), now=now) for alert in alerts]
    if any(attended):
        messages.success(request, done)
    else:
        messages.warning(request, "It has been resolved, or somebody was first.")


@admin.register(AlertChange)
class AlertChangeAdmin(LongListAdmin):
    """What happened to alerts."""

    list_display = ["id", "at", "alert_link", "kind_label", "by", "note"]
    list_filter = ["kind"]
    list_select_related = ["alert__rule", "by"]
    search_fields = ["=alert__id", "alert__rule__name"]
    fields = ["at", "alert_link", "kind_label", "by", "note"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChange]:
        return super().get_queryset(request).defer("alert__rule__definition")

    @display(description="Alert")
    def alert_link(self, change: AlertChange) -> str:
        return link(change.alert)

    @display(description="What", ordering="kind", label=KINDS)
    def kind_label(self, change: AlertChange) -> str:
        return change.get_kind_display()


@admin.register(RuleChannel)
class RuleChannelAdmin(ReadOnlyAdmin):
    """Which rules tell where; a rule's page changes it."""

    list_display = ["id", "rule_link", "channel_link"]
    list_filter = ["channel"]
    list_select_related = ["rule", "channel"]
    search_fields = ["rule__name", "channel__name"]
    fields = ["rule_link", "channel_link"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleChannel]:
        return super().get_queryset(request).defer("rule__definition", "channel__config")

    @display(description="Rule", ordering="rule__name")
    def rule_link(self, use: RuleChannel) -> str:
        return link(use.rule)

    @display(description="Channel", ordering="channel__name")
    def channel_link(self, use: RuleChannel) -> str:
        return link(use.channel)
