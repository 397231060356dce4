"""The example beside the dialog, made by the code that sends, and the test that sends it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from cohorts.models import Cohort
from ingest.models import CustomerKind
from notifications import compose
from notifications.channels import CHANNELS
from notifications.channels.base import ChannelKind, Outcome
from notifications.channels.email import Email
from notifications.delivery import send_test
from notifications.forms import NEW, channel_form, chosen_channel, lenient_choices, lenient_rules
from notifications.limits import TOO_MANY, may_test
from notifications.message import AlertText, Message
from notifications.models import Channel, Subscription
from notifications.words import words_of

IN_A_MAIL = ("name", "email", "company_domain")
"""The fields that change how a mail looks: its frame is fetched with these alone, so that its address stays short."""


@dataclass(frozen=True)
class Tested:
    """What became of a test, and how long it took."""

    outcome: Outcome
    milliseconds: int


@permission_required(["cohorts.view_cohort", "notifications.view_subscription"], raise_exception=True)
@require_POST
def preview(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The next notification as it may look, for what is chosen in the form so far."""
    cohort = get_object_or_404(Cohort, pk=pk)
    choices = lenient_choices(request.POST, CustomerKind(cohort.kind))
    if not choices["send_on_addition"] and not choices["send_on_removal"]:
        return render(request, "notifications/no_preview.html")
    rules = lenient_rules(request.POST, cohort)
    kind = _chosen_kind(request.POST)
    choices |= {"period": timedelta(days=1) if rules.send_at else rules.period, "zone": rules.zone}
    example = compose.make_example(cohort, timezone.now(), **choices, sequence=_next_sequence(request.POST))
    context = {
        "rules": words_of(rules),
        "cohort": cohort,
        "kind": kind,
        "example": example,
        "at": example.message.created_at,
        "content": _readable(kind.write(example.message)),
        "body": json.loads(example.message.encode()),
        "frame": f"{reverse('mail_preview', args=[pk])}?{_mail_query(choices, rules)}",
    }
    return render(request, "notifications/preview.html", context)


@permission_required(["cohorts.view_cohort", "notifications.view_subscription"], raise_exception=True)
@xframe_options_sameorigin
@require_GET
def mail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The mail alone, for a frame that may run nothing."""
    cohort = get_object_or_404(Cohort, pk=pk)
    choices = lenient_choices(request.GET, CustomerKind(cohort.kind))
    zone = lenient_rules(request.GET, cohort).zone
    message = compose.make_example(cohort, timezone.now(), **choices, zone=zone, sequence=1).message
    return HttpResponse(_readable(CHANNELS[Email.kind].write(message))["html"])


@permission_required("cohorts.view_cohort", raise_exception=True)
@require_POST
def test(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send the example to the chosen channel, also to one that is not saved yet, and show what it answered."""
    cohort = get_object_or_404(Cohort, pk=pk)
    choice = request.POST.get("channel_choice", "")
    if choice.startswith(NEW):
        return answer_test_of_new(request, choice, _test_message(request, cohort))
    channel = chosen_channel(choice)
    if not request.user.has_perm("notifications.change_channel"):
        raise PermissionDenied
    if channel is None:
        return not_sent(request, "Choose first where to send it.")
    return answer_test(request, channel, _test_message(request, cohort))


def answer_test(
    request: HttpRequest, channel: Channel, message: Message | AlertText | None = None, *, is_one_of_many: bool = False
) -> HttpResponse:
    """Send a test and show what the destination answered."""
    if not may_test(f"person-{request.user.pk}", timezone.now()):
        return not_sent(request, TOO_MANY)
    started = perf_counter()
    outcome = send_test(channel, timezone.now(), message)
    tested = Tested(outcome, round(1000 * (perf_counter() - started)))
    context = {"tested": tested, "channel": channel, "is_one_of_many": is_one_of_many}
    return render(request, "notifications/tested.html", context)


def answer_test_of_new(
    request: HttpRequest, choice: str, message: Message | AlertText, *, is_one_of_many: bool = False
) -> HttpResponse:
    """Send a test to the channel that is being made in a dialog. Raises PermissionDenied."""
    if not request.user.has_perm("notifications.add_channel"):
        raise PermissionDenied
    kind = CHANNELS.get(choice.removeprefix(NEW))
    if kind is None:
        return not_sent(request, "Choose first where to send it.")
    form = channel_form(kind)({**request.POST.dict(), "new-name": request.POST.get("new-name") or "Test"}, prefix="new")
    if not form.is_valid():
        faults = [f"{_label(form, name)}{message}" for name, messages in form.errors.items() for message in messages]
        return not_sent(request, " ".join(faults))
    channel = Channel(kind=kind.kind, name=form.cleaned_data["name"], config=form.config())
    return answer_test(request, channel, message, is_one_of_many=is_one_of_many)


def _label(form: Any, name: str) -> str:
    return f"{form[name].label}: " if name in form.fields else ""


def not_sent(request: HttpRequest, why: str) -> HttpResponse:
    """Why nothing was sent, in place of an answer."""
    return render(request, "notifications/tested.html", {"why": why})


def _test_message(request: HttpRequest, cohort: Cohort) -> Message:
    choices = lenient_choices(request.POST, CustomerKind(cohort.kind))
    if not choices["send_on_addition"] and not choices["send_on_removal"]:
        choices |= {"send_on_addition": True}
    return compose.make_example(cohort, timezone.now(), **choices, test=True).message


def _chosen_kind(data: QueryDict) -> ChannelKind:
    """The kind of the chosen channel; a webhook's JSON until one is chosen."""
    choice = data.get("channel_choice", "")
    channel = None if choice.startswith(NEW) else chosen_channel(choice)
    kind = channel.kind if channel else choice.removeprefix(NEW)
    return CHANNELS.get(kind) or next(iter(CHANNELS.values()))


def _next_sequence(data: QueryDict) -> int:
    try:
        known = Subscription.objects.filter(pk=data.get("subscription", "")).values_list("sequence", flat=True)
        return (known.first() or 0) + 1
    except (ValueError, ValidationError):
        return 1


def _readable(content: str) -> Any:
    return json.loads(content)


def _mail_query(choices: dict[str, Any], rules: Subscription) -> str:
    query = QueryDict(mutable=True)
    query["time_zone"] = rules.time_zone
    query.setlist("fields", [name for name in choices["fields"] if name in IN_A_MAIL])
    for name in ("send_on_addition", "send_on_removal"):
        if choices[name]:
            query[name] = "on"
    return query.urlencode()
