"""Webhooks: the whole change as JSON, signed as Standard Webhooks."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from standardwebhooks import Webhook as Signer

from notifications.channels.base import ChannelKind, Config, ConfigForm, DeliveryError, Letter, Limits, Outcome
from notifications.channels.http import LONGEST_URL, Answer, check_target, post
from notifications.message import Message, NoticeText

GONE = 410
SECRET_PREFIX = "whsec_"
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""Bytes, as Standard Webhooks has them."""


class WebhookForm(ConfigForm):
    """The address. The signing secret is made with the channel."""

    secrets = ("secret",)
    url = forms.CharField(
        label="URL",
        max_length=LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/cohorts"}),
        help_text="Changes are sent here by POST, as JSON.",
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            check_target(url)
        except ValueError as error:
            raise ValidationError(str(error)) from None
        return url

    def config(self) -> dict[str, Any]:
        return {"secret": new_secret(), **super().config()}


class Webhook(ChannelKind):
    """One request for each part of a batch; only a 2xx answer is success."""

    kind = "webhook"
    label = "Webhook"
    icon = "webhook"
    about = "Everything as signed JSON, posted to an address of your software."
    form = WebhookForm
    looks = "notifications/looks/webhook.html"
    limits = Limits(customers=1000, size=256_000, parts=True)

    def write(self, message: Message) -> str:
        return message.encode()

    def write_notice(self, notice: NoticeText) -> str:
        return notice.encode()

    def send(self, config: Config, letter: Letter) -> Outcome:
        signed = sign(config["secret"], letter.id, letter.content)
        answer = post(config["url"], letter.content.encode(), {"Content-Type": "application/json", **signed})
        if 200 <= answer.status < 300:
            return Outcome(succeeded=True, status=str(answer.status), answer=answer.body)
        raise DeliveryError(
            _complaint(answer),
            permanent=answer.status == GONE,
            disables=answer.status == GONE,
            status=str(answer.status),
            answer=answer.body,
            retry_after=answer.retry_after,
        )

    def summary(self, config: Config) -> str:
        parts = urlsplit(config["url"])
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}" + ("/…" if parts.path.strip("/") or parts.query else "")

    def check_secret(self, name: str, value: object) -> str:
        expected = 'expected "whsec_" and the base64 of 24 to 64 random bytes'
        if not isinstance(value, str) or not value.startswith(SECRET_PREFIX):
            raise ValueError(expected)
        try:
            length = len(base64.b64decode(value.removeprefix(SECRET_PREFIX), validate=True))
        except ValueError:
            raise ValueError(expected) from None
        if not SHORTEST_SECRET <= length <= LONGEST_SECRET:
            raise ValueError(expected)
        return value

    def shown_once(self, config: Config) -> dict[str, str]:
        return {"secret": config["secret"]}


def new_secret() -> str:
    """A signing secret of 256 random bits, in the form that Standard Webhooks libraries take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, id: str, content: str) -> dict[str, str]:
    """The three headers. The time is the clock's, not the cycle's: receivers compare it with their own."""
    moment = datetime.now(UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Signer(secret).sign(id, moment, content),
    }


def _complaint(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return f"answered {answer.status}: redirects are not followed"
    if answer.status == GONE:
        return "answered 410: the receiver is gone for good"
    return f"answered {answer.status}, expected 2xx"
