"""What the rule editor asks for: itself after an edit, and suggestions for what a rule is divided by."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from cohorts.views.builder import answer
from notifications.alerts.builder import rule_draft_from
from notifications.alerts.builder.group_fields import suggest_group_fields
from notifications.alerts.views.access import may_see


@require_POST
@may_see
def builder(request: HttpRequest) -> HttpResponse:
    """The editor after what was typed, chosen or pressed; `?typed` answers only what follows from it."""
    return answer(request, rule_draft_from, "alerts/builder/answer.html")


@require_GET
@permission_required("ingest.view_customer", raise_exception=True)
def group_fields(request: HttpRequest) -> HttpResponse:
    """Fields to divide by."""
    options = suggest_group_fields(request.GET.get("q", ""), timezone.now())
    return render(request, "cohorts/builder/options.html", {"options": options})
