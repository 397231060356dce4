"""Slack: one Block Kit message for each batch, by incoming webhook or by a bot's token."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.blocks import ContextBlock, HeaderBlock, PlainTextObject, RichTextBlock
from slack_sdk.models.blocks.block_elements import (
    RichTextElementParts,
    RichTextListElement,
    RichTextSectionElement,
)

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
from notifications.channels.http import post
from notifications.message import Entry, Message, NoticeText, encode, one_line

HEADER, LINE, DETAIL, FALLBACK = 150, 300, 80, 1000
"""Most characters of a header (Slack's own limit), a sentence, a name, and the text of a notification."""
TIMEOUT = 10
PERMANENT = {
    # incoming webhooks
    "invalid_payload", "user_not_found", "action_prohibited", "invalid_token", "no_service", "no_team", "no_text",
    "channel_is_archived", "missing_text_or_fallback_or_attachments",
    # both
    "channel_not_found", "invalid_blocks",
    # the Web API
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_in_channel", "is_archived",
    "missing_scope", "msg_too_long", "msg_blocks_too_long", "restricted_action",
}  # fmt: skip
"""Errors that no later attempt mends."""
LOOK_ALIKES = {ord("<"): "\u2039", ord(">"): "\u203a"}

Text, Link = RichTextElementParts.Text, RichTextElementParts.Link
Style = RichTextElementParts.TextStyle


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
        blocks = [block.to_dict() for block in _blocks(message)]
        return encode({"text": mrkdwn(one_line(message.words.headline, FALLBACK)), "blocks": blocks})

    def write_notice(self, notice: NoticeText) -> str:
        text, link = Text(text=plain(notice.text, 3 * LINE) + " "), Link(url=notice.url, text="Look at it")
        header = HeaderBlock(text=PlainTextObject(text=plain(notice.title, HEADER), emoji=False))
        blocks = [header, RichTextBlock(elements=[RichTextSectionElement(elements=[text, link])])]
        title = mrkdwn(one_line(notice.title, FALLBACK))
        return encode({"text": title, "blocks": [block.to_dict() for block in blocks]})

    def send(self, config: Config, letter: Letter) -> Outcome:
        content = {**json.loads(letter.content), "unfurl_links": False, "unfurl_media": False}
        return _send_by_webhook(config, content) if "webhook_url" in config else _send_as_bot(config, content)

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


def plain(text: str, limit: int) -> str:
    """One line for elements that Slack shows literally. Angle brackets become look-alikes all the same:
    they are what mentions and links are made of, wherever a message may be quoted."""
    return one_line(text, limit).translate(LOOK_ALIKES) or "-"


def mrkdwn(text: str) -> str:
    """Text for where Slack reads markup: `&`, `<` and `>` as entities, so that nothing becomes a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(message: Message) -> list[HeaderBlock | RichTextBlock | ContextBlock]:
    words = message.words
    summary = RichTextSectionElement(
        elements=[Text(text=plain(words.summary, 3 * LINE) + " "), Link(url=message.cohort.url, text="Open the cohort")]
    )
    groups = [
        *_group(words.joined, message.added, words.more_joined, message.cohort.url),
        *_group(words.left, message.removed, words.more_left, message.cohort.url),
    ]
    return [
        HeaderBlock(text=PlainTextObject(text=plain(words.headline, HEADER), emoji=False)),
        RichTextBlock(elements=[summary, *groups]),
        ContextBlock(elements=[PlainTextObject(text=plain(words.note, LINE), emoji=False)]),
    ]


def _group(
    title: str, entries: tuple[Entry, ...], more: str, url: str
) -> list[RichTextSectionElement | RichTextListElement]:
    if not title:
        return []
    heading = RichTextSectionElement(elements=[Text(text="\n" + plain(title, LINE), style=Style(bold=True))])
    customers = RichTextListElement(style="bullet", elements=[_customer(entry) for entry in entries])
    rest = [RichTextSectionElement(elements=[Link(url=url, text=plain(more, LINE))])] if more else []
    return [heading, customers, *rest]


def _customer(entry: Entry) -> RichTextSectionElement:
    details = ", ".join(plain(detail, DETAIL) for detail in entry.details)
    aside = f" ({details})" if details else ""
    return RichTextSectionElement(
        elements=[
            Link(url=entry.url, text=plain(entry.title, DETAIL)),
            Text(text=f"{aside}: {plain(entry.because, LINE)}"),
        ]
    )


def _send_by_webhook(config: Config, content: Mapping[str, Any]) -> Outcome:
    if not is_webhook(config["webhook_url"]):
        raise DeliveryError("the address is not an incoming webhook of Slack", permanent=True)
    answer = post(config["webhook_url"], encode(content).encode(), {"Content-Type": "application/json"})
    if answer.status == 200 and answer.body == "ok":
        return Outcome(succeeded=True, status="200", answer="ok")
    said = one_line(answer.body, 100)
    raise DeliveryError(
        f"Slack answered {answer.status}: {said}" if said else f"Slack answered {answer.status}",
        permanent=answer.body.strip() in PERMANENT or answer.status in (404, 410),
        status=str(answer.status),
        answer=answer.body,
        retry_after=answer.retry_after,
    )


def _send_as_bot(config: Config, content: Mapping[str, Any]) -> Outcome:
    # Its own retry handlers would sleep here or send twice; ours are in `delivery`.
    client = WebClient(config["token"], base_url=settings.SLACK_API_URL, timeout=TIMEOUT, retry_handlers=[])
    try:
        response = client.chat_postMessage(channel=config["channel"], **content)
    except SlackApiError as error:
        raise _refused(error) from None
    except (SlackClientError, OSError, ValueError) as error:
        raise DeliveryError(f"Slack was not reached ({type(error).__name__})", status="failed") from None
    return Outcome(succeeded=True, status=str(response.status_code), answer=f"ts {response.get('ts')}")


def _refused(error: SlackApiError) -> DeliveryError:
    response = error.response
    code = one_line(str(response.get("error")), 100)
    after = str(response.headers.get("Retry-After") or response.headers.get("retry-after") or "")
    return DeliveryError(
        f"Slack answered: {code}",
        permanent=code in PERMANENT,
        status=f"{response.status_code} {code}"[:60],
        answer=encode(response.data)[:ANSWER_LIMIT],
        retry_after=float(after) if after.isdigit() else None,
    )
