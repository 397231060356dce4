"""What the admin pages of every app share: read-only models, and links between objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.paginator import InfinitePaginator


def confirm(title: str, description: str, button: str) -> dict[str, Any]:
    """A dialog that asks before something is done; a mere link, which another site could hold, does nothing."""
    return {"title": title, "description": description, "form_class": None, "form_submit_text": button}


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
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class PausableAdmin(ModelAdmin):
    """Objects with a `paused_at`: paused and resumed in the list and on their page."""

    actions: Sequence[str] = ["pause_selected", "resume_selected"]
    actions_detail: Sequence[str] = ["pause", "resume"]

    def get_deleted_objects(
        self, objs: QuerySet[Any] | Sequence[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the pipeline wrote of an object, which nobody may delete by itself, goes with it."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        written = [model for model, its in self.admin_site._registry.items() if isinstance(its, ReadOnlyAdmin)]
        return deleted, counts, missing - {model._meta.verbose_name for model in written}, protected

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """The buttons on a page, of pause and resume only the one that does something."""
        paused = self.model._default_manager.filter(pk=unquote(object_id), paused_at__isnull=False).exists()
        idle = self.get_unfold_action("pause" if paused else "resume").action_name
        return [each for each in super().get_actions_detail(request, object_id) if each.action_name != idle]

    @admin.action(description="Pause", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        queryset.filter(paused_at=None).update(paused_at=timezone.now())
        messages.success(request, "Paused until somebody resumes it.")

    @admin.action(description="Resume", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        queryset.update(paused_at=None)
        messages.success(request, "Resumed.")

    @action(
        description="Pause",
        icon="pause",
        permissions=["change"],
        dialog=confirm("Pause?", "Nothing happens with it until somebody resumes it; nothing is lost.", "Pause"),
    )
    def pause(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.pause_selected)

    @action(
        description="Resume",
        icon="resume",
        permissions=["change"],
        dialog=confirm("Resume?", "It goes on with the next cycle.", "Resume"),
    )
    def resume(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.resume_selected)


def link(target: Model | None) -> str:
    """The object's name, leading to its page in the admin."""
    if target is None:
        return ""
    meta = target._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(target.pk)])
    return format_html('<a href="{}" class="text-link">{}</a>', address, target)


def list_links(*lists: tuple[str, str, dict[str, Any]]) -> SafeString:
    """Links to lists in the admin: each a label, `app.model` (also of an app that this one cannot import), and the
    lookups that cut the list down."""
    links = [
        (reverse("admin:{}_{}_changelist".format(*model.split("."))) + "?" + urlencode(lookups), label)
        for label, model, lookups in lists
    ]
    return format_html_join(" · ", '<a href="{}" class="text-link">{}</a>', links)


def person(request: HttpRequest) -> User:
    """Who is signed in; the admin lets nobody else in."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


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
