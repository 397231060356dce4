"""The dialog for what a rule has beside its definition: name, channels, reminders. It saves a new rule, too."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
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
from notifications.channels import CHANNELS
from notifications.forms import ChannelForm
from notifications.models import Channel
from notifications.views.answers import form_again
from notifications.views.new_channel import asked_channel, kinds_to_make, save_channel, show_secrets

DIALOG = "alerts/settings.html"
UNFINISHED = "Close this and finish the rule first: "


@require_http_methods(["GET", "POST"])
@may_add
def save_rule(request: HttpRequest) -> HttpResponse:
    """The dialog that saves a new rule, of the definition that is handed in; who may add channels can make one here."""
    given = request.POST or request.GET
    draft, address = rule_draft_in(given), reverse("save_alert_rule")
    if request.method == "GET":
        form = RuleForm(initial={"name": given.get("name", "")})
        return render(request, DIALOG, _context(form, address, draft=draft))
    form, settings = RuleForm(request.POST), _settings(request)
    if _is_valid(request, form, settings) and isinstance(draft.parsed, Definition):
        now, own = timezone.now(), {"definition": draft.document, "time_zone": draft.time_zone}
        with transaction.atomic():
            made = save_channel(settings, request, now) if settings else None
            values = {**form.values(), **own, "created_by": request.user}
            rule = create_rule(values, now=now, channels=_channels(form, made))
        messages.success(request, "Saved. What ends from now on is judged.")
        page = reverse("alert_rule", args=[rule.pk])
        return _secrets(request, made, then=page) or HttpResponse(headers={"HX-Redirect": page})
    return form_again(request, DIALOG, _context(form, address, settings, draft=draft))


@require_http_methods(["GET", "POST"])
@may_change
def rule_settings(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that changes them for a rule that is there."""
    rule, address = find_rule(pk), reverse("alert_rule_settings", args=[pk])
    if request.method == "GET":
        return render(request, DIALOG, _context(RuleForm(instance=rule), address, rule=rule))
    form, settings = RuleForm(request.POST, instance=rule), _settings(request)
    if _is_valid(request, form, settings):
        now = timezone.now()
        with transaction.atomic():
            made = save_channel(settings, request, now) if settings else None
            edit_rule(rule, form.values(), now=now, channels=_channels(form, made))
        messages.success(request, "Saved.")
        page = reverse("alert_rule", args=[pk])
        return _secrets(request, made, then=page) or HttpResponse(headers={"HX-Refresh": "true"})
    return form_again(request, DIALOG, _context(form, address, settings, rule=rule))


def _settings(request: HttpRequest) -> ChannelForm | None:
    return asked_channel(request.POST.get("channel_choice", ""), request.POST)


def _is_valid(request: HttpRequest, form: RuleForm, settings: ChannelForm | None) -> bool:
    """Whether the rule, and the channel if one is to be made, can be saved; notes on the forms why not."""
    valid = form.is_valid() and (settings is None or settings.is_valid())
    if settings is not None and not request.user.has_perm("notifications.add_channel"):
        form.add_error("channels", "You may not add channels. Choose those that are there.")
        return False
    return valid


def _channels(form: RuleForm, made: Channel | None) -> list[Channel]:
    return [*form.cleaned_data["channels"], *([made] if made else [])]


def _secrets(request: HttpRequest, made: Channel | None, then: str) -> HttpResponse | None:
    """What is shown once of a channel that was made, if there is anything."""
    secrets = CHANNELS[made.kind].shown_once(made.config) if made else {}
    return show_secrets(request, made, secrets, then=then) if made and secrets else None


def _context(
    form: RuleForm,
    address: str,
    settings: ChannelForm | None = None,
    *,
    draft: RuleDraft | None = None,
    rule: AlertRule | None = None,
) -> dict[str, Any]:
    chosen = {str(value) for value in form["channels"].value() or []}
    return {
        "form": form,
        "address": address,
        "rule": rule,
        "draft": draft,
        "problem": f"{UNFINISHED}{draft.fault_text}" if draft and draft.fault else "",
        "channels": [(each, str(each.pk) in chosen) for each in form.fields["channels"].queryset],  # type: ignore[attr-defined]
        "kinds": kinds_to_make(),
        "new_kind": settings.kind if settings else None,
        "channel_form": settings,
    }
