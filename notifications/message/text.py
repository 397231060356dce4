"""Text and JSON as every message writes them."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime

VERSION = 1
"""Of the bodies that webhooks send."""

_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: `dumps` makes one a call
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, halves of characters, line and paragraph separators
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # turn text around for a reader


def encode(value: object) -> str:
    """Compact JSON text that is always encodable as UTF-8: half a surrogate pair becomes `?`."""
    return _compact(value).encode("utf-8", "replace").decode()


def instant(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def one_line(text: str, limit: int) -> str:
    """The text on one line of at most `limit` characters, without what hides, breaks or turns around text."""
    seen = "".join(" " if unicodedata.category(character) in _UNSEEN else character for character in text[: 4 * limit])
    line = " ".join(_DIRECTION.sub("", seen).split())
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1].rstrip() + "…"
