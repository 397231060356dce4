"""Instants as people write them into a form: local, without an offset."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

DATE_TO_CHOOSE = "date"
"Stands for a date in a definition that is not finished."


def to_local(text: object, zone: ZoneInfo) -> str:
    """The ISO time of a document as an input of dates and times shows it, to the minute; empty for what is none."""
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
        if instant is None or instant.tzinfo is None:
            return ""
        return instant.astimezone(zone).strftime("%Y-%m-%dT%H:%M").zfill(16)
    except (ValueError, OverflowError):
        return ""


def from_local(text: str, zone: ZoneInfo) -> str:
    """What stands in the input as an ISO time with its offset; the text itself if it is no time."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except (ValueError, OverflowError):
        return text or DATE_TO_CHOOSE
