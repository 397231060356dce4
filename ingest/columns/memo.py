"""Answers that never change: what was computed from a segment is as immutable as the segment."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

Arrays: TypeAlias = Mapping[str, np.ndarray]
"""The columns of an answer, by name."""

Answer = TypeVar("Answer")
"""Arrays, or what tells its size as `nbytes`."""

ROOM = 600_000_000
"""Bytes of answers that one process keeps."""


class Memo:
    """Keeps answers while there is room; those not asked for longest go first. Thread-safe."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """The answer under the key, made when it is not there. Two threads may both make it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: Answer = self._kept[key]
                return found
        made = make()
        with self._lock:
            self._kept[key] = made
            self._kept.move_to_end(key)
            self._shrink()
        return made

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()

    def _shrink(self) -> None:
        used = sum(map(_size, self._kept.values()))
        while used > self._room:
            used -= _size(self._kept.popitem(last=False)[1])


def _size(answer: Any) -> int:
    if isinstance(answer, Mapping):
        return sum(array.nbytes for array in answer.values())
    return int(answer.nbytes)
