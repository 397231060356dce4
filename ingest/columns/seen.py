"""Which fields and values the data shows: what pickers offer. Read from recent events only, and from some customers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Protocol

import ibis.expr.types as ir
import pyarrow as pa

from ingest.columns.engine import catalog
from ingest.columns.interface import FieldSeen, ValueSeen
from ingest.columns.layout import MAPS
from ingest.columns.visible import VALUES, Visible, moment
from ingest.fields import Field, FieldType
from ingest.models import Segment

RECENT = 100_000
"""Events whose values are counted, the newest."""
SURVEYED = 100_000
"""Customers whose values are counted."""
SKIMMED = 20_000
"""Events or customers whose fields are looked at."""
MOST_FIELDS = 500
MOST_VALUES = 100


class Reader(Protocol):
    """The part of a snapshot that reads."""

    def rows(self, table: ir.Table) -> pa.Table:
        """See `interface.Snapshot`."""

    def value(self, table: ir.Table, field: Field, as_type: FieldType) -> ir.Value:
        """See `interface.Snapshot`."""

    def tags(self, table: ir.Table) -> ir.ArrayValue:
        """See `interface.Snapshot`."""


def recent_events(visible: Visible, rows: int = RECENT) -> str:
    """About so many of the newest visible events, as SQL; `customer` is the user, or the company without one.

    The events of a segment stand in the order of their times, so that the newest are its last rows.
    """
    parts = []
    for segment in sorted(visible.of(Segment.Kind.EVENTS), key=_last_time, reverse=True):
        if rows <= 0:
            break
        parts.append(
            f"""SELECT id, time, received_at, weight, {VALUES}, coalesce(user_id, company_id) AS customer
                FROM {catalog(segment)}.events
                WHERE rowid >= {max(segment.rows - rows, 0)}
                  AND time <= {moment(visible.at)} AND received_at <= {moment(visible.at)}"""
        )
        rows -= segment.rows
    return " UNION ALL ".join(parts) or visible.events_of_nothing()


def _last_time(segment: Segment) -> float:
    assert segment.max_time is not None
    return segment.max_time.timestamp()


def fields_of(snapshot: Reader, table: ir.Table) -> list[FieldSeen]:
    """The paths in the maps of the table's rows, with how many rows have them by type; most frequent first."""
    counted: dict[str, Counter[FieldType]] = defaultdict(Counter)
    for column, type_ in MAPS.items():
        keys = table.select(path=table[column].keys().unnest())
        counts = keys.group_by("path").aggregate(rows=keys.count())
        for row in _most(snapshot, counts, MOST_FIELDS):
            counted[row["path"]][type_] = row["rows"]
    found = [FieldSeen(path, _without_times(types)) for path, types in counted.items()]
    return sorted(found, key=lambda seen: (-sum(seen.rows.values()), seen.path))


def _without_times(types: Counter[FieldType]) -> dict[FieldType, int]:
    """Texts that are times stand in both maps: here they are times."""
    types[FieldType.TEXT] -= types[FieldType.TIME]
    return {type_: rows for type_, rows in types.items() if rows > 0}


def values_of(snapshot: Reader, table: ir.Table, field: Field, containing: str) -> list[ValueSeen]:
    """The field's values that contain a text (case not regarded), most frequent first."""
    found: list[ValueSeen] = []
    for column in _columns_of(snapshot, table, field):
        values = column.filter(column.value.notnull())
        if containing:
            values = values.filter(values.value.cast("string").lower().contains(containing.lower()))
        counts = values.group_by("value").aggregate(rows=values.count())
        found += [ValueSeen(row["value"], row["rows"]) for row in _most(snapshot, counts, MOST_VALUES)]
    return sorted(found, key=lambda seen: (-seen.rows, str(seen.value)))[:MOST_VALUES]


def _columns_of(snapshot: Reader, table: ir.Table, field: Field) -> Iterable[ir.Table]:
    """One table with the column `value` for each type that the field can have."""
    if field.type == FieldType.TAGS:
        return [table.select(value=snapshot.tags(table).unnest())]
    types = [field.type] if field.type != FieldType.ANY else [FieldType.TEXT, FieldType.NUMBER, FieldType.BOOLEAN]
    return [table.select(value=snapshot.value(table, field, type_)) for type_ in types]


def _most(snapshot: Reader, counts: ir.Table, limit: int) -> list[dict[str, Any]]:
    key = counts.columns[0]
    rows: list[dict[str, Any]] = snapshot.rows(
        counts.order_by([counts.rows.desc(), counts[key]]).limit(limit)
    ).to_pylist()
    return rows
