"""The columnar copy of what was ingested: events and customers as columns, sealed from rows, read through snapshots."""

from __future__ import annotations

from ingest.columns.columns import DuckDBColumns, open_columns
from ingest.columns.interface import Columns, ColumnsDamaged, FieldSeen, Sealed, Snapshot, Span, ValueSeen, instant

__all__ = [
    "Columns",
    "ColumnsDamaged",
    "DuckDBColumns",
    "FieldSeen",
    "Sealed",
    "Snapshot",
    "Span",
    "ValueSeen",
    "instant",
    "open_columns",
]
