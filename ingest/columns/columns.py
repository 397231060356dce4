"""`interface.Columns` on DuckDB: what is done under which lock, and which engine a process has."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ingest.columns import compact, locks
from ingest.columns.engine import Engine
from ingest.columns.files import Missing
from ingest.columns.interface import Columns, ColumnsDamaged, Sealed
from ingest.columns.rebuild import rebuild
from ingest.columns.seal import seal_waiting
from ingest.columns.snapshot import DuckDBSnapshot
from ingest.models import Customer, Event, SealQueue, Segment

log = logging.getLogger(__name__)


class DuckDBColumns:
    """The copy in one directory."""

    def __init__(self, directory: Path) -> None:
        self.engine = Engine(directory, settings.COLUMNS_MEMORY, settings.COLUMNS_THREADS)
        self._directory = directory

    def seal(self, now: datetime) -> Sealed:
        with ExitStack() as reshaping:
            with locks.held(self._directory, locks.SEAL):
                moved = seal_waiting(self.engine, now)
                mine = reshaping.enter_context(locks.held_if_free(self._directory, locks.RESHAPE))
                if mine:
                    self._tidy(now)
            if mine:
                self._reshape(now)
        return Sealed(moved.events, moved.versions)

    def _tidy(self, now: datetime) -> None:
        """What needs that nobody seals."""
        compact.sweep(self.engine, now)
        try:
            compact.take_out_erased(self.engine, now)
        except (ColumnsDamaged, compact.Overtaken) as problem:
            log.warning("erased rows were not taken out: %s", problem)

    def _reshape(self, now: datetime) -> None:
        """Sealing has done its work: a fault in the old files is for those who read them to find and report."""
        try:
            compact.compact(self.engine, now)
        except (ColumnsDamaged, compact.Overtaken) as problem:
            log.warning("segments were not merged: %s", problem)

    @contextmanager
    def snapshot(self, at: datetime, *, keep: bool = False) -> Iterator[DuckDBSnapshot]:
        with ExitStack() as opened:
            segments = self._open(opened)
            cursor = opened.enter_context(self.engine.cursor())
            yield DuckDBSnapshot(self.engine, cursor, segments, at, keep)

    def _open(self, opened: ExitStack) -> list[Segment]:
        """The list, each segment attached and as listed."""
        listed = _listed()
        while True:
            try:
                opened.enter_context(self.engine.attached(listed))
            except Missing:
                # A merge may have replaced it, and its grace be over, since the list was read.
                again = _listed()
                if {each.pk for each in again} == {each.pk for each in listed}:
                    raise
                listed = again
            else:
                self.engine.forget(listed)
                return listed

    def rebuild(self, now: datetime) -> Iterator[tuple[int, int]]:
        with locks.held(self._directory, locks.RESHAPE):
            yield from rebuild(self.engine, now)
            self._reshape(now)


def _listed() -> list[Segment]:
    listed = list(Segment.objects.filter(state=Segment.State.PUBLISHED).order_by("pk"))
    kinds = {segment.kind for segment in listed}
    for kind, model, source in (
        (Segment.Kind.EVENTS, Event, SealQueue.Source.EVENT),
        (Segment.Kind.CUSTOMERS, Customer, SealQueue.Source.CUSTOMER),
    ):
        if kind not in kinds and model.objects.count() > SealQueue.objects.filter(source=source).count():
            raise ColumnsDamaged(f"the list names no segment of {kind}, but there are rows that were sealed")
    return listed


_opened: dict[str, DuckDBColumns] = {}
_opening = threading.Lock()
_inherited: list[DuckDBColumns] = []
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
                _opened.popitem()[1].engine.close()
            scheme, _, directory = url.partition("://")
            if scheme != "duckdb" or not directory:
                raise ImproperlyConfigured(f'EVENTS_URL: expected "duckdb://<directory>", not "{url}"')
            _opened[url] = DuckDBColumns(Path(directory))
        return _opened[url]
