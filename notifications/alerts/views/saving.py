"""The dialog for what a rule has beside its definition: name, channels, reminders. It saves a new rule, too."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from notifications.alerts.builder import RuleDraft, rule_draft_in
from notifications.alerts.definition import Definition
from notifications.alerts.edit import create_rule, edit_rule
from notifications.alerts.forms import RuleForm
from notifications.alerts.models import AlertRule
from notifications.alerts.views.access import find_rule, may_add, may_change

DIALOG = "alerts/settings.html"
UNFINISHED = "Close this and finish the rule first: "


@require_http_methods(["GET", "POST"])
@may_add
def save_rule(request: HttpRequest) -> HttpResponse:
    """The dialog that saves a new rule, of the definition that is handed in."""
    given = request.POST or request.GET
    draft = rule_draft_in(given)
    if request.method == "GET":
        form = RuleForm(initial={"name": given.get("name", "")})
        return render(request, DIALOG, _context(form, reverse("save_alert_rule"), draft=draft))
    form = RuleForm(request.POST)
    if form.is_valid() and isinstance(draft.parsed, Definition):
        made = create_rule(
            {
                **form.values(),
                "definition": draft.document,
                "time_zone": draft.time_zone,
                "created_by": request.user,
            },
            now=timezone.now(),
            channels=form.cleaned_data["channels"],
        )
        messages.success(request, "Saved. What ends from now on is judged.")
        return HttpResponse(headers={"HX-Redirect": reverse("alert_rule", args=[made.pk])})
    return render(request, DIALOG, _context(form, reverse("save_alert_rule"), draft=draft), status=422)


@require_http_methods(["GET", "POST"])
@may_change
def rule_settings(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that changes them for a rule that is there."""
    rule = find_rule(pk)
    form = RuleForm(request.POST or None, instance=rule)
    if request.method == "POST" and form.is_valid():
        edit_rule(rule, form.values(), now=timezone.now(), channels=form.cleaned_data["channels"])
        messages.success(request, "Saved.")
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = _context(form, reverse("alert_rule_settings", args=[pk]), rule=rule)
    return render(request, DIALOG, context, status=422 if form.is_bound else 200)


def _context(
    form: RuleForm, address: str, *, draft: RuleDraft | None = None, rule: AlertRule | None = None
) -> dict[str, Any]:
    chosen = {str(value) for value in form["channels"].value() or []}
    return {
        "form": form,
        "address": address,
        "rule": rule,
        "draft": draft,
        "problem": f"{UNFINISHED}{draft.fault_text}" if draft and draft.fault else "",
        "channels": [(each, str(each.pk) in chosen) for each in form.fields["channels"].queryset],  # type: ignore[attr-defined]
    }
