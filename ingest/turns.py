"""Writers of SQLite take turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from ingest.columns.locks import held


@contextmanager
def turn_to_write() -> Iterator[None]:
    """Be the only one of those that ask for a turn; at once on other databases than SQLite, and inside a transaction.

    SQLite lets a writer that finds another one sleep and try again, longer and longer: with several of them some wait
    for seconds, while nobody writes. Whoever waits for a file lock is woken when it is free.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with held(Path(settings.DATA_DIR), "write"):
        yield
