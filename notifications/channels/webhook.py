"""Webhooks: the whole change as JSON, signed as Standard Webhooks."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from standardwebhooks import Webhook as Signer

from notifications.channels.base import ChannelKind, Config, ConfigForm, DeliveryError, Letter, Limits, Outcome
from notifications.channels.http import LONGEST_URL, Answer, check_target, post
from notifications.message import AlertText, Message, NoticeText

GONE = 410
SECRET_PREFIX = "whsec_"
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""Bytes, as Standard Webhooks has them."""
ROTATION = timedelta(hours=24)
"""How long requests are signed with the secret before, too, after it was changed."""
HEADERS, LONGEST_HEADER = 10, 1000
"""Most headers of one's own, and most characters of a value."""
RESERVED = re.compile(
    r"host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|forwarded|user-agent|cookie"
    r"|accept-encoding|(content|proxy|webhook|x-forwarded)-.*"
)
"""Headers that are not for people to set: they decide how a request is read, or who it is from."""
SIGNATURES = 3
"""Most secrets before the present one, however often it is changed within a day."""
MASK = "\u2022" * 6
"""Shown in place of a header's value; sent back, the stored value stays."""


class Headers(forms.CharField):
    """Headers as text, one on each line (`Name: value`), or as an object of names and values."""

    widget = forms.Textarea(attrs={"rows": 2, "placeholder": "Authorization: Bearer …", "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name).strip(): str(text).strip() for name, text in value.items()}
        lines = [line.partition(":") for line in str(value or "").splitlines() if line.strip()]
        return {name.strip(): text.strip() for name, _, text in lines}

    def validate(self, value: Any) -> None:
        if len(value) > HEADERS or len({name.lower() for name in value}) < len(value):
            raise ValidationError(f"expected at most {HEADERS} headers, each once")
        for name, text in value.items():
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", name):
                raise ValidationError("expected lines such as X-Team: growth")
            if RESERVED.fullmatch(name.lower()):
                raise ValidationError(f"expected other headers: {name} is set by this site")
            if text != MASK and not re.fullmatch(rf"[!-~]([ -~]{{0,{LONGEST_HEADER - 2}}}[!-~])?", text):
                raise ValidationError(f"expected a value of at most {LONGEST_HEADER} plain characters for {name}")

    def run_validators(self, value: Any) -> None:
        """Each is validated above; those of a text do not fit an object."""


class WebhookForm(ConfigForm):
    """The address, and headers of one's own. The signing secret is made with the channel."""

    secrets = ("secret", "retired")
    url = forms.CharField(
        label="URL",
        max_length=LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/cohorts"}),
        help_text="Changes are sent here by POST, as JSON.",
    )

    headers = Headers(
        required=False,
        help_text="Sent with every request, one on each line. Their values are secrets and are not shown again.",
    )

    def __init__(self, data: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.initial["headers"] = masked(self.stored.get("headers", {}))

    def clean_headers(self) -> dict[str, str]:
        """Values that came back masked are those that are stored, for the same host: another one must not get them."""
        given, stored = self.cleaned_data["headers"], self.stored.get("headers", {})
        if _host(self.cleaned_data.get("url", "")) != _host(self.stored.get("url", "")):
            stored = {}
        unknown = [name for name, text in given.items() if text == MASK and name not in stored]
        if unknown:
            raise ValidationError(f"expected the value of {unknown[0]}: it is not known, or not for this host")
        return {name: stored[name] if text == MASK else text for name, text in given.items()}

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
    """One request for each part of a message; only a 2xx answer is success."""

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

    def write_alert(self, alert: AlertText) -> str:
        return alert.encode()

    def send(self, config: Config, letter: Letter) -> Outcome:
        headers = {"Content-Type": "application/json", **config.get("headers", {}), **_signature(config, letter)}
        answer = post(config["url"], letter.content.encode(), headers)
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
        if name != "secret":
            return super().check_secret(name, value)
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

    def visible(self, config: Config) -> dict[str, Any]:
        shown = super().visible(config)
        return {**shown, "headers": masked(shown["headers"])} if "headers" in shown else shown

    def shown_once(self, config: Config) -> dict[str, str]:
        return {"secret": config["secret"]}

    def rotate(self, config: Config, now: datetime) -> dict[str, Any]:
        """A new secret; the one before signs too for a day, so that its receiver changes it without a gap."""
        kept = [[secret, until] for secret, until in config.get("retired", []) if _lives(until, now)]
        retired = [*kept, [config["secret"], (now + ROTATION).isoformat()]]
        return {**config, "secret": new_secret(), "retired": retired[-SIGNATURES:]}


def new_secret() -> str:
    """A signing secret of 256 random bits, in the form that Standard Webhooks libraries take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers' names; their values may be keys."""
    return dict.fromkeys(headers, MASK)


def sign(secrets: Sequence[str], id: str, content: str) -> dict[str, str]:
    """The three headers. The time is the clock's, not the cycle's: receivers compare it with their own."""
    moment = datetime.now(UTC)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(id, moment, content) for secret in secrets),
    }


def _signature(config: Config, letter: Letter) -> dict[str, str]:
    retired = [secret for secret, until in config.get("retired", []) if _lives(until, datetime.now(UTC))]
    return sign([config["secret"], *reversed(retired)], letter.id, letter.content)


def _lives(until: str, now: datetime) -> bool:
    return datetime.fromisoformat(until) > now


def _complaint(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return f"answered {answer.status}: redirects are not followed"
    if answer.status == GONE:
        return "answered 410: the receiver is gone for good"
    return f"answered {answer.status}, expected 2xx"
