"""What the admin of alerts and of their rules have in common: both can be silent for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action

from ingest.admin_parts import act_on_one, confirm
from notifications.alerts.admin_forms import SilenceDialog

A_DAY = timedelta(days=1)


class SnoozableAdmin(ModelAdmin):
    """Of what tells nothing until a time. `has_snooze_permission` says who may."""

    snooze_actions = ("snooze_selected", "wake_selected")
    snooze_actions_detail = ("snooze", "wake")

    def silence(self, request: HttpRequest, queryset: QuerySet[Any], until: datetime | None) -> None:
        """Have these tell nothing until then, or what there is when that is None; say that it is done."""
        raise NotImplementedError

    @admin.action(description="Snooze for a day", permissions=["snooze"])
    def snooze_selected(self, request: HttpRequest, queryset: QuerySet[Any], silence: timedelta = A_DAY) -> None:
        self.silence(request, queryset, timezone.now() + silence)

    @admin.action(description="End the snooze", permissions=["snooze"])
    def wake_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.silence(request, queryset, None)

    @action(
        description="Snooze",
        icon="snooze",
        permissions=["snooze"],
        dialog={**confirm("Snooze?", "Nobody is told until then.", "Snooze"), "form_class": SilenceDialog},
    )
    def snooze(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        chosen = partial(self.snooze_selected, silence=form.cleaned_data["silence"])
        return act_on_one(self, request, object_id, chosen)

    @action(
        description="End the snooze",
        icon="notifications_active",
        permissions=["snooze"],
        dialog=confirm("End the snooze?", "What is still open is told with the next cycle.", "End it"),
    )
    def wake(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.wake_selected)
