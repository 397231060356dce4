"""Slack: one Block Kit message for each batch, notice or alert, by incoming webhook or by a bot's token."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from notifications.channels.base import (
    ANSWER_LIMIT,
    ChannelKind,
    Config,
    ConfigForm,
    DeliveryError,
    Letter,
    Limits,
    Outcome,
)
from notifications.channels.http import Answer, post
from notifications.channels.slack_layout import without_pictures, write_alert, write_batch, write_notice
from notifications.message import AlertText, Message, NoticeText, encode, one_line

LONGEST_ANSWER = 100_000
"""Bytes read of what the Web API answers: it repeats the message."""
BROKEN = {
    # incoming webhooks
    "invalid_token": "The webhook's address is not valid any more: make a new one in Slack and paste it here",
    "no_service": "The webhook was removed or switched off: make a new one in Slack and paste it here",
    "no_team": "The workspace is gone: make a webhook in another one and paste it here",
    "user_not_found": "Whom it wrote to is gone: make a new webhook in Slack and paste it here",
    "action_prohibited": "An administrator of the workspace forbids it: ask for the app to be allowed to post",
    "channel_is_archived": "Its channel is archived: restore it, or make a webhook for another one",
    # both
    "channel_not_found": "There is no such channel, or the bot cannot see it: check its name, and invite the bot",
    # the Web API
    "invalid_auth": "The bot's token is not valid: copy it again from the app's page in Slack",
    "not_authed": "The bot's token is missing: copy it again from the app's page in Slack",
    "account_inactive": "The bot or its workspace was switched off: install the app again",
    "token_revoked": "The bot's token was revoked: install the app again and paste its new token here",
    "token_expired": "The bot's token has expired: paste the new one here",
    "not_in_channel": "The bot is not in the channel: invite it there with /invite",
    "is_archived": "Its channel is archived: restore it, or choose another one",
    "missing_scope": "The bot may not post: give the app the scope chat:write and install it again",
    "restricted_action": "The workspace's settings forbid the bot to post in this channel: ask an administrator of it",
}
"""Errors that end a channel until somebody does what is said here."""
UNFIT = {
    "invalid_payload", "invalid_blocks", "no_text", "missing_text_or_fallback_or_attachments", "msg_too_long",
    "msg_blocks_too_long",
}  # fmt: skip
"""Errors of one message, which no later attempt mends; another message may be taken."""
GONE = (404, 410)


class SlackForm(ConfigForm):
    """An incoming webhook's address, or a bot's token and a channel."""

    secrets = ("webhook_url", "token")
    webhook_url = forms.CharField(
        label="Incoming webhook URL",
        required=False,
        max_length=300,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="https://hooks.slack.com/services/… It is a secret and is never shown again.",
    )
    token = forms.CharField(
        label="or bot token",
        required=False,
        max_length=300,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="xoxb-… with the scope chat:write. It is never shown again.",
    )
    channel = forms.CharField(
        required=False, max_length=80, help_text="Where the bot posts: a channel's id, or its name with #."
    )

    def clean_webhook_url(self) -> str:
        url: str = self.cleaned_data["webhook_url"]
        if url and not is_webhook(url):
            raise ValidationError(f"expected an address that starts with {settings.SLACK_WEBHOOK_PREFIXES[0]}")
        return url

    def clean_token(self) -> str:
        token: str = self.cleaned_data["token"]
        if token and not re.fullmatch(r"xoxb-[A-Za-z0-9-]+", token):
            raise ValidationError("expected a bot token, which starts with xoxb-")
        return token

    def clean_channel(self) -> str:
        channel: str = self.cleaned_data["channel"]
        if channel and not re.fullmatch(r"[CGD][A-Z0-9]{6,}|#?[^\s#@:!<>&|]+", channel):
            raise ValidationError("expected a channel's id such as C0123456789, or a name such as #growth")
        return channel

    def clean(self) -> dict[str, Any]:
        cleaned = dict(super().clean() or {})
        if self.errors:
            return cleaned
        if cleaned.get("webhook_url") and cleaned.get("token"):
            raise ValidationError("expected either an incoming webhook URL or a bot token, not both")
        config = self.config()
        if "token" in config and not config.get("channel"):
            self.add_error("channel", "expected a channel for the bot to post in")
        if "token" not in config and "webhook_url" not in config:
            raise ValidationError("expected an incoming webhook URL, or a bot token and a channel")
        return cleaned

    def config(self) -> dict[str, Any]:
        """One way or the other: the one given now replaces the one kept."""
        config = super().config()
        if self.cleaned_data.get("token"):
            config.pop("webhook_url", None)
        elif self.cleaned_data.get("webhook_url"):
            config.pop("token", None)
        if "webhook_url" in config:
            config.pop("channel", None)
        return config


class Slack(ChannelKind):
    """The first customers by name, the others by number."""

    kind = "slack"
    label = "Slack"
    icon = "tag"
    about = "A message with the first customers, in a channel of your workspace."
    form = SlackForm
    looks = "notifications/looks/slack.html"
    limits = Limits(customers=10)

    def write(self, message: Message) -> str:
        return encode(write_batch(message))

    def write_notice(self, notice: NoticeText) -> str:
        return encode(write_notice(notice))

    def write_alert(self, alert: AlertText) -> str:
        return encode(write_alert(alert))

    def send(self, config: Config, letter: Letter) -> Outcome:
        """Where Slack refuses a message with a picture, which it could perhaps not fetch, it goes without at once."""
        content = {**json.loads(letter.content), "unfurl_links": False, "unfurl_media": False}
        content.pop("chart", None)
        send = _send_by_webhook if "webhook_url" in config else _send_as_bot
        plain = without_pictures(content)
        try:
            return send(config, content)
        except DeliveryError as error:
            if plain == content or not error.outcome.permanent or error.outcome.disables:
                raise
            return send(config, plain)

    def summary(self, config: Config) -> str:
        if "webhook_url" in config:
            return f"incoming webhook …{config['webhook_url'][-4:]}"
        return f"bot in {config['channel']}"


def is_webhook(url: str) -> bool:
    """Whether it is an incoming webhook of Slack itself: host and path are exact, so that nothing else is posted to."""
    return any(
        url.startswith(prefix) and re.fullmatch(r"[A-Za-z0-9/_-]+", url.removeprefix(prefix))
        for prefix in settings.SLACK_WEBHOOK_PREFIXES
    )


def _send_by_webhook(config: Config, content: Mapping[str, Any]) -> Outcome:
    if not is_webhook(config["webhook_url"]):
        raise DeliveryError("the address is not an incoming webhook of Slack", permanent=True)
    answer = post(config["webhook_url"], encode(content).encode(), {"Content-Type": "application/json"})
    if answer.status == 200 and answer.body == "ok":
        return Outcome(succeeded=True, status="200", answer="ok")
    said = one_line(answer.body, 100)
    code = said if said in BROKEN or answer.status not in GONE else "no_service"
    raise _refused(answer, code)


def _send_as_bot(config: Config, content: Mapping[str, Any]) -> Outcome:
    answer = post(
        f"{settings.SLACK_API_URL}chat.postMessage",
        encode({"channel": config["channel"], **content}).encode(),
        {"Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {config['token']}"},
        limit=LONGEST_ANSWER,
    )
    said = _object(answer.body)
    if answer.status == 200 and said.get("ok") is True:
        return Outcome(succeeded=True, status="200", answer=f"ts {one_line(str(said.get('ts')), 50)}")
    raise _refused(answer, one_line(str(said.get("error") or ""), 100))


def _object(text: str) -> dict[str, Any]:
    """What the Web API says; nothing when it was not the Web API that answered."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _refused(answer: Answer, code: str) -> DeliveryError:
    """A known code ends the message or the channel; all else is tried again, when Slack says if it says when."""
    advice = f". {BROKEN[code]}." if code in BROKEN else ""
    return DeliveryError(
        f"Slack answered: {code}{advice}" if code else f"Slack answered {answer.status}",
        permanent=code in BROKEN or code in UNFIT,
        disables=code in BROKEN,
        status=f"{answer.status} {code}".strip()[:60],
        answer=answer.body[:ANSWER_LIMIT],
        retry_after=answer.retry_after,
    )
