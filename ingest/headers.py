"""Header fields as they are stored: lower-case names, values as text, credentials left out."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_SENSITIVE = re.compile(
    "authorization|authentication|cookie|token|secret|passw|credential|csrf|xsrf|jwt|signature"
    "|(api|access|auth|private)[-_]?key|x-auth|application-id",
)


@lru_cache(maxsize=4096)
def stored_name(name: str) -> str | None:
    """The lower-case name, or none for a field or parameter that may carry a secret and is never stored."""
    lower = name.lower()
    return None if _SENSITIVE.search(lower) else lower


def stored_headers(headers: dict[str, Any]) -> dict[str, str]:
    """Name -> text. Numbers and booleans become text, repeated fields are joined, nulls and objects left out."""
    stored = {}
    for name, value in headers.items():
        kept = stored_name(name)
        if kept is None or value is None:
            continue
        text = value if type(value) is str else _as_text(value)
        if text is not None:
            stored[kept] = text
    return stored


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return ", ".join(text for text in map(_as_text, value) if text is not None)
    return value if isinstance(value, str) else None
