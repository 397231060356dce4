"""Channels and subscriptions in the admin; what was delivered is in `admin_log`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.decorators import action, display

from ingest.admin_parts import PausableAdmin, act_on_one, confirm, link, list_links, person
from notifications import admin_holds, admin_log
from notifications.admin_forms import SubscriptionForm, themed_channel_form
from notifications.batching import subscribe
from notifications.channels import CHANNELS, addresses
from notifications.channels.base import ChannelKind
from notifications.channels.webhook import Webhook
from notifications.delivery import send_test
from notifications.forms import ChannelForm
from notifications.limits import TOO_MANY, may_test
from notifications.models import Channel, Subscription
from notifications.rotation import NoSecret, rotate_secret

__all__ = ["ChannelAdmin", "SubscriptionAdmin", "admin_holds", "admin_log"]


@admin.register(Channel)
class ChannelAdmin(PausableAdmin):
    """Places to notify: each kind has its own form, the same that the API uses."""

    list_display = ["name", "kind", "where", "state", "last_success_at", "last_error_", "subscription_count"]
    list_filter = [
        "kind",
        "tells_operators",
        ("paused_at", admin.EmptyFieldListFilter),
        ("failing_since", admin.EmptyFieldListFilter),
    ]
    search_fields = ["name", "=id"]
    ordering = ["name"]
    readonly_fields = ["kind_", "state", "last_success_at", "failing_since", "last_error", "related"]
    actions = ["test_selected", *PausableAdmin.actions]
    actions_detail = ["test", "rotate", *PausableAdmin.actions_detail]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        return super().get_queryset(request).annotate(subscribed=Count("subscriptions"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET":
            _warn(request)
        return super().changelist_view(request, extra_context)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if request.method == "GET":
            _warn(request)
        return super().changeform_view(request, *args, **options)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.GET.get("kind") in CHANNELS or not self.has_add_permission(request):
            return super().add_view(request, form_url, extra_context)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "kinds": CHANNELS.values()}
        return TemplateResponse(request, "admin/notifications/channel/choose_kind.html", context)

    def get_form(
        self, request: HttpRequest, obj: Channel | None = None, change: bool = False, **options: Any
    ) -> type[ChannelForm]:
        options["form"] = themed_channel_form(_kind(request, obj))
        return super().get_form(request, obj, change=change, **options)

    def get_fieldsets(
        self, request: HttpRequest, obj: Channel | None = None
    ) -> list[tuple[str | None, dict[str, Any]]]:
        kind = _kind(request, obj)
        shown = [(None, {"fields": ["name", "tells_operators"]}), (kind.label, {"fields": list(kind.form.base_fields)})]
        if obj:
            shown.append(("State", {"fields": [name for name in self.readonly_fields if name != "kind_"]}))
        return shown

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """The buttons on a page: only a webhook has a secret to rotate."""
        buttons = super().get_actions_detail(request, object_id)
        if Channel.objects.filter(pk=unquote(object_id), kind=Webhook.kind).exists():
            return buttons
        rotates = self.get_unfold_action("rotate").action_name
        return [each for each in buttons if each.action_name != rotates]

    def save_model(self, request: HttpRequest, obj: Channel, form: ChannelForm, change: bool) -> None:
        obj.config = form.config()
        if change:
            obj.save()
            return
        obj.kind, obj.created_at, obj.created_by = form.kind.kind, timezone.now(), person(request)
        obj.save()
        _tell_secrets(request, obj)

    @display(description="Kind")
    def kind_(self, channel: Channel) -> str:
        return CHANNELS[channel.kind].label

    @display(description="Where")
    def where(self, channel: Channel) -> str:
        return channel.where

    @display(
        description="State",
        label={
            "working": "success",
            "unused": "default",
            "paused": "warning",
            "failing": "danger",
            "disabled": "danger",
        },
    )
    def state(self, channel: Channel) -> str:
        return channel.state

    @display(description="Last error", ordering="failing_since")
    def last_error_(self, channel: Channel) -> str:
        return Truncator(channel.last_error).chars(80)

    @display(description="Subscriptions", ordering="subscribed")
    def subscription_count(self, channel: Channel) -> int:
        return channel.subscribed  # type: ignore[attr-defined]

    @display(description="More")
    def related(self, channel: Channel) -> SafeString:
        own = {"channel__id__exact": channel.pk}
        return list_links(
            ("Subscriptions", "notifications.subscription", own), ("Deliveries", "notifications.delivery", own)
        )

    @admin.action(description="Send a test", permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            if not may_test(f"person-{request.user.pk}", timezone.now()):
                messages.error(request, TOO_MANY)
                return
            outcome = send_test(channel, timezone.now())
            if outcome.succeeded:
                answer = outcome.answer if request.user.has_perm("notifications.view_answer") else ""
                messages.success(request, f"{channel}: the test was taken ({outcome.status}). {answer}")
            else:
                messages.error(request, f"{channel}: the test failed: {outcome.error}")

    @action(
        description="Send a test",
        icon="send",
        permissions=["change"],
        dialog=confirm("Send a test?", "An example is sent now, the way real notifications are.", "Send"),
    )
    def test(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.test_selected)

    @admin.action(description="Rotate the secret", permissions=["change"])
    def rotate_selected(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            try:
                _tell_secrets(request, rotate_secret(channel.pk, timezone.now()))
            except NoSecret:
                messages.error(request, f"{channel}: only webhooks have a signing secret.")

    @action(
        description="Rotate the secret",
        icon="key",
        permissions=["change"],
        dialog=confirm(
            "Make a new signing secret?", "For 24 hours requests carry the signatures of both.", "Make a new secret"
        ),
    )
    def rotate(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.rotate_selected)


def _tell_secrets(request: HttpRequest, channel: Channel) -> None:
    for name, secret in CHANNELS[channel.kind].shown_once(channel.config).items():
        sentence = "Copy the {} now, it is not shown again: <code>{}</code>"
        messages.success(request, format_html(sentence, name, secret))


def _warn(request: HttpRequest) -> None:
    if warning := addresses.warning():
        messages.warning(request, warning)


def _kind(request: HttpRequest, channel: Channel | None) -> ChannelKind:
    """The channel's kind, or for a new one the kind that the address names."""
    return CHANNELS[channel.kind if channel else request.GET.get("kind", next(iter(CHANNELS)))]


