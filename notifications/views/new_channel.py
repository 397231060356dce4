"""A channel that is made in the dialog in which it is chosen, and what is shown of a new one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from notifications.channels import CHANNELS
from notifications.forms import NEW, ChannelForm, channel_form, shown_back
from notifications.models import Channel

VERIFY = """from standardwebhooks import Webhook

Webhook(secret).verify(request.body, request.headers)  # raises when it is not from here
"""


@permission_required("notifications.add_channel", raise_exception=True)
@require_GET
def new_channel_fields(request: HttpRequest) -> HttpResponse:
    """The fields of a channel to be made in place; nothing for one that is there."""
    form = asked_channel(request.GET.get("channel_choice", ""))
    return render(request, "notifications/new_channel.html", {"channel_form": form})


def asked_channel(choice: str, data: Any = None) -> ChannelForm | None:
    """The form of the channel to be made in place, if that was chosen."""
    kind = CHANNELS.get(choice.removeprefix(NEW)) if choice.startswith(NEW) else None
    return channel_form(kind, shown_back)(data, prefix="new") if kind else None


def kinds_to_make() -> list[tuple[str, Any]]:
    """The choices of a channel to be made in place, each with its kind."""
    return [(f"{NEW}{kind.kind}", kind) for kind in CHANNELS.values()]


def save_channel(form: ChannelForm, request: HttpRequest, now: datetime) -> Channel:
    """Save a new channel; the form is valid."""
    channel: Channel = form.instance
    channel.kind, channel.config = form.kind.kind, form.config()
    channel.created_at, channel.created_by = now, cast(User, request.user)
    channel.save()
    return channel


def show_secrets(
    request: HttpRequest,
    channel: Channel,
    secrets: dict[str, str],
    event: str = "",
    *,
    rotated: bool = False,
    then: str = "",
) -> HttpResponse:
    """In the dialog, the one time that they are shown. Closed, it leads to the page `then`."""
    context = {"channel": channel, "secrets": secrets, "verify": VERIFY, "rotated": rotated, "then": then}
    answer = render(request, "notifications/secret.html", context)
    if event:
        answer.headers["HX-Trigger"] = json.dumps({event: True})
    return answer
