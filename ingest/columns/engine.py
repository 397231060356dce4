"""DuckDB in this process: one instance in memory, with the segments attached read-only. Nothing else connects to it."""

from __future__ import annotations

import itertools
import logging
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from ingest.columns import files
from ingest.columns.files import Missing
from ingest.columns.interface import ColumnsDamaged
from ingest.columns.memo import Memo
from ingest.columns.tables import Cursor, count_rows, make_nothing
from ingest.models import Segment

log = logging.getLogger(__name__)
Compiled = TypeVar("Compiled")

BROKEN = (duckdb.IOException, duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)
"""What DuckDB raises when it reads a damaged file, and in other cases too: `Engine.diagnose` tells which it is."""
KEPT = "kept"
"""The catalog of tables in memory."""
CELL = 12
"""Bytes of a value, about; texts take the length beside it."""
COMPILED = 2_000
"""Expressions of which a process keeps the SQL."""


@dataclass(frozen=True, eq=False)
class KeptTable:
    """A table in memory that lives as long as this; `nbytes` is about what it takes."""

    name: str
    rows: int
    nbytes: int


class Engine:
    """The instance and what is attached to it. Thread-safe; not to be used after a fork."""

    def __init__(self, directory: Path, memory: str, threads: int) -> None:
        self.directory = directory
        self._options: dict[str, Any] = {
            "memory_limit": memory,
            "threads": threads,
            "temp_directory": str(directory / "spilled"),
        }
        self._lock = threading.Lock()
        self._instance: Cursor | None = None
        self._attached: dict[int, str] = {}
        self._uses: Counter[int] = Counter()
        self._sound: dict[str, str] = {}
        self.memo = Memo()
        self._numbers = itertools.count()
        self._unused: deque[str] = deque()
        self._compiled: dict[Hashable, Any] = {}

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """A connection of its own to the instance: temporary tables live and die with it."""
        with self._lock:
            cursor = self._connect().cursor()
            while self._unused:
                cursor.execute(f"DROP TABLE IF EXISTS {self._unused.popleft()}")
        try:
            yield cursor
        finally:
            cursor.close()

    def _connect(self) -> Cursor:
        if self._instance is None:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._instance = duckdb.connect(config=self._options)
            make_nothing(self._instance)
            self._instance.execute(f"ATTACH ':memory:' AS {KEPT}")
        return self._instance

    def close(self) -> None:
        """Let go of everything; the next use connects anew."""
        with self._lock:
            if self._instance is not None:
                self._instance.close()
            self._instance = None
            self._attached.clear()
            self.memo.clear()

    @contextmanager
    def attached(self, segments: Sequence[Segment]) -> Iterator[None]:
        """The segments as catalogs named by `catalog`. Raises Missing or ColumnsDamaged when one is not as listed."""
        keys = [segment.pk for segment in segments]
        with self._lock:
            stamps = [files.check(self.directory, segment, self._sound) for segment in segments]
            for segment, stamp in zip(segments, stamps, strict=True):
                self._attach(segment, stamp)
            self._uses.update(keys)
        try:
            yield
        except BROKEN as error:
            raise self.diagnose(error, segments) from error
        finally:
            with self._lock:
                self._uses.subtract(keys)

    def _attach(self, segment: Segment, stamp: str) -> None:
        """Attach the segment, again if its file was put there anew (a backup was restored)."""
        if self._attached.get(segment.pk) == stamp:
            return
        self._detach(segment.pk)
        try:
            path = files.path_of(self.directory, segment)
            self._connect().execute(f"ATTACH '{path}' AS {catalog(segment)} (READ_ONLY)")
            self._attached[segment.pk] = stamp
            found = count_rows(self._connect(), catalog(segment), segment.kind)
        except duckdb.Error as error:
            self._detach(segment.pk)
            raise ColumnsDamaged(f"{files.describe(segment)} cannot be opened: {error}") from error
        if found != segment.rows:
            self._detach(segment.pk)
            raise ColumnsDamaged(f"{files.describe(segment)} has {found} rows, not {segment.rows}")

    def _detach(self, key: int) -> None:
        if key in self._attached and not self._uses[key]:
            del self._attached[key]
            self._connect().execute(f"DETACH s{key}")

    def forget(self, listed: Sequence[Segment]) -> None:
        """Detach what is no longer in the list and not in use."""
        with self._lock:
            for key in set(self._attached) - {segment.pk for segment in listed}:
                self._detach(key)

    def keep(self, run: Callable[[str], Cursor], query: str) -> KeptTable:
        """A table of what the query finds, for all cursors; it goes when nobody holds it. `run` is a cursor's."""
        name = f"{KEPT}.t{next(self._numbers)}"
        run(f"CREATE TABLE {name} AS {query}")
        columns = run(f"SELECT * FROM {name} LIMIT 0").description or []
        texts = [f"sum(strlen({column}))" for column, type_, *_ in columns if str(type_) == "VARCHAR"]
        [(rows, *lengths)] = run(f"SELECT {', '.join(['count(*)', *texts])} FROM {name}").fetchall()
        kept = KeptTable(name, rows, rows * len(columns) * CELL + sum(length or 0 for length in lengths))
        weakref.finalize(kept, self._unused.append, name).atexit = False
        return kept

    def compile(self, key: Hashable, make: Callable[[], Compiled]) -> Compiled:
        """The SQL of an expression that is asked again and again: making it costs as much as running it."""
        found: Compiled | None = self._compiled.get(key)
        if found is None:
            if len(self._compiled) >= COMPILED:
                self._compiled.clear()
            found = self._compiled[key] = make()
        return found

    def diagnose(self, error: duckdb.Error, segments: Sequence[Segment]) -> Exception:
        """What a failed query means: ColumnsDamaged when a segment's content has changed, else the error itself."""
        log.warning("the columns could not be read: %s", error)
        if isinstance(error, duckdb.FatalException):
            self.close()
        for segment in segments:
            try:
                files.check_content(self.directory, segment)
            except (Missing, ColumnsDamaged) as damage:
                return ColumnsDamaged(str(damage))
        return error


def catalog(segment: Segment) -> str:
    """The name under which a segment is attached."""
    return f"s{segment.pk}"
