"""Whether two values of a document are the same, as JSON has it and Python has not."""

from __future__ import annotations

from typing import Any


def is_same(one: Any, other: Any) -> bool:
    """Whether the values are equal: `true` is not 1, however deep they stand; 1 is 1.0, and keys have no order."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
