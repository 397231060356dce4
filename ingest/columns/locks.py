"""One sealer and one reshaper at a time on this data directory.

Locks of the file system, not rows: the system frees them with the process that held them, however it died, so the
next one finishes its work at once and no clock is asked. They save work; safety comes from compare-and-set.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SEAL, RESHAPE = "seal", "reshape"


@contextmanager
def held(directory: Path, name: str) -> Iterator[None]:
    """Hold the lock; waits for whoever has it."""
    descriptor = _open(directory, name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held_if_free(directory: Path, name: str) -> Iterator[bool]:
    """Hold the lock if nobody has it; yields whether it does."""
    descriptor = _open(directory, name)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
        except BlockingIOError:
            yield False
    finally:
        os.close(descriptor)


def _open(directory: Path, name: str) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    return os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