@admin.register(Subscription)
class SubscriptionAdmin(PausableAdmin):
    """Which changes of which cohort are told where."""

    form = SubscriptionForm
    list_display = ["cohort", "channel_link", "told", "when", "state", "sequence", "settled_at"]
    list_filter = ["channel", ("paused_at", admin.EmptyFieldListFilter)]
    list_select_related = ["cohort", "channel"]
    search_fields = ["cohort__name", "channel__name"]
    ordering = ["cohort__name"]
    autocomplete_fields = ["cohort", "channel"]
    fieldsets = [
        (None, {"fields": ["cohort", "channel"]}),
        ("What is told", {"fields": ["send_on_addition", "send_on_removal", "fields", "tell_existing"]}),
        ("When", {"fields": ["period", "send_at", "days", "quiet_from", "quiet_to", "time_zone"]}),
        ("Customers who come and go", {"fields": ["minimum_stay", "cool_down", "once_per_customer"]}),
        ("Hold until somebody decides", {"fields": ["hold_above", "hold_above_percent", "hold_when_silent"]}),
        ("State", {"fields": ["state", "sequence", "settled_at", "related"]}),
    ]
    add_fieldsets = fieldsets[:-1]
    readonly_fields = ["state", "sequence", "settled_at", "related"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        return super().get_queryset(request).select_related("cohort", "channel")

    def get_readonly_fields(self, request: HttpRequest, obj: Subscription | None = None) -> list[str]:
        return [*self.readonly_fields, "cohort", "channel", "tell_existing"] if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Subscription, form: SubscriptionForm, change: bool) -> None:
        if change:
            obj.save()
            return
        made = subscribe(**form.cleaned_data, created_by=person(request), now=timezone.now())
        obj.__dict__.update(made.__dict__)

    @display(description="Channel", ordering="channel__name")
    def channel_link(self, subscription: Subscription) -> str:
        return link(subscription.channel)

    @display(description="Tells of")
    def told(self, subscription: Subscription) -> str:
        kinds = {"additions": subscription.send_on_addition, "removals": subscription.send_on_removal}
        return " and ".join(name for name, wanted in kinds.items() if wanted)

    @display(description="When", ordering="period")
    def when(self, subscription: Subscription) -> str:
        return subscription.schedule.words

    @display(description="State", label={"active": "success", "paused": "warning"})
    def state(self, subscription: Subscription) -> str:
        return "paused" if subscription.paused_at else "active"

    @display(description="More")
    def related(self, subscription: Subscription) -> SafeString:
        own = {"subscription__id__exact": subscription.pk}
        return list_links(
            ("Batches", "notifications.batch", own),
            ("Held", "notifications.hold", own),
            ("Settled changes", "notifications.settlement", own),
            ("Waiting changes", "notifications.waiting", own),
        )
