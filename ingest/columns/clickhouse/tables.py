"""What stands in ClickHouse: the tables, and rows in the form that they have there.

A segment is a partition, under a number that is given to it once: partitions are written, counted and dropped whole.
Ids are 0 where there is none, and instants are microseconds since 1970 (see `dialect`).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ingest.columns.layout import COLUMN_TYPES, CUSTOMERS, EVENTS, MAPS, VERSIONS
from ingest.fields import EVENT_COLUMNS, FieldType

TYPES = {
    FieldType.TEXT: "Nullable(String)",
    FieldType.NUMBER: "Nullable(Float64)",
    FieldType.TAGS: "Array(String)",
}
FEW_VALUES = ("type", "action_name", "verb", "route", "api_version", "direction")
"""Columns of texts that say the same again and again."""
IN_MAPS = {
    FieldType.TEXT: "Nullable(String)",
    FieldType.NUMBER: "Nullable(Float64)",
    FieldType.BOOLEAN: "Nullable(Bool)",
    FieldType.TIME: "Nullable(Int64)",
}
"""Nullable, so that a key that is not there reads as null and not as a default."""

ENGINE = """ENGINE = MergeTree PARTITION BY segment ORDER BY {order}
    SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""
"""On a cluster this is where ReplicatedMergeTree stands, and ON CLUSTER before it."""


def _column_type(column: str, type_: FieldType) -> str:
    return "LowCardinality(Nullable(String))" if column in FEW_VALUES else TYPES[type_]


MAP_COLUMNS = {
    **{name: f"Map(LowCardinality(String), {IN_MAPS[type_]})" for name, type_ in MAPS.items()},
    "present": "Array(LowCardinality(String))",
}
_EVENTS = {
    "segment": "UInt64",
    "id": "Int64",
    "time": "Int64",
    "received_at": "Int64",
    "user_id": "Int32",
    "company_id": "Int32",
    "weight": "Int32",
    **{column: _column_type(column, type_) for column, type_ in EVENT_COLUMNS.values()},
    "tagged": "Bool",
    **MAP_COLUMNS,
}
_PAIRS = {
    "segment": "UInt64",
    "user_id": "Int32",
    "company_id": "Int32",
    "first_time": "Int64",
    "last_time": "Int64",
    "first_received": "Int64",
}
_VERSIONS = {
    "segment": "UInt64",
    "version": "Int64",
    "customer": "Int32",
    "kind": "LowCardinality(String)",
    "external_id": "String",
    "received_at": "Int64",
    "company": "Int32",
    "sealed": "Int64",
    **MAP_COLUMNS,
}
_CUSTOMERS = {"segment": "UInt64", "id": "Int32", "kind": "LowCardinality(String)", "external_id": "String"}


def _definition(columns: dict[str, str], order: str) -> str:
    named = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
    return f"({named}) {ENGINE.format(order=order)}"


TABLES = {
    "events": _definition(_EVENTS, "(time, id)"),
    "pairs": _definition(_PAIRS, "(user_id, company_id)"),
    "versions": _definition(_VERSIONS, "(kind, customer, received_at, version)"),
    "customers": _definition(_CUSTOMERS, "(kind, id)"),
}
"""`pairs`: of each user and company that events name together, what was seen when. An event that was still ahead of
the last receipt of its segment has a row of its own there, so that a complete segment is asked for `first_time` only.
"""
EVENT_VALUES = ", ".join(list(_EVENTS)[list(_EVENTS).index("type") :])
"""The columns of an event that criteria read."""
MAP_NAMES = ", ".join(MAP_COLUMNS)
NO_MAPS = ", ".join(
    f"CAST({'[]' if type_.startswith('Array') else 'map()'}, '{type_}') AS {name}"
    for name, type_ in MAP_COLUMNS.items()
)


def to_events(events: pa.Table, segment: int) -> pa.Table:
    """Rows of `layout.EVENTS` as they stand in the table `events`."""
    tagged = events["tags"].is_valid()
    columns = {name: events[name] for name in EVENTS.names}
    columns["tags"] = pc.if_else(tagged, events["tags"], pa.scalar([], COLUMN_TYPES[FieldType.TAGS]))
    return _to_table(columns | {"tagged": tagged}, ("user_id", "company_id"), ("time", "received_at"), segment)


def to_versions(versions: pa.Table, segment: int) -> pa.Table:
    """Rows of `layout.VERSIONS` as they stand in the table `versions`."""
    columns = {name: versions[name] for name in VERSIONS.names}
    return _to_table(columns, ("company",), ("received_at",), segment)


def to_customers(customers: pa.Table, segment: int) -> pa.Table:
    """Rows of `layout.CUSTOMERS` as they stand in the table `customers`."""
    return _to_table({name: customers[name] for name in CUSTOMERS.names}, (), (), segment)


def _to_table(
    columns: dict[str, pa.ChunkedArray], ids: tuple[str, ...], times: tuple[str, ...], segment: int
) -> pa.Table:
    for name in ids:
        columns[name] = pc.fill_null(columns[name], 0)
    for name in times:
        columns[name] = columns[name].cast(pa.int64())
    for name, column in columns.items():
        if pa.types.is_float64(column.type):
            columns[name] = pc.add(column, 0.0)
        elif name in ("number", "moment"):
            columns[name] = _with_values(column)
    rows = len(next(iter(columns.values())))
    return pa.table({"segment": pa.array([segment] * rows, pa.uint64()), **columns})


def _with_values(maps: pa.ChunkedArray) -> pa.ChunkedArray:
    """Maps with times as microseconds, and with one zero: `IN` tells -0.0 from 0.0."""
    times = pa.types.is_timestamp(maps.type.item_type)
    converted = [
        pa.MapArray.from_arrays(
            chunk.offsets, chunk.keys, chunk.items.cast(pa.int64()) if times else pc.add(chunk.items, 0.0)
        )
        for chunk in maps.chunks
    ]
    return pa.chunked_array(converted, pa.map_(pa.string(), pa.int64() if times else pa.float64()))
