"""What was batched, sent and answered, in the admin: read only."""

from __future__ import annotations

import json

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.admin import ModelAdmin
from unfold.decorators import display

from ingest.admin_parts import LongListAdmin, ReadOnlyAdmin, ReadOnlyInline, link
from notifications.admin_forms import SuppressionForm
from notifications.models import Attempt, Batch, Delivery, SentTests, Settlement, Suppression, Waiting

STATE_COLORS = {
    Delivery.State.PENDING.label: "info",
    Delivery.State.DELIVERED.label: "success",
    Delivery.State.DEAD.label: "danger",
}
OUTCOME_COLORS = {
    Settlement.Outcome.TOLD.label: "success",
    Settlement.Outcome.CANCELLED.label: "default",
    Settlement.Outcome.UNWANTED.label: "default",
}


class AttemptInline(ReadOnlyInline):
    """The tries of a delivery."""

    model = Attempt
    fields = ["number", "started_at", "took", "succeeded", "status", "error", "answer"]
    readonly_fields = fields
    ordering = ["number"]

    def get_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[str]:
        return shown_to(request, self.fields)

    @display(description="Took")
    def took(self, attempt: Attempt) -> str:
        return took(attempt)


class DeliveryInline(ReadOnlyInline):
    """The deliveries of a batch."""

    model = Delivery
    fields = ["link", "channel", "recipient", "part", "state", "attempt_count", "last_error", "delivered_at"]
    readonly_fields = fields
    ordering = ["part", "recipient"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).select_related("channel").defer("content", "channel__config")

    @display(description="Delivery")
    def link(self, delivery: Delivery) -> str:
        return link(delivery)


