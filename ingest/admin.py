"""Customers, events and keys in the admin; how rows get into the columnar copy is in `admin_copy`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from ingest import admin_copy
from ingest.admin_parts import LongListAdmin, ReadOnlyAdmin, act_on_one, confirm, link, list_links, person
from ingest.erase import erase_customer
from ingest.keys import make_key, revoke_key
from ingest.models import (
    ApiKey,
    Customer,
    CustomerKind,
    CustomerVersion,
    Event,
    EventType,
    Rejection,
    Route,
    Scope,
)

__all__ = ["ApiKeyAdmin", "CustomerAdmin", "admin_copy"]

KIND_COLORS = {CustomerKind.USER.label: "info", CustomerKind.COMPANY.label: "primary"}
TYPE_COLORS = {EventType.API_CALL.label: "info", EventType.ACTION.label: "success"}


@admin.register(Customer)
class CustomerAdmin(LongListAdmin):
    """Users and companies: what is known of each, with links to its history."""

    list_display = ["external_id", "kind_label", "name", "email", "company_link", "created_at", "erased_at"]
    list_filter = ["kind", ("erased_at", admin.EmptyFieldListFilter)]
    list_select_related = ["company"]
    search_fields = ["external_id"]
    search_help_text = "Start of the id, or the whole email address"
    fields = [
        "external_id",
        "kind_label",
        "name",
        "email",
        "company_link",
        "created_at",
        "erased_at",
        "profile",
        "history",
    ]
    readonly_fields = fields
    actions_detail = ["erase"]

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """A customer who is erased cannot be erased again."""
        erased = Customer.objects.filter(pk=unquote(object_id), erased_at__isnull=False).exists()
        return [] if erased else super().get_actions_detail(request, object_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        if not search_term:
            return queryset, False
        email = Q(profile__metadata__email=search_term)
        return queryset.filter(Q(external_id__startswith=search_term) | email), False

    @display(description="Kind", ordering="kind", label=KIND_COLORS)
    def kind_label(self, customer: Customer) -> str:
        return customer.get_kind_display()

    @display(description="Company")
    def company_link(self, customer: Customer) -> str:
        return link(customer.company)

    @action(
        description="Erase",
        icon="ink_eraser",
        permissions=["erase"],
        dialog=confirm(
            "Erase this customer?",
            "Its profile and every event that names it are deleted at once, and it leaves all cohorts. This is final.",
            "Erase for good",
        ),
    )
    def erase(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self._erase)

    def has_erase_permission(self, request: HttpRequest, object_id: str = "") -> bool:
        """Named by a method: a permission's own name would be looked up in the database before its tables are made."""
        return request.user.has_perm("ingest.delete_customer")

    def _erase(self, request: HttpRequest, queryset: QuerySet[Customer]) -> None:
        for customer in queryset.filter(erased_at=None):
            events = erase_customer(customer, timezone.now())
            messages.success(request, f"Erased, with {events:,} {'event' if events == 1 else 'events'}.")

    @display(description="History")
    def history(self, customer: Customer) -> str:
        own = {"customer__id__exact": customer.pk}
        return list_links(
            ("What was said of it", "ingest.customerversion", own),
            ("Its events", "ingest.event", {"q": customer.external_id}),
            ("Cohorts joined and left", "cohorts.membershipchange", own),
        )


@admin.register(CustomerVersion)
class CustomerVersionAdmin(LongListAdmin):
    """What was said of a customer, and the profile from then on."""

    list_display = ["id", "customer_link", "received_at", "company_link"]
    list_display_links = ["id"]
    list_select_related = ["customer", "company"]
    search_fields = ["=customer__external_id"]
    fields = ["customer_link", "received_at", "company_link", "patch", "profile"]
    readonly_fields = fields

    @display(description="Customer")
    def customer_link(self, version: CustomerVersion) -> str:
        return link(version.customer)

    @display(description="Company from then on")
    def company_link(self, version: CustomerVersion) -> str:
        return link(version.company)


