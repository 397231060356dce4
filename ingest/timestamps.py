"""Times as clients write them, to aware UTC datetimes of whole microseconds."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for "always known": the receipt of an imported profile that tells no time."""


def parse_time(text: object) -> datetime | None:
    """The instant of an ISO 8601 date or date and time, or none where the value is no such text.

    Without an offset it is UTC; what is finer than a microsecond is cut; a number is never a time.
    """
    if type(text) is not str or text[4:5] != "-" or text[7:8] != "-" or text[10:11] not in ("T", "t", " ", ""):
        return None
    if text[-1] == "z":
        text = text[:-1] + "Z"
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is UTC:
            return time
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
