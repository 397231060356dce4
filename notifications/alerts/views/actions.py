"""What can be done with an alert rule from its menu. Done, the page that the menu stands on is loaded anew."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from notifications.alerts.edit import edit_rule
from notifications.alerts.forms import SnoozeForm
from notifications.alerts.listing import OPEN
from notifications.alerts.views.access import find_rule, may_change, may_delete


@require_POST
@may_change
def pause_rule(request: HttpRequest, pk: uuid.UUID, paused: bool) -> HttpResponse:
    """Stop or resume judging."""
    rule, now = find_rule(pk), timezone.now()
    edit_rule(rule, {"paused_at": (rule.paused_at or now) if paused else None}, now=now)
    messages.success(
        request, "Paused until somebody resumes it." if paused else "Resumed: what ends from now on is judged."
    )
    return reload_page()


@require_http_methods(["GET", "POST"])
@may_change
def snooze_rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that silences a rule for a while."""
    rule, now = find_rule(pk), timezone.now()
    form = SnoozeForm(request.POST or None)
    del form.fields["note"]
    if request.method == "POST" and form.is_valid():
        edit_rule(rule, {"snoozed_until": now + form.cleaned_data["silence"]}, now=now)
        messages.success(request, "Snoozed. What is still open when the time is over is told then.")
        return reload_page()
    context = {"form": form, "name": rule.name}
    return render(request, "alerts/snooze.html", context, status=422 if form.is_bound else 200)


@require_POST
@may_change
def wake_rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End its silence."""
    edit_rule(find_rule(pk), {"snoozed_until": None}, now=timezone.now())
    messages.success(request, "The snooze is over: what is open is told.")
    return reload_page()


@require_http_methods(["GET", "POST"])
@may_delete
def delete_rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that names what goes with the rule, and deletes it."""
    rule = find_rule(pk)
    if request.method == "POST":
        rule.delete()
        messages.success(request, "The rule is deleted.")
        return HttpResponse(headers={"HX-Redirect": reverse("alert_rules")})
    alerts = rule.alerts.all()
    context = {"rule": rule, "alerts": alerts.count(), "open_alerts": alerts.filter(OPEN).count()}
    return render(request, "alerts/rules/delete.html", context)


def reload_page() -> HttpResponse:
    """Have the page loaded anew, which shows the messages."""
    return HttpResponse(headers={"HX-Refresh": "true"})
