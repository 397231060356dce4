"""The filters above a list, as its page and its address have them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

MOST_OFFERED = 500
"""Rows of a table in one filter."""


def drop_down(label: str, name: str, chosen: object, choices: Iterable[tuple[object, str]]) -> dict[str, Any]:
    """A filter for `components/filters.html`: its name in the address, and values with their words."""
    offered = [(str(value), words, str(value) == str(chosen or "")) for value, words in choices]
    return {"label": label, "name": name, "choices": offered}


def id_in(text: str) -> uuid.UUID | None:
    """The id that an address names, if it is one."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
