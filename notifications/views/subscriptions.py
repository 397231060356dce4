"""The dialog that subscribes a channel to a cohort, or changes a subscription."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.models import Cohort, Membership
from notifications import batching
from notifications.channels import CHANNELS
from notifications.channels.base import ChannelKind
from notifications.choices import RULES
from notifications.fields import offered_fields
from notifications.forms import ChannelForm, SubscriptionForm
from notifications.models import Channel, Subscription
from notifications.views.answers import done, form_again, subscriptions_changed
from notifications.views.new_channel import asked_channel, kinds_to_make, save_channel, show_secrets

DIALOG = "notifications/subscribe.html"
ALWAYS_CHOSEN = ("send_at", "days", "hold_when_silent")
"""Rules that every form has a value of."""


@permission_required("notifications.add_subscription", raise_exception=True)
@require_http_methods(["GET", "POST"])
def subscribe(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Subscribe a channel to the cohort; who may add channels can make one here."""
    cohort = get_object_or_404(Cohort, pk=pk)
    if request.method == "GET":
        form = SubscriptionForm(cohort=cohort, initial={"channel_choice": request.GET.get("channel", "")})
        return render(request, DIALOG, _dialog(request, cohort, form))
    form = SubscriptionForm(request.POST, cohort=cohort)
    settings = asked_channel(request.POST.get("channel_choice", ""), request.POST)
    valid = form.is_valid() and (settings is None or settings.is_valid())
    made = _make(request, cohort, form, settings) if valid else None
    if made is None:
        return form_again(request, DIALOG, _dialog(request, cohort, form, settings))
    return _made(request, made, made_channel=settings is not None)


@permission_required("notifications.change_subscription", raise_exception=True)
@require_http_methods(["GET", "POST"])
def subscription(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Change what a subscription tells."""
    found = get_object_or_404(Subscription.objects.select_related("cohort", "channel"), pk=pk)
    form = SubscriptionForm(request.POST or None, instance=found, cohort=found.cohort)
    if request.method == "POST" and form.is_valid():
        form.save()
        return done("Saved.", subscriptions_changed(found.cohort_id), close=True)
    answer = form_again if request.method == "POST" else render
    return answer(request, DIALOG, _dialog(request, found.cohort, form))


@permission_required("notifications.change_subscription", raise_exception=True)
@require_POST
def pause(request: HttpRequest, pk: uuid.UUID, paused: bool) -> HttpResponse:
    """Pause or resume."""
    found = get_object_or_404(Subscription, pk=pk)
    found.paused_at = (found.paused_at or timezone.now()) if paused else None
    found.save()
    text = "Paused until somebody resumes it." if paused else "Resumed: it goes on with the next cycle."
    return done(text, subscriptions_changed(found.cohort_id))


@permission_required("notifications.delete_subscription", raise_exception=True)
@require_POST
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Delete a subscription with what was sent for it."""
    found = get_object_or_404(Subscription, pk=pk)
    found.delete()
    return done("Deleted.", subscriptions_changed(found.cohort_id), close=True)


def _make(
    request: HttpRequest, cohort: Cohort, form: SubscriptionForm, settings: ChannelForm | None
) -> Subscription | None:
    """The channel, if one is to be made, and the subscription: both or none."""
    values = dict(form.cleaned_data)
    channel: Channel | ChannelKind = values.pop("channel_choice")
    values.pop("more_fields")
    if settings is not None and not request.user.has_perm("notifications.add_channel"):
        form.add_error("channel_choice", "You may not add channels. Choose one that is there.")
        return None
    now = timezone.now()
    try:
        with transaction.atomic():
            if settings is not None:
                channel = save_channel(settings, request, now)
            assert isinstance(channel, Channel)
            return batching.subscribe(cohort, channel, **values, created_by=request.user, now=now)
    except IntegrityError:
        form.add_error("channel_choice", "This channel is told of the cohort already.")
        return None


def _made(request: HttpRequest, made: Subscription, *, made_channel: bool) -> HttpResponse:
    event = subscriptions_changed(made.cohort_id)
    secrets = CHANNELS[made.channel.kind].shown_once(made.channel.config) if made_channel else {}
    if not secrets:
        return done(f"{made.channel.name} is told from now on.", event, close=True)
    return show_secrets(request, made.channel, secrets, event)


def _dialog(
    request: HttpRequest, cohort: Cohort, form: SubscriptionForm, settings: ChannelForm | None = None
) -> dict[str, Any]:
    editing = not form.instance._state.adding
    chosen = str(form["channel_choice"].value() or "") if not editing else ""
    return {
        "cohort": cohort,
        "form": form,
        "subscription": form.instance if editing else None,
        "channels": [] if editing else _channels(cohort),
        "kinds": kinds_to_make(),
        "chosen": chosen,
        "channel_form": settings or asked_channel(chosen),
        "field_errors": form.errors.get("fields", []) + form.errors.get("more_fields", []),
        "fields": offered_fields(cohort, list(form["fields"].value() or []), timezone.now()),
        "more_rules": _has_more_rules(form),
        "members": Membership.objects.filter(cohort=cohort).values_list("count", flat=True).first(),
    }


def _has_more_rules(form: SubscriptionForm) -> bool:
    """Whether some of what is folded away was chosen, or is wrong."""
    folded = [name for name in RULES if name not in ALWAYS_CHOSEN]
    return any(form[name].value() or name in form.errors for name in folded)


def _channels(cohort: Cohort) -> list[tuple[Channel, bool]]:
    """Every channel by name, and whether it is told of the cohort already."""
    taken = set(Subscription.objects.filter(cohort=cohort).values_list("channel", flat=True))
    return [(channel, channel.pk in taken) for channel in Channel.objects.order_by("name", "pk")]
