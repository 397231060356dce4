"""What a profile says, as lines that people can read: paths and values, long values cut with the rest at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONG, START = 240, 160
"""Characters above which a value is shown by its start, and how long that is."""


@dataclass(frozen=True)
class Fact:
    """A value and the path to it, as criteria would name it within its group: `plan`, `billing.city`."""

    path: str
    text: str

    @property
    def start(self) -> str:
        """The beginning of a long value; nothing of one that is shown whole."""
        return self.text[:START] if len(self.text) > LONG else ""


def facts_of(values: Mapping[str, Any], prefix: str = "") -> Iterator[Fact]:
    """The values inside nested objects, in the order given. Empty objects stand as values."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from facts_of(value, f"{path}.")
        else:
            yield Fact(path, as_text(value))


def as_text(value: Any) -> str:
    """Texts as they are, all else as JSON; an empty text as `""`."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
