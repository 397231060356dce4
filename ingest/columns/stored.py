"""What every engine's copy does in the same way: when sealing, merging and rebuilding run, and under which lock."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime

from ingest.columns import compact, locks
from ingest.columns.examine import find_faults, sealed_keys
from ingest.columns.interface import ColumnsDamaged, Sealed, Snapshot
from ingest.columns.rebuild import rebuild
from ingest.columns.seal import seal_waiting
from ingest.columns.store import Store

log = logging.getLogger(__name__)


class StoredColumns(ABC):
    """`interface.Columns` over a store; the engine adds how to read."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @abstractmethod
    def snapshot(self, at: datetime, *, keep: bool = False) -> AbstractContextManager[Snapshot]:
        """See `interface.Columns`."""

    @contextmanager
    def replay(self, instants: Sequence[datetime]) -> Iterator[Iterator[Snapshot]]:
        """See `interface.Columns`; an engine that knows a faster way has its own."""
        yield self._one_by_one(instants)

    def _one_by_one(self, instants: Sequence[datetime]) -> Iterator[Snapshot]:
        for at in instants:
            with self.snapshot(at, keep=True) as snapshot:
                yield snapshot

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; the next use opens it again."""

    def seal(self, now: datetime) -> Sealed:
        with ExitStack() as reshaping:
            with locks.held(self.store.directory, locks.SEAL):
                moved = seal_waiting(self.store, now)
                mine = reshaping.enter_context(locks.held_if_free(self.store.directory, locks.RESHAPE))
                if mine:
                    self._tidy(now)
            if mine:
                self._reshape(now)
        return Sealed(moved.events, moved.versions)

    def _tidy(self, now: datetime) -> None:
        """What needs that nobody seals."""
        compact.sweep(self.store, now)
        try:
            compact.take_out_erased(self.store, now)
        except (ColumnsDamaged, compact.Overtaken) as problem:
            log.warning("erased rows were not taken out: %s", problem)

    def _reshape(self, now: datetime) -> None:
        """Sealing has done its work: a fault in old segments is for those who read them to find and report."""
        try:
            compact.compact(self.store, now)
        except (ColumnsDamaged, compact.Overtaken) as problem:
            log.warning("segments were not merged: %s", problem)

    def rebuild(self, now: datetime) -> Iterator[tuple[int, int]]:
        with locks.held(self.store.directory, locks.RESHAPE):
            yield from rebuild(self.store, now)
            self._reshape(now)

    def faults(self) -> Iterator[str]:
        return find_faults(self.store)

    def sealed_keys(self, source: str) -> Iterator[list[int]]:
        return sealed_keys(self.store, source)
