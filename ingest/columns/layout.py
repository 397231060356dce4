"""What stands in the files of the copy: tables, columns, types. Times are TIMESTAMP without a zone, UTC."""

from __future__ import annotations

import ibis
import pyarrow as pa

from ingest.fields import EVENT_COLUMNS, FieldType

_TIME = pa.timestamp("us")
COLUMN_TYPES = {
    FieldType.TEXT: pa.string(),
    FieldType.NUMBER: pa.float64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.TIME: _TIME,
    FieldType.TAGS: pa.list_(pa.string()),
}

MAPS = {"text": FieldType.TEXT, "number": FieldType.NUMBER, "boolean": FieldType.BOOLEAN, "moment": FieldType.TIME}
"""The maps by type: column -> type of the values; keys are full paths. Texts that are times stand in `moment` too."""
_MAPS = [
    *((name, pa.map_(pa.string(), COLUMN_TYPES[type_])) for name, type_ in MAPS.items()),
    ("present", pa.list_(pa.string())),
]
"""`present`: the paths of objects and arrays."""

EVENTS = pa.schema(
    [
        ("id", pa.int64()),
        ("time", _TIME),
        ("received_at", _TIME),
        ("user_id", pa.int32()),
        ("company_id", pa.int32()),
        ("weight", pa.int32()),
        *((column, COLUMN_TYPES[type_]) for column, type_ in EVENT_COLUMNS.values()),
        *_MAPS,
    ]
)
VERSIONS = pa.schema(
    [
        ("version", pa.int64()),
        ("customer", pa.int32()),
        ("kind", pa.string()),
        ("external_id", pa.string()),
        ("received_at", _TIME),
        ("company", pa.int32()),
        ("sealed", pa.int64()),
        *_MAPS,
    ]
)
CUSTOMERS = pa.schema([("id", pa.int32()), ("kind", pa.string()), ("external_id", pa.string())])

_VALUES = ("text", "number", "boolean", "moment", "present")


def _ibis(schema: pa.Schema, *names: str, **others: str) -> ibis.Schema:
    known = ibis.schema(schema)
    return ibis.schema(others | {name: known[name] for name in names})


EVENT_ROWS = _ibis(
    EVENTS,
    *("id", "time", "received_at", "weight"),
    *(column for column, _ in EVENT_COLUMNS.values()),
    *_VALUES,
    customer="int32",
)
"""The columns of `Snapshot.events`."""
ALL_EVENT_ROWS = _ibis(EVENTS, *EVENTS.names)
"""The columns of `Snapshot.all_events`."""
PROFILE_ROWS = _ibis(VERSIONS, "external_id", *_VALUES, customer="int32", held_from="timestamp(6)")
FIELD_ROWS = ibis.schema(
    {
        "customer": "int32",
        "text": "string",
        "number": "float64",
        "boolean": "boolean",
        "moment": "timestamp(6)",
        "there": "boolean",
    }
)
"""One field of those profiles that have it: its value, in the column of its type."""
ACTIVITY_ROWS = ibis.schema(
    {
        "customer": "int32",
        "first_seen_time": "timestamp(6)",
        "last_seen_time": "timestamp(6)",
        "created": "timestamp(6)",
    }
)
NEW_ACTIVITY_ROWS = ibis.schema({"customer": "int32", "first_new": "timestamp(6)", "last_new": "timestamp(6)"})
COMPANY_ROWS = ibis.schema({"user": "int32", "company": "int32"})
