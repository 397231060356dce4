"""How values, lists and numbers read in sentences that people see."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_VALUE = 80
MOST_VALUES = 5

Scalar = str | float | bool


def say_value(value: Scalar) -> str:
    """A value as plain words: `pro`, `400`, `true`; long texts are cut."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return cut(" ".join(value.split()) or '""') if isinstance(value, str) else say_number(value)


def say_found(value: Scalar) -> str:
    """A value that was found in the data; texts in quotes."""
    return f'"{cut(" ".join(value.split()))}"' if isinstance(value, str) else say_value(value)


def say_number(value: float) -> str:
    """A number without a needless fraction: `400`, `0.2`."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def say_any_of(values: Sequence[Scalar]) -> str:
    """`pro`, `pro or enterprise`, `a, b, c, d, e or 12 others`."""
    words = [say_value(value) for value in values]
    if len(words) > MOST_VALUES + 1:
        words = [*words[:MOST_VALUES], f"{len(words) - MOST_VALUES} others"]
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def say_times(count: int) -> str:
    """`1 time`, `1,200 times`."""
    return f"{count:,} time{'' if count == 1 else 's'}"


def cut(text: str, longest: int = LONGEST_VALUE) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
