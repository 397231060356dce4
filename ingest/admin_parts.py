"""What the admin pages of every app share: read-only models, and links between objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator


class ReadOnlyAdmin(ModelAdmin):
    """Rows that the pipeline writes: people look at them, nobody adds, edits or deletes them here."""

    list_per_page = 50
    list_disable_select_all = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LongListAdmin(ReadOnlyAdmin):
    """A table that may hold many millions of rows: newest first by id, and never counted."""

    ordering: Sequence[str] = ("-pk",)
    paginator = InfinitePaginator
    show_full_result_count = False


class ReadOnlyInline(TabularInline):
    """Rows shown below the object they belong to."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def link(target: Model | None) -> str:
    """The object's name, leading to its page in the admin."""
    if target is None:
        return ""
    meta = target._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(target.pk)])
    return format_html('<a href="{}" class="text-link">{}</a>', address, target)


def list_link(model: type[Model], label: str, **lookups: Any) -> SafeString:
    """A link to the model's list in the admin, cut down by the lookups."""
    meta = model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return format_html('<a href="{}?{}" class="text-link">{}</a>', address, urlencode(lookups), label)


def person(request: HttpRequest) -> User:
    """Who is signed in; the admin lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def confirm(title: str, description: str, button: str) -> dict[str, Any]:
    """A dialog that asks before something is done; a mere link, which another site could hold, does nothing."""
    return {"title": title, "description": description, "form_class": None, "form_submit_text": button}


def act_on_one(
    model_admin: ModelAdmin,
    request: HttpRequest,
    pk: str,
    act: Callable[[HttpRequest, QuerySet[Any]], object],
) -> HttpResponse:
    """Do to one object what a list's action does to many, then close the dialog by opening the object's page."""
    act(request, model_admin.get_queryset(request).filter(pk=pk))
    meta = model_admin.model._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(pk)])
    return HttpResponse(headers={"HX-Redirect": address})
