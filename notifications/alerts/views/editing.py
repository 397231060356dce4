"""The pages on which a rule is made and edited: what it watches, and what it would have done."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from cohorts.edit import EditedMeanwhile
from notifications.alerts.builder import RuleDraft, rule_draft_from, rule_draft_in, rule_draft_of
from notifications.alerts.definition import Definition
from notifications.alerts.edit import edit_rule
from notifications.alerts.listing import OPEN, rule_in_words
from notifications.alerts.models import AlertRule
from notifications.alerts.views.access import find_rule, may_add, may_change
from notifications.alerts.views.tabs import RULES


class VersionForm(forms.Form):
    """The version of the definition that the editor saw."""

    definition_version = forms.IntegerField(widget=forms.HiddenInput)


@require_GET
@may_add
def new_rule(request: HttpRequest) -> HttpResponse:
    """The editor of a rule that is not there yet, of the definition in the address or a usual one."""
    return _page(request, "New alert rule", rule_draft_in(request.GET), name=request.GET.get("name", ""))


@require_GET
@may_add
def duplicate_rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The editor of a new rule that begins as this one."""
    rule = find_rule(pk)
    draft = rule_draft_of(rule.definition, time_zone=rule.time_zone)
    return _page(request, "New alert rule", draft, name=f"Copy of {rule.name}"[:200])


@require_http_methods(["GET", "POST"])
@may_change
def edit_definition(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The editor of a rule; posted, the edit is stored.

    The answer to a refused one replaces the foot of the page only: the draft stays in the editor.
    """
    rule = find_rule(pk)
    if request.method == "POST":
        return _save(request, rule, rule_draft_from(request.POST), VersionForm(request.POST))
    draft = rule_draft_of(rule.definition, time_zone=rule.time_zone)
    return _page(request, "Edit the rule", draft, rule=rule, **_foot(rule))


def _page(request: HttpRequest, title: str, draft: RuleDraft, **context: Any) -> HttpResponse:
    return render(request, "alerts/editor/page.html", {"title": title, "place": RULES, "builder": draft, **context})


def _save(request: HttpRequest, rule: AlertRule, draft: RuleDraft, form: VersionForm) -> HttpResponse:
    refused: dict[str, str] = {}
    if not isinstance(draft.parsed, Definition):
        refused["problem"] = draft.fault_text
    elif form.is_valid():
        try:
            decides = edit_rule(
                rule, _values(rule, draft), now=timezone.now(), expected_version=form.cleaned_data["definition_version"]
            )
            messages.success(
                request, "Saved: it begins anew from now on." if decides else "Nothing differs from before."
            )
            return HttpResponse(headers={"HX-Redirect": reverse("alert_rule", args=[rule.pk])})
        except EditedMeanwhile:
            rule.refresh_from_db()
            refused["theirs"] = rule_in_words(rule)
    return render(request, "alerts/editor/save.html", {"rule": rule, **_foot(rule), **refused}, status=422)


def _foot(rule: AlertRule) -> dict[str, Any]:
    return {
        "form": VersionForm(initial={"definition_version": rule.definition_version}),
        "open_alerts": rule.alerts.filter(OPEN).count(),
    }


def _values(rule: AlertRule, draft: RuleDraft) -> dict[str, Any]:
    """What is to be stored. A definition that only leaves out what is usual, or says it, is no other."""
    stored = rule_draft_of(rule.definition).parsed
    edited = draft.parsed
    is_same = (
        isinstance(stored, Definition)
        and isinstance(edited, Definition)
        and replace(stored, document={}) == replace(edited, document={})
    )
    return {"definition": rule.definition if is_same else draft.document, "time_zone": draft.time_zone}