@admin.register(Event)
class EventAdmin(LongListAdmin):
    """The newest API calls and actions, as received."""

    list_display = ["id", "type_label", "what", "user_link", "company_link", "time", "received_at", "weight"]
    list_filter = ["type"]
    list_select_related = ["user", "company"]
    search_fields = ["user__external_id"]
    search_help_text = "Whole id of a user or company"
    fields = ["type_label", "what", "user_link", "company_link", "time", "received_at", "weight", "fields"]
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        if not search_term:
            return queryset, False
        customers = list(Customer.objects.filter(external_id=search_term).values_list("pk", flat=True))
        return queryset.filter(Q(user__in=customers) | Q(company__in=customers)), False

    @display(
        description="Type", ordering="type", label={EventType.API_CALL.label: "info", EventType.ACTION.label: "success"}
    )
    def type_label(self, event: Event) -> str:
        return event.get_type_display()

    @display(description="What")
    def what(self, event: Event) -> str:
        """An action's name, or a call in one line: `GET /purchases/:id 400`."""
        request, response = event.fields.get("request") or {}, event.fields.get("response") or {}
        call = [request.get("verb"), request.get("route"), response.get("status")]
        return str(event.fields.get("action_name") or " ".join(str(part) for part in call if part is not None))

    @display(description="User")
    def user_link(self, event: Event) -> str:
        return link(event.user)

    @display(description="Company")
    def company_link(self, event: Event) -> str:
        return link(event.company)


@admin.register(Rejection)
class RejectionAdmin(ReadOnlyAdmin):
    """What was refused, by key, sender and reason."""

    list_display = ["last_at", "key_link", "sender", "path", "reason", "items", "first_at"]
    list_display_links = ["last_at"]
    list_filter = ["path", ("key", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["key"]
    search_fields = ["reason", "sender", "=key__id"]
    ordering = ["-last_at"]
    fields = ["key_link", "sender", "path", "reason", "items", "first_at", "last_at"]
    readonly_fields = fields

    @display(description="API key")
    def key_link(self, rejection: Rejection) -> str:
        return link(rejection.key)


class ApiKeyForm(forms.ModelForm):
    """What can be said of a key; the key itself is made, never typed."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget, initial=[Scope.COLLECTOR]
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", "expires_at", "items_per_minute"]


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys of senders and API clients; a new one is shown once, after it was made."""

    form = ApiKeyForm
    list_display = [
        "name",
        "id",
        "scopes_",
        "state",
        "last_used_at",
        "rejected",
        "expires_at",
        "created_at",
        "created_by",
    ]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["created_by"]
    search_fields = ["name", "=id"]
    ordering = ["-created_at"]
    readonly_fields = ["id", "created_at", "created_by", "last_used_at", "revoked_at"]
    actions = ["revoke_selected"]
    actions_detail = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        return [*ApiKeyForm.Meta.fields, *(self.readonly_fields if obj else ())]

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked: the row tells who had one."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ApiKeyForm, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
            return
        given: dict[str, Any] = form.cleaned_data
        made, text = make_key(given["name"], given["scopes"], timezone.now(), person(request), given["expires_at"])
        ApiKey.objects.filter(pk=made.pk).update(items_per_minute=given["items_per_minute"])
        obj.pk, obj.created_at = made.pk, made.created_at
        sentence = "Copy the key now, it is not shown again: <code>{}</code>"
        messages.success(request, format_html(sentence, text))

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        since = timezone.now() - timedelta(days=1)
        return (
            super()
            .get_queryset(request)
            .annotate(rejected=Sum("rejections__items", filter=Q(rejections__hour__gte=since)))
        )

    @display(description="Rejected in a day", ordering="rejected")
    def rejected(self, key: Any) -> str:
        """How many items, with the reasons behind them."""
        if not key.rejected:
            return ""
        return list_links((f"{key.rejected:,}", "ingest.rejection", {"key__id__exact": key.pk}))

    @display(description="Scopes")
    def scopes_(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="State", label={"live": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= timezone.now() else "live"

    @admin.action(description="Revoke", permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            revoke_key(key, timezone.now())
        messages.success(request, "The keys open nothing any more.")

    @action(
        description="Revoke",
        icon="block",
        permissions=["change"],
        dialog=confirm("Revoke this key?", "Whoever uses it is locked out at once. This is final.", "Revoke"),
    )
    def revoke(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.revoke_selected)


@admin.register(Route)
class RouteAdmin(ReadOnlyAdmin):
    """The route templates that were made of addresses."""

    list_display = ["path", "seen_on"]
    list_filter = ["seen_on"]
    search_fields = ["path"]
    ordering = ["path"]
