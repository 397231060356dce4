"""The page of channels: where notifications go, whether they arrive, and who may manage them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.paging import Page, page_of
from notifications import overview
from notifications.channels import CHANNELS, addresses
from notifications.channels.webhook import Webhook
from notifications.forms import ChannelForm, channel_form, shown_back
from notifications.models import Channel
from notifications.rotation import NoSecret, rotate_secret
from notifications.views.answers import done, form_again
from notifications.views.new_channel import save_channel, show_secrets
from notifications.views.preview import answer_test

CHANGED = "channels-changed"
"""The event by which the list renews itself."""
DIALOG = "notifications/channel.html"


@permission_required("notifications.view_channel", raise_exception=True)
def channels(request: HttpRequest) -> HttpResponse:
    """Every channel by name; its list alone when it renews itself."""
    page = page_of(Channel.objects.prefetch_related("alert_rules").order_by("name", "pk"), request.GET.get("page"))
    context = {
        "title": "Channels",
        "place": "channels",
        "page": page,
        "rows": _rows(page),
        "warning": addresses.warning(),
    }
    own = request.headers.get("HX-Target") == "channel-list"
    return render(request, "notifications/channel_list.html" if own else "notifications/channels.html", context)


@permission_required("notifications.add_channel", raise_exception=True)
@require_http_methods(["GET", "POST"])
def new_channel(request: HttpRequest) -> HttpResponse:
    """Add a channel: first its kind is chosen, then what that kind asks for."""
    kind = CHANNELS.get(request.GET.get("kind", ""))
    if kind is None:
        return render(request, "notifications/choose_kind.html", {"kinds": CHANNELS.values()})
    form = channel_form(kind, shown_back)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _added(request, save_channel(form, request, timezone.now()))
    return _dialog(request, form, f"{reverse('new_channel')}?kind={kind.kind}")


@permission_required("notifications.change_channel", raise_exception=True)
@require_http_methods(["GET", "POST"])
def channel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Change a channel's name and settings; secrets that are left empty stay."""
    found = get_object_or_404(Channel, pk=pk)
    form = channel_form(CHANNELS[found.kind], shown_back)(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        found.config = form.config()
        found.save()
        return done("Saved.", CHANGED, close=True)
    return _dialog(request, form, reverse("channel", args=[pk]))


@permission_required("notifications.change_channel", raise_exception=True)
@require_http_methods(["GET", "POST"])
def test(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """A dialog that sends a test to the channel and shows what it answered."""
    found = get_object_or_404(Channel, pk=pk)
    if request.method == "GET":
        return render(request, "notifications/test.html", {"channel": found})
    answer = answer_test(request, found)
    answer.headers["HX-Trigger"] = CHANGED
    return answer


@permission_required("notifications.change_channel", raise_exception=True)
@require_POST
def pause(request: HttpRequest, pk: uuid.UUID, paused: bool) -> HttpResponse:
    """Pause or resume; what is to be sent waits meanwhile."""
    found = get_object_or_404(Channel, pk=pk)
    found.paused_at = (found.paused_at or timezone.now()) if paused else None
    found.save()
    return done("Paused: what is to be sent waits." if paused else "Resumed: what waited is sent now.", CHANGED)


@permission_required("notifications.change_channel", raise_exception=True)
@require_POST
def rotate(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Give a webhook a new signing secret and show it, the one time."""
    get_object_or_404(Channel.objects.only("pk"), pk=pk)
    try:
        rotated = rotate_secret(pk, timezone.now())
    except NoSecret:
        return done("Only webhooks have a signing secret.", tone="bad")
    secrets = CHANNELS[rotated.kind].shown_once(rotated.config)
    return show_secrets(request, rotated, secrets, CHANGED, rotated=True)


@permission_required("notifications.delete_channel", raise_exception=True)
@require_POST
def delete(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Delete a channel that nothing uses."""
    found = get_object_or_404(Channel, pk=pk)
    try:
        found.delete()
    except ProtectedError:
        return done("Cohorts or alert rules are told there: take the channel off them first.", tone="bad")
    return done("Deleted.", CHANGED)


def _added(request: HttpRequest, made: Channel) -> HttpResponse:
    secrets = CHANNELS[made.kind].shown_once(made.config)
    if secrets:
        return show_secrets(request, made, secrets, CHANGED)
    return done(f"{made.name} is ready.", CHANGED, close=True)


def _dialog(request: HttpRequest, form: ChannelForm, address: str) -> HttpResponse:
    answer = form_again if form.is_bound else render
    context = {
        "form": form,
        "kind": form.kind,
        "channel": form.instance,
        "address": address,
        "warning": addresses.warning() if form.kind.kind == Webhook.kind else "",
    }
    return answer(request, DIALOG, context)


def _rows(page: Page[Channel]) -> list[dict[str, Any]]:
    used = overview.cohorts_told_by(page.rows)
    return [{"channel": one, "cohorts": used.get(one.pk, []), "menu": _menu(one)} for one in page.rows]


def _menu(found: Channel) -> list[dict[str, Any]]:
    def address(view: str) -> str:
        return reverse(view, args=[found.pk])

    pausing = (
        {"label": "Resume", "icon": "play_arrow", "post": address("resume_channel")}
        if found.paused_at
        else {"label": "Pause", "icon": "pause", "post": address("pause_channel")}
    )
    return [
        {"label": "Send a test", "icon": "send", "get": address("test_channel")},
        {"label": "Edit", "icon": "edit", "get": address("channel")},
        pausing,
        *([_rotating(found)] if found.kind == Webhook.kind else []),
        {"label": "Deliveries", "icon": "outbox", "href": f"{reverse('deliveries')}?channel={found.pk}"},
        {
            "label": "Delete…",
            "icon": "delete",
            "tone": "bad",
            "post": address("delete_channel"),
            "confirm": "Delete this channel? What was sent to it is forgotten.",
        },
    ]


def _rotating(found: Channel) -> dict[str, Any]:
    return {
        "label": "Rotate the secret…",
        "icon": "key",
        "post": reverse("rotate_channel", args=[found.pk]),
        "dialog": True,
        "confirm": "Make a new signing secret? For 24 hours requests carry the signatures of both.",
    }
