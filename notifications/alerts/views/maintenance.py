"""Times in which numbers are expected to be off: listed, added, changed, deleted."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.paging import page_of
from notifications.alerts.forms import MaintenanceForm, initial_of
from notifications.alerts.models import Maintenance
from notifications.alerts.state import state_of_maintenance
from notifications.alerts.views.tabs import MAINTENANCE, RULES, tabs
from notifications.views.answers import done

CHANGED = "maintenance-changed"
"""The event by which the list renews itself."""
DIALOG = "alerts/maintenance/window.html"


@permission_required("alerts.view_maintenance", raise_exception=True)
def maintenance(request: HttpRequest) -> HttpResponse:
    """Every window, the latest first; the list alone when it renews itself."""
    now = timezone.now()
    page = page_of(Maintenance.objects.prefetch_related("rules").order_by("-end", "pk"), request.GET.get("page"))
    context = {
        "title": "Maintenance",
        "place": RULES,
        "tabs": tabs(MAINTENANCE),
        "page": page,
        "listed": [(window, state_of_maintenance(window, now)) for window in page.rows],
        "now": now,
    }
    own = request.headers.get("HX-Target") == "maintenance-list"
    return render(request, f"alerts/maintenance/{'list' if own else 'page'}.html", context)


@permission_required("alerts.add_maintenance", raise_exception=True)
@require_http_methods(["GET", "POST"])
def new_maintenance(request: HttpRequest) -> HttpResponse:
    """The dialog that adds a window."""
    form = MaintenanceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.store(Maintenance(created_at=timezone.now(), created_by_id=request.user.pk))
        return done("Added: what falls into it is not judged.", CHANGED, close=True)
    return _dialog(request, form, reverse("new_maintenance"))


@permission_required("alerts.change_maintenance", raise_exception=True)
@require_http_methods(["GET", "POST"])
def edit_maintenance(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that changes a window."""
    window = get_object_or_404(Maintenance, pk=pk)
    form = MaintenanceForm(request.POST or None, initial=initial_of(window))
    if request.method == "POST" and form.is_valid():
        form.store(window)
        return done("Saved.", CHANGED, close=True)
    return _dialog(request, form, reverse("edit_maintenance", args=[pk]), window)


@permission_required("alerts.delete_maintenance", raise_exception=True)
@require_POST
def delete_maintenance(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Delete a window. What was not judged for it stays so."""
    get_object_or_404(Maintenance, pk=pk).delete()
    return done("Deleted.", CHANGED, close=True)


def _dialog(
    request: HttpRequest, form: MaintenanceForm, address: str, window: Maintenance | None = None
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "address": address, "window": window}
    return render(request, DIALOG, context, status=422 if form.is_bound else 200)