@admin.register(Batch)
class BatchAdmin(LongListAdmin):
    """The content of each period of each subscription."""

    list_display = ["number", "subscription_link", "period_from", "period_to", "added", "removed", "members"]
    list_filter = ["subscription__channel"]
    list_select_related = ["subscription__cohort", "subscription__channel"]
    search_fields = ["=id", "subscription__cohort__name"]
    ordering = ["-created_at"]
    fields = ["number", "subscription_link", "period_from", "period_to", "created_at", "added", "removed", "members"]
    readonly_fields = fields
    inlines = [DeliveryInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        return super().get_queryset(request).defer("subscription__channel__config", "subscription__cohort__criteria")

    @display(description="Number", ordering="sequence")
    def number(self, batch: Batch) -> int:
        return batch.sequence

    @display(description="Subscription")
    def subscription_link(self, batch: Batch) -> str:
        return link(batch.subscription)


@admin.register(Settlement)
class SettlementAdmin(LongListAdmin):
    """What each subscription did with each change."""

    list_display = ["id", "subscription_link", "change_", "outcome_", "why", "batch_link"]
    list_filter = ["outcome", "why"]
    list_select_related = ["subscription__cohort", "subscription__channel", "change__customer", "batch"]
    search_fields = ["=change__customer__external_id"]
    fields = ["subscription_link", "change_", "outcome_", "why", "batch_link"]
    readonly_fields = fields

    @display(description="Subscription")
    def subscription_link(self, settlement: Settlement) -> str:
        return link(settlement.subscription)

    @display(description="Change")
    def change_(self, settlement: Settlement) -> str:
        return link(settlement.change)

    @display(description="Outcome", ordering="outcome", label=OUTCOME_COLORS)
    def outcome_(self, settlement: Settlement) -> str:
        return settlement.get_outcome_display()

    @display(description="Batch")
    def batch_link(self, settlement: Settlement) -> str:
        return link(settlement.batch)


@admin.register(Waiting)
class WaitingAdmin(LongListAdmin):
    """Changes that are not told yet, and when they can be."""

    list_display = ["id", "subscription_link", "change_", "ripe_at"]
    list_select_related = ["subscription__cohort", "subscription__channel", "change__customer"]
    search_fields = ["=customer__external_id"]
    fields = ["subscription_link", "change_", "ripe_at"]
    readonly_fields = fields

    @display(description="Subscription")
    def subscription_link(self, waiting: Waiting) -> str:
        return link(waiting.subscription)

    @display(description="Change")
    def change_(self, waiting: Waiting) -> str:
        return link(waiting.change)


@admin.register(Delivery)
class DeliveryAdmin(LongListAdmin):
    """What was sent where, with every attempt and the reason of a failure."""

    list_display = [
        "created_at",
        "subject",
        "channel_link",
        "recipient",
        "state_label",
        "attempt_count",
        "reason",
        "delivered_at",
    ]
    list_filter = ["about", "state", "channel"]
    list_select_related = ["channel", "batch__subscription__cohort"]
    search_fields = ["=id", "recipient", "batch__subscription__cohort__name", "title"]
    search_help_text = "Whole id (webhook-id), recipient, cohort or title"
    ordering = ["-created_at"]
    fields = [
        "id",
        "about",
        "subject",
        "key",
        "channel_link",
        "batch_link",
        "recipient",
        "part_of",
        "state_label",
        "last_error",
        "attempt_count",
        "next_attempt_at",
        "created_at",
        "delivered_at",
        "message",
    ]
    readonly_fields = fields
    inlines = [AttemptInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return (
            super().get_queryset(request).defer("content", "channel__config", "batch__subscription__cohort__criteria")
        )

    @display(description="Tells")
    def subject(self, delivery: Delivery) -> str:
        if delivery.cohort or not delivery.url:
            return link(delivery.cohort) or delivery.title
        return format_html('<a href="{}" class="text-link">{}</a>', delivery.url, delivery.title)

    @display(description="Channel", ordering="channel__name")
    def channel_link(self, delivery: Delivery) -> str:
        return delivery.channel.name if delivery.channel.is_own else link(delivery.channel)

    @display(description="Batch")
    def batch_link(self, delivery: Delivery) -> str:
        return link(delivery.batch)

    @display(description="Part")
    def part_of(self, delivery: Delivery) -> str:
        return f"{delivery.part} of {delivery.parts}"

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_label(self, delivery: Delivery) -> str:
        return delivery.get_state_display()

    @display(description="Last error")
    def reason(self, delivery: Delivery) -> str:
        return Truncator(delivery.last_error).chars(80)

    @display(description="Message")
    def message(self, delivery: Delivery) -> SafeString:
        content = json.dumps(json.loads(delivery.content), indent=2, ensure_ascii=False)
        return format_html('<pre class="whitespace-pre-wrap break-all text-xs">{}</pre>', content)


@admin.register(Attempt)
class AttemptAdmin(LongListAdmin):
    """Every try of every delivery."""

    list_display = ["id", "delivery_link", "number", "started_at", "took", "succeeded", "status", "reason"]
    list_filter = ["succeeded"]
    list_select_related = ["delivery__channel"]
    search_fields = ["=delivery__id", "status"]
    fields = ["delivery_link", "number", "started_at", "took", "succeeded", "status", "error", "answer"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return super().get_queryset(request).defer("delivery__content", "delivery__channel__config")

    def get_fields(self, request: HttpRequest, obj: Attempt | None = None) -> list[str]:
        return shown_to(request, self.fields)

    @display(description="Delivery")
    def delivery_link(self, attempt: Attempt) -> str:
        return link(attempt.delivery)

    @display(description="Took", ordering="duration")
    def took(self, attempt: Attempt) -> str:
        return took(attempt)

    @display(description="Error")
    def reason(self, attempt: Attempt) -> str:
        return Truncator(attempt.error).chars(80)


def shown_to(request: HttpRequest, fields: list[str]) -> list[str]:
    """What a destination answered is for administrators: it may come from a network that others cannot see."""
    return (
        fields if request.user.has_perm("notifications.view_answer") else [name for name in fields if name != "answer"]
    )


def took(attempt: Attempt) -> str:
    """Seconds as text; an attempt that was cut off has no end."""
    return "cut off" if attempt.duration is None else f"{attempt.duration.total_seconds():.3f}\u00a0s"


@admin.register(SentTests)
class SentTestsAdmin(ReadOnlyAdmin):
    """How many tests each person and key sent in their newest minute with some."""

    list_display = ["who", "since", "count"]
    search_fields = ["who"]
    ordering = ["-since"]
    fields = list_display
    readonly_fields = fields


@admin.register(Suppression)
class SuppressionAdmin(ModelAdmin):
    """Addresses to which some or all mails are sent no more; deleting one lifts it. One made here means all."""

    list_display = ["address", "mails", "reason", "detail", "created_at"]
    list_filter = ["reason"]
    search_fields = ["address", "list_name"]
    ordering = ["-created_at"]
    form = SuppressionForm
    fields = ["address", "mails", "reason", "detail"]
    readonly_fields = ["mails"]

    @display(description="Mails", ordering="list_name")
    def mails(self, suppression: Suppression) -> str:
        return suppression.list_name or "all"

    def save_model(self, request: HttpRequest, obj: Suppression, form: ModelForm, change: bool) -> None:
        if not change:
            obj.created_at = timezone.now()
        obj.save()
