"""The page of an alert: what was expected and seen, its history, and what can be done about it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
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
from ingest.columns import ColumnsDamaged
from notifications.alerts.attend import acknowledge, snooze, wake
from notifications.alerts.behind import find_behind
from notifications.alerts.definition import parse
from notifications.alerts.forms import NoteForm, SnoozeForm
from notifications.alerts.listing import rule_in_words
from notifications.alerts.models import Alert
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


@require_http_methods(["GET", "POST"])
@may_attend
def acknowledge_alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog by which somebody says that they look after it."""

    def done(found: Alert, form: forms.Form) -> bool:
        return acknowledge(found, _person(request), now=timezone.now(), note=form.cleaned_data["note"])

    return _dialog(request, pk, "alerts/acknowledge.html", NoteForm(request.POST or None), done, "Acknowledged.")


@require_http_methods(["GET", "POST"])
@may_attend
def snooze_alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that silences it for a while."""

    def done(found: Alert, form: forms.Form) -> bool:
        now, given = timezone.now(), form.cleaned_data
        return snooze(found, now + given["silence"], _person(request), now=now, note=given["note"])

    return _dialog(request, pk, "alerts/snooze.html", SnoozeForm(request.POST or None), done, "Snoozed.")


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
