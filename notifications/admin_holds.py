"""Batches that are held, in the admin: sent or dropped in the list and on their page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import action, display

from ingest.admin_parts import ReadOnlyAdmin, act_on_one, confirm, link, person
from notifications.holds import decide
from notifications.models import Hold

STATES = {"waits for a decision": "danger", "decided": "info", "sent": "success", "dropped": "warning"}


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """What was held until somebody decided, and what became of it."""

    list_display = ["held_at", "subscription_link", "why", "added", "removed", "state"]
    list_filter = [("ended_at", admin.EmptyFieldListFilter), "outcome"]
    list_select_related = ["subscription__cohort", "subscription__channel", "decided_by"]
    search_fields = ["subscription__cohort__name", "subscription__channel__name"]
    ordering = ["-held_at"]
    fields = [*list_display, "looked_at", "decided_by", "decided_at", "ended_at"]
    readonly_fields = fields
    actions = ["send_selected", "drop_selected"]
    actions_detail = ["send", "drop"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        heavy = ("customers", "subscription__channel__config", "subscription__cohort__criteria")
        return super().get_queryset(request).defer(*heavy)

    def has_decide_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        return request.user.has_perm("notifications.change_hold")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        undecided = Hold.objects.filter(pk=object_id, ended_at=None, decision="").exists()
        return super().get_actions_detail(request, object_id) if undecided else []

    @display(description="Subscription")
    def subscription_link(self, hold: Hold) -> str:
        return link(hold.subscription)

    @display(description="State", label=STATES)
    def state(self, hold: Hold) -> str:
        return hold.get_outcome_display() or ("decided" if hold.decision else "waits for a decision")

    @admin.action(description="Send", permissions=["decide"])
    def send_selected(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        _decide(request, queryset, Hold.Decision.SEND, "Sent with the next cycle.")

    @admin.action(description="Drop", permissions=["decide"])
    def drop_selected(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        _decide(request, queryset, Hold.Decision.DROP, "Dropped: nobody is told.")

    @action(
        description="Send",
        icon="send",
        permissions=["decide"],
        dialog=confirm("Send it?", "The net change is told with the next cycle.", "Send"),
    )
    def send(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.send_selected)

    @action(
        description="Drop",
        icon="delete",
        permissions=["decide"],
        dialog=confirm("Drop it?", "These customers are never told of as having moved now.", "Drop"),
    )
    def drop(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.drop_selected)


def _decide(request: HttpRequest, holds: QuerySet[Hold], decision: Hold.Decision, done: str) -> None:
    decided = [decide(hold, decision, person(request), timezone.now()) for hold in holds]
    if any(decided):
        messages.success(request, done)
    else:
        messages.warning(request, "It was decided already, or is no longer held.")
