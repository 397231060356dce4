"""`interface.Columns` on DuckDB, and which engine a process has."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ingest.columns.duckdb_store import DuckDBStore
from ingest.columns.engine import Engine
from ingest.columns.files import Missing
from ingest.columns.interface import Columns, Snapshot
from ingest.columns.listed import listed_segments
from ingest.columns.replay import replaying
from ingest.columns.snapshot import DuckDBSnapshot
from ingest.columns.stored import StoredColumns
from ingest.models import Segment


class DuckDBColumns(StoredColumns):
    """The copy in one directory."""

    def __init__(self, directory: Path) -> None:
        self.engine = Engine(directory, settings.COLUMNS_MEMORY, settings.COLUMNS_THREADS)
        super().__init__(DuckDBStore(self.engine))

    @contextmanager
    def snapshot(self, at: datetime, *, keep: bool = False) -> Iterator[DuckDBSnapshot]:
        with ExitStack() as opened:
            segments = self._open(opened)
            cursor = opened.enter_context(self.engine.cursor())
            yield DuckDBSnapshot(self.engine, cursor, segments, at, keep)

    @contextmanager
    def replay(self, instants: Sequence[datetime]) -> Iterator[Iterator[Snapshot]]:
        with ExitStack() as opened:
            segments = self._open(opened)
            yield opened.enter_context(replaying(self.engine, segments, instants))

    def _open(self, opened: ExitStack) -> list[Segment]:
        """The list, each segment attached and as listed."""
        listed = listed_segments()
        while True:
            try:
                opened.enter_context(self.engine.attached(listed))
            except Missing:
                # A merge may have replaced it, and its grace be over, since the list was read.
                again = listed_segments()
                if {each.pk for each in again} == {each.pk for each in listed}:
                    raise
                listed = again
            else:
                self.engine.forget(listed)
                return listed

    def close(self) -> None:
        self.engine.close()


def _open_duckdb(url: str) -> StoredColumns:
    directory = url.partition("://")[2]
    if not directory:
        raise ImproperlyConfigured(f'EVENTS_URL: expected "duckdb://<directory>", not "{url}"')
    return DuckDBColumns(Path(directory))


def _open_clickhouse(url: str) -> StoredColumns:
    """Imported when asked for: the client is an optional dependency."""
    try:
        open_: Callable[[str], StoredColumns] = import_string("ingest.columns.clickhouse.open_clickhouse")
    except ImportError as error:
        missing = "its client is not installed: .ci/install --group clickhouse"
        raise ImproperlyConfigured(f"EVENTS_URL names ClickHouse, but {missing} ({error})") from error
    return open_(url)


ENGINES = {
    "duckdb": _open_duckdb,
    "clickhouse": _open_clickhouse,
    "clickhouses": _open_clickhouse,
    "chdb": _open_clickhouse,
}
"""The scheme of EVENTS_URL -> what opens the copy there."""
EXPECTED = '"duckdb://<directory>" or "clickhouse://<user>:<password>@<host>:8123/<database>"'

_opened: dict[str, StoredColumns] = {}
_opening = threading.Lock()
_inherited: list[StoredColumns] = []
"""Engines of the process this one was forked from: their threads are not here, so they must not even be closed."""


def _start_anew() -> None:
    global _opening
    _opening = threading.Lock()
    _inherited.extend(_opened.values())
    _opened.clear()


os.register_at_fork(after_in_child=_start_anew)


def open_columns() -> Columns:
    """The copy that EVENTS_URL names. A process has one engine; after a fork the child makes its own."""
    url = settings.EVENTS_URL
    with _opening:
        if url not in _opened:
            while _opened:
                _opened.popitem()[1].close()
            scheme = url.partition("://")[0]
            if scheme not in ENGINES:
                raise ImproperlyConfigured(f"EVENTS_URL: expected {EXPECTED}")
            _opened[url] = ENGINES[scheme](url)
        return _opened[url]
