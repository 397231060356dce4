"""`store.Store` as DuckDB files in one directory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from ingest.columns import files
from ingest.columns.engine import Engine, catalog
from ingest.columns.segments import write_segment
from ingest.columns.store import Written
from ingest.columns.tables import Fill, fill_customers, fill_events, fill_given, fill_summary
from ingest.columns.visible import moment
from ingest.models import SealQueue, Segment

PORTION = 100_000
"""Keys handed out at a time."""
_KEYS: dict[str, str] = {
    SealQueue.Source.EVENT: "SELECT id FROM {0}.events",
    SealQueue.Source.CUSTOMER: "SELECT id FROM {0}.customers",
    SealQueue.Source.VERSION: "SELECT version FROM {0}.newest UNION ALL SELECT version FROM {0}.superseded",
}


@dataclass(frozen=True)
class DuckDBStore:
    """Writes files of the engine's directory."""

    engine: Engine

    @property
    def directory(self) -> Path:
        return self.engine.directory

    def write_events(self, events: pa.Table) -> Written:
        return write_segment(self.engine, Segment.Kind.EVENTS, fill_given(fill_events("given"), given=events))

    def write_customers(self, customers: pa.Table, versions: pa.Table) -> Written:
        fill = fill_given(fill_customers("named", "said"), named=customers, said=versions)
        return write_segment(self.engine, Segment.Kind.CUSTOMERS, fill)

    def merge(self, kind: Segment.Kind, sources: Sequence[Segment], without: Collection[int]) -> Written:
        with self.engine.attached(sources):
            return write_segment(self.engine, kind, _MERGED[kind](sources, without))

    def summarize(self, segments: Sequence[Segment], last: datetime) -> Written:
        visible = f"time <= {moment(last)}"
        early = "SELECT user_id, company_id, {} FROM {{0}}.early WHERE {}"
        pairs = "SELECT * FROM {0}.pairs UNION ALL " + early.format("time, time, received_at", visible)
        still_early = early.format("time, received_at", f"NOT {visible}")
        with self.engine.attached(segments):
            fill = fill_summary(_union(segments, pairs), _union(segments, still_early))
            return write_segment(self.engine, Segment.Kind.SUMMARY, fill)

    def holding(self, kind: Segment.Kind, segments: Sequence[Segment], ids: Collection[int]) -> list[Segment]:
        with self.engine.attached(segments):
            return [segment for segment in segments if self._holds(kind, segment, ids)]

    def _holds(self, kind: Segment.Kind, segment: Segment, ids: Collection[int]) -> bool:
        within = f"({', '.join(map(str, ids))})"
        with self.engine.cursor() as cursor:
            return any(
                cursor.execute(
                    f"SELECT 1 FROM {catalog(segment)}.{table} WHERE {column} IN {within} LIMIT 1"
                ).fetchone()
                for table, column in _IDS[kind]
            )

    def delete(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            files.path_of(self.directory, segment).unlink(missing_ok=True)

    def delete_strays(self, named: Collection[str]) -> None:
        for path in self.directory.iterdir():
            if path.is_file() and path.suffix in (files.SUFFIX, ".tmp", ".wal") and path.name not in named:
                path.unlink(missing_ok=True)

    def check(self, segment: Segment) -> None:
        files.check_content(self.directory, segment)
        with self.engine.attached([segment]):
            pass

    def keys(self, segment: Segment, source: str) -> Iterator[list[int]]:
        with self.engine.attached([segment]), self.engine.cursor() as cursor:
            rows = cursor.execute(_KEYS[source].format(catalog(segment)))
            while portion := rows.fetchmany(PORTION):
                yield [key for (key,) in portion]


_IDS = {
    Segment.Kind.EVENTS: [("events", "id")],
    Segment.Kind.CUSTOMERS: [("newest", "version"), ("superseded", "version")],
}
"""The tables and columns with the ids that rows are erased by."""


def _union(sources: Sequence[Segment], select: str) -> str:
    return "(" + " UNION ALL ".join(select.format(catalog(source)) for source in sources) + ")"


def _less(column: str, without: Collection[int]) -> str:
    return f" WHERE {column} NOT IN ({', '.join(map(str, without))})" if without else ""


def _merged_events(sources: Sequence[Segment], without: Collection[int]) -> Fill:
    return fill_events(_union(sources, "SELECT * FROM {0}.events" + _less("id", without)))


def _merged_customers(sources: Sequence[Segment], without: Collection[int]) -> Fill:
    less = _less("version", without)
    versions = "SELECT * EXCLUDE (first_received) FROM {0}.newest" + less
    return fill_customers(
        customers=_union(sources, "SELECT * FROM {0}.customers"),
        versions=_union(sources, f"{versions} UNION ALL SELECT * FROM {{0}}.superseded{less}"),
    )


_MERGED: dict[Segment.Kind, Callable[[Sequence[Segment], Collection[int]], Fill]] = {
    Segment.Kind.EVENTS: _merged_events,
    Segment.Kind.CUSTOMERS: _merged_customers,
}
