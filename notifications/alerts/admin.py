"""Alert rules and maintenance in the admin; what was found to be off is in `admin_log`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from ingest.admin_parts import PausableAdmin, act_on_one, confirm, list_links, person
from notifications.alerts import admin_log
from notifications.alerts.admin_forms import AlertRuleForm, MaintenanceForm
from notifications.alerts.admin_parts import SnoozableAdmin
from notifications.alerts.edit import create_rule, edit_rule
from notifications.alerts.listing import count_open, rule_in_words
from notifications.alerts.models import Alert, AlertRule, Maintenance
from notifications.alerts.state import state_of_maintenance, state_of_rule
from notifications.alerts.watch import watch_now

__all__ = ["AlertRuleAdmin", "MaintenanceAdmin", "admin_log"]

ALERTING = "alerting"
STATES = {
    "working": "success",
    "paused": "warning",
    "snoozed": "warning",
    "failing": "danger",
    "stuck": "danger",
    ALERTING: "danger",
}
NO_RULES = "none: they were deleted"


@admin.register(AlertRule)
class AlertRuleAdmin(SnoozableAdmin, PausableAdmin):
    """Alert rules: made and edited as JSON, paused, snoozed."""

    form = AlertRuleForm
    list_display = ["name", "words", "state", "open_alerts", "judged_until", "snoozed_until", "error_"]
    list_filter = [
        "channels",
        ("paused_at", admin.EmptyFieldListFilter),
        ("error", admin.EmptyFieldListFilter),
        ("snoozed_until", admin.EmptyFieldListFilter),
    ]
    search_fields = ["name", "key", "=id"]
    ordering = ["name"]
    own_state = ["state", "open_alerts", "judged_until", "snoozed_until", "unwatched", "skipped", "error", "related"]
    readonly_fields = ["words", *own_state]
    add_fieldsets = [
        (None, {"fields": ["name", "description", "key"]}),
        ("Definition", {"fields": ["definition", "time_zone"]}),
        ("Who is told, and how often", {"fields": ["told_on", "tells_resolved", "reminder", "quiet_for"]}),
    ]
    fieldsets = [
        add_fieldsets[0],
        ("Definition", {"fields": ["words", "definition", "time_zone"]}),
        add_fieldsets[2],
        ("State", {"fields": own_state}),
    ]
    actions = ["watch_selected", *SnoozableAdmin.snooze_actions, *PausableAdmin.actions]
    actions_detail = ["watch", *SnoozableAdmin.snooze_actions_detail, *PausableAdmin.actions_detail]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return super().get_queryset(request).annotate(open_count=count_open())

    def get_deleted_objects(
        self, objs: QuerySet[AlertRule] | Sequence[AlertRule], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """The alerts of a rule go with it, in number: there may be very many."""
        alerts = Alert.objects.filter(rule__in=[rule.pk for rule in objs]).count()
        counts = {"alert rules": len(objs), "alerts": alerts}
        return [f"Alert rule: {rule}" for rule in objs], counts, set(), []

    def save_model(self, request: HttpRequest, obj: AlertRule, form: AlertRuleForm, change: bool) -> None:
        channels, now = form.cleaned_data["told_on"], timezone.now()
        if not change:
            made = create_rule({**form.values(), "created_by": person(request)}, now=now, channels=channels)
            obj.__dict__.update(made.__dict__)
        elif edit_rule(obj, form.values(), now=now, channels=channels):
            messages.info(request, "What was open has ended, of which nobody is told. The rule starts anew.")

    @display(description="In words")
    def words(self, rule: AlertRule) -> str:
        return rule_in_words(rule)

    @display(description="State", label=STATES)
    def state(self, rule: AlertRule) -> str:
        is_off = rule.open_count > 0  # type: ignore[attr-defined]
        label = state_of_rule(rule, 0, timezone.now()).label
        return ALERTING if is_off and label == "working" else label

    @display(description="Open alerts", ordering="open_count")
    def open_alerts(self, rule: AlertRule) -> int:
        return rule.open_count  # type: ignore[attr-defined]

    @display(description="Last error", ordering="error")
    def error_(self, rule: AlertRule) -> str:
        return Truncator(rule.error).chars(80)

    @display(description="More")
    def related(self, rule: AlertRule) -> SafeString:
        return list_links(
            ("Alerts", "alerts.alert", {"rule__id__exact": rule.pk}),
            ("Maintenance", "alerts.maintenance", {"rules__id__exact": rule.pk}),
        )

    @admin.action(description="Watch now", permissions=["change"])
    def watch_selected(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        for alert in watch_now(queryset, timezone.now()):
            messages.warning(request, f"{alert}: {alert.resolved_sentence or alert.sentence}")
        for rule in queryset.all():
            if rule.paused_at:
                messages.warning(request, f"{rule} is paused: nothing was judged.")
            elif rule.error:
                messages.error(request, f"{rule}: {rule.error}")
            else:
                messages.success(request, f"{rule}: judged until {localize(localtime(rule.judged_until))}.")

    @action(
        description="Watch now",
        icon="play_arrow",
        permissions=["change"],
        dialog=confirm("Watch now?", "New events are sealed, then the intervals that are over are judged.", "Watch"),
    )
    def watch(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.watch_selected)

    @admin.action(description="Pause", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        now = timezone.now()
        _edit(queryset.filter(paused_at=None), {"paused_at": now})
        messages.success(request, "Paused until somebody resumes it: nothing is judged.")

    @admin.action(description="Resume", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        _edit(queryset.filter(paused_at__isnull=False), {"paused_at": None})
        messages.success(request, "Resumed: what ends from now on is judged.")

    def has_snooze_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return self.has_change_permission(request)

    def silence(self, request: HttpRequest, queryset: QuerySet[AlertRule], until: datetime | None) -> None:
        _edit(queryset, {"snoozed_until": until})
        messages.success(
            request,
            "Snoozed. What is still open when the time is over is told then."
            if until
            else "The snooze is over: what is open is told.",
        )


def _edit(rules: QuerySet[AlertRule], values: dict[str, Any]) -> None:
    now = timezone.now()
    for rule in rules:
        edit_rule(rule, values, now=now)


@admin.register(Maintenance)
class MaintenanceAdmin(ModelAdmin):
    """Times that are not judged."""

    list_display = ["start", "end", "state", "concerns", "reason", "created_by"]
    form = MaintenanceForm
    list_filter = ["all_rules", "rules"]
    list_select_related = ["created_by"]
    search_fields = ["reason", "rules__name"]
    ordering = ["-end"]
    fields = ["start", "end", "reason", "all_rules", "rules"]
    autocomplete_fields = ["rules"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Maintenance]:
        return super().get_queryset(request).prefetch_related("rules")

    def save_model(self, request: HttpRequest, obj: Maintenance, form: forms.ModelForm, change: bool) -> None:
        if not change:
            obj.created_at, obj.created_by = timezone.now(), person(request)
        obj.save()

    @display(description="State", label={"going on": "warning", "planned": "info", "over": "default"})
    def state(self, window: Maintenance) -> str:
        return state_of_maintenance(window, timezone.now()).label

    @display(description="Rules")
    def concerns(self, window: Maintenance) -> str:
        return "all" if window.all_rules else ", ".join(map(str, window.rules.all())) or NO_RULES
