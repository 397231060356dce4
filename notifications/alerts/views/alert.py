"""The page of an alert: what was expected and seen, its history, and what can be done about it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cohorts.criteria import CriteriaError
from ingest.columns import ColumnsDamaged, open_columns
from notifications.alerts.attend import acknowledge, snooze, wake
from notifications.alerts.behind import find_behind
from notifications.alerts.chart import draw
from notifications.alerts.charts import Mark, Span, chart_of, maintenance_spans, points_shown, say_group
from notifications.alerts.definition import parse
from notifications.alerts.forms import NoteForm, SnoozeForm
from notifications.alerts.groups import Group
from notifications.alerts.listing import rule_in_words
from notifications.alerts.models import Alert
from notifications.alerts.plan import Plan
from notifications.alerts.plans import plan_of
from notifications.alerts.state import state_of_alert
from notifications.alerts.views.access import find_alert, may_attend, may_see
from notifications.alerts.views.actions import reload_page
from notifications.alerts.views.tabs import RULES

CLOSED = "It has been resolved, or somebody was first."


@may_see
def alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One alert."""
    found, now = find_alert(pk), timezone.now()
    context = {
        "title": str(found),
        "place": RULES,
        "alert": found,
        "rule": found.rule,
        "words": rule_in_words(found.rule),
        "state": state_of_alert(found, now),
        "changes": found.changes.select_related("by").order_by("-pk"),
        "is_snoozed": found.snoozed_until is not None and found.snoozed_until > now,
        "now": now,
    }
    return render(request, "alerts/alert.html", context)


@permission_required(("alerts.view_alert", "ingest.view_customer"), raise_exception=True)
@require_GET
def alert_behind(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The customers behind it, which the page asks for as soon as it stands."""
    found = find_alert(pk)
    context: dict[str, Any] = {}
    try:
        definition = parse(found.rule.definition)
        context["behind"] = find_behind(found, definition, timezone.now())
    except (ColumnsDamaged, CriteriaError) as error:
        context["problem"] = str(error)
    return render(request, "alerts/behind.html", {"alert": found, **context})


@may_see
@require_GET
def alert_chart(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The metric of its group around the moment, with what was expected."""
    found = find_alert(pk)
    try:
        context = _chart(found)
    except (ColumnsDamaged, CriteriaError) as error:
        context = {"problem": str(error)}
    return render(request, "alerts/alert_chart.html", {"alert": found, **context})


def _chart(found: Alert) -> dict[str, Any]:
    now, rule, plan = timezone.now(), found.rule, plan_of(found.rule)
    if set(found.group) != {field.name for field in plan.definition.group_by}:
        return {"is_regrouped": True}
    numbers = _around(found, plan, now)
    group = Group(found.group)
    with open_columns().snapshot(now) as snapshot:
        [drawn] = draw(snapshot, plan, numbers, [group])
    marks = [Mark(found.interval_end, "Opened")]
    if found.resolved_at:
        marks.append(Mark(found.resolved_at, "Resolved", "added"))
    last = plan.grid.border(numbers[-1])
    spans = [Span(found.interval_start, found.resolved_at or last, "Alert open"), *maintenance_spans(plan)]
    label = say_group(found.group) or plan.definition.metric.words()
    return {
        "chart": chart_of(plan, drawn.points, label[:120], spans, marks),
        "is_edited": found.definition_version != rule.definition_version,
    }


def _around(found: Alert, plan: Plan, now: datetime) -> range:
    """The intervals before and after the moment, up to the end of the alert and a little more if that is not far."""
    shown, grid = points_shown(plan), plan.grid
    moment = grid.number(found.interval_end)
    ended = grid.number(found.resolved_at or now)
    newest = grid.number(now - plan.definition.grace.length)
    after = min(max(ended + shown // 8, moment + shown // 4), moment + shown)
    return range(moment - shown * 3 // 4, max(moment, min(after, newest)) + 1)


@require_http_methods(["GET", "POST"])
@may_attend
def acknowledge_alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog by which somebody says that they look after it."""

    def done(found: Alert, form: forms.Form) -> bool:
        return acknowledge(found, _person(request), now=timezone.now(), note=form.cleaned_data["note"])

    return _dialog(request, pk, "alerts/acknowledge.html", NoteForm(_given(request)), done, "Acknowledged.")


@require_http_methods(["GET", "POST"])
@may_attend
def snooze_alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that silences it for a while."""

    def done(found: Alert, form: forms.Form) -> bool:
        now, given = timezone.now(), form.cleaned_data
        return snooze(found, now + given["silence"], _person(request), now=now, note=given["note"])

    return _dialog(request, pk, "alerts/snooze.html", SnoozeForm(_given(request)), done, "Snoozed.")


@require_POST
@may_attend
def wake_alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End its silence."""
    if wake(find_alert(pk), _person(request), now=timezone.now()):
        messages.success(request, "The snooze is over.")
    else:
        messages.info(request, CLOSED)
    return reload_page()


def _dialog(
    request: HttpRequest,
    pk: uuid.UUID,
    template: str,
    form: forms.Form,
    done: Callable[[Alert, Any], bool],
    said: str,
) -> HttpResponse:
    """A dialog about an alert; what was done or came too late is said by the page that is loaded anew."""
    found = find_alert(pk)
    if request.method == "POST" and form.is_valid():
        if done(found, form):
            messages.success(request, said)
        else:
            messages.info(request, CLOSED)
        return reload_page()
    context = {"form": form, "name": str(found), "alert": found}
    return render(request, template, context, status=422 if form.is_bound else 200)


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _given(request: HttpRequest) -> Any:
    """What was posted, which may be nothing."""
    return request.POST if request.method == "POST" else None
