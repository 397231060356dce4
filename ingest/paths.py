"""Where a field's path leads inside nested objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def find(whole: Mapping[str, Any], path: Sequence[str]) -> tuple[list[str], Any] | None:
    """The keys that the path leads through and the value at its end; a key may hold dots, the nested one wins."""
    for length in range(1, len(path) + 1):
        key = ".".join(path[:length])
        if key not in whole:
            continue
        if length == len(path):
            return [key], whole[key]
        if isinstance(whole[key], Mapping) and (found := find(whole[key], path[length:])):
            keys, value = found
            return [key, *keys], value
    return None
