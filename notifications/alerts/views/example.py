"""The example beside the dialog of a rule, made by the code that sends, and the test that sends it."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from cohorts.criteria import CriteriaError
from notifications.alerts.builder import rule_draft_in
from notifications.alerts.example import Example, info_of, make_example, written
from notifications.alerts.models import AlertRule
from notifications.alerts.plans import plan_of, plan_of_draft
from notifications.alerts.views.access import find_rule, may_see
from notifications.channels import CHANNELS
from notifications.channels.email import Email, readable
from notifications.channels.webhook import Webhook
from notifications.models import Channel
from notifications.views.preview import answer_test, answer_test_of_new, not_sent

LONGEST_NAME = 200


@require_POST
@may_see
def example(request: HttpRequest) -> HttpResponse:
    """The next notification as each kind of channel shows it, for what is chosen in the dialog so far."""
    found = _example(request.POST)
    looks = [{"kind": kind, "content": written(kind, found.text)} for kind in CHANNELS.values()]
    asked = {name: request.POST[name] for name in ("criteria", "time_zone", "rule", "name") if name in request.POST}
    context = {
        "looks": looks,
        "made_up": found.made_up,
        "at": found.text.created_at,
        "body": written(CHANNELS[Webhook.kind], found.text),
        "frame": f"{reverse('alert_mail_preview')}?{urlencode(asked)}",
    }
    return render(request, "alerts/example.html", context)


@require_GET
@may_see
@xframe_options_sameorigin
def mail(request: HttpRequest) -> HttpResponse:
    """The mail alone, for a frame that may run nothing."""
    return HttpResponse(readable(written(CHANNELS[Email.kind], _example(request.GET).text)))


@require_POST
@permission_required(("alerts.view_alertrule", "notifications.change_channel"), raise_exception=True)
def test(request: HttpRequest) -> HttpResponse:
    """Send the example to the chosen channels, also to one that is not saved yet, and show what they answered."""
    chosen, choice = list(_channels(request.POST.getlist("channels"))), request.POST.get("channel_choice", "")
    if not chosen and not choice:
        return not_sent(request, "Choose first where to send it.")
    text = replace(_example(request.POST).text, test=True)
    many = len(chosen) + bool(choice) > 1
    answers = [answer_test(request, channel, text, is_one_of_many=many) for channel in chosen]
    if choice:
        answers.append(answer_test_of_new(request, choice, text, is_one_of_many=many))
    return HttpResponse(b"".join(answer.content for answer in answers))


def _example(given: QueryDict) -> Example:
    """Of the rule whose id is handed in, or of the definition. Raises Http404."""
    name = given.get("name", "")[:LONGEST_NAME]
    rule = _rule(given.get("rule", ""))
    draft = rule_draft_in(given)
    try:
        plan = plan_of(rule) if rule else plan_of_draft(draft.valid, draft.time_zone)
    except CriteriaError as error:
        raise Http404(str(error)) from error
    return make_example(plan, info_of(rule, name), timezone.now())


def _rule(text: str) -> AlertRule | None:
    with suppress(ValueError):
        return find_rule(uuid.UUID(text))
    return None


def _channels(ids: list[str]) -> Any:
    known = []
    for text in ids:
        with suppress(ValueError):
            known.append(uuid.UUID(text))
    return Channel.objects.filter(pk__in=known).order_by("name", "pk")
