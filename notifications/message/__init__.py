"""A notification as data: what every channel is given, and the body that webhooks send.

Nothing here knows Django or the database. `compose` and others fill these; the channels lay them out.
"""

from __future__ import annotations

from notifications.message.alert import (
    AlertChart,
    AlertEntry,
    AlertText,
    AlertWords,
    ChartPoint,
    Happened,
    RuleInfo,
    Said,
)
from notifications.message.membership import CohortInfo, Counts, Entry, Message, Words
from notifications.message.notice import NoticeText
from notifications.message.text import encode, instant, one_line

__all__ = [
    "AlertChart",
    "AlertEntry",
    "AlertText",
    "AlertWords",
    "ChartPoint",
    "CohortInfo",
    "Counts",
    "Entry",
    "Happened",
    "Message",
    "NoticeText",
    "RuleInfo",
    "Said",
    "Words",
    "encode",
    "instant",
    "one_line",
]
