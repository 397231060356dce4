"""How messages look in Slack: Block Kit, within its limits, with nothing that turns into a mention or a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block, ContextBlock, HeaderBlock, ImageBlock, PlainTextObject, RichTextBlock
from slack_sdk.models.blocks.block_elements import (
    RichTextElementParts,
    RichTextListElement,
    RichTextSectionElement,
)

from notifications.channels.charts import bars, chart_url, freeze, is_reachable
from notifications.message import AlertEntry, AlertText, Entry, Message, NoticeText, one_line

HEADER, LINE, DETAIL, FALLBACK = 150, 300, 80, 1000
"""Most characters of a header (Slack's own limit), a sentence, a name, and the text of a notification."""
LOOK_ALIKES = {ord("<"): "\u2039", ord(">"): "\u203a"}

Text, Link = RichTextElementParts.Text, RichTextElementParts.Link
Style = RichTextElementParts.TextStyle
Content = dict[str, Any]
"""What is posted to Slack."""


def plain(text: str, limit: int) -> str:
    """One line for elements that Slack shows literally. Angle brackets become look-alikes all the same:
    they are what mentions and links are made of, wherever a message may be quoted."""
    return one_line(text, limit).translate(LOOK_ALIKES) or "-"


def mrkdwn(text: str) -> str:
    """Text for where Slack reads markup: `&`, `<` and `>` as entities, so that nothing becomes a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def write_batch(message: Message) -> Content:
    """The change of a cohort's members."""
    return _content(message.words.headline, _batch_blocks(message))


def write_notice(notice: NoticeText) -> Content:
    """A notice to operators."""
    text, link = Text(text=plain(notice.text, 3 * LINE) + " "), Link(url=notice.url, text="Look at it")
    section = RichTextSectionElement(elements=[text, link])
    return _content(notice.title, [_header(notice.title), RichTextBlock(elements=[section])])


def write_alert(alert: AlertText) -> Content:
    """Alerts with a line of bars, and a picture where Slack may be able to fetch it; `chart` is what it draws."""
    content = _content(alert.words.headline, _alert_blocks(alert))
    return {**content, "chart": freeze(alert.chart)} if alert.chart and _has_picture(alert) else content


def without_pictures(content: Mapping[str, Any]) -> Content:
    """The content without blocks that Slack would have to fetch something for."""
    return {**content, "blocks": [block for block in content["blocks"] if block["type"] != ImageBlock.type]}


def _content(headline: str, blocks: Sequence[Block]) -> Content:
    return {"text": mrkdwn(one_line(headline, FALLBACK)), "blocks": [block.to_dict() for block in blocks]}


def _header(text: str) -> HeaderBlock:
    return HeaderBlock(text=PlainTextObject(text=plain(text, HEADER), emoji=False))


def _small_print(text: str) -> ContextBlock:
    return ContextBlock(elements=[PlainTextObject(text=plain(text, LINE), emoji=False)])


def _batch_blocks(message: Message) -> list[Block]:
    words = message.words
    summary = RichTextSectionElement(
        elements=[Text(text=plain(words.summary, 3 * LINE) + " "), Link(url=message.cohort.url, text="Open the cohort")]
    )
    groups = [
        *_group(words.joined, message.added, words.more_joined, message.cohort.url),
        *_group(words.left, message.removed, words.more_left, message.cohort.url),
    ]
    return [_header(words.headline), RichTextBlock(elements=[summary, *groups]), _small_print(words.note)]


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


def _alert_blocks(alert: AlertText) -> list[Block]:
    words = alert.words
    summary = [
        Text(text=plain(words.summary, 3 * LINE) + " "),
        Link(url=alert.rule.url, text="Open the rule"),
    ]
    line = [Text(text=bars(alert.chart) if alert.chart else "", style=Style(code=True))]
    caption = [Text(text=f" {plain(words.caption, LINE)}")] if words.caption else []
    alerts = RichTextListElement(style="bullet", elements=[_alert(each) for each in alert.alerts])
    more = [RichTextSectionElement(elements=[Link(url=alert.rule.url, text=plain(words.more, LINE))])]
    sections = [
        RichTextSectionElement(elements=summary),
        *([RichTextSectionElement(elements=[*line, *caption])] if line[0].text else []),
        alerts,
        *(more if words.more else []),
    ]
    return [
        _header(words.headline),
        RichTextBlock(elements=sections),
        *([_picture(alert)] if _has_picture(alert) else []),
        _small_print(words.note),
    ]


def _alert(alert: AlertEntry) -> RichTextSectionElement:
    link = Link(url=alert.url, text=plain(alert.name or "Open the alert", DETAIL))
    return RichTextSectionElement(elements=[link, Text(text=f": {plain(alert.sentence, LINE)}")])


def _has_picture(alert: AlertText) -> bool:
    """A test is stored nowhere: no address could show its chart."""
    return alert.chart is not None and not alert.test and is_reachable()


def _picture(alert: AlertText) -> ImageBlock:
    return ImageBlock(image_url=chart_url(alert.id, alert.created_at), alt_text=plain(alert.words.chart, LINE))
