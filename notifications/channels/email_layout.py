"""How messages look in a mail: as HTML, and as text for readers without it."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string

from notifications.channels.charts import freeze
from notifications.message import AlertEntry, AlertText, Entry, Happened, Message, NoticeText, one_line

SUBJECT, NAME, SENTENCE = 150, 100, 300
"""Most characters of a subject, of a name, and of a reason."""
UNSUBSCRIBE = "https://unsubscribe.invalid/"
"""Stands in the frozen message, which is the same for all recipients, for the link that is each one's own."""
LABELS = {Happened.OPENED: "Alert", Happened.RESOLVED: "Resolved", Happened.REMINDER: "Still open"}
Content = dict[str, Any]
"""What becomes a mail: subject, text, html; the list it belongs to and its name; of an alert its chart and where."""


def write_batch(message: Message) -> Content:
    """The change of a cohort's members."""
    shown = {"message": message, "words": message.words, "groups": _groups(message), "unsubscribe": UNSUBSCRIBE}
    return {
        "subject": one_line(message.words.headline, SUBJECT),
        "text": render_to_string("notifications/email/message.txt", shown),
        "html": render_to_string("notifications/email/message.html", shown),
        "list": message.cohort.id,
        "name": message.cohort.name,
    }


def write_notice(notice: NoticeText) -> Content:
    """A notice to operators."""
    return {
        "subject": one_line(notice.title, SUBJECT),
        "text": f"{notice.text}\n\n{notice.url}\n",
        "html": render_to_string("notifications/email/notice.html", {"notice": notice}),
        "list": "operators",
    }


def write_alert(alert: AlertText) -> Content:
    """Alerts with their chart."""
    cid = f"chart-{alert.id}@inline"
    shown = {
        "message": alert,
        "words": alert.words,
        "label": LABELS[alert.happened],
        "alerts": [_alert(each) for each in alert.alerts],
        "chart": f"cid:{cid}" if alert.chart else "",
        "button": alert.alerts[0].url if len(alert.alerts) == 1 else alert.rule.url,
        "unsubscribe": UNSUBSCRIBE,
    }
    content = {
        "subject": one_line(alert.words.headline, SUBJECT),
        "text": render_to_string("notifications/email/alert.txt", shown),
        "html": render_to_string("notifications/email/alert.html", shown),
        "list": alert.rule.id,
        "name": alert.rule.name,
    }
    return {**content, "cid": cid, "chart": freeze(alert.chart)} if alert.chart else content


def _alert(alert: AlertEntry) -> dict[str, str]:
    return {"name": one_line(alert.name, NAME), "sentence": one_line(alert.sentence, SENTENCE), "url": alert.url}


def _groups(message: Message) -> list[dict[str, Any]]:
    words = message.words
    shown = (
        ("joined", words.joined, message.added, words.more_joined),
        ("left", words.left, message.removed, words.more_left),
    )
    return [
        {"name": name, "title": title, "customers": [_customer(entry) for entry in entries], "more": more}
        for name, title, entries, more in shown
        if title
    ]


def _customer(entry: Entry) -> dict[str, str]:
    return {
        "title": one_line(entry.title, NAME),
        "details": ", ".join(one_line(detail, NAME) for detail in entry.details),
        "because": one_line(entry.because, SENTENCE),
        "url": entry.url,
    }
